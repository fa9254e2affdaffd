//! How the head of a simulated network moves: by the clock, or by hand.

use std::time::Duration;

use futures::future::{self, Either};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// The head at the start, and what moves it.
#[derive(Debug)]
pub(super) struct Clock {
    start: u64,
    started: Instant,
    /// Time between blocks; none where only hands move the head.
    interval: Option<Duration>,
    /// Blocks made by hand.
    more: watch::Sender<u64>,
}

impl Clock {
    pub(super) fn new(start: u64, interval: Option<Duration>) -> Self {
        let interval = interval.filter(|interval| !interval.is_zero());
        Self { start, started: Instant::now(), interval, more: watch::Sender::new(0) }
    }

    /// The newest block.
    pub(super) fn head(&self) -> u64 {
        let by_time = self.interval.map_or(0, |interval| self.started.elapsed().as_nanos() / interval.as_nanos());
        let by_time = u64::try_from(by_time).unwrap_or(u64::MAX);
        self.start.saturating_add(by_time).saturating_add(*self.more.borrow()).min(u64::from(u32::MAX))
    }

    pub(super) fn advance(&self, blocks: u64) {
        self.more.send_modify(|more| *more = more.saturating_add(blocks));
    }

    /// Waits until a block is there.
    pub(super) async fn reached(&self, number: u64) {
        let mut changes = self.more.subscribe();
        loop {
            let head = self.head();
            if head >= number {
                return;
            }
            let changed = Box::pin(changes.changed());
            let ended = match self.interval {
                Some(interval) => {
                    let passed = self.started.elapsed().as_nanos() % interval.as_nanos();
                    let passed = Duration::from_nanos(u64::try_from(passed).unwrap_or(0));
                    let tick = Box::pin(sleep(interval.saturating_sub(passed)));
                    matches!(future::select(changed, tick).await, Either::Left((Err(_), _)))
                }
                None => changed.await.is_err(),
            };
            debug_assert!(!ended, "the sender lives as long as the clock");
        }
    }
}
