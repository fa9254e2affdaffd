//! One file per noun; each command takes the writer it writes to.

mod block;
pub(crate) mod config;
mod decode;
pub(crate) mod hyperparameters;
mod moment;
mod progress;
mod record;
pub(crate) mod replay;
pub(crate) mod run;
mod runtime;
pub(crate) mod storage;
pub(crate) mod subnet;

use std::future::Future;
use std::io::Write;

use clap::CommandFactory;

use crate::args::{Cli, Command};
use crate::exit::{CliError, Exit};

/// Runs the command.
pub(crate) fn run(cli: &Cli, out: &mut dyn Write) -> Result<Exit, CliError> {
    let common = &cli.common;
    match &cli.command {
        Command::Block(command) => with_runtime(block::run(common, command, out)),
        Command::Subnet(command) => with_runtime(subnet::run(common, command, out)),
        Command::Runtime(command) => with_runtime(runtime::run(common, command, out)),
        Command::Decode(args) => decode::run(common, args, &mut std::io::stdin().lock(), out),
        Command::Record(args) => with_runtime(record::run(common, args, out)),
        Command::Replay(args) => with_runtime(replay::run(common, args, out)),
        Command::Run(args) => with_threads(run::run(common, args, out)),
        Command::Storage(args) => with_runtime(storage::run(common, args, out)),
        Command::Config(command) => config::run(common, command, out),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "sentinel-cli", out);
            Ok(Exit::Done)
        }
    }
}

/// Only commands that talk to a node need an async runtime.
fn with_runtime<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    block_on(tokio::runtime::Builder::new_current_thread(), work)
}

/// Threads for files and for packing at most. Each keeps memory of its own: with tokio's 512, a backfill takes twice as much.
const BLOCKING: usize = 4;

/// Runs decode on all cores.
fn with_threads<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.max_blocking_threads(BLOCKING);
    block_on(builder, work)
}

fn block_on<T>(
    mut builder: tokio::runtime::Builder,
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    let runtime =
        builder.enable_all().build().map_err(|source| CliError::File { what: "cannot start".to_owned(), source })?;
    let result = runtime.block_on(work);
    // A name server that never answers must not hold up the end of the program.
    runtime.shutdown_background();
    result
}
