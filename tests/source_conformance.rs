//! Every source keeps the promises of `BlockSource`.

use std::error::Error;
use std::sync::Arc;

use sentinel_core::chain::Finality;
use sentinel_core::conformance::{self, ChainFacts};
use sentinel_core::source::{BlockSource, RpcOptions, RpcSource};
use sentinel_support::node::{Answer, Node, NodeOptions};
use sentinel_support::rpc::{BOTH, connect, connect_by, quick};
use sentinel_support::{chains, runtimes};

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::test]
async fn a_chain_in_memory_conforms() -> Outcome {
    let (chain, facts) = chains::upgrading(8);
    conformance::block_source(&chain, &facts).await?;
    chain.finish();
    Ok(conformance::block_source(&chain, &facts).await?)
}

#[tokio::test]
async fn a_node_conforms_over_websocket_and_http() -> Outcome {
    for transport in BOTH {
        let (chain, facts) = chains::upgrading(8);
        let node = Node::serve(Arc::new(chain)).await?;
        conformance::block_source(&connect_by(&node, transport).await?, &facts).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_node_conforms_whatever_it_leaves_out() -> Outcome {
    let (chain, facts) = chains::upgrading(8);
    let more_metadata = vec![runtimes::SUBTENSOR_461_V14.to_vec()];
    let options = NodeOptions { more_metadata, ..NodeOptions::default() };
    let node = Node::serve_with(Arc::new(chain), options).await?;
    for method in ["state_queryStorageAt", "chain_subscribeFinalizedHeads", "chain_subscribeNewHeads"] {
        node.script(method, Answer::no_method());
    }
    conformance::block_source(&connect(&node).await?, &facts).await?;
    assert!(node.count("state_getStorage") > 0);
    Ok(())
}

#[tokio::test]
async fn a_node_conforms_when_everything_comes_in_small_pieces() -> Outcome {
    let (chain, facts) = chains::upgrading(100);
    let node = Node::serve(Arc::new(chain)).await?;
    let source = RpcSource::connect(&node.ws_url(), RpcOptions { page: 7, batch: 3, ..quick() }).await?;
    Ok(conformance::block_source(&source, &facts).await?)
}

/// The suite itself must be able to fail.
#[tokio::test]
async fn the_suite_reports_what_does_not_fit() -> Outcome {
    let (chain, facts) = chains::upgrading(8);
    let wrong = [
        ChainFacts { upgrades: vec![7], ..facts.clone() },
        ChainFacts { upgrades: vec![6, 7, 13], ..facts.clone() },
        ChainFacts { last: 21, ..facts.clone() },
        ChainFacts { absent: vec![(20, chains::tempo_key(0))], ..facts.clone() },
        ChainFacts { prefixes: vec![(20, chains::tempo_key(500))], ..facts.clone() },
        ChainFacts { missing_calls: vec![(20, "SubnetInfoRuntimeApi_get_subnets_info".to_owned())], ..facts },
    ];
    for facts in wrong {
        let report = conformance::block_source(&chain, &facts).await;
        assert!(report.is_err(), "nothing was noticed: {facts:?}");
        chain.finish();
    }
    Ok(())
}

/// The last blocks of a real chain; more of them where `SENTINEL_TEST_FIRST_BLOCK` says from which on.
#[tokio::test]
#[ignore = "needs a node: set SENTINEL_TEST_ENDPOINT to its URL"]
async fn a_live_node_conforms() -> Outcome {
    let source = RpcSource::connect(&std::env::var("SENTINEL_TEST_ENDPOINT")?, RpcOptions::default()).await?;
    let last = source.head(Finality::Finalized).await?.number;
    let first = match std::env::var("SENTINEL_TEST_FIRST_BLOCK") {
        Ok(first) => first.parse()?,
        Err(_) => last.saturating_sub(100),
    };
    let mut upgrades = Vec::new();
    for number in first.max(1)..=last {
        let block = source.block(number.into()).await?;
        if source.runtime(&block.reference()).await?.digest() != block.runtime.digest() {
            upgrades.push(number);
        }
    }
    let facts = ChainFacts {
        first,
        last,
        upgrades,
        prefixes: vec![(last, chains::tempo_key(0).slice(..32))],
        absent: vec![(last, chains::tempo_key(u16::MAX))],
        calls: vec![(last, "SubnetInfoRuntimeApi_get_subnets_info".to_owned(), Vec::new())],
        missing_calls: vec![(last, "NoSuchApi_nothing".to_owned())],
    };
    println!("blocks {first} to {last} of {}, upgrades in {:?}", source.endpoint(), facts.upgrades);
    Ok(conformance::block_source(&source, &facts).await?)
}
