//! Live runs that show detectors the best chain: what is found is told at once and taken back where the chain drops its
//! block, and the store is that of a run that waited for finality.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

#[path = "engine_best/remarks.rs"]
mod remarks;
#[path = "engine_best/setup.rs"]
mod setup;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sentinel_core::chain::BlockHash;
use sentinel_core::detect::Finding;
use sentinel_core::engine::{Engine, EngineError, Mode};
use sentinel_core::sink::{MemorySink, Receipt, Sink, SinkError};
use sentinel_core::source::{BlockSource, MemoryBlock};
use sentinel_core::storage::{Key, ObjectStorage};
use sentinel_support::chains;
use sentinel_support::node::Node;
use sentinel_support::rng::{Rng, seed_or};
use sentinel_support::rpc::connect;
use tokio::time::{sleep, timeout};

use setup::{Outcome, PATIENCE, START, Setup, are_alike, chain, grow, waited};

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

/// A block that nobody can read is left out as in every run, and those after it are looked at early all the same.
#[tokio::test]
async fn a_block_that_is_left_out_stops_nothing() -> Outcome {
    let (chain, setup) = (chain(), Setup::new(true));
    let run = setup.run(Arc::new(chain.clone()));
    grow(&chain, 991..=991);
    // One event that says it is of the pallet with index 255.
    let events = Bytes::from_static(&[1 << 2, 0, 0, 0, 0, 0, 255, 255, 0]);
    chain.push_unfinalized(MemoryBlock { events, timestamp_ms: None, ..chains::block(992) });
    grow(&chain, 993..=995);
    chain.finalize(992);
    setup.has_told(&["+990", "+993"]).await;
    // 993 is not final.
    chain.roll_back(992);
    setup.has_told(&["+990", "+993", "-993"]).await;
    grow(&chain, 1_996..=2_004);
    chain.finalize(1_001);
    run.reaches(1_001).await;
    let report = run.end().await?;
    assert_eq!(report.quarantined, [992]);
    let waited = waited(&chain, 1_001).await?;
    assert_eq!(standing(&setup), standing(&waited));
    are_alike(&setup, &waited).await
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
        let (mut head, mut final_head, mut highest) = (START, START, START);
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
            highest = highest.max(head);
            tokio::task::yield_now().await;
        }
        // What was seen at some height is decided there: the end is above all that ever was.
        while head <= highest {
            chain.push(chains::block(7));
            head += 1;
        }
        run.reaches(head).await;
        run.end().await?;
        let waited = waited(&chain, head).await?;
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
