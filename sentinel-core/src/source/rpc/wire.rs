//! The JSON of the legacy methods, read straight into bytes.

use std::sync::Arc;

use bytes::Bytes;
use parity_scale_codec::{Compact, Encode};
use serde::{Deserialize, Deserializer};

use super::json::Json;
use crate::chain::{BlockHash, Header};

/// An answer that is JSON but not what the method gives.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error("not the JSON that this method gives")]
    Json(#[from] serde_json::Error),
    #[error("not 0x-prefixed hex")]
    Hex,
    #[error("not a 32-byte hash")]
    Hash,
    #[error("not a number in hex")]
    Number,
}

/// Room for the parameters of most requests: a hash.
const ROOM: usize = 80;

/// Parameters of a request, written as JSON without a tree in between.
pub(super) struct Params(String);

impl Params {
    pub(super) fn new() -> Self {
        let mut json = String::with_capacity(ROOM);
        json.push('[');
        Self(json)
    }

    fn next(&mut self) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
    }

    pub(super) fn number(mut self, value: u64) -> Self {
        self.next();
        self.0.push_str(itoa::Buffer::new().format(value));
        self
    }

    pub(super) fn numbers(mut self, values: impl IntoIterator<Item = u64>) -> Self {
        self.next();
        self.0.push('[');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            self.0.push_str(itoa::Buffer::new().format(value));
        }
        self.0.push(']');
        self
    }

    pub(super) fn hex(mut self, bytes: &[u8]) -> Self {
        self.next();
        self.push_hex(bytes);
        self
    }

    /// These, and one more.
    pub(super) fn and_hex(&self, bytes: &[u8]) -> Self {
        let mut json = String::with_capacity(self.0.len() + ROOM);
        json.push_str(&self.0);
        Self(json).hex(bytes)
    }

    pub(super) fn null(mut self) -> Self {
        self.next();
        self.0.push_str("null");
        self
    }

    pub(super) fn hexes<T: AsRef<[u8]>>(mut self, items: &[T]) -> Self {
        self.0.reserve(items.iter().map(|item| 2 * item.as_ref().len() + 5).sum::<usize>() + ROOM);
        self.next();
        self.0.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            self.push_hex(item.as_ref());
        }
        self.0.push(']');
        self
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.next();
        self.0.push_str(&serde_json::Value::from(text).to_string());
        self
    }

    /// The JSON; `None` without any.
    pub(super) fn build(mut self) -> Option<String> {
        if self.0.len() == 1 {
            return None;
        }
        self.0.push(']');
        Some(self.0)
    }

    fn push_hex(&mut self, bytes: &[u8]) {
        self.0.reserve(2 * bytes.len() + 5);
        self.0.push_str("\"0x");
        let mut digits = [0; 64];
        for bytes in bytes.chunks(digits.len() / 2) {
            // It fits.
            let digits = const_hex::encode_to_str(bytes, &mut digits[..2 * bytes.len()]);
            self.0.push_str(digits.as_deref().unwrap_or_default());
        }
        self.0.push('"');
    }
}

fn is_null(raw: &Json) -> bool {
    raw.get() == "null"
}

/// The digits of `"0x…"`.
fn digits(quoted: &str) -> Result<&str, Malformed> {
    quoted.strip_prefix("0x").ok_or(Malformed::Hex)
}

fn bytes_of(text: &str) -> Result<Bytes, Malformed> {
    const_hex::decode(digits(text)?).map(Bytes::from).map_err(|_| Malformed::Hex)
}

fn hash_of(text: &str) -> Result<BlockHash, Malformed> {
    BlockHash::from_hex(text).ok_or(Malformed::Hash)
}

/// `"0x…"` or `null`.
pub(super) fn bytes(raw: &Json) -> Result<Option<Bytes>, Malformed> {
    if is_null(raw) {
        return Ok(None);
    }
    // Hex needs no escapes, so the text between the quotes is the value.
    let text = raw.get().strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or(Malformed::Hex)?;
    bytes_of(text).map(Some)
}

/// A block hash or `null`.
pub(super) fn hash(raw: &Json) -> Result<Option<BlockHash>, Malformed> {
    let text: Option<&str> = serde_json::from_str(raw.get())?;
    text.map(hash_of).transpose()
}

/// A list of block hashes, each of which may be `null`.
pub(super) fn hashes(raw: &Json) -> Result<Vec<Option<BlockHash>>, Malformed> {
    let texts: Vec<Option<&str>> = serde_json::from_str(raw.get())?;
    texts.into_iter().map(|text| text.map(hash_of).transpose()).collect()
}

/// A text.
pub(super) fn text(raw: &Json) -> Result<String, Malformed> {
    Ok(serde_json::from_str(raw.get())?)
}

/// A list of keys.
pub(super) fn keys(raw: &Json) -> Result<Vec<Bytes>, Malformed> {
    let keys: Vec<&str> = serde_json::from_str(raw.get())?;
    keys.into_iter().map(bytes_of).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeaderWire<'a> {
    #[serde(borrow)]
    parent_hash: &'a str,
    number: &'a str,
    state_root: &'a str,
    extrinsics_root: &'a str,
    digest: DigestWire<'a>,
}

#[derive(Deserialize)]
struct DigestWire<'a> {
    #[serde(borrow)]
    logs: Vec<&'a str>,
}

impl HeaderWire<'_> {
    fn read(&self) -> Result<Header, Malformed> {
        Ok(Header {
            parent_hash: hash_of(self.parent_hash)?,
            number: u64::from_str_radix(digits(self.number)?, 16).map_err(|_| Malformed::Number)?,
            state_root: hash_of(self.state_root)?.0,
            extrinsics_root: hash_of(self.extrinsics_root)?.0,
            digest: self
                .digest
                .logs
                .iter()
                .map(|item| const_hex::decode(digits(item)?).map_err(|_| Malformed::Hex))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// A header or `null`.
pub(super) fn header(raw: &Json) -> Result<Option<Header>, Malformed> {
    let header: Option<HeaderWire<'_>> = serde_json::from_str(raw.get())?;
    header.map(|header| header.read()).transpose()
}

#[derive(Deserialize)]
struct SignedBlockWire<'a> {
    #[serde(borrow)]
    block: BlockWire<'a>,
}

#[derive(Deserialize)]
struct BlockWire<'a> {
    #[serde(borrow)]
    header: HeaderWire<'a>,
    #[serde(borrow)]
    extrinsics: Vec<&'a str>,
}

/// Header and extrinsics of a block, or `null`.
pub(super) fn block(raw: &Json) -> Result<Option<(Header, Vec<Bytes>)>, Malformed> {
    let Some(SignedBlockWire { block }) = serde_json::from_str(raw.get())? else {
        return Ok(None);
    };
    // One buffer for the whole body; each extrinsic is a slice of it.
    let mut body = vec![0; block.extrinsics.iter().map(|extrinsic| extrinsic.len().saturating_sub(2) / 2).sum()];
    let mut ends = Vec::with_capacity(block.extrinsics.len());
    let mut end = 0;
    for extrinsic in &block.extrinsics {
        let digits = digits(extrinsic)?;
        let start = end;
        end += digits.len() / 2;
        const_hex::decode_to_slice(digits, &mut body[start..end]).map_err(|_| Malformed::Hex)?;
        ends.push(end);
    }
    let body = Bytes::from(body);
    let mut start = 0;
    let extrinsics = ends.into_iter().map(|end| body.slice(std::mem::replace(&mut start, end)..end)).collect();
    Ok(Some((block.header.read()?, extrinsics)))
}

#[derive(Deserialize)]
struct ChangeSetWire<'a> {
    #[serde(borrow)]
    block: &'a str,
    #[serde(borrow)]
    changes: Vec<(&'a str, Option<&'a str>)>,
}

/// The answer of `state_queryStorageAt`: the block it speaks of, and values in the node's order.
pub(super) struct ChangeSet {
    pub(super) block: BlockHash,
    pub(super) changes: Vec<(Bytes, Option<Bytes>)>,
}

/// The answer of `state_queryStorageAt`; no set at all where the node leaves out an empty one.
pub(super) fn change_set(raw: &Json) -> Result<Option<ChangeSet>, Malformed> {
    let sets: Vec<ChangeSetWire<'_>> = serde_json::from_str(raw.get())?;
    let Some(set) = sets.into_iter().next() else { return Ok(None) };
    let texts = || set.changes.iter().flat_map(|(key, value)| [Some(*key), *value]).flatten();
    // One buffer for all of them.
    let mut all = vec![0; texts().map(|text| text.len().saturating_sub(2) / 2).sum()];
    let mut end = 0;
    for text in texts() {
        let digits = digits(text)?;
        let start = end;
        end += digits.len() / 2;
        const_hex::decode_to_slice(digits, &mut all[start..end]).map_err(|_| Malformed::Hex)?;
    }
    let mut all = Bytes::from(all);
    let mut next = |text: &str| all.split_to(text.len().saturating_sub(2) / 2);
    let changes = set.changes.iter().map(|(key, value)| (next(key), value.map(&mut next))).collect();
    Ok(Some(ChangeSet { block: hash_of(set.block)?, changes }))
}

/// What tells one runtime from another within one source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionKey {
    #[serde(deserialize_with = "shared")]
    pub(super) spec_name: Arc<str>,
    pub(super) spec_version: u32,
    #[serde(default)]
    pub(super) impl_version: u32,
}

/// A text that is cheap to clone.
fn shared<'de, D: Deserializer<'de>>(input: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(input).map(Arc::from)
}

impl VersionKey {
    /// Whether it is what `System.LastRuntimeUpgrade` speaks of: a compact version and a name.
    pub(super) fn is_named(&self, upgrade: &[u8]) -> bool {
        (Compact(self.spec_version), &*self.spec_name).encode() == upgrade
    }
}

/// The answer of `state_getRuntimeVersion`.
pub(super) fn version(raw: &Json) -> Result<VersionKey, Malformed> {
    Ok(serde_json::from_str(raw.get())?)
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn raw(text: &str) -> Json {
        Json::from(RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn parameters_are_json() {
        let params = Params::new().text("a\"b").hex(&[1, 255]).null().number(7).hexes(&[[1u8], [2]]).numbers(8..=9);
        assert_eq!(params.build().as_deref(), Some(r#"["a\"b","0x01ff",null,7,["0x01","0x02"],[8,9]]"#));
        assert!(Params::new().build().is_none());
    }

    #[test]
    fn the_body_of_a_block_is_sliced_where_its_extrinsics_end() {
        let hash = "0x".to_owned() + &"11".repeat(32);
        let header = format!(
            r#"{{"parentHash":"{hash}","number":"0x0000002a","stateRoot":"{hash}","extrinsicsRoot":"{hash}",
                "digest":{{"logs":["0x0102"]}}}}"#
        );
        let answer =
            format!(r#"{{"block":{{"header":{header},"extrinsics":["0x010203","0x","0x04"]}},"justifications":null}}"#);
        let (header, extrinsics) = block(&raw(&answer)).unwrap().unwrap();
        assert_eq!((header.number, header.digest), (42, vec![vec![1, 2]]));
        assert_eq!(extrinsics, [&[1u8, 2, 3][..], &[], &[4]]);
        assert!(block(&raw("null")).unwrap().is_none());
    }

    #[test]
    fn broken_answers_are_malformed() {
        for answer in ["1", "\"0x0\"", "\"0xzz\"", "\"ff\"", "[]", "{}"] {
            assert!(bytes(&raw(answer)).is_err(), "{answer}");
            assert!(hash(&raw(answer)).is_err(), "{answer}");
            assert!(header(&raw(answer)).is_err(), "{answer}");
            assert!(block(&raw(answer)).is_err(), "{answer}");
        }
        assert!(change_set(&raw(r#"[{"block":"0x00","changes":[]}]"#)).is_err());
        assert!(block(&raw(r#"{"block":{"extrinsics":["x"]}}"#)).is_err());
    }
}
