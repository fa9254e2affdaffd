//! An in-process node: serves any [`BlockSource`] as JSON-RPC and does what a test tells it to.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//! use sentinel_core::source::{BlockSource, RpcOptions, RpcSource};
//! use sentinel_support::node::{Answer, Node};
//! use sentinel_support::chains;
//!
//! let (chain, _) = chains::upgrading(8);
//! let node = Node::serve(Arc::new(chain)).await?;
//! let source = RpcSource::connect(&node.ws_url(), RpcOptions::default()).await?;
//! source.block(5.into()).await?;
//! assert_eq!(node.count("state_getMetadata"), 1);
//!
//! node.script("chain_getBlock", Answer::null());
//! assert!(source.block(5.into()).await.is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod limit;
mod methods;
mod pruned;
mod script;
mod server;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sentinel_core::source::BlockSource;
use serde_json::Value;

use self::limit::Limiter;
use self::methods::Chain;
use self::script::Script;
use self::server::Listener;

pub use self::limit::{LIMITED, Limit};
pub use self::pruned::PRUNED;
pub use self::script::Answer;

/// One request that reached the node.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The JSON-RPC method.
    pub method: String,
    /// Its parameters, an array.
    pub params: Value,
}

/// Limits of a [`Node`].
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Larger answers become the error that a real node gives (-32008).
    pub max_response: u32,
    /// Metadata that the runtimes offer besides the one of the source, in other metadata versions; assigned to runtimes
    /// by the spec version inside.
    pub more_metadata: Vec<Vec<u8>>,
    /// The loopback port to listen on; 0 for any that is free.
    pub port: u16,
    /// Every answer comes so much later, however many are asked for at once: a node that is far away, not a slow one.
    pub latency: Duration,
    /// Whether every call is kept for [`Node::calls`]; otherwise they are only counted, for runs of millions.
    pub keep_calls: bool,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            max_response: 256 * 1024 * 1024,
            more_metadata: Vec::new(),
            port: 0,
            latency: Duration::ZERO,
            keep_calls: true,
        }
    }
}

/// What the connections and the test share.
#[derive(Debug)]
struct Shared {
    chain: Chain,
    calls: Mutex<Vec<Call>>,
    script: Script,
    limiter: Limiter,
    listener: Listener,
    latency: Duration,
    keep_calls: bool,
    counts: Mutex<BTreeMap<String, usize>>,
}

/// A node on a loopback port of its own; gone when dropped.
#[derive(Debug)]
pub struct Node {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Node {
    /// Serves `source` over WebSocket and HTTP.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn serve(source: Arc<dyn BlockSource>) -> io::Result<Self> {
        Self::serve_with(source, NodeOptions::default()).await
    }

    /// Serves `source` with limits.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn serve_with(source: Arc<dyn BlockSource>, options: NodeOptions) -> io::Result<Self> {
        let NodeOptions { max_response, port, latency, keep_calls, .. } = options;
        let shared = Arc::new(Shared {
            chain: Chain::new(source, options.more_metadata),
            calls: Mutex::new(Vec::new()),
            script: Script::default(),
            limiter: Limiter::default(),
            listener: Listener::default(),
            latency,
            keep_calls,
            counts: Mutex::default(),
        });
        let address = server::start(Arc::clone(&shared), max_response, port).await?;
        Ok(Self { shared, address })
    }

    /// `ws://127.0.0.1:port`
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// `http://127.0.0.1:port`
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything asked so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls().clone()
    }

    /// How often a method was asked.
    pub fn count(&self, method: &str) -> usize {
        self.shared.tally().get(method).copied().unwrap_or(0)
    }

    /// How often a runtime API function was asked.
    pub fn count_calls_of(&self, function: &str) -> usize {
        self.shared.calls().iter().filter(|call| call.method == "state_call" && call.params[0] == function).count()
    }

    /// How often each method was asked.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.shared.tally().clone()
    }

    /// Starts the log of calls anew.
    pub fn forget_calls(&self) {
        self.shared.calls().clear();
        self.shared.tally().clear();
    }

    /// From now on, `method` is answered like this.
    pub fn script(&self, method: &str, answer: Answer) {
        self.shared.script.always(method, answer);
    }

    /// The next request of `method` is answered like this; several wait in line.
    pub fn script_once(&self, method: &str, answer: Answer) {
        self.shared.script.once(method, answer);
    }

    /// Answers truthfully again.
    pub fn unscript(&self) {
        self.shared.script.clear();
    }

    /// Refuses requests beyond this limit from now on; `None` answers all of them again. Handshakes are let in.
    pub fn limit(&self, limit: Option<Limit>) {
        self.shared.limiter.set(limit);
    }

    /// How many requests were refused for a limit.
    pub fn refused(&self) -> u64 {
        self.shared.limiter.refused()
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.shared.tally().values().sum()
    }

    /// Says from now on that it has dropped the states of all blocks below this height, each time in other words.
    pub fn prune(&self, below: u64) {
        self.shared.chain.dropped.set(below);
    }

    /// How often each state was asked for that it has dropped.
    pub fn asked_for_dropped(&self) -> BTreeMap<u64, u64> {
        self.shared.chain.dropped.asked()
    }

    /// Answers every HTTP request and WebSocket handshake with this status, and with `Retry-After` where seconds are
    /// given; `None` serves again.
    pub fn refuse(&self, status: Option<(u16, Option<u32>)>) {
        self.shared.listener.refuse(status);
    }

    /// Cuts all connections, like a crash; new ones are accepted.
    pub fn hang_up(&self) {
        self.shared.listener.hang_up();
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.shared.listener.accepted()
    }
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shared.listener.stop();
    }
}
