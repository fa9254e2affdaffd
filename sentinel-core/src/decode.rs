//! From bytes to facts: SCALE decoding driven by the metadata of the runtime that wrote the bytes.

mod block;
mod cursor;
mod decoded;
mod dispatch_error;
mod document;
mod era;
mod error;
mod event;
mod extrinsic;
mod filter;
mod hash;
mod json;
mod metadata;
mod nested;
mod plan;
mod runtime;
mod value;
mod visit;
mod walk;

pub use block::{BlockIndex, Outcome};
pub use decoded::Decoded;
pub use dispatch_error::DispatchError;
pub use document::{ExtrinsicColumns, ExtrinsicFacts, write_event, write_events, write_extrinsic};
pub use era::mortal_era;
pub use error::{DecodeError, DecodeErrorKind};
pub use event::{EventFields, EventPlace, EventRecord, Phase};
pub use extrinsic::{Extensions, Extrinsic};
pub use filter::ItemFilter;
pub use hash::{Hasher, storage_prefix};
pub use json::{JsonOptions, JsonWriter};
pub use metadata::{MetadataError, strip_docs};
pub use nested::{NestedCall, Origin, nested_calls};
pub use plan::{Layout, NameId};
pub use runtime::{Constant, ErrorInfo, KeyError, Pallet, Runtime, RuntimeVersion, StorageItem};
pub use value::{Argument, Call, CallRef, Event, EventRef, Value, ValueRef};
pub use visit::{Bits, Dispatch, Entries, Integers, Items, Record, Step, VariantAccess, VisitError, Visitor};
