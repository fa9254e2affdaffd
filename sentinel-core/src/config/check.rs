//! What cannot be right in a configuration, and where it stands.

use std::fmt;
use std::net::SocketAddr;

use toml::de::{DeTable, DeValue};

use super::{Config, MODES, OUTPUTS, OneOrMore, StoreConfig};
use crate::chain::Network;
use crate::secret::SecretSource;
use crate::storage::{LOCAL_BACKEND, S3_BACKEND};

/// A pause of more than a day is a mistake.
const LONGEST_PAUSE: f64 = 86_400.0;

/// A value that cannot be.
#[derive(Debug)]
pub(super) struct Problem {
    /// The names of tables and key that lead to it.
    pub(super) path: Vec<String>,
    reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path.join("."), self.reason)
    }
}

fn problem<const N: usize>(path: [&str; N], reason: impl Into<String>) -> Option<Problem> {
    Some(Problem { path: path.map(str::to_owned).into(), reason: reason.into() })
}

pub(super) fn first_problem(config: &Config) -> Option<Problem> {
    network("network", config.network.as_ref())
        .or_else(|| network("archive_network", config.archive_network.as_ref()))
        .or_else(|| run(config))
        .or_else(|| numbers(config))
        .or_else(|| config.storage.iter().find_map(|(name, config)| store(name, config)))
        .or_else(|| metrics(config))
}

fn network(key: &str, networks: Option<&OneOrMore>) -> Option<Problem> {
    let networks = networks?.as_slice();
    if networks.is_empty() {
        return problem([key], "names none");
    }
    networks.iter().find_map(|network| match &network.0 {
        SecretSource::Given(name) => {
            name.expose().parse::<Network>().err().and_then(|error| problem([key], format!("is an {error}")))
        }
        _ => None,
    })
}

fn run(config: &Config) -> Option<Problem> {
    let run = &config.run;
    if let Some(mode) = &run.mode
        && !MODES.contains(&mode.as_str())
    {
        return problem(["run", "mode"], format!("is none of {}", MODES.join(", ")));
    }
    if let (Some(first), Some(last)) = (run.block_start, run.block_end)
        && last < first
    {
        return problem(["run", "block_end"], format!("({last}) is before `run.block_start` ({first})"));
    }
    if let Some(unknown) = run.outputs.iter().flatten().find(|output| !OUTPUTS.contains(&output.as_str())) {
        let unknown: String = unknown.chars().take(40).collect();
        return problem(["run", "outputs"], format!("has {unknown:?}, which is none of {}", OUTPUTS.join(", ")));
    }
    if run.outputs.as_ref().is_some_and(Vec::is_empty) {
        return problem(["run", "outputs"], "is empty: leave it out for those that the mode writes anyway");
    }
    let store = run.store.as_deref()?;
    let known = ["local", "s3", "default"].contains(&store) || config.storage.contains_key(store);
    if known || store.contains("://") {
        return None;
    }
    problem(["run", "store"], "is neither a URL nor the name of a store; name it as a table `[storage.NAME]`")
}

fn numbers(config: &Config) -> Option<Problem> {
    let Config { run, rpc, .. } = config;
    let whole = [
        (["run", "step"], run.step),
        (["run", "batch_size"], run.batch_size),
        (["rpc", "connections"], rpc.connections.map(u64::from)),
        (["rpc", "max_in_flight"], rpc.max_in_flight.map(u64::from)),
    ];
    if let Some((path, _)) = whole.into_iter().find(|(_, number)| *number == Some(0)) {
        return problem(path, "is 0, and has to be 1 at least");
    }
    let pauses = [(["run", "batch_delay"], run.batch_delay), (["run", "rate_limit"], run.rate_limit)];
    let bad = |pause: Option<f64>| pause.is_some_and(|pause| !(0.0..=LONGEST_PAUSE).contains(&pause));
    if let Some((path, _)) = pauses.into_iter().find(|(_, pause)| bad(*pause)) {
        return problem(path, "has to be 0 to 86400 seconds");
    }
    match rpc.requests_per_second {
        Some(rate) if !(rate.is_finite() && rate > 0.0) => {
            problem(["rpc", "requests_per_second"], "has to be more than 0")
        }
        _ => None,
    }
}

fn store(name: &str, store: &StoreConfig) -> Option<Problem> {
    let at = |key: &str, reason: &str| problem(["storage", name, key], reason);
    if name.is_empty() || name.contains("://") {
        return problem(["storage", name], "is no name for a store");
    }
    let set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    match store.backend.as_str() {
        LOCAL_BACKEND => {
            let foreign = [
                ("bucket", store.bucket.is_some()),
                ("aws_region", store.aws_region.is_some()),
                ("aws_access_key_id", store.aws_access_key_id.is_some()),
                ("aws_secret_access_key", store.aws_secret_access_key.is_some()),
                ("endpoint_url", store.endpoint_url.is_some()),
                ("allow_http", store.allow_http.is_some()),
            ];
            match foreign.into_iter().find(|(_, set)| *set) {
                Some((key, _)) => at(key, "is of no use to fsspec-local"),
                None if set(&store.base_path) => None,
                None => at("base_path", "is missing, and fsspec-local needs it"),
            }
        }
        S3_BACKEND if !set(&store.bucket) => at("bucket", "is missing, and fsspec-s3 needs it"),
        S3_BACKEND => match (&store.aws_access_key_id, &store.aws_secret_access_key) {
            (Some(_), None) => at("aws_access_key_id", "is set, and aws_secret_access_key is not"),
            (None, Some(_)) => at("aws_secret_access_key", "is set, and aws_access_key_id is not"),
            _ => None,
        },
        _ => at("backend", &format!("is neither {LOCAL_BACKEND} nor {S3_BACKEND}")),
    }
}

fn metrics(config: &Config) -> Option<Problem> {
    let metrics = &config.metrics;
    if metrics.listen.as_ref().is_some_and(|address| address.parse::<SocketAddr>().is_err()) {
        return problem(["metrics", "listen"], "is no address and port, such as 127.0.0.1:9184");
    }
    match metrics.ready_after {
        Some(seconds) if !(seconds.is_finite() && seconds >= 1.0) => {
            problem(["metrics", "ready_after"], "has to be 1 second at least")
        }
        _ => None,
    }
}

/// The line of a place in the text, counted from 1.
pub(super) fn line_at(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}

/// The line of a key, or of the innermost table on the way to it that is there.
pub(super) fn line_of(text: &str, path: &[String]) -> Option<usize> {
    let parsed = DeTable::parse(text).ok()?;
    let mut table = parsed.get_ref();
    let mut line = None;
    for name in path {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else { break };
        line = Some(line_at(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError};
    use crate::storage::{StoreSpec, Stores};

    fn refused(text: &str) -> ConfigError {
        Config::parse(text).unwrap_err()
    }

    #[test]
    fn each_mistake_is_named_with_its_line() {
        for (text, line, words) in [
            ("nework = \"finney\"", 1, "unknown field `nework`, expected one of `network`"),
            ("[run]\nmode = \"live\"\n\nstpe = 1", 4, "unknown field `stpe`"),
            ("[runs]\nmode = \"live\"", 1, "unknown field `runs`"),
            ("[storage.a]\nbackend = \"fsspec-local\"\nbase_path = \"x\"\nbukket = \"b\"", 4, "unknown field `bukket`"),
            ("[run]\nmode = \"fast\"", 2, "`run.mode` is none of live, backfill"),
            (
                "[run]\nblock_start = 10\n# end\nblock_end = 5",
                4,
                "`run.block_end` (5) is before `run.block_start` (10)",
            ),
            ("[run]\nblock_start = -1", 2, "invalid value: integer `-1`"),
            ("[run]\nblock_start = \"ten\"", 2, "expected u64"),
            ("run = { netuids = [1, 70000] }", 1, "expected u16"),
            ("[run]\nstep = 0", 2, "`run.step` is 0"),
            ("[run]\n\nrate_limit = -1.0", 3, "`run.rate_limit` has to be 0 to 86400"),
            ("[run]\nbatch_delay = nan", 2, "`run.batch_delay`"),
            ("[run]\noutputs = [\"blocks\", \"bloks\"]", 2, "\"bloks\""),
            (
                "[run]\nstore = \"archiv\"\n[storage.archive]\nbackend = \"fsspec-local\"\nbase_path = \"x\"",
                2,
                "`run.store`",
            ),
            ("[rpc]\nconnections = 0", 2, "`rpc.connections`"),
            ("\n[storage.a]\nbackend = \"fsspec-s3\"", 2, "`storage.a.bucket` is missing"),
            ("[storage.a]\nbackend = \"local\"", 2, "`storage.a.backend` is neither"),
            ("[storage.a]\nbase_path = \"x\"", 1, "missing field `backend`"),
            (
                "[storage.a]\nbackend = \"fsspec-local\"\nbase_path = \"x\"\nbucket = \"b\"",
                4,
                "`storage.a.bucket` is of no use",
            ),
            ("network = []", 1, "`network` names none"),
            ("network = \"fin\"", 1, "unknown network `fin`"),
            ("[metrics]\nlisten = \"9184\"", 2, "`metrics.listen`"),
            ("[metrics\nlisten = 1", 1, ""),
            ("a = 1\na = 2", 2, "duplicate key"),
        ] {
            let error = refused(text);
            assert_eq!(error.line, Some(line), "{text:?}: {error}");
            assert!(error.to_string().contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn secrets_are_neither_taken_nor_repeated() {
        for secret in ["\"hush\"", "{ env = \"A\", file = \"hush\" }", "{ text = \"hush\" }", "[\"hush\"]"] {
            let store = "[storage.a]\nbackend = \"fsspec-s3\"\nbucket = \"b\"\naws_access_key_id = \"id\"\n";
            let error = refused(&format!("{store}aws_secret_access_key = {secret}"));
            assert_eq!(error.line, Some(5), "{error}");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        }
        let error = refused("network = \"wss:/user:hush@host\"");
        assert!(!error.to_string().contains("hush"), "{error}");
        let config = Config::parse("network = \"wss://user:hush@host\"").unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        assert_eq!(config.networks().unwrap(), ["wss://user:hush@host"]);
    }

    #[test]
    fn stores_and_networks_are_what_the_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "wss://from-file\n").unwrap();
        let config = Config::parse(&format!(
            "network = [\"finney\", {{ file = {file:?} }}]\narchive_network = \"archive\"\n\
             [storage.default]\nbackend = \"fsspec-local\"\nbase_path = {:?}\n",
            folder.path().join("store"),
        ))
        .unwrap();
        assert_eq!(config.networks().unwrap(), ["finney", "wss://from-file"]);
        assert_eq!(config.archive_networks().unwrap(), ["archive"]);
        let stores = config.stores();
        assert!(!folder.path().join("store").exists(), "stores are opened when they are used");
        stores.open(Stores::DEFAULT).unwrap();
        assert!(folder.path().join("store").is_dir());
        let spec = config.storage["default"].spec();
        assert!(matches!(spec, StoreSpec::Local { .. }));
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    /// A configuration can be checked without the engine, which has the last word.
    #[cfg(feature = "engine")]
    #[test]
    fn modes_and_outputs_are_those_of_the_engine() {
        use std::collections::BTreeSet;

        use crate::engine::{Mode, Outputs};

        assert_eq!(super::super::MODES, Mode::ALL.map(Mode::name));
        let made = Mode::ALL.map(Outputs::of);
        let made: BTreeSet<&str> = made.iter().flat_map(Outputs::iter).map(|dataset| dataset.name()).collect();
        assert_eq!(super::super::OUTPUTS.into_iter().collect::<BTreeSet<_>>(), made);
    }

    #[test]
    fn the_schema_knows_every_key_and_no_other() {
        let schema = Config::schema();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["$defs"]["RunConfig"]["properties"]["mode"]["enum"][1], "backfill");
        assert_eq!(schema["$defs"]["RunConfig"]["properties"]["outputs"]["items"]["enum"][0], "blocks");
        assert!(schema["$defs"]["StoreConfig"]["properties"]["aws_secret_access_key"].is_object());
    }
}
