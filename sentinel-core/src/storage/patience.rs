//! How often a request to a store is tried again, and how long is waited in between.

use std::time::Duration;

use tokio::time::Instant;

use crate::jitter::fraction;

/// The budget of one operation: tries, pauses, time.
///
/// A pause is a random part of a limit that doubles from try to try, so that many clients that failed together do not
/// come back together. A store that says how long to wait is obeyed, within the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often a request is sent at most, the first time included.
    pub tries: u32,
    /// The longest first pause.
    pub first_pause: Duration,
    /// The longest pause of all.
    pub longest_pause: Duration,
    /// No request is sent any more when this time has passed.
    pub total: Duration,
}

impl Default for Patience {
    /// Eight tries, pauses from 0.2 to 10 seconds, two minutes in all.
    fn default() -> Self {
        Self {
            tries: 8,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
            total: Duration::from_secs(120),
        }
    }
}

impl Patience {
    /// How long to wait after so many tries.
    fn pause(&self, tries: u32) -> Duration {
        let doubled = self.first_pause.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
        doubled.min(self.longest_pause).mul_f64(0.5 + 0.5 * fraction())
    }

    /// Waits after so many tries; `false`, at once, when there is none left.
    pub(super) async fn wait_after(&self, tries: u32) -> bool {
        let left = tries < self.tries;
        if left {
            tokio::time::sleep(self.pause(tries)).await;
        }
        left
    }

    pub(super) fn start(&self) -> Tries {
        Tries { patience: *self, done: 1, deadline: Instant::now() + self.total }
    }
}

/// The tries of one operation.
#[derive(Debug)]
pub(super) struct Tries {
    patience: Patience,
    done: u32,
    deadline: Instant,
}

impl Tries {
    /// Waits until the next try is due; `false` when there is none left.
    pub(super) async fn again(&mut self, asked: Option<Duration>) -> bool {
        let pause = self.patience.pause(self.done).max(asked.unwrap_or_default());
        let due = Instant::now() + pause;
        if self.done >= self.patience.tries || due > self.deadline {
            return false;
        }
        self.done += 1;
        if self.done == 4 {
            // Now it takes long enough to be noticed.
            tracing::warn!("the object store has failed three times in a row; trying on for a while");
        }
        tokio::time::sleep_until(due).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tries_and_time_are_bounded() {
        let patience = Patience { tries: 4, ..Patience::default() };
        let (start, mut tries) = (Instant::now(), patience.start());
        let mut sent = 1;
        while tries.again(None).await {
            sent += 1;
        }
        assert_eq!(sent, 4);
        assert!(start.elapsed() <= Duration::from_millis(200 + 400 + 800) + Duration::from_millis(10));

        // A store may ask for a pause, but not for more than there is time for.
        let mut tries = patience.start();
        let start = Instant::now();
        assert!(tries.again(Some(Duration::from_secs(30))).await);
        assert!(start.elapsed() >= Duration::from_secs(30));
        assert!(!tries.again(Some(Duration::from_secs(100))).await);
    }
}
