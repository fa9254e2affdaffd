//! Where the epochs of subnets are: the clocks that the state keeps, and the epochs of a range of blocks.

mod discover;

use crate::apy::Generation;
use crate::chain::epoch::{EpochSpan, ModuloSchedule, Rule, SafetyNet, Schedule, StatefulSchedule};
use crate::chain::{BlockRef, NetUid};
use crate::decode::Runtime;
use crate::source::{BlockSource, BlockSourceExt};
use crate::subnet::SubnetError;
use crate::subnet::state::{Place, Reads, Values};

pub use discover::{Epoch, EpochHistory, discover};

/// The clock of one subnet in the state of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochClock {
    /// The subnet.
    pub netuid: NetUid,
    /// The block whose state it is.
    pub block: u64,
    /// Whether there is such a subnet. What else is here may then be left over from an earlier one of that number.
    pub exists: bool,
    /// By which rule its epochs are due.
    pub rule: Rule,
    /// Blocks of an epoch; 0 for never.
    pub tempo: u16,
    /// The block of its last epoch that paid; 0 for none.
    pub last_step: u64,
    /// Blocks since then, as the chain counts them.
    pub blocks_since_step: u64,
    /// The block of its last slot, whether that paid, was skipped, or was moved by a change of the tempo; since 423.
    pub last_epoch: Option<u64>,
    /// From which block on an epoch waits that was triggered or deferred; since 423.
    pub pending_at: Option<u64>,
    /// Slots so far; since 423.
    pub index: Option<u64>,
    /// Which subnet the number means.
    pub generation: Generation,
}

impl EpochClock {
    /// Whether an epoch ran in this very block.
    pub fn ran_here(&self) -> bool {
        self.exists && self.last_step == self.block && self.block > 0
    }

    /// The block of the last epoch that paid the subnet that is there now; `None` where none has yet. What the state has from
    /// an earlier subnet of this number, or from the chain that a development chain was begun with, is none of its own.
    pub fn last_own_step(&self) -> Option<u64> {
        let own = self.exists && self.last_step > 0 && self.last_step <= self.block;
        let registered = self.generation.registered_at;
        (own && (registered == 0 || registered > self.block || self.last_step > registered)).then_some(self.last_step)
    }

    /// When epochs are due from here on.
    pub fn schedule(&self) -> Schedule {
        match (self.rule, self.last_epoch) {
            (Rule::Stateful, Some(last_epoch)) => Schedule::Stateful(StatefulSchedule {
                at: self.block,
                tempo: self.tempo,
                last_epoch,
                pending_at: self.pending_at,
                blocks_since_step: self.blocks_since_step,
                safety_net: SafetyNet::default(),
            }),
            _ => Schedule::Modulo(ModuloSchedule { netuid: self.netuid, tempo: self.tempo }),
        }
    }

    /// The epoch that this block lies in, from the last one to the next that is due when nothing intervenes: what a
    /// [`SnapshotPlan`](crate::chain::epoch::SnapshotPlan) asks of a block as it comes. `None` for root, and for a tempo of 0.
    pub fn span(&self) -> Option<EpochSpan> {
        (self.exists && self.netuid.0 != 0).then(|| self.schedule().span(self.block)).flatten()
    }

    /// The block in which the next epoch is due when nothing intervenes; `None` for never, and for root.
    pub fn next(&self) -> Option<u64> {
        (self.exists && self.netuid.0 != 0).then(|| self.schedule().next_after(self.block)).flatten()
    }
}

/// The clocks of these subnets in the state of a block, in one read of storage.
///
/// ```no_run
/// # async fn run(source: &dyn sentinel_core::source::BlockSource) -> Result<(), Box<dyn std::error::Error>> {
/// use sentinel_core::chain::{Finality, NetUid};
/// use sentinel_core::subnet::epochs;
///
/// let head = source.head(Finality::Finalized).await?;
/// for clock in epochs::clocks(source, &head, &[NetUid(1), NetUid(2)]).await? {
///     println!("subnet {}: last epoch {}, next {:?}", clock.netuid, clock.last_step, clock.next());
/// }
/// # Ok(())
/// # }
/// ```
pub async fn clocks(
    source: &dyn BlockSource,
    at: &BlockRef,
    netuids: &[NetUid],
) -> Result<Vec<EpochClock>, SubnetError> {
    let runtime = source.writer(at).await?;
    let mut reads = Reads::new(&runtime);
    let places: Vec<ClockPlaces> =
        netuids.iter().map(|netuid| ClockPlaces::add(&mut reads, &runtime, *netuid)).collect();
    let values = reads.read(source, at).await?;
    places.iter().map(|places| places.clock(&values, at.number)).collect()
}

/// Where the values of one clock will be.
#[derive(Debug)]
pub(in crate::subnet) struct ClockPlaces {
    netuid: NetUid,
    rule: Rule,
    added: Place,
    tempo: Place,
    last_step: Place,
    since: Place,
    last_epoch: Place,
    pending_at: Place,
    index: Place,
    registered_at: Place,
    counter: Place,
}

impl ClockPlaces {
    pub(in crate::subnet) fn add(reads: &mut Reads<'_>, runtime: &Runtime, netuid: NetUid) -> Self {
        let key = netuid.0.to_le_bytes();
        let mut of = |item: &str| reads.add(item, &[&key]);
        Self {
            netuid,
            rule: Rule::by_storage(runtime.storage_item("SubtensorModule", "LastEpochBlock").is_some()),
            added: of("NetworksAdded"),
            tempo: of("Tempo"),
            last_step: of("LastMechansimStepBlock"),
            since: of("BlocksSinceLastStep"),
            last_epoch: of("LastEpochBlock"),
            pending_at: of("PendingEpochAt"),
            index: of("SubnetEpochIndex"),
            registered_at: of("NetworkRegisteredAt"),
            counter: of("RegisteredSubnetCounter"),
        }
    }

    pub(in crate::subnet) fn clock(&self, values: &Values<'_>, block: u64) -> Result<EpochClock, SubnetError> {
        Ok(EpochClock {
            netuid: self.netuid,
            block,
            exists: values.flag(self.added)? == Some(true),
            rule: self.rule,
            tempo: values.u16(self.tempo)?.unwrap_or_default(),
            last_step: values.u64(self.last_step)?.unwrap_or_default(),
            blocks_since_step: values.u64(self.since)?.unwrap_or_default(),
            last_epoch: values.u64(self.last_epoch)?,
            // The chain has 0 for none.
            pending_at: values.u64(self.pending_at)?.filter(|block| *block > 0),
            index: values.u64(self.index)?,
            generation: Generation {
                registered_at: values.u64(self.registered_at)?.unwrap_or_default(),
                counter: values.u64(self.counter)?,
            },
        })
    }
}
