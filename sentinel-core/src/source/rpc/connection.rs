//! One connection to a node, opened with a deadline and opened again when it is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::StreamExt;
use jsonrpsee::client_transport::ws::{WsHandshakeError, WsTransportClientBuilder};
use jsonrpsee::core::client::{Client, ClientT, Error as ClientError, SubscriptionClientT};
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::http_client::{HttpClient, HttpClientBuilder, RpcLogger, RpcService};
use rustls::pki_types::ServerName;
use serde_json::value::RawValue;
use subxt_rpcs::client::{RawRpcFuture, RawRpcSubscription};
use subxt_rpcs::{Error as RpcError, RpcClientT, UserError};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use url::Host;

use super::RpcOptions;
use super::endpoint::{Endpoint, Transport};
use super::http::Lenient;
use super::tls;

type Http = HttpClient<RpcLogger<RpcService<Lenient>>>;

/// The first question on a link.
pub(super) const GREETING: &str = "chain_getBlockHash";

/// Why there is no answer although the node sent no error.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("no connection within {} s (is the address right?)", .0.as_secs_f64())]
    ConnectTimeout(Duration),
    #[error("no answer to {method} within {} s", within.as_secs_f64())]
    RequestTimeout { method: String, within: Duration },
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("the TLS handshake failed")]
    Tls(#[source] std::io::Error),
    #[error("TLS is not available")]
    TlsSetup(#[source] rustls::Error),
    #[error("the WebSocket handshake failed")]
    Handshake(#[source] WsHandshakeError),
    #[error("{0} is not a host name that a certificate can be checked for")]
    ServerName(String),
    #[error("after a reconnect it serves another chain: genesis {now}, before {before}")]
    OtherChain { before: String, now: String },
    #[error(transparent)]
    Client(ClientError),
}

impl ConnectionError {
    /// What happened, and what a library says about it.
    pub(super) fn into_parts(self) -> (String, Option<Box<dyn std::error::Error + Send + Sync>>) {
        let message = self.to_string();
        match self {
            Self::Connect(cause) | Self::Tls(cause) => (message, Some(Box::new(cause))),
            Self::TlsSetup(cause) => (message, Some(Box::new(cause))),
            Self::Handshake(cause) => (message, Some(Box::new(cause))),
            // Says it all itself, but keeps what caused it.
            Self::Client(cause) => ("the request failed".to_owned(), Some(Box::new(cause))),
            Self::ConnectTimeout(_) | Self::RequestTimeout { .. } | Self::ServerName(_) | Self::OtherChain { .. } => {
                (message, None)
            }
        }
    }
}

/// Deadlines for the libraries below: later than ours, so that ours decides and says what was waited for.
fn later(deadline: Duration) -> Duration {
    deadline.saturating_add(Duration::from_secs(1))
}

/// An open link; cheap to clone.
#[derive(Clone)]
enum Link {
    WebSocket(Arc<Client>),
    Http(Http),
}

/// See the module.
pub(super) struct Connection {
    endpoint: Endpoint,
    options: RpcOptions,
    link: Mutex<Option<Link>>,
    /// The answer to `chain_getBlockHash(0)` of the first link; a later link must give the same.
    genesis: OnceLock<Box<RawValue>>,
}

struct Params(Option<Box<RawValue>>);

impl ToRpcParams for Params {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(self.0)
    }
}

impl Connection {
    pub(super) fn new(endpoint: Endpoint, options: RpcOptions) -> Self {
        Self { endpoint, options, link: Mutex::new(None), genesis: OnceLock::new() }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Makes sure that a link is open and that the node answers on it, all within the connect timeout.
    pub(super) async fn open(&self) -> Result<(), RpcError> {
        self.link().await.map(drop).map_err(into_rpc)
    }

    async fn link(&self) -> Result<Link, ConnectionError> {
        let within = self.options.connect_timeout;
        let greeted = AtomicBool::new(false);
        let link = timeout(within, async {
            let mut slot = self.link.lock().await;
            match &*slot {
                Some(Link::WebSocket(client)) if !client.is_connected() => {
                    tracing::debug!(endpoint = self.endpoint.shown(), "connection lost, connecting again");
                }
                Some(link) => return Ok(link.clone()),
                None => {}
            }
            *slot = None;
            let link = self.connect().await?;
            greeted.store(true, Ordering::Relaxed);
            self.check_genesis(&link).await?;
            Ok(slot.insert(link).clone())
        });
        link.await.unwrap_or_else(|_| {
            Err(match greeted.into_inner() {
                true => ConnectionError::RequestTimeout { method: GREETING.to_owned(), within },
                false => ConnectionError::ConnectTimeout(within),
            })
        })
    }

    /// More than any request of ours may take.
    fn longest(&self) -> Duration {
        later(self.options.request_timeout.max(self.options.connect_timeout))
    }

    async fn connect(&self) -> Result<Link, ConnectionError> {
        match self.endpoint.transport() {
            Transport::Http => self.http().map(Link::Http),
            Transport::WebSocket { tls } => self.web_socket(tls).await.map(|client| Link::WebSocket(Arc::new(client))),
        }
    }

    fn http(&self) -> Result<Http, ConnectionError> {
        let max_response = self.options.max_response;
        HttpClientBuilder::default()
            .max_response_size(max_response)
            .max_request_size(max_response)
            .request_timeout(self.longest())
            .connect_timeout(later(self.options.connect_timeout))
            .with_custom_cert_store(tls::client_config().map_err(ConnectionError::TlsSetup)?)
            .set_http_middleware(
                tower::ServiceBuilder::new().layer_fn(move |backend| Lenient::new(backend, max_response)),
            )
            .build(self.endpoint.url())
            .map_err(ConnectionError::Client)
    }

    async fn web_socket(&self, tls: bool) -> Result<Client, ConnectionError> {
        // The stream is made here and not by jsonrpsee, which looks names up in a blocking call that no deadline ends.
        let port = self.endpoint.port();
        let stream = match self.endpoint.host() {
            Host::Domain(name) => TcpStream::connect((name.as_str(), port)).await,
            Host::Ipv4(ip) => TcpStream::connect((*ip, port)).await,
            Host::Ipv6(ip) => TcpStream::connect((*ip, port)).await,
        }
        .map_err(ConnectionError::Connect)?;
        stream.set_nodelay(true).map_err(ConnectionError::Connect)?;
        if !tls {
            return self.handshake(stream).await;
        }
        let name = match self.endpoint.host() {
            Host::Domain(name) => {
                ServerName::try_from(name.clone()).map_err(|_| ConnectionError::ServerName(name.clone()))?
            }
            Host::Ipv4(ip) => ServerName::from(std::net::IpAddr::from(*ip)),
            Host::Ipv6(ip) => ServerName::from(std::net::IpAddr::from(*ip)),
        };
        let config = tls::client_config().map_err(ConnectionError::TlsSetup)?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        self.handshake(connector.connect(name, stream).await.map_err(ConnectionError::Tls)?).await
    }

    async fn handshake<S>(&self, stream: S) -> Result<Client, ConnectionError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let mut url = self.endpoint.url().clone();
        // Encryption is the stream's affair; the handshake on it is the same, and its code knows no other scheme.
        let _ = url.set_scheme("ws");
        let (sender, receiver) = WsTransportClientBuilder::default()
            .max_response_size(self.options.max_response)
            .max_request_size(self.options.max_response)
            .connection_timeout(later(self.options.connect_timeout))
            .build_with_stream(url, stream)
            .await
            .map_err(ConnectionError::Handshake)?;
        Ok(Client::builder()
            .request_timeout(self.longest())
            .max_concurrent_requests(1024)
            .enable_ws_ping(Default::default())
            .build_with_tokio(sender, receiver))
    }

    async fn check_genesis(&self, link: &Link) -> Result<(), ConnectionError> {
        let zero = RawValue::from_string("[0]".to_owned()).map_err(|error| ConnectionError::Client(error.into()))?;
        let now = link.request(GREETING, Some(zero)).await.map_err(ConnectionError::Client)?;
        let before = self.genesis.get_or_init(|| now.clone());
        if before.get() != now.get() {
            return Err(ConnectionError::OtherChain { before: before.get().to_owned(), now: now.get().to_owned() });
        }
        Ok(())
    }
}

impl Link {
    async fn request(&self, method: &str, params: Option<Box<RawValue>>) -> Result<Box<RawValue>, ClientError> {
        match self {
            Self::WebSocket(client) => client.request(method, Params(params)).await,
            Self::Http(client) => client.request(method, Params(params)).await,
        }
    }
}

impl RpcClientT for Connection {
    fn request_raw<'a>(&'a self, method: &'a str, params: Option<Box<RawValue>>) -> RawRpcFuture<'a, Box<RawValue>> {
        Box::pin(async move {
            let link = self.link().await.map_err(into_rpc)?;
            let within = self.options.request_timeout;
            match timeout(within, link.request(method, params)).await {
                Ok(answer) => answer.map_err(|error| into_rpc(ConnectionError::Client(error))),
                Err(_) => Err(into_rpc(ConnectionError::RequestTimeout { method: method.to_owned(), within })),
            }
        })
    }

    fn subscribe_raw<'a>(
        &'a self,
        sub: &'a str,
        params: Option<Box<RawValue>>,
        unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(async move {
            let Link::WebSocket(client) = self.link().await.map_err(into_rpc)? else {
                return Err(RpcError::User(UserError::method_not_found()));
            };
            let within = self.options.request_timeout;
            let subscription = timeout(within, client.subscribe::<Box<RawValue>, _>(sub, Params(params), unsub))
                .await
                .map_err(|_| into_rpc(ConnectionError::RequestTimeout { method: sub.to_owned(), within }))?
                .map_err(|error| into_rpc(ConnectionError::Client(error)))?;
            let stream = subscription.map(|item| item.map_err(|error| into_rpc(ConnectionError::Client(error.into()))));
            Ok(RawRpcSubscription { stream: Box::pin(stream), id: None })
        })
    }
}

/// An error object that the node sent becomes `User`; all else keeps its type inside `Client`.
fn into_rpc(error: ConnectionError) -> RpcError {
    match error {
        ConnectionError::Client(ClientError::Call(object)) => RpcError::User(UserError {
            code: object.code(),
            message: object.message().to_owned(),
            data: object.data().map(ToOwned::to_owned),
        }),
        other => RpcError::Client(Box::new(other)),
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// jsonrpsee is built without TLS of its own and would refuse the scheme.
    #[tokio::test]
    async fn the_handshake_goes_over_an_encrypted_stream_too() {
        let endpoint = Endpoint::parse("wss://user:key@node.example/path?query").unwrap();
        let connection = Connection::new(endpoint, RpcOptions::default());
        let (near, mut far) = tokio::io::duplex(4096);
        let handshake = tokio::spawn(async move { connection.handshake(near).await.map(drop) });
        let mut request = vec![0; 4096];
        let length = far.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        drop(far);
        assert!(handshake.await.unwrap().is_err());
        assert!(request.starts_with("GET /path?query HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nHost: node.example\r\n"), "{request}");
        assert!(request.to_ascii_lowercase().contains("\r\nauthorization: basic dxnlcjprzxk=\r\n"), "{request}");
    }
}
