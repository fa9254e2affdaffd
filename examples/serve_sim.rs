//! Serves the simulated network as JSON-RPC on a loopback port, for clients that know nothing of this library.
//!
//! `cargo run --release --example serve_sim -- [PORT [SECONDS BETWEEN BLOCKS]]`; the port is 9944 by default.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use sentinel_core::source::{BlockSource, SimBuilder};
use sentinel_support::node::{Node, NodeOptions};
use sentinel_support::runtimes::SUBTENSOR_461_V14;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().map_or(Ok(9_944), |port| port.parse())?;
    let seconds = args.next().map_or(Ok(12.0), |seconds| seconds.parse())?;
    let interval = Duration::try_from_secs_f64(seconds)?;
    let sim = SimBuilder::default_network().interval(Some(interval)).build()?;
    // The head is made before anybody waits for it.
    let head = sim.head(Default::default()).await?;
    sim.block(head.number.into()).await?;
    let options = NodeOptions { port, more_metadata: vec![SUBTENSOR_461_V14.to_vec()], ..NodeOptions::default() };
    let node = Node::serve_with(Arc::new(sim), options).await?;
    println!("simulated network at {} from block {} on; nothing of it is real", node.ws_url(), head.number);
    std::future::pending::<()>().await;
    Ok(())
}
