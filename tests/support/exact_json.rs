//! JSON whose numbers stay the digits that were written, for comparing integers wider than a double.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A parsed JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`, `true`, `false`, or a number, as written.
    Plain(String),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object; of several entries with one key the last.
    Object(BTreeMap<String, Json>),
}

/// Parses a JSON text.
///
/// # Errors
/// Where it is none.
pub fn parse(text: &str) -> Result<Json, serde_json::Error> {
    let text = text.trim();
    Ok(match text.as_bytes().first() {
        Some(b'"') => Json::Text(serde_json::from_str(text)?),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            Json::List(items.into_iter().map(|item| parse(item.get())).collect::<Result<_, _>>()?)
        }
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            let fields = fields.into_iter().map(|(name, value)| Ok((name, parse(value.get())?)));
            Json::Object(fields.collect::<Result<_, serde_json::Error>>()?)
        }
        _ => {
            let plain: &RawValue = serde_json::from_str(text)?;
            Json::Plain(plain.get().to_owned())
        }
    })
}

impl Json {
    /// The entry of an object.
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Self::Object(fields) => fields.get(key),
            _ => None,
        }
    }

    /// The item of a list.
    pub fn at(&self, position: usize) -> Option<&Json> {
        match self {
            Self::List(items) => items.get(position),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}
