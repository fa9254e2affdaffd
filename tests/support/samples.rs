//! Random valid encodings of any type, made from the type registry alone.
//!
//! Nothing here knows how sentinel decodes: the registry says what bytes a type may have, and [`Samples`] draws some.
//!
//! ```
//! use sentinel_support::registry::Registry;
//! use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};
//! use sentinel_support::samples::Samples;
//!
//! let registry = Registry::of(SUBTENSOR_461_V15);
//! let mut samples = Samples::new(&registry.types, 1);
//! let call = samples.value(registry.call).expect("a runtime has calls");
//! assert!(subtensor_461().call(&call).to_value().is_ok());
//! ```

mod key;
mod text;

use std::collections::BTreeMap;

use parity_scale_codec::{Compact, Encode};
use scale_info::form::PortableForm;
use scale_info::{Field, PortableRegistry, Type, TypeDef, TypeDefPrimitive, Variant};

use crate::rng::Rng;
use key::Key;

/// How deep a value may nest before only its flattest forms are drawn.
const DEPTH: u32 = 9;
/// How many values one sample may have before only its flattest forms are drawn.
const VALUES: u32 = 400;

/// Through how many enums, one in the other, each variant has its turn: a call is a variant of its pallet's variant.
const LEVELS: u32 = 2;

/// Which variant to show, of this enum and those inside.
#[derive(Debug, Clone, Copy)]
struct Turn {
    n: usize,
    levels: u32,
}

/// Draws valid encodings; the same seed draws the same ones.
///
/// Maps and sets are sorted and without duplicates, compact integers in their shortest form, strings UTF-8, byte
/// vectors sometimes text and sometimes not, eras possible ones.
#[derive(Debug, Clone)]
pub struct Samples<'t> {
    types: &'t PortableRegistry,
    /// The nesting of each type's flattest value; `None` for types without any.
    heights: Vec<Option<u32>>,
    rng: Rng,
    left: u32,
}

impl<'t> Samples<'t> {
    /// Samples of the types in this registry.
    pub fn new(types: &'t PortableRegistry, seed: u64) -> Self {
        Self { types, heights: heights(types, &[]), rng: Rng::new(seed), left: 0 }
    }

    /// Never draws a value that holds one of these types.
    pub fn without(self, unwanted: &[u32]) -> Self {
        Self { heights: heights(self.types, unwanted), ..self }
    }

    /// Starts over with another seed.
    pub fn reseed(&mut self, seed: u64) {
        self.rng = Rng::new(seed);
    }

    /// The random numbers behind the samples, for whoever builds on them.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Whether the type has a value at all; an enum without variants has none.
    pub fn has_values(&self, id: u32) -> bool {
        self.height(id).is_some()
    }

    /// A value of the type; `None` where it has none.
    pub fn value(&mut self, id: u32) -> Option<Vec<u8>> {
        self.draw(id, DEPTH, None)
    }

    /// A value of the type as flat as can be: no items, `None`, the flattest variant.
    pub fn flattest(&mut self, id: u32) -> Option<Vec<u8>> {
        self.draw(id, 0, None)
    }

    /// A value that shows the `n`th variant of an enum, seen through newtypes; each variant of an enum in an enum is one
    /// of its own. With `n` from 0 to [`variants`](Self::variants), each call of each pallet has its turn.
    pub fn variant(&mut self, id: u32, n: usize) -> Option<Vec<u8>> {
        self.draw(id, DEPTH, Some(Turn { n, levels: LEVELS }))
    }

    /// How many of [`variant`](Self::variant) show each once; 1 for what is no enum.
    pub fn variants(&self, id: u32) -> usize {
        self.turns(id, LEVELS)
    }

    fn draw(&mut self, id: u32, depth: u32, turn: Option<Turn>) -> Option<Vec<u8>> {
        self.height(id)?;
        self.left = VALUES;
        let mut out = Vec::new();
        self.make(id, depth, turn, &mut out);
        Some(out)
    }

    fn height(&self, id: u32) -> Option<u32> {
        self.heights.get(id as usize).copied().flatten()
    }

    fn ty(&self, id: u32) -> &'t Type<PortableForm> {
        self.types.resolve(id).unwrap_or_else(|| panic!("type {id} is in the registry"))
    }

    fn turns(&self, id: u32, levels: u32) -> usize {
        match &self.ty(id).type_def {
            TypeDef::Composite(composite) => match composite.fields.as_slice() {
                [field] => self.turns(field.ty.id, levels),
                _ => 1,
            },
            TypeDef::Variant(table) if levels > 0 => {
                table.variants.iter().map(|variant| self.turns_of(variant, levels)).sum()
            }
            _ => 1,
        }
    }

    fn turns_of(&self, variant: &Variant<PortableForm>, levels: u32) -> usize {
        match variant.fields.as_slice() {
            fields if self.fields_height(fields).is_none() => 0,
            [field] => self.turns(field.ty.id, levels - 1),
            _ => 1,
        }
    }

    fn fields_height(&self, fields: &[Field<PortableForm>]) -> Option<u32> {
        tallest(&self.heights, fields.iter().map(|field| field.ty.id))
    }

    fn make(&mut self, id: u32, depth: u32, turn: Option<Turn>, out: &mut Vec<u8>) -> Key {
        self.left = self.left.saturating_sub(1);
        let ty = self.ty(id);
        if is_era(ty) {
            return self.era(out);
        }
        let deeper = depth.saturating_sub(1);
        match &ty.type_def {
            TypeDef::Primitive(primitive) => self.primitive(primitive, out),
            TypeDef::Compact(compact) => match compact_bits(self.types, compact.type_param.id) {
                0 => Key::Fields(Vec::new()),
                bits => {
                    let value = self.rng.unsigned(bits);
                    Compact(value).encode_to(out);
                    Key::Unsigned(value)
                }
            },
            TypeDef::Sequence(sequence) if self.is_byte(sequence.type_param.id) => {
                let bytes = text::bytes(&mut self.rng);
                bytes.encode_to(out);
                Key::Bytes(bytes)
            }
            TypeDef::Sequence(sequence) => {
                let count = self.count(sequence.type_param.id, depth);
                Compact(count as u32).encode_to(out);
                self.all(std::iter::repeat_n(sequence.type_param.id, count), deeper, out)
            }
            TypeDef::Array(array) if self.is_byte(array.type_param.id) => {
                let bytes = text::array(&mut self.rng, array.len as usize);
                out.extend_from_slice(&bytes);
                Key::Bytes(bytes)
            }
            TypeDef::Array(array) => {
                self.all(std::iter::repeat_n(array.type_param.id, array.len as usize), deeper, out)
            }
            TypeDef::Tuple(tuple) => self.all(tuple.fields.iter().map(|field| field.id), deeper, out),
            TypeDef::Composite(composite) => match (sorted(self.types, ty), composite.fields.as_slice()) {
                (Some((item, is_map)), _) => self.sorted_items(item, is_map, depth.saturating_sub(2), out),
                (None, [field]) => self.make(field.ty.id, deeper, turn, out),
                (None, fields) => self.all(fields.iter().map(|field| field.ty.id), deeper, out),
            },
            TypeDef::Variant(table) => self.one_of(id, &table.variants, depth, turn, out),
            TypeDef::BitSequence(bits) => self.bits(bits.bit_store_type.id, out),
        }
    }

    fn all(&mut self, ids: impl Iterator<Item = u32>, depth: u32, out: &mut Vec<u8>) -> Key {
        Key::Fields(ids.map(|id| self.make(id, depth, None, out)).collect())
    }

    fn one_of(
        &mut self,
        id: u32,
        variants: &'t [Variant<PortableForm>],
        depth: u32,
        turn: Option<Turn>,
        out: &mut Vec<u8>,
    ) -> Key {
        let mut rest = None;
        let chosen = match turn.filter(|turn| turn.levels > 0) {
            Some(Turn { mut n, levels }) => {
                let chosen = variants.iter().find(|variant| {
                    let turns = self.turns_of(variant, levels);
                    let found = n < turns;
                    n -= if found { 0 } else { turns };
                    found
                });
                rest = Some(Turn { n, levels: levels - 1 });
                chosen.unwrap_or_else(|| panic!("an enum of {} variants has no turn left", variants.len()))
            }
            None => {
                let possible = variants.iter().filter_map(|one| Some((self.fields_height(&one.fields)?, one)));
                let mut possible: Vec<(u32, &Variant<PortableForm>)> = possible.collect();
                if self.left == 0 || self.height(id).is_none_or(|height| depth <= height) {
                    let flattest = possible.iter().map(|(height, _)| *height).min();
                    possible.retain(|(height, _)| Some(*height) == flattest);
                }
                self.rng.pick(&possible).1
            }
        };
        out.push(chosen.index);
        let deeper = depth.saturating_sub(1);
        let fields = match chosen.fields.as_slice() {
            [field] => self.make(field.ty.id, deeper, rest, out),
            fields => self.all(fields.iter().map(|field| field.ty.id), deeper, out),
        };
        Key::Variant(chosen.index, Box::new(fields))
    }

    fn count(&mut self, item: u32, depth: u32) -> usize {
        match self.height(item) {
            Some(height) if depth > height && self.left > 0 => *self.rng.pick(&[0, 1, 1, 2, 2, 3, 5]),
            _ => 0,
        }
    }

    /// The items of a map or set, in the order of their keys, each once.
    fn sorted_items(&mut self, item: u32, is_map: bool, depth: u32, out: &mut Vec<u8>) -> Key {
        let mut items = BTreeMap::new();
        for _ in 0..self.count(item, depth) {
            let mut bytes = Vec::new();
            let key = match self.make(item, depth, None, &mut bytes) {
                Key::Fields(mut entry) if is_map && !entry.is_empty() => entry.swap_remove(0),
                key => key,
            };
            items.insert(key, bytes);
        }
        Compact(items.len() as u32).encode_to(out);
        items.values().for_each(|bytes| out.extend_from_slice(bytes));
        Key::Fields(items.into_keys().collect())
    }

    fn is_byte(&self, id: u32) -> bool {
        matches!(self.ty(id).type_def, TypeDef::Primitive(TypeDefPrimitive::U8))
    }

    fn primitive(&mut self, primitive: &TypeDefPrimitive, out: &mut Vec<u8>) -> Key {
        let (bits, signed) = match primitive {
            TypeDefPrimitive::Bool => {
                out.push(u8::from(self.rng.percent(50)));
                return Key::Unsigned(u128::from(out[out.len() - 1]));
            }
            TypeDefPrimitive::Char => {
                let code = text::char(&mut self.rng);
                u32::from(code).encode_to(out);
                return Key::Unsigned(u128::from(u32::from(code)));
            }
            TypeDefPrimitive::Str => {
                let text = text::text(&mut self.rng);
                text.encode_to(out);
                return Key::Bytes(text.into_bytes());
            }
            TypeDefPrimitive::U256 | TypeDefPrimitive::I256 => {
                let bytes = self.rng.bytes(32);
                out.extend_from_slice(&bytes);
                return Key::Bytes(bytes.into_iter().rev().collect());
            }
            TypeDefPrimitive::U8 => (8, false),
            TypeDefPrimitive::U16 => (16, false),
            TypeDefPrimitive::U32 => (32, false),
            TypeDefPrimitive::U64 => (64, false),
            TypeDefPrimitive::U128 => (128, false),
            TypeDefPrimitive::I8 => (8, true),
            TypeDefPrimitive::I16 => (16, true),
            TypeDefPrimitive::I32 => (32, true),
            TypeDefPrimitive::I64 => (64, true),
            TypeDefPrimitive::I128 => (128, true),
        };
        let width = bits as usize / 8;
        if signed {
            let value = self.rng.signed(bits);
            out.extend_from_slice(&value.to_le_bytes()[..width]);
            Key::Signed(value)
        } else {
            let value = self.rng.unsigned(bits);
            out.extend_from_slice(&value.to_le_bytes()[..width]);
            Key::Unsigned(value)
        }
    }

    fn bits(&mut self, store: u32, out: &mut Vec<u8>) -> Key {
        let word = match self.ty(store).type_def {
            TypeDef::Primitive(TypeDefPrimitive::U8) => 1,
            TypeDef::Primitive(TypeDefPrimitive::U16) => 2,
            TypeDef::Primitive(TypeDefPrimitive::U32) => 4,
            _ => 8,
        };
        let len = self.rng.below(70);
        Compact(len as u32).encode_to(out);
        // Bits behind the last are zero where the chain writes them, but nothing depends on it.
        let bytes = self.rng.bytes(len.div_ceil(word * 8) * word);
        out.extend_from_slice(&bytes);
        Key::Bytes(bytes)
    }

    /// An era that a wallet would write: a power of two from 4 to 65,536, and a phase within it.
    fn era(&mut self, out: &mut Vec<u8>) -> Key {
        if self.rng.percent(30) {
            out.push(0);
            return Key::Unsigned(0);
        }
        let exponent = 2 + self.rng.below(15) as u32;
        let step = ((1u32 << exponent) >> 12).max(1);
        let phase = self.rng.below(1 << exponent) as u32 / step;
        let era = ((exponent - 1) | phase << 4) as u16;
        era.encode_to(out);
        Key::Unsigned(u128::from(era))
    }
}

/// Whether values of the type are eras, which say what they are in their lowest bits.
pub fn is_era(ty: &Type<PortableForm>) -> bool {
    let path = &ty.path.segments;
    path.first().is_some_and(|first| first == "sp_runtime") && path.last().is_some_and(|last| last == "Era")
}

/// The bits of the integer that a compact form of this type holds; 0 for a type without fields, which takes no bytes.
///
/// # Panics
/// Where there is no integer inside.
pub fn compact_bits(types: &PortableRegistry, id: u32) -> u32 {
    let ty = types.resolve(id).unwrap_or_else(|| panic!("type {id} is in the registry"));
    let fields: Vec<u32> = match &ty.type_def {
        TypeDef::Primitive(TypeDefPrimitive::U8) => return 8,
        TypeDef::Primitive(TypeDefPrimitive::U16) => return 16,
        TypeDef::Primitive(TypeDefPrimitive::U32) => return 32,
        TypeDef::Primitive(TypeDefPrimitive::U64) => return 64,
        TypeDef::Primitive(TypeDefPrimitive::U128) => return 128,
        TypeDef::Composite(composite) => composite.fields.iter().map(|field| field.ty.id).collect(),
        TypeDef::Tuple(tuple) => tuple.fields.iter().map(|field| field.id).collect(),
        other => panic!("a compact form of {other:?}"),
    };
    match fields.as_slice() {
        [] => 0,
        [field] => compact_bits(types, *field),
        _ => panic!("a compact form of type {id}, which has several fields"),
    }
}

/// The type of the items, if this is a `BTreeMap` (then true) or a `BTreeSet`.
fn sorted(types: &PortableRegistry, ty: &Type<PortableForm>) -> Option<(u32, bool)> {
    let TypeDef::Composite(composite) = &ty.type_def else { return None };
    let is_map = match ty.path.segments.last()?.as_str() {
        "BTreeMap" => true,
        "BTreeSet" => false,
        _ => return None,
    };
    let [field] = composite.fields.as_slice() else { return None };
    match &types.resolve(field.ty.id)?.type_def {
        TypeDef::Sequence(items) => Some((items.type_param.id, is_map)),
        _ => None,
    }
}

fn tallest(heights: &[Option<u32>], ids: impl Iterator<Item = u32>) -> Option<u32> {
    ids.map(|id| heights[id as usize]).try_fold(0, |most, height| Some(most.max(height?)))
}

/// Heights by growing rounds: a type has one as soon as all that it needs have.
fn heights(types: &PortableRegistry, unwanted: &[u32]) -> Vec<Option<u32>> {
    let mut heights: Vec<Option<u32>> = vec![None; types.types.len()];
    loop {
        let mut changed = false;
        for entry in &types.types {
            if heights[entry.id as usize].is_some() || unwanted.contains(&entry.id) {
                continue;
            }
            let inside = match &entry.ty.type_def {
                TypeDef::Composite(composite) => tallest(&heights, composite.fields.iter().map(|field| field.ty.id)),
                TypeDef::Tuple(tuple) => tallest(&heights, tuple.fields.iter().map(|field| field.id)),
                TypeDef::Array(array) if array.len > 0 => heights[array.type_param.id as usize],
                TypeDef::Variant(table) => table
                    .variants
                    .iter()
                    .filter_map(|variant| tallest(&heights, variant.fields.iter().map(|field| field.ty.id)))
                    .min(),
                _ => Some(0),
            };
            if let Some(inside) = inside {
                heights[entry.id as usize] = Some(inside + 1);
                changed = true;
            }
        }
        if !changed {
            return heights;
        }
    }
}
