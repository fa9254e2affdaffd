//! Flat decode plans: the type registry of one runtime, compiled once so that decoding never looks a type up twice.
//!
//! A **plan** says what to do with the next bytes: one [`Op`], how many bytes the value takes if that is always the same
//! (`fixed`), and how few it can take (`min`, which bounds how many items a list can have). There is one plan for each type
//! of the metadata, and its number is the type's id. Take the event `StakeAdded(AccountId, AccountId, TaoBalance, …)`:
//!
//! ```text
//! metadata                              plans
//! 0  AccountId32([u8; 32])              0  Account          fixed 32   an operation of its own, written as SS58
//! 1  [u8; 32]                           1  ByteArray(32)    fixed 32   not 32 items
//! 2  u64                                2  Unsigned(8)      fixed 8
//! 3  TaoBalance(u64)                    3  Unsigned(8)      fixed 8    a newtype is what is inside
//! 4  Vec<(AccountId32, u16)>            4  Seq(5)           min 1      a length, then plan 5 so many times
//! 5  (AccountId32, u16)                 5  Tuple(fields…)   fixed 34   passed over in one step
//! 6  enum of pallets                    6  Event                       two bytes, looked up in the table below
//!
//! events: [7][12] ─► Item { StakeAdded, fields [0, 0, 3, …], fixed 98, head {"event_index":"070c","module_id":… }
//! ```
//!
//! So an event that nobody wants costs a table look-up and one step of `fixed` bytes; one that is written costs a copy of its
//! `head`, then one operation for each field. Fields, variants and names lie in arrays that plans point into by number; a name
//! has its JSON key ready. [`compile`](mod@compile) builds all of it, [`walk`](super::walk) reads bytes by it.

mod compile;
mod label;
mod measure;
mod outer;
mod special;

pub(crate) use compile::compile;
pub(crate) use outer::{Item, NoItem, Outer};

/// Index into [`Plans::plans`]; equal to the type id of the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PlanId(pub(crate) u32);

/// A name of a runtime as a number, for those who keep something ready for each: see
/// [`Runtime::names`](super::Runtime::names).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(u32);

impl NameId {
    /// Position in [`Runtime::names`](super::Runtime::names).
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Marks a size that depends on the bytes.
pub(crate) const VARIABLE: u32 = u32::MAX;

/// What to do with the next bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Bool,
    Char,
    Str,
    /// Little-endian, of this many bytes: 1, 2, 4, 8 or 16.
    Unsigned(u8),
    /// Two's complement, of this many bytes: 1, 2, 4, 8 or 16.
    Signed(u8),
    /// Little-endian, 32 bytes.
    U256,
    /// Compact integer of a type with this many bits.
    Compact(u8),
    /// Length-prefixed bytes.
    Bytes,
    /// Bytes without length prefix.
    ByteArray(u32),
    Account,
    Era,
    Seq(PlanId),
    Array(PlanId, u32),
    /// Positional fields.
    Tuple(Fields),
    /// Named fields, or none at all.
    Struct(Fields),
    /// A record of `System.Events`: phase, event, topics.
    EventRecord(Fields),
    Option(PlanId),
    /// Index into [`Plans::maps`].
    Map(u32),
    Enum(EnumId),
    /// The outer call enum: pallet index, then call index, as in [`Plans::calls`].
    Call,
    /// The outer event enum: pallet index, then event index, as in [`Plans::events`].
    Event,
    /// Bit sequence: bytes of one storage word, and whether the first bit is the most significant.
    Bits(u8, bool),
    /// A newtype; none is left once compiled.
    Alias(PlanId),
    /// Nothing can be decoded here.
    Never(&'static str),
}

/// A run in [`Plans::fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fields {
    start: u32,
    len: u32,
}

/// Index into [`Plans::enums`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EnumId(u32);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) op: Op,
    /// Encoded size, or [`VARIABLE`].
    pub(crate) fixed: u32,
    /// No value is shorter.
    pub(crate) min: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// Empty where the field has no name.
    pub(crate) name: NameId,
    pub(crate) plan: PlanId,
    /// The type as the chain's source spells it, cleaned; shown beside call arguments.
    pub(crate) label: NameId,
    /// Where the JSON before the value of a call's argument lies in [`Plans::arguments`]; empty for other fields.
    argument: (u32, u32),
}

/// How the fields of a variant are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// No fields.
    Unit,
    /// One unnamed field.
    Newtype,
    /// Several, at least one without a name.
    Tuple,
    /// All named.
    Struct,
    /// One unnamed field that stands for the variant: an account inside `MultiAddress::Id`.
    Transparent,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) name: NameId,
    pub(crate) index: u8,
    pub(crate) layout: Layout,
    pub(crate) fields: Fields,
    /// Encoded size of the fields, or [`VARIABLE`].
    pub(crate) fixed: u32,
}

#[derive(Debug)]
pub(crate) struct Enum {
    /// Position in `variants` by discriminant; [`NO_VARIANT`] where there is none.
    lookup: Box<[u16]>,
    variants: Box<[Variant]>,
}

const NO_VARIANT: u16 = u16::MAX;

/// A name with its JSON key, so that writing a key is one copy.
#[derive(Debug)]
pub(crate) struct Name {
    /// `,"name":` with JSON escapes, and zeros up to a whole number of [`KEY_CHUNK`]s.
    key: Box<str>,
    key_len: u32,
    /// The name itself where it is not what stands in quotes.
    text: Option<Box<str>>,
}

/// Keys up to this length are copied in one step of constant size, which is several times as fast as a copy of a length
/// that only the data tells.
const KEY_CHUNK: usize = 32;

/// A JSON key, followed by enough zeros to be copied in chunks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'r> {
    padded: &'r [u8],
    len: usize,
}

impl Key<'_> {
    #[inline]
    pub(crate) fn append_to(self, out: &mut Vec<u8>) {
        match self.padded.first_chunk::<KEY_CHUNK>() {
            Some(chunk) if self.len <= KEY_CHUNK => {
                out.extend_from_slice(chunk);
                out.truncate(out.len() - KEY_CHUNK + self.len);
            }
            _ => out.extend_from_slice(&self.padded[..self.len]),
        }
    }
}

/// All plans of one runtime.
#[derive(Debug)]
pub(crate) struct Plans {
    plans: Box<[Plan]>,
    fields: Box<[Field]>,
    enums: Box<[Enum]>,
    maps: Box<[(PlanId, PlanId)]>,
    names: Box<[Name]>,
    calls: Outer,
    events: Outer,
    /// `,{"name":…,"type":…,"value":` of every argument of every call, one after the other.
    arguments: Box<[u8]>,
}

/// Stands for a type that is not there.
const MISSING: Plan = Plan { op: Op::Never("a type that is not in the metadata"), fixed: VARIABLE, min: 0 };

impl Plans {
    #[inline]
    pub(crate) fn get(&self, id: PlanId) -> &Plan {
        self.plans.get(id.0 as usize).unwrap_or(&MISSING)
    }

    pub(crate) fn contains(&self, id: PlanId) -> bool {
        (id.0 as usize) < self.plans.len()
    }

    pub(crate) fn calls(&self) -> &Outer {
        &self.calls
    }

    pub(crate) fn events(&self) -> &Outer {
        &self.events
    }

    /// `,{"name":…,"type":…,"value":` of an argument.
    pub(crate) fn argument(&self, field: &Field) -> &[u8] {
        &self.arguments[field.argument.0 as usize..][..field.argument.1 as usize]
    }

    #[inline]
    pub(crate) fn fields(&self, fields: Fields) -> &[Field] {
        let start = fields.start as usize;
        &self.fields[start..start + fields.len as usize]
    }

    pub(crate) fn map(&self, map: u32) -> (PlanId, PlanId) {
        self.maps[map as usize]
    }

    pub(crate) fn name(&self, id: NameId) -> &Name {
        &self.names[id.0 as usize]
    }

    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(Name::text)
    }

    pub(crate) fn enumeration(&self, id: EnumId) -> &Enum {
        &self.enums[id.0 as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.plans.len()
    }

    /// Bytes held by the tables.
    #[cfg(test)]
    pub(crate) fn heap_size(&self) -> usize {
        let names: usize =
            self.names.iter().map(|name| name.key.len() + name.text.as_ref().map_or(0, |text| text.len())).sum();
        let enums: usize =
            self.enums.iter().map(|table| table.lookup.len() * 2 + size_of_val(&*table.variants)).sum::<usize>();
        names
            + enums
            + size_of_val(&*self.plans)
            + size_of_val(&*self.fields)
            + size_of_val(&*self.enums)
            + size_of_val(&*self.maps)
            + size_of_val(&*self.names)
            + self.calls.heap_size()
            + self.events.heap_size()
            + self.arguments.len()
    }
}

impl Enum {
    pub(crate) fn variant(&self, index: u8) -> Option<&Variant> {
        let at = *self.lookup.get(usize::from(index))?;
        self.variants.get(usize::from(at))
    }

    pub(crate) fn variants(&self) -> &[Variant] {
        &self.variants
    }
}

impl Name {
    fn new(text: &str) -> Self {
        // Room for the padding too.
        let mut key = Vec::with_capacity((text.len() + 4).next_multiple_of(KEY_CHUNK) + 1);
        key.push(b',');
        super::json::write_text(&mut key, text);
        key.push(b':');
        let key_len = key.len();
        // Almost every name is its own JSON form; only one with an escape needs a second copy.
        let plain = key_len == text.len() + 4;
        // One more byte than the key, so that the key without its comma is followed by a whole chunk too.
        key.resize(key_len.next_multiple_of(KEY_CHUNK) + 1, 0);
        let key = String::from_utf8(key).unwrap_or_default().into_boxed_str();
        Self { key, key_len: key_len as u32, text: (!plain).then(|| text.into()) }
    }

    /// The name.
    pub(crate) fn text(&self) -> &str {
        match &self.text {
            Some(text) => text,
            None => &self.key[2..self.key_len as usize - 2],
        }
    }

    /// `,"name":`
    #[inline]
    pub(crate) fn json_next_key(&self) -> Key<'_> {
        Key { padded: self.key.as_bytes(), len: self.key_len as usize }
    }

    /// `"name":`
    #[inline]
    pub(crate) fn json_key(&self) -> Key<'_> {
        Key { padded: &self.key.as_bytes()[1..], len: self.key_len as usize - 1 }
    }

    /// `"name"`
    pub(crate) fn json_text(&self) -> &[u8] {
        &self.key.as_bytes()[1..self.key_len as usize - 1]
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::Runtime;

    /// A node's history has hundreds of runtimes; several are held at a time.
    #[test]
    fn the_plans_of_a_runtime_take_less_than_a_mebibyte() {
        let core = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let fixtures = ["raonet-218-v14", "finney-393-v16", "subtensor-461-v14"];
        let fixtures = fixtures.map(|name| core.join("../tests/fixtures/metadata").join(name));
        for name in fixtures.into_iter().chain([core.join("assets/subtensor-461-v15")]) {
            let metadata = std::fs::read(name.with_extension("scale")).expect("the fixture");
            let name = name.display();
            let size = Runtime::from_metadata(&metadata).expect("metadata").plans.heap_size();
            println!("{name}: {size} bytes of plans");
            assert!(size < 1 << 20, "{name}: {size} bytes");
        }
    }
}
