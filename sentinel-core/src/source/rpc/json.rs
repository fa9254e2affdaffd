//! JSON from a node, where it lies in the text that it came in.

use std::ops::Range;

use serde_json::value::RawValue;

/// One JSON value, of which no more is known than that it is one.
#[derive(Debug, Clone)]
pub(super) struct Json {
    text: String,
    own: Range<usize>,
}

impl Json {
    /// The value in this part of a text.
    pub(super) fn within(text: String, own: Range<usize>) -> Self {
        Self { text, own }
    }

    pub(super) fn null() -> Self {
        Self { text: "null".to_owned(), own: 0..4 }
    }

    pub(super) fn get(&self) -> &str {
        &self.text[self.own.clone()]
    }
}

impl From<Box<RawValue>> for Json {
    fn from(raw: Box<RawValue>) -> Self {
        let text = String::from(Box::<str>::from(raw));
        Self { own: 0..text.len(), text }
    }
}
