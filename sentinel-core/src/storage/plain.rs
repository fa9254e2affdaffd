//! Objects in a folder, in memory, or in whatever else the `object_store` crate can speak to.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};

use super::root::Root;
use super::{Key, ObjectInfo, PutMode, StorageError};
use crate::blocking::offload;

/// An object store as it is: what it answers is the answer.
#[derive(Clone)]
pub(super) struct PlainStore {
    pub(super) inner: Arc<dyn ObjectStore>,
    /// Of a local folder.
    pub(super) root: Option<Root>,
}

impl PlainStore {
    pub(super) async fn put(&self, key: &Key, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        self.check(key).await?;
        let mode = match mode {
            PutMode::Overwrite => object_store::PutMode::Overwrite,
            PutMode::Create => object_store::PutMode::Create,
        };
        let written = self.inner.put_opts(&path(key)?, bytes.into(), mode.into()).await;
        written.map(drop).map_err(|error| failure(key, error))
    }

    pub(super) async fn get(&self, key: &Key) -> Result<Bytes, StorageError> {
        self.check(key).await?;
        let object = self.inner.get(&path(key)?).await.map_err(|error| failure(key, error))?;
        object.bytes().await.map_err(|error| failure(key, error))
    }

    pub(super) async fn head(&self, key: &Key) -> Result<ObjectInfo, StorageError> {
        self.check(key).await?;
        let meta = self.inner.head(&path(key)?).await.map_err(|error| failure(key, error))?;
        Ok(ObjectInfo { key: key.clone(), size: meta.size })
    }

    /// The objects below a folder, in no order.
    pub(super) async fn list(&self, folder: Option<&Key>) -> Result<Vec<ObjectInfo>, StorageError> {
        let at = folder.map_or("the store", Key::as_str).to_owned();
        let prefix = folder.map(path).transpose()?;
        let metas: Vec<_> =
            self.inner.list(prefix.as_ref()).try_collect().await.map_err(|error| classify(at, error))?;
        let mut objects = Vec::with_capacity(metas.len());
        for meta in metas {
            // A file whose name is no key was not put there through this trait and cannot be addressed by it.
            let Ok(key) = Key::new(meta.location.as_ref()) else { continue };
            if self.check(&key).await.is_ok() {
                objects.push(ObjectInfo { key, size: meta.size });
            }
        }
        Ok(objects)
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), StorageError> {
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

    /// Removes files that writers before `limit` left behind when they were killed, and says how many.
    pub(super) async fn sweep(&self, limit: SystemTime) -> Result<u64, StorageError> {
        let Some(root) = self.root.clone() else { return Ok(0) };
        let at = root.path().display().to_string();
        match offload(move || root.sweep(limit)).await {
            Ok(Ok(swept)) => Ok(swept),
            Ok(Err(error)) => Err(refusal(at, error)),
            Err(panic) => Err(StorageError::Unavailable { at, source: Box::new(panic) }),
        }
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

impl fmt::Debug for PlainStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
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
    let source: Box<dyn std::error::Error + Send + Sync> = match error {
        object_store::Error::PermissionDenied { source, .. } | object_store::Error::Unauthenticated { source, .. } => {
            return StorageError::Denied { at, source };
        }
        other => Box::new(other),
    };
    let kind = io_kind(source.as_ref());
    of_kind(at, kind, source)
}

/// What an error of the file system at a file or folder means.
pub(super) fn refusal(at: String, error: std::io::Error) -> StorageError {
    of_kind(at, Some(error.kind()), Box::new(error))
}

fn of_kind(
    at: String,
    kind: Option<std::io::ErrorKind>,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> StorageError {
    use std::io::ErrorKind;
    match kind {
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => StorageError::Denied { at, source },
        // A file that may not grow is no different from a disk that cannot take more.
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) => {
            StorageError::Full { at, source }
        }
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
