//! Storage over the `object_store` crate: a local folder, memory, S3, and whatever else it can speak to.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use super::plain::{PlainStore, refusal};
use super::root::Root;
#[cfg(feature = "s3")]
use super::s3::{S3Options, S3Store};
use super::{Key, ObjectInfo, PutMode, Storage, StorageError};

/// A [`Storage`] over an [`ObjectStore`].
#[derive(Clone)]
pub struct ObjectStorage(Inner);

#[derive(Clone)]
enum Inner {
    Plain(PlainStore),
    #[cfg(feature = "s3")]
    S3(Arc<S3Store>),
}

/// Calls the same method of whichever store it is.
macro_rules! either {
    ($storage:expr, $store:ident => $call:expr) => {
        match &$storage.0 {
            Inner::Plain($store) => $call,
            #[cfg(feature = "s3")]
            Inner::S3($store) => $call,
        }
    };
}

impl ObjectStorage {
    /// A folder on this machine, made if it is missing.
    ///
    /// Writes go to a file beside the target, are synced, renamed into place, and the folder is synced: after a crash
    /// there is the old object or the new one. Links that lead out of the folder are refused.
    pub fn local(folder: impl AsRef<Path>) -> Result<Self, StorageError> {
        use std::io::ErrorKind;

        let folder = folder.as_ref();
        let location = || folder.display().to_string();
        let root = Root::create(folder).map_err(|error| match error.kind() {
            // Here these mean the folder itself, which no waiting turns into a store.
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::NotFound | ErrorKind::InvalidInput => {
                StorageError::InvalidLocation { location: location(), reason: error.to_string() }
            }
            _ => refusal(location(), error),
        })?;
        let inner = LocalFileSystem::new_with_prefix(root.path())
            .map_err(|error| StorageError::InvalidLocation { location: location(), reason: error.to_string() })?;
        Ok(Self(Inner::Plain(PlainStore { inner: Arc::new(inner.with_fsync(true)), root: Some(root) })))
    }

    /// A store that lives as long as this value and its clones.
    pub fn memory() -> Self {
        Self::new(Arc::new(InMemory::new()))
    }

    /// Any object store, already configured. Its answers are taken as they are: nothing is asked again.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self(Inner::Plain(PlainStore { inner, root: None }))
    }

    /// A bucket of S3, or of a store that speaks its protocol, or a folder in one.
    ///
    /// What fails in passing is sent again, with growing pauses. A put whose answer was lost asks the store whether it
    /// took place, so that [`PutMode::Create`] has one winner, who knows it. Objects beyond
    /// [`multipart_above`](S3Options::multipart_above) are sent in parts, and appear when all have arrived.
    ///
    /// Nothing is asked of the store yet: a wrong key or a missing bucket is an error of the first request.
    ///
    /// # Errors
    /// [`StorageError::InvalidLocation`]: there is no bucket in the options, or something in them cannot be right.
    #[cfg(feature = "s3")]
    pub fn s3(options: &S3Options) -> Result<Self, StorageError> {
        Ok(Self(Inner::S3(Arc::new(options.open()?))))
    }

    /// `file:///absolute/folder`, `file://./relative/folder`, `memory://`, or `s3://bucket/folder` with what
    /// [`S3Options::with_url`] knows; the rest of that store's options come from the environment.
    ///
    /// The folder of a file URL is taken as it is written, with no percent-decoding.
    pub fn from_url(url: &str) -> Result<Self, StorageError> {
        if let Some(folder) = url.strip_prefix("file://") {
            if ["/", "./", "../"].iter().any(|start| folder.starts_with(start)) || folder == "." || folder == ".." {
                return Self::local(folder);
            }
        } else if url == "memory://" {
            return Ok(Self::memory());
        }
        #[cfg(feature = "s3")]
        if url.starts_with("s3:") {
            return Self::s3(&S3Options { base_path: None, ..S3Options::from_env() }.with_url(url)?);
        }
        Err(StorageError::InvalidLocation {
            // What comes after these may be a secret.
            location: url.split(['@', '?', '#']).next().unwrap_or_default().to_owned(),
            reason: "use file:///absolute/folder, file://./relative/folder, s3://bucket/folder or memory://".to_owned(),
        })
    }

    /// Clears away what writers left behind that were killed more than `age` ago, and says how many pieces it was: unfinished
    /// files of a folder, unfinished uploads to a bucket. None of it was ever visible.
    ///
    /// An age of a day leaves every writer alone that is still at work.
    pub async fn sweep(&self, age: Duration) -> Result<u64, StorageError> {
        let limit = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        either!(self, store => store.sweep(limit).await)
    }
}

impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        either!(self, store => write!(f, "ObjectStorage({store:?})"))
    }
}

#[async_trait]
impl Storage for ObjectStorage {
    async fn put(&self, key: &Key, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        either!(self, store => store.put(key, bytes, mode).await)
    }

    async fn get(&self, key: &Key) -> Result<Bytes, StorageError> {
        either!(self, store => store.get(key).await)
    }

    async fn head(&self, key: &Key) -> Result<ObjectInfo, StorageError> {
        either!(self, store => store.head(key).await)
    }

    fn list<'a>(&'a self, folder: Option<&Key>) -> BoxStream<'a, Result<ObjectInfo, StorageError>> {
        let folder = folder.cloned();
        let listing = async move {
            let mut objects = either!(self, store => store.list(folder.as_ref()).await)?;
            // A prefix that is a whole key is no folder.
            objects.retain(|object| folder.as_ref().is_none_or(|folder| object.key.is_below(folder)));
            // Folders list in the order of the file system.
            objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            Ok(futures::stream::iter(objects.into_iter().map(Ok)))
        };
        futures::stream::once(listing).try_flatten().boxed()
    }

    async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        either!(self, store => store.delete(key).await)
    }
}
