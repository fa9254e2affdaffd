//! A node of the simulated chain in a process of its own, for measuring the process that asks it.
//!
//! The program that wants one starts itself again: it calls [`serve_if_asked`] first of all, and later [`Apart::start`].

use std::future::pending;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sentinel_core::source::{BlockSource, SimSource};
use serde::{Deserialize, Serialize};

use crate::node::{Node, NodeOptions};
use crate::ready::Ready;
use crate::runtimes::SUBTENSOR_461_V14;

/// Tells a process to serve, and what.
const PLAN: &str = "SENTINEL_NODE_APART";

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The newest block.
    pub head: u64,
    /// Subnets besides the root.
    pub subnets: u16,
    /// Neurons of each.
    pub uids: u16,
    /// Extrinsics in a block beside those of validators, in tenths.
    pub traffic: u64,
    /// How many blocks are kept; the lowest of them are made before the node answers at all.
    pub kept: usize,
    /// How much later every answer comes.
    pub latency_ms: u64,
    /// Threads of the node.
    pub threads: usize,
}

/// A node in another process; it ends with this value, or with the process that holds it.
#[derive(Debug)]
pub struct Apart {
    child: Child,
    url: String,
}

impl Apart {
    /// Starts it, and waits until it can be asked.
    ///
    /// # Errors
    /// Where the process cannot be started, or says something else than its address.
    pub fn start(plan: &Plan) -> io::Result<Self> {
        let plan = serde_json::to_string(plan)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.env(PLAN, plan).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let apart = Self { child, url: line.trim().to_owned() };
        if apart.url.starts_with("ws://") {
            Ok(apart)
        } else {
            Err(io::Error::other(format!("the node said {line:?} where its address was expected")))
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `ws://127.0.0.1:port`
    pub fn ws_url(&self) -> &str {
        &self.url
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In a process that was started to serve, serves until its parent is gone; in any other, returns.
///
/// # Errors
/// Where the chain or the node cannot be made.
pub fn serve_if_asked() -> Result<(), Box<dyn std::error::Error>> {
    let Ok(plan) = std::env::var(PLAN) else { return Ok(()) };
    let plan: Plan = serde_json::from_str(&plan)?;
    std::thread::spawn(|| {
        // Ends when the parent does, however that ends.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(plan.threads.max(1)).enable_all().build()?;
    runtime.block_on(async {
        let sim = SimSource::builder().subnets(plan.subnets).uids(plan.uids).traffic(plan.traffic).head(plan.head);
        let chain = Ready::new(Arc::new(sim.build()?), plan.kept);
        chain.head(Default::default()).await?;
        chain.prepare(0..=plan.head.min(plan.kept as u64 - 1)).await?;
        let options = NodeOptions {
            more_metadata: vec![SUBTENSOR_461_V14.to_vec()],
            latency: Duration::from_millis(plan.latency_ms),
            keep_calls: false,
            ..NodeOptions::default()
        };
        let node = Node::serve_with(Arc::new(chain), options).await?;
        println!("{}", node.ws_url());
        pending::<()>().await;
        Ok(())
    })
}
