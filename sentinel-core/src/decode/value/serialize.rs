//! Serde output of owned values, and of the kinds of value that have a shape of their own.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Argument, Call, Event, Value};
use crate::decode::json::{mortal_era, u256_decimal};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Unsigned(value) => serialize_unsigned(*value, serializer),
            Self::Signed(value) => match i64::try_from(*value) {
                Ok(value) => serializer.serialize_i64(value),
                Err(_) => serializer.serialize_i128(*value),
            },
            Self::U256(value) => serialize_u256(value, serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serialize_bytes(bytes, serializer),
            Self::ByteArray(bytes) => serializer.serialize_str(&const_hex::encode_prefixed(bytes)),
            Self::Account(account) => account.serialize(serializer),
            Self::Era(bytes) => serialize_era(bytes, serializer),
            Self::Bits(bits) => serialize_bits(bits.iter().copied(), serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Record(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(&key.key_text(), value)?;
                }
                map.end()
            }
            Self::Variant { name, fields: None } => serializer.serialize_str(name),
            Self::Variant { name, fields: Some(fields) } => serializer.collect_map([(name, fields)]),
            Self::Call(call) => call.serialize(serializer),
            Self::Event(event) => event.serialize(serializer),
        }
    }
}

impl Value {
    /// The text of a map key: the string itself, or the JSON text of what is none.
    pub(crate) fn key_text(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        if json.starts_with('"') {
            return serde_json::from_str(&json).unwrap_or_default();
        }
        // As the JSON writer has it: control characters, which stand in strings only, are escaped there.
        let mut text = String::with_capacity(json.len());
        for char in json.chars() {
            match char {
                '\u{7f}'..='\u{9f}' => text.push_str(&format!("\\u{:04x}", u32::from(char))),
                char => text.push(char),
            }
        }
        text
    }
}

pub(crate) fn serialize_unsigned<S: Serializer>(value: u128, serializer: S) -> Result<S::Ok, S::Error> {
    match u64::try_from(value) {
        Ok(value) => serializer.serialize_u64(value),
        Err(_) => serializer.serialize_u128(value),
    }
}

/// A number where serde has one that wide, decimal text beyond.
pub(crate) fn serialize_u256<S: Serializer>(value: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    match value.split_first_chunk::<16>() {
        Some((low, high)) if high.iter().all(|byte| *byte == 0) => {
            serialize_unsigned(u128::from_le_bytes(*low), serializer)
        }
        _ => serializer.serialize_str(&u256_decimal(value)),
    }
}

pub(crate) fn serialize_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => serializer.serialize_str(&const_hex::encode_prefixed(bytes)),
    }
}

pub(crate) fn serialize_era<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match *bytes {
        [low, high] => {
            let (period, phase) = mortal_era([low, high]);
            (period, phase).serialize(serializer)
        }
        _ => serializer.serialize_str(&const_hex::encode(bytes)),
    }
}

pub(crate) fn serialize_bits<S: Serializer>(
    bits: impl Iterator<Item = bool>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text: String = std::iter::once("0b").chain(bits.map(|bit| if bit { "1" } else { "0" })).collect();
    serializer.serialize_str(&text)
}

impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("call_module", &self.pallet)?;
        map.serialize_entry("call_function", &self.name)?;
        map.serialize_entry("call_index", &const_hex::encode_prefixed(self.index))?;
        map.serialize_entry("call_args", &Arguments(&self.args))?;
        map.end()
    }
}

struct Arguments<'a>(&'a [Argument]);

impl Serialize for Arguments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for argument in self.0 {
            list.serialize_element(argument)?;
        }
        list.end()
    }
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("type", &self.type_name)?;
        map.serialize_entry("value", &self.value)?;
        map.end()
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("event_index", &const_hex::encode(self.index))?;
        map.serialize_entry("module_id", &self.pallet)?;
        map.serialize_entry("event_id", &self.name)?;
        map.serialize_entry("attributes", &self.fields)?;
        map.end()
    }
}
