//! Requests and subscriptions over one WebSocket.
//!
//! The transport is jsonrpsee's. Its client above that starts a timer for every request, on a thread of its own, and writes
//! every request and answer as JSON once more for its log; that is most of what a light request costs. Here a request is one
//! text and one answer, and deadlines are the [link](super::link)'s affair.

mod cork;
mod message;
mod together;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use foldhash::HashMap;
use futures::stream::{self, Stream};
use jsonrpsee::core::client::{Error, ReceivedMessage, TransportReceiverT, TransportSenderT};
use jsonrpsee::types::{ErrorObjectOwned, InvalidRequestId};
use serde_json::value::RawValue;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, interval_at, timeout};

use self::message::{Message, read, write};
use self::together::{Place, Together};

pub(super) use self::cork::{Cork, Corked};
use super::json::Json;

/// How often a sign of life is sent, so that nobody on the way takes a quiet connection for a dead one.
const PING: Duration = Duration::from_secs(30);

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Notifications that wait for a reader at most; more are dropped. Each only says that there is something new.
const NOTIFICATIONS: usize = 16;

type Answer = Result<Json, ErrorObjectOwned>;

/// See the module. It ends with the first failure: what was under way fails with it, and so does whatever comes later.
#[derive(Debug)]
pub(super) struct Socket {
    shared: Arc<Shared>,
    out: mpsc::UnboundedSender<String>,
    reader: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    next_id: AtomicU64,
    waiting: Mutex<Waiting>,
    /// Why it ended.
    ended: OnceLock<Arc<Error>>,
    /// Tells the writer that it did.
    over: Notify,
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
    Together(Place),
    Notifications(mpsc::Sender<Box<RawValue>>, oneshot::Sender<Answer>),
}

impl Socket {
    /// Begins to read and write; the cork is the stream's. Call it inside a tokio runtime.
    pub(super) fn new(
        sender: impl TransportSenderT + Send,
        receiver: impl TransportReceiverT + Send,
        cork: Cork,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let (out, texts) = mpsc::unbounded_channel();
        tokio::spawn(write_all(Arc::clone(&shared), sender, texts, cork));
        let reader = tokio::spawn(read_all(Arc::clone(&shared), receiver));
        Self { shared, out, reader }
    }

    pub(super) fn is_open(&self) -> bool {
        self.shared.ended.get().is_none()
    }

    /// Ends it, and all that is under way on it.
    pub(super) fn end(&self) {
        self.shared.end(Error::ServiceDisconnect);
    }

    /// Sends a request with the JSON of its parameters, and waits for its answer.
    pub(super) async fn request(&self, method: &str, params: Option<&str>) -> Result<Json, Error> {
        let (send, answer) = oneshot::channel();
        self.ask(method, params, Asked::Once(send))?;
        self.answer(answer).await
    }

    /// Sends requests together, each a method and the JSON of its parameters, and waits for their answers, but no longer than
    /// the deadline.
    pub(super) async fn request_together(
        &self,
        requests: &[(&str, String)],
        within: Duration,
    ) -> Vec<Result<Json, Error>> {
        let together = Together::new(requests.len());
        let first = self.shared.next_id.fetch_add(requests.len() as u64, Ordering::Relaxed);
        let places = together.places().map(Asked::Together);
        self.shared.lock().answers.extend((first..).zip(places));
        for (id, (method, params)) in (first..).zip(requests) {
            if self.out.send(write(id, method, Some(params))).is_err() {
                break;
            }
        }
        if !self.is_open() {
            let mut waiting = self.shared.lock();
            (first..).take(requests.len()).for_each(|id| drop(waiting.answers.remove(&id)));
        }
        let _ = timeout(within, together.over()).await;
        let missing = || if self.is_open() { Error::RequestTimeout } else { self.shared.reason() };
        let answers = together.take().into_iter();
        answers.map(|answer| answer.map_or_else(|| Err(missing()), |answer| answer.map_err(Error::Call))).collect()
    }

    /// Begins a subscription without parameters, which ends when it is dropped.
    pub(super) async fn subscribe(
        &self,
        method: &str,
        undo: &str,
    ) -> Result<impl Stream<Item = Box<RawValue>> + Send + use<>, Error> {
        let (send, answer) = oneshot::channel();
        let (notify, notifications) = mpsc::channel(NOTIFICATIONS);
        self.ask(method, None, Asked::Notifications(notify, send))?;
        let id = self.answer(answer).await?;
        let subscription = Subscription {
            notifications,
            goodbye: Some((self.text(undo, &format!("[{}]", id.get())), self.out.clone())),
        };
        Ok(stream::unfold(subscription, |mut subscription| async {
            let item = subscription.notifications.recv().await?;
            Some((item, subscription))
        }))
    }

    async fn answer(&self, answer: oneshot::Receiver<Answer>) -> Result<Json, Error> {
        match answer.await {
            Ok(answer) => answer.map_err(Error::Call),
            Err(_) => Err(self.shared.reason()),
        }
    }

    fn ask(&self, method: &str, params: Option<&str>, asked: Asked) -> Result<(), Error> {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        self.shared.lock().answers.insert(id, asked);
        // After the end nobody answers any more: it is looked for after the request was noted down, as `end` does it in the
        // other order.
        if !self.is_open() || self.out.send(write(id, method, params)).is_err() {
            self.shared.lock().answers.remove(&id);
            return Err(self.shared.reason());
        }
        Ok(())
    }

    /// A request whose answer nobody waits for.
    fn text(&self, method: &str, params: &str) -> String {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        self.shared.lock().answers.insert(id, Asked::Once(oneshot::channel().0));
        write(id, method, Some(params))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
        self.end();
    }
}

struct Subscription {
    notifications: mpsc::Receiver<Box<RawValue>>,
    /// What ends it at the node, and the way there.
    goodbye: Option<(String, mpsc::UnboundedSender<String>)>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some((text, out)) = self.goodbye.take() {
            // A connection that is gone has no subscriptions.
            let _ = out.send(text);
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
        self.over.notify_one();
    }

    /// Hands over what came.
    fn take(&self, text: String) -> Result<(), Error> {
        match read(&text)? {
            Message::Answer { id, answer } => {
                let answer = answer.map(|own| Json::within(text, own));
                let asked = self.lock().answers.remove(&id);
                let asked = asked.ok_or_else(|| InvalidRequestId::NotPendingRequest(id.to_string()))?;
                match asked {
                    // Whoever asked may have gone away.
                    Asked::Once(send) => drop(send.send(answer)),
                    Asked::Together(place) => place.put(answer),
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
            Ok(ReceivedMessage::Text(text)) => shared.take(text),
            Ok(ReceivedMessage::Bytes(bytes)) => match String::from_utf8(bytes) {
                Ok(text) => shared.take(text),
                Err(error) => Err(Error::Custom(error.to_string())),
            },
            Ok(ReceivedMessage::Pong) => Ok(()),
            Err(error) => Err(Error::Transport(Box::new(error))),
        };
        if let Err(error) = taken {
            return shared.end(error);
        }
    }
}

async fn write_all<S: TransportSenderT>(
    shared: Arc<Shared>,
    mut sender: S,
    mut out: mpsc::UnboundedReceiver<String>,
    cork: Cork,
) {
    let mut pings = interval_at(Instant::now() + PING, PING);
    let writing = async {
        loop {
            tokio::select! {
                text = out.recv() => match text {
                    Some(text) => {
                        if out.is_empty() {
                            // Whoever is about to ask, too, does so in the meantime.
                            yield_now().await;
                        }
                        cork.more(!out.is_empty());
                        sender.send(text).await?;
                    }
                    None => return Ok::<_, S::Error>(()),
                },
                _ = pings.tick() => {
                    cork.more(false);
                    sender.send_ping().await?;
                }
            }
        }
    };
    // To write may take for ever, where nobody reads.
    let written = tokio::select! {
        written = writing => written,
        () = shared.over.notified() => Ok(()),
    };
    match written {
        Ok(()) => drop(timeout(GOODBYE, sender.close()).await),
        Err(error) => shared.end(Error::Transport(Box::new(error))),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;

    use super::*;

    /// The other side of a socket that is there and does nothing; says when it was let go.
    struct Mute {
        _gone: mpsc::Sender<()>,
    }

    impl TransportSenderT for Mute {
        type Error = Infallible;

        async fn send(&mut self, _: String) -> Result<(), Infallible> {
            pending().await
        }
    }

    impl TransportReceiverT for Mute {
        type Error = Infallible;

        async fn receive(&mut self) -> Result<ReceivedMessage, Infallible> {
            pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_stays_behind_of_a_socket_that_nobody_reads() {
        let (gone, mut is_gone) = mpsc::channel(1);
        let socket = Socket::new(Mute { _gone: gone.clone() }, Mute { _gone: gone }, Cork::default());
        let asked = timeout(Duration::from_secs(60), socket.request("m", None)).await;
        assert!(asked.is_err() && socket.is_open());
        drop(socket);
        assert_eq!(is_gone.recv().await, None);
    }

    /// Sends what it is told to.
    struct Scripted(mpsc::Receiver<String>);

    impl TransportReceiverT for Scripted {
        type Error = std::io::Error;

        async fn receive(&mut self) -> Result<ReceivedMessage, std::io::Error> {
            let text = self.0.recv().await.ok_or_else(|| std::io::Error::other("the end"))?;
            Ok(ReceivedMessage::Text(text))
        }
    }

    struct Swallow;

    impl TransportSenderT for Swallow {
        type Error = Infallible;

        async fn send(&mut self, _: String) -> Result<(), Infallible> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_ends_with_the_connection_and_with_an_answer_to_nobody() {
        for last in [None, Some(r#"{"id":77,"result":1}"#), Some("[")] {
            let (say, said) = mpsc::channel(4);
            let socket = Socket::new(Swallow, Scripted(said), Cork::default());
            let (first, second, ()) = tokio::join!(socket.request("a", None), socket.request("b", None), async {
                say.send(r#"{"id":1,"result":"late"}"#.to_owned()).await.unwrap();
                if let Some(text) = last {
                    say.send(text.to_owned()).await.unwrap();
                }
                drop(say);
            });
            assert_eq!(second.unwrap().get(), "\"late\"");
            assert!(matches!(first, Err(Error::RestartNeeded(_))), "{first:?}");
            assert!(!socket.is_open());
            assert!(matches!(socket.request("c", None).await, Err(Error::RestartNeeded(_))));
        }
    }
}
