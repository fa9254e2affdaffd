//! Which blocks of an epoch are to be stored.

use std::fmt;
use std::str::FromStr;

use super::EpochSpan;

/// Blocks of every epoch by their distance from its start; written as `0,120,240,end`.
///
/// What lies beyond the end of an epoch is left out of it: 360 is in an epoch of 361 blocks and not in one of 360.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPlan {
    /// Ascending, each once.
    offsets: Vec<u64>,
    end: bool,
}

/// A text that is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a number of blocks after the start of an epoch nor the word `end`; a plan is like `0,120,240,end`"
)]
pub struct ParseSnapshotPlanError(pub String);

impl SnapshotPlan {
    /// Blocks at these distances from the start, and the last block of each epoch where `end`.
    pub fn new(offsets: impl IntoIterator<Item = u64>, end: bool) -> Self {
        let mut offsets: Vec<_> = offsets.into_iter().collect();
        offsets.sort_unstable();
        offsets.dedup();
        Self { offsets, end }
    }

    /// The blocks of this epoch that are to be stored, ascending.
    pub fn blocks<'p>(&'p self, epoch: &EpochSpan) -> impl Iterator<Item = u64> + 'p {
        let (start, length, last) = (epoch.start(), epoch.blocks(), epoch.end());
        let inside = self.offsets.iter().take_while(move |&&offset| offset < length).map(move |offset| start + offset);
        let named = self.offsets.binary_search(&(length - 1)).is_ok();
        inside.chain((self.end && !named).then_some(last))
    }

    /// Whether this block is to be stored.
    pub fn wants(&self, block: u64, epoch: &EpochSpan) -> bool {
        let Some(offset) = epoch.offset(block) else { return false };
        self.offsets.binary_search(&offset).is_ok() || (self.end && block == epoch.end())
    }
}

impl Default for SnapshotPlan {
    /// Four blocks of an epoch of the usual tempo of 360: 0, 120, 240 and the last one, which is 360 in the 361 blocks that such
    /// an epoch had until runtime 422, and 359 since.
    fn default() -> Self {
        Self { offsets: vec![0, 120, 240], end: true }
    }
}

impl FromStr for SnapshotPlan {
    type Err = ParseSnapshotPlanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut offsets, mut end) = (Vec::new(), false);
        for word in text.split(',').map(str::trim) {
            match word {
                "end" => end = true,
                number => offsets.push(number.parse().map_err(|_| ParseSnapshotPlanError(number.to_owned()))?),
            }
        }
        Ok(Self::new(offsets, end))
    }
}

impl fmt::Display for SnapshotPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, offset) in self.offsets.iter().enumerate() {
            write!(f, "{}{offset}", if place == 0 { "" } else { "," })?;
        }
        if self.end {
            f.write_str(if self.offsets.is_empty() { "end" } else { ",end" })?;
        }
        Ok(())
    }
}
