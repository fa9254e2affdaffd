//! `subnet hyperparameters --since`: what changed from a block on, old and new, and what changed it.

use std::io::Write;
use std::num::NonZeroU64;

use sentinel_core::chain::NetUid;
use sentinel_core::source::{BlockSource, BlockSourceExt};
use sentinel_core::subnet::hyperparameters::history::{self, Change, Found, Search};
use sentinel_core::subnet::hyperparameters::{self, Hyperparameter, Raw, Scaled};
use serde::Serialize;

use crate::args::Common;
use crate::commands::progress::Progress;
use crate::exit::CliError;
use crate::output::{self, Format};

/// Flags of `subnet hyperparameters`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show what changed from this block up to --block, old and new, instead of the values.
    #[arg(long, value_name = "BLOCK")]
    pub(crate) since: Option<u64>,
    /// Compare states at most so many blocks apart. What changes and changes back between two of them is not seen; 1 compares
    /// every block with the one before.
    #[arg(long, value_name = "BLOCKS", requires = "since", default_value = "360")]
    pub(crate) every: NonZeroU64,
}

#[derive(Serialize)]
struct Document<'a> {
    block_start: u64,
    block_end: u64,
    every: NonZeroU64,
    simulated: bool,
    count: usize,
    changes: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    block_number: u64,
    timestamp: Option<u64>,
    netuid: NetUid,
    name: &'a str,
    unit: &'static str,
    old_raw: Option<Raw>,
    old: Option<Scaled>,
    new_raw: Option<Raw>,
    new: Option<Scaled>,
    extrinsic: Option<String>,
    call: Option<&'a str>,
    events: &'a [String],
    runtimes: Option<[u32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<bool>,
}

pub(crate) async fn run(
    common: &Common,
    args: &Args,
    since: u64,
    source: &dyn BlockSource,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let at = source.pin(common.block).await?;
    if since > at.number {
        return Err(CliError::Usage(format!("--since {since} is after block {}: give an earlier one", at.number)));
    }
    let search = Search { netuids: common.netuid.map(|netuid| [netuid].into()), stride: args.every };
    let mut progress = Progress::new(common.quiet, "hyperparameters", "blocks");
    let found =
        history::discover(source, since..=at.number, &search, &mut |step| progress.show(step.done, step.total)).await;
    progress.end();
    let found = found?;
    if found.seeds.is_empty() && common.netuid.is_some() {
        // Nothing is known of it in all that time: the error names what there is.
        hyperparameters::read(source, &at, common.netuid).await?;
    }
    let simulated = source.identity().await?.is_simulated();
    print(common, args, since, at.number, &found, simulated, out)
}

fn print(
    common: &Common,
    args: &Args,
    first: u64,
    last: u64,
    found: &Found,
    simulated: bool,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    match common.format {
        Format::Json => {
            let changes: Vec<Line<'_>> = found.changes.iter().map(|change| line(change, None)).collect();
            let (block_start, block_end, every, count) = (first, last, args.every, changes.len());
            output::document(out, common, &Document { block_start, block_end, every, simulated, count, changes })
        }
        Format::Jsonl => found
            .changes
            .iter()
            .try_for_each(|change| output::document_line(out, common, &line(change, Some(simulated)))),
        Format::Csv => {
            let header = [
                "block_number",
                "timestamp",
                "netuid",
                "name",
                "unit",
                "old_raw",
                "old",
                "new_raw",
                "new",
                "extrinsic",
                "call",
                "events",
            ];
            output::csv(out, &header, found.changes.iter().map(cells))
        }
        Format::Table => {
            let label = if simulated { "  SIMULATED" } else { "" };
            writeln!(out, "Blocks {first} to {last}: {} changes{label}", found.changes.len())?;
            if found.changes.is_empty() {
                return Ok(());
            }
            let rows = found.changes.iter().map(|change| {
                let shown = |value: Option<Hyperparameter>| value.map(|value| value.display()).unwrap_or_default();
                vec![
                    change.block.to_string(),
                    change.timestamp_ms.map(output::utc).unwrap_or_default(),
                    change.netuid.to_string(),
                    change.name.clone(),
                    shown(change.before()),
                    shown(change.after()),
                    by(change),
                ]
            });
            output::table(out, &["Block", "Time", "Subnet", "Parameter", "Before", "After", "By"], rows)
        }
    }
}

fn line(change: &Change, simulated: Option<bool>) -> Line<'_> {
    Line {
        block_number: change.block,
        timestamp: change.timestamp_ms,
        netuid: change.netuid,
        name: &change.name,
        unit: change.unit.word(),
        old_raw: change.old,
        old: change.before().map(|value| value.scaled()),
        new_raw: change.new,
        new: change.after().map(|value| value.scaled()),
        extrinsic: change.extrinsic_id(),
        call: change.cause.call.as_deref(),
        events: &change.cause.events,
        runtimes: change.cause.runtimes,
        simulated,
    }
}

fn cells(change: &Change) -> Vec<String> {
    let raw = |raw: Option<Raw>| raw.map(|raw| raw.to_string()).unwrap_or_default();
    let value = |value: Option<Hyperparameter>| value.map(|value| value.value()).unwrap_or_default();
    vec![
        change.block.to_string(),
        change.timestamp_ms.map(|time| time.to_string()).unwrap_or_default(),
        change.netuid.to_string(),
        change.name.clone(),
        change.unit.word().to_owned(),
        raw(change.old),
        value(change.before()),
        raw(change.new),
        value(change.after()),
        change.extrinsic_id().unwrap_or_default(),
        change.cause.call.clone().unwrap_or_default(),
        change.cause.events.join(" "),
    ]
}

/// What changed it, in a few words.
fn by(change: &Change) -> String {
    let cause = &change.cause;
    let what = cause.call.clone().or_else(|| cause.events.first().cloned());
    match (change.extrinsic_id(), what, cause.runtimes) {
        (Some(id), Some(what), _) => format!("{id} {what}"),
        (Some(id), None, _) => id,
        (None, Some(what), _) => what,
        (None, None, Some([old, new])) => format!("runtime {old} to {new}"),
        (None, None, None) => String::new(),
    }
}
