//! Reading metadata blobs of versions 14, 15 and 16.

pub(crate) mod view;

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Decode, Encode};
use scale_info::PortableRegistry;
use scale_info::form::PortableForm;

pub(crate) use view::View;

/// Why a blob is not metadata that this library can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The four magic bytes `meta` are missing.
    #[error("not runtime metadata: it does not start with the bytes `meta`")]
    NotMetadata,
    /// Metadata of a version before 14 (or after 16), which describes its types otherwise.
    #[error("metadata version {0} is not supported: 14, 15 and 16 are")]
    Version(u32),
    /// The blob ends early, or its content is not metadata.
    #[error("the metadata is damaged: {0}")]
    Damaged(String),
    /// Bytes follow the metadata.
    #[error("the metadata is damaged: {0} bytes left over")]
    TrailingBytes(usize),
    /// The metadata refers to types or items that it does not have.
    #[error("the metadata contradicts itself: {0}")]
    Inconsistent(String),
}

pub(crate) fn parse(bytes: &[u8]) -> Result<RuntimeMetadata, MetadataError> {
    // `state_call` answers wrap the blob in an Option and a byte vector; people save those too.
    let Some(body) = bytes.strip_prefix(b"meta") else {
        return Err(MetadataError::NotMetadata);
    };
    match body.first() {
        Some(14..=16) => {}
        Some(version) => return Err(MetadataError::Version(u32::from(*version))),
        None => {
            return Err(MetadataError::Damaged("it ends after the magic bytes".to_owned()));
        }
    }
    let mut input = bytes;
    let metadata =
        RuntimeMetadataPrefixed::decode(&mut input).map_err(|error| MetadataError::Damaged(error.to_string()))?;
    if !input.is_empty() {
        return Err(MetadataError::TrailingBytes(input.len()));
    }
    Ok(metadata.1)
}

/// The same metadata without its documentation texts, in the same version: a third smaller, and no less decodable.
///
/// Error descriptions are documentation; they are gone too.
pub fn strip_docs(bytes: &[u8]) -> Result<Vec<u8>, MetadataError> {
    let mut metadata = parse(bytes)?;
    macro_rules! strip_pallets {
        ($metadata:expr, |$extra:ident| $more:block) => {{
            strip_types(&mut $metadata.types);
            for pallet in &mut $metadata.pallets {
                if let Some(storage) = &mut pallet.storage {
                    storage.entries.iter_mut().for_each(|entry| entry.docs.clear());
                }
                pallet.constants.iter_mut().for_each(|constant| constant.docs.clear());
                let $extra = pallet;
                $more
            }
        }};
    }
    macro_rules! strip_apis {
        ($apis:expr) => {
            for api in &mut $apis {
                api.docs.clear();
                api.methods.iter_mut().for_each(|method| method.docs.clear());
            }
        };
    }
    match &mut metadata {
        RuntimeMetadata::V14(metadata) => strip_pallets!(metadata, |_pallet| {}),
        RuntimeMetadata::V15(metadata) => {
            strip_pallets!(metadata, |pallet| {
                pallet.docs.clear();
            });
            strip_apis!(metadata.apis);
        }
        RuntimeMetadata::V16(metadata) => {
            strip_pallets!(metadata, |pallet| {
                pallet.docs.clear();
                for associated in &mut pallet.associated_types {
                    associated.docs.clear();
                }
                for view in &mut pallet.view_functions {
                    view.docs.clear();
                }
            });
            strip_apis!(metadata.apis);
        }
        other => return Err(MetadataError::Version(other.version())),
    }
    Ok(RuntimeMetadataPrefixed(u32::from_le_bytes(*b"meta"), metadata).encode())
}

fn strip_types(registry: &mut PortableRegistry) {
    use scale_info::TypeDef;
    let strip_fields =
        |fields: &mut Vec<scale_info::Field<PortableForm>>| fields.iter_mut().for_each(|field| field.docs.clear());
    for entry in &mut registry.types {
        entry.ty.docs.clear();
        match &mut entry.ty.type_def {
            TypeDef::Composite(composite) => strip_fields(&mut composite.fields),
            TypeDef::Variant(variants) => {
                for variant in &mut variants.variants {
                    variant.docs.clear();
                    strip_fields(&mut variant.fields);
                }
            }
            _ => {}
        }
    }
}
