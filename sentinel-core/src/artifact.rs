//! Files made of a chain that are the same wherever and whenever they are made.
//!
//! There are two kinds: [recordings](raw), what a chain said byte for byte, from which
//! [`ArchiveSource`](crate::source::ArchiveSource) replays; and [datasets], tables of what it means, written a [window] of
//! blocks at a time.

pub mod datasets;
mod error;
mod network;
pub mod part;
pub mod raw;
mod threads;
pub mod window;

pub use error::ArtifactError;
pub use network::NetworkWord;
