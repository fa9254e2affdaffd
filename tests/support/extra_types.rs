//! Types that no runtime has, added to the metadata of one that exists.

use std::sync::Arc;

use frame_metadata::v14::RuntimeMetadataV14;
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Decode, Encode};
use scale_info::form::PortableForm;
use scale_info::{
    Field, Path, PortableRegistry, PortableType, Type, TypeDef, TypeDefArray, TypeDefBitSequence, TypeDefCompact,
    TypeDefComposite, TypeDefPrimitive, TypeDefSequence, TypeDefTuple, TypeDefVariant, Variant,
};
use sentinel_core::decode::Runtime;

use crate::runtimes::{RAONET_218_V14, load};

/// The metadata of spec 218 with more types.
///
/// ```
/// use scale_info::TypeDefPrimitive;
/// use sentinel_support::extra_types::ExtraTypes;
///
/// let mut types = ExtraTypes::new();
/// let char = types.add("", TypeDefPrimitive::Char);
/// let chars = types.list(char);
/// let value = types.runtime().decode(chars, &[4, 65, 0, 0, 0])?.to_value()?;
/// assert_eq!(value.as_list().map(<[_]>::len), Some(1));
/// # Ok::<(), sentinel_core::decode::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct ExtraTypes(RuntimeMetadataV14);

impl Default for ExtraTypes {
    fn default() -> Self {
        Self::new()
    }
}

impl ExtraTypes {
    /// No more types so far.
    ///
    /// # Panics
    /// Never: the fixture is metadata of version 14.
    pub fn new() -> Self {
        match RuntimeMetadataPrefixed::decode(&mut &RAONET_218_V14[..]) {
            Ok(RuntimeMetadataPrefixed(_, RuntimeMetadata::V14(metadata))) => Self(metadata),
            other => panic!("the fixture is metadata of version 14: {:?}", other.err()),
        }
    }

    /// The id that the type added next will have, for types that hold themselves.
    pub fn next(&self) -> u32 {
        self.0.types.types.len() as u32
    }

    /// Adds a type; its path as `crate::module::Name`, empty for none.
    pub fn add(&mut self, path: &str, definition: impl Into<TypeDef<PortableForm>>) -> u32 {
        let id = self.next();
        let segments = path.split("::").filter(|segment| !segment.is_empty()).map(str::to_owned);
        let ty = Type::new(Path::from_segments_unchecked(segments), [], definition, Vec::new());
        self.0.types.types.push(PortableType::new(id, ty));
        id
    }

    /// Adds a vector of another type.
    pub fn list(&mut self, item: u32) -> u32 {
        self.add("", TypeDefSequence::new(item.into()))
    }

    /// Adds an array of another type.
    pub fn array(&mut self, item: u32, len: u32) -> u32 {
        self.add("", TypeDefArray::new(len, item.into()))
    }

    /// Adds the compact form of another type.
    pub fn compact(&mut self, of: u32) -> u32 {
        self.add("", TypeDefCompact::new(of.into()))
    }

    /// Adds a tuple.
    pub fn tuple(&mut self, fields: &[u32]) -> u32 {
        self.add("", TypeDefTuple::new_portable(fields.iter().map(|id| (*id).into())))
    }

    /// Adds a struct of fields by name and type; an empty name is none.
    pub fn record(&mut self, path: &str, record: &[(&str, u32)]) -> u32 {
        self.add(path, TypeDefComposite::new(fields(record)))
    }

    /// Adds an enum of variants by name and fields, numbered from 0.
    pub fn choice(&mut self, path: &str, variants: &[(&str, &[(&str, u32)])]) -> u32 {
        let variants = variants
            .iter()
            .enumerate()
            .map(|(index, (name, variant))| Variant::new((*name).to_owned(), fields(variant), index as u8, Vec::new()));
        self.add(path, TypeDefVariant::new(variants))
    }

    /// Adds `Option` of another type.
    pub fn option(&mut self, some: u32) -> u32 {
        self.choice("Option", &[("None", &[]), ("Some", &[("", some)])])
    }

    /// Adds a bit sequence in words of this type, `Lsb0` or `Msb0` first.
    pub fn bits(&mut self, word: TypeDefPrimitive, order: &str) -> u32 {
        let word = self.add("", word);
        let order = self.record(&format!("bitvec::order::{order}"), &[]);
        self.add("", TypeDefBitSequence::new_portable(word.into(), order.into()))
    }

    /// All types so far, those of the runtime first.
    pub fn registry(&self) -> &PortableRegistry {
        &self.0.types
    }

    /// The metadata with all types so far.
    pub fn metadata(&self) -> Vec<u8> {
        RuntimeMetadataPrefixed(u32::from_le_bytes(*b"meta"), RuntimeMetadata::V14(self.0.clone())).encode()
    }

    /// The runtime with all types so far.
    pub fn runtime(&self) -> Arc<Runtime> {
        load(&self.metadata())
    }
}

fn fields(fields: &[(&str, u32)]) -> Vec<Field<PortableForm>> {
    let name = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    fields.iter().map(|(field, id)| Field::new(name(field), (*id).into(), None, Vec::new())).collect()
}
