//! What should be stored of each subnet and is not, for those who watch a run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::metrics::gauge;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::blocks::Blocks;
use super::state::State;
use super::{EngineError, Job};
use crate::artifact::ArtifactError;
use crate::artifact::datasets::Window;
use crate::artifact::raw::WINDOW_BLOCKS;
use crate::artifact::window::WindowManifest;
use crate::chain::{BlockRef, NetUid};
use crate::metrics;
use crate::source::BlockSource;
use crate::subnet::epochs::EpochClock;
use crate::subnet::{SubnetError, epochs, netuids};

/// How often a live run looks at what it has stored.
const EVERY: Duration = Duration::from_secs(3_600);

/// How many windows it looks back: two weeks.
const BACK: u64 = 100;

/// How many of them at once.
const AT_ONCE: usize = 8;

/// Epochs that are missing, by subnet, as the gauge says.
#[derive(Debug, Default)]
pub(super) struct Missing(BTreeMap<NetUid, u64>);

impl Missing {
    pub(super) fn more(&mut self, netuid: NetUid, epochs: u64) {
        let missing = self.0.entry(netuid).or_default();
        *missing += epochs;
        gauge!(metrics::MISSING_SNAPSHOTS, "netuid" => netuid.to_string()).set(*missing as f64);
    }

    pub(super) fn fewer(&mut self, netuid: NetUid, epochs: u64) {
        let missing = self.0.entry(netuid).or_default();
        *missing = missing.saturating_sub(epochs);
        gauge!(metrics::MISSING_SNAPSHOTS, "netuid" => netuid.to_string()).set(*missing as f64);
    }
}

/// How many epochs a subnet may have in so many blocks, by its tempo: at least one.
pub(super) fn expected(clock: &EpochClock, blocks: u64) -> u64 {
    let period = clock.rule.period(clock.tempo).unwrap_or(blocks);
    blocks.div_ceil(period.max(1)).max(1)
}

/// The looks of a live run at its windows.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    began: Option<Instant>,
    task: Option<AbortHandle>,
}

impl Drop for Gaps {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Blocks {
    /// Begins to look for what is missing of the windows that are complete, where the last look is long ago.
    pub(super) fn look_for_gaps(&mut self) {
        let outputs = &self.run.job.outputs;
        let Some(at) = self.before.filter(|_| outputs.iter().any(|dataset| dataset.is_by_subnet())) else { return };
        if self.gaps.began.is_some_and(|began| began.elapsed() < EVERY) {
            return;
        }
        self.gaps.began = Some(Instant::now());
        let (source, state, job) = (Arc::clone(&self.run.source), self.run.state.clone(), Arc::clone(&self.run.job));
        let first = self.first;
        let look = async move {
            if let Err(error) = look(&*source, &state, &job, first, at).await {
                tracing::warn!(%error, "cannot tell what is missing of the stored windows");
            }
        };
        self.gaps.task = Some(tokio::spawn(look).abort_handle());
    }
}

async fn look(source: &dyn BlockSource, state: &State, job: &Job, first: u64, at: BlockRef) -> Result<(), EngineError> {
    let missing = missing(state, job, first, at.number).await?;
    let failed = |source: SubnetError| EngineError::Subnet { block: at.number, source };
    let mut subnets = netuids(source, &at).await.map_err(failed)?;
    // Root has no epochs.
    subnets.retain(|netuid| netuid.0 != 0 && job.wants(*netuid));
    for clock in epochs::clocks(source, &at, &subnets).await.map_err(failed)? {
        let of = |window: &Window| expected(&clock, window.last() - window.first() + 1);
        let epochs: u64 = missing.iter().map(of).sum();
        gauge!(metrics::MISSING_SNAPSHOTS, "netuid" => clock.netuid.to_string()).set(epochs as f64);
    }
    if !missing.is_empty() {
        let windows: Vec<String> = missing.iter().take(20).map(Window::to_string).collect();
        tracing::warn!(windows = windows.join(", "), count = missing.len(), "stored windows are damaged or gone");
    }
    Ok(())
}

/// What is there of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    /// All that its manifest promises of subnets.
    Whole,
    /// Less.
    Part,
    /// Not even a manifest.
    Nothing,
}

/// The latest complete windows of a job that are not what they should be. What retention removes is not missing: it takes the
/// oldest first, and no manifest promises it any more.
async fn missing(state: &State, job: &Job, first: u64, last: u64) -> Result<Vec<Window>, EngineError> {
    // Those with parts are not sealed yet.
    let open = state.windows().await?;
    let is_sealed = |window: &Window| !open.contains(&(window.first(), window.last()));
    // The one at work is left out: it is cut off by where the run is, not by where it ends.
    let at_work = last - last % WINDOW_BLOCKS;
    let start = first.max(at_work.saturating_sub(BACK * WINDOW_BLOCKS));
    let windows: Vec<Window> = match at_work.checked_sub(1) {
        Some(end) if start <= end => Window::covering(start..=end).filter(is_sealed).collect(),
        _ => Vec::new(),
    };
    let there: Vec<(Window, There)> = stream::iter(windows)
        .map(|window| async move { Ok::<_, EngineError>((window, what_is_there(state, job, window).await?)) })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let after = there.iter().skip_while(|(_, there)| *there == There::Nothing);
    Ok(after.filter(|(_, there)| *there != There::Whole).map(|(window, _)| *window).collect())
}

async fn what_is_there(state: &State, job: &Job, window: Window) -> Result<There, EngineError> {
    let storage = &**state.storage();
    let key = job.artifacts()?.manifest_key(&job.network, window)?;
    let manifest = match WindowManifest::at(storage, &key).await {
        Ok(manifest) => manifest,
        Err(ArtifactError::Storage(error)) if error.is_not_found() => return Ok(There::Nothing),
        Err(ArtifactError::Damaged { .. }) => return Ok(There::Part),
        Err(error) => return Err(error.into()),
    };
    for entry in manifest.objects.iter().filter(|entry| entry.dataset.is_by_subnet()) {
        match storage.head(&entry.key).await {
            Ok(object) if object.size == entry.size => {}
            Ok(_) => return Ok(There::Part),
            Err(error) if error.is_not_found() => return Ok(There::Part),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(There::Whole)
}
