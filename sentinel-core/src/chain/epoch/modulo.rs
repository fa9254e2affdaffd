//! The rule of runtimes to 422: epochs by the block number.

use super::EpochSpan;
use crate::chain::NetUid;

/// Epochs of one subnet by the block number: due in `b` when `(b + netuid + 1) mod (tempo + 1) == tempo`.
///
/// The period is `tempo + 1` blocks. A change of the tempo takes effect at once, and one epoch is then longer or shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModuloSchedule {
    /// The subnet.
    pub netuid: NetUid,
    /// Its tempo; 0 is never.
    pub tempo: u16,
}

impl ModuloSchedule {
    /// Whether an epoch is due in this block.
    pub fn is_due(&self, block: u64) -> bool {
        self.blocks_until(block) == Some(0)
    }

    /// Blocks from this one to the next in which an epoch is due, 0 in such a block; `None` for never.
    pub fn blocks_until(&self, block: u64) -> Option<u64> {
        let tempo = u64::from(self.tempo);
        // Below 2^16, so that nothing is lost.
        (tempo > 0).then(|| tempo - (self.shifted(block) % u128::from(tempo + 1)) as u64)
    }

    /// The first block after this one in which an epoch is due; `None` for never.
    pub fn next_after(&self, block: u64) -> Option<u64> {
        let first = block.checked_add(1)?;
        first.checked_add(self.blocks_until(first)?)
    }

    /// The last block up to this one, and with it, in which an epoch was due; `None` where there was none yet.
    pub fn last_until(&self, block: u64) -> Option<u64> {
        let period = u64::from(self.tempo) + 1;
        let until = self.blocks_until(block)?;
        if until == 0 { Some(block) } else { block.checked_sub(period - until) }
    }

    /// The epoch that this block lies in, from the block it ran in to the one before the next; `None` before the first.
    pub fn span(&self, block: u64) -> Option<EpochSpan> {
        EpochSpan::new(self.last_until(block)?, self.next_after(block)?)
    }

    /// The number of the epoch as commit-reveal counts it: `(b + netuid + 1) / (tempo + 1)`.
    pub fn index(&self, block: u64) -> u64 {
        u64::try_from(self.shifted(block) / (u128::from(self.tempo) + 1)).unwrap_or(u64::MAX)
    }

    fn shifted(&self, block: u64) -> u128 {
        u128::from(block) + u128::from(self.netuid.0) + 1
    }
}
