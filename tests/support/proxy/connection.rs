//! The client's side: sockets, handshakes and plain HTTP.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::director::{Backend, Director};
use super::relay::{Answered, Relay};
use super::{Action, pump, web};

/// How long to try for a port that was just given up.
const REBIND: Duration = Duration::from_secs(5);

pub(super) type Body = Full<Bytes>;

pub(super) async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Lets clients in, except while nobody is to be let in.
pub(super) async fn listen(
    listener: TcpListener,
    director: Arc<Director>,
    mut closings: mpsc::UnboundedReceiver<Duration>,
) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    while let Some(open) = &listener {
        tokio::select! {
            accepted = open.accept() => {
                if let Ok((socket, _)) = accepted {
                    tokio::spawn(serve(socket, Arc::clone(&director)));
                }
            }
            Some(duration) = closings.recv() => {
                drop(listener.take());
                director.cut_all();
                sleep(duration).await;
                listener = rebind(address).await;
            }
        }
    }
}

async fn rebind(address: SocketAddr) -> Option<TcpListener> {
    let start = Instant::now();
    loop {
        match bind(address.port()).await {
            Ok(listener) => return Some(listener),
            Err(_) if start.elapsed() < REBIND => sleep(Duration::from_millis(10)).await,
            Err(error) => {
                eprintln!("the proxy cannot listen on {address} again: {error}");
                return None;
            }
        }
    }
}

async fn serve(socket: TcpStream, director: Arc<Director>) {
    let _ = socket.set_nodelay(true);
    let (id, cuts, at_once) = director.connected();
    at_once.into_iter().for_each(|action| match action {
        // Not after this connection but on it.
        Action::Http { status, retry_after } => {
            director.did(&action);
            director.expect_status(status, retry_after);
        }
        action => director.strike(action, Some(id)),
    });
    let (near, far) = tokio::io::duplex(256 << 10);
    let answering = AbortOnDrop(tokio::spawn(answer(far, Arc::clone(&director), id)).abort_handle());
    pump::pump(socket, near, &director, id, cuts).await;
    drop(answering);
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn answer(pipe: DuplexStream, director: Arc<Director>, id: u64) {
    let relay = Arc::new(OnceCell::new());
    let service = service_fn(move |request| {
        let (director, relay) = (Arc::clone(&director), Arc::clone(&relay));
        async move { Ok::<_, Infallible>(respond(request, director, id, &relay).await) }
    });
    let http = hyper::server::conn::http1::Builder::new();
    let _ = http.serve_connection(TokioIo::new(pipe), service).with_upgrades().await;
}

async fn respond(
    request: Request<Incoming>,
    director: Arc<Director>,
    id: u64,
    relay: &OnceCell<Arc<Relay>>,
) -> Response<Body> {
    if let Some((status, retry_after)) = director.status() {
        return refusal(status, retry_after);
    }
    if let Backend::Web(address) = &director.backend {
        return web::forward(request, address, &director, id).await;
    }
    if let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) {
        let accept = derive_accept_key(key.as_bytes());
        tokio::spawn(upgraded(request, director, id));
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header(CONNECTION, "Upgrade");
        let response = response.header(UPGRADE, "websocket").header(SEC_WEBSOCKET_ACCEPT, accept);
        return response.body(Body::default()).unwrap_or_default();
    }
    let Ok(body) = request.into_body().collect().await else { return refusal(400, None) };
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let connect = || async { Relay::connect(director, id, None).await.map(Arc::new) };
    let Ok(relay) = relay.get_or_try_init(connect).await else { return refusal(502, None) };
    match relay.answer(&text).await {
        Answered::Messages(messages) => {
            let body: Vec<u8> = messages.into_iter().next().unwrap_or_default();
            let response = Response::builder().header(CONTENT_TYPE, "application/json");
            response.body(Body::from(body)).unwrap_or_default()
        }
        Answered::Status(status, retry_after) => refusal(status, retry_after),
        Answered::Never => std::future::pending().await,
    }
}

pub(super) fn refusal(status: u16, retry_after: Option<u32>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    if let Some(seconds) = retry_after {
        response = response.header(RETRY_AFTER, seconds);
    }
    response.body(Body::default()).unwrap_or_default()
}

/// Serves a WebSocket; ends with the connection, whose pump holds the other end of the pipe.
async fn upgraded(request: Request<Incoming>, director: Arc<Director>, id: u64) {
    let Ok(stream) = hyper::upgrade::on(request).await else { return };
    let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, Some(config)).await;
    Relay::serve(socket, director, id).await;
}
