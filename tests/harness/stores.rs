//! Stores that fail as they are told, and a disk that loses its power.

use std::sync::Arc;

use sentinel_core::conformance;
use sentinel_core::storage::{Key, ObjectStorage, PutMode, Storage, StorageError, StorageExt};
use sentinel_support::disk::{Care, SimDisk};
use sentinel_support::faulty_store::{Deed, FaultyStore, StoreFault, When};
use sentinel_support::rng::Rng;

use crate::client::Outcome;

fn faulty() -> FaultyStore {
    FaultyStore::new(Arc::new(ObjectStorage::memory()))
}

#[tokio::test]
async fn without_faults_both_are_stores() -> Outcome {
    conformance::storage(&faulty()).await?;
    conformance::storage(&SimDisk::new(Care::Full)).await?;
    Ok(())
}

#[tokio::test]
async fn faults_happen_where_they_are_said_to() -> Outcome {
    let store = faulty()
        .on(When::put(2), StoreFault::Ambiguous)
        .on(When::put(1).of("cursor"), StoreFault::Full)
        .on(When::nth(Deed::Get, 2), StoreFault::Denied);
    let (one, two, cursor) = (Key::new("a/1")?, Key::new("a/2")?, Key::new("a/cursor")?);
    store.store(&one, "1".into()).await?;
    assert!(matches!(store.store(&two, "2".into()).await, Err(StorageError::Unavailable { .. })));
    assert_eq!(store.read(&two).await?, "2", "an ambiguous error comes after the deed");
    assert!(matches!(store.store(&cursor, "3".into()).await, Err(StorageError::Full { .. })));
    assert!(matches!(store.read(&cursor).await, Err(StorageError::Denied { .. })));
    assert!(matches!(store.read(&cursor).await, Err(StorageError::NotFound { .. })), "what is full stores nothing");
    // The loser of a race that it did not notice winning.
    let again = faulty().on(When::put(1), StoreFault::Ambiguous);
    assert!(again.put(&one, "1".into(), PutMode::Create).await.is_err());
    assert!(matches!(again.put(&one, "1".into(), PutMode::Create).await, Err(StorageError::AlreadyExists { .. })));
    assert_eq!(store.puts(), ["a/1", "a/2", "a/cursor"]);
    assert_eq!(store.faults().values().sum::<u64>(), 3);
    Ok(())
}

#[tokio::test]
async fn an_outage_lasts_until_it_ends() -> Outcome {
    let store = faulty();
    let key = Key::new("a/1")?;
    store.store(&key, "1".into()).await?;
    store.outage(Some(StoreFault::Full));
    assert!(store.store(&key, "2".into()).await.is_err());
    assert_eq!(store.read(&key).await?, "1", "a full store can be read");
    store.outage(Some(StoreFault::Unavailable));
    assert!(store.read(&key).await.is_err());
    store.outage(None);
    store.store(&key, "2".into()).await?;
    assert_eq!(store.read(&key).await?, "2");
    Ok(())
}

#[tokio::test]
async fn chance_is_the_seeds() -> Outcome {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let store = faulty().at_random(seed, 30, &[StoreFault::Unavailable, StoreFault::Ambiguous]);
        let key = Key::new("a/1")?;
        let mut failed = Vec::new();
        for at in 0..100 {
            if store.store(&key, "1".into()).await.is_err() {
                failed.push(at);
            }
        }
        assert!((15..45).contains(&failed.len()), "{}", failed.len());
        runs.push((failed, store.faults()));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    Ok(())
}

/// What one power loss in the middle of an overwrite left.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    Old,
    New,
    Torn,
    Nothing,
}

async fn overwrite(care: Care, seed: u64) -> Outcome<(bool, Left)> {
    let disk = SimDisk::new(care);
    let key = Key::new("state/cursor.json")?;
    let (old, new) = (vec![1; 700 + seed as usize % 900], vec![2; 700 + seed as usize % 1100]);
    disk.store(&key, old.clone().into()).await?;
    // The old one is surely there: this is about the new one.
    disk.store(&Key::new("other")?, "x".into()).await?;
    let mut rng = Rng::new(seed);
    disk.fail_after(rng.below(9) as u64);
    let said = disk.store(&key, new.clone().into()).await.is_ok();
    disk.restart(seed);
    let left = match disk.read(&key).await {
        Ok(found) if found == old => Left::Old,
        Ok(found) if found == new => Left::New,
        Ok(_) => Left::Torn,
        Err(_) => Left::Nothing,
    };
    Ok((said, left))
}

#[tokio::test]
async fn with_care_a_reader_sees_old_or_new_whenever_the_power_fails() -> Outcome {
    let (mut kept, mut replaced, mut returned) = (0, 0, 0);
    for seed in 0..10_000 {
        let (said, left) = overwrite(Care::Full, seed).await?;
        assert!(matches!(left, Left::Old | Left::New), "seed {seed}: {left:?}");
        assert!(!said || left == Left::New, "seed {seed}: what was said to be stored was lost");
        returned += usize::from(said);
        match left {
            Left::Old => kept += 1,
            _ => replaced += 1,
        }
    }
    // All three happen, or nothing was tested.
    assert!(kept > 1_000 && replaced > 1_000 && returned > 500, "{kept} {replaced} {returned}");
    Ok(())
}

#[tokio::test]
async fn without_care_it_shows() -> Outcome {
    let (mut torn, mut undone) = (0, 0);
    for seed in 0..2_000 {
        torn += usize::from(overwrite(Care::NoFileSync, seed).await?.1 == Left::Torn);
        let (said, left) = overwrite(Care::NoFolderSync, seed).await?;
        undone += usize::from(said && left != Left::New);
    }
    assert!(torn > 100 && undone > 50, "torn {torn}, undone {undone}");
    Ok(())
}
