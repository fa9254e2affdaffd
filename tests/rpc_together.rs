//! Blocks that are asked for together: what is well comes so, and any other is read alone.

use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use sentinel_core::chain::Finality;
use sentinel_core::source::{BlockSource, MemorySource, RpcOptions, RpcSource, SourceError};
use sentinel_support::chains;
use sentinel_support::node::{Answer, Limit, Node};
use sentinel_support::rpc::{Transport, connect, connect_by};

type Outcome = Result<(), Box<dyn Error>>;

const LAST: u64 = 600;

async fn chain() -> Result<(MemorySource, Node), Box<dyn Error>> {
    let chain = chains::long(LAST);
    let node = Node::serve(Arc::new(chain.clone())).await?;
    Ok((chain, node))
}

/// Reads blocks together, and looks at each of them.
async fn read(source: &RpcSource, chain: &MemorySource, heights: RangeInclusive<u64>) -> Outcome {
    let blocks = source.blocks(heights.clone()).await;
    assert_eq!(blocks.len(), heights.clone().count());
    for (number, block) in heights.zip(blocks) {
        let (block, truth) = (block?, chain.block(number.into()).await?);
        assert_eq!((block.header, block.extrinsics), (truth.header, truth.extrinsics), "block {number}");
        assert_eq!((block.events, block.timestamp_ms), (truth.events, truth.timestamp_ms), "block {number}");
    }
    Ok(())
}

/// How often a body and a state were asked for.
fn asked(node: &Node) -> (usize, usize) {
    (node.count("chain_getBlock"), node.count("state_queryStorageAt"))
}

#[tokio::test]
async fn each_takes_two_requests_and_hashes_come_in_lists() -> Outcome {
    let (chain, node) = chain().await?;
    let source = connect(&node).await?;
    source.head(Finality::Finalized).await?;
    node.forget_calls();
    for first in (1..=LAST - 40).step_by(40) {
        read(&source, &chain, first..=first + 39).await?;
    }
    assert_eq!(asked(&node), (560, 560));
    // Three lists; and each connection that is opened because there is much to ask greets with one.
    assert!((3..=5).contains(&node.count("chain_getBlockHash")), "{:?}", node.counts());
    assert_eq!(node.count("state_getRuntimeVersion"), 1);
    Ok(())
}

#[tokio::test]
async fn what_was_prepared_is_read_together_before_the_head_is_known() -> Outcome {
    let (chain, node) = chain().await?;
    let source = connect(&node).await?;
    node.forget_calls();
    source.prepare(1..=LAST).await;
    let prepared = asked(&node);
    read(&source, &chain, 1..=16).await?;
    assert_eq!(asked(&node), (prepared.0 + 16, prepared.1 + 16));
    assert_eq!(
        (node.count("chain_getBlockHash"), node.count("state_getRuntimeVersion")),
        (3, 1),
        "{:?}",
        node.counts()
    );
    Ok(())
}

/// Whatever becomes of one request, its block is read alone, and those beside it are not asked for again.
#[tokio::test]
async fn one_that_comes_to_nothing_is_read_alone() -> Outcome {
    let other = |mut answer: serde_json::Value| {
        answer["block"]["header"]["number"] = "0x7".into();
        answer
    };
    let (chain, node) = chain().await?;
    let source = connect(&node).await?;
    source.head(Finality::Finalized).await?;
    read(&source, &chain, 1..=16).await?;
    let answers = [
        ("chain_getBlock", Answer::null()),
        ("chain_getBlock", Answer::edited(other)),
        ("chain_getBlock", Answer::Value("nonsense".into())),
        ("state_queryStorageAt", Answer::Value(serde_json::json!([]))),
        ("state_queryStorageAt", Answer::error(4_003, "State already discarded")),
        // It may have too much to do: from here on it gets less at once.
        ("chain_getBlock", Answer::error(-32_603, "Internal error")),
    ];
    for (method, answer) in answers {
        println!("{method} {answer:?}");
        node.forget_calls();
        node.script_once(method, answer);
        read(&source, &chain, 101..=116).await?;
        assert_eq!(asked(&node), (17, 17));
    }
    Ok(())
}

#[tokio::test]
async fn refusals_cost_no_block() -> Outcome {
    let (chain, node) = chain().await?;
    let source = connect(&node).await?;
    source.head(Finality::Finalized).await?;
    read(&source, &chain, 1..=16).await?;
    node.limit(Some(Limit::Percent { percent: 20, seed: 7 }));
    for first in (17..=176).step_by(16) {
        read(&source, &chain, first..=first + 15).await?;
    }
    assert!(node.refused() > 0, "{:?}", node.counts());
    Ok(())
}

#[tokio::test]
async fn a_connection_that_ends_costs_no_block() -> Outcome {
    let (chain, node) = chain().await?;
    let source = connect(&node).await?;
    source.head(Finality::Finalized).await?;
    for first in [1, 101, 201] {
        node.script_once("chain_getBlock", Answer::HangUp);
        read(&source, &chain, first..=first + 31).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_never_answered_is_asked_again_when_its_time_is_over() -> Outcome {
    let (chain, node) = chain().await?;
    let options = RpcOptions { request_timeout: Duration::from_millis(300), ..RpcOptions::default() };
    let source = RpcSource::connect(&node.ws_url(), options).await?;
    source.head(Finality::Finalized).await?;
    read(&source, &chain, 1..=16).await?;
    node.forget_calls();
    node.script_once("state_queryStorageAt", Answer::Never);
    read(&source, &chain, 17..=32).await?;
    assert_eq!(asked(&node), (17, 17));
    assert_eq!(source.stats().endpoints[0].timeouts, 1);
    Ok(())
}

#[tokio::test]
async fn beyond_the_head_is_no_block() -> Outcome {
    let (chain, node) = chain().await?;
    let source = connect(&node).await?;
    source.head(Finality::Finalized).await?;
    let blocks = source.blocks(LAST - 1..=LAST + 2).await;
    for (number, block) in (LAST - 1..).zip(blocks) {
        match block {
            Ok(block) => assert_eq!(block.header, chain.block(number.into()).await?.header),
            Err(error) => assert!(number > LAST && matches!(error, SourceError::UnknownBlock { .. }), "{error:?}"),
        }
    }
    assert!(source.blocks(RangeInclusive::new(7, 6)).await.is_empty());
    Ok(())
}

#[tokio::test]
async fn where_nothing_can_be_asked_together_each_is_asked_alone() -> Outcome {
    let (chain, node) = chain().await?;
    read(&connect_by(&node, Transport::Http).await?, &chain, 1..=16).await?;
    let slow = RpcOptions { requests_per_second: Some(10_000.0), ..RpcOptions::default() };
    read(&RpcSource::connect(&node.ws_url(), slow).await?, &chain, 1..=16).await?;
    node.script("state_queryStorageAt", Answer::no_method());
    read(&connect(&node).await?, &chain, 1..=16).await?;
    Ok(())
}
