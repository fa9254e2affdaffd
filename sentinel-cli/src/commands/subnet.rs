//! `subnet`: which subnets there are, and what is in one.

pub(crate) mod apy;
mod cells;
mod dividends;
mod list;
mod metagraph;
mod neuron;
mod weights;

use std::io::Write;

use sentinel_core::chain::BlockRef;
use sentinel_core::source::{BlockSource, BlockSourceExt};
use serde::Serialize;

use super::{hyperparameters, moment};
use crate::args::{Common, Flag, Subnet};
use crate::connect;
use crate::exit::{CliError, Exit};

pub(crate) async fn run(common: &Common, command: &Subnet, out: &mut dyn Write) -> Result<Exit, CliError> {
    // What is wrong with the flags is said before anything is connected to.
    match command {
        Subnet::Apy(args) => {
            common.refuse(&[Flag::Mechanism, Flag::Lite], "subnet apy")?;
            apy::check(common, args)?;
        }
        Subnet::List => common.refuse(&[Flag::Mechanism, Flag::Lite], "subnet list")?,
        Subnet::Hyperparameters(_) => common.refuse(&[Flag::Mechanism, Flag::Lite], "subnet hyperparameters")?,
        Subnet::Metagraph => drop(common.one_subnet("subnet metagraph")?),
        Subnet::Dividends => {
            common.refuse(&[Flag::Lite], "subnet dividends")?;
            common.one_subnet("subnet dividends")?;
        }
        Subnet::Weights => {
            common.refuse(&[Flag::Lite], "subnet weights")?;
            common.one_subnet("subnet weights")?;
        }
    }
    let (network, source) = connect::open_one_shot(common).await?;
    match command {
        Subnet::Apy(args) => {
            let simulated = source.identity().await?.is_simulated();
            apy::run(common, args, &apy::Origin { network, simulated }, &*source, out).await?;
        }
        Subnet::List => list::run(common, &*source, out).await?,
        Subnet::Hyperparameters(args) => {
            if let Some(since) = args.since {
                return hyperparameters::changes::run(common, args, since, &*source, out).await.map(|()| Exit::Done);
            }
            return hyperparameters::run(common, &*source, hyperparameters::Detail::Changes, out).await;
        }
        Subnet::Metagraph => metagraph::run(common, &*source, out).await?,
        Subnet::Dividends => dividends::run(common, &*source, out).await?,
        Subnet::Weights => weights::run(common, &*source, out).await?,
    }
    Ok(Exit::Done)
}

/// Which state a document or a line was read from.
#[derive(Debug, Clone, Serialize)]
struct Place {
    block_number: u64,
    block_hash: String,
    timestamp: Option<u64>,
    /// Nothing of it is real.
    simulated: bool,
}

impl Place {
    /// The block that the flags name, or the newest finalized one.
    async fn pin(common: &Common, source: &dyn BlockSource) -> Result<(BlockRef, Self), CliError> {
        let at = source.pin(common.block).await?;
        let timestamp = moment::timestamp(source, &at).await?;
        let simulated = source.identity().await?.is_simulated();
        Ok((at, Self { block_number: at.number, block_hash: at.hash.to_string(), timestamp, simulated }))
    }

    /// The line above a table.
    fn title(&self, out: &mut dyn Write) -> Result<(), CliError> {
        writeln!(out, "{}", moment::title(self.block_number, &self.block_hash, self.timestamp, self.simulated))?;
        Ok(())
    }
}

/// The mechanism that was asked for exists, or the usage was wrong.
fn check_mechanism(common: &Common, at: &BlockRef, existing: impl Iterator<Item = u8>) -> Result<(), CliError> {
    let Some(wanted) = common.mech_id else { return Ok(()) };
    let existing: Vec<u8> = existing.collect();
    if existing.contains(&wanted) {
        return Ok(());
    }
    let netuid = common.netuid.map(|netuid| netuid.to_string()).unwrap_or_default();
    let list: Vec<String> = existing.iter().map(u8::to_string).collect();
    Err(CliError::Failed(format!(
        "no mechanism {wanted} of subnet {netuid} at block {}; there {} {}",
        at.number,
        if existing.len() == 1 { "is" } else { "are" },
        list.join(", ")
    )))
}

/// Whether the flags want this mechanism.
fn wants(common: &Common, mechanism: u8) -> bool {
    common.mech_id.is_none_or(|wanted| wanted == mechanism)
}
