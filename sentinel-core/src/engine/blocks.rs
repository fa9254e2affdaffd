//! Runs over blocks: a backfill of a range, and following the chain.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::metrics::{counter, gauge, histogram};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use tokio::time::{Instant, MissedTickBehavior};

use super::EngineError;
use super::ahead::Ahead;
use super::batch::{Batch, Saved, Saving};
use super::best::{Best, Tip};
use super::detection::Detection;
use super::gaps::Gaps;
use super::gather::{Gathered, Rows};
use super::patience::Outcome;
use super::run::{OpenWindow, Run, Stored, load_parts, stored};
use super::state::{Cursor, PartOf, Quarantined};
use super::throttle::Throttle;
use crate::artifact::datasets::{Dataset, FindingRow, Window};
use crate::artifact::part::PartBuilder;
use crate::blocking::{Panicked, beside};
use crate::chain::{BlockId, BlockRef, Finality};
use crate::metrics;
use crate::source::SourceError;

/// What comes next in a range.
enum Step {
    /// A window whose artifacts are there.
    Skip(Window),
    /// A window begins, with what is there of it.
    Open(OpenWindow),
    /// A block of it.
    Block(u64),
    /// It ends.
    Close(Window),
}

/// A step, done.
enum Done {
    Skipped(Window),
    Opened(OpenWindow),
    Block(u64, Result<Box<Gathered>, Outcome>),
    Closed(Window),
}

/// A run over blocks.
pub(super) struct Blocks {
    pub(super) run: Run,
    pub(super) detection: Detection,
    pub(super) best: Best,
    pub(super) gaps: Gaps,
    open: Option<OpenWindow>,
    batch: Batch,
    saving: Option<BoxFuture<'static, Result<Result<Saved, EngineError>, Panicked>>>,
    /// The block before the next one, where that is known.
    pub(super) before: Option<BlockRef>,
    pub(super) first: u64,
    /// The time of the newest block.
    newest_ms: Option<u64>,
    /// When the last batch began to be made safe.
    saved: Instant,
}

/// What was read waits no longer than this to be made safe.
const PATIENT: Duration = Duration::from_secs(1);

/// Blocks that were read and wait for those before them to be written, at most: they take more room than those under way.
const MOST_WAITING: usize = 32;

/// How often a live run looks how far behind it is, and how long that may take.
pub(super) const LOOK: Duration = Duration::from_secs(5);

impl Blocks {
    pub(super) fn new(run: Run, detection: Detection) -> Self {
        let is_best = run.settings.best && !detection.is_empty();
        Self {
            run,
            detection,
            best: Best::new(is_best),
            gaps: Gaps::default(),
            open: None,
            batch: Batch::default(),
            saving: None,
            before: None,
            first: 0,
            newest_ms: None,
            saved: Instant::now(),
        }
    }

    pub(super) fn into_run(self) -> Run {
        self.run
    }

    /// Every considered block of the range, in order.
    pub(super) async fn backfill(&mut self, first: u64, last: u64) -> Result<(), EngineError> {
        self.first = first;
        let head = self.run.head;
        if last > head.number {
            return Err(EngineError::NotFinalized { last, head: head.number });
        }
        if let Some(cursor) = self.run.state.cursor().await? {
            self.run.check_cursor(&cursor).await?;
            self.detection.restore(&cursor.detectors);
            self.run.report.cursor = Some(cursor.block.number);
        }
        self.run.meter.set_total(last - first + 1);
        let parts = self.run.state.windows().await?;
        let steps = self.steps(first, last, parts).boxed();
        let outcome = self.follow_steps(steps).await;
        self.finish(outcome).await
    }

    async fn follow_steps(&mut self, steps: BoxStream<'static, Result<Step, EngineError>>) -> Result<(), EngineError> {
        let limited = !self.run.settings.rate_limit.is_zero();
        let in_flight = if limited { 1 } else { self.run.settings.in_flight };
        let waiting = (in_flight / 8).min(MOST_WAITING);
        let (gatherer, patience) = (Arc::clone(&self.run.gatherer), Arc::clone(&self.run.patience));
        let pace = Arc::new(Pace::new(self.run.settings.rate_limit));
        let throttle = Throttle::new(in_flight);
        let done = steps
            .map(move |step| {
                let (gatherer, patience, pace) = (Arc::clone(&gatherer), Arc::clone(&patience), Arc::clone(&pace));
                let throttle = throttle.clone();
                async move {
                    Ok::<_, EngineError>(match step? {
                        Step::Skip(window) => Done::Skipped(window),
                        Step::Open(window) => Done::Opened(window),
                        Step::Close(window) => Done::Closed(window),
                        Step::Block(number) => {
                            let _turn = throttle.turn().await;
                            pace.wait().await;
                            let work = async move {
                                patience.attempt(number, || gatherer.at_height(number)).await.map(Box::new)
                            };
                            let block =
                                tokio::spawn(work).await.map_err(|_| EngineError::Internal { block: number })?;
                            Done::Block(number, block)
                        }
                    })
                }
            })
            // What waits was read too: a kill costs no more than a batch and what is under way.
            .buffered(in_flight.saturating_sub(waiting + 1).max(1));
        let mut done = Ahead::of(done, waiting);
        while let Some(step) = done.next().await {
            match step? {
                Done::Skipped(window) => {
                    let blocks = window.last() - window.first() + 1;
                    self.run.report.windows_skipped += 1;
                    self.run.report.skipped += blocks;
                    self.run.meter.found(blocks);
                    self.before = None;
                    self.run.tell();
                }
                Done::Opened(window) => {
                    self.run.report.skipped += window.found;
                    self.run.meter.found(window.found);
                    self.open = Some(window);
                }
                Done::Block(number, Ok(block)) => self.accept(number, *block).await?,
                Done::Block(_, Err(Outcome::Stopped)) => return Ok(()),
                Done::Block(_, Err(Outcome::Stop(error))) => return Err(error),
                Done::Block(number, Err(Outcome::Poison { tries, error })) => {
                    self.leave_out(number, tries, error).await?;
                }
                Done::Closed(window) => self.close_window(window).await?,
            }
            if limited {
                self.flush().await?;
            } else if self.is_full() {
                self.save().await?;
            }
            if self.run.is_stopped() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The windows of a range, and what is missing of each. `parts`: windows that have some.
    fn steps(
        &self,
        first: u64,
        last: u64,
        parts: BTreeSet<(u64, u64)>,
    ) -> impl Stream<Item = Result<Step, EngineError>> + use<> {
        let (state, job) = (self.run.state.clone(), Arc::clone(&self.run.job));
        let force = self.run.settings.force;
        let left_out: BTreeSet<u64> = self.run.quarantined.keys().copied().collect();
        let genesis = self.run.identity.genesis_hash;
        stream::iter(Window::covering(first..=last))
            .then(move |window| {
                let (state, job, left_out) = (state.clone(), Arc::clone(&job), left_out.clone());
                let has_parts = parts.contains(&(window.first(), window.last()));
                async move {
                    let again = left_out.range(window.first()..=window.last()).next().is_some();
                    if !force && !again && stored(&state, &job, genesis, window).await? == Stored::Whole {
                        // A run that was killed right after its manifest left them.
                        if has_parts {
                            state.drop_parts(window).await?;
                        }
                        return Ok(vec![Step::Skip(window)]);
                    }
                    let mut open = if force { OpenWindow::new(window) } else { load_parts(&state, window).await? };
                    let missing: Vec<u64> = window
                        .blocks()
                        .filter(|block| job.considers(*block))
                        .filter(|block| left_out.contains(block) || !open.covers(*block))
                        .collect();
                    open.found = (window.last() - window.first() + 1) - missing.len() as u64;
                    let blocks = missing.into_iter().map(Step::Block);
                    Ok([Step::Open(open)].into_iter().chain(blocks).chain([Step::Close(window)]).collect())
                }
            })
            .map(|steps: Result<Vec<Step>, EngineError>| match steps {
                Ok(steps) => stream::iter(steps.into_iter().map(Ok).collect::<Vec<_>>()),
                Err(error) => stream::iter(vec![Err(error)]),
            })
            .flatten()
    }

    /// Follows the chain until it is stopped.
    pub(super) async fn live(&mut self) -> Result<(), EngineError> {
        let head = self.run.head;
        let from = match self.run.state.cursor().await? {
            Some(cursor) => {
                self.run.check_cursor(&cursor).await?;
                self.detection.restore(&cursor.detectors);
                self.first = cursor.first;
                self.before = Some(cursor.block);
                let next = cursor.block.number + 1;
                self.run.mend(next).await?;
                next
            }
            None => {
                self.first = self.run.settings.start.unwrap_or(head.number);
                self.first
            }
        };
        self.run.report.block_start = self.first;
        self.run.report.block_end = from.saturating_sub(1);
        self.run.meter.begins_at(from, self.before.map(|before| before.number));
        self.take_up(from).await?;
        let outcome = self.follow_chain(from).await;
        self.finish(outcome).await
    }

    async fn follow_chain(&mut self, from: u64) -> Result<(), EngineError> {
        let source = Arc::clone(&self.run.source);
        let (gatherer, patience) = (Arc::clone(&self.run.gatherer), Arc::clone(&self.run.patience));
        let blocks = source.finalized(from).map(|block| {
            let (gatherer, patience) = (Arc::clone(&gatherer), Arc::clone(&patience));
            async move {
                let block = match block {
                    Ok(block) => block,
                    // The stream goes on where it was.
                    Err(error) if error.is_retryable() => return Ok(None),
                    Err(error) => return Err(error),
                };
                let number = block.header.header.number;
                let work =
                    async move { patience.attempt(number, || gatherer.block(block.clone())).await.map(Box::new) };
                match tokio::spawn(work).await {
                    Ok(done) => Ok(Some((number, done))),
                    Err(_) => Err(SourceError::fatal(format!("an internal failure at block {number}"))),
                }
            }
        });
        let mut blocks = Box::pin(blocks.buffered(self.run.settings.in_flight));
        let stop = self.run.settings.stop.clone();
        let mut watch = tokio::time::interval(LOOK);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tip = Tip::of(&*source);
        loop {
            // While more is ready it is made safe together; at the head each block by itself.
            let ready = blocks.next().now_or_never();
            let item = match ready {
                Some(item) => item,
                None => {
                    self.flush().await?;
                    self.look_for_tip(&mut tip).await;
                    tokio::select! {
                        item = blocks.next() => item,
                        update = tip.next(), if self.best.has_room() => {
                            self.take_update(&mut tip, update).await?;
                            continue;
                        }
                        () = stop.cancelled() => return Ok(()),
                        _ = watch.tick() => {
                            self.look_at_head().await;
                            self.look_for_gaps();
                            continue;
                        }
                    }
                }
            };
            let next = self.before.map_or(from, |before| before.number + 1);
            match item {
                None => return Ok(()),
                Some(Err(source)) => return Err(EngineError::Source { block: next, source }),
                Some(Ok(None)) => {}
                Some(Ok(Some((number, Ok(block))))) => {
                    self.enter(number).await?;
                    self.accept(number, *block).await?;
                }
                Some(Ok(Some((_, Err(Outcome::Stopped))))) => return Ok(()),
                Some(Ok(Some((_, Err(Outcome::Stop(error)))))) => return Err(error),
                Some(Ok(Some((number, Err(Outcome::Poison { tries, error }))))) => {
                    self.enter(number).await?;
                    self.leave_out(number, tries, error).await?;
                }
            }
            if self.is_full() {
                self.save().await?;
                if watch.tick().now_or_never().is_some() {
                    self.look_at_head().await;
                }
            }
            if stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Whether what was collected is worth keeping: for its number, or since blocks come slowly. Half of what a kill may
    /// cost is collected while the other half is made safe.
    fn is_full(&self) -> bool {
        self.batch.count >= (self.run.settings.batch_size as u64).div_ceil(2) || self.saved.elapsed() >= PATIENT
    }

    /// Opens the window of a block of a live run, and closes the one before.
    async fn enter(&mut self, number: u64) -> Result<(), EngineError> {
        let start = number - number % crate::artifact::raw::WINDOW_BLOCKS;
        let last = start + (crate::artifact::raw::WINDOW_BLOCKS - 1);
        let Some(window) = Window::new(self.first.max(start), last) else {
            return Err(EngineError::Internal { block: number });
        };
        if self.open.as_ref().is_some_and(|open| open.window == window) {
            return Ok(());
        }
        if let Some(open) = &self.open {
            let window = open.window;
            self.close_window(window).await?;
        }
        self.open = Some(load_parts(&self.run.state, window).await?);
        Ok(())
    }

    async fn look_at_head(&mut self) {
        // A run that goes on and to which nothing comes yet is as late as its cursor.
        if let (None, Some(before)) = (self.newest_ms, self.before) {
            let block = tokio::time::timeout(LOOK, self.run.source.block(before.hash.into())).await;
            self.newest_ms = block.ok().and_then(Result::ok).and_then(|block| block.timestamp_ms);
        }
        if let Some(time) = self.newest_ms {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            gauge!(metrics::LAG_SECONDS).set(now.as_secs_f64() - time as f64 / 1_000.0);
        }
        let head = self.run.source.head(Finality::Finalized);
        if let Ok(Ok(head)) = tokio::time::timeout(LOOK, head).await {
            self.run.meter.head(head.number);
            self.run.tell();
        }
    }

    /// Takes a block: after the one before it, and with what detectors say of it.
    async fn accept(&mut self, number: u64, block: Gathered) -> Result<(), EngineError> {
        let at = block.at;
        if let Some(before) = self.before.filter(|before| before.number + 1 == at.number)
            && before.hash != at.parent_hash
        {
            // Which of the two is right is not for us to say: nothing is written of either from here on.
            let expected = BlockRef { hash: at.parent_hash, ..before };
            return Err(EngineError::contradicted(&before, &expected));
        }
        let seen = self.settled(number, Some(at)).await?;
        let is_new = seen.is_none();
        let findings = match (seen, &block.raw) {
            (Some(seen), _) => seen,
            (None, Some(raw)) => {
                let network = self.run.job.network.as_str();
                self.detection.inspect(&*self.run.source, network, raw).await.findings
            }
            (None, None) => Vec::new(),
        };
        let rows = findings.iter().map(FindingRow::of).collect::<Vec<_>>();
        let epochs = block.rows.epochs.iter().map(|row| row.netuid).collect::<BTreeSet<_>>().len() as u64;
        self.run.report.findings += rows.len() as u64;
        self.run.report.epochs += epochs;
        counter!(metrics::FINDINGS).increment(rows.len() as u64);
        counter!(metrics::EPOCHS).increment(epochs);
        tracing::debug!(
            block = number,
            epochs,
            findings = rows.len(),
            duration_ms = block.took.as_millis() as u64,
            "read"
        );
        histogram!(metrics::BLOCK_SECONDS).record(block.took.as_secs_f64());
        self.newest_ms = block.timestamp_ms.or(self.newest_ms);
        if let Some(time) = block.timestamp_ms {
            gauge!(metrics::BLOCK_TIME).set(time as f64 / 1_000.0);
        }
        self.batch.part.begin(at)?;
        push(&mut self.batch.part, block.rows)?;
        if self.run.job.outputs.has(Dataset::Findings) {
            self.batch.part.rows(rows)?;
        }
        if is_new {
            self.detection.found(findings);
        }
        self.before = Some(at);
        self.batch.took(number, Some(at));
        Ok(())
    }

    /// Leaves a block out, with what is known of it.
    async fn leave_out(&mut self, number: u64, tries: u32, error: String) -> Result<(), EngineError> {
        tracing::error!(block = number, tries, %error, "a block cannot be read and is left out");
        let raw = self.run.source.block(BlockId::Number(number)).await.ok();
        let block = Quarantined {
            block: number,
            hash: raw.as_ref().map(|raw| raw.header.hash.to_string()),
            tries,
            error,
            extrinsics: raw
                .iter()
                .flat_map(|raw| &raw.extrinsics)
                .cloned()
                .map(crate::artifact::raw::HexBytes)
                .collect(),
            events: raw.as_ref().map(|raw| crate::artifact::raw::HexBytes(raw.events.clone())),
        };
        self.before = raw.map(|raw| raw.reference());
        self.settled(number, self.before).await?;
        self.run.state.quarantine(&block).await?;
        self.run.quarantined.insert(number, block);
        self.batch.took(number, None);
        Ok(())
    }

    /// Makes safe what was collected.
    async fn flush(&mut self) -> Result<(), EngineError> {
        self.save().await?;
        self.wait_saved().await
    }

    /// Begins to make safe what was collected, beside the reading of what comes next; one batch at a time.
    async fn save(&mut self) -> Result<(), EngineError> {
        self.wait_saved().await?;
        self.saved = Instant::now();
        let Some(first) = self.batch.first else { return Ok(()) };
        let batch = std::mem::take(&mut self.batch);
        let Some(open) = &self.open else { return Err(EngineError::Internal { block: first }) };
        let part = if batch.part.is_empty() { None } else { Some(batch.part.finish()?) };
        let read = part.iter().flat_map(|part| part.blocks()).map(|block| block.number);
        let (findings, sinks) = self.detection.take();
        let cursor = |block| Cursor { block, first: self.first, detectors: self.memory() };
        let saving = Saving {
            state: self.run.state.clone(),
            lease: Arc::clone(&self.run.lease),
            window: open.window,
            of: PartOf::Blocks { first, last: batch.last },
            released: read.filter(|block| self.run.quarantined.contains_key(block)).collect(),
            findings,
            sinks,
            cursor: batch.newest.map(cursor),
            last: batch.last,
            count: batch.count,
            part,
        };
        self.saving = Some(beside(saving.run()).boxed());
        if self.run.settings.batch_size < 2 {
            self.wait_saved().await?;
        }
        Ok(())
    }

    /// Waits for the batch that is being made safe.
    async fn wait_saved(&mut self) -> Result<(), EngineError> {
        let Some(saving) = self.saving.take() else { return Ok(()) };
        let internal = |_| EngineError::Internal { block: self.batch.first.unwrap_or_default() };
        let saved = saving.await.map_err(internal)??;
        if let (Some(part), Some(open)) = (saved.part, &mut self.open) {
            open.parts.push(part);
        }
        for block in saved.released {
            self.run.quarantined.remove(&block);
        }
        if let Some(block) = saved.cursor {
            self.run.report.cursor = Some(block);
            if self.run.job.range.is_none() {
                self.run.report.block_end = block;
            }
        }
        self.run.meter.did(saved.count, saved.last);
        self.run.tell();
        Ok(())
    }

    async fn close_window(&mut self, window: Window) -> Result<(), EngineError> {
        self.flush().await?;
        let Some(open) = self.open.take().filter(|open| open.window == window) else {
            return Err(EngineError::Internal { block: window.first() });
        };
        self.run.seal(window, open.parts).await
    }

    /// Saves what is complete, however the run went.
    async fn finish(&mut self, outcome: Result<(), EngineError>) -> Result<(), EngineError> {
        let saved = self.wait_saved().await;
        match outcome.and(saved) {
            Ok(()) => self.flush().await,
            // What was read before the failure is worth keeping; the failure is what is told.
            Err(error @ (EngineError::Storage(_) | EngineError::LostLease { .. } | EngineError::Sink { .. })) => {
                Err(error)
            }
            Err(error) => {
                if let Err(second) = self.flush().await {
                    tracing::warn!(%second, "what was read last is not saved");
                }
                Err(error)
            }
        }
    }
}

/// Adds the rows of a block to a part.
pub(super) fn push(part: &mut PartBuilder, rows: Rows) -> Result<(), EngineError> {
    if let Some(of_block) = rows.of_block {
        part.block_rows(of_block)?;
    }
    part.rows(rows.hyperparameters)?;
    part.rows(rows.neurons)?;
    part.rows(rows.weights)?;
    part.rows(rows.epochs)?;
    Ok(())
}

/// Spaces the starts of reads.
struct Pace {
    pause: Duration,
    next: tokio::sync::Mutex<Option<Instant>>,
}

impl Pace {
    fn new(pause: Duration) -> Self {
        Self { pause, next: tokio::sync::Mutex::new(None) }
    }

    async fn wait(&self) {
        if self.pause.is_zero() {
            return;
        }
        let mut next = self.next.lock().await;
        if let Some(at) = *next {
            tokio::time::sleep_until(at).await;
        }
        *next = Some(Instant::now() + self.pause);
    }
}
