//! The types that decode to something else than their fields say, told by their path.

use scale_info::form::PortableForm;
use scale_info::{PortableRegistry, Type, TypeDef, TypeDefPrimitive};

use super::PlanId;

/// A type with a shape of its own.
pub(super) enum Special {
    Account,
    Era,
    U256,
    /// The type behind `Some`.
    Option(PlanId),
    Map {
        key: PlanId,
        value: PlanId,
    },
    /// A record of `System.Events`.
    EventRecord,
    /// An address: its account and index variants stand for themselves.
    MultiAddress,
}

pub(super) fn special(types: &PortableRegistry, ty: &Type<PortableForm>) -> Option<Special> {
    let (name, modules) = ty.path.segments.split_last()?;
    match (name.as_str(), &ty.type_def) {
        ("AccountId32", TypeDef::Composite(_)) if modules == ["sp_core", "crypto"] && is_bytes(types, ty, 32) => {
            Some(Special::Account)
        }
        ("Era", TypeDef::Variant(_)) if modules == ["sp_runtime", "generic", "era"] => Some(Special::Era),
        ("U256", TypeDef::Composite(_)) if modules == ["primitive_types"] && is_words(types, ty) => Some(Special::U256),
        ("Option", TypeDef::Variant(option)) if modules.is_empty() => {
            let some = option.variants.iter().find(|variant| variant.index == 1)?;
            match (option.variants.len(), some.fields.as_slice()) {
                (2, [field]) => Some(Special::Option(PlanId(field.ty.id))),
                _ => None,
            }
        }
        ("BTreeMap", TypeDef::Composite(map)) => {
            let [field] = map.fields.as_slice() else { return None };
            let TypeDef::Sequence(entries) = &types.resolve(field.ty.id)?.type_def else { return None };
            let TypeDef::Tuple(entry) = &types.resolve(entries.type_param.id)?.type_def else { return None };
            match entry.fields.as_slice() {
                [key, value] => Some(Special::Map { key: PlanId(key.id), value: PlanId(value.id) }),
                _ => None,
            }
        }
        ("EventRecord", TypeDef::Composite(record)) if modules == ["frame_system"] && record.fields.len() == 3 => {
            Some(Special::EventRecord)
        }
        ("MultiAddress", TypeDef::Variant(_)) => Some(Special::MultiAddress),
        _ => None,
    }
}

fn only_field<'t>(types: &'t PortableRegistry, ty: &Type<PortableForm>) -> Option<&'t TypeDef<PortableForm>> {
    let TypeDef::Composite(composite) = &ty.type_def else { return None };
    let [field] = composite.fields.as_slice() else { return None };
    Some(&types.resolve(field.ty.id)?.type_def)
}

fn is_bytes(types: &PortableRegistry, ty: &Type<PortableForm>, len: u32) -> bool {
    matches!(only_field(types, ty), Some(TypeDef::Array(array)) if array.len == len && is_u8(types, array.type_param.id))
}

fn is_words(types: &PortableRegistry, ty: &Type<PortableForm>) -> bool {
    let Some(TypeDef::Array(array)) = only_field(types, ty) else { return false };
    array.len == 4 && primitive(types, array.type_param.id) == Some(&TypeDefPrimitive::U64)
}

/// Byte vectors and byte arrays are those of the primitive itself, not of a newtype around it.
pub(super) fn is_u8(types: &PortableRegistry, id: u32) -> bool {
    primitive(types, id) == Some(&TypeDefPrimitive::U8)
}

fn primitive(types: &PortableRegistry, id: u32) -> Option<&TypeDefPrimitive> {
    match &types.resolve(id)?.type_def {
        TypeDef::Primitive(primitive) => Some(primitive),
        _ => None,
    }
}

/// The bits of the integer inside a compact type, seen through newtypes; `None` if there is no integer.
pub(super) fn compact_bits(types: &PortableRegistry, mut id: u32) -> Option<u8> {
    // A chain of newtypes is never long; the bound ends one that bites its tail.
    for _ in 0..16 {
        match &types.resolve(id)?.type_def {
            TypeDef::Primitive(primitive) => {
                return match primitive {
                    TypeDefPrimitive::U8 => Some(8),
                    TypeDefPrimitive::U16 => Some(16),
                    TypeDefPrimitive::U32 => Some(32),
                    TypeDefPrimitive::U64 => Some(64),
                    TypeDefPrimitive::U128 => Some(128),
                    _ => None,
                };
            }
            TypeDef::Composite(composite) => match composite.fields.as_slice() {
                [field] => id = field.ty.id,
                [] => return Some(0),
                _ => return None,
            },
            TypeDef::Tuple(tuple) => match tuple.fields.as_slice() {
                [field] => id = field.id,
                [] => return Some(0),
                _ => return None,
            },
            _ => return None,
        }
    }
    None
}

/// Width of a storage word in bytes, and whether the first bit is the most significant.
pub(super) fn bits(types: &PortableRegistry, store: u32, order: u32) -> Option<(u8, bool)> {
    let width = match primitive(types, store)? {
        TypeDefPrimitive::U8 => 1,
        TypeDefPrimitive::U16 => 2,
        TypeDefPrimitive::U32 => 4,
        TypeDefPrimitive::U64 => 8,
        _ => return None,
    };
    match types.resolve(order)?.path.segments.last()?.as_str() {
        "Lsb0" => Some((width, false)),
        "Msb0" => Some((width, true)),
        _ => None,
    }
}
