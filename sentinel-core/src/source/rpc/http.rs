//! What the HTTP client does to answers before JSON-RPC sees them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use jsonrpsee::core::http_helpers::{self, HttpError};
use jsonrpsee::http_client::transport::Error as TransportError;
use jsonrpsee::http_client::{HttpBackend, HttpBody, HttpRequest, HttpResponse};
use tower::Service;

/// Error bodies are short; longer bodies are data and are passed on unread.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// An HTTP status other than 2xx, with the pause that the server asked for.
#[derive(Debug, thiserror::Error)]
#[error("HTTP status {status}")]
pub(super) struct HttpRefusal {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
}

/// Keeps `Retry-After`, and gives a code to JSON-RPC errors that have none (some development nodes send such).
#[derive(Debug, Clone)]
pub(super) struct Lenient {
    inner: HttpBackend,
    max_response: u32,
}

impl Lenient {
    pub(super) fn new(inner: HttpBackend, max_response: u32) -> Self {
        Self { inner, max_response }
    }
}

impl Service<HttpRequest> for Lenient {
    type Response = HttpResponse;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Service::<HttpRequest>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        let answer = self.inner.call(request);
        let max_response = self.max_response;
        Box::pin(async move {
            let (mut parts, body) = answer.await?.into_parts();
            if !parts.status.is_success() {
                let retry_after = parts.headers.get("retry-after").and_then(|value| value.to_str().ok());
                let refusal = HttpRefusal {
                    status: parts.status.as_u16(),
                    retry_after: retry_after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs),
                };
                return Err(TransportError::Http(HttpError::Stream(Box::new(refusal))));
            }
            let (mut body, _) = http_helpers::read_body(&parts.headers, body, max_response).await?;
            if let Some(repaired) = with_error_code(&body) {
                body = repaired;
            }
            parts.headers.remove("content-length");
            Ok(HttpResponse::from_parts(parts, HttpBody::from(body)))
        })
    }
}

/// The same answer with `"code": 0` in its error object, where it has one without a code.
fn with_error_code(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() > ERROR_BODY_LIMIT {
        return None;
    }
    let mut answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let error = answer.get_mut("error")?.as_object_mut()?;
    if error.contains_key("code") {
        return None;
    }
    error.insert("code".to_owned(), 0.into());
    serde_json::to_vec(&answer).ok()
}

#[cfg(test)]
mod tests {
    use super::with_error_code;

    #[test]
    fn only_errors_without_a_code_are_touched() {
        let repaired = with_error_code(br#"{"jsonrpc":"2.0","id":1,"error":{"message":"no"}}"#).unwrap();
        let repaired: serde_json::Value = serde_json::from_slice(&repaired).unwrap();
        assert_eq!(repaired["error"]["code"], 0);
        assert!(with_error_code(br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}"#).is_none());
        assert!(with_error_code(br#"{"jsonrpc":"2.0","id":1,"result":"0x00"}"#).is_none());
        assert!(with_error_code(b"not json").is_none());
    }
}
