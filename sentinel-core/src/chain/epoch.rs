//! When subnets run their epochs: the two schedule rules, with no I/O.
//!
//! Until runtime 422 an epoch was a matter of arithmetic on the block number ([`ModuloSchedule`]); since 423 the chain
//! keeps a clock for each subnet ([`StatefulSchedule`]), which skips, deferrals, triggers and changes of the tempo move
//! ([`BlockWalk`] replays what one block does with all of them). [`Rule`] tells which of the two a runtime has.
//!
//! A schedule says when an epoch is *due*. That one *ran* in block `b` is proved only by the state of `b`:
//! `LastMechansimStepBlock == b` (the chain spells it so).
//!
//! ```
//! use sentinel_core::chain::NetUid;
//! use sentinel_core::chain::epoch::{EpochPosition, ModuloSchedule, SnapshotPlan};
//!
//! let schedule = ModuloSchedule { netuid: NetUid(1), tempo: 360 };
//! assert_eq!(schedule.next_after(0), Some(358));
//! let epoch = schedule.span(400).ok_or("no epoch yet")?;
//! assert_eq!((epoch.start(), epoch.next()), (358, 719));
//! assert_eq!(epoch.position(718), Some(EpochPosition::End));
//!
//! let plan: SnapshotPlan = "0, 120, 240, end".parse()?;
//! assert_eq!(plan.blocks(&epoch).collect::<Vec<_>>(), [358, 478, 598, 718]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod modulo;
mod snapshot;
mod span;
mod stateful;
mod walk;

pub use modulo::ModuloSchedule;
pub use snapshot::{ParseSnapshotPlanError, SnapshotPlan};
pub use span::{EpochPosition, EpochSpan};
pub use stateful::{DueReason, MAX_TEMPO, SafetyNet, StatefulSchedule};
pub use walk::{BlockWalk, SubnetClock, TriggerRefused, WalkOutcome, WalkStep, walk_order};

/// Which of the two rules decides when an epoch is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// To runtime 422: by the block number alone.
    Modulo,
    /// From runtime 423: by the clock that the state keeps for each subnet.
    Stateful,
}

impl Rule {
    /// The rule of a runtime, by whether its `SubtensorModule` has the storage item `LastEpochBlock`.
    pub fn by_storage(has_last_epoch_block: bool) -> Self {
        if has_last_epoch_block { Self::Stateful } else { Self::Modulo }
    }

    /// Blocks from one epoch to the next when nothing intervenes; `None` where the tempo is 0, which means never.
    pub fn period(self, tempo: u16) -> Option<u64> {
        let period = match self {
            Self::Modulo => u64::from(tempo) + 1,
            Self::Stateful => u64::from(tempo),
        };
        (tempo > 0).then_some(period)
    }
}

/// The schedule of one subnet, by whichever rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// By the block number.
    Modulo(ModuloSchedule),
    /// By the clock in the state of a block.
    Stateful(StatefulSchedule),
}

impl Schedule {
    /// Whether an epoch is due in this block. The stateful rule knows blocks after the one whose state it is from, and
    /// takes it that nothing intervenes until then.
    pub fn is_due(&self, block: u64) -> bool {
        match self {
            Self::Modulo(schedule) => schedule.is_due(block),
            Self::Stateful(schedule) => {
                block > schedule.at && schedule.next_after(block - 1).is_some_and(|next| next == block)
            }
        }
    }

    /// The first block after this one in which an epoch is due when nothing intervenes; `None` for never. A cap on the
    /// epochs of a block can move it.
    pub fn next_after(&self, block: u64) -> Option<u64> {
        match self {
            Self::Modulo(schedule) => schedule.next_after(block),
            Self::Stateful(schedule) => schedule.next_after(block),
        }
    }

    /// The epoch that this block lies in; `None` where the tempo is 0. The stateful rule knows that of the block whose state
    /// it is from, which begins with the last slot of its clock.
    pub fn span(&self, block: u64) -> Option<EpochSpan> {
        match self {
            Self::Modulo(schedule) => schedule.span(block),
            Self::Stateful(schedule) => schedule.span().filter(|_| block == schedule.at),
        }
    }

    /// Blocks from one epoch to the next; `None` where the tempo is 0.
    pub fn period(&self) -> Option<u64> {
        match self {
            Self::Modulo(schedule) => Rule::Modulo.period(schedule.tempo),
            Self::Stateful(schedule) => Rule::Stateful.period(schedule.tempo),
        }
    }
}
