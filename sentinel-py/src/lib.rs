//! The native module of the Python package `sentinel`: Python's bytes in, Python's objects out, by what `sentinel_core` reads.

mod accounts;
mod apy;
mod block;
mod build;
mod collect;
mod column;
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
mod window;

/// `sentinel._native`.
#[pyo3::pymodule(name = "_native")]
mod native {
    #[pymodule_export]
    use crate::block::Block;
    #[pymodule_export]
    use crate::error::{ApyError, DecodeError, Error, InternalError, MetadataError};
    #[pymodule_export]
    use crate::event::Event;
    #[pymodule_export]
    use crate::extrinsic::Extrinsic;
    #[pymodule_export]
    use crate::returns;
    #[pymodule_export]
    use crate::runtime::Runtime;
    #[pymodule_export]
    use crate::subnet::{decode_hyperparameters, decode_metagraph};
    #[pymodule_export]
    use crate::view::{Events, Extrinsics};
}

/// What `sentinel.apy` has.
#[pyo3::pymodule(name = "_apy")]
mod returns {
    #[pymodule_export]
    use crate::apy::{
        annual_rate, annual_yield, epoch_return, epoch_returns, operator_return, operator_take, root_by_basket,
        root_by_claims, share_growth, single_epoch_estimate, spot_price, tao_growth, window_returns,
    };
    #[pymodule_export]
    use crate::window::window_report;
    #[pymodule_export]
    const DEFAULT_TAKE: u16 = sentinel_core::apy::DEFAULT_TAKE;
    #[pymodule_export]
    const SECONDS_PER_YEAR: u64 = sentinel_core::apy::SECONDS_PER_YEAR;
}
