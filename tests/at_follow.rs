//! Following a chain through cuts, silence, holes, lagging endpoints and outages: every block once, in order.
//!
//! `SENTINEL_AT=full cargo test --release --test at_follow -- --include-ignored --nocapture` runs it at full size.

use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use sentinel_core::source::{BlockSource, MemorySource, RpcOptions, RpcSource, SourceError};
use sentinel_support::node::{Answer, Node, NodeOptions};
use sentinel_support::rng::Rng;
use sentinel_support::rpc::quick;
use sentinel_support::{chains, runtimes};
use tokio::time::{Instant, sleep, timeout};

type Outcome = Result<(), Box<dyn Error>>;

const BLOCK_TIME: Duration = Duration::from_millis(20);
const SILENCE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);
/// How far the second endpoint is behind.
const BEHIND: u64 = 30;

fn size(small: u64, full: u64) -> u64 {
    if std::env::var("SENTINEL_AT").is_ok_and(|size| size == "full") { full } else { small }
}

fn options() -> RpcOptions {
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

/// What goes wrong next, and for how many blocks.
async fn fault(rng: &mut Rng, nodes: &[&Node; 2]) {
    let [first, second] = nodes;
    let blocks = rng.below(15) as u32 + 1;
    match rng.below(5) {
        // The first endpoint is away.
        0 | 1 => {
            first.refuse(Some((503, None)));
            first.hang_up();
            sleep(BLOCK_TIME * blocks).await;
            first.refuse(None);
        }
        // A subscription that is accepted and says nothing.
        2 => {
            first.script_once("chain_subscribeFinalizedHeads", Answer::Never);
            first.hang_up();
        }
        // A backend that has the height and not the block.
        3 => {
            for node in nodes {
                node.script_once("chain_getBlockHash", Answer::null());
                node.script_once("chain_getBlock", Answer::null());
            }
        }
        // Nobody is there.
        _ => {
            for node in nodes {
                node.refuse(Some((503, None)));
                node.hang_up();
            }
            sleep(BLOCK_TIME * blocks).await;
            first.refuse(None);
            second.refuse(None);
        }
    }
}

async fn follow(last: u64, faults: usize, seed: u64) -> Outcome {
    let (chain, late) = (empty_chain(), empty_chain());
    let first = Node::serve(Arc::new(chain.clone())).await?;
    let second = Node::serve(Arc::new(late.clone())).await?;
    let source = RpcSource::connect_any(&[&first.ws_url(), &second.ws_url()], options()).await?;
    let head = AtomicU64::new(0);

    let grow = async {
        let mut rng = Rng::new(seed);
        for number in 1..=last + BEHIND {
            sleep(BLOCK_TIME).await;
            if number <= last {
                chain.push_unfinalized(chains::block(number));
                // Some heights are never announced by themselves.
                if !rng.percent(25) || number == last {
                    chain.finalize(number);
                    head.store(number, Ordering::Relaxed);
                }
            }
            if number > BEHIND {
                late.push(chains::block(number - BEHIND));
            }
        }
    };
    let break_things = async {
        let mut rng = Rng::new(seed + 1);
        for _ in 0..faults {
            sleep(BLOCK_TIME * (rng.below(2 * last as usize / (3 * faults)) as u32 + 5)).await;
            fault(&mut rng, &[&first, &second]).await;
        }
    };
    let read = async {
        let (mut blocks, mut read, mut errors, mut lag) = (source.finalized(1), Vec::new(), 0, 0);
        while read.len() < last as usize {
            match timeout(PATIENCE, blocks.next()).await?.ok_or("the stream ended")? {
                Ok(block) => {
                    lag = lag.max(head.load(Ordering::Relaxed).saturating_sub(block.header.header.number));
                    read.push(block.reference());
                }
                Err(error) if error.is_retryable() => errors += 1,
                Err(error) => return Err(error.into()),
            }
        }
        println!("seed={seed} blocks={} errors={errors} greatest_lag={lag}", read.len());
        Ok::<_, Box<dyn Error>>(read)
    };
    let ((), (), read) = futures::join!(grow, break_things, read);
    let read = read?;
    assert!(read.iter().map(|block| block.number).eq(1..=last), "each height once, ascending");
    for block in &read {
        assert_eq!(*block, chain.header(block.number.into()).await?.reference());
    }
    println!("{:?}", source.stats());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_block_is_given_once_whatever_happens() -> Outcome {
    for seed in 1..=2 {
        follow(200, 10, seed * 10).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with SENTINEL_AT=full"]
async fn every_block_is_given_once_at_full_size() -> Outcome {
    for seed in 1..=3 {
        follow(5_000, 150, seed * 10).await?;
    }
    Ok(())
}

/// The subscription stays silent for ever, however often it is opened: the watchdog looks for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zombie_is_found_within_twice_the_silence() -> Outcome {
    let chain = empty_chain();
    chain.push(chains::block(1));
    let node = Node::serve(Arc::new(chain.clone())).await?;
    node.script("chain_subscribeFinalizedHeads", Answer::Never);
    let source = RpcSource::connect(&node.ws_url(), options()).await?;
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
    let source = RpcSource::connect_any(&[&first.ws_url(), &second.ws_url()], options()).await?;
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
    let last = size(500, 10_000);
    let chain = empty_chain();
    push(&chain, 1..=last);
    let node = Node::serve(Arc::new(chain)).await?;
    let source = RpcSource::connect(&node.ws_url(), options()).await?;
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
    let source = RpcSource::connect(&node.ws_url(), options()).await?;
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
