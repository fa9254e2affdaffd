//! A chain with branches, runs over it, and what they told and wrote.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use sentinel_core::detect::Finding;
use sentinel_core::engine::{Engine, RunFailed, RunReport};
use sentinel_core::sink::{MemorySink, Sink};
use sentinel_core::source::{BlockSource, MemoryBlock, MemorySource};
use sentinel_core::storage::{Key, ObjectStorage, Storage};
use sentinel_support::{chains, runtimes};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::remarks::Remarks;

pub(super) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Where runs begin: shortly before a window of a thousand blocks is full.
pub(super) const START: u64 = 990;

/// Blocks 1 to `START`, final; the remark of each is its height.
pub(super) fn chain() -> MemorySource {
    let chain = MemorySource::new("made up", runtimes::raonet_218());
    for number in 1..=START {
        chain.push(chains::block(number));
    }
    chain
}

/// Blocks with these remarks, not final.
pub(super) fn grow(chain: &MemorySource, remarks: RangeInclusive<u64>) {
    for remark in remarks {
        // Twelve seconds after its parent, whatever its remark.
        chain.push_unfinalized(MemoryBlock { timestamp_ms: None, ..chains::block(remark) });
    }
}

/// A live run under way.
pub(super) struct Running {
    pub(super) task: JoinHandle<Result<RunReport, RunFailed>>,
    pub(super) stop: CancellationToken,
    pub(super) cursor: Arc<AtomicU64>,
}

pub(super) struct Setup {
    pub(super) store: Arc<ObjectStorage>,
    pub(super) sink: Arc<MemorySink>,
    pub(super) best: bool,
    pub(super) fails: Arc<AtomicBool>,
}

impl Setup {
    pub(super) fn new(best: bool) -> Self {
        let (store, sink) = (Arc::new(ObjectStorage::memory()), Arc::new(MemorySink::new()));
        Self { store, sink, best, fails: Arc::default() }
    }

    pub(super) fn run(&self, source: Arc<dyn BlockSource>) -> Running {
        self.run_into(source, Arc::clone(&self.sink) as Arc<dyn Sink>)
    }

    pub(super) fn run_into(&self, source: Arc<dyn BlockSource>, sink: Arc<dyn Sink>) -> Running {
        let (stop, cursor) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
        let seen = Arc::clone(&cursor);
        let engine = Engine::builder(source, Arc::clone(&self.store) as Arc<dyn Storage>, "made-up".parse().unwrap())
            .outputs("blocks,extrinsics,events,findings".parse().unwrap())
            .start(START)
            .best(self.best)
            .detector(Remarks::failing(&self.fails))
            .sink(sink)
            .stop(stop.clone())
            .on_progress(move |progress| seen.store(progress.block, Ordering::Relaxed))
            .build()
            .unwrap();
        Running { task: tokio::spawn(engine.run()), stop, cursor }
    }

    /// What was told, in order: `+remark` and, of what was taken back, `-remark`.
    pub(super) fn told(&self) -> Vec<String> {
        let said = |finding: &Finding| {
            let sign = if finding.retracted { '-' } else { '+' };
            format!("{sign}{}", finding.payload["remark"])
        };
        self.sink.findings().iter().map(said).collect()
    }

    pub(super) async fn has_told(&self, expected: &[&str]) {
        let told = timeout(PATIENCE, async {
            while self.told().len() < expected.len() {
                sleep(Duration::from_millis(2)).await;
            }
        });
        let in_time = told.await.is_ok();
        assert_eq!(self.told(), expected, "in time: {in_time}");
    }

    /// Everything in the store but who works there.
    pub(super) async fn objects(&self) -> Outcome<BTreeMap<Key, Bytes>> {
        let mut all = BTreeMap::new();
        let mut listing = self.store.list(None);
        while let Some(object) = listing.try_next().await? {
            all.insert(object.key.clone(), self.store.get(&object.key).await?);
        }
        Ok(all)
    }
}

impl Running {
    pub(super) async fn reaches(&self, block: u64) {
        let reached = timeout(PATIENCE, async {
            while self.cursor.load(Ordering::Relaxed) < block {
                assert!(!self.task.is_finished(), "the run ended");
                sleep(Duration::from_millis(2)).await;
            }
        });
        assert!(reached.await.is_ok(), "block {} of {block}", self.cursor.load(Ordering::Relaxed));
    }

    pub(super) async fn end(self) -> Outcome<RunReport> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}

/// What a run writes and tells that sees the same final blocks and nothing else. Its batches are others, so its parts are.
pub(super) async fn waited(chain: &MemorySource, last: u64) -> Outcome<Setup> {
    let setup = Setup::new(false);
    let run = setup.run(Arc::new(chain.clone()));
    run.reaches(last).await;
    run.end().await?;
    Ok(setup)
}

/// The artifacts and the cursor of two stores are the same bytes; nothing else is left but what is not final.
pub(super) async fn are_alike(one: &Setup, other: &Setup) -> Outcome {
    let [one, other] = [one.objects().await?, other.objects().await?].map(|objects| {
        let is_own = |key: &Key| key.segments().any(|segment| segment == "parts" || segment == "claims.json");
        objects.into_iter().filter(|(key, _)| !is_own(key)).collect::<BTreeMap<_, _>>()
    });
    assert!(one.keys().any(|key| key.as_str().contains("/findings/")), "{:?}", one.keys());
    assert!(one.keys().any(|key| key.as_str().ends_with("cursor.json")), "{:?}", one.keys());
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (key, bytes) in &one {
        assert_eq!(bytes, &other[key], "{key}");
    }
    Ok(())
}
