//! Whatever the bytes are, the invariants of the fuzz targets hold: mutated samples and plain noise on every test run.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sentinel_core::chain::{BlockHash, BlockRef, NetUid};
use sentinel_core::decode::Runtime;
use sentinel_core::subnet::metagraph;
use sentinel_support::fuzz::seeds::seeds;
use sentinel_support::fuzz::{TARGETS, Target, runtimes};
use sentinel_support::mutations::mutate;
use sentinel_support::rng::Rng;
use sentinel_support::small_stack::on_a_small_stack;

fn target(name: &str) -> Target {
    TARGETS.iter().find(|(known, _)| *known == name).expect("a target").1
}

/// Shows the input on which a target panics, so that it can become a test of its own.
struct Shown<'i>(&'i str, &'i [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} fails on the input {}", self.0, const_hex::encode(self.1));
        }
    }
}

fn run(name: &str, input: &[u8]) {
    let shown = Shown(name, input);
    target(name)(input);
    drop(shown);
}

/// Runs a target on seeds and on mutations of them.
fn mutated(name: &'static str, count: usize, seed: u64) {
    on_a_small_stack(move || {
        let mut rng = Rng::new(seed);
        for sample in seeds(name, count / 4, seed) {
            run(name, &sample);
            for _ in 0..3 {
                let mut input = sample.clone();
                // What chooses the runtime and the type stays, mostly.
                let head = input.len().min(if rng.percent(90) { 3 } else { 0 });
                let mut rest = input.split_off(head);
                mutate(&mut rng, &mut rest);
                input.append(&mut rest);
                run(name, &input);
            }
        }
    });
}

/// Otherwise the tests below would try refusals only.
#[test]
fn seeds_are_valid() {
    let read = |target: &str, is_read: &dyn Fn(&Runtime, &[u8]) -> bool| {
        let seeds = seeds(target, 200, 3);
        let runtime = |seed: &[u8]| Arc::clone(&runtimes()[usize::from(seed[0] & 3)]);
        seeds.iter().filter(|seed| is_read(&runtime(seed), &seed[1..])).count()
    };
    let number = |bytes: &[u8]| u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    let of_type = |runtime: &Runtime, bytes: &[u8]| {
        runtime.decode(number(bytes), &bytes[2..]).is_ok_and(|decoded| decoded.to_value().is_ok())
    };
    let of_item = |runtime: &Runtime, bytes: &[u8]| {
        let mut items = runtime.pallets().iter().flat_map(|pallet| pallet.storage());
        items.nth(number(bytes) as usize).is_some_and(|item| item.value(runtime, &bytes[2..]).to_value().is_ok())
    };
    assert_eq!(read("event_records", &|runtime, bytes| runtime.events(bytes).is_ok()), 200);
    // A third of them lack their length, a third have events behind them.
    assert!(read("extrinsic", &|runtime, bytes| runtime.extrinsic(bytes).is_ok()) > 40);
    // Some types have no values, or are made up; some seeds are keys.
    assert!(read("type_by_id", &of_type) > 100 && read("storage_value", &of_item) > 100);
    let of_answer = |runtime: &Runtime, bytes: &[u8]| {
        let at = BlockRef { number: 1, hash: BlockHash::default(), parent_hash: BlockHash::default() };
        let api = metagraph::Api::ALL.get(usize::from(bytes[0]));
        api.is_some_and(|api| metagraph::decode_answer(runtime, *api, &bytes[1..], (NetUid(3), 0), &at).is_ok())
    };
    // A third are hyperparameters.
    assert!(read("subnet_answer", &of_answer) > 100);
    assert!(Runtime::from_metadata(&seeds("metadata_blob", 1, 3)[0][1..]).is_ok());
}

#[test]
fn mutated_extrinsics() {
    mutated("extrinsic", 1_200, 1);
}

#[test]
fn mutated_events() {
    mutated("event_records", 1_200, 1);
}

#[test]
fn mutated_storage_values() {
    mutated("storage_value", 2_000, 1);
}

#[test]
fn mutated_values_of_any_type() {
    mutated("type_by_id", 3_000, 1);
}

#[test]
fn mutated_answers_of_subnets() {
    mutated("subnet_answer", 2_000, 1);
}

#[test]
fn mutated_metadata() {
    mutated("metadata_blob", 100, 1);
}

#[test]
fn noise() {
    on_a_small_stack(|| noise_to_all(400));
}

fn noise_to_all(cases: u32) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    for (name, _) in TARGETS.into_iter().filter(|(name, _)| *name != "metadata_blob") {
        // Small bytes are more often a variant, a length or a boolean.
        let byte = prop_oneof![any::<u8>(), 0u8..6];
        let tried = TestRunner::new(config.clone()).run(&vec(byte, 0..160), |input| {
            run(name, &input);
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
#[ignore = "a hundred times the inputs of the tests above, with another seed: minutes"]
fn much_of_all() {
    for (name, _) in TARGETS {
        mutated(name, if name == "metadata_blob" { 4_000 } else { 100_000 }, 2);
    }
    on_a_small_stack(|| noise_to_all(20_000));
}
