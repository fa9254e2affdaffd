//! Where blocks come from: a chain, or a recording of one.

#[cfg(feature = "archive")]
mod archive;
mod error;
mod ext;
mod fallback;
mod memory;
#[cfg(feature = "archive")]
mod recording;
#[cfg(feature = "rpc")]
mod rpc;
#[cfg(feature = "sim")]
mod sim;

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future;
use futures::stream::BoxStream;

use crate::chain::{BlockHash, BlockId, BlockRef, Finality, Header};
use crate::decode::Runtime;

#[cfg(feature = "archive")]
pub use archive::ArchiveSource;
pub use error::SourceError;
pub use ext::BlockSourceExt;
pub use fallback::FallbackSource;
pub use memory::{MemoryBlock, MemorySource};
#[cfg(feature = "archive")]
pub use recording::{RecordingError, RecordingSource};
#[cfg(feature = "rpc")]
pub use rpc::{EndpointStats, RetryBudget, RpcOptions, RpcSource, RpcStats, RuntimeCache};
#[cfg(feature = "sim")]
pub use sim::{Happened, HistoryEntry, LedgerEntry, SimAction, SimBuilder, SimSource};

/// The name that every simulated chain gives itself.
pub const SIMULATED_CHAIN: &str = "Simulated Subtensor";

/// What a source is a source of; checked on every endpoint and stored in every recording.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChainIdentity {
    /// Hash of block 0.
    pub genesis_hash: BlockHash,
    /// The name that the node gives its chain. Comes from outside: show it, never build a path from it.
    pub chain: String,
}

impl ChainIdentity {
    /// Whether the chain says that it is a simulation, so that nothing on it is worth anything.
    pub fn is_simulated(&self) -> bool {
        self.chain == SIMULATED_CHAIN
    }
}

/// A header with the hash it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedHeader {
    /// The block's hash.
    pub hash: BlockHash,
    /// Its header.
    pub header: Header,
}

impl HashedHeader {
    /// The reference to this block.
    pub fn reference(&self) -> BlockRef {
        BlockRef { number: self.header.number, hash: self.hash, parent_hash: self.header.parent_hash }
    }
}

/// A block as raw bytes, with the runtime that wrote them.
///
/// Extrinsics and events of block N belong to the runtime found in the state of N's *parent*: the block that enacts
/// an upgrade is still written by the old runtime.
#[derive(Debug, Clone)]
pub struct RawBlock {
    /// Header and hash.
    pub header: HashedHeader,
    /// The extrinsics, each with its SCALE length prefix, in order.
    pub extrinsics: Vec<Bytes>,
    /// The value of `System.Events` at this block; a lone zero byte (an empty list) for the genesis.
    pub events: Bytes,
    /// `Timestamp.Now` in milliseconds since 1970, UTC; `None` only where the chain has none yet (the genesis).
    pub timestamp_ms: Option<u64>,
    /// The runtime that wrote the extrinsics, the events and the state of this block.
    pub runtime: Arc<Runtime>,
}

impl RawBlock {
    /// The reference to this block.
    pub fn reference(&self) -> BlockRef {
        self.header.reference()
    }
}

/// One step of the best chain.
#[derive(Debug, Clone)]
pub enum BestUpdate {
    /// This block is now the head.
    Applied(Box<RawBlock>),
    /// The blocks above this one are no longer part of the best chain.
    RolledBack {
        /// The newest block that old and new branch share.
        to: BlockRef,
    },
}

/// One key and its value.
pub type KeyValue = (Bytes, Bytes);

/// A chain, or a recording of one.
///
/// A source hands out raw SCALE bytes and the [`Runtime`] that wrote them. State is always read at a pinned block
/// ([`BlockRef`]), never "at the head", so that several reads see one state.
///
/// # Errors
/// Every method tells apart *no such block*, *state pruned*, *not in this recording*, *connection lost* and
/// *undecodable*; see [`SourceError`].
#[async_trait]
pub trait BlockSource: Debug + Send + Sync + 'static {
    /// Which chain this is.
    async fn identity(&self) -> Result<ChainIdentity, SourceError>;

    /// The newest block, finalized or best.
    async fn head(&self, finality: Finality) -> Result<BlockRef, SourceError>;

    /// The header of one block; the cheapest way to pin a height or to check a hash.
    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError>;

    /// One whole block.
    async fn block(&self, id: BlockId) -> Result<RawBlock, SourceError>;

    /// The blocks at consecutive heights of the chain, in their order: what [`block`](Self::block) gives for each of them, at less
    /// expense where the source can read several together. Few are meant, all of which fit into memory.
    async fn blocks(&self, heights: RangeInclusive<u64>) -> Vec<Result<RawBlock, SourceError>> {
        future::join_all(heights.map(|number| self.block(number.into()))).await
    }

    /// The runtime in the state *after* block `at`: it answers [`call`](Self::call) there and writes the next block.
    ///
    /// For what block `at` itself wrote, including its state, use the runtime of its parent
    /// ([`BlockSourceExt::writer`]).
    async fn runtime(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError>;

    /// Gets ready for blocks that will be read along the chain, so that the first of them does not wait for what all of them
    /// need.
    ///
    /// A hint: nothing fails, and what could not be had shows when it is needed. Most sources have nothing to do.
    async fn prepare(&self, blocks: RangeInclusive<u64>) {
        let _ = blocks;
    }

    /// The raw values of `keys` in the state after block `at`, in the order of `keys`; `None` where the state has none.
    async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError>;

    /// Every key that starts with `prefix` in the state after block `at`, ascending, with its value; fetched page by page.
    fn storage_prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>>;

    /// The answer of a runtime API function (`"SubnetInfoRuntimeApi_get_subnet_hyperparams"`) to SCALE arguments.
    ///
    /// [`SourceError::Unsupported`] where the runtime at `at` has no such function.
    async fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError>;

    /// Finalized blocks from height `from` on, ascending, each height once, each the child of the one before; follows
    /// the chain for as long as it is polled. The stream of a recording ends with the recording.
    fn finalized<'a>(&'a self, from: u64) -> BoxStream<'a, Result<RawBlock, SourceError>>;

    /// The best chain from height `from` on, with its re-organisations.
    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>>;
}
