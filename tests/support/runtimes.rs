//! Real runtimes by their metadata (documentation texts removed), and how to make up new versions of them.

use std::sync::{Arc, LazyLock};

use frame_metadata::v14::RuntimeMetadataV14;
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Decode, Encode};
use scale_info::{Field, TypeDef, TypeDefPrimitive};
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
    edited(RAONET_218_V14, |metadata| set_spec_version(metadata, spec_version))
}

/// Metadata V14 that calls itself by another spec version, and whose event `System.NewAccount` ends in so many more bytes
/// (`u8` fields): what one such runtime wrote, no other can read.
///
/// # Panics
/// Where it is not metadata of version 14.
pub fn with_longer_events(metadata: &[u8], spec_version: u32, more: usize) -> Arc<Runtime> {
    load(&edited(metadata, |metadata| {
        set_spec_version(metadata, spec_version);
        let types = &mut metadata.types.types;
        let byte = TypeDef::Primitive(TypeDefPrimitive::U8);
        let byte = types.iter().find(|ty| ty.ty.type_def == byte).map_or_else(|| panic!("no u8"), |ty| ty.id);
        let path = ["frame_system", "pallet", "Event"];
        for ty in types.iter_mut().filter(|ty| ty.ty.path.segments == path) {
            let TypeDef::Variant(events) = &mut ty.ty.type_def else { panic!("events are an enum") };
            for event in events.variants.iter_mut().filter(|event| event.name == "NewAccount") {
                let fields = (0..more).map(|at| Field::new(Some(format!("more_{at}")), byte.into(), None, Vec::new()));
                event.fields.extend(fields);
            }
        }
    }))
}

fn edited(metadata: &[u8], edit: impl FnOnce(&mut RuntimeMetadataV14)) -> Vec<u8> {
    match RuntimeMetadataPrefixed::decode(&mut &metadata[..]) {
        Ok(RuntimeMetadataPrefixed(magic, RuntimeMetadata::V14(mut metadata))) => {
            edit(&mut metadata);
            RuntimeMetadataPrefixed(magic, RuntimeMetadata::V14(metadata)).encode()
        }
        other => panic!("the fixture is metadata of version 14: {:?}", other.err()),
    }
}

fn set_spec_version(metadata: &mut RuntimeMetadataV14, spec_version: u32) {
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

/// Metadata V14 of spec 218 without these storage items.
pub fn raonet_without(items: &[&str]) -> Vec<u8> {
    edited(RAONET_218_V14, |metadata| {
        for storage in metadata.pallets.iter_mut().filter_map(|pallet| pallet.storage.as_mut()) {
            storage.entries.retain(|entry| !items.contains(&entry.name.as_str()));
        }
    })
}
