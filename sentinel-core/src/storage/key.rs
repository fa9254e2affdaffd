//! The name of an object, safe in a file system and in a URL.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::StorageError;

/// The name of an object: segments of `A-Z a-z 0-9 . _ -`, joined by `/`.
///
/// No segment is empty, `.` or `..`, so no key begins or ends with `/` or leaves its store. At most 512 bytes, of which
/// a segment has at most 200. Build keys from numbers and fixed words, never from text found on a chain.
///
/// ```
/// # use sentinel_core::storage::Key;
/// assert!(Key::new("finney/raw/v1/manifest/0000000000-0000000999.json").is_ok());
/// assert!(Key::new("../etc/passwd").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<str>);

impl Key {
    /// The longest key, in bytes.
    pub const MAX_LEN: usize = 512;
    /// The longest segment of a key, in bytes.
    pub const MAX_SEGMENT_LEN: usize = 200;

    /// Checks a text and makes it a key.
    pub fn new(text: impl AsRef<str>) -> Result<Self, StorageError> {
        let text = text.as_ref();
        match broken_rule(text) {
            None => Ok(Self(text.into())),
            Some(reason) => Err(StorageError::InvalidKey { key: text.chars().take(100).collect(), reason }),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This key, and `rest` (one segment or several) below it.
    pub fn join(&self, rest: impl fmt::Display) -> Result<Self, StorageError> {
        Self::new(format!("{self}/{rest}"))
    }

    /// The segments, outermost first.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// Whether this key lies below `folder`.
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn broken_rule(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.len() > Key::MAX_LEN {
        return Some("it is longer than 512 bytes");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte)) {
        return Some("only A-Z a-z 0-9 . _ - / are allowed");
    }
    if text.starts_with('/') || text.ends_with('/') {
        return Some("it begins or ends with a slash");
    }
    for segment in text.split('/') {
        match segment {
            "" => return Some("a segment is empty"),
            "." | ".." => return Some("a segment is `.` or `..`"),
            long if long.len() > Key::MAX_SEGMENT_LEN => return Some("a segment is longer than 200 bytes"),
            _ => {}
        }
    }
    None
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Key {
    type Err = StorageError;

    fn from_str(text: &str) -> Result<Self, StorageError> {
        Self::new(text)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_could_leave_the_store() {
        for text in [
            "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b", "a\\b", "a b", "a%2e", "a\0",
            "ä", "a\n", "~", "a:b", "a#1",
        ] {
            assert!(Key::new(text).is_err(), "{text:?}");
        }
        assert!(Key::new("x".repeat(201)).is_err());
        assert!(Key::new(["x"; 300].join("/")).is_err());
    }

    #[test]
    fn accepts_what_artifacts_are_called() {
        for text in ["a", "a/b", "...", "..a", "a..b", "-", "finney/raw/v1/blocks/0000000000-0000000999.parquet"] {
            assert_eq!(Key::new(text).unwrap().as_str(), text);
        }
        assert!(Key::new("x".repeat(200)).is_ok());
    }

    #[test]
    fn below_means_a_folder() {
        let folder = Key::new("a/b").unwrap();
        assert!(Key::new("a/b/c").unwrap().is_below(&folder));
        assert!(!Key::new("a/bc").unwrap().is_below(&folder));
        assert!(!folder.is_below(&folder));
    }

    #[test]
    fn hostile_text_is_escaped_in_the_message() {
        let message = Key::new("\u{1b}[31m\n").unwrap_err().to_string();
        assert!(message.chars().all(|c| !c.is_control()), "{message:?}");
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_stays_below_its_root(text in any::<String>()) {
            if let Ok(key) = Key::new(&text) {
                prop_assert_eq!(key.as_str(), &text);
                let path = std::path::Path::new(key.as_str());
                prop_assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            }
        }

        #[test]
        fn near_misses_are_refused_or_stay_below_their_root(text in "[a./_%#\\\\-]{0,12}") {
            if let Ok(key) = Key::new(&text) {
                let path = std::path::Path::new(key.as_str());
                prop_assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
                prop_assert_eq!(path.components().count(), key.segments().count());
            }
        }

        #[test]
        fn the_alphabet_round_trips(text in "[A-Za-z0-9_-]{1,20}(/[A-Za-z0-9_-]{1,20}){0,5}") {
            let key = Key::new(&text).unwrap();
            prop_assert_eq!(key.to_string(), text);
            let json = serde_json::to_string(&key).unwrap();
            prop_assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), key);
        }
    }
}
