//! A recording as a source: replays what was recorded, with no node.

mod window;
mod windows;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::{BestUpdate, BlockSource, ChainIdentity, HashedHeader, KeyValue, RawBlock, SourceError};
use crate::artifact::raw::{self, Digest, KnownAnswer, KnownValue, Layout, Manifest, Window, networks};
use crate::artifact::{ArtifactError, NetworkWord};
use crate::blocking::offload;
use crate::chain::{BlockHash, BlockId, BlockRef, Finality};
use crate::decode::Runtime;
use crate::storage::Storage;
use window::LoadedWindow;
use windows::{AHEAD, Holder, Windows, ahead_of_all_cores, lock};

/// Keys handed out in one step of a prefix stream.
const PAGE: usize = 1_000;

/// A recording in a store.
///
/// It answers what was recorded, byte for byte, and [`SourceError::NotRecorded`] to everything else; see
/// [`artifact::raw`](crate::artifact::raw) for what is known when. Its head, finalized and best, is the last recorded
/// block, and its streams end there. Objects are read when they are first needed and checked against the digests in
/// their manifest; one that does not fit is [`SourceError::Damaged`], which names it.
#[derive(Debug)]
pub struct ArchiveSource {
    windows: Arc<Windows>,
    head: BlockRef,
    runtimes: Mutex<HashMap<Digest, Arc<Runtime>>>,
}

impl ArchiveSource {
    /// Opens the recording of a network; of the only one in the store, where none is named.
    ///
    /// Naming it saves a listing of the whole store.
    ///
    /// # Errors
    /// [`ArtifactError::NoRecording`]; [`ArtifactError::SeveralNetworks`], which lists them.
    pub async fn open(storage: Arc<dyn Storage>, network: Option<NetworkWord>) -> Result<Self, ArtifactError> {
        let network = match network {
            Some(network) => network,
            None => {
                let mut found = networks(storage.as_ref()).await?;
                match (found.pop(), found.is_empty()) {
                    (Some(only), true) => only,
                    (Some(last), false) => {
                        let networks = found.iter().chain([&last]).map(ToString::to_string).collect();
                        return Err(ArtifactError::SeveralNetworks { networks });
                    }
                    (None, _) => return Err(ArtifactError::NoRecording { network: None }),
                }
            }
        };
        let layout = Layout::new(network);
        let windows = layout.windows(storage.as_ref()).await?;
        let Some(newest) = windows.iter().max_by_key(|window| window.last()) else {
            return Err(ArtifactError::NoRecording { network: Some(layout.network().to_string()) });
        };
        let manifest = Manifest::load(storage.as_ref(), &layout, *newest).await?;
        let identity = ChainIdentity { genesis_hash: manifest.genesis_hash, chain: manifest.chain };
        Ok(Self {
            windows: Arc::new(Windows::new(storage, layout, identity, windows)),
            head: manifest.head,
            runtimes: Mutex::default(),
        })
    }

    /// The word for the network in the keys of the recording.
    pub fn network(&self) -> &NetworkWord {
        self.windows.layout().network()
    }

    /// The recorded windows, ascending.
    pub fn windows(&self) -> &[Window] {
        self.windows.all()
    }

    /// The blocks of a range, ascending, a window of at most 1,000 at a time; the next windows are unpacked while one is
    /// worked on, one more than there are cores and at most nine. For passes over much of a recording, which several
    /// threads can share:
    ///
    /// ```no_run
    /// use futures::{StreamExt, TryStreamExt};
    /// # use sentinel_core::source::{ArchiveSource, RawBlock};
    /// # fn pass(blocks: &[RawBlock]) -> usize { blocks.len() }
    /// # async fn example(recording: ArchiveSource) -> Result<(), Box<dyn std::error::Error>> {
    /// let windows = recording.by_window(7_000_000..=7_099_999);
    /// let passes = windows.map(|blocks| async move {
    ///     Ok::<_, Box<dyn std::error::Error>>(tokio::task::spawn_blocking(move || blocks.map(|blocks| pass(&blocks))).await??)
    /// });
    /// let found: Vec<usize> = passes.buffered(2).try_collect().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`block`](BlockSource::block) for any block of the range that is not there; the windows after it go on.
    pub fn by_window(&self, range: RangeInclusive<u64>) -> BoxStream<'_, Result<Vec<RawBlock>, SourceError>> {
        let windows = self.windows.unpacked(range, ahead_of_all_cores());
        let blocks = windows.then(move |unpacked| async move {
            let window = unpacked.window;
            let mut blocks = Vec::with_capacity(usize::try_from(window.last() - window.first() + 1).unwrap_or(0));
            for number in window.blocks() {
                blocks.push(self.raw_block(number.into()).await?);
            }
            drop(unpacked);
            Ok(blocks)
        });
        blocks.boxed()
    }

    /// Every window that holds exactly this block.
    async fn holders_of(&self, at: &BlockRef) -> Result<Vec<Holder>, SourceError> {
        let mut holders = self.windows.holders(at.number).await?;
        if holders.is_empty() {
            return Err(self.absent(at.number, at.into()));
        }
        let mut matching = Vec::with_capacity(holders.len());
        for holder in holders.drain(..) {
            if holder.row().await?.hash == at.hash {
                matching.push(holder);
            }
        }
        if matching.is_empty() {
            return Err(SourceError::UnknownBlock { block: BlockId::Hash(at.hash), head: None });
        }
        Ok(matching)
    }

    /// Why block `number`, asked for as `block`, is not there.
    fn absent(&self, number: u64, block: BlockId) -> SourceError {
        if number > self.head.number {
            SourceError::UnknownBlock { block, head: Some(self.head.number) }
        } else {
            SourceError::NotRecorded { what: "the block".to_owned(), block }
        }
    }

    async fn compiled(&self, window: &LoadedWindow, digest: Digest) -> Result<Arc<Runtime>, SourceError> {
        if let Some(runtime) = lock(&self.runtimes).get(&digest) {
            return Ok(Arc::clone(runtime));
        }
        let metadata = window.metadata(digest).await?;
        let compiled = offload(move || Runtime::from_metadata(&metadata)).await;
        let message = match compiled {
            Ok(Ok(runtime)) => return Ok(Arc::clone(lock(&self.runtimes).entry(digest).or_insert(Arc::new(runtime)))),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic.to_string(),
        };
        let object = window.manifest().tables.runtimes.key.to_string();
        Err(SourceError::Damaged { object, message: format!("the metadata {digest} is unusable: {message}") })
    }

    async fn raw_block(&self, id: BlockId) -> Result<RawBlock, SourceError> {
        let number = self.windows.resolve(id).await?;
        let mut header_only = false;
        for holder in &self.windows.holders(number).await? {
            let row = holder.row().await?;
            if !is(id, row.hash) {
                continue;
            }
            header_only = true;
            if let Some(body) = &row.body {
                return Ok(RawBlock {
                    header: HashedHeader { hash: row.hash, header: row.header.clone() },
                    extrinsics: body.extrinsics.clone(),
                    events: body.events.clone(),
                    timestamp_ms: body.timestamp_ms,
                    runtime: self.compiled(&holder.window, body.writer).await?,
                });
            }
        }
        if header_only || self.windows.parent_header(number).await?.is_some_and(|parent| is(id, parent.hash)) {
            return Err(SourceError::NotRecorded { what: "more than the header".to_owned(), block: id });
        }
        Err(self.absent(number, id))
    }
}

#[async_trait]
impl BlockSource for ArchiveSource {
    async fn identity(&self) -> Result<ChainIdentity, SourceError> {
        Ok(self.windows.identity().clone())
    }

    async fn head(&self, _: Finality) -> Result<BlockRef, SourceError> {
        Ok(self.head)
    }

    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError> {
        let number = self.windows.resolve(id).await?;
        for holder in self.windows.holders(number).await? {
            let row = holder.row().await?;
            if is(id, row.hash) {
                return Ok(HashedHeader { hash: row.hash, header: row.header.clone() });
            }
        }
        match self.windows.parent_header(number).await? {
            Some(parent) if is(id, parent.hash) => Ok(HashedHeader { hash: parent.hash, header: parent.header() }),
            _ => Err(self.absent(number, id)),
        }
    }

    async fn block(&self, id: BlockId) -> Result<RawBlock, SourceError> {
        self.raw_block(id).await
    }

    async fn runtime(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        let mut found = false;
        for holder in self.windows.holders(at.number).await? {
            let row = holder.row().await?;
            found |= row.hash == at.hash;
            if let (true, Some(digest)) = (row.hash == at.hash, row.runtime) {
                return self.compiled(&holder.window, digest).await;
            }
        }
        // The writer of the next block is the runtime in the state after this one.
        if let Some(next) = at.number.checked_add(1) {
            for holder in self.windows.holders(next).await? {
                let row = holder.row().await?;
                if row.header.parent_hash == at.hash
                    && let Some(body) = &row.body
                {
                    return self.compiled(&holder.window, body.writer).await;
                }
            }
        }
        if found { Err(SourceError::not_recorded("the runtime", at)) } else { Err(self.absent(at.number, at.into())) }
    }

    async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        let holders = self.holders_of(at).await?;
        let mut values = Vec::with_capacity(keys.len());
        'keys: for key in keys {
            for holder in &holders {
                let body = holder.row().await?.body.as_ref();
                let told = raw::told_by_block(at.number, body, key);
                match (holder.window.state().await?.value(at.number, key), told) {
                    (KnownValue::Exact(value), _) | (_, Some(value)) | (KnownValue::Covered(value), None) => {
                        values.push(value);
                        continue 'keys;
                    }
                    (KnownValue::Unknown, None) => {}
                }
            }
            return Err(SourceError::not_recorded(format!("storage key {}", const_hex::encode_prefixed(key)), at));
        }
        Ok(values)
    }

    fn storage_prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>> {
        let pages = async move {
            let number = at.number;
            let mut covering = None;
            for holder in self.holders_of(&at).await? {
                if holder.window.state().await?.covers(number, &prefix) {
                    covering = Some(holder.window);
                    break;
                }
            }
            let Some(window) = covering else {
                let what = format!("the storage below {}", const_hex::encode_prefixed(&prefix));
                return Err(SourceError::not_recorded(what, &at));
            };
            Ok(stream::try_unfold(Some(0), move |position| {
                let (window, prefix) = (Arc::clone(&window), prefix.clone());
                async move {
                    let Some(position) = position else { return Ok(None) };
                    let (page, next) = window.state().await?.page(number, &prefix, position, PAGE);
                    Ok::<_, SourceError>(Some((stream::iter(page.into_iter().map(Ok)), next)))
                }
            })
            .try_flatten())
        };
        stream::once(pages).try_flatten().boxed()
    }

    async fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError> {
        for holder in self.holders_of(at).await? {
            match holder.window.calls().await?.answer(at.number, function, args) {
                KnownAnswer::Answer(answer) => return Ok(answer),
                KnownAnswer::NoFunction => {
                    return Err(SourceError::Unsupported { what: function.to_owned(), at: Some(at.number) });
                }
                KnownAnswer::Unknown => {}
            }
        }
        Err(SourceError::not_recorded(format!("the answer of {function} to {}", const_hex::encode_prefixed(args)), at))
    }

    fn finalized<'a>(&'a self, from: u64) -> BoxStream<'a, Result<RawBlock, SourceError>> {
        // Ends at once where it begins behind the head.
        let numbers = self.windows.unpacked(from..=self.head.number, AHEAD).flat_map(|unpacked| {
            let (numbers, unpacked) = (unpacked.window.blocks(), Arc::new(unpacked));
            stream::iter(numbers.map(move |number| (number, Arc::clone(&unpacked))))
        });
        let blocks =
            stream::try_unfold((numbers.boxed(), None::<BlockHash>), move |(mut numbers, parent)| async move {
                let Some((number, _unpacked)) = numbers.next().await else { return Ok(None) };
                let block = self.raw_block(number.into()).await?;
                if parent.is_some_and(|parent| parent != block.header.header.parent_hash) {
                    let message = format!("block {number} is not the child of the block recorded before it");
                    let object = format!("{}/raw", self.windows.layout().network());
                    return Err(SourceError::Damaged { object, message });
                }
                let hash = block.header.hash;
                Ok(Some((block, (numbers, Some(hash)))))
            });
        blocks.boxed()
    }

    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>> {
        self.finalized(from).map_ok(|block| BestUpdate::Applied(Box::new(block))).boxed()
    }
}

fn is(id: BlockId, hash: BlockHash) -> bool {
    match id {
        BlockId::Number(_) => true,
        BlockId::Hash(asked) => asked == hash,
    }
}
