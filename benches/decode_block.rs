//! How fast blocks decode: 200 generated blocks of runtime 461 and the built-in recording, beside other crates and the
//! floors, which are a hash and a copy of the same bytes.
//!
//! `--features peers` adds the types that subxt compiles for that one runtime: the fastest that a program can be which
//! knows a single runtime.

mod peers;
#[cfg(feature = "peers")]
mod static_types;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use futures::TryStreamExt;
use sentinel_core::decode::{BlockIndex, ItemFilter, JsonOptions, JsonWriter, Runtime};
use sentinel_core::source::{ArchiveSource, BlockSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::corpus::{Block, Corpus};
use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};

const STAKE_ADDED: (&str, &str) = ("SubtensorModule", "StakeAdded");

/// A block and the runtime that wrote it.
type Written = (Arc<Runtime>, Block);

fn sample() -> Vec<Written> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an async runtime");
    runtime.block_on(async {
        let storage = ObjectStorage::local(path).expect("the sample is there");
        let source = ArchiveSource::open(Arc::new(storage), None).await.expect("the sample opens");
        let blocks: Vec<_> = source.finalized(1).try_collect().await.expect("the sample reads");
        let written = blocks.into_iter().map(|block| {
            let extrinsics = block.extrinsics.iter().map(|bytes| bytes.to_vec()).collect();
            (block.runtime, Block { extrinsics, events: block.events.to_vec() })
        });
        written.collect()
    })
}

fn index<'b>((runtime, block): &'b Written) -> BlockIndex<'b, 'b> {
    runtime.index(&block.extrinsics, &block.events).expect("it decodes")
}

fn size(blocks: &[Written]) -> u64 {
    let bytes = |(_, block): &Written| block.events.len() + block.extrinsics.iter().map(Vec::len).sum::<usize>();
    blocks.iter().map(bytes).sum::<usize>() as u64
}

/// What sentinel does, and the floors.
fn ours(group: &mut BenchmarkGroup<'_, WallTime>, blocks: &[Written]) {
    group.throughput(Throughput::Bytes(size(blocks)));
    group.bench_function("index", |bencher| {
        bencher.iter(|| blocks.iter().for_each(|written| peers::look_at(&index(written))));
    });
    // A filter is made once for a runtime; here every block brings its own.
    let stake_added = |(runtime, _): &Written| runtime.event_filter(|pallet, name| (pallet, name) == STAKE_ADDED);
    let filters: Vec<ItemFilter> = blocks.iter().map(stake_added).collect();
    group.bench_function("index and the fields of StakeAdded", |bencher| {
        bencher.iter(|| {
            for (written, stake_added) in blocks.iter().zip(&filters) {
                let index = index(written);
                peers::look_at(&index);
                for event in index.events_matching(stake_added) {
                    event.fields().for_each(|field| drop(black_box(field.expect("it decodes"))));
                }
            }
        });
    });
    group.bench_function("values", |bencher| {
        bencher.iter(|| {
            for written in blocks {
                let index = index(written);
                let calls = index.extrinsics().iter().flatten().map(|extrinsic| extrinsic.call());
                for item in calls.chain(index.events().iter().map(|event| event.event())) {
                    black_box(item.to_value_ref().expect("it decodes"));
                }
            }
        });
    });
    let hashes = JsonOptions { extrinsic_hashes: true, call_hashes: true, ..JsonOptions::default() };
    for (name, options) in [("json", JsonOptions::default()), ("json with all hashes", hashes)] {
        let mut writer = JsonWriter::new(options);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for written in blocks {
                    writer.clear();
                    index(written).write_json(&mut writer).expect("it decodes");
                    black_box(writer.as_bytes());
                }
            });
        });
    }
    group.bench_function("floor: blake2b-256", |bencher| {
        bencher.iter(|| {
            for (_, block) in blocks {
                black_box(peers::blake2b(block));
            }
        });
    });
    group.bench_function("floor: copy", |bencher| {
        let mut out = Vec::with_capacity(size(blocks) as usize);
        bencher.iter(|| {
            out.clear();
            for (_, block) in blocks {
                block.extrinsics.iter().for_each(|bytes| out.extend_from_slice(bytes));
                out.extend_from_slice(&block.events);
            }
            black_box(&out);
        });
    });
}

fn generated(criterion: &mut Criterion) {
    let blocks: Vec<Written> =
        Corpus::of(SUBTENSOR_461_V15, 1, 200).blocks.into_iter().map(|block| (subtensor_461(), block)).collect();
    let mut group = criterion.benchmark_group("200 blocks of 461");
    ours(&mut group, &blocks);
    let frame_decode = peers::FrameDecode::new(SUBTENSOR_461_V15);
    group.bench_function("frame-decode, skipping", |bencher| {
        bencher.iter(|| {
            for (_, block) in &blocks {
                black_box(frame_decode.skip(block));
            }
        });
    });
    // A quarter of a second for each pass.
    group.sample_size(10);
    let subxt = peers::Subxt::new(SUBTENSOR_461_V15);
    group.bench_function("subxt, dynamic, to json", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            for (_, block) in &blocks {
                out.clear();
                subxt.json(block, &mut out);
                black_box(&out);
            }
        });
    });
    #[cfg(feature = "peers")]
    group.bench_function("subxt, types of this runtime", |bencher| {
        bencher.iter(|| blocks.iter().for_each(|(_, block)| static_types::decode(block)));
    });
    group.finish();
}

fn recorded(criterion: &mut Criterion) {
    let blocks = sample();
    let mut group = criterion.benchmark_group(format!("{} recorded blocks", blocks.len()));
    ours(&mut group, &blocks);
    group.finish();
}

criterion_group!(benches, generated, recorded);
criterion_main!(benches);
