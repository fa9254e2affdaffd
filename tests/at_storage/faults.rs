//! Requests that fail, in every way in which they can: what the caller is told is what happened.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sentinel_core::storage::{ObjectStorage, Patience, PutMode, S3Options, Storage, StorageError, StorageExt};
use sentinel_support::rng::Rng;

use super::server::{Fault, Object, Server};
use super::{key, keys};

/// Faults after which a put has to end well.
const PASSING: [Fault; 13] = [
    Fault::Refuse(409, "ConditionalRequestConflict"),
    Fault::Refuse(429, "TooManyRequests"),
    Fault::Refuse(500, "InternalError"),
    Fault::Refuse(503, "SlowDown"),
    Fault::Refuse(408, "RequestTimeout"),
    Fault::DoAndRefuse(500, "InternalError"),
    Fault::DoAndRefuse(502, ""),
    Fault::DoAndRefuse(503, "ServiceUnavailable"),
    Fault::DoAndRefuse(504, ""),
    Fault::Cut,
    Fault::DoAndCut,
    Fault::Hang,
    Fault::DoAndHang,
];

#[tokio::test]
async fn a_put_that_fails_in_passing_takes_place_once_and_says_so() {
    for forgetful in [false, true] {
        let server = Server::start().await;
        server.state().forgetful = forgetful;
        let storage = server.storage();
        for mode in [PutMode::Create, PutMode::Overwrite] {
            for (at, fault) in PASSING.into_iter().enumerate() {
                let object = key(&format!("{mode:?}/{at}"));
                server.script("PUT", &[fault]);
                let put = storage.put(&object, Bytes::from_static(b"ours"), mode).await;
                assert!(put.is_ok(), "{mode:?} {fault:?}: {put:?}");
                assert_eq!(storage.read(&object).await.unwrap(), "ours");
                // A second writer finds it taken, whatever happens to it.
                server.script("PUT", &[fault]);
                let second = storage.put(&object, Bytes::from_static(b"other"), PutMode::Create).await;
                let doubled = matches!(fault, Fault::DoAndRefuse(..)) && second.is_err();
                assert!(
                    matches!(second, Err(StorageError::AlreadyExists { .. })) || doubled,
                    "{mode:?} {fault:?}: {second:?}"
                );
                assert_eq!(storage.read(&object).await.unwrap(), "ours");
            }
        }
        assert!(server.state().script.is_empty());
    }
}

#[tokio::test]
async fn who_is_overtaken_is_told() {
    let server = Server::start().await;
    let storage = server.storage();
    for (at, then) in
        [None, Some(Fault::Cut), Some(Fault::Refuse(409, "ConditionalRequestConflict"))].iter().enumerate()
    {
        let object = key(&format!("overtaken/{at}"));
        server.script("PUT", &[Fault::Refuse(500, "InternalError"), Fault::Overtaken]);
        server.script("HEAD", &then.iter().copied().collect::<Vec<_>>());
        let put = storage.put(&object, Bytes::from_static(b"ours"), PutMode::Create).await;
        assert!(matches!(put, Err(StorageError::AlreadyExists { .. })), "{put:?}");
        assert_eq!(storage.read(&object).await.unwrap(), "theirs");
    }
}

/// Puts under random faults, several in a row; and what the server has in the end.
async fn ambiguous_puts(count: usize, seed: u64) {
    let server = Server::start().await;
    let storage = ObjectStorage::s3(&S3Options { timeout: Duration::from_millis(60), ..server.options() }).unwrap();
    let mut rng = Rng::new(seed);
    let (mut right, mut won) = (0, 0);
    for at in 0..count {
        let object = key(&format!("ambiguous/{at}"));
        let mode = if rng.below(4) == 0 { PutMode::Overwrite } else { PutMode::Create };
        let mut faults: Vec<Fault> = (0..=rng.below(2)).map(|_| *rng.pick(&PASSING)).collect();
        if mode == PutMode::Create && rng.below(3) == 0 {
            faults.push(Fault::Overtaken);
        }
        server.script("PUT", &faults);
        if rng.below(3) == 0 {
            server.script("HEAD", &[Fault::Cut]);
        }
        let content = Bytes::from(format!("ours {at}"));
        let put = storage.put(&object, content.clone(), mode).await;
        let stored = server.state().objects.get(object.as_str()).map(|object| object.bytes.clone());
        // What was not needed is not for the next one.
        server.state().script.clear();
        let ours = stored.as_deref() == Some(&content[..]);
        let verdict = match &put {
            Ok(()) => ours,
            Err(StorageError::AlreadyExists { .. }) => !ours && stored.is_some(),
            Err(_) => false,
        };
        assert!(verdict, "seed {seed}, put {at}, {mode:?} after {faults:?}: {put:?}, {stored:?}");
        right += usize::from(verdict);
        won += usize::from(put.is_ok());
    }
    let objects = server.state().objects.len();
    println!(
        "seed={seed} verdicts={right}/{count} won={won} objects={objects} requests={}",
        server.state().requests.len()
    );
    assert_eq!((right, objects), (count, count));
}

#[tokio::test]
async fn of_an_ambiguous_put_the_verdict_is_right() {
    ambiguous_puts(40, 1).await;
}

#[tokio::test]
#[ignore = "the large form"]
async fn of_every_ambiguous_put_the_verdict_is_right() {
    for seed in 1..=3 {
        ambiguous_puts(300, seed).await;
    }
}

#[tokio::test]
async fn what_will_not_get_better_is_said_at_once() {
    let server = Server::start().await;
    let storage = server.storage();
    let object = key("a/b");
    type Named = fn(&StorageError) -> bool;
    let cases: [(u16, &str, Named); 8] = [
        (403, "AccessDenied", |error| matches!(error, StorageError::Denied { .. })),
        (403, "InvalidAccessKeyId", |error| matches!(error, StorageError::Denied { .. })),
        (403, "SignatureDoesNotMatch", |error| matches!(error, StorageError::Denied { .. })),
        (400, "ExpiredToken", |error| matches!(error, StorageError::Denied { .. })),
        (507, "XMinioStorageFull", |error| matches!(error, StorageError::Full { .. })),
        (403, "QuotaExceeded", |error| matches!(error, StorageError::Full { .. })),
        (404, "NoSuchBucket", |error| matches!(error, StorageError::InvalidLocation { .. })),
        (301, "PermanentRedirect", |error| matches!(error, StorageError::InvalidLocation { .. })),
    ];
    for (status, code, named) in cases {
        let refusal = [Fault::Refuse(status, code)];
        for method in ["PUT", "GET"] {
            let before = server.state().requests.len();
            server.script(method, &refusal);
            let error = match method {
                "PUT" => storage.put(&object, Bytes::new(), PutMode::Create).await.unwrap_err(),
                _ => storage.get(&object).await.unwrap_err(),
            };
            assert!(named(&error) && !error.is_retryable(), "{method} {code}: {error:?}");
            assert_eq!(server.state().requests.len(), before + 1, "{code} is not asked again");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        }
    }
    assert_eq!(server.state().objects.len(), 0);
    assert!(!format!("{storage:?}").contains("hush"));
}

#[tokio::test]
async fn patience_ends() {
    let server = Server::start().await;
    let storage = server.storage();
    server.script("PUT", &[Fault::Refuse(503, "SlowDown"); 20]);
    let error = storage.put(&key("a"), Bytes::new(), PutMode::Create).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(server.state().count("PUT"), 8);
    server.script("GET", &[Fault::Cut; 20]);
    assert!(storage.get(&key("a")).await.unwrap_err().is_retryable());
    assert_eq!(server.state().count("GET"), 8);
    assert!(server.state().objects.is_empty());
}

#[tokio::test]
async fn a_store_that_is_not_there_is_one_error() {
    let server = Server::start().await;
    let mut options = server.options();
    drop(server);
    options.patience = Patience { tries: 3, ..options.patience };
    let storage = ObjectStorage::s3(&options).unwrap();
    let started = Instant::now();
    let error = storage.exists(&key("a")).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn reads_and_lists_are_asked_again() {
    let server = Server::start().await;
    let storage = server.storage();
    let meta = std::collections::BTreeMap::new();
    server.state().objects.insert("a".to_owned(), Object { bytes: b"content".to_vec(), meta });
    for fault in [Fault::Refuse(503, "SlowDown"), Fault::Cut, Fault::Hang, Fault::DoAndHang] {
        server.script("GET", &[fault]);
        assert_eq!(storage.read(&key("a")).await.unwrap(), "content", "{fault:?}");
        server.script("HEAD", &[fault]);
        assert!(storage.exists(&key("a")).await.unwrap(), "{fault:?}");
        server.script("GET", &[fault]);
        assert_eq!(keys(&storage).await, ["a"], "{fault:?}");
    }
    for fault in [Fault::DoAndCut, Fault::DoAndRefuse(500, "InternalError")] {
        storage.store(&key("b"), Bytes::new()).await.unwrap();
        server.script("DELETE", &[fault]);
        storage.delete(&key("b")).await.unwrap();
    }
    assert_eq!(keys(&storage).await, ["a"]);
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_object() {
    let server = Server::start().await;
    let storage = server.storage();
    // The answer to a HEAD has no body: what is missing is found out by asking once more.
    server.script("HEAD", &[Fault::Refuse(404, "NoSuchBucket")]);
    server.script("GET", &[Fault::Refuse(404, "NoSuchBucket")]);
    let error = storage.exists(&key("a")).await.unwrap_err();
    assert!(matches!(&error, StorageError::InvalidLocation { .. }), "{error:?}");
    assert!(error.to_string().contains("no such bucket"), "{error}");
    assert!(!storage.exists(&key("a")).await.unwrap());
}
