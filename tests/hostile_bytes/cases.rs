//! The table of hostile inputs.

use std::sync::Arc;

use parity_scale_codec::{Compact, Encode};
use scale_info::TypeDefPrimitive as P;
use sentinel_core::decode::Runtime;
use sentinel_support::extra_types::ExtraTypes;
use sentinel_support::extrinsics::{self, Signed, bare, general, id, record, signed, vector, with_length};
use sentinel_support::registry::Registry;
use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};

use super::ask::What;

/// One hostile input.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    made_up: Option<Arc<ExtraTypes>>,
    pub(crate) what: What,
    pub(crate) bytes: Vec<u8>,
    /// Whether it is one that must be read: the largest or deepest that is allowed, say.
    pub(crate) read: bool,
}

impl Case {
    /// The runtime that reads it.
    pub(crate) fn runtime(&self) -> Arc<Runtime> {
        self.made_up.as_ref().map_or_else(subtensor_461, |types| types.runtime())
    }
}

/// All hostile inputs.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    lengths_and_numbers(&mut cases);
    nesting(&mut cases);
    let registry = Registry::of(SUBTENSOR_461_V15);
    calls(&mut cases, &registry);
    envelopes(&mut cases, &registry);
    event_lists(&mut cases, &registry);
    metadata(&mut cases);
    cases
}

/// Length prefixes of 2^30 - 1, the most that four bytes announce, and of 2^32 - 1.
const MANY: [u8; 4] = [0xfe, 0xff, 0xff, 0xff];
const MOST: [u8; 5] = [0x03, 0xff, 0xff, 0xff, 0xff];
const MEBIBYTE: usize = 1 << 20;

/// Cases of types that no runtime has.
fn with_types(
    cases: &mut Vec<Case>,
    types: ExtraTypes,
    table: impl IntoIterator<Item = (&'static str, u32, Vec<u8>, bool)>,
) {
    let types = Arc::new(types);
    cases.extend(table.into_iter().map(|(name, id, bytes, read)| Case {
        name,
        made_up: Some(Arc::clone(&types)),
        what: What::Type(id),
        bytes,
        read,
    }));
}

fn lengths_and_numbers(cases: &mut Vec<Case>) {
    let mut types = ExtraTypes::new();
    let [u8, u32, u64, u128, str] = [P::U8, P::U32, P::U64, P::U128, P::Str].map(|kind| types.add("", kind));
    let unit = types.tuple(&[]);
    let empty = types.record("Empty", &[]);
    let nothing = types.array(u32, 0);
    let [bytes, words, units, empties, nothings] = [u8, u64, unit, empty, nothing].map(|id| types.list(id));
    let lists_of_units = types.list(units);
    let [row, much] = [4096, u32::MAX].map(|len| types.array(unit, len));
    let (square, wide) = (types.array(row, 4096), types.array(u64, u32::MAX));
    let (pair, hollow) = (types.tuple(&[u8, str]), types.tuple(&[unit, unit]));
    let [pairs, hollows] = [pair, hollow].map(|id| types.list(id));
    let [map, hollow_map] = [pairs, hollows].map(|id| types.record("BTreeMap", &[("", id)]));
    let [bits, wide_bits] = [P::U8, P::U64].map(|word| types.bits(word, "Lsb0"));
    let [of_u8, of_u32, of_u64, of_u128] = [u8, u32, u64, u128].map(|id| types.compact(id));
    let choice = types.choice("Choice", &[("WithoutFields", &[]), ("With", &[("field", u8)])]);
    let choices = types.list(choice);
    let with = |len: usize, content: &[u8]| [Compact(len as u32).encode(), content.to_vec()].concat();
    with_types(
        cases,
        types,
        [
            ("2^30-1 bytes announced, none there", bytes, MANY.to_vec(), false),
            ("2^32-1 bytes announced, none there", bytes, MOST.to_vec(), false),
            ("2^30-1 words announced, none there", words, MANY.to_vec(), false),
            ("2^30-1 words announced, a mebibyte there", words, [&MANY[..], &vec![0; MEBIBYTE]].concat(), false),
            ("a text of 2^30-1 bytes announced", str, MANY.to_vec(), false),
            ("2^30-1 units", units, MANY.to_vec(), false),
            ("20,000,000 units", units, with(20_000_000, &[]), false),
            ("as many units as are allowed", units, with(4096, &[]), true),
            ("2^32-1 empty structs", empties, MOST.to_vec(), false),
            ("2^30-1 arrays of length zero", nothings, MANY.to_vec(), false),
            ("4,096 lists of 4,096 units", lists_of_units, with(4096, &with(4096, &[]).repeat(4096)), false),
            ("an array of 2^32-1 units", much, Vec::new(), false),
            ("an array of 4,096 arrays of 4,096 units", square, Vec::new(), false),
            ("an array of 2^32-1 words", wide, vec![0; 64], false),
            ("a map of 2^30-1 entries", map, MANY.to_vec(), false),
            ("a map of 2^30-1 entries without bytes", hollow_map, MANY.to_vec(), false),
            ("2^30-1 bits announced", bits, MANY.to_vec(), false),
            ("2^32-1 bits in wide words announced", wide_bits, MOST.to_vec(), false),
            ("a million bits", bits, with(1_000_000, &vec![0xaa; 125_000]), true),
            ("a compact integer in a longer form than it needs", of_u64, vec![0x13, 0, 0, 0, 0, 0, 0, 0, 0], false),
            ("a compact integer wider than its type", of_u8, vec![0x01, 0x04], false),
            ("a compact integer of 33 bits for 32", of_u32, vec![0x07, 0, 0, 0, 0, 1], false),
            ("a compact integer of 17 bytes", of_u128, [&[0x37][..], &[0xff; 17]].concat(), false),
            ("a compact integer of 67 bytes", of_u128, vec![0xff; 68], false),
            ("the largest compact integer", of_u128, Compact(u128::MAX).encode(), true),
            ("a length that is not in its shortest form", bytes, vec![0x01, 0x00], false),
            (
                "a mebibyte of text with a bad last byte",
                str,
                with(MEBIBYTE, &[&vec![b'a'; MEBIBYTE - 1][..], &[0xff]].concat()),
                false,
            ),
            ("a mebibyte of text, all of it to escape", str, with(MEBIBYTE, &vec![1; MEBIBYTE]), true),
            (
                "four mebibytes that are text but for the last",
                bytes,
                with(4 * MEBIBYTE, &[&vec![b'a'; 4 * MEBIBYTE - 1][..], &[0xff]].concat()),
                true,
            ),
            ("2^18 variants without fields", choices, with(1 << 18, &vec![0; 1 << 18]), true),
            ("more items than are allowed, all there", choices, with(MEBIBYTE + 1, &vec![0; MEBIBYTE + 1]), false),
        ],
    );
}

fn nesting(cases: &mut Vec<Case>) {
    let mut types = ExtraTypes::new();
    let u8 = types.add("", P::U8);
    let list = types.next();
    types.list(list);
    let option = types.next();
    types.option(option);
    let record = types.next();
    types.record("Own", &[("own", record), ("more", u8)]);
    let choice = types.next();
    types.choice("Own", &[("End", &[]), ("More", &[("", choice)])]);
    let array = types.next();
    types.array(array, 1);
    let twins = types.next();
    types.choice("Twins", &[("End", &[]), ("More", &[("left", twins), ("right", twins)])]);
    let map = types.next();
    types.record("BTreeMap", &[("", map + 1)]);
    types.list(map + 2);
    types.tuple(&[u8, map]);
    let deep = |step: &[u8], levels: usize, end: &[u8]| [&step.repeat(levels), end].concat();
    with_types(
        cases,
        types,
        [
            ("lists as deep as is allowed", list, deep(&[4], 63, &[0]), true),
            ("lists one level deeper", list, deep(&[4], 64, &[0]), false),
            ("lists 800 deep", list, deep(&[4], 800, &[0]), false),
            ("lists 1,000,000 deep", list, deep(&[4], 1_000_000, &[0]), false),
            ("options as deep as is allowed", option, deep(&[1], 64, &[0]), true),
            ("options 65 deep", option, deep(&[1], 65, &[0]), false),
            ("options 1,000,000 deep", option, deep(&[1], 1_000_000, &[0]), false),
            ("an enum in itself 10,000 deep", choice, deep(&[1], 10_000, &[0]), false),
            ("an enum in itself 1,000,000 deep", choice, deep(&[1], 1_000_000, &[0]), false),
            ("an enum twice in itself, 100,000 on the left", twins, deep(&[1], 100_000, &[0]), false),
            ("an enum twice in itself, a tree of 2^16 leaves", twins, tree(16), true),
            ("a struct that holds itself", record, vec![0; 1000], false),
            ("an array that holds itself", array, Vec::new(), false),
            ("maps 100,000 deep", map, deep(&[4, 0], 100_000, &[0]), false),
        ],
    );
}

/// A full tree of enum values: 1 for a node, 0 for a leaf.
fn tree(height: u32) -> Vec<u8> {
    match height {
        0 => vec![0],
        height => [&[1], &tree(height - 1)[..], &tree(height - 1)].concat(),
    }
}

/// Cases of a real runtime.
fn real(cases: &mut Vec<Case>, what: What, table: impl IntoIterator<Item = (&'static str, Vec<u8>, bool)>) {
    cases.extend(table.into_iter().map(|(name, bytes, read)| Case { name, made_up: None, what, bytes, read }));
}

/// Calls in calls: what stands before an inner call, repeated.
struct Wrapped {
    remark: Vec<u8>,
    sudo: Vec<u8>,
    batch: Vec<u8>,
    derivative: Vec<u8>,
    proxy: Vec<u8>,
    empty_batch: Vec<u8>,
}

impl Wrapped {
    fn new(registry: &Registry) -> Self {
        Self {
            remark: registry.call("System", "remark", &[&[0]]),
            sudo: registry.call("Sudo", "sudo", &[&[]]),
            batch: registry.call("Utility", "batch", &[&[4]]),
            derivative: registry.call("Utility", "as_derivative", &[&[7, 0], &[]]),
            proxy: registry.call("Proxy", "proxy", &[&id([1; 32]), &[0], &[]]),
            empty_batch: registry.call("Utility", "batch", &[&[0]]),
        }
    }

    fn in_each(&self, wrapper: &[u8], levels: usize) -> Vec<u8> {
        [&wrapper.repeat(levels), &self.remark[..]].concat()
    }
}

/// A call in this many of `Sudo.sudo`, which is all it takes to overflow the stack of an unguarded decoder.
pub(crate) fn nested_sudo(levels: usize) -> Vec<u8> {
    let wrapped = Wrapped::new(&Registry::of(SUBTENSOR_461_V15));
    wrapped.in_each(&wrapped.sudo, levels)
}

fn calls(cases: &mut Vec<Case>, registry: &Registry) {
    let wrapped = Wrapped::new(registry);
    let in_each = |wrapper: &[u8], levels| wrapped.in_each(wrapper, levels);
    let batch_of = |announced: &[u8], calls: &[u8]| registry.call("Utility", "batch", &[&[announced, calls].concat()]);
    real(
        cases,
        What::Call,
        [
            ("sudo as deep as is allowed", in_each(&wrapped.sudo, 63), true),
            ("sudo one level deeper", in_each(&wrapped.sudo, 64), false),
            ("sudo 800 deep", in_each(&wrapped.sudo, 800), false),
            ("sudo 10,000 deep", in_each(&wrapped.sudo, 10_000), false),
            ("sudo 1,000,000 deep", in_each(&wrapped.sudo, 1_000_000), false),
            ("batch 31 deep", in_each(&wrapped.batch, 31), true),
            ("batch 65 deep", in_each(&wrapped.batch, 65), false),
            ("batch 1,000,000 deep", in_each(&wrapped.batch, 1_000_000), false),
            ("as_derivative 10,000 deep", in_each(&wrapped.derivative, 10_000), false),
            ("proxy 10,000 deep", in_each(&wrapped.proxy, 10_000), false),
            ("a batch of 2^30-1 calls announced", batch_of(&MANY, &[]), false),
            (
                "a batch of 30,000 empty batches",
                batch_of(&Compact(30_000u32).encode(), &wrapped.empty_batch.repeat(30_000)),
                true,
            ),
            (
                "a batch whose last call ends early",
                batch_of(&Compact(30_000u32).encode(), &wrapped.empty_batch.repeat(30_000)[1..]),
                false,
            ),
            ("a call with a byte behind it", [&wrapped.remark[..], &[0]].concat(), false),
            ("nothing", Vec::new(), false),
        ],
    );
}

fn envelopes(cases: &mut Vec<Case>, registry: &Registry) {
    let wrapped = Wrapped::new(registry);
    let by = Signed::by([0xd4; 32]);
    let good = signed(registry, &by, &wrapped.remark);
    let body = &good[2..];
    let strange = |format: u8| with_length(&[&[format], &wrapped.remark[..]].concat());
    let bad_address = Signed { address: vec![250, 0], ..by.clone() };
    let raw_address = Signed { address: [&[2][..], &MANY].concat(), ..by.clone() };
    real(
        cases,
        What::Extrinsic,
        [
            ("an extrinsic as it should be", good.clone(), true),
            ("a length of 2^30-1 before an extrinsic", [&MANY[..], body].concat(), false),
            (
                "a length that is one too small",
                [Compact(body.len() as u32 - 1).encode(), body.to_vec()].concat(),
                false,
            ),
            (
                "a length that is one too large",
                [Compact(body.len() as u32 + 1).encode(), body.to_vec()].concat(),
                false,
            ),
            ("a length of zero", vec![0], false),
            ("an extrinsic with a byte behind it", [&good[..], &[0]].concat(), false),
            ("format 6", strange(6), false),
            ("format 255", strange(0xff), false),
            ("an unknown set of extensions", general(registry, 255, &by, &wrapped.remark), false),
            ("an address of an unknown kind", signed(registry, &bad_address, &wrapped.remark), false),
            ("an address of 2^30-1 bytes announced", signed(registry, &raw_address, &wrapped.remark), false),
            (
                "a signed extrinsic with sudo 800 deep",
                signed(registry, &by, &wrapped.in_each(&wrapped.sudo, 800)),
                false,
            ),
            ("an inherent with batch 10,000 deep", bare(4, &wrapped.in_each(&wrapped.batch, 10_000)), false),
            ("zeros", vec![0; 1000], false),
        ],
    );
    real(cases, What::Key, [("a key that is a mebibyte long", vec![0; MEBIBYTE], false)]);
}

/// The value of `System.Events` with so many events of four bytes each.
pub(crate) fn shortest_events(count: usize) -> Vec<u8> {
    let event = Registry::of(SUBTENSOR_461_V15).event("System", "CodeUpdated", &[]);
    [Compact(count as u32).encode(), record(extrinsics::INITIALIZATION, &event).repeat(count)].concat()
}

fn event_lists(cases: &mut Vec<Case>, registry: &Registry) {
    let event = registry.event("System", "CodeUpdated", &[]);
    let shortest = record(extrinsics::INITIALIZATION, &event);
    let topics = |count: &[u8]| vector(&[[extrinsics::INITIALIZATION, &event, count].concat()]);
    let many = |count: u32, there: usize| [Compact(count).encode(), shortest.repeat(there)].concat();
    real(
        cases,
        What::Events,
        [
            ("2^30-1 events announced, none there", MANY.to_vec(), false),
            ("2^32-1 events announced, none there", MOST.to_vec(), false),
            ("20,000 of the shortest events", many(20_000, 20_000), true),
            ("20,000 events, one of them missing", many(20_000, 19_999), false),
            ("one event more than is announced", many(19_999, 20_000), false),
            ("2^30-1 topics announced", topics(&MANY), false),
            ("2^32-1 topics announced", topics(&MOST), false),
            ("topics for half of what is announced", [&topics(&[8])[..], &[0; 32]].concat(), false),
            ("a phase of an unknown kind", vec![4, 9, event[0], event[1], 0], false),
        ],
    );
}

fn metadata(cases: &mut Vec<Case>) {
    let (mut upwards, mut downwards) = (ExtraTypes::new(), ExtraTypes::new());
    let mut last = upwards.tuple(&[]);
    for _ in 0..10_000 {
        last = upwards.tuple(&[last]);
        downwards.tuple(&[downwards.next() + 1]);
    }
    downwards.tuple(&[]);
    let mut newtypes = ExtraTypes::new();
    let own = newtypes.next();
    newtypes.record("Own", &[("", own)]);
    let whole = SUBTENSOR_461_V15;
    real(
        cases,
        What::Metadata,
        [
            ("metadata of 2^30-1 types announced", [&b"meta\x0f"[..], &MANY].concat(), false),
            ("metadata that is all zeros", [&b"meta\x0e"[..], &vec![0; MEBIBYTE]].concat(), false),
            ("metadata that ends early", whole[..whole.len() - 1].to_vec(), false),
            ("metadata with a byte behind it", [whole, &[0]].concat(), false),
            ("types nested 10,000 deep, the innermost first", upwards.metadata(), true),
            ("types nested 10,000 deep, the innermost last", downwards.metadata(), false),
            ("a newtype of itself", newtypes.metadata(), false),
        ],
    );
}
