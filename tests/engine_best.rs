//! Live runs that show detectors the best chain: what is found is told at once and taken back where the chain drops its
//! block, and the store is that of a run that waited for finality.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use sentinel_core::chain::BlockHash;
use sentinel_core::detect::{BlockContext, DetectError, Detector, Finding, FindingId, Interest, Severity, Subject};
use sentinel_core::engine::{Engine, EngineError, Mode, RunFailed, RunReport};
use sentinel_core::sink::{MemorySink, Receipt, Sink, SinkError};
use sentinel_core::source::{BlockSource, MemoryBlock, MemorySource, SourceError};
use sentinel_core::storage::{Key, ObjectStorage, Storage};
use sentinel_support::node::Node;
use sentinel_support::rng::{Rng, seed_or};
use sentinel_support::rpc::connect;
use sentinel_support::{chains, runtimes};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(20);

/// Where runs begin: shortly before a window of a thousand blocks is full.
const START: u64 = 990;

/// Finds every remark that three divides, and says how many blocks it was shown before: a memory that is wrong after a block
/// was undone shows in what it finds next.
#[derive(Debug, Default)]
struct Remarks {
    seen: u64,
    /// Fails at the next block.
    fails: Arc<AtomicBool>,
}

#[async_trait]
impl Detector for Remarks {
    fn name(&self) -> &'static str {
        "remarks"
    }

    fn interest(&self) -> Interest {
        Interest::default()
    }

    async fn inspect(&mut self, block: &BlockContext<'_>) -> Result<Vec<Finding>, DetectError> {
        if self.fails.swap(false, Ordering::Relaxed) {
            self.seen += 1_000_000;
            return Err(SourceError::fatal("as the test wants it").into());
        }
        let at = block.at();
        let remark = block.block().extrinsics[0].slice(5..13);
        let remark = u64::from_le_bytes(remark[..].try_into().unwrap());
        let before = self.seen;
        self.seen += 1;
        if !remark.is_multiple_of(3) {
            return Ok(Vec::new());
        }
        let subject = Subject::default();
        Ok(vec![Finding {
            id: FindingId::new(block.network(), &at, self.name(), &subject, ""),
            detector: self.name(),
            severity: Severity::Info,
            subject,
            block: at,
            timestamp: block.block().timestamp_ms,
            extrinsic: Some(format!("{}-0000", at.number)),
            title: format!("remark {remark}"),
            body: String::new(),
            payload: serde_json::json!({ "remark": remark, "before": before }),
            retracted: false,
        }])
    }

    fn snapshot(&self) -> Option<Bytes> {
        (self.seen > 0).then(|| Bytes::copy_from_slice(&self.seen.to_le_bytes()))
    }

    fn restore(&mut self, snapshot: &[u8]) {
        self.seen = snapshot.try_into().map(u64::from_le_bytes).unwrap_or_default();
    }
}

/// Blocks 1 to `START`, final; the remark of each is its height.
fn chain() -> MemorySource {
    let chain = MemorySource::new("made up", runtimes::raonet_218());
    for number in 1..=START {
        chain.push(chains::block(number));
    }
    chain
}

/// Blocks with these remarks, not final.
fn grow(chain: &MemorySource, remarks: RangeInclusive<u64>) {
    for remark in remarks {
        // Twelve seconds after its parent, whatever its remark.
        chain.push_unfinalized(MemoryBlock { timestamp_ms: None, ..chains::block(remark) });
    }
}

/// A live run under way.
struct Running {
    task: JoinHandle<Result<RunReport, RunFailed>>,
    stop: CancellationToken,
    cursor: Arc<AtomicU64>,
}

struct Setup {
    store: Arc<ObjectStorage>,
    sink: Arc<MemorySink>,
    best: bool,
    fails: Arc<AtomicBool>,
}

impl Setup {
    fn new(best: bool) -> Self {
        let (store, sink) = (Arc::new(ObjectStorage::memory()), Arc::new(MemorySink::new()));
        Self { store, sink, best, fails: Arc::default() }
    }

    fn run(&self, source: Arc<dyn BlockSource>) -> Running {
        self.run_into(source, Arc::clone(&self.sink) as Arc<dyn Sink>)
    }

    fn run_into(&self, source: Arc<dyn BlockSource>, sink: Arc<dyn Sink>) -> Running {
        let (stop, cursor) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
        let seen = Arc::clone(&cursor);
        let engine = Engine::builder(source, Arc::clone(&self.store) as Arc<dyn Storage>, "made-up".parse().unwrap())
            .outputs("blocks,extrinsics,events,findings".parse().unwrap())
            .start(START)
            .best(self.best)
            .detector(Remarks { fails: Arc::clone(&self.fails), ..Remarks::default() })
            .sink(sink)
            .stop(stop.clone())
            .on_progress(move |progress| seen.store(progress.block, Ordering::Relaxed))
            .build()
            .unwrap();
        Running { task: tokio::spawn(engine.run()), stop, cursor }
    }

    /// What was told, in order: `+remark` and, of what was taken back, `-remark`.
    fn told(&self) -> Vec<String> {
        let said = |finding: &Finding| {
            let sign = if finding.retracted { '-' } else { '+' };
            format!("{sign}{}", finding.payload["remark"])
        };
        self.sink.findings().iter().map(said).collect()
    }

    async fn has_told(&self, expected: &[&str]) {
        let told = timeout(PATIENCE, async {
            while self.told().len() < expected.len() {
                sleep(Duration::from_millis(2)).await;
            }
        });
        let in_time = told.await.is_ok();
        assert_eq!(self.told(), expected, "in time: {in_time}");
    }

    /// Everything in the store but who works there.
    async fn objects(&self) -> Outcome<BTreeMap<Key, Bytes>> {
        let mut all = BTreeMap::new();
        let mut listing = self.store.list(None);
        while let Some(object) = listing.try_next().await? {
            all.insert(object.key.clone(), self.store.get(&object.key).await?);
        }
        Ok(all)
    }
}

impl Running {
    async fn reaches(&self, block: u64) {
        let reached = timeout(PATIENCE, async {
            while self.cursor.load(Ordering::Relaxed) < block {
                assert!(!self.task.is_finished(), "the run ended");
                sleep(Duration::from_millis(2)).await;
            }
        });
        assert!(reached.await.is_ok(), "block {} of {block}", self.cursor.load(Ordering::Relaxed));
    }

    async fn end(self) -> Outcome<RunReport> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}

/// What a run writes and tells that sees the same final blocks and nothing else. Its batches are others, so its parts are.
async fn waited(chain: &MemorySource, last: u64) -> Outcome<Setup> {
    let setup = Setup::new(false);
    let run = setup.run(Arc::new(chain.clone()));
    run.reaches(last).await;
    run.end().await?;
    Ok(setup)
}

/// The artifacts and the cursor of two stores are the same bytes; nothing else is left but what is not final.
async fn are_alike(one: &Setup, other: &Setup) -> Outcome {
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

#[tokio::test]
async fn what_is_found_in_a_block_that_is_undone_is_taken_back() -> Outcome {
    for over_rpc in [false, true] {
        let chain = chain();
        let node = Node::serve(Arc::new(chain.clone())).await?;
        let source: Arc<dyn BlockSource> =
            if over_rpc { Arc::new(connect(&node).await?) } else { Arc::new(chain.clone()) };
        let setup = Setup::new(true);
        let run = setup.run(source);
        setup.has_told(&["+990"]).await;
        // Five more, of which the last three are undone; what comes instead is one longer.
        grow(&chain, 991..=995);
        setup.has_told(&["+990", "+993"]).await;
        chain.roll_back(992);
        let before = ["+990", "+993", "-993", "+1995", "+1998"];
        grow(&chain, 1_994..=1_998);
        setup.has_told(&before).await;
        let told = setup.sink.findings();
        assert_eq!(told[1].retraction(), told[2]);
        assert_ne!(told[1].id, told[3].id);
        // 990, 991, 992 and 1994 were shown before: nothing of the branch that is gone is remembered.
        assert_eq!((told[3].block.number, &told[3].payload["before"]), (994, &4.into()));
        // Nothing of this is final, and nothing is written yet.
        assert_eq!(run.cursor.load(Ordering::Relaxed), START);

        chain.finalize(997);
        grow(&chain, 998..=1_004);
        chain.finalize(1_004);
        run.reaches(1_004).await;
        let report = run.end().await?;
        let all = [&before[..], &["+999", "+1002"]].concat();
        assert_eq!(setup.told(), all, "nothing is told twice");
        assert_eq!((report.findings, report.retracted, report.windows_written), (5, 1, 1), "{report:?}");

        let waited = waited(&chain, 1_004).await?;
        assert_eq!(waited.told(), ["+990", "+1995", "+1998", "+999", "+1002"]);
        are_alike(&setup, &waited).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_block_that_comes_back_brings_its_finding_back() -> Outcome {
    let (chain, setup) = (chain(), Setup::new(true));
    let run = setup.run(Arc::new(chain.clone()));
    grow(&chain, 991..=993);
    setup.has_told(&["+990", "+993"]).await;
    chain.roll_back(992);
    setup.has_told(&["+990", "+993", "-993"]).await;
    grow(&chain, 993..=993);
    setup.has_told(&["+990", "+993", "-993", "+993"]).await;
    let told = setup.sink.findings();
    assert_eq!(told[1], told[3]);
    chain.finalize(993);
    run.reaches(993).await;
    run.end().await?;
    assert_eq!(setup.told().len(), 4);
    Ok(())
}

/// A run that stopped with findings that are not final is followed by one that takes back what did not become so.
#[tokio::test]
async fn what_the_chain_drops_between_two_runs_is_taken_back_by_the_next() -> Outcome {
    for again in [true, false] {
        let (chain, mut setup) = (chain(), Setup::new(true));
        let run = setup.run(Arc::new(chain.clone()));
        grow(&chain, 991..=996);
        setup.has_told(&["+990", "+993", "+996"]).await;
        chain.finalize(991);
        run.reaches(991).await;
        assert_eq!(run.end().await?.block_end, 991);
        let claims = |objects: BTreeMap<Key, Bytes>| objects.keys().any(|key| key.as_str().ends_with("claims.json"));
        assert!(claims(setup.objects().await?));

        // 993 stays, 996 does not.
        chain.roll_back(994);
        grow(&chain, 1_995..=2_004);
        chain.finalize(1_004);
        setup.best = again;
        let run = setup.run(Arc::new(chain.clone()));
        run.reaches(1_004).await;
        run.end().await?;
        let told = setup.told();
        assert_eq!(told.iter().filter(|said| *said == "-996").count(), 1, "{told:?}");
        assert!(!told.contains(&"-993".to_owned()) && told.contains(&"+1995".to_owned()), "{told:?}");
        assert!(!claims(setup.objects().await?));
        are_alike(&setup, &waited(&chain, 1_004).await?).await?;
    }
    Ok(())
}

/// A sink that loses what it is given, and says so.
#[derive(Debug)]
struct Broken;

#[async_trait]
impl Sink for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    async fn deliver(&self, _: &[Finding]) -> Result<Receipt, SinkError> {
        Err(SinkError::Refused { sink: "broken".to_owned(), message: "no".to_owned() })
    }

    async fn check(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// What a sink may or may not have is taken back, too.
#[tokio::test]
async fn a_finding_is_written_down_before_it_is_delivered() -> Outcome {
    let (chain, setup) = (chain(), Setup::new(true));
    // 990 is no multiple of anything here: begin with a block without a finding.
    chain.push(chains::block(991));
    let sink = Arc::new(MemorySink::new());
    let quiet = setup.run_into(Arc::new(chain.clone()), sink);
    quiet.reaches(991).await;
    quiet.end().await?;
    let run = setup.run_into(Arc::new(chain.clone()), Arc::new(Broken));
    grow(&chain, 992..=993);
    let failed = timeout(PATIENCE, run.task).await??.unwrap_err();
    assert!(matches!(failed.error, EngineError::Sink { block: 993, .. }), "{failed:?}");
    chain.roll_back(992);
    grow(&chain, 1_993..=1_993);
    chain.finalize(993);
    let run = setup.run(Arc::new(chain.clone()));
    run.reaches(993).await;
    run.end().await?;
    assert_eq!(setup.told(), ["-993"]);
    Ok(())
}

#[tokio::test]
async fn where_finality_stands_still_so_many_blocks_are_shown_and_no_more() -> Outcome {
    const MOST: u64 = 256;
    let (chain, setup) = (chain(), Setup::new(true));
    let run = setup.run(Arc::new(chain.clone()));
    setup.has_told(&["+990"]).await;
    grow(&chain, 991..=991 + MOST + 100);
    // Those up to 990 + 256 are shown.
    let shown: Vec<String> =
        (990..=990 + MOST).filter(|block| block % 3 == 0).map(|block| format!("+{block}")).collect();
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    setup.has_told(&shown).await;
    sleep(Duration::from_millis(100)).await;
    setup.has_told(&shown).await;
    // The rest of them is on another branch, which nobody has seen.
    chain.roll_back(1_245);
    grow(&chain, 3_000..=3_100);
    chain.finalize(1_346);
    run.reaches(1_346).await;
    run.end().await?;
    let waited = waited(&chain, 1_346).await?;
    assert_eq!(standing(&setup), standing(&waited));
    are_alike(&setup, &waited).await
}

/// A block may be gone before a detector has read its state.
#[tokio::test]
async fn a_block_that_a_detector_cannot_look_at_is_looked_at_when_it_is_final() -> Outcome {
    let (chain, setup) = (chain(), Setup::new(true));
    let run = setup.run(Arc::new(chain.clone()));
    setup.has_told(&["+990"]).await;
    grow(&chain, 991..=992);
    setup.fails.store(true, Ordering::Relaxed);
    grow(&chain, 993..=996);
    while setup.fails.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(setup.told(), ["+990"]);
    grow(&chain, 997..=1_003);
    for number in 991..=1_003 {
        chain.finalize(number);
        run.reaches(number).await;
    }
    run.end().await?;
    assert_eq!(setup.told(), ["+990", "+993", "+996", "+999", "+1002"]);
    are_alike(&setup, &waited(&chain, 1_003).await?).await
}

#[tokio::test]
async fn a_run_that_is_behind_catches_up_first() -> Outcome {
    let (chain, setup) = (chain(), Setup::new(true));
    let run = setup.run(Arc::new(chain.clone()));
    setup.has_told(&["+990"]).await;
    run.end().await?;
    for number in 991..=1_400 {
        chain.push(chains::block(number));
    }
    grow(&chain, 1_401..=1_404);
    let run = setup.run(Arc::new(chain.clone()));
    run.reaches(1_400).await;
    let expected: Vec<String> =
        (990..=1_404).filter(|number| number % 3 == 0).map(|number| format!("+{number}")).collect();
    setup.has_told(&expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let report = run.end().await?;
    assert_eq!((report.cursor, report.retracted), (Some(1_400), 0));
    are_alike(&setup, &waited(&chain, 1_400).await?).await
}

/// What stands at the end: of each block the last word about its finding.
fn standing(setup: &Setup) -> BTreeMap<BlockHash, serde_json::Value> {
    let mut standing = BTreeMap::new();
    for finding in setup.sink.findings() {
        match finding.retracted {
            true => assert!(standing.remove(&finding.block.hash).is_some(), "taken back, and was never told"),
            false => _ = standing.insert(finding.block.hash, finding.payload),
        }
    }
    standing
}

/// Branches, finality and restarts as they come.
#[tokio::test]
async fn whatever_the_chain_does_the_last_word_is_what_is_final() -> Outcome {
    let first = seed_or(1);
    for seed in first..first + 6 {
        println!("SENTINEL_TEST_SEED={seed}");
        let (mut rng, chain, setup) = (Rng::new(seed), chain(), Setup::new(true));
        let mut below = |end: u64| rng.bits() % end;
        let mut run = setup.run(Arc::new(chain.clone()));
        let (mut head, mut final_head) = (START, START);
        for turn in 0..60 {
            match below(10) {
                0..=3 => {
                    let more = below(4) + 1;
                    grow(&chain, 10_000 * (turn + 1)..=10_000 * (turn + 1) + more);
                    head += more + 1;
                }
                4..=5 if head > final_head => {
                    // A branch that is longer, or one that is not yet.
                    let (kept, more) = (final_head + below(head - final_head), below(6));
                    chain.roll_back(kept);
                    grow(&chain, 10_000 * (turn + 1) + 1..=10_000 * (turn + 1) + more);
                    head = kept + more;
                }
                6..=7 if head > final_head => {
                    final_head += below(head - final_head) + 1;
                    chain.finalize(final_head);
                }
                8 => {
                    run.end().await?;
                    // What nobody sees happen.
                    let (kept, more) = (final_head + below(head - final_head + 1), below(6));
                    chain.roll_back(kept);
                    grow(&chain, 10_000 * (turn + 1) + 1..=10_000 * (turn + 1) + more);
                    final_head += below(kept + more - final_head + 1);
                    chain.finalize(final_head);
                    head = kept + more;
                    run = setup.run(Arc::new(chain.clone()));
                }
                _ => sleep(Duration::from_millis(below(8))).await,
            }
            tokio::task::yield_now().await;
        }
        chain.push(chains::block(7));
        run.reaches(head + 1).await;
        run.end().await?;
        let waited = waited(&chain, head + 1).await?;
        assert_eq!(standing(&setup), standing(&waited), "seed {seed}: {:?}", setup.told());
        are_alike(&setup, &waited).await?;
    }
    Ok(())
}

#[test]
fn only_live_runs_follow_the_best_chain() {
    let store = Arc::new(ObjectStorage::memory());
    let engine = Engine::builder(Arc::new(chain()), store, "made-up".parse().unwrap()).mode(Mode::Backfill);
    let error = engine.range(1..=5).best(true).build().unwrap_err();
    assert!(matches!(&error, EngineError::Usage(said) if said.contains("only live mode")), "{error:?}");
}
