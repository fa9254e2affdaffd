//! Names of networks and the public endpoints behind them.

use std::fmt;
use std::str::FromStr;

/// A network by name, or a node by URL.
///
/// ```
/// # use sentinel_core::chain::Network;
/// let finney: Network = "finney".parse()?;
/// assert_eq!(finney.endpoint(), Some("wss://entrypoint-finney.opentensor.ai:443"));
/// let mine: Network = "ws://127.0.0.1:9944".parse()?;
/// assert_eq!(mine.endpoint(), Some("ws://127.0.0.1:9944"));
/// # Ok::<(), sentinel_core::chain::NetworkError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Network {
    /// The main network, through its public entry point (which keeps the state of recent blocks only).
    Finney,
    /// The public test network.
    Test,
    /// A node on this machine.
    Local,
    /// The main network, through the public archive (which keeps the state of every block).
    Archive,
    /// The recording of real blocks that `sentinel-cli` carries inside.
    Sample,
    /// A simulation: nothing of it is real.
    Sim,
    /// A recording in a directory.
    Recording(String),
    /// A node given by its URL.
    Url(String),
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown network `{0}`: use finney, test, local, archive, sample, sim, a ws://, wss://, http:// or https:// URL, or file://DIR for a recording"
)]
pub struct NetworkError(pub String);

impl Network {
    /// The URL to connect to; `None` for a network that needs no node.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Finney => Some("wss://entrypoint-finney.opentensor.ai:443"),
            Self::Test => Some("wss://test.finney.opentensor.ai:443"),
            Self::Local => Some("ws://127.0.0.1:9944"),
            Self::Archive => Some("wss://archive.chain.opentensor.ai:443"),
            Self::Sample | Self::Sim | Self::Recording(_) => None,
            Self::Url(url) => Some(url),
        }
    }
}

impl Network {
    /// Whether what is read there was made up.
    pub fn is_simulated(&self) -> bool {
        matches!(self, Self::Sim)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        match text {
            "finney" => Ok(Self::Finney),
            "test" => Ok(Self::Test),
            "local" => Ok(Self::Local),
            "archive" => Ok(Self::Archive),
            "sample" => Ok(Self::Sample),
            "sim" => Ok(Self::Sim),
            url => {
                if let Some(folder) = url.strip_prefix("file://").filter(|folder| !folder.is_empty()) {
                    return Ok(Self::Recording(folder.to_owned()));
                }
                let host =
                    ["ws://", "wss://", "http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
                match host {
                    Some(host) if !host.is_empty() => Ok(Self::Url(url.to_owned())),
                    // A mistyped URL may hold credentials; its beginning is enough to know it by.
                    _ => Err(NetworkError(text.split([':', '@']).next().unwrap_or_default().to_owned())),
                }
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recording(folder) => return write!(f, "file://{folder}"),
            Self::Finney => "finney",
            Self::Test => "test",
            Self::Local => "local",
            Self::Archive => "archive",
            Self::Sample => "sample",
            Self::Sim => "sim",
            Self::Url(url) => return f.write_str(&without_secrets(url)),
        })
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Scheme and host of a URL: user, password, path and query may be credentials.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        for (url, shown) in [
            ("wss://user:secret@node.example:443/secret?key=secret", "wss://node.example:443"),
            ("ws://127.0.0.1:9944/secret", "ws://127.0.0.1:9944"),
            ("https://node.example#secret", "https://node.example"),
        ] {
            let network: Network = url.parse().unwrap();
            assert_eq!((network.to_string(), format!("{network:?}")), (shown.to_owned(), shown.to_owned()));
            assert_eq!(network.endpoint(), Some(url));
        }
        let error = "wss:/user:secret@host".parse::<Network>().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
