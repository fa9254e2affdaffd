//! Keys of storage maps, put together and taken apart.

use super::super::Key;
use super::bytes_of;
use crate::decode::Hasher;

/// What a part of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A netuid, an index of storage, a uid.
    Short,
    Long,
    Account,
    Hash,
}

/// One part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Short(u16),
    Long(u64),
    Account(Key),
    Hash([u8; 32]),
}

impl Shape {
    fn len(self) -> usize {
        match self {
            Self::Short => 2,
            Self::Long => 8,
            Self::Account | Self::Hash => 32,
        }
    }

    fn read(self, bytes: &[u8]) -> Option<Part> {
        Some(match self {
            Self::Short => Part::Short(u16::from_le_bytes(bytes.try_into().ok()?)),
            Self::Long => Part::Long(u64::from_le_bytes(bytes.try_into().ok()?)),
            Self::Account => Part::Account(bytes.try_into().ok()?),
            Self::Hash => Part::Hash(bytes.try_into().ok()?),
        })
    }
}

/// The parts behind the prefix of an item; `None` where the key is not one of the item.
pub(super) fn parse(shape: &[Shape], hashers: &[Hasher], mut rest: &[u8]) -> Option<Vec<Part>> {
    let mut parts = Vec::with_capacity(shape.len());
    for (shape, hasher) in shape.iter().zip(hashers) {
        let part = leading(*shape, *hasher, &mut rest)?;
        parts.push(part);
    }
    (rest.is_empty() && shape.len() == hashers.len()).then_some(parts)
}

/// The next part, if its hash is right.
fn leading(shape: Shape, hasher: Hasher, rest: &mut &[u8]) -> Option<Part> {
    let whole = hasher.clear_key_offset()? + shape.len();
    let (hashed, behind) = rest.split_at_checked(whole)?;
    let clear = &hashed[whole - shape.len()..];
    let mut expected = Vec::with_capacity(whole);
    hasher.hash_to(clear, &mut expected);
    *rest = behind;
    if expected == hashed { shape.read(clear) } else { None }
}

/// The key of an item.
pub(super) fn build(prefix: &[u8; 32], hashers: &[Hasher], parts: &[Part]) -> Vec<u8> {
    let mut key = prefix.to_vec();
    for (part, hasher) in parts.iter().zip(hashers) {
        hasher.hash_to(&bytes_of(part), &mut key);
    }
    key
}

/// What a prefix says of the first part of the keys that it wants, so that not all have to be made.
#[derive(Debug, Default)]
pub(super) struct Narrow(Option<Part>);

impl Narrow {
    pub(super) fn of(shape: &[Shape], hashers: &[Hasher], mut rest: &[u8]) -> Self {
        let first = shape.first().zip(hashers.first());
        Self(first.and_then(|(shape, hasher)| leading(*shape, *hasher, &mut rest)))
    }

    /// Whether keys that begin with this part are wanted.
    pub(super) fn wants(&self, part: &Part) -> bool {
        self.0.is_none_or(|wanted| wanted == *part)
    }
}
