//! Writes the built-in recording as plain files: for each runtime its metadata, and its blocks as JSON lines of hex.
//!
//! `cargo run --example dump_blocks -- DIR` leaves `DIR/218.scale` and `DIR/218.jsonl`, and so on for the other runtimes.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use futures::TryStreamExt;
use sentinel_core::source::{ArchiveSource, BlockSource};
use sentinel_core::storage::ObjectStorage;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: dump_blocks DIR")?);
    std::fs::create_dir_all(&dir)?;
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let source = ArchiveSource::open(Arc::new(ObjectStorage::local(sample)?), None).await?;

    let mut lines: Option<(u32, File)> = None;
    let mut blocks = source.finalized(1);
    while let Some(block) = blocks.try_next().await? {
        let spec = block.runtime.version().spec_version;
        let file = match &mut lines {
            Some((of, file)) if *of == spec => file,
            _ => {
                std::fs::write(dir.join(format!("{spec}.scale")), block.runtime.metadata())?;
                let file = OpenOptions::new().create(true).append(true).open(dir.join(format!("{spec}.jsonl")))?;
                &mut lines.insert((spec, file)).1
            }
        };
        let extrinsics: Vec<_> = block.extrinsics.iter().map(const_hex::encode_prefixed).collect();
        let events = const_hex::encode_prefixed(&block.events);
        writeln!(file, "{}", serde_json::json!({ "extrinsics": extrinsics, "events": events }))?;
    }
    Ok(())
}
