//! Why a recording stopped.

use crate::artifact::ArtifactError;
use crate::source::SourceError;
use crate::storage::StorageError;

/// Why a recording stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The range has no blocks.
    #[error("there are no blocks from {first} to {last}")]
    EmptyRange {
        /// Asked for as the first.
        first: u64,
        /// Asked for as the last.
        last: u64,
    },
    /// The range ends with blocks that may still change: wait, or record less.
    #[error("block {last} is not finalized yet: the newest that is is {head}")]
    NotFinalized {
        /// Asked for as the last.
        last: u64,
        /// The newest finalized block.
        head: u64,
    },
    /// The options ask for what is never recorded.
    #[error("the storage below {prefix} cannot be recorded: the runtime's code lies there")]
    ForbiddenPrefix {
        /// The prefix or key, in hex.
        prefix: String,
    },
    /// The source failed.
    #[error("block {block} could not be read")]
    Source {
        /// The block.
        block: u64,
        /// Why.
        #[source]
        source: SourceError,
    },
    /// The recording could not be written, or what is in the store is in the way.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl From<StorageError> for RecordError {
    fn from(error: StorageError) -> Self {
        Self::Artifact(error.into())
    }
}

impl RecordError {
    /// Whether running it again may succeed with nothing changed by hand.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Source { source, .. } => source.is_retryable(),
            Self::Artifact(error) => error.is_retryable(),
            Self::NotFinalized { .. } => true,
            _ => false,
        }
    }
}
