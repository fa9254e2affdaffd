//! What must hold whatever the bytes are: one function per fuzz target, which panics where it does not.
//!
//! The first bytes of an input choose the runtime and what to read, the rest is read. The targets in `fuzz/` and the
//! property tests in `tests/any_bytes.rs` call the same functions; [`seeds`] makes inputs for both.

mod agreement;
mod answers;
mod glance;
mod made_up;
mod metadata;
mod read;
pub mod seeds;

use std::sync::{Arc, LazyLock};

use parity_scale_codec::{Compact, CompactLen};
use sentinel_core::decode::{
    BlockIndex, DecodeErrorKind, EventRecord, Extrinsic, JsonOptions, KeyError, Phase, Runtime, StorageItem, Value,
    write_event, write_events, write_extrinsic,
};

use crate::extrinsics::with_length;
use crate::runtimes;
use made_up::MadeUp;
use read::{Read, check_offset, document, document_with, is_lenient};

pub use agreement::{agreed, options};
pub use answers::subnet_answer;
pub use metadata::metadata_blob;

/// A function that holds invariants against arbitrary bytes.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 6] = [
    ("event_records", event_records),
    ("extrinsic", extrinsic),
    ("metadata_blob", metadata_blob),
    ("storage_value", storage_value),
    ("subnet_answer", subnet_answer),
    ("type_by_id", type_by_id),
];

/// The runtimes that an input can choose by the two lowest bits of its first byte.
pub fn runtimes() -> &'static [Arc<Runtime>; 4] {
    static RUNTIMES: LazyLock<[Arc<Runtime>; 4]> = LazyLock::new(|| {
        let old = runtimes::load(runtimes::SUBTENSOR_461_V14);
        [runtimes::raonet_218(), runtimes::finney_393(), runtimes::subtensor_461(), old]
    });
    &RUNTIMES
}

/// The runtime that the first byte chooses, its other bits, and the rest.
fn choose(input: &[u8]) -> Option<(&'static Runtime, u8, &[u8])> {
    let (first, rest) = input.split_first()?;
    Some((&runtimes()[usize::from(first & 3)], first >> 2, rest))
}

/// A number of two bytes, and the rest.
fn number(input: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = input.split_first_chunk::<2>()?;
    Some((usize::from(u16::from_le_bytes(*number)), rest))
}

/// In the bits above the runtime: the bytes are the body of an extrinsic, to which its length is still missing.
const BODY: u8 = 1;
/// Two bytes say how long the extrinsic is; events follow it.
const EVENTS: u8 = 2;

/// An extrinsic, alone and in a block with events.
pub fn extrinsic(input: &[u8]) {
    let Some((runtime, bits, mut rest)) = choose(input) else { return };
    let mut events: &[u8] = &[0];
    if bits & EVENTS != 0 {
        let Some((len, both)) = number(rest) else { return };
        (rest, events) = both.split_at(len.min(both.len()));
    }
    let bytes = if bits & BODY != 0 { with_length(rest) } else { rest.to_vec() };
    let options = options(bits >> 2);
    match runtime.extrinsic(&bytes) {
        Ok(extrinsic) => {
            read_extrinsic(runtime, &extrinsic, options);
            let longer = [&bytes[..], &[0]].concat();
            let error = runtime.extrinsic(&longer).expect_err("a byte more");
            assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::TrailingBytes(1), bytes.len()));
            assert!(runtime.extrinsic(&bytes[..bytes.len() - 1]).is_err(), "a byte less");
        }
        Err(error) => check_offset(&error, &bytes),
    }
    let block = [&bytes[..], &[]];
    if let Ok(index) = runtime.index(&block, events) {
        read_block(&index, options);
    }
}

fn read_extrinsic(runtime: &Runtime, extrinsic: &Extrinsic<'_, '_>, options: JsonOptions) {
    let parts = [extrinsic.address(), extrinsic.signature()];
    let mut readable = true;
    for part in parts.iter().flatten() {
        let result = agreed(part, options);
        readable &= result.is_ok();
        assert!(result.as_ref().map_or_else(|error| is_lenient(error.kind()), |_| true), "{result:?} in its bounds");
    }
    assert_eq!(parts.map(|part| part.is_some()), [extrinsic.is_signed(); 2]);
    assert!(extrinsic.era().is_none_or(|era| matches!(era, [0] | [1..=255, _])), "{:?}", extrinsic.era());
    let call = agreed(&extrinsic.call(), options);
    readable &= call.as_ref().inspect_err(|error| check_offset(error, extrinsic.bytes())).is_ok();
    assert_eq!(Read::Call(runtime).check(extrinsic.call().bytes(), options).is_ok(), call.is_ok());
    if let Ok(call) = &call {
        let call = call.as_call().expect("a call");
        assert_eq!((call.pallet.as_str(), call.name.as_str()), (extrinsic.pallet(), extrinsic.name()));
        assert_eq!(call.index, extrinsic.index());
        assert_eq!(&extrinsic.bytes()[call.span.clone()], extrinsic.call().bytes());
    }
    let arguments = document(|out| extrinsic.write_arguments(out, options));
    assert_eq!(arguments, call.is_ok());
    assert_eq!(document_with(options, |out| write_extrinsic(extrinsic, out)), readable);
}

fn read_block(index: &BlockIndex<'_, '_>, options: JsonOptions) {
    for (at, extrinsic) in index.extrinsics().iter().enumerate() {
        let written = document_with(options, |out| index.write_extrinsic(at, Some(7), out));
        assert_eq!(document_with(options, |out| index.write_extrinsic(at, None, out)), written);
        let facts = index.facts(at).expect("an extrinsic at each position");
        assert!(facts.is_ok() || !written);
        let (Ok(extrinsic), Ok(facts)) = (extrinsic, facts) else { continue };
        for nested in facts.nested() {
            // A call says where its bytes are: it is the same call when read from there.
            let bytes = &extrinsic.bytes()[nested.call.span.clone()];
            let again = index.runtime().call(bytes).to_value().expect("it was read as part of its extrinsic");
            let again = again.as_call().expect("a call");
            assert_eq!(
                (&again.pallet, &again.name, again.span.end),
                (&nested.call.pallet, &nested.call.name, bytes.len())
            );
        }
    }
    let events = index.events().iter();
    let grouped: usize = (0..index.extrinsics().len()).map(|at| index.events_of(at).len()).sum();
    let known = |event: &&EventRecord<'_, '_>| match event.phase() {
        Phase::ApplyExtrinsic(at) => (at as usize) < index.extrinsics().len(),
        _ => false,
    };
    assert_eq!(grouped, events.filter(known).count());
}

/// The value of `System.Events`.
pub fn event_records(input: &[u8]) {
    let Some((runtime, bits, bytes)) = choose(input) else { return };
    let options = options(bits);
    let item = runtime.storage_item("System", "Events").expect("every runtime has events");
    let as_value = Read::Item(runtime, item).check(bytes, options);
    let events = match runtime.events(bytes) {
        Ok(events) => events,
        Err(error) => {
            check_offset(&error, bytes);
            assert!(as_value.is_err(), "a value that is no list of events: {error}");
            return;
        }
    };
    let mut all = true;
    let mut end = Compact::<u32>::compact_len(&(events.len() as u32));
    for (at, event) in events.iter().enumerate() {
        all &= read_event(event, at, options);
        let phase = if matches!(event.phase(), Phase::ApplyExtrinsic(_)) { 5 } else { 1 };
        let topics = event.topics().len();
        end += phase + event.event().bytes().len() + Compact::<u32>::compact_len(&(topics as u32)) + topics * 32;
    }
    assert_eq!(end, bytes.len(), "records without gaps");
    assert_eq!(document_with(options, |out| write_events(Some(7), events.iter(), out)), all);
    match &as_value {
        Ok(value) => {
            assert!(all && value.as_list().is_some_and(|list| list.len() == events.len()));
            let named = value.as_list().into_iter().flatten().zip(&events);
            for (value, event) in named {
                assert_eq!(value.get("module_id"), Some(&Value::Text(event.pallet().to_owned())));
                assert_eq!(value.get("event_id"), Some(&Value::Text(event.name().to_owned())));
            }
        }
        // As one value, the list itself counts towards depth and number of values.
        Err(error) => assert!(
            !all || matches!(error.kind(), DecodeErrorKind::TooDeep(_) | DecodeErrorKind::TooManyValues(_)),
            "{error}"
        ),
    }
    let longer = [bytes, &[0]].concat();
    let error = runtime.events(&longer).expect_err("a byte more");
    assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::TrailingBytes(1), bytes.len()));
    assert!(runtime.events(&bytes[..bytes.len() - 1]).is_err(), "a byte less");
    if let Ok(index) = runtime.index(&[&[0u8; 0][..]; 2], bytes) {
        read_block(&index, options);
    }
}

/// Whether the event decodes.
fn read_event(event: &EventRecord<'_, '_>, at: usize, options: JsonOptions) -> bool {
    assert_eq!(event.position() as usize, at);
    let decoded = event.event();
    assert_eq!(decoded.bytes().get(..2), Some(&event.index()[..]));
    let result = agreed(&decoded, options);
    assert_eq!(document(|out| event.write_attributes(out, options)), result.is_ok());
    assert_eq!(document_with(options, |out| write_event(Some(7), event, out)), result.is_ok());
    let one_by_one: Result<Vec<_>, _> =
        event.fields().map(|field| field.map(|(name, value)| (name.to_owned(), value.to_value()))).collect();
    match &result {
        Ok(Value::Event(fields)) => {
            assert_eq!((fields.pallet.as_str(), fields.name.as_str()), (event.pallet(), event.name()));
            let one_by_one = one_by_one.expect("an event that decodes does so field by field");
            match &fields.fields {
                Value::Null if one_by_one.is_empty() => {}
                Value::Record(named) if one_by_one.iter().all(|(name, _)| !name.is_empty()) => {
                    assert_eq!(*named, one_by_one);
                }
                Value::List(items) if items.len() == one_by_one.len() && items.len() > 1 => {
                    assert!(items.iter().eq(one_by_one.iter().map(|(_, value)| value)));
                }
                only => assert_eq!(one_by_one, [(String::new(), only.clone())]),
            }
        }
        Ok(other) => panic!("an event is {other:?}"),
        Err(error) => {
            assert!(is_lenient(error.kind()), "{error}, in the bounds that the index found");
            let counts = matches!(error.kind(), DecodeErrorKind::TooDeep(_) | DecodeErrorKind::TooManyValues(_));
            assert!(counts || one_by_one.as_ref().is_err_and(|own| own == error), "{error}, or {one_by_one:?}");
        }
    }
    result.is_ok()
}

/// A value of a storage item, and a key of it.
pub fn storage_value(input: &[u8]) {
    let Some((runtime, bits, rest)) = choose(input) else { return };
    let Some((at, bytes)) = number(rest) else { return };
    let item = item(runtime, at);
    // Its result is checked inside.
    let _ = Read::Item(runtime, item).check(bytes, options(bits));
    assert!(item.key_parts(runtime, bytes).is_err() || bytes.starts_with(&item.prefix()));
    let key = [&item.prefix()[..], bytes].concat();
    match item.key_parts(runtime, &key) {
        Ok(parts) => {
            assert_eq!(parts.len(), item.hashers().len());
            assert!(item.key_parts(runtime, &[&key[..], &[0]].concat()).is_err(), "a byte more");
            assert!(item.key_parts(runtime, &key[..key.len() - 1]).is_err(), "a byte less");
        }
        // Counted from the part that does not decode.
        Err(KeyError::Decode(error)) => assert!(error.offset() <= bytes.len(), "{error}"),
        Err(_) => {}
    }
}

fn item(runtime: &Runtime, at: usize) -> &StorageItem {
    let count: usize = runtime.pallets().iter().map(|pallet| pallet.storage().len()).sum();
    let mut items = runtime.pallets().iter().flat_map(|pallet| pallet.storage());
    items.nth(at % count).expect("the remainder is below the count")
}

/// In the bits above the options: one of the types that were made up.
const MADE_UP: u8 = 8;

/// A value of any type.
pub fn type_by_id(input: &[u8]) {
    let Some((runtime, bits, rest)) = choose(input) else { return };
    let Some((id, bytes)) = number(rest) else { return };
    let unknown = runtime.decode(runtime.type_count(), bytes).expect_err("ids run from 0 to the count");
    assert_eq!(*unknown.kind(), DecodeErrorKind::UnknownType(runtime.type_count()));
    let read = if bits & MADE_UP != 0 {
        let made_up = MadeUp::get();
        Read::Type(&made_up.runtime, made_up.ids.start + id as u32 % made_up.ids.len() as u32)
    } else {
        Read::Type(runtime, id as u32 % runtime.type_count())
    };
    let _ = read.check(bytes, options(bits));
}
