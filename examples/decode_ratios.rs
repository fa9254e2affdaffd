//! How fast decoding is beside other crates and beside a hash of the same bytes, measured side by side in one run.
//!
//! Every round runs each contender once over the same 200 generated blocks of runtime 461, one after the other; what is
//! printed is the median over the rounds of time of ours over time of the other. Time that another process takes hits
//! all of them alike.
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
        look_at(&index);
    }

    /// The same, and the fields of one kind of event.
    fn stake_added(&self, block: &Block) {
        let index = self.read(block);
        look_at(&index);
        for event in index.events_matching(&self.stake_added) {
            black_box(event.event().to_value().expect("it decodes"));
        }
    }

    /// Everything as text, by a writer that begins without a memory.
    fn json(&self, blocks: &[Block], options: JsonOptions) {
        let mut writer = JsonWriter::new(options);
        for block in blocks {
            writer.clear();
            self.read(block).write_json(&mut writer).expect("it decodes");
            black_box(writer.as_bytes());
        }
    }
}

fn look_at(index: &BlockIndex<'_, '_>) {
    for (at, extrinsic) in index.extrinsics().iter().enumerate() {
        let extrinsic = extrinsic.as_ref().expect("it decodes");
        black_box((extrinsic.pallet(), extrinsic.name(), extrinsic.signer(), index.succeeded(at)));
    }
    for event in index.events() {
        black_box((event.pallet(), event.name(), event.phase()));
    }
}

#[derive(Default)]
struct Times {
    blake2b: Duration,
    index: Duration,
    filter: Duration,
    json: Duration,
    json_hashes: Duration,
    threads2: Duration,
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

fn main() {
    let corpus = Corpus::of(SUBTENSOR_461_V15, 1, 200);
    let runtime = subtensor_461();
    let ours = Ours { stake_added: runtime.event_filter(|pallet, name| (pallet, name) == STAKE_ADDED), runtime };
    let (subxt, frame_decode) = (peers::Subxt::new(SUBTENSOR_461_V15), peers::FrameDecode::new(SUBTENSOR_461_V15));
    let plain = JsonOptions::default();
    let hashes = JsonOptions { extrinsic_hashes: true, call_hashes: true, ..plain };
    eprintln!("{} blocks, {} bytes, {ROUNDS} rounds", corpus.blocks.len(), corpus.bytes());

    let mut rounds: Vec<Times> = Vec::new();
    for _ in 0..=ROUNDS {
        let each = |one: &mut dyn FnMut(&Block)| time(|| corpus.blocks.iter().for_each(one));
        let mut out = Vec::new();
        rounds.push(Times {
            blake2b: each(&mut |block| {
                black_box(peers::blake2b(block));
            }),
            index: each(&mut |block| ours.index(block)),
            filter: each(&mut |block| ours.stake_added(block)),
            json: time(|| ours.json(&corpus.blocks, plain)),
            json_hashes: time(|| ours.json(&corpus.blocks, hashes)),
            threads2: time(|| {
                let (first, second) = corpus.blocks.split_at(corpus.blocks.len() / 2);
                std::thread::scope(|scope| {
                    for half in [first, second] {
                        scope.spawn(|| ours.json(half, plain));
                    }
                });
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
    // The first round warms caches and memos.
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
        ("json, two threads", &|t| t.threads2),
        ("frame-decode, skipping", &|t| t.frame_decode),
        ("subxt to json", &|t| t.subxt_json),
    ] {
        eprintln!("{what:>36}: {:>7.0} blocks/s", per_second(of));
    }
    let ratio = |name: &str, of: &dyn Fn(&Times) -> (Duration, Duration)| {
        let value = median(&|times| {
            let (one, other) = of(times);
            one.as_secs_f64() / other.as_secs_f64()
        });
        println!("{}", serde_json::json!({ "name": name, "ratio": (value * 1e4).round() / 1e4 }));
    };
    ratio("index_vs_blake2b", &|t| (t.index, t.blake2b));
    ratio("index_vs_frame_decode", &|t| (t.index, t.frame_decode));
    ratio("json_vs_blake2b", &|t| (t.json, t.blake2b));
    ratio("json_vs_subxt_json", &|t| (t.json, t.subxt_json));
    ratio("json_hashes_vs_blake2b", &|t| (t.json_hashes, t.blake2b));
    ratio("filter_vs_index", &|t| (t.filter, t.index));
    ratio("metadata_vs_subxt", &|t| (t.metadata, t.subxt_metadata));
    ratio("threads2_vs_1", &|t| (t.json, t.threads2));
}
