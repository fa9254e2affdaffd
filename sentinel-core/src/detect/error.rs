//! Why a detector could not look at a block.

use crate::decode::DecodeError;
use crate::source::SourceError;
use crate::subnet::SubnetError;

/// Why a detector could not look at a block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The state it needs could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The view of a subnet could not be read.
    #[error(transparent)]
    Subnet(#[from] SubnetError),
    /// The block does not decode.
    #[error("block {block} cannot be decoded")]
    Decode {
        /// The block.
        block: u64,
        /// Where and why.
        #[source]
        source: DecodeError,
    },
}

impl DetectError {
    /// Whether the same look may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Source(error) | Self::Subnet(SubnetError::Source(error)) => error.is_retryable(),
            _ => false,
        }
    }
}
