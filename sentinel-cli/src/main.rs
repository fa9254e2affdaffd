//! The command line of sentinel: read the Bittensor chain, or a recording of it, from a terminal.

mod args;
mod commands;
mod connect;
mod exit;
mod output;
mod sample;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::exit::{CliError, Exit};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            // Help and usage errors go where clap wants them; a closed terminal is nobody's failure.
            let _ = error.print();
            return code.into();
        }
    };
    start_logging(&cli);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = commands::run(&cli, &mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    match result {
        Ok(exit) => exit.into(),
        Err(error) if error.is_closed_pipe() => Exit::Done.into(),
        Err(error) => {
            report(&error);
            error.exit().into()
        }
    }
}

/// One line on stderr, whatever the error text holds.
fn report(error: &CliError) {
    let line = error.line();
    let _ = writeln!(io::stderr().lock(), "error: {line}");
}

fn start_logging(cli: &Cli) {
    use tracing_subscriber::EnvFilter;
    let level = match (cli.common.quiet, cli.common.verbose) {
        (true, _) => "off",
        (false, 0) => "warn",
        (false, 1) => "info,sentinel_core=debug",
        (false, _) => "debug,sentinel_core=trace",
    };
    let filter = EnvFilter::try_from_env("SENTINEL_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}
