//! Hostile bytes are refused with an error that says where and why: no panic, no abort, no endless work.

#[path = "decode_guard/refusal.rs"]
mod refusal;

use parity_scale_codec::{Compact, Encode};
use refusal::{outcome, refusal};
use scale_info::TypeDefPrimitive as P;
use sentinel_core::decode::{DecodeErrorKind, JsonOptions, JsonWriter, Runtime, strip_docs};
use sentinel_support::extra_types::ExtraTypes;
use sentinel_support::extrinsics::{self, Signed, applying, bare, id, record, signed, vector, with_length};
use sentinel_support::mutations::mutate;
use sentinel_support::registry::Registry;
use sentinel_support::rng::Rng;
use sentinel_support::runtimes::{self, FINNEY_393_V16, RAONET_218_V14, SUBTENSOR_461_V15, subtensor_461};
use sentinel_support::samples::Samples;
use sentinel_support::small_stack::on_a_small_stack;

const LONG: &str = "a compact integer that is not in its shortest form at byte 0";
/// Its path is as long as the nesting is deep.
const DEEP: &str = "nested deeper than 64 levels";

const ALICE: [u8; 32] = [0xd4; 32];

#[test]
fn each_kind_of_bad_bytes_has_its_error() {
    on_a_small_stack(|| {
        let mut types = ExtraTypes::new();
        let [bool, char, str] = [P::Bool, P::Char, P::Str].map(|kind| types.add("", kind));
        let [u8, u16, u32, u64, u128] = [P::U8, P::U16, P::U32, P::U64, P::U128].map(|kind| types.add("", kind));
        let [u256, i256] = [P::U256, P::I256].map(|kind| types.add("", kind));
        let unit = types.tuple(&[]);
        let empty = types.record("Empty", &[]);
        let [of_u8, of_u16, of_u32, of_u64, of_u128] = [u8, u16, u32, u64, u128].map(|id| types.compact(id));
        let [bytes, words, units, empties] = [u8, u32, unit, empty].map(|id| types.list(id));
        let lists_of_units = types.list(units);
        let option = types.option(bool);
        let void = types.choice("Void", &[]);
        let choice = types.choice("Choice", &[("A", &[]), ("B", &[("inner", option)])]);
        let record = types.record("Record", &[("first", u16), ("second", choice), ("third", words)]);
        let pair = types.tuple(&[u8, str]);
        let pairs = types.list(pair);
        let map = types.record("BTreeMap", &[("", pairs)]);
        let bits = types.bits(P::U8, "Lsb0");
        let wide_bits = types.bits(P::U64, "Msb0");
        let no_bits = types.bits(P::U128, "Lsb0");
        let (much_nothing, many) = (types.array(unit, u32::MAX), types.array(u32, u32::MAX));
        let many_bytes = types.array(u8, u32::MAX);
        // Types that hold themselves, by each way there is.
        let own_list = types.next();
        types.list(own_list);
        let own_option = types.next();
        types.option(own_option);
        let own_record = types.next();
        types.record("Own", &[("own", own_record), ("more", u8)]);
        let own_choice = types.next();
        types.choice("Own", &[("End", &[]), ("More", &[("", own_choice)])]);
        let own_array = types.next();
        types.array(own_array, 1);
        let own_map = types.next();
        let entry = types.next() + 2;
        types.record("BTreeMap", &[("", entry - 1)]);
        types.list(entry);
        types.tuple(&[u8, own_map]);
        let runtime = types.runtime();

        let deep = |step: &[u8]| step.repeat(100_000);
        let hex = |text: &str| const_hex::decode(text).expect("hex");
        let mut cases: Vec<(u32, Vec<u8>, &str)> = Vec::new();
        let mut case = |id: u32, bytes: Vec<u8>, message: &'static str| cases.push((id, bytes, message));
        // Lengths.
        case(bytes, hex("feffffff"), "1073741823 more bytes expected, 0 left at byte 4");
        case(bytes, hex("03ffffffff"), "4294967295 more bytes expected, 0 left at byte 5");
        case(bytes, hex("0800"), "1 more bytes expected, 1 left at byte 1");
        case(str, hex("feffffff61"), "1073741822 more bytes expected, 1 left at byte 4");
        case(words, hex("feffffff"), "1073741823 items announced, at most 0 possible at byte 0");
        case(words, hex("0801000000"), "2 items announced, at most 1 possible at byte 0");
        case(words, hex("0700000000ff"), "a compact integer larger than its 32 bits at byte 0");
        case(units, hex("feffffff"), "1073741823 items announced, at most 4096 possible at byte 0");
        case(units, Compact(4097u32).encode(), "4097 items announced, at most 4096 possible at byte 0");
        case(empties, hex("03ffffffff"), "4294967295 items announced, at most 4096 possible at byte 0");
        case(
            lists_of_units,
            [Compact(2000u32).encode(), Compact(4096u32).encode().repeat(2000)].concat(),
            "more than 5000000 values at byte 40, in [18]",
        );
        case(map, hex("feffffff"), "1073741823 items announced, at most 0 possible at byte 0");
        case(map, hex("0801"), "2 items announced, at most 0 possible at byte 0");
        case(bits, hex("feffffff"), "134217728 more bytes expected, 0 left at byte 4");
        case(wide_bits, hex("0400"), "7 more bytes expected, 1 left at byte 1");
        case(no_bits, hex("0400"), "a bit sequence of unknown order or store at byte 0");
        case(much_nothing, vec![], "4294967295 items announced, at most 4096 possible at byte 0");
        case(many, vec![0; 64], "more than 5000000 values at byte 0");
        case(many_bytes, vec![0; 64], "4294967231 more bytes expected, 64 left at byte 0");
        // Compact integers.
        case(of_u8, hex("0104"), "a compact integer larger than its 8 bits at byte 0");
        case(of_u16, hex("02000400"), "a compact integer larger than its 16 bits at byte 0");
        case(of_u32, hex("0700000000ff"), "a compact integer larger than its 32 bits at byte 0");
        case(of_u64, hex("17ffffffffffffffffff"), "a compact integer larger than its 64 bits at byte 0");
        case(of_u128, hex(&"ff".repeat(68)), "a compact integer larger than its 128 bits at byte 0");
        case(
            of_u128,
            hex("370000000000000000000000000000000001"),
            "a compact integer larger than its 128 bits at byte 0",
        );
        case(of_u64, hex("0100"), LONG);
        case(of_u64, hex("fd00"), LONG);
        case(of_u64, hex("02000000"), LONG);
        case(of_u64, hex("feff0000"), LONG);
        case(of_u64, hex("03ffffff3f"), LONG);
        case(of_u64, hex("07ffffffff00"), LONG);
        case(of_u64, hex("130000000000000000"), LONG);
        case(of_u64, hex("0b0000"), "4 more bytes expected, 2 left at byte 1");
        case(bytes, hex("0100"), LONG);
        // Values out of range.
        case(bool, hex("02"), "0x02 is not a boolean at byte 0");
        case(bool, hex("ff"), "0xff is not a boolean at byte 0");
        case(char, hex("00d80000"), "0xd800 is not a character at byte 0");
        case(char, hex("00001100"), "0x110000 is not a character at byte 0");
        case(char, hex("ffffffff"), "0xffffffff is not a character at byte 0");
        case(str, hex("0c61c080"), "a string that is not UTF-8 at byte 2");
        case(str, hex("0ceda080"), "a string that is not UTF-8 at byte 1");
        case(option, hex("02"), "no variant with index 2 at byte 0");
        case(option, hex("0105"), "0x05 is not a boolean at byte 1");
        case(choice, hex("02"), "no variant with index 2 at byte 0");
        case(void, hex("00"), "no variant with index 0 at byte 0");
        case(i256, vec![0; 32], "a signed integer of 256 bits at byte 0");
        case(u256, vec![0; 31], "1 more bytes expected, 31 left at byte 0");
        case(record, hex("010001010204"), "0x02 is not a boolean at byte 4, in second.B.inner");
        case(record, hex("01000101000801000000"), "2 items announced, at most 1 possible at byte 5, in third");
        case(pairs, hex("080104610204ff"), "a string that is not UTF-8 at byte 6, in [1][1]");
        // Too little and too much.
        case(bool, vec![], "1 more bytes expected, 0 left at byte 0");
        case(record, hex("01"), "1 more bytes expected, 1 left at byte 0, in first");
        case(bool, hex("0100"), "1 bytes left over at byte 1");
        case(unit, hex("00"), "1 bytes left over at byte 0");
        case(record, hex("01000000ff"), "1 bytes left over at byte 4");
        // Nesting.
        case(own_list, deep(&[4]), DEEP);
        case(own_option, deep(&[1]), DEEP);
        case(own_record, deep(&[1]), DEEP);
        case(own_choice, deep(&[1]), DEEP);
        case(own_array, vec![], DEEP);
        case(own_map, deep(&[4, 0]), DEEP);
        assert!(cases.len() >= 60);
        for (id, bytes, message) in &cases {
            let error = refusal(&runtime, *id, bytes).to_string();
            let shown = const_hex::encode(&bytes[..bytes.len().min(40)]);
            assert!(error == *message || *message == DEEP && error.starts_with(DEEP), "{shown}: {error}");
        }
    });
}

/// A transfer of Alice's to herself, and the same in calls that carry it.
struct Calls {
    registry: Registry,
    transfer: Vec<u8>,
}

impl Calls {
    fn new() -> Self {
        let registry = Registry::of(SUBTENSOR_461_V15);
        let amount = Compact(1_000_000_000u64).encode();
        let transfer = registry.call("Balances", "transfer_allow_death", &[&id(ALICE), &amount]);
        Self { registry, transfer }
    }

    fn sudo(&self, call: &[u8]) -> Vec<u8> {
        self.registry.call("Sudo", "sudo", &[call])
    }

    fn batch(&self, calls: &[Vec<u8>]) -> Vec<u8> {
        self.registry.call("Utility", "batch", &[&vector(calls)])
    }
}

#[test]
fn errors_say_where_in_which_call() {
    let (runtime, calls) = (subtensor_461(), Calls::new());
    let remark = calls.registry.call("System", "remark", &[&b"hi".to_vec().encode()]);
    let call = calls.sudo(&calls.batch(&[remark, calls.transfer.clone()]));
    let error = |bytes: &[u8]| outcome(&runtime.call(bytes)).expect_err("bad bytes");

    let cut = error(&call[..call.len() - 2]);
    assert_eq!(
        cut.to_string(),
        "2 more bytes expected, 1 left at byte 46, in sudo.call.batch.calls[1].transfer_allow_death.value, \
         of Balances.transfer_allow_death"
    );
    assert_eq!(*cut.kind(), DecodeErrorKind::UnexpectedEnd { needed: 2, left: 1 });
    assert_eq!((cut.offset(), cut.item()), (46, Some("Balances.transfer_allow_death")));
    assert_eq!(cut.path(), "sudo.call.batch.calls[1].transfer_allow_death.value");

    // The bytes: sudo (0c00), batch (0b00) of two (08), remark (0000) of "hi", transfer (0500) to an account (00).
    assert_eq!(const_hex::encode(&call[..13]), "0c000b00080000086869050000");
    let with = |at: usize, byte: u8| error(&[&call[..at], &[byte], &call[at + 1..]].concat()).to_string();
    assert_eq!(
        with(12, 250),
        "no variant with index 250 at byte 12, in sudo.call.batch.calls[1].transfer_allow_death.dest, \
         of Balances.transfer_allow_death"
    );
    assert_eq!(
        with(11, 250),
        "no variant with index 250 at byte 11, in sudo.call.batch.calls[1].item index, of Balances"
    );
    assert_eq!(with(0, 250), "no variant with index 250 at byte 0, in pallet index");
    assert_eq!(
        with(4, 0xfc),
        "63 items announced, at most 44 possible at byte 4, in sudo.call.batch.calls, of Utility.batch"
    );
}

#[test]
fn errors_in_extrinsics_and_events_count_from_their_first_byte() {
    let (runtime, calls) = (subtensor_461(), Calls::new());
    let extrinsic = signed(&calls.registry, &Signed::by(ALICE), &calls.transfer);
    let refused = |body: &[u8]| match runtime.extrinsic(&with_length(body)) {
        Ok(extrinsic) => outcome(&extrinsic.call()).expect_err("bad bytes").to_string(),
        Err(error) => error.to_string(),
    };
    let body = &extrinsic[2..];
    assert_eq!(refused(&body[..10]), "24 more bytes expected, 8 left at byte 3, in address");
    assert_eq!(refused(&body[..40]), "59 more bytes expected, 5 left at byte 36, in signature");
    assert_eq!(refused(&body[..100]), "1 more bytes expected, 0 left at byte 102, in CheckNonce");
    assert_eq!(
        refused(&body[..body.len() - 1]),
        format!(
            "1 more bytes expected, 2 left at byte {}, in transfer_allow_death.value, of Balances.transfer_allow_death",
            extrinsic.len() - 3
        )
    );
    assert_eq!(refused(&[body, &[0]].concat()), format!("1 bytes left over at byte {}", extrinsic.len()));

    let event = calls.registry.event("Balances", "Transfer", &[&ALICE, &ALICE, &5u64.to_le_bytes()]);
    let events = vector(&[record(&applying(0), &event), record(&applying(1), &event)]);
    let refused = |bytes: &[u8]| runtime.events(bytes).expect_err("bad bytes").to_string();
    assert_eq!(events.len(), 161);
    assert_eq!(refused(&events[..158]), "2 more bytes expected, 70 left at byte 88, in [1], of Balances.Transfer");
    assert_eq!(
        refused(&events[..160]),
        "1 more bytes expected, 0 left at byte 160, in [1].topics, of Balances.Transfer"
    );
    assert_eq!(refused(&[&events[..], &[0]].concat()), "1 bytes left over at byte 161");
    let phase = [&events[..81], &[3], &events[82..]].concat();
    assert_eq!(refused(&phase), "no variant with index 3 at byte 81, in [1].phase");
    let remarked = calls.registry.event("System", "Remarked", &[&ALICE, &[7; 32]]);
    let list = vector(&[record(&applying(0), &remarked), record(&applying(0), &[0, 250])]);
    assert_eq!(
        refused(&list),
        format!("no variant with index 250 at byte {}, in [1].item index, of System", list.len() - 2)
    );
}

/// Puts a call into another.
type Wrap<'c> = &'c dyn Fn(Vec<u8>) -> Vec<u8>;

#[test]
fn calls_nest_up_to_the_limit_and_not_beyond() {
    on_a_small_stack(|| {
        let (runtime, calls) = (subtensor_461(), Calls::new());
        let remark = calls.registry.call("System", "remark", &[&[0]]);
        let nested = |depth: usize, wrap: Wrap<'_>| (0..depth).fold(remark.clone(), |call, _| wrap(call));
        let sudo = |call: Vec<u8>| calls.sudo(&call);
        let batch = |call: Vec<u8>| calls.batch(&[call]);
        let proxy = |call: Vec<u8>| calls.registry.call("Proxy", "proxy", &[&id(ALICE), &[0], &call]);
        let derived = |call: Vec<u8>| calls.registry.call("Utility", "as_derivative", &[&[7, 0], &call]);
        let ways: [(Wrap<'_>, usize); 4] = [(&sudo, 63), (&batch, 31), (&proxy, 63), (&derived, 63)];
        for (wrap, most) in ways {
            let deepest = nested(most, wrap);
            let mut value = outcome(&runtime.call(&deepest)).expect("within the limit");
            let mut depth = 0;
            while let Some(call) = value.as_call().and_then(|call| call.args.last()) {
                value = call.value.as_list().map_or(&call.value, |calls| &calls[0]).clone();
                depth += 1;
            }
            assert_eq!(depth, most + 1, "all calls, and the text of the remark");
            for extrinsic in [bare(4, &deepest), signed(&calls.registry, &Signed::by(ALICE), &deepest)] {
                let extrinsic = runtime.extrinsic(&extrinsic).expect("an extrinsic");
                assert!(outcome(&extrinsic.call()).is_ok());
            }
            for depth in [most + 1, 1_000] {
                let error = outcome(&runtime.call(&nested(depth, wrap))).expect_err("too deep");
                assert_eq!(*error.kind(), DecodeErrorKind::TooDeep(64));
                assert!(error.item().is_some());
            }
        }
    });
}

/// Samples of calls, events, extrinsics and storage values, with a type to read them by.
fn samples_of(registry: &Registry, count: usize, seed: u64) -> Vec<(u32, Vec<u8>)> {
    let mut samples = Samples::new(&registry.types, seed);
    let types = registry.types.types.len();
    let mut found = Vec::with_capacity(count);
    while found.len() < count {
        // Calls and events have the most ways to be wrong.
        let id = match samples.rng().below(4) {
            0 => registry.call,
            1 => registry.event,
            _ => samples.rng().below(types) as u32,
        };
        found.extend(samples.value(id).map(|bytes| (id, bytes)));
    }
    found
}

#[test]
fn whatever_is_cut_off_is_missed() {
    on_a_small_stack(|| {
        let (runtime, registry) = (subtensor_461(), Registry::of(SUBTENSOR_461_V15));
        let mut cuts = 0;
        for (id, bytes) in samples_of(&registry, 300, 1) {
            assert!(outcome(&runtime.decode(id, &bytes).expect("the type exists")).is_ok());
            for end in 0..bytes.len().min(200) {
                let error = refusal(&runtime, id, &bytes[..end]);
                let short = matches!(
                    error.kind(),
                    DecodeErrorKind::UnexpectedEnd { .. } | DecodeErrorKind::TooManyItems { .. }
                );
                assert!(short, "{error}");
                cuts += 1;
            }
        }
        assert!(cuts > 5_000, "{cuts} cuts");
    });
}

#[test]
fn whatever_is_left_over_is_noticed() {
    let (runtime, registry) = (subtensor_461(), Registry::of(SUBTENSOR_461_V15));
    for (id, mut bytes) in samples_of(&registry, 1_000, 2) {
        let len = bytes.len();
        bytes.push(0);
        let error = refusal(&runtime, id, &bytes);
        assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::TrailingBytes(1), len));
    }
}

#[test]
fn mutated_bytes_are_read_or_refused() {
    on_a_small_stack(|| mutated(10_000, 3));
}

#[test]
#[ignore = "ten times the inputs of the test above, with another seed: a minute"]
fn many_mutated_bytes_are_read_or_refused() {
    on_a_small_stack(|| mutated(100_000, 4));
}

/// Feeds mutated samples to everything that reads bytes of the chain.
fn mutated(count: usize, seed: u64) {
    let mut rng = Rng::new(seed);
    let (mut read, mut refused) = (0, 0);
    for metadata in [SUBTENSOR_461_V15, RAONET_218_V14, FINNEY_393_V16] {
        let (runtime, registry) = (runtimes::load(metadata), Registry::of(metadata));
        let storage: Vec<_> = runtime.pallets().iter().flat_map(|pallet| pallet.storage()).collect();
        for (id, sample) in samples_of(&registry, count / 3 + 1, seed) {
            let mut bytes = sample.clone();
            mutate(&mut rng, &mut bytes);
            // What it is in the wrong place: a call as a value, a value in an extrinsic, an event beside others.
            let item = *rng.pick(&storage);
            let read_by_type = outcome(&runtime.decode(id, &bytes).expect("the type exists")).is_ok();
            let _ = outcome(&item.value(&runtime, &bytes));
            let key = [&item.prefix()[..], &bytes].concat();
            let _ = item.key_parts(&runtime, &key);

            let mut extrinsic = match id {
                id if id == registry.call => signed(&registry, &Signed::by(ALICE), &sample),
                _ => bare(4, &bytes),
            };
            let mut events = vector(&[record(&applying(0), &sample), record(extrinsics::FINALIZATION, &sample)]);
            mutate(&mut rng, &mut extrinsic);
            mutate(&mut rng, &mut events);
            let block = [extrinsic, bare(4, &sample)];
            if let Ok(index) = runtime.index(&block, &events) {
                index.events().iter().for_each(|event| drop(outcome(&event.event())));
                for at in 0..block.len() {
                    let mut out = JsonWriter::new(JsonOptions::default());
                    match index.write_extrinsic(at, Some(1), &mut out) {
                        Ok(()) => assert!(serde_json::from_slice::<serde_json::Value>(out.as_bytes()).is_ok()),
                        Err(_) => assert!(out.as_bytes().is_empty(), "nothing is written on an error"),
                    }
                }
            }
            read += usize::from(read_by_type);
            refused += usize::from(!read_by_type);
        }
    }
    println!("{} mutated inputs: {read} read, {refused} refused", read + refused);
    assert!(read > count / 50 && refused > count / 2, "mutations are neither harmless nor all fatal");
}

#[test]
fn mutated_metadata_is_read_or_refused() {
    on_a_small_stack(|| mutated_metadata(600, 5));
}

#[test]
#[ignore = "thousands of runtimes to compile: minutes"]
fn much_mutated_metadata_is_read_or_refused() {
    on_a_small_stack(|| mutated_metadata(5_000, 6));
}

fn mutated_metadata(count: usize, seed: u64) {
    let mut rng = Rng::new(seed);
    let (mut read, mut refused) = (0, 0);
    for at in 0..count {
        let mut metadata = [RAONET_218_V14, SUBTENSOR_461_V15, FINNEY_393_V16][at % 3].to_vec();
        mutate(&mut rng, &mut metadata);
        let stripped = strip_docs(&metadata);
        match Runtime::from_metadata(&metadata) {
            Ok(runtime) => {
                read += 1;
                assert!(stripped.is_ok_and(|stripped| Runtime::from_metadata(&stripped).is_ok()));
                for id in 0..runtime.type_count() {
                    let bytes = rng.bytes(40);
                    let _ = outcome(&runtime.decode(id, &bytes).expect("the type exists"));
                }
            }
            Err(_) => refused += 1,
        }
    }
    println!("{count} mutated metadata: {read} read, {refused} refused");
    assert!(read > 0 && refused > 0);
}
