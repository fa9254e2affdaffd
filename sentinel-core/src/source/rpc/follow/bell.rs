//! Knows when to look for a new head, and notices when there should have been one.

use futures::FutureExt;
use futures::stream::StreamExt;
use subxt_rpcs::client::RawRpcSubscription;
use tokio::time::{Instant, sleep, timeout};

use super::super::Inner;
use crate::chain::Finality;

/// See the module. It only wakes; which block is the head is always asked of the node, so a silent, lagging or lost
/// subscription can delay a block but never skip one.
pub(super) struct Bell {
    finality: Finality,
    subscription: Subscription,
    /// Whether the subscription was silent for too long: it, or the next one, is not relied on before it says something.
    doubted: bool,
    /// The highest head so far, and since when.
    head: Option<u64>,
    moved: Instant,
}

/// Each at an endpoint, by its place in the list.
enum Subscription {
    Wanted,
    Active(usize, RawRpcSubscription),
    Unavailable(usize),
}

impl Bell {
    pub(super) fn new(finality: Finality) -> Self {
        Self { finality, subscription: Subscription::Wanted, doubted: false, head: None, moved: Instant::now() }
    }

    /// Takes note of a head. An older one than before is another backend's, or a liar's, and changes nothing.
    pub(super) fn saw(&mut self, inner: &Inner, head: u64) {
        match self.head {
            Some(before) if head < before => inner.head_regressions.one(),
            Some(before) if head == before => {}
            _ => {
                self.head = Some(head);
                self.moved = Instant::now();
                if self.doubted {
                    // The head moved, and the subscription had not said so: it is dead, however open it looks.
                    self.subscription.give_up();
                }
            }
        }
    }

    /// Returns when the head may have moved.
    pub(super) async fn rung(&mut self, inner: &Inner) {
        let options = inner.pool.options();
        if self.moved.elapsed() >= options.silence {
            self.stalled(inner).await;
        }
        self.follow_favourite(inner);
        if let Subscription::Wanted = self.subscription
            && self.subscribe(inner).await
        {
            // The head may have moved before the subscription began.
            return;
        }
        let Subscription::Active(_, subscription) = &mut self.subscription else {
            return sleep(options.poll_interval).await;
        };
        let stream = &mut subscription.stream;
        let patience = if self.doubted { options.poll_interval.min(options.silence) } else { options.silence };
        match timeout(patience, stream.next()).await {
            Ok(Some(Ok(_))) => {
                self.doubted = false;
                // Several heads may be waiting; one look at the newest serves them all.
                while let Some(Some(Ok(_))) = stream.next().now_or_never() {}
            }
            Ok(Some(Err(_)) | None) => self.subscription = Subscription::Wanted,
            // The head is looked at all the same; what is still silent when it moved is opened again.
            Err(_) => self.doubted = true,
        }
    }

    /// Heads are read where the favourite is: what another endpoint announces may come much later, or never.
    fn follow_favourite(&mut self, inner: &Inner) {
        let Some(favourite) = inner.pool.favourite() else { return };
        match self.subscription {
            Subscription::Active(at, _) | Subscription::Unavailable(at) if at != favourite.index() => {
                self.subscription = Subscription::Wanted;
            }
            _ => {}
        }
    }

    /// Whether there is a subscription now.
    async fn subscribe(&mut self, inner: &Inner) -> bool {
        let (subscribe, unsubscribe) = match self.finality {
            Finality::Finalized => ("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads"),
            Finality::Best => ("chain_subscribeNewHeads", "chain_unsubscribeNewHeads"),
        };
        let Some(node) = inner.pool.favourite() else { return false };
        match node.subscribe(subscribe, unsubscribe).await {
            Ok(subscription) => {
                self.subscription = Subscription::Active(node.index(), subscription);
                true
            }
            Err(error) => {
                if !error.is_retryable() {
                    tracing::debug!(endpoint = node.endpoint(), %error, "no subscription, polling the head");
                    self.subscription = Subscription::Unavailable(node.index());
                }
                false
            }
        }
    }

    /// The height did not move for too long: the subscription is given up, and an endpoint that is ahead takes over.
    async fn stalled(&mut self, inner: &Inner) {
        inner.stalls.one();
        self.moved = Instant::now();
        self.subscription = Subscription::Wanted;
        self.doubted = true;
        let Some(favourite) = inner.pool.favourite() else { return };
        let head = self.head.unwrap_or(0);
        tracing::warn!(endpoint = favourite.endpoint(), head, silence = ?inner.pool.options().silence, "no new block");
        if inner.pool.nodes().len() == 1 {
            // Behind one address there may be many nodes; another connection may meet another one.
            favourite.reopen();
            return;
        }
        for node in inner.pool.nodes().iter().filter(|node| node.index() != favourite.index() && !node.is_refused()) {
            match inner.head_at(node, self.finality).await {
                Ok(other) if other.number > head => {
                    tracing::warn!(endpoint = node.endpoint(), head = other.number, "another endpoint is ahead");
                    favourite.health().stuck(head);
                    return;
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(endpoint = node.endpoint(), %error, "no head from it either"),
            }
        }
    }
}

impl Subscription {
    /// Opens it anew, where it was open.
    fn give_up(&mut self) {
        if let Self::Active(..) = self {
            *self = Self::Wanted;
        }
    }
}
