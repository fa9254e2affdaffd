//! The rule of runtimes from 423: epochs by the clock of a subnet.

use super::EpochSpan;

/// The longest tempo that an owner can set, and the limit of the first safety net.
pub const MAX_TEMPO: u16 = 50_400;

/// What makes an epoch due though its clock does not, because none has succeeded for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SafetyNet {
    /// Runtimes 423 to 425: more than [`MAX_TEMPO`] blocks without one.
    #[default]
    MaxTempo,
    /// Later runtimes: more blocks than the tempo without one; the count stops at the tempo and one.
    Tempo,
}

impl SafetyNet {
    /// The most blocks without an epoch that leave it alone.
    pub(super) fn limit(self, tempo: u16) -> u64 {
        u64::from(match self {
            Self::MaxTempo => MAX_TEMPO,
            Self::Tempo => tempo,
        })
    }
}

/// Why an epoch is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DueReason {
    /// A trigger of the owner, or a deferral by the cap.
    Pending,
    /// None has succeeded for too long.
    SafetyNet,
    /// The tempo has passed.
    Tempo,
}

/// The clock of one subnet in the state of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatefulSchedule {
    /// The block whose state this is.
    pub at: u64,
    /// `Tempo`; 0 is never.
    pub tempo: u16,
    /// `LastEpochBlock`: the last slot that was used, skipped, or restarted by a change of the tempo.
    pub last_epoch: u64,
    /// `PendingEpochAt`; `None` where the chain has 0.
    pub pending_at: Option<u64>,
    /// `BlocksSinceLastStep`: blocks since an epoch succeeded.
    pub blocks_since_step: u64,
    /// Which safety net the runtime has.
    pub safety_net: SafetyNet,
}

impl StatefulSchedule {
    /// Why an epoch is due in this block, which comes after the one of this state; `None` where it is not, or does not.
    pub fn due(&self, block: u64) -> Option<DueReason> {
        if self.tempo == 0 || block <= self.at {
            return None;
        }
        if self.pending().is_some_and(|pending| block >= pending) {
            return Some(DueReason::Pending);
        }
        if self.blocks_since_step.saturating_add(block - self.at) > self.safety_net.limit(self.tempo) {
            return Some(DueReason::SafetyNet);
        }
        (block.saturating_sub(self.last_epoch) >= u64::from(self.tempo)).then_some(DueReason::Tempo)
    }

    /// The first block after this state in which an epoch is due; `None` for never. The cap can still defer it.
    pub fn next_due(&self) -> Option<u64> {
        let first = self.at.checked_add(1)?;
        // The count before the check in the first block is one more than in the state.
        let left = self.safety_net.limit(self.tempo).saturating_sub(self.blocks_since_step);
        let auto = self.last_epoch.checked_add(u64::from(self.tempo));
        let soonest = [auto, self.pending(), first.checked_add(left)].into_iter().flatten().min()?;
        (self.tempo > 0).then(|| soonest.max(first))
    }

    /// What the chain itself answers as the next epoch: the earlier of the tempo's end and a pending one, `None` where the
    /// tempo is 0. It can lie in the past, and knows neither the cap nor the safety net.
    pub fn next_start(&self) -> Option<u64> {
        let auto = self.last_epoch.saturating_add(u64::from(self.tempo));
        (self.tempo > 0).then(|| self.pending().map_or(auto, |pending| pending.min(auto)))
    }

    /// The first block after `block` in which an epoch is due, when each one until then succeeds at once and nothing else
    /// intervenes; `None` for never.
    pub fn next_after(&self, block: u64) -> Option<u64> {
        let next = self.next_due()?;
        if next > block {
            return Some(next);
        }
        let tempo = u64::from(self.tempo);
        next.checked_add(((block - next) / tempo + 1).checked_mul(tempo)?)
    }

    /// Blocks from `block` until the tempo has passed; `None` for never.
    pub fn blocks_until_auto(&self, block: u64) -> Option<u64> {
        let auto = self.last_epoch.saturating_add(u64::from(self.tempo));
        (self.tempo > 0).then(|| auto.saturating_sub(block))
    }

    /// Whether owners' changes are refused in this block because an epoch is near (`AdminFreezeWindow` blocks or fewer away).
    pub fn is_frozen(&self, block: u64, freeze_window: u64) -> bool {
        self.pending().is_some_and(|pending| pending > block)
            || self.blocks_until_auto(block).is_some_and(|left| left < freeze_window)
    }

    /// The epoch that this state lies in: from the last slot to the next due one. `None` where the tempo is 0.
    pub fn span(&self) -> Option<EpochSpan> {
        EpochSpan::new(self.last_epoch, self.next_due()?)
    }

    /// The chain's own word for none is 0.
    fn pending(&self) -> Option<u64> {
        self.pending_at.filter(|&pending| pending > 0)
    }
}
