//! Real runtimes by their metadata (documentation texts removed), and how to make up new versions of them.

use std::sync::{Arc, LazyLock};

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Decode, Encode};
use sentinel_core::decode::Runtime;

/// Metadata V14 of spec 218, the last before dynamic TAO.
pub const RAONET_218_V14: &[u8] = include_bytes!("../fixtures/metadata/raonet-218-v14.scale");
/// Metadata V16 of spec 393, from the main network.
pub const FINNEY_393_V16: &[u8] = include_bytes!("../fixtures/metadata/finney-393-v16.scale");
/// Metadata V14 of spec 461.
pub const SUBTENSOR_461_V14: &[u8] = include_bytes!("../fixtures/metadata/subtensor-461-v14.scale");
/// Metadata V15 of spec 461.
pub const SUBTENSOR_461_V15: &[u8] = include_bytes!("../../sentinel-core/assets/subtensor-461-v15.scale");

/// Spec 218, by metadata V14.
pub fn raonet_218() -> Arc<Runtime> {
    static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| load(RAONET_218_V14));
    Arc::clone(&RUNTIME)
}

/// Spec 393, by metadata V16.
pub fn finney_393() -> Arc<Runtime> {
    static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| load(FINNEY_393_V16));
    Arc::clone(&RUNTIME)
}

/// Spec 461, by metadata V15.
pub fn subtensor_461() -> Arc<Runtime> {
    static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| load(SUBTENSOR_461_V15));
    Arc::clone(&RUNTIME)
}

/// A runtime from metadata that is known to be good.
///
/// # Panics
/// Where it is not.
pub fn load(metadata: &[u8]) -> Arc<Runtime> {
    match Runtime::from_metadata(metadata) {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => panic!("the fixture is metadata: {error}"),
    }
}

/// Metadata V14 of spec 218 that calls itself by another spec version.
pub fn raonet_as(spec_version: u32) -> Vec<u8> {
    let mut metadata = match RuntimeMetadataPrefixed::decode(&mut &RAONET_218_V14[..]) {
        Ok(metadata) => metadata,
        Err(error) => panic!("the fixture is metadata: {error}"),
    };
    if let RuntimeMetadata::V14(metadata) = &mut metadata.1 {
        let constants = metadata.pallets.iter_mut().flat_map(|pallet| &mut pallet.constants);
        for version in constants.filter(|constant| constant.name == "Version") {
            // Two names, then the authoring version, then the spec version.
            let mut rest = &version.value[..];
            let names = (String::decode(&mut rest), String::decode(&mut rest));
            assert!(names.0.is_ok() && names.1.is_ok(), "the constant holds a runtime version");
            let at = version.value.len() - rest.len() + 4;
            version.value[at..at + 4].copy_from_slice(&spec_version.to_le_bytes());
        }
    }
    metadata.encode()
}

/// Metadata V14 of spec 218 without these storage items.
pub fn raonet_without(items: &[&str]) -> Vec<u8> {
    let mut metadata = match RuntimeMetadataPrefixed::decode(&mut &RAONET_218_V14[..]) {
        Ok(metadata) => metadata,
        Err(error) => panic!("the fixture is metadata: {error}"),
    };
    if let RuntimeMetadata::V14(metadata) = &mut metadata.1 {
        for storage in metadata.pallets.iter_mut().filter_map(|pallet| pallet.storage.as_mut()) {
            storage.entries.retain(|entry| !items.contains(&entry.name.as_str()));
        }
    }
    metadata.encode()
}
