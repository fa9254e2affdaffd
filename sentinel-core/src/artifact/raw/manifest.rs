//! The manifest of a window: what chain it is of, which objects belong to it, and what they must be.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Layout, Table, Window};
use crate::artifact::ArtifactError;
use crate::chain::{BlockHash, BlockRef, Header, blake2_256};
use crate::storage::{Key, Storage};

/// The version of the recording format that is written. It is 2 since the digests of tables are BLAKE3; in format 1, which
/// is read as well, they are blake2b-256.
pub const FORMAT: u64 = 2;

/// The oldest that is read.
const OLDEST: u64 = 1;

/// Larger manifests are not read.
const MAX_SIZE: u64 = 16 << 20;

/// What makes a window visible; written after its tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`], or an older one.
    pub format: u64,
    /// Hash of block 0 of the recorded chain.
    pub genesis_hash: BlockHash,
    /// The name that the node gave its chain.
    pub chain: String,
    /// First block of the window.
    pub first: u64,
    /// Last block of the window; it has a row in `blocks`.
    pub last: u64,
    /// The last block.
    pub head: BlockRef,
    /// Header of the block before the first, which tells who wrote the first; `None` where there is or was none.
    pub parent: Option<RecordedHeader>,
    /// What was asked to be recorded at every block; `None` where the reads of a program were recorded.
    pub plan: Option<Plan>,
    /// The tables.
    pub tables: TableEntries,
}

/// The tables of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TableEntries {
    pub blocks: TableEntry,
    pub runtimes: TableEntry,
    pub state: TableEntry,
    pub prefixes: TableEntry,
    pub calls: TableEntry,
}

/// One table of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Its object.
    pub key: Key,
    /// Length of the object in bytes.
    pub size: u64,
    /// Rows in it.
    pub rows: u64,
    /// Digest of the object, by the algorithm of the manifest's format: [`Manifest::digest_of`].
    pub digest: Digest,
}

/// What [`record`](crate::engine::record) was asked to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// At which blocks the prefixes are read in full.
    pub scan: StateScan,
    /// Prefixes of storage keys that are read in full, ascending.
    pub prefixes: Vec<HexBytes>,
    /// Storage keys that are read at every block, ascending.
    pub keys: Vec<HexBytes>,
    /// Storage items of `SubtensorModule` that are read at every block for each subnet, ascending.
    pub subnet_items: Vec<String>,
    /// Runtime functions that are called at every block with the number of each subnet, ascending.
    pub subnet_calls: Vec<String>,
    /// Whether documentation is removed from the metadata.
    pub strip_docs: bool,
}

/// At which blocks prefixes are read in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateScan {
    /// At the first block of each window; what changes later is not known.
    #[default]
    FirstBlock,
    /// At every block; only changes are stored. Costs a full read of the prefixes for each block.
    EveryBlock,
}

/// A header with the hash it is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RecordedHeader {
    pub number: u64,
    pub hash: BlockHash,
    pub parent_hash: BlockHash,
    pub state_root: Digest,
    pub extrinsics_root: Digest,
    pub digest: Vec<HexBytes>,
}

impl RecordedHeader {
    /// Takes over a header.
    pub fn new(hash: BlockHash, header: &Header) -> Self {
        Self {
            number: header.number,
            hash,
            parent_hash: header.parent_hash,
            state_root: Digest(header.state_root),
            extrinsics_root: Digest(header.extrinsics_root),
            digest: header.digest.iter().map(|item| HexBytes(Bytes::copy_from_slice(item))).collect(),
        }
    }

    /// Gives it back.
    pub fn header(&self) -> Header {
        Header {
            parent_hash: self.parent_hash,
            number: self.number,
            state_root: self.state_root.0,
            extrinsics_root: self.extrinsics_root.0,
            digest: self.digest.iter().map(|item| item.0.to_vec()).collect(),
        }
    }
}

impl Manifest {
    /// Its window.
    pub fn window(&self) -> Option<Window> {
        Window::new(self.first, self.last)
    }

    /// The entry of a table.
    pub fn table(&self, table: Table) -> &TableEntry {
        match table {
            Table::Blocks => &self.tables.blocks,
            Table::Runtimes => &self.tables.runtimes,
            Table::State => &self.tables.state,
            Table::Prefixes => &self.tables.prefixes,
            Table::Calls => &self.tables.calls,
        }
    }

    /// The bytes of the object.
    pub fn to_json(&self) -> Result<Bytes, ArtifactError> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| ArtifactError::Encode { table: "manifest", source: error.into() })?;
        json.push(b'\n');
        Ok(json.into())
    }

    /// Reads and checks the manifest of a window; an error where there is none.
    pub async fn load(storage: &dyn Storage, layout: &Layout, window: Window) -> Result<Self, ArtifactError> {
        let key = layout.manifest(window)?;
        let size = storage.head(&key).await?.size;
        if size > MAX_SIZE {
            return Err(ArtifactError::damaged(&key, format!("{size} bytes are too many for a manifest")));
        }
        Self::parse(&storage.get(&key).await?, &key, layout, window)
    }

    fn parse(json: &[u8], key: &Key, layout: &Layout, window: Window) -> Result<Self, ArtifactError> {
        #[derive(Deserialize)]
        struct Version {
            format: u64,
        }
        let foreign = |error: serde_json::Error| ArtifactError::damaged(key, format!("not a manifest: {error}"));
        let version: Version = serde_json::from_slice(json).map_err(foreign)?;
        if !(OLDEST..=FORMAT).contains(&version.format) {
            return Err(ArtifactError::Format { object: key.clone(), format: version.format, supported: FORMAT });
        }
        let manifest: Self = serde_json::from_slice(json).map_err(foreign)?;
        manifest.check(layout, window).map_err(|message| ArtifactError::damaged(key, message))?;
        Ok(manifest)
    }

    fn check(&self, layout: &Layout, window: Window) -> Result<(), String> {
        if self.window() != Some(window) {
            return Err(format!("it describes the blocks {} to {}", self.first, self.last));
        }
        if self.head.number != self.last {
            return Err(format!("its last block is {}, not {}", self.head.number, self.last));
        }
        match &self.parent {
            Some(parent) if parent.number.checked_add(1) != Some(self.first) => {
                return Err(format!("block {} is not the parent of block {}", parent.number, self.first));
            }
            _ => {}
        }
        for table in Table::ALL {
            let expected = layout.table(table, window).map_err(|error| error.to_string())?;
            if self.table(table).key != expected {
                return Err(format!("its table `{table}` is elsewhere: {}", self.table(table).key));
            }
        }
        Ok(())
    }

    /// The digest of a table by the algorithm of this manifest's format.
    pub fn digest_of(&self, object: &[u8]) -> Digest {
        digest(self.format, object)
    }

    /// Reads one of the tables and checks that it is the one that was written.
    pub async fn load_table(&self, storage: &dyn Storage, table: Table) -> Result<Bytes, ArtifactError> {
        let object = self.fetch_table(storage, table).await?;
        self.check_table(table, &object)?;
        Ok(object)
    }

    /// Reads one of the tables as it is; what makes rows of it checks it.
    pub(crate) async fn fetch_table(&self, storage: &dyn Storage, table: Table) -> Result<Bytes, ArtifactError> {
        let key = &self.table(table).key;
        match storage.get(key).await {
            Err(error) if error.is_not_found() => Err(ArtifactError::damaged(key, "the object is missing")),
            result => Ok(result?),
        }
    }

    /// Checks that a table is the one that was written. Goes over all of it: not for the threads that serve the network.
    pub(super) fn check_table(&self, table: Table, object: &[u8]) -> Result<(), ArtifactError> {
        let entry = self.table(table);
        if object.len() as u64 != entry.size {
            let message = format!("it has {} bytes, and its manifest says {}", object.len(), entry.size);
            return Err(ArtifactError::damaged(&entry.key, message));
        }
        if self.digest_of(object) != entry.digest {
            return Err(ArtifactError::damaged(&entry.key, "its digest is not the one in its manifest"));
        }
        Ok(())
    }
}

/// The digest of a table in a recording of this format.
pub(super) fn digest(format: u64, object: &[u8]) -> Digest {
    if format == OLDEST { Digest::of(object) } else { Digest(*blake3::hash(object).as_bytes()) }
}

/// 32 bytes, a digest; `0x` and hex digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The blake2b-256 digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake2_256(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(const_hex::Buffer::<32, true>::new().format(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BlockHash::deserialize(deserializer).map(|hash| Self(hash.0))
    }
}

/// Bytes that are `0x` and hex digits in text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HexBytes(pub Bytes);

impl fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&const_hex::encode_prefixed(&self.0))
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&const_hex::encode_prefixed(&self.0))
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").ok_or_else(|| serde::de::Error::custom("bytes must start with 0x"))?;
        const_hex::decode(digits).map(|bytes| Self(bytes.into())).map_err(serde::de::Error::custom)
    }
}
