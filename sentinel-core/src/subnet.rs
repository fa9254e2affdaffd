//! Typed views of subnets, over runtime APIs and storage.
//!
//! Decoding an answer that somebody else has read needs bytes and a runtime only ([`hyperparameters::decode_answer`],
//! [`metagraph::decode_answer`]); reading from a source is in feature `source`. Everything is read at the hash of the block
//! that was asked for.

mod cell;
pub mod dividends;
#[cfg(feature = "source")]
pub mod epochs;
mod error;
pub mod hyperparameters;
mod identity;
pub mod info;
mod mechanism;
pub mod metagraph;
#[cfg(feature = "source")]
mod netuids;
#[cfg(feature = "source")]
pub mod returns;
mod sparse;
#[cfg(feature = "source")]
mod state;
#[cfg(feature = "source")]
pub mod weights;

pub use error::SubnetError;
pub use identity::{ChainIdentity, SubnetIdentity};
pub use info::SubnetInfo;
pub use mechanism::{MAX_MECHANISMS, of_storage_index, storage_index};
pub use metagraph::Metagraph;
#[cfg(feature = "source")]
pub use netuids::netuids;
pub use sparse::SparseRows;
