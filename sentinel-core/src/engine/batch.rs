//! Rows of consecutive blocks that are made safe together.

use std::sync::Arc;

use bytes::Bytes;
use futures::future;

use super::EngineError;
use super::detection;
use super::lease::Lease;
use super::state::{Cursor, PartOf, State};
use crate::artifact::ArtifactError;
use crate::artifact::datasets::Window;
use crate::artifact::part::{Part, PartBuilder};
use crate::blocking::offload;
use crate::chain::BlockRef;
use crate::detect::Finding;
use crate::sink::Sink;

/// Collects rows until they are made safe together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) part: PartBuilder,
    /// The heights that it answers for, those that were left out among them.
    pub(super) first: Option<u64>,
    pub(super) last: u64,
    pub(super) newest: Option<BlockRef>,
    pub(super) count: u64,
}

impl Batch {
    /// Answers for one more height; `block` is none where it was left out.
    pub(super) fn took(&mut self, number: u64, block: Option<BlockRef>) {
        self.first.get_or_insert(number);
        self.last = number;
        self.newest = block.or(self.newest);
        self.count += 1;
    }
}

/// The work of making a batch safe.
pub(super) struct Saving {
    pub(super) state: State,
    pub(super) lease: Arc<Lease>,
    pub(super) window: Window,
    pub(super) of: PartOf,
    /// Nothing where every block of the batch was left out.
    pub(super) part: Option<PartBuilder>,
    pub(super) findings: Vec<Finding>,
    pub(super) sinks: Vec<Arc<dyn Sink>>,
    /// Blocks that were left out by an earlier run, and are in the part now.
    pub(super) released: Vec<u64>,
    pub(super) cursor: Option<Cursor>,
    pub(super) last: u64,
    pub(super) count: u64,
}

/// A batch that is safe.
pub(super) struct Saved {
    pub(super) part: Option<Part>,
    pub(super) released: Vec<u64>,
    pub(super) cursor: Option<u64>,
    pub(super) last: u64,
    pub(super) count: u64,
}

/// The part and its bytes, made where that keeps nobody waiting.
async fn pack(part: Option<PartBuilder>, last: u64) -> Result<Option<(Part, Bytes)>, EngineError> {
    let Some(part) = part else { return Ok(None) };
    let packed = offload(move || {
        let part = part.finish()?;
        let bytes = part.encode()?;
        Ok::<_, ArtifactError>((part, bytes))
    });
    Ok(Some(packed.await.map_err(|_| EngineError::Internal { block: last })??))
}

impl Saving {
    /// Rows first, then what was found in them, then the cursor.
    pub(super) async fn run(self) -> Result<Saved, EngineError> {
        let Self { state, lease, window, of, part, findings, sinks, released, cursor, last, count } = self;
        let (is_ours, packed) = future::join(lease.check(), pack(part, last)).await;
        is_ours?;
        let part = match packed? {
            None => None,
            Some((part, bytes)) => {
                state.keep(window, &of, bytes).await?;
                Some(part)
            }
        };
        detection::deliver(&sinks, &findings, last).await?;
        for block in &released {
            state.release(*block).await?;
        }
        if let Some(cursor) = &cursor {
            state.set_cursor(cursor).await?;
        }
        Ok(Saved { part, released, cursor: cursor.map(|cursor| cursor.block.number), last, count })
    }
}
