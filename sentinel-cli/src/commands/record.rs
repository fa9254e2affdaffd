//! `record`: a range of blocks into a directory or another store, to be read again without a node.

use std::io::{self, IsTerminal, Write};

use sentinel_core::artifact::NetworkWord;
use sentinel_core::artifact::raw::StateScan as Scan;
use sentinel_core::engine::{RecordOptions, RecordProgress, RecordReport, record};
use sentinel_core::source::RpcOptions;
use sentinel_core::storage::ObjectStorage;

use crate::args::{Common, Flag, Record, StateScan};
use crate::connect;
use crate::exit::{CliError, Exit};
use crate::output::{self, Format};

pub(crate) async fn run(common: &Common, args: &Record, out: &mut dyn Write) -> Result<Exit, CliError> {
    common.refuse(&[Flag::Block, Flag::Netuid, Flag::Mechanism, Flag::Lite], "record")?;
    if args.from > args.to {
        return Err(CliError::Usage(format!("--from {} is after --to {}", args.from, args.to)));
    }
    let (network, source) = connect::open_named(common, RpcOptions::default()).await?;
    let storage = match (&args.out, &args.store) {
        (Some(folder), _) => ObjectStorage::local(folder)?,
        (None, Some(url)) => crate::commands::config::stores(common)?.open(url)?,
        (None, None) => return Err(CliError::Usage("say where to record to: --out DIR, or --store URL".to_owned())),
    };
    let word = match &args.name {
        Some(name) => name.parse()?,
        None => NetworkWord::of(&network, &source.identity().await?.genesis_hash),
    };
    let options = RecordOptions {
        scan: match args.state {
            StateScan::First => Scan::FirstBlock,
            StateScan::Every => Scan::EveryBlock,
        },
        strip_docs: !args.docs,
        ..RecordOptions::default()
    };
    let mut progress = Progress { quiet: common.quiet, live: io::stderr().is_terminal() };
    let report =
        record(&*source, args.from..=args.to, &options, &word, &storage, &mut |step| progress.show(step)).await?;
    progress.end();
    write_report(common.format, args, &word, &report, out)?;
    // What the runtime has but did not answer is missing from the recording.
    if report.failed_calls > 0 {
        let first = report.first_failed_call.as_deref().unwrap_or_default();
        tracing::error!("{} runtime calls failed and were not recorded; the first: {first}", report.failed_calls);
        return Ok(Exit::Partly);
    }
    Ok(Exit::Done)
}

/// Progress on stderr: one line that is rewritten on a terminal, one line per hundred blocks elsewhere.
struct Progress {
    quiet: bool,
    live: bool,
}

impl Progress {
    fn show(&mut self, step: RecordProgress) {
        if self.quiet || !(self.live || step.done.is_multiple_of(100) || step.done == step.total) {
            return;
        }
        let mut stderr = io::stderr().lock();
        let (start, end) = if self.live { ("\r", "") } else { ("", "\n") };
        // Progress that cannot be shown is no reason to stop.
        let _ = write!(stderr, "{start}block {}: {} of {}{end}", step.block, step.done, step.total);
    }

    fn end(&self) {
        if self.live && !self.quiet {
            let _ = writeln!(io::stderr().lock());
        }
    }
}

fn write_report(
    format: Format,
    args: &Record,
    network: &NetworkWord,
    report: &RecordReport,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let tables: serde_json::Map<String, serde_json::Value> = report
        .rows
        .iter()
        .map(|(table, rows)| {
            let bytes = report.bytes.iter().find(|(other, _)| other == table).map_or(0, |(_, bytes)| *bytes);
            (table.to_string(), serde_json::json!({ "rows": rows, "bytes": bytes }))
        })
        .collect();
    let document = serde_json::json!({
        "out": args.out.as_ref().map_or_else(|| args.store.clone(), |folder| Some(folder.display().to_string())),
        "network": network.to_string(),
        "block_start": args.from,
        "block_end": args.to,
        "blocks_written": report.blocks,
        "windows_written": report.windows_written,
        "windows_skipped": report.windows_skipped,
        "tables": tables,
    });
    match format {
        Format::Json => output::json(out, &document),
        Format::Jsonl => output::json_line(out, &document),
        Format::Csv => {
            let rows = report.rows.iter().zip(&report.bytes);
            let rows =
                rows.map(|((table, rows), (_, bytes))| vec![table.to_string(), rows.to_string(), bytes.to_string()]);
            output::csv(out, &["table", "rows", "bytes"], rows)
        }
        Format::Table => {
            let (written, skipped) = (report.windows_written, report.windows_skipped);
            writeln!(
                out,
                "{} blocks recorded in {written} windows, {skipped} windows were already there",
                report.blocks
            )?;
            let rows = report.rows.iter().zip(&report.bytes);
            let rows =
                rows.map(|((table, rows), (_, bytes))| vec![table.to_string(), rows.to_string(), bytes.to_string()]);
            output::table(out, &["Table", "Rows", "Bytes"], rows)
        }
    }
}
