//! One open connection to a node: requests with a deadline, subscriptions, and an end that others can bring about.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::{Either, select};
use jsonrpsee::core::client::{ClientT, Error as ClientError};
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::http_client::{HttpClient, RpcService as HttpService};
use serde_json::value::RawValue;
use subxt_rpcs::client::RawRpcSubscription;
use subxt_rpcs::{Error as RpcError, UserError};
use tokio::sync::watch;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

use super::failure::{ConnectionError, into_rpc};
use super::http::Lenient;
use super::json::Json;
use super::socket::Socket;

/// Without jsonrpsee's logger: it writes every request and answer as JSON once more, whether anybody reads the log or not.
pub(super) type Http = HttpClient<HttpService<Lenient>>;

/// What carries the requests.
pub(super) enum Carrier {
    WebSocket(Socket),
    Http(Http),
}

/// See the module.
pub(super) struct Link {
    carrier: Carrier,
    request_timeout: Duration,
    opened: Instant,
    under_way: AtomicUsize,
    /// When the last sign of life came, in milliseconds after `opened`.
    alive_ms: AtomicU64,
    /// Whether any answer came, apart from the one to the greeting.
    proved: AtomicBool,
    /// How long nothing came when it was given up.
    hung: watch::Sender<Option<Duration>>,
}

/// The JSON of parameters.
struct Params<'a>(Option<&'a str>);

impl ToRpcParams for Params<'_> {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        self.0.map(|params| RawValue::from_string(params.to_owned())).transpose()
    }
}

/// Requests are under way until this is dropped.
struct UnderWay<'a> {
    all: &'a AtomicUsize,
    these: usize,
}

impl<'a> UnderWay<'a> {
    fn these(all: &'a AtomicUsize, these: usize) -> Self {
        all.fetch_add(these, Ordering::Relaxed);
        Self { all, these }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.these, Ordering::Relaxed);
    }
}

/// Whether the node said something.
fn is_answer<T>(answer: &Result<T, ClientError>) -> bool {
    matches!(answer, Ok(_) | Err(ClientError::Call(_)))
}

impl Link {
    pub(super) fn new(carrier: Carrier, request_timeout: Duration) -> Self {
        Self {
            carrier,
            request_timeout,
            opened: Instant::now(),
            under_way: AtomicUsize::new(0),
            alive_ms: AtomicU64::new(0),
            proved: AtomicBool::new(false),
            hung: watch::Sender::new(None),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        let connected = match &self.carrier {
            Carrier::WebSocket(socket) => socket.is_open(),
            Carrier::Http(_) => true,
        };
        connected && self.hung.borrow().is_none()
    }

    /// Whether it keeps a socket open while nothing is asked.
    pub(super) fn is_socket(&self) -> bool {
        matches!(self.carrier, Carrier::WebSocket(_))
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// How long nothing came from it.
    pub(super) fn silent_for(&self) -> Duration {
        let alive = self.opened + Duration::from_millis(self.alive_ms.load(Ordering::Relaxed));
        Instant::now().saturating_duration_since(alive)
    }

    /// Whether it answered more than the greeting.
    pub(super) fn is_proved(&self) -> bool {
        self.proved.load(Ordering::Relaxed)
    }

    /// Ends every request and subscription on it.
    pub(super) fn give_up(&self) {
        let silent = self.silent_for();
        self.hung.send_if_modified(|hung| hung.is_none().then(|| *hung = Some(silent)).is_some());
        if let Carrier::WebSocket(socket) = &self.carrier {
            socket.end();
        }
    }

    fn alive(&self) {
        let since = Instant::now().saturating_duration_since(self.opened).as_millis();
        self.alive_ms.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Sends one request; the answer comes within the deadline, or before if the link is given up.
    pub(super) async fn request(
        &self,
        method: &str,
        params: Option<&str>,
        within: Duration,
    ) -> Result<Json, ConnectionError> {
        let _under_way = UnderWay::these(&self.under_way, 1);
        let answer = match &self.carrier {
            // It ends when the link is given up.
            Carrier::WebSocket(socket) => timeout(within, socket.request(method, params)).await,
            // Boxed: it is large, and every request over a socket would carry the room for it.
            Carrier::Http(client) => Box::pin(self.request_over_http(client, method, params, within)).await,
        };
        let Ok(answer) = answer else {
            return Err(ConnectionError::RequestTimeout { method: method.to_owned(), within });
        };
        if is_answer(&answer) {
            self.alive();
        }
        answer.map_err(|error| self.failure(error))
    }

    fn failure(&self, error: ClientError) -> ConnectionError {
        match (&error, *self.hung.borrow()) {
            (ClientError::RestartNeeded(_) | ClientError::ServiceDisconnect, Some(silent)) => {
                ConnectionError::Hung(silent)
            }
            _ => ConnectionError::Client(error),
        }
    }

    async fn request_over_http(
        &self,
        client: &Http,
        method: &str,
        params: Option<&str>,
        within: Duration,
    ) -> Result<Result<Json, ClientError>, Elapsed> {
        let mut hung = self.hung.subscribe();
        let answer = timeout(within, client.request::<Box<RawValue>, _>(method, Params(params)));
        match select(pin!(answer), pin!(hung.wait_for(Option::is_some))).await {
            Either::Left((answer, _)) => answer.map(|answer| answer.map(Json::from)),
            Either::Right(_) => Ok(Err(ClientError::ServiceDisconnect)),
        }
    }

    /// [`request`](Self::request) with the usual deadline, by whoever is not just greeting.
    pub(super) async fn ask(&self, method: &str, params: Option<&str>) -> Result<Json, RpcError> {
        let answer = self.request(method, params, self.request_timeout).await;
        if matches!(answer, Ok(_) | Err(ConnectionError::Client(ClientError::Call(_)))) {
            self.proved.store(true, Ordering::Relaxed);
        }
        answer.map_err(into_rpc)
    }

    /// Sends requests together, each a method and the JSON of its parameters, with one deadline; none where they cannot be sent
    /// over this connection so. Answers are in the order of the requests.
    pub(super) async fn ask_together(&self, requests: &[(&str, String)]) -> Vec<Result<Json, RpcError>> {
        let Carrier::WebSocket(socket) = &self.carrier else { return Vec::new() };
        let _under_way = UnderWay::these(&self.under_way, requests.len());
        let within = self.request_timeout;
        let answers = socket.request_together(requests, within).await;
        if answers.iter().any(is_answer) {
            self.alive();
            self.proved.store(true, Ordering::Relaxed);
        }
        let failure = |error, method: &str| match error {
            ClientError::RequestTimeout => ConnectionError::RequestTimeout { method: method.to_owned(), within },
            error => self.failure(error),
        };
        let answers = answers.into_iter().zip(requests);
        answers.map(|(answer, (method, _))| answer.map_err(|error| into_rpc(failure(error, method)))).collect()
    }

    /// Begins a subscription without parameters.
    pub(super) async fn subscribe(self: Arc<Self>, method: &str, undo: &str) -> Result<RawRpcSubscription, RpcError> {
        let Carrier::WebSocket(socket) = &self.carrier else {
            return Err(RpcError::User(UserError::method_not_found()));
        };
        let within = self.request_timeout;
        let subscription = timeout(within, socket.subscribe(method, undo))
            .await
            .map_err(|_| into_rpc(ConnectionError::RequestTimeout { method: method.to_owned(), within }))?
            .map_err(|error| into_rpc(ConnectionError::Client(error)))?;
        self.alive();
        let mut hung = self.hung.subscribe();
        let over = async move { drop(hung.wait_for(Option::is_some).await) };
        let link = Arc::clone(&self);
        let items = subscription.map(move |item| {
            link.alive();
            Ok(item)
        });
        Ok(RawRpcSubscription { stream: Box::pin(items.take_until(Box::pin(over))), id: None })
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("under_way", &self.under_way()).finish_non_exhaustive()
    }
}
