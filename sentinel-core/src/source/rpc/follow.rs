//! Following the chain: finalized blocks without gaps, the best chain with its re-organisations.

use std::collections::VecDeque;

use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use subxt_rpcs::client::RawRpcSubscription;
use tokio::time::{sleep, timeout};

use super::Inner;
use crate::chain::{BlockId, BlockRef, Finality};
use crate::source::{BestUpdate, RawBlock, SourceError};

/// Blocks of the best chain that are remembered for finding where a fork began. Finality on this chain trails by a few
/// blocks, so deeper forks do not happen.
const REMEMBERED: usize = 4096;

/// Knows when to look for a new head. It only wakes; which block is the head is always asked of the node, so a silent,
/// lagging or lost subscription can delay a block but never skip one.
struct Bell {
    finality: Finality,
    subscription: Subscription,
}

enum Subscription {
    Wanted,
    Active(RawRpcSubscription),
    Unavailable,
}

impl Bell {
    fn new(finality: Finality) -> Self {
        Self { finality, subscription: Subscription::Wanted }
    }

    /// Returns when the head may have moved.
    async fn rung(&mut self, inner: &Inner) {
        let options = inner.node.options();
        if let Subscription::Wanted = self.subscription {
            let (subscribe, unsubscribe) = match self.finality {
                Finality::Finalized => ("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads"),
                Finality::Best => ("chain_subscribeNewHeads", "chain_unsubscribeNewHeads"),
            };
            match inner.node.subscribe(subscribe, unsubscribe).await {
                Ok(subscription) => {
                    self.subscription = Subscription::Active(subscription);
                    // The head may have moved before the subscription began.
                    return;
                }
                Err(error) if error.is_retryable() => {}
                Err(error) => {
                    tracing::debug!(endpoint = inner.node.endpoint(), %error, "no subscription, polling the head");
                    self.subscription = Subscription::Unavailable;
                }
            }
        }
        let Subscription::Active(subscription) = &mut self.subscription else {
            return sleep(options.poll_interval).await;
        };
        let stream = &mut subscription.stream;
        match timeout(options.silence, stream.next()).await {
            Ok(Some(Ok(_))) => {
                // Several heads may be waiting; one look at the newest serves them all.
                while let Some(Some(Ok(_))) = stream.next().now_or_never() {}
            }
            Ok(Some(Err(_)) | None) | Err(_) => self.subscription = Subscription::Wanted,
        }
    }
}

/// One way of following the chain.
trait Follow: Send {
    type Item;

    /// Waits for the next item. After an error it goes on where it was.
    fn step(&mut self) -> impl Future<Output = Result<Self::Item, SourceError>> + Send;
}

/// Steps for ever, with a pause after each error. The stream goes on with the same block: it may fail again, but leaves
/// nothing out.
fn steps<'i, F: Follow + 'i>(inner: &'i Inner, follow: F) -> BoxStream<'i, Result<F::Item, SourceError>>
where
    F::Item: Send,
{
    stream::unfold((follow, false), move |(mut follow, failed)| async move {
        if failed {
            sleep(inner.node.options().poll_interval).await;
        }
        let item = follow.step().await;
        let failed = item.is_err();
        Some((item, (follow, failed)))
    })
    .boxed()
}

struct Finalized<'a> {
    inner: &'a Inner,
    bell: Bell,
    next: u64,
    head: Option<u64>,
    last: Option<BlockRef>,
}

impl Follow for Finalized<'_> {
    type Item = RawBlock;

    async fn step(&mut self) -> Result<RawBlock, SourceError> {
        while self.head.is_none_or(|head| head < self.next) {
            let head = self.inner.head(Finality::Finalized).await?.number;
            self.head = Some(head);
            if head < self.next {
                self.bell.rung(self.inner).await;
            }
        }
        let id = BlockId::Number(self.next);
        let block = self.inner.block(id).await.map_err(|error| match error {
            SourceError::UnknownBlock { head, .. } => {
                let head = head.map_or_else(String::new, |head| format!(", its head being {head}"));
                self.inner.node.lying(id, format!("no such block{head}, though it is finalized"))
            }
            error => error,
        })?;
        let reference = block.reference();
        if let Some(last) = self.last
            && reference.parent_hash != last.hash
        {
            let message =
                format!("its parent is {}, but the finalized block before it is {last}", reference.parent_hash);
            return Err(self.inner.node.lying(id, message));
        }
        self.last = Some(reference);
        self.next += 1;
        Ok(block)
    }
}

/// See [`BlockSource::finalized`](crate::source::BlockSource::finalized).
pub(super) fn finalized(inner: &Inner, from: u64) -> BoxStream<'_, Result<RawBlock, SourceError>> {
    steps(inner, Finalized { inner, bell: Bell::new(Finality::Finalized), next: from, head: None, last: None })
}

/// Whether `block` is part of the node's best chain.
async fn is_canonical(inner: &Inner, block: BlockRef) -> Result<bool, SourceError> {
    Ok(inner.node.hash_at(block.number).await? == Some(block.hash))
}

struct Best<'a> {
    inner: &'a Inner,
    bell: Bell,
    from: u64,
    /// The newest part of the chain as handed out, ascending.
    applied: VecDeque<BlockRef>,
}

impl Follow for Best<'_> {
    type Item = BestUpdate;

    async fn step(&mut self) -> Result<BestUpdate, SourceError> {
        loop {
            let last = self.applied.back().copied();
            let next = last.map_or(self.from, |last| last.number + 1);
            if let Some(hash) = self.inner.node.hash_at(next).await? {
                let block = self.inner.block(BlockId::Hash(hash)).await?;
                if last.is_none_or(|last| last.hash == block.header.header.parent_hash) {
                    if self.applied.len() == REMEMBERED {
                        self.applied.pop_front();
                    }
                    self.applied.push_back(block.reference());
                    return Ok(BestUpdate::Applied(Box::new(block)));
                }
            }
            match last {
                Some(last) if !is_canonical(self.inner, last).await? => {
                    if let Some(to) = self.roll_back().await? {
                        return Ok(BestUpdate::RolledBack { to });
                    }
                }
                _ => self.bell.rung(self.inner).await,
            }
        }
    }
}

impl Best<'_> {
    /// Drops what the best chain no longer has; `None` where the node merely lags behind what it showed before.
    async fn roll_back(&mut self) -> Result<Option<BlockRef>, SourceError> {
        let head = self.inner.head(Finality::Best).await?;
        if self.applied.iter().any(|block| block.hash == head.hash) {
            self.bell.rung(self.inner).await;
            return Ok(None);
        }
        let mut kept = self.applied.len();
        while kept > 0 {
            if is_canonical(self.inner, self.applied[kept - 1]).await? {
                break;
            }
            kept -= 1;
        }
        let to = match kept {
            // The fork began before the first block handed out; everything handed out is undone.
            0 => {
                let first = self.applied.front().map_or(self.from, |first| first.number);
                self.inner.header(BlockId::Number(first.saturating_sub(1))).await?.reference()
            }
            kept => self.applied[kept - 1],
        };
        self.applied.truncate(kept);
        if kept == 0 {
            self.from = to.number + 1;
        }
        Ok(Some(to))
    }
}

/// See [`BlockSource::best`](crate::source::BlockSource::best).
pub(super) fn best(inner: &Inner, from: u64) -> BoxStream<'_, Result<BestUpdate, SourceError>> {
    steps(inner, Best { inner, bell: Bell::new(Finality::Best), from, applied: VecDeque::new() })
}
