//! Two sources of one chain: one that has the newest blocks, one that keeps everything.

mod follow;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future;
use futures::stream::{self, BoxStream, StreamExt};

use super::{BestUpdate, BlockSource, ChainIdentity, HashedHeader, KeyValue, RawBlock, SourceError};
use crate::chain::{BlockId, BlockRef, Finality};
use crate::decode::Runtime;

/// Reads what is young from a live source and what is old from an archive.
///
/// Old is what lies more than [`age`](Self::new) blocks behind the live head, and everything from the height down at which
/// the live source said that it dropped the state; so it is asked in vain once, not once for each block. What the archive
/// does not know (a recording has an end) is asked of the live source after all. Headers come from the live source, which
/// keeps them.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use sentinel_core::source::{BlockSource, FallbackSource, RpcOptions, RpcSource, RuntimeCache, SourceError};
/// # async fn read() -> Result<(), SourceError> {
/// // Both download each runtime once, together.
/// let options = RpcOptions { runtimes: Some(RuntimeCache::default()), ..RpcOptions::default() };
/// let live = RpcSource::connect("wss://entrypoint-finney.opentensor.ai:443", options.clone()).await?;
/// let archive = RpcSource::connect("wss://archive.chain.opentensor.ai:443", options).await?;
/// let source = FallbackSource::new(Arc::new(live), Arc::new(archive), FallbackSource::AGE).await?;
/// source.block(4_000_000.into()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FallbackSource {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    live: Arc<dyn BlockSource>,
    archive: Arc<dyn BlockSource>,
    identity: ChainIdentity,
    /// Blocks behind the head that are still young; less than was asked for, where the live source keeps less.
    age: AtomicU64,
    /// The newest live block seen; the head has passed it since.
    head: AtomicU64,
    /// One above the newest block whose state the live source dropped.
    dropped: AtomicU64,
}

impl FallbackSource {
    /// The states that a node keeps when it is not told otherwise.
    pub const AGE: u64 = 256;

    /// Reads blocks up to `age` behind the head from `live`, older ones from `archive`.
    ///
    /// # Errors
    /// [`SourceError::Fatal`] where the two are not of one chain, or those of asking them which it is.
    pub async fn new(live: Arc<dyn BlockSource>, archive: Arc<dyn BlockSource>, age: u64) -> Result<Self, SourceError> {
        let (identity, other) = (live.identity().await?, archive.identity().await?);
        if identity.genesis_hash != other.genesis_hash {
            return Err(SourceError::fatal(format!(
                "the archive is of another chain: its genesis is {}, that of the live source {}",
                other.genesis_hash, identity.genesis_hash
            )));
        }
        let head = AtomicU64::new(live.head(Finality::Best).await?.number);
        let inner = Inner { live, archive, identity, age: AtomicU64::new(age), head, dropped: AtomicU64::new(0) };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    /// Whether a block is the archive's. The head only grows, so what was old once stays so; what was young may be old by
    /// now, which the live source then says itself.
    fn is_old(&self, number: u64) -> bool {
        let behind = self.head.load(Ordering::Relaxed).saturating_sub(number);
        number < self.dropped.load(Ordering::Relaxed) || behind > self.age.load(Ordering::Relaxed)
    }

    fn saw(&self, head: u64) {
        self.head.fetch_max(head, Ordering::Relaxed);
    }

    /// The live source said that it dropped the state of a block: what is as old, or older, is not asked of it again. Where
    /// that was thought young, half of its age is the next guess: the archive has what lies between as well.
    async fn dropped(&self, number: u64) {
        self.dropped.fetch_max(number.saturating_add(1), Ordering::Relaxed);
        match self.live.head(Finality::Best).await {
            Ok(head) => {
                self.saw(head.number);
                let dropped_at = head.number.saturating_sub(number);
                if dropped_at <= self.age.load(Ordering::Relaxed) {
                    self.age.fetch_min(dropped_at / 2, Ordering::Relaxed);
                }
            }
            Err(error) => tracing::debug!(%error, "the live head is not to be had"),
        }
    }

    /// Reads what belongs to a block where it is kept. Of the two reads one is made, rarely both.
    async fn either<T>(
        &self,
        number: u64,
        live: impl Future<Output = Result<T, SourceError>>,
        archive: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        if self.is_old(number) {
            return match archive.await {
                Err(SourceError::UnknownBlock { .. } | SourceError::NotRecorded { .. }) => live.await,
                answer => answer,
            };
        }
        match live.await {
            Err(SourceError::StatePruned { .. }) => {
                self.dropped(number).await;
                archive.await
            }
            Err(SourceError::NotRecorded { .. }) => archive.await,
            answer => answer,
        }
    }

    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError> {
        match self.live.header(id).await {
            // A node that started from a recent state may not have the blocks before it.
            Err(unknown @ (SourceError::UnknownBlock { .. } | SourceError::NotRecorded { .. })) => {
                self.archive.header(id).await.map_err(|_| unknown)
            }
            answer => answer,
        }
    }
}

/// The pairs of a prefix, and where they come from.
struct Scan<'a> {
    inner: &'a Inner,
    at: BlockRef,
    prefix: Bytes,
    pairs: BoxStream<'a, Result<KeyValue, SourceError>>,
    last: Option<Bytes>,
    may_fall_back: bool,
}

impl Scan<'_> {
    async fn next(&mut self) -> Option<Result<KeyValue, SourceError>> {
        loop {
            match self.pairs.next().await {
                Some(Err(error @ (SourceError::StatePruned { .. } | SourceError::NotRecorded { .. })))
                    if self.may_fall_back =>
                {
                    self.may_fall_back = false;
                    if matches!(error, SourceError::StatePruned { .. }) {
                        self.inner.dropped(self.at.number).await;
                    }
                    self.pairs = self.inner.archive.storage_prefix(self.at, self.prefix.clone());
                }
                // The state was dropped in the middle: what was handed out is passed over.
                Some(Ok((key, _))) if self.last.as_ref().is_some_and(|last| key <= *last) => {}
                Some(Ok((key, value))) => {
                    self.last = Some(key.clone());
                    return Some(Ok((key, value)));
                }
                other => return other,
            }
        }
    }
}

#[async_trait]
impl BlockSource for FallbackSource {
    async fn identity(&self) -> Result<ChainIdentity, SourceError> {
        Ok(self.inner.identity.clone())
    }

    async fn head(&self, finality: Finality) -> Result<BlockRef, SourceError> {
        let head = self.inner.live.head(finality).await?;
        self.inner.saw(head.number);
        Ok(head)
    }

    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError> {
        self.inner.header(id).await
    }

    async fn block(&self, id: BlockId) -> Result<RawBlock, SourceError> {
        let inner = &self.inner;
        let number = match id {
            BlockId::Number(number) => number,
            BlockId::Hash(_) => inner.header(id).await?.header.number,
        };
        inner.either(number, inner.live.block(id), inner.archive.block(id)).await
    }

    async fn blocks(&self, heights: RangeInclusive<u64>) -> Vec<Result<RawBlock, SourceError>> {
        let inner = &self.inner;
        let first = match inner.is_old(*heights.start()) {
            true => &inner.archive,
            false => &inner.live,
        };
        let found = first.blocks(heights.clone()).await;
        let all = heights.zip(found).map(|(number, found)| async move {
            match found {
                // The other one may have it.
                Err(
                    SourceError::StatePruned { .. }
                    | SourceError::UnknownBlock { .. }
                    | SourceError::NotRecorded { .. },
                ) => self.block(number.into()).await,
                found => found,
            }
        });
        future::join_all(all).await
    }

    async fn prepare(&self, blocks: RangeInclusive<u64>) {
        match self.inner.is_old(*blocks.start()) {
            true => self.inner.archive.prepare(blocks).await,
            false => self.inner.live.prepare(blocks).await,
        }
    }

    async fn runtime(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        let inner = &self.inner;
        inner.either(at.number, inner.live.runtime(at), inner.archive.runtime(at)).await
    }

    async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        let inner = &self.inner;
        inner.either(at.number, inner.live.storage(at, keys), inner.archive.storage(at, keys)).await
    }

    fn storage_prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>> {
        let inner = &*self.inner;
        let is_old = inner.is_old(at.number);
        let source = if is_old { &inner.archive } else { &inner.live };
        let pairs = source.storage_prefix(at, prefix.clone());
        let scan = Scan { inner, at, prefix, pairs, last: None, may_fall_back: !is_old };
        stream::unfold(scan, |mut scan| async move { scan.next().await.map(|pair| (pair, scan)) }).boxed()
    }

    async fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError> {
        let inner = &self.inner;
        inner.either(at.number, inner.live.call(at, function, args), inner.archive.call(at, function, args)).await
    }

    fn finalized<'a>(&'a self, from: u64) -> BoxStream<'a, Result<RawBlock, SourceError>> {
        follow::finalized(&self.inner, from)
    }

    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>> {
        follow::best(&self.inner, from)
    }
}
