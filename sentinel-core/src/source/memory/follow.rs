//! The streams of a chain in memory.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{self, BoxStream, StreamExt};

use super::chain::Chain;
use crate::chain::{BlockId, BlockRef, Finality};
use crate::source::{BestUpdate, RawBlock, SourceError};

/// Waits for changes of the chain.
struct Watch {
    chain: Arc<Mutex<Chain>>,
    seen: u64,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn changed(&mut self) {
        let Self { chain, seen } = self;
        poll_fn(|cx| chain.lock().unwrap_or_else(PoisonError::into_inner).poll_change(seen, cx)).await;
    }
}

pub(super) fn finalized(chain: Arc<Mutex<Chain>>, from: u64) -> BoxStream<'static, Result<RawBlock, SourceError>> {
    let watch = Watch { chain, seen: 0 };
    stream::unfold((watch, from), |(mut watch, next)| async move {
        loop {
            {
                let chain = watch.lock();
                if chain.head(Finality::Finalized).number >= next {
                    let block = chain.entry(BlockId::Number(next)).map(|entry| entry.raw.clone());
                    drop(chain);
                    return Some((block, (watch, next + 1)));
                }
                if chain.is_finished() {
                    return None;
                }
            }
            watch.changed().await;
        }
    })
    .boxed()
}

struct Best {
    watch: Watch,
    from: u64,
    applied: Vec<BlockRef>,
}

impl Best {
    /// The next step, where there is one.
    fn step(&mut self) -> Option<Result<BestUpdate, SourceError>> {
        let chain = self.watch.chain.lock().unwrap_or_else(PoisonError::into_inner);
        let still = self.applied.iter().rposition(|block| chain.canonical(block.number) == Some(block.hash));
        let kept = still.map_or(0, |index| index + 1);
        if kept < self.applied.len() {
            let to = match still {
                Some(index) => Ok(self.applied[index]),
                None => {
                    let below = BlockId::Number(self.applied[0].number.saturating_sub(1));
                    chain.entry(below).map(|entry| entry.raw.reference())
                }
            };
            self.applied.truncate(kept);
            return Some(to.map(|to| BestUpdate::RolledBack { to }));
        }
        let next = self.applied.last().map_or(self.from, |last| last.number + 1);
        let entry = chain.entry(BlockId::Number(next)).ok()?;
        self.applied.push(entry.raw.reference());
        Some(Ok(BestUpdate::Applied(Box::new(entry.raw.clone()))))
    }
}

pub(super) fn best(chain: Arc<Mutex<Chain>>, from: u64) -> BoxStream<'static, Result<BestUpdate, SourceError>> {
    let best = Best { watch: Watch { chain, seen: 0 }, from, applied: Vec::new() };
    stream::unfold(best, |mut best| async move {
        loop {
            if let Some(update) = best.step() {
                return Some((update, best));
            }
            if best.watch.lock().is_finished() {
                return None;
            }
            best.watch.changed().await;
        }
    })
    .boxed()
}
