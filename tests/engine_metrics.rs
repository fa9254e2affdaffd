//! What a run tells those who watch it: how late it is, and what is missing of what it stored.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::{self, BoxStream, StreamExt};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use sentinel_core::chain::{BlockId, BlockRef, Finality};
use sentinel_core::decode::Runtime;
use sentinel_core::engine::{Engine, EngineBuilder, Mode};
use sentinel_core::source::{
    BestUpdate, BlockSource, ChainIdentity, HashedHeader, KeyValue, RawBlock, SimSource, SourceError,
};
use sentinel_core::storage::{Key, ObjectStorage, PutMode, Storage};
use sentinel_support::chains;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What the metrics of this thread say; a test runs on one.
struct Told(PrometheusHandle);

impl Told {
    fn by(recorder: &PrometheusRecorder) -> Self {
        Self(recorder.handle())
    }

    fn value(&self, line: &str) -> Option<f64> {
        self.0.render().lines().find_map(|told| told.strip_prefix(line)?.trim().parse().ok())
    }

    fn missing(&self, netuid: u16) -> Option<f64> {
        self.value(&format!("sentinel_missing_snapshots{{netuid=\"{netuid}\"}}"))
    }

    /// The age of the newest block grows.
    async fn gets_later(&self) {
        let mut age = 0.0;
        for _ in 0..4 {
            self.becomes("the age", |told| told.value("sentinel_lag_seconds "), |seconds| seconds > age).await;
            age = self.value("sentinel_lag_seconds ").unwrap();
        }
    }

    /// Waits until a value is what it should be.
    async fn becomes(&self, what: &str, value: impl Fn(&Self) -> Option<f64>, expected: impl Fn(f64) -> bool) {
        let is_so = async {
            while !value(self).is_some_and(&expected) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(timeout(Duration::from_secs(120), is_so).await.is_ok(), "{what}: {:?}", value(self));
    }
}

/// A chain whose blocks come no further than some height, though it is asked for its head and says it.
#[derive(Debug)]
struct Stalled {
    chain: SimSource,
    until: u64,
}

#[async_trait]
impl BlockSource for Stalled {
    async fn identity(&self) -> Result<ChainIdentity, SourceError> {
        self.chain.identity().await
    }
    async fn head(&self, finality: Finality) -> Result<BlockRef, SourceError> {
        self.chain.head(finality).await
    }
    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError> {
        self.chain.header(id).await
    }
    async fn block(&self, id: BlockId) -> Result<RawBlock, SourceError> {
        self.chain.block(id).await
    }
    async fn runtime(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        self.chain.runtime(at).await
    }
    async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        self.chain.storage(at, keys).await
    }
    fn storage_prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>> {
        self.chain.storage_prefix(at, prefix)
    }
    async fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError> {
        self.chain.call(at, function, args).await
    }
    fn finalized<'a>(&'a self, from: u64) -> BoxStream<'a, Result<RawBlock, SourceError>> {
        let count = (self.until + 1).saturating_sub(from) as usize;
        self.chain.finalized(from).take(count).chain(stream::pending()).boxed()
    }
    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>> {
        self.finalized(from).map_ok(|block| BestUpdate::Applied(Box::new(block))).boxed()
    }
}

fn live(source: Arc<dyn BlockSource>, store: &Arc<ObjectStorage>, outputs: &str) -> (EngineBuilder, CancellationToken) {
    let stop = CancellationToken::new();
    let engine = Engine::builder(source, Arc::clone(store) as Arc<dyn Storage>, "sim".parse().unwrap());
    (engine.outputs(outputs.parse().unwrap()).stop(stop.clone()), stop)
}

/// The clock of the runtime is moved by hand, that of the machine goes on: so nothing waits, and ages grow all the same.
#[tokio::test(start_paused = true)]
async fn a_run_to_which_nothing_comes_says_that_it_is_later_and_later() -> Outcome {
    let recorder = PrometheusBuilder::new().build_recorder();
    let told = Told::by(&recorder);
    let here = metrics::set_default_local_recorder(&recorder);
    let (chain, store) = (chains::cheap(20)?, Arc::new(ObjectStorage::memory()));
    let source = Arc::new(Stalled { chain: chain.clone(), until: 20 });
    let (engine, stop) = live(source, &store, "blocks");
    let run = tokio::spawn(engine.start(11).build()?.run());
    told.becomes("the cursor", |told| told.value("sentinel_cursor_block "), |block| block == 20.0).await;
    told.becomes("the lag", |told| told.value("sentinel_lag_blocks "), |blocks| blocks == 0.0).await;
    told.gets_later().await;
    // The chain goes on, and nothing of it comes.
    for (more, lag) in [(7, 7.0), (5, 12.0)] {
        chain.advance(more);
        told.becomes("the lag", |told| told.value("sentinel_lag_blocks "), |blocks| blocks == lag).await;
    }
    assert_eq!(told.value("sentinel_head_block "), Some(32.0));
    stop.cancel();
    run.await??;

    // The next run gets nothing at all, and says so from its cursor on.
    drop(here);
    let recorder = PrometheusBuilder::new().build_recorder();
    let told = Told::by(&recorder);
    let _here = metrics::set_default_local_recorder(&recorder);
    let (engine, stop) = live(Arc::new(Stalled { chain, until: 0 }), &store, "blocks");
    let run = tokio::spawn(engine.start(11).build()?.run());
    told.becomes("the lag", |told| told.value("sentinel_lag_blocks "), |blocks| blocks == 12.0).await;
    assert_eq!(told.value("sentinel_cursor_block "), Some(20.0));
    told.gets_later().await;
    stop.cancel();
    run.await??;
    Ok(())
}

async fn objects(store: &ObjectStorage, dataset: &str) -> Outcome<Vec<Key>> {
    let folder = Key::new(format!("sim/{dataset}"))?;
    let mut keys: Vec<Key> = store.list(Some(&folder)).map_ok(|object| object.key).try_collect().await?;
    keys.sort();
    Ok(keys)
}

#[tokio::test]
async fn a_snapshot_that_is_gone_is_missed_by_a_live_run() -> Outcome {
    let recorder = PrometheusBuilder::new().build_recorder();
    let told = Told::by(&recorder);
    let _here = metrics::set_default_local_recorder(&recorder);
    let chain = SimSource::builder().subnets(2).uids(4).tempo(50).traffic(0).head(3_010).build()?;
    let store = Arc::new(ObjectStorage::memory());
    let run = async |expected: f64| -> Outcome {
        let (engine, stop) = live(Arc::new(chain.clone()), &store, "blocks,epochs");
        let reached = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&reached);
        let engine = engine.start(900).on_progress(move |progress| seen.store(progress.block, Ordering::Relaxed));
        let run = tokio::spawn(engine.build()?.run());
        told.becomes("the cursor", |told| told.value("sentinel_cursor_block "), |block| block == 3_010.0).await;
        for netuid in [1, 2] {
            told.becomes("what is missing", |told| told.missing(netuid), |epochs| epochs == expected).await;
        }
        assert_eq!(told.missing(0), None, "root has no epochs");
        stop.cancel();
        run.await??;
        Ok(())
    };
    run(0.0).await?;
    run(0.0).await?;

    let epochs = objects(&store, "epochs").await?;
    assert_eq!(epochs.len(), 3, "{epochs:?}");
    let kept = store.get(&epochs[1]).await?;
    store.delete(&epochs[1]).await?;
    // A window of a thousand blocks, and an epoch every 50 or 51 of them.
    run(20.0).await?;
    store.put(&epochs[1], kept.slice(..kept.len() / 2), PutMode::Overwrite).await?;
    run(20.0).await?;
    store.put(&epochs[1], kept, PutMode::Overwrite).await?;
    run(0.0).await?;

    // Blocks are nobody's snapshot, and what retention removes is not missed: the oldest, with its manifest.
    store.delete(&objects(&store, "blocks").await?[2]).await?;
    store.delete(&epochs[0]).await?;
    store.delete(&objects(&store, "manifest").await?[0]).await?;
    run(0.0).await?;
    // A manifest that is gone between others is.
    store.delete(&objects(&store, "manifest").await?[1]).await?;
    run(20.0).await
}

#[tokio::test]
async fn a_backfill_of_epochs_says_what_is_left_to_do() -> Outcome {
    let recorder = PrometheusBuilder::new().build_recorder();
    let told = Arc::new(Told::by(&recorder));
    let _here = metrics::set_default_local_recorder(&recorder);
    let chain = Arc::new(SimSource::builder().subnets(2).uids(4).tempo(50).traffic(0).head(1_010).build()?);
    let store = Arc::new(ObjectStorage::memory());
    let run = async || -> Outcome<Vec<(Option<f64>, Option<f64>)>> {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (told, noted) = (Arc::clone(&told), Arc::clone(&seen));
        let engine = Engine::builder(Arc::clone(&chain) as Arc<dyn BlockSource>, store.clone(), "sim".parse()?);
        let engine = engine.mode(Mode::ApyBackfill).range(0..=999).batch_delay(Duration::ZERO);
        let engine = engine.on_progress(move |_| noted.lock().unwrap().push((told.missing(1), told.missing(2))));
        engine.build()?.run().await?;
        let seen = seen.lock().unwrap().clone();
        Ok(seen)
    };
    let seen = run().await?;
    assert_eq!(seen.last(), Some(&(Some(0.0), Some(0.0))), "{seen:?}");
    assert!(seen.contains(&(Some(0.0), Some(20.0))), "{seen:?}");
    assert!(run().await?.is_empty(), "all is there");
    store.delete(&objects(&store, "neurons").await?[0]).await?;
    assert_eq!(run().await?, seen, "a file that is gone is missed again");
    Ok(())
}
