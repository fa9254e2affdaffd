//! A chain in memory that its holder grows, finalizes and re-organises: for tests and for small recordings.

mod chain;
mod follow;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

use self::chain::Chain;
use super::{BestUpdate, BlockSource, ChainIdentity, HashedHeader, KeyValue, RawBlock, SourceError};
use crate::chain::{BlockId, BlockRef, Finality, Header};
use crate::decode::Runtime;

/// One block to put on a [`MemorySource`].
///
/// ```
/// # use sentinel_core::source::MemoryBlock;
/// let block = MemoryBlock { timestamp_ms: Some(1_700_000_012_000), ..MemoryBlock::default() };
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryBlock {
    /// Extrinsics with their length prefix.
    pub extrinsics: Vec<Bytes>,
    /// The value of `System.Events`; an empty list where left empty.
    pub events: Bytes,
    /// `Timestamp.Now`; where `None`, 12 seconds after the parent's (and none at all for the genesis).
    pub timestamp_ms: Option<u64>,
    /// What the block changes in the state: new values, and `None` for keys it removes. Number, events and timestamp
    /// are written by themselves.
    pub changes: Vec<(Bytes, Option<Bytes>)>,
    /// The runtime that this block enacts. It is in the block's state and writes the next block.
    pub upgrade: Option<Arc<Runtime>>,
    /// The real header, where the block is a copy of one; otherwise one is made up.
    pub header: Option<Header>,
}

/// A chain in memory.
///
/// It holds the whole state of each block, so a key that no block wrote is absent. What it was not given (calls, states
/// that were dropped) is [`NotRecorded`](SourceError::NotRecorded). Streams follow what is pushed until
/// [`finish`](Self::finish).
///
/// ```
/// # async fn read(runtime: std::sync::Arc<sentinel_core::decode::Runtime>)
/// # -> Result<(), sentinel_core::source::SourceError> {
/// use sentinel_core::source::{BlockSource, MemoryBlock, MemorySource};
///
/// let source = MemorySource::new("test", runtime);
/// let first = source.push(MemoryBlock::default());
/// assert_eq!(source.block(first.number.into()).await?.reference(), first);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemorySource {
    chain: Arc<Mutex<Chain>>,
}

impl MemorySource {
    /// A chain of one block, the genesis, with an empty state and this runtime.
    pub fn new(name: impl Into<String>, runtime: Arc<Runtime>) -> Self {
        Self::with_genesis(name, runtime, MemoryBlock::default())
    }

    /// A chain of one block, the genesis, with a state.
    pub fn with_genesis(name: impl Into<String>, runtime: Arc<Runtime>, genesis: MemoryBlock) -> Self {
        Self { chain: Arc::new(Mutex::new(Chain::new(name.into(), runtime, genesis))) }
    }

    /// Puts a block on the best head and finalizes it.
    pub fn push(&self, block: MemoryBlock) -> BlockRef {
        let mut chain = self.lock();
        let reference = chain.push(block);
        chain.finalize(reference.number);
        reference
    }

    /// Puts a block on the best head and leaves it open to a re-organisation.
    pub fn push_unfinalized(&self, block: MemoryBlock) -> BlockRef {
        self.lock().push(block)
    }

    /// Finalizes the best chain up to `number`.
    pub fn finalize(&self, number: u64) {
        self.lock().finalize(number);
    }

    /// Takes the blocks above `number` off the best chain, as a re-organisation does. They can still be read by hash.
    /// Finalized blocks stay.
    pub fn roll_back(&self, number: u64) {
        self.lock().roll_back(number);
    }

    /// Records the answer of a runtime API function at one block.
    pub fn record_call(&self, at: &BlockRef, function: &str, args: &[u8], answer: impl Into<Bytes>) {
        self.lock().record_call(at, function, args, Some(answer.into()));
    }

    /// Records that the runtime at one block has no such function.
    pub fn record_missing_call(&self, at: &BlockRef, function: &str) {
        self.lock().record_call(at, function, &[], None);
    }

    /// Forgets the state of all blocks below `number`, as a pruning node does.
    pub fn prune(&self, number: u64) {
        self.lock().prune(number);
    }

    /// No more blocks will come: streams end after the last.
    pub fn finish(&self) {
        self.lock().finish();
    }

    fn lock(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BlockSource for MemorySource {
    async fn identity(&self) -> Result<ChainIdentity, SourceError> {
        Ok(self.lock().identity())
    }

    async fn head(&self, finality: Finality) -> Result<BlockRef, SourceError> {
        Ok(self.lock().head(finality))
    }

    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError> {
        Ok(self.lock().entry(id)?.raw.header.clone())
    }

    async fn block(&self, id: BlockId) -> Result<RawBlock, SourceError> {
        Ok(self.lock().entry(id)?.raw.clone())
    }

    async fn runtime(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        Ok(Arc::clone(&self.lock().entry(at.into())?.runtime_after))
    }

    async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        let state = self.lock().state(at)?;
        Ok(keys.iter().map(|key| state.get(key).cloned()).collect())
    }

    fn storage_prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>> {
        let pairs: Vec<_> = match self.lock().state(&at) {
            Err(error) => vec![Err(error)],
            Ok(state) => state
                .range(prefix.clone()..)
                .take_while(|(key, _)| key.starts_with(&prefix))
                .map(|(key, value)| Ok((key.clone(), value.clone())))
                .collect(),
        };
        stream::iter(pairs).boxed()
    }

    async fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError> {
        self.lock().call(at, function, args)
    }

    fn finalized<'a>(&'a self, from: u64) -> BoxStream<'a, Result<RawBlock, SourceError>> {
        follow::finalized(Arc::clone(&self.chain), from)
    }

    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>> {
        follow::best(Arc::clone(&self.chain), from)
    }
}
