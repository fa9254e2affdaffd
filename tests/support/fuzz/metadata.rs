//! Metadata of nobody's runtime: whole blobs, and real ones with a few bytes changed.

use sentinel_core::decode::{JsonOptions, Runtime, strip_docs};

use super::agreement::agreed;
use crate::extrinsics::with_length;
use crate::rng::Rng;
use crate::runtimes::{FINNEY_393_V16, RAONET_218_V14, SUBTENSOR_461_V14, SUBTENSOR_461_V15};

/// Length of one change: three bytes say where, one what.
const CHANGE: usize = 4;

/// A metadata blob: what compiles decodes anything without a panic, and compiles again without its docs.
///
/// The first byte says whether the others are a blob (0), or changes to one of the fixtures: a fuzzer finds little in
/// a hundred thousand bytes that it has to copy for each try.
pub fn metadata_blob(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    match first {
        0 => check(rest),
        of => {
            let fixtures = [RAONET_218_V14, FINNEY_393_V16, SUBTENSOR_461_V15, SUBTENSOR_461_V14];
            check(&changed(fixtures[usize::from(of & 3)], rest));
        }
    }
}

fn changed(fixture: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut metadata = fixture.to_vec();
    for change in changes.chunks_exact(CHANGE) {
        let at = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize % fixture.len();
        if let Some(byte) = metadata.get_mut(at) {
            *byte = change[3];
        }
    }
    metadata
}

fn check(metadata: &[u8]) {
    let stripped = strip_docs(metadata);
    let runtime = match Runtime::from_metadata(metadata) {
        Ok(runtime) => runtime,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let stripped = stripped.expect("what compiles can be read");
    assert_eq!(strip_docs(&stripped).as_ref(), Ok(&stripped), "there are no docs left");
    let without_docs = Runtime::from_metadata(&stripped).expect("docs are not needed");
    assert_eq!(without_docs.type_count(), runtime.type_count());
    assert_eq!(without_docs.pallets().len(), runtime.pallets().len());
    assert_eq!(runtime.metadata(), metadata);
    decode_anything(&runtime, metadata.len() as u64);
}

fn decode_anything(runtime: &Runtime, seed: u64) {
    let mut rng = Rng::new(seed);
    let mut bytes = rng.bytes(48);
    for id in 0..runtime.type_count() {
        // Small numbers are often a variant, a short length or a boolean.
        bytes.iter_mut().for_each(|byte| *byte = if rng.percent(50) { rng.below(5) as u8 } else { rng.bits() as u8 });
        let decoded = runtime.decode(id, &bytes).expect("ids run from 0 to the count");
        // The type may hold itself or nothing: only that there is a result, the same by all ways, counts.
        let _ = agreed(&decoded, JsonOptions::default());
    }
    for pallet in runtime.pallets() {
        for item in pallet.storage() {
            let _ = item.value(runtime, item.default_bytes().unwrap_or(&bytes)).to_value();
            let _ = item.key_parts(runtime, &[&item.prefix()[..], &bytes].concat());
        }
        if let Some(version) = pallet.constant("Version") {
            let _ = version.value(runtime).to_value();
        }
    }
    for format in [4, 5, 0x84, 0x45] {
        bytes[0] = format;
        let bytes = with_length(&bytes);
        if let Ok(extrinsic) = runtime.extrinsic(&bytes) {
            let _ = (extrinsic.signer(), extrinsic.call().to_value());
        }
    }
    if let Ok(index) = runtime.index(&[&bytes[..]], &bytes) {
        let _ = index.facts(0);
    }
}
