//! Finds all epochs of a subnet in a range of blocks, by what the state says of the last one.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::{self, StreamExt, TryStreamExt};

use super::{EpochClock, clocks};
use crate::apy::Generation;
use crate::chain::{BlockId, BlockRef, NetUid};
use crate::source::BlockSource;
use crate::subnet::SubnetError;

/// Parts of a range that are searched at once.
const PARTS: u64 = 8;

/// One epoch that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// The block in which it ran; its results are in the state of this block.
    pub block: u64,
    /// The subnet that it belongs to: another one than before, where the number was given away anew.
    pub generation: Generation,
}

/// The epochs of one subnet in a range of blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochHistory {
    /// The subnet.
    pub netuid: NetUid,
    /// Every epoch that ran in the range, ascending.
    pub epochs: Vec<Epoch>,
    /// How many states were read to find them.
    pub states: u64,
}

/// Every epoch of a subnet that ran in this range of blocks.
///
/// The state of a block says which block had the last epoch; the state before that, which had the one before. So it takes
/// one state for each epoch and a few more, whatever the tempo, skips, deferrals and triggers were. A number that was given
/// away several times has the epochs of all its subnets, each with its generation. (Until 401 the chain did not count those:
/// then a subnet that began and ended between two others inside the range may go unseen.)
///
/// # Errors
/// [`SourceError::StatePruned`](crate::source::SourceError::StatePruned) where the source no longer keeps a state of the range.
pub async fn discover(
    source: &dyn BlockSource,
    netuid: NetUid,
    range: RangeInclusive<u64>,
) -> Result<EpochHistory, SubnetError> {
    let search = Search { source, netuid, states: AtomicU64::new(0) };
    let (first, last) = (*range.start(), *range.end());
    let parts = PARTS.min(last.saturating_sub(first) / 512 + 1);
    let length = (last.saturating_add(1)).saturating_sub(first).div_ceil(parts.max(1)).max(1);
    let bounds = (0..parts).map(|part| (first + part * length, last.min(first + (part + 1) * length - 1)));
    let mut found: Vec<Vec<Epoch>> = stream::iter(bounds.filter(|(low, high)| low <= high))
        .map(|(low, high)| search.part(low, high))
        .buffered(PARTS as usize)
        .try_collect()
        .await?;
    let mut epochs: Vec<Epoch> = found.drain(..).flatten().collect();
    epochs.sort_unstable_by_key(|epoch| epoch.block);
    Ok(EpochHistory { netuid, epochs, states: search.states.into_inner() })
}

struct Search<'s> {
    source: &'s dyn BlockSource,
    netuid: NetUid,
    states: AtomicU64,
}

impl Search<'_> {
    /// The epochs from one block to another, newest first.
    async fn part(&self, low: u64, high: u64) -> Result<Vec<Epoch>, SubnetError> {
        let mut found = Vec::new();
        let mut next = Some(high);
        while let Some(block) = next.filter(|block| *block >= low) {
            let clock = self.clock(block).await?;
            let living = if clock.exists { Some(clock) } else { self.last_living(low, clock).await? };
            let Some(clock) = living else { break };
            next = match clock.last_own_step() {
                Some(step) => {
                    if step >= low {
                        found.push(Epoch { block: step, generation: clock.generation });
                    }
                    step.checked_sub(1)
                }
                // None since it was registered: what was before may be another subnet of this number.
                None => clock.generation.registered_at.min(clock.block).checked_sub(1),
            };
        }
        Ok(found)
    }

    async fn clock(&self, block: u64) -> Result<EpochClock, SubnetError> {
        self.states.fetch_add(1, Ordering::Relaxed);
        let at: BlockRef = self.source.header(BlockId::Number(block)).await?.reference();
        let mut clocks = clocks(self.source, &at, &[self.netuid]).await?;
        clocks.pop().ok_or(SubnetError::Layout {
            what: "the clock of a subnet".to_owned(),
            block,
            message: "nothing was read".to_owned(),
        })
    }

    /// The newest state from `low` on, and before that of `gone`, in which a subnet of this number exists.
    async fn last_living(&self, low: u64, gone: EpochClock) -> Result<Option<EpochClock>, SubnetError> {
        if gone.block <= low {
            return Ok(None);
        }
        let bottom = self.clock(low).await?;
        // Registrations are counted, and the count stays when a subnet goes: where it rose last, one began.
        let counter = gone.generation.counter;
        let alive = if bottom.generation.counter == counter {
            bottom
        } else {
            self.bisect(bottom, gone, |clock| clock.generation.counter != counter).await?.1
        };
        if !alive.exists {
            return Ok(None);
        }
        Ok(Some(self.bisect(alive, gone, |clock| clock.exists).await?.0))
    }

    /// The last state for which the test holds, as it does for `yes`, and the first for which it does not, as at `no`.
    async fn bisect(
        &self,
        mut yes: EpochClock,
        mut no: EpochClock,
        test: impl Fn(&EpochClock) -> bool,
    ) -> Result<(EpochClock, EpochClock), SubnetError> {
        while no.block.saturating_sub(yes.block) > 1 {
            let middle = self.clock(yes.block + (no.block - yes.block) / 2).await?;
            if test(&middle) {
                yes = middle;
            } else {
                no = middle;
            }
        }
        Ok((yes, no))
    }
}
