//! Any HTTP server behind the proxy, such as a store of objects: requests are passed on whole, or not, or their answers lost.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::TRANSFER_ENCODING;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::Action;
use super::connection::{Body, refusal};
use super::director::Director;
use super::script::Target;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Does what the script says to a request, whose method is that of HTTP: `PUT`, `GET`.
pub(super) async fn forward(
    request: Request<Incoming>,
    address: &str,
    director: &Director,
    connection: u64,
) -> Response<Body> {
    let actions = director.request(request.method().as_str(), None);
    for action in &actions {
        if let Action::Http { status, retry_after } = action {
            director.did(action);
            return refusal(*status, *retry_after);
        }
        if action.target() == Target::Connection {
            director.strike(action.clone(), Some(connection));
            std::future::pending::<()>().await;
        }
    }
    let Ok(response) = ask(request, address).await else { return refusal(502, None) };
    for action in &actions {
        match action {
            Action::Delay(delay) => {
                director.did(action);
                sleep(*delay).await;
            }
            Action::ForwardThenCut | Action::DropReply => {
                director.did(action);
                if *action == Action::ForwardThenCut {
                    director.cut(connection);
                }
                std::future::pending::<()>().await;
            }
            // The rest is for messages of nodes.
            _ => {}
        }
    }
    response
}

async fn ask(request: Request<Incoming>, address: &str) -> Result<Response<Body>, Fault> {
    let (head, body) = request.into_parts();
    let body = Body::from(body.collect().await?.to_bytes());
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, serving) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the sender, or when the server closes.
    tokio::spawn(serving);
    let (mut head, body) = sender.send_request(Request::from_parts(head, body)).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    // It comes in one piece now.
    head.headers.remove(TRANSFER_ENCODING);
    Ok(Response::from_parts(head, Body::from(body)))
}
