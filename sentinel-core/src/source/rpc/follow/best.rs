//! The best chain with its re-organisations.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::stream::BoxStream;

use super::super::Inner;
use super::bell::Bell;
use super::{Follow, steps};
use crate::chain::{BlockId, BlockRef, Finality};
use crate::source::{BestUpdate, SourceError};

/// Blocks of the best chain that are remembered for finding where a fork began. Finality on this chain trails by a few
/// blocks, so deeper forks do not happen.
const REMEMBERED: usize = 4096;

/// Whether `block` is part of the node's best chain.
async fn is_canonical(inner: &Inner, block: BlockRef) -> Result<bool, SourceError> {
    Ok(inner.best_hash(block.number).await? == Some(block.hash))
}

struct Best<'a> {
    inner: &'a Arc<Inner>,
    bell: Bell,
    from: u64,
    /// The newest part of the chain as handed out, ascending.
    applied: VecDeque<BlockRef>,
}

impl Follow for Best<'_> {
    type Item = BestUpdate;

    async fn step(&mut self) -> Result<BestUpdate, SourceError> {
        loop {
            let last = self.applied.back().copied();
            let next = last.map_or(self.from, |last| last.number + 1);
            if let Some(hash) = self.inner.best_hash(next).await? {
                let block = self.inner.block(BlockId::Hash(hash)).await?;
                if last.is_none_or(|last| last.hash == block.header.header.parent_hash) {
                    if self.applied.len() == REMEMBERED {
                        self.applied.pop_front();
                    }
                    self.applied.push_back(block.reference());
                    self.bell.saw(self.inner, next);
                    return Ok(BestUpdate::Applied(Box::new(block)));
                }
            }
            match last {
                Some(last) if !is_canonical(self.inner, last).await? => {
                    if let Some(to) = self.roll_back().await? {
                        return Ok(BestUpdate::RolledBack { to });
                    }
                }
                _ => self.bell.rung(self.inner).await,
            }
        }
    }
}

impl Best<'_> {
    /// Drops what the best chain no longer has; `None` where the node merely lags behind what it showed before.
    async fn roll_back(&mut self) -> Result<Option<BlockRef>, SourceError> {
        let head = self.inner.head(Finality::Best).await?;
        self.bell.saw(self.inner, head.number);
        if self.applied.iter().any(|block| block.hash == head.hash) {
            self.bell.rung(self.inner).await;
            return Ok(None);
        }
        let mut kept = self.applied.len();
        while kept > 0 {
            if is_canonical(self.inner, self.applied[kept - 1]).await? {
                break;
            }
            kept -= 1;
        }
        let to = match kept {
            // The fork began before the first block handed out; everything handed out is undone.
            0 => {
                let first = self.applied.front().map_or(self.from, |first| first.number);
                self.inner.header(BlockId::Number(first.saturating_sub(1))).await?.reference()
            }
            kept => self.applied[kept - 1],
        };
        self.applied.truncate(kept);
        if kept == 0 {
            self.from = to.number + 1;
        }
        Ok(Some(to))
    }
}

/// See [`BlockSource::best`](crate::source::BlockSource::best).
pub(in super::super) fn best(inner: &Arc<Inner>, from: u64) -> BoxStream<'_, Result<BestUpdate, SourceError>> {
    steps(inner, Best { inner, bell: Bell::new(Finality::Best), from, applied: VecDeque::new() })
}
