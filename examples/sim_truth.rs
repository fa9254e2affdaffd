//! Prints what the simulated network knows of itself, as JSON lines: the stake of every nominator at the blocks that are
//! named, kept without the shares that a chain computes with, and what happened up to the last of them.
//!
//! `cargo run --release --example sim_truth -- BLOCK [BLOCK …]`

use std::error::Error;

use sentinel_core::source::SimBuilder;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let blocks = std::env::args().skip(1).map(|block| block.parse()).collect::<Result<Vec<u64>, _>>()?;
    let last = blocks.iter().copied().max().ok_or("name a block, such as 21600")?;
    let sim = SimBuilder::default_network().interval(None).head(last).build()?;
    for block in blocks {
        for entry in sim.ledger(block)? {
            let (netuid, rao) = (entry.netuid, entry.rao());
            let (hotkey, coldkey) = (entry.hotkey.to_string(), entry.coldkey.to_string());
            println!("{}", json!({ "at": block, "netuid": netuid, "hotkey": hotkey, "coldkey": coldkey, "rao": rao }));
        }
    }
    for entry in sim.history(last)? {
        println!("{}", serde_json::to_string(&entry)?);
    }
    Ok(())
}
