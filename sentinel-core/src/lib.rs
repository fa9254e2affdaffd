//! Read, watch and replay the Bittensor chain.
pub mod chain;
pub mod decode;
#[cfg(feature = "source")]
pub mod source;
#[cfg(feature = "source")]
pub mod subnet;
pub mod text;
