//! Read, watch and replay the Bittensor chain.
pub mod chain;
#[cfg(feature = "test-util")]
pub mod conformance;
pub mod decode;
#[cfg(feature = "source")]
pub mod source;
#[cfg(feature = "source")]
pub mod subnet;
pub mod text;
