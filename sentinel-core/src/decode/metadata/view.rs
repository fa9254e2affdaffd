//! One view of metadata for all its versions: what the decoder needs, borrowed from what was parsed.

use frame_metadata::{RuntimeMetadata, v14, v15, v16};
use scale_info::form::PortableForm;
use scale_info::{PortableRegistry, TypeDef};

use super::MetadataError;
use crate::decode::Hasher;

/// What the decoder reads of metadata, whatever its version.
pub(crate) struct View<'m> {
    pub(crate) version: u32,
    pub(crate) types: &'m PortableRegistry,
    pub(crate) pallets: Vec<Pallet<'m>>,
    pub(crate) extrinsic: Extrinsic<'m>,
    pub(crate) apis: Vec<Api<'m>>,
    pub(crate) call: u32,
    pub(crate) event: u32,
}

pub(crate) struct Pallet<'m> {
    pub(crate) name: &'m str,
    pub(crate) index: u8,
    pub(crate) error: Option<u32>,
    pub(crate) storage_prefix: &'m str,
    pub(crate) storage: Vec<Storage<'m>>,
    pub(crate) constants: Vec<Constant<'m>>,
}

pub(crate) struct Storage<'m> {
    pub(crate) name: &'m str,
    pub(crate) hashers: Vec<Hasher>,
    /// Type of the key: a tuple where there are several hashers.
    pub(crate) key: Option<u32>,
    pub(crate) value: u32,
    /// Whether an absent value means the default below.
    pub(crate) has_default: bool,
    pub(crate) default: &'m [u8],
}

pub(crate) struct Constant<'m> {
    pub(crate) name: &'m str,
    pub(crate) ty: u32,
    pub(crate) value: &'m [u8],
}

pub(crate) struct Extrinsic<'m> {
    pub(crate) address: u32,
    pub(crate) signature: u32,
    /// Transaction extensions by the version of the set; signed extrinsics of format 4 use version 0.
    pub(crate) extensions: Vec<(u8, Vec<Extension<'m>>)>,
}

#[derive(Clone)]
pub(crate) struct Extension<'m> {
    pub(crate) name: &'m str,
    pub(crate) ty: u32,
}

pub(crate) struct Api<'m> {
    pub(crate) name: &'m str,
    pub(crate) methods: Vec<Method<'m>>,
}

pub(crate) struct Method<'m> {
    pub(crate) name: &'m str,
    pub(crate) inputs: Vec<(&'m str, u32)>,
    pub(crate) output: u32,
}

macro_rules! pallets {
    ($version:ident, $metadata:expr) => {
        $metadata
            .pallets
            .iter()
            .map(|pallet| Pallet {
                name: &pallet.name,
                index: pallet.index,
                error: pallet.error.as_ref().map(|error| error.ty.id),
                storage_prefix: pallet.storage.as_ref().map_or("", |storage| &storage.prefix),
                storage: pallet.storage.iter().flat_map(|storage| &storage.entries).map($version::storage).collect(),
                constants: pallet
                    .constants
                    .iter()
                    .map(|constant| Constant { name: &constant.name, ty: constant.ty.id, value: &constant.value })
                    .collect(),
            })
            .collect()
    };
}

macro_rules! signed_extensions {
    ($metadata:expr) => {
        $metadata
            .extrinsic
            .signed_extensions
            .iter()
            .map(|extension| Extension { name: &extension.identifier, ty: extension.ty.id })
            .collect()
    };
}

macro_rules! apis {
    ($metadata:expr) => {
        $metadata
            .apis
            .iter()
            .map(|api| Api {
                name: &api.name,
                methods: api
                    .methods
                    .iter()
                    .map(|method| Method {
                        name: &method.name,
                        inputs: method.inputs.iter().map(|input| (input.name.as_str(), input.ty.id)).collect(),
                        output: method.output.id,
                    })
                    .collect(),
            })
            .collect()
    };
}

/// Storage entries differ by module only: V15 uses those of V14.
macro_rules! storage_reader {
    ($name:ident, $frame:ident) => {
        mod $name {
            use super::{Hasher, PortableForm, Storage, $frame as frame};

            pub(super) fn storage(entry: &frame::StorageEntryMetadata<PortableForm>) -> Storage<'_> {
                let (hashers, key, value) = match &entry.ty {
                    frame::StorageEntryType::Plain(value) => (Vec::new(), None, value.id),
                    frame::StorageEntryType::Map { hashers, key, value } => {
                        (hashers.iter().map(hasher).collect(), Some(key.id), value.id)
                    }
                };
                let has_default = matches!(entry.modifier, frame::StorageEntryModifier::Default);
                Storage { name: &entry.name, hashers, key, value, has_default, default: &entry.default }
            }

            fn hasher(hasher: &frame::StorageHasher) -> Hasher {
                match hasher {
                    frame::StorageHasher::Blake2_128 => Hasher::Blake2_128,
                    frame::StorageHasher::Blake2_256 => Hasher::Blake2_256,
                    frame::StorageHasher::Blake2_128Concat => Hasher::Blake2_128Concat,
                    frame::StorageHasher::Twox128 => Hasher::Twox128,
                    frame::StorageHasher::Twox256 => Hasher::Twox256,
                    frame::StorageHasher::Twox64Concat => Hasher::Twox64Concat,
                    frame::StorageHasher::Identity => Hasher::Identity,
                }
            }
        }
    };
}

storage_reader!(old, v14);
storage_reader!(new, v16);

impl<'m> View<'m> {
    pub(crate) fn new(metadata: &'m RuntimeMetadata) -> Result<Self, MetadataError> {
        match metadata {
            RuntimeMetadata::V14(metadata) => Self::v14(metadata),
            RuntimeMetadata::V15(metadata) => Ok(Self::v15(metadata)),
            RuntimeMetadata::V16(metadata) => Ok(Self::v16(metadata)),
            other => Err(MetadataError::Version(other.version())),
        }
    }

    fn v14(metadata: &'m v14::RuntimeMetadataV14) -> Result<Self, MetadataError> {
        let inconsistent = |what: &str| MetadataError::Inconsistent(what.to_owned());
        let types = &metadata.types;
        // Version 14 names the parts of an extrinsic only as type parameters of the extrinsic's type.
        let extrinsic = types.resolve(metadata.extrinsic.ty.id).ok_or_else(|| inconsistent("no extrinsic type"))?;
        let param = |name: &str| {
            extrinsic
                .type_params
                .iter()
                .find(|param| param.name == name)
                .and_then(|param| param.ty)
                .map(|ty| ty.id)
                .ok_or_else(|| MetadataError::Inconsistent(format!("the extrinsic type has no parameter {name}")))
        };
        // The outer event enum is found through the storage item that holds the events of a block.
        let records = metadata
            .pallets
            .iter()
            .find(|pallet| pallet.name == "System")
            .and_then(|system| system.storage.as_ref())
            .and_then(|storage| storage.entries.iter().find(|entry| entry.name == "Events"))
            .and_then(|entry| match &entry.ty {
                v14::StorageEntryType::Plain(ty) => types.resolve(ty.id),
                v14::StorageEntryType::Map { .. } => None,
            });
        let record = records.and_then(|records| match &records.type_def {
            TypeDef::Sequence(sequence) => types.resolve(sequence.type_param.id),
            _ => None,
        });
        let event = record
            .and_then(|record| record.type_params.iter().find(|param| param.name == "E"))
            .and_then(|param| param.ty)
            .ok_or_else(|| inconsistent("System.Events is not a list of event records"))?;
        Ok(Self {
            version: 14,
            types,
            pallets: pallets!(old, metadata),
            extrinsic: Extrinsic {
                address: param("Address")?,
                signature: param("Signature")?,
                extensions: vec![(0, signed_extensions!(metadata))],
            },
            apis: Vec::new(),
            call: param("Call")?,
            event: event.id,
        })
    }

    fn v15(metadata: &'m v15::RuntimeMetadataV15) -> Self {
        Self {
            version: 15,
            types: &metadata.types,
            pallets: pallets!(old, metadata),
            extrinsic: Extrinsic {
                address: metadata.extrinsic.address_ty.id,
                signature: metadata.extrinsic.signature_ty.id,
                extensions: vec![(0, signed_extensions!(metadata))],
            },
            apis: apis!(metadata),
            call: metadata.outer_enums.call_enum_ty.id,
            event: metadata.outer_enums.event_enum_ty.id,
        }
    }

    fn v16(metadata: &'m v16::RuntimeMetadataV16) -> Self {
        let all = &metadata.extrinsic.transaction_extensions;
        let extension = |index: u32| {
            let extension = all.get(index as usize)?;
            Some(Extension { name: extension.identifier.as_str(), ty: extension.ty.id })
        };
        let extensions = metadata
            .extrinsic
            .transaction_extensions_by_version
            .iter()
            .map(|(version, indexes)| (*version, indexes.iter().filter_map(|index| extension(index.0)).collect()))
            .collect();
        Self {
            version: 16,
            types: &metadata.types,
            pallets: pallets!(new, metadata),
            extrinsic: Extrinsic {
                address: metadata.extrinsic.address_ty.id,
                signature: metadata.extrinsic.signature_ty.id,
                extensions,
            },
            apis: apis!(metadata),
            call: metadata.outer_enums.call_enum_ty.id,
            event: metadata.outer_enums.event_enum_ty.id,
        }
    }
}
