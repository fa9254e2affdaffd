//! Damage is an error that names the object, and an interrupted recording is continued to the same bytes.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use proptest::prelude::*;
use sentinel_core::artifact::ArtifactError;
use sentinel_core::artifact::raw::{Digest, Layout, Manifest, TableEntry};
use sentinel_core::chain::{BlockId, Finality};
use sentinel_core::source::{ArchiveSource, BlockSource, SourceError};
use sentinel_core::storage::{Key, ObjectStorage, Storage, StorageExt};
use sentinel_support::recordings::{
    FailingStorage, HYPERPARAMETERS, every_block, objects, record_local, subnets, told,
};

type Outcome = Result<(), Box<dyn Error>>;
type Objects = BTreeMap<Key, Bytes>;

const LAST: u64 = 9;

async fn recorded() -> Result<Objects, Box<dyn Error>> {
    let storage = ObjectStorage::memory();
    record_local(&subnets(LAST), 1..=LAST, &every_block(), &storage).await?;
    Ok(objects(&storage).await?)
}

async fn store(objects: &Objects) -> Result<Arc<dyn Storage>, Box<dyn Error>> {
    let storage = ObjectStorage::memory();
    for (key, content) in objects {
        storage.store(key, content.clone()).await?;
    }
    Ok(Arc::new(storage))
}

/// Reads everything; the names of the objects that were called damaged, or nothing where all was well.
async fn damage(storage: Arc<dyn Storage>) -> Result<Option<String>, Box<dyn Error>> {
    let archive = match ArchiveSource::open(storage, None).await {
        Ok(archive) => archive,
        Err(ArtifactError::Damaged { object, .. } | ArtifactError::Format { object, .. }) => {
            return Ok(Some(object.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    for number in 1..=LAST {
        match told(&archive, number, &every_block()).await {
            Ok(_) => {}
            Err(SourceError::Damaged { object, .. }) => return Ok(Some(object)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

#[tokio::test]
async fn every_damaged_object_is_named() -> Outcome {
    let whole = recorded().await?;
    assert_eq!(damage(store(&whole).await?).await?, None);
    let keys: Vec<Key> = whole.keys().cloned().collect();
    for (index, key) in keys.iter().enumerate() {
        let content = whole[key].to_vec();
        let other = whole[&keys[(index + 1) % keys.len()]].clone();
        let mut flipped = content.clone();
        flipped[content.len() / 2] ^= 1;
        let variants = [
            Bytes::new(),
            Bytes::copy_from_slice(&content[..content.len() / 2]),
            Bytes::copy_from_slice(&content[..content.len() - 1]),
            [&content[..], b"x"].concat().into(),
            Bytes::from(flipped),
            other,
        ];
        for (variant, content) in variants.into_iter().enumerate() {
            let mut objects = whole.clone();
            objects.insert(key.clone(), content);
            let damaged = damage(store(&objects).await?).await?;
            // A manifest is text: not every change of it breaks it, but the objects that it then misnames do.
            let is_manifest = key.as_str().ends_with(".json");
            assert!(damaged.as_deref() == Some(key.as_str()) || is_manifest, "{key} {variant}: {damaged:?}");
        }
        if !key.as_str().ends_with(".json") {
            let mut objects = whole.clone();
            objects.remove(key);
            assert_eq!(damage(store(&objects).await?).await?.as_deref(), Some(key.as_str()), "{key} removed");
        }
    }
    Ok(())
}

fn entries(manifest: &mut Manifest) -> [&mut TableEntry; 5] {
    let tables = &mut manifest.tables;
    [&mut tables.blocks, &mut tables.runtimes, &mut tables.state, &mut tables.prefixes, &mut tables.calls]
}

/// Puts other content under a key, and makes the manifest vouch for it.
async fn forged(whole: &Objects, key: &Key, content: Bytes) -> Result<Arc<dyn Storage>, Box<dyn Error>> {
    let storage = store(whole).await?;
    let layout = Layout::new("local".parse()?);
    let window = layout.windows(storage.as_ref()).await?.pop().ok_or("a window")?;
    let mut manifest = Manifest::load(storage.as_ref(), &layout, window).await?;
    let digest = manifest.digest_of(&content);
    for entry in entries(&mut manifest).into_iter().filter(|entry| entry.key == *key) {
        entry.size = content.len() as u64;
        entry.digest = digest;
    }
    storage.store(&layout.manifest(window)?, manifest.to_json()?).await?;
    storage.store(key, content).await?;
    Ok(storage)
}

#[tokio::test]
async fn a_manifest_cannot_vouch_for_something_else() -> Outcome {
    let whole = recorded().await?;
    let tables: Vec<&Key> = whole.keys().filter(|key| key.as_str().ends_with(".parquet")).collect();
    for (index, key) in tables.iter().enumerate() {
        for content in [Bytes::from_static(b"PAR1nothingPAR1"), whole[tables[(index + 1) % tables.len()]].clone()] {
            let storage = forged(&whole, key, content).await?;
            assert_eq!(damage(storage).await?.as_deref(), Some(key.as_str()));
        }
    }
    let manifest = whole.keys().find(|key| key.as_str().ends_with(".json")).ok_or("a manifest")?;
    let text = String::from_utf8(whole[manifest].to_vec())?;
    for (from, to) in [
        ("\"format\": 2", "\"format\": 3"),
        ("\"format\": 2", "\"format\": 0"),
        ("\"first\": 1", "\"first\": 2"),
        ("\"last\": 9", "\"last\": 8"),
        ("local/raw/v1/state/", "local/raw/v1/../state/"),
        ("local/raw/v1/state/", "other/raw/v1/state/"),
        ("\"number\": 0", "\"number\": 18446744073709551615"),
    ] {
        assert!(text.contains(from), "{from}");
        let mut objects = whole.clone();
        objects.insert(manifest.clone(), text.replace(from, to).into());
        assert_eq!(damage(store(&objects).await?).await?.as_deref(), Some(manifest.as_str()), "{to}");
    }
    Ok(())
}

/// In the first format the digests were others; its recordings are read and checked like today's.
#[tokio::test]
async fn the_first_format_is_read_and_checked() -> Outcome {
    let whole = recorded().await?;
    let storage = store(&whole).await?;
    let layout = Layout::new("local".parse()?);
    let window = layout.windows(storage.as_ref()).await?.pop().ok_or("a window")?;
    let mut manifest = Manifest::load(storage.as_ref(), &layout, window).await?;
    manifest.format = 1;
    let key = layout.manifest(window)?;
    storage.store(&key, manifest.to_json()?).await?;
    let first = manifest.tables.blocks.key.to_string();
    assert_eq!(damage(Arc::clone(&storage)).await?, Some(first), "digests of today's format");
    for entry in entries(&mut manifest) {
        entry.digest = Digest::of(&whole[&entry.key]);
    }
    storage.store(&key, manifest.to_json()?).await?;
    assert_eq!(damage(Arc::clone(&storage)).await?, None);
    for entry in entries(&mut manifest) {
        let mut flipped = whole[&entry.key].to_vec();
        flipped[entry.size as usize / 2] ^= 1;
        storage.store(&entry.key, flipped.into()).await?;
        assert_eq!(damage(Arc::clone(&storage)).await?, Some(entry.key.to_string()));
        storage.store(&entry.key, whole[&entry.key].clone()).await?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Bytes that are vouched for and yet broken: an error or other rows, never a panic.
    #[test]
    fn broken_tables_are_errors(table in 0_usize..5, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        static WHOLE: std::sync::OnceLock<Objects> = std::sync::OnceLock::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let whole = WHOLE.get_or_init(|| runtime.block_on(recorded()).unwrap());
        let key = whole.keys().filter(|key| key.as_str().ends_with(".parquet")).nth(table).unwrap();
        let mut content = whole[key].to_vec();
        for (index, byte) in flips {
            let index = index.index(content.len());
            content[index] = byte;
        }
        runtime.block_on(async {
            let storage = forged(whole, key, content.into()).await.unwrap();
            let archive = ArchiveSource::open(storage, None).await.unwrap();
            // Only what needs the broken table: compiling runtimes again and again would take the time of this test.
            let at = archive.head(Finality::Finalized).await.unwrap();
            let prefix = every_block().prefixes.remove(0);
            match table {
                0 => drop(archive.header(BlockId::Hash(at.hash)).await),
                1 => drop(archive.call(&at, HYPERPARAMETERS, &[0, 0]).await),
                3 => drop(archive.runtime(&at).await),
                _ => drop(archive.storage_prefix(at, prefix).try_collect::<Vec<_>>().await),
            }
        });
    }
}

/// Killed before any of its writes, then run again.
#[tokio::test]
async fn an_interrupted_recording_is_continued_to_the_same_bytes() -> Outcome {
    let chain = subnets(1_003);
    let whole = ObjectStorage::memory();
    record_local(&chain, 998..=1_003, &every_block(), &whole).await?;
    let whole = objects(&whole).await?;
    assert_eq!(whole.len(), 12);
    for writes in 0..12 {
        let storage = ObjectStorage::memory();
        let failing = FailingStorage::new(storage.clone(), writes);
        let killed = record_local(&chain, 998..=1_003, &every_block(), &failing).await;
        let error = killed.err().ok_or("the store did not fail")?;
        assert!(error.is_retryable(), "{error}");
        match ArchiveSource::open(Arc::new(storage.clone()), None).await {
            Ok(archive) => {
                assert!(writes >= 6);
                assert_eq!(told(&archive, 999, &every_block()).await?, told(&chain, 999, &every_block()).await?);
                assert!(archive.block(1_000.into()).await.is_err());
            }
            Err(error) => assert!(writes < 6 && matches!(error, ArtifactError::NoRecording { .. }), "{error:?}"),
        }
        let report = record_local(&chain, 998..=1_003, &every_block(), &storage).await?;
        assert_eq!((report.windows_skipped, report.windows_written), if writes < 6 { (0, 2) } else { (1, 1) });
        assert_eq!(objects(&storage).await?, whole);
    }
    Ok(())
}

/// A kill while a window is replaced leaves the old window, none, or the new one.
#[tokio::test]
async fn replacing_a_window_is_never_seen_half_done() -> Outcome {
    let old = recorded().await?;
    let (chain, options) = (subnets(LAST), every_block());
    let stripped = sentinel_core::engine::RecordOptions { strip_docs: true, ..options.clone() };
    for writes in 0..8 {
        let inner = ObjectStorage::memory();
        for (key, content) in &old {
            inner.store(key, content.clone()).await?;
        }
        let done = record_local(&chain, 1..=LAST, &stripped, &FailingStorage::new(inner.clone(), writes)).await;
        assert_eq!(done.is_ok(), writes >= 7);
        match ArchiveSource::open(Arc::new(inner), None).await {
            Ok(archive) => {
                assert!(writes == 0 || writes >= 7, "{writes}");
                for number in 1..=LAST {
                    assert_eq!(told(&archive, number, &options).await?, told(&chain, number, &options).await?);
                }
            }
            Err(error) => assert!(matches!(error, ArtifactError::NoRecording { .. }), "{writes}: {error:?}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn damage_is_repaired_by_recording_again() -> Outcome {
    let whole = recorded().await?;
    for key in whole.keys() {
        let storage = store(&whole).await?;
        storage.store(key, Bytes::from_static(b"{}")).await?;
        let report = record_local(&subnets(LAST), 1..=LAST, &every_block(), storage.as_ref()).await?;
        assert_eq!(report.windows_written, 1, "{key}");
        assert_eq!(objects(storage.as_ref()).await?, whole);
    }
    Ok(())
}
