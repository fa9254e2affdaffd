//! A tree of decoded values that borrows names from the runtime and text and bytes from the input.

use std::ops::Range;

use super::{Argument, Call, Event, Value};
use crate::chain::AccountId;
use crate::decode::error::DecodeError;
use crate::decode::plan::Layout;
use crate::decode::visit::{Bits, Dispatch, Entries, Items, Record, VariantAccess, Visitor};

/// As [`Value`], for a look at fields that are not kept: only lists, records and nested values take memory of their own.
///
/// ```
/// use sentinel_core::decode::Runtime;
///
/// # let metadata = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/metadata/raonet-218-v14.scale"))?;
/// let runtime = Runtime::from_metadata(&metadata)?;
/// let bytes = [0, 0, 8, b'h', b'i'];
/// let value = runtime.call(&bytes).to_value_ref()?;
/// let remark = value.as_call().and_then(|call| call.arg("remark")).expect("its argument");
/// assert_eq!(remark.as_bytes(), Some(&b"hi"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ValueRef<'r, 'b> {
    /// `None`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An unsigned integer of up to 128 bits.
    Unsigned(u128),
    /// A signed integer.
    Signed(i128),
    /// An unsigned integer of 256 bits, little-endian.
    U256(&'b [u8; 32]),
    /// A character.
    Char(char),
    /// A string.
    Text(&'b str),
    /// A name of the runtime where a value would be: of a phase, a pallet or an event in an event record.
    Name(&'r str),
    /// A byte vector.
    Bytes(&'b [u8]),
    /// A byte array, such as a hash.
    ByteArray(&'b [u8]),
    /// An account.
    Account(&'b [u8; 32]),
    /// The era of an extrinsic, as encoded.
    Era(&'b [u8]),
    /// A bit sequence.
    Bits(Bits<'b>),
    /// A vector, set, array, tuple or struct without field names.
    List(Vec<ValueRef<'r, 'b>>),
    /// A struct with field names.
    Record(Vec<(&'r str, ValueRef<'r, 'b>)>),
    /// A map, in the order of the bytes.
    Map(Vec<(ValueRef<'r, 'b>, ValueRef<'r, 'b>)>),
    /// A value of an enum.
    Variant {
        /// Name of the variant.
        name: &'r str,
        /// Its fields: `None` for a variant without any; the only field itself where that has no name.
        fields: Option<Box<ValueRef<'r, 'b>>>,
    },
    /// A call.
    Call(Box<CallRef<'r, 'b>>),
    /// An event.
    Event(Box<EventRef<'r, 'b>>),
}

/// A decoded call.
#[derive(Debug, Clone)]
pub struct CallRef<'r, 'b> {
    /// Pallet.
    pub pallet: &'r str,
    /// Function.
    pub name: &'r str,
    /// Index of the pallet, then of the function in it.
    pub index: [u8; 2],
    /// Arguments in order: name, type as the chain's source spells it, value.
    pub args: Vec<(&'r str, &'r str, ValueRef<'r, 'b>)>,
    /// Where its bytes lie in those that were decoded.
    pub span: Range<usize>,
}

/// A decoded event.
#[derive(Debug, Clone)]
pub struct EventRef<'r, 'b> {
    /// Pallet.
    pub pallet: &'r str,
    /// Name.
    pub name: &'r str,
    /// Index of the pallet, then of the event in it.
    pub index: [u8; 2],
    /// Fields: `Null` if there are none, the only field itself where that has no name.
    pub fields: ValueRef<'r, 'b>,
}

impl<'r, 'b> CallRef<'r, 'b> {
    /// The value of the argument with this name.
    pub fn arg(&self, name: &str) -> Option<&ValueRef<'r, 'b>> {
        self.args.iter().find(|(own, ..)| *own == name).map(|(.., value)| value)
    }
}

impl<'r, 'b> ValueRef<'r, 'b> {
    /// A field of a struct, or of an enum value with named fields.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Record(fields) => fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value),
            Self::Variant { fields: Some(fields), .. } => fields.get(name),
            _ => None,
        }
    }

    /// A field by position, whether the fields have names or not.
    pub fn at(&self, position: usize) -> Option<&Self> {
        match self {
            Self::List(items) => items.get(position),
            Self::Record(fields) => fields.get(position).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The integer, if this is one without sign that fits.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(value) => u64::try_from(*value).ok(),
            Self::Signed(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The account, if this is one.
    pub fn as_account(&self) -> Option<AccountId> {
        match self {
            Self::Account(account) => Some(AccountId(**account)),
            _ => None,
        }
    }

    /// The bytes, if this is a byte vector or byte array.
    pub fn as_bytes(&self) -> Option<&'b [u8]> {
        match self {
            Self::Bytes(bytes) | Self::ByteArray(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Name of the variant, if this is an enum value.
    pub fn variant(&self) -> Option<&'r str> {
        match self {
            Self::Variant { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The call, if this is one.
    pub fn as_call(&self) -> Option<&CallRef<'r, 'b>> {
        match self {
            Self::Call(call) => Some(call),
            _ => None,
        }
    }

    /// The event, if this is one.
    pub fn as_event(&self) -> Option<&EventRef<'r, 'b>> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }

    /// The same with nothing borrowed.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Unsigned(value) => Value::Unsigned(*value),
            Self::Signed(value) => Value::Signed(*value),
            Self::U256(value) => Value::U256(**value),
            Self::Char(value) => Value::Text(value.to_string()),
            Self::Name(text) => Value::Text((*text).to_owned()),
            Self::Text(text) => Value::Text((*text).to_owned()),
            Self::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            Self::ByteArray(bytes) => Value::ByteArray(bytes.to_vec()),
            Self::Account(account) => Value::Account(AccountId(**account)),
            Self::Era(bytes) => Value::Era(bytes.to_vec()),
            Self::Bits(bits) => Value::Bits(bits.iter().collect()),
            Self::List(items) => Value::List(items.iter().map(Self::to_value).collect()),
            Self::Record(fields) => {
                Value::Record(fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_value())).collect())
            }
            Self::Map(entries) => {
                Value::Map(entries.iter().map(|(key, value)| (key.to_value(), value.to_value())).collect())
            }
            Self::Variant { name, fields } => Value::Variant {
                name: (*name).to_owned(),
                fields: fields.as_ref().map(|fields| Box::new(fields.to_value())),
            },
            Self::Call(call) => Value::Call(Box::new(Call {
                pallet: call.pallet.to_owned(),
                name: call.name.to_owned(),
                index: call.index,
                args: call
                    .args
                    .iter()
                    .map(|(name, type_name, value)| Argument {
                        name: (*name).to_owned(),
                        type_name: (*type_name).to_owned(),
                        value: value.to_value(),
                    })
                    .collect(),
                span: call.span.clone(),
            })),
            Self::Event(event) => Value::Event(Box::new(Event {
                pallet: event.pallet.to_owned(),
                name: event.name.to_owned(),
                index: event.index,
                fields: event.fields.to_value(),
            })),
        }
    }
}

/// Builds a [`ValueRef`].
pub(crate) struct Borrow;

/// What parts of a tree weigh, in units of some twelve bytes; names weigh nothing.
const ITEM: u32 = 3;
const FIELD: u32 = 4;
const BOXED: u32 = 8;
const EVENT_RECORD: u32 = 60;

type Made<'r, 'b> = Result<ValueRef<'r, 'b>, DecodeError>;

fn fields_value<'r, 'b>(
    layout: Layout,
    fields: &mut Record<'_, 'r, 'b>,
) -> Result<Option<ValueRef<'r, 'b>>, DecodeError> {
    match layout {
        Layout::Unit => Ok(None),
        Layout::Newtype | Layout::Transparent => fields.next(Borrow).transpose(),
        Layout::Tuple | Layout::Struct => Borrow.record(fields).map(Some),
    }
}

impl<'r, 'b> Visitor<'r, 'b> for Borrow {
    type Out = ValueRef<'r, 'b>;
    type Error = DecodeError;

    fn bool(self, value: bool) -> Made<'r, 'b> {
        Ok(ValueRef::Bool(value))
    }

    fn unsigned(self, value: u64) -> Made<'r, 'b> {
        Ok(ValueRef::Unsigned(u128::from(value)))
    }

    fn wide(self, value: u128) -> Made<'r, 'b> {
        Ok(ValueRef::Unsigned(value))
    }

    fn u256(self, value: &'b [u8; 32]) -> Made<'r, 'b> {
        Ok(ValueRef::U256(value))
    }

    fn signed(self, value: i128) -> Made<'r, 'b> {
        Ok(ValueRef::Signed(value))
    }

    fn char(self, value: char) -> Made<'r, 'b> {
        Ok(ValueRef::Char(value))
    }

    fn text(self, value: &'b str) -> Made<'r, 'b> {
        Ok(ValueRef::Text(value))
    }

    fn bytes(self, value: &'b [u8]) -> Made<'r, 'b> {
        Ok(ValueRef::Bytes(value))
    }

    fn byte_array(self, value: &'b [u8]) -> Made<'r, 'b> {
        Ok(ValueRef::ByteArray(value))
    }

    fn account(self, value: &'b [u8; 32]) -> Made<'r, 'b> {
        Ok(ValueRef::Account(value))
    }

    fn era(self, value: &'b [u8]) -> Made<'r, 'b> {
        Ok(ValueRef::Era(value))
    }

    fn bits(self, value: Bits<'b>) -> Made<'r, 'b> {
        Ok(ValueRef::Bits(value))
    }

    fn none(self) -> Made<'r, 'b> {
        Ok(ValueRef::Null)
    }

    fn list(self, items: &mut Items<'_, 'r, 'b>) -> Made<'r, 'b> {
        items.charge(ITEM)?;
        let mut list = Vec::new();
        while let Some(item) = items.next(Borrow) {
            list.push(item?);
        }
        Ok(ValueRef::List(list))
    }

    fn record(self, fields: &mut Record<'_, 'r, 'b>) -> Made<'r, 'b> {
        if !fields.is_named() {
            let mut list = Vec::with_capacity(fields.len());
            while let Some(field) = fields.next(Borrow) {
                list.push(field?);
            }
            return Ok(ValueRef::List(list));
        }
        fields.charge(fields.len() as u32 * FIELD)?;
        let mut record = Vec::with_capacity(fields.len());
        loop {
            let name = fields.name();
            match fields.next(Borrow) {
                Some(value) => record.push((name, value?)),
                None => return Ok(ValueRef::Record(record)),
            }
        }
    }

    fn event_record(self, fields: &mut Record<'_, 'r, 'b>) -> Made<'r, 'b> {
        fields.charge(EVENT_RECORD)?;
        let phase = fields.next(Borrow).transpose()?;
        let (name, extrinsic) = match phase {
            Some(ValueRef::Variant { name, fields }) => (name, fields.map_or(ValueRef::Null, |extrinsic| *extrinsic)),
            _ => ("", ValueRef::Null),
        };
        let phase = ValueRef::Name(name);
        let event = fields.next(Borrow).transpose()?.unwrap_or(ValueRef::Null);
        let topics = fields.next(Borrow).transpose()?.unwrap_or(ValueRef::Null);
        let mut record = vec![("phase", phase), ("extrinsic_idx", extrinsic), ("event", event.clone())];
        if let ValueRef::Event(event) = event {
            record.push(("event_index", ValueRef::Unsigned(u128::from(event.index[0]))));
            record.push(("module_id", ValueRef::Name(event.pallet)));
            record.push(("event_id", ValueRef::Name(event.name)));
            record.push(("attributes", event.fields));
        }
        record.push(("topics", topics));
        Ok(ValueRef::Record(record))
    }

    fn map(self, entries: &mut Entries<'_, 'r, 'b>) -> Made<'r, 'b> {
        entries.charge(2 * ITEM)?;
        let mut map = Vec::new();
        while let Some(key) = entries.key(Borrow) {
            let key = key?;
            if let Some(value) = entries.value(Borrow) {
                map.push((key, value?));
            }
        }
        Ok(ValueRef::Map(map))
    }

    fn variant(self, variant: &mut VariantAccess<'_, 'r, 'b>) -> Made<'r, 'b> {
        let (layout, name) = (variant.layout(), variant.name());
        variant.fields().charge(BOXED)?;
        let fields = fields_value(layout, variant.fields())?;
        Ok(match (layout, fields) {
            (Layout::Transparent, Some(inner)) => inner,
            (_, fields) => ValueRef::Variant { name, fields: fields.map(Box::new) },
        })
    }

    fn call(self, call: &mut Dispatch<'_, 'r, 'b>) -> Made<'r, 'b> {
        let len = call.fields().len();
        call.fields().charge(BOXED + len as u32 * FIELD)?;
        let mut args = Vec::with_capacity(len);
        loop {
            let fields = call.fields();
            let (name, type_name) = (fields.name(), fields.type_name());
            match fields.next(Borrow) {
                Some(value) => args.push((name, type_name, value?)),
                None => break,
            }
        }
        let (pallet, name, index, span) = (call.pallet(), call.name(), call.index(), call.span());
        Ok(ValueRef::Call(Box::new(CallRef { pallet, name, index, args, span })))
    }

    fn event(self, event: &mut Dispatch<'_, 'r, 'b>) -> Made<'r, 'b> {
        let layout = event.layout();
        event.fields().charge(BOXED)?;
        let fields = fields_value(layout, event.fields())?.unwrap_or(ValueRef::Null);
        let (pallet, name, index) = (event.pallet(), event.name(), event.index());
        Ok(ValueRef::Event(Box::new(EventRef { pallet, name, index, fields })))
    }
}
