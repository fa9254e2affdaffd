//! Why a run stopped before it was done.

use crate::artifact::ArtifactError;
use crate::chain::BlockRef;
use crate::sink::SinkError;
use crate::source::SourceError;
use crate::storage::StorageError;
use crate::subnet::SubnetError;

/// Why a run stopped before it was done. What was stored before stays, and the same job goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// What was asked for cannot be done.
    #[error("{0}")]
    Usage(String),
    /// The source could not be read.
    #[error("cannot read block {block}")]
    Source {
        /// The block.
        block: u64,
        /// Why.
        #[source]
        source: SourceError,
    },
    /// The source could not even be asked which chain it is.
    #[error("cannot start")]
    Start(#[source] SourceError),
    /// The state of a subnet could not be read.
    #[error("cannot read the subnets at block {block}")]
    Subnet {
        /// The block.
        block: u64,
        /// Why.
        #[source]
        source: SubnetError,
    },
    /// The store failed.
    #[error("cannot keep what was read")]
    Storage(#[from] StorageError),
    /// An artifact could not be written.
    #[error("cannot keep what was read")]
    Artifact(#[from] ArtifactError),
    /// A sink did not take the findings.
    #[error("{sink} does not take the findings of block {block}")]
    Sink {
        /// Its name.
        sink: String,
        /// The block.
        block: u64,
        /// Why.
        #[source]
        source: SinkError,
    },
    /// The range goes on after the newest finalized block.
    #[error("block {last} is not finalized yet: the newest that is is {head}")]
    NotFinalized {
        /// The end of the range.
        last: u64,
        /// The newest finalized block.
        head: u64,
    },
    /// The source has another block where this job has one already.
    #[error(
        "block {height} of the source is {now}, but {before} was stored: it is another chain, or history was rewritten; \
         nothing was changed"
    )]
    Contradicted {
        /// The height.
        height: u64,
        /// The reference that was stored, or expected.
        before: String,
        /// What the source says.
        now: String,
    },
    /// Another process works on this job.
    #[error("{holder} works on this job already: stop it first, or wait until its lease has run out")]
    Leased {
        /// Who, in words.
        holder: String,
    },
    /// Another process took the job over.
    #[error("{holder} took this job over; this run stops, and has written nothing since")]
    LostLease {
        /// Who, in words.
        holder: String,
    },
    /// A file of the job's state is not what was written.
    #[error("the state of the job is damaged: {key}: {message}")]
    State {
        /// The object.
        key: String,
        /// What does not fit.
        message: String,
    },
    /// Nothing came for too long.
    #[error("gave up after {seconds} s without progress at block {block}")]
    GaveUp {
        /// The block.
        block: u64,
        /// How long.
        seconds: u64,
        /// The last failure.
        #[source]
        source: SourceError,
    },
    /// A part of the engine failed inside.
    #[error("an internal failure at block {block}; please report it")]
    Internal {
        /// The block.
        block: u64,
    },
}

impl EngineError {
    pub(super) fn contradicted(before: &BlockRef, now: &BlockRef) -> Self {
        Self::Contradicted { height: before.number, before: before.hash.to_string(), now: now.hash.to_string() }
    }
}
