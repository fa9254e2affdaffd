//! What it costs to analyse a recording again: beside reading its files alone, and beside the analysis alone.
//!
//! Blocks as the main network makes them (runtime 461, 39 extrinsics and 249 events each) are recorded into a folder. The
//! analysis finds the boundaries of everything in a block and decodes one kind of event, `StakeAdded`. Three things are timed in
//! every round, each with as many threads as there are cores: the bare Parquet reader over every column of the files; the
//! analysis of blocks that are in memory; and the analysis of the recording, through `ArchiveSource`.
//!
//!     cargo run --release --example reanalyse -- [BLOCKS [ROUNDS]]   # 10,000 blocks, 21 rounds

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sentinel_core::artifact::NetworkWord;
use sentinel_core::artifact::raw::StateScan;
use sentinel_core::decode::Runtime;
use sentinel_core::engine::{RecordOptions, record};
use sentinel_core::source::{ArchiveSource, BlockSource, MemoryBlock, MemorySource, RawBlock};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::corpus::Corpus;
use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Blocks that are made. They are recorded again and again, and the analysis alone goes over them again and again; each
/// window is a file of its own, so that nothing is packed the better for it.
const IN_MEMORY: usize = 1_000;

#[tokio::main]
async fn main() -> Outcome {
    let mut args = std::env::args().skip(1);
    let blocks: u64 = args.next().map_or(Ok(10_000), |blocks| blocks.parse())?;
    let rounds: usize = args.next().map_or(Ok(21), |rounds| rounds.parse())?;
    if blocks == 0 || !blocks.is_multiple_of(IN_MEMORY as u64) {
        return Err(format!("{blocks} blocks: a multiple of {IN_MEMORY} is needed").into());
    }
    let threads = std::thread::available_parallelism()?.get();
    let folder = tempfile::tempdir()?;
    let runtime = subtensor_461();
    let (made, bytes) = make(&runtime, blocks, folder.path()).await?;
    let files = files(&folder.path().join("corpus/raw"))?;
    let packed: u64 = files.iter().map(|file| std::fs::metadata(file).map_or(0, |meta| meta.len())).sum();
    let say = |figure: serde_json::Value| println!("{figure}");
    say(serde_json::json!({
        "blocks": blocks, "threads": threads, "block_bytes": bytes, "recorded_bytes": packed, "files": files.len(),
    }));
    let (mut reads, mut passes, mut both, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // The first round warms caches.
    for round in 0..=rounds {
        let read = read_alone(&files, threads).await?;
        let (pass, expected) = pass_alone(&made, blocks, threads).await?;
        let (analysed, found) = analyse(folder.path(), blocks, threads).await?;
        if found != expected {
            return Err(format!("{found} fields were found in the recording, and {expected} in memory").into());
        }
        if round > 0 {
            ratios.push(analysed.as_secs_f64() / (read + pass).as_secs_f64());
            reads.push(read);
            passes.push(pass);
            both.push(analysed);
        }
    }
    for (figure, times) in [("read_alone", reads), ("pass_alone", passes), ("analysed", both)] {
        let took = median(times);
        say(serde_json::json!({
            "figure": figure,
            "seconds": took.as_secs_f64(),
            "blocks_per_second": (blocks as f64 / took.as_secs_f64()) as u64,
        }));
    }
    say(serde_json::json!({ "figure": "ratio", "analysed_over_read_and_pass": median(ratios), "wanted": 1.5 }));
    Ok(())
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
    values[values.len() / 2]
}

/// Records generated blocks; gives some of them, and the bytes of all.
async fn make(runtime: &Arc<Runtime>, blocks: u64, folder: &Path) -> Outcome<(Arc<Vec<RawBlock>>, u64)> {
    let storage = ObjectStorage::local(folder)?;
    let network: NetworkWord = "corpus".parse()?;
    let options = RecordOptions {
        scan: StateScan::FirstBlock,
        prefixes: Vec::new(),
        keys: Vec::new(),
        subnet_items: Vec::new(),
        subnet_calls: Vec::new(),
        strip_docs: true,
    };
    let chain = MemorySource::new("corpus", Arc::clone(runtime));
    let corpus = Corpus::of(SUBTENSOR_461_V15, 1, IN_MEMORY);
    let repeated = corpus.blocks.iter().map(|block| MemoryBlock {
        extrinsics: block.extrinsics.iter().map(|one| Bytes::copy_from_slice(one)).collect(),
        events: Bytes::copy_from_slice(&block.events),
        ..MemoryBlock::default()
    });
    let repeated: Vec<MemoryBlock> = repeated.collect();
    for block in repeated.iter().cycle().take(usize::try_from(blocks)?) {
        chain.push(block.clone());
    }
    record(&chain, 1..=blocks, &options, &network, &storage, &mut |_| {}).await?;
    let mut made = Vec::new();
    for number in 1..=IN_MEMORY as u64 {
        made.push(chain.block(number.into()).await?);
    }
    Ok((Arc::new(made), corpus.bytes() as u64 * (blocks / IN_MEMORY as u64)))
}

/// Every Parquet file below a folder.
fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

async fn read_alone(files: &[PathBuf], threads: usize) -> Outcome<Duration> {
    let began = Instant::now();
    stream::iter(files.to_vec())
        .map(|file| async move {
            tokio::task::spawn_blocking(move || -> Outcome {
                let bytes = Bytes::from(std::fs::read(file)?);
                for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(64).build()? {
                    black_box(batch?);
                }
                Ok(())
            })
            .await?
        })
        .buffered(threads)
        .try_for_each(|()| async { Ok(()) })
        .await?;
    Ok(began.elapsed())
}

/// Boundaries of everything, and the fields of some events.
fn pass(blocks: &[RawBlock]) -> Outcome<u64> {
    let Some(first) = blocks.first() else { return Ok(0) };
    let filter = first.runtime.event_filter(|pallet, event| (pallet, event) == ("SubtensorModule", "StakeAdded"));
    let mut fields = 0;
    for block in blocks {
        let index = block.runtime.index(&block.extrinsics, &block.events)?;
        black_box(index.extrinsics().len());
        for event in index.events_matching(&filter) {
            for field in event.fields() {
                black_box(field?);
                fields += 1;
            }
        }
    }
    Ok(fields)
}

async fn pass_alone(made: &Arc<Vec<RawBlock>>, blocks: u64, threads: usize) -> Outcome<(Duration, u64)> {
    let began = Instant::now();
    let passes = stream::iter(0..blocks / made.len() as u64).map(|_| {
        let made = Arc::clone(made);
        async move { tokio::task::spawn_blocking(move || pass(&made)).await? }
    });
    let found: u64 = passes.buffered(threads).try_fold(0, |sum, found| async move { Ok(sum + found) }).await?;
    Ok((began.elapsed(), found))
}

async fn analyse(folder: &Path, blocks: u64, threads: usize) -> Outcome<(Duration, u64)> {
    let began = Instant::now();
    let recording = ArchiveSource::open(Arc::new(ObjectStorage::local(folder)?), None).await?;
    let passes = recording
        .by_window(1..=blocks)
        .map(|blocks| async move { tokio::task::spawn_blocking(move || pass(&blocks?)).await? });
    let found: u64 = passes.buffered(threads).try_fold(0, |sum, found| async move { Ok(sum + found) }).await?;
    Ok((began.elapsed(), found))
}
