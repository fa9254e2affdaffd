//! A store on a simulated disk that can lose its power in the middle of anything.
//!
//! It writes as a local folder is written: to a file beside the target, which is synced and renamed, and then the folder
//! is synced. Everything is done in small steps, and the power can fail before any of them. What was not synced by then
//! is there afterwards, or not, or half of it, as the seed decides: pieces of files and changes of names each by
//! themselves, which is worse than most file systems are. It is a model of its own because a simulated `std::fs` cannot be
//! put under `object_store`, which writes our files: what is tested on it is what stands on a store, not the store.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use sentinel_core::storage::{Key, StorageExt};
//! use sentinel_support::disk::{Care, SimDisk};
//!
//! let disk = SimDisk::new(Care::Full);
//! let key = Key::new("cursor.json")?;
//! disk.store(&key, "old".into()).await?;
//! disk.fail_after(3);
//! assert!(disk.store(&key, "new".into()).await.is_err());
//! disk.restart(7);
//! let found = disk.read(&key).await?;
//! assert!(found == "old" || found == "new");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use sentinel_core::storage::{Key, ObjectInfo, PutMode, Storage, StorageError};

use crate::rng::Rng;

/// What is written at once, whole or not at all.
const PIECE: usize = 512;

/// What the writer syncs: without either, tests of what survives must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Files and folders, as a store that promises durability does.
    Full,
    /// Folders only: names can be there before their content.
    NoFileSync,
    /// Files only: a put that has returned can be undone.
    NoFolderSync,
}

/// A file: what programs see, and what is on the disk for sure.
#[derive(Debug, Clone, Default)]
struct File {
    seen: Vec<u8>,
    synced: Vec<u8>,
}

/// A change of names that is not synced.
#[derive(Debug, Clone)]
enum Change {
    Name(String, u64),
    Unname(String),
    /// Both at once: that is what a rename is for.
    Rename(String, String, u64),
}

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    synced_names: BTreeMap<String, u64>,
    changes: Vec<Change>,
    next: u64,
    steps: u64,
    fails_at: Option<u64>,
    off: bool,
}

/// See the module. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    disk: Arc<Mutex<Disk>>,
    care: Care,
}

impl SimDisk {
    /// An empty disk.
    pub fn new(care: Care) -> Self {
        Self { disk: Arc::default(), care }
    }

    /// How many steps were done since the disk was made: where the power can fail.
    pub fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// The power fails before so many more steps are done plus one: everything is an error from then on.
    pub fn fail_after(&self, steps: u64) {
        let mut disk = self.lock();
        disk.fails_at = Some(disk.steps + steps);
    }

    /// Whether the power has failed.
    pub fn is_off(&self) -> bool {
        self.lock().off
    }

    /// The power fails, if it has not, and comes back; the seed decides what is left of what was not synced.
    pub fn restart(&self, seed: u64) {
        self.lock().lose(&mut Rng::new(seed));
    }

    /// Names of files that are no objects: left over from writes that were cut short.
    pub fn leftovers(&self) -> Vec<String> {
        self.lock().names.keys().filter(|name| name.contains('#')).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One step; others may do theirs before the next.
    async fn step<T>(&self, at: &str, step: impl FnOnce(&mut Disk) -> T) -> Result<T, StorageError> {
        tokio::task::yield_now().await;
        self.lock().step(at, step)
    }

    async fn write(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<bool, StorageError> {
        let (file, beside) = self.step(key, |disk| disk.create(key)).await?;
        for piece in bytes.chunks(PIECE) {
            self.step(key, |disk| disk.append(file, piece)).await?;
        }
        if self.care != Care::NoFileSync {
            self.step(key, |disk| disk.sync_file(file)).await?;
        }
        let named = match mode {
            PutMode::Overwrite => self.step(key, |disk| disk.rename(&beside, key, file)).await.map(|()| true)?,
            PutMode::Create => {
                let linked = self.step(key, |disk| disk.link(key, file)).await?;
                self.step(key, |disk| disk.unname(&beside)).await?;
                linked
            }
        };
        if self.care != Care::NoFolderSync {
            self.step(key, Disk::sync_names).await?;
        }
        Ok(named)
    }
}

fn off(at: &str) -> StorageError {
    let source = Box::new(io::Error::other("the power of the simulated disk failed"));
    StorageError::Unavailable { at: at.to_owned(), source }
}

impl Disk {
    fn step<T>(&mut self, at: &str, step: impl FnOnce(&mut Self) -> T) -> Result<T, StorageError> {
        self.off |= self.fails_at.is_some_and(|fails_at| self.steps >= fails_at);
        if self.off {
            return Err(off(at));
        }
        self.steps += 1;
        Ok(step(self))
    }

    fn create(&mut self, key: &str) -> (u64, String) {
        self.next += 1;
        let beside = format!("{key}#{}", self.next);
        self.files.insert(self.next, File::default());
        self.names.insert(beside.clone(), self.next);
        self.changes.push(Change::Name(beside.clone(), self.next));
        (self.next, beside)
    }

    fn append(&mut self, file: u64, piece: &[u8]) {
        if let Some(file) = self.files.get_mut(&file) {
            file.seen.extend_from_slice(piece);
        }
    }

    fn sync_file(&mut self, file: u64) {
        if let Some(file) = self.files.get_mut(&file) {
            file.synced.clone_from(&file.seen);
        }
    }

    fn rename(&mut self, from: &str, to: &str, file: u64) {
        self.names.remove(from);
        self.names.insert(to.to_owned(), file);
        self.changes.push(Change::Rename(from.to_owned(), to.to_owned(), file));
    }

    fn link(&mut self, name: &str, file: u64) -> bool {
        if self.names.contains_key(name) {
            return false;
        }
        self.names.insert(name.to_owned(), file);
        self.changes.push(Change::Name(name.to_owned(), file));
        true
    }

    fn unname(&mut self, name: &str) {
        if self.names.remove(name).is_some() {
            self.changes.push(Change::Unname(name.to_owned()));
        }
    }

    fn sync_names(&mut self) {
        self.changes.clear();
        self.synced_names.clone_from(&self.names);
        let named: Vec<u64> = self.names.values().copied().collect();
        self.files.retain(|file, _| named.contains(file));
    }

    fn lose(&mut self, rng: &mut Rng) {
        let mut names = std::mem::take(&mut self.synced_names);
        for change in std::mem::take(&mut self.changes) {
            if rng.percent(50) {
                continue;
            }
            match change {
                Change::Name(name, file) => {
                    names.insert(name, file);
                }
                Change::Unname(name) => {
                    names.remove(&name);
                }
                Change::Rename(from, to, file) => {
                    names.remove(&from);
                    names.insert(to, file);
                }
            }
        }
        for file in self.files.values_mut() {
            file.lose(rng);
        }
        (self.names, self.synced_names) = (names.clone(), names);
        (self.off, self.fails_at) = (false, None);
    }
}

impl File {
    /// Of each piece that was not synced, the new content or nothing; the file can be as long as it was or as it is.
    fn lose(&mut self, rng: &mut Rng) {
        if self.seen == self.synced {
            return;
        }
        let mut left = if rng.percent(50) { self.seen.clone() } else { self.synced.clone() };
        for (at, piece) in left.chunks_mut(PIECE).enumerate() {
            let start = at * PIECE;
            let is_synced = self.synced.get(start..start + piece.len()).is_some_and(|synced| synced == &*piece);
            if !is_synced && rng.percent(50) {
                piece.fill(0);
            }
        }
        (self.seen, self.synced) = (left.clone(), left);
    }
}

#[async_trait]
impl Storage for SimDisk {
    async fn put(&self, key: &Key, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        match self.write(key.as_str(), &bytes, mode).await? {
            true => Ok(()),
            false => Err(StorageError::AlreadyExists { key: key.clone() }),
        }
    }

    async fn get(&self, key: &Key) -> Result<Bytes, StorageError> {
        let found = self.step(key.as_str(), |disk| {
            let file = disk.files.get(disk.names.get(key.as_str())?)?;
            Some(Bytes::copy_from_slice(&file.seen))
        });
        found.await?.ok_or_else(|| StorageError::NotFound { key: key.clone() })
    }

    async fn head(&self, key: &Key) -> Result<ObjectInfo, StorageError> {
        let mut listed = self.list(None);
        while let Some(object) = listed.next().await {
            let object = object?;
            if object.key == *key {
                return Ok(object);
            }
        }
        Err(StorageError::NotFound { key: key.clone() })
    }

    fn list<'a>(&'a self, folder: Option<&Key>) -> BoxStream<'a, Result<ObjectInfo, StorageError>> {
        let folder = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
        let listing = async move {
            let listed = self.step(&folder, |disk| {
                let names = disk.names.iter().filter(|(name, _)| name.starts_with(&folder) && !name.contains('#'));
                let sizes = names.map(|(name, file)| (name.clone(), disk.files.get(file).map_or(0, |f| f.seen.len())));
                sizes.collect::<Vec<_>>()
            });
            match listed.await {
                Ok(names) => names.into_iter().map(|(name, size)| info(&name, size as u64)).collect(),
                Err(error) => vec![Err(error)],
            }
        };
        stream::once(listing).flat_map(stream::iter).boxed()
    }

    async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        self.step(key.as_str(), |disk| disk.unname(key.as_str())).await?;
        if self.care != Care::NoFolderSync {
            self.step(key.as_str(), Disk::sync_names).await?;
        }
        Ok(())
    }
}

fn info(name: &str, size: u64) -> Result<ObjectInfo, StorageError> {
    Ok(ObjectInfo::new(Key::new(name)?, size))
}
