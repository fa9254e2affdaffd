//! Values as they occur on the chain, drawn by the type and the name of a field.

use parity_scale_codec::{Compact, Encode};
use scale_info::form::PortableForm;
use scale_info::{Field, Type, TypeDef, TypeDefPrimitive};

use crate::registry::Registry;
use crate::rng::Rng;
use crate::samples::{Samples, compact_bits, is_era};

/// Accounts that occur at all, and those that every second occurrence is of.
const ACCOUNTS: usize = 2_000;
const BUSIEST: usize = 100;
/// Deeper values are drawn as flat as can be.
const DEPTH: u32 = 6;

/// What wrappers hold.
const INNER: [(&str, &str); 4] = [
    ("SubtensorModule", "add_stake"),
    ("SubtensorModule", "remove_stake"),
    ("Balances", "transfer_keep_alive"),
    ("System", "remark"),
];

/// Draws values of a runtime's types.
pub(super) struct Realistic<'r> {
    registry: &'r Registry,
    samples: Samples<'r>,
    rng: Rng,
    accounts: Vec<[u8; 32]>,
    /// Uids of the weights being set: as many destinations as weights.
    uids: usize,
}

impl<'r> Realistic<'r> {
    pub(super) fn new(registry: &'r Registry, seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x0acc_0047);
        let accounts = (0..ACCOUNTS).map(|_| std::array::from_fn(|_| rng.bits() as u8)).collect();
        Self { registry, samples: Samples::new(&registry.types, seed), rng, accounts, uids: 0 }
    }

    pub(super) fn account(&mut self) -> [u8; 32] {
        let busy = self.rng.percent(50);
        self.accounts[self.rng.below(if busy { BUSIEST } else { ACCOUNTS })]
    }

    pub(super) fn call(&mut self, pallet: &str, name: &str) -> Vec<u8> {
        self.item(self.registry.call, pallet, name, DEPTH)
    }

    pub(super) fn event(&mut self, pallet: &str, name: &str) -> Vec<u8> {
        self.item(self.registry.event, pallet, name, DEPTH)
    }

    fn item(&mut self, outer: u32, pallet: &str, name: &str, depth: u32) -> Vec<u8> {
        let (pallet, item) = self.registry.find(outer, pallet, name);
        let (index, fields) = ([pallet.index, item.index], item.fields.clone());
        let mut bytes = index.to_vec();
        self.fields(&fields, depth, &mut bytes);
        bytes
    }

    fn fields(&mut self, fields: &[Field<PortableForm>], depth: u32, out: &mut Vec<u8>) {
        for field in fields {
            let type_name = field.type_name.as_deref().unwrap_or_default();
            let name = field.name.as_deref().unwrap_or(type_name);
            self.value(field.ty.id, name, depth, out);
        }
    }

    /// A value of the type; `name` is that of the field, or of its type where it has none.
    fn value(&mut self, ty: u32, name: &str, depth: u32, out: &mut Vec<u8>) {
        if ty == self.registry.call {
            let inner: Vec<_> =
                INNER.into_iter().filter(|(pallet, name)| self.registry.has_call(pallet, name)).collect();
            let (pallet, name) = *self.rng.pick(&inner);
            out.extend(self.item(ty, pallet, name, depth.saturating_sub(2)));
            return;
        }
        let resolved = self.registry.types.resolve(ty).unwrap_or_else(|| panic!("type {ty} is in the registry"));
        let path = resolved.path.segments.last().map_or("", String::as_str);
        if path == "AccountId32" {
            let account = self.account();
            out.extend_from_slice(&account);
            return;
        }
        if is_era(resolved) || depth == 0 {
            out.extend(self.samples.flattest(ty).unwrap_or_default());
            return;
        }
        self.definition(resolved, ty, if path == "NetUid" { "netuid" } else { name }, depth - 1, out);
    }

    fn definition(&mut self, ty: &'r Type<PortableForm>, id: u32, name: &str, depth: u32, out: &mut Vec<u8>) {
        let path = ty.path.segments.last().map_or("", String::as_str);
        match &ty.type_def {
            TypeDef::Primitive(TypeDefPrimitive::Bool) => out.push(u8::from(self.rng.percent(50))),
            TypeDef::Primitive(primitive) => match width(primitive) {
                Some(bits) => {
                    let value = self.integer(name, bits);
                    out.extend_from_slice(&value.to_le_bytes()[..bits as usize / 8]);
                }
                None => out.extend(self.samples.value(id).unwrap_or_default()),
            },
            TypeDef::Compact(compact) => match compact_bits(&self.registry.types, compact.type_param.id) {
                0 => {}
                bits => Compact(self.integer(name, bits)).encode_to(out),
            },
            TypeDef::Sequence(sequence) => {
                let items = self.items(name, self.is_byte(sequence.type_param.id));
                Compact(items as u32).encode_to(out);
                if self.is_byte(sequence.type_param.id) {
                    out.extend(self.rng.bytes(items));
                } else {
                    (0..items).for_each(|_| self.value(sequence.type_param.id, name, depth, out));
                }
            }
            TypeDef::Array(array) if self.is_byte(array.type_param.id) => {
                out.extend(self.rng.bytes(array.len as usize));
            }
            TypeDef::Array(array) => (0..array.len).for_each(|_| self.value(array.type_param.id, name, depth, out)),
            TypeDef::Tuple(tuple) => tuple.fields.iter().for_each(|field| self.value(field.id, name, depth, out)),
            TypeDef::Composite(composite) => match composite.fields.as_slice() {
                [field] => self.value(field.ty.id, name, depth + 1, out),
                fields => self.fields(fields, depth, out),
            },
            TypeDef::Variant(_) if path == "DispatchError" => out.extend(self.dispatch_error()),
            TypeDef::Variant(table) => {
                let usual = table.variants.iter().find(|variant| ["Id", "Ok"].contains(&variant.name.as_str()));
                let possible: Vec<_> = table
                    .variants
                    .iter()
                    .filter(|one| one.fields.iter().all(|f| self.samples.has_values(f.ty.id)))
                    .collect();
                let variant = match usual {
                    Some(variant) => variant,
                    None => *self.rng.pick(&possible),
                };
                out.push(variant.index);
                self.fields(&variant.fields, depth, out);
            }
            TypeDef::BitSequence(_) => out.extend(self.samples.value(id).unwrap_or_default()),
        }
    }

    /// How many items a list has: bytes of a sealed commitment, uids with weights, calls of a batch.
    fn items(&mut self, name: &str, bytes: bool) -> usize {
        match name {
            "commit" => 500 + self.rng.below(1_300),
            "dests" => {
                self.uids = 64 + self.rng.below(193);
                self.uids
            }
            "weights" => self.uids,
            "pulses" | "rounds" => 1,
            "calls" => 2 + self.rng.below(3),
            _ if bytes => self.rng.below(48),
            _ => 1 + self.rng.below(2),
        }
    }

    fn integer(&mut self, name: &str, bits: u32) -> u128 {
        let value = match name {
            "netuid" | "origin_netuid" | "destination_netuid" => self.rng.below(129) as u128,
            "dests" | "uid" | "u16" => self.rng.below(256) as u128,
            "now" => 1_760_000_000_000 + self.rng.below(1 << 34) as u128,
            "ref_time" => self.rng.below(2_000_000_000) as u128,
            "proof_size" => self.rng.below(20_000) as u128,
            _ => {
                // All magnitudes, from one rao to ten thousand TAO.
                let magnitude = self.rng.below(44);
                u128::from(self.rng.bits() & ((1 << magnitude) - 1))
            }
        };
        if bits >= 128 { value } else { value & ((1 << bits) - 1) }
    }

    /// An error of a pallet, mostly.
    fn dispatch_error(&mut self) -> Vec<u8> {
        if self.rng.percent(15) {
            // `BadOrigin`
            return vec![2];
        }
        vec![3, 7, self.rng.below(40) as u8, 0, 0, 0]
    }

    fn is_byte(&self, id: u32) -> bool {
        let ty = self.registry.types.resolve(id);
        matches!(ty.map(|ty| &ty.type_def), Some(TypeDef::Primitive(TypeDefPrimitive::U8)))
    }
}

fn width(primitive: &TypeDefPrimitive) -> Option<u32> {
    Some(match primitive {
        TypeDefPrimitive::U8 | TypeDefPrimitive::I8 => 8,
        TypeDefPrimitive::U16 | TypeDefPrimitive::I16 => 16,
        TypeDefPrimitive::U32 | TypeDefPrimitive::I32 => 32,
        TypeDefPrimitive::U64 | TypeDefPrimitive::I64 => 64,
        TypeDefPrimitive::U128 | TypeDefPrimitive::I128 => 128,
        _ => return None,
    })
}
