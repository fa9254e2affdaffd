//! Values as far as their order goes.

/// Sorts as the value does in the runtime, so that maps and sets can be encoded as the chain encodes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Unsigned(u128),
    Signed(i128),
    Bytes(Vec<u8>),
    Fields(Vec<Key>),
    Variant(u8, Box<Key>),
}
