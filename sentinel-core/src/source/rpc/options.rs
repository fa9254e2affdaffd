//! Limits and deadlines of a source over JSON-RPC.

use std::time::Duration;

use super::runtimes::RuntimeCache;
use crate::chain::BlockHash;

/// Limits and deadlines of an [`RpcSource`](super::RpcSource).
///
/// ```
/// # use std::time::Duration;
/// # use sentinel_core::source::RpcOptions;
/// let patient = RpcOptions { request_timeout: Duration::from_secs(120), ..RpcOptions::default() };
/// ```
#[derive(Debug, Clone)]
pub struct RpcOptions {
    /// From the first packet to the first answer of a new connection; a dead node is given up after it. 8 s.
    pub connect_timeout: Duration,
    /// From a request to its answer. 30 s.
    pub request_timeout: Duration,
    /// Largest answer accepted, in bytes. 64 MiB.
    pub max_response: u32,
    /// Keys per `state_getKeysPaged`; nodes refuse more than 1000. Halved when an answer is too large.
    pub page: usize,
    /// Keys per `state_queryStorageAt`. Halved when an answer is too large: nodes limit bytes, not keys. 16,000.
    pub batch: usize,
    /// How often the head is asked for where there are no subscriptions, and the pause after an error. 3 s.
    pub poll_interval: Duration,
    /// Where the finalized height does not move for so long, the subscription is opened again and other endpoints are
    /// asked; when one of them is ahead, it takes over. 60 s.
    pub silence: Duration,
    /// WebSocket connections to each endpoint at most; the first opens at once, others when there is much to ask. Over
    /// HTTP each request under way has a socket, up to 512 and [`max_in_flight`](Self::max_in_flight). 3.
    pub connections: usize,
    /// Requests under way at each endpoint at most; fewer at first, and while it limits or does not keep up. 4,096.
    pub max_in_flight: usize,
    /// Requests under way at each endpoint at first, before any answer shows how it keeps up. None: 256 at a stranger's, as
    /// many as ever at one with a loopback or private address.
    pub first_in_flight: Option<usize>,
    /// Requests per second to each endpoint at most. None: as many as it takes; slower after it said that these were too
    /// many, then faster again.
    pub requests_per_second: Option<f64>,
    /// What a read may spend on being asked again before its error is handed out.
    pub retry_budget: RetryBudget,
    /// A connection from which nothing came for so long is asked for the head; one that has requests under way, after a
    /// quarter of it. 10 s.
    pub probe_interval: Duration,
    /// A connection that does not answer this question for so long is dropped. 4 s.
    pub probe_timeout: Duration,
    /// The longest pause between two attempts to reach an endpoint that is away; the first is a second. 60 s.
    pub max_backoff: Duration,
    /// Blocks that the finalized stream reads ahead when it is behind, at most. 32.
    pub prefetch: usize,
    /// The hash of block 0 that every endpoint must have. None: that of the first endpoint in the list that answers.
    pub genesis: Option<BlockHash>,
    /// The number that metrics give the first endpoint, so that those of several sources in one process can be told apart. 0.
    pub first_endpoint: usize,
    /// Where runtimes are kept; give two sources of one chain the same, and each is downloaded once. None: a cache of its
    /// own.
    pub runtimes: Option<RuntimeCache>,
}

/// How often, and for how long, a read that failed in passing is asked again.
///
/// Every read of a [`BlockSource`](crate::source::BlockSource) has one budget for all requests that it consists of, and
/// streams one for each of their steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// Requests that may be sent again. 5.
    pub retries: u32,
    /// No pause before a further attempt goes beyond this time after the first. Another endpoint is asked even later. 20 s.
    pub within: Duration,
}

impl RetryBudget {
    /// Every failure is handed out at once.
    pub const NONE: Self = Self { retries: 0, within: Duration::ZERO };
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { retries: 5, within: Duration::from_secs(20) }
    }
}

impl Default for RpcOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(8),
            request_timeout: Duration::from_secs(30),
            max_response: 64 * 1024 * 1024,
            page: 1000,
            batch: 16_000,
            poll_interval: Duration::from_secs(3),
            silence: Duration::from_secs(60),
            connections: 3,
            max_in_flight: 4_096,
            first_in_flight: None,
            requests_per_second: None,
            retry_budget: RetryBudget::default(),
            probe_interval: Duration::from_secs(10),
            probe_timeout: Duration::from_secs(4),
            max_backoff: Duration::from_secs(60),
            prefetch: 32,
            genesis: None,
            first_endpoint: 0,
            runtimes: None,
        }
    }
}
