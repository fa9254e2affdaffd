//! `block events`: what happened, in order.

use std::io::Write;

use sentinel_core::decode::{EventRecord, JsonOptions, JsonWriter, Phase, write_event, write_events};
use sentinel_core::source::BlockSource;

use super::{fetch, index, listing};
use crate::args::Common;
use crate::exit::{CliError, Exit};
use crate::output::{self, Format};

pub(super) async fn run(common: &Common, source: &dyn BlockSource, out: &mut dyn Write) -> Result<Exit, CliError> {
    let block = fetch(common, source).await?;
    let index = index(&block)?;
    let number = block.reference().number;
    let decode = |source| CliError::Decode { block: number, source };
    let (events, json) = (index.events(), common.json(false));
    match common.format {
        Format::Json => {
            let mut items = JsonWriter::new(json);
            write_events(Some(number), events.iter(), &mut items).map_err(decode)?;
            out.write_all(&output::indented(&listing(&block, "events", events.len(), items.as_bytes())))?;
        }
        Format::Jsonl => {
            let mut line = JsonWriter::new(json);
            for event in events {
                line.clear();
                write_event(Some(number), event, &mut line).map_err(decode)?;
                line.buffer().push(b'\n');
                out.write_all(line.as_bytes())?;
            }
        }
        Format::Csv | Format::Table => {
            let rows = events.iter().map(|event| row(number, event, json)).collect::<Result<Vec<_>, _>>();
            let rows = rows.map_err(decode)?;
            if common.format == Format::Csv {
                let header = ["id", "phase", "extrinsic_idx", "module_id", "event_id", "attributes"];
                output::csv(out, &header, rows)?;
            } else {
                let header = ["Id", "Phase", "Extrinsic", "Pallet", "Event", "Attributes"];
                let short = |mut row: Vec<String>| {
                    if let Some(attributes) = row.last_mut() {
                        *attributes = output::shortened(attributes, 100);
                    }
                    row
                };
                output::table(out, &header, rows.into_iter().map(short))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn row(
    number: u64,
    event: &EventRecord<'_, '_>,
    json: JsonOptions,
) -> Result<Vec<String>, sentinel_core::decode::DecodeError> {
    let (phase, extrinsic) = match event.phase() {
        Phase::ApplyExtrinsic(at) => ("ApplyExtrinsic", at.to_string()),
        Phase::Finalization => ("Finalization", String::new()),
        Phase::Initialization => ("Initialization", String::new()),
    };
    let mut attributes = Vec::new();
    event.write_attributes(&mut attributes, json)?;
    Ok(vec![
        format!("{number}-{:04}", event.position()),
        phase.to_owned(),
        extrinsic,
        event.pallet().to_owned(),
        event.name().to_owned(),
        String::from_utf8_lossy(&attributes).into_owned(),
    ])
}
