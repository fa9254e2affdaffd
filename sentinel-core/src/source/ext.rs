//! Conveniences over any source.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{BlockSource, SourceError};
use crate::chain::{BlockId, BlockRef, Finality};
use crate::decode::Runtime;

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
}

impl<T: BlockSource + ?Sized> BlockSourceExt for T {}
