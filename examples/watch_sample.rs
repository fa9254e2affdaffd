//! Watches the built-in recording of real blocks and prints what its detector finds, as JSON lines.
//!
//! Replace the source by an `RpcSource` and the same loop follows a live chain.

use std::error::Error;
use std::sync::Arc;

use futures::TryStreamExt;
use sentinel_core::detect::{BlockContext, Detector, HyperparameterChange};
use sentinel_core::sink::{JsonLinesSink, Sink};
use sentinel_core::source::{ArchiveSource, BlockSource};
use sentinel_core::storage::ObjectStorage;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let source = ArchiveSource::open(Arc::new(ObjectStorage::local(sample)?), None).await?;
    let sink = JsonLinesSink::new("stdout", std::io::stdout());
    let mut detector = HyperparameterChange::new();

    let (mut seen, mut found) = (0, 0);
    let mut blocks = source.finalized(0);
    while let Some(block) = blocks.try_next().await? {
        let context = BlockContext::new(&source, "sample", &block)?;
        let findings = detector.inspect(&context).await?;
        found += sink.deliver(&findings).await?.delivered;
        seen += 1;
    }
    eprintln!("{found} findings in {seen} blocks");
    Ok(())
}
