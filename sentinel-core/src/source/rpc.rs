//! A chain over JSON-RPC: WebSocket or HTTP, with the methods that every node has.

mod ask;
mod blocks;
mod budget;
mod classify;
mod dial;
mod endpoint;
mod failure;
mod follow;
mod gate;
mod health;
mod heights;
mod horizon;
mod http;
mod json;
mod keeper;
mod link;
mod meaning;
mod node;
mod options;
mod plausible;
mod pool;
mod portion;
mod recent;
mod runtimes;
mod several;
mod socket;
mod state;
mod stats;
mod tls;
mod wire;

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future;
use futures::stream::BoxStream;
use tokio::sync::OnceCell;

use self::ask::Ask;
use self::budget::Budget;
use self::heights::Heights;
use self::node::Node;
use self::pool::{Pool, anywhere};
use self::recent::Recent;
use self::runtimes::Runtimes;
use self::stats::Counter;
use self::wire::Params;
use super::{BestUpdate, BlockSource, ChainIdentity, HashedHeader, KeyValue, RawBlock, SourceError};
use crate::chain::{BlockHash, BlockId, BlockRef, Finality};
use crate::decode::{Runtime, storage_prefix};

pub use self::options::{RetryBudget, RpcOptions};
pub use self::runtimes::RuntimeCache;
pub use self::stats::{EndpointStats, RpcStats};

/// A chain behind one endpoint, or behind several that stand in for each other.
///
/// What it hands out was checked: headers hash to the hash asked for, states name the block they belong to, blocks have
/// events, the timestamp that they set themselves, and none before their parent's. A node that answers otherwise is
/// [`Lying`](SourceError::Lying), not believed. Nothing here waits without a deadline, except the streams for the next
/// block.
///
/// Each endpoint has a few connections; one that hangs is dropped, one that is lost is opened again, and the reads that
/// were under way are asked once more, within the [`RetryBudget`] of each. An endpoint that limits or does not keep up gets
/// fewer requests until it does; one that refuses some whatever their rate is asked on, and one that refuses all is left alone
/// for a while. With several endpoints the first of the list is asked as long as it is well, and again when
/// it has been so for a while; a block or state that it does not have is asked of the others, and so is what it would take
/// long to come to. One that serves another chain
/// is not used.
///
/// Cloning gives another handle to the same connections and the same known runtimes.
#[derive(Debug, Clone)]
pub struct RpcSource {
    inner: Arc<Inner>,
}

/// Everything behind the handle; the files of this folder implement it part by part.
#[derive(Debug)]
struct Inner {
    pool: Pool,
    runtimes: Arc<Runtimes>,
    timestamps: Recent<u64>,
    headers: Recent<HashedHeader>,
    heights: Heights,
    /// What is read of the state of every block.
    block_keys: [Bytes; 3],
    /// `System.Number`: whose state it is.
    number_key: Bytes,
    identity: OnceCell<ChainIdentity>,
    head_regressions: Counter,
    stalls: Counter,
}

impl RpcSource {
    /// Connects to a `ws://`, `wss://`, `http://` or `https://` URL and waits for the first answer. Call it, and all
    /// methods of the source, inside a tokio runtime.
    ///
    /// ```no_run
    /// # use sentinel_core::source::{BlockSource, RpcOptions, RpcSource, SourceError};
    /// # async fn read() -> Result<(), SourceError> {
    /// let node = RpcSource::connect("ws://127.0.0.1:9944", RpcOptions::default()).await?;
    /// let block = node.block(42.into()).await?;
    /// println!("{} extrinsics, written by spec {}", block.extrinsics.len(), block.runtime.version().spec_version);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SourceError::Transient`] where nothing answers within [`RpcOptions::connect_timeout`],
    /// [`SourceError::Fatal`] for what is not such a URL or not a node.
    pub async fn connect(url: &str, options: RpcOptions) -> Result<Self, SourceError> {
        Self::connect_any(&[url], options).await
    }

    /// Connects to several endpoints of one chain, the most preferred first, and waits for the first answer of any.
    ///
    /// Which chain that is, [`RpcOptions::genesis`] says, or the first endpoint in the list that answers.
    ///
    /// ```no_run
    /// # use sentinel_core::source::{RpcOptions, RpcSource, SourceError};
    /// # async fn read() -> Result<(), SourceError> {
    /// let urls = ["ws://127.0.0.1:9944", "wss://lite.chain.opentensor.ai:443"];
    /// let source = RpcSource::connect_any(&urls, RpcOptions::default()).await?;
    /// for endpoint in source.stats().endpoints {
    ///     println!("{}: {} calls, up: {}", endpoint.endpoint, endpoint.calls, endpoint.up);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect), where no endpoint can be used.
    pub async fn connect_any(urls: &[&str], options: RpcOptions) -> Result<Self, SourceError> {
        let cache = options.runtimes.clone().unwrap_or_default();
        let pool = Pool::connect(urls, options).await?;
        let inner = Inner {
            runtimes: cache.of(pool.genesis()),
            pool,
            timestamps: Recent::new(),
            headers: Recent::new(),
            heights: Heights::default(),
            block_keys: blocks::block_keys(),
            number_key: Bytes::copy_from_slice(&storage_prefix("System", "Number")),
            identity: OnceCell::new(),
            head_regressions: Counter::default(),
            stalls: Counter::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Host and port of the endpoint that is asked first at present; never its path, query or credentials.
    pub fn endpoint(&self) -> &str {
        self.inner.pool.favourite().map_or("", |node| node.endpoint())
    }

    /// What was done so far and how the endpoints are; costs next to nothing.
    pub fn stats(&self) -> RpcStats {
        RpcStats {
            endpoints: self.inner.pool.stats(),
            head_regressions: self.inner.head_regressions.get(),
            stalls: self.inner.stalls.get(),
        }
    }

    /// Forgets the runtime in the state after `at`, so that the next read downloads its metadata again.
    ///
    /// For bytes that do not decode with it: a node may have given the metadata of another block, and on a
    /// development chain two runtimes may share a version.
    pub fn forget_runtime(&self, at: &BlockRef) {
        self.inner.runtimes.forget(at);
    }
}

impl Inner {
    async fn identity(&self) -> Result<ChainIdentity, SourceError> {
        let identity = self.identity.get_or_try_init(|| async {
            anywhere!(self.pool, None, |ask| async {
                let answer = ask.request("system_chain", Params::new(), None).await?;
                let chain = ask.read(wire::text(&answer), "system_chain", None)?;
                Ok(ChainIdentity { genesis_hash: self.pool.genesis(), chain })
            })
        });
        identity.await.cloned()
    }

    async fn head(&self, finality: Finality) -> Result<BlockRef, SourceError> {
        anywhere!(self.pool, None, |ask| self.head_from(ask, finality))
    }

    /// The head as one endpoint sees it.
    async fn head_at(&self, node: &Node, finality: Finality) -> Result<BlockRef, SourceError> {
        self.head_from(Ask::alone(node, &Budget::new(RetryBudget::NONE)), finality).await
    }

    /// The hash at a height as one endpoint sees it.
    async fn hash_at(&self, node: &Node, number: u64) -> Result<Option<BlockHash>, SourceError> {
        Ask::alone(node, &Budget::new(self.pool.options().retry_budget)).hash_at(number).await
    }

    /// The hash at a height of the best chain.
    async fn best_hash(&self, number: u64) -> Result<Option<BlockHash>, SourceError> {
        anywhere!(self.pool, None, |ask| ask.hash_at(number))
    }

    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError> {
        anywhere!(self.pool, None, |ask| self.header_from(ask, id))
    }

    /// Asks for hashes and runtime of the blocks from `first` on.
    async fn prepare(&self, blocks: RangeInclusive<u64>) -> Result<(), SourceError> {
        let first = *blocks.start();
        anywhere!(self.pool, Some(first), |ask| async {
            let Some([parent_hash, hash]) = self.heights.prepare(ask, blocks.clone()).await? else { return Ok(()) };
            let block = BlockRef { number: first, hash, parent_hash };
            self.runtimes.prepare(ask, &blocks::parent_of(&block), self.upgrade(ask, &block)).await
        })
    }

    async fn block(&self, id: BlockId) -> Result<RawBlock, SourceError> {
        let state = match id {
            BlockId::Number(number) => Some(number),
            BlockId::Hash(hash) => self.headers.get(&hash).map(|known| known.header.number),
        };
        anywhere!(self.pool, state, |ask| self.block_from(ask, id))
    }
}

#[async_trait]
impl BlockSource for RpcSource {
    async fn identity(&self) -> Result<ChainIdentity, SourceError> {
        self.inner.identity().await
    }

    async fn head(&self, finality: Finality) -> Result<BlockRef, SourceError> {
        self.inner.head(finality).await
    }

    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError> {
        self.inner.header(id).await
    }

    async fn block(&self, id: BlockId) -> Result<RawBlock, SourceError> {
        self.inner.block(id).await
    }

    async fn blocks(&self, heights: RangeInclusive<u64>) -> Vec<Result<RawBlock, SourceError>> {
        let found = self.inner.blocks(heights.clone()).await;
        let missing = heights.zip(&found).filter(|(_, found)| found.is_none());
        let alone = missing.map(|(number, _)| self.inner.block(number.into()));
        let mut alone = Box::pin(future::join_all(alone)).await.into_iter();
        found.into_iter().filter_map(|found| found.map(Ok).or_else(|| alone.next())).collect()
    }

    async fn prepare(&self, blocks: RangeInclusive<u64>) {
        let first = *blocks.start();
        if let Err(error) = self.inner.prepare(blocks).await {
            tracing::debug!(first, %error, "nothing was read ahead");
        }
    }

    async fn runtime(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        anywhere!(self.inner.pool, Some(at.number), |ask| self.inner.runtimes.at(ask, at))
    }

    async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        self.inner.storage(at, keys).await
    }

    fn storage_prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>> {
        self.inner.prefix(at, prefix)
    }

    async fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError> {
        anywhere!(self.inner.pool, Some(at.number), |ask| ask.call(function, args, at))
    }

    fn finalized<'a>(&'a self, from: u64) -> BoxStream<'a, Result<RawBlock, SourceError>> {
        follow::finalized(&self.inner, from)
    }

    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>> {
        follow::best(&self.inner, from)
    }
}
