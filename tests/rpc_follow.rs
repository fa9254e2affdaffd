//! Following a chain: finalized blocks without gaps, the best chain with its re-organisations.

use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use sentinel_core::source::{BestUpdate, BlockSource, MemorySource, RawBlock, RpcOptions, RpcSource, SourceError};
use sentinel_support::node::{Answer, Node};
use sentinel_support::rpc::{BOTH, connect, connect_by, quick};
use sentinel_support::{chains, runtimes};
use tokio::time::timeout;

type Outcome = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(10);

/// A chain of blocks 0 to `last`, all finalized, and a node in front of it.
async fn chain(last: u64) -> Result<(MemorySource, Node), Box<dyn Error>> {
    let chain = MemorySource::new("made up", runtimes::raonet_218());
    push(&chain, 1..=last);
    let node = Node::serve(Arc::new(chain.clone())).await?;
    Ok((chain, node))
}

fn push(chain: &MemorySource, blocks: RangeInclusive<u64>) {
    for number in blocks {
        chain.push(chains::block(number));
    }
}

fn push_unfinalized(chain: &MemorySource, blocks: RangeInclusive<u64>) {
    for number in blocks {
        chain.push_unfinalized(chains::block(number));
    }
}

type Blocks<'a> = BoxStream<'a, Result<RawBlock, SourceError>>;

/// The heights of the next `count` blocks.
async fn heights(stream: &mut Blocks<'_>, count: usize) -> Result<Vec<u64>, Box<dyn Error>> {
    let mut heights = Vec::new();
    while heights.len() < count {
        let block = timeout(PATIENCE, stream.next()).await?.ok_or("the stream ended")??;
        heights.push(block.header.header.number);
    }
    Ok(heights)
}

/// What the best chain did next: `+height` or `-height rolled back to`.
async fn steps(
    stream: &mut BoxStream<'_, Result<BestUpdate, SourceError>>,
    count: usize,
) -> Result<Vec<String>, Box<dyn Error>> {
    let mut steps = Vec::new();
    while steps.len() < count {
        steps.push(match timeout(PATIENCE, stream.next()).await?.ok_or("the stream ended")?? {
            BestUpdate::Applied(block) => format!("+{}", block.header.header.number),
            BestUpdate::RolledBack { to } => format!("-{}", to.number),
        });
    }
    Ok(steps)
}

#[tokio::test]
async fn finalized_blocks_come_from_the_past_into_the_present() -> Outcome {
    for transport in BOTH {
        let (chain, node) = chain(3).await?;
        let source = connect_by(&node, transport).await?;
        let mut blocks = source.finalized(2);
        assert_eq!(heights(&mut blocks, 2).await?, [2, 3]);
        chain.push(chains::block(4));
        assert_eq!(heights(&mut blocks, 1).await?, [4]);
        // Several become final at once, and the head is announced once.
        push_unfinalized(&chain, 5..=9);
        chain.finalize(9);
        assert_eq!(heights(&mut blocks, 5).await?, [5, 6, 7, 8, 9]);
    }
    Ok(())
}

#[tokio::test]
async fn a_start_beyond_the_head_waits_for_it() -> Outcome {
    for transport in BOTH {
        let (chain, node) = chain(3).await?;
        let source = connect_by(&node, transport).await?;
        let mut blocks = source.finalized(5);
        assert!(timeout(Duration::from_millis(100), blocks.next()).await.is_err());
        push(&chain, 4..=6);
        assert_eq!(heights(&mut blocks, 2).await?, [5, 6]);
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_final_is_not_given() -> Outcome {
    let (chain, node) = chain(3).await?;
    let source = connect(&node).await?;
    chain.push_unfinalized(chains::block(4));
    let mut blocks = source.finalized(3);
    assert_eq!(heights(&mut blocks, 1).await?, [3]);
    assert!(timeout(Duration::from_millis(100), blocks.next()).await.is_err());
    chain.finalize(4);
    assert_eq!(heights(&mut blocks, 1).await?, [4]);
    Ok(())
}

#[tokio::test]
async fn a_hole_stops_the_stream_and_is_filled_later() -> Outcome {
    let (chain, node) = chain(4).await?;
    // Nothing is read ahead, so that the script meets block 5.
    let source = RpcSource::connect(&node.ws_url(), RpcOptions { prefetch: 1, ..quick() }).await?;
    let mut blocks = source.finalized(1);
    assert_eq!(heights(&mut blocks, 4).await?, [1, 2, 3, 4]);
    // A lagging backend: no hash, no body, another block's hash.
    let other = source.header(2.into()).await?.hash;
    node.script_once("chain_getBlockHash", Answer::null());
    push(&chain, 5..=9);
    let error = timeout(PATIENCE, blocks.next()).await?.ok_or("the stream ended")?;
    assert!(matches!(error, Err(SourceError::Lying { .. })), "{error:?}");
    for (method, answer) in
        [("chain_getBlock", Answer::null()), ("chain_getBlockHash", Answer::Value(other.to_string().into()))]
    {
        node.script_once(method, answer);
        let error = timeout(PATIENCE, blocks.next()).await?.ok_or("the stream ended")?;
        assert!(matches!(error, Err(SourceError::Lying { .. })), "{error:?}");
    }
    assert_eq!(heights(&mut blocks, 5).await?, [5, 6, 7, 8, 9]);
    Ok(())
}

#[tokio::test]
async fn a_block_of_another_branch_is_refused() -> Outcome {
    let (chain, node) = chain(3).await?;
    chain.push_unfinalized(chains::block(14));
    let stranger = chain.push_unfinalized(chains::block(15));
    chain.roll_back(3);
    push(&chain, 4..=4);

    let source = RpcSource::connect(&node.ws_url(), RpcOptions { prefetch: 1, ..quick() }).await?;
    let mut blocks = source.finalized(3);
    assert_eq!(heights(&mut blocks, 2).await?, [3, 4]);
    node.script_once("chain_getBlockHash", Answer::Value(stranger.hash.to_string().into()));
    push(&chain, 5..=5);
    let error = timeout(PATIENCE, blocks.next()).await?.ok_or("the stream ended")?;
    assert!(matches!(&error, Err(error) if error.to_string().contains("its parent is")), "{error:?}");
    assert_eq!(heights(&mut blocks, 1).await?, [5]);
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_does_not_end_the_stream() -> Outcome {
    let (chain, node) = chain(3).await?;
    let source = connect(&node).await?;
    let mut blocks = source.finalized(3);
    assert_eq!(heights(&mut blocks, 1).await?, [3]);
    for number in 4..=8 {
        node.hang_up();
        chain.push(chains::block(number));
        assert_eq!(heights(&mut blocks, 1).await?, [number]);
    }
    Ok(())
}

#[tokio::test]
async fn a_silent_subscription_is_noticed() -> Outcome {
    let (chain, node) = chain(3).await?;
    node.script("chain_subscribeFinalizedHeads", Answer::Never);
    let options = RpcOptions { silence: Duration::from_millis(50), ..quick() };
    let source = RpcSource::connect(&node.ws_url(), options).await?;
    let mut blocks = source.finalized(3);
    assert_eq!(heights(&mut blocks, 1).await?, [3]);
    assert!(timeout(Duration::from_millis(120), blocks.next()).await.is_err());
    chain.push(chains::block(4));
    assert_eq!(heights(&mut blocks, 1).await?, [4]);
    assert!(node.count("chain_subscribeFinalizedHeads") > 1);
    Ok(())
}

#[tokio::test]
async fn the_best_chain_rolls_back_to_where_the_branches_part() -> Outcome {
    for transport in BOTH {
        let (chain, node) = chain(3).await?;
        let source = connect_by(&node, transport).await?;
        push_unfinalized(&chain, 4..=6);
        let mut best = source.best(2);
        assert_eq!(steps(&mut best, 5).await?, ["+2", "+3", "+4", "+5", "+6"]);
        // A longer branch from block 4.
        chain.roll_back(4);
        push_unfinalized(&chain, 15..=17);
        assert_eq!(steps(&mut best, 4).await?, ["-4", "+5", "+6", "+7"]);
        // A branch of the same length.
        chain.roll_back(6);
        chain.push_unfinalized(chains::block(27));
        assert_eq!(steps(&mut best, 2).await?, ["-6", "+7"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_branch_from_before_the_start_undoes_everything() -> Outcome {
    let (chain, node) = chain(1).await?;
    let source = connect(&node).await?;
    push_unfinalized(&chain, 2..=5);
    let mut best = source.best(4);
    assert_eq!(steps(&mut best, 2).await?, ["+4", "+5"]);
    chain.roll_back(2);
    push_unfinalized(&chain, 13..=16);
    assert_eq!(steps(&mut best, 4).await?, ["-3", "+4", "+5", "+6"]);
    Ok(())
}

#[tokio::test]
async fn a_chain_in_memory_rolls_back_the_same_way() -> Outcome {
    let (chain, _) = chain(3).await?;
    push_unfinalized(&chain, 4..=6);
    let mut best = chain.best(2);
    assert_eq!(steps(&mut best, 5).await?, ["+2", "+3", "+4", "+5", "+6"]);
    chain.roll_back(4);
    push_unfinalized(&chain, 15..=17);
    assert_eq!(steps(&mut best, 4).await?, ["-4", "+5", "+6", "+7"]);
    chain.finish();
    assert!(best.next().await.is_none());
    Ok(())
}
