//! A chain of six runtimes whose events have another layout each: every block is read by the runtime that wrote it,
//! metadata come once, and a block that nobody can read is put aside and does not stop the rest.

#![allow(clippy::unwrap_used, reason = "a helper of a test that fails should say where")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sentinel_core::artifact::datasets::{BlockReader, Dataset};
use sentinel_core::chain::{BlockId, BlockRef, Finality};
use sentinel_core::decode::Runtime;
use sentinel_core::engine::{Engine, Mode, RunReport};
use sentinel_core::source::{BestUpdate, BlockSource, ChainIdentity, HashedHeader, KeyValue, RawBlock, SourceError};
use sentinel_core::storage::{ObjectStorage, Storage};
use sentinel_support::chains::SixSpecs;
use sentinel_support::node::Node;
use sentinel_support::oracle::{Objects, Truth, rows};
use sentinel_support::{chains, rng, rpc, runs};
use tokio_util::sync::CancellationToken;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Long enough for twenty blocks that cannot be read in each of two windows.
const LAST: u64 = 1_100;

/// How often metadata came: five of the runtimes have version 14 alone, which the oldest method gives, and one has 16, which
/// is asked for by its number. A request for a version that a runtime does not have brings none.
fn metadata_fetched(node: &Node) -> usize {
    let calls = node.calls();
    let by_number = calls.iter().filter(|call| {
        call.params[0] == "Metadata_metadata_at_version" && call.params[1] == hex(&16u32.to_le_bytes()).as_str()
    });
    node.count("state_getMetadata") + by_number.count()
}

/// Twenty heights, the upgrades and their neighbours not among them: those are the blocks that tell runtimes apart.
fn twenty(seed: u64, chain: &SixSpecs) -> Vec<u64> {
    let mut rng = rng::Rng::new(seed);
    let mut chosen = BTreeSet::new();
    while chosen.len() < 20 {
        let block = 1 + rng.below(LAST as usize) as u64;
        if !chain.upgrades.iter().any(|upgrade| upgrade.abs_diff(block) <= 1) {
            chosen.insert(block);
        }
    }
    chosen.into_iter().collect()
}

async fn backfill(source: Arc<dyn BlockSource>, store: &Arc<ObjectStorage>, last: u64) -> Outcome<RunReport> {
    let engine = Engine::builder(source, store.clone(), "local".parse()?)
        .mode(Mode::Backfill)
        .range(1..=last)
        .outputs("blocks,extrinsics,events".parse()?)
        .jsonl(true)
        .in_flight(8)
        .batch_size(10);
    Ok(engine.build()?.run().await?)
}

/// Reads blocks `1..=last` in random order by eight workers, so often; every block is decoded to its last byte.
async fn read_at_random(seed: u64, last: u64, times: u64) -> Outcome {
    let chain = SixSpecs::new(last, &[]);
    let node = Node::serve(Arc::new(chain.source.clone())).await?;
    for time in 0..times {
        node.forget_calls();
        let source = rpc::connect(&node).await?;
        let mut rng = rng::Rng::new(seed + time);
        let mut order: Vec<u64> = (1..=last).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, rng.below(at + 1));
        }
        let left = Arc::new(Mutex::new(order));
        let workers: Vec<_> = (0..8).map(|_| tokio::spawn(read_all(source.clone(), Arc::clone(&left)))).collect();
        let mut specs = BTreeSet::new();
        let mut read = 0;
        for worker in workers {
            for (block, spec) in worker.await??.into_iter() {
                let expected = chain.specs[chain.upgrades.iter().filter(|upgrade| **upgrade < block).count()];
                assert_eq!(spec, expected, "block {block} was read by another runtime than the one that wrote it");
                specs.insert(spec);
                read += 1;
            }
        }
        assert_eq!((read, specs.len()), (last, 6));
        // Of each runtime once, whatever the order.
        assert_eq!(metadata_fetched(&node), 6, "{:?}", node.counts());
    }
    println!("seed {seed}: {times} times {last} blocks of 6 runtimes in random order; metadata fetched 6 times each");
    Ok(())
}

type ReadBlocks = Result<Vec<(u64, u32)>, String>;

async fn read_all(source: sentinel_core::source::RpcSource, left: Arc<Mutex<Vec<u64>>>) -> ReadBlocks {
    let mut reader = BlockReader::new([Dataset::Blocks, Dataset::Extrinsics, Dataset::Events]);
    let mut read = Vec::new();
    loop {
        let Some(number) = left.lock().unwrap().pop() else { return Ok(read) };
        let block = source.block(number.into()).await.map_err(|error| format!("{number}: {error}"))?;
        let rows = reader.read(&block).map_err(|error| format!("{number}: {error}"))?;
        if rows.events.len() != 1 || rows.extrinsics.iter().any(|row| row.decode_error.is_some()) {
            return Err(format!("{number} is not what was written: {rows:?}"));
        }
        read.push((number, rows.block.spec_version));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_block_is_read_by_the_runtime_that_wrote_it() -> Outcome {
    read_at_random(rng::seed_or(1), 60, 2).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the full size"]
async fn every_block_is_read_by_the_runtime_that_wrote_it_full() -> Outcome {
    read_at_random(rng::seed_or(1), LAST, 20).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_over_six_runtimes_fetches_six_metadata() -> Outcome {
    let chain = SixSpecs::new(120, &[]);
    let node = Node::serve(Arc::new(chain.source.clone())).await?;
    let store = Arc::new(ObjectStorage::memory());
    let report = backfill(Arc::new(rpc::connect(&node).await?), &store, 120).await?;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(metadata_fetched(&node), 6, "{:?}", node.counts());
    let objects = Objects::of(&*store).await?;
    let verdict = runs::verdict(&Truth::of(&chain.source, 1..=120).await?, &objects, "local")?;
    println!("{verdict}");
    assert!(verdict.is_clean(), "{verdict}: {:?}", verdict.examples);
    let blocks = objects.get("local/blocks/v1/0000000001-0000000120.parquet").ok_or("no blocks")?;
    for row in rows("blocks.parquet", blocks, &["block", "spec_version"])?? {
        let block = row.height().ok_or("a height")?;
        let expected = chain.specs[chain.upgrades.iter().filter(|upgrade| **upgrade < block).count()];
        assert_eq!(row.text(1), Some(expected.to_string()), "block {block}");
    }
    Ok(())
}

/// A chain whose blocks at some heights come with bytes that nobody can read, until it is healed.
#[derive(Debug)]
struct Ill {
    chain: Arc<dyn BlockSource>,
    blocks: Vec<u64>,
    healed: AtomicBool,
}

const NONSENSE: &[u8] = &[1 << 2, 0, 0, 0, 0, 0, 255, 255, 0];

impl Ill {
    fn new(chain: &SixSpecs, blocks: &[u64]) -> Arc<Self> {
        let chain = Arc::new(chain.source.clone());
        Arc::new(Self { chain, blocks: blocks.to_vec(), healed: AtomicBool::new(false) })
    }

    fn heal(&self) {
        self.healed.store(true, Ordering::SeqCst);
    }

    fn seen(&self, mut block: RawBlock) -> RawBlock {
        if self.blocks.contains(&block.header.header.number) && !self.healed.load(Ordering::SeqCst) {
            block.events = Bytes::from_static(NONSENSE);
        }
        block
    }
}

#[async_trait]
impl BlockSource for Ill {
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
        Ok(self.seen(self.chain.block(id).await?))
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
        self.chain.finalized(from).map_ok(|block| self.seen(block)).boxed()
    }

    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>> {
        self.chain.best(from)
    }
}

/// What is put aside, by height, as it is on disk.
async fn put_aside(store: &dyn Storage) -> Outcome<Vec<(u64, serde_json::Value)>> {
    let objects = Objects::of(store).await?;
    let aside = objects.iter().filter(|(key, _)| key.contains("/quarantine/"));
    let parsed = aside.map(|(_, bytes)| {
        let block: serde_json::Value = serde_json::from_slice(bytes)?;
        Ok((block["block"].as_u64().ok_or("a height")?, block))
    });
    parsed.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_put_aside_with_its_bytes_and_read_when_it_can_be() -> Outcome {
    let chain = SixSpecs::new(LAST, &[]);
    let bad = twenty(rng::seed_or(1), &chain);
    let (ill, store) = (Ill::new(&chain, &bad), Arc::new(ObjectStorage::memory()));
    let report = backfill(ill.clone(), &store, LAST).await?;
    assert_eq!(report.quarantined, bad);
    assert!(!report.is_complete());
    let aside = put_aside(&*store).await?;
    assert_eq!(aside.iter().map(|(block, _)| *block).collect::<Vec<_>>(), bad);
    for (number, block) in &aside {
        let raw = ill.block((*number).into()).await?;
        assert_eq!(block["hash"], raw.header.hash.to_string());
        assert_eq!((&block["tries"], block["events"].as_str()), (&3.into(), Some(&*hex(NONSENSE))), "{block}");
        let extrinsics: Vec<String> = raw.extrinsics.iter().map(|bytes| hex(bytes)).collect();
        assert_eq!(block["extrinsics"], serde_json::json!(extrinsics));
    }
    // The rest is there, and the manifests say what is not.
    let truth = Truth::of(&chain.source, 1..=LAST).await?;
    let objects = Objects::of(&*store).await?;
    let verdict = runs::verdict(&truth.clone().only(|block| !bad.contains(&block)), &objects, "local")?;
    println!("{verdict} put aside={}", aside.len());
    assert!(verdict.is_clean(), "{verdict}: {:?}", verdict.examples);
    assert_eq!(runs::damage(&objects), [""; 0]);

    // Still ill: the same again. Healed: nothing is missing, and nothing says that it ever was.
    assert_eq!(backfill(ill.clone(), &store, LAST).await?.quarantined, bad);
    ill.heal();
    let report = backfill(ill.clone(), &store, LAST).await?;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.done, 20, "only what was missing is read");
    let never = Arc::new(ObjectStorage::memory());
    backfill(ill, &never, LAST).await?;
    let (objects, expected) = (Objects::of(&*store).await?, Objects::of(&*never).await?);
    assert_eq!(expected.difference(&objects), [""; 0]);
    assert!(put_aside(&*store).await?.is_empty() && runs::parts(&objects).is_empty());
    assert!(runs::verdict(&truth, &objects, "local")?.is_clean());
    Ok(())
}

/// Follows the chain until it has seen a block.
async fn follow(source: Arc<dyn BlockSource>, store: &Arc<ObjectStorage>, until: u64) -> Outcome<RunReport> {
    let stop = CancellationToken::new();
    let done = stop.clone();
    let engine = Engine::builder(source, store.clone(), "local".parse()?)
        .outputs("blocks,extrinsics,events".parse()?)
        .start(1)
        .stop(stop)
        .on_progress(move |progress| {
            if progress.block >= until {
                done.cancel();
            }
        });
    Ok(engine.build()?.run().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_run_goes_on_past_what_cannot_be_read_and_the_next_one_tries_again() -> Outcome {
    let chain = SixSpecs::new(LAST, &[]);
    let next = |number| chain.source.push(chains::block_with_longer_events(number, 3));
    let bad = [5, 400, 999, 1_050];
    let (ill, store) = (Ill::new(&chain, &bad), Arc::new(ObjectStorage::memory()));
    let report = follow(ill.clone(), &store, LAST).await?;
    assert_eq!((report.done, &report.quarantined[..]), (LAST, &bad[..]));
    next(LAST + 1);
    assert_eq!(follow(ill.clone(), &store, LAST + 1).await?.quarantined, bad);
    next(LAST + 2);
    ill.heal();
    // Windows that are complete are mended; that of block 1,050 is not.
    let report = follow(ill.clone(), &store, LAST + 2).await?;
    assert_eq!((report.done, &report.quarantined[..]), (1, &[1_050][..]));
    let never = Arc::new(ObjectStorage::memory());
    follow(ill, &never, LAST + 2).await?;
    let (objects, expected) = (Objects::of(&*store).await?, Objects::of(&*never).await?);
    assert!(!expected.artifacts().is_empty());
    assert_eq!(expected.difference(&objects), [""; 0]);
    assert!(runs::verdict(&Truth::of(&chain.source, 1..=999).await?, &objects, "local")?.is_clean());
    Ok(())
}

/// A block that nobody can read makes its runtime doubtful: the metadata are asked for once more, for each runtime once,
/// however many such blocks there are.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_nobody_can_read_do_not_fetch_metadata_for_ever() -> Outcome {
    let last = 240;
    let bad: Vec<u64> = (1..=20).map(|nth| nth * 11 + 3).collect();
    let chain = SixSpecs::new(last, &bad);
    let node = Node::serve(Arc::new(chain.source.clone())).await?;
    let store = Arc::new(ObjectStorage::memory());
    let report = backfill(Arc::new(rpc::connect(&node).await?), &store, last).await?;
    assert_eq!(report.quarantined, bad);
    let aside = put_aside(&*store).await?;
    assert_eq!(aside.iter().filter(|(_, block)| block["events"].is_string()).count(), 20, "with their bytes");
    let requests = metadata_fetched(&node);
    println!("20 blocks that nobody can read, of 6 runtimes: metadata asked for {requests} times");
    assert!((6..=12).contains(&requests), "{:?}", node.counts());
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    const_hex::encode_prefixed(bytes)
}
