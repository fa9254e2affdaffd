//! Files made of a chain that are the same wherever and whenever they are made.
//!
//! There are two kinds: [recordings](raw), what a chain said byte for byte, from which
//! [`ArchiveSource`](crate::source::ArchiveSource) replays; and [datasets], tables of what it means.

pub mod datasets;
mod error;
mod network;
pub mod raw;

pub use error::ArtifactError;
pub use network::NetworkWord;
