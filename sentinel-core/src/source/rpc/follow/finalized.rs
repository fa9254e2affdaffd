//! Finalized blocks: each height once, ascending, each the child of the one before.

use std::sync::Arc;

use futures::stream::BoxStream;
use tokio::time::sleep;

use super::super::Inner;
use super::bell::Bell;
use super::prefetch::Prefetch;
use super::{Follow, steps};
use crate::chain::{BlockId, BlockRef, Finality};
use crate::source::{RawBlock, SourceError};

struct Finalized<'a> {
    inner: &'a Arc<Inner>,
    bell: Bell,
    blocks: Prefetch,
    /// The highest finalized height seen.
    head: Option<u64>,
    last: Option<BlockRef>,
}

impl Follow for Finalized<'_> {
    type Item = RawBlock;

    async fn step(&mut self) -> Result<RawBlock, SourceError> {
        let block = loop {
            let head = self.head().await?;
            match self.blocks.read(head).await {
                Ok(block) => break block,
                Err(SourceError::UnknownBlock { head: Some(behind), .. }) if behind < self.blocks.next() => {
                    // The only endpoint that answers lags behind what another one showed.
                    tracing::debug!(block = self.blocks.next(), behind, "waiting for a lagging endpoint");
                    self.bell.saw(self.inner, behind);
                    sleep(self.inner.pool.options().poll_interval).await;
                }
                Err(SourceError::UnknownBlock { head, .. }) => return Err(self.hole(head)),
                Err(error) => return Err(error),
            }
        };
        let reference = block.reference();
        if let Some(last) = self.last
            && reference.parent_hash != last.hash
        {
            self.inner.heights.doubt(reference.number);
            return Err(mismatch(self.inner, last, reference).await);
        }
        self.last = Some(reference);
        self.blocks.taken();
        Ok(block)
    }
}

impl Finalized<'_> {
    /// Waits until the next height is finalized; gives the finalized head.
    async fn head(&mut self) -> Result<u64, SourceError> {
        loop {
            if let Some(head) = self.head.filter(|head| *head >= self.blocks.next()) {
                return Ok(head);
            }
            let now = self.inner.head(Finality::Finalized).await?.number;
            self.bell.saw(self.inner, now);
            let head = self.head.map_or(now, |before| before.max(now));
            self.head = Some(head);
            if head < self.blocks.next() {
                self.bell.rung(self.inner).await;
            }
        }
    }

    fn hole(&self, head: Option<u64>) -> SourceError {
        let head = head.map_or_else(String::new, |head| format!(", its head being {head}"));
        lying(self.inner, self.blocks.next(), format!("no such block{head}, though it is finalized"))
    }
}

fn lying(inner: &Inner, block: u64, message: String) -> SourceError {
    let endpoint = inner.pool.favourite().map_or("", |node| node.endpoint()).to_owned();
    SourceError::Lying { endpoint, block: BlockId::Number(block), message }
}

/// A block that does not follow the one before it: the answer of a backend on another branch, or the end of what was held
/// for final.
async fn mismatch(inner: &Inner, last: BlockRef, next: BlockRef) -> SourceError {
    let mut contradiction = None;
    for node in inner.pool.nodes().iter().filter(|node| node.health().is_up()) {
        match inner.hash_at(node, last.number).await {
            Ok(Some(hash)) if hash == last.hash => {
                contradiction = None;
                break;
            }
            Ok(Some(now)) => contradiction = Some((node.endpoint().to_owned(), now)),
            Ok(None) => {}
            // Nothing is decided while somebody cannot be heard.
            Err(error) => return error,
        }
    }
    match contradiction {
        Some((endpoint, now)) => {
            tracing::error!(endpoint, block = last.number, was = %last.hash, %now, "a finalized block was replaced");
            SourceError::Contradicted { endpoint, block: last.number, was: last.hash, now }
        }
        None => {
            let message = format!("its parent is {}, but the finalized block before it is {last}", next.parent_hash);
            lying(inner, next.number, message)
        }
    }
}

/// See [`BlockSource::finalized`](crate::source::BlockSource::finalized).
pub(in super::super) fn finalized(inner: &Arc<Inner>, from: u64) -> BoxStream<'_, Result<RawBlock, SourceError>> {
    let blocks = Prefetch::new(Arc::clone(inner), from);
    let bell = Bell::new(Finality::Finalized);
    steps(inner, Finalized { inner, bell, blocks, head: None, last: None })
}
