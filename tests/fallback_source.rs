//! Two sources of one chain: the young blocks from one, the old ones from the other.

use std::error::Error;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use sentinel_core::chain::Header;
use sentinel_core::conformance;
use sentinel_core::source::{
    BestUpdate, BlockSource, FallbackSource, MemoryBlock, MemorySource, RpcOptions, RpcSource, RuntimeCache,
    SourceError,
};
use sentinel_support::node::Node;
use sentinel_support::rpc::{connect, quick};
use sentinel_support::{chains, runtimes};

type Outcome = Result<(), Box<dyn Error>>;

/// The same chain of blocks 0 to `last` twice; nothing below `kept` has a state in the first.
fn twice(last: u64, kept: u64) -> (MemorySource, MemorySource) {
    let chain = || {
        let chain = MemorySource::new("made up", runtimes::raonet_218());
        for number in 1..=last {
            chain.push(chains::block(number));
        }
        chain
    };
    let live = chain();
    live.prune(kept);
    (live, chain())
}

struct Pair {
    live: Node,
    archive: Node,
    source: FallbackSource,
}

async fn pair(last: u64, kept: u64, age: u64) -> Result<Pair, Box<dyn Error>> {
    let (live, archive) = twice(last, kept);
    let (live, archive) = (Node::serve(Arc::new(live)).await?, Node::serve(Arc::new(archive)).await?);
    let source = FallbackSource::new(Arc::new(connect(&live).await?), Arc::new(connect(&archive).await?), age).await?;
    live.forget_calls();
    archive.forget_calls();
    Ok(Pair { live, archive, source })
}

#[tokio::test]
async fn it_conforms() -> Outcome {
    for age in [0, 5, 256] {
        let ((live, facts), (archive, _)) = (chains::upgrading(8), chains::upgrading(8));
        let source = FallbackSource::new(Arc::new(live), Arc::new(archive), age).await?;
        conformance::block_source(&source, &facts).await?;
    }
    let ((live, facts), (archive, _)) = (chains::upgrading(8), chains::upgrading(8));
    live.prune(11);
    let source = FallbackSource::new(Arc::new(live), Arc::new(archive), 256).await?;
    Ok(conformance::block_source(&source, &facts).await?)
}

#[tokio::test]
async fn age_decides_who_is_asked() -> Outcome {
    let Pair { live, archive, source } = pair(40, 31, 9).await?;
    for number in [1, 15, 30] {
        assert_eq!(source.block(number.into()).await?.header.header.number, number);
    }
    assert!(live.calls().is_empty(), "{:?}", live.counts());
    archive.forget_calls();
    for number in [31, 35, 40] {
        source.block(number.into()).await?;
    }
    assert!(archive.calls().is_empty(), "{:?}", archive.counts());
    Ok(())
}

/// The live node keeps ten states where 256 were expected: what it lacks costs one question in all, not one for each block.
#[tokio::test]
async fn a_horizon_is_remembered() -> Outcome {
    let Pair { live, archive: _archive, source } = pair(40, 31, 256).await?;
    let mut wasted = 0;
    for number in (1..=30).rev() {
        let at = source.header(number.into()).await?.reference();
        live.forget_calls();
        assert!(source.storage(&at, &[chains::tempo_key(1)]).await?[0].is_some());
        wasted += live.count("state_queryStorageAt");
    }
    assert_eq!(wasted, 1);
    // Upwards, where every block is younger than what is known.
    let Pair { live, archive: _archive, source } = pair(40, 31, 256).await?;
    for number in 1..=40 {
        source.block(number.into()).await?;
    }
    // Ten that it has, and some guesses.
    assert!(live.count("state_queryStorageAt") <= 10 + 4, "{:?}", live.counts());
    Ok(())
}

#[tokio::test]
async fn a_prefix_of_an_old_state_is_whole() -> Outcome {
    let Pair { live: _live, archive: _archive, source } = pair(40, 31, 256).await?;
    for number in [3, 39] {
        let at = source.header(number.into()).await?.reference();
        let pairs: Vec<_> = source.storage_prefix(at, chains::tempo_key(0).slice(..32)).try_collect().await?;
        assert_eq!(pairs.len() as u64, number.min(7), "block {number}");
    }
    Ok(())
}

#[tokio::test]
async fn the_streams_run_from_the_archive_into_the_present() -> Outcome {
    for (kept, age) in [(31, 9), (31, 256), (1, 9)] {
        let Pair { live: _live, archive: _archive, source } = pair(40, kept, age).await?;
        let blocks: Vec<_> = source.finalized(1).take(40).try_collect().await?;
        assert!(blocks.iter().map(|block| block.header.header.number).eq(1..=40), "kept {kept}, age {age}");
        let best: Vec<_> = source.best(1).take(40).try_collect().await?;
        let heights = best.iter().map(|update| match update {
            BestUpdate::Applied(block) => block.header.header.number,
            BestUpdate::RolledBack { .. } => 0,
        });
        assert!(heights.eq(1..=40), "kept {kept}, age {age}");
    }
    Ok(())
}

/// A recording that ends before the live node begins to keep states: the hole is an error, and no block comes after it.
#[tokio::test]
async fn a_hole_between_the_two_is_not_passed() -> Outcome {
    let (live, _) = twice(40, 31);
    let (archive, _) = twice(20, 1);
    archive.finish();
    let live = Node::serve(Arc::new(live)).await?;
    let source = FallbackSource::new(Arc::new(connect(&live).await?), Arc::new(archive), 9).await?;
    let mut blocks = source.finalized(18);
    for number in 18..=20 {
        assert_eq!(blocks.next().await.ok_or("it ended")??.header.header.number, number);
    }
    for _ in 0..3 {
        let item = blocks.next().await.ok_or("it ended")?;
        assert!(matches!(&item, Err(SourceError::StatePruned { .. })), "{item:?}");
    }
    Ok(())
}

#[tokio::test]
async fn two_chains_are_refused() -> Outcome {
    let (live, _) = twice(4, 0);
    let first = live.header(1.into()).await?.header;
    let genesis = MemoryBlock { header: Some(Header { number: 0, ..first }), ..MemoryBlock::default() };
    let other = MemorySource::with_genesis("made up", runtimes::raonet_218(), genesis);
    let error = FallbackSource::new(Arc::new(live), Arc::new(other), 256).await.err().ok_or("it was accepted")?;
    assert!(matches!(&error, SourceError::Fatal { .. }) && error.to_string().contains("another chain"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_shared_cache_downloads_each_runtime_once() -> Outcome {
    let (live, archive) = (chains::upgrading(8).0, chains::upgrading(8).0);
    let (live, archive) = (Node::serve(Arc::new(live)).await?, Node::serve(Arc::new(archive)).await?);
    let options = RpcOptions { runtimes: Some(RuntimeCache::default()), ..quick() };
    let source = FallbackSource::new(
        Arc::new(RpcSource::connect(&live.ws_url(), options.clone()).await?),
        Arc::new(RpcSource::connect(&archive.ws_url(), options).await?),
        5,
    )
    .await?;
    for number in 1..=20 {
        source.block(number.into()).await?;
    }
    let downloads = |node: &Node| node.count("state_getMetadata") + node.count_calls_of("Metadata_metadata_at_version");
    // 218 by V14 after one question for V15, 461 at once, 393 by V16 after V15.
    assert_eq!(downloads(&live) + downloads(&archive), 2 + 1 + 2);
    Ok(())
}
