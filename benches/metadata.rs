//! How fast metadata becomes a runtime that decodes, beside subxt's own parse of the same bytes.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sentinel_core::decode::Runtime;
use sentinel_support::runtimes::{FINNEY_393_V16, RAONET_218_V14, SUBTENSOR_461_V14, SUBTENSOR_461_V15};
use subxt::Metadata;

fn metadata(criterion: &mut Criterion) {
    for (name, bytes) in [
        ("218, V14", RAONET_218_V14),
        ("393, V16", FINNEY_393_V16),
        ("461, V14", SUBTENSOR_461_V14),
        ("461, V15", SUBTENSOR_461_V15),
    ] {
        let mut group = criterion.benchmark_group(format!("metadata of {name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("sentinel, ready to decode", |bencher| {
            bencher.iter(|| black_box(Runtime::from_metadata(bytes).expect("metadata")));
        });
        group.bench_function("subxt, parsed", |bencher| {
            bencher.iter(|| black_box(Metadata::decode_from(bytes).expect("metadata")))
        });
        group.finish();
    }
}

criterion_group!(benches, metadata);
criterion_main!(benches);
