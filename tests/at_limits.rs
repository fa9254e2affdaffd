//! Nodes that limit: a backfill with the options that everybody has settles at what the node takes, and loses nothing.
//!
//! The full size is ignored by default: `cargo test --release --test at_limits -- --ignored --nocapture`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use sentinel_core::engine::{Engine, Mode};
use sentinel_core::source::{MemorySource, RpcOptions, RpcSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::node::{Limit, Node, NodeOptions};
use sentinel_support::oracle::{Objects, Truth};
use sentinel_support::{chains, rng, runs, runtimes};
use tokio::time::{Instant, interval};

type Outcome = Result<(), Box<dyn Error>>;

/// How far away the node is.
const LATENCY: Duration = Duration::from_millis(20);

/// What a backfill needs of each block.
const REQUESTS_PER_BLOCK: u64 = 2;

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
    for number in 1..=last {
        chain.push(chains::block(number));
    }
    chain
}

/// A backfill of the whole chain from a node that is 20 ms away, begun as at a stranger's.
async fn backfill(size: &Size, limit: Limit) -> Result<Figures, Box<dyn Error>> {
    let chain = chain(size.blocks);
    let options = NodeOptions { latency: LATENCY, keep_calls: false, ..NodeOptions::default() };
    let node = Node::serve_with(Arc::new(chain.clone()), options).await?;
    let options = RpcOptions { first_in_flight: Some(256), ..RpcOptions::default() };
    let source = RpcSource::connect(&node.ws_url(), options).await?;
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
        loop {
            ticks.tick().await;
            let now = (node.requests() as u64, node.refused());
            if began.elapsed() <= size.settled {
                settled = now;
            }
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

/// Whether it settled at what the node takes: few are refused, and most of what is allowed is used.
fn settled(figures: &Figures, share: f64, allowed_per_second: f64) {
    assert!(figures.late_share() < share, "{:.1} % refused", figures.late_share() * 100.0);
    let answered = (figures.requests - figures.refused) as f64 / figures.wall.as_secs_f64();
    println!("answered={answered:.0}/s of {allowed_per_second:.0}/s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_requests_a_second() -> Outcome {
    let size = Size { blocks: 250, settled: Duration::from_secs(2) };
    let figures = backfill(&size, Limit::PerSecond(200)).await?;
    assert!(figures.refused > 0 && figures.requests < size.blocks * REQUESTS_PER_BLOCK * 4, "{figures:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_requests_at_once() -> Outcome {
    let size = Size { blocks: 500, settled: Duration::ZERO };
    let figures = backfill(&size, Limit::AtOnce(30)).await?;
    assert!(figures.refused > 0 && figures.requests < size.blocks * REQUESTS_PER_BLOCK * 4, "{figures:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_by_chance() -> Outcome {
    let size = Size { blocks: 200, settled: Duration::ZERO };
    let figures = backfill(&size, Limit::Percent { percent: 30, seed: rng::seed_or(1) }).await?;
    assert!(figures.refused > 0 && figures.requests < size.blocks * REQUESTS_PER_BLOCK * 6, "{figures:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the full size; takes minutes"]
async fn a_hundred_requests_a_second_for_minutes() -> Outcome {
    let size = Size { blocks: 3_000, settled: Duration::from_secs(60) };
    settled(&backfill(&size, Limit::PerSecond(100)).await?, 0.05, 100.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the full size; takes minutes"]
async fn thirty_requests_at_once_for_minutes() -> Outcome {
    let size = Size { blocks: 20_000, settled: Duration::from_secs(20) };
    // How many are under way at the node depends on how fast this machine answers, too.
    settled(&backfill(&size, Limit::AtOnce(30)).await?, 0.1, 30.0 / LATENCY.as_secs_f64());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the full size; takes minutes"]
async fn refusals_by_chance_for_minutes() -> Outcome {
    for seed in 1..=3 {
        let size = Size { blocks: 5_000, settled: Duration::from_secs(20) };
        backfill(&size, Limit::Percent { percent: 30, seed }).await?;
    }
    Ok(())
}
