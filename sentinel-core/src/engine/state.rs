//! What a job keeps in the store beside its artifacts: its cursor, parts of unfinished windows, and blocks that failed.
//!
//! ```text
//! {network}/_state/{job}/cursor.json                                    the newest block that is safe
//! {network}/_state/{job}/parts/{window}/{first:010}-{last:010}.part     rows of blocks of an unfinished window
//! {network}/_state/{job}/parts/{window}/{netuid:05}.part                rows of the epochs of one subnet in it
//! {network}/_state/{job}/quarantine/{block:010}.json                    a block that could not be read, and why
//! {network}/_state/{job}/claims.json                                    findings delivered of blocks that are not final
//! {network}/_state/{job}/lease/…                                        who works on it
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::{TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::EngineError;
use crate::artifact::datasets::Window;
use crate::artifact::raw::HexBytes;
use crate::chain::{BlockRef, NetUid};
use crate::storage::{Key, PutMode, Storage, StorageError};

/// Objects that are written or deleted at once, where their order does not matter: each waits for the disk.
const AT_ONCE: usize = 8;

/// How far a job has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The newest block that is safe: its rows are durable, and its findings were taken.
    #[serde(flatten)]
    pub block: BlockRef,
    /// The first block of the job.
    pub first: u64,
    /// What detectors remember after that block, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detectors: BTreeMap<String, HexBytes>,
}

/// A block that could not be read, and was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Its height.
    pub block: u64,
    /// Its hash, where it is known.
    #[serde(default)]
    pub hash: Option<String>,
    /// How often it was tried.
    pub tries: u32,
    /// The last failure.
    pub error: String,
    /// Its extrinsics, where they could be read.
    #[serde(default)]
    pub extrinsics: Vec<HexBytes>,
    /// Its events, where they could be read.
    #[serde(default)]
    pub events: Option<HexBytes>,
}

/// What a part is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PartOf {
    Blocks { first: u64, last: u64 },
    Subnet(NetUid),
}

impl PartOf {
    fn name(&self) -> String {
        match self {
            Self::Blocks { first, last } => format!("{first:010}-{last:010}.part"),
            Self::Subnet(netuid) => format!("{:05}.part", netuid.0),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".part")?;
        match name.split_once('-') {
            Some((first, last)) => Some(Self::Blocks { first: first.parse().ok()?, last: last.parse().ok()? }),
            None => Some(Self::Subnet(NetUid(name.parse().ok()?))),
        }
    }
}

/// The state of one job.
#[derive(Debug, Clone)]
pub(super) struct State {
    storage: Arc<dyn Storage>,
    folder: Key,
}

impl State {
    pub(super) fn new(storage: Arc<dyn Storage>, folder: Key) -> Self {
        Self { storage, folder }
    }

    pub(super) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    pub(super) fn folder(&self) -> &Key {
        &self.folder
    }

    pub(super) async fn cursor(&self) -> Result<Option<Cursor>, EngineError> {
        self.read_json(&self.folder.join("cursor.json")?).await
    }

    pub(super) async fn set_cursor(&self, cursor: &Cursor) -> Result<(), EngineError> {
        fail::fail_point!("engine::before_cursor");
        self.write_json(&self.folder.join("cursor.json")?, cursor).await?;
        fail::fail_point!("engine::after_cursor");
        Ok(())
    }

    pub(super) fn claims_key(&self) -> Result<Key, StorageError> {
        self.folder.join("claims.json")
    }

    /// The parts of a window, in order.
    pub(super) async fn parts(&self, window: Window) -> Result<Vec<(PartOf, Key)>, EngineError> {
        let folder = self.window(window)?;
        let mut found = Vec::new();
        let mut listing = self.storage.list(Some(&folder));
        while let Some(object) = listing.try_next().await? {
            let part = object.key.segments().next_back().and_then(PartOf::parse);
            found.extend(part.map(|part| (part, object.key)));
        }
        found.sort();
        Ok(found)
    }

    /// The windows that have parts, by their first and last blocks.
    pub(super) async fn windows(&self) -> Result<BTreeSet<(u64, u64)>, EngineError> {
        let folder = self.folder.join("parts")?;
        let mut found = BTreeSet::new();
        let mut listing = self.storage.list(Some(&folder));
        while let Some(object) = listing.try_next().await? {
            let window = object.key.segments().nth_back(1).and_then(|name| name.split_once('-'));
            found.extend(window.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?))));
        }
        Ok(found)
    }

    /// Makes a part durable.
    pub(super) async fn keep(&self, window: Window, of: &PartOf, part: Bytes) -> Result<(), EngineError> {
        fail::fail_point!("engine::before_part");
        let key = self.window(window)?.join(of.name())?;
        self.storage.put(&key, part, PutMode::Overwrite).await?;
        fail::fail_point!("engine::after_part");
        Ok(())
    }

    /// Forgets the parts of a window whose artifacts are safe.
    pub(super) async fn drop_parts(&self, window: Window) -> Result<(), EngineError> {
        let parts = self.parts(window).await?.into_iter().map(Ok::<_, EngineError>);
        let drop = |(_, key): (PartOf, Key)| async move { Ok(self.storage.delete(&key).await?) };
        stream::iter(parts).try_for_each_concurrent(AT_ONCE, drop).await
    }

    pub(super) async fn quarantined(&self) -> Result<BTreeMap<u64, Quarantined>, EngineError> {
        let folder = self.folder.join("quarantine")?;
        let keys: Vec<Key> = self.storage.list(Some(&folder)).map_ok(|object| object.key).try_collect().await?;
        let mut found = BTreeMap::new();
        for key in keys {
            if let Some(block) = self.read_json::<Quarantined>(&key).await? {
                found.insert(block.block, block);
            }
        }
        Ok(found)
    }

    pub(super) async fn quarantine(&self, block: &Quarantined) -> Result<(), EngineError> {
        self.write_json(&self.quarantine_key(block.block)?, block).await
    }

    pub(super) async fn release(&self, block: u64) -> Result<(), EngineError> {
        Ok(self.storage.delete(&self.quarantine_key(block)?).await?)
    }

    fn quarantine_key(&self, block: u64) -> Result<Key, StorageError> {
        self.folder.join(format_args!("quarantine/{block:010}.json"))
    }

    fn window(&self, window: Window) -> Result<Key, StorageError> {
        self.folder.join(format_args!("parts/{window}"))
    }

    pub(super) async fn read_json<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, EngineError> {
        let bytes = match self.storage.get(key).await {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| EngineError::State { key: key.to_string(), message: error.to_string() })
    }

    pub(super) async fn write_json<T: Serialize>(&self, key: &Key, value: &T) -> Result<(), EngineError> {
        let failed = |error: serde_json::Error| EngineError::State { key: key.to_string(), message: error.to_string() };
        let bytes = serde_json::to_vec(value).map_err(failed)?;
        Ok(self.storage.put(key, bytes.into(), PutMode::Overwrite).await?)
    }
}
