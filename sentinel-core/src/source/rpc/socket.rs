//! Requests and subscriptions over one WebSocket.
//!
//! The transport is jsonrpsee's. Its client above that starts a timer for every request, on a thread of its own, and writes
//! every request and answer as JSON once more for its log; that is most of what a light request costs. Here a request is one
//! text and one answer, and deadlines are the [link](super::link)'s affair.

mod message;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::stream::{self, Stream};
use jsonrpsee::core::client::{Error, ReceivedMessage, TransportReceiverT, TransportSenderT};
use jsonrpsee::types::{ErrorObjectOwned, InvalidRequestId};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at, timeout};

use self::message::{Message, read, write};

/// How often a sign of life is sent, so that nobody on the way takes a quiet connection for a dead one.
const PING: Duration = Duration::from_secs(30);

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Notifications that wait for a reader at most; more are dropped. Each only says that there is something new.
const NOTIFICATIONS: usize = 16;

type Answer = Result<Box<RawValue>, ErrorObjectOwned>;

/// See the module. It ends with the first failure: what was under way fails with it, and so does whatever comes later.
#[derive(Debug)]
pub(super) struct Socket {
    shared: Arc<Shared>,
    out: mpsc::UnboundedSender<Out>,
    reader: JoinHandle<()>,
}

enum Out {
    Text(String),
    Goodbye,
}

#[derive(Debug, Default)]
struct Shared {
    next_id: AtomicU64,
    waiting: Mutex<Waiting>,
    /// Why it ended.
    ended: OnceLock<Arc<Error>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By the id of the request. Who went away stays here until the answer comes, so that it is known for one.
    answers: HashMap<u64, Asked>,
    /// By the id of the subscription, as the node wrote it.
    subscriptions: HashMap<String, mpsc::Sender<Box<RawValue>>>,
}

#[derive(Debug)]
enum Asked {
    Once(oneshot::Sender<Answer>),
    Notifications(mpsc::Sender<Box<RawValue>>, oneshot::Sender<Answer>),
}

impl Socket {
    /// Begins to read and write. Call it inside a tokio runtime.
    pub(super) fn new(sender: impl TransportSenderT + Send, receiver: impl TransportReceiverT + Send) -> Self {
        let shared = Arc::new(Shared::default());
        let (out, texts) = mpsc::unbounded_channel();
        tokio::spawn(write_all(Arc::clone(&shared), sender, texts));
        let reader = tokio::spawn(read_all(Arc::clone(&shared), receiver));
        Self { shared, out, reader }
    }

    pub(super) fn is_open(&self) -> bool {
        self.shared.ended.get().is_none()
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn request(&self, method: &str, params: Option<&RawValue>) -> Result<Box<RawValue>, Error> {
        let (send, answer) = oneshot::channel();
        self.ask(method, params, Asked::Once(send))?;
        self.answer(answer).await
    }

    /// Begins a subscription, which ends when it is dropped.
    pub(super) async fn subscribe(
        &self,
        method: &str,
        params: Option<&RawValue>,
        undo: &str,
    ) -> Result<impl Stream<Item = Box<RawValue>> + Send + use<>, Error> {
        let (send, answer) = oneshot::channel();
        let (notify, notifications) = mpsc::channel(NOTIFICATIONS);
        self.ask(method, params, Asked::Notifications(notify, send))?;
        let id = self.answer(answer).await?;
        let subscription = Subscription {
            notifications,
            goodbye: RawValue::from_string(format!("[{}]", id.get()))
                .ok()
                .map(|params| self.text(undo, Some(&params)))
                .zip(Some(self.out.clone())),
        };
        Ok(stream::unfold(subscription, |mut subscription| async {
            let item = subscription.notifications.recv().await?;
            Some((item, subscription))
        }))
    }

    async fn answer(&self, answer: oneshot::Receiver<Answer>) -> Result<Box<RawValue>, Error> {
        match answer.await {
            Ok(answer) => answer.map_err(Error::Call),
            Err(_) => Err(self.shared.reason()),
        }
    }

    fn ask(&self, method: &str, params: Option<&RawValue>, asked: Asked) -> Result<(), Error> {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        self.shared.lock().answers.insert(id, asked);
        // After the end nobody answers any more: it is looked for after the request was noted down, as `end` does it in the
        // other order.
        if !self.is_open() || self.out.send(Out::Text(write(id, method, params))).is_err() {
            self.shared.lock().answers.remove(&id);
            return Err(self.shared.reason());
        }
        Ok(())
    }

    /// A request whose answer nobody waits for.
    fn text(&self, method: &str, params: Option<&RawValue>) -> String {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        self.shared.lock().answers.insert(id, Asked::Once(oneshot::channel().0));
        write(id, method, params)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
        let _ = self.out.send(Out::Goodbye);
        self.shared.end(Error::ServiceDisconnect);
    }
}

struct Subscription {
    notifications: mpsc::Receiver<Box<RawValue>>,
    /// What ends it at the node, and the way there.
    goodbye: Option<(String, mpsc::UnboundedSender<Out>)>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some((text, out)) = self.goodbye.take() {
            // A connection that is gone has no subscriptions.
            let _ = out.send(Out::Text(text));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reason(&self) -> Error {
        self.ended.get().map_or(Error::ServiceDisconnect, |reason| Error::RestartNeeded(Arc::clone(reason)))
    }

    /// Lets everybody know that there will be no more answers. The first reason counts.
    fn end(&self, reason: Error) {
        let _ = self.ended.set(Arc::new(reason));
        *self.lock() = Waiting::default();
    }

    /// Hands over what came.
    fn take(&self, text: &[u8]) -> Result<(), Error> {
        match read(text)? {
            Message::Answer { id, answer } => {
                let asked = self.lock().answers.remove(&id);
                let asked = asked.ok_or_else(|| InvalidRequestId::NotPendingRequest(id.to_string()))?;
                match asked {
                    // Whoever asked may have gone away.
                    Asked::Once(send) => drop(send.send(answer)),
                    Asked::Notifications(notify, send) => {
                        if let Ok(subscription) = &answer {
                            self.lock().subscriptions.insert(subscription.get().to_owned(), notify);
                        }
                        drop(send.send(answer));
                    }
                }
            }
            Message::Notification { subscription, item } => {
                let mut waiting = self.lock();
                let notify = waiting.subscriptions.get(subscription);
                if let Some(Err(mpsc::error::TrySendError::Closed(_))) = notify.map(|notify| notify.try_send(item)) {
                    waiting.subscriptions.remove(subscription);
                }
            }
            Message::Stranger(id) => return Err(InvalidRequestId::NotPendingRequest(id).into()),
            Message::Other => {}
        }
        Ok(())
    }
}

async fn read_all(shared: Arc<Shared>, mut receiver: impl TransportReceiverT) {
    loop {
        let taken = match receiver.receive().await {
            Ok(ReceivedMessage::Text(text)) => shared.take(text.as_bytes()),
            Ok(ReceivedMessage::Bytes(bytes)) => shared.take(&bytes),
            Ok(ReceivedMessage::Pong) => Ok(()),
            Err(error) => Err(Error::Transport(Box::new(error))),
        };
        if let Err(error) = taken {
            return shared.end(error);
        }
    }
}

async fn write_all(shared: Arc<Shared>, mut sender: impl TransportSenderT, mut out: mpsc::UnboundedReceiver<Out>) {
    let mut pings = interval_at(Instant::now() + PING, PING);
    loop {
        let sent = tokio::select! {
            text = out.recv() => match text {
                Some(Out::Text(text)) => sender.send(text).await,
                Some(Out::Goodbye) | None => break,
            },
            _ = pings.tick() => sender.send_ping().await,
        };
        if let Err(error) = sent {
            shared.end(Error::Transport(Box::new(error)));
            return;
        }
        if shared.ended.get().is_some() {
            break;
        }
    }
    // The node notices the end of the connection in any case.
    let _ = timeout(GOODBYE, sender.close()).await;
}
