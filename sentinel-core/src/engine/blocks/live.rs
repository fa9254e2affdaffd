//! Following the chain.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::metrics::gauge;
use futures::FutureExt;
use futures::stream::StreamExt;
use tokio::time::MissedTickBehavior;

use super::super::best::Tip;
use super::super::patience::Outcome;
use super::super::run::load_parts;
use super::super::{EngineError, Head};
use super::Blocks;
use crate::artifact::datasets::Window;
use crate::chain::Finality;
use crate::metrics;
use crate::source::SourceError;

/// Blocks that are read further at once, at most: they are there, and take room.
const AT_ONCE: usize = 256;

/// How often a live run looks how far behind it is, and how long that may take.
pub(in super::super) const LOOK: Duration = Duration::from_secs(5);

impl Blocks {
    /// Follows the chain until it is stopped.
    pub(in super::super) async fn live(&mut self, head: Head) -> Result<(), EngineError> {
        let head = head.await?;
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
        let mut blocks = Box::pin(blocks.buffered(self.run.settings.in_flight.min(AT_ONCE)));
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
}
