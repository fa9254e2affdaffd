//! Storage over the `object_store` crate: a local folder or memory, and whatever else it can speak to.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};

use super::root::Root;
use super::{Key, ObjectInfo, PutMode, Storage, StorageError};
use crate::blocking::offload;

/// A [`Storage`] over an [`ObjectStore`].
#[derive(Clone)]
pub struct ObjectStorage {
    inner: Arc<dyn ObjectStore>,
    root: Option<Root>,
}

impl ObjectStorage {
    /// A folder on this machine, made if it is missing.
    ///
    /// Writes go to a file beside the target, are synced, renamed into place, and the folder is synced: after a crash
    /// there is the old object or the new one. Links that lead out of the folder are refused.
    pub fn local(folder: impl AsRef<Path>) -> Result<Self, StorageError> {
        let folder = folder.as_ref();
        let root = Root::create(folder).map_err(|error| {
            let at = folder.display().to_string();
            match error.kind() {
                std::io::ErrorKind::PermissionDenied => StorageError::Denied { at, source: Box::new(error) },
                _ => StorageError::InvalidLocation { location: at, reason: error.to_string() },
            }
        })?;
        let inner = LocalFileSystem::new_with_prefix(root.path()).map_err(|error| StorageError::InvalidLocation {
            location: folder.display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(Self { inner: Arc::new(inner.with_fsync(true)), root: Some(root) })
    }

    /// A store that lives as long as this value and its clones.
    pub fn memory() -> Self {
        Self::new(Arc::new(InMemory::new()))
    }

    /// Any object store, already configured.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, root: None }
    }

    /// `file:///absolute/folder`, `file://./relative/folder` or `memory://`.
    ///
    /// The folder is taken as it is written, with no percent-decoding.
    pub fn from_url(url: &str) -> Result<Self, StorageError> {
        if let Some(folder) = url.strip_prefix("file://") {
            if ["/", "./", "../"].iter().any(|start| folder.starts_with(start)) || folder == "." || folder == ".." {
                return Self::local(folder);
            }
        } else if url == "memory://" {
            return Ok(Self::memory());
        }
        Err(StorageError::InvalidLocation {
            location: url.to_owned(),
            reason: "use file:///absolute/folder, file://./relative/folder or memory://".to_owned(),
        })
    }

    async fn check(&self, key: &Key) -> Result<(), StorageError> {
        let Some(root) = self.root.clone() else { return Ok(()) };
        let checked = key.clone();
        match offload(move || root.check(&checked)).await {
            Ok(result) => result,
            Err(panic) => Err(StorageError::Unavailable { at: key.to_string(), source: Box::new(panic) }),
        }
    }
}

impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectStorage({})", self.inner)
    }
}

#[async_trait]
impl Storage for ObjectStorage {
    async fn put(&self, key: &Key, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        self.check(key).await?;
        let mode = match mode {
            PutMode::Overwrite => object_store::PutMode::Overwrite,
            PutMode::Create => object_store::PutMode::Create,
        };
        let written = self.inner.put_opts(&path(key)?, bytes.into(), mode.into()).await;
        written.map(drop).map_err(|error| failure(key, error))
    }

    async fn get(&self, key: &Key) -> Result<Bytes, StorageError> {
        self.check(key).await?;
        let object = self.inner.get(&path(key)?).await.map_err(|error| failure(key, error))?;
        object.bytes().await.map_err(|error| failure(key, error))
    }

    async fn head(&self, key: &Key) -> Result<ObjectInfo, StorageError> {
        self.check(key).await?;
        let meta = self.inner.head(&path(key)?).await.map_err(|error| failure(key, error))?;
        Ok(ObjectInfo { key: key.clone(), size: meta.size })
    }

    fn list<'a>(&'a self, folder: Option<&Key>) -> BoxStream<'a, Result<ObjectInfo, StorageError>> {
        let folder = folder.cloned();
        let listing = async move {
            let at = folder.as_ref().map_or("the store", Key::as_str).to_owned();
            let prefix = folder.as_ref().map(path).transpose()?;
            let metas: Vec<_> =
                self.inner.list(prefix.as_ref()).try_collect().await.map_err(|error| classify(at, error))?;
            // A file whose name is no key was not put there through this trait and cannot be addressed by it.
            let mut objects: Vec<_> = metas
                .into_iter()
                .filter_map(|meta| Some(ObjectInfo { key: Key::new(meta.location.as_ref()).ok()?, size: meta.size }))
                .filter(|object| folder.as_ref().is_none_or(|folder| object.key.is_below(folder)))
                .collect();
            // Folders list in the order of the file system.
            objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            let mut reachable = Vec::with_capacity(objects.len());
            for object in objects {
                if self.check(&object.key).await.is_ok() {
                    reachable.push(Ok(object));
                }
            }
            Ok(futures::stream::iter(reachable))
        };
        futures::stream::once(listing).try_flatten().boxed()
    }

    async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        self.check(key).await?;
        match self.inner.delete(&path(key)?).await {
            Ok(()) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(failure(key, error)),
        }
        let Some(root) = self.root.clone() else { return Ok(()) };
        let removed = key.clone();
        let unavailable = |source| StorageError::Unavailable { at: key.to_string(), source };
        match offload(move || root.sync_folder_of(&removed)).await {
            Ok(synced) => synced.map_err(|error| unavailable(Box::new(error))),
            Err(panic) => Err(unavailable(Box::new(panic))),
        }
    }
}

fn path(key: &Key) -> Result<object_store::path::Path, StorageError> {
    object_store::path::Path::parse(key.as_str())
        .map_err(|_| StorageError::InvalidKey { key: key.to_string(), reason: "the store does not take it" })
}

fn failure(key: &Key, error: object_store::Error) -> StorageError {
    use object_store::Error;
    match error {
        Error::NotFound { .. } => StorageError::NotFound { key: key.clone() },
        Error::AlreadyExists { .. } | Error::Precondition { .. } => StorageError::AlreadyExists { key: key.clone() },
        Error::InvalidPath { .. } => {
            StorageError::InvalidKey { key: key.to_string(), reason: "the store does not take it" }
        }
        other => classify(key.to_string(), other),
    }
}

fn classify(at: String, error: object_store::Error) -> StorageError {
    use std::io::ErrorKind;
    let source: Box<dyn std::error::Error + Send + Sync> = match error {
        object_store::Error::PermissionDenied { source, .. } | object_store::Error::Unauthenticated { source, .. } => {
            return StorageError::Denied { at, source };
        }
        other => Box::new(other),
    };
    match io_kind(source.as_ref()) {
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => StorageError::Denied { at, source },
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => StorageError::Full { at, source },
        Some(ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty) => {
            StorageError::InvalidKey { key: at, reason: "an object and a folder cannot share a name here" }
        }
        _ => StorageError::Unavailable { at, source },
    }
}

fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut error = Some(error);
    while let Some(current) = error {
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        error = current.source();
    }
    None
}
