//! What metadata says of calls, events and extrinsics, read without the decoder under test.

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::Decode;
use scale_info::form::PortableForm;
use scale_info::{PortableRegistry, TypeDef, Variant};

/// The types of a runtime, and which of them make up a block.
#[derive(Debug, Clone)]
pub struct Registry {
    /// All types.
    pub types: PortableRegistry,
    /// The outer call enum.
    pub call: u32,
    /// The outer event enum.
    pub event: u32,
    /// The address of a signer.
    pub address: u32,
    /// A signature.
    pub signature: u32,
    /// The extensions of an extrinsic, by name and type, in order.
    pub extensions: Vec<(String, u32)>,
}

impl Registry {
    /// Reads metadata of version 14, 15 or 16.
    ///
    /// # Panics
    /// Where it is none: fixtures are known to be good.
    pub fn of(metadata: &[u8]) -> Self {
        let metadata = match RuntimeMetadataPrefixed::decode(&mut &*metadata) {
            Ok(metadata) => metadata.1,
            Err(error) => panic!("the fixture is metadata: {error}"),
        };
        match metadata {
            RuntimeMetadata::V14(metadata) => {
                let extrinsic = metadata.types.resolve(metadata.extrinsic.ty.id);
                let part = |name: &str| {
                    let parameters = extrinsic.map(|ty| ty.type_params.as_slice()).unwrap_or_default();
                    let part = parameters.iter().find(|parameter| parameter.name == name);
                    part.and_then(|part| part.ty).unwrap_or_else(|| panic!("an extrinsic has its {name}")).id
                };
                let record = type_named(&metadata.types, "frame_system::EventRecord");
                let Some(TypeDef::Composite(record)) = metadata.types.resolve(record).map(|ty| &ty.type_def) else {
                    panic!("an event record has fields");
                };
                let extensions = &metadata.extrinsic.signed_extensions;
                Self {
                    call: part("Call"),
                    event: record.fields[1].ty.id,
                    address: part("Address"),
                    signature: part("Signature"),
                    extensions: extensions.iter().map(|one| (one.identifier.clone(), one.ty.id)).collect(),
                    types: metadata.types,
                }
            }
            RuntimeMetadata::V15(metadata) => {
                let extensions = &metadata.extrinsic.signed_extensions;
                Self {
                    call: metadata.outer_enums.call_enum_ty.id,
                    event: metadata.outer_enums.event_enum_ty.id,
                    address: metadata.extrinsic.address_ty.id,
                    signature: metadata.extrinsic.signature_ty.id,
                    extensions: extensions.iter().map(|one| (one.identifier.clone(), one.ty.id)).collect(),
                    types: metadata.types,
                }
            }
            RuntimeMetadata::V16(metadata) => {
                let all = &metadata.extrinsic.transaction_extensions;
                let set = metadata.extrinsic.transaction_extensions_by_version.get(&0);
                let set = set.unwrap_or_else(|| panic!("signed extrinsics use set 0"));
                let extension = |at: u32| (all[at as usize].identifier.clone(), all[at as usize].ty.id);
                Self {
                    call: metadata.outer_enums.call_enum_ty.id,
                    event: metadata.outer_enums.event_enum_ty.id,
                    address: metadata.extrinsic.address_ty.id,
                    signature: metadata.extrinsic.signature_ty.id,
                    extensions: set.iter().map(|at| extension(at.0)).collect(),
                    types: metadata.types,
                }
            }
            other => panic!("metadata version {}", other.version()),
        }
    }

    /// Id of the first type with this path: `sp_runtime::DispatchError`.
    ///
    /// # Panics
    /// Where there is none.
    pub fn named(&self, path: &str) -> u32 {
        type_named(&self.types, path)
    }

    /// A call by name, from the SCALE bytes of its arguments in order.
    ///
    /// # Panics
    /// Where the runtime has no such call, or one with another number of arguments.
    pub fn call(&self, pallet: &str, name: &str, args: &[&[u8]]) -> Vec<u8> {
        self.item(self.call, pallet, name, args)
    }

    /// An event by name, from the SCALE bytes of its fields in order.
    ///
    /// # Panics
    /// Where the runtime has no such event, or one with another number of fields.
    pub fn event(&self, pallet: &str, name: &str, fields: &[&[u8]]) -> Vec<u8> {
        self.item(self.event, pallet, name, fields)
    }

    /// Pallet and item index of a call.
    ///
    /// # Panics
    /// Where the runtime has no such call.
    pub fn call_index(&self, pallet: &str, name: &str) -> [u8; 2] {
        let (pallet, item) = self.find(self.call, pallet, name);
        [pallet.index, item.index]
    }

    fn item(&self, outer: u32, pallet: &str, name: &str, fields: &[&[u8]]) -> Vec<u8> {
        let (pallet, item) = self.find(outer, pallet, name);
        let names: Vec<_> = item.fields.iter().map(|field| field.name.as_deref().unwrap_or("_")).collect();
        assert_eq!(fields.len(), names.len(), "the fields of {}.{} are {names:?}", pallet.name, item.name);
        let mut bytes = vec![pallet.index, item.index];
        fields.iter().for_each(|field| bytes.extend_from_slice(field));
        bytes
    }

    /// Whether the runtime has this call.
    pub fn has_call(&self, pallet: &str, name: &str) -> bool {
        self.search(self.call, pallet, name).is_some()
    }

    /// Whether the runtime has this event.
    pub fn has_event(&self, pallet: &str, name: &str) -> bool {
        self.search(self.event, pallet, name).is_some()
    }

    /// Pallet and item of an outer enum.
    pub(crate) fn find(
        &self,
        outer: u32,
        pallet: &str,
        name: &str,
    ) -> (&Variant<PortableForm>, &Variant<PortableForm>) {
        self.search(outer, pallet, name).unwrap_or_else(|| panic!("the runtime has {pallet}.{name}"))
    }

    fn search(&self, outer: u32, pallet: &str, name: &str) -> Option<(&Variant<PortableForm>, &Variant<PortableForm>)> {
        let outer = self.variant(outer, pallet)?;
        let [field] = outer.fields.as_slice() else { return None };
        Some((outer, self.variant(field.ty.id, name)?))
    }

    fn variant(&self, id: u32, name: &str) -> Option<&Variant<PortableForm>> {
        match &self.types.resolve(id)?.type_def {
            TypeDef::Variant(table) => table.variants.iter().find(|variant| variant.name == name),
            _ => None,
        }
    }
}

fn type_named(types: &PortableRegistry, path: &str) -> u32 {
    let found = types.types.iter().find(|entry| entry.ty.path.segments.join("::") == path);
    found.unwrap_or_else(|| panic!("the runtime has a type {path}")).id
}
