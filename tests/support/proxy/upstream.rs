//! The proxy's own connection to the node: asks, and hands on what the node says unasked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{SinkExt, StreamExt};
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

/// What a node answers.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Result(Box<RawValue>),
    Error(Box<RawValue>),
}

/// What a node says unasked.
#[derive(Debug, Clone)]
pub(super) struct Notification {
    pub(super) method: String,
    /// The subscription as JSON: a text or a number.
    pub(super) subscription: String,
    pub(super) result: Box<RawValue>,
}

impl Notification {
    pub(super) fn message(&self) -> String {
        let Self { method, subscription, result } = self;
        let params = format!(r#"{{"subscription":{subscription},"result":{}}}"#, result.get());
        format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
    }
}

#[derive(Debug, Default)]
struct Pending {
    next: u64,
    /// `None` once the connection is gone.
    waiting: Option<HashMap<u64, oneshot::Sender<Reply>>>,
}

#[derive(Debug)]
pub(super) struct Upstream {
    requests: mpsc::UnboundedSender<String>,
    pending: Arc<Mutex<Pending>>,
    task: AbortHandle,
}

impl Upstream {
    /// Connects, and gives what comes unasked; that ends when the node closes the connection.
    pub(super) async fn connect(
        url: &str,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Notification>), Box<dyn std::error::Error + Send + Sync>> {
        let address = url.trim_start_matches("ws://").trim_end_matches('/');
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await?;
        let (requests, outgoing) = mpsc::unbounded_channel();
        let (notify, notifications) = mpsc::unbounded_channel();
        let pending = Arc::new(Mutex::new(Pending { next: 0, waiting: Some(HashMap::new()) }));
        let task = tokio::spawn(run(socket, outgoing, Arc::clone(&pending), notify)).abort_handle();
        Ok((Self { requests, pending, task }, notifications))
    }

    /// Asks; `None` where the connection is gone.
    pub(super) async fn ask(&self, method: &str, params: Option<&RawValue>) -> Option<Reply> {
        let (answer, answered) = oneshot::channel();
        let id = {
            let mut pending = lock(&self.pending);
            pending.next += 1;
            let id = pending.next;
            pending.waiting.as_mut()?.insert(id, answer);
            id
        };
        let params = params.map_or_else(String::new, |params| format!(r#","params":{}"#, params.get()));
        let method = serde_json::to_string(method).ok()?;
        self.requests.send(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method}{params}}}"#)).ok()?;
        answered.await.ok()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(pending: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(
    socket: WebSocketStream<TcpStream>,
    mut outgoing: mpsc::UnboundedReceiver<String>,
    pending: Arc<Mutex<Pending>>,
    notify: mpsc::UnboundedSender<Notification>,
) {
    let (mut sink, mut stream) = socket.split();
    let sending = async {
        while let Some(request) = outgoing.recv().await {
            sink.send(Message::text(request)).await?;
        }
        Ok::<(), tungstenite::Error>(())
    };
    let receiving = async {
        while let Some(message) = stream.next().await {
            if let Message::Text(text) = message? {
                deliver(&text, &pending, &notify);
            }
        }
        Ok::<(), tungstenite::Error>(())
    };
    tokio::select! {
        _ = sending => {}
        _ = receiving => {}
    }
    // Whoever waits learns it by the end of the channel.
    lock(&pending).waiting = None;
}

#[derive(serde::Deserialize)]
struct Incoming {
    id: Option<u64>,
    result: Option<Box<RawValue>>,
    error: Option<Box<RawValue>>,
    method: Option<String>,
    params: Option<Params>,
}

#[derive(serde::Deserialize)]
struct Params {
    subscription: Box<RawValue>,
    result: Box<RawValue>,
}

fn deliver(text: &str, pending: &Mutex<Pending>, notify: &mpsc::UnboundedSender<Notification>) {
    let Ok(Incoming { id, result, error, method, params }) = serde_json::from_str(text) else { return };
    if let (Some(method), Some(params)) = (method, params) {
        let subscription = params.subscription.get().to_owned();
        let _ = notify.send(Notification { method, subscription, result: params.result });
        return;
    }
    let waiting = id.and_then(|id| lock(pending).waiting.as_mut().and_then(|waiting| waiting.remove(&id)));
    let reply = match (result, error) {
        (_, Some(error)) => Reply::Error(error),
        (Some(result), None) => Reply::Result(result),
        // `"result": null` is read as no result at all.
        (None, None) => Reply::Result(RawValue::NULL.to_owned()),
    };
    if let Some(waiting) = waiting {
        let _ = waiting.send(reply);
    }
}
