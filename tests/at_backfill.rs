//! A backfill through connections that are cut again and again: nothing is lost, nothing is twice, and the files are the
//! same bytes as those of a run that nobody disturbed.
//!
//! The full size is ignored by default: `cargo test --release --test at_backfill -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a helper of a test that fails should say where")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_core::engine::{Engine, Mode, RunReport};
use sentinel_core::secret::Secret;
use sentinel_core::source::{BlockSource, RpcOptions, RpcSource, SimSource};
use sentinel_core::storage::{ObjectStorage, S3Options, Storage};
use sentinel_support::node::{Node, NodeOptions};
use sentinel_support::oracle::{Objects, Truth};
use sentinel_support::proxy::{Mix, Proxy, Script, Span, Stats, Trigger};
use sentinel_support::rpc::quick;
use sentinel_support::{rng, runs, watch};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What is written; each block takes some requests more for the subnets, and is read alone.
const WITH_SUBNETS: &str = "blocks,extrinsics,events,hyperparameters,epochs";
/// What is read of blocks alone: several of them are asked for together.
const OF_BLOCKS: &str = "blocks,extrinsics,events";

/// How much of it.
struct Size {
    blocks: u64,
    outputs: &'static str,
    /// Blocks under way.
    in_flight: usize,
    cuts: usize,
    /// So many times the requests of an undisturbed run at most: a cut costs what is under way.
    most_calls: f64,
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

async fn run(node: &Node, script: Script, size: &Size, store: Arc<dyn Storage>) -> Outcome<Ran> {
    let proxy = Proxy::start(&node.ws_url(), script).await?;
    // A connection that is half open is found by probes, soon enough for a test.
    let options = RpcOptions {
        request_timeout: size.patience,
        probe_interval: Duration::from_millis(800),
        probe_timeout: Duration::from_millis(400),
        ..quick()
    };
    let source = RpcSource::connect(&proxy.ws_url(), options).await?;
    // Metadata are by far the largest answer: fetched before the run, so that cuts hit blocks and not only them.
    source.block(1.into()).await?;
    let (before, began) = (proxy.stats(), Instant::now());
    let engine = Engine::builder(Arc::new(source), store, "sim".parse()?)
        .mode(Mode::Backfill)
        .range(1..=size.blocks)
        .outputs(size.outputs.parse()?)
        .jsonl(true)
        .in_flight(size.in_flight)
        .batch_size(20);
    let report = engine.build()?.run().await?;
    Ok(Ran { report, before, after: proxy.stats(), wall: began.elapsed() })
}

/// Cuts anywhere in the bytes that a clean run takes.
fn cuts(seed: u64, size: &Size, clean: &Ran) -> Script {
    let (from, to, cuts) = (clean.before.bytes_down, clean.after.bytes_down, size.cuts);
    let drawn = Script::random(seed, &Mix::cuts(cuts, Span::Bytes(to - from)));
    let later = drawn.rules().iter().fold(Script::new(), |script, rule| match rule.when {
        Trigger::Byte(at) => script.on(Trigger::Byte(from + at), rule.then.clone()),
        _ => script,
    });
    println!("seed {seed}: {cuts} cuts between byte {from} and byte {to}");
    later
}

async fn survives(
    seeds: impl IntoIterator<Item = u64>,
    size: Size,
    stores: &dyn Fn(&str) -> Outcome<Arc<dyn Storage>>,
) -> Outcome {
    let files = watch::open_files();
    let chain = chain(size.blocks);
    let truth = Truth::of(&chain, 1..=size.blocks).await?;
    {
        let options = NodeOptions { keep_calls: false, ..NodeOptions::default() };
        let node = Node::serve_with(Arc::new(chain), options).await?;
        let clean_store = stores("clean")?;
        let clean = run(&node, Script::new(), &size, Arc::clone(&clean_store)).await?;
        let expected = Objects::of(&*clean_store).await?;
        let verdict = runs::verdict(&truth, &expected, "sim")?;
        assert!(verdict.is_clean(), "undisturbed: {verdict}: {:?}", verdict.examples);
        println!("undisturbed: {}", verdict.calls(clean.calls()).wall(clean.wall));

        for seed in seeds {
            let store = stores(&seed.to_string())?;
            let cut = run(&node, cuts(seed, &size, &clean), &size, Arc::clone(&store)).await?;
            let objects = Objects::of(&*store).await?;
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
            assert!(done.iter().all(|kind| *kind > 0), "of each kind: {done:?}");
            assert!(ratio <= size.most_calls, "{ratio:.2} times the requests of the undisturbed run");
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

/// Folders of a folder.
fn folders(folder: &tempfile::TempDir) -> impl Fn(&str) -> Outcome<Arc<dyn Storage>> {
    let path = folder.path().to_owned();
    move |name| Ok(Arc::new(ObjectStorage::local(path.join(name))?))
}

const SMALL: Size = Size {
    blocks: 200,
    outputs: WITH_SUBNETS,
    in_flight: 4,
    cuts: 20,
    most_calls: 1.5,
    patience: Duration::from_secs(1),
};
const FULL: Size = Size { blocks: 2_000, cuts: 200, patience: Duration::from_millis(500), ..SMALL };
const TOGETHER: Size = Size { blocks: 600, outputs: OF_BLOCKS, in_flight: 128, most_calls: 3.0, ..SMALL };
const TOGETHER_FULL: Size = Size { blocks: 2_000, cuts: 200, in_flight: 64, ..TOGETHER };

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_survives_cuts() -> Outcome {
    let folder = tempfile::tempdir()?;
    survives([rng::seed_or(1)], SMALL, &folders(&folder)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_read_together_survive_cuts() -> Outcome {
    let folder = tempfile::tempdir()?;
    survives([rng::seed_or(1)], TOGETHER, &folders(&folder)).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the full size; takes minutes"]
async fn blocks_read_together_survive_many_cuts() -> Outcome {
    let folder = tempfile::tempdir()?;
    survives(1..=3, TOGETHER_FULL, &folders(&folder)).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the full size; takes minutes"]
async fn a_backfill_survives_many_cuts() -> Outcome {
    let folder = tempfile::tempdir()?;
    survives(1..=3, FULL, &folders(&folder)).await
}

/// The same into a bucket of the server that the environment names (`tests/at_storage/with-moto` starts one).
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the full size; takes minutes, and an S3 server at SENTINEL_TEST_S3"]
async fn a_backfill_into_a_bucket_survives_many_cuts() -> Outcome {
    let Ok(endpoint) = std::env::var("SENTINEL_TEST_S3") else {
        eprintln!("skipped: SENTINEL_TEST_S3 names no S3 server");
        return Ok(());
    };
    let bucket = |name: &str| {
        let options = S3Options {
            bucket: Some("bucket".to_owned()),
            base_path: Some(format!("at_backfill/{}/{name}", std::process::id())),
            aws_access_key_id: Some("AKIDEXAMPLE".to_owned()),
            aws_secret_access_key: Some(Secret::new("hush-hush")),
            endpoint_url: Some(endpoint.clone()),
            ..S3Options::default()
        };
        Ok(Arc::new(ObjectStorage::s3(&options)?) as Arc<dyn Storage>)
    };
    survives([rng::seed_or(1)], FULL, &bucket).await
}
