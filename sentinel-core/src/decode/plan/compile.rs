//! Builds the plans: one per type, then newtypes dissolved, then sizes fused.

use std::borrow::Cow;
use std::collections::hash_map::Entry;

use foldhash::{HashMap, HashMapExt};
use scale_info::form::PortableForm;
use scale_info::{PortableRegistry, Type, TypeDef, TypeDefPrimitive};

use super::measure::Size;
use super::outer::{Builder, Outer};
use super::special::{self, Special};
use super::{
    Enum, EnumId, Field, Fields, Layout, NO_VARIANT, Name, NameId, Op, Plan, PlanId, Plans, VARIABLE, Variant,
};
use crate::decode::metadata::MetadataError;

/// Types nested deeper than this are no runtime's.
pub(super) const MAX_TYPE_DEPTH: usize = 256;

/// The JSON around the calls or events of a runtime takes some 100 kB.
const MAX_OUTER_BYTES: usize = 4 << 20;

/// Names and spelled types are far shorter.
const MAX_NAME: usize = 512;

/// The empty name, which every compiler knows first.
const NO_NAME: NameId = NameId(0);

/// A discriminant is one byte.
const MAX_VARIANTS: usize = 256;

/// Compiles a type registry; `call` and `event` are the ids of its two outer enums.
pub(crate) fn compile(types: &PortableRegistry, call: u32, event: u32) -> Result<Plans, MetadataError> {
    let mut compiler = Compiler { types, ..Compiler::default_for(types) };
    for (position, entry) in types.types.iter().enumerate() {
        if entry.id as usize != position {
            return Err(inconsistent(format!("type {} stands at position {position}", entry.id)));
        }
        let op = compiler.op(&entry.ty)?;
        compiler.plans.push(Plan { op, fixed: VARIABLE, min: 0 });
    }
    compiler.dissolve()?;
    let mut sizes = vec![Size::Unknown; compiler.plans.len()];
    for id in 0..compiler.plans.len() {
        compiler.measure(PlanId(id as u32), &mut sizes, 0)?;
    }
    let (calls, events) = (compiler.outer(call, "call")?, compiler.outer(event, "event")?);
    compiler.mark_outer(call, event);
    match compiler.names.iter().map(|name| name.text().len()).max() {
        // A byte of the input can stand for a name in the output: one of a megabyte would make terabytes of text.
        Some(longest) if longest > MAX_NAME => Err(inconsistent(format!("a name of {longest} bytes"))),
        _ => Ok(compiler.finish(&sizes, calls, events)),
    }
}

pub(super) fn inconsistent(message: String) -> MetadataError {
    MetadataError::Inconsistent(message)
}

pub(super) struct Compiler<'t> {
    types: &'t PortableRegistry,
    pub(super) plans: Vec<Plan>,
    pub(super) fields: Vec<Field>,
    pub(super) enums: Vec<Enum>,
    maps: Vec<(PlanId, PlanId)>,
    names: Vec<Name>,
    known_names: HashMap<Cow<'t, str>, NameId>,
    known_labels: HashMap<&'t str, NameId>,
    arguments: Vec<u8>,
}

impl<'t> Compiler<'t> {
    fn default_for(types: &'t PortableRegistry) -> Self {
        let mut compiler = Self {
            types,
            plans: Vec::with_capacity(types.types.len()),
            fields: Vec::with_capacity(types.types.len() * 4),
            enums: Vec::new(),
            maps: Vec::new(),
            names: Vec::with_capacity(types.types.len() * 4),
            known_names: HashMap::with_capacity(types.types.len() * 4),
            known_labels: HashMap::with_capacity(types.types.len()),
            arguments: Vec::new(),
        };
        compiler.name("");
        compiler
    }

    fn op(&mut self, ty: &'t Type<PortableForm>) -> Result<Op, MetadataError> {
        let special = special::special(self.types, ty);
        Ok(match special {
            Some(Special::Account) => Op::Account,
            Some(Special::Era) => Op::Era,
            Some(Special::U256) => Op::U256,
            Some(Special::Option(some)) => Op::Option(self.reference(some.0)?),
            Some(Special::Map { key, value }) => {
                self.maps.push((self.reference(key.0)?, self.reference(value.0)?));
                Op::Map(self.maps.len() as u32 - 1)
            }
            Some(Special::EventRecord) => match self.plain(ty, false)? {
                Op::Struct(fields) => Op::EventRecord(fields),
                op => op,
            },
            Some(Special::MultiAddress) => self.plain(ty, true)?,
            None => self.plain(ty, false)?,
        })
    }

    fn plain(&mut self, ty: &'t Type<PortableForm>, address: bool) -> Result<Op, MetadataError> {
        Ok(match &ty.type_def {
            TypeDef::Primitive(primitive) => self::primitive(primitive),
            TypeDef::Compact(compact) => match special::compact_bits(self.types, compact.type_param.id) {
                Some(0) => Op::Tuple(Fields { start: 0, len: 0 }),
                Some(bits) => Op::Compact(bits),
                None => Op::Never("a compact form of something that is no integer"),
            },
            TypeDef::Sequence(sequence) if special::is_u8(self.types, sequence.type_param.id) => Op::Bytes,
            TypeDef::Sequence(sequence) => Op::Seq(self.reference(sequence.type_param.id)?),
            // A list like any array, though bytes are hex: there are none.
            TypeDef::Array(array) if array.len == 0 && special::is_u8(self.types, array.type_param.id) => {
                Op::Array(self.reference(array.type_param.id)?, 0)
            }
            TypeDef::Array(array) if array.len == 0 => Op::Tuple(Fields { start: 0, len: 0 }),
            TypeDef::Array(array) if special::is_u8(self.types, array.type_param.id) => Op::ByteArray(array.len),
            TypeDef::Array(array) => Op::Array(self.reference(array.type_param.id)?, array.len),
            TypeDef::Tuple(tuple) => {
                let fields = tuple.fields.iter().map(|field| (None, field.id, None));
                Op::Tuple(self.fields(fields)?)
            }
            TypeDef::Composite(composite) => {
                let fields = self.fields(fields_of(&composite.fields))?;
                match layout(&composite.fields) {
                    Layout::Newtype => Op::Alias(self.fields[fields.start as usize].plan),
                    Layout::Struct | Layout::Unit => Op::Struct(fields),
                    _ => Op::Tuple(fields),
                }
            }
            TypeDef::Variant(variants) if variants.variants.len() > MAX_VARIANTS => {
                return Err(inconsistent(format!("an enum of {} variants", variants.variants.len())));
            }
            TypeDef::Variant(variants) => {
                let mut table = Vec::with_capacity(variants.variants.len());
                for variant in &variants.variants {
                    let name = self.name(variant.name.as_str());
                    let fields = self.fields(fields_of(&variant.fields))?;
                    let mut layout = layout(&variant.fields);
                    if address && layout == Layout::Newtype && ["Id", "Index"].contains(&variant.name.as_str()) {
                        layout = Layout::Transparent;
                    }
                    table.push(Variant { name, index: variant.index, layout, fields, fixed: VARIABLE });
                }
                self.enums.push(Enum::new(table));
                Op::Enum(EnumId(self.enums.len() as u32 - 1))
            }
            TypeDef::BitSequence(sequence) => {
                match special::bits(self.types, sequence.bit_store_type.id, sequence.bit_order_type.id) {
                    Some((width, msb_first)) => Op::Bits(width, msb_first),
                    None => Op::Never("a bit sequence of unknown order or store"),
                }
            }
        })
    }

    fn reference(&self, id: u32) -> Result<PlanId, MetadataError> {
        if (id as usize) < self.types.types.len() {
            Ok(PlanId(id))
        } else {
            Err(inconsistent(format!("type {id} is used but not defined")))
        }
    }

    fn fields(
        &mut self,
        fields: impl Iterator<Item = (Option<&'t str>, u32, Option<&'t str>)>,
    ) -> Result<Fields, MetadataError> {
        let start = self.fields.len();
        for (name, ty, type_name) in fields {
            let plan = self.reference(ty)?;
            let name = name.map_or(NO_NAME, |name| self.name(name));
            let label = self.label(type_name.unwrap_or_default());
            self.fields.push(Field { name, plan, label, argument: (0, 0) });
        }
        Ok(Fields { start: start as u32, len: (self.fields.len() - start) as u32 })
    }

    /// The name that a type is shown by; the same few hundred spellings occur thousands of times.
    fn label(&mut self, type_name: &'t str) -> NameId {
        if let Some(id) = self.known_labels.get(type_name) {
            return *id;
        }
        let id = self.name(Cow::Owned(super::label::label(type_name)));
        self.known_labels.insert(type_name, id);
        id
    }

    fn name(&mut self, text: impl Into<Cow<'t, str>>) -> NameId {
        match self.known_names.entry(text.into()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let id = NameId(self.names.len() as u32);
                self.names.push(Name::new(new.key()));
                *new.insert(id)
            }
        }
    }

    /// Replaces every reference to a newtype by a reference to what is inside.
    fn dissolve(&mut self) -> Result<(), MetadataError> {
        let target = |plans: &[Plan], mut id: PlanId| {
            for _ in 0..MAX_TYPE_DEPTH {
                match plans[id.0 as usize].op {
                    Op::Alias(inner) => id = inner,
                    _ => return Ok(id),
                }
            }
            Err(inconsistent(format!("type {} contains itself", id.0)))
        };
        let originals = self.plans.clone();
        for field in &mut self.fields {
            field.plan = target(&originals, field.plan)?;
        }
        for (key, value) in &mut self.maps {
            (*key, *value) = (target(&originals, *key)?, target(&originals, *value)?);
        }
        for (id, plan) in self.plans.iter_mut().enumerate() {
            plan.op = match originals[target(&originals, PlanId(id as u32))?.0 as usize].op {
                Op::Seq(item) => Op::Seq(target(&originals, item)?),
                Op::Array(item, len) => Op::Array(target(&originals, item)?, len),
                Op::Option(some) => Op::Option(target(&originals, some)?),
                op => op,
            };
        }
        Ok(())
    }

    /// The table of an outer enum, which has one unnamed field per pallet, itself an enum.
    fn outer(&mut self, id: u32, what: &str) -> Result<Outer, MetadataError> {
        let Some(Op::Enum(table)) = self.plans.get(id as usize).map(|plan| plan.op) else {
            return Err(inconsistent(format!("the outer {what} type is not an enum")));
        };
        let mut outer = Builder::default();
        let pallets: Vec<Variant> = self.enums[table.0 as usize].variants.to_vec();
        for pallet in pallets {
            let items = match pallet.fields.len {
                1 => self.plans[self.fields[pallet.fields.start as usize].plan.0 as usize].op,
                _ => Op::Never(""),
            };
            let Op::Enum(items) = items else {
                let pallet = self.names[pallet.name.0 as usize].text();
                return Err(inconsistent(format!("the {what}s of pallet {pallet} are not an enum")));
            };
            let items: Vec<Variant> = self.enums[items.0 as usize].variants.to_vec();
            outer.pallet(pallet.index, items.iter().map(|item| item.index).max().unwrap_or(0));
            for item in items {
                let index = [pallet.index, item.index];
                if what == "call" {
                    self.spell_arguments(item.fields);
                }
                let (pallet_text, item_text) = (self.json(pallet.name), self.json(item.name));
                let code = const_hex::encode(index);
                let head: [&[u8]; 7] = if what == "call" {
                    let (open, second, third, end) = (
                        br#"{"call_module":"#,
                        br#","call_function":"#,
                        br#","call_index":"0x"#,
                        br#"","call_args":["#,
                    );
                    [open, pallet_text, second, item_text, third, code.as_bytes(), end]
                } else {
                    let (open, second, third, end) =
                        (br#"{"event_index":""#, br#"","module_id":"#, br#","event_id":"#, br#","attributes":"#);
                    [open, code.as_bytes(), second, pallet_text, third, item_text, end]
                };
                let shape = (item.layout, item.fields, item.fixed);
                outer.item((pallet.name, item.name), index, shape, &head);
                // Pallets may share their items and names may be long: a small blob could ask for gigabytes.
                if outer.size().max(self.arguments.len()) > MAX_OUTER_BYTES {
                    return Err(inconsistent(format!(
                        "the names of the {what}s take more than {MAX_OUTER_BYTES} bytes"
                    )));
                }
            }
        }
        Ok(outer.finish())
    }

    fn json(&self, name: NameId) -> &[u8] {
        self.names[name.0 as usize].json_text()
    }

    fn spell_arguments(&mut self, fields: Fields) {
        let run = fields.start as usize..(fields.start + fields.len) as usize;
        for field in &mut self.fields[run] {
            let start = self.arguments.len();
            let json = |name: NameId| self.names[name.0 as usize].json_text();
            let parts: [&[u8]; 5] =
                [br#",{"name":"#, json(field.name), br#","type":"#, json(field.label), br#","value":"#];
            parts.iter().for_each(|part| self.arguments.extend_from_slice(part));
            field.argument = (start as u32, (self.arguments.len() - start) as u32);
        }
    }

    /// From here on the outer enums are read by their tables, wherever they occur.
    fn mark_outer(&mut self, call: u32, event: u32) {
        let (call, event) = (self.plans[call as usize].op, self.plans[event as usize].op);
        // A record of something else than an event has no shape of its own.
        let holds_event = |plans: &[Plan], fields: Fields| {
            let fields = &self.fields[fields.start as usize..(fields.start + fields.len) as usize];
            matches!(fields, [_, of, _] if plans[of.plan.0 as usize].op == event)
        };
        let marked = self.plans.iter().map(|plan| match plan.op {
            op if op == call => Op::Call,
            op if op == event => Op::Event,
            Op::EventRecord(fields) if !holds_event(&self.plans, fields) => Op::Struct(fields),
            op => op,
        });
        let marked: Vec<Op> = marked.collect();
        self.plans.iter_mut().zip(marked).for_each(|(plan, op)| plan.op = op);
    }

    fn finish(mut self, sizes: &[Size], calls: Outer, events: Outer) -> Plans {
        for (plan, size) in self.plans.iter_mut().zip(sizes) {
            if let Size::Known { fixed, min } = *size {
                (plan.fixed, plan.min) = (fixed, min);
            }
        }
        Plans {
            plans: self.plans.into(),
            fields: self.fields.into(),
            enums: self.enums.into(),
            maps: self.maps.into(),
            names: self.names.into(),
            calls,
            events,
            arguments: self.arguments.into(),
        }
    }
}

impl Enum {
    fn new(variants: Vec<Variant>) -> Self {
        let size = variants.iter().map(|variant| usize::from(variant.index) + 1).max().unwrap_or(0);
        let mut lookup = vec![NO_VARIANT; size];
        for (at, variant) in variants.iter().enumerate() {
            lookup[usize::from(variant.index)] = at as u16;
        }
        Self { lookup: lookup.into(), variants: variants.into() }
    }
}

fn fields_of(fields: &[scale_info::Field<PortableForm>]) -> impl Iterator<Item = (Option<&str>, u32, Option<&str>)> {
    fields.iter().map(|field| (field.name.as_deref(), field.ty.id, field.type_name.as_deref()))
}

fn layout(fields: &[scale_info::Field<PortableForm>]) -> Layout {
    match fields {
        [] => Layout::Unit,
        fields if fields.iter().all(|field| field.name.is_some()) => Layout::Struct,
        [_] => Layout::Newtype,
        _ => Layout::Tuple,
    }
}

fn primitive(primitive: &TypeDefPrimitive) -> Op {
    match primitive {
        TypeDefPrimitive::Bool => Op::Bool,
        TypeDefPrimitive::Char => Op::Char,
        TypeDefPrimitive::Str => Op::Str,
        TypeDefPrimitive::U8 => Op::Unsigned(1),
        TypeDefPrimitive::U16 => Op::Unsigned(2),
        TypeDefPrimitive::U32 => Op::Unsigned(4),
        TypeDefPrimitive::U64 => Op::Unsigned(8),
        TypeDefPrimitive::U128 => Op::Unsigned(16),
        TypeDefPrimitive::U256 => Op::U256,
        TypeDefPrimitive::I8 => Op::Signed(1),
        TypeDefPrimitive::I16 => Op::Signed(2),
        TypeDefPrimitive::I32 => Op::Signed(4),
        TypeDefPrimitive::I64 => Op::Signed(8),
        TypeDefPrimitive::I128 => Op::Signed(16),
        TypeDefPrimitive::I256 => Op::Never("a signed integer of 256 bits"),
    }
}
