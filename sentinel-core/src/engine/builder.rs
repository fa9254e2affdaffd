//! How a run is put together.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Engine, EngineError, Job, Mode, Outputs, Progress};
use crate::artifact::NetworkWord;
use crate::chain::NetUid;
use crate::chain::epoch::SnapshotPlan;
use crate::detect::Detector;
use crate::sink::Sink;
use crate::source::BlockSource;
use crate::storage::Storage;

/// Told of progress.
pub(super) type Listener = Arc<dyn Fn(&Progress) + Send + Sync>;

/// Puts a run together; see [`Engine::builder`].
#[derive(Debug)]
#[must_use]
pub struct EngineBuilder {
    source: Arc<dyn BlockSource>,
    storage: Arc<dyn Storage>,
    network: NetworkWord,
    mode: Mode,
    range: Option<RangeInclusive<u64>>,
    netuids: Option<BTreeSet<NetUid>>,
    outputs: Option<Outputs>,
    jsonl: bool,
    detectors: Vec<Box<dyn Detector>>,
    sinks: Vec<Arc<dyn Sink>>,
    settings: Settings,
    step: u64,
    batch_size: Option<usize>,
    batch_delay: Option<Duration>,
}

/// What does not change what is written, only how.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) start: Option<u64>,
    pub(super) rate_limit: Duration,
    pub(super) batch_size: usize,
    pub(super) batch_delay: Duration,
    pub(super) in_flight: usize,
    pub(super) give_up: Option<Duration>,
    pub(super) force: bool,
    pub(super) best: bool,
    pub(super) snapshots: SnapshotPlan,
    pub(super) stop: CancellationToken,
    pub(super) listener: Option<Listener>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("start", &self.start)
            .field("rate_limit", &self.rate_limit)
            .field("batch_size", &self.batch_size)
            .field("batch_delay", &self.batch_delay)
            .field("in_flight", &self.in_flight)
            .field("give_up", &self.give_up)
            .field("force", &self.force)
            .field("best", &self.best)
            .finish_non_exhaustive()
    }
}

impl EngineBuilder {
    pub(super) fn new(source: Arc<dyn BlockSource>, storage: Arc<dyn Storage>, network: NetworkWord) -> Self {
        Self {
            source,
            storage,
            network,
            mode: Mode::Live,
            range: None,
            netuids: None,
            outputs: None,
            jsonl: false,
            detectors: Vec::new(),
            sinks: Vec::new(),
            step: 1,
            batch_size: None,
            batch_delay: None,
            settings: Settings {
                start: None,
                rate_limit: Duration::ZERO,
                batch_size: 0,
                batch_delay: Duration::ZERO,
                in_flight: 3_072,
                give_up: Some(Duration::from_secs(600)),
                force: false,
                best: false,
                snapshots: SnapshotPlan::default(),
                stop: CancellationToken::new(),
                listener: None,
            },
        }
    }

    /// What the run is for. [`Mode::Live`] by default.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The blocks, both ends included. Every mode but live needs them.
    pub fn range(mut self, range: RangeInclusive<u64>) -> Self {
        self.range = Some(range);
        self
    }

    /// Where a live job begins that has no cursor yet. By default at the newest finalized block.
    pub fn start(mut self, block: u64) -> Self {
        self.settings.start = Some(block);
        self
    }

    /// Only these subnets. All by default.
    pub fn netuids(mut self, netuids: impl IntoIterator<Item = NetUid>) -> Self {
        self.netuids = Some(netuids.into_iter().collect());
        self
    }

    /// Considers every so many blocks of the range only.
    pub fn step(mut self, blocks: u64) -> Self {
        self.step = blocks;
        self
    }

    /// What is written. [`Outputs::of`] the mode by default.
    pub fn outputs(mut self, outputs: Outputs) -> Self {
        self.outputs = Some(outputs);
        self
    }

    /// Writes each dataset as lines of JSON beside Parquet.
    pub fn jsonl(mut self, jsonl: bool) -> Self {
        self.jsonl = jsonl;
        self
    }

    /// Shows every block to this detector; its findings are written, and delivered to the sinks.
    pub fn detector(mut self, detector: impl Detector) -> Self {
        self.detectors.push(Box::new(detector));
        self
    }

    /// Delivers findings there, too.
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// At least so much time between the starts of two reads of blocks of a backfill. None by default.
    pub fn rate_limit(mut self, pause: Duration) -> Self {
        self.settings.rate_limit = pause;
        self
    }

    /// In the modes that read epochs: how many of them are read before a pause. 10; in `apy_backfill` 50. In the others: how
    /// many blocks a kill may cost, beside those under way, while there is something to catch up with; 2,048. Half of them
    /// are made safe while the other half is collected. What was read for a second, or is large, is made safe before.
    pub fn batch_size(mut self, epochs: usize) -> Self {
        self.batch_size = Some(epochs.max(1));
        self
    }

    /// How long that pause is. 1 s; in `apy_backfill` half of it.
    pub fn batch_delay(mut self, pause: Duration) -> Self {
        self.batch_delay = Some(pause);
        self
    }

    /// How many blocks are under way at most; 3,072. Two thirds of them are read at once, the others may wait for those before
    /// them. A backfill begins with all of these, 2,048, and reads fewer at once while they do not come quickly or are large.
    /// The source sees to it that a node is not asked more than it takes.
    pub fn in_flight(mut self, blocks: usize) -> Self {
        self.settings.in_flight = blocks.max(1);
        self
    }

    /// Ends a run to which nothing came for so long; `None` for never, as in live mode whatever is said here. 10 minutes.
    pub fn give_up_after(mut self, silence: Option<Duration>) -> Self {
        self.settings.give_up = silence;
        self
    }

    /// Reads again what is there already.
    pub fn force_refresh(mut self, force: bool) -> Self {
        self.settings.force = force;
        self
    }

    /// Shows detectors the blocks of the best chain as soon as they are there, and delivers what they find at once; where such
    /// a block does not become final, what was found in it is delivered again as
    /// [`retracted`](crate::detect::Finding::retracted). The store is as without this: what is written is final. For live
    /// mode alone.
    pub fn best(mut self, best: bool) -> Self {
        self.settings.best = best;
        self
    }

    /// At which blocks of each epoch subnets are stored.
    pub fn snapshots(mut self, plan: SnapshotPlan) -> Self {
        self.settings.snapshots = plan;
        self
    }

    /// Cancelling this ends the run after the block that it is at, with everything saved.
    pub fn stop(mut self, stop: CancellationToken) -> Self {
        self.settings.stop = stop;
        self
    }

    /// Is told of progress, often.
    pub fn on_progress(mut self, listener: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.settings.listener = Some(Arc::new(listener));
        self
    }

    /// The run.
    ///
    /// # Errors
    /// [`EngineError::Usage`] for what cannot be done, before anything is read.
    pub fn build(self) -> Result<Engine, EngineError> {
        let Self { mode, mut settings, .. } = self;
        let job = Job {
            network: self.network,
            mode,
            range: self.range,
            netuids: self.netuids,
            step: self.step,
            outputs: self.outputs.unwrap_or_else(|| Outputs::of(mode)),
            jsonl: self.jsonl,
        };
        job.check()?;
        if settings.best && mode != Mode::Live {
            return Err(EngineError::Usage(format!(
                "only live mode follows the best chain: {mode} reads what is final"
            )));
        }
        let (size, delay) = match mode {
            Mode::Live | Mode::Backfill => (2_048, Duration::ZERO),
            Mode::FastBackfill => (10, Duration::from_secs(1)),
            Mode::ApyBackfill => (50, Duration::from_millis(500)),
        };
        settings.batch_size = self.batch_size.unwrap_or(size);
        settings.batch_delay = self.batch_delay.unwrap_or(delay);
        if mode == Mode::Live {
            settings.give_up = None;
        }
        Ok(Engine {
            source: self.source,
            storage: self.storage,
            job: Arc::new(job),
            detectors: self.detectors,
            sinks: self.sinks,
            settings,
        })
    }
}
