//! Prints the hyperparameters of a subnet, from the built-in recording or from a node.
//!
//! `cargo run --example read_hyperparameters` or `… -- ws://127.0.0.1:9944 1`

use std::error::Error;
use std::sync::Arc;

use sentinel_core::chain::{Finality, NetUid};
use sentinel_core::source::{ArchiveSource, BlockSource, RpcOptions, RpcSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_core::subnet::hyperparameters;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let source: Arc<dyn BlockSource> = match args.next() {
        Some(url) => Arc::new(RpcSource::connect(&url, RpcOptions::default()).await?),
        None => {
            let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
            Arc::new(ArchiveSource::open(Arc::new(ObjectStorage::local(sample)?), None).await?)
        }
    };
    let netuid: NetUid = args.next().as_deref().unwrap_or("1").parse()?;

    let head = source.head(Finality::Finalized).await?;
    println!("block {head}");
    for subnet in hyperparameters::read(&*source, &head, Some(netuid)).await? {
        for parameter in &subnet.hyperparameters {
            println!("{:<32} {}", parameter.name, parameter.display());
        }
    }
    Ok(())
}
