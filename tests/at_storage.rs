//! Stores under faults: of every put it is known whether it took place, nothing is ever half there, nothing stays behind.
//!
//! The tests against a real S3 server need one at `SENTINEL_TEST_S3` (`tests/at_storage/with-moto COMMAND` starts one and
//! runs a command); without it they say so and pass. The large forms are ignored by default: `-- --ignored`.

#![allow(clippy::unwrap_used, reason = "a helper of a test that fails should say where")]

#[path = "at_storage/disk.rs"]
mod disk;
#[path = "at_storage/faults.rs"]
mod faults;
#[path = "at_storage/large.rs"]
mod large;
#[path = "at_storage/races.rs"]
mod races;
#[path = "at_storage/server.rs"]
mod server;

use futures::TryStreamExt;
use sentinel_core::conformance;
use sentinel_core::storage::{Key, ObjectStorage, S3Options, Storage};
use server::Server;

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

async fn keys(storage: &dyn Storage) -> Vec<String> {
    storage.list(None).map_ok(|object| object.key.to_string()).try_collect().await.unwrap()
}

/// A folder of its own in the bucket of the server that the environment names.
fn real_server(folder: &str) -> Option<S3Options> {
    let Ok(endpoint) = std::env::var("SENTINEL_TEST_S3") else {
        eprintln!("skipped: SENTINEL_TEST_S3 names no S3 server; run tests/at_storage/with-moto cargo test …");
        return None;
    };
    let mut options = server::options(&endpoint);
    // A server in Python, on a busy machine.
    options.timeout = std::time::Duration::from_secs(30);
    options.base_path = Some(folder.to_owned());
    Some(options)
}

#[tokio::test]
async fn a_bucket_keeps_every_promise() {
    let server = Server::start().await;
    let mut options = server.options();
    conformance::storage(&server.storage()).await.unwrap();
    options.base_path = Some("/some/folder/".to_owned());
    conformance::storage(&ObjectStorage::s3(&options).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_real_server_keeps_every_promise() {
    let Some(options) = real_server("promises") else { return };
    conformance::storage(&ObjectStorage::s3(&options).unwrap()).await.unwrap();
}
