//! The native module of the Python package `sentinel`: Python's bytes in, Python's objects out, by what `sentinel_core` reads.

mod accounts;
mod block;
mod build;
mod collect;
mod error;
mod event;
mod extrinsic;
mod input;
mod json;
mod kind;
mod names;
mod panic;
mod record;
mod runtime;
mod subnet;
mod view;

/// `sentinel._native`.
#[pyo3::pymodule(name = "_native")]
mod native {
    #[pymodule_export]
    use crate::block::Block;
    #[pymodule_export]
    use crate::error::{DecodeError, Error, InternalError, MetadataError};
    #[pymodule_export]
    use crate::event::Event;
    #[pymodule_export]
    use crate::extrinsic::Extrinsic;
    #[pymodule_export]
    use crate::runtime::Runtime;
    #[pymodule_export]
    use crate::subnet::{decode_hyperparameters, decode_metagraph};
    #[pymodule_export]
    use crate::view::{Events, Extrinsics};
}
