//! Where artifacts are kept: whole objects under validated keys, in a folder, in memory, or in an object store.
//!
//! [`Storage`] is the trait, `ObjectStorage` what implements it for folders, memory and (feature `s3`) S3. `Stores` opens
//! stores by the names that a configuration gives them; `prune` removes what is older than wanted.
//!
//! ```
//! # #[cfg(feature = "storage")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sentinel_core::storage::StorageError> {
//! use sentinel_core::storage::{Key, ObjectStorage, StorageExt};
//!
//! let storage = ObjectStorage::memory();
//! let key = Key::new("reports/0000000001.json")?;
//! storage.store(&key, "{}".into()).await?;
//! assert!(storage.exists(&key).await?);
//! assert_eq!(storage.read(&key).await?, "{}");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "storage"))]
//! # fn main() {}
//! ```

mod error;
mod ext;
mod key;
#[cfg(feature = "storage")]
mod object;
#[cfg(feature = "s3")]
mod patience;
#[cfg(feature = "storage")]
mod plain;
#[cfg(feature = "storage")]
mod prune;
#[cfg(feature = "storage")]
mod registry;
#[cfg(feature = "storage")]
mod root;
#[cfg(feature = "s3")]
mod s3;

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

pub use error::StorageError;
pub use ext::StorageExt;
pub use key::Key;
#[cfg(feature = "storage")]
pub use object::ObjectStorage;
#[cfg(feature = "s3")]
pub use patience::Patience;
#[cfg(feature = "storage")]
pub use prune::{Age, KEPT_AROUND_CURSORS, ParseAgeError, PruneOptions, Pruned, prune};
#[cfg(feature = "storage")]
pub use registry::{DEFAULT_FOLDER, LOCAL_BACKEND, S3_BACKEND, S3Spec, StoreSpec, Stores};
#[cfg(feature = "s3")]
pub use s3::S3Options;

/// What happens when the key is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PutMode {
    /// The new object replaces the old one, in one step.
    #[default]
    Overwrite,
    /// The old object stays, and the put fails with [`StorageError::AlreadyExists`]; of several writers one wins.
    Create,
}

/// One object, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Where it is.
    pub key: Key,
    /// Its length in bytes.
    pub size: u64,
}

impl ObjectInfo {
    /// What a store of one's own lists.
    pub fn new(key: Key, size: u64) -> Self {
        Self { key, size }
    }
}

/// A store of whole objects.
///
/// A reader sees an object as it was before a put or as it is after it, never half of it; a put that has returned is
/// durable as far as the store can promise (local folders sync file and directory).
///
/// # Errors
/// See [`StorageError`]: every variant says what the caller can do next.
#[async_trait]
pub trait Storage: Debug + Send + Sync + 'static {
    /// Writes one object.
    async fn put(&self, key: &Key, bytes: Bytes, mode: PutMode) -> Result<(), StorageError>;

    /// The content of one object.
    async fn get(&self, key: &Key) -> Result<Bytes, StorageError>;

    /// What is known of one object without reading it.
    async fn head(&self, key: &Key) -> Result<ObjectInfo, StorageError>;

    /// The objects below `folder` (all objects without one), ascending by key. A folder that does not exist is empty.
    ///
    /// `a/b` is below `a`; `ab` and `a` itself are not.
    fn list<'a>(&'a self, folder: Option<&Key>) -> BoxStream<'a, Result<ObjectInfo, StorageError>>;

    /// Removes one object; no error when it is not there.
    async fn delete(&self, key: &Key) -> Result<(), StorageError>;
}
