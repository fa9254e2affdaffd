//! Answers that contradict themselves or the question are refused, and say so.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use sentinel_core::chain::{BlockId, Finality};
use sentinel_core::decode::storage_prefix;
use sentinel_core::source::{ArchiveSource, BlockSource, MemoryBlock, MemorySource, RawBlock, RpcSource, SourceError};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::node::{Answer, Node};
use sentinel_support::rpc::connect;
use sentinel_support::{chains, runtimes};
use serde_json::{Value, json};

type Outcome = Result<(), Box<dyn Error>>;

async fn upgrading() -> Result<(Node, RpcSource), Box<dyn Error>> {
    let (chain, _) = chains::upgrading(8);
    let node = Node::serve(Arc::new(chain)).await?;
    let source = connect(&node).await?;
    Ok((node, source))
}

fn assert_lie<T: std::fmt::Debug>(read: Result<T, SourceError>, about: &str) {
    match read {
        Err(error @ SourceError::Lying { .. }) => {
            assert!(error.to_string().contains(about), "{error}");
            assert!(error.is_retryable());
        }
        other => panic!("a refusal over `{about}` was expected, not {other:?}"),
    }
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

fn hex(bytes: &[u8]) -> Value {
    const_hex::encode_prefixed(bytes).into()
}

#[tokio::test]
async fn a_header_of_another_block() -> Outcome {
    let (node, source) = upgrading().await?;
    let six = source.header(6.into()).await?;
    node.script("chain_getBlockHash", Answer::Value(json!(six.hash)));
    assert_lie(source.header(5.into()).await, "the header of block 6");
    assert_lie(source.block(5.into()).await, "the header of block 6");
    Ok(())
}

#[tokio::test]
async fn a_header_that_does_not_hash_to_what_was_asked() -> Outcome {
    let (node, source) = upgrading().await?;
    // By another source: a header that is known is not asked for again.
    let five = connect(&node).await?.header(5.into()).await?;
    node.script(
        "chain_getHeader",
        Answer::edited(|mut header| {
            header["stateRoot"] = json!("0x".to_owned() + &"00".repeat(32));
            header
        }),
    );
    node.script(
        "chain_getBlock",
        Answer::edited(|mut block| {
            block["block"]["header"]["digest"]["logs"] = json!(["0x00"]);
            block
        }),
    );
    for id in [BlockId::Number(5), BlockId::Hash(five.hash)] {
        assert_lie(source.header(id).await, "whose hash is");
        assert_lie(source.block(id).await, "whose hash is");
    }
    Ok(())
}

/// The genesis is not known by the hash of its header, so that check cannot tell it from another block.
#[tokio::test]
async fn the_genesis_in_place_of_another_block() -> Outcome {
    let (node, source) = upgrading().await?;
    let five = connect(&node).await?.header(5.into()).await?.hash;
    let genesis = source.header(0.into()).await?;
    let header = json!({
        "parentHash": genesis.header.parent_hash,
        "number": "0x0",
        "stateRoot": hex(&genesis.header.state_root),
        "extrinsicsRoot": hex(&genesis.header.extrinsics_root),
        "digest": {"logs": []},
    });
    node.script("chain_getHeader", Answer::Value(header.clone()));
    node.script("chain_getBlock", Answer::Value(json!({"block": {"header": header, "extrinsics": []}})));
    // By a new source, which has not learnt the hash of the genesis yet, and by this one.
    for source in [connect(&node).await?, source] {
        assert_lie(source.header(five.into()).await, "the header of the genesis");
        assert_lie(source.block(five.into()).await, "the header of the genesis");
        assert_lie(source.head(Finality::Finalized).await, "the header of the genesis");
        assert_eq!(source.header(genesis.hash.into()).await?.hash, genesis.hash);
    }
    Ok(())
}

#[tokio::test]
async fn a_block_that_vanishes_after_its_hash_was_given() -> Outcome {
    let (node, source) = upgrading().await?;
    node.script("chain_getBlock", Answer::null());
    node.script("chain_getHeader", Answer::null());
    assert_lie(source.block(5.into()).await, "no block of that hash");
    assert_lie(source.header(5.into()).await, "no block of that hash");
    Ok(())
}

#[tokio::test]
async fn the_state_of_another_block() -> Outcome {
    let (node, source) = upgrading().await?;
    node.script("state_queryStorageAt", with_item("System", "Number", hex(&4u32.to_le_bytes())));
    let at = source.header(5.into()).await?.reference();
    assert_lie(source.block(5.into()).await, "the state of block 4");
    assert_lie(source.storage(&at, &[chains::tempo_key(1)]).await, "the state of block 4");
    let prefix: Result<Vec<_>, _> = source.storage_prefix(at, chains::tempo_key(1)).try_collect().await;
    assert_lie(prefix, "the state of block 4");
    Ok(())
}

#[tokio::test]
async fn a_missing_state_that_looks_empty() -> Outcome {
    let (node, source) = upgrading().await?;
    node.script("state_queryStorageAt", Answer::no_method());
    node.script("state_getStorage", Answer::null());
    let at = source.header(5.into()).await?.reference();
    assert_lie(source.storage(&at, &[chains::tempo_key(1)]).await, "without a block number");
    assert_lie(source.block(5.into()).await, "without a block number");
    Ok(())
}

#[tokio::test]
async fn a_block_without_events_or_time() -> Outcome {
    let (node, source) = upgrading().await?;
    for (pallet, item, value, about) in [
        ("System", "Events", Value::Null, "no events"),
        ("Timestamp", "Now", Value::Null, "no timestamp"),
        ("Timestamp", "Now", hex(&0u64.to_le_bytes()), "no timestamp"),
        ("Timestamp", "Now", hex(&[1]), "not 8 bytes"),
    ] {
        node.script("state_queryStorageAt", with_item(pallet, item, value));
        assert_lie(source.block(5.into()).await, about);
    }
    node.unscript();
    source.block(5.into()).await?;
    Ok(())
}

/// One record of System.NewAccount in extrinsic `index`.
fn event_of(index: u8) -> Value {
    hex(&[&[1 << 2, 0, index, 0, 0, 0, 0, 3], [7; 32].as_slice(), &[0]].concat())
}

#[tokio::test]
async fn events_of_an_extrinsic_that_the_block_does_not_have() -> Outcome {
    let (node, source) = upgrading().await?;
    node.script("state_queryStorageAt", with_item("System", "Events", event_of(2)));
    for _ in 0..2 {
        assert_lie(source.block(5.into()).await, "event 0 is of extrinsic 2, and the block has 1");
    }
    assert_eq!(node.count("state_getMetadata"), 2);
    // What a runtime does after the last inherent counts as of the extrinsic that would follow.
    node.script("state_queryStorageAt", with_item("System", "Events", event_of(1)));
    source.block(5.into()).await?;
    Ok(())
}

#[tokio::test]
async fn time_that_runs_back() -> Outcome {
    let (chain, _) = chains::upgrading(8);
    let early = MemoryBlock { timestamp_ms: Some(chains::FIRST_BLOCK_MS), ..chains::block(21) };
    chain.push(early);
    let node = Node::serve(Arc::new(chain)).await?;
    let source = connect(&node).await?;
    source.block(20.into()).await?;
    assert_lie(source.block(21.into()).await, "before its parent's");
    Ok(())
}

#[tokio::test]
async fn values_of_another_block_or_too_few() -> Outcome {
    let (node, source) = upgrading().await?;
    let at = source.header(5.into()).await?.reference();
    node.script(
        "state_queryStorageAt",
        Answer::edited(|mut answer| {
            answer[0]["block"] = json!("0x".to_owned() + &"77".repeat(32));
            answer
        }),
    );
    assert_lie(source.storage(&at, &[chains::tempo_key(1)]).await, "the values of block 0x7777");
    node.script(
        "state_queryStorageAt",
        Answer::edited(|mut answer| {
            answer[0]["changes"].as_array_mut().map(Vec::pop);
            answer
        }),
    );
    assert_lie(source.storage(&at, &[chains::tempo_key(1)]).await, "no value for 0x");
    node.script("state_queryStorageAt", Answer::Value(json!([])));
    assert_lie(source.storage(&at, &[chains::tempo_key(1)]).await, "no values");
    Ok(())
}

#[tokio::test]
async fn values_in_another_order_are_put_right() -> Outcome {
    let (node, source) = upgrading().await?;
    let at = source.header(5.into()).await?.reference();
    let keys: Vec<Bytes> = [3, 1, 3, 2].map(chains::tempo_key).to_vec();
    let truth = source.storage(&at, &keys).await?;
    node.script(
        "state_queryStorageAt",
        Answer::edited(|mut answer| {
            answer[0]["changes"].as_array_mut().into_iter().for_each(|changes| changes.reverse());
            answer
        }),
    );
    assert_eq!(source.storage(&at, &keys).await?, truth);
    Ok(())
}

#[tokio::test]
async fn keys_out_of_order_would_never_end() -> Outcome {
    let (node, source) = upgrading().await?;
    let at = source.header(5.into()).await?.reference();
    let prefix = chains::tempo_key(0).slice(..32);
    let first = json!([hex(&chains::tempo_key(0))]);
    for keys in [
        json!([hex(&chains::tempo_key(2)), hex(&chains::tempo_key(1))]),
        json!([hex(b"elsewhere")]),
        // The same page again and again.
        first,
    ] {
        node.script("state_getKeysPaged", Answer::Value(keys));
        let pairs: Result<Vec<_>, _> = source.storage_prefix(at, prefix.clone()).try_collect().await;
        assert_lie(pairs, "keys out of order");
    }
    Ok(())
}

#[tokio::test]
async fn metadata_of_another_version() -> Outcome {
    let (node, source) = upgrading().await?;
    node.script_once("state_getMetadata", Answer::Value(hex(&runtimes::raonet_as(217))));
    assert_lie(source.block(3.into()).await, "its metadata is of node-subtensor 217");
    source.block(3.into()).await?;
    Ok(())
}

#[tokio::test]
async fn answers_of_the_wrong_shape() -> Outcome {
    let (node, source) = upgrading().await?;
    let at = connect(&node).await?.header(5.into()).await?.reference();
    for nonsense in [json!(1), json!("0xabc"), json!("text"), json!([1]), json!({"a": 1}), json!([[[[]]]])] {
        for method in [
            "chain_getBlock",
            "chain_getBlockHash",
            "chain_getHeader",
            "state_call",
            "state_getKeysPaged",
            "state_getRuntimeVersion",
            "state_queryStorageAt",
        ] {
            node.script(method, Answer::Value(nonsense.clone()));
        }
        assert_lie(source.header(5.into()).await, "the answer to chain_getBlockHash");
        assert_lie(source.header(at.hash.into()).await, "the answer to chain_getHeader");
        assert_lie(source.block(at.hash.into()).await, "the answer to chain_getBlock");
        assert_lie(source.runtime(&at).await, "the answer to state_getRuntimeVersion");
        assert_lie(source.storage(&at, &[chains::tempo_key(1)]).await, "the answer to state_queryStorageAt");
        let pairs: Result<Vec<_>, _> = source.storage_prefix(at, chains::tempo_key(1)).try_collect().await;
        assert_lie(pairs, "the answer to state_getKeysPaged");
        assert_lie(source.call(&at, "Api_function", &[]).await, "the answer to state_call");
        node.unscript();
    }
    Ok(())
}

/// Real blocks say in their first extrinsic what time it is: their state cannot be given another one, known parent or not.
#[tokio::test]
async fn a_time_that_the_block_did_not_set() -> Outcome {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let recorded = ArchiveSource::open(Arc::new(ObjectStorage::local(folder)?), None).await?;
    let blocks: Vec<_> = recorded.finalized(0).try_collect().await?;
    let [genesis, blocks @ ..] = &blocks[..] else { return Err("an empty sample".into()) };
    let written = |block: &RawBlock| MemoryBlock {
        extrinsics: block.extrinsics.clone(),
        events: block.events.clone(),
        timestamp_ms: block.timestamp_ms,
        header: Some(block.header.header.clone()),
        ..MemoryBlock::default()
    };
    let chain = MemorySource::with_genesis("sample", Arc::clone(&blocks[0].runtime), written(genesis));
    // Those of the first runtime.
    let blocks: Vec<_> =
        blocks.iter().take_while(|block| block.runtime.digest() == blocks[0].runtime.digest()).collect();
    for block in &blocks {
        chain.push(written(block));
    }
    let node = Node::serve(Arc::new(chain)).await?;
    let source = connect(&node).await?;
    // The first is no child of the genesis here, whose hash is made up.
    for block in &blocks[1..] {
        assert_eq!(source.block(block.header.header.number.into()).await?.timestamp_ms, block.timestamp_ms);
    }
    println!("{} recorded blocks have the time that they set", blocks.len());
    assert!(blocks.len() > 20);
    for lie in [1_000u64, u64::MAX / 2] {
        node.script("state_queryStorageAt", with_item("Timestamp", "Now", hex(&lie.to_le_bytes())));
        assert_lie(connect(&node).await?.block(9.into()).await, "but it set");
    }
    Ok(())
}
