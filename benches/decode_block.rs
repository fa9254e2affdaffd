//! How fast the built-in recording decodes: index, and everything to JSON, beside the hash and a copy of the same bytes.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::TryStreamExt;
use sentinel_core::decode::{JsonOptions, JsonWriter};
use sentinel_core::source::{ArchiveSource, BlockSource, RawBlock};
use sentinel_core::storage::ObjectStorage;

fn sample() -> Vec<RawBlock> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an async runtime");
    runtime.block_on(async {
        let storage = ObjectStorage::local(path).expect("the sample is there");
        let source = ArchiveSource::open(Arc::new(storage), None).await.expect("the sample opens");
        source.finalized(1).try_collect().await.expect("the sample reads")
    })
}

fn decode(criterion: &mut Criterion) {
    let blocks = sample();
    let bytes: usize = blocks
        .iter()
        .map(|block| block.events.len() + block.extrinsics.iter().map(|bytes| bytes.len()).sum::<usize>())
        .sum();
    let mut group = criterion.benchmark_group("sample");
    group.throughput(Throughput::Bytes(bytes as u64));
    let name = |what| BenchmarkId::new(what, format!("{} blocks", blocks.len()));

    group.bench_function(name("index"), |bencher| {
        bencher.iter(|| {
            for block in &blocks {
                black_box(block.runtime.index(&block.extrinsics, &block.events).expect("it decodes"));
            }
        });
    });
    group.bench_function(name("json"), |bencher| {
        let mut writer = JsonWriter::new(JsonOptions::default());
        bencher.iter(|| {
            for block in &blocks {
                writer.clear();
                let index = block.runtime.index(&block.extrinsics, &block.events).expect("it decodes");
                index.write_json(&mut writer).expect("it decodes");
                black_box(writer.as_bytes());
            }
        });
    });
    group.bench_function(name("floor: blake2b-256"), |bencher| {
        bencher.iter(|| {
            for block in &blocks {
                for bytes in block.extrinsics.iter().chain([&block.events]) {
                    black_box(blake2b_simd::Params::new().hash_length(32).hash(bytes));
                }
            }
        });
    });
    group.bench_function(name("floor: copy"), |bencher| {
        let mut out = Vec::with_capacity(bytes);
        bencher.iter(|| {
            out.clear();
            for bytes in blocks.iter().flat_map(|block| block.extrinsics.iter().chain([&block.events])) {
                out.extend_from_slice(bytes);
            }
            black_box(&out);
        });
    });
    group.finish();
}

criterion_group! { name = benches; config = Criterion::default(); targets = decode }
criterion_main!(benches);
