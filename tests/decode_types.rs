//! Every type of every runtime decodes to what other decoders say, by every way out.

#[path = "decode_types/agreement.rs"]
mod agreement;

use agreement::Agreement;
use scale_info::{TypeDef, TypeDefPrimitive as P};
use sentinel_core::decode::{JsonOptions, Runtime, Value};
use sentinel_support::exact_json::{Json, parse};
use sentinel_support::extra_types::ExtraTypes;
use sentinel_support::registry::Registry;
use sentinel_support::runtimes::{self, FINNEY_393_V16, RAONET_218_V14, SUBTENSOR_461_V14, SUBTENSOR_461_V15};
use sentinel_support::samples::{Samples, compact_bits};

/// Each variant of a type is shown once per seed.
const SEEDS: u64 = 4;
/// Samples of each type and seed beside those that show each variant.
const PER_TYPE: usize = 4;

/// Nothing of these can be encoded: enums without variants, and what holds one.
const WITHOUT_VALUES: [&str; 3] =
    ["sp_core::Void", "frame_support::traits::tokens::misc::IdAmount", "node_subtensor_runtime::RuntimeFreezeReason"];

#[test]
fn types_of_218_agree() {
    all_types("218 (V14)", RAONET_218_V14, 436, &["pallet_admin_utils::pallet::Event"]);
}

#[test]
fn types_of_393_agree() {
    all_types("393 (V16)", FINNEY_393_V16, 727, &[]);
}

#[test]
fn types_of_461_by_metadata_14_agree() {
    all_types("461 (V14)", SUBTENSOR_461_V14, 594, &[]);
}

#[test]
fn types_of_461_by_metadata_15_agree() {
    all_types("461 (V15)", SUBTENSOR_461_V15, 802, &[]);
}

fn all_types(name: &str, metadata: &[u8], types: usize, also_without_values: &[&str]) {
    let runtime = runtimes::load(metadata);
    let registry = Registry::of(metadata);
    // A compact form of nothing is no bytes on the chain. Scale-value cannot read it.
    let empty_compacts = empty_compacts(&registry);
    let mut samples = Samples::new(&registry.types, 0).without(&empty_compacts);
    let (mut compared, mut without_values, mut count) = (0, Vec::new(), 0);
    for id in 0..registry.types.types.len() as u32 {
        if samples.has_values(id) {
            compared += 1;
            count += all_samples(name, &runtime, &registry, &mut samples, id, true);
        } else if !empty_compacts.contains(&id) {
            without_values.extend(registry.types.resolve(id).map(|ty| ty.path.to_string()));
        }
    }
    println!("{name}: {compared} of {types} types agree, {count} samples");
    assert_eq!(runtime.type_count() as usize, types);
    without_values.sort();
    let mut expected = [&WITHOUT_VALUES[..], also_without_values].concat();
    expected.sort_unstable();
    assert_eq!(without_values, expected, "types without values");
    assert_eq!(compared + expected.len() + empty_compacts.len(), types);
}

/// Compares samples of one type, and returns how many.
fn all_samples(
    name: &str,
    runtime: &Runtime,
    registry: &Registry,
    samples: &mut Samples<'_>,
    id: u32,
    encodes: bool,
) -> usize {
    let variants = match samples.variants(id) {
        1 => 0,
        variants => variants,
    };
    let mut count = 0;
    for (seed, turn) in (0..SEEDS).flat_map(|seed| (0..variants + PER_TYPE).map(move |turn| (seed, turn))) {
        if turn == 0 {
            samples.reseed(seed << 32 | u64::from(id));
        }
        let bytes = if turn < variants { samples.variant(id, turn) } else { samples.value(id) };
        let bytes = bytes.expect("the type has values");
        let same = compare(runtime, registry, id, &bytes);
        let same = same.and_then(|theirs| match encodes {
            true => encodes_again(registry, id, &theirs, &bytes),
            false => Ok(()),
        });
        if let Err(difference) = same {
            let path = registry.types.resolve(id).map(|ty| ty.path.to_string());
            panic!("{name}: type {id} ({path:?}) of {}: {difference}", const_hex::encode(&bytes));
        }
        count += 1;
    }
    count
}

/// The kinds of type that no runtime uses, compared in the same ways.
#[test]
fn types_that_no_runtime_has_agree() {
    let mut extra = ExtraTypes::new();
    let first = extra.next();
    let [bool, str, char] = [P::Bool, P::Str, P::Char].map(|kind| extra.add("", kind));
    for kind in [P::I8, P::I16, P::I32, P::I64, P::I128, P::U256] {
        extra.add("", kind);
    }
    for (word, order) in [(P::U8, "Lsb0"), (P::U8, "Msb0"), (P::U16, "Msb0"), (P::U32, "Lsb0"), (P::U64, "Msb0")] {
        extra.bits(word, order);
    }
    let u16 = extra.add("", P::U16);
    let compact = extra.compact(u16);
    let mixed = extra.record("Mixed", &[("a", str), ("", compact)]);
    let empty = extra.record("Empty", &[]);
    let wrapped = extra.record("Wrapped", &[("", empty)]);
    let option = extra.option(wrapped);
    let list = extra.list(option);
    let array = extra.array(char, 3);
    let one = extra.tuple(&[bool]);
    // An enum of a list of itself, and a map of maps.
    let own = extra.next() + 1;
    extra.list(own);
    extra.choice("Tree", &[("Leaf", &[("", mixed)]), ("Node", &[("children", own - 1), ("", list)]), ("End", &[])]);
    let entry = extra.tuple(&[u16, array]);
    let entries = extra.list(entry);
    let map = extra.record("BTreeMap", &[("", entries)]);
    let entry = extra.tuple(&[one, map]);
    let entries = extra.list(entry);
    extra.record("foo::BTreeMap", &[("", entries)]);
    let (runtime, registry) = (extra.runtime(), Registry::of(&extra.metadata()));
    let mut samples = Samples::new(&registry.types, 0);
    // Scale-value decodes characters and wide integers but does not encode them.
    let count: usize =
        (first..extra.next()).map(|id| all_samples("no runtime", &runtime, &registry, &mut samples, id, false)).sum();
    println!("{} types of no runtime agree, {count} samples", extra.next() - first);
}

fn empty_compacts(registry: &Registry) -> Vec<u32> {
    let types = registry.types.types.iter();
    types
        .filter(|entry| match &entry.ty.type_def {
            TypeDef::Compact(compact) => compact_bits(&registry.types, compact.type_param.id) == 0,
            _ => false,
        })
        .map(|entry| entry.id)
        .collect()
}

/// One encoding, by all ways out; returns what scale-value makes of it.
fn compare(runtime: &Runtime, registry: &Registry, id: u32, bytes: &[u8]) -> Result<scale_value::Value<u32>, String> {
    let decoded = runtime.decode(id, bytes).map_err(|error| error.to_string())?;
    let value = decoded.to_value().map_err(|error| error.to_string())?;
    same_json(&decoded, &value)?;

    let mut rest = bytes;
    let theirs =
        scale_value::scale::decode_as_type(&mut rest, id, &registry.types).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err(format!("scale-value leaves {} bytes", rest.len()));
    }
    Agreement::new(registry).of(id, &theirs, &value)?;

    Ok(theirs)
}

/// What scale-value encodes is the same again, so our samples are as canonical as an encoder's.
fn encodes_again(registry: &Registry, id: u32, theirs: &scale_value::Value<u32>, bytes: &[u8]) -> Result<(), String> {
    let mut again = Vec::new();
    scale_value::scale::encode_as_type(theirs, id, &registry.types, &mut again).map_err(|error| error.to_string())?;
    if again == bytes { Ok(()) } else { Err(format!("scale-value encodes it as {}", const_hex::encode(&again))) }
}

/// The JSON writer, serde from the bytes and serde from the owned value say the same, to the last digit.
fn same_json(decoded: &sentinel_core::decode::Decoded<'_, '_>, value: &Value) -> Result<(), String> {
    let mut written = Vec::new();
    decoded.write_json(&mut written, JsonOptions::default()).map_err(|error| error.to_string())?;
    let written = String::from_utf8(written).map_err(|error| error.to_string())?;
    let written = parse(&written).map_err(|error| format!("{error} in {written}"))?;
    for (way, text) in [("Decoded", serde_json::to_string(decoded)), ("Value", serde_json::to_string(value))] {
        let text = text.map_err(|error| format!("{way}: {error}"))?;
        let serialized = parse(&text).map_err(|error| format!("{way}: {error}"))?;
        if !same(&written, &serialized) {
            return Err(format!("{way} says {serialized:?}, the JSON writer {written:?}"));
        }
    }
    Ok(())
}

/// Serde has no integers beyond 128 bits: there they are the text of the same digits.
fn same(written: &Json, serialized: &Json) -> bool {
    match (written, serialized) {
        (Json::Plain(digits), Json::Text(text)) => digits == text && digits.len() >= 39,
        (Json::List(a), Json::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((a_key, a), (b_key, b))| a_key == b_key && same(a, b))
        }
        (a, b) => a == b,
    }
}
