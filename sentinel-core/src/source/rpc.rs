//! A chain over JSON-RPC: WebSocket or HTTP, with the methods that every node has.

mod blocks;
mod classify;
mod connection;
mod endpoint;
mod follow;
mod http;
mod node;
mod portion;
mod recent;
mod runtimes;
mod state;
mod tls;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::sync::OnceCell;

use self::endpoint::Endpoint;
use self::node::Node;
use self::recent::Recent;
use self::runtimes::Runtimes;
use self::state::Manners;
use self::wire::Params;
use super::{BestUpdate, BlockSource, ChainIdentity, HashedHeader, KeyValue, RawBlock, SourceError};
use crate::chain::{BlockHash, BlockId, BlockRef, Finality};
use crate::decode::Runtime;

/// Limits and deadlines of an [`RpcSource`].
///
/// ```
/// # use std::time::Duration;
/// # use sentinel_core::source::RpcOptions;
/// let patient = RpcOptions { request_timeout: Duration::from_secs(120), ..RpcOptions::default() };
/// ```
#[derive(Debug, Clone)]
pub struct RpcOptions {
    /// From the first packet to the first answer of a new connection; a dead node is given up after it. 8 s.
    pub connect_timeout: Duration,
    /// From a request to its answer. 30 s.
    pub request_timeout: Duration,
    /// Largest answer accepted, in bytes. 64 MiB.
    pub max_response: u32,
    /// Keys per `state_getKeysPaged`; nodes refuse more than 1000. Halved when an answer is too large.
    pub page: usize,
    /// Keys per `state_queryStorageAt`. Halved when an answer is too large: nodes limit bytes, not keys. 16,000.
    pub batch: usize,
    /// How often the head is asked for where there are no subscriptions, and the pause after an error. 3 s.
    pub poll_interval: Duration,
    /// A subscription that says nothing for so long is opened again. 60 s.
    pub silence: Duration,
}

impl Default for RpcOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(8),
            request_timeout: Duration::from_secs(30),
            max_response: 64 * 1024 * 1024,
            page: 1000,
            batch: 16_000,
            poll_interval: Duration::from_secs(3),
            silence: Duration::from_secs(60),
        }
    }
}

/// A chain behind one endpoint.
///
/// What it hands out was checked: headers hash to the hash asked for, states name the block they belong to, blocks have
/// events and a timestamp not before their parent's. A node that answers otherwise is
/// [`Lying`](SourceError::Lying), not believed. The connection is opened again when it is lost; nothing here waits
/// without a deadline, except the streams for the next block.
///
/// Cloning gives another handle to the same connection and the same known runtimes.
#[derive(Debug, Clone)]
pub struct RpcSource {
    inner: Arc<Inner>,
}

/// Everything behind the handle; the files of this folder implement it part by part.
#[derive(Debug)]
struct Inner {
    node: Node,
    runtimes: Runtimes,
    timestamps: Recent<u64>,
    headers: Recent<HashedHeader>,
    manners: Manners,
    genesis_hash: OnceCell<BlockHash>,
    identity: OnceCell<ChainIdentity>,
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
        let manners = Manners::new(options.page, options.batch);
        let node = Node::new(Endpoint::parse(url)?, options);
        node.open().await?;
        let inner = Inner {
            node,
            runtimes: Runtimes::new(),
            timestamps: Recent::new(),
            headers: Recent::new(),
            manners,
            genesis_hash: OnceCell::new(),
            identity: OnceCell::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Host and port of the endpoint; never its path, query or credentials.
    pub fn endpoint(&self) -> &str {
        self.inner.node.endpoint()
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
            let genesis_hash = self.genesis_hash().await?;
            let answer = self.node.request("system_chain", Params::new(), None).await?;
            let chain = self.node.read(wire::text(&answer), "system_chain", None)?;
            Ok(ChainIdentity { genesis_hash, chain })
        });
        identity.await.cloned()
    }

    async fn genesis_hash(&self) -> Result<BlockHash, SourceError> {
        let hash = self.genesis_hash.get_or_try_init(|| async {
            let hash = self.node.hash_at(0).await?;
            hash.ok_or_else(|| self.node.lying(BlockId::Number(0), "no hash of the genesis"))
        });
        hash.await.copied()
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

    async fn runtime(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        self.inner.runtimes.at(&self.inner.node, at).await
    }

    async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        self.inner.storage(at, keys).await
    }

    fn storage_prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>> {
        self.inner.prefix(at, prefix)
    }

    async fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError> {
        self.inner.node.call(function, args, at).await
    }

    fn finalized<'a>(&'a self, from: u64) -> BoxStream<'a, Result<RawBlock, SourceError>> {
        follow::finalized(&self.inner, from)
    }

    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>> {
        follow::best(&self.inner, from)
    }
}
