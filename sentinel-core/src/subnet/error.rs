//! Why the view of a subnet could not be read.

use crate::chain::NetUid;
use crate::decode::DecodeError;
#[cfg(feature = "source")]
use crate::source::SourceError;

/// Why the view of a subnet could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubnetError {
    /// The source could not be read.
    #[cfg(feature = "source")]
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no such subnet at this block.
    #[error("no subnet {netuid} at block {block}; there {}", list(.existing))]
    NoSuchSubnet {
        /// What was asked for.
        netuid: NetUid,
        /// The block.
        block: u64,
        /// What exists there.
        existing: Vec<NetUid>,
    },
    /// The subnet was registered after this block.
    #[error(
        "no subnet {netuid} at block {block} yet: it was registered in block {registered_at}, read that or a later one"
    )]
    NotYet {
        /// What was asked for.
        netuid: NetUid,
        /// The block.
        block: u64,
        /// Where the subnet that has this number today began.
        registered_at: u64,
    },
    /// The window begins before the chain does, or before it had a clock.
    #[error("a window of {asked} before block {block} is longer than the history: at most {available}")]
    WindowTooLong {
        /// What was asked for, in words.
        asked: String,
        /// The block at its end.
        block: u64,
        /// What there is, in the same words.
        available: String,
    },
    /// The answers contradict each other, so that no return can be computed from them.
    #[error("no return of subnet {netuid} from block {first} to {last}")]
    Return {
        /// The subnet.
        netuid: NetUid,
        /// The first block.
        first: u64,
        /// The last.
        last: u64,
        /// What does not fit.
        #[source]
        source: crate::apy::ApyError,
    },
    /// A value does not have the layout that this library or the metadata knows.
    #[error("{what} at block {block} cannot be decoded")]
    Decode {
        /// The storage item or runtime function.
        what: String,
        /// The block.
        block: u64,
        /// Where and why.
        #[source]
        source: DecodeError,
    },
    /// An answer of an old runtime has none of the known layouts.
    #[error("{what} at block {block} has an unknown layout: {message}")]
    Layout {
        /// The runtime function.
        what: String,
        /// The block.
        block: u64,
        /// What does not fit.
        message: String,
    },
}

fn list(netuids: &[NetUid]) -> String {
    if netuids.is_empty() {
        return "are none".to_owned();
    }
    let list: Vec<String> = netuids.iter().map(NetUid::to_string).collect();
    format!("are {}", list.join(", "))
}
