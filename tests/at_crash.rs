//! Runs that are killed at any moment and started again: nothing is lost, nothing is twice, the cursor is never ahead of
//! what is safe, and the files are the same bytes as those of a run that nobody killed.
//!
//! The full size is ignored by default: `cargo test --release --test at_crash full -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a helper of a test that fails should say where")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_core::engine::{Engine, Mode};
use sentinel_core::source::{RpcSource, SimSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::crash::{self, CrashRun, Kill};
use sentinel_support::node::{Node, NodeOptions};
use sentinel_support::oracle::{self, Objects, Truth};
use sentinel_support::rpc::quick;
use sentinel_support::{child, rng, runs};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Blocks made safe together, and blocks read at once: what a kill may cost.
const BATCH: usize = 10;
const IN_FLIGHT: usize = 4;

/// Where a backfill of blocks can be killed, and which time it gets there.
const BLOCK_POINTS: [(&str, usize); 7] = [
    ("engine::before_part", 2),
    ("engine::after_part", 3),
    ("engine::before_cursor", 1),
    ("engine::after_cursor", 2),
    ("engine::before_data", 1),
    ("engine::after_data", 1),
    ("engine::after_manifest", 1),
];
/// The same of one of epochs, which has no cursor.
const EPOCH_POINTS: [(&str, usize); 5] = [
    ("engine::before_part", 2),
    ("engine::after_part", 1),
    ("engine::before_data", 1),
    ("engine::after_data", 1),
    ("engine::after_manifest", 1),
];

/// What a child has to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Task {
    url: String,
    store: String,
    mode: String,
    first: u64,
    last: u64,
    outputs: String,
}

impl Task {
    fn new(node: &Node, store: &Path, mode: Mode, range: (u64, u64)) -> Self {
        let outputs = if mode.reads_blocks() { "blocks,events,epochs" } else { "epochs,apy,neurons" };
        Self {
            url: node.ws_url(),
            store: store.display().to_string(),
            mode: mode.to_string(),
            first: range.0,
            last: range.1,
            outputs: outputs.to_owned(),
        }
    }

    fn objects(&self) -> Objects {
        Objects::in_folder(Path::new(&self.store)).unwrap()
    }

    /// Runs it in a child that is killed in these ways, and looks at the store after each kill.
    fn killed(&self, node: &Node, kills: Vec<Kill>, deadline: Duration) -> Outcome<Crashes> {
        let mut crashes = Crashes::default();
        let (mut read, mut safe) = (node.count("chain_getBlock"), BTreeSet::new());
        let look = |_: &crash::Run| {
            let (objects, now) = (self.objects(), node.count("chain_getBlock"));
            let durable = runs::durable(&objects);
            if let Some(cursor) = runs::cursor(&objects)
                && let Some(hole) = (self.first..=cursor).find(|block| !durable.contains(block))
            {
                return Err(format!("the cursor is at {cursor}, and block {hole} is not safe").into());
            }
            if let Some(damage) = runs::damage(&objects).first() {
                return Err(damage.clone().into());
            }
            if !durable.is_superset(&safe) {
                return Err("blocks that were safe are not any more".into());
            }
            crashes.lost.push((now - read).saturating_sub(durable.len() - safe.len()));
            crashes.leftovers += objects.leftovers().len();
            (read, safe) = (now, durable);
            Ok(())
        };
        let task = serde_json::to_string(self)?;
        let run = CrashRun::of_test("child", &task)?.kills(kills).deadline(deadline).between(look);
        let outcome = tokio::task::block_in_place(|| run.run())?;
        crashes.kills = outcome.kills;
        crashes.wall = outcome.time;
        Ok(crashes)
    }
}

/// What kills did.
#[derive(Debug, Default)]
struct Crashes {
    kills: usize,
    /// By kill: blocks that were read and have to be read again.
    lost: Vec<usize>,
    /// Files that a kill in the middle of a write left beside the objects, counted after each kill.
    leftovers: usize,
    wall: Duration,
}

impl Crashes {
    fn most_lost(&self) -> usize {
        self.lost.iter().copied().max().unwrap_or(0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the tests of this file"]
async fn child() -> Outcome {
    crash::arm();
    let Some(task) = child::task() else { return Ok(()) };
    let task: Task = serde_json::from_str(&task)?;
    let source = Arc::new(RpcSource::connect(&task.url, quick()).await?);
    let store = Arc::new(ObjectStorage::local(&task.store)?);
    let (mode, stop) = (task.mode.parse()?, CancellationToken::new());
    let engine = Engine::builder(source, store, "sim".parse()?).mode(mode);
    let engine = match mode {
        // Following the chain has no end of its own.
        Mode::Live => {
            let (last, done) = (task.last, stop.clone());
            engine.start(task.first).stop(stop).on_progress(move |progress| {
                if progress.block >= last {
                    done.cancel();
                }
            })
        }
        _ => engine.range(task.first..=task.last),
    };
    let engine = engine
        .outputs(task.outputs.parse()?)
        .jsonl(true)
        .in_flight(IN_FLIGHT)
        .batch_size(BATCH)
        .batch_delay(Duration::ZERO);
    let report = engine.build()?.run().await?;
    assert!(report.is_complete(), "{report:?}");
    Ok(())
}

struct Chain {
    sim: SimSource,
    node: Node,
}

/// A chain behind a node that answers after `latency`.
async fn chain(head: u64, latency: Duration) -> Outcome<Chain> {
    let sim = SimSource::builder().subnets(4).uids(6).tempo(50).traffic(3).head(head).build()?;
    let options = NodeOptions { keep_calls: false, latency, ..NodeOptions::default() };
    let node = Node::serve_with(Arc::new(sim.clone()), options).await?;
    Ok(Chain { sim, node })
}

fn at_points(points: &[(&str, usize)]) -> Vec<Kill> {
    points.iter().map(|(name, nth)| Kill::at_failpoint(name, *nth)).collect()
}

/// What the same run leaves when nobody kills it.
fn undisturbed(node: &Node, mode: Mode, range: (u64, u64)) -> Outcome<Objects> {
    let folder = tempfile::tempdir()?;
    let task = Task::new(node, folder.path(), mode, range);
    task.killed(node, Vec::new(), Duration::from_secs(600))?;
    Ok(task.objects())
}

/// That a run which was killed ended like one that was not.
fn ended_the_same(expected: &Objects, objects: &Objects) {
    assert_eq!(expected.difference(objects), [""; 0], "other bytes than the run that nobody killed");
    assert_eq!(runs::damage(objects), [""; 0]);
    assert_eq!(runs::unnamed(objects), [""; 0]);
    assert_eq!(runs::parts(objects), [""; 0], "parts of windows that are done");
}

async fn blocks_match(sim: &SimSource, range: (u64, u64), objects: &Objects) -> Outcome<oracle::Verdict> {
    let verdict = runs::verdict(&Truth::of(sim, range.0..=range.1).await?, objects, "sim")?;
    assert!(verdict.is_clean(), "{verdict}: {:?}", verdict.examples);
    Ok(verdict)
}

/// A backfill that is killed at each point where something becomes safe.
#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_killed_where_something_becomes_safe() -> Outcome {
    let (range, chain) = ((920, 1_040), chain(1_100, Duration::ZERO).await?);
    let expected = undisturbed(&chain.node, Mode::Backfill, range)?;
    let folder = tempfile::tempdir()?;
    let task = Task::new(&chain.node, folder.path(), Mode::Backfill, range);
    let crashes = task.killed(&chain.node, at_points(&BLOCK_POINTS), Duration::from_secs(120))?;
    let objects = task.objects();
    let verdict = blocks_match(&chain.sim, range, &objects).await?.wall(crashes.wall);
    println!("{verdict} kills={} most read again={}", crashes.kills, crashes.most_lost());
    assert_eq!(crashes.kills, BLOCK_POINTS.len(), "it got to each of them");
    assert!(crashes.most_lost() <= BATCH + IN_FLIGHT, "{:?}", crashes.lost);
    ended_the_same(&expected, &objects);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_killed_at_random() -> Outcome {
    let (range, chain) = ((880, 1_080), chain(1_100, Duration::from_millis(10)).await?);
    let expected = undisturbed(&chain.node, Mode::Backfill, range)?;
    let folder = tempfile::tempdir()?;
    let task = Task::new(&chain.node, folder.path(), Mode::Backfill, range);
    let seed = rng::seed_or(1);
    println!("seed {seed}");
    let kills = Kill::at_random(seed, 6, Duration::from_millis(50)..Duration::from_millis(900));
    let crashes = task.killed(&chain.node, kills, Duration::from_secs(120))?;
    let objects = task.objects();
    let verdict = blocks_match(&chain.sim, range, &objects).await?.wall(crashes.wall);
    println!("{verdict} kills={} most read again={}", crashes.kills, crashes.most_lost());
    assert!(crashes.kills > 0);
    assert!(crashes.most_lost() <= BATCH + IN_FLIGHT, "{:?}", crashes.lost);
    ended_the_same(&expected, &objects);
    Ok(())
}

/// A window that was complete when its run was killed is sealed by the next one, although that begins after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_run_is_killed_where_something_becomes_safe() -> Outcome {
    let (range, chain) = ((920, 1_040), chain(1_040, Duration::ZERO).await?);
    let expected = undisturbed(&chain.node, Mode::Live, range)?;
    assert!(!expected.artifacts().is_empty());
    let folder = tempfile::tempdir()?;
    let task = Task::new(&chain.node, folder.path(), Mode::Live, range);
    let crashes = task.killed(&chain.node, at_points(&BLOCK_POINTS), Duration::from_secs(120))?;
    let objects = task.objects();
    assert_eq!(crashes.kills, BLOCK_POINTS.len(), "it got to each of them");
    blocks_match(&chain.sim, (920, 999), &objects).await?;
    assert_eq!(expected.difference(&objects), [""; 0], "other bytes than the run that nobody killed");
    assert_eq!((runs::damage(&objects), runs::unnamed(&objects)), (Vec::new(), Vec::new()));
    assert!(runs::durable(&objects).into_iter().eq(920..=1_040));
    assert_eq!(runs::cursor(&objects), Some(1_040));
    let old = runs::parts(&objects).into_iter().find(|key| !key.contains("/0000001000-0000001999/"));
    assert_eq!(old, None, "a part of the window that is done");
    Ok(())
}

/// Kills runs over epochs, three times at least in the middle of a window.
async fn epochs_survive(chain: &Chain, mode: Mode, range: (u64, u64)) -> Outcome {
    let expected = undisturbed(&chain.node, mode, range)?;
    let apy = expected.iter().filter(|(key, _)| key.starts_with("sim/apy/") && key.ends_with(".jsonl"));
    let apy: usize = apy.map(|(_, bytes)| bytes.split(|byte| *byte == b'\n').filter(has_return).count()).sum();
    assert!(apy > 0, "{mode}: no returns to lose");
    let folder = tempfile::tempdir()?;
    let task = Task::new(&chain.node, folder.path(), mode, range);
    let crashes = task.killed(&chain.node, at_points(&EPOCH_POINTS), Duration::from_secs(120))?;
    println!("{mode}: kills={} validators with a return={apy} wall={:.1?}", crashes.kills, crashes.wall);
    assert_eq!(crashes.kills, EPOCH_POINTS.len(), "{mode}: it got to each of them");
    ended_the_same(&expected, &task.objects());
    Ok(())
}

/// Whether a line is of somebody with an annual return.
fn has_return(line: &&[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|row| row["apy"].is_number())
}

#[tokio::test(flavor = "multi_thread")]
async fn backfills_of_epochs_are_killed_where_something_becomes_safe() -> Outcome {
    let chain = chain(1_250, Duration::ZERO).await?;
    epochs_survive(&chain, Mode::FastBackfill, (800, 1_200)).await?;
    epochs_survive(&chain, Mode::ApyBackfill, (800, 1_200)).await
}

/// 3,000 blocks, killed a hundred times at random.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the full size; takes minutes"]
async fn full_size_at_random() -> Outcome {
    let began = Instant::now();
    let (range, far) = ((1, 3_000), chain(3_100, Duration::from_millis(15)).await?);
    let expected = undisturbed(&far.node, Mode::Backfill, range)?;
    println!("undisturbed after {:.1?}", began.elapsed());
    let folder = tempfile::tempdir()?;
    let task = Task::new(&far.node, folder.path(), Mode::Backfill, range);
    let seed = rng::seed_or(1);
    let kills = Kill::at_random(seed, 100, Duration::from_millis(5)..Duration::from_millis(400));
    let crashes = task.killed(&far.node, kills, Duration::from_secs(600))?;
    let objects = task.objects();
    let verdict = blocks_match(&far.sim, range, &objects).await?.wall(crashes.wall);
    let idle = crashes.lost.iter().filter(|lost| **lost == 0).count();
    println!(
        "random, seed {seed}: {verdict} kills={} most read again={} kills that cost nothing={idle} left over={}",
        crashes.kills,
        crashes.most_lost(),
        crashes.leftovers,
    );
    assert_eq!(crashes.kills, 100, "it was done before");
    assert!(crashes.most_lost() <= BATCH + IN_FLIGHT, "{:?}", crashes.lost);
    ended_the_same(&expected, &objects);
    Ok(())
}

/// Each point five times, each time in a store of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the full size; takes minutes"]
async fn full_size_at_points() -> Outcome {
    let began = Instant::now();
    let near = chain(1_300, Duration::ZERO).await?;
    let mut rng = rng::Rng::new(rng::seed_or(1));
    for (mode, range, points) in [
        (Mode::Backfill, (850, 1_150), &BLOCK_POINTS[..]),
        (Mode::FastBackfill, (700, 1_250), &EPOCH_POINTS[..]),
        (Mode::ApyBackfill, (700, 1_250), &EPOCH_POINTS[..]),
    ] {
        let expected = undisturbed(&near.node, mode, range)?;
        let (mut kills, mut most) = (0, 0);
        for (point, most_often) in points {
            for _ in 0..5 {
                let folder = tempfile::tempdir()?;
                let task = Task::new(&near.node, folder.path(), mode, range);
                let kill = Kill::at_failpoint(point, 1 + rng.below(*most_often));
                let crashes = task.killed(&near.node, vec![kill.clone()], Duration::from_secs(60))?;
                assert_eq!(crashes.kills, 1, "{mode}: {kill:?} was not reached");
                (kills, most) = (kills + 1, most.max(crashes.most_lost()));
                let objects = task.objects();
                ended_the_same(&expected, &objects);
                if mode == Mode::Backfill {
                    blocks_match(&near.sim, range, &objects).await?;
                }
            }
        }
        println!("{mode}: kills at {} points={kills} most read again={most}", points.len());
        assert!(mode != Mode::Backfill || most <= BATCH + IN_FLIGHT, "{most}");
    }
    println!("all after {:.1?}", began.elapsed());
    Ok(())
}
