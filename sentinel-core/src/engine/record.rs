//! Records a range of blocks: reads them, part of their state and some runtime calls, and writes windows.

mod block;
mod error;
mod options;

use std::ops::RangeInclusive;

use futures::{StreamExt, future, stream};

use crate::artifact::raw::{Layout, Manifest, Plan, RecordedHeader, Table, Window, WindowBuilder};
use crate::artifact::{ArtifactError, NetworkWord};
use crate::blocking::offload;
use crate::chain::{BlockId, Finality};
use crate::source::{BlockSource, ChainIdentity, SourceError};
use crate::storage::{Storage, StorageError};

pub use error::RecordError;
pub use options::RecordOptions;

use block::BlockReader;

/// Blocks that are read at once.
const AT_ONCE: usize = 32;

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
/// whole windows only. Many blocks are read at once, and a window is written while the next one is read: memory holds two.
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
    layout.check_chain(storage, identity.genesis_hash).await?;
    let mut report = RecordReport::default();
    let total = (last - first).saturating_add(1);
    let mut steps = Steps { run: RecordProgress { block: first, done: 0, total }, progress };
    let job = Job { source, layout, identity, plan, storage };
    let mut unwritten = None;
    for window in Window::covering(range) {
        let (written, read) = future::join(job.write(unwritten.take()), job.read(window, &mut steps)).await;
        report.add(written?);
        match read? {
            None => report.windows_skipped += 1,
            Some(read) => {
                report.failed_calls += read.failed_calls;
                if report.first_failed_call.is_none() {
                    report.first_failed_call.clone_from(&read.first_failed_call);
                }
                unwritten = Some(read);
            }
        }
    }
    report.add(job.write(unwritten).await?);
    Ok(report)
}

/// Tells of progress.
struct Steps<'a> {
    run: RecordProgress,
    progress: &'a mut (dyn FnMut(RecordProgress) + Send),
}

impl Steps<'_> {
    fn done(&mut self, block: u64, blocks: u64) {
        self.run = RecordProgress { block, done: self.run.done + blocks, ..self.run };
        (self.progress)(self.run);
    }
}

/// What is recorded, and whereto.
struct Job<'a> {
    source: &'a dyn BlockSource,
    layout: Layout,
    identity: ChainIdentity,
    plan: Plan,
    storage: &'a dyn Storage,
}

/// A window that was read and is not yet in the store.
struct Unwritten {
    window: Window,
    builder: WindowBuilder,
    failed_calls: u64,
    first_failed_call: Option<String>,
}

impl Job<'_> {
    /// Reads a window, many of its blocks at once; `None` where it is in the store already.
    async fn read(&self, window: Window, steps: &mut Steps<'_>) -> Result<Option<Unwritten>, RecordError> {
        let source = self.source;
        if is_finished(source, self.storage, &self.layout, window, &self.plan).await? {
            steps.done(window.last(), window.last() - window.first() + 1);
            return Ok(None);
        }
        let parent = match window.first().checked_sub(1) {
            None => None,
            Some(before) => {
                let header = source.header(BlockId::Number(before)).await;
                let header = header.map_err(|source| RecordError::Source { block: before, source })?;
                Some(RecordedHeader::new(header.hash, &header.header))
            }
        };
        let builder = WindowBuilder::new(window, parent, self.plan.strip_docs);
        let mut unwritten = Unwritten { window, builder, failed_calls: 0, first_failed_call: None };
        let reader = BlockReader::new(source, &self.plan, window.first());
        let reads = window.blocks().map(|block| {
            let reader = &reader;
            async move { (block, reader.read(block).await) }
        });
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        while let Some((block, read)) = reads.next().await {
            let read = read.map_err(|source| RecordError::Source { block, source })?;
            unwritten.builder.push(read.record)?;
            unwritten.failed_calls += read.failed_calls;
            if unwritten.first_failed_call.is_none() {
                unwritten.first_failed_call = read.first_failed_call;
            }
            steps.done(block, 1);
        }
        Ok(Some(unwritten))
    }

    async fn write(&self, unwritten: Option<Unwritten>) -> Result<Option<(Manifest, u64)>, RecordError> {
        let Some(Unwritten { window, builder, .. }) = unwritten else { return Ok(None) };
        let (layout, identity, plan) = (self.layout.clone(), self.identity.clone(), self.plan.clone());
        let sealed = offload(move || builder.seal(&layout, identity.genesis_hash, &identity.chain, Some(plan))).await;
        let panicked = |panic: crate::blocking::Panicked| RecordError::Source {
            block: window.last(),
            source: SourceError::fatal(panic.to_string()),
        };
        let sealed = sealed.map_err(panicked)??;
        sealed.store(self.storage).await?;
        Ok(Some((sealed.manifest, window.last() - window.first() + 1)))
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

impl RecordReport {
    fn add(&mut self, written: Option<(Manifest, u64)>) {
        let Some((manifest, blocks)) = written else { return };
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
