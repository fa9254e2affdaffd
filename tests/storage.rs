//! Stores keep the promises of `Storage`, and a local one stays in its folder.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use proptest::prelude::*;
use sentinel_core::conformance;
use sentinel_core::storage::{Key, ObjectStorage, PutMode, Storage, StorageError, StorageExt};

fn key(text: &str) -> Key {
    match Key::new(text) {
        Ok(key) => key,
        Err(error) => panic!("the tests' keys are valid: {error}"),
    }
}

#[tokio::test]
async fn a_folder_and_the_memory_keep_every_promise() {
    conformance::storage(&ObjectStorage::memory()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let storage = ObjectStorage::local(folder.path().join("made/if/missing")).unwrap();
    conformance::storage(&storage).await.unwrap();
    // As a trait object, and a second time on what the first run left.
    let storage: Arc<dyn Storage> = Arc::new(storage);
    conformance::storage(storage.as_ref()).await.unwrap();
}

#[tokio::test]
async fn urls_name_folders_and_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/a store", folder.path().display());
    let storage = ObjectStorage::from_url(&url).unwrap();
    storage.store(&key("a/b"), Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(std::fs::read(folder.path().join("a store/a/b")).unwrap(), b"x");
    ObjectStorage::from_url("memory://").unwrap().store(&key("a"), Bytes::new()).await.unwrap();
    ObjectStorage::from_url("s3://bucket/folder").unwrap();
    for url in ["", "s3://", "s3:bucket", "file://", "file://host/x", "/srv", "memory", "FILE:///srv"] {
        let error = ObjectStorage::from_url(url).unwrap_err();
        assert!(matches!(&error, StorageError::InvalidLocation { .. }), "{url}: {error:?}");
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(ObjectStorage::local(&file), Err(StorageError::InvalidLocation { .. })));
}

#[tokio::test]
async fn foreign_files_are_not_listed_and_names_cannot_be_shared_with_folders() {
    let folder = tempfile::tempdir().unwrap();
    let storage = ObjectStorage::local(folder.path()).unwrap();
    std::fs::write(folder.path().join("not a key"), "").unwrap();
    std::fs::write(folder.path().join("half-written#1"), "").unwrap();
    storage.store(&key("a"), Bytes::new()).await.unwrap();
    let listing: Vec<_> = storage.list(None).map_ok(|object| object.key.to_string()).try_collect().await.unwrap();
    assert_eq!(listing, ["a"]);
    let error = storage.put(&key("a/b"), Bytes::new(), PutMode::Overwrite).await.unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn links_do_not_lead_out_of_the_folder() {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let storage = ObjectStorage::local(folder.path()).unwrap();
    symlink(outside.path(), folder.path().join("out")).unwrap();
    symlink(outside.path().join("secret"), folder.path().join("file")).unwrap();
    symlink(outside.path().join("nothing"), folder.path().join("dangling")).unwrap();
    storage.store(&key("in/object"), Bytes::from_static(b"x")).await.unwrap();
    symlink(folder.path().join("in"), folder.path().join("within")).unwrap();
    for name in ["out/secret", "file", "dangling", "dangling/x", "out/new"] {
        let key = key(name);
        for error in [
            storage.get(&key).await.unwrap_err(),
            storage.head(&key).await.unwrap_err(),
            storage.put(&key, Bytes::new(), PutMode::Overwrite).await.unwrap_err(),
            storage.delete(&key).await.unwrap_err(),
        ] {
            assert!(matches!(error, StorageError::InvalidKey { .. }), "{name}: {error:?}");
        }
    }
    assert_eq!(storage.read(&key("within/object")).await.unwrap(), "x");
    let listing: Vec<_> = storage.list(None).map_ok(|object| object.key.to_string()).try_collect().await.unwrap();
    assert_eq!(listing, ["in/object", "within/object"]);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_text_writes_a_file_outside(text in "([a.]|\\.\\.|/|%2e|\\\\|\u{0}|-){1,12}") {
        let parent = tempfile::tempdir().unwrap();
        let storage = ObjectStorage::local(parent.path().join("root")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let written = match Key::new(&text) {
            Ok(key) => runtime.block_on(storage.store(&key, Bytes::new())).is_ok(),
            Err(_) => false,
        };
        prop_assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
        let listing: Vec<_> = runtime.block_on(storage.list(None).try_collect()).unwrap();
        prop_assert_eq!(listing.len(), usize::from(written));
    }
}
