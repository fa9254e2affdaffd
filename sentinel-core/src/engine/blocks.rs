//! Runs over blocks: what a backfill of a range and following the chain have in common.

mod live;
mod range;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ::metrics::{counter, gauge, histogram};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::EngineError;
use super::batch::{Batch, Saved, Saving};
use super::best::Best;
use super::detection::Detection;
use super::gaps::Gaps;
use super::gather::{Gathered, Rows, Sheaf};
use super::run::{OpenWindow, Rest, Run};
use super::state::{Cursor, PartOf, Quarantined};
use crate::artifact::datasets::{Dataset, FindingRow, Window};
use crate::artifact::part::PartBuilder;
use crate::blocking::{Panicked, beside};
use crate::chain::{BlockId, BlockRef};
use crate::metrics;

pub(super) use live::LOOK;

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

/// What was read takes no more room than this, as text, before it is made safe.
const ROOM: usize = 16 << 20;

/// Windows that are written at once: while one waits for the store, the next is made.
const AT_ONCE: usize = 2;

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

    /// Whether what was collected is worth keeping: for its number, or since blocks come slowly. Half of what a kill may
    /// cost is collected while the other half is made safe.
    fn is_full(&self) -> bool {
        self.batch.count >= (self.run.settings.batch_size as u64).div_ceil(2)
            || self.batch.part.room() >= ROOM
            || self.saved.elapsed() >= PATIENT
    }

    /// Refuses a block that is not the child of the one before it.
    fn check_parent(&self, at: &BlockRef) -> Result<(), EngineError> {
        match self.before.filter(|before| before.number + 1 == at.number) {
            Some(before) if before.hash != at.parent_hash => {
                // Which of the two is right is not for us to say: nothing is written of either from here on.
                let expected = BlockRef { hash: at.parent_hash, ..before };
                Err(EngineError::contradicted(&before, &expected))
            }
            _ => Ok(()),
        }
    }

    /// Takes blocks that nobody but the store is interested in, after the one before them.
    fn accept_together(&mut self, sheaf: Sheaf) -> Result<(), EngineError> {
        let Sheaf { blocks, part, timestamp_ms, took } = sheaf;
        let ([first, ..], [.., last]) = (&blocks[..], &blocks[..]) else { return Ok(()) };
        self.check_parent(first)?;
        self.batch.part.append(part)?;
        self.before = Some(*last);
        for (at, took) in blocks.iter().zip(took) {
            tracing::debug!(block = at.number, duration_ms = took.as_millis() as u64, "read");
            histogram!(metrics::BLOCK_SECONDS).record(took.as_secs_f64());
            self.batch.took(at.number, Some(*at));
        }
        self.is_at(timestamp_ms);
        Ok(())
    }

    /// Takes note of the time of the newest block.
    fn is_at(&mut self, timestamp_ms: Option<u64>) {
        self.newest_ms = timestamp_ms.or(self.newest_ms);
        if let Some(time) = timestamp_ms {
            gauge!(metrics::BLOCK_TIME).set(time as f64 / 1_000.0);
        }
    }

    /// Takes a block: after the one before it, and with what detectors say of it.
    async fn accept(&mut self, number: u64, block: Gathered) -> Result<(), EngineError> {
        let at = block.at;
        self.check_parent(&at)?;
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
        self.is_at(block.timestamp_ms);
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
        // The cursor does not overtake what becomes safe with a window.
        if self.run.unsafe_rests > 0 {
            self.wait_sealed(0).await?;
        }
        if self.run.unsafe_rests > 0 {
            return Err(EngineError::Internal { block: self.batch.last });
        }
        let Some(saving) = self.take_batch()? else { return Ok(()) };
        self.saving = Some(beside(saving.run()).boxed());
        if self.run.settings.batch_size < 2 {
            self.wait_saved().await?;
        }
        Ok(())
    }

    /// What was collected, with all that is to be done to make it safe; `None` where nothing was.
    fn take_batch(&mut self) -> Result<Option<Saving>, EngineError> {
        self.saved = Instant::now();
        let Some(first) = self.batch.first else { return Ok(None) };
        let batch = std::mem::take(&mut self.batch);
        let Some(open) = &self.open else { return Err(EngineError::Internal { block: first }) };
        let read = batch.part.blocks().iter().map(|block| block.number);
        let (findings, sinks) = self.detection.take();
        let cursor = |block| Cursor { block, first: self.first, detectors: self.memory() };
        Ok(Some(Saving {
            state: self.run.state.clone(),
            lease: Arc::clone(&self.run.lease),
            window: open.window,
            of: PartOf::Blocks { first, last: batch.last },
            released: read.filter(|block| self.run.quarantined.contains_key(block)).collect(),
            part: (!batch.part.is_empty()).then_some(batch.part),
            findings,
            sinks,
            cursor: batch.newest.map(cursor),
            last: batch.last,
            count: batch.count,
        }))
    }

    /// Waits for the batch that is being made safe.
    async fn wait_saved(&mut self) -> Result<(), EngineError> {
        let Some(saving) = self.saving.take() else { return Ok(()) };
        let internal = |_| EngineError::Internal { block: self.batch.first.unwrap_or_default() };
        let saved = saving.await.map_err(internal)??;
        self.is_safe(saved);
        Ok(())
    }

    /// Waits until no more windows than these are being written.
    async fn wait_sealed(&mut self, but: usize) -> Result<(), EngineError> {
        while let Some(saved) = self.run.sealed(but).await? {
            self.is_safe(saved);
        }
        Ok(())
    }

    fn is_safe(&mut self, saved: Saved) {
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
    }

    async fn close_window(&mut self, window: Window) -> Result<(), EngineError> {
        let rest = match self.needs_part(window) {
            true => {
                self.flush().await?;
                None
            }
            false => {
                self.wait_saved().await?;
                self.take_batch()?.and_then(|mut saving| Some(Rest { part: saving.part.take()?, saving }))
            }
        };
        self.wait_sealed(AT_ONCE - 1).await?;
        let Some(open) = self.open.take().filter(|open| open.window == window) else {
            return Err(EngineError::Internal { block: window.first() });
        };
        self.run.seal(window, open.parts, rest).await
    }

    /// Whether what was collected last of a window is to be safe before its artifacts are: where findings wait for that, and
    /// where a later run adds what is left out now.
    fn needs_part(&self, window: Window) -> bool {
        let is_whole = self.run.quarantined.range(window.first()..=window.last()).next().is_none();
        self.batch.part.is_empty() || !self.detection.is_empty() || !is_whole
    }

    /// Saves what is complete, however the run went.
    async fn finish(&mut self, outcome: Result<(), EngineError>) -> Result<(), EngineError> {
        let saved = self.wait_saved().await;
        let sealed = self.wait_sealed(0).await;
        match outcome.and(saved).and(sealed) {
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
