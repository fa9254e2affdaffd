//! How a simulated network is described.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::SimSource;
use super::action::Action;
use super::codec::Codec;
use super::follow::Clock;
use super::plan::Plan;
use super::timeline::Timeline;
use crate::source::SourceError;

/// Seed of the network that `--network sim` means.
const SEED: u64 = 461;
/// 2026-01-01 00:00:00 UTC in milliseconds.
const GENESIS_MS: u64 = 1_767_225_600_000;
/// Blocks of three days.
const HEAD: u64 = 21_600;

/// Describes a simulated network; every description gives one chain, the same in every process.
///
/// Without further words: 3 subnets with 16 uids besides the root, a tempo of 360 blocks, blocks of 12 s, no head but
/// the genesis, no clock, and a few extrinsics in every block.
///
/// ```
/// # use sentinel_core::source::{SimAction, SimSource};
/// let sim = SimSource::builder()
///     .seed(7)
///     .subnets(64)
///     .uids(128)
///     .head(1_000)
///     .at(900, SimAction::Dissolve { netuid: 5 })
///     .build()?;
/// # Ok::<(), sentinel_core::source::SourceError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SimBuilder {
    plan: Plan,
    head: u64,
    interval: Option<Duration>,
}

impl Default for SimBuilder {
    fn default() -> Self {
        let plan = Plan {
            seed: SEED,
            subnets: 3,
            uids: 16,
            tempo: 360,
            max_epochs: 2,
            block_time_ms: 12_000,
            genesis_time_ms: GENESIS_MS,
            traffic: 30,
            missed_slots: 0,
            script: Default::default(),
        };
        Self { plan, head: 0, interval: None }
    }
}

impl SimBuilder {
    /// The network of [`SimSource::default_network`], to be varied.
    pub fn default_network() -> Self {
        let mut builder = Self::default().subnets(8).uids(64).head(HEAD).interval(Some(Duration::from_secs(12)));
        for (block, action) in story() {
            builder = builder.at(block, action);
        }
        builder
    }

    /// What all chance comes from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.plan.seed = seed;
        self
    }

    /// Subnets besides the root, at most 4,095.
    pub fn subnets(mut self, subnets: u16) -> Self {
        self.plan.subnets = subnets.min(4_095);
        self
    }

    /// Neurons in each subnet, at most 4,096 and at least 4.
    pub fn uids(mut self, uids: u16) -> Self {
        self.plan.uids = uids.clamp(4, 4_096);
        self
    }

    /// Blocks between epochs.
    pub fn tempo(mut self, tempo: u16) -> Self {
        self.plan.tempo = tempo;
        self
    }

    /// Epochs that may run in a block (`MaxEpochsPerBlock`).
    pub fn max_epochs_per_block(mut self, cap: u8) -> Self {
        self.plan.max_epochs = cap;
        self
    }

    /// Milliseconds between blocks of the chain, by its own time.
    pub fn block_time_ms(mut self, ms: u64) -> Self {
        self.plan.block_time_ms = ms.max(1);
        self
    }

    /// The chain's time before its first block, in milliseconds since 1970.
    pub fn genesis_time_ms(mut self, ms: u64) -> Self {
        self.plan.genesis_time_ms = ms;
        self
    }

    /// Extrinsics per block that nobody asked for, on average in tenths: 0 leaves only validators at work and the script.
    pub fn traffic(mut self, tenths: u64) -> Self {
        self.plan.traffic = tenths;
        self
    }

    /// So many slots in a thousand have no author, so that twice the block time passes.
    pub fn missed_slots(mut self, per_mille: u64) -> Self {
        self.plan.missed_slots = per_mille.min(1_000);
        self
    }

    /// The newest block at the start.
    pub fn head(mut self, number: u64) -> Self {
        self.head = number;
        self
    }

    /// Time between new blocks, by the clock of this machine; none: [`advance`](SimSource::advance) alone makes blocks.
    pub fn interval(mut self, interval: Option<Duration>) -> Self {
        self.interval = interval;
        self
    }

    /// Something that happens in block `number`, after what was said before for the same block.
    pub fn at(mut self, number: u64, action: Action) -> Self {
        self.plan.script.entry(number).or_default().push(action);
        self
    }

    /// The network.
    ///
    /// # Errors
    /// Where the built-in metadata cannot be used, which is a fault of this library.
    pub fn build(self) -> Result<SimSource, SourceError> {
        let timeline = Timeline::new(Arc::new(self.plan), Codec::shared()?);
        Ok(SimSource {
            timeline: Arc::new(Mutex::new(timeline)),
            clock: Arc::new(Clock::new(self.head, self.interval)),
        })
    }
}

/// What happens on the default network within its three days.
fn story() -> Vec<(u64, Action)> {
    let cap = |cap| Action::SetMaxEpochsPerBlock { cap };
    let tempo = |netuid, tempo| Action::SetTempo { netuid, tempo };
    vec![
        (2_000, Action::SetTake { netuid: 1, uid: 0, take: 6_553 }),
        (3_000, Action::SwapHotkey { netuid: 2, uid: 1, everywhere: false }),
        (4_000, Action::TriggerEpoch { netuid: 4 }),
        (4_500, Action::SkipEpoch { netuid: 5 }),
        // Three subnets in step, and room for one of them at a time.
        (6_000, tempo(1, 360)),
        (6_000, tempo(4, 360)),
        (6_000, tempo(7, 360)),
        (6_100, cap(1)),
        (7_400, cap(2)),
        (8_000, Action::SwapHotkey { netuid: 6, uid: 3, everywhere: true }),
        (9_000, Action::Dissolve { netuid: 8 }),
        (9_300, Action::RegisterNetwork),
        (11_000, Action::EmptyPool { netuid: 7, uid: 8 }),
        (12_000, Action::SwapColdkey { netuid: 1, uid: 4 }),
        (14_000, tempo(5, 720)),
        (15_000, Action::SetChild { netuid: 1, uid: 0, child: 1, proportion: u64::MAX / 4 }),
        (16_000, Action::Replace { netuid: 3, uid: 40 }),
        (17_000, Action::SetHyperparameter { netuid: 2, name: "Kappa", raw: 40_000 }),
        (18_000, Action::SetHyperparameter { netuid: 6, name: "SubnetEmissionEnabled", raw: 0 }),
        (21_400, Action::AddStake { netuid: 1, uid: 0, tao: 5_000_000_000_000 }),
    ]
}
