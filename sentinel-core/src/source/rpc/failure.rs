//! Why there is no answer although the node sent no error.

use std::time::Duration;

use jsonrpsee::client_transport::ws::WsHandshakeError;
use jsonrpsee::core::client::Error as ClientError;
use subxt_rpcs::{Error as RpcError, UserError};

use super::wire::Malformed;
use crate::chain::BlockHash;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("no connection within {} s (is the address right?)", .0.as_secs_f64())]
    ConnectTimeout(Duration),
    #[error("no answer to {method} within {} s", within.as_secs_f64())]
    RequestTimeout { method: String, within: Duration },
    #[error("the connection answered nothing for {} s and was dropped", .0.as_secs_f64())]
    Hung(Duration),
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
    #[error("the hash of its genesis is not to be had")]
    Greeting(#[source] Malformed),
    #[error("it gives no hash of its genesis")]
    NoGenesis,
    #[error("it serves another chain: genesis {now}, expected {expected}")]
    OtherChain { expected: BlockHash, now: BlockHash },
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
            Self::Greeting(cause) => (message, Some(Box::new(cause))),
            // Says it all itself, but keeps what caused it.
            Self::Client(cause) => ("the request failed".to_owned(), Some(Box::new(cause))),
            Self::ConnectTimeout(_)
            | Self::RequestTimeout { .. }
            | Self::Hung(_)
            | Self::ServerName(_)
            | Self::NoGenesis
            | Self::OtherChain { .. } => (message, None),
        }
    }
}

/// An error object that the node sent becomes `User`; all else keeps its type inside `Client`.
pub(super) fn into_rpc(error: ConnectionError) -> RpcError {
    match error {
        ConnectionError::Client(ClientError::Call(object)) => RpcError::User(UserError {
            code: object.code(),
            message: object.message().to_owned(),
            data: object.data().map(ToOwned::to_owned),
        }),
        other => RpcError::Client(Box::new(other)),
    }
}
