//! A live run of the engine over two endpoints, one of which is behind, while things go wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sentinel_core::engine::{Engine, Mode};
use sentinel_core::source::{BlockSource, MemorySource, RpcOptions, RpcSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::node::{Node, NodeOptions};
use sentinel_support::oracle::Objects;
use sentinel_support::proxy::Proxy;
use sentinel_support::rng::Rng;
use sentinel_support::{chains, runs};
use tokio::time::{Instant, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::faults::{Fault, Size};
use crate::record::{Every, Order, Record, Taken, Watermark};
use crate::{BEHIND, BLOCK_TIME, Outcome, PATIENCE, empty_chain, options_of_a_test};

/// Two chains that grow, one behind the other.
pub(crate) struct Growing {
    pub(crate) chain: MemorySource,
    pub(crate) late: MemorySource,
    /// The finalized head of the first; heights are counted from 1.
    head: AtomicU64,
    /// No block comes after this one; 0 while that is not known.
    pub(crate) last: AtomicU64,
}

impl Growing {
    pub(crate) fn new() -> Self {
        Self { chain: empty_chain(), late: empty_chain(), head: AtomicU64::new(0), last: AtomicU64::new(0) }
    }

    pub(crate) fn head(&self) -> u64 {
        self.head.load(Ordering::SeqCst)
    }

    /// A block every [`BLOCK_TIME`], of which a quarter becomes final only together with the next.
    pub(crate) async fn grow(&self, rng: &mut Rng) {
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
pub(crate) async fn follow(size: &Size, seed: u64) -> Outcome {
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
        assert!(done(action) * share * 4 > announced.min(size.heads), "{action}: {} of {announced}", done(action));
    }
    Ok(())
}
