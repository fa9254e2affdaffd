//! Records a range of blocks: reads them, part of their state and some runtime calls, and writes windows.

mod block;
mod error;
mod options;

use std::ops::RangeInclusive;

use crate::artifact::raw::{Layout, Manifest, Plan, RecordedHeader, SealedWindow, Table, Window, WindowBuilder};
use crate::artifact::{ArtifactError, NetworkWord};
use crate::blocking::offload;
use crate::chain::{BlockId, Finality};
use crate::source::{BlockSource, ChainIdentity, SourceError};
use crate::storage::{Storage, StorageError};

pub use error::RecordError;
pub use options::RecordOptions;

use block::BlockReader;

/// How far a recording has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordProgress {
    /// The block that was just finished; the last of its window, if the window was already there.
    pub block: u64,
    /// Blocks done, including those that were already there.
    pub done: u64,
    /// Blocks to do.
    pub total: u64,
}

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordReport {
    /// Windows written by this run.
    pub windows_written: u64,
    /// Windows that were already there, as asked for and undamaged.
    pub windows_skipped: u64,
    /// Blocks in the windows written.
    pub blocks: u64,
    /// Rows of each table written.
    pub rows: Vec<(Table, u64)>,
    /// Bytes of each table written, packed.
    pub bytes: Vec<(Table, u64)>,
    /// Calls that the runtime has but failed to answer, and that were therefore not recorded.
    pub failed_calls: u64,
    /// The first of them, with its error.
    pub first_failed_call: Option<String>,
}

/// Records the blocks of a range into a store.
///
/// Windows that are already there are skipped, if they were recorded by the same [`RecordOptions`] from the same blocks
/// and are undamaged; so a run that was interrupted is continued by running it again, and at any moment the store holds
/// whole windows only. Memory holds one window at a time.
///
/// # Errors
/// [`RecordError`] names the block. What was finished before stays.
pub async fn record(
    source: &dyn BlockSource,
    range: RangeInclusive<u64>,
    options: &RecordOptions,
    network: &NetworkWord,
    storage: &dyn Storage,
    progress: &mut (dyn FnMut(RecordProgress) + Send),
) -> Result<RecordReport, RecordError> {
    let plan = options.plan()?;
    let (first, last) = (*range.start(), *range.end());
    if first > last {
        return Err(RecordError::EmptyRange { first, last });
    }
    let read = |block| move |source| RecordError::Source { block, source };
    let identity = source.identity().await.map_err(read(first))?;
    let head = source.head(Finality::Finalized).await.map_err(read(last))?;
    if last > head.number {
        return Err(RecordError::NotFinalized { last, head: head.number });
    }
    let layout = Layout::new(network.clone());
    check_network(storage, &layout, &identity).await?;
    let mut report = RecordReport::default();
    let mut run = RecordProgress { block: first, done: 0, total: (last - first).saturating_add(1) };
    for window in Window::covering(range) {
        let blocks = window.last() - window.first() + 1;
        if is_finished(source, storage, &layout, window, &plan).await? {
            report.windows_skipped += 1;
            run = RecordProgress { block: window.last(), done: run.done + blocks, ..run };
            progress(run);
            continue;
        }
        let mut each = |block| {
            run = RecordProgress { block, done: run.done + 1, ..run };
            progress(run);
        };
        let sealed = read_window(source, &layout, &identity, window, &plan, &mut report, &mut each).await?;
        sealed.store(storage).await?;
        report.add(&sealed.manifest, blocks);
    }
    Ok(report)
}

/// Refuses to mix two chains under one name.
async fn check_network(storage: &dyn Storage, layout: &Layout, identity: &ChainIdentity) -> Result<(), RecordError> {
    let Some(window) = layout.windows(storage).await?.into_iter().next() else { return Ok(()) };
    match Manifest::load(storage, layout, window).await {
        Ok(manifest) if manifest.genesis_hash != identity.genesis_hash => Err(ArtifactError::OtherChain {
            network: layout.network().to_string(),
            expected: identity.genesis_hash,
            found: manifest.genesis_hash,
        }
        .into()),
        // A damaged manifest is replaced when its window is recorded again.
        Ok(_) | Err(ArtifactError::Damaged { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether this window is in the store as this run would write it.
async fn is_finished(
    source: &dyn BlockSource,
    storage: &dyn Storage,
    layout: &Layout,
    window: Window,
    plan: &Plan,
) -> Result<bool, RecordError> {
    let manifest = match Manifest::load(storage, layout, window).await {
        Ok(manifest) => manifest,
        Err(ArtifactError::Storage(StorageError::NotFound { .. }) | ArtifactError::Damaged { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let last = window.last();
    let header =
        source.header(BlockId::Number(last)).await.map_err(|source| RecordError::Source { block: last, source })?;
    if manifest.plan.as_ref() != Some(plan) || manifest.head != header.reference() {
        return Ok(false);
    }
    for table in Table::ALL {
        match manifest.load_table(storage, table).await {
            Ok(_) => {}
            Err(ArtifactError::Damaged { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

async fn read_window(
    source: &dyn BlockSource,
    layout: &Layout,
    identity: &ChainIdentity,
    window: Window,
    plan: &Plan,
    report: &mut RecordReport,
    each: &mut (dyn FnMut(u64) + Send),
) -> Result<SealedWindow, RecordError> {
    let parent = match window.first().checked_sub(1) {
        None => None,
        Some(before) => {
            let header = source.header(BlockId::Number(before)).await;
            let header = header.map_err(|source| RecordError::Source { block: before, source })?;
            Some(RecordedHeader::new(header.hash, &header.header))
        }
    };
    let mut builder = WindowBuilder::new(window, parent, plan.strip_docs);
    let mut reader = BlockReader::new(source, plan);
    for block in window.blocks() {
        let record = reader.read(block).await.map_err(|source| RecordError::Source { block, source })?;
        builder.push(record)?;
        each(block);
    }
    report.failed_calls += reader.failed_calls;
    if report.first_failed_call.is_none() {
        report.first_failed_call = reader.first_failed_call.take();
    }
    let (layout, identity, plan) = (layout.clone(), identity.clone(), plan.clone());
    let sealed = offload(move || builder.seal(&layout, identity.genesis_hash, &identity.chain, Some(plan))).await;
    let panicked = |panic: crate::blocking::Panicked| RecordError::Source {
        block: window.last(),
        source: SourceError::fatal(panic.to_string()),
    };
    Ok(sealed.map_err(panicked)??)
}

impl RecordReport {
    fn add(&mut self, manifest: &Manifest, blocks: u64) {
        self.windows_written += 1;
        self.blocks += blocks;
        for table in Table::ALL {
            let entry = manifest.table(table);
            for (sums, value) in [(&mut self.rows, entry.rows), (&mut self.bytes, entry.size)] {
                match sums.iter_mut().find(|(known, _)| *known == table) {
                    Some((_, sum)) => *sum += value,
                    None => sums.push((table, value)),
                }
            }
        }
    }
}
