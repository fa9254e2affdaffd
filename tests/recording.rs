//! What was recorded replays as it was, and nothing else does.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use sentinel_core::artifact::ArtifactError;
use sentinel_core::artifact::raw::{StateScan, networks};
use sentinel_core::chain::{BlockHash, BlockId, BlockRef, Finality};
use sentinel_core::conformance::{self, ChainFacts};
use sentinel_core::decode::storage_prefix;
use sentinel_core::engine::{RecordError, RecordOptions, record};
use sentinel_core::source::{
    ArchiveSource, BestUpdate, BlockSource, BlockSourceExt, MemoryBlock, RawBlock, RecordingError, RecordingSource,
    SourceError,
};
use sentinel_core::storage::{ObjectStorage, Storage};
use sentinel_support::chains;
use sentinel_support::faulty_store::{Deed, FaultyStore};
use sentinel_support::node::{Answer, Node};
use sentinel_support::recordings::{HYPERPARAMETERS, every_block, network_key, objects, record_local, subnets, told};
use sentinel_support::rpc::connect;
use tokio::time::sleep;

type Outcome = Result<(), Box<dyn Error>>;

async fn open(storage: &ObjectStorage) -> Result<ArchiveSource, ArtifactError> {
    ArchiveSource::open(Arc::new(storage.clone()), None).await
}

fn tempo_prefix() -> Bytes {
    Bytes::copy_from_slice(&storage_prefix("SubtensorModule", "Tempo"))
}

#[tokio::test]
async fn a_recording_tells_what_the_chain_told() -> Outcome {
    let chain = subnets(12);
    let storage = ObjectStorage::memory();
    let options = every_block();
    let report = record_local(&chain, 0..=12, &options, &storage).await?;
    assert_eq!((report.windows_written, report.windows_skipped, report.blocks, report.failed_calls), (1, 0, 13, 0));
    let archive = open(&storage).await?;
    assert_eq!(archive.identity().await?, chain.identity().await?);
    for finality in [Finality::Finalized, Finality::Best] {
        assert_eq!(archive.head(finality).await?, chain.head(Finality::Finalized).await?);
    }
    for number in 1..=12 {
        assert_eq!(told(&archive, number, &options).await?, told(&chain, number, &options).await?, "block {number}");
    }
    // The metadata is the node's, byte for byte.
    let at = archive.pin(None).await?;
    assert_eq!(archive.runtime(&at).await?.metadata(), chain.runtime(&at).await?.metadata());
    Ok(())
}

#[tokio::test]
async fn the_same_blocks_give_the_same_bytes() -> Outcome {
    let (first, second) = (ObjectStorage::memory(), ObjectStorage::memory());
    record_local(&subnets(12), 2..=12, &every_block(), &first).await?;
    record_local(&subnets(12), 2..=12, &every_block(), &second).await?;
    let written = objects(&first).await?;
    assert_eq!(written, objects(&second).await?);
    let names: Vec<_> = written.keys().map(ToString::to_string).collect();
    assert_eq!(
        names,
        [
            "local/raw/v1/blocks/0000000002-0000000012.parquet",
            "local/raw/v1/calls/0000000002-0000000012.parquet",
            "local/raw/v1/manifest/0000000002-0000000012.json",
            "local/raw/v1/prefixes/0000000002-0000000012.parquet",
            "local/raw/v1/runtimes/0000000002-0000000012.parquet",
            "local/raw/v1/state/0000000002-0000000012.parquet",
        ]
    );
    // Again over the same store: nothing to do, and nothing done.
    let again = record_local(&subnets(12), 2..=12, &every_block(), &first).await?;
    assert_eq!((again.windows_written, again.windows_skipped), (0, 1));
    // Asked for something else: recorded anew.
    let other = RecordOptions { strip_docs: true, ..every_block() };
    assert_eq!(record_local(&subnets(12), 2..=12, &other, &first).await?.windows_written, 1);
    assert_ne!(written, objects(&first).await?);
    Ok(())
}

#[tokio::test]
async fn what_was_not_recorded_is_never_absent() -> Outcome {
    let chain = subnets(12);
    let storage = ObjectStorage::memory();
    record_local(&chain, 2..=12, &RecordOptions::default(), &storage).await?;
    let archive = open(&storage).await?;
    let at = |number| {
        let archive = &archive;
        async move { archive.pin(Some(BlockId::Number(number))).await }
    };
    let (first, third) = (at(2).await?, at(3).await?);
    // Only the first block has all of the pallet; there a missing key is absent.
    assert_eq!(archive.value(&first, chains::tempo_key(400)).await?.as_deref(), Some(&[1, 0][..]));
    assert_eq!(archive.value(&first, chains::tempo_key(7)).await?, None);
    let unknown = |error: SourceError| matches!(error, SourceError::NotRecorded { block: BlockId::Number(3), .. });
    assert!(archive.value(&third, chains::tempo_key(400)).await.is_err_and(unknown));
    assert!(archive.value(&third, chains::tempo_key(7)).await.is_err_and(unknown));
    let prefix = archive.storage_prefix(third, tempo_prefix()).try_collect::<Vec<_>>().await;
    assert!(prefix.is_err_and(unknown));
    // The subnets are known at every block.
    assert_eq!(archive.value(&third, network_key(300)).await?.as_deref(), Some(&[1][..]));
    assert_eq!(archive.value(&at(8).await?, network_key(300)).await?, None);
    // Other pallets, the runtime's code, other arguments and functions are not known at all.
    for key in [&b":code"[..], b":heappages", b"", &storage_prefix("System", "Account")] {
        let read = archive.value(&first, Bytes::copy_from_slice(key)).await;
        assert!(read.is_err_and(|error| matches!(error, SourceError::NotRecorded { .. })), "{key:?}");
    }
    for (function, args) in [(HYPERPARAMETERS, &[99, 0][..]), (HYPERPARAMETERS, &[]), ("Core_version", &[])] {
        let answer = archive.call(&third, function, args).await;
        assert!(answer.is_err_and(|error| matches!(error, SourceError::NotRecorded { .. })), "{function}");
    }
    // A function that the runtime lacks is known to be missing, whatever the arguments.
    let missing = archive.call(&third, &format!("{HYPERPARAMETERS}_v3"), &[99, 0]).await;
    assert!(missing.is_err_and(|error| matches!(error, SourceError::Unsupported { at: Some(3), .. })));
    // The block before the first: its header and its runtime are known, its state is not.
    let before = at(1).await?;
    assert_eq!(archive.runtime(&before).await?.version(), chain.runtime(&before).await?.version());
    assert_eq!(archive.writer(&first).await?.digest(), archive.block(2.into()).await?.runtime.digest());
    for read in [archive.block(1.into()).await.map(drop), archive.storage(&before, &[]).await.map(drop)] {
        assert!(read.is_err_and(|error| matches!(error, SourceError::NotRecorded { .. })));
    }
    assert!(archive.block(0.into()).await.is_err_and(|error| matches!(error, SourceError::NotRecorded { .. })));
    let beyond = archive.block(13.into()).await;
    assert!(beyond.is_err_and(|error| matches!(error, SourceError::UnknownBlock { head: Some(12), .. })));
    // Another block of a recorded height.
    let fork = BlockRef { hash: BlockHash([7; 32]), ..third };
    assert!(archive.storage(&fork, &[]).await.is_err_and(|error| matches!(error, SourceError::UnknownBlock { .. })));
    Ok(())
}

#[tokio::test]
async fn windows_are_independent_and_a_hole_between_them_is_an_error() -> Outcome {
    let chain = subnets(2_003);
    let storage = ObjectStorage::memory();
    let options = every_block();
    let report = record_local(&chain, 997..=1_002, &options, &storage).await?;
    assert_eq!((report.windows_written, report.blocks), (2, 6));
    record_local(&chain, 1_999..=2_003, &options, &storage).await?;
    let archive = open(&storage).await?;
    let names: Vec<_> = archive.windows().iter().map(ToString::to_string).collect();
    assert_eq!(
        names,
        ["0000000997-0000000999", "0000001000-0000001002", "0000001999-0000001999", "0000002000-0000002003"]
    );
    for number in [997, 999, 1_000, 1_002, 1_999, 2_000, 2_003] {
        assert_eq!(told(&archive, number, &options).await?, told(&chain, number, &options).await?, "block {number}");
    }
    let numbers = |from| {
        let archive = &archive;
        async move {
            let mut seen = Vec::new();
            let end = archive.finalized(from).try_for_each(|block| {
                seen.push(block.header.header.number);
                std::future::ready(Ok(()))
            });
            let end = end.await;
            (seen, end)
        }
    };
    let (seen, end) = numbers(998).await;
    assert_eq!(seen, [998, 999, 1_000, 1_001, 1_002]);
    assert!(end.is_err_and(|error| matches!(error, SourceError::NotRecorded { block: BlockId::Number(1_003), .. })));
    let (seen, end) = numbers(1_999).await;
    assert_eq!(seen, [1_999, 2_000, 2_001, 2_002, 2_003]);
    end?;
    let (seen, end) = numbers(2_004).await;
    assert!(seen.is_empty());
    end?;
    let applied: Vec<_> = archive.best(2_002).try_collect().await?;
    assert!(
        matches!(&applied[..], [BestUpdate::Applied(_), BestUpdate::Applied(last)] if last.reference().number == 2_003)
    );
    Ok(())
}

#[tokio::test]
async fn overlapping_recordings_complete_each_other() -> Outcome {
    let chain = subnets(20);
    let storage = ObjectStorage::memory();
    record_local(&chain, 1..=20, &RecordOptions::default(), &storage).await?;
    record_local(&chain, 10..=12, &every_block(), &storage).await?;
    let archive = open(&storage).await?;
    for number in 10..=12 {
        assert_eq!(told(&archive, number, &every_block()).await?, told(&chain, number, &every_block()).await?);
    }
    assert_eq!(archive.finalized(1).try_collect::<Vec<_>>().await?.len(), 20);
    Ok(())
}

#[tokio::test]
async fn a_store_with_several_networks_wants_a_name() -> Outcome {
    let storage = ObjectStorage::memory();
    assert!(matches!(open(&storage).await, Err(ArtifactError::NoRecording { network: None })));
    record_local(&subnets(3), 1..=3, &every_block(), &storage).await?;
    let source = RecordingSource::new(Arc::new(subnets(2)));
    source.block(1.into()).await?;
    source.finish(&storage, &"sample".parse()?, true).await?;
    let found: Vec<_> = networks(&storage).await?.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["local", "sample"]);
    match open(&storage).await {
        Err(ArtifactError::SeveralNetworks { networks }) => assert_eq!(networks, ["local", "sample"]),
        other => panic!("{other:?}"),
    }
    let storage: Arc<dyn Storage> = Arc::new(storage);
    assert_eq!(ArchiveSource::open(Arc::clone(&storage), Some("local".parse()?)).await?.windows().len(), 1);
    let missing = ArchiveSource::open(storage, Some("test".parse()?)).await;
    assert!(matches!(missing, Err(ArtifactError::NoRecording { network: Some(name) }) if name == "test"));
    Ok(())
}

#[tokio::test]
async fn impossible_recordings_are_refused() -> Outcome {
    let storage = ObjectStorage::memory();
    let chain = subnets(5);
    chain.push_unfinalized(MemoryBlock::default());
    let refused = record_local(&chain, 1..=6, &every_block(), &storage).await;
    assert!(matches!(refused, Err(RecordError::NotFinalized { last: 6, head: 5 })));
    let (first, last) = (4, 3);
    let refused = record_local(&chain, first..=last, &every_block(), &storage).await;
    assert!(matches!(refused, Err(RecordError::EmptyRange { first: 4, last: 3 })));
    for prefix in [&b""[..], b":", b":code"] {
        let options = RecordOptions { prefixes: vec![Bytes::copy_from_slice(prefix)], ..every_block() };
        let refused = record_local(&chain, 1..=5, &options, &storage).await;
        assert!(matches!(refused, Err(RecordError::ForbiddenPrefix { .. })), "{prefix:?}");
    }
    assert!(objects(&storage).await?.is_empty());
    record_local(&chain, 1..=5, &every_block(), &storage).await?;
    let (other, _) = chains::upgrading(3);
    let refused = record_local(&other, 1..=5, &every_block(), &storage).await;
    assert!(matches!(refused, Err(RecordError::Artifact(ArtifactError::OtherChain { .. }))));
    let program = RecordingSource::new(Arc::new(other));
    program.block(1.into()).await?;
    let refused = program.finish(&storage, &"local".parse()?, false).await;
    assert!(matches!(refused, Err(RecordingError::Artifact(ArtifactError::OtherChain { .. }))));
    Ok(())
}

#[tokio::test]
async fn a_chain_with_another_history_is_recorded_again() -> Outcome {
    let storage = ObjectStorage::memory();
    record_local(&subnets(5), 1..=5, &every_block(), &storage).await?;
    let other = subnets(4);
    other.push(MemoryBlock { events: Bytes::from_static(&[4, 99]), ..MemoryBlock::default() });
    let at = other.head(Finality::Finalized).await?;
    for function in &every_block().subnet_calls {
        other.record_missing_call(&at, function);
    }
    let report = record_local(&other, 1..=5, &every_block(), &storage).await?;
    assert_eq!(report.windows_written, 1);
    assert_eq!(open(&storage).await?.head(Finality::Best).await?, at);
    Ok(())
}

/// Reads recorded by a program replay to that program, whatever it read.
#[tokio::test]
async fn a_recorded_program_replays() -> Outcome {
    let (chain, facts) = chains::upgrading(8);
    let recording = RecordingSource::new(Arc::new(chain));
    conformance::block_source(&recording, &facts).await?;
    for strip_docs in [false, true] {
        let storage = ObjectStorage::memory();
        let manifests = recording.finish(&storage, &"local".parse()?, strip_docs).await?;
        assert_eq!(manifests.len(), 1);
        let archive = open(&storage).await?;
        conformance::block_source(&archive, &facts).await?;
        // The recording of a replay is the same recording.
        let again = RecordingSource::new(Arc::new(archive));
        conformance::block_source(&again, &facts).await?;
        let copy = ObjectStorage::memory();
        again.finish(&copy, &"local".parse()?, strip_docs).await?;
        assert_eq!(objects(&copy).await?, objects(&storage).await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_replay_can_stand_in_for_a_node() -> Outcome {
    let chain = subnets(12);
    let storage = ObjectStorage::memory();
    record_local(&chain, 0..=12, &every_block(), &storage).await?;
    let node = Node::serve(Arc::new(open(&storage).await?)).await?;
    let source = connect(&node).await?;
    for number in 1..=12 {
        assert_eq!(told(&source, number, &every_block()).await?, told(&chain, number, &every_block()).await?);
    }
    let facts = ChainFacts {
        first: 1,
        last: 12,
        upgrades: vec![6],
        prefixes: vec![(12, tempo_prefix())],
        absent: vec![(12, chains::tempo_key(400))],
        calls: vec![(12, HYPERPARAMETERS.to_owned(), vec![0, 0])],
        missing_calls: vec![(12, format!("{HYPERPARAMETERS}_v3"))],
    };
    Ok(conformance::block_source(&open(&storage).await?, &facts).await?)
}

#[tokio::test]
async fn forks_and_partial_reads_are_recorded_as_far_as_they_hold() -> Outcome {
    let chain = subnets(5);
    let recording = RecordingSource::new(Arc::new(chain.clone()));
    let gone = chain.push_unfinalized(MemoryBlock::default());
    recording.block(BlockId::Hash(gone.hash)).await?;
    chain.roll_back(5);
    let kept = chain.push(MemoryBlock { events: Bytes::from_static(&[4, 1]), ..MemoryBlock::default() });
    recording.block(BlockId::Hash(kept.hash)).await?;
    let fifth = recording.pin(Some(BlockId::Number(5))).await?;
    // One key of a prefix, then the reader turns away.
    let first = recording.storage_prefix(fifth, tempo_prefix()).try_next().await?.ok_or("a tempo")?;
    let storage = ObjectStorage::memory();
    recording.finish(&storage, &"local".parse()?, false).await?;
    let archive = open(&storage).await?;
    assert_eq!(archive.head(Finality::Best).await?, kept);
    let unknown = archive.header(BlockId::Hash(gone.hash)).await;
    assert!(unknown.is_err_and(|error| matches!(error, SourceError::NotRecorded { .. })));
    assert_eq!(archive.value(&fifth, first.0).await?, Some(first.1));
    let not_recorded = |error: SourceError| matches!(error, SourceError::NotRecorded { .. });
    assert!(archive.storage_prefix(fifth, tempo_prefix()).try_next().await.is_err_and(not_recorded));
    assert!(archive.block(5.into()).await.is_err_and(not_recorded));
    assert!(archive.finalized(5).try_next().await.is_err_and(not_recorded));
    Ok(())
}

#[test]
fn the_first_block_is_the_default_scan() {
    assert_eq!(RecordOptions::default().scan, StateScan::FirstBlock);
}

#[tokio::test]
async fn answers_that_overtake_each_other_change_no_byte() -> Outcome {
    let node = Node::serve(Arc::new(subnets(30))).await?;
    let source = connect(&node).await?;
    let (calm, late) = (ObjectStorage::memory(), ObjectStorage::memory());
    record_local(&source, 2..=30, &every_block(), &calm).await?;
    for method in ["chain_getBlock", "state_call", "state_queryStorageAt"] {
        for delay in [60, 1, 30, 1, 40] {
            node.script_once(method, Answer::Late(Duration::from_millis(delay)));
        }
    }
    let mut seen = Vec::new();
    let network = "local".parse()?;
    record(&source, 2..=30, &every_block(), &network, &late, &mut |step| seen.push((step.block, step.done))).await?;
    assert_eq!(objects(&calm).await?, objects(&late).await?);
    // Told in the order of the chain, each once.
    assert!(seen.into_iter().eq((2..=30).map(|block| (block, block - 1))));
    Ok(())
}

/// What is unpacked ahead is still there when its turn comes.
#[tokio::test]
async fn no_table_is_read_twice() -> Outcome {
    let last = 5_020;
    let chain = chains::cheap(last)?;
    let storage = ObjectStorage::memory();
    let options = RecordOptions { prefixes: Vec::new(), subnet_calls: Vec::new(), ..RecordOptions::default() };
    record_local(&chain, 1..=last, &options, &storage).await?;
    let store = Arc::new(FaultyStore::new(Arc::new(storage)));
    let opened = async || {
        let archive = ArchiveSource::open(Arc::clone(&store) as _, Some("local".parse()?)).await?;
        Ok::<_, Box<dyn Error>>((archive, store.count(Deed::Get)))
    };
    // A manifest and a table of blocks for each window, and once the runtime.
    let reads = 2 * (last / 1_000 + 1) + 1;

    let (archive, before) = opened().await?;
    let mut windows = archive.by_window(1..=last);
    while let Some(window) = windows.next().await {
        window?;
        // Long enough for all that may be read ahead.
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.count(Deed::Get) - before, reads, "window by window");

    let (archive, before) = opened().await?;
    let mut blocks = archive.finalized(1);
    while let Some(block) = blocks.next().await {
        if block?.header.header.number.is_multiple_of(500) {
            sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(store.count(Deed::Get) - before, reads, "block by block");
    Ok(())
}

#[tokio::test]
async fn a_range_is_read_window_by_window() -> Outcome {
    let chain = chains::cheap(3_100)?;
    let storage = ObjectStorage::memory();
    let options = RecordOptions { prefixes: Vec::new(), subnet_calls: Vec::new(), ..RecordOptions::default() };
    record_local(&chain, 500..=2_200, &options, &storage).await?;
    record_local(&chain, 3_000..=3_100, &options, &storage).await?;
    let archive = open(&storage).await?;
    let windows: Vec<Vec<RawBlock>> = archive.by_window(700..=2_100).try_collect().await?;
    assert_eq!(windows.iter().map(Vec::len).collect::<Vec<_>>(), [300, 1_000, 101]);
    for (number, block) in (700..=2_100).zip(windows.iter().flatten()) {
        let expected = chain.block(number.into()).await?;
        assert_eq!(block.header, expected.header);
        assert_eq!((&block.extrinsics, &block.events), (&expected.extrinsics, &expected.events), "block {number}");
    }
    // What is missing is an error in its place, and the rest is there.
    let windows: Vec<_> = archive.by_window(2_000..=3_001).collect().await;
    let [Err(SourceError::NotRecorded { block, .. }), Ok(rest)] = &windows[..] else {
        return Err(format!("{windows:?}").into());
    };
    assert_eq!((*block, rest.len()), (BlockId::Number(2_201), 2));
    assert!(archive.by_window(std::ops::RangeInclusive::new(9, 8)).next().await.is_none());
    Ok(())
}
