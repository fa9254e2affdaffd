//! Flags and commands.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sentinel_core::chain::{BlockId, NetUid};
use sentinel_core::decode::JsonOptions;

use crate::exit::CliError;
use crate::output::Format;

/// Read the Bittensor chain: blocks, extrinsics, events, hyperparameters, recordings.
#[derive(Debug, Parser)]
#[command(name = "sentinel-cli", version, about, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes, before or after its name.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Network to read: finney, test, local, archive, sample (real blocks, built in), sim (a simulation, built in), a
    /// ws://, wss://, http:// or https:// URL, or file://DIR for a recording
    /// (file://DIR#NAME where a directory holds several). Given several times, the next one is tried when one cannot be
    /// reached. [default: finney]
    #[arg(
        short,
        long = "network",
        global = true,
        env = "BITTENSOR_NETWORK",
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    pub(crate) networks: Vec<String>,
    /// Block number, or 0x hash. Default: the newest finalized block.
    #[arg(short, long, global = true, value_name = "BLOCK")]
    pub(crate) block: Option<BlockId>,
    /// Subnet.
    #[arg(short = 'u', long, global = true, value_name = "NETUID")]
    pub(crate) netuid: Option<NetUid>,
    /// Mechanism of a subnet. Default: all of them.
    #[arg(short, long, global = true, value_name = "MECHANISM", value_parser = clap::value_parser!(u8).range(..16))]
    pub(crate) mech_id: Option<u8>,
    /// Leave out what is long or takes a second look: weights, bonds, identities, addresses of the EVM.
    #[arg(short, long, global = true)]
    pub(crate) lite: bool,
    /// Seconds between blocks of `--network sim`, such as 12 or 0.5; 0: no new blocks.
    #[arg(long, global = true, value_name = "SECONDS", default_value = "12", value_parser = seconds)]
    pub(crate) sim_interval: Duration,
    /// Form of the output on stdout.
    #[arg(short, long, global = true, value_enum, ignore_case = true, default_value = "table")]
    pub(crate) format: Format,
    /// Byte vectors are always 0x hex, also those that are valid text.
    #[arg(long, global = true)]
    pub(crate) strict: bool,
    /// Integers beyond 2^53 are strings in JSON.
    #[arg(long, global = true)]
    pub(crate) safe_integers: bool,
    /// Form of what is logged on stderr: text, or a JSON object a line.
    #[arg(long, global = true, value_enum, env = "SENTINEL_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Configuration in TOML; `config check` checks one, `config schema` says what it may hold.
    #[arg(short, long, global = true, env = "SENTINEL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Errors only, and nothing else, on stderr.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more on stderr; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Common {
    pub(crate) fn json(&self, call_hashes: bool) -> JsonOptions {
        JsonOptions {
            strict_bytes: self.strict,
            safe_integers: self.safe_integers,
            extrinsic_hashes: true,
            call_hashes,
        }
    }

    /// A usage error for flags that this command would have to ignore.
    pub(crate) fn refuse(&self, flags: &[Flag], command: &str) -> Result<(), CliError> {
        for flag in flags {
            let (given, name) = match flag {
                Flag::Block => (self.block.is_some(), "--block"),
                Flag::Netuid => (self.netuid.is_some(), "--netuid"),
                Flag::Mechanism => (self.mech_id.is_some(), "--mech-id"),
                Flag::Lite => (self.lite, "--lite"),
            };
            if given {
                return Err(CliError::Usage(format!("{name} does not apply to `{command}`")));
            }
        }
        Ok(())
    }

    /// The subnet that a command cannot do without.
    pub(crate) fn one_subnet(&self, command: &str) -> Result<NetUid, CliError> {
        let missing = || {
            CliError::Usage(format!(
                "`{command}` shows one subnet: name it by --netuid; `subnet list` shows which there are"
            ))
        };
        self.netuid.ok_or_else(missing)
    }

    /// Time between blocks of the simulated network.
    #[cfg(feature = "sim")]
    pub(crate) fn sim_interval(&self) -> Duration {
        self.sim_interval
    }

    /// Whether networks were given, by flag or variable.
    pub(crate) fn has_networks(&self) -> bool {
        self.networks.iter().any(|name| !name.trim().is_empty())
    }

    /// The networks to try, in order. An empty variable is one that is not set.
    pub(crate) fn networks(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.networks.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            names.push(DEFAULT_NETWORK);
        }
        names
    }
}

/// Form of what is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A number of seconds, up to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    let whole_day = 86_400.0;
    if !(0.0..=whole_day).contains(&seconds) {
        return Err("expected 0 to 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A flag that some commands have no use for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flag {
    Block,
    Netuid,
    Mechanism,
    Lite,
}

const DEFAULT_NETWORK: &str = "finney";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// One block.
    #[command(subcommand)]
    Block(Block),
    /// Subnets: what there is, hyperparameters, neurons, dividends, weights.
    #[command(subcommand)]
    Subnet(Subnet),
    /// The runtime at a block.
    #[command(subcommand)]
    Runtime(Runtime),
    /// Decode SCALE bytes with a metadata file; needs no node.
    Decode(Decode),
    /// Record a range of blocks, to be replayed without a node.
    ///
    /// Each block is recorded with its header, extrinsics, events, time and runtime; at every block also
    /// System.LastRuntimeUpgrade, Balances.TotalIssuance, Sudo.Key, the list of subnets, the hyperparameters
    /// of each in storage, and what the runtime functions get_subnet_hyperparams, _v2 and _v3 answer for it. --state says which other state. Runtime code is never
    /// recorded. Read it again with --network file://DIR.
    Record(Record),
    /// Follow the chain, or fill a range of blocks or epochs, into a store.
    ///
    /// Writes datasets as Parquet, in windows of 1,000 blocks, with a manifest each. A run that was stopped or killed goes on
    /// where it was when it is started again. Every flag has a variable of the environment.
    Run(Box<crate::commands::run::Args>),
    /// Run the detectors over blocks that are there already: of a recording, or of a node that keeps their state.
    Replay(crate::commands::replay::Args),
    /// Objects of a store: list, write, read, remove.
    Storage(crate::commands::storage::Args),
    /// The configuration file.
    #[command(subcommand)]
    Config(crate::commands::config::Command),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Block {
    /// Number, hash, time, runtime and counts.
    Info,
    /// Extrinsics with signer, arguments, status, error, nested calls and events. With --netuid, those of one subnet.
    Extrinsics {
        /// Also the blake2b-256 hash of every call.
        #[arg(long)]
        hashes: bool,
        /// Also the bytes of every extrinsic, as the node gives them.
        #[arg(long)]
        raw: bool,
    },
    /// Events with their fields.
    Events,
    /// Hyperparameters of every subnet, or of one with --netuid: raw, and in their unit.
    Hyperparameters,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Subnet {
    /// Every subnet, or one with --netuid: name, owner, price, emission, tempo, age, neurons, mechanisms.
    List,
    /// Hyperparameters of every subnet, or of one with --netuid; in JSON with the storage item, the calls and the events
    /// that change each. With --since, what changed from a block on.
    #[command(alias = "hyperparams")]
    Hyperparameters(crate::commands::hyperparameters::changes::Args),
    /// Every neuron of a subnet. In JSON amounts are integers in rao, and shares of 65,535 stand beside their fractions.
    Metagraph,
    /// Dividends recomputed from bonds and incentives, beside those that the chain has.
    Dividends,
    /// What the stakers of each validator earned over a window, per year and in all, best first; without --netuid, what those
    /// of each subnet did.
    Apy(crate::commands::subnet::apy::Args),
    /// Weights and bonds that are set, from uid to uid, of every mechanism or of one with --mech-id.
    Weights,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Runtime {
    /// Name and versions, and the account that may use sudo.
    #[command(alias = "version")]
    Info,
    /// Every error of every pallet, with the numbers that dispatch errors carry.
    Errors,
    /// The metadata blob, as bytes to a file or as hex to stdout.
    Metadata {
        /// File to write.
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Leave out the documentation texts.
        #[arg(long)]
        no_docs: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Decode {
    /// Metadata of version 14, 15 or 16, as `runtime metadata --out` writes it.
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: PathBuf,
    /// What the bytes are.
    #[arg(long, value_enum, conflicts_with = "type_id")]
    pub(crate) what: Option<What>,
    /// The storage item, with `--what storage`: Pallet.Item.
    #[arg(long, value_name = "PALLET.ITEM", required_if_eq("what", "storage"))]
    pub(crate) item: Option<String>,
    /// The bytes are a value of the type with this id in the metadata.
    #[arg(long, value_name = "N")]
    pub(crate) type_id: Option<u32>,
    /// The bytes, with or without 0x. Without them, JSON lines {"type_id": n, "hex": "0x…"} are read from stdin and each
    /// is answered by one JSON line.
    #[arg(value_name = "HEX")]
    pub(crate) hex: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// One extrinsic, with its length prefix.
    Extrinsic,
    /// The value of System.Events.
    Events,
    /// A value of the storage item given by --item.
    Storage,
    /// A call, without the envelope of an extrinsic.
    Call,
}

#[derive(Debug, Args)]
pub(crate) struct Record {
    /// First block.
    #[arg(long, value_name = "BLOCK")]
    pub(crate) from: u64,
    /// Last block.
    #[arg(long, value_name = "BLOCK")]
    pub(crate) to: u64,
    /// Directory to write to; made if missing. A recording already there is continued.
    #[arg(long, value_name = "DIR", required_unless_present = "store", conflicts_with = "store")]
    pub(crate) out: Option<PathBuf>,
    /// Store to write to, instead of a directory.
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Which state to record besides what the blocks themselves need.
    #[arg(long, value_enum, default_value = "first")]
    pub(crate) state: StateScan,
    /// The word for the network in the names of the files, instead of the network's own or one made of its genesis hash.
    #[arg(long, value_name = "WORD")]
    pub(crate) name: Option<String>,
    /// Keep the documentation texts of the metadata.
    #[arg(long)]
    pub(crate) docs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateScan {
    /// All of SubtensorModule at the first block of each window of 1,000.
    First,
    /// All of SubtensorModule at every block, of which the changes are kept: for nodes on this machine.
    Every,
}
