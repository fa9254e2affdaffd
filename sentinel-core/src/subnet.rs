//! Typed views of subnets, over runtime APIs and storage.

mod error;
pub mod hyperparameters;
mod netuids;

pub use error::SubnetError;
pub use netuids::netuids;
