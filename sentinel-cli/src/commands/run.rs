//! `run`: follow the chain, or fill a range, into a store.

mod monitor;
mod progress;
mod settings;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sentinel_core::artifact::NetworkWord;
use sentinel_core::artifact::datasets::Dataset;
use sentinel_core::chain::Network;
use sentinel_core::detect::HyperparameterChange;
use sentinel_core::engine::{Engine, EngineBuilder, Estimate, Mode, Progress, RunReport};
use sentinel_core::sink::JsonLinesSink;
use sentinel_core::source::{BlockSource, FallbackSource, RpcOptions};
use tokio_util::sync::CancellationToken;

use crate::args::{Common, Flag};
use crate::connect;
use crate::exit::{CliError, Exit};
use crate::output::{self, Format};

pub(crate) use settings::Args;
use settings::Settings;

/// How long what is at work may take after a signal.
const DRAIN: Duration = Duration::from_secs(10);

pub(crate) async fn run(common: &Common, args: &Args, out: &mut dyn Write) -> Result<Exit, CliError> {
    common.refuse(&[Flag::Block, Flag::Mechanism, Flag::Lite], "run")?;
    // Everything that can be wrong by itself is found before the first connection.
    let settings = Settings::resolve(common, args)?;
    let store = settings.open_store(common).await?;
    let (network, source) = connect::open_together(&settings.networks, settings.rpc(), common).await?;
    let source = if settings.archive.is_empty() {
        source
    } else {
        let options = RpcOptions { first_endpoint: settings.networks.len(), ..settings.rpc() };
        let (_, archive) = connect::open_together(&settings.archive, options, common).await?;
        Arc::new(FallbackSource::new(source, archive, FallbackSource::AGE).await?)
    };
    let word = word(&settings, &network, &*source).await?;
    let stop = CancellationToken::new();
    let mut builder = Engine::builder(source, store, word)
        .mode(settings.mode)
        .outputs(settings.outputs.clone())
        .jsonl(settings.jsonl)
        .step(settings.step)
        .batch_delay(settings.batch_delay)
        .rate_limit(settings.rate_limit)
        .give_up_after(Some(settings.give_up))
        .force_refresh(settings.force_refresh)
        .best(settings.best)
        .stop(stop.clone());
    if let Some(size) = settings.batch_size {
        builder = builder.batch_size(size);
    }
    if let Some(at_once) = args.in_flight {
        builder = builder.in_flight(at_once.get());
    }
    if let Some(range) = settings.range.clone() {
        builder = builder.range(range);
    } else if let Some(start) = settings.start {
        builder = builder.start(start);
    }
    if let Some(netuids) = &settings.netuids {
        builder = builder.netuids(netuids.iter().copied());
    }
    builder = detecting(builder, &settings)?;
    if args.dry_run {
        let estimate = builder.build()?.estimate().await?;
        write_estimate(common.format, &estimate, out)?;
        return Ok(Exit::Done);
    }
    let bar = Arc::new(progress::Bar::new(common.quiet, settings.mode));
    let fresh = Arc::new(monitor::Freshness::new(settings.ready_within));
    let monitor = match settings.metrics {
        Some(address) => Some(monitor::serve(address, Arc::clone(&fresh)).await?),
        None => None,
    };
    let shown = Arc::clone(&bar);
    let listener = move |progress: &Progress| {
        shown.show(progress);
        fresh.note(progress);
    };
    let engine = builder.on_progress(listener).build()?;
    let signals = tokio::spawn(on_signals(stop));
    let outcome = engine.run().await;
    signals.abort();
    if let Some(monitor) = monitor {
        monitor.abort();
    }
    bar.end();
    let (report, error) = match outcome {
        Ok(report) => (Some(report), None),
        Err(failed) => (failed.report.map(|report| *report), Some(failed.error)),
    };
    if let Some(report) = &report {
        keep_report(settings.report.as_deref(), report)?;
        write_report(common.format, report, out)?;
    }
    match (error, report) {
        (Some(error), _) => Err(error.into()),
        (None, Some(report)) if report.is_complete() => Ok(Exit::Done),
        (None, _) => Ok(Exit::Partly),
    }
}

async fn word(settings: &Settings, network: &Network, source: &dyn BlockSource) -> Result<NetworkWord, CliError> {
    match &settings.name {
        Some(name) => Ok(name.clone()),
        None => Ok(NetworkWord::of(network, &source.identity().await?.genesis_hash)),
    }
}

/// Adds what looks for findings, where they are wanted.
fn detecting(builder: EngineBuilder, settings: &Settings) -> Result<EngineBuilder, CliError> {
    if !settings.outputs.has(Dataset::Findings) {
        return Ok(builder);
    }
    let builder = builder.detector(HyperparameterChange::new());
    let Some(path) = &settings.findings else { return Ok(builder) };
    let sink = if path == Path::new("-") {
        JsonLinesSink::new("stdout", std::io::stdout())
    } else {
        JsonLinesSink::append(path)
            .map_err(|source| CliError::File { what: format!("cannot write to {}", path.display()), source })?
    };
    Ok(builder.sink(Arc::new(sink)))
}

/// Ends the run when the process is asked to end: what is at work is finished and saved. A second signal, or too long a wait,
/// ends the process at once.
async fn on_signals(stop: CancellationToken) {
    if wait_for_signal().await.is_err() {
        return;
    }
    tracing::warn!("stopping after the block at work; again to stop at once");
    stop.cancel();
    tokio::select! {
        _ = wait_for_signal() => {}
        () = tokio::time::sleep(DRAIN) => tracing::error!("nothing ended in time"),
    }
    // What is not safe by now is read again by the next run.
    std::process::exit(3);
}

#[cfg(unix)]
async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

fn keep_report(path: Option<&Path>, report: &RunReport) -> Result<(), CliError> {
    let Some(path) = path else { return Ok(()) };
    let mut json = serde_json::to_vec(report)?;
    json.push(b'\n');
    std::fs::write(path, json)
        .map_err(|source| CliError::File { what: format!("cannot write the report to {}", path.display()), source })
}

fn write_report(format: Format, report: &RunReport, out: &mut dyn Write) -> Result<(), CliError> {
    match format {
        Format::Json => output::json(out, report),
        Format::Jsonl => output::json_line(out, report),
        Format::Csv => facts(report, out),
        Format::Table => Ok(tell_report(report, out)?),
    }
}

/// The report in words.
fn tell_report(report: &RunReport, out: &mut dyn Write) -> std::io::Result<()> {
    let label = if report.simulated { " (simulated)" } else { "" };
    let ended = if report.interrupted { "stopped" } else { "done" };
    let what = counted(report.mode);
    writeln!(
        out,
        "{} on {}{label}, blocks {} to {}: {ended} after {:.1} s",
        report.mode, report.network, report.block_start, report.block_end, report.wall_s
    )?;
    writeln!(
        out,
        "read: {} {what}, {} were there already; {} reads repeated",
        report.done, report.skipped, report.retried
    )?;
    writeln!(
        out,
        "written: {} windows of {} bytes, {} were there already",
        report.windows_written, report.bytes_written, report.windows_skipped
    )?;
    writeln!(out, "found: {} epochs, {} findings", report.epochs, report.findings)?;
    if report.retracted > 0 {
        writeln!(out, "taken back: {} findings of blocks that did not become final", report.retracted)?;
    }
    if !report.quarantined.is_empty() {
        let list: Vec<String> = report.quarantined.iter().take(20).map(u64::to_string).collect();
        let more = if report.quarantined.len() > list.len() { " and more" } else { "" };
        writeln!(out, "left out: {} blocks: {}{more}", report.quarantined.len(), list.join(", "))?;
    }
    for failure in &report.failed {
        writeln!(out, "left out: {}", sentinel_core::text::terminal_safe(failure))?;
    }
    Ok(())
}

fn write_estimate(format: Format, estimate: &Estimate, out: &mut dyn Write) -> Result<(), CliError> {
    match format {
        Format::Json => output::json(out, estimate),
        Format::Jsonl => output::json_line(out, estimate),
        Format::Csv => facts(estimate, out),
        Format::Table => Ok(tell_estimate(estimate, out)?),
    }
}

fn tell_estimate(estimate: &Estimate, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{}, blocks {} to {}; nothing was written", estimate.mode, estimate.block_start, estimate.block_end)?;
    writeln!(out, "windows: {} to write, {} are there", estimate.windows, estimate.windows_there)?;
    writeln!(out, "to read: {} blocks, {} epochs", estimate.blocks, estimate.epochs)?;
    writeln!(out, "about {} requests, about {:.0} s", estimate.requests, estimate.seconds)
}

/// The fields of a document as two columns.
fn facts(document: &impl serde::Serialize, out: &mut dyn Write) -> Result<(), CliError> {
    let serde_json::Value::Object(fields) = serde_json::to_value(document)? else { return Ok(()) };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    output::csv(out, &["name", "value"], fields.into_iter().map(|(name, value)| vec![name, text(value)]))
}

/// Words for what is counted.
fn counted(mode: Mode) -> &'static str {
    if mode.reads_blocks() { "blocks" } else { "subnets of windows" }
}
