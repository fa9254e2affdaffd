//! Files made of a chain that are the same wherever and whenever they are made.
//!
//! So far there is one kind: [recordings](raw), from which [`ArchiveSource`](crate::source::ArchiveSource) replays.

mod error;
mod network;
pub mod raw;

pub use error::ArtifactError;
pub use network::NetworkWord;
