//! A value still in its bytes: decoded when asked, into whatever is asked for.

use std::cell::RefCell;
use std::fmt;

use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::cursor::Cursor;
use super::error::DecodeError;
use super::json::{JsonOptions, JsonWriter};
use super::plan::{Layout, Op, PlanId, Plans};
use super::value::{Borrow, Build, Value, ValueRef};
use super::value::{serialize_bits, serialize_bytes, serialize_era, serialize_u256, serialize_unsigned};
use super::visit::{Bits, Dispatch, Entries, Items, Record, Step, VariantAccess, VisitError, Visitor};
use super::walk::walk;
use crate::chain::AccountId;

/// Bytes and the type they are of.
///
/// Nothing is decoded before it is asked for; every method walks the bytes once and requires that the value fills
/// them exactly. [`Serialize`] writes without an intermediate tree.
#[derive(Clone, Copy)]
pub struct Decoded<'r, 'b> {
    pub(crate) plans: &'r Plans,
    pub(crate) plan: PlanId,
    /// What offsets in errors count from.
    pub(crate) data: &'b [u8],
    pub(crate) start: usize,
}

impl<'r, 'b> Decoded<'r, 'b> {
    pub(crate) fn new(plans: &'r Plans, plan: PlanId, data: &'b [u8]) -> Self {
        Self { plans, plan, data, start: 0 }
    }

    /// The bytes of the value.
    pub fn bytes(&self) -> &'b [u8] {
        &self.data[self.start..]
    }

    /// Whether the type is a struct without any fields: an empty list by itself, though an empty object inside others.
    pub fn is_unit(&self) -> bool {
        matches!(self.plans.get(self.plan).op, Op::Struct(fields) if self.plans.fields(fields).is_empty())
    }

    /// Lets a visitor have the value.
    pub fn visit<V: Visitor<'r, 'b>>(&self, visitor: V) -> Result<V::Out, V::Error> {
        let mut cursor = Cursor::at(self.data, self.start);
        let out = walk(self.plans, self.plan, &mut cursor, visitor)?;
        cursor.finish()?;
        Ok(out)
    }

    /// The value as an owned tree.
    pub fn to_value(&self) -> Result<Value, DecodeError> {
        self.unit().unwrap_or_else(|| self.visit(Build))
    }

    /// The value as a tree that borrows what it can from the bytes and the runtime.
    pub fn to_value_ref(&self) -> Result<ValueRef<'r, 'b>, DecodeError> {
        match self.unit() {
            Some(unit) => unit.map(|_| ValueRef::List(Vec::new())),
            None => self.visit(Borrow),
        }
    }

    /// A type without any fields: an empty list by itself, though an empty object inside others. SDK users know both.
    fn unit(&self) -> Option<Result<Value, DecodeError>> {
        let Op::Struct(fields) = self.plans.get(self.plan).op else { return None };
        let empty = self.plans.fields(fields).is_empty();
        empty.then(|| self.visit(Build).map(|_| Value::List(Vec::new())))
    }

    /// Appends the value as JSON. On an error, `out` is left as it was.
    ///
    /// For many values, [`write_to`](Self::write_to) with one writer is faster.
    pub fn write_json(&self, out: &mut Vec<u8>, options: JsonOptions) -> Result<(), DecodeError> {
        let mut writer = JsonWriter::once(std::mem::take(out), options);
        let result = self.write_to(&mut writer);
        *out = writer.into_bytes();
        result
    }

    /// Appends the value to what the writer has. On an error, that is left as it was.
    pub fn write_to(&self, writer: &mut JsonWriter) -> Result<(), DecodeError> {
        if let Some(unit) = self.unit() {
            return unit.map(|_| writer.push(b"[]"));
        }
        writer.whole(|writer| self.visit(writer))
    }
}

impl fmt::Debug for Decoded<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_value() {
            Ok(value) => value.fmt(f),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

impl Serialize for Decoded<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.unit() {
            Some(unit) => unit.map_err(S::Error::custom)?.serialize(serializer),
            // Serde carries errors from the inside out as text, without the steps around them: walking once more tells
            // all of it.
            None => self.visit(Output(serializer)).map_err(Failure::into_error).map_err(|error| {
                let whole = self.write_json(&mut Vec::new(), JsonOptions::default());
                whole.map_or_else(S::Error::custom, |()| error)
            }),
        }
    }
}

/// Hands each value to a serde serializer.
struct Output<S>(S);

/// Either side of a serialization can fail.
enum Failure<E> {
    Decode(DecodeError),
    Serializer(E),
}

impl<E: serde::ser::Error> Failure<E> {
    fn into_error(self) -> E {
        match self {
            Self::Decode(error) => E::custom(error),
            Self::Serializer(error) => error,
        }
    }
}

impl<E> From<DecodeError> for Failure<E> {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl<E> VisitError for Failure<E> {
    fn inside(self, step: Step<'_>) -> Self {
        match self {
            Self::Decode(error) => Self::Decode(VisitError::inside(error, step)),
            error => error,
        }
    }
}

/// What comes next of a list, struct or map. Serde takes values by shared reference; reading them moves the cursor.
struct Next<'x, T>(RefCell<&'x mut T>);

impl<'x, T> Next<'x, T> {
    fn of(source: &'x mut T) -> Self {
        Self(RefCell::new(source))
    }
}

/// Serde's answer when a value is asked for that was already passed.
const PASSED: &str = "a value was serialized twice";

impl Serialize for Next<'_, Items<'_, '_, '_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let next = self.0.borrow_mut().next(Output(serializer));
        next.unwrap_or_else(|| Err(Failure::Serializer(S::Error::custom(PASSED)))).map_err(Failure::into_error)
    }
}

impl Serialize for Next<'_, Record<'_, '_, '_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let next = self.0.borrow_mut().next(Output(serializer));
        next.unwrap_or_else(|| Err(Failure::Serializer(S::Error::custom(PASSED)))).map_err(Failure::into_error)
    }
}

impl Serialize for Next<'_, Entries<'_, '_, '_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let next = self.0.borrow_mut().value(Output(serializer));
        next.unwrap_or_else(|| Err(Failure::Serializer(S::Error::custom(PASSED)))).map_err(Failure::into_error)
    }
}

/// All remaining fields, as a map by name or as a list.
struct Fields<'x, 'c, 'r, 'b>(Layout, RefCell<&'x mut Record<'c, 'r, 'b>>);

impl Serialize for Fields<'_, '_, '_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = self.1.borrow_mut();
        match self.0 {
            Layout::Unit => serializer.serialize_none(),
            Layout::Newtype | Layout::Transparent => Next::of(&mut **fields).serialize(serializer),
            Layout::Tuple => {
                let mut list = serializer.serialize_seq(Some(fields.len()))?;
                for _ in 0..fields.len() {
                    list.serialize_element(&Next::of(&mut **fields))?;
                }
                list.end()
            }
            Layout::Struct => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for _ in 0..fields.len() {
                    let name = fields.name();
                    map.serialize_entry(name, &Next::of(&mut **fields))?;
                }
                map.end()
            }
        }
    }
}

/// The arguments of a call.
struct Arguments<'x, 'c, 'r, 'b>(RefCell<&'x mut Record<'c, 'r, 'b>>);

impl Serialize for Arguments<'_, '_, '_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = self.0.borrow_mut();
        let mut list = serializer.serialize_seq(Some(fields.len()))?;
        for _ in 0..fields.len() {
            list.serialize_element(&Argument(RefCell::new(&mut **fields)))?;
        }
        list.end()
    }
}

struct Argument<'x, 'c, 'r, 'b>(RefCell<&'x mut Record<'c, 'r, 'b>>);

impl Serialize for Argument<'_, '_, '_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = self.0.borrow_mut();
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("name", fields.name())?;
        map.serialize_entry("type", fields.type_name())?;
        map.serialize_entry("value", &Next::of(&mut **fields))?;
        map.end()
    }
}

impl<'r, 'b, S: Serializer> Visitor<'r, 'b> for Output<S> {
    type Out = S::Ok;
    type Error = Failure<S::Error>;

    fn bool(self, value: bool) -> Result<S::Ok, Self::Error> {
        self.0.serialize_bool(value).map_err(Failure::Serializer)
    }

    fn unsigned(self, value: u64) -> Result<S::Ok, Self::Error> {
        self.0.serialize_u64(value).map_err(Failure::Serializer)
    }

    fn wide(self, value: u128) -> Result<S::Ok, Self::Error> {
        serialize_unsigned(value, self.0).map_err(Failure::Serializer)
    }

    fn u256(self, value: &'b [u8; 32]) -> Result<S::Ok, Self::Error> {
        serialize_u256(value, self.0).map_err(Failure::Serializer)
    }

    fn signed(self, value: i128) -> Result<S::Ok, Self::Error> {
        match i64::try_from(value) {
            Ok(value) => self.0.serialize_i64(value),
            Err(_) => self.0.serialize_i128(value),
        }
        .map_err(Failure::Serializer)
    }

    fn char(self, value: char) -> Result<S::Ok, Self::Error> {
        self.0.serialize_char(value).map_err(Failure::Serializer)
    }

    fn text(self, value: &'b str) -> Result<S::Ok, Self::Error> {
        self.0.serialize_str(value).map_err(Failure::Serializer)
    }

    fn bytes(self, value: &'b [u8]) -> Result<S::Ok, Self::Error> {
        serialize_bytes(value, self.0).map_err(Failure::Serializer)
    }

    fn byte_array(self, value: &'b [u8]) -> Result<S::Ok, Self::Error> {
        self.0.serialize_str(&const_hex::encode_prefixed(value)).map_err(Failure::Serializer)
    }

    fn account(self, value: &'b [u8; 32]) -> Result<S::Ok, Self::Error> {
        self.0.serialize_str(&AccountId(*value).to_ss58()).map_err(Failure::Serializer)
    }

    fn era(self, value: &'b [u8]) -> Result<S::Ok, Self::Error> {
        serialize_era(value, self.0).map_err(Failure::Serializer)
    }

    fn bits(self, value: Bits<'b>) -> Result<S::Ok, Self::Error> {
        serialize_bits(value.iter(), self.0).map_err(Failure::Serializer)
    }

    fn none(self) -> Result<S::Ok, Self::Error> {
        self.0.serialize_none().map_err(Failure::Serializer)
    }

    fn list(self, items: &mut Items<'_, 'r, 'b>) -> Result<S::Ok, Self::Error> {
        let mut list = self.0.serialize_seq(Some(items.len())).map_err(Failure::Serializer)?;
        for _ in 0..items.len() {
            list.serialize_element(&Next::of(items)).map_err(Failure::Serializer)?;
        }
        list.end().map_err(Failure::Serializer)
    }

    fn record(self, fields: &mut Record<'_, 'r, 'b>) -> Result<S::Ok, Self::Error> {
        let layout = if fields.is_named() { Layout::Struct } else { Layout::Tuple };
        Fields(layout, RefCell::new(fields)).serialize(self.0).map_err(Failure::Serializer)
    }

    fn event_record(self, fields: &mut Record<'_, 'r, 'b>) -> Result<S::Ok, Self::Error> {
        Build.event_record(fields)?.serialize(self.0).map_err(Failure::Serializer)
    }

    fn map(self, entries: &mut Entries<'_, 'r, 'b>) -> Result<S::Ok, Self::Error> {
        let mut map = self.0.serialize_map(Some(entries.len())).map_err(Failure::Serializer)?;
        while let Some(key) = entries.key(Build) {
            map.serialize_entry(&key?.key_text(), &Next::of(entries)).map_err(Failure::Serializer)?;
        }
        map.end().map_err(Failure::Serializer)
    }

    fn variant(self, variant: &mut VariantAccess<'_, 'r, 'b>) -> Result<S::Ok, Self::Error> {
        let (layout, name) = (variant.layout(), variant.name());
        let fields = Fields(layout, RefCell::new(variant.fields()));
        match layout {
            Layout::Unit => self.0.serialize_str(name),
            Layout::Transparent => fields.serialize(self.0),
            _ => self.0.collect_map([(name, fields)]),
        }
        .map_err(Failure::Serializer)
    }

    fn call(self, call: &mut Dispatch<'_, 'r, 'b>) -> Result<S::Ok, Self::Error> {
        let mut map = self.0.serialize_map(Some(4)).map_err(Failure::Serializer)?;
        let head = [("call_module", call.pallet().to_owned()), ("call_function", call.name().to_owned())];
        for (key, value) in head {
            map.serialize_entry(key, &value).map_err(Failure::Serializer)?;
        }
        map.serialize_entry("call_index", &const_hex::encode_prefixed(call.index())).map_err(Failure::Serializer)?;
        let arguments = Arguments(RefCell::new(call.fields()));
        map.serialize_entry("call_args", &arguments).map_err(Failure::Serializer)?;
        map.end().map_err(Failure::Serializer)
    }

    fn event(self, event: &mut Dispatch<'_, 'r, 'b>) -> Result<S::Ok, Self::Error> {
        let mut map = self.0.serialize_map(Some(4)).map_err(Failure::Serializer)?;
        let index = const_hex::encode(event.index());
        for (key, value) in [("event_index", index.as_str()), ("module_id", event.pallet()), ("event_id", event.name())]
        {
            map.serialize_entry(key, value).map_err(Failure::Serializer)?;
        }
        let attributes = Fields(event.layout(), RefCell::new(event.fields()));
        map.serialize_entry("attributes", &attributes).map_err(Failure::Serializer)?;
        map.end().map_err(Failure::Serializer)
    }
}
