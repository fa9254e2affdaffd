//! What one block does with the clocks of all subnets, from runtime 423.

use super::{DueReason, SafetyNet, StatefulSchedule};
use crate::chain::NetUid;

/// The schedule's storage of one subnet, as a block leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetClock {
    /// The subnet.
    pub netuid: NetUid,
    /// `Tempo`.
    pub tempo: u16,
    /// `LastEpochBlock`.
    pub last_epoch: u64,
    /// `PendingEpochAt`; `None` where the chain has 0.
    pub pending_at: Option<u64>,
    /// `BlocksSinceLastStep`.
    pub blocks_since_step: u64,
    /// `SubnetEpochIndex`.
    pub epoch_index: u64,
    /// `LastMechansimStepBlock`: where it is the block itself, an epoch ran.
    pub last_step: u64,
}

/// What happened to a subnet whose epoch was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WalkOutcome {
    /// The epoch ran, and paid what was pending.
    Ran,
    /// The slot was used up and nothing was paid: two neurons had the same hotkey (`EpochSkipped`).
    Skipped,
    /// The block had run as many as it may (`EpochDeferred`).
    Deferred {
        /// The block in which it is due again.
        to: u64,
    },
}

/// A subnet whose epoch was due in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WalkStep {
    /// The subnet.
    pub netuid: NetUid,
    /// Why it was due.
    pub reason: DueReason,
    /// What happened.
    pub outcome: WalkOutcome,
}

/// Why the chain refuses an owner's trigger; a rate limit and commit-reveal can refuse it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TriggerRefused {
    /// `EpochTriggerAlreadyPending`.
    #[error("an epoch of subnet {netuid} is pending already, at block {at}; wait until it has run")]
    AlreadyPending {
        /// The subnet.
        netuid: NetUid,
        /// When it is due.
        at: u64,
    },
    /// `AutoEpochAlreadyImminent`.
    #[error("the next epoch of subnet {netuid} is {left} blocks away, less than a trigger takes; wait for it")]
    Imminent {
        /// The subnet.
        netuid: NetUid,
        /// Blocks until it is due.
        left: u64,
    },
}

/// The order in which a block looks at subnets: that of their keys in storage, which are little-endian.
pub fn walk_order(netuid: NetUid) -> u16 {
    netuid.0.swap_bytes()
}

/// The rules of a runtime for the epochs of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockWalk {
    /// `MaxEpochsPerBlock`.
    pub cap: u32,
    /// Which safety net the runtime has.
    pub safety_net: SafetyNet,
}

impl Default for BlockWalk {
    /// Two epochs a block, as on finney.
    fn default() -> Self {
        Self { cap: 2, safety_net: SafetyNet::MaxTempo }
    }
}

impl BlockWalk {
    /// Runs one block over all subnets: the clocks change as the chain's do, and each subnet that was due is told, in the
    /// order in which the chain looked at them. `skips` says whether an epoch of that subnet would be skipped.
    ///
    /// A skipped epoch does not count against the cap. Root has no epochs.
    pub fn run(&self, block: u64, clocks: &mut [SubnetClock], mut skips: impl FnMut(NetUid) -> bool) -> Vec<WalkStep> {
        let mut order: Vec<&mut SubnetClock> = clocks.iter_mut().filter(|clock| clock.netuid.0 != 0).collect();
        order.sort_unstable_by_key(|clock| walk_order(clock.netuid));
        let (mut ran, mut steps) = (0, Vec::new());
        for clock in order {
            let due = clock.schedule(block.saturating_sub(1), self.safety_net).due(block);
            clock.count(self.safety_net);
            let Some(reason) = due else { continue };
            let outcome = if ran >= self.cap {
                let to = block.saturating_add(1);
                clock.pending_at = Some(to);
                WalkOutcome::Deferred { to }
            } else if skips(clock.netuid) {
                clock.use_slot(block);
                WalkOutcome::Skipped
            } else {
                ran += 1;
                clock.blocks_since_step = 0;
                clock.last_step = block;
                clock.use_slot(block);
                WalkOutcome::Ran
            };
            steps.push(WalkStep { netuid: clock.netuid, reason, outcome });
        }
        steps
    }
}

impl SubnetClock {
    /// The clock of a subnet that is registered in this block: staggered by its number.
    pub fn registered(netuid: NetUid, tempo: u16, block: u64) -> Self {
        let stagger = if tempo == 0 { 0 } else { u64::from(netuid.0 % tempo) };
        let last_epoch = block.saturating_sub(stagger);
        Self { netuid, tempo, last_epoch, pending_at: None, blocks_since_step: 0, epoch_index: 0, last_step: 0 }
    }

    /// The schedule of this clock, in the state of this block.
    pub fn schedule(&self, at: u64, safety_net: SafetyNet) -> StatefulSchedule {
        StatefulSchedule {
            at,
            tempo: self.tempo,
            last_epoch: self.last_epoch,
            pending_at: self.pending_at,
            blocks_since_step: self.blocks_since_step,
            safety_net,
        }
    }

    /// Whether an epoch ran in this block, whose state this is.
    pub fn ran_in(&self, block: u64) -> bool {
        self.last_step == block
    }

    /// A change of the tempo in this block: the cycle starts anew, so that the next epoch is a full new tempo away.
    pub fn set_tempo(&mut self, tempo: u16, block: u64) {
        self.tempo = tempo;
        self.last_epoch = block;
    }

    /// An owner's trigger in this block; the answer is the block in which the epoch is then due.
    ///
    /// # Errors
    /// Where the chain refuses it by its schedule.
    pub fn trigger(&mut self, block: u64, freeze_window: u64) -> Result<u64, TriggerRefused> {
        let netuid = self.netuid;
        if let Some(at) = self.pending_at.filter(|&at| at > 0) {
            return Err(TriggerRefused::AlreadyPending { netuid, at });
        }
        let left = self.schedule(block, SafetyNet::default()).blocks_until_auto(block);
        if let Some(left) = left.filter(|&left| left < freeze_window) {
            return Err(TriggerRefused::Imminent { netuid, left });
        }
        let at = block.saturating_add(freeze_window);
        self.pending_at = Some(at);
        Ok(at)
    }

    fn count(&mut self, safety_net: SafetyNet) {
        self.blocks_since_step = self.blocks_since_step.saturating_add(1);
        if safety_net == SafetyNet::Tempo {
            self.blocks_since_step = self.blocks_since_step.min(u64::from(self.tempo) + 1);
        }
    }

    fn use_slot(&mut self, block: u64) {
        self.last_epoch = block;
        self.pending_at = None;
        self.epoch_index = self.epoch_index.saturating_add(1);
    }
}
