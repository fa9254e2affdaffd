//! `subnet apy`: what stakers of each validator earned over a window.

mod plot;
mod spark;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use sentinel_core::chain::{BlockRef, NetUid, Network};
use sentinel_core::source::{BlockSource, BlockSourceExt};
use sentinel_core::subnet::netuids;
use sentinel_core::subnet::returns::{self, Span, SubnetReturns, ValidatorReturn};
use serde::Serialize;

use crate::args::Common;
use crate::commands::progress::Progress;
use crate::exit::CliError;
use crate::output::{self, Format};

/// Flags of `subnet apy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How far back from --block: a number of blocks, or of hours, days or weeks as in 1h, 1d, 7d, 30d. It is moved to
    /// whole epochs.
    #[arg(short, long, value_name = "LENGTH", default_value = "1d")]
    window: Span,
    /// Also draw the growth of each validator into this SVG file; with --netuid.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// What is printed of one subnet.
#[derive(Serialize)]
struct Document<'a> {
    network: &'a str,
    simulated: bool,
    netuid: NetUid,
    block_start: u64,
    block_end: u64,
    timestamp_start: u64,
    timestamp_end: u64,
    window: String,
    validators: &'a [ValidatorReturn],
    subnet: &'a sentinel_core::apy::WindowReturn,
}

/// What is printed of several.
#[derive(Serialize)]
struct Documents<'a> {
    network: &'a str,
    simulated: bool,
    subnets: Vec<Document<'a>>,
}

/// Where the figures come from.
pub(super) struct Origin {
    pub(super) network: Network,
    pub(super) simulated: bool,
}

pub(super) fn check(common: &Common, args: &Args) -> Result<(), CliError> {
    if args.plot.is_some() && common.netuid.is_none() {
        return Err(CliError::Usage("--plot draws one subnet: name it by --netuid".to_owned()));
    }
    Ok(())
}

pub(super) async fn run(
    common: &Common,
    args: &Args,
    origin: &Origin,
    source: &dyn BlockSource,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let at = source.pin(common.block).await?;
    let wanted = match common.netuid {
        Some(netuid) => vec![netuid],
        None => netuids(source, &at).await?.into_iter().filter(|netuid| netuid.0 != 0).collect(),
    };
    let mut all = Vec::with_capacity(wanted.len());
    for netuid in wanted {
        all.push(read(common, args, source, &at, netuid).await?);
    }
    if let (Some(path), [one]) = (&args.plot, all.as_slice()) {
        plot::write(path, one, origin.simulated)?;
    }
    let network = origin.network.to_string();
    let document = |returns| document(returns, args, &network, origin.simulated);
    match common.format {
        Format::Json => match (common.netuid, all.as_slice()) {
            (Some(_), [one]) => output::json(out, &document(one)),
            _ => {
                let subnets = all.iter().map(document).collect();
                output::json(out, &Documents { network: &network, simulated: origin.simulated, subnets })
            }
        },
        Format::Jsonl => all.iter().try_for_each(|returns| output::json_line(out, &document(returns))),
        Format::Csv => csv(&all, out),
        Format::Table => {
            let label = if origin.simulated { "  simulated" } else { "" };
            match (common.netuid, all.as_slice()) {
                (Some(_), [one]) => {
                    title(one, args, label, out)?;
                    validators(one, out)
                }
                _ => {
                    writeln!(out, "Returns of {} up to block {}{label}", args.window, at.number)?;
                    subnets(&all, out)
                }
            }
        }
    }
}

async fn read(
    common: &Common,
    args: &Args,
    source: &dyn BlockSource,
    at: &BlockRef,
    netuid: NetUid,
) -> Result<SubnetReturns, CliError> {
    let mut progress = Progress::new(common.quiet, format!("subnet {netuid}"), "epochs");
    let returns =
        returns::window(source, at, netuid, args.window, &mut |step| progress.show(step.done, step.total)).await;
    progress.end();
    Ok(returns?)
}

fn document<'a>(returns: &'a SubnetReturns, args: &Args, network: &'a str, simulated: bool) -> Document<'a> {
    Document {
        network,
        simulated,
        netuid: returns.netuid,
        block_start: returns.first,
        block_end: returns.last,
        timestamp_start: returns.window.start_ms(),
        timestamp_end: returns.window.end_ms(),
        window: args.window.to_string(),
        validators: &returns.validators,
        subnet: &returns.subnet,
    }
}

fn title(returns: &SubnetReturns, args: &Args, label: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let (start, end) = (output::utc(returns.window.start_ms()), output::utc(returns.window.end_ms()));
    writeln!(
        out,
        "Subnet {}  {}: blocks {} to {}, {start} to {end}{label}",
        returns.netuid, args.window, returns.first, returns.last
    )?;
    let subnet = &returns.subnet;
    writeln!(
        out,
        "All together: APY {}, APR {}, {} of the time, {} epochs",
        percent(subnet.apy),
        percent(subnet.apr),
        percent(Some(subnet.coverage)),
        subnet.epochs
    )?;
    if subnet.short && subnet.apy.is_some() {
        writeln!(out, "Less than a day is covered: a year made of that says little.")?;
    }
    Ok(())
}

fn validators(returns: &SubnetReturns, out: &mut dyn Write) -> Result<(), CliError> {
    let draw = io::stdout().is_terminal();
    let mut header =
        vec!["UID", "Hotkey", "Stake", "Take", "APY", "APR", "Growth", "APY in TAO", "Covered", "Epochs", "Why not"];
    if draw {
        header.push("Epoch by epoch");
    }
    let rows = returns.validators.iter().map(|validator| {
        let alpha = &validator.report.alpha;
        let mut row = vec![
            validator.uid.map(|uid| uid.to_string()).unwrap_or_default(),
            output::shortened(&validator.hotkey.to_string(), 17),
            validator.stake.map(|stake| sentinel_core::chain::Rao(stake).to_string()).unwrap_or_default(),
            percent(validator.take.map(|take| f64::from(take) / 65_535.0)),
            percent(alpha.apy),
            percent(alpha.apr),
            percent(alpha.growth),
            percent(validator.report.tao.apy),
            percent(Some(alpha.coverage)),
            epochs(alpha.epochs, alpha.missing_epochs),
            alpha.reason.map(|reason| reason.to_string()).unwrap_or_default(),
        ];
        if draw {
            row.push(spark::line(&validator.by_epoch));
        }
        row
    });
    output::table(out, &header, rows)
}

fn subnets(all: &[SubnetReturns], out: &mut dyn Write) -> Result<(), CliError> {
    let header = ["Subnet", "Validators", "APY", "APR", "Growth", "Covered", "Epochs", "Best APY", "Why not"];
    let rows = all.iter().map(|returns| {
        let subnet = &returns.subnet;
        vec![
            returns.netuid.to_string(),
            returns.validators.len().to_string(),
            percent(subnet.apy),
            percent(subnet.apr),
            percent(subnet.growth),
            percent(Some(subnet.coverage)),
            epochs(subnet.epochs, subnet.missing_epochs),
            percent(returns.validators.first().and_then(|first| first.report.alpha.apy)),
            subnet.reason.map(|reason| reason.to_string()).unwrap_or_default(),
        ]
    });
    output::table(out, &header, rows)
}

fn csv(all: &[SubnetReturns], out: &mut dyn Write) -> Result<(), CliError> {
    let header = [
        "netuid",
        "block_start",
        "block_end",
        "uid",
        "hotkey",
        "take",
        "stake",
        "apy",
        "apr",
        "growth",
        "tao_apy",
        "coverage",
        "epochs",
        "missing_epochs",
        "reason",
    ];
    let rows = all.iter().flat_map(|returns| {
        returns.validators.iter().map(move |validator| {
            let alpha = &validator.report.alpha;
            let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
            vec![
                returns.netuid.to_string(),
                returns.first.to_string(),
                returns.last.to_string(),
                validator.uid.map(|uid| uid.to_string()).unwrap_or_default(),
                validator.hotkey.to_string(),
                validator.take.map(|take| take.to_string()).unwrap_or_default(),
                validator.stake.map(|stake| stake.to_string()).unwrap_or_default(),
                number(alpha.apy),
                number(alpha.apr),
                number(alpha.growth),
                number(validator.report.tao.apy),
                number(Some(alpha.coverage)),
                alpha.epochs.to_string(),
                alpha.missing_epochs.to_string(),
                alpha.reason.map(|reason| reason.to_string()).unwrap_or_default(),
            ]
        })
    });
    output::csv(out, &header, rows)
}

fn epochs(epochs: u64, missing: u64) -> String {
    if missing == 0 { epochs.to_string() } else { format!("{epochs}, {missing} missing") }
}

/// A ratio for people; nothing where there is none.
fn percent(ratio: Option<f64>) -> String {
    let Some(percent) = ratio.map(|ratio| ratio * 100.0) else { return String::new() };
    match percent.abs() {
        0.0 => "0 %".to_owned(),
        0.001..1e6 => format!("{percent:.3} %"),
        _ => format!("{percent:.3e} %"),
    }
}
