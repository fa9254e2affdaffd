//! Following a chain through cuts, silence, holes, lagging endpoints and outages: every block once, in order.
//!
//! The full size is ignored by default: `cargo test --release --test at_follow -- --ignored --nocapture`.

#[path = "at_follow/faults.rs"]
mod faults;
#[path = "at_follow/live.rs"]
mod live;
#[path = "at_follow/record.rs"]
mod record;

use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use allocation_counter::measure;
use futures::StreamExt;
use sentinel_core::chain::BlockRef;
use sentinel_core::source::{BlockSource, MemorySource, RpcOptions, RpcSource, SourceError};
use sentinel_support::node::{Answer, Node, NodeOptions};
use sentinel_support::rng::{self, Rng};
use sentinel_support::rpc::quick;
use sentinel_support::{chains, runtimes};
use tokio::time::{Instant, sleep, timeout};

use crate::faults::Size;
use crate::live::{Growing, follow};
use crate::record::Order;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const BLOCK_TIME: Duration = Duration::from_millis(20);
const SILENCE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);
/// How far the second endpoint is behind.
const BEHIND: u64 = 30;

fn options_of_a_test() -> RpcOptions {
    RpcOptions {
        poll_interval: Duration::from_millis(50),
        silence: SILENCE,
        probe_interval: Duration::from_millis(200),
        probe_timeout: Duration::from_millis(500),
        max_backoff: Duration::from_secs(2),
        ..quick()
    }
}

fn empty_chain() -> MemorySource {
    MemorySource::new("made up", runtimes::raonet_218())
}

fn push(chain: &MemorySource, blocks: RangeInclusive<u64>) {
    for number in blocks {
        chain.push(chains::block(number));
    }
}

/// A node on a port that another one had until now.
async fn serve_again(chain: &MemorySource, port: u16) -> Result<Node, Box<dyn Error>> {
    for _ in 0..200 {
        let options = NodeOptions { port, ..NodeOptions::default() };
        match Node::serve_with(Arc::new(chain.clone()), options).await {
            Ok(node) => return Ok(node),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
    Err("the port stays in use".into())
}

const SMALL: Size = Size {
    heads: 200,
    disconnects: 4,
    longest: 15,
    half_open: 1,
    zombies: 1,
    outage: 50,
    null_fills: 10,
    silence: SILENCE,
};
const FULL: Size = Size {
    heads: 5_000,
    disconnects: 50,
    longest: 60,
    half_open: 5,
    zombies: 5,
    outage: 1_000,
    null_fills: 100,
    silence: Duration::from_secs(2),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_block_is_given_once_whatever_happens() -> Outcome {
    follow(&SMALL, rng::seed_or(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the full size; takes minutes"]
async fn every_block_is_given_once_at_full_size() -> Outcome {
    for seed in 1..=3 {
        follow(&FULL, seed).await?;
    }
    Ok(())
}

/// What may wait for a reader that sleeps.
const QUEUE: u64 = 1 << 20;

/// A reader that is busy with something else for so many blocks.
async fn sleep_over(blocks: u64) -> Outcome {
    let growing = Growing::new();
    let node = Node::serve(Arc::new(growing.chain.clone())).await?;
    let url = node.ws_url();
    growing.last.store(blocks + 50, Ordering::SeqCst);
    let reading = tokio::task::spawn_blocking(move || read_and_sleep(&url, blocks).map_err(|error| error.to_string()));
    let mut rng = Rng::new(1);
    let ((), read) = futures::join!(growing.grow(&mut rng), reading);
    let (read, waiting) = read??;
    let order = Order::of(&read, blocks + 50);
    println!("slept={blocks} queue_bytes={waiting} {order}");
    assert!(order.is_right(), "{order}");
    assert!(waiting <= QUEUE, "{waiting} bytes came together in its sleep");
    Ok(())
}

/// Sleeps for so many blocks after the first 20. Gives what was read, and the most bytes that were there in its sleep and not
/// before: all work of the source is done on this thread, where they are counted.
fn read_and_sleep(url: &str, blocks: u64) -> Outcome<(Vec<BlockRef>, u64)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let source = runtime.block_on(RpcSource::connect(url, options_of_a_test()))?;
    let (mut stream, mut read, mut waiting) = (source.finalized(1), Vec::new(), 0);
    while read.len() < blocks as usize + 50 {
        if read.len() == 20 {
            let asleep = measure(|| runtime.block_on(sleep(BLOCK_TIME * blocks as u32)));
            waiting = asleep.bytes_max;
            assert!(source.stats().endpoints[0].in_flight == 0, "nothing is read for nobody");
        }
        let next = runtime.block_on(async { timeout(PATIENCE, stream.next()).await })?;
        read.push(next.ok_or("it ended")??.reference());
    }
    Ok((read, waiting))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_sleeps_misses_nothing() -> Outcome {
    sleep_over(75).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the full size"]
async fn a_reader_that_sleeps_for_long_misses_nothing() -> Outcome {
    sleep_over(1_500).await
}

/// The subscription stays silent for ever, however often it is opened: the watchdog looks for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zombie_is_found_within_twice_the_silence() -> Outcome {
    let chain = empty_chain();
    chain.push(chains::block(1));
    let node = Node::serve(Arc::new(chain.clone())).await?;
    node.script("chain_subscribeFinalizedHeads", Answer::Never);
    let source = RpcSource::connect(&node.ws_url(), options_of_a_test()).await?;
    let mut blocks = source.finalized(1);
    assert_eq!(blocks.next().await.ok_or("it ended")??.header.header.number, 1);
    for number in 2..=4 {
        // Long after the reader began to wait for it.
        let push = async {
            sleep(Duration::from_millis(200)).await;
            chain.push(chains::block(number));
            Instant::now()
        };
        let (pushed, block) = futures::join!(push, timeout(PATIENCE, blocks.next()));
        println!("block {number} after {:?}, silence {SILENCE:?}", pushed.elapsed());
        assert_eq!(block?.ok_or("it ended")??.header.header.number, number);
    }
    Ok(())
}

/// An endpoint whose head stands still is left for one whose head moves, although it answers everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_stands_still_is_left() -> Outcome {
    let (stuck, alive) = (empty_chain(), empty_chain());
    let first = Node::serve(Arc::new(stuck.clone())).await?;
    let second = Node::serve(Arc::new(alive.clone())).await?;
    for chain in [&stuck, &alive] {
        chain.push(chains::block(1));
    }
    let source = RpcSource::connect_any(&[&first.ws_url(), &second.ws_url()], options_of_a_test()).await?;
    let mut blocks = source.finalized(1);
    assert_eq!(blocks.next().await.ok_or("it ended")??.header.header.number, 1);
    for number in 2..=5 {
        alive.push(chains::block(number));
        let block = timeout(PATIENCE, blocks.next()).await?.ok_or("it ended")??;
        assert_eq!(block.header.header.number, number);
    }
    let stats = source.stats();
    assert!(stats.stalls >= 1 && !stats.endpoints[0].up, "{stats:?}");
    Ok(())
}

/// Far behind, blocks are read ahead of the reader, several at once, and given in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_is_caught_up_in_parallel() -> Outcome {
    let last = 500;
    let chain = empty_chain();
    push(&chain, 1..=last);
    let node = Node::serve(Arc::new(chain)).await?;
    let source = RpcSource::connect(&node.ws_url(), options_of_a_test()).await?;
    let mut blocks = source.finalized(1);
    let (since, mut most) = (Instant::now(), 0);
    for number in 1..=last {
        let block = timeout(PATIENCE, blocks.next()).await?.ok_or("it ended")??;
        assert_eq!(block.header.header.number, number);
        most = most.max(source.stats().endpoints[0].in_flight);
    }
    println!("{last} blocks in {:?}, {most} requests at once", since.elapsed());
    assert!(most > 8, "only {most} requests at once");
    Ok(())
}

/// A node that replaces what it called final: one error, nothing after it, nothing of the other branch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contradicted_finality_stops_the_stream() -> Outcome {
    let (chain, other) = (empty_chain(), empty_chain());
    push(&chain, 1..=5);
    other.push(chains::block(1));
    push(&other, 12..=18);
    let node = Node::serve(Arc::new(chain.clone())).await?;
    let port = node.ws_url().rsplit(':').next().ok_or("a port")?.parse()?;
    let source = RpcSource::connect(&node.ws_url(), options_of_a_test()).await?;
    let mut blocks = source.finalized(1);
    for number in 1..=5 {
        assert_eq!(blocks.next().await.ok_or("it ended")??.header.header.number, number);
    }
    drop(node);
    let _node = serve_again(&other, port).await?;
    let stop = loop {
        match timeout(PATIENCE, blocks.next()).await?.ok_or("it ended")? {
            Err(error) if error.is_retryable() => {}
            stop => break stop,
        }
    };
    let was = chain.header(5.into()).await?.hash;
    let is = other.header(5.into()).await?.hash;
    assert!(
        matches!(&stop, Err(SourceError::Contradicted { block: 5, was: w, now: n, .. }) if (*w, *n) == (was, is)),
        "{stop:?}"
    );
    assert!(timeout(PATIENCE, blocks.next()).await?.is_none(), "nothing comes after it");
    Ok(())
}
