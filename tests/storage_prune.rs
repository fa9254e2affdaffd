//! What is old of a dataset goes, whole windows at a time; what a job may need stays.

#![allow(clippy::unwrap_used, reason = "a helper of a test that fails should say where")]

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use sentinel_core::storage::{
    Key, ObjectInfo, ObjectStorage, PruneOptions, Pruned, PutMode, Storage, StorageError, StorageExt, prune,
};

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn options(dataset: &str, older_than: &str) -> PruneOptions {
    PruneOptions { dataset: dataset.to_owned(), older_than: older_than.parse().unwrap(), network: None, dry_run: false }
}

fn window(first: u64) -> String {
    format!("{first:010}-{:010}", first + 999)
}

async fn keys(storage: &ObjectStorage) -> Vec<String> {
    storage.list(None).map_ok(|object| object.key.to_string()).try_collect().await.unwrap()
}

async fn go(storage: &ObjectStorage, options: &PruneOptions) -> Pruned {
    prune(storage, options, &mut |_| ControlFlow::Continue(())).await.unwrap()
}

/// Windows of events and neurons below 20,000, each with the manifest of both; and where two jobs are.
async fn filled() -> ObjectStorage {
    let storage = ObjectStorage::memory();
    for first in (0..20_000).step_by(1000) {
        let window = window(first);
        let objects = [
            format!("finney/events/v1/{window}.parquet"),
            format!("finney/events/v1/{window}.jsonl"),
            format!("finney/neurons/v1/00001/{window}.parquet"),
        ];
        for object in &objects {
            storage.store(&key(object), Bytes::from_static(b"rows")).await.unwrap();
        }
        let objects: Vec<_> = objects.iter().map(|object| serde_json::json!({ "key": object, "rows": 1 })).collect();
        let manifest = serde_json::json!({ "window": window, "objects": objects });
        let manifest = serde_json::to_vec(&manifest).unwrap().into();
        storage.store(&key(&format!("finney/manifest/v1/both/{window}.json")), manifest).await.unwrap();
    }
    for (job, number) in [("live", 20_500), ("backfill", 7_300)] {
        let cursor = serde_json::json!({ "number": number, "hash": "0x00" }).to_string();
        storage.store(&key(&format!("finney/_state/{job}/cursor.json")), cursor.into()).await.unwrap();
        storage.store(&key(&format!("finney/_state/{job}/parts/{}.part", window(0))), Bytes::new()).await.unwrap();
    }
    storage
}

#[tokio::test]
async fn old_windows_go_and_those_near_a_cursor_stay() {
    let storage = filled().await;
    let before = keys(&storage).await;
    let mut dry = options("events", "10000");
    dry.dry_run = true;
    let would = go(&storage, &dry).await;
    assert_eq!(keys(&storage).await, before, "a dry run removes nothing");

    let pruned = go(&storage, &options("events", "10000")).await;
    assert_eq!(pruned, would);
    // 0 to 9,999 are old enough, counted from the live job at 20,500; 5,300 to 9,300 are near the backfill.
    let gone: Vec<_> = before.iter().filter(|key| key.starts_with("finney/events/") && first(key) < 5_000).collect();
    assert_eq!((pruned.windows, pruned.objects, pruned.bytes, pruned.kept), (5, 10, 40, 5));
    assert_eq!((pruned.manifests, gone.len()), (5, 10));
    let after = keys(&storage).await;
    assert_eq!(before.iter().filter(|key| !after.contains(key)).collect::<Vec<_>>(), gone);

    // Their manifests know it, and the others are as they were.
    let forgotten = storage.read(&key(&format!("finney/manifest/v1/both/{}.json", window(4000)))).await.unwrap();
    let forgotten: serde_json::Value = serde_json::from_slice(&forgotten).unwrap();
    assert_eq!(forgotten["objects"].as_array().unwrap().len(), 1);
    let kept = storage.read(&key(&format!("finney/manifest/v1/both/{}.json", window(6000)))).await.unwrap();
    assert!(String::from_utf8_lossy(&kept).contains("finney/events/v1/0000006000-0000006999.parquet"));

    // The rest of what they name goes, and so do they.
    let rest = go(&storage, &options("neurons", "10000")).await;
    assert_eq!((rest.windows, rest.objects, rest.manifests), (5, 5, 5));
    assert!(!storage.exists(&key(&format!("finney/manifest/v1/both/{}.json", window(4000)))).await.unwrap());
    // Again: nothing is left to do.
    assert_eq!(go(&storage, &options("neurons", "10000")).await.windows, 0);
}

fn first(key: &str) -> u64 {
    key.rsplit('/').next().and_then(|name| name.split('-').next()).and_then(|first| first.parse().ok()).unwrap()
}

#[tokio::test]
async fn it_can_stop_after_a_step_and_go_on_later() {
    let storage = ObjectStorage::memory();
    for first in (0..200_000).step_by(1000) {
        storage.store(&key(&format!("sim/raw/v1/blocks/{}.parquet", window(first))), Bytes::new()).await.unwrap();
        let manifest = format!(r#"{{"tables":{{"blocks":{{"key":"sim/raw/v1/blocks/{}.parquet"}}}}}}"#, window(first));
        storage.store(&key(&format!("sim/raw/v1/manifest/{}.json", window(first))), manifest.into()).await.unwrap();
    }
    let options = options("raw", "10d");
    let mut steps = 0;
    let mut stop = |_: &Pruned| {
        steps += 1;
        ControlFlow::Break(())
    };
    let stopped = prune(&storage, &options, &mut stop).await.unwrap();
    assert_eq!(steps, 1);
    assert!(stopped.windows > 0 && stopped.windows < 127, "{stopped:?}");
    let rest = go(&storage, &options).await;
    // Ten days are 72,000 blocks: what ends before 127,999 goes.
    assert_eq!(stopped.windows + rest.windows, 127);
    assert_eq!(stopped.manifests + rest.manifests, 127);
    let left = keys(&storage).await;
    assert_eq!(left.len(), 2 * 73);
    assert_eq!(left.iter().map(|key| first(key)).min(), Some(127_000));
}

/// Looks, before anything is removed, whether a manifest names it.
#[derive(Debug)]
struct Watched {
    inner: ObjectStorage,
    removed: AtomicUsize,
}

#[async_trait]
impl Storage for Watched {
    async fn put(&self, key: &Key, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        self.inner.put(key, bytes, mode).await
    }

    async fn get(&self, key: &Key) -> Result<Bytes, StorageError> {
        self.inner.get(key).await
    }

    async fn head(&self, key: &Key) -> Result<ObjectInfo, StorageError> {
        self.inner.head(key).await
    }

    fn list<'a>(&'a self, folder: Option<&Key>) -> BoxStream<'a, Result<ObjectInfo, StorageError>> {
        self.inner.list(folder)
    }

    async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        for manifest in keys(&self.inner).await.iter().filter(|key| key.contains("/manifest/")) {
            let manifest = self.inner.read(&self::key(manifest)).await?;
            let named = String::from_utf8_lossy(&manifest).contains(&format!("\"{key}\""));
            assert!(!named, "{key} goes while a manifest names it");
        }
        self.removed.fetch_add(1, Ordering::Relaxed);
        self.inner.delete(key).await
    }
}

#[tokio::test]
async fn a_manifest_goes_before_its_data() {
    let storage = Watched { inner: filled().await, removed: AtomicUsize::new(0) };
    for dataset in ["events", "neurons"] {
        let options = PruneOptions { network: Some("finney".to_owned()), ..options(dataset, "0") };
        prune(&storage, &options, &mut |_| ControlFlow::Continue(())).await.unwrap();
    }
    // Of twenty windows, 13 are near no cursor: three objects each, and their manifest.
    assert_eq!(storage.removed.load(Ordering::Relaxed), 13 * 4);
}

#[tokio::test]
async fn what_nobody_can_know_is_left_alone() {
    let storage = filled().await;
    let before = keys(&storage).await;
    for dataset in ["_state", "manifest", "../x", "events/v1", ""] {
        let error = prune(&storage, &options(dataset, "0"), &mut |_| ControlFlow::Continue(())).await.unwrap_err();
        assert!(matches!(error, StorageError::InvalidKey { .. }), "{dataset}: {error:?}");
    }
    storage.store(&key("finney/_state/other/cursor.json"), Bytes::from_static(b"{")).await.unwrap();
    let error = prune(&storage, &options("events", "0"), &mut |_| ControlFlow::Continue(())).await.unwrap_err();
    assert!(error.to_string().contains("finney/_state/other/cursor.json"), "{error}");
    assert_eq!(keys(&storage).await.len(), before.len() + 1);
    // A file with another kind of name is no window.
    storage.delete(&key("finney/_state/other/cursor.json")).await.unwrap();
    storage.store(&key("finney/events/v1/notes.txt"), Bytes::new()).await.unwrap();
    go(&storage, &options("events", "0")).await;
    assert!(storage.exists(&key("finney/events/v1/notes.txt")).await.unwrap());
    for text in ["", "d", "-1", "1.5d", "10w", "99999999999999999999"] {
        assert!(text.parse::<sentinel_core::storage::Age>().is_err(), "{text}");
    }
}
