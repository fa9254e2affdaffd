//! What a source has done and how its endpoints are, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// A moment of an [`RpcSource`](super::RpcSource).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RpcStats {
    /// Its endpoints, in the order of the list.
    pub endpoints: Vec<EndpointStats>,
    /// Finalized heads that were older than one seen before, and ignored.
    pub head_regressions: u64,
    /// How often the finalized height stood still for longer than [`RpcOptions::silence`](super::RpcOptions::silence).
    pub stalls: u64,
}

/// A moment of one endpoint; counts are since the source was connected.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndpointStats {
    /// Place in the list, from 0.
    pub index: usize,
    /// Host and port, never more of the URL.
    pub endpoint: String,
    /// Whether it is asked while others are there, too.
    pub up: bool,
    /// Whether it serves another chain and is not asked at all.
    pub refused: bool,
    /// From 0 (nothing works) to 1 (everything does), by its last answers.
    pub score: f64,
    /// The newest block it spoke of, where it did.
    pub head: Option<u64>,
    /// Connections open now.
    pub connections: usize,
    /// Connections opened in all, the first included.
    pub connects: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// Requests under way.
    pub in_flight: usize,
    /// Requests that may be under way at present.
    pub window: usize,
    /// Requests per second that it takes at present, where that is bounded.
    pub requests_per_second: Option<f64>,
    /// Requests sent, retries and probes included.
    pub calls: u64,
    /// Requests sent once more.
    pub retries: u64,
    /// Answers "too many requests".
    pub rate_limited: u64,
    /// Requests that were not answered in time.
    pub timeouts: u64,
    /// Connections that hung and were dropped.
    pub hung: u64,
    /// Requests that failed in passing, for any other reason.
    pub failures: u64,
    /// Answers about states that it does not keep.
    pub pruned: u64,
    /// Bytes of answers.
    pub bytes: u64,
}

#[cfg(feature = "engine")]
impl EndpointStats {
    /// Hands the numbers to whatever keeps metrics now. `first` is the number of the first endpoint in the list.
    pub(super) fn publish(&self, first: usize) {
        use crate::metrics as names;
        use ::metrics::{counter, gauge};

        let endpoint = (first + self.index).to_string();
        for (name, count) in [
            (names::RPC_CALLS, self.calls),
            (names::RPC_RETRIES, self.retries),
            (names::RPC_RATE_LIMITED, self.rate_limited),
            (names::RPC_TIMEOUTS, self.timeouts),
            (names::RPC_FAILURES, self.failures + self.connect_failures + self.hung),
            (names::RPC_BYTES, self.bytes),
        ] {
            counter!(name, "endpoint" => endpoint.clone()).absolute(count);
        }
        for (name, now) in [
            (names::RPC_UP, f64::from(u8::from(self.up && !self.refused))),
            (names::RPC_CONNECTIONS, self.connections as f64),
            (names::RPC_IN_FLIGHT, self.in_flight as f64),
        ] {
            gauge!(name, "endpoint" => endpoint.clone()).set(now);
        }
        if let Some(head) = self.head {
            gauge!(names::RPC_HEAD, "endpoint" => endpoint).set(head as f64);
        }
    }
}

/// Counts of one endpoint as they are kept.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connects: Counter,
    pub(super) connect_failures: Counter,
    pub(super) calls: Counter,
    pub(super) retries: Counter,
    pub(super) rate_limited: Counter,
    pub(super) timeouts: Counter,
    pub(super) hung: Counter,
    pub(super) failures: Counter,
    pub(super) pruned: Counter,
    pub(super) bytes: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn one(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
