//! Texts in cells: JSON, names that many rows share, and what tells items of a block apart.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::{Deref, Range};
use std::str::FromStr;
use std::sync::Arc;

use foldhash::HashSet;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A value of any shape as JSON: itself in JSON lines, its text in Parquet and Arrow.
#[derive(Clone)]
pub struct JsonText {
    /// Those of one block are one text.
    all: Arc<str>,
    own: Range<usize>,
}

impl JsonText {
    /// The text of a value.
    pub fn of(value: &serde_json::Value) -> Self {
        Self::trusted(&value.to_string())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.all[self.own.clone()]
    }

    /// The value.
    ///
    /// # Errors
    /// What does not fit the type asked for.
    pub fn parse<'t, T: Deserialize<'t>>(&'t self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }

    /// Takes over what a writer of JSON wrote, or what a file says that one wrote.
    pub(super) fn trusted(text: &str) -> Self {
        Self { all: text.into(), own: 0..text.len() }
    }

    /// A part of what a writer of JSON wrote: one value, from its first byte to its last.
    pub(super) fn part(all: &Arc<str>, own: Range<usize>) -> Self {
        Self { all: Arc::clone(all), own }
    }

    pub(super) fn len(&self) -> usize {
        self.own.len()
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

impl fmt::Display for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(self.as_str()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer).map_err(D::Error::custom)?;
        Ok(Self::trusted(raw.get()))
    }
}

/// A name that many rows share: of a pallet, a call, an event.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(Arc<str>);

impl Word {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Word {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Word {
    fn eq(&self, text: &str) -> bool {
        &*self.0 == text
    }
}

impl PartialEq<&str> for Word {
    fn eq(&self, text: &&str) -> bool {
        &*self.0 == *text
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer).map(|text| Self::from(&*text))
    }
}

/// Words that were used before; a runtime has some thousand names.
#[derive(Debug, Default)]
pub(super) struct Words(HashSet<Word>);

impl Words {
    const MOST: usize = 16_384;

    pub(super) fn of(&mut self, text: &str) -> Word {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        let word = Word::from(text);
        self.0.insert(word.clone());
        word
    }
}

/// What an extrinsic or event is called by: `<block>-<index>`, the index of four digits or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    /// Its block.
    pub block: u64,
    /// Its place in the block.
    pub index: u32,
}

/// A text that is no [`ItemId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no `<block>-<index>`: two numbers, the second of four digits or more")]
pub struct ParseItemIdError;

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every row of most datasets has one.
        f.write_str(itoa::Buffer::new().format(self.block))?;
        f.write_str(match self.index {
            0..10 => "-000",
            10..100 => "-00",
            100..1_000 => "-0",
            _ => "-",
        })?;
        f.write_str(itoa::Buffer::new().format(self.index))
    }
}

impl FromStr for ItemId {
    type Err = ParseItemIdError;

    fn from_str(text: &str) -> Result<Self, ParseItemIdError> {
        let (block, index) = text.split_once('-').filter(|(_, index)| index.len() >= 4).ok_or(ParseItemIdError)?;
        let (Ok(block), Ok(index)) = (block.parse(), index.parse()) else { return Err(ParseItemIdError) };
        Ok(Self { block, index })
    }
}

impl Serialize for ItemId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ItemId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let largest = "18446744073709551615-4294967295";
        for (block, index, text) in [
            (0, 0, "0-0000"),
            (7, 9, "7-0009"),
            (7, 10, "7-0010"),
            (7, 100, "7-0100"),
            (7, 1_000, "7-1000"),
            (7, 12_345, "7-12345"),
            (u64::MAX, u32::MAX, largest),
        ] {
            let id = ItemId { block, index };
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
        for text in ["", "7", "7-12", "-0012", "7-", "x-0012", "7-00x2", "7-0012-1", "7-99999999999"] {
            assert_eq!(text.parse::<ItemId>(), Err(ParseItemIdError), "{text:?}");
        }
    }

    #[test]
    fn the_values_of_a_block_are_one_text() {
        let all: Arc<str> = r#"{"a":1}null[2]"#.into();
        let (first, last) = (JsonText::part(&all, 0..7), JsonText::part(&all, 11..14));
        assert_eq!((first.as_str(), last.as_str()), (r#"{"a":1}"#, "[2]"));
        assert_eq!(first, JsonText::of(&serde_json::json!({ "a": 1 })));
        assert_eq!(serde_json::to_string(&last).unwrap(), "[2]");
        assert_eq!(last.len(), 3);
    }

    #[test]
    fn words_are_shared() {
        let mut words = Words::default();
        let (first, second) = (words.of("System"), words.of("System"));
        assert!(Arc::ptr_eq(&first.0, &second.0));
        assert_eq!(first, "System");
    }
}
