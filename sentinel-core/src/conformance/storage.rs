//! What every store must do.

use bytes::Bytes;
use futures::TryStreamExt;

use crate::storage::{Key, PutMode, Storage, StorageError, StorageExt};

/// Checks a store against the promises of [`Storage`], inside its folder `conformance`, which it leaves empty.
///
/// # Panics
/// At the first promise that is broken.
pub async fn storage(storage: &dyn Storage) {
    clean(storage).await;
    objects_come_back(storage).await;
    missing_objects_are_named(storage).await;
    create_never_replaces(storage).await;
    lists_are_ascending_and_bounded(storage).await;
    racing_creates_have_one_winner(storage).await;
    clean(storage).await;
    assert!(list(storage, "conformance").await.is_empty(), "deleted objects are still listed");
}

fn key(text: &str) -> Key {
    Key::new(text).expect("the suite's keys are valid")
}

async fn list(storage: &dyn Storage, folder: &str) -> Vec<(String, u64)> {
    let listing: Vec<_> = storage.list(Some(&key(folder))).try_collect().await.expect("a folder can be listed");
    listing.into_iter().map(|object| (object.key.to_string(), object.size)).collect()
}

async fn clean(storage: &dyn Storage) {
    for (name, _) in list(storage, "conformance").await {
        storage.delete(&key(&name)).await.expect("an object can be deleted");
    }
}

async fn objects_come_back(storage: &dyn Storage) {
    let place = key("conformance/objects/A-z_0.9.bin");
    let large = Bytes::from((0..3_000_000_u32).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    for content in [Bytes::from_static(b"first"), Bytes::new(), large, Bytes::from_static(&[0, 255])] {
        storage.put(&place, content.clone(), PutMode::Overwrite).await.expect("an object can be written");
        assert!(storage.get(&place).await.expect("what was written can be read") == content, "the content changed");
        let head = storage.head(&place).await.expect("what was written has a head");
        assert_eq!((head.key, head.size), (place.clone(), content.len() as u64), "the head tells key and size");
    }
    assert!(storage.exists(&place).await.expect("existence can be asked"));
    storage.delete(&place).await.expect("an object can be deleted");
    assert!(!storage.exists(&place).await.expect("existence can be asked"), "a deleted object is gone");
}

async fn missing_objects_are_named(storage: &dyn Storage) {
    let place = key("conformance/missing/object");
    for error in [storage.get(&place).await.map(drop), storage.head(&place).await.map(drop)] {
        match error {
            Err(StorageError::NotFound { key }) => assert_eq!(key, place, "the error names the key"),
            other => panic!("a missing object must be NotFound, not {other:?}"),
        }
    }
    storage.delete(&place).await.expect("deleting what is not there is no error");
    assert!(list(storage, "conformance/missing").await.is_empty(), "a missing folder is empty");
}

async fn create_never_replaces(storage: &dyn Storage) {
    let place = key("conformance/create/object");
    storage.put(&place, Bytes::from_static(b"old"), PutMode::Create).await.expect("a free key can be created");
    match storage.put(&place, Bytes::from_static(b"new"), PutMode::Create).await {
        Err(StorageError::AlreadyExists { key }) => assert_eq!(key, place, "the error names the key"),
        other => panic!("a taken key must be AlreadyExists, not {other:?}"),
    }
    assert_eq!(storage.get(&place).await.expect("the first object stays"), "old");
    storage.put(&place, Bytes::from_static(b"new"), PutMode::Overwrite).await.expect("overwrite replaces");
    assert_eq!(storage.get(&place).await.expect("the new object is there"), "new");
}

async fn lists_are_ascending_and_bounded(storage: &dyn Storage) {
    // `-` and `.` sort before `/`, so the order of keys is not the order of folders.
    let names = ["list/a", "list/a-b/x", "list/a.b", "list/b/1", "list/b/2", "list/b/c/3", "listing/x"];
    for name in names.iter().rev() {
        let place = key(&format!("conformance/{name}"));
        storage.put(&place, Bytes::from(name.as_bytes()), PutMode::Overwrite).await.expect("an object can be written");
    }
    let expected = |names: &[&str]| -> Vec<(String, u64)> {
        names.iter().map(|name| (format!("conformance/{name}"), name.len() as u64)).collect()
    };
    assert_eq!(list(storage, "conformance/list").await, expected(&names[..6]), "a folder, ascending by key");
    assert_eq!(list(storage, "conformance/list/b").await, expected(&names[3..6]), "a folder within");
    assert_eq!(list(storage, "conformance/list/a").await, [], "an object is not below itself");
    let all: Vec<_> = storage.list(None).try_collect().await.expect("the whole store can be listed");
    assert!(all.is_sorted_by(|a, b| a.key < b.key), "the whole store, ascending by key");
    assert!(names.iter().all(|name| all.iter().any(|object| object.key.as_str().ends_with(name))));
}

async fn racing_creates_have_one_winner(storage: &dyn Storage) {
    let place = key("conformance/race/object");
    let writers = (0..16_u8).map(|writer| {
        let place = &place;
        async move { (writer, storage.put(place, Bytes::from(vec![writer; 1000]), PutMode::Create).await) }
    });
    let results = futures::future::join_all(writers).await;
    let winners: Vec<u8> = results.iter().filter(|(_, result)| result.is_ok()).map(|(writer, _)| *writer).collect();
    assert_eq!(winners.len(), 1, "one of several creators wins");
    let content = storage.get(&place).await.expect("the winner's object is there");
    assert_eq!(content, vec![winners[0]; 1000], "the object is the winner's");
}
