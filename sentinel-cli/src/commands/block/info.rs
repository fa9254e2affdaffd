//! `block info`: number, hash, time, runtime and counts.

use std::io::Write;

use sentinel_core::source::BlockSource;
use serde::Serialize;

use super::{fetch, index};
use crate::args::Common;
use crate::exit::{CliError, Exit};
use crate::output::{self, Format};

#[derive(Serialize)]
struct Info {
    block_number: u64,
    block_hash: String,
    parent_hash: String,
    timestamp: Option<u64>,
    spec_version: u32,
    extrinsics: usize,
    events: usize,
    runtime_upgraded: bool,
}

pub(super) async fn run(common: &Common, source: &dyn BlockSource, out: &mut dyn Write) -> Result<Exit, CliError> {
    let block = fetch(common, source).await?;
    let index = index(&block)?;
    let at = block.reference();
    let info = Info {
        block_number: at.number,
        block_hash: at.hash.to_string(),
        parent_hash: at.parent_hash.to_string(),
        timestamp: block.timestamp_ms,
        spec_version: block.runtime.version().spec_version,
        extrinsics: index.extrinsics().len(),
        events: index.events().len(),
        // Most upgrades announce themselves by an event; a change of the code by other means shows in the state.
        runtime_upgraded: index.events().iter().any(|event| event.is("System", "CodeUpdated"))
            || source.runtime(&at).await?.digest() != block.runtime.digest(),
    };
    let rows = || {
        [
            ("block_number", info.block_number.to_string()),
            ("block_hash", info.block_hash.clone()),
            ("parent_hash", info.parent_hash.clone()),
            ("timestamp", info.timestamp.map(|ms| ms.to_string()).unwrap_or_default()),
            ("spec_version", info.spec_version.to_string()),
            ("extrinsics", info.extrinsics.to_string()),
            ("events", info.events.to_string()),
            ("runtime_upgraded", info.runtime_upgraded.to_string()),
        ]
    };
    match common.format {
        Format::Json => output::json(out, &info)?,
        Format::Jsonl => output::json_line(out, &info)?,
        Format::Csv => {
            let (header, values): (Vec<&str>, Vec<String>) = rows().into_iter().unzip();
            output::csv(out, &header, [values])?;
        }
        Format::Table => {
            let human = rows().into_iter().map(|(name, value)| match (name, info.timestamp) {
                ("timestamp", Some(ms)) => vec![name.to_owned(), output::utc(ms)],
                _ => vec![name.to_owned(), value],
            });
            output::table(out, &["Field", "Value"], human)?;
        }
    }
    Ok(Exit::Done)
}
