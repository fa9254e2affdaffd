//! Following a chain through cuts, silence, holes, lagging endpoints and outages: every block once, in order.
//!
//! The full size is ignored by default: `cargo test --release --test at_follow -- --ignored --nocapture`.

#[path = "at_follow/faults.rs"]
mod faults;
#[path = "at_follow/record.rs"]
mod record;

use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use sentinel_core::engine::{Engine, Mode};
use sentinel_core::source::{BlockSource, MemorySource, RpcOptions, RpcSource, SourceError};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::node::{Answer, Node, NodeOptions};
use sentinel_support::oracle::Objects;
use sentinel_support::proxy::Proxy;
use sentinel_support::rng::{self, Rng};
use sentinel_support::rpc::quick;
use sentinel_support::{chains, runs, runtimes};
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::faults::{Fault, Size};
use crate::record::{Every, Order, Record, Taken, Watermark};

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

/// Two chains that grow, one behind the other.
struct Growing {
    chain: MemorySource,
    late: MemorySource,
    /// The finalized head of the first; heights are counted from 1.
    head: AtomicU64,
    /// No block comes after this one; 0 while that is not known.
    last: AtomicU64,
}

impl Growing {
    fn new() -> Self {
        Self { chain: empty_chain(), late: empty_chain(), head: AtomicU64::new(0), last: AtomicU64::new(0) }
    }

    fn head(&self) -> u64 {
        self.head.load(Ordering::SeqCst)
    }

    /// A block every [`BLOCK_TIME`], of which a quarter becomes final only together with the next.
    async fn grow(&self, rng: &mut Rng) {
        let mut ticks = interval(BLOCK_TIME);
        for number in 1.. {
            ticks.tick().await;
            let last = self.last.load(Ordering::SeqCst);
            if last == 0 || number <= last {
                self.chain.push_unfinalized(chains::block(number));
                if !rng.percent(25) || number == last {
                    self.chain.finalize(number);
                    self.head.store(number, Ordering::SeqCst);
                }
            }
            if number > BEHIND {
                self.late.push(chains::block(number - BEHIND));
            }
            if last > 0 && number >= last + BEHIND {
                break;
            }
        }
    }
}

/// The longest times that were seen.
#[derive(Debug, Default)]
struct Longest {
    /// From the end of a fault until the run was at most two blocks behind.
    recovery: Duration,
    /// From the silence of a subscription to the first block that it did not announce.
    zombie: Duration,
}

/// Waits until the run has come so far; gives the time that it took.
async fn until(what: impl Fn() -> bool) -> Outcome<Duration> {
    let since = Instant::now();
    while !what() {
        if since.elapsed() > PATIENCE {
            return Err("nothing comes any more".into());
        }
        sleep(Duration::from_millis(2)).await;
    }
    Ok(since.elapsed())
}

/// One fault after the other, each when the run has recovered from the one before.
async fn break_things(
    size: &Size,
    rng: &mut Rng,
    proxies: [&Proxy; 2],
    growing: &Growing,
    record: &Record,
) -> Outcome<Longest> {
    let mut longest = Longest::default();
    let is_near = || record.shown() + 2 >= growing.head();
    until(|| record.shown() >= 20).await?;
    for fault in size.faults(rng) {
        sleep(BLOCK_TIME * rng.below(20) as u32).await;
        let head = growing.head();
        let lasts = fault.strike(proxies[0], proxies[1]);
        if fault == Fault::Zombie {
            // What was announced just before may still be on its way.
            longest.zombie = longest.zombie.max(until(|| record.shown() > head + 5).await?);
        }
        sleep(lasts).await;
        let recovery = until(is_near).await?;
        if recovery > Duration::from_secs(10) {
            println!("{fault:?}: near the head again after {recovery:?}");
        }
        longest.recovery = longest.recovery.max(recovery);
    }
    Ok(longest)
}

/// A live run over two endpoints, through everything that [`Size`] says.
async fn follow(size: &Size, seed: u64) -> Outcome {
    let began = Instant::now();
    let growing = Growing::new();
    // Counting calls is enough.
    let unlogged = || NodeOptions { keep_calls: false, ..NodeOptions::default() };
    let first = Node::serve_with(Arc::new(growing.chain.clone()), unlogged()).await?;
    let second = Node::serve_with(Arc::new(growing.late.clone()), unlogged()).await?;
    let scripts = [size.announcements(seed).and(size.answers(seed)), size.announcements(seed + 100)];
    let [script, other_script] = scripts;
    let proxies = [Proxy::start(&first.ws_url(), script).await?, Proxy::start(&second.ws_url(), other_script).await?];
    let urls = [proxies[0].ws_url(), proxies[1].ws_url()];
    let rpc = RpcOptions { silence: size.silence, ..options_of_a_test() };
    let source = RpcSource::connect_any(&[&urls[0], &urls[1]], rpc).await?;

    let record = Arc::new(Record::default());
    let watermark = Watermark(Arc::clone(&record));
    // The run is polled by this thread, and nothing else here has a watermark.
    let _recorder = metrics::set_default_local_recorder(&watermark);
    let (store, stop) = (Arc::new(ObjectStorage::memory()), CancellationToken::new());
    let engine = Engine::builder(Arc::new(source.clone()), store.clone(), "sim".parse()?)
        .mode(Mode::Live)
        .start(1)
        .outputs("blocks".parse()?)
        .detector(Every(Arc::clone(&record)))
        .sink(Arc::new(Taken(Arc::clone(&record))))
        .stop(stop.clone())
        .build()?;

    let (mut grow_rng, mut fault_rng) = (Rng::new(seed), Rng::new(seed + 1_000));
    let faults = async {
        let faults = break_things(size, &mut fault_rng, [&proxies[0], &proxies[1]], &growing, &record);
        let longest = faults.await.inspect_err(|_| stop.cancel());
        growing.last.store(size.heads.max(growing.head() + 10), Ordering::SeqCst);
        let longest = longest?;
        let last = growing.last.load(Ordering::SeqCst);
        until(|| growing.head() == last).await?;
        let end = until(|| record.watermark() == last).await;
        stop.cancel();
        end.map(|_| longest)
    };
    let ((), longest, report) = futures::join!(growing.grow(&mut grow_rng), faults, engine.run());
    // Where the run ended by itself, that is why nothing came.
    let report = report?;
    let longest = longest.map_err(|error| format!("{error}: {:?}", source.stats()))?;

    let (last, blocks, stats) = (growing.last.load(Ordering::SeqCst), record.blocks(), source.stats());
    let order = Order::of(&blocks, last);
    let done = |action| proxies.iter().map(|proxy| proxy.stats().done(action)).sum::<u64>();
    let calls: u64 = stats.endpoints.iter().map(|endpoint| endpoint.calls).sum();
    println!(
        "seed={seed} heads={last} {order} watermark_ahead={} calls={calls} wall={:.1}s zombie_found={:.2}s recovery={:.2}s \
         announced={} disconnects={} half_open={} zombies={} outage={} null_fills={} skipped={} duplicated={} swapped={} head_back={} \
         stalls={} retried={}",
        record.ahead(),
        began.elapsed().as_secs_f64(),
        longest.zombie.as_secs_f64(),
        longest.recovery.as_secs_f64(),
        proxies.iter().map(|proxy| proxy.stats().notifications).sum::<u64>(),
        size.disconnects,
        done("half_open"),
        size.zombies,
        size.outage,
        done("null_result"),
        done("skip_notification"),
        done("dup_notification"),
        done("swap_notifications"),
        done("head_regress"),
        stats.stalls,
        report.retried,
    );
    assert!(order.is_right(), "{order}");
    for block in &blocks {
        assert_eq!(*block, growing.chain.header(block.number.into()).await?.reference());
    }
    assert_eq!(record.ahead(), 0, "the watermark was ahead of what was delivered");
    assert_eq!((report.done, report.block_end, report.quarantined), (last, last, vec![]));
    let objects = Objects::of(&*store).await?;
    assert_eq!(runs::cursor(&objects), Some(last));
    assert!(runs::durable(&objects).into_iter().eq(1..=last), "what is in the store");
    // All of it took place.
    assert_eq!(done("half_open"), size.half_open as u64);
    // Of a request on a connection that was just cut, nobody sees the answer.
    assert!(done("null_result") * 10 >= size.null_fills as u64 * 9, "{} null fills", done("null_result"));
    let announced: u64 = proxies.iter().map(|proxy| proxy.stats().notifications).sum();
    for (action, share) in [("skip_notification", 4), ("dup_notification", 20), ("swap_notifications", 20)] {
        assert!(done(action) * share * 2 > announced.min(size.heads), "{action}: {} of {announced}", done(action));
    }
    Ok(())
}

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
