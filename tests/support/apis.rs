//! Which types the runtime API functions answer with, read without the decoder under test.

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::Decode;

/// The type that a function (`Trait_method`) answers with.
///
/// # Panics
/// Where the metadata does not describe it: fixtures are known to be good.
pub fn answer_type(metadata: &[u8], function: &str) -> u32 {
    described_answer(metadata, function).unwrap_or_else(|| panic!("the metadata describes {function}"))
}

/// The same, for functions that may not be described.
pub fn described_answer(metadata: &[u8], function: &str) -> Option<u32> {
    let (name, method) = function.split_once('_').unwrap_or((function, ""));
    match RuntimeMetadataPrefixed::decode(&mut &*metadata).map(|metadata| metadata.1) {
        Ok(RuntimeMetadata::V15(metadata)) => {
            let api = metadata.apis.into_iter().find(|api| api.name == name);
            api.and_then(|api| api.methods.into_iter().find(|one| one.name == method)).map(|one| one.output.id)
        }
        Ok(RuntimeMetadata::V16(metadata)) => {
            let api = metadata.apis.into_iter().find(|api| api.name == name);
            api.and_then(|api| api.methods.into_iter().find(|one| one.name == method)).map(|one| one.output.id)
        }
        _ => None,
    }
}
