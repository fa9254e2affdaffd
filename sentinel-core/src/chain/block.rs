//! Block hashes, references and headers.

use std::fmt;
use std::str::FromStr;

use parity_scale_codec::{Compact, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A block's hash: blake2b-256 of its SCALE-encoded header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BlockHash(pub [u8; 32]);

/// A block by height or by hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockId {
    /// The canonical block of this height.
    Number(u64),
    /// The block with this hash.
    Hash(BlockHash),
}

/// A text that is neither a block number nor a 0x-prefixed 32-byte hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a block number nor a 0x-prefixed hash of 64 hex digits")]
pub struct ParseBlockIdError(pub String);

/// One block, pinned: height, hash and the hash of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    /// Height.
    pub number: u64,
    /// Hash of the block.
    pub hash: BlockHash,
    /// Hash of the block before it; all zeros for the genesis.
    pub parent_hash: BlockHash,
}

/// Which head of the chain is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Finality {
    /// The newest block that can no longer be reverted.
    #[default]
    Finalized,
    /// The newest block the node knows, which a re-organisation may still replace.
    Best,
}

/// A block header as the chain hashes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Hash of the previous block.
    pub parent_hash: BlockHash,
    /// Height.
    pub number: u64,
    /// Root of the state after this block.
    pub state_root: [u8; 32],
    /// Root of the extrinsics of this block.
    pub extrinsics_root: [u8; 32],
    /// Digest items (author's slot, seal, runtime changes), each as its SCALE bytes.
    pub digest: Vec<Vec<u8>>,
}

impl Header {
    /// The SCALE bytes that are hashed.
    pub fn encode(&self) -> Vec<u8> {
        let digest: usize = self.digest.iter().map(Vec::len).sum();
        let mut out = Vec::with_capacity(3 * 32 + 2 * 9 + digest);
        out.extend_from_slice(&self.parent_hash.0);
        Compact(self.number).encode_to(&mut out);
        out.extend_from_slice(&self.state_root);
        out.extend_from_slice(&self.extrinsics_root);
        Compact(self.digest.len() as u64).encode_to(&mut out);
        for item in &self.digest {
            out.extend_from_slice(item);
        }
        out
    }

    /// The hash that this header has on a chain with the standard hasher.
    pub fn hash(&self) -> BlockHash {
        BlockHash(blake2_256(&self.encode()))
    }
}

/// blake2b of 32 bytes: the hash of blocks, extrinsics and calls.
pub fn blake2_256(bytes: &[u8]) -> [u8; 32] {
    let hash = blake2b_simd::Params::new().hash_length(32).hash(bytes);
    let mut out = [0; 32];
    out.copy_from_slice(hash.as_bytes());
    out
}

/// [`blake2_256`] of several inputs at once: vector instructions take four in little more than the time of the longest.
pub(crate) fn blake2_256_all<'i>(inputs: impl Iterator<Item = &'i [u8]>) -> Vec<[u8; 32]> {
    let params = {
        let mut params = blake2b_simd::Params::new();
        params.hash_length(32);
        params
    };
    let mut jobs: Vec<_> = inputs.map(|input| blake2b_simd::many::HashManyJob::new(&params, input)).collect();
    blake2b_simd::many::hash_many(jobs.iter_mut());
    let digest = |job: &blake2b_simd::many::HashManyJob<'_>| {
        let mut out = [0; 32];
        out.copy_from_slice(job.to_hash().as_bytes());
        out
    };
    jobs.iter().map(digest).collect()
}

impl BlockHash {
    /// Reads `0x` and 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 64)?;
        const_hex::decode_to_slice(digits, &mut hash).ok()?;
        Some(Self(hash))
    }
}

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(const_hex::Buffer::<32, true>::new().format(&self.0))
    }
}

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for BlockHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlockHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a block hash")))
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Hash(hash) => hash.fmt(f),
        }
    }
}

impl FromStr for BlockId {
    type Err = ParseBlockIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(hash) = BlockHash::from_hex(text) {
            return Ok(Self::Hash(hash));
        }
        text.parse().map(Self::Number).map_err(|_| ParseBlockIdError(text.to_owned()))
    }
}

impl From<u64> for BlockId {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<BlockHash> for BlockId {
    fn from(hash: BlockHash) -> Self {
        Self::Hash(hash)
    }
}

impl From<&BlockRef> for BlockId {
    fn from(block: &BlockRef) -> Self {
        Self::Hash(block.hash)
    }
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number, self.hash)
    }
}
