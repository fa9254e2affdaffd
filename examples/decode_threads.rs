//! Blocks to JSON on all cores: the library starts no threads, its caller does, and gives each a writer of its own.
//!
//!     cargo run --release --example decode_threads

use std::time::Instant;

use rayon::prelude::*;
use sentinel_core::decode::{JsonOptions, JsonWriter};
use sentinel_support::corpus::Corpus;
use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A runtime is immutable and shared; blocks come from wherever they come from.
    let runtime = subtensor_461();
    let blocks = Corpus::of(SUBTENSOR_461_V15, 1, 2_000).blocks;

    let start = Instant::now();
    let bytes: usize = blocks
        .par_iter()
        .map_init(
            || JsonWriter::new(JsonOptions::default()),
            |writer, block| {
                writer.clear();
                runtime.index(&block.extrinsics, &block.events)?.write_json(writer)?;
                // Here `writer.as_bytes()` would go to a file or a socket.
                Ok(writer.as_bytes().len())
            },
        )
        .sum::<Result<_, sentinel_core::decode::DecodeError>>()?;
    let (threads, seconds) = (rayon::current_num_threads(), start.elapsed().as_secs_f64());
    println!("{} blocks, {bytes} bytes of JSON, {threads} threads: {seconds:.2} s", blocks.len());
    Ok(())
}
