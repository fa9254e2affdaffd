//! Builds an owned value from a walk.

use super::{Argument, Call, Event, Value};
use crate::chain::AccountId;
use crate::decode::error::DecodeError;
use crate::decode::json::phase_of;
use crate::decode::plan::Layout;
use crate::decode::visit::{Bits, Dispatch, Entries, Items, Record, VariantAccess, Visitor};

/// Builds a [`Value`].
pub(crate) struct Build;

/// What parts of a tree weigh, in units of some twelve bytes. A value takes some 50 bytes and an ordinary name about as many
/// again: so weighed, no tree takes more than some 200 MiB, whatever it is built from.
mod weight {
    pub(super) const ITEM: u32 = 3;
    pub(super) const NAMED_FIELD: u32 = 8;
    pub(super) const VARIANT: u32 = 8;
    pub(super) const ARGUMENT: u32 = 12;
    pub(super) const CALL: u32 = 16;
    pub(super) const EVENT: u32 = 16;
    /// Its event stands in it twice.
    pub(super) const EVENT_RECORD: u32 = 100;
}

fn fields_value(layout: Layout, fields: &mut Record<'_, '_, '_>) -> Result<Option<Value>, DecodeError> {
    match layout {
        Layout::Unit => Ok(None),
        Layout::Newtype | Layout::Transparent => fields.next(Build).transpose(),
        Layout::Tuple | Layout::Struct => Build.record(fields).map(Some),
    }
}

impl<'r, 'b> Visitor<'r, 'b> for Build {
    type Out = Value;
    type Error = DecodeError;

    fn bool(self, value: bool) -> Result<Value, DecodeError> {
        Ok(Value::Bool(value))
    }

    fn unsigned(self, value: u64) -> Result<Value, DecodeError> {
        Ok(Value::Unsigned(u128::from(value)))
    }

    fn wide(self, value: u128) -> Result<Value, DecodeError> {
        Ok(Value::Unsigned(value))
    }

    fn u256(self, value: &'b [u8; 32]) -> Result<Value, DecodeError> {
        Ok(Value::U256(*value))
    }

    fn signed(self, value: i128) -> Result<Value, DecodeError> {
        Ok(Value::Signed(value))
    }

    fn char(self, value: char) -> Result<Value, DecodeError> {
        Ok(Value::Text(value.to_string()))
    }

    fn text(self, value: &'b str) -> Result<Value, DecodeError> {
        Ok(Value::Text(value.to_owned()))
    }

    fn bytes(self, value: &'b [u8]) -> Result<Value, DecodeError> {
        Ok(Value::Bytes(value.to_vec()))
    }

    fn byte_array(self, value: &'b [u8]) -> Result<Value, DecodeError> {
        Ok(Value::ByteArray(value.to_vec()))
    }

    fn account(self, value: &'b [u8; 32]) -> Result<Value, DecodeError> {
        Ok(Value::Account(AccountId(*value)))
    }

    fn era(self, value: &'b [u8]) -> Result<Value, DecodeError> {
        Ok(Value::Era(value.to_vec()))
    }

    fn bits(self, value: Bits<'b>) -> Result<Value, DecodeError> {
        Ok(Value::Bits(value.iter().collect()))
    }

    fn none(self) -> Result<Value, DecodeError> {
        Ok(Value::Null)
    }

    fn list(self, items: &mut Items<'_, 'r, 'b>) -> Result<Value, DecodeError> {
        items.charge(weight::ITEM)?;
        let mut list = Vec::new();
        while let Some(item) = items.next(Build) {
            list.push(item?);
        }
        Ok(Value::List(list))
    }

    fn record(self, fields: &mut Record<'_, 'r, 'b>) -> Result<Value, DecodeError> {
        if !fields.is_named() {
            let mut list = Vec::with_capacity(fields.len());
            while let Some(field) = fields.next(Build) {
                list.push(field?);
            }
            return Ok(Value::List(list));
        }
        fields.charge(fields.len() as u32 * weight::NAMED_FIELD)?;
        let mut record = Vec::with_capacity(fields.len());
        loop {
            let name = fields.name();
            match fields.next(Build) {
                Some(value) => record.push((name.to_owned(), value?)),
                None => return Ok(Value::Record(record)),
            }
        }
    }

    fn event_record(self, fields: &mut Record<'_, 'r, 'b>) -> Result<Value, DecodeError> {
        fields.charge(weight::EVENT_RECORD)?;
        let phase = fields.next(Build).transpose()?;
        let (name, extrinsic) = phase_of(phase.as_ref());
        let extrinsic = extrinsic.map_or(Value::Null, |at| Value::Unsigned(u128::from(at)));
        let phase = Value::Text(name.to_owned());
        let event = fields.next(Build).transpose()?.unwrap_or(Value::Null);
        let topics = fields.next(Build).transpose()?.unwrap_or(Value::Null);
        let mut record = vec![("phase", phase), ("extrinsic_idx", extrinsic), ("event", event.clone())];
        if let Value::Event(event) = event {
            record.push(("event_index", Value::Unsigned(u128::from(event.index[0]))));
            record.push(("module_id", Value::Text(event.pallet)));
            record.push(("event_id", Value::Text(event.name)));
            record.push(("attributes", event.fields));
        }
        record.push(("topics", topics));
        Ok(Value::Record(record.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }

    fn map(self, entries: &mut Entries<'_, 'r, 'b>) -> Result<Value, DecodeError> {
        entries.charge(2 * weight::ITEM)?;
        let mut map = Vec::new();
        while let Some(key) = entries.key(Build) {
            let key = key?;
            if let Some(value) = entries.value(Build) {
                map.push((key, value?));
            }
        }
        Ok(Value::Map(map))
    }

    fn variant(self, variant: &mut VariantAccess<'_, 'r, 'b>) -> Result<Value, DecodeError> {
        let (layout, name) = (variant.layout(), variant.name());
        variant.fields().charge(weight::VARIANT)?;
        let fields = fields_value(layout, variant.fields())?;
        Ok(match (layout, fields) {
            (Layout::Transparent, Some(inner)) => inner,
            (_, fields) => Value::Variant { name: name.to_owned(), fields: fields.map(Box::new) },
        })
    }

    fn call(self, call: &mut Dispatch<'_, 'r, 'b>) -> Result<Value, DecodeError> {
        let len = call.fields().len();
        call.fields().charge(weight::CALL + len as u32 * weight::ARGUMENT)?;
        let mut args = Vec::with_capacity(len);
        loop {
            let fields = call.fields();
            let (name, type_name) = (fields.name().to_owned(), fields.type_name().to_owned());
            match fields.next(Build) {
                Some(value) => args.push(Argument { name, type_name, value: value? }),
                None => break,
            }
        }
        Ok(Value::Call(Box::new(Call {
            pallet: call.pallet().to_owned(),
            name: call.name().to_owned(),
            index: call.index(),
            args,
            span: call.span(),
        })))
    }

    fn event(self, event: &mut Dispatch<'_, 'r, 'b>) -> Result<Value, DecodeError> {
        let layout = event.layout();
        event.fields().charge(weight::EVENT)?;
        let fields = fields_value(layout, event.fields())?.unwrap_or(Value::Null);
        Ok(Value::Event(Box::new(Event {
            pallet: event.pallet().to_owned(),
            name: event.name().to_owned(),
            index: event.index(),
            fields,
        })))
    }
}
