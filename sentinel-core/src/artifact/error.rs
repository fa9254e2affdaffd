//! What can go wrong with artifacts, named by what the caller can do next.

use crate::chain::BlockHash;
use crate::decode::MetadataError;
use crate::storage::{Key, StorageError};

/// Why an artifact could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// An object is not what its manifest says, or is not what it should be: restore it, or record the blocks again.
    #[error("{object} is damaged: {message}")]
    Damaged {
        /// The object.
        object: Key,
        /// What does not fit.
        message: String,
    },
    /// The object was written in a format that this version does not know: use a newer version.
    #[error("{object} has format {format}, and this version reads formats up to {supported}")]
    Format {
        /// The object.
        object: Key,
        /// The format it names.
        format: u64,
        /// The newest that is understood.
        supported: u64,
    },
    /// The store holds no recording (of this network).
    #[error("there is no recording{} in the store", network.as_ref().map_or_else(String::new, |name| format!(" of `{name}`")))]
    NoRecording {
        /// The network asked for.
        network: Option<String>,
    },
    /// The store holds recordings of several networks and none was named: name one of these.
    #[error("the store holds recordings of several networks, name one: {}", networks.join(", "))]
    SeveralNetworks {
        /// What there is.
        networks: Vec<String>,
    },
    /// The text cannot stand in a key, for a network or a label.
    #[error("{0:?} cannot be a word in a key of a store: use up to 64 of a-z, 0-9 and -")]
    NetworkWord(String),
    /// Another chain is already recorded under this name: use another store or name.
    #[error("`{network}` in the store is the chain with genesis {found}, not {expected}: use another store")]
    OtherChain {
        /// The name.
        network: String,
        /// Genesis of the chain to be recorded.
        expected: BlockHash,
        /// Genesis of the chain found.
        found: BlockHash,
    },
    /// What was read contradicts itself and is not written: the source is at fault, or the chain was re-organised.
    #[error("block {block} cannot be stored: {message}")]
    Contradiction {
        /// The block.
        block: u64,
        /// What does not fit.
        message: String,
    },
    /// The runtime's metadata cannot be stored in the form asked for.
    #[error("the metadata of the runtime at block {block} cannot be stored")]
    Metadata {
        /// A block it belongs to.
        block: u64,
        /// Why.
        #[source]
        source: MetadataError,
    },
    /// A window was made without this dataset: ask for it when the blocks are fetched.
    #[error("the blocks {first} to {last} have no `{dataset}` as {form}")]
    NoDataset {
        /// The dataset.
        dataset: &'static str,
        /// The form.
        form: &'static str,
        /// First block of the window.
        first: u64,
        /// Last block of the window.
        last: u64,
    },
    /// The rows do not fit a file.
    #[error("the table `{table}` cannot be written")]
    Encode {
        /// The table.
        table: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ArtifactError {
    /// Whether the same may succeed later with nothing changed by hand.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_retryable())
    }

    pub(crate) fn damaged(object: &Key, message: impl Into<String>) -> Self {
        Self::Damaged { object: object.clone(), message: message.into() }
    }
}
