//! Connecting to the in-process node with a test's patience.

use std::time::Duration;

use sentinel_core::source::{RetryBudget, RpcOptions, RpcSource, SourceError};

use crate::node::Node;

/// How a test talks to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// With subscriptions.
    WebSocket,
    /// Without.
    Http,
}

/// Both transports, for tests that must hold on either.
pub const BOTH: [Transport; 2] = [Transport::WebSocket, Transport::Http];

/// Options that wait for little.
pub fn quick() -> RpcOptions {
    RpcOptions {
        connect_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_secs(2),
        poll_interval: Duration::from_millis(10),
        retry_budget: RetryBudget { retries: 3, within: Duration::from_secs(2) },
        ..RpcOptions::default()
    }
}

/// A source over WebSocket.
///
/// # Errors
/// Those of [`RpcSource::connect`].
pub async fn connect(node: &Node) -> Result<RpcSource, SourceError> {
    connect_by(node, Transport::WebSocket).await
}

/// A source over one of the transports.
///
/// # Errors
/// Those of [`RpcSource::connect`].
pub async fn connect_by(node: &Node, transport: Transport) -> Result<RpcSource, SourceError> {
    let url = match transport {
        Transport::WebSocket => node.ws_url(),
        Transport::Http => node.http_url(),
    };
    RpcSource::connect(&url, quick()).await
}
