//! How fast blocks become rows, parts and files: a window of 1,000 generated blocks of runtime 461, on one thread.
//!
//! Each has 39 extrinsics and 249 events. Every line is the fastest of some rounds.
//!
//!     cargo run --release --example dataset_rates

use std::hint::black_box;
use std::time::{Duration, Instant};

use sentinel_core::artifact::NetworkWord;
use sentinel_core::artifact::datasets::{BlockReader, Dataset, EventRow, Window};
use sentinel_core::artifact::part::{Part, PartBuilder};
use sentinel_core::artifact::window::{Outputs, SealedArtifact, WindowBuilder, WindowManifest};
use sentinel_core::chain::{BlockHash, Header};
use sentinel_core::source::{ChainIdentity, HashedHeader, RawBlock};
use sentinel_core::storage::{Key, ObjectStorage};
use sentinel_support::corpus::Corpus;
use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};

const ROUNDS: usize = 5;
const BLOCKS: u64 = 1_000;
const DATASETS: [Dataset; 3] = [Dataset::Blocks, Dataset::Extrinsics, Dataset::Events];

type Failure = Box<dyn std::error::Error>;

fn blocks() -> Vec<RawBlock> {
    let (runtime, corpus) = (subtensor_461(), Corpus::of(SUBTENSOR_461_V15, 1, 200));
    let mut parent_hash = BlockHash::default();
    let block = |number: u64| {
        let block = &corpus.blocks[number as usize % corpus.blocks.len()];
        let header = Header { parent_hash, number, state_root: [0; 32], extrinsics_root: [0; 32], digest: Vec::new() };
        parent_hash = header.hash();
        RawBlock {
            header: HashedHeader { hash: parent_hash, header },
            extrinsics: block.extrinsics.iter().map(|bytes| bytes.clone().into()).collect(),
            events: block.events.clone().into(),
            timestamp_ms: Some(1_700_000_000_000 + number * 12_000),
            runtime: runtime.clone(),
        }
    };
    (0..BLOCKS).map(block).collect()
}

/// The fastest of some rounds, and what the last one gave.
fn fastest<T>(mut work: impl FnMut() -> Result<T, Failure>) -> Result<(Duration, T), Failure> {
    let mut timed = || -> Result<(Duration, T), Failure> {
        let start = Instant::now();
        let made = work()?;
        Ok((start.elapsed(), made))
    };
    let mut best = timed()?;
    for _ in 1..ROUNDS {
        let (time, made) = timed()?;
        best = (best.0.min(time), made);
    }
    Ok(best)
}

fn line(what: &str, time: Duration, bytes: usize) {
    let seconds = time.as_secs_f64();
    let rate = BLOCKS as f64 / seconds;
    println!("{what:<36} {seconds:>8.3} s {rate:>9.0} blocks/s {:>8.1} MB", bytes as f64 / 1e6);
}

fn parts(blocks: &[RawBlock], each: usize) -> Result<Vec<Part>, Failure> {
    let mut reader = BlockReader::new(DATASETS);
    let mut parts = Vec::new();
    for blocks in blocks.chunks(each) {
        let mut part = PartBuilder::new();
        for block in blocks {
            part.begin(block.reference())?;
            part.block_rows(reader.read(block)?)?;
        }
        parts.push(part.finish()?);
    }
    Ok(parts)
}

fn seal(parts: &[Part], outputs: &Outputs) -> Result<SealedArtifact, Failure> {
    let identity = ChainIdentity { genesis_hash: BlockHash::default(), chain: "Generated".to_owned() };
    let network: NetworkWord = "local".parse()?;
    let window = Window::new(0, BLOCKS - 1).ok_or("a window")?;
    let mut builder = WindowBuilder::new(&network, &identity, outputs, window);
    parts.iter().for_each(|part| builder.add(part.clone()));
    Ok(builder.seal()?)
}

fn main() -> Result<(), Failure> {
    let blocks = blocks();
    let raw =
        blocks.iter().map(|block| block.events.len() + block.extrinsics.iter().map(|bytes| bytes.len()).sum::<usize>());
    let raw: usize = raw.sum();
    let mut reader = BlockReader::new(DATASETS);
    let (time, _) = fastest(|| {
        for block in &blocks {
            black_box(reader.read(block)?);
        }
        Ok(())
    })?;
    line("rows", time, raw);
    let key = Key::new("local/part")?;
    for each in [1, 10, 100] {
        let (time, made) = fastest(|| parts(&blocks, each))?;
        let encoded = made.iter().map(Part::encode).collect::<Result<Vec<_>, _>>()?;
        let size = encoded.iter().map(bytes::Bytes::len).sum();
        line(&format!("rows, and parts of {each}"), time, size);
        let (time, _) = fastest(|| {
            Ok(encoded.iter().map(|bytes| Part::decode(&key, bytes.clone())).collect::<Result<Vec<_>, _>>()?)
        })?;
        line(&format!("parts of {each} read"), time, size);
        let (time, sealed) = fastest(|| seal(&made, &Outputs::new(DATASETS)))?;
        line(&format!("a window of parts of {each}"), time, sealed.size() as usize);
    }
    let made = parts(&blocks, 50)?;
    for dataset in DATASETS {
        let (time, sealed) = fastest(|| seal(&made, &Outputs::new([dataset])))?;
        line(&format!("a window of {dataset} alone"), time, sealed.size() as usize);
    }
    let (time, sealed) = fastest(|| seal(&made, &Outputs::new(DATASETS).with_jsonl(true)))?;
    line("a window, and JSON lines", time, sealed.size() as usize);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let storage = ObjectStorage::memory();
    let outputs = Outputs::new(DATASETS);
    runtime.block_on(sealed.store(&storage))?;
    runtime.block_on(seal(&made, &outputs)?.store(&storage))?;
    let (time, rows) = fastest(|| {
        let (network, window) = ("local".parse()?, Window::new(0, BLOCKS - 1).ok_or("a window")?);
        runtime.block_on(async {
            let manifest = WindowManifest::load(&storage, &network, &outputs, window).await?.ok_or("a manifest")?;
            Ok(manifest.rows::<EventRow>(&storage).await?)
        })
    })?;
    line("its events read", time, 0);
    println!("{} events", rows.len());
    Ok(())
}
