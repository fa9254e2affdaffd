//! An owned tree of decoded values, for code that wants to look around in one.

mod borrowed;
mod build;
mod serialize;

use std::ops::Range;

use crate::chain::AccountId;

pub(crate) use borrowed::Borrow;
pub use borrowed::{CallRef, EventRef, ValueRef};
pub(crate) use build::Build;
pub(crate) use serialize::{serialize_bits, serialize_bytes, serialize_era, serialize_u256, serialize_unsigned};

/// A decoded value.
///
/// Newtypes and `Some` are transparent. [`Serialize`](serde::Serialize) gives the shape of the JSON writer with default
/// options, except that an integer beyond 128 bits, which serde does not have, is its decimal text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An unsigned integer of up to 128 bits.
    Unsigned(u128),
    /// A signed integer.
    Signed(i128),
    /// An unsigned integer of 256 bits, little-endian.
    U256([u8; 32]),
    /// A string or character.
    Text(String),
    /// A byte vector.
    Bytes(Vec<u8>),
    /// A byte array, such as a hash.
    ByteArray(Vec<u8>),
    /// An account.
    Account(AccountId),
    /// The era of an extrinsic, as encoded.
    Era(Vec<u8>),
    /// A bit sequence, first bit first.
    Bits(Vec<bool>),
    /// A vector, set, array, tuple or struct without field names.
    List(Vec<Value>),
    /// A struct with field names.
    Record(Vec<(String, Value)>),
    /// A map, in the order of the bytes.
    Map(Vec<(Value, Value)>),
    /// A value of an enum.
    Variant {
        /// Name of the variant.
        name: String,
        /// Its fields: `None` for a variant without any; the only field itself where that has no name.
        fields: Option<Box<Value>>,
    },
    /// A call.
    Call(Box<Call>),
    /// An event.
    Event(Box<Event>),
}

/// A decoded call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Pallet.
    pub pallet: String,
    /// Function.
    pub name: String,
    /// Index of the pallet, then of the function in it.
    pub index: [u8; 2],
    /// Arguments in order.
    pub args: Vec<Argument>,
    /// Where its bytes lie in those that were decoded. Multisigs and announcements name a call by the blake2b-256 of them.
    pub span: Range<usize>,
}

/// One argument of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Name.
    pub name: String,
    /// Type, as the chain's source spells it.
    pub type_name: String,
    /// Value.
    pub value: Value,
}

/// A decoded event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Pallet.
    pub pallet: String,
    /// Name.
    pub name: String,
    /// Index of the pallet, then of the event in it.
    pub index: [u8; 2],
    /// Fields: `Null` if there are none, the only field itself where that has no name.
    pub fields: Value,
}

impl Call {
    /// The value of the argument with this name.
    pub fn arg(&self, name: &str) -> Option<&Value> {
        self.args.iter().find(|arg| arg.name == name).map(|arg| &arg.value)
    }
}

impl Value {
    /// A field of a struct, or of an enum value with named fields.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Record(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            Self::Variant { fields: Some(fields), .. } => fields.get(name),
            _ => None,
        }
    }

    /// A field by position, whether the fields have names or not.
    pub fn at(&self, position: usize) -> Option<&Value> {
        match self {
            Self::List(items) => items.get(position),
            Self::Record(fields) => fields.get(position).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The integer, if this is one without sign that fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_u128().and_then(|value| u64::try_from(value).ok())
    }

    /// The integer, if this is one without sign.
    pub fn as_u128(&self) -> Option<u128> {
        match self {
            Self::Unsigned(value) => Some(*value),
            Self::Signed(value) => u128::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The account, if this is one.
    pub fn as_account(&self) -> Option<AccountId> {
        match self {
            Self::Account(account) => Some(*account),
            _ => None,
        }
    }

    /// Name of the variant, if this is an enum value.
    pub fn variant(&self) -> Option<&str> {
        match self {
            Self::Variant { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The items, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The call, if this is one.
    pub fn as_call(&self) -> Option<&Call> {
        match self {
            Self::Call(call) => Some(call),
            _ => None,
        }
    }
}
