//! Opening a connection to a node: TCP, TLS, handshake, and the first question.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jsonrpsee::client_transport::ws::WsTransportClientBuilder;
use jsonrpsee::core::middleware::RpcServiceBuilder;
use jsonrpsee::http_client::HttpClientBuilder;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Host;

use super::RpcOptions;
use super::endpoint::{Endpoint, Transport};
use super::failure::ConnectionError;
use super::http::Lenient;
use super::link::{Carrier, Http, Link};
use super::socket::{Cork, Corked, Socket};
use super::{tls, wire};
use crate::chain::BlockHash;

/// The first question on a link: the hash of block 0.
pub(super) const GREETING: &str = "chain_getBlockHash";

/// Deadlines for the libraries below: later than ours, so that ours decides and says what was waited for.
fn later(deadline: Duration) -> Duration {
    deadline.saturating_add(Duration::from_secs(1))
}

/// Opens a link, and gives the genesis of the chain that the node serves; all within the connect timeout.
pub(super) async fn dial(endpoint: &Endpoint, options: &RpcOptions) -> Result<(Link, BlockHash), ConnectionError> {
    let within = options.connect_timeout;
    let greeted = AtomicBool::new(false);
    let dialling = timeout(within, async {
        let dial = Dial { endpoint, options };
        let carrier = match endpoint.transport() {
            Transport::Http => dial.http().map(Carrier::Http),
            Transport::WebSocket { tls } => dial.web_socket(tls).await.map(Carrier::WebSocket),
        }?;
        let link = Link::new(carrier, options.request_timeout);
        greeted.store(true, Ordering::Relaxed);
        let genesis = genesis(&link, later(within)).await?;
        Ok((link, genesis))
    });
    dialling.await.unwrap_or_else(|_| {
        Err(match greeted.into_inner() {
            true => ConnectionError::RequestTimeout { method: GREETING.to_owned(), within },
            false => ConnectionError::ConnectTimeout(within),
        })
    })
}

async fn genesis(link: &Link, within: Duration) -> Result<BlockHash, ConnectionError> {
    let answer = link.request(GREETING, Some("[0]"), within).await?;
    wire::hash(&answer).map_err(ConnectionError::Greeting)?.ok_or(ConnectionError::NoGenesis)
}

/// Who is dialled, and how.
struct Dial<'a> {
    endpoint: &'a Endpoint,
    options: &'a RpcOptions,
}

impl Dial<'_> {
    /// More than any request of ours may take.
    fn longest(&self) -> Duration {
        later(self.options.request_timeout.max(self.options.connect_timeout))
    }

    fn http(&self) -> Result<Http, ConnectionError> {
        let max_response = self.options.max_response;
        HttpClientBuilder::default()
            .max_response_size(max_response)
            .max_request_size(max_response)
            .request_timeout(self.longest())
            .connect_timeout(later(self.options.connect_timeout))
            .with_custom_cert_store(tls::client_config().map_err(ConnectionError::TlsSetup)?)
            .set_rpc_middleware(RpcServiceBuilder::new())
            .set_http_middleware(
                tower::ServiceBuilder::new().layer_fn(move |backend| Lenient::new(backend, max_response)),
            )
            .build(self.endpoint.url())
            .map_err(ConnectionError::Client)
    }

    async fn web_socket(&self, tls: bool) -> Result<Socket, ConnectionError> {
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

    async fn handshake<S>(&self, stream: S) -> Result<Socket, ConnectionError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let mut url = self.endpoint.url().clone();
        // Encryption is the stream's affair; the handshake on it is the same, and its code knows no other scheme.
        let _ = url.set_scheme("ws");
        let cork = Cork::default();
        let (sender, receiver) = WsTransportClientBuilder::default()
            .max_response_size(self.options.max_response)
            .max_request_size(self.options.max_response)
            .connection_timeout(later(self.options.connect_timeout))
            .build_with_stream(url, Corked::new(stream, cork.clone()))
            .await
            .map_err(ConnectionError::Handshake)?;
        Ok(Socket::new(sender, receiver, cork))
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
        let (near, mut far) = tokio::io::duplex(4096);
        let handshake = tokio::spawn(async move {
            let options = RpcOptions::default();
            Dial { endpoint: &endpoint, options: &options }.handshake(near).await.map(drop)
        });
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
