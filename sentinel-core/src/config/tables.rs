//! The tables of a configuration.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{SecretSetting, TextSetting};

/// What `run` does: the same settings as its flags and variables, which both win over these.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RunConfig {
    /// `live`, `backfill`, `fast_backfill` or `apy_backfill`.
    #[schemars(extend("enum" = super::MODES))]
    pub mode: Option<String>,
    /// First block of a backfill.
    pub block_start: Option<u64>,
    /// Last block of a backfill.
    pub block_end: Option<u64>,
    /// The subnets; all of them when none are named.
    pub netuids: Option<Vec<u16>>,
    /// Consider every so many blocks only.
    #[schemars(range(min = 1))]
    pub step: Option<u64>,
    /// How many blocks or epochs are read before a pause.
    #[schemars(range(min = 1))]
    pub batch_size: Option<u64>,
    /// Seconds of that pause.
    #[schemars(range(min = 0, max = 86400))]
    pub batch_delay: Option<f64>,
    /// Seconds between blocks of a backfill; 0: as fast as the node allows.
    #[schemars(range(min = 0, max = 86400))]
    pub rate_limit: Option<f64>,
    /// Where artifacts and the state of the run are kept: the name of a store, or a URL.
    pub store: Option<String>,
    /// Write JSON lines beside Parquet.
    pub store_artifact: Option<bool>,
    /// The datasets to write.
    #[schemars(extend("items" = { "type": "string", "enum": super::OUTPUTS }))]
    pub outputs: Option<Vec<String>>,
    /// Look for findings in the best blocks of the chain at once; live mode only.
    pub best: Option<bool>,
    /// Read again what is there already.
    pub force_refresh: Option<bool>,
    /// File to write the report of the run to.
    pub report: Option<PathBuf>,
}

/// How nodes are talked to.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RpcConfig {
    /// Connections to each endpoint.
    #[schemars(range(min = 1))]
    pub connections: Option<u32>,
    /// Requests under way at each endpoint at most.
    #[schemars(range(min = 1))]
    pub max_in_flight: Option<u32>,
    /// Requests a second to each endpoint at most.
    #[schemars(range(min = 0.001))]
    pub requests_per_second: Option<f64>,
}

/// A store with a name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StoreConfig {
    /// `fsspec-local` or `fsspec-s3`.
    #[schemars(extend("enum" = [crate::storage::LOCAL_BACKEND, crate::storage::S3_BACKEND]))]
    pub backend: String,
    /// The folder; of a bucket: the folder in it that all keys are below.
    pub base_path: Option<String>,
    /// The bucket.
    pub bucket: Option<String>,
    /// Its region.
    pub aws_region: Option<String>,
    /// The name of the key.
    pub aws_access_key_id: Option<TextSetting>,
    /// The secret key.
    pub aws_secret_access_key: Option<SecretSetting>,
    /// Where the store answers, when it is not Amazon's.
    pub endpoint_url: Option<String>,
    /// Speak `http://` to other machines too.
    pub allow_http: Option<bool>,
}

/// What is told about a run while it is under way.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct MetricsConfig {
    /// Address to serve metrics and health at, such as `127.0.0.1:9184`; none are served without it.
    pub listen: Option<String>,
    /// Not ready any more when no block came for so many seconds.
    #[schemars(range(min = 1))]
    pub ready_after: Option<f64>,
}
