//! One endpoint: how much it takes, how it is, and what was learnt about it.

mod connections;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use subxt_rpcs::Error as RpcError;
use subxt_rpcs::client::RawRpcSubscription;
use tokio::sync::Notify;
use tokio::time::sleep;

use self::connections::Slot;
use super::RpcOptions;
use super::budget::Budget;
use super::classify::{self, Asked, Trouble};
use super::endpoint::Endpoint;
use super::failure::ConnectionError;
use super::gate::{Gate, LONGEST, Permit, START, SULKING};
use super::health::Health;
use super::horizon::Horizon;
use super::json::Json;
use super::link::Link;
use super::state::Manners;
use super::stats::{Counters, EndpointStats};
use crate::chain::BlockHash;
use crate::jitter::jittered;
use crate::source::SourceError;

/// The first pause before a node that said "too many" or "busy" is asked again; it doubles.
const PAUSE: Duration = Duration::from_millis(100);

/// How often "internal error" and its like are asked again at the same node: some are not passing at all.
const PASSING_RETRIES: u32 = 2;

/// How often a request is asked again at the same node while there are others.
const RETRIES_HERE: u32 = 2;

/// Over HTTP each request under way has a socket, and processes may often have no more than 1,024.
const MOST_OVER_HTTP: usize = 512;

/// See the module.
#[derive(Debug)]
pub(super) struct Node {
    index: usize,
    address: Endpoint,
    options: Arc<RpcOptions>,
    slots: Box<[Slot]>,
    /// How many connections there have been use for so far.
    wanted: AtomicUsize,
    /// Tells the keeper that more are wanted.
    crowded: Notify,
    /// Of the chain that all endpoints serve, once the first has said so.
    genesis: Arc<OnceLock<BlockHash>>,
    /// What it said itself.
    serves: Mutex<Option<BlockHash>>,
    refused: AtomicBool,
    gate: Arc<Gate>,
    health: Health,
    counters: Counters,
    pub(super) manners: Manners,
    pub(super) horizon: Horizon,
}

impl Node {
    pub(super) fn new(
        index: usize,
        address: Endpoint,
        options: Arc<RpcOptions>,
        genesis: Arc<OnceLock<BlockHash>>,
    ) -> Self {
        // An HTTP client keeps sockets of its own.
        let (slots, most) = match address.is_http() {
            true => (1, options.max_in_flight.min(MOST_OVER_HTTP)),
            false => (options.connections.max(1), options.max_in_flight),
        };
        let usual = if address.is_own() { options.max_in_flight } else { START };
        let first = options.first_in_flight.unwrap_or(usual);
        Self {
            index,
            address,
            slots: (0..slots).map(|_| Slot::default()).collect(),
            wanted: AtomicUsize::new(1),
            crowded: Notify::new(),
            genesis,
            serves: Mutex::new(None),
            refused: AtomicBool::new(false),
            gate: Arc::new(Gate::new(first, most, options.requests_per_second)),
            health: Health::new(options.max_backoff),
            counters: Counters::default(),
            manners: Manners::new(options.page, options.batch),
            horizon: Horizon::default(),
            options,
        }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// `host:port`
    pub(super) fn endpoint(&self) -> &str {
        self.address.shown()
    }

    pub(super) fn options(&self) -> &RpcOptions {
        &self.options
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// Whether it serves another chain.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// How long it cannot be asked: it asked to be left alone, or is away.
    pub(super) fn ready_in(&self) -> Duration {
        let closed = self.gate.closed_for();
        if self.open_links().next().is_some() { closed } else { closed.max(self.health.pause_left()) }
    }

    /// How long one more request would wait here, as far as is known.
    pub(super) fn busy_for(&self) -> Duration {
        self.ready_in().max(self.gate.busy_for())
    }

    /// Ends when more connections are wanted.
    pub(super) async fn crowded(&self) {
        self.crowded.notified().await;
    }

    pub(super) fn open_links(&self) -> impl Iterator<Item = Arc<Link>> {
        self.slots.iter().filter_map(Slot::link)
    }

    /// Sends a read until it is answered, or the budget does not allow another try here. With `alone` there is no other
    /// endpoint to go to, so that a longer pause is worth while.
    pub(super) async fn send(
        &self,
        budget: &Budget,
        alone: bool,
        params: Option<&str>,
        asked: Asked<'_>,
    ) -> Result<Json, SourceError> {
        let mut tries = 0;
        loop {
            let permit = self.gate.enter().await;
            let link = self.link().await?;
            self.counters.calls.one();
            let answer = link.ask(asked.method, params).await;
            let (error, pause) = match answer {
                Ok(answer) => {
                    permit.fine();
                    self.answered();
                    self.counters.bytes.add(answer.get().len());
                    return Ok(answer);
                }
                Err(error) => self.learn(&permit, &link, error, asked, tries),
            };
            drop((permit, link));
            tries += 1;
            let Some(pause) = pause else { return Err(error) };
            // What another endpoint could answer is not waited for long, and something is left to ask it with.
            let is_elsewheres = !alone && (pause > PAUSE * 4 || tries > RETRIES_HERE || budget.left() <= 1);
            if is_elsewheres || !budget.spend(pause) {
                return Err(error);
            }
            tracing::debug!(endpoint = self.endpoint(), method = asked.method, %error, ?pause, "asking again");
            self.counters.retries.one();
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
    }

    /// Sends reads together, each once: a method and the JSON of its parameters; `block` tells by its index which block one is
    /// about, of those that this endpoint has. What comes to nothing in them is to be asked alone. `None` where this endpoint is
    /// not asked so at present.
    pub(super) async fn send_together(
        &self,
        requests: &[(&'static str, String)],
        block: impl Fn(usize) -> u64,
    ) -> Option<Vec<Option<Json>>> {
        if self.address.is_http() {
            return None;
        }
        let permit = self.gate.enter_together(requests.len()).await?;
        let link = self.link().await.ok()?;
        self.counters.calls.add(requests.len());
        let answers = link.ask_together(requests).await.into_iter().zip(requests).enumerate();
        let mut is_over = false;
        let answers = answers.map(|(index, (answer, (method, _)))| match answer {
            Ok(answer) => {
                permit.fine();
                self.answered();
                self.counters.bytes.add(answer.get().len());
                Some(answer)
            }
            Err(error) => {
                // A connection that ends, or is silent, is one trouble for all of them.
                let is_said = matches!(error, RpcError::User(_));
                if is_said || !std::mem::replace(&mut is_over, true) {
                    let block = block(index);
                    let asked = Asked { endpoint: self.endpoint(), method, function: None, block: Some(block.into()) };
                    if let (SourceError::StatePruned { .. }, _) = self.learn(&permit, &link, error, asked, 0) {
                        // Then it is not asked for it once more.
                        self.pruned(block);
                    }
                }
                None
            }
        });
        Some(answers.collect())
    }

    /// What a failure says about the endpoint, and after which pause the same question may be asked here again.
    fn learn(
        &self,
        permit: &Permit,
        link: &Arc<Link>,
        error: RpcError,
        asked: Asked<'_>,
        tries: u32,
    ) -> (SourceError, Option<Duration>) {
        let trouble = classify::trouble(&error);
        let error = classify::classify(error, asked);
        let growing = || jittered(PAUSE * 2u32.saturating_pow(tries.min(10)));
        let pause = match (trouble, &error) {
            (_, SourceError::RateLimited { retry_after, .. }) => {
                self.counters.rate_limited.one();
                // The gate spaces requests; the pause of one grows only where nothing else is answered either.
                let refusing = permit.limited(*retry_after);
                if refusing >= SULKING {
                    // Some clean answers bring it back; until then others are asked, where there are any.
                    self.health.refuses();
                }
                Some(retry_after.unwrap_or_else(|| jittered(refusing.clamp(PAUSE, LONGEST))))
            }
            // The connection ended because an answer was too large; whose, only the next try shows.
            (Trouble::Lost, SourceError::TooLarge { .. }) => {
                self.forget(link);
                (tries == 0).then_some(Duration::ZERO)
            }
            (Trouble::Lost, _) => {
                self.counters.failures.one();
                self.lost(link);
                Some(Duration::ZERO)
            }
            (Trouble::Late, _) => {
                self.counters.timeouts.one();
                permit.late();
                self.health.bad();
                None
            }
            (Trouble::Unreachable, _) => {
                self.counters.connect_failures.one();
                self.health.unreachable(&error);
                self.forget(link);
                None
            }
            (Trouble::Said, SourceError::Transient { .. }) => {
                self.counters.failures.one();
                permit.late();
                self.health.bad();
                (tries < PASSING_RETRIES).then(growing)
            }
            (Trouble::Said, _) => {
                permit.fine();
                self.answered();
                None
            }
        };
        (error, pause)
    }

    fn answered(&self) {
        if self.health.good() {
            tracing::info!(endpoint = self.endpoint(), "the endpoint is back");
        }
    }

    /// Asks a light question on one connection, beside the queue; nothing where no answer came in time.
    pub(super) async fn probe(&self, link: &Link, method: &str) -> Option<Json> {
        self.counters.calls.one();
        match link.request(method, None, self.options.probe_timeout).await {
            Ok(answer) => {
                self.answered();
                Some(answer)
            }
            Err(ConnectionError::RequestTimeout { .. }) => None,
            // It failed at once, so it does not hang.
            Err(error) => {
                tracing::debug!(endpoint = self.endpoint(), %error, "a probe failed");
                self.health.bad();
                Some(Json::null())
            }
        }
    }

    /// A subscription without parameters; [`SourceError::Unsupported`] over HTTP.
    pub(super) async fn subscribe(&self, method: &str, undo: &str) -> Result<RawRpcSubscription, SourceError> {
        let asked = Asked { endpoint: self.endpoint(), method, function: None, block: None };
        let link = self.link().await?;
        let subscription = link.subscribe(method, undo).await;
        subscription.map_err(|error| classify::classify(error, asked))
    }

    /// It says that it does not keep the state of a block which exists.
    pub(super) fn pruned(&self, block: u64) {
        self.counters.pruned.one();
        self.horizon.lacks(block, self.health.head());
    }

    pub(super) fn stats(&self) -> EndpointStats {
        let (gate, counts) = (self.gate.reading(), &self.counters);
        EndpointStats {
            index: self.index,
            endpoint: self.endpoint().to_owned(),
            up: self.health.is_up(),
            refused: self.is_refused(),
            score: self.health.score(),
            head: self.health.head(),
            connections: self.open_links().filter(|link| link.is_socket()).count(),
            connects: counts.connects.get(),
            connect_failures: counts.connect_failures.get(),
            in_flight: gate.under_way,
            window: gate.window,
            requests_per_second: gate.per_second,
            calls: counts.calls.get(),
            retries: counts.retries.get(),
            rate_limited: counts.rate_limited.get(),
            timeouts: counts.timeouts.get(),
            hung: counts.hung.get(),
            failures: counts.failures.get(),
            pruned: counts.pruned.get(),
            bytes: counts.bytes.get(),
        }
    }
}
