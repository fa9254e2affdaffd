//! Rows of blocks: what the command line says of the same blocks, nothing lost and nothing made up.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::sync::Arc;

use futures::TryStreamExt;
use sentinel_core::artifact::datasets::{self, BlockReader, Dataset, EventRow, ExtrinsicRow, RowReader};
use sentinel_core::chain::{BlockHash, Header};
use sentinel_core::decode::{JsonOptions, JsonWriter, write_event};
use sentinel_core::source::{ArchiveSource, BlockSource, HashedHeader, RawBlock};
use sentinel_core::storage::{Key, ObjectStorage};
use sentinel_support::corpus::Corpus;
use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};
use serde_json::Value;

fn generated(number: u64, extrinsics: Vec<Vec<u8>>, events: Vec<u8>) -> RawBlock {
    let header = Header {
        parent_hash: BlockHash([1; 32]),
        number,
        state_root: [0; 32],
        extrinsics_root: [0; 32],
        digest: vec![],
    };
    RawBlock {
        header: HashedHeader { hash: header.hash(), header },
        extrinsics: extrinsics.into_iter().map(Into::into).collect(),
        events: events.into(),
        timestamp_ms: Some(1_700_000_000_000),
        runtime: subtensor_461(),
    }
}

fn corpus(count: usize) -> Vec<RawBlock> {
    let blocks = Corpus::of(SUBTENSOR_461_V15, 3, count).blocks.into_iter().enumerate();
    blocks.map(|(at, block)| generated(7_000_000 + at as u64, block.extrinsics, block.events)).collect()
}

async fn recorded() -> Vec<RawBlock> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let source = ArchiveSource::open(Arc::new(ObjectStorage::local(folder).unwrap()), None).await.unwrap();
    source.finalized(0).try_collect().await.unwrap()
}

fn json(row: &impl serde::Serialize) -> Value {
    serde_json::to_value(row).unwrap()
}

/// What a row says that the document says under another name, or deeper.
fn same_extrinsic(row: &ExtrinsicRow, document: &Value) {
    let row = json(row);
    for name in ["id", "index", "extrinsic_hash", "nonce", "tip", "era", "status", "netuid"] {
        assert_eq!(row[name], document[name], "{name} of {}", document["id"]);
    }
    for name in ["call_module", "call_function", "call_args"] {
        assert_eq!(row[name], document["call"][name], "{name} of {}", document["id"]);
    }
    if document["address"].is_string() || document["address"].is_null() {
        assert_eq!(row["address"], document["address"]);
    }
    let error = document["error"].as_object().map(|error| match error["pallet"].as_str() {
        Some(pallet) => format!("{pallet}.{}", error["name"].as_str().unwrap()),
        None => error["name"].as_str().unwrap().to_owned(),
    });
    assert_eq!(row["error"].as_str(), error.as_deref());
    match document["nested"].as_array().unwrap().as_slice() {
        [] => assert!(row["nested"].is_null()),
        _ => assert_eq!(row["nested"], document["nested"]),
    }
    assert!(row["decode_error"].is_null());
}

fn same_event(row: &EventRow, document: &Value) {
    let (index, row) = (row.index, json(row));
    for name in ["id", "phase", "extrinsic_idx", "module_id", "event_id", "attributes"] {
        assert_eq!(row[name], document[name], "{name} of {}", document["id"]);
    }
    assert!(document["id"].as_str().unwrap().ends_with(&format!("-{index:04}")));
    match document["topics"].as_array().unwrap().as_slice() {
        [] => assert!(row["topics"].is_null()),
        _ => assert_eq!(row["topics"], document["topics"]),
    }
}

#[tokio::test]
async fn rows_say_what_the_command_line_says() {
    let mut reader = BlockReader::new(Dataset::ALL);
    let options = JsonOptions { extrinsic_hashes: true, ..JsonOptions::default() };
    let mut writer = JsonWriter::new(options);
    let (mut nested, mut failed) = (0, 0);
    for block in recorded().await.into_iter().chain(corpus(20)) {
        let rows = reader.read(&block).unwrap();
        let index = block.runtime.index(&block.extrinsics, &block.events).unwrap();
        let (at, number) = (block.reference(), block.reference().number);
        assert_eq!(
            (rows.block.block, rows.block.block_hash, rows.block.parent_hash),
            (number, at.hash, at.parent_hash)
        );
        assert_eq!(rows.block.timestamp_ms, block.timestamp_ms);
        assert_eq!(rows.block.spec_version, block.runtime.version().spec_version);
        assert_eq!(rows.block.extrinsics as usize, rows.extrinsics.len());
        assert_eq!(rows.block.events as usize, rows.events.len());
        assert_eq!(rows.extrinsics.len(), block.extrinsics.len());
        assert_eq!(rows.events.len(), index.events().len());
        let own = rows.extrinsics.iter().filter(|row| row.status.as_deref() == Some("failed")).count();
        assert_eq!(rows.block.failed_extrinsics as usize, own);
        failed += own;
        for (at, row) in rows.extrinsics.iter().enumerate() {
            writer.clear();
            index.write_extrinsic(at, Some(number), &mut writer).unwrap();
            same_extrinsic(row, &serde_json::from_slice(writer.as_bytes()).unwrap());
            nested += usize::from(row.nested.is_some());
            assert_eq!((row.block, row.timestamp_ms), (number, block.timestamp_ms));
        }
        for (event, row) in index.events().iter().zip(&rows.events) {
            writer.clear();
            write_event(Some(number), event, &mut writer).unwrap();
            same_event(row, &serde_json::from_slice(writer.as_bytes()).unwrap());
        }
    }
    assert!(nested > 20 && failed > 20, "{nested} with calls inside, {failed} failed");
}

#[test]
fn a_reader_makes_what_it_is_asked_for() {
    let block = corpus(1).remove(0);
    let all = BlockReader::new(Dataset::ALL).read(&block).unwrap();
    let events = BlockReader::new([Dataset::Events]).read(&block).unwrap();
    assert_eq!((events.events.len(), events.extrinsics.len()), (249, 0));
    assert_eq!(BlockReader::new([]).read(&block).unwrap().events, []);
    // What was asked for besides must not change the row of the block: its file would differ from job to job.
    assert_eq!(events.block, all.block);
}

#[test]
fn an_extrinsic_that_does_not_decode_hides_nothing_else() {
    let mut block = corpus(1).remove(0);
    let whole = BlockReader::new(Dataset::ALL).read(&block).unwrap();
    let at = whole.extrinsics.iter().position(|row| row.call_function.as_deref() == Some("set_weights")).unwrap();
    let envelope_only = |bytes: &[u8]| {
        // The last byte is an argument's, so that the call has one byte too few.
        let shorter = &bytes[..bytes.len() - 1];
        let content = match shorter[0] & 3 {
            0 => &shorter[1..],
            1 => &shorter[2..],
            _ => &shorter[4..],
        };
        parity_scale_codec::Encode::encode(&content.to_vec())
    };
    block.extrinsics[at] = envelope_only(&block.extrinsics[at]).into();
    block.extrinsics[at + 1] = vec![0xff; 40].into();
    let rows = BlockReader::new(Dataset::ALL).read(&block).unwrap();
    assert_eq!(rows.extrinsics.len(), whole.extrinsics.len());
    for (row, before) in rows.extrinsics.iter().zip(&whole.extrinsics) {
        match row.index as usize {
            damaged if damaged == at => {
                assert_eq!(row.call_function.as_deref(), Some("set_weights"), "its envelope can be read");
                assert!(
                    row.decode_error.is_some()
                        && row.call_args.is_none()
                        && row.extrinsic_hash != before.extrinsic_hash
                );
            }
            damaged if damaged == at + 1 => {
                assert!(row.decode_error.is_some() && row.call_module.is_none() && row.address.is_none());
            }
            _ => assert_eq!(row, before),
        }
    }
    // Events have no boundaries of their own: without them there is no block.
    block.events = block.events.slice(..block.events.len() - 1);
    assert!(BlockReader::new(Dataset::ALL).read(&block).is_err());
}

/// Text that breaks lines, quotes, terminals and spreadsheets comes back as it was.
#[test]
fn text_of_the_chain_is_all_there() {
    let hostile = "=cmd|'\"\n\r\t,\u{1b}[31m\u{202e}\0𝛕\u{9b}";
    let mut content = vec![4, 0, 0];
    parity_scale_codec::Encode::encode_to(&hostile.as_bytes().to_vec(), &mut content);
    let extrinsic = parity_scale_codec::Encode::encode(&content);
    let rows = BlockReader::new(Dataset::ALL).read(&generated(5, vec![extrinsic], vec![0])).unwrap();
    let row = &rows.extrinsics[0];
    let remark = |row: &ExtrinsicRow| {
        let arguments: Value = row.call_args.as_ref().unwrap().parse().unwrap();
        arguments[0]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!((row.call_function.as_deref(), remark(row)), (Some("remark"), hostile.to_owned()));
    let network = "local".parse().unwrap();
    let key = Key::new("local/file").unwrap();
    let file = datasets::write_parquet(&rows.extrinsics, &network).unwrap();
    assert_eq!(remark(&datasets::read_parquet(&key, file).unwrap()[0]), hostile);
    let mut lines = Vec::new();
    datasets::write_jsonl(&rows.extrinsics, &mut lines).unwrap();
    assert_eq!(lines.iter().filter(|byte| **byte < 0x20).count(), 1, "one line, and nothing that a terminal obeys");
    assert_eq!(remark(&datasets::read_jsonl(&key, &lines).unwrap()[0]), hostile);
}

/// A file is read by and by where it is larger than what is read at once.
#[test]
fn a_file_is_read_in_pieces() {
    let mut reader = BlockReader::new(Dataset::ALL);
    let events: Vec<EventRow> = corpus(40).iter().flat_map(|block| reader.read(block).unwrap().events).collect();
    let file = datasets::write_parquet(&events, &"local".parse().unwrap()).unwrap();
    let pieces: Vec<Vec<EventRow>> =
        RowReader::new(&Key::new("local/file").unwrap(), file).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= 4096), "{}", pieces.len());
    assert_eq!(pieces.concat(), events);
}
