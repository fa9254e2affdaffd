//! `block extrinsics`: who called what, and how it ended.

use std::io::Write;

use sentinel_core::decode::{BlockIndex, DecodeError, ExtrinsicFacts, JsonOptions, JsonWriter, Outcome, Value};
use sentinel_core::source::{BlockSource, RawBlock};
use sentinel_core::text::terminal_safe;

use super::{fetch, index, listing};
use crate::args::Common;
use crate::exit::{CliError, Exit};
use crate::output::{self, Format};

/// What is shown besides what always is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extras {
    pub(super) hashes: bool,
    pub(super) raw: bool,
}

pub(super) async fn run(
    common: &Common,
    source: &dyn BlockSource,
    extras: Extras,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let block = fetch(common, source).await?;
    let index = index(&block)?;
    let number = block.reference().number;
    // One extrinsic that does not decode must not hide the others: it is named on stderr, and the exit code tells.
    let mut chosen = Vec::new();
    let mut exit = Exit::Done;
    for (at, facts) in (0..index.extrinsics().len()).filter_map(|at| Some((at, index.facts(at)?))) {
        match facts {
            Ok(facts) if common.netuid.is_none_or(|netuid| facts.netuid == Some(netuid.0.into())) => {
                chosen.push((at, facts));
            }
            Ok(_) => {}
            Err(error) => {
                exit = Exit::Partly;
                let error = error.to_string();
                tracing::error!("extrinsic {at} of block {number} cannot be decoded: {}", terminal_safe(&error));
            }
        }
    }
    write(&block, &index, &chosen, common, extras, out)?;
    Ok(exit)
}

fn write(
    block: &RawBlock,
    index: &BlockIndex<'_, '_>,
    chosen: &[(usize, ExtrinsicFacts)],
    common: &Common,
    extras: Extras,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let json = common.json(extras.hashes);
    let number = block.reference().number;
    let decode = |source| CliError::Decode { block: number, source };
    let write_json = |at: usize, facts: &ExtrinsicFacts, writer: &mut JsonWriter| {
        index.write_facts(at, facts, Some(number), writer)?;
        if let (true, Some(Ok(extrinsic))) = (extras.raw, index.extrinsics().get(at)) {
            // One more entry, before the brace that closes the object.
            let out = writer.buffer();
            out.pop();
            let bytes = const_hex::encode_prefixed(extrinsic.bytes());
            out.extend_from_slice(format!(",\"bytes\":\"{bytes}\"}}").as_bytes());
        }
        Ok(())
    };
    match common.format {
        Format::Json => {
            let mut items = JsonWriter::new(json);
            items.buffer().push(b'[');
            for (position, (at, facts)) in chosen.iter().enumerate() {
                if position > 0 {
                    items.buffer().push(b',');
                }
                write_json(*at, facts, &mut items).map_err(decode)?;
            }
            items.buffer().push(b']');
            out.write_all(&output::indented(&listing(block, "extrinsics", chosen.len(), items.as_bytes())))?;
        }
        Format::Jsonl => {
            let mut line = JsonWriter::new(json);
            for (at, facts) in chosen {
                line.clear();
                write_json(*at, facts, &mut line).map_err(decode)?;
                line.buffer().push(b'\n');
                out.write_all(line.as_bytes())?;
            }
        }
        Format::Csv => {
            let header = [
                "id",
                "index",
                "extrinsic_hash",
                "call_module",
                "call_function",
                "call_args",
                "address",
                "nonce",
                "tip",
                "era",
                "status",
                "error",
                "netuid",
            ];
            let rows = chosen.iter().map(|(at, facts)| csv_row(number, index, *at, facts, json));
            output::csv(out, &header, rows.collect::<Result<Vec<_>, _>>().map_err(decode)?)?;
        }
        Format::Table => {
            let header = ["Id", "Call", "Status", "Signer", "Nonce", "Arguments"];
            output::table(out, &header, chosen.iter().map(|(at, facts)| table_row(number, index, *at, facts)))?;
        }
    }
    Ok(())
}

fn status(facts: &ExtrinsicFacts) -> (&'static str, String) {
    match &facts.outcome {
        Some(Outcome::Success) => ("success", String::new()),
        Some(Outcome::Failed(error)) => ("failed", error.full_name()),
        None => ("", String::new()),
    }
}

fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn csv_row(
    number: u64,
    index: &BlockIndex<'_, '_>,
    at: usize,
    facts: &ExtrinsicFacts,
    json: JsonOptions,
) -> Result<Vec<String>, DecodeError> {
    let (status, error) = status(facts);
    let Some(Ok(extrinsic)) = index.extrinsics().get(at) else { return Ok(Vec::new()) };
    let mut arguments = Vec::new();
    extrinsic.write_arguments(&mut arguments, json)?;
    Ok(vec![
        format!("{number}-{at:04}"),
        at.to_string(),
        const_hex::encode_prefixed(extrinsic.hash()),
        facts.call.pallet.clone(),
        facts.call.name.clone(),
        String::from_utf8_lossy(&arguments).into_owned(),
        optional(extrinsic.signer()),
        optional(extrinsic.nonce()),
        optional(extrinsic.tip()),
        extrinsic.era().map(const_hex::encode).unwrap_or_default(),
        status.to_owned(),
        error,
        optional(facts.netuid),
    ])
}

fn table_row(number: u64, index: &BlockIndex<'_, '_>, at: usize, facts: &ExtrinsicFacts) -> Vec<String> {
    let (status, error) = status(facts);
    let Some(Ok(extrinsic)) = index.extrinsics().get(at) else { return Vec::new() };
    let status = match status {
        "success" => "✓".to_owned(),
        "failed" => format!("✗ {error}"),
        _ => "?".to_owned(),
    };
    let arguments: Vec<String> =
        facts.call.args.iter().map(|arg| format!("{}: {}", arg.name, brief(&arg.value))).collect();
    vec![
        format!("{number}-{at:04}"),
        output::shortened(&calls(facts), 120),
        status,
        optional(extrinsic.signer()),
        optional(extrinsic.nonce()),
        output::shortened(&arguments.join(", "), 80),
    ]
}

/// The call, and what it carries: `Sudo.sudo > AdminUtils.sudo_set_tempo ✓`.
fn calls(facts: &ExtrinsicFacts) -> String {
    let inner: Vec<String> = facts
        .nested()
        .iter()
        .map(|nested| {
            let mark = match nested.succeeded {
                Some(true) => "✓",
                Some(false) => "✗",
                None => "?",
            };
            format!("{}.{} {mark}", nested.call.pallet, nested.call.name)
        })
        .collect();
    let outer = format!("{}.{}", facts.call.pallet, facts.call.name);
    if inner.is_empty() { outer } else { format!("{outer} > {}", inner.join(", ")) }
}

/// A value in a few words.
fn brief(value: &Value) -> String {
    match value {
        Value::Call(call) => {
            let arguments: Vec<String> =
                call.args.iter().map(|arg| format!("{}: {}", arg.name, brief(&arg.value))).collect();
            format!("{}.{}({})", call.pallet, call.name, arguments.join(", "))
        }
        Value::List(items) => format!("[{}]", items.iter().map(brief).collect::<Vec<_>>().join(", ")),
        value => serde_json::to_string(value).unwrap_or_default(),
    }
}
