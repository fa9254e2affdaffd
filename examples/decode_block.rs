//! Decodes one block of the built-in recording: calls, signers, outcomes and the events of each.
//!
//! `cargo run --example decode_block -- 120`

use std::error::Error;
use std::sync::Arc;

use sentinel_core::chain::BlockId;
use sentinel_core::decode::{JsonOptions, Outcome};
use sentinel_core::source::{ArchiveSource, BlockSource};
use sentinel_core::storage::ObjectStorage;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let number: u64 = std::env::args().nth(1).as_deref().unwrap_or("120").parse()?;
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let source = ArchiveSource::open(Arc::new(ObjectStorage::local(sample)?), None).await?;

    let block = source.block(BlockId::Number(number)).await?;
    let index = block.runtime.index(&block.extrinsics, &block.events)?;
    for (at, extrinsic) in index.extrinsics().iter().enumerate() {
        let extrinsic = extrinsic.as_ref().map_err(Clone::clone)?;
        let outcome = match index.outcome(at)? {
            Some(Outcome::Success) => "ok".to_owned(),
            Some(Outcome::Failed(error)) => error.full_name(),
            None => "?".to_owned(),
        };
        let signer = extrinsic.signer().map_or_else(|| "nobody".to_owned(), |account| account.to_ss58());
        println!("{at} {}.{} by {signer}: {outcome}", extrinsic.pallet(), extrinsic.name());
        for event in index.events_of(at) {
            let mut fields = Vec::new();
            event.write_attributes(&mut fields, JsonOptions::default())?;
            println!("    {}.{} {}", event.pallet(), event.name(), String::from_utf8_lossy(&fields));
        }
    }
    Ok(())
}
