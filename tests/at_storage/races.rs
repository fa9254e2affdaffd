//! Many writers at once: one wins, and readers see what one of them wrote.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use sentinel_core::storage::{ObjectStorage, PutMode, Storage, StorageError, StorageExt};

use super::server::Server;
use super::{key, real_server};

/// All writers want each range; some bring the same bytes.
async fn one_winner(name: &str, storage: ObjectStorage, writers: u8, ranges: u32) {
    let storage: Arc<dyn Storage> = Arc::new(storage);
    for range in 0..ranges {
        let lease = key(&format!("lease/{range:010}"));
        let tasks = (0..writers).map(|writer| {
            let (storage, lease) = (Arc::clone(&storage), lease.clone());
            tokio::spawn(async move { storage.put(&lease, Bytes::from(vec![writer / 2; 100]), PutMode::Create).await })
        });
        let results: Vec<_> = join_all(tasks).await.into_iter().map(|result| result.unwrap()).collect();
        let winners: Vec<_> = (0..writers).zip(&results).filter(|(_, result)| result.is_ok()).collect();
        let losers = results.iter().filter(|result| matches!(result, Err(StorageError::AlreadyExists { .. }))).count();
        assert_eq!((winners.len(), losers), (1, usize::from(writers) - 1), "{name}, range {range}: {results:?}");
        let content = storage.read(&lease).await.unwrap();
        assert_eq!(content, vec![winners[0].0 / 2; 100], "{name}, range {range}");
    }
    println!("{name}: writers={writers} ranges={ranges} winners_each=1");
}

/// Readers during writes: the content is always one that was written.
async fn old_or_new(name: &str, storage: ObjectStorage, rounds: u8) {
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let object = key("object");
    storage.store(&object, Bytes::from(vec![0; 200_000])).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let readers = (0..4).map(|_| {
        let (storage, object, done) = (Arc::clone(&storage), object.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut reads = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let content = storage.read(&object).await.unwrap();
                let mixed = content.len() != 200_000 || content.iter().any(|byte| *byte != content[0]);
                assert!(!mixed, "{} bytes, {:?} and others", content.len(), content.first());
                reads += 1;
            }
            reads
        })
    });
    let readers: Vec<_> = readers.collect();
    for round in 0..rounds {
        storage.store(&object, Bytes::from(vec![round; 200_000])).await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.unwrap();
    }
    println!("{name}: writes={rounds} reads={reads} mixed=0");
}

async fn on_all(writers: u8, ranges: u32, rounds: u8, real: &str) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let mut stores = vec![
        ("local", ObjectStorage::local(folder.path()).unwrap()),
        ("memory", ObjectStorage::memory()),
        ("scripted", server.storage()),
    ];
    if let Some(options) = real_server(real) {
        stores.push(("real", ObjectStorage::s3(&options).unwrap()));
    }
    for (name, storage) in stores {
        one_winner(name, storage.clone(), writers, ranges).await;
        old_or_new(name, storage, rounds).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_one_wins_and_readers_see_old_or_new() {
    on_all(16, 6, 20, "races").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "the large form"]
async fn of_64_writers_one_wins_each_of_100_ranges() {
    on_all(64, 100, 100, "large-races").await;
}
