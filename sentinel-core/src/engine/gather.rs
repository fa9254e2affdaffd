//! Reads what a run wants of one block, and makes rows of it.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::patience::Failure;
use super::{Job, Mode};
use crate::artifact::ArtifactError;
use crate::artifact::datasets::{BlockReader, BlockRows, Dataset, EpochRow, HyperparameterRow, NeuronRow, WeightRow};
use crate::artifact::part::PartBuilder;
use crate::chain::epoch::{EpochSpan, SnapshotPlan};
use crate::chain::{BlockRef, NetUid};
use crate::source::{BlockSource, RawBlock};
use crate::subnet::epochs::{self, EpochClock};
use crate::subnet::metagraph::{self, Depth};
use crate::subnet::{hyperparameters, netuids, returns, weights};

/// The rows of one block, and the block.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) at: BlockRef,
    pub(super) rows: Rows,
    /// Its time.
    pub(super) timestamp_ms: Option<u64>,
    /// How long it took.
    pub(super) took: Duration,
    /// How large it is.
    pub(super) bytes: usize,
    /// The block itself, for detectors.
    pub(super) raw: Option<RawBlock>,
}

/// Consecutive blocks that were read together, and their rows as they are kept. What the order of blocks has no say in is
/// done before their turn comes.
pub(super) struct Sheaf {
    pub(super) blocks: Vec<BlockRef>,
    pub(super) part: PartBuilder,
    /// The time of the newest.
    pub(super) timestamp_ms: Option<u64>,
    /// How long each took.
    pub(super) took: Vec<Duration>,
}

impl Sheaf {
    /// Of blocks that are read for their own rows alone, each the child of the one before.
    pub(super) fn bind(gathered: impl IntoIterator<Item = Gathered>) -> Result<Self, ArtifactError> {
        let mut sheaf = Self { blocks: Vec::new(), part: PartBuilder::new(), timestamp_ms: None, took: Vec::new() };
        for block in gathered {
            sheaf.part.begin(block.at)?;
            if let Some(rows) = block.rows.of_block {
                sheaf.part.block_rows(rows)?;
            }
            sheaf.blocks.push(block.at);
            sheaf.timestamp_ms = block.timestamp_ms.or(sheaf.timestamp_ms);
            sheaf.took.push(block.took);
        }
        sheaf.part.make_tables()?;
        Ok(sheaf)
    }
}

/// Rows of one block.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) of_block: Option<BlockRows>,
    pub(super) hyperparameters: Vec<HyperparameterRow>,
    pub(super) neurons: Vec<NeuronRow>,
    pub(super) weights: Vec<WeightRow>,
    pub(super) epochs: Vec<EpochRow>,
}

/// What is read of the state of a block.
const STATE: [Dataset; 4] = [Dataset::Epochs, Dataset::Hyperparameters, Dataset::Neurons, Dataset::Weights];

/// Reads blocks for a job; several at once.
#[derive(Debug)]
pub(super) struct Gatherer {
    source: Arc<dyn BlockSource>,
    job: Arc<Job>,
    plan: SnapshotPlan,
    keep_raw: bool,
    /// Readers that nobody uses right now.
    readers: Mutex<Vec<BlockReader>>,
}

impl Gatherer {
    pub(super) fn new(source: Arc<dyn BlockSource>, job: Arc<Job>, plan: SnapshotPlan, keep_raw: bool) -> Self {
        Self { source, job, plan, keep_raw, readers: Mutex::default() }
    }

    /// The block at a height, as the source has it.
    pub(super) async fn at_height(&self, number: u64) -> Result<Gathered, Failure> {
        let began = Instant::now();
        let block = self.source.block(number.into()).await?;
        let gathered = self.block(block).await?;
        Ok(Gathered { took: began.elapsed(), ..gathered })
    }

    /// Whether blocks are of use to nobody once their rows are made.
    pub(super) fn makes_rows_only(&self) -> bool {
        self.reads_blocks_only() && !self.keep_raw
    }

    /// Whether a block is all that is read for its rows.
    pub(super) fn reads_blocks_only(&self) -> bool {
        !self.job.outputs.has_any(&STATE)
    }

    /// The blocks at consecutive heights, as the source has them.
    pub(super) async fn at_heights(&self, heights: RangeInclusive<u64>) -> Vec<Result<Gathered, Failure>> {
        let began = Instant::now();
        let blocks = self.source.blocks(heights).await;
        let mut all = Vec::with_capacity(blocks.len());
        for block in blocks {
            let gathered = match block {
                Ok(block) => self.block(block).await,
                Err(error) => Err(error.into()),
            };
            all.push(gathered.map(|gathered| Gathered { took: began.elapsed(), ..gathered }));
        }
        all
    }

    /// A block that is there already.
    pub(super) async fn block(&self, block: RawBlock) -> Result<Gathered, Failure> {
        let (at, timestamp_ms, began) = (block.reference(), block.timestamp_ms, Instant::now());
        let bytes = block.events.len() + block.extrinsics.iter().map(|extrinsic| extrinsic.len()).sum::<usize>();
        let mut rows = Rows::default();
        if self.job.outputs.has_any(&[Dataset::Blocks, Dataset::Extrinsics, Dataset::Events]) {
            rows.of_block = Some(self.rows_of(&block)?);
        }
        if self.reads_state(&at) {
            Box::pin(self.state(&at, block.timestamp_ms, &mut rows)).await?;
        }
        Ok(Gathered { at, rows, timestamp_ms, took: began.elapsed(), bytes, raw: self.keep_raw.then_some(block) })
    }

    fn rows_of(&self, block: &RawBlock) -> Result<BlockRows, Failure> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut reader = idle.unwrap_or_else(|| BlockReader::new(self.job.outputs.iter()));
        let rows = reader.read(block);
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        Ok(rows?)
    }

    /// The genesis is before all epochs, and has no time.
    fn reads_state(&self, at: &BlockRef) -> bool {
        at.number > 0 && self.job.outputs.has_any(&STATE)
    }

    async fn state(&self, at: &BlockRef, timestamp_ms: Option<u64>, rows: &mut Rows) -> Result<(), Failure> {
        use Dataset::{Epochs, Hyperparameters, Neurons, Weights};
        let outputs = &self.job.outputs;
        let source = &*self.source;
        let netuids: Vec<NetUid> =
            netuids(source, at).await?.into_iter().filter(|netuid| self.job.wants(*netuid)).collect();
        let clocks = epochs::clocks(source, at, &netuids).await?;
        if outputs.has(Epochs) {
            let ran: Vec<NetUid> = clocks
                .iter()
                .filter(|clock| clock.ran_here() && clock.netuid.0 != 0)
                .map(|clock| clock.netuid)
                .collect();
            rows.epochs = self.epochs(at, &ran).await?;
        }
        for clock in &clocks {
            let due = self.is_due(clock);
            let each = self.job.mode == Mode::Backfill;
            if due && outputs.has(Hyperparameters) {
                for subnet in hyperparameters::read(source, at, Some(clock.netuid)).await? {
                    rows.hyperparameters.extend(HyperparameterRow::of(&subnet, at, timestamp_ms));
                }
            }
            if !(due || each) {
                continue;
            }
            if outputs.has(Neurons) {
                let found = metagraph::read(source, at, clock.netuid, Depth::Full).await?;
                rows.neurons.extend(NeuronRow::of(&found, timestamp_ms));
            }
            if outputs.has(Weights) {
                let found = weights::read(source, at, clock.netuid).await?;
                rows.weights.extend(WeightRow::of(&found, timestamp_ms));
            }
        }
        Ok(())
    }

    /// Whether the block of this clock is one of the epoch's that are to be stored.
    fn is_due(&self, clock: &EpochClock) -> bool {
        let span = clock.next().and_then(|next| EpochSpan::new(clock.last_step, next));
        span.is_some_and(|span| self.plan.wants(clock.block, &span))
    }

    /// What the epochs that ran in this block gave.
    async fn epochs(&self, at: &BlockRef, ran: &[NetUid]) -> Result<Vec<EpochRow>, Failure> {
        if ran.is_empty() {
            return Ok(Vec::new());
        }
        let inputs = returns::inputs(&*self.source, at, ran, &[]).await?;
        let mut rows = EpochRow::of(&inputs);
        if !inputs.is_dynamic {
            for subnet in &inputs.subnets {
                let found = metagraph::read(&*self.source, at, subnet.clock.netuid, Depth::Lite).await?;
                rows.extend(EpochRow::of_metagraph(&found, &inputs, subnet));
            }
        }
        Ok(rows)
    }

    /// The subnets that are wanted and were there at either of two blocks.
    pub(super) async fn subnets(&self, first: &BlockRef, last: &BlockRef) -> Result<BTreeSet<NetUid>, Failure> {
        let mut found = BTreeSet::new();
        for at in [first, last] {
            found.extend(netuids(&*self.source, at).await?);
        }
        found.retain(|netuid| self.job.wants(*netuid));
        Ok(found)
    }
}
