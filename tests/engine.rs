//! The engine on the simulated chain: what it writes, that it goes on where it was, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::TryStreamExt;
use sentinel_core::artifact::datasets::{ApyRow, BlockRow, Dataset, EpochRow, EventRow, NeuronRow, Row, Window};
use sentinel_core::artifact::window::WindowManifest;
use sentinel_core::chain::NetUid;
use sentinel_core::engine::{Engine, EngineBuilder, EngineError, Mode, RunReport};
use sentinel_core::source::{BlockSource, Happened, SimAction, SimSource};
use sentinel_core::storage::{Key, ObjectStorage, Storage};
use tokio_util::sync::CancellationToken;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const TEMPO: u16 = 50;

fn chain(head: u64) -> Arc<SimSource> {
    let sim = SimSource::builder()
        .subnets(3)
        .uids(8)
        .tempo(TEMPO)
        .traffic(5)
        .head(head)
        .at(120, SimAction::SetTempo { netuid: 1, tempo: 40 })
        .at(170, SimAction::SkipEpoch { netuid: 2 })
        .build();
    Arc::new(sim.unwrap())
}

fn engine(chain: &Arc<SimSource>, store: &Arc<ObjectStorage>, mode: Mode) -> EngineBuilder {
    let (chain, store) = (Arc::clone(chain), Arc::clone(store));
    let builder = Engine::builder(chain, store, "sim".parse().unwrap()).mode(mode).batch_size(7);
    builder.batch_delay(std::time::Duration::ZERO)
}

/// Every object of a store but the state of jobs.
async fn artifacts(store: &ObjectStorage) -> Outcome<BTreeMap<Key, Bytes>> {
    let mut all = BTreeMap::new();
    let mut listing = store.list(None);
    while let Some(object) = listing.try_next().await? {
        if !object.key.segments().any(|segment| segment == "_state") {
            all.insert(object.key.clone(), store.get(&object.key).await?);
        }
    }
    Ok(all)
}

async fn rows<R: Row>(
    store: &ObjectStorage,
    job: &sentinel_core::engine::Job,
    windows: &[(u64, u64)],
) -> Outcome<Vec<R>> {
    let mut all = Vec::new();
    for (first, last) in windows {
        let window = Window::new(*first, *last).ok_or("a window")?;
        let manifest =
            WindowManifest::load(store, &job.network, &job.artifacts()?, window).await?.ok_or("no manifest")?;
        all.extend(manifest.rows::<R>(store).await?);
    }
    Ok(all)
}

fn store() -> Arc<ObjectStorage> {
    Arc::new(ObjectStorage::memory())
}

#[tokio::test]
async fn a_backfill_writes_every_block_as_the_chain_has_it() -> Outcome {
    let (chain, store) = (chain(1_100), store());
    let engine =
        engine(&chain, &store, Mode::Backfill).range(950..=1_049).outputs("blocks,extrinsics,events,epochs".parse()?);
    let engine = engine.build()?;
    let job = engine.job().clone();
    let report = engine.run().await?;
    assert_eq!((report.done, report.skipped, report.windows_written), (100, 0, 2));
    assert!(report.is_complete() && report.simulated, "{report:?}");

    let windows = [(950, 999), (1_000, 1_049)];
    let blocks: Vec<BlockRow> = rows(&store, &job, &windows).await?;
    let events: Vec<EventRow> = rows(&store, &job, &windows).await?;
    let mut counted: BTreeMap<u64, u32> = BTreeMap::new();
    events.iter().for_each(|event| *counted.entry(event.block).or_default() += 1);
    for (number, row) in (950..=1_049).zip(&blocks) {
        let block = chain.block(number.into()).await?;
        assert_eq!((row.block, row.block_hash), (number, block.header.hash));
        assert_eq!(row.extrinsics as usize, block.extrinsics.len());
        let index = block.runtime.index(&block.extrinsics, &block.events)?;
        assert_eq!(row.events as usize, index.events().len());
        assert_eq!(counted[&number] as usize, index.events().len());
    }
    assert_eq!(blocks.len(), 100);

    let ran: Vec<(u64, u16)> = history(&chain, 950, 1_049)?;
    let epochs: Vec<EpochRow> = rows(&store, &job, &windows).await?;
    let mut found: Vec<(u64, u16)> = epochs.iter().map(|row| (row.block, row.netuid.0)).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, ran);
    assert!(epochs.iter().any(|row| row.dividend > Some(0)));
    Ok(())
}

/// Blocks that come together are bound together, over the ends of windows and of batches; it must not show.
#[tokio::test]
async fn blocks_read_together_are_written_as_those_read_alone() -> Outcome {
    let chain = chain(1_300);
    let mut written = Vec::new();
    for (at_once, batch) in [(1, 10_000), (2_048, 10_000), (2_048, 50), (37, 9)] {
        let store = store();
        let engine =
            engine(&chain, &store, Mode::Backfill).range(3..=1_250).outputs("blocks,extrinsics,events".parse()?);
        let report = engine.jsonl(true).in_flight(at_once).batch_size(batch).build()?.run().await?;
        assert!(report.is_complete() && report.done == 1_248 && report.cursor == Some(1_250), "{report:?}");
        written.push(artifacts(&store).await?);
    }
    let (alone, together) = written.split_first().ok_or("nothing was written")?;
    assert!(alone.len() >= 2 * (3 * 2 + 1), "{:?}", alone.keys());
    assert!(together.iter().all(|together| together == alone));
    Ok(())
}

/// Epochs that ran, by block and subnet, as the simulator says.
fn history(chain: &SimSource, first: u64, last: u64) -> Outcome<Vec<(u64, u16)>> {
    let mut ran = Vec::new();
    for entry in chain.history(last)? {
        if let (true, Happened::EpochRan { netuid, .. }) = (entry.block >= first, entry.what) {
            ran.push((entry.block, netuid.0));
        }
    }
    ran.sort_unstable();
    Ok(ran)
}

#[tokio::test]
async fn what_was_stopped_goes_on_and_ends_the_same() -> Outcome {
    let chain = chain(1_100);
    for mode in [Mode::Backfill, Mode::FastBackfill, Mode::ApyBackfill] {
        // A backfill may make four batches safe at once, and tells of progress after that.
        let (outputs, range, batch, most) = match mode {
            Mode::Backfill => ("blocks,events,neurons,epochs", 930..=1_060, 2, 3),
            _ => ("epochs,apy,neurons", 40..=1_080, 7, 2),
        };
        let whole = store();
        engine(&chain, &whole, mode).range(range.clone()).outputs(outputs.parse()?).jsonl(true).build()?.run().await?;
        let (broken, mut runs, mut done) = (store(), 0, 0);
        loop {
            runs += 1;
            let stop = CancellationToken::new();
            let (seen, limit) = (Arc::new(AtomicU64::new(0)), most * runs);
            let engine = engine(&chain, &broken, mode).range(range.clone()).outputs(outputs.parse()?).jsonl(true);
            let engine = engine.batch_size(batch).stop(stop.clone()).on_progress(move |_| {
                if seen.fetch_add(1, Ordering::Relaxed) + 1 == limit {
                    stop.cancel();
                }
            });
            let report: RunReport = engine.build()?.run().await?;
            done += report.done;
            if !report.interrupted {
                break;
            }
            assert!(!report.is_complete());
        }
        assert!(runs > 2, "{mode}: {runs}");
        assert_eq!(artifacts(&whole).await?, artifacts(&broken).await?, "{mode}");
        let expected = if mode == Mode::Backfill { 131 } else { 8 };
        assert_eq!(done, expected, "{mode}: nothing is read twice");
        // A job that is done leaves its cursor and nothing else.
        let folder = Key::new("sim/_state")?;
        let state: Vec<_> = broken.list(Some(&folder)).try_collect().await?;
        assert!(state.iter().all(|object| object.key.as_str().ends_with("cursor.json")), "{state:?}");
    }
    Ok(())
}

#[tokio::test]
async fn epochs_of_a_range_are_found_with_what_they_gave() -> Outcome {
    let (chain, store) = (chain(1_100), store());
    let engine = engine(&chain, &store, Mode::ApyBackfill).range(100..=1_050).build()?;
    let job = engine.job().clone();
    let report = engine.run().await?;
    let windows = [(100, 999), (1_000, 1_050)];
    let ran = history(&chain, 100, 1_050)?;
    assert_eq!(report.epochs, ran.len() as u64);
    let epochs: Vec<EpochRow> = rows(&store, &job, &windows).await?;
    let mut found: Vec<(u64, u16)> = epochs.iter().map(|row| (row.block, row.netuid.0)).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, ran);
    let neurons: Vec<NeuronRow> = rows(&store, &job, &windows).await?;
    let mut with_neurons: Vec<(u64, u16)> = neurons.iter().map(|row| (row.block, row.netuid.0)).collect();
    with_neurons.sort_unstable();
    with_neurons.dedup();
    assert_eq!(with_neurons, ran);
    let apy: Vec<ApyRow> = rows(&store, &job, &windows).await?;
    for netuid in [1, 2, 3] {
        let of: Vec<_> = apy.iter().filter(|row| row.netuid == NetUid(netuid) && row.apy.is_some()).collect();
        assert!(of.iter().any(|row| row.block_end <= 999) && of.iter().any(|row| row.block_end > 999), "{netuid}");
    }
    Ok(())
}

#[tokio::test]
async fn only_what_is_missing_is_read_again() -> Outcome {
    let (chain, store) = (chain(3_100), store());
    let build = |force| {
        let engine = engine(&chain, &store, Mode::Backfill).range(0..=2_999).outputs("blocks".parse().unwrap());
        engine.force_refresh(force).build().unwrap()
    };
    assert_eq!(build(false).run().await?.done, 3_000);
    let before = artifacts(&store).await?;
    let again = build(false).run().await?;
    assert_eq!((again.done, again.skipped, again.windows_skipped), (0, 3_000, 3));

    // A file is gone, another is cut off: their windows are read again, the third is not.
    let parquet: Vec<&Key> = before.keys().filter(|key| key.as_str().ends_with(".parquet")).collect();
    store.delete(parquet[0]).await?;
    store.put(parquet[2], before[parquet[2]].slice(..100), sentinel_core::storage::PutMode::Overwrite).await?;
    let estimate = build(false).estimate().await?;
    assert_eq!((estimate.blocks, estimate.windows, estimate.windows_there), (2_000, 2, 1));
    let repaired = build(false).run().await?;
    assert_eq!((repaired.done, repaired.windows_written, repaired.windows_skipped), (2_000, 2, 1));
    assert_eq!(artifacts(&store).await?, before);
    assert_eq!(build(true).run().await?.done, 3_000);
    assert_eq!(artifacts(&store).await?, before);
    Ok(())
}

#[tokio::test]
async fn every_kth_block_is_every_kth_block() -> Outcome {
    let (chain, store) = (chain(400), store());
    let engine = engine(&chain, &store, Mode::Backfill).range(10..=309).step(25).outputs("blocks".parse()?).build()?;
    let job = engine.job().clone();
    engine.run().await?;
    let blocks: Vec<BlockRow> = rows(&store, &job, &[(10, 309)]).await?;
    let numbers: Vec<u64> = blocks.iter().map(|row| row.block).collect();
    assert_eq!(numbers, (10..=309).step_by(25).collect::<Vec<u64>>());
    Ok(())
}

#[tokio::test]
async fn a_live_run_goes_on_from_its_cursor_whatever_came_in_between() -> Outcome {
    let (chain, store) = (chain(100), store());
    let run = |until: u64| {
        let (stop, chain) = (CancellationToken::new(), Arc::clone(&chain));
        let engine = engine(&chain, &store, Mode::Live).start(90).outputs("blocks,events,epochs".parse().unwrap());
        let watcher = stop.clone();
        let engine = engine.stop(stop).on_progress(move |progress| {
            if progress.block >= until {
                watcher.cancel();
            }
        });
        (engine.build().unwrap(), chain)
    };
    let (engine, _) = run(100);
    let job = engine.job().clone();
    let report = engine.run().await?;
    assert_eq!((report.done, report.block_end), (11, 100));
    // Downtime: two windows' worth of blocks.
    chain.advance(2_000);
    let (engine, _) = run(2_100);
    let report = engine.run().await?;
    assert_eq!((report.done, report.block_start, report.block_end), (2_000, 90, 2_100));
    assert_eq!(report.windows_written, 2);
    let blocks: Vec<BlockRow> = rows(&store, &job, &[(90, 999), (1_000, 1_999)]).await?;
    assert!(blocks.iter().map(|row| row.block).eq(90..=1_999));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_before_anything_is_written() -> Outcome {
    let (chain, store) = (chain(100), store());
    let error = engine(&chain, &store, Mode::Backfill).range(50..=200).build()?.run().await.unwrap_err();
    assert!(matches!(error.error, EngineError::NotFinalized { last: 200, head: 100 }), "{error:?}");
    assert!(matches!(engine(&chain, &store, Mode::FastBackfill).build(), Err(EngineError::Usage(_))));
    assert!(artifacts(&store).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn another_chain_is_not_mixed_in() -> Outcome {
    let store = store();
    let run = |seed| {
        let sim = SimSource::builder().seed(seed).subnets(1).uids(4).head(100).build().unwrap();
        engine(&Arc::new(sim), &store, Mode::Backfill).range(1..=80).outputs("blocks".parse().unwrap()).build().unwrap()
    };
    run(1).run().await?;
    let before = artifacts(&store).await?;
    let error = run(2).run().await.unwrap_err().error;
    assert!(matches!(error, EngineError::Contradicted { .. }), "{error:?}");
    assert_eq!(artifacts(&store).await?, before);
    Ok(())
}

#[test]
fn datasets_have_a_mode_that_makes_them() {
    // Changes are found between blocks that are apart, by a search of its own.
    for dataset in Dataset::ALL.into_iter().filter(|dataset| *dataset != Dataset::HyperparameterChanges) {
        let made = Mode::ALL.iter().any(|mode| sentinel_core::engine::Outputs::of(*mode).has(dataset));
        assert!(made, "{dataset}");
    }
}
