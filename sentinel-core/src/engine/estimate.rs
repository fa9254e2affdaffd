//! What a run would do, without doing it.

use std::time::{Duration, Instant};

use futures::future;
use serde::Serialize;

use super::run::{Stored, load_parts, stored};
use super::state::State;
use super::{Engine, EngineError, Mode};
use crate::artifact::datasets::{Dataset, Window};
use crate::chain::{BlockId, Finality, NetUid};
use crate::subnet::epochs::discover;
use crate::subnet::netuids;

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Estimate {
    /// What it is for.
    pub mode: Mode,
    /// The first block.
    pub block_start: u64,
    /// The last block.
    pub block_end: u64,
    /// Windows to write.
    pub windows: u64,
    /// Windows whose artifacts are there.
    pub windows_there: u64,
    /// Blocks to read whole; none in the modes that read epochs.
    pub blocks: u64,
    /// Epochs to read, in the modes that read them.
    pub epochs: u64,
    /// Requests to the node, more or less.
    pub requests: u64,
    /// Seconds, more or less.
    pub seconds: f64,
}

/// Requests of one block among many: its body; its events and time. Hashes come in lists, and runtimes are few.
const PER_BLOCK: u64 = 2;
/// Blocks that are read at once to see how fast they come.
const PROBED: u64 = 32;
/// Of the list of subnets and their clocks at a block.
const PER_CLOCKS: u64 = 2;
/// Of everything about one subnet.
const PER_SUBNET: u64 = 6;
/// Of one epoch: its header, and two reads.
const PER_EPOCH: u64 = 4;

impl Engine {
    /// What the run would do: counts as the run itself makes them, time from one block read now. Writes nothing.
    ///
    /// # Errors
    /// As [`run`](Self::run); live runs have no end, so there is nothing to estimate.
    pub async fn estimate(&self) -> Result<Estimate, EngineError> {
        let Some(range) = self.job.range.clone() else {
            return Err(EngineError::Usage("a live run has no end, so there is nothing to estimate".to_owned()));
        };
        let (first, last) = (*range.start(), *range.end());
        let identity = self.source.identity().await.map_err(EngineError::Start)?;
        let head = self.source.head(Finality::Finalized).await.map_err(EngineError::Start)?;
        if last > head.number {
            return Err(EngineError::NotFinalized { last, head: head.number });
        }
        let state = State::new(std::sync::Arc::clone(&self.storage), self.job.folder()?);
        let mut estimate = Estimate {
            mode: self.job.mode,
            block_start: first,
            block_end: last,
            windows: 0,
            windows_there: 0,
            blocks: 0,
            epochs: 0,
            requests: 0,
            seconds: 0.0,
        };
        let subnets = self.subnets(last).await?;
        for window in Window::covering(range) {
            if !self.settings.force && stored(&state, &self.job, identity.genesis_hash, window).await? == Stored::Whole
            {
                estimate.windows_there += 1;
                continue;
            }
            estimate.windows += 1;
            let open = load_parts(&state, window).await?;
            if self.job.mode.reads_blocks() {
                let left = |block: &u64| self.job.considers(*block) && (self.settings.force || !open.covers(*block));
                estimate.blocks += window.blocks().filter(left).count() as u64;
            } else {
                for netuid in subnets.iter().filter(|netuid| netuid.0 != 0 && !open.subnets.contains(netuid)) {
                    let found = discover(&*self.source, *netuid, window.blocks()).await;
                    let found = found.map_err(|source| EngineError::Subnet { block: window.last(), source })?;
                    estimate.epochs +=
                        found.epochs.iter().filter(|epoch| self.job.considers(epoch.block)).count() as u64;
                }
            }
        }
        self.weigh(&mut estimate, subnets.len() as u64, last).await?;
        Ok(estimate)
    }

    async fn subnets(&self, at: u64) -> Result<Vec<NetUid>, EngineError> {
        let at = self.source.header(BlockId::Number(at)).await;
        let at = at.map_err(EngineError::Start)?.reference();
        let found = netuids(&*self.source, &at).await;
        let found = found.map_err(|source| EngineError::Subnet { block: at.number, source })?;
        Ok(found.into_iter().filter(|netuid| self.job.wants(*netuid)).collect())
    }

    /// Requests and time.
    async fn weigh(&self, estimate: &mut Estimate, subnets: u64, last: u64) -> Result<(), EngineError> {
        use Dataset::{Epochs, Hyperparameters, Neurons, Weights};
        let outputs = &self.job.outputs;
        let clocks = if outputs.has_any(&[Epochs, Hyperparameters, Neurons, Weights]) { PER_CLOCKS } else { 0 };
        let each = if outputs.has_any(&[Neurons, Weights]) { PER_SUBNET * subnets } else { 0 };
        estimate.requests = estimate.blocks * (PER_BLOCK + clocks + each) + estimate.epochs * (PER_EPOCH + 2);
        // Once before, so that connection and runtime are there.
        self.source.block(BlockId::Number(last)).await.map_err(EngineError::Start)?;
        let at_once = if self.settings.rate_limit.is_zero() { PROBED.min(self.settings.in_flight as u64) } else { 1 };
        let probed = (last + 1).saturating_sub(at_once)..=last;
        let requests = (probed.end() - probed.start() + 1) * PER_BLOCK;
        let began = Instant::now();
        let reads = probed.map(|number| self.source.block(BlockId::Number(number)));
        future::try_join_all(reads).await.map_err(EngineError::Start)?;
        let reading = began.elapsed().mul_f64(estimate.requests as f64 / requests as f64);
        let limited = self.settings.rate_limit.mul_f64(estimate.blocks as f64);
        let batches = estimate.epochs.div_ceil(self.settings.batch_size.max(1) as u64);
        let pauses = match self.job.mode {
            Mode::FastBackfill | Mode::ApyBackfill => self.settings.batch_delay.mul_f64(batches as f64),
            Mode::Live | Mode::Backfill => Duration::ZERO,
        };
        estimate.seconds = (reading.max(limited) + pauses).as_secs_f64();
        Ok(())
    }
}
