//! The loops: follow the chain, fill a range, record one.
//!
//! An [`Engine`] reads blocks from a [`BlockSource`], writes [datasets](crate::artifact::datasets) to a [`Storage`], shows
//! blocks to detectors and hands what they find to sinks. All of its [modes](Mode) are one loop over different blocks:
//!
//! | mode | blocks | written |
//! |---|---|---|
//! | [`Live`](Mode::Live) | new finalized ones, from the cursor on | blocks, extrinsics, events, findings; subnets at steps of their epochs |
//! | [`Backfill`](Mode::Backfill) | a range, in order | the same, and every neuron at every block |
//! | [`FastBackfill`](Mode::FastBackfill) | the epochs of a range | what each epoch gave, and yields |
//! | [`ApyBackfill`](Mode::ApyBackfill) | the same | the same, with more at once |
//!
//! # What is promised
//! Every height once, ascending, each the child of the one before. What was read is made durable in this order: rows (as
//! parts of an unfinished window), findings (taken by every sink), the cursor; and for a window that is complete: its
//! files, its manifest. (Without detectors, rows of a window that is read quickly become durable with its files, and the
//! cursor comes after the manifest.) So a run that is killed at any moment goes on from its cursor when it is run again,
//! nothing is missing and nothing is twice, and the files are the same bytes as those of a run that was never interrupted.
//! A block that cannot be read after three tries is put aside with its bytes, and the rest goes on; the next run tries it
//! again. One process works on a job at a time.
//!
//! A live run may show detectors the [best chain](EngineBuilder::best): what they find in a block that does not become final
//! is taken back. The rest of what is promised stays as it is.
//!
//! ```
//! # #[cfg(feature = "sim")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use sentinel_core::artifact::datasets::{BlockRow, Window};
//! use sentinel_core::artifact::window::WindowManifest;
//! use sentinel_core::engine::{Engine, Mode};
//! use sentinel_core::source::SimSource;
//! use sentinel_core::storage::ObjectStorage;
//!
//! let chain = Arc::new(SimSource::builder().subnets(1).uids(4).head(100).build()?);
//! let store = Arc::new(ObjectStorage::memory());
//! let engine = Engine::builder(chain, store.clone(), "sim".parse()?)
//!     .mode(Mode::Backfill)
//!     .range(1..=100)
//!     .outputs("blocks,events".parse()?)
//!     .build()?;
//! let outputs = engine.job().artifacts()?;
//! let report = engine.run().await?;
//! assert_eq!((report.done, report.windows_written), (100, 1));
//!
//! let window = Window::new(1, 100).ok_or("a window")?;
//! let manifest = WindowManifest::load(&*store, &"sim".parse()?, &outputs, window).await?.ok_or("a manifest")?;
//! assert_eq!(manifest.rows::<BlockRow>(&*store).await?.len(), 100);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sim"))]
//! # fn main() {}
//! ```

mod ahead;
mod batch;
mod best;
mod blocks;
mod builder;
mod claims;
mod detection;
mod epochs;
mod error;
mod estimate;
mod gaps;
mod gather;
mod job;
mod lease;
mod mend;
mod mode;
mod outputs;
mod patience;
mod progress;
mod record;
mod report;
mod run;
mod state;
mod throttle;

use std::ops::RangeInclusive;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::artifact::NetworkWord;
use crate::blocking::{Panicked, beside};
use crate::chain::{BlockRef, Finality};
use crate::detect::Detector;
use crate::sink::Sink;
use crate::source::{BlockSource, SourceError};
use crate::storage::Storage;

pub use builder::EngineBuilder;
pub use error::EngineError;
pub use estimate::Estimate;
pub use job::Job;
pub use mode::{Mode, ParseModeError};
pub use outputs::{Outputs, ParseOutputsError};
pub use progress::Progress;
pub use record::{RecordError, RecordOptions, RecordProgress, RecordReport, record};
pub use report::RunReport;
pub use state::{Cursor, Quarantined};

use blocks::Blocks;
use builder::Settings;
use detection::Detection;
use run::Run;
use state::State;

/// The blocks that a backfill reads, where that is easily told.
async fn to_read(job: &Job, storage: Arc<dyn Storage>, force: bool) -> Option<RangeInclusive<u64>> {
    let range = job.range.clone().filter(|_| job.mode.reads_blocks())?;
    if force {
        return Some(range);
    }
    let cursor = State::new(storage, job.folder().ok()?).cursor().await.ok()?;
    let first = cursor.map_or(*range.start(), |cursor| cursor.block.number + 1);
    range.contains(&first).then_some(first..=*range.end())
}

/// The newest finalized block when a run began.
type Head = BoxFuture<'static, Result<BlockRef, EngineError>>;

/// Asks for it at once.
fn head(source: Arc<dyn BlockSource>) -> Head {
    let asked = beside(async move { source.head(Finality::Finalized).await });
    let answer = |asked: Result<Result<BlockRef, SourceError>, Panicked>| match asked {
        Ok(head) => head.map_err(EngineError::Start),
        Err(panicked) => Err(EngineError::Start(SourceError::fatal(panicked.to_string()))),
    };
    asked.map(answer).boxed()
}

/// A run, ready to begin.
#[derive(Debug)]
pub struct Engine {
    source: Arc<dyn BlockSource>,
    storage: Arc<dyn Storage>,
    job: Arc<Job>,
    detectors: Vec<Box<dyn Detector>>,
    sinks: Vec<Arc<dyn Sink>>,
    settings: Settings,
}

/// A run that ended before it was done, with what it did.
#[derive(Debug, thiserror::Error)]
#[error("the run ended before it was done")]
pub struct RunFailed {
    /// Why.
    #[source]
    pub error: EngineError,
    /// What was done until then.
    pub report: Option<Box<RunReport>>,
}

impl Engine {
    /// Puts a run together. `network` is the word that stands for the network in keys.
    pub fn builder(source: Arc<dyn BlockSource>, storage: Arc<dyn Storage>, network: NetworkWord) -> EngineBuilder {
        EngineBuilder::new(source, storage, network)
    }

    /// What it has to do.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Runs to the end of the range, or in live mode until it is stopped.
    ///
    /// # Errors
    /// [`RunFailed`] has the reason and what was done. What was stored stays: the same run begins where this one ended.
    pub async fn run(mut self) -> Result<RunReport, RunFailed> {
        let failed = |error| RunFailed { error, report: None };
        // What takes longest to come is asked for first.
        let range = self.job.range.clone();
        let (source, storage, job) = (Arc::clone(&self.source), Arc::clone(&self.storage), Arc::clone(&self.job));
        let force = self.settings.force;
        let _preparing = beside(async move {
            if let Some(blocks) = to_read(&job, storage, force).await {
                source.prepare(blocks).await;
            }
        });
        let head = head(Arc::clone(&self.source));
        let mut run = Run::open(&self).await.map_err(failed)?;
        let (run, outcome) = match (self.job.mode, range) {
            (Mode::FastBackfill | Mode::ApyBackfill, Some(range)) => {
                let outcome = epochs::backfill(&mut run, *range.start(), *range.end(), head).await;
                (run, outcome)
            }
            (_, range) => {
                let detection = Detection::new(std::mem::take(&mut self.detectors), self.sinks.clone());
                let mut blocks = Blocks::new(run, detection);
                let outcome = match range {
                    Some(range) => blocks.backfill(*range.start(), *range.end(), head).await,
                    None => blocks.live(head).await,
                };
                (blocks.into_run(), outcome)
            }
        };
        match run.close(outcome).await {
            (report, Ok(())) => Ok(report),
            // Nothing was done.
            (_, Err(error @ EngineError::Start(_))) => Err(failed(error)),
            (report, Err(error)) => Err(RunFailed { error, report: Some(Box::new(report)) }),
        }
    }
}
