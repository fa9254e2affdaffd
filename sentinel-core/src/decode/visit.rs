//! The one interface over decoded values: a visitor is told what the bytes are, straight from the walk.

mod access;

use super::error::DecodeError;

pub use access::{Dispatch, Entries, Integers, Items, Record, VariantAccess};

/// One step from a value to one inside it, for the path of an error.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// Item of a list.
    Item(u32),
    /// Field of a struct, or variant of an enum.
    Name(&'a str),
    /// Position in a tuple.
    Position(u32),
    /// Call or event of a pallet; the name of the item in an error.
    Dispatch(&'a str, &'a str),
}

/// An error that a visitor can fail with: it can hold a [`DecodeError`] and learn where it happened.
pub trait VisitError: From<DecodeError> {
    /// Adds an enclosing step, from the inside out.
    fn inside(self, step: Step<'_>) -> Self;
}

impl VisitError for DecodeError {
    #[cold]
    fn inside(self, step: Step<'_>) -> Self {
        match step {
            Step::Item(index) | Step::Position(index) => DecodeError::inside(self, format!("[{index}]")),
            Step::Name(name) => DecodeError::inside(self, name),
            Step::Dispatch(pallet, name) => DecodeError::inside(self, name).of(format!("{pallet}.{name}")),
        }
    }
}

/// Receives one value, whatever its type; `'b` is the life of the bytes, `'r` that of the runtime and its names.
///
/// Integers come as the narrowest of the three forms that holds their type. Newtypes and `Some` are transparent.
pub trait Visitor<'r, 'b>: Sized {
    /// What a visit gives.
    type Out;
    /// How a visit fails.
    type Error: VisitError;

    /// A boolean.
    fn bool(self, value: bool) -> Result<Self::Out, Self::Error>;
    /// An unsigned integer of a type with at most 64 bits.
    fn unsigned(self, value: u64) -> Result<Self::Out, Self::Error>;
    /// An unsigned integer of a type with 128 bits.
    fn wide(self, value: u128) -> Result<Self::Out, Self::Error>;
    /// An unsigned integer of 256 bits, little-endian.
    fn u256(self, value: &'b [u8; 32]) -> Result<Self::Out, Self::Error>;
    /// A signed integer.
    fn signed(self, value: i128) -> Result<Self::Out, Self::Error>;
    /// A character.
    fn char(self, value: char) -> Result<Self::Out, Self::Error>;
    /// A string.
    fn text(self, value: &'b str) -> Result<Self::Out, Self::Error>;
    /// A byte vector.
    fn bytes(self, value: &'b [u8]) -> Result<Self::Out, Self::Error>;
    /// A byte array, such as a hash.
    fn byte_array(self, value: &'b [u8]) -> Result<Self::Out, Self::Error>;
    /// An account id.
    fn account(self, value: &'b [u8; 32]) -> Result<Self::Out, Self::Error>;
    /// The era of an extrinsic: one byte (immortal) or two.
    fn era(self, value: &'b [u8]) -> Result<Self::Out, Self::Error>;
    /// A bit sequence.
    fn bits(self, value: Bits<'b>) -> Result<Self::Out, Self::Error>;
    /// `None`.
    fn none(self) -> Result<Self::Out, Self::Error>;
    /// A vector, a set or an array.
    fn list(self, items: &mut Items<'_, 'r, 'b>) -> Result<Self::Out, Self::Error>;
    /// A struct or tuple.
    fn record(self, fields: &mut Record<'_, 'r, 'b>) -> Result<Self::Out, Self::Error>;
    /// A record of `System.Events`: phase, event and topics, in this order.
    fn event_record(self, fields: &mut Record<'_, 'r, 'b>) -> Result<Self::Out, Self::Error> {
        self.record(fields)
    }
    /// A map.
    fn map(self, entries: &mut Entries<'_, 'r, 'b>) -> Result<Self::Out, Self::Error>;
    /// A value of an enum.
    fn variant(self, variant: &mut VariantAccess<'_, 'r, 'b>) -> Result<Self::Out, Self::Error>;
    /// A call: pallet, function and arguments.
    fn call(self, call: &mut Dispatch<'_, 'r, 'b>) -> Result<Self::Out, Self::Error>;
    /// An event: pallet, name and fields.
    fn event(self, event: &mut Dispatch<'_, 'r, 'b>) -> Result<Self::Out, Self::Error>;
}

/// A bit sequence as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Bits<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) len: usize,
    pub(crate) word: u8,
    pub(crate) msb_first: bool,
}

impl Bits<'_> {
    /// The bits, first one first.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        let word_bits = usize::from(self.word) * 8;
        (0..self.len).map(move |at| {
            let in_word = at % word_bits;
            let significance = if self.msb_first { word_bits - 1 - in_word } else { in_word };
            let byte = at / word_bits * usize::from(self.word) + significance / 8;
            self.bytes.get(byte).is_some_and(|byte| byte >> (significance % 8) & 1 == 1)
        })
    }
}
