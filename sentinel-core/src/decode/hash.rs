//! The hashers that build storage keys.

use std::hash::Hasher as _;

use twox_hash::XxHash64;

/// How one part of a storage key is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hasher {
    /// blake2b of 16 bytes; the key itself is lost.
    Blake2_128,
    /// blake2b of 32 bytes; the key itself is lost.
    Blake2_256,
    /// blake2b of 16 bytes, then the key in clear.
    Blake2_128Concat,
    /// xxHash of 16 bytes; the key itself is lost.
    Twox128,
    /// xxHash of 32 bytes; the key itself is lost.
    Twox256,
    /// xxHash of 8 bytes, then the key in clear.
    Twox64Concat,
    /// The key in clear.
    Identity,
}

impl Hasher {
    /// Appends the hashed form of `key` (SCALE bytes) to `out`.
    pub fn hash_to(self, key: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Blake2_128 => blake2(key, 16, out),
            Self::Blake2_256 => blake2(key, 32, out),
            Self::Blake2_128Concat => {
                blake2(key, 16, out);
                out.extend_from_slice(key);
            }
            Self::Twox128 => twox(key, 2, out),
            Self::Twox256 => twox(key, 4, out),
            Self::Twox64Concat => {
                twox(key, 1, out);
                out.extend_from_slice(key);
            }
            Self::Identity => out.extend_from_slice(key),
        }
    }

    /// How many bytes of hash stand in front of the key in clear; `None` where the key is lost.
    pub fn clear_key_offset(self) -> Option<usize> {
        match self {
            Self::Blake2_128Concat => Some(16),
            Self::Twox64Concat => Some(8),
            Self::Identity => Some(0),
            _ => None,
        }
    }
}

fn blake2(key: &[u8], len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(blake2b_simd::Params::new().hash_length(len).hash(key).as_bytes());
}

fn twox(key: &[u8], words: u64, out: &mut Vec<u8>) {
    for seed in 0..words {
        let mut hasher = XxHash64::with_seed(seed);
        hasher.write(key);
        out.extend_from_slice(&hasher.finish().to_le_bytes());
    }
}

/// The 32 bytes that every key of a storage item starts with.
///
/// ```
/// # use sentinel_core::decode::storage_prefix;
/// let key = storage_prefix("System", "Events");
/// assert_eq!(key[..4], [0x26, 0xaa, 0x39, 0x4e]);
/// ```
pub fn storage_prefix(pallet: &str, item: &str) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(32);
    twox(pallet.as_bytes(), 2, &mut bytes);
    twox(item.as_bytes(), 2, &mut bytes);
    let mut key = [0; 32];
    key.copy_from_slice(&bytes);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys() {
        let mut tempo = storage_prefix("SubtensorModule", "Tempo").to_vec();
        Hasher::Identity.hash_to(&1u16.to_le_bytes(), &mut tempo);
        assert_eq!(const_hex::encode(tempo), "658faa385070e074c85bf6b568cf05557641384bb339f3758acddfd7053d33170100");
        let now = storage_prefix("Timestamp", "Now");
        assert_eq!(const_hex::encode(now), "f0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb");
    }
}
