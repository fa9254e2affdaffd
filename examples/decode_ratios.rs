//! How fast decoding is beside other crates and beside a hash of the same bytes, measured side by side in one run.
//!
//! Every round runs each contender over the same 200 generated blocks of runtime 461, one after the other; what is printed
//! is the median over the rounds of time of ours over time of the other. Time that another process takes hits all of them
//! alike. The first round warms caches and the memory of writers, and is left out; a writer is kept for all blocks, as a
//! service would.
//!
//!     cargo run --release --example decode_ratios

#[path = "../benches/peers.rs"]
mod peers;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_core::decode::{BlockIndex, ItemFilter, JsonOptions, JsonWriter, Runtime};
use sentinel_support::corpus::{Block, Corpus};
use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};

const ROUNDS: usize = 15;
/// Passes over the blocks where threads are compared: enough of them that waking an idle core is not what is measured.
const PASSES: usize = 40;
const STAKE_ADDED: (&str, &str) = ("SubtensorModule", "StakeAdded");

/// What sentinel does with a block.
struct Ours {
    runtime: Arc<Runtime>,
    stake_added: ItemFilter,
}

impl Ours {
    fn read<'b>(&self, block: &'b Block) -> BlockIndex<'_, 'b> {
        self.runtime.index(&block.extrinsics, &block.events).expect("it decodes")
    }

    /// Boundaries, names, signer and status of everything.
    fn index(&self, block: &Block) {
        let index = self.read(block);
        peers::look_at(&index);
    }

    /// The same, and the fields of one kind of event.
    fn stake_added(&self, block: &Block) {
        let index = self.read(block);
        peers::look_at(&index);
        for event in index.events_matching(&self.stake_added) {
            event.fields().for_each(|field| drop(black_box(field.expect("it decodes"))));
        }
    }

    /// Everything as text.
    fn json(&self, block: &Block, writer: &mut JsonWriter) {
        writer.clear();
        self.read(block).write_json(writer).expect("it decodes");
        black_box(writer.as_bytes());
    }
}

struct Times {
    blake2b: Duration,
    index: Duration,
    filter: Duration,
    json: Duration,
    json_hashes: Duration,
    long_index: Duration,
    long_index2: Duration,
    long_json: Duration,
    long_json2: Duration,
    frame_decode: Duration,
    subxt_json: Duration,
    metadata: Duration,
    subxt_metadata: Duration,
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Half of the blocks on each of two threads, several times over.
fn two_threads(
    blocks: &[Block],
    passes: usize,
    work: impl Fn(&mut JsonWriter, &Block) + Sync,
    of: &mut [JsonWriter; 2],
) {
    let (first, second) = blocks.split_at(blocks.len() / 2);
    std::thread::scope(|scope| {
        for (half, writer) in [first, second].into_iter().zip(of) {
            let work = &work;
            scope.spawn(move || (0..passes).for_each(|_| half.iter().for_each(|block| work(writer, block))));
        }
    });
}

fn main() {
    let corpus = Corpus::of(SUBTENSOR_461_V15, 1, 200);
    let runtime = subtensor_461();
    let ours = Ours { stake_added: runtime.event_filter(|pallet, name| (pallet, name) == STAKE_ADDED), runtime };
    let (subxt, frame_decode) = (peers::Subxt::new(SUBTENSOR_461_V15), peers::FrameDecode::new(SUBTENSOR_461_V15));
    let plain = JsonOptions::default();
    let mut writer = JsonWriter::new(plain);
    let mut hashing = JsonWriter::new(JsonOptions { extrinsic_hashes: true, call_hashes: true, ..plain });
    let mut pair = [JsonWriter::new(plain), JsonWriter::new(plain)];
    eprintln!("{} blocks, {} bytes, {ROUNDS} rounds", corpus.blocks.len(), corpus.bytes());

    let mut rounds: Vec<Times> = Vec::new();
    for _ in 0..=ROUNDS {
        // A pass that is not measured comes first: what the one before left in the caches should favour nobody.
        let each = |one: &mut dyn FnMut(&Block)| {
            corpus.blocks.iter().for_each(&mut *one);
            time(|| corpus.blocks.iter().for_each(one))
        };
        let mut out = Vec::new();
        rounds.push(Times {
            blake2b: each(&mut |block| {
                black_box(peers::blake2b(block));
            }),
            index: each(&mut |block| ours.index(block)),
            filter: each(&mut |block| ours.stake_added(block)),
            json: each(&mut |block| ours.json(block, &mut writer)),
            json_hashes: each(&mut |block| ours.json(block, &mut hashing)),
            long_index: time(|| (0..PASSES).for_each(|_| corpus.blocks.iter().for_each(|block| ours.index(block)))),
            long_index2: time(|| two_threads(&corpus.blocks, PASSES, |_, block| ours.index(block), &mut pair)),
            long_json: time(|| {
                (0..PASSES).for_each(|_| corpus.blocks.iter().for_each(|block| ours.json(block, &mut writer)));
            }),
            long_json2: time(|| {
                two_threads(&corpus.blocks, PASSES, |writer, block| ours.json(block, writer), &mut pair);
            }),
            frame_decode: each(&mut |block| {
                black_box(frame_decode.skip(block));
            }),
            subxt_json: each(&mut |block| {
                out.clear();
                subxt.json(block, &mut out);
            }),
            metadata: time(|| drop(black_box(Runtime::from_metadata(SUBTENSOR_461_V15)))),
            subxt_metadata: time(|| drop(black_box(peers::parse_metadata(SUBTENSOR_461_V15)))),
        });
    }
    rounds.remove(0);
    let median = |of: &dyn Fn(&Times) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let per_second = |of: &dyn Fn(&Times) -> Duration| {
        let seconds = median(&|times| of(times).as_secs_f64());
        corpus.blocks.len() as f64 / seconds
    };
    for (what, of) in [
        ("blake2b-256", &(|t: &Times| t.blake2b) as &dyn Fn(&Times) -> Duration),
        ("index", &|t| t.index),
        ("index and the fields of StakeAdded", &|t| t.filter),
        ("json", &|t| t.json),
        ("json with hashes", &|t| t.json_hashes),
        ("index, two threads", &|t| t.long_index2 / PASSES as u32),
        ("json, two threads", &|t| t.long_json2 / PASSES as u32),
        ("frame-decode, skipping", &|t| t.frame_decode),
        ("subxt to json", &|t| t.subxt_json),
    ] {
        eprintln!("{what:>36}: {:>7.0} blocks/s", per_second(of));
    }
    let ratio = |of: &dyn Fn(&Times) -> (Duration, Duration)| {
        median(&|times| {
            let (one, other) = of(times);
            one.as_secs_f64() / other.as_secs_f64()
        })
    };
    // Of the two speed-ups, the smaller one.
    let threads = ratio(&|t| (t.long_index, t.long_index2)).min(ratio(&|t| (t.long_json, t.long_json2)));
    for (name, value) in [
        ("index_vs_blake2b", ratio(&|t| (t.index, t.blake2b))),
        ("index_vs_frame_decode", ratio(&|t| (t.index, t.frame_decode))),
        ("json_vs_blake2b", ratio(&|t| (t.json, t.blake2b))),
        ("json_vs_subxt_json", ratio(&|t| (t.json, t.subxt_json))),
        ("json_hashes_vs_blake2b", ratio(&|t| (t.json_hashes, t.blake2b))),
        ("filter_vs_index", ratio(&|t| (t.filter, t.index))),
        ("metadata_vs_subxt", ratio(&|t| (t.metadata, t.subxt_metadata))),
        ("threads2_vs_1", threads),
    ] {
        println!("{}", serde_json::json!({ "name": name, "ratio": (value * 1e4).round() / 1e4 }));
    }
}
