//! Read, watch and replay the Bittensor chain.
#[cfg(feature = "archive")]
pub mod artifact;
pub mod chain;
#[cfg(feature = "test-util")]
pub mod conformance;
pub mod decode;
#[cfg(feature = "source")]
pub mod source;
#[cfg(feature = "storage")]
pub mod storage;
#[cfg(feature = "source")]
pub mod subnet;
pub mod text;
