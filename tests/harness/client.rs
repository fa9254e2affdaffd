//! A client that sees every message as it comes.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use sentinel_core::source::MemorySource;
use sentinel_support::node::Node;
use sentinel_support::proxy::{Proxy, Script};
use sentinel_support::{chains, runtimes};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough to say that nothing comes.
pub(crate) const MOMENT: Duration = Duration::from_millis(150);

/// A chain of blocks 1 to `last`, a node and a proxy before it.
pub(crate) async fn proxied(last: u64, script: Script) -> Outcome<(MemorySource, Node, Proxy)> {
    let chain = MemorySource::new("made up", runtimes::raonet_218());
    for number in 1..=last {
        chain.push(chains::block(number));
    }
    let node = Node::serve(Arc::new(chain.clone())).await?;
    let proxy = Proxy::start(&node.ws_url(), script).await?;
    Ok((chain, node, proxy))
}

/// What a client saw.
#[derive(Debug)]
pub(crate) enum Seen {
    Json(Value),
    /// A message that is not JSON.
    Broken,
    /// The connection was closed in order.
    Closed,
    /// The connection was reset.
    Reset,
    /// Nothing within a moment.
    Nothing,
}

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    next: u64,
}

impl Client {
    pub(crate) async fn connect(proxy: &Proxy) -> Outcome<Self> {
        let url = proxy.ws_url();
        let stream = TcpStream::connect(url.trim_start_matches("ws://")).await?;
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await?;
        Ok(Self { socket, next: 0 })
    }

    /// Sends a request; gives its id.
    pub(crate) async fn send(&mut self, method: &str, params: Value) -> Outcome<u64> {
        self.next += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params});
        self.socket.send(Message::text(request.to_string())).await?;
        Ok(self.next)
    }

    /// What comes next, waiting for it.
    pub(crate) async fn next(&mut self) -> Outcome<Seen> {
        Ok(timeout(PATIENCE, self.wait()).await?)
    }

    /// What comes within a moment.
    pub(crate) async fn now(&mut self) -> Seen {
        timeout(MOMENT, self.wait()).await.unwrap_or(Seen::Nothing)
    }

    /// The next message, which is JSON.
    pub(crate) async fn json(&mut self) -> Outcome<Value> {
        match self.next().await? {
            Seen::Json(message) => Ok(message),
            other => Err(format!("no message but {other:?}").into()),
        }
    }

    /// Asks and gives the whole reply.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Outcome<Value> {
        self.send(method, params).await?;
        self.json().await
    }

    /// Asks and gives the result.
    pub(crate) async fn result(&mut self, method: &str, params: Value) -> Outcome<Value> {
        Ok(self.ask(method, params).await?["result"].take())
    }

    async fn wait(&mut self) -> Seen {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                Ok(message) => Seen::Json(message),
                Err(_) => Seen::Broken,
            },
            Some(Ok(Message::Close(_))) | None => Seen::Closed,
            Some(Ok(_)) => Seen::Broken,
            Some(Err(tungstenite::Error::Io(error))) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                Seen::Reset
            }
            // A stream that ends without a closing frame.
            Some(Err(tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ))) => Seen::Closed,
            Some(Err(_)) => Seen::Broken,
        }
    }
}
