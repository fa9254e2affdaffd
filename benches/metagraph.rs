//! How long a metagraph of 256 neurons takes, from the bytes of the answer to columns.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use parity_scale_codec::Encode;
use sentinel_core::chain::{BlockHash, BlockRef, NetUid};
use sentinel_core::subnet::metagraph::{Api, decode_answer};
use sentinel_support::metagraphs::MadeUp;
use sentinel_support::runtimes::{SUBTENSOR_461_V14, load, raonet_218, subtensor_461};

const AT: BlockRef = BlockRef { number: 1_000_000, hash: BlockHash([1; 32]), parent_hash: BlockHash([0; 32]) };

fn metagraph(criterion: &mut Criterion) {
    let subnet = MadeUp::new(1, 256, 1, 1);
    let selective = subnet.selective(|_| true, true);
    let neurons = subnet.neurons(false).encode();
    for (name, runtime, api, answer) in [
        ("461, all 77 fields, by the metadata", subtensor_461(), Api::SelectiveMetagraph, &selective),
        ("461, all 77 fields, by the known layout", load(SUBTENSOR_461_V14), Api::SelectiveMetagraph, &selective),
        ("218, neurons with weights and bonds", raonet_218(), Api::Neurons, &neurons),
    ] {
        let mut group = criterion.benchmark_group("metagraph of 256 neurons");
        group.throughput(Throughput::Bytes(answer.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let read = decode_answer(&runtime, api, black_box(answer), (NetUid(1), 0), &AT);
                black_box(read.expect("it decodes").expect("it exists"))
            });
        });
        if runtime.has_api(api.function()) {
            group.bench_function("461, the same answer as a tree of values", |bencher| {
                bencher.iter(|| {
                    let described = runtime.api_answer(api.function(), black_box(answer)).expect("it is described");
                    black_box(described.to_value().expect("it decodes"))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, metagraph);
criterion_main!(benches);
