//! Read, watch and replay the Bittensor chain (*subtensor*).
//!
//! A [`BlockSource`] hands out raw bytes and the [`Runtime`] that wrote them; a `Runtime` turns bytes
//! into facts, offline. Three steps lead everywhere:
//!
//! 1. **Open a source.** [`RpcSource`](source::RpcSource) is a node, [`ArchiveSource`](source::ArchiveSource) a recording,
//!    [`MemorySource`](source::MemorySource) a chain made up by a test, `SimSource` a whole simulated network.
//! 2. **Pin a block.** [`header`](source::BlockSource::header) and [`head`](source::BlockSource::head) give a [`BlockRef`];
//!    everything read at it sees one state.
//! 3. **Read.** Typed views are in [`subnet`]; [`block`](source::BlockSource::block) gives a whole block, which
//!    [`Runtime::index`] splits into extrinsics and events and each of those decodes into JSON, any serde serializer, or a
//!    [`Value`].
//!
//! ```
//! use sentinel_core::{JsonOptions, Runtime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let metadata = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/metadata/raonet-218-v14.scale"))?;
//! // Metadata as a node serves it, or as `sentinel-cli runtime metadata --out FILE` saves it.
//! let runtime = Runtime::from_metadata(&metadata)?;
//! assert_eq!(runtime.version().spec_version, 218);
//!
//! // A call, as it stands in an extrinsic: System.remark("hi").
//! let mut json = Vec::new();
//! runtime.call(&[0, 0, 8, b'h', b'i']).write_json(&mut json, JsonOptions::default())?;
//! assert!(String::from_utf8(json)?.contains(r#""call_function":"remark""#));
//!
//! // What does not fit is an error that says where.
//! let error = runtime.call(&[0, 0, 80, b'h']).to_value().unwrap_err();
//! assert_eq!(error.to_string(), "19 more bytes expected, 1 left at byte 3, in remark.remark, of System.remark");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! `default-features = false` is the codec and the arithmetic alone ([`chain`], [`decode`], [`apy`], and what [`subnet`] makes of
//! raw answers), with no async runtime and no TLS. `source` adds the traits and views, `rpc` nodes, `storage` object stores,
//! `archive` recordings; `rpc` and `archive` are on by default.
//! `s3` adds stores that speak S3, `config` the configuration file,
//! `sim` adds a simulated network, `test-util` the conformance suites.

pub mod apy;
#[cfg(feature = "archive")]
pub mod artifact;
#[cfg(feature = "storage")]
mod blocking;
pub mod chain;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "test-util")]
pub mod conformance;
pub mod decode;
#[cfg(feature = "source")]
pub mod detect;
#[cfg(feature = "engine")]
pub mod engine;
mod error;
#[cfg(any(feature = "rpc", feature = "storage"))]
mod jitter;
#[cfg(feature = "engine")]
pub mod metrics;
#[cfg(feature = "storage")]
pub mod secret;
#[cfg(feature = "source")]
pub mod sink;
#[cfg(feature = "source")]
pub mod source;
#[cfg(feature = "source")]
pub mod storage;
pub mod subnet;
pub mod text;

pub use chain::{AccountId, BlockHash, BlockId, BlockRef, Finality, NetUid, Network};
pub use decode::{JsonOptions, Runtime, Value};
#[cfg(feature = "source")]
pub use detect::{Detector, Finding};
pub use error::Error;
#[cfg(feature = "source")]
pub use sink::Sink;
#[cfg(feature = "source")]
pub use source::BlockSource;
#[cfg(feature = "source")]
pub use storage::Storage;
