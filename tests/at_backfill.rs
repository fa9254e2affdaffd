//! A backfill through connections that are cut again and again: nothing is lost, nothing is twice, and the files are the
//! same bytes as those of a run that nobody disturbed.
//!
//! The full size is ignored by default: `cargo test --release --test at_backfill -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a helper of a test that fails should say where")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_core::engine::{Engine, Mode, RunReport};
use sentinel_core::source::{BlockSource, RpcOptions, RpcSource, SimSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::node::{Node, NodeOptions};
use sentinel_support::oracle::{Objects, Truth};
use sentinel_support::proxy::{Action, Mix, Proxy, Script, Span, Stats, Trigger};
use sentinel_support::rpc::quick;
use sentinel_support::{rng, runs, watch};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What is written; each block takes some requests more for the subnets.
const OUTPUTS: &str = "blocks,extrinsics,events,hyperparameters,epochs";
/// Blocks read at once.
const WORKERS: usize = 4;

/// How much of it.
struct Size {
    blocks: u64,
    cuts: usize,
    /// Whether some connections fall silent instead of ending: to find that out takes as long as their probes do.
    half_open: bool,
    /// A connection over which nothing comes is given up after this.
    patience: Duration,
}

/// One run through a proxy.
struct Ran {
    report: RunReport,
    /// What had passed through the proxy when the run began.
    before: Stats,
    after: Stats,
    wall: Duration,
}

impl Ran {
    fn calls(&self) -> u64 {
        self.after.requests - self.before.requests
    }
}

fn chain(blocks: u64) -> SimSource {
    SimSource::builder().subnets(2).uids(6).tempo(50).traffic(4).head(blocks).build().unwrap()
}

async fn run(node: &Node, script: Script, size: &Size, store: &Path) -> Outcome<Ran> {
    let proxy = Proxy::start(&node.ws_url(), script).await?;
    let options = RpcOptions { request_timeout: size.patience, ..quick() };
    let source = RpcSource::connect(&proxy.ws_url(), options).await?;
    // Metadata are by far the largest answer: fetched before the run, so that cuts hit blocks and not only them.
    source.block(1.into()).await?;
    let (before, began) = (proxy.stats(), Instant::now());
    let engine = Engine::builder(Arc::new(source), Arc::new(ObjectStorage::local(store)?), "sim".parse()?)
        .mode(Mode::Backfill)
        .range(1..=size.blocks)
        .outputs(OUTPUTS.parse()?)
        .jsonl(true)
        .in_flight(WORKERS)
        .batch_size(20);
    let report = engine.build()?.run().await?;
    Ok(Ran { report, before, after: proxy.stats(), wall: began.elapsed() })
}

/// Cuts anywhere in the bytes that a clean run takes.
fn cuts(seed: u64, size: &Size, clean: &Ran) -> Script {
    let (from, to, cuts) = (clean.before.bytes_down, clean.after.bytes_down, size.cuts);
    let span = Span::Bytes(to - from);
    let mix = match size.half_open {
        true => Mix::cuts(cuts, span),
        false => Mix::new(cuts, span).with(1, Action::Rst).with(1, Action::Fin),
    };
    let drawn = Script::random(seed, &mix);
    let later = drawn.rules().iter().fold(Script::new(), |script, rule| match rule.when {
        Trigger::Byte(at) => script.on(Trigger::Byte(from + at), rule.then.clone()),
        _ => script,
    });
    println!("seed {seed}: {cuts} cuts between byte {from} and byte {to}");
    later
}

async fn survives(seeds: impl IntoIterator<Item = u64>, size: Size) -> Outcome {
    let files = watch::open_files();
    let folder = tempfile::tempdir()?;
    let chain = chain(size.blocks);
    let truth = Truth::of(&chain, 1..=size.blocks).await?;
    {
        let options = NodeOptions { keep_calls: false, ..NodeOptions::default() };
        let node = Node::serve_with(Arc::new(chain), options).await?;
        let clean_store = folder.path().join("clean");
        let clean = run(&node, Script::new(), &size, &clean_store).await?;
        let expected = Objects::in_folder(&clean_store)?;
        let verdict = runs::verdict(&truth, &expected, "sim")?;
        assert!(verdict.is_clean(), "undisturbed: {verdict}: {:?}", verdict.examples);
        println!("undisturbed: {}", verdict.calls(clean.calls()).wall(clean.wall));

        for seed in seeds {
            let store = folder.path().join(seed.to_string());
            let cut = run(&node, cuts(seed, &size, &clean), &size, &store).await?;
            let objects = Objects::in_folder(&store)?;
            let verdict = runs::verdict(&truth, &objects, "sim")?.calls(cut.calls()).wall(cut.wall);
            let done = ["fin", "rst", "half_open"].map(|kind| cut.after.done(kind));
            let ratio = cut.calls() as f64 / clean.calls() as f64;
            println!("seed {seed}: {verdict} calls-ratio={ratio:.2} fin,rst,half_open={done:?}");
            assert!(verdict.is_clean(), "{verdict}: {:?}", verdict.examples);
            assert_eq!(runs::damage(&objects), [""; 0]);
            assert_eq!(runs::unnamed(&objects), [""; 0]);
            assert_eq!(expected.difference(&objects), [""; 0], "other bytes than the undisturbed run");
            assert!(cut.report.is_complete() && cut.report.done == size.blocks, "{:?}", cut.report);
            assert_eq!(done.iter().sum::<u64>(), size.cuts as u64, "every cut took place");
            assert!(done[0] > 0 && done[1] > 0 && (done[2] > 0) == size.half_open, "of each kind: {done:?}");
            assert!(ratio <= 1.5, "{ratio:.2} times the requests of the undisturbed run");
        }
    }
    // Connections are closed in their own time.
    for _ in 0..200 {
        if watch::open_files() <= files {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("files open: {files} before, {} after", watch::open_files());
    assert!(watch::open_files() <= files, "{} files are open, {files} were", watch::open_files());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_survives_cuts() -> Outcome {
    survives([rng::seed_or(1)], Size { blocks: 200, cuts: 20, half_open: false, patience: Duration::from_secs(1) })
        .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the full size; takes minutes"]
async fn a_backfill_survives_many_cuts() -> Outcome {
    survives(1..=3, Size { blocks: 2_000, cuts: 200, half_open: true, patience: Duration::from_millis(500) }).await
}
