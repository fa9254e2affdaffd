//! Objects that are sent in parts: all of it appears, or none of it, and nothing stays behind.

use std::time::Duration;

use bytes::Bytes;
use sentinel_core::storage::{ObjectStorage, PutMode, S3Options, Storage, StorageError, StorageExt};

use super::disk::{spawn, task};
use super::server::{Fault, Server};
use super::{key, keys, real_server};

/// A client that gives a busy machine time for large parts.
fn client(options: S3Options) -> ObjectStorage {
    ObjectStorage::s3(&S3Options { timeout: Duration::from_secs(20), ..options }).unwrap()
}

/// Three parts of 8 MiB and a rest.
fn large(fill: u8) -> Bytes {
    let pattern: Vec<u8> = (0..=250).map(|n| n ^ fill).collect();
    pattern.repeat(25 * 1024 * 1024 / pattern.len()).into()
}

#[tokio::test]
async fn parts_are_sent_again_and_the_end_is_known() {
    let server = Server::start().await;
    let storage = client(server.options());
    let object = key("large");
    let cases: [(&str, &str, Fault); 8] = [
        ("PUT", "partNumber", Fault::Refuse(500, "InternalError")),
        ("PUT", "partNumber", Fault::Cut),
        ("PUT", "partNumber", Fault::Refuse(404, "NoSuchUpload")),
        ("POST", "uploads", Fault::Refuse(503, "SlowDown")),
        ("POST", "uploads", Fault::DoAndCut),
        ("POST", "uploadId", Fault::DoAndCut),
        ("POST", "uploadId", Fault::DoAndRefuse(500, "InternalError")),
        ("POST", "uploadId", Fault::Cut),
    ];
    for (at, case) in cases.into_iter().enumerate() {
        let content = large(at as u8);
        server.state().script.push_back(case);
        storage.store(&object, content.clone()).await.unwrap();
        assert!(storage.read(&object).await.unwrap() == content, "{case:?}");
        assert!(server.state().script.is_empty(), "{case:?}");
    }
    // One was begun without our hearing of it; the sweep ends it.
    let open = server.state().uploads.len();
    assert_eq!(storage.sweep(Duration::from_secs(24 * 3600)).await.unwrap(), open as u64);
    assert!(open <= 2 && server.state().uploads.is_empty());
}

#[tokio::test]
async fn what_cannot_be_finished_is_given_up() {
    let server = Server::start().await;
    let storage = client(server.options());
    let object = key("large");
    storage.store(&object, Bytes::from_static(b"old")).await.unwrap();
    server.state().script.push_back(("PUT", "partNumber", Fault::Refuse(403, "AccessDenied")));
    let error = storage.store(&object, large(0)).await.unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
    assert!(server.state().uploads.is_empty());
    assert_eq!(storage.read(&object).await.unwrap(), "old");
}

#[tokio::test]
async fn young_uploads_are_left_alone() {
    let server = Server::start().await;
    let storage = client(server.options());
    server.state().script.push_back(("PUT", "partNumber", Fault::Hang));
    let object = key("large");
    let mut put = storage.store(&object, large(0));
    // Given up in the middle: the parts that arrived stay.
    while !server.state().requests.iter().any(|request| request.contains("partNumber")) {
        let given_up = tokio::time::timeout(Duration::from_millis(20), &mut put).await;
        assert!(given_up.is_err());
    }
    drop(put);
    assert_eq!(server.state().uploads.len(), 1);
    // A store may not be able to say which there are; there is nothing to do then.
    server.state().script.push_back(("GET", "uploads", Fault::Refuse(501, "NotImplemented")));
    assert_eq!(storage.sweep(Duration::ZERO).await.unwrap(), 0);
    // The server says that all were begun on the first of September 2026.
    assert_eq!(storage.sweep(Duration::from_secs(100 * 365 * 24 * 3600)).await.unwrap(), 0);
    assert_eq!(storage.sweep(Duration::ZERO).await.unwrap(), 1);
    assert!(server.state().uploads.is_empty() && keys(&storage).await.is_empty());
}

/// Uploads until it is killed.
#[tokio::test]
#[ignore = "the work of a child"]
async fn child_uploads() {
    let Some(endpoint) = task() else { return };
    let storage = client(super::server::options(&endpoint));
    for round in 0..200 {
        storage.put(&key("large"), large(round), PutMode::Overwrite).await.unwrap();
    }
}

async fn killed_uploads(kills: u32) {
    let server = Server::start().await;
    let storage = client(server.options());
    let endpoint = format!("http://{}", server.address);
    let mut left = 0;
    for kill in 0..kills {
        let mut child = spawn("large::child_uploads", &endpoint, "");
        // Until it is in the middle of an upload, and some way into it.
        let begun = std::time::Instant::now();
        while server.state().uploads.is_empty() || server.state().count("POST large uploadId") == 0 {
            assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(120));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(u64::from(kill % 7) * 9)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        left += server.state().uploads.len();
        let content = storage.read(&key("large")).await.unwrap();
        let fill = content[0];
        assert!(content == large(fill), "kill {kill}: the object is not one of those that were written");
        assert_eq!(keys(&storage).await, ["large"]);
        storage.sweep(Duration::ZERO).await.unwrap();
        assert!(server.state().uploads.is_empty());
        server.state().requests.clear();
    }
    println!("kills={kills} uploads_left_by_them={left} open_after_sweep=0 visible_partials=0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_upload_leaves_nothing() {
    killed_uploads(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the large form"]
async fn killed_uploads_leave_nothing() {
    killed_uploads(50).await;
}

#[tokio::test]
async fn a_real_server_takes_parts_and_is_swept() {
    let Some(options) = real_server("parts") else { return };
    let storage = ObjectStorage::s3(&options).unwrap();
    let content = large(7);
    storage.store(&key("large"), content.clone()).await.unwrap();
    assert!(storage.read(&key("large")).await.unwrap() == content);
    let object = key("abandoned");
    let abandoned = tokio::time::timeout(Duration::from_millis(150), storage.store(&object, large(8))).await;
    let swept = storage.sweep(Duration::from_secs(24 * 3600)).await.unwrap();
    // However far it came: the server dates all uploads years back.
    assert!(swept <= 1 && (abandoned.is_err() || swept == 0));
    assert_eq!(storage.sweep(Duration::from_secs(24 * 3600)).await.unwrap(), 0);
}
