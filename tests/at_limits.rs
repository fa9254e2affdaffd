//! Nodes that limit: a backfill with the options that everybody has settles at what the node takes, and loses nothing.
//!
//! The full size is ignored by default: `cargo test --release --test at_limits -- --ignored --nocapture`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use sentinel_core::engine::{Engine, Mode};
use sentinel_core::source::{BlockSource, MemorySource, RpcOptions, RpcSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::node::{Limit, Node, NodeOptions};
use sentinel_support::oracle::{Objects, Truth};
use sentinel_support::{chains, rng, runs, runtimes};
use tokio::time::{Instant, interval, timeout};

type Outcome = Result<(), Box<dyn Error>>;

/// What a backfill needs of each block.
const REQUESTS_PER_BLOCK: u64 = 4;

/// A run, and when the node's refusals begin to count.
struct Size {
    blocks: u64,
    settled: Duration,
}

/// What came of a run.
#[derive(Debug)]
struct Figures {
    wall: Duration,
    requests: u64,
    refused: u64,
    /// The same since it had time to settle.
    late_requests: u64,
    late_refused: u64,
}

impl Figures {
    /// Refused of those that came when it had settled.
    fn late_share(&self) -> f64 {
        self.late_refused as f64 / self.late_requests.max(1) as f64
    }
}

fn chain(last: u64) -> MemorySource {
    let chain = MemorySource::new("made up", runtimes::raonet_218());
    (1..=last).for_each(|number| drop(chain.push(chains::block(number))));
    chain
}

/// A backfill of the whole chain with default options from a node that is 20 ms away.
async fn backfill(size: &Size, limit: Limit) -> Result<Figures, Box<dyn Error>> {
    let chain = chain(size.blocks);
    let options = NodeOptions { latency: Duration::from_millis(20), keep_calls: false, ..NodeOptions::default() };
    let node = Node::serve_with(Arc::new(chain.clone()), options).await?;
    let source = RpcSource::connect(&node.ws_url(), RpcOptions::default()).await?;
    let store = Arc::new(ObjectStorage::memory());
    let engine = Engine::builder(Arc::new(source.clone()), store.clone(), "sim".parse()?)
        .mode(Mode::Backfill)
        .range(1..=size.blocks)
        .outputs("blocks".parse()?)
        .build()?;
    node.forget_calls();
    node.limit(Some(limit.clone()));

    let (began, mut settled) = (Instant::now(), (0, 0));
    let watch = async {
        let mut ticks = interval(Duration::from_secs(1));
        let mut before = (0, 0);
        loop {
            ticks.tick().await;
            let now = (node.requests() as u64, node.refused());
            if began.elapsed() <= size.settled {
                settled = now;
            }
            let of = &source.stats().endpoints[0];
            println!(
                "{:4.0}s requests={} refused={} window={} under_way={} pace={:?} up={}",
                began.elapsed().as_secs_f64(),
                now.0 - before.0,
                now.1 - before.1,
                of.window,
                of.in_flight,
                of.requests_per_second,
                of.up,
            );
            before = now;
        }
    };
    let report = tokio::select! {
        report = engine.run() => report?,
        () = watch => return Err("the watch ended".into()),
    };
    let (wall, requests, refused) = (began.elapsed(), node.requests() as u64, node.refused());
    let figures =
        Figures { wall, requests, refused, late_requests: requests - settled.0, late_refused: refused - settled.1 };
    let truth = Truth::of(&chain, 1..=size.blocks).await?;
    let verdict = runs::verdict(&truth, &Objects::of(&*store).await?, "sim")?.calls(requests).wall(wall);
    println!(
        "{limit:?} blocks={} {verdict} refused={refused} late_share={:.1}% requests_per_s={:.0} retried={}",
        size.blocks,
        figures.late_share() * 100.0,
        requests as f64 / wall.as_secs_f64(),
        report.retried,
    );
    assert!(verdict.is_clean(), "{verdict}: {:?}", verdict.examples);
    assert!(report.is_complete() && report.done == size.blocks, "{report:?}");
    Ok(figures)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the full size; takes minutes"]
async fn full_rate() -> Outcome {
    let size = Size { blocks: 2_000, settled: Duration::from_secs(60) };
    backfill(&size, Limit::PerSecond(100)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the full size; takes minutes"]
async fn full_at_once() -> Outcome {
    let size = Size { blocks: 20_000, settled: Duration::from_secs(5) };
    backfill(&size, Limit::AtOnce(30)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the full size; takes minutes"]
async fn full_random() -> Outcome {
    let size = Size { blocks: 5_000, settled: Duration::from_secs(5) };
    backfill(&size, Limit::Percent { percent: 30, seed: rng::seed_or(1) }).await?;
    Ok(())
}
