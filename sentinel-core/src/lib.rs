//! Read, watch and replay the Bittensor chain.
pub mod chain;
pub mod decode;
#[cfg(feature = "source")]
pub mod source;
pub mod text;
