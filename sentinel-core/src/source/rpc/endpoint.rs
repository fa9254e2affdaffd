//! The address of a node: how to reach it, and how to name it without giving its secrets away.

use url::{Host, Url};

use crate::source::SourceError;

/// A parsed endpoint URL.
///
/// Paths, queries and user names of endpoints carry API keys, so only `host:port` is ever shown.
pub(super) struct Endpoint {
    url: Url,
    host: Host<String>,
    port: u16,
    transport: Transport,
    shown: String,
}

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// `ws://`, or `wss://` where `tls` is set.
    WebSocket { tls: bool },
    /// `http://` or `https://`.
    Http,
}

impl Endpoint {
    pub(super) fn parse(text: &str) -> Result<Self, SourceError> {
        let invalid = |why: &str| {
            // The text itself stays out of the message: it may hold a key.
            SourceError::fatal(format!(
                "the endpoint is not a URL of a node ({why}): use ws://, wss://, http:// or https://, host and port"
            ))
        };
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        let transport = match url.scheme() {
            "ws" => Transport::WebSocket { tls: false },
            "wss" => Transport::WebSocket { tls: true },
            "http" | "https" => Transport::Http,
            _ => return Err(invalid("unknown scheme")),
        };
        let host = url.host().ok_or_else(|| invalid("no host"))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| invalid("no port"))?;
        let shown = format!("{host}:{port}");
        Ok(Self { url, host, port, transport, shown })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn host(&self) -> &Host<String> {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    pub(super) fn is_http(&self) -> bool {
        self.transport == Transport::Http
    }

    /// Whether it is on this machine or in a network of one's own, by its address.
    pub(super) fn is_own(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback() || ip.is_private(),
            Host::Ipv6(ip) => ip.is_loopback() || ip.is_unique_local(),
        }
    }

    /// `host:port`, the only form that may appear in messages and logs.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_the_url_are_never_shown() {
        for url in ["wss://user:secret@node.example/secret?key=secret", "https://node.example/v1/secret#secret"] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.shown(), "node.example:443");
            assert!(!format!("{endpoint:?}").contains("secret"));
        }
        assert_eq!(Endpoint::parse("ws://[::1]:9944").unwrap().shown(), "[::1]:9944");
    }

    #[test]
    fn ones_own_nodes_are_known_by_their_address() {
        let is_own = |url| Endpoint::parse(url).unwrap().is_own();
        for own in ["ws://localhost:9944", "ws://127.0.0.1:9944", "http://[::1]:9944", "ws://10.1.2.3:9944"] {
            assert!(is_own(own), "{own}");
        }
        for other in ["wss://localhost.example", "wss://8.8.8.8", "wss://[2001:db8::1]", "wss://node.example"] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_without_repeating_it() {
        for url in ["secret", "ftp://secret", "ws://", "ws://host:secret"] {
            let message = Endpoint::parse(url).unwrap_err().to_string();
            assert!(message.contains("wss://") && !message.contains("secret"), "{message}");
        }
    }
}
