//! Metadata of a real runtime cut down to one pallet, small enough to be mutated thousands of times a second.

use frame_metadata::v14::{RuntimeMetadataV14, StorageEntryType};
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Decode, Encode};
use scale_info::TypeDef;

use crate::registry::Registry;
use crate::runtimes::RAONET_218_V14;

/// The only pallet left: no runtime is one without it.
const PALLET: &str = "System";

/// Metadata V14 of spec 218 with the pallet `System` alone.
pub(super) fn encoded() -> Vec<u8> {
    let registry = Registry::of(RAONET_218_V14);
    let mut metadata = match RuntimeMetadataPrefixed::decode(&mut &RAONET_218_V14[..]) {
        Ok(RuntimeMetadataPrefixed(_, RuntimeMetadata::V14(metadata))) => metadata,
        other => panic!("the fixture is metadata of version 14: {:?}", other.err()),
    };
    metadata.pallets.retain(|pallet| pallet.name == PALLET);
    for outer in [registry.call, registry.event] {
        if let TypeDef::Variant(pallets) = &mut metadata.types.types[outer as usize].ty.type_def {
            pallets.variants.retain(|pallet| pallet.name == PALLET);
        }
    }
    let mut roots = Vec::new();
    ids(&mut metadata, &mut |id| roots.push(*id));
    let new_ids = metadata.types.retain(|id| roots.contains(&id));
    ids(&mut metadata, &mut |id| *id = new_ids[id]);
    RuntimeMetadataPrefixed(u32::from_le_bytes(*b"meta"), RuntimeMetadata::V14(metadata)).encode()
}

/// Every id of a type outside the types.
fn ids(metadata: &mut RuntimeMetadataV14, visit: &mut impl FnMut(&mut u32)) {
    visit(&mut metadata.ty.id);
    visit(&mut metadata.extrinsic.ty.id);
    for extension in &mut metadata.extrinsic.signed_extensions {
        visit(&mut extension.ty.id);
        visit(&mut extension.additional_signed.id);
    }
    for pallet in &mut metadata.pallets {
        for entry in pallet.storage.iter_mut().flat_map(|storage| &mut storage.entries) {
            match &mut entry.ty {
                StorageEntryType::Plain(value) => visit(&mut value.id),
                StorageEntryType::Map { key, value, .. } => {
                    visit(&mut key.id);
                    visit(&mut value.id);
                }
            }
        }
        pallet.constants.iter_mut().for_each(|constant| visit(&mut constant.ty.id));
        pallet.calls.iter_mut().for_each(|calls| visit(&mut calls.ty.id));
        pallet.event.iter_mut().for_each(|event| visit(&mut event.ty.id));
        pallet.error.iter_mut().for_each(|error| visit(&mut error.ty.id));
    }
}
