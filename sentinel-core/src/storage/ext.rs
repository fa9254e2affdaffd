//! The verbs of Sentinel's storage over any store: store, exists, read (delete is the trait's own).

use async_trait::async_trait;
use bytes::Bytes;

use super::{Key, PutMode, Storage, StorageError};

/// What every [`Storage`] can do on top of its own methods.
#[async_trait]
pub trait StorageExt: Storage {
    /// Writes an object, over an older one if there is one.
    async fn store(&self, key: &Key, bytes: Bytes) -> Result<(), StorageError> {
        self.put(key, bytes, PutMode::Overwrite).await
    }

    /// Whether there is such an object.
    async fn exists(&self, key: &Key) -> Result<bool, StorageError> {
        match self.head(key).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The content of an object.
    async fn read(&self, key: &Key) -> Result<Bytes, StorageError> {
        self.get(key).await
    }
}

impl<T: Storage + ?Sized> StorageExt for T {}
