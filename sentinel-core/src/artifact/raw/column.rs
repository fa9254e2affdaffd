//! Names and types of the tables' columns; nothing else spells them.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};

/// Height of the block.
pub const NUMBER: &str = "number";
/// Hash of the block.
pub const HASH: &str = "hash";
/// Hash of the block before.
pub const PARENT_HASH: &str = "parent_hash";
/// Root of the state after the block.
pub const STATE_ROOT: &str = "state_root";
/// Root of the block's extrinsics.
pub const EXTRINSICS_ROOT: &str = "extrinsics_root";
/// Digest items of the header; in `runtimes`, the digest of the metadata.
pub const DIGEST: &str = "digest";
/// The extrinsics, each with its length prefix.
pub const EXTRINSICS: &str = "extrinsics";
/// The value of `System.Events`.
pub const EVENTS: &str = "events";
/// Milliseconds since 1970, UTC.
pub const TIMESTAMP_MS: &str = "timestamp_ms";
/// Digest of the metadata of the runtime that wrote the block.
pub const WRITER: &str = "writer";
/// Digest of the metadata of the runtime in the state after the block.
pub const RUNTIME: &str = "runtime";
/// Height of the block at which something was read.
pub const BLOCK: &str = "block";
/// A whole storage key.
pub const KEY: &str = "key";
/// A storage value, or null where there is none.
pub const VALUE: &str = "value";
/// The start that storage keys were read by.
pub const PREFIX: &str = "prefix";
/// Whether every key with that start was read.
pub const COMPLETE: &str = "complete";
/// Name of a runtime function, `Api_method`.
pub const FUNCTION: &str = "function";
/// SCALE arguments, or null for any.
pub const ARGUMENTS: &str = "arguments";
/// SCALE answer, or null where the runtime has no such function.
pub const ANSWER: &str = "answer";
/// Name of the runtime.
pub const SPEC_NAME: &str = "spec_name";
/// Version of the runtime.
pub const SPEC_VERSION: &str = "spec_version";
/// The metadata blob.
pub const METADATA: &str = "metadata";

/// The tables of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Headers, extrinsics, events.
    Blocks,
    /// Storage keys and values.
    State,
    /// Which parts of the state were read in full.
    Prefixes,
    /// Answers of runtime functions.
    Calls,
    /// Metadata.
    Runtimes,
}

impl Table {
    /// Every table, in the order in which they are written.
    pub const ALL: [Self; 5] = [Self::Blocks, Self::Runtimes, Self::State, Self::Prefixes, Self::Calls];

    /// Its name in keys and manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::State => "state",
            Self::Prefixes => "prefixes",
            Self::Calls => "calls",
            Self::Runtimes => "runtimes",
        }
    }

    /// Its columns, in order.
    pub fn schema(self) -> Arc<Schema> {
        let hash = |name| Field::new(name, DataType::FixedSizeBinary(32), false);
        let maybe_hash = |name| Field::new(name, DataType::FixedSizeBinary(32), true);
        let number = |name| Field::new(name, DataType::UInt64, false);
        let bytes = |name| Field::new(name, DataType::Binary, false);
        let maybe_bytes = |name| Field::new(name, DataType::Binary, true);
        let list = |name, nullable| Field::new(name, DataType::List(element()), nullable);
        let fields = match self {
            Self::Blocks => vec![
                number(NUMBER),
                hash(HASH),
                hash(PARENT_HASH),
                hash(STATE_ROOT),
                hash(EXTRINSICS_ROOT),
                list(DIGEST, false),
                list(EXTRINSICS, true),
                maybe_bytes(EVENTS),
                Field::new(TIMESTAMP_MS, DataType::UInt64, true),
                maybe_hash(WRITER),
                maybe_hash(RUNTIME),
            ],
            Self::State => vec![number(BLOCK), bytes(KEY), maybe_bytes(VALUE)],
            Self::Prefixes => vec![number(BLOCK), bytes(PREFIX), Field::new(COMPLETE, DataType::Boolean, false)],
            Self::Calls => vec![
                number(BLOCK),
                Field::new(FUNCTION, DataType::Utf8, false),
                maybe_bytes(ARGUMENTS),
                maybe_bytes(ANSWER),
            ],
            Self::Runtimes => vec![
                hash(DIGEST),
                Field::new(SPEC_NAME, DataType::Utf8, false),
                Field::new(SPEC_VERSION, DataType::UInt32, false),
                bytes(METADATA),
            ],
        };
        Arc::new(Schema::new(fields))
    }

    /// The columns that rows are sorted by.
    pub(crate) const fn order(self) -> &'static [&'static str] {
        match self {
            Self::Blocks => &[NUMBER],
            Self::State => &[KEY, BLOCK],
            Self::Prefixes => &[BLOCK, PREFIX],
            Self::Calls => &[FUNCTION, ARGUMENTS, BLOCK],
            Self::Runtimes => &[DIGEST],
        }
    }
}

/// The element of the list columns, called as the Parquet specification calls it.
pub(crate) fn element() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Binary, false))
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
