//! What one read may spend on being asked again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::options::RetryBudget;

/// A number of retries and an end, shared by all requests of one read.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicU32,
    until: Instant,
}

impl Budget {
    pub(super) fn new(of: RetryBudget) -> Self {
        Self { left: AtomicU32::new(of.retries), until: Instant::now() + of.within }
    }

    /// How many retries are left.
    pub(super) fn left(&self) -> u32 {
        self.left.load(Ordering::Relaxed)
    }

    /// Takes one retry after a pause, where that much is left.
    pub(super) fn spend(&self, pause: Duration) -> bool {
        Instant::now() + pause <= self.until && self.spend_elsewhere()
    }

    /// Takes one retry at another endpoint, at once: how long the first one took is not its fault.
    pub(super) fn spend_elsewhere(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_by_count_and_by_time() {
        let budget = Budget::new(RetryBudget { retries: 2, within: Duration::from_secs(1) });
        assert!(!budget.spend(Duration::from_secs(2)), "a pause beyond the end");
        assert!(budget.spend(Duration::from_secs(1)) && budget.spend(Duration::ZERO));
        assert!(!budget.spend(Duration::ZERO), "the count");
        let budget = Budget::new(RetryBudget { retries: 2, within: Duration::from_secs(1) });
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!budget.spend(Duration::ZERO) && budget.spend_elsewhere());
    }
}
