//! From bytes to facts: SCALE decoding driven by the metadata of the runtime that wrote the bytes.

mod error;
mod hash;
mod metadata;
mod runtime;

pub use error::{DecodeError, DecodeErrorKind};
pub use hash::{Hasher, storage_prefix};
pub use metadata::{MetadataError, strip_docs};
pub use runtime::{Runtime, RuntimeVersion};
