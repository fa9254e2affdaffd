//! Runs over epochs: what each one gave, and what stakers earned in each window, subnet by subnet.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::metrics::counter;
use futures::stream::{self, StreamExt};

use super::gaps::expected;
use super::patience::{Failure, Outcome};
use super::run::{Run, Stored, load_parts, stored};
use super::state::PartOf;
use super::{EngineError, Head, Job, Mode};
use crate::artifact::ArtifactError;
use crate::artifact::datasets::{ApyRow, Dataset, EpochRow, NeuronRow, Window};
use crate::artifact::part::{Part, PartBuilder};
use crate::chain::{BlockId, BlockRef, NetUid};
use crate::metrics;
use crate::source::BlockSource;
use crate::subnet::SubnetError;
use crate::subnet::epochs::{clocks, discover};
use crate::subnet::metagraph::{self, Depth};
use crate::subnet::returns::{self, BlockInputs, Span};

/// Subnets read at once: by a run that is gentle, and by one that is not.
const FEW: usize = 2;
const MANY: usize = 8;

/// The epochs of one subnet in one window.
struct Unit {
    part: Part,
    epochs: u64,
}

/// What a batch is made of.
struct Planned {
    netuid: NetUid,
    /// How many epochs its tempo lets expect.
    expected: u64,
}

/// Every window of the range, in order; in each, the subnets in batches.
pub(super) async fn backfill(run: &mut Run, first: u64, last: u64, head: Head) -> Result<(), EngineError> {
    let head = head.await?;
    if last > head.number {
        return Err(EngineError::NotFinalized { last, head: head.number });
    }
    let genesis = run.identity.genesis_hash;
    let parts = run.state.windows().await?;
    for window in Window::covering(first..=last) {
        if run.is_stopped() {
            return Ok(());
        }
        if !run.settings.force && stored(&run.state, &run.job, genesis, window).await? == Stored::Whole {
            // A run that was killed right after its manifest left them.
            if parts.contains(&(window.first(), window.last())) {
                run.state.drop_parts(window).await?;
            }
            run.report.windows_skipped += 1;
            continue;
        }
        fill(run, window).await?;
    }
    Ok(())
}

async fn fill(run: &mut Run, window: Window) -> Result<(), EngineError> {
    let mut open =
        if run.settings.force { super::run::OpenWindow::new(window) } else { load_parts(&run.state, window).await? };
    let (source, gatherer) = (Arc::clone(&run.source), Arc::clone(&run.gatherer));
    let ends = run.read(window.last(), || async {
        let first = pinned(&*source, window.first().max(1)).await?;
        let last = pinned(&*source, window.last()).await?;
        let subnets = gatherer.subnets(&first, &last).await?;
        Ok((last, subnets))
    });
    let Some((last, wanted)) = ends.await? else { return Ok(()) };
    let left: Vec<NetUid> = wanted.iter().copied().filter(|netuid| !open.subnets.contains(netuid)).collect();
    run.report.skipped += (wanted.len() - left.len()) as u64;
    run.meter.found((wanted.len() - left.len()) as u64);
    run.meter.expect(wanted.len() as u64);
    let planned = run.read(window.last(), || planned(&*source, &last, window, &left)).await?;
    let Some(planned) = planned else { return Ok(()) };
    let at_once = if run.job.mode == Mode::FastBackfill { FEW } else { MANY };
    let of_each: BTreeMap<NetUid, u64> = planned.iter().map(|one| (one.netuid, one.expected)).collect();
    of_each.iter().for_each(|(netuid, epochs)| run.missing.more(*netuid, *epochs));
    let batches = batches(&planned, run.settings.batch_size);
    let count = batches.len();
    let mut whole = true;
    for (position, batch) in batches.into_iter().enumerate() {
        let (source, job, patience) = (Arc::clone(&source), Arc::clone(&run.job), Arc::clone(&run.patience));
        let mut units = stream::iter(batch)
            .map(|netuid| {
                let (source, job, patience) = (Arc::clone(&source), Arc::clone(&job), Arc::clone(&patience));
                let work =
                    async move { patience.attempt(window.last(), || unit(&*source, &job, window, last, netuid)).await };
                async move { (netuid, tokio::spawn(work).await) }
            })
            .buffered(at_once);
        while let Some((netuid, unit)) = units.next().await {
            let unit = match unit.map_err(|_| EngineError::Internal { block: window.last() })? {
                Ok(unit) => unit,
                Err(Outcome::Stopped) => return Ok(()),
                Err(Outcome::Stop(error)) => return Err(error),
                // The window stays open: the next run tries this subnet again.
                Err(Outcome::Poison { tries, error }) => {
                    tracing::error!(%netuid, %window, tries, %error, "a subnet cannot be read and is left out");
                    run.report.failed.push(format!("subnet {netuid}, blocks {window}: {error}"));
                    whole = false;
                    continue;
                }
            };
            run.still_ours().await?;
            run.state.keep(window, &PartOf::Subnet(netuid), unit.part.encode()?).await?;
            run.missing.fewer(netuid, of_each.get(&netuid).copied().unwrap_or_default());
            run.report.epochs += unit.epochs;
            counter!(metrics::EPOCHS).increment(unit.epochs);
            run.meter.did(1, window.last());
            run.tell();
            open.parts.push(unit.part);
            open.subnets.insert(netuid);
            if run.is_stopped() {
                return Ok(());
            }
        }
        drop(units);
        if position + 1 < count {
            run.pause().await;
        }
    }
    if !whole {
        return Ok(());
    }
    run.sealed(0).await?;
    run.seal(window, open.parts, None).await
}

/// One part of those of all subnets: a block that several had an epoch in stands in each of them, with other rows.
pub(super) fn merged(parts: &[Part]) -> Result<Part, ArtifactError> {
    let mut all = Told::default();
    for part in parts {
        part.blocks().iter().for_each(|at| all.begin(*at));
        all.epochs(part.rows()?);
        all.neurons(part.rows()?);
        all.apy(part.rows()?);
    }
    all.part()
}

/// How many epochs each subnet may have in the window.
async fn planned(
    source: &dyn BlockSource,
    at: &BlockRef,
    window: Window,
    netuids: &[NetUid],
) -> Result<Vec<Planned>, Failure> {
    let length = window.last() - window.first() + 1;
    let clocks = clocks(source, at, netuids).await?;
    Ok(clocks.iter().map(|clock| Planned { netuid: clock.netuid, expected: expected(clock, length) }).collect())
}

/// Groups of at least one subnet and, beyond that, of at most so many epochs.
fn batches(planned: &[Planned], size: usize) -> Vec<Vec<NetUid>> {
    let mut batches: Vec<Vec<NetUid>> = Vec::new();
    let mut epochs = 0;
    for one in planned {
        match batches.last_mut().filter(|_| epochs + one.expected <= size as u64) {
            Some(batch) => {
                batch.push(one.netuid);
                epochs += one.expected;
            }
            None => {
                batches.push(vec![one.netuid]);
                epochs = one.expected;
            }
        }
    }
    batches
}

/// Everything that is wanted of one subnet in one window.
async fn unit(
    source: &dyn BlockSource,
    job: &Job,
    window: Window,
    last: BlockRef,
    netuid: NetUid,
) -> Result<Unit, Failure> {
    let mut told = Told::default();
    let read = returned(source, job, window, last, netuid, &mut told).await?;
    let wanted = |block: &&BlockInputs| {
        let ran = block.subnets.iter().any(|subnet| subnet.clock.ran_here());
        ran && window.blocks().contains(&block.at.number) && job.considers(block.at.number)
    };
    let mut epochs = 0;
    for block in read.iter().filter(wanted) {
        epochs += 1;
        told.begin(block.at);
        let mut rows = EpochRow::of(block);
        let of_old = job.outputs.has(Dataset::Epochs) && !block.is_dynamic;
        if of_old || job.outputs.has(Dataset::Neurons) {
            let found = metagraph::read(source, &block.at, netuid, Depth::Lite).await?;
            if of_old {
                rows.extend(block.subnets.iter().flat_map(|subnet| EpochRow::of_metagraph(&found, block, subnet)));
            }
            if job.outputs.has(Dataset::Neurons) {
                told.neurons(NeuronRow::of(&found, Some(block.timestamp_ms)));
            }
        }
        if job.outputs.has(Dataset::Epochs) {
            told.epochs(rows);
        }
    }
    Ok(Unit { part: told.part()?, epochs })
}

/// The blocks of a subnet in which something was read, and what its stakers earned in the window.
async fn returned(
    source: &dyn BlockSource,
    job: &Job,
    window: Window,
    last: BlockRef,
    netuid: NetUid,
    told: &mut Told,
) -> Result<Vec<BlockInputs>, Failure> {
    let length = (window.last() + 1).saturating_sub(window.first().max(2)).max(1);
    match returns::window(source, &last, netuid, Span::Blocks(length), &mut |_| {}).await {
        Ok(returns) => {
            if job.outputs.has(Dataset::Apy) {
                let end = if returns.last == last.number { last } else { pinned(source, returns.last).await? };
                told.begin(end);
                told.apy(ApyRow::of(&returns));
            }
            Ok(returns.read)
        }
        // It began or ended inside the window: its epochs are there, and no window of returns.
        Err(SubnetError::NoSuchSubnet { .. } | SubnetError::NotYet { .. } | SubnetError::WindowTooLong { .. }) => {
            let mut read = Vec::new();
            for epoch in discover(source, netuid, window.blocks()).await?.epochs {
                let at = pinned(source, epoch.block).await?;
                read.push(returns::inputs(source, &at, &[netuid], &[]).await?);
            }
            Ok(read)
        }
        Err(error) => Err(error.into()),
    }
}

/// Rows by their blocks.
#[derive(Debug, Default)]
struct Told(BTreeMap<u64, OfBlock>);

#[derive(Debug)]
struct OfBlock {
    at: BlockRef,
    epochs: Vec<EpochRow>,
    neurons: Vec<NeuronRow>,
    apy: Vec<ApyRow>,
}

impl Told {
    /// Rows of this block may follow.
    fn begin(&mut self, at: BlockRef) {
        let new = OfBlock { at, epochs: Vec::new(), neurons: Vec::new(), apy: Vec::new() };
        self.0.entry(at.number).or_insert(new);
    }

    fn epochs(&mut self, rows: Vec<EpochRow>) {
        for row in rows {
            self.0.entry(row.block).and_modify(|block| block.epochs.push(row));
        }
    }

    fn neurons(&mut self, rows: Vec<NeuronRow>) {
        for row in rows {
            self.0.entry(row.block).and_modify(|block| block.neurons.push(row));
        }
    }

    fn apy(&mut self, rows: Vec<ApyRow>) {
        for row in rows {
            self.0.entry(row.block_end).and_modify(|block| block.apy.push(row));
        }
    }

    fn part(self) -> Result<Part, ArtifactError> {
        let mut part = PartBuilder::new();
        for block in self.0.into_values() {
            part.begin(block.at)?;
            part.rows(block.epochs)?;
            part.rows(block.neurons)?;
            part.rows(block.apy)?;
        }
        part.finish()
    }
}

async fn pinned(source: &dyn BlockSource, block: u64) -> Result<BlockRef, Failure> {
    Ok(source.header(BlockId::Number(block)).await?.reference())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_a_subnet_and_no_more_epochs_than_it_may() {
        let sizes = |expected: &[u64], size| {
            let planned =
                |(netuid, expected): (usize, &u64)| Planned { netuid: NetUid(netuid as u16), expected: *expected };
            let planned: Vec<Planned> = expected.iter().enumerate().map(planned).collect();
            batches(&planned, size).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[3, 3, 3, 3], 10), [3, 1]);
        assert_eq!(sizes(&[30, 3, 3], 10), [1, 2]);
        assert_eq!(sizes(&[], 10), [0; 0]);
    }
}
