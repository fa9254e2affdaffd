//! What a run is asked for: flags, or else variables of the environment, or else what the mode has.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sentinel_core::artifact::NetworkWord;
use sentinel_core::chain::{NetUid, Network};
use sentinel_core::config::RpcConfig;
use sentinel_core::engine::{Mode, Outputs};
use sentinel_core::source::RpcOptions;
use sentinel_core::storage::Storage;

use crate::args::Common;
use crate::exit::CliError;

const DEFAULT_STORE: &str = "file://./sentinel-data";

/// Uploads that are older than this are nobody's any more.
const LEFTOVERS: Duration = Duration::from_secs(24 * 3_600);

/// `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the run is for: live, backfill, fast_backfill or apy_backfill [env: SENTINEL_MODE] [default: live]
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    /// First block of a backfill; of a live run, where it begins that has no cursor yet [env: BLOCK_START]
    #[arg(long, value_name = "BLOCK")]
    block_start: Option<String>,
    /// Last block of a backfill [env: BLOCK_END]
    #[arg(long, value_name = "BLOCK")]
    block_end: Option<String>,
    /// Network that a backfill reads: a name or a URL; several with commas [env: BITTENSOR_ARCHIVE_NETWORK]
    #[arg(long, value_name = "NETWORK")]
    archive_network: Option<String>,
    /// Considers every so many blocks of the range only [env: BACKFILL_STEP] [default: 1]
    #[arg(long, value_name = "BLOCKS")]
    step: Option<String>,
    /// Epochs read between two pauses [env: BACKFILL_BATCH_SIZE] [default: 10; in apy_backfill 50]
    #[arg(long, value_name = "EPOCHS")]
    batch_size: Option<String>,
    /// Seconds of such a pause [env: BACKFILL_BATCH_DELAY] [default: 1; in apy_backfill 0.5]
    #[arg(long, value_name = "SECONDS")]
    batch_delay: Option<String>,
    /// Seconds between the blocks of a backfill; 0: as fast as the node allows [env: BACKFILL_RATE_LIMIT] [default: 1]
    #[arg(long, value_name = "SECONDS")]
    rate_limit: Option<String>,
    /// Store for what is read and for the state of the run; made if missing [env: SENTINEL_STORE] [default: file://./sentinel-data]
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Also writes each dataset as JSON lines [env: STORE_ARTIFACT] [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    store_artifact: Option<String>,
    /// Datasets to write, with commas: blocks, extrinsics, events, findings, hyperparameters, neurons, weights, epochs, apy
    /// [env: SENTINEL_OUTPUTS] [default: all that the mode makes]
    #[arg(long, value_name = "LIST")]
    outputs: Option<String>,
    /// File that findings are appended to as JSON lines; - for stdout
    #[arg(long, value_name = "FILE")]
    findings: Option<PathBuf>,
    /// Looks for findings in the best blocks of the chain at once, and takes back those of blocks that do not become final; what
    /// is stored is final all the same. Live mode only [env: SENTINEL_BEST] [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    best: Option<String>,
    /// The word for the network in the names of files, instead of the network's own or one made of its genesis hash
    #[arg(long, value_name = "WORD")]
    name: Option<String>,
    /// Blocks read at once [default: 256]
    #[arg(long, value_name = "BLOCKS")]
    pub(super) in_flight: Option<NonZeroUsize>,
    /// Reads again what is there already
    #[arg(long)]
    force_refresh: bool,
    /// Says what the run would do, and does nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Ends a backfill to which nothing came for so many seconds [env: SENTINEL_GIVE_UP] [default: 600]
    #[arg(long, value_name = "SECONDS")]
    give_up: Option<String>,
    /// Serves /metrics (Prometheus), /alive and /ready there; a port alone is one of this machine alone [env: SENTINEL_METRICS]
    #[arg(long, num_args = 0..=1, default_missing_value = super::monitor::DEFAULT, value_name = "ADDRESS")]
    metrics: Option<String>,
    /// /ready fails when nothing came for so many seconds [env: SENTINEL_READY_WITHIN] [default: 120]
    #[arg(long, value_name = "SECONDS")]
    ready_within: Option<String>,
    /// File for the report, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Everything that a run needs, checked.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) mode: Mode,
    pub(super) networks: Vec<String>,
    pub(super) range: Option<RangeInclusive<u64>>,
    pub(super) start: Option<u64>,
    pub(super) netuids: Option<BTreeSet<NetUid>>,
    pub(super) step: u64,
    pub(super) batch_size: Option<usize>,
    pub(super) batch_delay: Duration,
    pub(super) rate_limit: Duration,
    pub(super) store: String,
    pub(super) jsonl: bool,
    pub(super) outputs: Outputs,
    pub(super) findings: Option<PathBuf>,
    pub(super) name: Option<NetworkWord>,
    pub(super) give_up: Duration,
    pub(super) metrics: Option<SocketAddr>,
    pub(super) ready_within: Duration,
    /// An archive for blocks that a live source no longer keeps.
    pub(super) archive: Vec<String>,
    pub(super) force_refresh: bool,
    pub(super) best: bool,
    pub(super) report: Option<PathBuf>,
    rpc: RpcConfig,
}

/// One setting: its flag, and its variable.
struct Setting {
    flag: &'static str,
    variable: &'static str,
    given: Option<String>,
    /// What the configuration file says.
    written: Option<String>,
}

impl Setting {
    /// What was given, and by what. A variable that is empty is one that is not set.
    fn text(&self) -> Option<(String, &'static str)> {
        if let Some(given) = &self.given {
            return Some((given.clone(), self.flag));
        }
        let value = std::env::var(self.variable).unwrap_or_default();
        if !value.trim().is_empty() {
            return Some((value.trim().to_owned(), self.variable));
        }
        self.written.clone().map(|written| (written, "the configuration"))
    }

    fn parsed<T: FromStr>(&self, expected: &str) -> Result<Option<T>, CliError> {
        let Some((text, by)) = self.text() else { return Ok(None) };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(CliError::Usage(format!("{by} is `{text}`: expected {expected}"))),
        }
    }

    /// As [`parsed`](Self::parsed), where the error of the type says all.
    fn named<T: FromStr<Err: Display>>(&self) -> Result<Option<T>, CliError> {
        let Some((text, by)) = self.text() else { return Ok(None) };
        text.parse().map(Some).map_err(|error| CliError::Usage(format!("{by}: {error}")))
    }

    fn seconds(&self, default: f64) -> Result<Duration, CliError> {
        let Some((text, by)) = self.text() else { return Ok(Duration::from_secs_f64(default)) };
        let seconds: Option<f64> = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
        let wrong = || CliError::Usage(format!("{by} is `{text}`: expected seconds, from 0 to 86400"));
        seconds.map(Duration::from_secs_f64).ok_or_else(wrong)
    }

    /// What switches it on, where something does.
    fn flag(&self) -> Result<Option<&'static str>, CliError> {
        let Some((text, by)) = self.text() else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Ok(Some(by)),
            "0" | "false" | "no" | "off" => Ok(None),
            _ => Err(CliError::Usage(format!("{by} is `{text}`: expected true or false"))),
        }
    }
}

impl Settings {
    /// Reads flags and variables, and refuses what cannot be done.
    pub(super) fn resolve(common: &Common, args: &Args) -> Result<Self, CliError> {
        let config = crate::commands::config::read(common)?;
        let file = config.run.clone();
        let of = |flag, variable, given: &Option<String>, written: Option<String>| Setting {
            flag,
            variable,
            given: given.clone(),
            written,
        };
        let text = |number: Option<u64>| number.map(|number| number.to_string());
        let seconds = |number: Option<f64>| number.map(|number| number.to_string());
        let mode: Mode = of("--mode", "SENTINEL_MODE", &args.mode, file.mode.clone()).named()?.unwrap_or_default();
        let best = of("--best", "SENTINEL_BEST", &args.best, file.best.map(|best| best.to_string()));
        let best = match best.flag()? {
            Some(by) if mode != Mode::Live => {
                return Err(CliError::Usage(format!(
                    "{by} asks for best blocks, and {mode} reads what is final: --best is for live mode"
                )));
            }
            by => by.is_some(),
        };
        let start: Option<u64> =
            of("--block-start", "BLOCK_START", &args.block_start, text(file.block_start)).parsed("a block number")?;
        let end: Option<u64> =
            of("--block-end", "BLOCK_END", &args.block_end, text(file.block_end)).parsed("a block number")?;
        let archive = of(
            "--archive-network",
            "BITTENSOR_ARCHIVE_NETWORK",
            &args.archive_network,
            joined(&config.archive_networks().map_err(secret)?),
        )
        .text();
        let of_archive: Vec<String> = archive.iter().flat_map(|(archive, _)| list(archive)).collect();
        let (range, networks) = if mode == Mode::Live {
            if args.block_end.is_some() {
                return Err(CliError::Usage("--block-end does not apply to live mode: it has no end".to_owned()));
            }
            (None, live_networks(common, &config.networks().map_err(secret)?))
        } else {
            let missing = |flag: &str, variable: &str| {
                CliError::Usage(format!("{mode} needs {flag} (or the variable {variable})"))
            };
            let start = start.ok_or_else(|| missing("--block-start", "BLOCK_START"))?;
            let end = end.ok_or_else(|| missing("--block-end", "BLOCK_END"))?;
            if of_archive.is_empty() {
                return Err(missing("--archive-network", "BITTENSOR_ARCHIVE_NETWORK"));
            }
            if end < start {
                let message = format!("the range ends at block {end} before it starts at {start}");
                return Err(CliError::Usage(message));
            }
            (Some(start..=end), of_archive.clone())
        };
        for network in networks.iter().chain(&of_archive) {
            network.parse::<Network>()?;
        }
        let pause = if mode == Mode::ApyBackfill { 0.5 } else { 1.0 };
        let outputs =
            of("--outputs", "SENTINEL_OUTPUTS", &args.outputs, file.outputs.as_ref().map(|outputs| outputs.join(",")))
                .named()?;
        let outputs = outputs.unwrap_or_else(|| Outputs::of(mode));
        if let Some(dataset) = outputs.not_made_by(mode).first() {
            let made = Outputs::of(mode);
            return Err(CliError::Usage(format!("{mode} does not make `{dataset}`: it makes {made}")));
        }
        let size = of("--batch-size", "BACKFILL_BATCH_SIZE", &args.batch_size, text(file.batch_size));
        let size: Option<NonZeroUsize> = size.parsed("a number of epochs, at least 1")?;
        let size = size.filter(|_| !mode.reads_blocks()).map(NonZeroUsize::get);
        let step = of("--step", "BACKFILL_STEP", &args.step, text(file.step));
        let step: Option<std::num::NonZeroU64> = step.parsed("a number of blocks, at least 1")?;
        let rate_limit =
            of("--rate-limit", "BACKFILL_RATE_LIMIT", &args.rate_limit, seconds(file.rate_limit)).seconds(1.0)?;
        Ok(Self {
            mode,
            networks,
            range,
            start,
            netuids: netuids(common, file.netuids.as_deref())?,
            step: step.map_or(1, std::num::NonZeroU64::get),
            batch_size: size,
            batch_delay: of("--batch-delay", "BACKFILL_BATCH_DELAY", &args.batch_delay, seconds(file.batch_delay))
                .seconds(pause)?,
            rate_limit: if mode == Mode::Backfill { rate_limit } else { Duration::ZERO },
            store: of("--store", "SENTINEL_STORE", &args.store, file.store.clone())
                .text()
                .map_or(DEFAULT_STORE.to_owned(), |(url, _)| url),
            jsonl: of(
                "--store-artifact",
                "STORE_ARTIFACT",
                &args.store_artifact,
                file.store_artifact.map(|store| store.to_string()),
            )
            .flag()?
            .is_some(),
            outputs,
            findings: args.findings.clone(),
            name: args.name.as_deref().map(str::parse).transpose()?,
            give_up: of("--give-up", "SENTINEL_GIVE_UP", &args.give_up, None).seconds(600.0)?,
            metrics: of("--metrics", "SENTINEL_METRICS", &args.metrics, config.metrics.listen.clone())
                .text()
                .map(|(text, _)| super::monitor::address(&text))
                .transpose()?,
            ready_within: of(
                "--ready-within",
                "SENTINEL_READY_WITHIN",
                &args.ready_within,
                seconds(config.metrics.ready_after),
            )
            .seconds(120.0)?,
            archive: if mode == Mode::Live { of_archive } else { Vec::new() },
            best,
            force_refresh: args.force_refresh || file.force_refresh.unwrap_or_default(),
            report: args.report.clone().or(file.report),
            rpc: config.rpc,
        })
    }

    /// The store, by its name in the configuration or by its URL; what earlier runs left unfinished there is swept.
    pub(super) async fn open_store(&self, common: &Common) -> Result<Arc<dyn Storage>, CliError> {
        let store = crate::commands::config::stores(common)?.open(&self.store)?;
        match store.sweep(LEFTOVERS).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "unfinished uploads were removed"),
            Err(error) => tracing::warn!(%error, "unfinished uploads cannot be looked for"),
        }
        Ok(Arc::new(store))
    }

    /// How nodes are asked.
    pub(super) fn rpc(&self) -> RpcOptions {
        let mut options = RpcOptions::default();
        if let Some(connections) = self.rpc.connections {
            options.connections = connections as usize;
        }
        if let Some(most) = self.rpc.max_in_flight {
            options.max_in_flight = most as usize;
        }
        if self.rpc.requests_per_second.is_some() {
            options.requests_per_second = self.rpc.requests_per_second;
        }
        if self.mode == Mode::FastBackfill {
            options.connections = 1;
        }
        options
    }
}

fn secret(error: sentinel_core::secret::SecretError) -> CliError {
    CliError::Usage(format!("the configuration: {error}"))
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn joined(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(","))
}

/// The networks of a live run: of the flag or its variable, or else of the configuration.
fn live_networks(common: &Common, written: &[String]) -> Vec<String> {
    if common.has_networks() || written.is_empty() {
        return common.networks().into_iter().map(str::to_owned).collect();
    }
    written.to_vec()
}

/// The subnets: of the flag, or a list in the variable.
fn netuids(common: &Common, written: Option<&[u16]>) -> Result<Option<BTreeSet<NetUid>>, CliError> {
    if let Some(netuid) = common.netuid {
        return Ok(Some([netuid].into()));
    }
    let written = written.map(|netuids| netuids.iter().map(u16::to_string).collect::<Vec<_>>().join(","));
    let setting = Setting { flag: "--netuid", variable: "NETUID", given: None, written };
    let Some((text, _)) = setting.text() else {
        return Ok(None);
    };
    let parsed: Result<BTreeSet<NetUid>, _> =
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect();
    match parsed {
        Ok(netuids) if !netuids.is_empty() => Ok(Some(netuids)),
        _ => {
            Err(CliError::Usage(format!("NETUID is `{text}`: expected the number of a subnet, or several with commas")))
        }
    }
}
