//! A source that records what is read through it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::{BestUpdate, BlockSource, ChainIdentity, HashedHeader, KeyValue, RawBlock, SourceError};
use crate::artifact::raw::{
    BlockBody, BlockRecord, Layout, Manifest, RecordedHeader, Scan, WINDOW_BLOCKS, Window, WindowBuilder,
};
use crate::artifact::{ArtifactError, NetworkWord};
use crate::blocking::offload;
use crate::chain::{BlockHash, BlockId, BlockRef, Finality};
use crate::decode::Runtime;
use crate::storage::Storage;

/// Passes every read on to another source and remembers the answers, until [`finish`](Self::finish) writes them down.
///
/// A program that reads through the [`ArchiveSource`](super::ArchiveSource) of that recording sees what it saw here.
/// Remembered are blocks, headers, values, prefixes (those read to the end as complete), runtimes, and calls including
/// those that the runtime does not have; not remembered are failures, and the runtime's code. Everything is kept in
/// memory: to record long ranges use [`engine::record`](crate::engine::record()).
#[derive(Debug)]
pub struct RecordingSource {
    inner: Arc<dyn BlockSource>,
    reads: Mutex<BTreeMap<(u64, BlockHash), Reads>>,
}

/// Why a recording could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The source failed to complete what was read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The recording could not be made or stored.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// What was read at one block.
#[derive(Debug, Default)]
struct Reads {
    header: Option<HashedHeader>,
    body: Option<BlockBody>,
    runtime: Option<Arc<Runtime>>,
    values: BTreeMap<Bytes, Option<Bytes>>,
    scans: BTreeMap<Bytes, Scan>,
    calls: BTreeMap<(String, Bytes), Option<Bytes>>,
}

impl RecordingSource {
    /// Records what is read from `inner`.
    pub fn new(inner: Arc<dyn BlockSource>) -> Self {
        Self { inner, reads: Mutex::default() }
    }

    /// Writes everything read so far as a recording, one window after the other, and returns their manifests.
    ///
    /// Asks the source for what a recording needs besides: headers of blocks of which only the state was read, the
    /// header before each window, and which of several blocks of one height is canonical (reads at the others are
    /// dropped). With `strip_docs` the metadata is stored without its documentation texts.
    pub async fn finish(
        &self,
        storage: &dyn Storage,
        network: &NetworkWord,
        strip_docs: bool,
    ) -> Result<Vec<Manifest>, RecordingError> {
        let identity = self.inner.identity().await?;
        let layout = Layout::new(network.clone());
        let mut windows: BTreeMap<u64, Vec<BlockRecord>> = BTreeMap::new();
        for record in self.canonical().await? {
            windows.entry(record.header.number / WINDOW_BLOCKS).or_default().push(record);
        }
        let mut manifests = Vec::with_capacity(windows.len());
        for records in windows.into_values() {
            let numbers = || records.iter().map(|record| record.header.number);
            let Some(window) = numbers().min().zip(numbers().max()).and_then(|(first, last)| Window::new(first, last))
            else {
                continue;
            };
            let parent = match records.first() {
                Some(first) if window.first() > 0 => self.parent(first.header.parent_hash).await?,
                _ => None,
            };
            let (layout, identity) = (layout.clone(), identity.clone());
            let sealed = offload(move || {
                let mut builder = WindowBuilder::new(window, parent, strip_docs);
                for record in records {
                    builder.push(record)?;
                }
                builder.seal(&layout, identity.genesis_hash, &identity.chain, None)
            });
            let sealed = sealed.await.map_err(|panic| SourceError::fatal(panic.to_string()))??;
            sealed.store(storage).await?;
            manifests.push(sealed.manifest);
        }
        Ok(manifests)
    }

    /// What was read of the canonical blocks, ascending.
    async fn canonical(&self) -> Result<Vec<BlockRecord>, SourceError> {
        let blocks: Vec<(u64, BlockHash)> = lock(&self.reads).keys().copied().collect();
        let mut records = Vec::with_capacity(blocks.len());
        for fork in blocks.chunk_by(|(a, _), (b, _)| a == b) {
            let (number, mut hash) = fork[0];
            if fork.len() > 1 {
                hash = self.inner.header(BlockId::Number(number)).await?.hash;
            }
            let known = lock(&self.reads).get(&(number, hash)).map(|reads| reads.header.clone());
            let header = match known {
                Some(Some(header)) => header,
                Some(None) => self.inner.header(BlockId::Hash(hash)).await?,
                None => continue,
            };
            if let Some(reads) = lock(&self.reads).get(&(number, hash)) {
                records.push(reads.record(header));
            }
        }
        Ok(records)
    }

    async fn parent(&self, hash: BlockHash) -> Result<Option<RecordedHeader>, SourceError> {
        match self.inner.header(BlockId::Hash(hash)).await {
            Ok(parent) => Ok(Some(RecordedHeader::new(parent.hash, &parent.header))),
            Err(SourceError::NotRecorded { .. } | SourceError::UnknownBlock { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn note(&self, at: &BlockRef, note: impl FnOnce(&mut Reads)) {
        note(lock(&self.reads).entry((at.number, at.hash)).or_default());
    }

    fn note_block(&self, block: &RawBlock) {
        self.note(&block.reference(), |reads| {
            reads.header = Some(block.header.clone());
            reads.body = Some(BlockBody {
                extrinsics: block.extrinsics.clone(),
                events: block.events.clone(),
                timestamp_ms: block.timestamp_ms,
                writer: Arc::clone(&block.runtime),
            });
        });
    }
}

impl Reads {
    fn record(&self, header: HashedHeader) -> BlockRecord {
        BlockRecord {
            body: self.body.clone(),
            runtime: self.runtime.clone(),
            values: self.values.clone(),
            scans: self.scans.values().cloned().collect(),
            calls: self.calls.clone(),
            ..BlockRecord::new(header.hash, header.header)
        }
    }
}

#[async_trait]
impl BlockSource for RecordingSource {
    async fn identity(&self) -> Result<ChainIdentity, SourceError> {
        self.inner.identity().await
    }

    async fn head(&self, finality: Finality) -> Result<BlockRef, SourceError> {
        self.inner.head(finality).await
    }

    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError> {
        let header = self.inner.header(id).await?;
        self.note(&header.reference(), |reads| reads.header = Some(header.clone()));
        Ok(header)
    }

    async fn block(&self, id: BlockId) -> Result<RawBlock, SourceError> {
        let block = self.inner.block(id).await?;
        self.note_block(&block);
        Ok(block)
    }

    async fn runtime(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        let runtime = self.inner.runtime(at).await?;
        self.note(at, |reads| reads.runtime = Some(Arc::clone(&runtime)));
        Ok(runtime)
    }

    async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        let values = self.inner.storage(at, keys).await?;
        self.note(at, |reads| reads.values.extend(keys.iter().cloned().zip(values.iter().cloned())));
        Ok(values)
    }

    fn storage_prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>> {
        let pairs = self.inner.storage_prefix(at, prefix.clone());
        let notes = PrefixNotes { source: self, at, scan: Scan { prefix, entries: Vec::new(), complete: false } };
        let passed = stream::unfold((pairs, notes, false), |(mut pairs, mut notes, failed)| async move {
            match pairs.next().await {
                Some(Ok(pair)) => {
                    notes.scan.entries.push(pair.clone());
                    Some((Ok(pair), (pairs, notes, failed)))
                }
                Some(Err(error)) => Some((Err(error), (pairs, notes, true))),
                None => {
                    notes.end(!failed);
                    None
                }
            }
        });
        passed.boxed()
    }

    async fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError> {
        let result = self.inner.call(at, function, args).await;
        let answer = match &result {
            Ok(answer) => Some(Some(answer.clone())),
            Err(SourceError::Unsupported { .. }) => Some(None),
            Err(_) => None,
        };
        if let Some(answer) = answer {
            let call = (function.to_owned(), Bytes::copy_from_slice(args));
            self.note(at, |reads| drop(reads.calls.insert(call, answer)));
        }
        result
    }

    fn finalized<'a>(&'a self, from: u64) -> BoxStream<'a, Result<RawBlock, SourceError>> {
        let blocks = self.inner.finalized(from).inspect(|block| {
            if let Ok(block) = block {
                self.note_block(block);
            }
        });
        blocks.boxed()
    }

    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>> {
        let updates = self.inner.best(from).inspect(|update| {
            if let Ok(BestUpdate::Applied(block)) = update {
                self.note_block(block);
            }
        });
        updates.boxed()
    }
}

/// What a prefix stream has given so far; noted when the stream ends or is dropped.
struct PrefixNotes<'a> {
    source: &'a RecordingSource,
    at: BlockRef,
    scan: Scan,
}

impl PrefixNotes<'_> {
    fn end(&mut self, complete: bool) {
        self.scan.complete = complete;
    }
}

impl Drop for PrefixNotes<'_> {
    fn drop(&mut self) {
        let scan = Scan {
            prefix: self.scan.prefix.clone(),
            entries: std::mem::take(&mut self.scan.entries),
            complete: self.scan.complete,
        };
        self.source.note(&self.at, |reads| {
            let known = reads.scans.get(&scan.prefix);
            let better =
                known.is_none_or(|known| (scan.complete, scan.entries.len()) >= (known.complete, known.entries.len()));
            if better {
                reads.scans.insert(scan.prefix.clone(), scan);
            }
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
