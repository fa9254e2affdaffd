//! Children that are killed go on where they were, and what they use is seen.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sentinel_core::source::{BlockSource, RpcSource};
use sentinel_core::storage::{Key, ObjectStorage, StorageExt};
use sentinel_support::chains;
use sentinel_support::crash::{self, CrashError, CrashRun, Kill};
use sentinel_support::node::{Node, NodeOptions};
use sentinel_support::oracle::{Columns, Objects, Rows, Truth};
use sentinel_support::rpc::quick;
use sentinel_support::watch::{Ceilings, Sample, Usage, Watch};
use sentinel_support::{child, watch};

use crate::client::Outcome;

/// How far the toy has counted, by the files it left.
fn counted(folder: &Path) -> Outcome<usize> {
    Ok(fs::read_dir(folder)?.count())
}

/// Makes 40 files, one after the other, from where it was.
#[test]
#[ignore = "started by the tests of this file"]
fn toy() -> Outcome {
    crash::arm();
    let Some(task) = child::task() else { return Ok(()) };
    let (folder, pause) = task.split_once(' ').ok_or("a folder and a pause")?;
    let folder = Path::new(folder);
    for number in fs::read_dir(folder)?.count()..40 {
        fail::fail_point!("toy::before");
        fs::write(folder.join(format!("{number:03}")), "")?;
        fail::fail_point!("toy::after");
        std::thread::sleep(Duration::from_micros(pause.parse()?));
    }
    println!("the toy is done");
    Ok(())
}

#[test]
fn it_is_killed_at_failpoints_and_goes_on() -> Outcome {
    let folder = tempfile::tempdir()?;
    let mut seen = Vec::new();
    let outcome = CrashRun::of_test("crashes::toy", &format!("{} 0", folder.path().display()))?
        .kill(Kill::at_failpoint("toy::before", 6))
        .kill(Kill::at_failpoint("toy::after", 10))
        .between(|run| {
            seen.push((run.number, counted(folder.path())?));
            Ok(())
        })
        .run()?;
    // Five were there before the sixth; then ten more.
    assert_eq!(seen, [(1, 5), (2, 15)]);
    assert_eq!((outcome.kills, outcome.runs.len(), counted(folder.path())?), (2, 3, 40));
    assert!(outcome.runs[0].output.contains("killed at toy::before, time 6"), "{}", outcome.runs[0].output);
    assert!(outcome.last().is_some_and(|run| run.output.contains("the toy is done")));
    Ok(())
}

#[test]
fn it_is_killed_at_any_time_and_goes_on() -> Outcome {
    let each = Kill::at_each(1, &["a", "b"], 3, 5);
    assert_eq!(each.len(), 6);
    assert!(each.iter().all(|kill| matches!(kill, Kill::AtFailpoint { nth: 1..=5, .. })), "{each:?}");
    let kills = Kill::at_random(5, 8, Duration::from_millis(20)..Duration::from_millis(120));
    assert_eq!(kills, Kill::at_random(5, 8, Duration::from_millis(20)..Duration::from_millis(120)));
    let folder = tempfile::tempdir()?;
    let outcome =
        CrashRun::of_test("crashes::toy", &format!("{} 10000", folder.path().display()))?.kills(kills).run()?;
    assert_eq!(counted(folder.path())?, 40);
    assert!(outcome.kills > 0 && outcome.runs.len() == outcome.kills + 1, "{outcome:?}");
    Ok(())
}

#[test]
fn it_is_stopped_by_the_variable_alone_and_killed_there() -> Outcome {
    let folder = tempfile::tempdir()?;
    let kill = Kill::Paused { name: "toy::before".to_owned(), nth: 4, after: Duration::from_secs(2) };
    let mut seen = 0;
    let task = format!("{} 0", folder.path().display());
    let outcome = CrashRun::of_test("crashes::toy", &task)?.kill(kill).between(|_| {
        seen = counted(folder.path())?;
        Ok(())
    });
    assert_eq!(outcome.run()?.kills, 1);
    assert_eq!((seen, counted(folder.path())?), (3, 40));
    Ok(())
}

/// Stores one object for each block of a chain behind a node, from where it was.
#[tokio::test]
#[ignore = "started by the test below"]
async fn reader() -> Outcome {
    crash::arm();
    let Some(task) = child::task() else { return Ok(()) };
    let (url, folder) = task.split_once(' ').ok_or("an address and a folder")?;
    let (node, store) = (RpcSource::connect(url, quick()).await?, ObjectStorage::local(folder)?);
    for number in 1..=60u64 {
        let key = Key::new(format!("blocks/{number:010}.jsonl"))?;
        if !store.exists(&key).await? {
            let block = node.block(number.into()).await?;
            let line = format!("{{\"number\":{number},\"hash\":\"{}\"}}\n", block.header.hash);
            store.store(&key, line.into()).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_node_is_killed_and_misses_nothing() -> Outcome {
    let chain = chains::cheap(60)?;
    let options = NodeOptions { latency: Duration::from_millis(3), ..NodeOptions::default() };
    let node = Node::serve_with(Arc::new(chain.clone()), options).await?;
    let folder = tempfile::tempdir()?;
    let child = CrashRun::of_test("crashes::reader", &format!("{} {}", node.ws_url(), folder.path().display()))?
        .kills(Kill::at_random(3, 10, Duration::from_millis(100)..Duration::from_millis(400)));
    let outcome = tokio::task::block_in_place(|| child.run())?;

    let truth = Truth::of(&chain, 1..=60).await?;
    let objects = Objects::in_folder(folder.path())?;
    let columns = Columns::new("number").hash("hash");
    let verdict = truth.check(&objects, "blocks/", &columns, Rows::OnePerBlock)?.wall(outcome.time);
    println!("{verdict} kills={}", outcome.kills);
    // A write that was cut short may leave its file beside the others; that is all.
    println!("left over: {:?}", objects.leftovers());
    assert!(verdict.is_clean(), "{verdict}: {:?}", verdict.examples);
    assert_eq!(objects.artifacts().len(), 60);
    Ok(())
}

#[test]
fn what_goes_wrong_in_a_child_or_between_is_told() -> Outcome {
    let failed = CrashRun::of_test("crashes::toy", "/no/such/folder 0")?.run();
    assert!(matches!(&failed, Err(CrashError::Failed { number: 1, output, .. }) if output.contains("No such file")));

    let folder = tempfile::tempdir()?;
    let task = format!("{} 0", folder.path().display());
    let between = CrashRun::of_test("crashes::toy", &task)?
        .kill(Kill::at_failpoint("toy::after", 1))
        .between(|_| Err("the checkpoint is ahead".into()))
        .run();
    assert!(matches!(between, Err(CrashError::Between { number: 1, .. })), "{between:?}");
    Ok(())
}

#[test]
fn a_child_that_hangs_is_ended_by_the_deadline() {
    let mut sleeper = Command::new("sleep");
    sleeper.arg("600");
    let hung = CrashRun::of_command(sleeper)
        .kill(Kill::After(Duration::from_millis(10)))
        .deadline(Duration::from_millis(300))
        .run();
    assert!(matches!(hung, Err(CrashError::Deadline { kills: 1, number: 2, .. })), "{hung:?}");
}

#[test]
fn memory_and_files_are_seen() {
    let before = watch::open_files();
    let watch = Watch::own();
    let memory = vec![1u8; 64 << 20];
    let files: Vec<_> = (0..20).filter_map(|_| fs::File::open("/proc/self/status").ok()).collect();
    let usage = watch.stop();
    if usage.samples.is_empty() {
        return; // No /proc here.
    }
    assert!(usage.peak_rss > 64 << 20, "{usage} with {} bytes", memory.len());
    assert!(before > 0 && usage.peak_fds >= files.len() as u64, "{usage}");
    assert!(usage.peak_threads >= 2);
}

#[test]
fn growth_is_from_half_to_half_and_ceilings_are_named() {
    let sample = |seconds, rss| Sample { at: Duration::from_secs(seconds), rss, fds: 9, threads: 3 };
    let usage =
        Usage::of(vec![sample(0, 50), sample(2, 70), sample(4, 60), sample(5, 65), sample(7, 90), sample(8, 10)]);
    assert_eq!((usage.peak_rss_first_half, usage.peak_rss_second_half, usage.growth()), (70, 90, 20));
    let ceilings = Ceilings { rss: Some(90), growth: Some(19), fds: Some(8), threads: None };
    assert_eq!(
        usage.check(&ceilings),
        Err("growth of memory: 20, more than 19; file descriptors: 9, more than 8".to_owned())
    );
    assert_eq!(usage.check(&Ceilings { growth: Some(20), fds: None, ..ceilings }), Ok(()));
}
