//! `storage`: objects of a store, one by one, and the end of those that are too old.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::TryStreamExt;
use sentinel_core::storage::{
    Age, Key, ObjectInfo, ObjectStorage, PruneOptions, Pruned, PutMode, Storage, StorageExt, Stores, prune,
};
use serde::Serialize;

use crate::args::{Common, Flag};
use crate::commands::config;
use crate::exit::{CliError, Exit};
use crate::output::{self, Format};

/// What writers left behind that were killed is cleared away after a day: nobody works on one object for so long.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store: a name from the configuration, `local` (./sentinel-data), `s3` (from SENTINEL_STORAGE_S3_…), or a URL:
    /// file:///DIR, file://./DIR, s3://BUCKET/FOLDER.
    #[arg(long, global = true, env = "SENTINEL_STORE", value_name = "URL|NAME", default_value = Stores::DEFAULT)]
    store: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// The objects of the store, or those below a folder of it.
    Ls {
        /// The folder.
        folder: Option<Key>,
    },
    /// Write an object, from a file or from stdin.
    Put {
        /// Its key.
        key: Key,
        /// The file; `-` or none for stdin.
        file: Option<PathBuf>,
        /// Fail when there is such an object already.
        #[arg(long)]
        create: bool,
    },
    /// Read an object, to a file or to stdout.
    Get {
        /// Its key.
        key: Key,
        /// The file; `-` or none for stdout.
        file: Option<PathBuf>,
    },
    /// Remove objects. Those that are not there are no error.
    Rm {
        /// Their keys.
        #[arg(required = true)]
        keys: Vec<Key>,
    },
    /// Remove what is old of a dataset, and what killed writers left behind more than a day ago.
    ///
    /// Windows go oldest first, each with its manifest before its data. Those near the cursor of a job stay. It may be
    /// interrupted at any time and run again.
    Prune {
        /// The dataset, such as events, neurons or raw.
        #[arg(long)]
        dataset: String,
        /// How far a window must end before the newest block: in blocks, or in days of 7,200 blocks.
        #[arg(long, value_name = "BLOCKS|DAYSd")]
        older_than: Age,
        /// Only say what would go.
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) async fn run(common: &Common, args: &Args, out: &mut dyn Write) -> Result<Exit, CliError> {
    common.refuse(&[Flag::Block, Flag::Netuid, Flag::Mechanism, Flag::Lite], "storage")?;
    let storage = config::stores(common)?.open(args.store.trim())?;
    match &args.command {
        Command::Ls { folder } => list(common, &storage, folder.as_ref(), out).await?,
        Command::Put { key, file, create } => {
            let mode = if *create { PutMode::Create } else { PutMode::Overwrite };
            storage.put(key, read(named(file.as_deref()))?.into(), mode).await?;
        }
        Command::Get { key, file } => {
            let bytes = storage.read(key).await?;
            match named(file.as_deref()) {
                None => out.write_all(&bytes)?,
                Some(file) => std::fs::write(file, &bytes).map_err(|source| cannot("write", file, source))?,
            }
        }
        Command::Rm { keys } => {
            for key in keys {
                storage.delete(key).await?;
            }
        }
        Command::Prune { dataset, older_than, dry_run } => {
            let options =
                PruneOptions { dataset: dataset.clone(), older_than: *older_than, network: None, dry_run: *dry_run };
            return remove_old(common, &storage, &options, out).await;
        }
    }
    Ok(Exit::Done)
}

/// The file, unless it is the dash that stands for the terminal.
fn named(file: Option<&Path>) -> Option<&Path> {
    file.filter(|file| file.as_os_str() != "-")
}

fn read(file: Option<&Path>) -> Result<Vec<u8>, CliError> {
    match file {
        Some(file) => std::fs::read(file).map_err(|source| cannot("read", file, source)),
        None => {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|source| CliError::File { what: "cannot read stdin".to_owned(), source })?;
            Ok(bytes)
        }
    }
}

fn cannot(verb: &str, file: &Path, source: io::Error) -> CliError {
    CliError::File { what: format!("cannot {verb} {}", file.display()), source }
}

#[derive(Serialize)]
struct Line<'a> {
    key: &'a Key,
    size: u64,
}

impl<'a> From<&'a ObjectInfo> for Line<'a> {
    fn from(object: &'a ObjectInfo) -> Self {
        Self { key: &object.key, size: object.size }
    }
}

async fn list(
    common: &Common,
    storage: &ObjectStorage,
    folder: Option<&Key>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let objects: Vec<ObjectInfo> = storage.list(folder).try_collect().await?;
    let cells = || objects.iter().map(|object| vec![object.key.to_string(), object.size.to_string()]);
    match common.format {
        Format::Json => output::document(out, common, &objects.iter().map(Line::from).collect::<Vec<_>>()),
        Format::Jsonl => objects.iter().try_for_each(|object| output::document_line(out, common, &Line::from(object))),
        Format::Csv => output::csv(out, &["key", "size"], cells()),
        Format::Table => output::table(out, &["key", "size"], cells()),
    }
}

#[derive(Serialize)]
struct Report<'a> {
    dataset: &'a str,
    older_than_blocks: u64,
    dry_run: bool,
    #[serde(flatten)]
    pruned: Pruned,
    /// What killed writers had left behind; none in a dry run, or where it could not be found out.
    swept: Option<u64>,
}

async fn remove_old(
    common: &Common,
    storage: &ObjectStorage,
    options: &PruneOptions,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let quiet = common.quiet;
    let mut progress = |pruned: &Pruned| {
        if !quiet {
            // Progress that cannot be shown is no reason to stop.
            let _ = writeln!(io::stderr().lock(), "{} windows, {} objects", pruned.windows, pruned.objects);
        }
        ControlFlow::Continue(())
    };
    let pruned = prune(storage, options, &mut progress).await?;
    let swept = match options.dry_run {
        true => None,
        // Not what was asked for, and perhaps not allowed: what was pruned is to be told all the same.
        false => match storage.sweep(LEFT_BEHIND).await {
            Ok(swept) => Some(swept),
            Err(error) => {
                tracing::warn!("what killed writers left behind is still there: {}", CliError::from(error).line());
                None
            }
        },
    };
    let (dataset, older_than_blocks) = (options.dataset.as_str(), options.older_than.blocks);
    let report = Report { dataset, older_than_blocks, dry_run: options.dry_run, pruned, swept };
    match common.format {
        Format::Json => output::document(out, common, &report)?,
        Format::Jsonl => output::document_line(out, common, &report)?,
        Format::Csv | Format::Table => {
            let header = ["windows", "objects", "bytes", "manifests", "kept", "swept"];
            let numbers = [pruned.windows, pruned.objects, pruned.bytes, pruned.manifests, pruned.kept];
            let mut row = numbers.map(|number| number.to_string()).to_vec();
            row.push(swept.map(|swept| swept.to_string()).unwrap_or_default());
            let row = [row];
            match common.format {
                Format::Csv => output::csv(out, &header, row)?,
                _ => output::table(out, &header, row)?,
            }
        }
    }
    Ok(Exit::Done)
}
