//! One file for everything that can be set: TOML, checked before anything is connected to.
//!
//! ```
//! use sentinel_core::config::Config;
//!
//! let config = Config::parse(r#"
//!     network = ["finney", { env = "MY_NODE_URL" }]
//!
//!     [run]
//!     mode = "backfill"
//!     block_start = 1000
//!     block_end = 2000
//!     store = "archive"
//!
//!     [storage.archive]
//!     backend = "fsspec-s3"
//!     bucket = "artifacts"
//!     aws_access_key_id = "AKIDEXAMPLE"
//!     aws_secret_access_key = { file = "/run/secrets/s3" }
//! "#)?;
//! assert_eq!(config.run.block_end, Some(2000));
//!
//! let error = Config::parse("[run]\nmode = \"live\"\nstpe = 2").unwrap_err();
//! assert_eq!(error.line, Some(3));
//! # Ok::<(), sentinel_core::config::ConfigError>(())
//! ```

mod check;
mod tables;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

pub use tables::{MetricsConfig, RpcConfig, RunConfig, StoreConfig};
pub use text::{OneOrMore, SecretSetting, TextSetting};

use crate::secret::SecretError;
use crate::storage::{S3_BACKEND, S3Spec, StoreSpec, Stores};

/// The modes of a run.
pub const MODES: [&str; 4] = ["live", "backfill", "fast_backfill", "apy_backfill"];
/// The datasets that a run may write.
pub const OUTPUTS: [&str; 9] =
    ["blocks", "extrinsics", "events", "findings", "hyperparameters", "neurons", "weights", "epochs", "apy"];

/// Everything that can be set. What is absent has its default elsewhere, or comes from a flag or the environment.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// Network to read, or several that are tried in order: a name, or a URL.
    pub network: Option<OneOrMore>,
    /// Network that backfills read.
    pub archive_network: Option<OneOrMore>,
    /// What `run` does.
    pub run: RunConfig,
    /// How nodes are talked to.
    pub rpc: RpcConfig,
    /// Stores by name. `default` is the one that is meant when none is named.
    pub storage: BTreeMap<String, StoreConfig>,
    /// What is told about a run while it is under way.
    pub metrics: MetricsConfig,
}

/// A configuration that cannot be used. It says in which line what is wrong, and never repeats a secret.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConfigError {
    /// The file, where it is one.
    pub path: Option<PathBuf>,
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ConfigError {
    fn new(line: Option<usize>, reason: impl Into<String>) -> Self {
        Self { path: None, line, reason: reason.into(), source: None }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}", path.display())?,
            None => f.write_str("configuration")?,
        }
        match self.line {
            Some(line) => write!(f, ", line {line}: {}", self.reason),
            None => write!(f, ": {}", self.reason),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// It cannot be read, or as [`parse`](Self::parse).
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let in_file = |error: ConfigError| ConfigError { path: Some(path.to_owned()), ..error };
        let text = std::fs::read_to_string(path).map_err(|error| {
            in_file(ConfigError { source: Some(Box::new(error)), ..ConfigError::new(None, "cannot be read") })
        })?;
        Self::parse(&text).map_err(in_file)
    }

    /// Reads and checks a text. Nothing is connected to, and no secret is read.
    ///
    /// # Errors
    /// It is not TOML, has a key that there is none of, or a value that cannot be; the first of these that is found.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| check::line_at(text, span.start));
            // Its Display shows the line itself, in which a secret may be.
            ConfigError::new(line, error.message())
        })?;
        match check::first_problem(&config) {
            None => Ok(config),
            Some(problem) => Err(ConfigError::new(check::line_of(text, &problem.path), problem.to_string())),
        }
    }

    /// The JSON schema of the file, for editors.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// The networks to read, in order; empty where none is set.
    ///
    /// # Errors
    /// One is in a variable or a file, and not there.
    pub fn networks(&self) -> Result<Vec<String>, SecretError> {
        texts(self.network.as_ref())
    }

    /// The networks that backfills read, in order; empty where none is set.
    ///
    /// # Errors
    /// One is in a variable or a file, and not there.
    pub fn archive_networks(&self) -> Result<Vec<String>, SecretError> {
        texts(self.archive_network.as_ref())
    }

    /// The stores that the configuration names, beside those that are always there. None is opened yet.
    pub fn stores(&self) -> Stores {
        Stores::new(self.storage.iter().map(|(name, store)| (name.clone(), store.spec())))
    }
}

fn texts(settings: Option<&OneOrMore>) -> Result<Vec<String>, SecretError> {
    let settings = settings.map(OneOrMore::as_slice).unwrap_or_default();
    settings.iter().map(|setting| setting.read().map(|text| text.expose().to_owned())).collect()
}

impl StoreConfig {
    fn spec(&self) -> StoreSpec {
        if self.backend != S3_BACKEND {
            return StoreSpec::Local { base_path: self.base_path.clone().unwrap_or_default() };
        }
        StoreSpec::S3(S3Spec {
            bucket: self.bucket.clone().unwrap_or_default(),
            base_path: self.base_path.clone(),
            aws_region: self.aws_region.clone(),
            aws_access_key_id: self.aws_access_key_id.clone().map(|setting| setting.0),
            aws_secret_access_key: self.aws_secret_access_key.clone().map(|setting| setting.0),
            endpoint_url: self.endpoint_url.clone(),
            allow_http: self.allow_http.unwrap_or_default(),
        })
    }
}
