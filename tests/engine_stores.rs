//! Runs whose store fails: one error that says how, nothing half-written, and the same run goes on when the store does.

#![allow(clippy::unwrap_used, reason = "a helper of a test that fails should say where")]

use std::sync::Arc;

use sentinel_core::engine::{Engine, EngineError, Mode, RunFailed, RunReport};
use sentinel_core::source::SimSource;
use sentinel_core::storage::{ObjectStorage, Storage, StorageError};
use sentinel_support::faulty_store::{Deed, FaultyStore, StoreFault, When};
use sentinel_support::oracle::{Objects, Truth};
use sentinel_support::runs;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const FIRST: u64 = 960;
const LAST: u64 = 1_040;

fn chain() -> SimSource {
    SimSource::builder().subnets(2).uids(4).tempo(30).traffic(3).head(1_100).build().unwrap()
}

async fn run(chain: &SimSource, store: Arc<dyn Storage>, mode: Mode) -> Result<RunReport, RunFailed> {
    run_in_batches(10, chain, store, mode).await
}

async fn run_in_batches(
    size: usize,
    chain: &SimSource,
    store: Arc<dyn Storage>,
    mode: Mode,
) -> Result<RunReport, RunFailed> {
    let engine = Engine::builder(Arc::new(chain.clone()), store, "sim".parse().unwrap()).mode(mode);
    let engine = match mode {
        Mode::Backfill => engine.outputs("blocks,events,epochs".parse().unwrap()),
        _ => engine,
    };
    let engine = engine.range(FIRST..=LAST).batch_size(size).batch_delay(std::time::Duration::ZERO);
    engine.build().unwrap().run().await
}

/// Where a store may fail: at a part, at a file, at a manifest, at the cursor, at the lease.
const PLACES: [&str; 5] = [".part", ".parquet", "/manifest/", "/cursor.json", "/lease/"];

#[tokio::test]
async fn a_store_that_fails_is_named_and_nothing_is_half_there() -> Outcome {
    let chain = chain();
    for mode in [Mode::Backfill, Mode::ApyBackfill] {
        let whole = Arc::new(ObjectStorage::memory());
        run(&chain, whole.clone(), mode).await?;
        let expected = Objects::of(&*whole).await?;
        for place in PLACES {
            if place == "/cursor.json" && mode != Mode::Backfill {
                continue;
            }
            for (fault, nth) in [(StoreFault::Full, 1), (StoreFault::Denied, 1), (StoreFault::Full, 2)] {
                if (place, nth) == ("/lease/", 2) {
                    continue;
                }
                let store = Arc::new(ObjectStorage::memory());
                let faulty = FaultyStore::new(store.clone()).on(When::put(nth).of(place), fault);
                let failed = run(&chain, Arc::new(faulty), mode).await.unwrap_err();
                let right = match &failed.error {
                    EngineError::Storage(StorageError::Full { at, .. }) => {
                        fault == StoreFault::Full && at.contains(place)
                    }
                    EngineError::Storage(StorageError::Denied { at, .. }) => {
                        fault == StoreFault::Denied && at.contains(place)
                    }
                    _ => false,
                };
                assert!(right, "{mode}, {fault:?} at {place}: {:?}", failed.error);
                let objects = Objects::of(&*store).await?;
                assert_eq!(runs::damage(&objects), [""; 0], "{mode}, {fault:?} at {place}");
                if let Some(cursor) = runs::cursor(&objects) {
                    let durable = runs::durable(&objects);
                    assert!((FIRST..=cursor).all(|block| durable.contains(&block)), "{mode}, {fault:?} at {place}");
                }
                // With room, or the right, it goes on, and nobody can tell.
                assert!(run(&chain, store.clone(), mode).await?.is_complete());
                let objects = Objects::of(&*store).await?;
                assert_eq!(expected.difference(&objects), [""; 0], "{mode}, {fault:?} at {place}");
                assert_eq!(runs::parts(&objects), [""; 0], "{mode}, {fault:?} at {place}");
            }
        }
    }
    Ok(())
}

/// What was read of a window in one go is safe with its files: where these fail, so does the cursor.
#[tokio::test]
async fn a_window_without_parts_is_safe_or_read_again() -> Outcome {
    let (chain, mode) = (chain(), Mode::Backfill);
    let whole = Arc::new(ObjectStorage::memory());
    run(&chain, whole.clone(), mode).await?;
    let expected = Objects::of(&*whole).await?;
    let at_once = async |store| run_in_batches(10_000, &chain, store, mode).await;
    for place in [".parquet", "/manifest/", "/cursor.json"] {
        for nth in [1, 2] {
            let store = Arc::new(ObjectStorage::memory());
            let faulty = FaultyStore::new(store.clone()).on(When::put(nth).of(place), StoreFault::Full);
            let failed = at_once(Arc::new(faulty)).await.unwrap_err();
            let full =
                matches!(&failed.error, EngineError::Storage(StorageError::Full { at, .. }) if at.contains(place));
            assert!(full, "{place} {nth}: {:?}", failed.error);
            let objects = Objects::of(&*store).await?;
            assert_eq!(runs::damage(&objects), [""; 0], "{place} {nth}");
            let durable = runs::durable(&objects);
            let cursor = runs::cursor(&objects).unwrap_or(FIRST - 1);
            assert!((FIRST..=cursor).all(|block| durable.contains(&block)), "{place} {nth}: {cursor}");
            assert!(at_once(store.clone()).await?.is_complete());
            let objects = Objects::of(&*store).await?;
            assert_eq!(expected.difference(&objects), [""; 0], "{place} {nth}");
            assert_eq!(runs::parts(&objects), [""; 0], "{place} {nth}");
        }
    }
    Ok(())
}

/// The files of a window are made while those of the one before are stored, and wait for them.
#[tokio::test]
async fn windows_are_stored_in_their_order_however_long_one_takes() -> Outcome {
    let chain = chain();
    for size in [10, 10_000] {
        let whole = Arc::new(ObjectStorage::memory());
        run_in_batches(size, &chain, whole.clone(), Mode::Backfill).await?;
        let store = Arc::new(ObjectStorage::memory());
        let slow = StoreFault::Slow(std::time::Duration::from_millis(400));
        let slow = FaultyStore::new(store.clone()).on(When::every(Deed::Put).of("0000000960-0000000999.parquet"), slow);
        let report = run_in_batches(size, &chain, Arc::new(slow.clone()), Mode::Backfill).await?;
        assert!(report.is_complete() && report.windows_written == 2, "{report:?}");
        let puts = slow.puts();
        let first_put =
            |window: &str, end: &str| puts.iter().position(|key| key.contains(window) && key.ends_with(end));
        let is_there = first_put("0000000960-", ".json").ok_or("no first manifest")?;
        let next = first_put("0000001000-", ".json").ok_or("no second manifest")?;
        assert!(is_there < next, "batches of {size}: {puts:?}");
        let (expected, objects) = (Objects::of(&*whole).await?, Objects::of(&*store).await?);
        assert_eq!(expected.difference(&objects), [""; 0], "batches of {size}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_that_cannot_be_written_at_all_ends_a_run_before_it_reads() -> Outcome {
    let (chain, store) = (chain(), Arc::new(ObjectStorage::memory()));
    let faulty = FaultyStore::new(store.clone()).on(When::every(Deed::Put), StoreFault::Denied);
    let failed = run(&chain, Arc::new(faulty), Mode::Backfill).await.unwrap_err();
    assert!(matches!(failed.error, EngineError::Storage(StorageError::Denied { .. })), "{:?}", failed.error);
    assert!(Objects::of(&*store).await?.is_empty());
    Ok(())
}

/// What was stored, and answered as if it had not been, is stored again: once in the end.
#[tokio::test]
async fn puts_with_an_unclear_end_do_no_harm() -> Outcome {
    let chain = chain();
    for place in PLACES {
        let store = Arc::new(ObjectStorage::memory());
        let faulty = FaultyStore::new(store.clone()).on(When::put(1).of(place), StoreFault::Ambiguous);
        let failed = run(&chain, Arc::new(faulty), Mode::Backfill).await.unwrap_err();
        assert!(matches!(failed.error, EngineError::Storage(StorageError::Unavailable { .. })), "{:?}", failed.error);
        assert!(run(&chain, store.clone(), Mode::Backfill).await?.is_complete(), "{place}");
        let objects = Objects::of(&*store).await?;
        let verdict = runs::verdict(&Truth::of(&chain, FIRST..=LAST).await?, &objects, "sim")?;
        assert!(verdict.is_clean(), "{place}: {verdict}: {:?}", verdict.examples);
    }
    Ok(())
}
