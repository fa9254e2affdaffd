//! Reading a chain over JSON-RPC: runtimes, state, and how few questions that takes.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future};
use sentinel_core::chain::Finality;
use sentinel_core::source::{BlockSource, MemoryBlock, MemorySource, SourceError};
use sentinel_support::node::{Answer, Node, NodeOptions};
use sentinel_support::rpc::{BOTH, connect, connect_by};
use sentinel_support::{chains, runtimes};

type Outcome = Result<(), Box<dyn Error>>;

async fn upgrading() -> Result<(MemorySource, Node), Box<dyn Error>> {
    let (chain, _) = chains::upgrading(8);
    let node = Node::serve(Arc::new(chain.clone())).await?;
    Ok((chain, node))
}

fn downloads(node: &Node) -> usize {
    node.count("state_getMetadata") + node.count_calls_of("Metadata_metadata_at_version")
}

#[tokio::test]
async fn the_second_block_of_a_runtime_downloads_no_metadata() -> Outcome {
    for transport in BOTH {
        let (_, node) = upgrading().await?;
        let source = connect_by(&node, transport).await?;
        source.block(3.into()).await?;
        assert_eq!(node.count("state_getMetadata"), 1);
        node.forget_calls();
        source.block(4.into()).await?;
        source.block(5.into()).await?;
        assert_eq!(downloads(&node), 0, "{:?}", node.counts());
    }
    Ok(())
}

#[tokio::test]
async fn readers_at_once_share_one_download() -> Outcome {
    let (_, node) = upgrading().await?;
    let source = connect(&node).await?;
    future::try_join_all((1..=7).map(|number| source.block(number.into()))).await?;
    assert_eq!(node.count("state_getMetadata"), 1);
    assert_eq!(node.count_calls_of("Metadata_metadata_at_version"), 1);
    Ok(())
}

#[tokio::test]
async fn a_whole_chain_downloads_each_runtime_once() -> Outcome {
    let (chain, node) = upgrading().await?;
    let source = connect(&node).await?;
    for number in (0..=20).rev() {
        let block = source.block(number.into()).await?;
        assert_eq!(block.runtime.digest(), chain.block(number.into()).await?.runtime.digest(), "block {number}");
    }
    // 218 has V14 only (asked for V15 in vain), 461 gives V15 at once, 393 has V16 but no V15.
    assert_eq!(node.count("state_getMetadata"), 1);
    assert_eq!(node.count_calls_of("Metadata_metadata_at_version"), 1 + 1 + 2);
    Ok(())
}

#[tokio::test]
async fn the_block_that_upgrades_is_written_by_the_old_runtime() -> Outcome {
    let (_, node) = upgrading().await?;
    let source = connect(&node).await?;
    let spec = |runtime: &sentinel_core::decode::Runtime| runtime.version().spec_version;
    let (before, upgrade, after) =
        future::try_join3(source.block(6.into()), source.block(7.into()), source.block(8.into())).await?;
    assert_eq!([&before, &upgrade, &after].map(|block| spec(&block.runtime)), [218, 218, 461]);
    assert_eq!(spec(&*source.runtime(&before.reference()).await?), 218);
    assert_eq!(spec(&*source.runtime(&upgrade.reference()).await?), 461);
    Ok(())
}

#[tokio::test]
async fn metadata_comes_in_the_richest_version_offered() -> Outcome {
    let (chain, _) = chains::upgrading(8);
    let more_metadata = vec![runtimes::SUBTENSOR_461_V14.to_vec()];
    let options = NodeOptions { more_metadata, ..NodeOptions::default() };
    let node = Node::serve_with(Arc::new(chain), options).await?;
    let version = |metadata: &[u8]| metadata[4];

    let source = connect(&node).await?;
    assert_eq!(version(source.block(3.into()).await?.runtime.metadata()), 14);
    assert_eq!(version(source.block(9.into()).await?.runtime.metadata()), 15);
    assert_eq!(version(source.block(15.into()).await?.runtime.metadata()), 16);

    // What refuses or garbles the newer way still serves the oldest.
    for answer in [
        Answer::no_method(),
        Answer::error(-32000, "state_call is disabled"),
        Answer::Value("0x00".into()),
        Answer::Value("0x0110deadbeef".into()),
    ] {
        node.script("state_call", answer.clone());
        let source = connect(&node).await?;
        assert_eq!(version(source.block(9.into()).await?.runtime.metadata()), 14, "{answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_forgotten_runtime_is_downloaded_once_more() -> Outcome {
    let (_, node) = upgrading().await?;
    let source = connect(&node).await?;
    let block = source.block(3.into()).await?;
    source.forget_runtime(&source.header(2.into()).await?.reference());
    node.forget_calls();
    assert_eq!(source.block(3.into()).await?.runtime.digest(), block.runtime.digest());
    source.block(4.into()).await?;
    assert_eq!(node.count("state_getMetadata"), 1);
    Ok(())
}

/// Two runtimes of one version, as on a development chain: what does not decode gets its metadata anew, once.
#[tokio::test]
async fn a_block_that_does_not_decode_gets_its_metadata_anew() -> Outcome {
    let real = runtimes::finney_393();
    let old = runtimes::load(&runtimes::raonet_as(393));
    let pallet = real.pallets().iter().map(|pallet| pallet.index()).find(|index| {
        let call = chains::extrinsic(&[4, *index, 0]);
        real.extrinsic(&call).is_ok() && old.extrinsic(&call).is_err()
    });
    let call = chains::extrinsic(&[4, pallet.ok_or("a call that only the real runtime has")?, 0]);
    let chain = MemorySource::new("one version, two runtimes", real.clone());
    chain.push(MemoryBlock { extrinsics: vec![call], ..chains::block(1) });
    let node = Node::serve(Arc::new(chain)).await?;
    node.script("state_call", Answer::no_method());
    node.script_once("state_getMetadata", Answer::Value(const_hex::encode_prefixed(old.metadata()).into()));
    let source = connect(&node).await?;
    assert_eq!(source.block(1.into()).await?.runtime.digest(), real.digest());
    assert_eq!(node.count("state_getMetadata"), 2);
    Ok(())
}

/// A block that no metadata helps: it is asked for once more, and then never again, for this block and for others.
#[tokio::test]
async fn a_block_that_never_decodes_gets_its_metadata_anew_only_once() -> Outcome {
    let nothing = chains::extrinsic(&[4, 0xff, 0xff]);
    let chain = MemorySource::new("broken", runtimes::raonet_218());
    for number in 1..=4 {
        let extrinsics = if number == 2 { chains::block(1).extrinsics } else { vec![nothing.clone()] };
        chain.push(MemoryBlock { extrinsics, ..chains::block(number) });
    }
    let node = Node::serve(Arc::new(chain)).await?;
    let source = connect(&node).await?;
    let blocks = future::try_join_all([1, 1, 1].map(|number| source.block(number.into()))).await?;
    assert!(blocks[0].runtime.extrinsic(&blocks[0].extrinsics[0]).is_err());
    assert_eq!(node.count("state_getMetadata"), 2);
    node.forget_calls();
    for number in [1, 2, 3, 4, 1] {
        source.block(number.into()).await?;
    }
    assert_eq!(downloads(&node), 0, "{:?}", node.counts());
    // Whoever insists gets it again.
    source.forget_runtime(&source.header(0.into()).await?.reference());
    source.block(1.into()).await?;
    assert_eq!(node.count("state_getMetadata"), 2);
    Ok(())
}

#[tokio::test]
async fn a_block_takes_few_requests() -> Outcome {
    let (_, node) = upgrading().await?;
    let source = connect(&node).await?;
    source.block(2.into()).await?;
    node.forget_calls();
    source.block(3.into()).await?;
    assert_eq!(node.calls().len(), 3, "{:?}", node.counts());
    Ok(())
}

/// A made-up chain so long, all of it final.
async fn long(blocks: u64) -> Result<(MemorySource, Node), Box<dyn Error>> {
    let chain = chains::long(blocks);
    let node = Node::serve(Arc::new(chain.clone())).await?;
    Ok((chain, node))
}

#[tokio::test]
async fn blocks_in_a_row_take_two_requests_each() -> Outcome {
    let (chain, node) = long(600).await?;
    let source = connect(&node).await?;
    source.head(Finality::Finalized).await?;
    node.forget_calls();
    for number in 1..=600 {
        let block = source.block(number.into()).await?;
        assert_eq!(block.header.hash, chain.header(number.into()).await?.hash);
    }
    let counts = node.counts();
    assert_eq!((counts["chain_getBlock"], counts["state_queryStorageAt"]), (600, 600));
    // One for the first, then lists; the version of the first block tells that of the others.
    assert_eq!((counts["chain_getBlockHash"], counts["state_getRuntimeVersion"]), (4, 1), "{counts:?}");
    Ok(())
}

#[tokio::test]
async fn what_was_prepared_is_not_asked_for_again() -> Outcome {
    let (chain, node) = long(600).await?;
    let source = connect(&node).await?;
    node.forget_calls();
    source.prepare(1..=255).await;
    source.head(Finality::Finalized).await?;
    let before = node.counts();
    for number in 1..=255 {
        assert_eq!(source.block(number.into()).await?.header.hash, chain.header(number.into()).await?.hash);
    }
    let after = node.counts();
    assert_eq!((before["chain_getBlockHash"], before["state_getRuntimeVersion"], downloads(&node)), (1, 1, 2));
    // Blocks 1 to 255 are in the first list.
    assert_eq!(after["chain_getBlockHash"], 1, "{after:?}");
    for method in ["state_getRuntimeVersion", "state_call", "state_getMetadata"] {
        assert_eq!(before[method], after[method], "{method}");
    }
    Ok(())
}

/// Who begins to read need not know what is final: what just came is as good as one more answer.
#[tokio::test]
async fn hashes_that_just_came_are_believed() -> Outcome {
    let (chain, node) = long(600).await?;
    let source = connect(&node).await?;
    node.forget_calls();
    source.prepare(200..=600).await;
    let blocks = future::try_join_all([200, 255, 256, 599].map(|number| source.block(number.into()))).await?;
    for block in blocks {
        let number = block.header.header.number;
        assert_eq!(block.header.hash, chain.header(number.into()).await?.hash);
    }
    // Those of three lists, and no others.
    assert_eq!(node.count("chain_getBlockHash"), 3, "{:?}", node.counts());
    Ok(())
}

/// Hashes that were asked for before it was known what is final are believed where that is far above them.
#[tokio::test]
async fn hashes_near_the_head_are_asked_for_when_they_are_final() -> Outcome {
    let (chain, node) = long(600).await?;
    let source = connect(&node).await?;
    // A block that is not there has nothing to prepare.
    for first in [0, 700, u64::from(u32::MAX), u64::MAX] {
        source.prepare(first..=first).await;
    }
    source.prepare(300..=600).await;
    source.head(Finality::Finalized).await?;
    node.forget_calls();
    assert_eq!(source.block(300.into()).await?.header.hash, chain.header(300.into()).await?.hash);
    assert_eq!((node.count("chain_getBlockHash"), downloads(&node)), (1, 0), "{:?}", node.counts());
    Ok(())
}

/// Readers that come while the runtime is on its way wait for it.
#[tokio::test]
async fn readers_wait_for_a_runtime_that_is_prepared() -> Outcome {
    let (_, node) = long(20).await?;
    let source = connect(&node).await?;
    let blocks = future::try_join_all((1..=20).map(|number| source.block(number.into())));
    let ((), blocks) = future::join(source.prepare(1..=20), blocks).await;
    assert_eq!(blocks?.len(), 20);
    // Asked for V15 in vain.
    assert_eq!((node.count_calls_of("Metadata_metadata_at_version"), node.count("state_getMetadata")), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_node_without_lists_of_hashes_is_asked_for_a_list_once() -> Outcome {
    for answer in [Answer::error(-32602, "Invalid params"), Answer::null(), Answer::Value("0x00".into())] {
        let (chain, node) = long(8).await?;
        let source = connect(&node).await?;
        source.head(Finality::Finalized).await?;
        source.block(1.into()).await?;
        node.forget_calls();
        node.script_once("chain_getBlockHash", answer);
        for number in 2..=8 {
            assert_eq!(source.block(number.into()).await?.header.hash, chain.header(number.into()).await?.hash);
        }
        assert_eq!(node.count("chain_getBlockHash"), 8, "{:?}", node.calls());
    }
    Ok(())
}

/// A backend that does not know the last of them yet.
#[tokio::test]
async fn a_list_ends_where_the_node_does() -> Outcome {
    let (chain, node) = long(300).await?;
    let source = connect(&node).await?;
    source.head(Finality::Finalized).await?;
    source.block(1.into()).await?;
    node.forget_calls();
    node.script_once(
        "chain_getBlockHash",
        Answer::edited(|mut hashes| {
            hashes.as_array_mut().into_iter().flatten().skip(250).for_each(|hash| *hash = serde_json::Value::Null);
            hashes
        }),
    );
    for number in 2..=300 {
        assert_eq!(source.block(number.into()).await?.header.hash, chain.header(number.into()).await?.hash);
    }
    // Two lists, and 250 to 255 one by one.
    assert_eq!(node.count("chain_getBlockHash"), 2 + 6, "{:?}", node.counts());
    Ok(())
}

/// A hash in a list that is another block's is found out, and asked for again.
#[tokio::test]
async fn a_wrong_hash_in_a_list_is_not_kept() -> Outcome {
    for by_header in [false, true] {
        let (chain, node) = long(8).await?;
        let source = connect(&node).await?;
        source.head(Finality::Finalized).await?;
        source.block(1.into()).await?;
        node.script_once(
            "chain_getBlockHash",
            Answer::edited(|mut hashes| {
                hashes[5] = hashes[4].clone();
                hashes
            }),
        );
        let read = match by_header {
            true => source.header(5.into()).await.map(drop),
            false => source.block(5.into()).await.map(drop),
        };
        let error = read.expect_err("the block of another height");
        assert!(matches!(error, SourceError::Lying { .. }), "{error}");
        let expected = chain.header(5.into()).await?.hash;
        assert_eq!(source.header(5.into()).await?.hash, expected);
        assert_eq!(source.block(5.into()).await?.header.hash, expected);
    }
    Ok(())
}

/// Code that is put in without a new number: what the state says of the runtime does not tell the two apart.
#[tokio::test]
async fn a_runtime_that_the_state_does_not_name_is_found_all_the_same() -> Outcome {
    let longer = runtimes::with_longer_events(runtimes::RAONET_218_V14, 300, 2);
    let old = runtimes::raonet_218();
    let chain = MemorySource::new("put in without an upgrade", old.clone());
    for number in 1..=6 {
        let more = if number > 3 { 2 } else { 0 };
        let mut block = chains::block_with_longer_events(number, more);
        block.changes.push(chains::last_upgrade(&old));
        block.upgrade = (number == 3).then(|| longer.clone());
        chain.push(block);
    }
    let node = Node::serve(Arc::new(chain.clone())).await?;
    let source = connect(&node).await?;
    for number in 1..=6 {
        let block = source.block(number.into()).await?;
        assert_eq!(block.runtime.digest(), chain.block(number.into()).await?.runtime.digest(), "block {number}");
    }
    Ok(())
}

#[tokio::test]
async fn the_genesis_can_be_read() -> Outcome {
    let (chain, node) = upgrading().await?;
    let source = connect(&node).await?;
    let genesis = source.block(0.into()).await?;
    assert_eq!(genesis.reference(), chain.block(0.into()).await?.reference());
    assert_eq!((genesis.timestamp_ms, &genesis.events[..]), (None, &[0][..]));
    assert_eq!(source.identity().await?, chain.identity().await?);
    assert_eq!(source.head(Finality::Best).await?.number, 20);
    Ok(())
}

/// A map with `entries` values of `size` bytes under the prefix `map`.
fn with_map(entries: u32, size: usize) -> MemorySource {
    let value = Bytes::from(vec![7; size]);
    let changes =
        (0..entries).map(|index| ([b"map", &index.to_be_bytes()[..]].concat().into(), Some(value.clone()))).collect();
    let genesis = MemoryBlock { changes, ..MemoryBlock::default() };
    let chain = MemorySource::with_genesis("large", runtimes::raonet_218(), genesis);
    chain.push(chains::block(1));
    chain
}

#[tokio::test]
async fn a_large_map_is_read_page_by_page() -> Outcome {
    for transport in BOTH {
        let chain = with_map(2_500, 10);
        let at = chain.head(Finality::Finalized).await?;
        let node = Node::serve(Arc::new(chain)).await?;
        let source = connect_by(&node, transport).await?;
        let pairs: Vec<_> = source.storage_prefix(at, Bytes::from_static(b"map")).try_collect().await?;
        assert_eq!(pairs.len(), 2_500);
        assert_eq!(node.count("state_getKeysPaged"), 3, "two full pages and a short one, which is the end then");
        assert_eq!(node.count("state_queryStorageAt"), 1, "{:?}", node.counts());
    }
    Ok(())
}

#[tokio::test]
async fn answers_too_large_for_the_node_are_asked_for_in_halves() -> Outcome {
    for transport in BOTH {
        // A map twelve times as large as what the node sends at once.
        let chain = with_map(1_500, 1024);
        let at = chain.head(Finality::Finalized).await?;
        let options = NodeOptions { max_response: 128 * 1024, ..NodeOptions::default() };
        let node = Node::serve_with(Arc::new(chain), options).await?;
        let source = connect_by(&node, transport).await?;
        let pairs: Vec<_> = source.storage_prefix(at, Bytes::from_static(b"map")).try_collect().await?;
        assert_eq!(pairs.len(), 1_500);
        assert!(pairs.iter().all(|(_, value)| value.len() == 1024));
        assert!(node.calls().len() <= 40, "{:?}", node.counts());
    }
    Ok(())
}

/// Twelve times what the node sends at once, and twice that in hex.
#[tokio::test]
async fn a_map_of_many_mebibytes_takes_few_requests() -> Outcome {
    let chain = with_map(768, 16 * 1024);
    let at = chain.head(Finality::Finalized).await?;
    let options = NodeOptions { max_response: 1 << 20, ..NodeOptions::default() };
    let node = Node::serve_with(Arc::new(chain), options).await?;
    let source = connect(&node).await?;
    let mut pairs = source.storage_prefix(at, Bytes::from_static(b"map"));
    let mut bytes = 0;
    while let Some((_, value)) = pairs.try_next().await? {
        bytes += value.len();
    }
    println!("bytes={bytes} calls={}", node.calls().len());
    assert_eq!(bytes, 12 << 20);
    assert!(node.calls().len() <= 40, "{:?}", node.counts());
    Ok(())
}

#[tokio::test]
async fn pages_shrink_to_what_the_node_can_send() -> Outcome {
    let chain = with_map(1_000, 1);
    let at = chain.head(Finality::Finalized).await?;
    let node = Node::serve(Arc::new(chain)).await?;
    let source = connect(&node).await?;
    for _ in 0..3 {
        node.script_once("state_getKeysPaged", Answer::error(-32008, "Response is too big"));
    }
    let pairs: Vec<_> = source.storage_prefix(at, Bytes::from_static(b"map")).try_collect().await?;
    assert_eq!(pairs.len(), 1_000);
    let sizes: Vec<_> = node.calls().into_iter().filter(|call| call.method == "state_getKeysPaged").collect();
    assert_eq!(sizes[3].params[1], 125);
    Ok(())
}

#[tokio::test]
async fn a_node_without_batch_reads_is_asked_for_a_batch_once() -> Outcome {
    let (_, node) = upgrading().await?;
    node.script("state_queryStorageAt", Answer::no_method());
    let source = connect(&node).await?;
    for number in 1..=5 {
        source.block(number.into()).await?;
    }
    assert_eq!(node.count("state_queryStorageAt"), 1);
    Ok(())
}

#[tokio::test]
async fn an_empty_prefix_is_empty_only_where_the_state_is_there() -> Outcome {
    let (chain, node) = upgrading().await?;
    let source = connect(&node).await?;
    let at = chain.head(Finality::Finalized).await?;
    let none: Vec<_> = source.storage_prefix(at, Bytes::from_static(b"nothing")).collect().await;
    assert!(none.is_empty());
    // A backend that does not have the state and says "nothing there" instead of so.
    node.script("state_getKeysPaged", Answer::Value(serde_json::json!([])));
    node.script("state_queryStorageAt", Answer::edited(without_values));
    let lie: Vec<_> = source.storage_prefix(at, Bytes::from_static(b"nothing")).collect().await;
    assert!(matches!(&lie[..], [Err(error)] if error.to_string().contains("System.Number")), "{lie:?}");
    Ok(())
}

fn without_values(mut answer: serde_json::Value) -> serde_json::Value {
    for change in answer[0]["changes"].as_array_mut().into_iter().flatten() {
        change[1] = serde_json::Value::Null;
    }
    answer
}
