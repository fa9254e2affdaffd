//! Writes blocks as plain files: for each runtime its metadata, and its blocks as JSON lines of hex.
//!
//! `cargo run --example dump_blocks -- DIR` leaves the built-in recording as `DIR/218.scale`, `DIR/218.jsonl` and so on for
//! the other runtimes, and generated blocks like those of the main network as `DIR/461.scale`, `DIR/461.jsonl`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use sentinel_core::source::{ArchiveSource, BlockSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::corpus::Corpus;
use sentinel_support::runtimes::SUBTENSOR_461_V15;

const GENERATED: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: dump_blocks DIR")?);
    std::fs::create_dir_all(&dir)?;
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let source = ArchiveSource::open(Arc::new(ObjectStorage::local(sample)?), None).await?;

    let mut files = BTreeMap::new();
    let mut blocks = source.finalized(1);
    while let Some(block) = blocks.try_next().await? {
        let spec = block.runtime.version().spec_version;
        let file = match files.entry(spec) {
            Entry::Occupied(file) => file.into_mut(),
            Entry::Vacant(none) => none.insert(open(&dir, spec, block.runtime.metadata())?),
        };
        write_block(file, &block.extrinsics, &block.events)?;
    }
    let mut file = open(&dir, 461, SUBTENSOR_461_V15)?;
    for block in Corpus::of(SUBTENSOR_461_V15, 1, GENERATED).blocks {
        write_block(&mut file, &block.extrinsics, &block.events)?;
    }
    Ok(())
}

fn open(dir: &Path, spec: u32, metadata: &[u8]) -> std::io::Result<BufWriter<File>> {
    std::fs::write(dir.join(format!("{spec}.scale")), metadata)?;
    Ok(BufWriter::new(File::create(dir.join(format!("{spec}.jsonl")))?))
}

fn write_block(to: &mut impl Write, extrinsics: &[impl AsRef<[u8]>], events: &[u8]) -> std::io::Result<()> {
    let extrinsics: Vec<_> = extrinsics.iter().map(const_hex::encode_prefixed).collect();
    let events = const_hex::encode_prefixed(events);
    writeln!(to, "{}", serde_json::json!({ "extrinsics": extrinsics, "events": events }))
}
