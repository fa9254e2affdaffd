//! The HTTP client of an S3 store, which makes every answer that is not a success an error that can be told apart.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::redirect;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;
use serde::Deserialize;

/// What the body of an answer that is an error may have at most; the rest is not read.
const BODY_LIMIT: usize = 16 * 1024;

/// A store answered, and the answer is no.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The word that S3 has for it, such as `NoSuchBucket`; empty where the answer has no body, as to a HEAD.
    pub(super) code: String,
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
}

/// The client, for the store and for requests that `object_store` does not know.
///
/// # Errors
/// The certificates of this machine cannot be read.
pub(super) fn client(
    timeout: Duration,
    proxied: bool,
) -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    // The provider is named, since asking for the process-wide one panics where two are compiled in.
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()
        .with_no_client_auth();
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("sentinel/", env!("CARGO_PKG_VERSION")))
        // A redirect would send signed requests, and their content, where nobody asked them to go.
        .redirect(redirect::Policy::none())
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        // From request to answer, and between two pieces of an answer: big objects may take long, silence may not.
        .read_timeout(timeout);
    let builder = if proxied { builder } else { builder.no_proxy() };
    Ok(builder.build()?)
}

/// Hands `object_store` our client.
#[derive(Debug, Clone)]
pub(super) struct Connector(pub(super) reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = HttpService::call(&self.0, request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let refusal = Refusal::read(response).await?;
        // The kind decides whether a part of a large object is sent again.
        let kind = if refusal.is_passing() { HttpErrorKind::Request } else { HttpErrorKind::Unknown };
        Err(HttpError::new(kind, refusal))
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP status {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, ", {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl Refusal {
    async fn read(response: HttpResponse) -> Result<Self, HttpError> {
        use futures::TryStreamExt;

        let (parts, body) = response.into_parts();
        let retry_after = parts.headers.get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let mut text = Vec::new();
        let mut pieces = body.bytes_stream();
        // The status is the answer; a body that breaks off takes nothing from it.
        while let Ok(Some(piece)) = pieces.try_next().await {
            text.extend_from_slice(&piece);
            if text.len() > BODY_LIMIT {
                break;
            }
        }
        let said: Said = quick_xml::de::from_str(&String::from_utf8_lossy(&text)).unwrap_or_default();
        let message = said.message.chars().take(300).collect();
        Ok(Self { status: parts.status.as_u16(), code: said.code.chars().take(100).collect(), message, retry_after })
    }

    /// Whether the same request may work later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..=599) && !matches!(self.status, 501 | 505 | 507)
            || matches!(self.code.as_str(), "RequestTimeout" | "SlowDown" | "OperationAborted" | "InternalError")
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Said {
    code: String,
    message: String,
}
