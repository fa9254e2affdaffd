//! Blocks read ahead of their reader, several at once, and handed out in order.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::super::Inner;
use crate::chain::BlockId;
use crate::source::{RawBlock, SourceError};

/// A read that ends when nobody waits for it any more.
struct Reading(JoinHandle<Result<RawBlock, SourceError>>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// See the module. It reads by height, never beyond the head that it is told.
pub(super) struct Prefetch {
    inner: Arc<Inner>,
    /// The height of the first of `readings`.
    next: u64,
    /// Of the next heights in order; none where it is to be read anew.
    readings: VecDeque<Option<Reading>>,
}

impl Prefetch {
    pub(super) fn new(inner: Arc<Inner>, from: u64) -> Self {
        Self { inner, next: from, readings: VecDeque::new() }
    }

    /// The height that comes next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The block at the next height, which must not be above `head`. It stays the next one until it is [`taken`](Self::taken).
    pub(super) async fn read(&mut self, head: u64) -> Result<RawBlock, SourceError> {
        // Behind, as many as allowed; at the head, the one.
        let ahead = (head.saturating_sub(self.next) as usize).saturating_add(1);
        let width = self.inner.pool.options().prefetch.max(1).min(ahead);
        if self.readings.len() < width {
            self.readings.resize_with(width, || None);
        }
        for (height, reading) in (self.next..).zip(&mut self.readings) {
            if reading.is_none() {
                let inner = Arc::clone(&self.inner);
                *reading = Some(Reading(tokio::spawn(async move { inner.block(BlockId::Number(height)).await })));
            }
        }
        let Some(Some(first)) = self.readings.front_mut() else {
            return Err(SourceError::fatal(format!("block {} is not being read: report it", self.next)));
        };
        let block = (&mut first.0).await;
        if let Some(first) = self.readings.front_mut() {
            *first = None;
        }
        block.unwrap_or_else(|error| Err(SourceError::fatal(format!("reading block {} ended: {error}", self.next))))
    }

    /// The next block was accepted.
    pub(super) fn taken(&mut self) {
        self.readings.pop_front();
        self.next += 1;
    }
}
