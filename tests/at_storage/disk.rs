//! Disks that are full, writers that are killed, folders that may not be written.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sentinel_core::storage::{ObjectStorage, PutMode, Storage, StorageError, StorageExt};

use super::{key, keys};

/// Tells a child what to do.
const TASK: &str = "SENTINEL_TEST_STORAGE";

/// What this process was started for; `None` in one that is no child.
pub(crate) fn task() -> Option<String> {
    std::env::var(TASK).ok()
}

/// Starts an ignored test of this program in a child that can be killed, after a line of shell.
pub(crate) fn spawn(test: &str, task: &str, before: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("{before}\nexec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn content(round: u32) -> Vec<u8> {
    vec![round as u8; 300_000]
}

/// Files in a folder and below it, whatever they are called.
fn files(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => found.extend(files(&entry.path())?),
            false => found.push(entry.file_name().to_string_lossy().into_owned()),
        }
    }
    Ok(found)
}

/// Writes until there is no room, waits until there is, and writes on.
#[tokio::test]
#[ignore = "the work of a child"]
async fn child_fills_the_disk() {
    let Some(folder) = task() else { return };
    let storage = ObjectStorage::local(&folder).unwrap();
    storage.store(&key("a/kept"), Bytes::from(vec![1; 8 * 1024])).await.unwrap();
    for mode in [PutMode::Overwrite, PutMode::Create] {
        for name in ["a/kept", "a/new"] {
            let error = storage.put(&key(name), Bytes::from(vec![2; 600 * 1024]), mode).await.unwrap_err();
            assert!(matches!(error, StorageError::Full { .. }), "{error:?}");
            assert!(!error.is_retryable() && error.to_string().contains(name), "{error}");
        }
    }
    assert_eq!(storage.read(&key("a/kept")).await.unwrap(), vec![1; 8 * 1024]);
    assert_eq!(keys(&storage).await, ["a/kept"]);
    assert_eq!(files(Path::new(&folder)).unwrap(), ["kept"], "nothing of what failed is left");
    // What fits is taken.
    storage.store(&key("a/new"), Bytes::from(vec![3; 8 * 1024])).await.unwrap();
    println!("came to its end");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_full_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    // No file may grow beyond 256 KiB, and trying to is an error, not a signal.
    let limit = "ulimit -f 512; trap '' XFSZ";
    let child = spawn("disk::child_fills_the_disk", &folder.path().display().to_string(), limit);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("came to its end"), "{text}{:?}", output.stderr.escape_ascii());
}

/// A small file system of its own; `None` where this process may not make one.
#[cfg(target_os = "linux")]
struct Mount(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl Mount {
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "sentinel-test"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn room_that_comes_back_is_used() {
    let Some(mount) = Mount::new("size=16m") else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    let storage = ObjectStorage::local(mount.0.path()).unwrap();
    let mut written = 0;
    let full = loop {
        match storage.store(&key(&format!("a/{written}")), content(written).into()).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StorageError::Full { .. }), "{full:?}");
    assert_eq!(keys(&storage).await.len(), written as usize);
    for round in 0..written {
        assert_eq!(storage.read(&key(&format!("a/{round}"))).await.unwrap(), content(round));
    }
    storage.delete(&key("a/0")).await.unwrap();
    let started = Instant::now();
    storage.store(&key("a/again"), content(9).into()).await.unwrap();
    println!("objects={written} corrupt=0 resumed_after={:?}", started.elapsed());

    // And read-only: denied, with everything still readable.
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(mount.0.path()).status().unwrap();
    assert!(remounted.success());
    for denied in [
        storage.store(&key("a/more"), Bytes::new()).await.unwrap_err(),
        storage.put(&key("new/more"), Bytes::new(), PutMode::Create).await.unwrap_err(),
        storage.delete(&key("a/1")).await.unwrap_err(),
        ObjectStorage::local(mount.0.path().join("below")).unwrap_err(),
    ] {
        assert!(matches!(denied, StorageError::Denied { .. }), "{denied:?}");
    }
    assert_eq!(storage.read(&key("a/1")).await.unwrap(), content(1));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_may_not_be_written_is_denied() {
    // Nobody may make a folder there, not even root.
    let error = ObjectStorage::local("/sys/kernel/sentinel").unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
    let storage = ObjectStorage::local("/sys/kernel").unwrap();
    let error = storage.store(&key("sentinel"), Bytes::new()).await.unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
}

/// Writes the same few objects over and over until it is killed.
#[tokio::test]
#[ignore = "the work of a child"]
async fn child_writes() {
    let Some(folder) = task() else { return };
    let storage = ObjectStorage::local(folder).unwrap();
    for round in 0..100_000 {
        storage.store(&key(&format!("a/{}", round % 3)), content(round).into()).await.unwrap();
        storage.put(&key(&format!("b/{round}")), content(round).into(), PutMode::Create).await.unwrap();
        storage.delete(&key(&format!("b/{round}"))).await.unwrap();
    }
}

async fn killed_writers(kills: u64) {
    let folder = tempfile::tempdir().unwrap();
    let storage = ObjectStorage::local(folder.path()).unwrap();
    let mut left = 0;
    for kill in 0..kills {
        let mut child = spawn("disk::child_writes", &folder.path().display().to_string(), "");
        let begun = Instant::now();
        while !folder.path().join("a/2").exists() {
            assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(kill * 1_700 % 23_000));
        child.kill().unwrap();
        child.wait().unwrap();
        for name in keys(&storage).await {
            let object = storage.read(&key(&name)).await.unwrap();
            assert!(object.len() == 300_000 && object.iter().all(|byte| *byte == object[0]), "kill {kill}: {name}");
        }
        let listed = keys(&storage).await;
        let there = files(folder.path()).unwrap();
        left += there.len() - listed.len();
        assert_eq!(storage.sweep(Duration::from_secs(3600)).await.unwrap(), 0, "a live writer's files are left alone");
        assert_eq!(storage.sweep(Duration::ZERO).await.unwrap(), (there.len() - listed.len()) as u64);
        assert_eq!(files(folder.path()).unwrap().len(), listed.len());
        for name in listed {
            storage.delete(&key(&name)).await.unwrap();
        }
    }
    println!("kills={kills} unfinished_files={left} left_after_sweep=0 visible_partials=0");
}

#[tokio::test]
async fn a_killed_writer_leaves_old_or_new() {
    killed_writers(4).await;
}

#[tokio::test]
#[ignore = "the large form"]
async fn killed_writers_leave_old_or_new() {
    killed_writers(100).await;
}
