//! `block hyperparameters`: the settings of every subnet, or of one.

use std::io::Write;

use sentinel_core::chain::BlockRef;
use sentinel_core::source::{BlockSource, BlockSourceExt, SourceError};
use sentinel_core::subnet::hyperparameters::{self, Hyperparameter, Raw, SubnetHyperparameters};
use serde::Serialize;

use crate::args::Common;
use crate::exit::{CliError, Exit};
use crate::output::{self, Format};

#[derive(Serialize)]
struct Document<'a> {
    block_number: u64,
    block_hash: String,
    timestamp: Option<u64>,
    subnets: &'a [SubnetHyperparameters],
}

#[derive(Serialize)]
struct Line<'a> {
    block_number: u64,
    block_hash: String,
    timestamp: Option<u64>,
    #[serde(flatten)]
    subnet: &'a SubnetHyperparameters,
}

pub(super) async fn run(common: &Common, source: &dyn BlockSource, out: &mut dyn Write) -> Result<Exit, CliError> {
    let at = source.pin(common.block).await?;
    let subnets = hyperparameters::read(source, &at, common.netuid).await?;
    let timestamp = timestamp(source, &at).await?;
    let (block_number, block_hash) = (at.number, at.hash.to_string());
    match common.format {
        Format::Json => {
            let document = Document { block_number, block_hash, timestamp, subnets: &subnets };
            if common.safe_integers {
                output::json(out, &with_safe_integers(&document)?)?;
            } else {
                output::json(out, &document)?;
            }
        }
        Format::Jsonl => {
            for subnet in &subnets {
                let line = Line { block_number, block_hash: block_hash.clone(), timestamp, subnet };
                if common.safe_integers {
                    output::json_line(out, &with_safe_integers(&line)?)?;
                } else {
                    output::json_line(out, &line)?;
                }
            }
        }
        Format::Csv => {
            let rows = each(&subnets).map(|(netuid, parameter)| {
                let (raw, unit) = (raw(parameter), unit(parameter));
                vec![block_number.to_string(), netuid, parameter.name.clone(), raw, parameter.value(), unit]
            });
            output::csv(out, &["block_number", "netuid", "name", "raw", "value", "unit"], rows)?;
        }
        Format::Table => {
            let moment = timestamp.map(output::utc).unwrap_or_default();
            writeln!(out, "Block {block_number}  {block_hash}  {moment}")?;
            if common.netuid.is_some() {
                let rows = each(&subnets).map(|(_, parameter)| {
                    vec![parameter.name.clone(), raw(parameter), parameter.display(), unit(parameter)]
                });
                output::table(out, &["Parameter", "Raw", "Value", "Unit"], rows)?;
            } else {
                overview(&subnets, out)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The same document with every integer beyond 2^53 as text.
fn with_safe_integers(document: &impl Serialize) -> Result<serde_json::Value, CliError> {
    use serde_json::Value;
    fn quote(value: &mut Value) {
        match value {
            Value::Number(number) => {
                let beyond = |limit: i128| number.as_i128().is_none_or(|number| number.abs() > limit);
                if !number.is_f64() && beyond(1 << 53) {
                    *value = Value::String(number.to_string());
                }
            }
            Value::Array(items) => items.iter_mut().for_each(quote),
            Value::Object(entries) => entries.values_mut().for_each(quote),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(document)?;
    quote(&mut value);
    Ok(value)
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
    match parameter.raw {
        Raw::Bool(raw) => raw.to_string(),
        Raw::Unsigned(raw) => raw.to_string(),
        Raw::Signed(raw) => raw.to_string(),
    }
}

fn unit(parameter: &Hyperparameter) -> String {
    match serde_json::to_value(parameter.unit) {
        Ok(serde_json::Value::String(unit)) => unit,
        _ => String::new(),
    }
}

/// `Timestamp.Now`, which a recording need not have.
async fn timestamp(source: &dyn BlockSource, at: &BlockRef) -> Result<Option<u64>, CliError> {
    let key = sentinel_core::decode::storage_prefix("Timestamp", "Now");
    match source.value(at, key.to_vec().into()).await {
        Ok(value) => Ok(value.and_then(|bytes| Some(u64::from_le_bytes(bytes.as_ref().try_into().ok()?)))),
        Err(SourceError::NotRecorded { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
