//! When blocks were made: by the chain's own clock, or in between two blocks of which that is known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where a time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeOrigin {
    /// `Timestamp.Now` in the block's own state.
    Chain,
    /// On a straight line between two blocks whose times are known: a guess, wrong by as much as slots were missed.
    Interpolated,
}

/// When a block was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockTime {
    /// Milliseconds since 1970, UTC.
    pub timestamp_ms: u64,
    /// How that is known.
    pub origin: TimeOrigin,
}

/// The times of some blocks, from which those of others follow.
///
/// ```
/// use sentinel_core::chain::{BlockTimes, TimeOrigin};
///
/// let times: BlockTimes = [(100, 1_200_000), (104, 1_248_000)].into_iter().collect();
/// assert_eq!(times.at(104).map(|time| time.origin), Some(TimeOrigin::Chain));
/// let between = times.at(101).ok_or("it lies between two")?;
/// assert_eq!((between.timestamp_ms, between.origin), (1_212_000, TimeOrigin::Interpolated));
/// assert_eq!(times.at(105), None, "nobody knows");
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockTimes {
    known: BTreeMap<u64, u64>,
}

impl BlockTimes {
    /// Takes the chain's time of a block. It replaces what was guessed of that block, and of those around it.
    pub fn learn(&mut self, block: u64, timestamp_ms: u64) {
        self.known.insert(block, timestamp_ms);
    }

    /// When a block was made: the chain's time where that is known, else one between those of its nearest neighbours; `None`
    /// before the first and after the last known one, and between two whose clock ran back.
    pub fn at(&self, block: u64) -> Option<BlockTime> {
        if let Some(timestamp_ms) = self.known.get(&block) {
            return Some(BlockTime { timestamp_ms: *timestamp_ms, origin: TimeOrigin::Chain });
        }
        let (before, start) = self.known.range(..block).next_back()?;
        let (after, end) = self.known.range(block..).next()?;
        let passed = u128::from(end.checked_sub(*start)?) * u128::from(block - before) / u128::from(after - before);
        let timestamp_ms = start + u64::try_from(passed).ok()?;
        Some(BlockTime { timestamp_ms, origin: TimeOrigin::Interpolated })
    }
}

impl FromIterator<(u64, u64)> for BlockTimes {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(times: I) -> Self {
        Self { known: times.into_iter().collect() }
    }
}
