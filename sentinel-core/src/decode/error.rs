//! Why bytes could not be decoded, and where.

use std::fmt;

/// A failed decode: what is wrong, at which byte, inside which type, and in which call or event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    kind: DecodeErrorKind,
    offset: usize,
    /// Innermost step first.
    path: Vec<String>,
    item: Option<String>,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ends inside a value.
    #[error("{needed} more bytes expected, {left} left")]
    UnexpectedEnd {
        /// Bytes that the value still needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// The value ends before the input does.
    #[error("{0} bytes left over")]
    TrailingBytes(usize),
    /// No variant of this enum has this index.
    #[error("no variant with index {0}")]
    UnknownVariant(u8),
    /// Neither 0 nor 1.
    #[error("{0:#04x} is not a boolean")]
    InvalidBool(u8),
    /// Not a Unicode scalar value.
    #[error("{0:#x} is not a character")]
    InvalidChar(u32),
    /// A string with bytes that are not UTF-8.
    #[error("a string that is not UTF-8")]
    InvalidUtf8,
    /// A compact integer too large for its type.
    #[error("a compact integer larger than its {0} bits")]
    CompactOverflow(u32),
    /// A compact integer in a longer form than it needs.
    #[error("a compact integer that is not in its shortest form")]
    LongCompact,
    /// More items than the remaining bytes can hold, or than the guard allows.
    #[error("{items} items announced, at most {most} possible")]
    TooManyItems {
        /// Items announced.
        items: u64,
        /// What the rest of the input, or the guard, allows.
        most: u64,
    },
    /// Nested deeper than the guard allows.
    #[error("nested deeper than {0} levels")]
    TooDeep(u32),
    /// More values in one input than the guard allows.
    #[error("more than {0} values")]
    TooManyValues(u32),
    /// This extrinsic format is not known.
    #[error("extrinsic format byte {0:#04x} is not known")]
    ExtrinsicFormat(u8),
    /// The metadata does not have this type id.
    #[error("no type {0} in this runtime")]
    UnknownType(u32),
    /// A type that cannot occur in encoded data.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl DecodeError {
    #[cold]
    pub(crate) fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self(Box::new(Inner { kind, offset, path: Vec::new(), item: None }))
    }

    /// Adds one enclosing step to the path, from the inside out.
    #[cold]
    pub(crate) fn inside(mut self, step: impl Into<String>) -> Self {
        self.0.path.push(step.into());
        self
    }

    /// Names the call, event or storage item, unless an inner one is already named.
    #[cold]
    pub(crate) fn of(mut self, item: impl Into<String>) -> Self {
        self.0.item.get_or_insert_with(|| item.into());
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.0.kind
    }

    /// Index of the first byte that does not fit, in the bytes given to the decoder.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The way to the value, outermost first: `calls[2].dest`.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in self.0.path.iter().rev() {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        path
    }

    /// The call, event or storage item, as `Pallet.name`.
    pub fn item(&self) -> Option<&str> {
        self.0.item.as_deref()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.0.kind, self.0.offset)?;
        if !self.0.path.is_empty() {
            write!(f, ", in {}", self.path())?;
        }
        if let Some(item) = &self.0.item {
            write!(f, ", of {item}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DecodeError {}
