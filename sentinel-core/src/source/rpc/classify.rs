//! From what a node or the connection says to what the caller can do about it.

use std::io;
use std::time::Duration;

use hyper_util::client::legacy::Error as HyperError;
use jsonrpsee::client_transport::ws::{WsError, WsHandshakeError};
use jsonrpsee::core::client::Error as ClientError;
use jsonrpsee::core::http_helpers::HttpError;
use jsonrpsee::http_client::transport::Error as HttpTransportError;
use subxt_rpcs::Error as RpcError;

use super::failure::ConnectionError;
use super::http::HttpRefusal;
use super::meaning::{Meaning, meaning};
use crate::chain::BlockId;
use crate::source::SourceError;

/// What was asked, for the message of an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Host and port of the endpoint.
    pub(super) endpoint: &'a str,
    /// The JSON-RPC method.
    pub(super) method: &'a str,
    /// The runtime function, where the method is `state_call`.
    pub(super) function: Option<&'a str>,
    /// The block whose state or body was asked for.
    pub(super) block: Option<BlockId>,
}

/// Turns an error of the RPC layer into ours.
pub(super) fn classify(error: RpcError, asked: Asked<'_>) -> SourceError {
    match error {
        RpcError::User(object) => {
            let data = object.data.as_ref().map_or("", |data| data.get());
            let message = if data.is_empty() { object.message.clone() } else { format!("{} {data}", object.message) };
            let meaning = meaning(object.code, &message);
            said(meaning, format!("{} (code {})", bounded(&message), object.code), None, asked)
        }
        RpcError::Client(error) => match error.downcast::<ConnectionError>() {
            Ok(error) => broken(*error, asked),
            Err(other) => transient(asked, "the RPC client failed", Some(other)),
        },
        other => transient(asked, "the RPC client failed", Some(Box::new(other))),
    }
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The node answered, and this is what it said.
    Said,
    /// The connection was lost under the request, so that asking at once on another one makes sense.
    ///
    /// Over HTTP that is an everyday matter: the server may close a connection that idled just when it is used again.
    Lost,
    /// No answer came in time.
    Late,
    /// There is nobody at the address, or nobody who serves us.
    Unreachable,
}

/// See [`Trouble`].
pub(super) fn trouble(error: &RpcError) -> Trouble {
    let RpcError::Client(error) = error else { return Trouble::Said };
    match error.downcast_ref::<ConnectionError>() {
        Some(ConnectionError::RequestTimeout { .. }) => Trouble::Late,
        Some(
            ConnectionError::Hung(_)
            | ConnectionError::Client(ClientError::RestartNeeded(_) | ClientError::ServiceDisconnect),
        ) => Trouble::Lost,
        Some(ConnectionError::Client(ClientError::Transport(error))) => match hyper_error(error.as_ref()) {
            Some(error) if error.is_connect() => Trouble::Unreachable,
            Some(_) => Trouble::Lost,
            None => match http_refusal(error.as_ref()) {
                Some(401 | 403 | 404 | 410) => Trouble::Unreachable,
                _ => Trouble::Said,
            },
        },
        _ => Trouble::Said,
    }
}

fn http_refusal(transport: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<u16> {
    match transport.downcast_ref::<HttpTransportError>() {
        Some(HttpTransportError::Http(HttpError::Stream(stream))) => {
            stream.downcast_ref::<HttpRefusal>().map(|refusal| refusal.status)
        }
        _ => None,
    }
}

/// What the HTTP library says of a request that got no HTTP answer.
fn hyper_error<'a>(transport: &'a (dyn std::error::Error + Send + Sync + 'static)) -> Option<&'a HyperError> {
    match transport.downcast_ref::<HttpTransportError>() {
        Some(HttpTransportError::Http(HttpError::Stream(stream))) => stream.downcast_ref(),
        _ => None,
    }
}

fn said(meaning: Meaning, message: String, retry_after: Option<Duration>, asked: Asked<'_>) -> SourceError {
    let endpoint = asked.endpoint.to_owned();
    let number = match asked.block {
        Some(BlockId::Number(number)) => Some(number),
        _ => None,
    };
    match (meaning, asked.block) {
        (Meaning::Pruned, Some(block)) => SourceError::StatePruned { endpoint, block },
        (Meaning::UnknownBlock, Some(block)) => SourceError::UnknownBlock { block, head: None },
        (Meaning::RateLimited, _) => SourceError::RateLimited { endpoint, message, retry_after },
        (Meaning::TooLarge, _) => SourceError::TooLarge { endpoint, request: asked.method.to_owned(), message },
        (Meaning::NoMethod, _) => {
            SourceError::Unsupported { what: format!("{} of {endpoint}", asked.method), at: None }
        }
        (Meaning::NoFunction, _) => {
            SourceError::Unsupported { what: asked.function.unwrap_or(asked.method).to_owned(), at: number }
        }
        (Meaning::Passing, _) => transient(asked, &message, None),
        (Meaning::Pruned | Meaning::UnknownBlock | Meaning::Final, _) => {
            let at = asked.block.map_or_else(String::new, |block| format!(" at block {block}"));
            SourceError::fatal(format!("{endpoint} refused {}{at}: {message}", asked.function.unwrap_or(asked.method)))
        }
    }
}

fn broken(error: ConnectionError, asked: Asked<'_>) -> SourceError {
    if is_untrusted(&error) {
        let endpoint = asked.endpoint;
        let message = format!("{endpoint} shows a certificate that this machine does not trust (are any installed?)");
        return SourceError::Fatal { message, source: error.into_parts().1 };
    }
    match error {
        ConnectionError::Handshake(WsHandshakeError::Rejected { status_code }) => refused(status_code, None, asked),
        ConnectionError::Handshake(WsHandshakeError::Redirected { .. }) => {
            SourceError::fatal(format!("{} redirects elsewhere: use the URL that it redirects to", asked.endpoint))
        }
        error
        @ (ConnectionError::OtherChain { .. } | ConnectionError::TlsSetup(_) | ConnectionError::ServerName(_)) => {
            let (message, source) = error.into_parts();
            SourceError::Fatal { message: format!("{}: {message}", asked.endpoint), source }
        }
        ConnectionError::Client(ClientError::RestartNeeded(reason)) => {
            if is_too_large(&reason) {
                return said(Meaning::TooLarge, "larger than we accept".to_owned(), None, asked);
            }
            transient(asked, "the connection was lost", Some(Box::new(reason)))
        }
        ConnectionError::Client(ClientError::Transport(transport)) => {
            match transport.downcast_ref::<HttpTransportError>() {
                Some(HttpTransportError::Http(HttpError::TooLarge) | HttpTransportError::RequestTooLarge) => {
                    said(Meaning::TooLarge, "larger than we accept".to_owned(), None, asked)
                }
                Some(HttpTransportError::Http(HttpError::Stream(stream))) => match stream.downcast_ref::<HttpRefusal>()
                {
                    Some(refusal) => refused(refusal.status, refusal.retry_after, asked),
                    None => {
                        let message = match hyper_error(transport.as_ref()) {
                            Some(error) if error.is_connect() => hinted("cannot connect".to_owned(), hint(error)),
                            _ => "the request failed".to_owned(),
                        };
                        transient(asked, &message, Some(transport))
                    }
                },
                Some(HttpTransportError::Url(_)) => {
                    SourceError::fatal(format!("{}: the URL is not usable", asked.endpoint))
                }
                _ => transient(asked, "the request failed", Some(transport)),
            }
        }
        ConnectionError::Client(error @ (ClientError::ParseError(_) | ClientError::InvalidRequestId(_))) => {
            let message = format!("the answer to {} is not JSON-RPC", asked.method);
            transient(asked, &message, Some(Box::new(error)))
        }
        other => {
            let hint = hint(&other);
            let (message, source) = other.into_parts();
            transient(asked, &hinted(message, hint), source)
        }
    }
}

/// A whole HTTP request or handshake that was turned away.
fn refused(status: u16, retry_after: Option<Duration>, asked: Asked<'_>) -> SourceError {
    let message = format!("HTTP status {status}");
    match status {
        429 => said(Meaning::RateLimited, message, retry_after, asked),
        413 => said(Meaning::TooLarge, message, None, asked),
        408 | 425 | 500..=599 => transient(asked, &message, None),
        401 | 403 => {
            SourceError::fatal(format!("{} denies access ({message}): check the key in its URL", asked.endpoint))
        }
        _ => SourceError::fatal(format!("{} does not serve JSON-RPC there ({message}): check the URL", asked.endpoint)),
    }
}

/// An error and what caused it, however deep the libraries bury it.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        // An I/O error does not name what it wraps as its source.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

/// Whether a certificate was refused.
fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|cause| {
        matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_) | rustls::Error::General(_)))
    })
}

/// What a failure to connect asks the user to look at, where the cause tells.
fn hint(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    if causes(error).any(|cause| cause.is::<rustls::Error>()) {
        return Some("does it speak TLS? if not, use ws:// or http://");
    }
    let io = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>())?;
    match io.kind() {
        io::ErrorKind::ConnectionRefused => Some("is a node running there?"),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Some("is this machine online?"),
        // The standard library has no kind for names that do not resolve.
        _ if io.to_string().contains("lookup address") => Some("is the host name right, and this machine online?"),
        _ => None,
    }
}

fn hinted(message: String, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{message} ({hint})"),
        None => message,
    }
}

/// The WebSocket was closed by us because a message exceeded our limit.
fn is_too_large(reason: &ClientError) -> bool {
    match reason {
        ClientError::Transport(error) => match error.downcast_ref::<WsError>() {
            Some(WsError::MessageTooLarge) => true,
            Some(WsError::Connection(inner)) => inner.to_string().contains("too large"),
            _ => false,
        },
        ClientError::RestartNeeded(inner) => is_too_large(inner),
        _ => false,
    }
}

fn transient(asked: Asked<'_>, message: &str, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> SourceError {
    SourceError::Transient { endpoint: asked.endpoint.to_owned(), message: message.to_owned(), source }
}

/// Gateways answer with whole HTML pages; a message is one line of bounded length without control characters.
fn bounded(message: &str) -> String {
    const MOST: usize = 300;
    let mut line: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    if line.len() < message.len() && line.chars().count() == MOST {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_an_error_counts_too() {
        let asked =
            Asked { endpoint: "node:1", method: "state_getStorage", function: None, block: Some(BlockId::Number(7)) };
        let data = serde_json::value::RawValue::from_string("\"State already discarded\"".to_owned()).ok();
        let error = RpcError::User(subxt_rpcs::UserError { code: -32000, message: "Server error".to_owned(), data });
        let error = classify(error, asked);
        assert!(matches!(error, SourceError::StatePruned { block: BlockId::Number(7), .. }), "{error:?}");
    }

    #[test]
    fn an_untrusted_certificate_is_not_tried_again() {
        let refused = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let asked = Asked { endpoint: "node:1", method: "chain_getHeader", function: None, block: None };
        let buried = std::io::Error::other(std::io::Error::other(refused));
        let error = RpcError::Client(Box::new(ConnectionError::Tls(buried)));
        let error = classify(error, asked);
        assert!(matches!(&error, SourceError::Fatal { source: Some(_), .. }), "{error:?}");
    }

    #[test]
    fn a_failure_to_connect_says_what_to_look_at() {
        let asked = Asked { endpoint: "node:1", method: "chain_getHeader", function: None, block: None };
        let lookup = "failed to lookup address information: Name or service not known";
        for (cause, message) in [
            (io::ErrorKind::ConnectionRefused.into(), "node:1: cannot connect (is a node running there?)"),
            (io::ErrorKind::NetworkUnreachable.into(), "node:1: cannot connect (is this machine online?)"),
            (io::Error::other(lookup), "node:1: cannot connect (is the host name right, and this machine online?)"),
            (io::ErrorKind::ConnectionReset.into(), "node:1: cannot connect"),
        ] {
            let error = classify(RpcError::Client(Box::new(ConnectionError::Connect(cause))), asked);
            assert!(matches!(&error, SourceError::Transient { source: Some(_), .. }), "{error:?}");
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn what_a_gateway_writes_stays_one_short_line() {
        let page = "<html>\n\u{1b}[31m".to_owned() + &"x".repeat(10_000);
        let line = bounded(&page);
        assert!(line.chars().count() <= 301 && !line.chars().any(char::is_control), "{line}");
    }
}
