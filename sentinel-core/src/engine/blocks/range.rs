//! A backfill of a range, window by window.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures::future;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::time::Instant;

use super::super::ahead::Ahead;
use super::super::gather::{Gathered, Gatherer, Sheaf};
use super::super::patience::{Failure, Outcome, Patience};
use super::super::run::{OpenWindow, Stored, load_parts, stored};
use super::super::throttle::{Throttle, together};
use super::super::{EngineError, Head};
use super::Blocks;
use crate::artifact::datasets::Window;

/// What comes next in a range.
enum Step {
    /// A window whose artifacts are there.
    Skip(Window),
    /// A window begins, with what is there of it.
    Open(OpenWindow),
    /// Consecutive blocks of it.
    Blocks(RangeInclusive<u64>),
    /// It ends.
    Close(Window),
}

/// A step, done.
enum Done {
    Skipped(Window),
    Opened(OpenWindow),
    Blocks(Vec<(u64, Result<Gathered, Outcome>)>),
    Together(Box<Sheaf>),
    Closed(Window),
}

/// So much earlier than the blocks after it, those of the first window are asked for: a node that is asked for everything at
/// once answers it in no order, and then no window is whole long before the last one is.
const HEAD_START: Duration = Duration::from_millis(10);

/// Blocks that were read and wait for those before them to be written, at most: they take more room than those under way.
const MOST_WAITING: usize = 32;

impl Blocks {
    /// Every considered block of the range, in order.
    pub(in super::super) async fn backfill(&mut self, first: u64, last: u64, head: Head) -> Result<(), EngineError> {
        self.first = first;
        if let Some(cursor) = self.run.state.cursor().await? {
            self.run.check_cursor(&cursor).await?;
            self.detection.restore(&cursor.detectors);
            self.run.report.cursor = Some(cursor.block.number);
        }
        self.run.meter.set_total(last - first + 1);
        let parts = self.run.state.windows().await?;
        let is_final = async move {
            let head = head.await?.number;
            if last > head { Err(EngineError::NotFinalized { last, head }) } else { Ok(()) }
        };
        let outcome = self.follow_steps(first, last, parts, is_final).await;
        self.finish(outcome).await
    }

    /// Reading begins before it is known that all of it is final; nothing is done with what is read until then.
    async fn follow_steps(
        &mut self,
        first: u64,
        last: u64,
        parts: BTreeSet<(u64, u64)>,
        is_final: impl Future<Output = Result<(), EngineError>>,
    ) -> Result<(), EngineError> {
        let limited = !self.run.settings.rate_limit.is_zero();
        let in_flight = if limited { 1 } else { self.run.settings.in_flight };
        let waiting = (in_flight / 8).min(MOST_WAITING);
        let (gatherer, patience) = (Arc::clone(&self.run.gatherer), Arc::clone(&self.run.patience));
        let pace = Arc::new(Pace::new(self.run.settings.rate_limit));
        // The others may be done before one that is late. Without them all would be asked for at once when it comes, again and
        // again, and the time of the node and our own would pass one after the other.
        // A batch is not to be more than twice what it was asked to be.
        let most_together = match gatherer.reads_blocks_only() {
            true => together(in_flight).min(self.run.settings.batch_size / 2).max(1),
            false => 1,
        };
        let throttle = Throttle::new(in_flight - in_flight / 3, most_together);
        let steps = self.steps(first, last, parts, throttle.clone());
        let done = steps
            .map(move |step| {
                let (gatherer, patience, pace) = (Arc::clone(&gatherer), Arc::clone(&patience), Arc::clone(&pace));
                let throttle = throttle.clone();
                async move {
                    Ok::<_, EngineError>(match step? {
                        Step::Skip(window) => Done::Skipped(window),
                        Step::Open(window) => Done::Opened(window),
                        Step::Close(window) => Done::Closed(window),
                        Step::Blocks(heights) => {
                            let block = *heights.start();
                            let mut turn = throttle.turn(heights.clone().count()).await;
                            pace.wait().await;
                            let work = async move { bound(&gatherer, read(&gatherer, &patience, heights).await) };
                            let read = tokio::spawn(work).await.map_err(|_| EngineError::Internal { block })?;
                            let (done, sizes) = read?;
                            sizes.into_iter().for_each(|bytes| turn.has(bytes));
                            done
                        }
                    })
                }
            })
            // What waits was read too: a kill costs no more than a batch and what is under way.
            .buffered((in_flight.saturating_sub(waiting + 1) / most_together).max(1));
        let mut done = Ahead::of(done, waiting / most_together);
        is_final.await?;
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
                Done::Blocks(blocks) => {
                    for (number, block) in blocks {
                        match block {
                            Ok(block) => self.accept(number, block).await?,
                            Err(Outcome::Stopped) => return Ok(()),
                            Err(Outcome::Stop(error)) => return Err(error),
                            Err(Outcome::Poison { tries, error }) => self.leave_out(number, tries, error).await?,
                        }
                        self.keep(limited).await?;
                    }
                }
                Done::Together(sheaf) => {
                    self.accept_together(*sheaf)?;
                    self.keep(limited).await?;
                }
                Done::Closed(window) => self.close_window(window).await?,
            }
            if self.run.is_stopped() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Makes safe what was read when it is time to; where blocks come slowly, each of them.
    async fn keep(&mut self, is_slow: bool) -> Result<(), EngineError> {
        if is_slow {
            self.flush().await
        } else if self.is_full() {
            self.save().await
        } else {
            Ok(())
        }
    }

    /// The windows of a range, and what is missing of each. `parts`: windows that have some.
    fn steps(
        &self,
        first: u64,
        last: u64,
        parts: BTreeSet<(u64, u64)>,
        throttle: Throttle,
    ) -> impl Stream<Item = Result<Step, EngineError>> + use<> {
        let (state, job) = (self.run.state.clone(), Arc::clone(&self.run.job));
        let force = self.run.settings.force;
        let left_out: BTreeSet<u64> = self.run.quarantined.keys().copied().collect();
        let genesis = self.run.identity.genesis_hash;
        stream::iter(Window::covering(first..=last))
            .enumerate()
            .then(move |(index, window)| {
                let (state, job, left_out) = (state.clone(), Arc::clone(&job), left_out.clone());
                let throttle = throttle.clone();
                let has_parts = parts.contains(&(window.first(), window.last()));
                async move {
                    if index == 1 {
                        tokio::time::sleep(HEAD_START).await;
                    }
                    let again = left_out.range(window.first()..=window.last()).next().is_some();
                    if !force && !again && stored(&state, &job, genesis, window).await? == Stored::Whole {
                        // A run that was killed right after its manifest left them.
                        if has_parts {
                            state.drop_parts(window).await?;
                        }
                        return Ok::<_, EngineError>(stream::iter([Ok(Step::Skip(window))]).boxed());
                    }
                    let mut open = if force { OpenWindow::new(window) } else { load_parts(&state, window).await? };
                    let missing: Vec<u64> = window
                        .blocks()
                        .filter(|block| job.considers(*block))
                        .filter(|block| left_out.contains(block) || !open.covers(*block))
                        .collect();
                    open.found = (window.last() - window.first() + 1) - missing.len() as u64;
                    let mut missing = missing.into_iter().peekable();
                    let blocks =
                        std::iter::from_fn(move || consecutive(&mut missing, throttle.together()).map(Step::Blocks));
                    let steps = [Step::Open(open)].into_iter().chain(blocks).chain([Step::Close(window)]);
                    Ok(stream::iter(steps.map(Ok)).boxed())
                }
            })
            .try_flatten()
    }
}

/// The next heights, as long as one follows the other, but no more than `most`.
fn consecutive(heights: &mut Peekable<impl Iterator<Item = u64>>, most: usize) -> Option<RangeInclusive<u64>> {
    let first = heights.next()?;
    let mut last = first;
    while last - first + 1 < most as u64 && heights.next_if_eq(&(last + 1)).is_some() {
        last += 1;
    }
    Some(first..=last)
}

/// Reads blocks together, and those that fail again, one by one.
async fn read(
    gatherer: &Gatherer,
    patience: &Patience,
    heights: RangeInclusive<u64>,
) -> Vec<(u64, Result<Gathered, Outcome>)> {
    let Some(found) = patience.unless_stopped(gatherer.at_heights(heights.clone())).await else {
        return heights.map(|number| (number, Err(Outcome::Stopped))).collect();
    };
    let (mut blocks, mut failed) = (Vec::with_capacity(found.len()), Vec::new());
    for (number, found) in heights.zip(found) {
        match found {
            Ok(block) => blocks.push((number, Ok(block))),
            Err(failure) => failed.push(again(gatherer, patience, number, failure)),
        }
    }
    if !blocks.is_empty() {
        patience.succeeded();
    }
    if !failed.is_empty() {
        blocks.extend(future::join_all(failed).await);
        blocks.sort_unstable_by_key(|(number, _)| *number);
    }
    blocks
}

/// Blocks as they are best handed over, and how large those are that were read.
fn bound(
    gatherer: &Gatherer,
    blocks: Vec<(u64, Result<Gathered, Outcome>)>,
) -> Result<(Done, Vec<usize>), EngineError> {
    let sizes = blocks.iter().flat_map(|(_, block)| block).map(|block| block.bytes).collect();
    let is_chain = blocks.is_sorted_by(|(_, one), (_, next)| match (one, next) {
        (Ok(one), Ok(next)) => one.at.hash == next.at.parent_hash,
        _ => false,
    });
    let done = match gatherer.makes_rows_only() && is_chain && blocks.len() > 1 {
        true => {
            let sheaf = Sheaf::bind(blocks.into_iter().filter_map(|(_, block)| block.ok()))?;
            Done::Together(Box::new(sheaf))
        }
        false => Done::Blocks(blocks),
    };
    Ok((done, sizes))
}

/// Reads a block that failed once.
async fn again(
    gatherer: &Gatherer,
    patience: &Patience,
    number: u64,
    failure: Failure,
) -> (u64, Result<Gathered, Outcome>) {
    let mut failure = Some(failure);
    let attempt = || {
        let failure = failure.take();
        async move {
            match failure {
                Some(failure) => Err(failure),
                None => gatherer.at_height(number).await,
            }
        }
    };
    (number, patience.attempt(number, attempt).await)
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
