//! What all modes share: the lease, the cursor, parts, windows, and the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use ::metrics::{counter, gauge};
use futures::future;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::batch::{Saved, Saving};
use super::builder::Settings;
use super::gaps::Missing;
use super::gather::Gatherer;
use super::lease::{Lease, PULSE};
use super::patience::{Failure, Outcome, Patience};
use super::progress::Meter;
use super::state::{Cursor, PartOf, Quarantined, State};
use super::{Engine, EngineError, Job, RunReport};
use crate::artifact::ArtifactError;
use crate::artifact::datasets::Window;
use crate::artifact::part::{Part, PartBuilder};
use crate::artifact::window::{Check, WindowBuilder, WindowManifest};
use crate::blocking::offload;
use crate::chain::{BlockHash, BlockId, NetUid};
use crate::metrics;
use crate::source::{BlockSource, ChainIdentity};

/// A run at work.
pub(super) struct Run {
    pub(super) source: Arc<dyn BlockSource>,
    pub(super) job: Arc<Job>,
    pub(super) settings: Settings,
    pub(super) state: State,
    pub(super) gatherer: Arc<Gatherer>,
    pub(super) patience: Arc<Patience>,
    pub(super) identity: ChainIdentity,
    pub(super) quarantined: BTreeMap<u64, Quarantined>,
    pub(super) meter: Meter,
    pub(super) report: RunReport,
    pub(super) missing: Missing,
    pub(super) lease: Arc<Lease>,
    pulse: JoinHandle<()>,
    /// Windows that are being written, in their order.
    sealing: VecDeque<JoinHandle<Result<Sealed, EngineError>>>,
    /// Windows that are being written and with which blocks become safe, or would have, had that not failed.
    pub(super) unsafe_rests: usize,
    /// Ends when the window that is being written last is there.
    before: Option<oneshot::Receiver<()>>,
    began: Instant,
}

/// What sealing a window came to.
struct Sealed {
    bytes: u64,
    /// What became safe with it, where it had rows that were in none of its parts.
    saved: Option<Saved>,
}

/// Blocks of a window that are in none of its parts: they become safe with its artifacts.
pub(super) struct Rest {
    pub(super) part: PartBuilder,
    /// What is to be done then.
    pub(super) saving: Saving,
}

/// A window that is being filled.
#[derive(Debug)]
pub(super) struct OpenWindow {
    pub(super) window: Window,
    /// Its parts, old and new.
    pub(super) parts: Vec<Part>,
    /// The heights in old parts.
    covered: BTreeSet<u64>,
    /// The subnets that they are of, in the modes that read epochs.
    pub(super) subnets: BTreeSet<NetUid>,
    /// Blocks that need not be read.
    pub(super) found: u64,
}

impl OpenWindow {
    pub(super) fn new(window: Window) -> Self {
        Self { window, parts: Vec::new(), covered: BTreeSet::new(), subnets: BTreeSet::new(), found: 0 }
    }

    /// Whether an old part has a height.
    pub(super) fn covers(&self, block: u64) -> bool {
        self.covered.contains(&block)
    }
}

/// What the store has of an unfinished window. A part that is damaged is left where it is: its blocks are read again, and
/// it goes with the others when the window is sealed.
pub(super) async fn load_parts(state: &State, window: Window) -> Result<OpenWindow, EngineError> {
    let mut open = OpenWindow::new(window);
    for (of, key) in state.parts(window).await? {
        let bytes = state.storage().get(&key).await?;
        match Part::decode(&key, bytes) {
            Ok(part) => {
                // What the name says is not asked: between two old parts a new one may be named for both.
                open.covered.extend(part.blocks().iter().map(|block| block.number));
                if let PartOf::Subnet(netuid) = of {
                    open.subnets.insert(netuid);
                }
                open.parts.push(part);
            }
            Err(error @ (ArtifactError::Damaged { .. } | ArtifactError::Format { .. })) => {
                tracing::warn!(%error, "a part is read again");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(open)
}

/// What the store has of the artifacts of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    Nothing,
    /// Some blocks could not be read and were left out.
    Partly,
    Whole,
}

/// Looks for the artifacts of a window, of this chain and undamaged.
pub(super) async fn stored(
    state: &State,
    job: &Job,
    genesis: BlockHash,
    window: Window,
) -> Result<Stored, EngineError> {
    let manifest = WindowManifest::load(&**state.storage(), &job.network, &job.artifacts()?, window).await;
    let manifest = match manifest {
        Ok(Some(manifest)) => manifest,
        Ok(None) | Err(ArtifactError::Damaged { .. }) => return Ok(Stored::Nothing),
        Err(error) => return Err(error.into()),
    };
    if manifest.genesis_hash != genesis {
        return Err(EngineError::Contradicted {
            height: 0,
            before: manifest.genesis_hash.to_string(),
            now: genesis.to_string(),
        });
    }
    match manifest.verify(&**state.storage(), Check::Sizes).await {
        Ok(()) if manifest.quarantined.is_empty() => Ok(Stored::Whole),
        Ok(()) => Ok(Stored::Partly),
        Err(ArtifactError::Damaged { .. }) => Ok(Stored::Nothing),
        Err(error) => Err(error.into()),
    }
}

/// The work of sealing one window.
struct Sealing {
    state: State,
    job: Arc<Job>,
    identity: ChainIdentity,
    window: Window,
    left_out: Vec<u64>,
    rest: Option<Rest>,
    lease: Arc<Lease>,
    /// Comes when the window before is there; nothing, where it could not be written.
    before: Option<oneshot::Receiver<()>>,
    /// To be told when this one is.
    after: oneshot::Sender<()>,
}

impl Sealing {
    async fn run(self, mut parts: Vec<Part>) -> Result<Sealed, EngineError> {
        let Self { state, job, identity, window, left_out, rest, lease, before, after } = self;
        let (rest, saving) = rest.map(|rest| (rest.part, rest.saving)).unzip();
        let outputs = job.artifacts()?;
        let complete = left_out.is_empty();
        let network = job.network.clone();
        let sealed = offload(move || {
            if let Some(rest) = rest {
                parts.push(rest.finish_loose()?);
            }
            let parts = if job.mode.reads_blocks() { parts } else { vec![super::epochs::merged(&parts)?] };
            let mut builder = WindowBuilder::new(&network, &identity, &outputs, window);
            parts.into_iter().for_each(|part| builder.add(part));
            left_out.into_iter().for_each(|block| builder.quarantine(block));
            builder.seal().map(|sealed| (sealed, builder))
        });
        let (sealed, rows) = sealed.await.map_err(|_| EngineError::Internal { block: window.last() })??;
        fail::fail_point!("engine::before_data");
        // To let go of so many rows takes its time.
        future::join(sealed.store_files(&**state.storage()), offload(|| drop(rows))).await.0?;
        fail::fail_point!("engine::after_data");
        if let Some(before) = before {
            // Windows are there in their order. What went wrong with the one before is told by its own task.
            before.await.map_err(|_| EngineError::Internal { block: window.first() })?;
            lease.check().await?;
        }
        sealed.store_manifest(&**state.storage()).await?;
        fail::fail_point!("engine::after_manifest");
        let saved = match saving {
            Some(saving) => Some(saving.run().await?),
            None => None,
        };
        // What was left out may be read by a later run, which then needs the others.
        if complete {
            state.drop_parts(window).await?;
        }
        // Nobody may wait for it.
        let _ = after.send(());
        Ok(Sealed { bytes: sealed.size(), saved })
    }
}

impl Run {
    /// Takes the lease, and reads what is known of the job.
    pub(super) async fn open(engine: &Engine) -> Result<Self, EngineError> {
        let job = Arc::clone(&engine.job);
        let state = State::new(Arc::clone(&engine.storage), job.folder()?);
        let (identity, lease) = future::join(engine.source.identity(), Lease::take(&state)).await;
        let lease = Arc::new(lease?);
        let known = async {
            let identity = identity.map_err(EngineError::Start)?;
            Ok::<_, EngineError>((identity, state.quarantined().await?))
        };
        let (identity, quarantined) = match known.await {
            Ok(known) => known,
            Err(error) => {
                give_back(lease).await;
                return Err(error);
            }
        };
        let settings = engine.settings.clone();
        let patience = Arc::new(Patience::new(settings.give_up, settings.stop.clone()));
        let gatherer = Arc::new(Gatherer::new(
            Arc::clone(&engine.source),
            Arc::clone(&job),
            settings.snapshots.clone(),
            !engine.detectors.is_empty(),
        ));
        let pulse = tokio::spawn(pulse(Arc::clone(&lease)));
        let report = report_of(&job, identity.is_simulated());
        Ok(Self {
            source: Arc::clone(&engine.source),
            job,
            settings,
            state,
            gatherer,
            patience,
            identity,
            quarantined,
            meter: Meter::new(None),
            report,
            missing: Missing::default(),
            lease,
            pulse,
            sealing: VecDeque::new(),
            unsafe_rests: 0,
            before: None,
            began: Instant::now(),
        })
    }

    /// Refuses to continue a job on a chain that has other blocks than those that were stored.
    pub(super) async fn check_cursor(&self, cursor: &Cursor) -> Result<(), EngineError> {
        let number = cursor.block.number;
        let header = self.source.header(BlockId::Number(number)).await;
        let now = header.map_err(|source| EngineError::Source { block: number, source })?.reference();
        if now.hash == cursor.block.hash { Ok(()) } else { Err(EngineError::contradicted(&cursor.block, &now)) }
    }

    /// A read that no window can do without: tried again while its failure may pass. `None` where the run is to end.
    pub(super) async fn read<T, F>(&self, block: u64, work: impl FnMut() -> F) -> Result<Option<T>, EngineError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        match self.patience.attempt(block, work).await {
            Ok(value) => Ok(Some(value)),
            Err(Outcome::Stopped) => Ok(None),
            Err(Outcome::Stop(error)) => Err(error),
            Err(Outcome::Poison { error, .. }) => {
                Err(EngineError::Source { block, source: crate::source::SourceError::fatal(error) })
            }
        }
    }

    /// The pause between two batches; a stop ends it.
    pub(super) async fn pause(&self) {
        tokio::select! {
            () = tokio::time::sleep(self.settings.batch_delay) => {}
            () = self.settings.stop.cancelled() => {}
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.settings.stop.is_cancelled()
    }

    /// Refuses to go on where the lease is lost.
    pub(super) async fn still_ours(&self) -> Result<(), EngineError> {
        self.lease.check().await
    }

    /// Writes the artifacts of a window, beside the reading of the next one. They are there after those of the window before.
    pub(super) async fn seal(
        &mut self,
        window: Window,
        parts: Vec<Part>,
        rest: Option<Rest>,
    ) -> Result<(), EngineError> {
        self.still_ours().await?;
        let left_out: Vec<u64> =
            self.quarantined.range(window.first()..=window.last()).map(|(block, _)| *block).collect();
        self.unsafe_rests += usize::from(rest.is_some());
        let (after, is_there) = oneshot::channel();
        let work = Sealing {
            state: self.state.clone(),
            job: Arc::clone(&self.job),
            identity: self.identity.clone(),
            window,
            left_out,
            rest,
            lease: Arc::clone(&self.lease),
            before: self.before.replace(is_there).filter(|_| !self.sealing.is_empty()),
            after,
        };
        self.sealing.push_back(tokio::spawn(work.run(parts)));
        Ok(())
    }

    /// Waits until no more windows than these are being written; gives what became safe with one that was. Ask until there is
    /// nothing more.
    pub(super) async fn sealed(&mut self, but: usize) -> Result<Option<Saved>, EngineError> {
        while self.sealing.len() > but
            && let Some(task) = self.sealing.pop_front()
        {
            let sealed = task.await.map_err(|_| EngineError::Internal { block: self.report.block_end })??;
            self.unsafe_rests -= usize::from(sealed.saved.is_some());
            self.report.windows_written += 1;
            self.report.bytes_written += sealed.bytes;
            counter!(metrics::WINDOWS).increment(1);
            counter!(metrics::ARTIFACT_BYTES).increment(sealed.bytes);
            if sealed.saved.is_some() {
                return Ok(sealed.saved);
            }
        }
        Ok(None)
    }

    pub(super) fn tell(&mut self) {
        gauge!(metrics::QUARANTINED).set(self.quarantined.len() as f64);
        if let Some(listener) = &self.settings.listener {
            listener(&self.meter.now());
        }
    }

    /// Ends the run, however it went.
    pub(super) async fn close(mut self, outcome: Result<(), EngineError>) -> (RunReport, Result<(), EngineError>) {
        let mut sealed = Ok(());
        while !self.sealing.is_empty() {
            // The first failure is the reason of the others.
            sealed = sealed.and(self.sealed(0).await.map(drop));
        }
        self.pulse.abort();
        let outcome = outcome.and(sealed);
        self.report.quarantined = self.quarantined.keys().copied().collect();
        self.report.retried = self.patience.retried();
        self.report.done = self.meter.own();
        self.report.interrupted = outcome.is_err() || self.is_stopped();
        self.report.wall_s = self.began.elapsed().as_secs_f64();
        let Self { lease, report, pulse, .. } = self;
        // The task holds the lease, too, until it is gone.
        let _ = pulse.await;
        if !matches!(outcome, Err(EngineError::LostLease { .. })) {
            give_back(lease).await;
        }
        (report, outcome)
    }
}

/// Gives a lease back that nobody else uses any more; one that cannot be given back runs out.
async fn give_back(lease: Arc<Lease>) {
    if let Ok(lease) = Arc::try_unwrap(lease)
        && let Err(error) = lease.give_back().await
    {
        tracing::debug!(%error, "the lease stays until it has run out");
    }
}

async fn pulse(lease: Arc<Lease>) {
    loop {
        tokio::time::sleep(PULSE).await;
        if let Err(error) = lease.pulse().await {
            tracing::warn!(%error, "cannot say that this run lives");
        }
    }
}

fn report_of(job: &Job, simulated: bool) -> RunReport {
    let (first, last) = job.range.as_ref().map_or((0, 0), |range| (*range.start(), *range.end()));
    RunReport {
        network: job.network.to_string(),
        simulated,
        mode: job.mode,
        job: job.word(),
        block_start: first,
        block_end: last,
        cursor: None,
        done: 0,
        skipped: 0,
        epochs: 0,
        findings: 0,
        retracted: 0,
        quarantined: Vec::new(),
        failed: Vec::new(),
        retried: 0,
        windows_written: 0,
        windows_skipped: 0,
        bytes_written: 0,
        interrupted: false,
        wall_s: 0.0,
    }
}
