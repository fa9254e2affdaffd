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
use subxt_rpcs::client::{RawRpcFuture, RawRpcSubscription};
use subxt_rpcs::{Error as RpcError, RpcClientT, UserError};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::failure::{ConnectionError, into_rpc};
use super::http::Lenient;
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

struct Params(Option<Box<RawValue>>);

impl ToRpcParams for Params {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(self.0)
    }
}

/// A request is under way until this is dropped.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
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
    }

    fn alive(&self) {
        let since = Instant::now().saturating_duration_since(self.opened).as_millis();
        self.alive_ms.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Sends one request; the answer comes within the deadline, or before if the link is given up.
    pub(super) async fn request(
        &self,
        method: &str,
        params: Option<Box<RawValue>>,
        within: Duration,
    ) -> Result<Box<RawValue>, ConnectionError> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let _under_way = UnderWay(&self.under_way);
        let mut hung = self.hung.subscribe();
        let answer = async {
            match &self.carrier {
                Carrier::WebSocket(socket) => socket.request(method, params.as_deref()).await,
                Carrier::Http(client) => client.request(method, Params(params)).await,
            }
        };
        let answer = match select(pin!(timeout(within, answer)), pin!(hung.wait_for(Option::is_some))).await {
            Either::Left((Ok(answer), _)) => answer,
            Either::Left((Err(_), _)) => {
                return Err(ConnectionError::RequestTimeout { method: method.to_owned(), within });
            }
            Either::Right((silent, _)) => {
                let silent = silent.ok().and_then(|silent| *silent).unwrap_or_default();
                return Err(ConnectionError::Hung(silent));
            }
        };
        if matches!(answer, Ok(_) | Err(ClientError::Call(_))) {
            self.alive();
        }
        answer.map_err(ConnectionError::Client)
    }

    /// [`request`](Self::request) with the usual deadline, by whoever is not just greeting.
    async fn ask(&self, method: &str, params: Option<Box<RawValue>>) -> Result<Box<RawValue>, ConnectionError> {
        let answer = self.request(method, params, self.request_timeout).await;
        if matches!(answer, Ok(_) | Err(ConnectionError::Client(ClientError::Call(_)))) {
            self.proved.store(true, Ordering::Relaxed);
        }
        answer
    }

    async fn subscribe(
        self: Arc<Self>,
        method: &str,
        params: Option<Box<RawValue>>,
        undo: &str,
    ) -> Result<RawRpcSubscription, RpcError> {
        let Carrier::WebSocket(socket) = &self.carrier else {
            return Err(RpcError::User(UserError::method_not_found()));
        };
        let within = self.request_timeout;
        let subscription = timeout(within, socket.subscribe(method, params.as_deref(), undo))
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

/// A shared link as what subxt's RPC layer asks for.
#[derive(Clone)]
pub(super) struct Shared(pub(super) Arc<Link>);

impl RpcClientT for Shared {
    fn request_raw<'a>(&'a self, method: &'a str, params: Option<Box<RawValue>>) -> RawRpcFuture<'a, Box<RawValue>> {
        Box::pin(async move { self.0.ask(method, params).await.map_err(into_rpc) })
    }

    fn subscribe_raw<'a>(
        &'a self,
        sub: &'a str,
        params: Option<Box<RawValue>>,
        unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(Arc::clone(&self.0).subscribe(sub, params, unsub))
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("under_way", &self.under_way()).finish_non_exhaustive()
    }
}
