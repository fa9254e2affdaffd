//! A store that fails by script: errors before or after the deed, no room, no access, slowness.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//! use sentinel_core::storage::{Key, ObjectStorage, StorageExt};
//! use sentinel_support::faulty_store::{FaultyStore, StoreFault, When};
//!
//! let store = FaultyStore::new(Arc::new(ObjectStorage::memory()))
//!     .on(When::put(1).of("manifest"), StoreFault::Ambiguous);
//! let key = Key::new("sim/manifest/0000000001.json")?;
//! assert!(store.store(&key, "{}".into()).await.is_err());
//! assert!(store.exists(&key).await?, "stored all the same");
//! assert_eq!(store.puts(), ["sim/manifest/0000000001.json"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use sentinel_core::storage::{Key, ObjectInfo, PutMode, Storage, StorageError};
use tokio::time::sleep;

use crate::rng::Rng;

/// What a store can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// Writing an object.
    Put,
    /// Reading one.
    Get,
    /// Asking whether one is there.
    Head,
    /// Listing a folder.
    List,
    /// Removing an object.
    Delete,
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// It is done, and the answer is an error that says nothing about that.
    Ambiguous,
    /// It is not done; a moment later it may work.
    Unavailable,
    /// There is no room: only writing fails.
    Full,
    /// It is not allowed.
    Denied,
    /// It is done so much later.
    Slow(Duration),
}

impl StoreFault {
    fn name(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::Unavailable => "unavailable",
            Self::Full => "full",
            Self::Denied => "denied",
            Self::Slow(_) => "slow",
        }
    }

    fn error(self, at: &str) -> StorageError {
        let at = at.to_owned();
        let source = |kind| Box::new(io::Error::new(kind, "made up by the test"));
        match self {
            Self::Full => StorageError::Full { at, source: source(io::ErrorKind::StorageFull) },
            Self::Denied => StorageError::Denied { at, source: source(io::ErrorKind::PermissionDenied) },
            _ => StorageError::Unavailable { at, source: source(io::ErrorKind::ConnectionReset) },
        }
    }
}

/// When a fault happens: at one of the deeds of a kind, or at every one; of those whose key contains a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    deed: Deed,
    nth: Option<u64>,
    part: String,
}

impl When {
    /// The nth put.
    pub fn put(nth: u64) -> Self {
        Self::nth(Deed::Put, nth)
    }

    /// The nth deed of a kind, from 1.
    pub fn nth(deed: Deed, nth: u64) -> Self {
        Self { deed, nth: Some(nth), part: String::new() }
    }

    /// Every deed of a kind.
    pub fn every(deed: Deed) -> Self {
        Self { deed, nth: None, part: String::new() }
    }

    /// Only those whose key contains this are counted.
    #[must_use]
    pub fn of(mut self, part: &str) -> Self {
        part.clone_into(&mut self.part);
        self
    }
}

#[derive(Debug)]
struct Rule {
    when: When,
    fault: StoreFault,
    seen: u64,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    chance: Option<(Rng, usize, Vec<StoreFault>)>,
    outage: Option<StoreFault>,
    puts: Vec<String>,
    deeds: BTreeMap<Deed, u64>,
    faults: BTreeMap<&'static str, u64>,
}

/// See the module. Clones share everything, so that a test can keep one.
#[derive(Debug, Clone)]
pub struct FaultyStore {
    inner: Arc<dyn Storage>,
    state: Arc<Mutex<State>>,
}

impl FaultyStore {
    /// Fails in nothing so far.
    pub fn new(inner: Arc<dyn Storage>) -> Self {
        Self { inner, state: Arc::default() }
    }

    /// Fails then, like this. The first rule that fits decides.
    #[must_use]
    pub fn on(self, when: When, fault: StoreFault) -> Self {
        self.lock().rules.push(Rule { when, fault, seen: 0 });
        self
    }

    /// Besides, so many of a hundred deeds fail in one of these ways, by this seed.
    #[must_use]
    pub fn at_random(self, seed: u64, percent: usize, faults: &[StoreFault]) -> Self {
        println!("faulty store: seed {seed}, {percent} %");
        self.lock().chance = Some((Rng::new(seed), percent, faults.to_vec()));
        self
    }

    /// From now on everything fails like this; `None` ends it.
    pub fn outage(&self, fault: Option<StoreFault>) {
        self.lock().outage = fault;
    }

    /// The keys of all puts that were tried, in order.
    pub fn puts(&self) -> Vec<String> {
        self.lock().puts.clone()
    }

    /// How often a deed was tried.
    pub fn count(&self, deed: Deed) -> u64 {
        self.lock().deeds.get(&deed).copied().unwrap_or(0)
    }

    /// How often it failed, by `ambiguous`, `unavailable`, `full`, `denied` and `slow`.
    pub fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.lock().faults.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes wrong before the deed is done; what to say instead of success after it.
    async fn before(&self, deed: Deed, at: &str) -> Result<Option<StorageError>, StorageError> {
        let fault = self.lock().fault(deed, at);
        match fault {
            None => Ok(None),
            Some(StoreFault::Slow(delay)) => {
                sleep(delay).await;
                Ok(None)
            }
            Some(StoreFault::Ambiguous) => Ok(Some(StoreFault::Ambiguous.error(at))),
            Some(fault) => Err(fault.error(at)),
        }
    }
}

impl State {
    fn fault(&mut self, deed: Deed, at: &str) -> Option<StoreFault> {
        *self.deeds.entry(deed).or_default() += 1;
        if deed == Deed::Put {
            self.puts.push(at.to_owned());
        }
        let mut chosen = self.outage;
        for rule in self.rules.iter_mut().filter(|rule| rule.when.deed == deed && at.contains(&rule.when.part)) {
            rule.seen += 1;
            if rule.when.nth.is_none_or(|nth| nth == rule.seen) {
                chosen = chosen.or(Some(rule.fault));
            }
        }
        if let Some((rng, percent, faults)) = &mut self.chance
            && rng.percent(*percent)
            && !faults.is_empty()
        {
            chosen = chosen.or(Some(*rng.pick(faults)));
        }
        // Where there is no room, all but writing works.
        let chosen = chosen.filter(|fault| *fault != StoreFault::Full || deed == Deed::Put)?;
        *self.faults.entry(chosen.name()).or_default() += 1;
        Some(chosen)
    }
}

fn said<T>(done: T, instead: Option<StorageError>) -> Result<T, StorageError> {
    instead.map_or(Ok(done), Err)
}

#[async_trait]
impl Storage for FaultyStore {
    async fn put(&self, key: &Key, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        let instead = self.before(Deed::Put, key.as_str()).await?;
        said(self.inner.put(key, bytes, mode).await?, instead)
    }

    async fn get(&self, key: &Key) -> Result<Bytes, StorageError> {
        let instead = self.before(Deed::Get, key.as_str()).await?;
        said(self.inner.get(key).await?, instead)
    }

    async fn head(&self, key: &Key) -> Result<ObjectInfo, StorageError> {
        let instead = self.before(Deed::Head, key.as_str()).await?;
        said(self.inner.head(key).await?, instead)
    }

    fn list<'a>(&'a self, folder: Option<&Key>) -> BoxStream<'a, Result<ObjectInfo, StorageError>> {
        let folder = folder.cloned();
        stream::once(async move {
            let at = folder.as_ref().map_or("", Key::as_str);
            match self.before(Deed::List, at).await {
                Ok(None) => self.inner.list(folder.as_ref()),
                Ok(Some(error)) | Err(error) => stream::iter([Err(error)]).boxed(),
            }
        })
        .flatten()
        .boxed()
    }

    async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        let instead = self.before(Deed::Delete, key.as_str()).await?;
        said(self.inner.delete(key).await?, instead)
    }
}
