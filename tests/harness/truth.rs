//! The oracle finds what is planted, and only that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use sentinel_core::decode::Runtime;
use sentinel_core::source::{BlockSource, RpcSource};
use sentinel_core::storage::{Key, ObjectStorage, StorageExt};
use sentinel_support::chains::{self, SixSpecs};
use sentinel_support::node::{Node, NodeOptions};
use sentinel_support::oracle::{Columns, Objects, Rows, Truth, digest};
use sentinel_support::rpc::quick;
use serde_json::json;
use tokio::time::timeout;

use crate::client::{Outcome, PATIENCE};

type Line = (u64, String);

/// Height and hash of each block, as the chain has them.
async fn honest(chain: &dyn BlockSource, last: u64) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    for number in 1..=last {
        lines.push((number, chain.header(number.into()).await?.hash.to_string()));
    }
    Ok(lines)
}

fn jsonl(lines: &[Line]) -> Bytes {
    lines
        .iter()
        .map(|(number, hash)| format!("{}\n", json!({"number": number, "hash": hash})))
        .collect::<String>()
        .into()
}

fn parquet(lines: &[Line]) -> Outcome<Bytes> {
    let schema = parse_message_type(
        "message blocks { required binary hash (UTF8); required int64 number (INTEGER(64,false)); optional int32 x; }",
    )?;
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(WriterProperties::default()))?;
    let mut group = writer.next_row_group()?;
    let hashes: Vec<_> = lines.iter().map(|(_, hash)| ByteArray::from(hash.as_str())).collect();
    let numbers: Vec<_> = lines.iter().map(|(number, _)| *number as i64).collect();
    let mut column = group.next_column()?.ok_or("a column")?;
    column.typed::<ByteArrayType>().write_batch(&hashes, None, None)?;
    column.close()?;
    let mut column = group.next_column()?.ok_or("a column")?;
    column.typed::<Int64Type>().write_batch(&numbers, None, None)?;
    column.close()?;
    let mut column = group.next_column()?.ok_or("a column")?;
    column.typed::<parquet::data_type::Int32Type>().write_batch(&[], Some(&vec![0; lines.len()]), None)?;
    column.close()?;
    group.close()?;
    writer.close()?;
    Ok(bytes.into())
}

#[tokio::test]
async fn planted_faults_are_found_in_either_form() -> Outcome {
    let chain = chains::cheap(20)?;
    let truth = Truth::of(&chain, 1..=20).await?;
    let good = honest(&chain, 20).await?;
    let other = format!("0x{}", "ab".repeat(32));
    let mut wrong = good.clone();
    wrong[4].1.clone_from(&other);
    let cases: [(&str, Vec<Line>, &str); 5] = [
        ("all", good.clone(), "missing=0 duplicate=0 wrong=0 partial=0"),
        ("one left out", [&good[..6], &good[7..]].concat(), "missing=1 duplicate=0 wrong=0 partial=0"),
        ("one twice", [&good[..], &good[3..4]].concat(), "missing=0 duplicate=1 wrong=0 partial=0"),
        ("one of another chain", wrong, "missing=0 duplicate=0 wrong=1 partial=0"),
        ("one too many", [&good[..], &[(21, other)]].concat(), "missing=0 duplicate=0 wrong=1 partial=0"),
    ];
    let columns = Columns::new("number").hash("hash");
    for (what, lines, expected) in cases {
        for (key, bytes) in
            [("sim/blocks/v1/1-20.jsonl", jsonl(&lines)), ("sim/blocks/v1/1-20.parquet", parquet(&lines)?)]
        {
            let verdict = truth.check(&Objects::from([(key, bytes)]), "sim/blocks/", &columns, Rows::OnePerBlock)?;
            assert_eq!(verdict.to_string(), expected, "{what} in {key}: {:?}", verdict.examples);
        }
    }
    Ok(())
}

#[tokio::test]
async fn torn_files_are_partial_and_leftovers_are_none() -> Outcome {
    let chain = chains::cheap(20)?;
    let truth = Truth::of(&chain, 1..=20).await?;
    let good = honest(&chain, 20).await?;
    let (first, second) = (parquet(&good[..10])?, parquet(&good[10..])?);
    let objects = Objects::from([
        ("sim/blocks/v1/01-10.parquet", first),
        ("sim/blocks/v1/11-20.parquet", second.slice(..second.len() - 9)),
        ("sim/blocks/v1/11-20.parquet#1", second),
    ]);
    let verdict = truth.check(&objects, "sim/blocks/", &Columns::new("number"), Rows::OnePerBlock)?;
    assert_eq!(verdict.to_string(), "missing=10 duplicate=0 wrong=0 partial=1", "{:?}", verdict.examples);

    assert_eq!(objects.leftovers(), ["sim/blocks/v1/11-20.parquet#1"]);
    assert_eq!(objects.artifacts().len(), 2);

    let lines = jsonl(&good);
    let objects = Objects::from([("sim/blocks/v1/01-20.jsonl", lines.slice(..lines.len() - 1))]);
    let verdict = truth.check(&objects, "sim/blocks/", &Columns::new("number"), Rows::OnePerBlock)?;
    assert_eq!((verdict.partial, verdict.missing), (1, 20));
    Ok(())
}

#[tokio::test]
async fn rows_of_a_block_are_counted() -> Outcome {
    let (chain, _) = chains::upgrading(4);
    let truth = Truth::of(&chain, 1..=3).await?;
    assert_eq!(truth.blocks()[&2].extrinsics, 1);
    assert_eq!(truth.blocks()[&2].events, 1);
    let key = "made-up/events/v1/1-3.jsonl";
    let check = |lines: &str, columns: &Columns| -> Outcome<String> {
        let objects = Objects::from([(key, lines.to_owned())]);
        Ok(truth.check(&objects, "made-up/events/", columns, Rows::OnePerEvent)?.to_string())
    };
    let columns = Columns::new("block").key(&["index"]);
    let line = |block: u64, index: u64| format!("{{\"block\":{block},\"index\":{index}}}\n");
    let good = [line(1, 0), line(2, 0), line(3, 0)].concat();
    assert_eq!(check(&good, &columns)?, "missing=0 duplicate=0 wrong=0 partial=0");
    assert_eq!(check(&(good.clone() + &line(2, 0)), &columns)?, "missing=0 duplicate=1 wrong=0 partial=0");
    assert_eq!(check(&(good + &line(2, 1)), &columns)?, "missing=0 duplicate=0 wrong=0 partial=1");
    assert!(check("{\"number\":1}\n", &columns).is_err(), "no such column");
    let only = truth.clone().only(|number| number != 2);
    let two = Objects::from([(key, [line(1, 0), line(3, 0)].concat())]);
    assert!(only.check(&two, "made-up/", &columns, Rows::OnePerEvent)?.is_clean());
    Ok(())
}

#[tokio::test]
async fn stores_are_compared_without_the_state_of_runs() -> Outcome {
    let folder = tempfile::tempdir()?;
    let store = ObjectStorage::local(folder.path())?;
    for (key, content) in [("sim/blocks/v1/1-2.jsonl", "{}\n"), ("sim/_state/backfill/cursor.json", "1")] {
        store.store(&Key::new(key)?, content.into()).await?;
    }
    let (listed, walked) = (Objects::of(&store).await?, Objects::in_folder(folder.path())?);
    assert_eq!(listed, walked);
    assert_eq!(walked.len(), 2);
    let other = Objects::from([("sim/blocks/v1/1-2.jsonl", "{}\n"), ("sim/_state/backfill/cursor.json", "2")]);
    assert!(walked.difference(&other).is_empty());
    let changed = Objects::from([("sim/blocks/v1/1-2.jsonl", "[]\n"), ("sim/blocks/v1/3-4.jsonl", "")]);
    let difference = walked.difference(&changed);
    assert_eq!(difference.len(), 2, "{difference:?}");
    assert!(difference[0].contains(&digest(b"[]\n")), "{difference:?}");
    Ok(())
}

#[tokio::test]
async fn six_runtimes_write_what_the_others_cannot_read() -> Outcome {
    let chain = SixSpecs::new(36, &[17]);
    assert_eq!(chain.specs, [218, 219, 300, 393, 461, 462]);
    assert_eq!(chain.upgrades, [6, 12, 18, 24, 30]);
    for number in 1..=36u64 {
        let block = chain.source.block(number.into()).await?;
        let expected = chain.upgrades.iter().filter(|upgrade| **upgrade < number).count();
        assert_eq!(block.runtime.version().spec_version, chain.specs[expected], "block {number}");
        let readable = |runtime: &Runtime| runtime.index(&block.extrinsics, &block.events).is_ok();
        assert_eq!(readable(&block.runtime), number != 17, "block {number}");
        for beside in [number - 1, number + 1] {
            let Ok(other) = chain.source.block(beside.into()).await else { continue };
            let same = other.runtime.version() == block.runtime.version();
            assert_eq!(readable(&other.runtime), same && number != 17, "block {number} by the runtime of {beside}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_live_chain_grows_and_a_distant_node_takes_its_time() -> Outcome {
    let chain = chains::live(5, Duration::from_millis(10))?;
    let mut blocks = chain.finalized(5);
    for number in 5..=8u64 {
        let block = timeout(PATIENCE, blocks.next()).await?.ok_or("a block")??;
        assert_eq!(block.header.header.number, number);
    }
    let latency = Duration::from_millis(30);
    let options = NodeOptions { latency, ..NodeOptions::default() };
    let node = Node::serve_with(Arc::new(chains::cheap(5)?), options).await?;
    let source = RpcSource::connect(&node.ws_url(), quick()).await?;
    let start = Instant::now();
    source.header(3.into()).await?;
    assert!(start.elapsed() >= latency);
    Ok(())
}
