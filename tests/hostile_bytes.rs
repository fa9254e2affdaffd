//! Bytes made to exhaust memory or stack are read or refused, in a process that has little of either.
//!
//! Each input is read in a child process with 1 GiB of address space, on a thread with 2 MiB of stack: what would end the
//! process ends the child, and the test sees it. The control shows that it would: a decoder without a guard dies of
//! two of the inputs.

#[path = "hostile_bytes/ask.rs"]
mod ask;
#[path = "hostile_bytes/cases.rs"]
mod cases;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use ask::What;
use cases::{Case, nested_sudo};
use parity_scale_codec::{Compact, Encode};
use scale_info::TypeDefPrimitive;
use sentinel_support::child::{self, Ended, measured};
use sentinel_support::extra_types::ExtraTypes;
use sentinel_support::registry::Registry;
use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};
use sentinel_support::small_stack::on_a_small_stack;

/// Most memory that one input may take beyond the input itself, in KiB.
const MOST_MEMORY: u64 = 64 << 10;

#[test]
fn hostile_bytes_are_read_or_refused_with_little_memory() {
    let cases = cases::cases();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    assert_eq!(cases.iter().map(|case| case.name).collect::<BTreeSet<_>>().len(), cases.len(), "names are unique");
    let names = Mutex::new(cases.iter().map(|case| case.name).collect::<Vec<_>>());
    let took = Mutex::new(Vec::new());
    // A child waits for the disk as much as for the processor.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(name) = { names.lock().expect("nobody panics with the lock").pop() } {
                    let ended = child::run("read_one_in_a_child", name).expect("a child starts");
                    assert!(ended.status.success(), "{name}: {}\n{}", ended.status, ended.output);
                    let figures = ended.figures.expect("a child that ends well tells what it took");
                    assert!(figures.peak.is_none_or(|peak| peak <= MOST_MEMORY), "{name}: {figures:?}");
                    took.lock().expect("nobody panics with the lock").push((name, figures));
                }
            });
        }
    });
    let took = took.into_inner().expect("nobody panicked");
    assert_eq!(took.len(), cases.len());
    let slowest = took.iter().max_by_key(|(_, figures)| figures.time).expect("cases");
    let largest = took.iter().max_by_key(|(_, figures)| figures.peak).expect("cases");
    println!("{} inputs, the slowest in {:?}: {}", took.len(), slowest.1.time, slowest.0);
    println!("the most memory {:?} KiB: {}", largest.1.peak, largest.0);
}

#[test]
#[ignore = "run by the test above, for one input in a process of its own"]
fn read_one_in_a_child() {
    let Some(name) = child::task() else { return };
    let case = cases::cases().into_iter().find(|case| case.name == name).expect("a case of that name");
    let runtime = case.runtime();
    // Only what reads the input is on that thread: it gets memory of its own, and none that was used before.
    on_a_small_stack(move || {
        let Case { what, bytes, read, .. } = case;
        assert_eq!(measured(|| what.is_read(&runtime, &bytes)), read, "read is {}, expected the other", !read);
    });
}

/// The two inputs that end a decoder without a guard: four bytes, and less than five kilobytes.
const BOMBS: [&str; 2] = ["length", "nesting"];

/// The bomb as bytes, and its type in the registry that these types are of.
fn bomb(name: &str) -> (ExtraTypes, Registry, u32, Vec<u8>) {
    let registry = Registry::of(SUBTENSOR_461_V15);
    let mut types = ExtraTypes::new();
    let byte = types.add("", TypeDefPrimitive::U8);
    let list = types.list(byte);
    match name {
        "length" => (types, registry, list, Compact((1u32 << 30) - 1).encode()),
        _ => {
            let call = registry.call;
            (types, registry, call, nested_sudo(2_000))
        }
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux is known to refuse memory that nobody has")]
fn a_decoder_without_a_guard_dies_of_them() {
    for name in BOMBS {
        let unguarded = child::run("unguarded_in_a_child", name).expect("a child starts");
        assert!(died(&unguarded), "{name}: {}\n{}", unguarded.status, unguarded.output);
        let guarded = child::run("guarded_in_a_child", name).expect("a child starts");
        assert!(guarded.status.success(), "{name}: {}\n{}", guarded.status, guarded.output);
    }
}

/// Whether a signal ended it, which nothing in the process could have caught.
fn died(ended: &Ended) -> bool {
    // A child that panics has an exit code, and one that comes to its end has figures.
    ended.status.code().is_none() && ended.figures.is_none()
}

#[test]
#[ignore = "run by the test above, which expects it to die"]
fn unguarded_in_a_child() {
    let Some(name) = child::task() else { return };
    let (types, registry, id, bytes) = bomb(&name);
    on_a_small_stack(move || {
        let types = if name == "length" { types.registry() } else { &registry.types };
        let result = measured(|| scale_value::scale::decode_as_type(&mut &bytes[..], id, types).is_ok());
        println!("it came to its end: {result}");
    });
}

#[test]
#[ignore = "run by the test above it, as the counterpart"]
fn guarded_in_a_child() {
    let Some(name) = child::task() else { return };
    let (types, _, id, bytes) = bomb(&name);
    let runtime = if name == "length" { types.runtime() } else { subtensor_461() };
    on_a_small_stack(move || {
        assert!(!measured(|| What::Type(id).is_read(&runtime, &bytes)), "a bomb is refused");
    });
}

/// Values count by what they take in a tree: that of a million events would be more than 1 GiB.
#[test]
fn a_million_events_become_one_value_or_are_refused() {
    let ended = child::run("a_million_events_in_a_child", "").expect("a child starts");
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.output);
}

#[test]
#[ignore = "run by the test above, which must not see it die"]
fn a_million_events_in_a_child() {
    if child::task().is_none() {
        return;
    }
    let runtime = subtensor_461();
    let bytes = cases::shortest_events(1_000_000);
    on_a_small_stack(move || {
        let item = runtime.storage_item("System", "Events").expect("every runtime has events");
        // Refused or read: either is well.
        println!("read: {}", measured(|| item.value(&runtime, &bytes).to_value().is_ok()));
    });
}

#[test]
#[ignore = "the figures of every input, one by one: half a minute"]
fn what_each_input_takes() {
    let mut slowest = Duration::ZERO;
    for case in cases::cases() {
        let ended = child::run("read_one_in_a_child", case.name).expect("a child starts");
        let figures = ended.figures.expect("a child that ends well tells what it took");
        slowest = slowest.max(figures.time);
        println!("{:>9} µs {:>7} KiB  {}", figures.time.as_micros(), figures.peak.unwrap_or_default(), case.name);
    }
    println!("slowest: {slowest:?}");
}
