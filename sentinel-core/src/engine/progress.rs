//! How far a run has come, as data.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ::metrics::{counter, gauge};
use serde::Serialize;

use crate::metrics;

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Progress {
    /// The newest block that is safe; 0 before the first.
    pub block: u64,
    /// Blocks, or subnets of a window in the modes that read epochs, that are done: by this run, or found done.
    pub done: u64,
    /// How many there are to do; `None` for a run without an end.
    pub total: Option<u64>,
    /// How many were done in a second lately.
    pub rate: f64,
    /// Seconds to the end at that rate.
    pub eta_s: Option<f64>,
    /// Blocks between the newest finalized block and the one that is safe; of live runs.
    pub lag: Option<u64>,
}

/// How long the rate looks back.
const MEMORY: Duration = Duration::from_secs(30);

/// Counts what is done.
#[derive(Debug)]
pub(super) struct Meter {
    progress: Progress,
    head: Option<u64>,
    /// The block before the first that a live run has to read.
    before: u64,
    recent: VecDeque<(Instant, u64)>,
    /// Done by this run, without what was found done.
    own: u64,
}

impl Meter {
    pub(super) fn new(total: Option<u64>) -> Self {
        let recent = VecDeque::from([(Instant::now(), 0)]);
        Self { progress: Progress { total, ..Progress::default() }, head: None, before: 0, recent, own: 0 }
    }

    pub(super) fn set_total(&mut self, total: u64) {
        self.progress.total = Some(total);
    }

    /// More to do than was known.
    pub(super) fn expect(&mut self, more: u64) {
        self.progress.total = Some(self.progress.total.unwrap_or_default() + more);
    }

    /// What was done before this run.
    pub(super) fn found(&mut self, count: u64) {
        self.progress.done += count;
        self.missing();
    }

    pub(super) fn did(&mut self, count: u64, block: u64) {
        self.progress.done += count;
        self.progress.block = self.progress.block.max(block);
        self.own += count;
        counter!(metrics::DONE).increment(count);
        gauge!(metrics::CURSOR).set(self.progress.block as f64);
        self.lag();
        self.missing();
    }

    fn missing(&self) {
        if let Some(total) = self.progress.total {
            gauge!(metrics::MISSING).set(total.saturating_sub(self.progress.done) as f64);
        }
    }

    pub(super) fn head(&mut self, head: u64) {
        self.head = Some(head);
        gauge!(metrics::HEAD).set(head as f64);
        self.lag();
    }

    fn lag(&mut self) {
        let Some(head) = self.head else { return };
        let lag = head.saturating_sub(self.progress.block.max(self.before));
        self.progress.lag = Some(lag);
        gauge!(metrics::LAG).set(lag as f64);
    }

    /// Where a live run begins: after its cursor, or at a block of its own choice.
    pub(super) fn begins_at(&mut self, from: u64, cursor: Option<u64>) {
        self.before = from.saturating_sub(1);
        if let Some(cursor) = cursor {
            self.progress.block = cursor;
            gauge!(metrics::CURSOR).set(cursor as f64);
        }
    }

    pub(super) fn own(&self) -> u64 {
        self.own
    }

    pub(super) fn now(&mut self) -> Progress {
        let now = Instant::now();
        self.recent.push_back((now, self.own));
        while self.recent.len() > 2
            && self.recent.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > MEMORY)
        {
            self.recent.pop_front();
        }
        if let Some((since, before)) = self.recent.front() {
            let seconds = now.saturating_duration_since(*since).as_secs_f64();
            self.progress.rate = if seconds > 0.0 { (self.own - before) as f64 / seconds } else { 0.0 };
        }
        let left = self.progress.total.map(|total| total.saturating_sub(self.progress.done));
        self.progress.eta_s = left.filter(|_| self.progress.rate > 0.0).map(|left| left as f64 / self.progress.rate);
        self.progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_done_is_no_rate() {
        let mut meter = Meter::new(Some(100));
        meter.found(90);
        let progress = meter.now();
        assert_eq!((progress.done, progress.total, progress.rate), (90, Some(100), 0.0));
        assert_eq!(progress.eta_s, None);
        meter.did(5, 1_000);
        let progress = meter.now();
        assert_eq!((progress.done, progress.block), (95, 1_000));
        assert!(progress.rate > 0.0 && progress.eta_s.is_some());
        meter.head(1_010);
        assert_eq!(meter.now().lag, Some(10));
        meter.did(4, 1_004);
        assert_eq!(meter.now().lag, Some(6));
    }
}
