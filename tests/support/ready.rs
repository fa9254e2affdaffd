//! A chain whose newest blocks are kept, so that a node that many ask at once answers without making them again.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//! use sentinel_core::source::{BlockSource, SimSource};
//! use sentinel_support::ready::Ready;
//!
//! let sim = SimSource::builder().head(20).build()?;
//! let chain = Ready::new(Arc::new(sim), 10);
//! chain.prepare(1..=20).await?;
//! let block = chain.block(15.into()).await?;
//! assert_eq!(chain.block(block.header.hash.into()).await?.events, block.events);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use parity_scale_codec::{Compact, Encode};
use sentinel_core::chain::{BlockHash, BlockId, BlockRef, Finality};
use sentinel_core::decode::{Runtime, storage_prefix};
use sentinel_core::source::{BestUpdate, BlockSource, ChainIdentity, HashedHeader, KeyValue, RawBlock, SourceError};

/// See the module. What is asked of blocks that are not kept is asked of the chain itself.
#[derive(Debug)]
pub struct Ready {
    chain: Arc<dyn BlockSource>,
    kept: Mutex<Kept>,
    keys: Keys,
}

#[derive(Debug)]
struct Kept {
    most: usize,
    blocks: BTreeMap<u64, RawBlock>,
    heights: HashMap<BlockHash, u64>,
}

/// The keys that come with a block.
#[derive(Debug)]
struct Keys {
    number: Bytes,
    events: Bytes,
    now: Bytes,
    upgrade: Bytes,
}

impl Ready {
    /// Keeps so many blocks, the highest.
    pub fn new(chain: Arc<dyn BlockSource>, most: usize) -> Self {
        let key = |pallet, item| Bytes::copy_from_slice(&storage_prefix(pallet, item));
        let keys = Keys {
            number: key("System", "Number"),
            events: key("System", "Events"),
            now: key("Timestamp", "Now"),
            upgrade: key("System", "LastRuntimeUpgrade"),
        };
        Self { chain, kept: Mutex::new(Kept { most, blocks: BTreeMap::new(), heights: HashMap::new() }), keys }
    }

    /// Makes blocks.
    ///
    /// # Errors
    /// Those of the chain.
    pub async fn prepare(&self, range: RangeInclusive<u64>) -> Result<(), SourceError> {
        for number in range {
            self.block(number.into()).await?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find<T>(&self, id: BlockId, take: impl FnOnce(&RawBlock) -> T) -> Option<T> {
        let kept = self.lock();
        let number = match id {
            BlockId::Number(number) => Some(number),
            BlockId::Hash(hash) => kept.heights.get(&hash).copied(),
        };
        number.and_then(|number| kept.blocks.get(&number)).map(take)
    }

    /// The values that come with a block; nothing where other keys are among those asked for.
    fn values(&self, block: &RawBlock, keys: &[Bytes]) -> Option<Vec<Option<Bytes>>> {
        let value = |key: &Bytes| match key {
            key if *key == self.keys.number => {
                let number = u32::try_from(block.header.header.number).ok()?;
                Some(Some(Bytes::copy_from_slice(&number.to_le_bytes())))
            }
            key if *key == self.keys.events => Some(Some(block.events.clone())),
            key if *key == self.keys.now => {
                Some(block.timestamp_ms.map(|ms| Bytes::copy_from_slice(&ms.to_le_bytes())))
            }
            key if *key == self.keys.upgrade => {
                let version = block.runtime.version();
                Some(Some((Compact(version.spec_version), &version.spec_name).encode().into()))
            }
            _ => None,
        };
        keys.iter().map(value).collect()
    }
}

#[async_trait]
impl BlockSource for Ready {
    async fn identity(&self) -> Result<ChainIdentity, SourceError> {
        self.chain.identity().await
    }

    async fn head(&self, finality: Finality) -> Result<BlockRef, SourceError> {
        self.chain.head(finality).await
    }

    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError> {
        match self.find(id, |block| block.header.clone()) {
            Some(header) => Ok(header),
            None => self.chain.header(id).await,
        }
    }

    async fn block(&self, id: BlockId) -> Result<RawBlock, SourceError> {
        if let Some(block) = self.find(id, RawBlock::clone) {
            return Ok(block);
        }
        let block = self.chain.block(id).await?;
        let mut kept = self.lock();
        kept.heights.insert(block.header.hash, block.header.header.number);
        kept.blocks.insert(block.header.header.number, block.clone());
        if kept.blocks.len() > kept.most
            && let Some((_, oldest)) = kept.blocks.pop_first()
        {
            kept.heights.remove(&oldest.header.hash);
        }
        Ok(block)
    }

    async fn runtime(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        self.chain.runtime(at).await
    }

    async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        match self.find(at.into(), |block| self.values(block, keys)).flatten() {
            Some(values) => Ok(values),
            None => self.chain.storage(at, keys).await,
        }
    }

    fn storage_prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>> {
        self.chain.storage_prefix(at, prefix)
    }

    async fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError> {
        self.chain.call(at, function, args).await
    }

    fn finalized<'a>(&'a self, from: u64) -> BoxStream<'a, Result<RawBlock, SourceError>> {
        self.chain.finalized(from)
    }

    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>> {
        self.chain.best(from)
    }
}
