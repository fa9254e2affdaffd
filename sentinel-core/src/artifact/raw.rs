//! Recordings: what a chain said, byte for byte, in Parquet files that anything can read.
//!
//! # Objects
//! A recording is made of windows of up to [`WINDOW_BLOCKS`] blocks, aligned to multiples of it and clipped to what was
//! recorded. A window is five tables and one manifest, which is written last and makes the window visible:
//!
//! ```text
//! {network}/raw/v1/{table}/{first:010}-{last:010}.parquet
//! {network}/raw/v1/manifest/{first:010}-{last:010}.json
//! ```
//!
//! The manifest names the chain (genesis hash, and the name its node gives it), the window, the header of the block
//! before it, the last block, what was asked to be recorded, and key, size, rows and digest of each table (BLAKE3; in
//! manifests of format 1, which are still read, blake2b-256).
//! Windows are independent of each other; they may overlap, and then each of them is right.
//!
//! The same blocks read in the same way give the same bytes under the same names: rows are sorted, and nothing in a
//! file tells when, where or by which version it was written. (Another release of the compressor may pack the same rows
//! into other bytes; the rows and the meaning stay the same.)
//!
//! # Tables
//! Hashes and digests are 32 bytes. Names of tables and columns are in [`column`](mod@column).
//!
//! **`blocks`**, sorted by `number`: `number`, `hash`, `parent_hash`, `state_root`, `extrinsics_root`, `digest` (a list
//! of SCALE items), `extrinsics` (a list, each with its length prefix), `events` (the value of `System.Events`),
//! `timestamp_ms`, `writer` (digest of the metadata of the runtime that wrote extrinsics, events and state: the one in
//! the state of the parent), `runtime` (that of the runtime in the state after the block; it writes the next one).
//! Where only the header was read, `extrinsics`, `events` and `writer` are null; `runtime` is null where nobody asked.
//! `timestamp_ms` is null in the genesis, too.
//!
//! **`runtimes`**, sorted by `digest`: `digest` (blake2b-256 of `metadata`), `spec_name`, `spec_version`, `metadata`.
//! One row for each runtime that `blocks` refers to. Documentation texts may have been removed from the metadata; the
//! digest is that of what is stored.
//!
//! **`state`**, sorted by `key`, then `block`: `block`, `key`, `value` (null: the state has no such key there).
//!
//! **`prefixes`**, sorted by `block`, then `prefix`: `block`, `prefix`, `complete` (false: reading stopped halfway).
//!
//! **`calls`**, sorted by `function`, `arguments`, `block`: `block`, `function`, `arguments`, `answer`. A null `answer`
//! says that the runtime has no such function; with null `arguments`, that it has none whatever the arguments.
//!
//! No table unpacks to more than 1 GiB, which counts the bytes of all values and 32 more for each value (each element of a
//! list is one, too), and `blocks` has no more rows than the window has blocks. Files beyond that are neither written
//! nor read, so that nobody's recording can take all the memory of who reads it.
//!
//! # What a recording knows of a key
//! The value of key K after block B is known in a window
//! 1. if `state` has a row of B and K: the value in it (null: no value);
//! 2. else, if `prefixes` has a complete row of B whose prefix K starts with: the value in the newest row of K before B
//!    in this window; no value if there is none or it is null.
//!
//! In every other case the recording does not know, and a replay says so
//! ([`NotRecorded`](crate::source::SourceError::NotRecorded)); it never takes what it does not know for absent.
//! `System.Number`, `System.Events` and `Timestamp.Now` are known wherever the block is: their values are columns of
//! `blocks`, and `state` has a row of them only where it says something else.
//!
//! The runtime code (`:code`) and `:heappages` are never recorded. A prefix that includes them is never complete.

mod builder;
mod calls;
pub mod column;
mod layout;
pub(in crate::artifact) mod limits;
mod manifest;
pub(in crate::artifact) mod pages;
mod read;
mod rows;
mod state;
mod write;

pub use builder::{BlockBody, BlockRecord, Scan, SealedWindow, WindowBuilder};
pub(crate) use calls::{CallsTable, KnownAnswer};
pub use column::Table;
pub use layout::{Layout, WINDOW_BLOCKS, Window, networks};
pub use manifest::{Digest, FORMAT, HexBytes, Manifest, Plan, RecordedHeader, StateScan, TableEntries, TableEntry};
pub(crate) use read::{read_blocks, read_runtimes};
pub use rows::{BlockRow, BodyRow, RuntimeRow};
pub(crate) use state::{KnownValue, StateTable};

use bytes::Bytes;

use crate::decode::storage_prefix;

/// Whether a key holds what is never recorded: the runtime's code, or its memory pages.
pub(crate) fn is_forbidden(key: &[u8]) -> bool {
    FORBIDDEN.contains(&key)
}

/// Whether keys below this prefix may hold what is never recorded.
pub(crate) fn covers_forbidden(prefix: &[u8]) -> bool {
    FORBIDDEN.iter().any(|key| key.starts_with(prefix))
}

const FORBIDDEN: [&[u8]; 2] = [b":code", b":heappages"];

/// The value that a block's row in `blocks` gives for a storage key: its number, events and time are values too.
/// `None` for every other key.
pub(crate) fn told_by_block(number: u64, body: Option<&BodyRow>, key: &[u8]) -> Option<Option<Bytes>> {
    // The genesis is made before the block machinery runs: it has no events (the column holds an empty list in their
    // place), and its number is no key of the state or is, as its maker likes.
    if number > 0 && key == storage_prefix("System", "Number") {
        return Some(Some(Bytes::copy_from_slice(&u32::try_from(number).ok()?.to_le_bytes())));
    }
    let body = body?;
    if key == storage_prefix("System", "Events") {
        Some((number > 0).then(|| body.events.clone()))
    } else if key == storage_prefix("Timestamp", "Now") {
        Some(body.timestamp_ms.map(|time| Bytes::copy_from_slice(&time.to_le_bytes())))
    } else {
        None
    }
}
