//! Blocks that detectors are shown before they are final, and what becomes of them.
//!
//! The store knows nothing of this: its blocks come from the stream of finalized ones, as in every live run. Beside that
//! stream a **tip** is followed, the best chain from the newest final block on. What detectors find there is delivered at
//! once and remembered; when the block becomes final its findings are those that were found before, and when it is undone
//! they are taken back, and detectors go back to what they knew before it.

use std::collections::VecDeque;
use std::future;

use ::metrics::{counter, gauge};
use futures::stream::{BoxStream, StreamExt};

use super::EngineError;
use super::blocks::{Blocks, LOOK};
use super::claims::Claims;
use super::detection::{Inspected, Memory};
use crate::chain::{BlockId, BlockRef, Finality};
use crate::detect::Finding;
use crate::metrics;
use crate::source::{BestUpdate, BlockSource, RawBlock, SourceError};

/// Blocks that wait for finality at most, three quarters of an hour of them. Where more come, the tip waits too: each keeps
/// what detectors remember, which may be some hundred kilobytes.
pub(super) const MOST: usize = 256;

/// A tip that is so far behind what is final is opened anew.
const BEHIND: u64 = 16;

/// A block that detectors have seen and that is not final.
#[derive(Debug)]
struct Tentative {
    at: BlockRef,
    findings: Vec<Finding>,
    /// What detectors remembered before it.
    before: Memory,
}

/// What is known of the tip.
#[derive(Debug, Default)]
pub(super) struct Best {
    is_wanted: bool,
    /// Each the child of the one before; the first is the child of the newest final block.
    blocks: VecDeque<Tentative>,
    claims: Claims,
    /// The height that becomes final next.
    next: u64,
    /// The tip is not opened before this height is next.
    open_at: u64,
    /// The tip is not what became final.
    is_stale: bool,
}

/// The stream of the best chain, while there is one.
pub(super) struct Tip<'a> {
    source: &'a dyn BlockSource,
    updates: Option<BoxStream<'a, Result<BestUpdate, SourceError>>>,
}

impl<'a> Tip<'a> {
    pub(super) fn of(source: &'a dyn BlockSource) -> Self {
        Self { source, updates: None }
    }

    /// What the best chain does next; nothing ever comes from one that is closed.
    pub(super) async fn next(&mut self) -> Option<Result<BestUpdate, SourceError>> {
        match &mut self.updates {
            Some(updates) => updates.next().await,
            None => future::pending().await,
        }
    }
}

impl Best {
    pub(super) fn new(is_wanted: bool) -> Self {
        Self { is_wanted, ..Self::default() }
    }

    /// Whether another block may be seen before the first of them is final.
    pub(super) fn has_room(&self) -> bool {
        self.blocks.len() < MOST
    }

    fn place(&self, number: u64) -> Option<usize> {
        let first = self.blocks.front()?.at.number;
        let place = usize::try_from(number.checked_sub(first)?).ok()?;
        (place < self.blocks.len()).then_some(place)
    }

    fn leave(&mut self, tip: &mut Tip<'_>) {
        tip.updates = None;
        self.is_stale = false;
        // With the next final block it may make sense again.
        self.open_at = self.next + 1;
    }
}

impl Blocks {
    /// Takes up what a run before has told sinks of blocks that were not final. `next` is the height that becomes final next.
    pub(super) async fn take_up(&mut self, next: u64) -> Result<(), EngineError> {
        self.best.next = next;
        self.best.claims = Claims::load(&self.run.state, &self.detection.names()).await?;
        for height in self.best.claims.heights_below(next) {
            let header = self.run.source.header(BlockId::Number(height)).await;
            let at = header.map_err(|source| EngineError::Source { block: height, source })?.reference();
            self.settle(&at).await?;
        }
        Ok(())
    }

    /// What detectors remember after the newest block that is final.
    pub(super) fn memory(&self) -> Memory {
        match self.best.blocks.front() {
            Some(first) => first.before.clone(),
            None => self.detection.snapshots(),
        }
    }

    /// Opens the tip where everything that is final was read.
    pub(super) async fn look_for_tip(&mut self, tip: &mut Tip<'_>) {
        if self.best.is_stale {
            self.best.leave(tip);
        }
        let next = self.best.next;
        if !self.best.is_wanted || tip.updates.is_some() || next < self.best.open_at {
            return;
        }
        let head = tokio::time::timeout(LOOK, tip.source.head(Finality::Finalized)).await;
        match head {
            Ok(Ok(head)) if head.number < next => tip.updates = Some(tip.source.best(next)),
            Ok(Ok(head)) => self.best.open_at = head.number + 1,
            Ok(Err(_)) | Err(_) => self.best.open_at = next + 1,
        }
    }

    /// Takes what the best chain did. What is wrong with it never ends a run: finality will tell.
    pub(super) async fn take_update(
        &mut self,
        tip: &mut Tip<'_>,
        update: Option<Result<BestUpdate, SourceError>>,
    ) -> Result<(), EngineError> {
        let goes_on = match update {
            Some(Ok(BestUpdate::Applied(block))) => self.see(&block).await?,
            Some(Ok(BestUpdate::RolledBack { to })) => {
                self.undo_from(to.number + 1).await?;
                self.newest().is_none_or(|newest| newest.number > to.number || newest.hash == to.hash)
            }
            // It goes on where it was.
            Some(Err(error)) if error.is_retryable() => true,
            Some(Err(error)) => {
                tracing::warn!(%error, "the best chain cannot be read; the next final block is waited for");
                false
            }
            None => false,
        };
        if !goes_on {
            self.best.leave(tip);
        }
        Ok(())
    }

    /// The newest block that detectors have seen.
    fn newest(&self) -> Option<BlockRef> {
        self.best.blocks.back().map(|block| block.at).or(self.before)
    }

    /// Shows a block to detectors. Whether the tip makes sense so far.
    async fn see(&mut self, block: &RawBlock) -> Result<bool, EngineError> {
        let (at, next) = (block.reference(), self.best.next);
        if at.number < next {
            return Ok(at.number + BEHIND >= next);
        }
        if let Some(place) = self.best.place(at.number) {
            if self.best.blocks[place].at.hash == at.hash {
                // The tip was opened anew.
                return Ok(true);
            }
            self.undo_from(at.number).await?;
        }
        let expected = next + self.best.blocks.len() as u64;
        let parent = self.newest().filter(|newest| newest.number + 1 == at.number);
        if at.number != expected || parent.is_some_and(|parent| parent.hash != at.parent_hash) {
            self.undo_from(next).await?;
            return Ok(false);
        }
        let before = self.detection.snapshots();
        let network = self.run.job.network.as_str();
        let Inspected { findings, is_whole } = self.detection.inspect(&*self.run.source, network, block).await;
        if !is_whole {
            // A block that may be gone already: what is final is looked at as in every other run.
            self.detection.recall(&before);
            return Ok(false);
        }
        if !findings.is_empty() && self.detection.has_sinks() {
            self.run.still_ours().await?;
            self.best.claims.add(&self.run.state, &findings).await?;
            self.detection.hand_over(&findings, at.number).await?;
        }
        tracing::debug!(block = at.number, findings = findings.len(), "seen before it is final");
        gauge!(metrics::BEST).set(at.number as f64);
        self.best.blocks.push_back(Tentative { at, findings, before });
        if !self.best.has_room() {
            tracing::warn!(blocks = MOST, "so many blocks are not final; those after them wait until some are");
        }
        Ok(true)
    }

    /// Undoes what detectors have seen of blocks that are not final, from a height on.
    async fn undo_from(&mut self, number: u64) -> Result<(), EngineError> {
        let kept = self.best.blocks.partition_point(|block| block.at.number < number);
        let Some(first) = self.best.blocks.get(kept) else { return Ok(()) };
        self.detection.recall(&first.before);
        let undone: Vec<BlockRef> = self.best.blocks.drain(kept..).map(|block| block.at).collect();
        tracing::info!(
            after = number,
            blocks = undone.len(),
            "blocks that were not final are no longer part of the chain"
        );
        self.retract(|block| undone.contains(block)).await
    }

    /// What detectors found in a block that is final now, where they have seen it; sinks were told.
    pub(super) async fn settled(
        &mut self,
        number: u64,
        at: Option<BlockRef>,
    ) -> Result<Option<Vec<Finding>>, EngineError> {
        self.best.next = number + 1;
        let seen = self.best.blocks.front().map(|first| first.at);
        let is_seen = seen.is_some_and(|seen| at.map_or(seen.number == number, |at| at == seen));
        let findings = if is_seen {
            self.best.blocks.pop_front().map(|block| block.findings)
        } else {
            if let Some(first) = seen {
                self.undo_from(first.number).await?;
                self.best.is_stale = true;
            }
            None
        };
        if let Some(at) = at.or(seen.filter(|_| is_seen)) {
            self.settle(&at).await?;
        }
        Ok(findings)
    }

    /// Takes back what was found in other blocks up to the height of this one, which is final.
    async fn settle(&mut self, at: &BlockRef) -> Result<(), EngineError> {
        self.retract(|block| block.number <= at.number && block.hash != at.hash).await?;
        if self.best.claims.has(&at.hash) {
            self.best.claims.forget(&self.run.state, |block| block.hash == at.hash).await?;
        }
        Ok(())
    }

    async fn retract(&mut self, of: impl Fn(&BlockRef) -> bool) -> Result<(), EngineError> {
        let retractions = self.best.claims.retractions(&of);
        let Some(first) = retractions.first() else { return Ok(()) };
        self.run.still_ours().await?;
        self.detection.hand_over(&retractions, first.block.number).await?;
        self.run.report.retracted += retractions.len() as u64;
        counter!(metrics::RETRACTED).increment(retractions.len() as u64);
        self.best.claims.forget(&self.run.state, of).await
    }
}
