//! The rate of requests.

use std::time::Duration;

use tokio::time::Instant;

/// How long requests are counted for knowing their rate.
const COUNTED: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug)]
pub(super) struct Meter {
    since: Instant,
    count: u32,
    /// Of the time before `since`.
    rate: f64,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, count: 0, rate: 0.0 }
    }

    /// One more.
    pub(super) fn count(&mut self, now: Instant) {
        let span = now.saturating_duration_since(self.since);
        if span >= COUNTED {
            self.rate = f64::from(self.count) / span.as_secs_f64();
            self.since = now;
            self.count = 0;
        }
        self.count += 1;
    }

    /// The rate of the last span that is over.
    pub(super) fn last(&self) -> f64 {
        self.rate
    }

    /// The rate at present; soon after the start of a span, that of the last one where it was higher.
    pub(super) fn rate(&self) -> f64 {
        let span = Instant::now().saturating_duration_since(self.since).max(Duration::from_millis(10));
        let now = f64::from(self.count) / span.as_secs_f64();
        if span < COUNTED / 2 { now.max(self.rate) } else { now }
    }
}
