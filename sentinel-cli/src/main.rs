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
use clap::error::ErrorKind;
use sentinel_core::text::terminal_safe;

use crate::args::{Cli, LogFormat};
use crate::exit::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                // Help goes where clap wants it; a closed terminal is nobody's failure.
                let _ = error.print();
                return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
            }
            report(&usage_line(&error.render().to_string()));
            return Exit::Usage.into();
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
            report(&error.line());
            error.exit().into()
        }
    }
}

/// One line on stderr.
fn report(line: &str) {
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "error: {line}");
}

/// What clap says in its first paragraph, on one line; the usage below it is what `--help` is for.
fn usage_line(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    format!("{}; try --help", terminal_safe(line))
}

fn start_logging(cli: &Cli) {
    use tracing_subscriber::EnvFilter;
    let level = match (cli.common.quiet, cli.common.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info,sentinel_core=debug",
        (false, _) => "debug,sentinel_core=trace",
    };
    let filter = EnvFilter::try_from_env("SENTINEL_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if cli.common.log_format == LogFormat::Json {
        lines.json().flatten_event(true).init();
    } else if cli.common.verbose == 0 {
        lines.without_time().with_target(false).init();
    } else {
        lines.init();
    }
}
