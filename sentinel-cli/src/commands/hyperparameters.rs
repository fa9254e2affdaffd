//! `block hyperparameters` and `subnet hyperparameters`: the settings of every subnet, or of one.

pub(crate) mod changes;

use std::io::Write;

use sentinel_core::chain::NetUid;
use sentinel_core::decode::Runtime;
use sentinel_core::source::{BlockSource, BlockSourceExt};
use sentinel_core::subnet::hyperparameters::{self, Changes, Hyperparameter, SubnetHyperparameters};
use serde::Serialize;

use super::moment::{timestamp, title};
use crate::args::Common;
use crate::exit::{CliError, Exit};
use crate::output::{self, Format};

/// How much is said of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Name, raw, value, unit.
    Values,
    /// In JSON also what changes it.
    Changes,
}

#[derive(Serialize)]
struct Document<'a> {
    block_number: u64,
    block_hash: String,
    timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<bool>,
    subnets: Vec<Subnet<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    block_number: u64,
    block_hash: String,
    timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<bool>,
    #[serde(flatten)]
    subnet: Subnet<'a>,
}

#[derive(Serialize)]
struct Subnet<'a> {
    netuid: NetUid,
    hyperparameters: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(flatten)]
    parameter: &'a Hyperparameter,
    #[serde(flatten)]
    changes: Option<Changes>,
}

pub(crate) async fn run(
    common: &Common,
    source: &dyn BlockSource,
    detail: Detail,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let at = source.pin(common.block).await?;
    let subnets = hyperparameters::read(source, &at, common.netuid).await?;
    let timestamp = timestamp(source, &at).await?;
    let is_simulated = source.identity().await?.is_simulated();
    // The keys of `block hyperparameters` are fixed.
    let simulated = (detail == Detail::Changes).then_some(is_simulated);
    let (block_number, block_hash) = (at.number, at.hash.to_string());
    match common.format {
        Format::Json | Format::Jsonl => {
            // Calls are made under the runtime that the state has; it writes the next block.
            let runtime = match detail {
                Detail::Values => None,
                Detail::Changes => Some(source.runtime(&at).await?),
            };
            let subnets = subnets.iter().map(|subnet| with_changes(subnet, runtime.as_deref()));
            if common.format == Format::Json {
                let subnets = subnets.collect();
                output::document(out, common, &Document { block_number, block_hash, timestamp, simulated, subnets })?;
                return Ok(Exit::Done);
            }
            for subnet in subnets {
                let line = Line { block_number, block_hash: block_hash.clone(), timestamp, simulated, subnet };
                output::document_line(out, common, &line)?;
            }
        }
        Format::Csv => {
            let rows = each(&subnets).map(|(netuid, parameter)| {
                let (raw, unit) = (raw(parameter), parameter.unit.word().to_owned());
                vec![block_number.to_string(), netuid, parameter.name.clone(), raw, parameter.value(), unit]
            });
            output::csv(out, &["block_number", "netuid", "name", "raw", "value", "unit"], rows)?;
        }
        Format::Table => {
            writeln!(out, "{}", title(block_number, &block_hash, timestamp, is_simulated))?;
            if common.netuid.is_some() {
                let rows = each(&subnets).map(|(_, parameter)| {
                    vec![parameter.name.clone(), raw(parameter), parameter.display(), parameter.unit.word().to_owned()]
                });
                output::table(out, &["Parameter", "Raw", "Value", "Unit"], rows)?;
            } else {
                overview(&subnets, out)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn with_changes<'a>(subnet: &'a SubnetHyperparameters, runtime: Option<&Runtime>) -> Subnet<'a> {
    let item = |parameter: &'a Hyperparameter| Item {
        parameter,
        changes: runtime.map(|runtime| Changes::of(&parameter.name, runtime)),
    };
    Subnet { netuid: subnet.netuid, hyperparameters: subnet.hyperparameters.iter().map(item).collect() }
}

/// One row per parameter, one column per subnet.
fn overview(subnets: &[SubnetHyperparameters], out: &mut dyn Write) -> Result<(), CliError> {
    let mut names: Vec<&str> = Vec::new();
    for name in each(subnets).map(|(_, parameter)| parameter.name.as_str()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let titles: Vec<String> = subnets.iter().map(|subnet| format!("Subnet {}", subnet.netuid)).collect();
    let header: Vec<&str> = std::iter::once("Parameter").chain(titles.iter().map(String::as_str)).collect();
    let rows = names.into_iter().map(|name| {
        let cells = subnets.iter().map(|subnet| subnet.get(name).map(Hyperparameter::display).unwrap_or_default());
        std::iter::once(name.to_owned()).chain(cells).collect()
    });
    output::table(out, &header, rows)
}

fn each(subnets: &[SubnetHyperparameters]) -> impl Iterator<Item = (String, &Hyperparameter)> {
    subnets
        .iter()
        .flat_map(|subnet| subnet.hyperparameters.iter().map(move |parameter| (subnet.netuid.to_string(), parameter)))
}

fn raw(parameter: &Hyperparameter) -> String {
    parameter.raw.to_string()
}
