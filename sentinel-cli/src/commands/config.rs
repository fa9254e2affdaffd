//! `config`: checks a configuration, and says what one may hold.

use std::io::Write;
use std::path::PathBuf;

use sentinel_core::config::Config;
use sentinel_core::storage::Stores;

use crate::args::{Common, Flag};
use crate::exit::{CliError, Exit};
use crate::output;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check a file; nothing is connected to. Without one, that of --config.
    Check {
        /// The file.
        file: Option<PathBuf>,
    },
    /// Print the JSON schema of the file, for editors.
    Schema,
}

pub(crate) fn run(common: &Common, command: &Command, out: &mut dyn Write) -> Result<Exit, CliError> {
    common.refuse(&[Flag::Block, Flag::Netuid, Flag::Mechanism, Flag::Lite], "config")?;
    match command {
        Command::Check { file } => {
            let Some(file) = file.as_ref().or(common.config.as_ref()) else {
                return Err(CliError::Usage("name the file: `config check FILE`, or --config FILE".to_owned()));
            };
            Config::read(file)?;
            writeln!(out, "{}: no mistakes", file.display())?;
        }
        Command::Schema => output::json(out, &Config::schema())?,
    }
    Ok(Exit::Done)
}

/// The configuration that --config names; an empty one without it.
pub(crate) fn read(common: &Common) -> Result<Config, CliError> {
    // An empty variable is one that is not set.
    match common.config.as_ref().filter(|file| !file.as_os_str().is_empty()) {
        Some(file) => Ok(Config::read(file)?),
        None => Ok(Config::default()),
    }
}

/// The stores that commands may name.
pub(crate) fn stores(common: &Common) -> Result<Stores, CliError> {
    Ok(read(common)?.stores())
}
