//! Lying, pruned and limiting nodes: nothing wrong is handed out, everything right is, in the end.
//!
//! `SENTINEL_AT=full cargo test --release --test at_nodes -- --include-ignored --nocapture` runs it at full size.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use sentinel_core::chain::BlockId;
use sentinel_core::decode::storage_prefix;
use sentinel_core::source::{BlockSource, MemorySource, RawBlock, RetryBudget, RpcOptions, RpcSource, SourceError};
use sentinel_support::node::{Answer, Node};
use sentinel_support::rng::Rng;
use sentinel_support::rpc::{connect, quick};
use sentinel_support::{chains, runtimes};
use serde_json::{Value, json};

type Outcome = Result<(), Box<dyn Error>>;

/// What nodes of several versions and gateways say of a state that they dropped.
const PRUNED: [(i32, &str); 14] = [
    (4003, "Client error: UnknownBlock: State already discarded for 0x12"),
    (4003, "Client error: Api called for an unknown Block: State already discarded for 0x12"),
    (-32603, "Client error: UnknownBlock: State already discarded for 0x12"),
    (-32603, "Internal error: state already discarded for BlockId::Hash(0x12)"),
    (-32000, "Client error: State already discarded for 0x12"),
    (1002, "Verification Error: Runtime error: Api called for an unknown Block: State already discarded"),
    (-32603, "Unknown block: State already discarded for 0x12"),
    (4003, "STATE ALREADY DISCARDED"),
    (-32000, "state has been pruned"),
    (-32000, "historical state 0x12 is not available"),
    (0, "State has been discarded for 0x12"),
    (4003, "Client error: Trie lookup error: Database missing expected key: 0x12"),
    (-32000, "missing trie node 0x12"),
    (-32602, "an archive node is required for this block"),
];

fn size(small: u64, full: u64) -> u64 {
    if std::env::var("SENTINEL_AT").is_ok_and(|size| size == "full") { full } else { small }
}

fn chain(last: u64) -> MemorySource {
    let chain = MemorySource::new("made up", runtimes::raonet_218());
    for number in 1..=last {
        chain.push(chains::block(number));
    }
    chain
}

async fn serve(last: u64) -> Result<Node, Box<dyn Error>> {
    Ok(Node::serve(Arc::new(chain(last))).await?)
}

/// A block is what the chain made it.
fn is_right(block: &RawBlock, number: u64) -> bool {
    let made = chains::block(number);
    block.header.header.number == number
        && block.extrinsics == made.extrinsics
        && block.events == made.events
        && block.timestamp_ms == made.timestamp_ms
}

#[tokio::test]
async fn every_spelling_of_a_pruned_state_is_understood() -> Outcome {
    let node = serve(9).await?;
    let source = connect(&node).await?;
    let at = source.header(5.into()).await?.reference();
    let mut understood = 0;
    for (code, message) in PRUNED {
        node.script("state_queryStorageAt", Answer::error(code, message));
        node.script("state_call", Answer::error(code, message));
        node.forget_calls();
        let read = source.storage(&at, &[chains::tempo_key(1)]).await;
        let call = source.call(&at, "Core_version", &[]).await;
        for answer in [read.map(drop), call.map(drop)] {
            assert!(
                matches!(&answer, Err(SourceError::StatePruned { block: BlockId::Number(5), .. })),
                "{code} {message}: {answer:?}"
            );
        }
        assert_eq!((node.count("state_queryStorageAt"), node.count("state_call")), (1, 1), "no retry: {message}");
        understood += 1;
    }
    println!("spellings={understood}/{}", PRUNED.len());
    Ok(())
}

/// Reads all blocks, several at once and in any order; gives the number that are right.
async fn read_right(source: &RpcSource, last: u64, seed: u64) -> Result<u64, Box<dyn Error>> {
    let mut rng = Rng::new(seed);
    let mut order: Vec<u64> = (1..=last).collect();
    (1..order.len()).rev().for_each(|end| order.swap(end, rng.below(end + 1)));
    let mut blocks = futures::stream::iter(order)
        .map(|number| async move { (number, source.block(number.into()).await) })
        .buffer_unordered(4);
    let mut right = 0;
    while let Some((number, block)) = blocks.next().await {
        right += u64::from(is_right(&block?, number));
    }
    Ok(right)
}

async fn archive_behind_a_pruned_node(last: u64) -> Outcome {
    let live = chain(last);
    let dropped = last - last / 10;
    live.prune(dropped + 1);
    let (live, archive) = (Node::serve(Arc::new(live)).await?, serve(last).await?);
    let source = RpcSource::connect_any(&[&live.ws_url(), &archive.ws_url()], quick()).await?;
    let mut wasted = 0;
    for number in 1..=last {
        assert!(is_right(&source.block(number.into()).await?, number), "block {number}");
        if number == dropped {
            wasted = live.count("state_queryStorageAt");
        }
    }
    println!("blocks={last} pruned={dropped} wasted={wasted} {:?}", source.stats());
    assert!(wasted <= 10, "{wasted} questions about {dropped} dropped states");
    // All at once, before anything is known: at most one for each.
    live.forget_calls();
    let source = RpcSource::connect_any(&[&live.ws_url(), &archive.ws_url()], quick()).await?;
    assert_eq!(read_right(&source, last, 1).await?, last);
    assert!(live.count("state_queryStorageAt") as u64 <= last);
    Ok(())
}

#[tokio::test]
async fn a_pruned_primary_costs_little_and_an_archive_makes_up_for_it() -> Outcome {
    archive_behind_a_pruned_node(100).await
}

#[tokio::test]
#[ignore = "takes longer: run with SENTINEL_AT=full"]
async fn a_pruned_primary_at_full_size() -> Outcome {
    archive_behind_a_pruned_node(1000).await
}

/// Changes the value of a storage item in answers to batch reads.
fn with_item(pallet: &str, item: &str, value: Value) -> Answer {
    let key = const_hex::encode_prefixed(storage_prefix(pallet, item));
    Answer::edited(move |mut answer| {
        for change in answer[0]["changes"].as_array_mut().into_iter().flatten() {
            if change[0] == key.as_str() {
                change[1] = value.clone();
            }
        }
        answer
    })
}

#[tokio::test]
async fn no_lie_becomes_a_row() -> Outcome {
    let each = size(10, 100);
    let liar = serve(each + 1).await?;
    let zero = json!(const_hex::encode_prefixed(0u64.to_le_bytes()));
    let early = json!(const_hex::encode_prefixed(7u64.to_le_bytes()));
    let number = json!(const_hex::encode_prefixed(u32::MAX.to_le_bytes()));
    let lies = [
        ("a time of 0", with_item("Timestamp", "Now", zero)),
        ("no time", with_item("Timestamp", "Now", Value::Null)),
        ("a time that runs back", with_item("Timestamp", "Now", early)),
        ("no events", with_item("System", "Events", Value::Null)),
        ("the number of another block", with_item("System", "Number", number)),
    ];
    let (mut rejected, mut right) = (0, 0);
    for (lie, answer) in lies {
        let alone = connect(&liar).await?;
        for number in 2..=each + 1 {
            liar.unscript();
            alone.block((number - 1).into()).await?;
            liar.script("state_queryStorageAt", answer.clone());
            let block = alone.block(number.into()).await;
            assert!(matches!(&block, Err(SourceError::Lying { .. })), "{lie}: {block:?}");
            rejected += 1;
        }
        if lie == "a time that runs back" {
            // Nobody can tell of one block without its parent.
            continue;
        }
        let honest = serve(each + 1).await?;
        let source = RpcSource::connect_any(&[&liar.ws_url(), &honest.ws_url()], quick()).await?;
        right += read_right(&source, each + 1, 2).await?;
    }
    println!("lies={rejected} rejected={rejected} right={right}");
    assert_eq!((rejected, right), (5 * each, 4 * (each + 1)));
    Ok(())
}

/// For a while every third answer is "too many", in the words of three nodes and gateways; everything comes all the same.
#[tokio::test]
async fn a_limiting_node_gives_everything_in_the_end() -> Outcome {
    let last = size(100, 1000);
    let node = serve(last).await?;
    let options = RpcOptions { retry_budget: RetryBudget { retries: 50, within: Duration::from_secs(120) }, ..quick() };
    let source = RpcSource::connect(&node.ws_url(), options).await?;
    let limits = [(429, "Too Many Requests"), (-32004, "Historical work rate limit exceeded"), (-32029, "")];
    let mut rng = Rng::new(7);
    for method in ["chain_getBlockHash", "chain_getBlock", "state_queryStorageAt", "state_getRuntimeVersion"] {
        for _ in 0..last / 5 {
            let (code, message) = *rng.pick(&limits);
            let answer = if rng.percent(30) { Answer::error(code, message) } else { Answer::Real };
            node.script_once(method, answer);
        }
    }
    assert_eq!(read_right(&source, last, 3).await?, last);
    let stats = source.stats();
    println!("blocks={last} {stats:?}");
    assert!(stats.endpoints[0].rate_limited > last / 10, "it did limit: {stats:?}");
    Ok(())
}

/// It says of everything that it has it, and has little: what is missing is found out by asking, in few questions.
#[tokio::test]
async fn what_a_node_lists_is_not_believed() -> Outcome {
    let node = serve(9).await?;
    for method in ["state_queryStorageAt", "chain_subscribeFinalizedHeads", "state_call"] {
        node.script(method, Answer::no_method());
    }
    let source = connect(&node).await?;
    assert!(node.calls().len() <= 5, "{:?}", node.counts());
    assert_eq!(read_right(&source, 9, 4).await?, 9);
    let mut blocks = source.finalized(1);
    for number in 1..=9 {
        assert!(is_right(&blocks.next().await.ok_or("it ended")??, number));
    }
    assert_eq!(
        (node.count("rpc_methods"), node.count("state_queryStorageAt").min(5)),
        (0, node.count("state_queryStorageAt"))
    );
    Ok(())
}
