//! Collects what was read at the blocks of one window and turns it into objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::manifest::digest;
use super::rows::{CallRow, PrefixRow, StateRow};
use super::write::{self, Encoded};
use super::{
    BlockRow, BodyRow, Digest, FORMAT, Layout, Manifest, Plan, RecordedHeader, RuntimeRow, Table, TableEntries,
    TableEntry, Window, covers_forbidden, is_forbidden, told_by_block,
};
use crate::artifact::ArtifactError;
use crate::chain::{BlockHash, BlockRef, Header};
use crate::decode::{Runtime, strip_docs};
use crate::storage::{Key, PutMode, Storage};

/// Everything that was read at one block.
#[derive(Debug, Clone)]
pub struct BlockRecord {
    /// Hash of the block.
    pub hash: BlockHash,
    /// Its header.
    pub header: Header,
    /// Its content, where more than the header was read.
    pub body: Option<BlockBody>,
    /// The runtime in the state after the block, where it was read.
    pub runtime: Option<Arc<Runtime>>,
    /// Storage keys that were read, with their values.
    pub values: BTreeMap<Bytes, Option<Bytes>>,
    /// Prefixes of storage keys that were read.
    pub scans: Vec<Scan>,
    /// Answers of runtime functions by name and arguments; `None` where the runtime has no such function.
    pub calls: BTreeMap<(String, Bytes), Option<Bytes>>,
    /// Functions that the runtime does not have, whatever the arguments.
    pub missing_functions: BTreeSet<String>,
}

/// The content of a block.
#[derive(Debug, Clone)]
pub struct BlockBody {
    /// The extrinsics, each with its length prefix.
    pub extrinsics: Vec<Bytes>,
    /// The value of `System.Events`.
    pub events: Bytes,
    /// Milliseconds since 1970, UTC.
    pub timestamp_ms: Option<u64>,
    /// The runtime that wrote the block.
    pub writer: Arc<Runtime>,
}

/// A prefix of storage keys that was read.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The prefix.
    pub prefix: Bytes,
    /// Keys and values, ascending.
    pub entries: Vec<(Bytes, Bytes)>,
    /// Whether these are all.
    pub complete: bool,
}

impl BlockRecord {
    /// A record of a header alone.
    pub fn new(hash: BlockHash, header: Header) -> Self {
        Self {
            hash,
            header,
            body: None,
            runtime: None,
            values: BTreeMap::new(),
            scans: Vec::new(),
            calls: BTreeMap::new(),
            missing_functions: BTreeSet::new(),
        }
    }

    /// The reference to the block.
    pub fn reference(&self) -> BlockRef {
        BlockRef { number: self.header.number, hash: self.hash, parent_hash: self.header.parent_hash }
    }
}

/// Collects the blocks of one window, ascending.
#[derive(Debug)]
pub struct WindowBuilder {
    window: Window,
    strip_docs: bool,
    parent: Option<RecordedHeader>,
    blocks: Vec<BlockRow>,
    runtimes: BTreeMap<Digest, RuntimeRow>,
    /// Digest of a runtime's metadata as it came, to the digest of what is stored.
    stored: HashMap<[u8; 32], Digest>,
    state: BTreeMap<Bytes, Vec<(u64, Option<Bytes>)>>,
    prefixes: Vec<PrefixRow>,
    calls: Vec<CallRow>,
}

impl WindowBuilder {
    /// An empty window. `parent` is the header of the block before the window's first, where there is one.
    pub fn new(window: Window, parent: Option<RecordedHeader>, strip_docs: bool) -> Self {
        Self {
            window,
            strip_docs,
            parent,
            blocks: Vec::new(),
            runtimes: BTreeMap::new(),
            stored: HashMap::new(),
            state: BTreeMap::new(),
            prefixes: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// Adds the next block.
    ///
    /// # Errors
    /// [`ArtifactError::Contradiction`] where the block does not follow the one before, or where two reads of the same
    /// state differ.
    pub fn push(&mut self, record: BlockRecord) -> Result<(), ArtifactError> {
        let block = record.header.number;
        self.check_place(&record).map_err(|message| ArtifactError::Contradiction { block, message })?;
        let runtime = record.runtime.map(|runtime| self.runtime(block, &runtime)).transpose()?;
        let body = match record.body {
            None => None,
            Some(body) => Some(BodyRow {
                writer: self.runtime(block, &body.writer)?,
                extrinsics: body.extrinsics,
                events: body.events,
                timestamp_ms: body.timestamp_ms,
            }),
        };
        self.push_state(block, body.as_ref(), &record.scans, &record.values)
            .map_err(|message| ArtifactError::Contradiction { block, message })?;
        self.blocks.push(BlockRow { hash: record.hash, header: record.header, body, runtime });
        let missing = record.missing_functions;
        let calls = record.calls.into_iter().filter(|((function, _), _)| !missing.contains(function));
        self.calls.extend(calls.map(|((function, arguments), answer)| CallRow {
            function,
            arguments: Some(arguments),
            block,
            answer,
        }));
        let missing = missing.iter();
        self.calls.extend(missing.map(|function| CallRow {
            function: function.clone(),
            arguments: None,
            block,
            answer: None,
        }));
        Ok(())
    }

    fn check_place(&self, record: &BlockRecord) -> Result<(), String> {
        let block = record.header.number;
        if !self.window.blocks().contains(&block) {
            return Err(format!("it lies outside of the window {}", self.window));
        }
        let before = match self.blocks.last() {
            Some(row) => Some((row.header.number, row.hash)),
            None => self.parent.as_ref().map(|parent| (parent.number, parent.hash)),
        };
        match before {
            Some((before, _)) if before >= block => Err(format!("block {before} came before it")),
            Some((before, hash)) if before + 1 == block && record.header.parent_hash != hash => {
                Err("it is not the child of the block before: the chain was re-organised".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn push_state(
        &mut self,
        block: u64,
        body: Option<&BodyRow>,
        scans: &[Scan],
        values: &BTreeMap<Bytes, Option<Bytes>>,
    ) -> Result<(), String> {
        let (complete, partial): (Vec<_>, Vec<_>) =
            scans.iter().partition(|scan| scan.complete && !covers_forbidden(&scan.prefix));
        for scan in &complete {
            self.prefixes.push(PrefixRow { block, prefix: scan.prefix.clone(), complete: true });
            self.push_scan(block, scan)?;
        }
        let row = |scan: &&Scan| PrefixRow { block, prefix: scan.prefix.clone(), complete: false };
        self.prefixes.extend(partial.iter().map(row));
        let partial = partial.iter().flat_map(|scan| scan.entries.iter().map(|(key, value)| (key, Some(value))));
        let single = values.iter().map(|(key, value)| (key, value.as_ref()));
        for (key, value) in single.chain(partial) {
            let told = || told_by_block(block, body, key).is_some_and(|told| told.as_ref() == value);
            if is_forbidden(key) || told() {
                continue;
            }
            let newest = self.state.get(key).and_then(|rows| rows.last());
            let is_covered = complete.iter().any(|scan| key.starts_with(&scan.prefix));
            let known = match newest {
                Some((known, value)) if *known == block || is_covered => Some(value.as_ref()),
                None if is_covered => Some(None),
                _ => None,
            };
            match known {
                None => self.state.entry(key.clone()).or_default().push((block, value.cloned())),
                Some(known) if known == value => {}
                Some(_) => return Err(format!("two reads of the key {} differ", const_hex::encode_prefixed(key))),
            }
        }
        Ok(())
    }

    /// Takes the changes since the newest known values out of a complete read.
    fn push_scan(&mut self, block: u64, scan: &Scan) -> Result<(), String> {
        let prefix: &[u8] = &scan.prefix;
        let sorted = scan.entries.is_sorted_by(|(a, _), (b, _)| a < b);
        if !sorted || !scan.entries.iter().all(|(key, _)| key.starts_with(prefix)) {
            return Err(format!("the keys read below {} are not in order", const_hex::encode_prefixed(prefix)));
        }
        let mut entries = scan.entries.iter().peekable();
        let mut unknown = Vec::new();
        let known = self.state.range_mut::<[u8], _>((Bound::Included(prefix), Bound::Unbounded));
        for (key, rows) in known.take_while(|(key, _)| key.starts_with(prefix)) {
            while let Some(entry) = entries.next_if(|(entry, _)| entry < key) {
                unknown.push(entry);
            }
            let value = entries.next_if(|(entry, _)| entry == key).map(|(_, value)| value);
            match rows.last() {
                Some((_, known)) if known.as_ref() == value => {}
                Some((known, _)) if *known == block => {
                    return Err(format!("two reads of the key {} differ", const_hex::encode_prefixed(key)));
                }
                _ => rows.push((block, value.cloned())),
            }
        }
        for (key, value) in unknown.into_iter().chain(entries) {
            self.state.insert(key.clone(), vec![(block, Some(value.clone()))]);
        }
        Ok(())
    }

    fn runtime(&mut self, block: u64, runtime: &Runtime) -> Result<Digest, ArtifactError> {
        if let Some(digest) = self.stored.get(&runtime.digest()) {
            return Ok(*digest);
        }
        let metadata = if self.strip_docs {
            strip_docs(runtime.metadata()).map_err(|source| ArtifactError::Metadata { block, source })?.into()
        } else {
            Bytes::copy_from_slice(runtime.metadata())
        };
        let digest = Digest::of(&metadata);
        let version = runtime.version();
        let row =
            RuntimeRow { digest, spec_name: version.spec_name.clone(), spec_version: version.spec_version, metadata };
        self.runtimes.insert(digest, row);
        self.stored.insert(runtime.digest(), digest);
        Ok(digest)
    }

    /// Makes the objects. Takes its time: keep it off the threads that serve the network.
    ///
    /// # Errors
    /// [`ArtifactError::Contradiction`] where the window's last block is missing: a window ends with a block.
    pub fn seal(
        self,
        layout: &Layout,
        genesis_hash: BlockHash,
        chain: &str,
        plan: Option<Plan>,
    ) -> Result<SealedWindow, ArtifactError> {
        let Some(last) = self.blocks.last().filter(|row| row.header.number == self.window.last()) else {
            let message = "the window ends here, but the block was not recorded".to_owned();
            return Err(ArtifactError::Contradiction { block: self.window.last(), message });
        };
        let head = BlockRef { number: last.header.number, hash: last.hash, parent_hash: last.header.parent_hash };
        let runtimes: Vec<_> = self.runtimes.into_values().collect();
        let rows = self.state.into_iter().flat_map(|(key, rows)| {
            rows.into_iter().map(move |(block, value)| StateRow { key: key.clone(), block, value })
        });
        let state: Vec<_> = rows.collect();
        let mut prefixes = self.prefixes;
        prefixes.sort_unstable();
        prefixes.dedup();
        let mut calls = self.calls;
        calls.sort_unstable();
        let mut objects = Vec::with_capacity(Table::ALL.len());
        let mut entry = |table, encoded: Encoded| -> Result<TableEntry, ArtifactError> {
            let key = layout.table(table, self.window)?;
            let digest = digest(FORMAT, &encoded.bytes);
            let entry = TableEntry { key: key.clone(), size: encoded.bytes.len() as u64, rows: encoded.rows, digest };
            objects.push((key, encoded.bytes));
            Ok(entry)
        };
        let tables = TableEntries {
            blocks: entry(Table::Blocks, write::blocks(&self.blocks)?)?,
            runtimes: entry(Table::Runtimes, write::runtimes(&runtimes)?)?,
            state: entry(Table::State, write::state(&state)?)?,
            prefixes: entry(Table::Prefixes, write::prefixes(&prefixes)?)?,
            calls: entry(Table::Calls, write::calls(&calls)?)?,
        };
        let manifest = Manifest {
            format: FORMAT,
            genesis_hash,
            chain: chain.to_owned(),
            first: self.window.first(),
            last: self.window.last(),
            head,
            parent: self.parent,
            plan,
            tables,
        };
        objects.push((layout.manifest(self.window)?, manifest.to_json()?));
        Ok(SealedWindow { manifest, objects })
    }
}

/// A window ready to be stored.
#[derive(Debug)]
pub struct SealedWindow {
    /// The manifest.
    pub manifest: Manifest,
    /// Keys and contents, in the order in which they must be written; the manifest is the last.
    pub objects: Vec<(Key, Bytes)>,
}

impl SealedWindow {
    /// Writes the objects, the manifest last. A reader sees the old window, none, or the new one.
    pub async fn store(&self, storage: &dyn Storage) -> Result<(), ArtifactError> {
        if let Some((manifest, json)) = self.objects.last() {
            match storage.get(manifest).await {
                Ok(old) if old == json => {}
                Ok(_) => storage.delete(manifest).await?,
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        for (key, bytes) in &self.objects {
            storage.put(key, bytes.clone(), PutMode::Overwrite).await?;
        }
        Ok(())
    }

    /// Length of all objects in bytes.
    pub fn size(&self) -> u64 {
        self.objects.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }
}
