//! `replay`: detectors over blocks that are there already, from a recording or a node.

use std::io::Write;
use std::sync::Arc;

use futures::StreamExt;
use sentinel_core::artifact::NetworkWord;
use sentinel_core::detect::{BlockContext, DetectError, Detector, Finding, HyperparameterChange};
use sentinel_core::source::{ArchiveSource, BlockSource, RpcOptions};
use sentinel_core::text::terminal_safe;

use crate::args::{Common, Flag};
use crate::connect;
use crate::exit::{CliError, Exit};
use crate::output::{self, Format};

/// Blocks fetched ahead.
const AHEAD: usize = 16;

/// `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// First block
    #[arg(long, value_name = "BLOCK")]
    from: u64,
    /// Last block
    #[arg(long, value_name = "BLOCK")]
    to: u64,
    /// A store that holds a recording, instead of --network: file://… or s3://…
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The recording in that store, where it holds several
    #[arg(long, value_name = "WORD", requires = "store")]
    name: Option<String>,
}

pub(crate) async fn run(common: &Common, args: &Args, out: &mut dyn Write) -> Result<Exit, CliError> {
    common.refuse(&[Flag::Block, Flag::Netuid, Flag::Mechanism, Flag::Lite], "replay")?;
    if args.from > args.to {
        return Err(CliError::Usage(format!("--from {} is after --to {}", args.from, args.to)));
    }
    let (word, source) = open(common, args).await?;
    let mut detectors: Vec<Box<dyn Detector>> = vec![Box::new(HyperparameterChange::new())];
    let mut shown = Shown::new(common.format, word.as_str());
    shown.begin(out)?;
    let fetched = futures::stream::iter(args.from..=args.to).map(|number| source.block(number.into()));
    let mut blocks = Box::pin(fetched.buffered(AHEAD));
    while let Some(block) = blocks.next().await {
        let block = block?;
        let number = block.header.header.number;
        let told = |error: DetectError| CliError::Failed(format!("block {number}: {error}"));
        let context = BlockContext::new(&*source, word.as_str(), &block).map_err(told)?;
        for detector in &mut detectors {
            shown.findings(out, detector.inspect(&context).await.map_err(told)?)?;
        }
        shown.blocks += 1;
    }
    shown.end(out)?;
    Ok(Exit::Done)
}

async fn open(common: &Common, args: &Args) -> Result<(NetworkWord, Arc<dyn BlockSource>), CliError> {
    if let Some(url) = &args.store {
        let storage = Arc::new(crate::commands::config::stores(common)?.open(url)?);
        let name = args.name.as_deref().map(str::parse).transpose()?;
        let source = ArchiveSource::open(storage, name).await?;
        return Ok((source.network().clone(), Arc::new(source)));
    }
    let (network, source) = connect::open_named(common, RpcOptions::default()).await?;
    let word = NetworkWord::of(&network, &source.identity().await?.genesis_hash);
    Ok((word, source))
}

/// What is shown of findings.
struct Shown<'n> {
    format: Format,
    network: &'n str,
    blocks: u64,
    /// Those that are shown together at the end.
    kept: Vec<Finding>,
    found: u64,
}

impl<'n> Shown<'n> {
    fn new(format: Format, network: &'n str) -> Self {
        Self { format, network, blocks: 0, kept: Vec::new(), found: 0 }
    }

    fn begin(&self, out: &mut dyn Write) -> Result<(), CliError> {
        match self.format {
            Format::Csv => output::csv(out, &["block", "detector", "severity", "netuid", "parameter", "title"], []),
            _ => Ok(()),
        }
    }

    fn findings(&mut self, out: &mut dyn Write, findings: Vec<Finding>) -> Result<(), CliError> {
        self.found += findings.len() as u64;
        match self.format {
            Format::Json => self.kept.extend(findings),
            Format::Jsonl => {
                for finding in &findings {
                    output::json_line(out, finding)?;
                }
            }
            Format::Csv => output::csv_rows(out, findings.iter().map(cells))?,
            Format::Table => {
                for finding in &findings {
                    writeln!(out, "block {}  {}", finding.block.number, terminal_safe(&finding.title))?;
                }
            }
        }
        Ok(())
    }

    fn end(&self, out: &mut dyn Write) -> Result<(), CliError> {
        match self.format {
            Format::Json => {
                let document = serde_json::json!({
                    "network": self.network,
                    "blocks": self.blocks,
                    "findings": self.kept,
                });
                output::json(out, &document)
            }
            Format::Table => Ok(writeln!(out, "{} findings in {} blocks", self.found, self.blocks)?),
            Format::Jsonl | Format::Csv => Ok(()),
        }
    }
}

fn cells(finding: &Finding) -> Vec<String> {
    let subject = &finding.subject;
    vec![
        finding.block.number.to_string(),
        finding.detector.to_owned(),
        format!("{:?}", finding.severity).to_lowercase(),
        subject.netuid.map(|netuid| netuid.to_string()).unwrap_or_default(),
        subject.parameter.clone().unwrap_or_default(),
        finding.title.clone(),
    ]
}
