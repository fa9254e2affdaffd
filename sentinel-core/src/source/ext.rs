//! Conveniences over any source.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{BlockSource, SourceError};
use crate::chain::{BlockId, BlockRef, BlockTimes, Finality};
use crate::decode::{Runtime, storage_prefix};

/// What every [`BlockSource`] can do on top of its own methods.
#[async_trait]
pub trait BlockSourceExt: BlockSource {
    /// Pins a block: the given one, or the newest finalized.
    async fn pin(&self, id: Option<BlockId>) -> Result<BlockRef, SourceError> {
        match id {
            Some(id) => Ok(self.header(id).await?.reference()),
            None => self.head(Finality::Finalized).await,
        }
    }

    /// The runtime that wrote block `at` (its extrinsics, events and state): the one in the state of its parent.
    async fn writer(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        if at.number == 0 {
            return self.runtime(at).await;
        }
        let parent = self.header(BlockId::Hash(at.parent_hash)).await?.reference();
        self.runtime(&parent).await
    }

    /// The raw value of one key.
    async fn value(&self, at: &BlockRef, key: Bytes) -> Result<Option<Bytes>, SourceError> {
        Ok(self.storage(at, &[key]).await?.pop().flatten())
    }

    /// The chain's time in a block, `Timestamp.Now` in milliseconds since 1970; `None` where it has none yet, at the genesis.
    async fn timestamp(&self, at: &BlockRef) -> Result<Option<u64>, SourceError> {
        let value = self.value(at, Bytes::copy_from_slice(&storage_prefix("Timestamp", "Now"))).await?;
        let Some(bytes) = value else { return Ok(None) };
        let bytes = <[u8; 8]>::try_from(&*bytes)
            .map_err(|_| SourceError::fatal(format!("Timestamp.Now of block {} is not 8 bytes", at.number)))?;
        Ok(Some(u64::from_le_bytes(bytes)).filter(|timestamp_ms| *timestamp_ms > 0))
    }

    /// The times of these blocks, as far as the source still has their states: what lies between those is interpolated, and
    /// says so. So rows that were written without a time get the chain's own where it can be had.
    async fn block_times(&self, blocks: &[u64]) -> Result<BlockTimes, SourceError> {
        let mut times = BlockTimes::default();
        for block in blocks {
            let read = async {
                let at = self.header(BlockId::Number(*block)).await?.reference();
                self.timestamp(&at).await
            };
            match read.await {
                Ok(time) => time.into_iter().for_each(|timestamp_ms| times.learn(*block, timestamp_ms)),
                Err(SourceError::StatePruned { .. } | SourceError::NotRecorded { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(times)
    }
}

impl<T: BlockSource + ?Sized> BlockSourceExt for T {}
