//! A proxy between a client and a node that does damage by script, to bytes, messages and connections.
//!
//! It speaks WebSocket and plain HTTP to the client and WebSocket to the node, and understands JSON-RPC. What goes wrong
//! is a [`Script`]: a list of [`Trigger`]s with an [`Action`] each, written down or drawn from a seed.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//! use sentinel_core::source::{BlockSource, RpcSource};
//! use sentinel_support::chains;
//! use sentinel_support::node::Node;
//! use sentinel_support::proxy::{Action, Mix, Proxy, Script, Span, Trigger};
//! use sentinel_support::rpc::quick;
//!
//! let node = Node::serve(Arc::new(chains::upgrading(8).0)).await?;
//! let script = Script::new()
//!     .on(Trigger::method("chain_getBlock", 1), Action::NullResult)
//!     .on(Trigger::Byte(40_000), Action::Rst)
//!     .and(Script::random(7, &Mix::new(3, Span::Requests(100)).with(1, Action::DupReply)));
//! let proxy = Proxy::start(&node.ws_url(), script).await?;
//!
//! let source = RpcSource::connect(&proxy.ws_url(), quick()).await?;
//! assert!(source.block(5.into()).await.is_err());
//! while source.block(5.into()).await.is_err() {}
//! assert_eq!(proxy.stats().done("null_result"), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A test that fails shows what the proxy printed when it started: the seeds of its script. The same seed is the same
//! script; which request is the hundredth still depends on the client.

mod connection;
mod damage;
mod director;
mod notify;
mod pump;
mod random;
mod relay;
mod script;
mod upstream;
mod web;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::AbortHandle;

use self::director::{Backend, Director};

pub use self::random::{Mix, Span};
pub use self::script::{Action, Rule, Script, Trigger};

/// What passed through a [`Proxy`], and what it did to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Requests that clients made.
    pub requests: u64,
    /// Notifications that the node sent.
    pub notifications: u64,
    /// Bytes from clients.
    pub bytes_up: u64,
    /// Bytes to clients.
    pub bytes_down: u64,
    /// How often each action was done, by [`Action::name`].
    pub actions: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// How often an action was done.
    pub fn done(&self, action: &str) -> u64 {
        self.actions.get(action).copied().unwrap_or(0)
    }

    /// How many actions were done, of all kinds.
    pub fn total(&self) -> u64 {
        self.actions.values().sum()
    }
}

/// A proxy on a loopback port of its own; gone when dropped, with all its connections.
#[derive(Debug)]
pub struct Proxy {
    director: Arc<Director>,
    address: SocketAddr,
    tasks: Vec<AbortHandle>,
}

impl Proxy {
    /// Stands before the node at `url` (`ws://…`) and follows the script from now on.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(url: &str, script: Script) -> io::Result<Self> {
        Self::before(Backend::Node(url.to_owned()), script).await
    }

    /// Stands before any HTTP server at `url` (`http://host:port`), such as a store of objects.
    ///
    /// [`Trigger::Method`] is then a method of HTTP (`PUT`). What can be done is what is done to connections, and
    /// [`Action::Delay`], [`Action::DropReply`] and [`Action::ForwardThenCut`]: stored, and nobody was told.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start_http(url: &str, script: Script) -> io::Result<Self> {
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        Self::before(Backend::Web(address.to_owned()), script).await
    }

    async fn before(backend: Backend, script: Script) -> io::Result<Self> {
        // Captured by the test harness, and shown when the test fails.
        println!("fault script: {}", script.summary());
        let listener = connection::bind(0).await?;
        let address = listener.local_addr()?;
        let elapsed = script.elapsed();
        let (director, closings) = Director::new(backend, script);
        let director = Arc::new(director);
        let listening = tokio::spawn(connection::listen(listener, Arc::clone(&director), closings));
        let clock = tokio::spawn(director::strike_in_time(Arc::clone(&director), elapsed));
        Ok(Self { director, address, tasks: vec![listening.abort_handle(), clock.abort_handle()] })
    }

    /// `ws://127.0.0.1:port`
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// `http://127.0.0.1:port`
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does it now: to all connections, or to the next request or notification where it is something done to those.
    pub fn strike(&self, action: Action) {
        self.director.strike(action, None);
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.director.stats()
    }

    /// How many actions of the script have not been triggered yet.
    pub fn pending(&self) -> usize {
        self.director.pending()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.director.close();
    }
}
