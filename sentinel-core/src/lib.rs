//! Read, watch and replay the Bittensor chain.
#[cfg(feature = "archive")]
pub mod artifact;
#[cfg(feature = "storage")]
mod blocking;
pub mod chain;
#[cfg(feature = "test-util")]
pub mod conformance;
pub mod decode;
#[cfg(feature = "archive")]
pub mod engine;
#[cfg(feature = "source")]
pub mod source;
#[cfg(feature = "source")]
pub mod storage;
#[cfg(feature = "source")]
pub mod subnet;
pub mod text;
