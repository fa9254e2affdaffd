//! Rows of the tables, as they are before writing and after reading.

use bytes::Bytes;

use super::Digest;
use crate::chain::{BlockHash, Header};

/// A row of `blocks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRow {
    /// Hash of the block.
    pub hash: BlockHash,
    /// Its header.
    pub header: Header,
    /// Its content; `None` where only the header was read.
    pub body: Option<BodyRow>,
    /// The runtime in the state after the block, where it was read.
    pub runtime: Option<Digest>,
}

/// The content of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRow {
    /// The extrinsics, each with its length prefix.
    pub extrinsics: Vec<Bytes>,
    /// The value of `System.Events`.
    pub events: Bytes,
    /// Milliseconds since 1970, UTC.
    pub timestamp_ms: Option<u64>,
    /// The runtime that wrote the block.
    pub writer: Digest,
}

/// A row of `runtimes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeRow {
    /// blake2b-256 of `metadata`.
    pub digest: Digest,
    /// Name of the runtime.
    pub spec_name: String,
    /// Its version.
    pub spec_version: u32,
    /// The metadata blob.
    pub metadata: Bytes,
}

/// A row of `state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateRow {
    pub(super) key: Bytes,
    pub(super) block: u64,
    pub(super) value: Option<Bytes>,
}

/// A row of `prefixes`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PrefixRow {
    pub(super) block: u64,
    pub(super) prefix: Bytes,
    pub(super) complete: bool,
}

/// A row of `calls`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallRow {
    pub(super) function: String,
    pub(super) arguments: Option<Bytes>,
    pub(super) block: u64,
    pub(super) answer: Option<Bytes>,
}
