//! What can go wrong when reading a chain, named by what the caller can do next.

use std::time::Duration;

use crate::chain::{BlockHash, BlockId, BlockRef};
use crate::decode::DecodeError;

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The connection or the node failed in passing: the same read may work a moment later or elsewhere.
    #[error("{endpoint}: {message}")]
    Transient {
        /// Host (never the path or credentials) of the endpoint.
        endpoint: String,
        /// What happened.
        message: String,
        /// The cause, where a library gave one.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The endpoint asks to be left alone for a while.
    #[error("{endpoint} limits the rate of requests: {message}")]
    RateLimited {
        /// Host of the endpoint.
        endpoint: String,
        /// What it said.
        message: String,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// The endpoint has dropped the state of this block.
    #[error(
        "{endpoint} no longer keeps the state of block {block}: use an archive node (--network archive, or the URL of one)"
    )]
    StatePruned {
        /// Host of the endpoint.
        endpoint: String,
        /// The block.
        block: BlockId,
    },
    /// The answer is larger than the endpoint or we allow.
    #[error("{endpoint}: the answer to {request} is too large: {message}")]
    TooLarge {
        /// Host of the endpoint.
        endpoint: String,
        /// The request.
        request: String,
        /// What the endpoint said.
        message: String,
    },
    /// The endpoint or the runtime at this block does not have this function.
    #[error("{what} is not available {}", at.map_or_else(|| "here".to_owned(), |at| format!("at block {at}")))]
    Unsupported {
        /// Method or runtime function.
        what: String,
        /// The block asked at, where it was one.
        at: Option<u64>,
    },
    /// The answer contradicts itself or what was asked; it was not used.
    #[error("{endpoint} gave an implausible answer for block {block}: {message}")]
    Lying {
        /// Host of the endpoint.
        endpoint: String,
        /// The block.
        block: BlockId,
        /// What does not fit.
        message: String,
    },
    /// A block that was handed out as finalized is not part of the chain any more: the chain was started anew, or the node
    /// serves two. Nothing was overwritten; find out which it is before going on.
    #[error(
        "{endpoint}: block {block} was finalized as {was} and is {now} now: the chain was started anew, or forked below finality"
    )]
    Contradicted {
        /// Host of the endpoint.
        endpoint: String,
        /// The height.
        block: u64,
        /// The block as it was handed out.
        was: BlockHash,
        /// What takes its place now.
        now: BlockHash,
    },
    /// There is no such block.
    #[error("no block {block}{}", head.map_or_else(String::new, |head| format!(": the newest is {head}")))]
    UnknownBlock {
        /// What was asked for.
        block: BlockId,
        /// The newest block, where it is known.
        head: Option<u64>,
    },
    /// The recording does not say: neither a value nor its absence was recorded.
    #[error("{what} was not recorded at block {block}")]
    NotRecorded {
        /// A key, a prefix, a call, a runtime, a block.
        what: String,
        /// The block.
        block: BlockId,
    },
    /// An object of a recording is not what was written: restore it, or record the blocks again.
    #[error("the recording is damaged: {object}: {message}")]
    Damaged {
        /// Key of the object.
        object: String,
        /// What does not fit.
        message: String,
    },
    /// The bytes do not fit the runtime that should have written them.
    #[error("block {block} cannot be decoded")]
    Decode {
        /// The block.
        block: BlockId,
        /// Where and why.
        #[source]
        source: DecodeError,
    },
    /// Reading again will not help.
    #[error("{message}")]
    Fatal {
        /// What happened and what to do.
        message: String,
        /// The cause, where a library gave one.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl SourceError {
    /// Whether the same read may succeed later or at another endpoint.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Transient { .. } | Self::RateLimited { .. } | Self::Lying { .. })
    }

    /// A failure with no cause from a library.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Fatal { message: message.into(), source: None }
    }

    /// A read outside a recording.
    pub fn not_recorded(what: impl Into<String>, block: &BlockRef) -> Self {
        Self::NotRecorded { what: what.into(), block: BlockId::Number(block.number) }
    }
}
