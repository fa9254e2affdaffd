//! An S3 store: every request is tried again while that can help, and no put ends in doubt that can be resolved.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Attribute, Attributes, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutOptions};

use super::failure::Failure;
use crate::jitter::random;
use crate::storage::patience::Patience;
use crate::storage::{Key, ObjectInfo, PutMode, StorageError};

/// The metadata in which an object names the put that wrote it.
const PUT_NAME: &str = "sentinel-put";

/// One bucket, or a folder of one.
pub(in crate::storage) struct S3Store {
    pub(super) inner: AmazonS3,
    pub(super) http: reqwest::Client,
    pub(super) bucket: String,
    /// The folder, without a slash at its ends; empty for the whole bucket.
    pub(super) base: String,
    pub(super) patience: Patience,
    pub(super) multipart_above: usize,
    /// Whether the bucket has answered as one: a HEAD says 404 for objects and buckets alike.
    pub(super) seen: AtomicBool,
    /// Counts puts, so that each has a name of its own.
    pub(super) puts: AtomicU64,
}

/// Whose object a key holds after a put whose answer is not known.
enum Owner {
    Us,
    Other,
    Nobody,
}

impl S3Store {
    /// The path of an object in the bucket.
    pub(super) fn path(&self, key: &Key) -> Result<Path, StorageError> {
        let text = if self.base.is_empty() { key.to_string() } else { format!("{}/{key}", self.base) };
        Path::parse(text)
            .map_err(|_| StorageError::InvalidKey { key: key.to_string(), reason: "the store does not take it" })
    }

    pub(super) fn key(&self, path: &Path) -> Option<Key> {
        let text = path.as_ref();
        let text = if self.base.is_empty() { text } else { text.strip_prefix(&self.base)?.strip_prefix('/')? };
        Key::new(text).ok()
    }

    pub(super) fn failure(&self, key: Option<&Key>, error: object_store::Error) -> Failure {
        Failure::of(key, &self.bucket, error)
    }

    /// Sends a request that changes nothing, or that may be sent twice, until it succeeds or there is no use.
    pub(super) async fn retrying<T, F>(
        &self,
        key: Option<&Key>,
        mut request: impl FnMut() -> F,
    ) -> Result<T, StorageError>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let mut tries = self.patience.start();
        loop {
            let failure = match request().await {
                Ok(answer) => {
                    self.seen.store(true, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => self.failure(key, error),
            };
            if failure.is_passing() {
                tracing::debug!(?failure, "a request to the object store failed, and may be sent again");
                if tries.again(failure.pause()).await {
                    continue;
                }
            }
            return Err(match failure {
                Failure::Final(error)
                | Failure::Conflict(error)
                | Failure::NotTaken(error, _)
                | Failure::Doubtful(error, _) => error,
                // Only writes have conditions.
                Failure::Taken => StorageError::InvalidLocation {
                    location: format!("s3://{}", self.bucket),
                    reason: "it speaks of conditions that were not made".to_owned(),
                },
            });
        }
    }

    pub(in crate::storage) async fn get(&self, key: &Key) -> Result<Bytes, StorageError> {
        let path = self.path(key)?;
        self.retrying(Some(key), || async { self.inner.get(&path).await?.bytes().await }).await
    }

    pub(in crate::storage) async fn head(&self, key: &Key) -> Result<ObjectInfo, StorageError> {
        let path = self.path(key)?;
        match self.retrying(Some(key), || self.inner.head(&path)).await {
            Ok(meta) => Ok(ObjectInfo { key: key.clone(), size: meta.size }),
            // The answer to a HEAD has no body that could say that it is the bucket which is missing.
            Err(error) if error.is_not_found() && !self.seen.load(Ordering::Relaxed) => {
                let info = self.get(key).await.map(|bytes| ObjectInfo { key: key.clone(), size: bytes.len() as u64 });
                if info.as_ref().is_err_and(StorageError::is_not_found) {
                    self.seen.store(true, Ordering::Relaxed);
                }
                info
            }
            Err(error) => Err(error),
        }
    }

    /// The objects below a folder, in no order.
    pub(in crate::storage) async fn list(&self, folder: Option<&Key>) -> Result<Vec<ObjectInfo>, StorageError> {
        let prefix = match folder {
            Some(folder) => Some(self.path(folder)?),
            None if self.base.is_empty() => None,
            None => Path::parse(&self.base).ok(),
        };
        let request = || self.inner.list(prefix.as_ref()).try_collect::<Vec<ObjectMeta>>();
        let metas = self.retrying(None, request).await?;
        Ok(metas
            .into_iter()
            .filter_map(|meta| Some(ObjectInfo { key: self.key(&meta.location)?, size: meta.size }))
            .collect())
    }

    pub(in crate::storage) async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        let path = self.path(key)?;
        match self.retrying(Some(key), || self.inner.delete(&path)).await {
            Err(StorageError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// Writes an object, and knows at the end whether it did.
    ///
    /// A put may succeed without our hearing of it: the connection breaks, a proxy loses patience, the same request is
    /// sent again and meets its own object. Each put therefore has a name, which is stored with the object; after a
    /// failure that leaves it open what happened, the object is asked for the name of its put.
    pub(in crate::storage) async fn put(&self, key: &Key, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        let path = self.path(key)?;
        let name = self.put_name();
        let mut tries = self.patience.start();
        // Whether there was a try before, and whether one of them may have taken place.
        let (mut again, mut doubt) = (false, false);
        loop {
            let failure = match self.send(&path, &bytes, mode, &name).await {
                Ok(()) => {
                    self.seen.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                Err(error) => self.failure(Some(key), error),
            };
            let ask = match &failure {
                Failure::Final(_) => false,
                Failure::Taken if !again => return Err(failure.into_error(key)),
                Failure::Taken | Failure::Conflict(_) => true,
                Failure::NotTaken(..) => doubt,
                Failure::Doubtful(..) => {
                    doubt = true;
                    true
                }
            };
            tracing::debug!(%key, ?failure, doubt, "a put failed");
            if ask {
                match (self.owner(key, &path, &bytes, &name, doubt).await, mode) {
                    (Ok(Owner::Us), _) => return Ok(()),
                    (Ok(Owner::Other), PutMode::Create) => {
                        return Err(StorageError::AlreadyExists { key: key.clone() });
                    }
                    // Nobody's, or to be replaced, or not to be had: the next try will tell.
                    (Ok(Owner::Other | Owner::Nobody) | Err(_), _) => {}
                }
            }
            let pause = failure.pause();
            if matches!(failure, Failure::Final(_)) || !tries.again(pause).await {
                return Err(failure.into_error(key));
            }
            again = true;
        }
    }

    async fn send(&self, path: &Path, bytes: &Bytes, mode: PutMode, name: &str) -> object_store::Result<()> {
        let attributes = Attributes::from_iter([(Attribute::Metadata(PUT_NAME.into()), name.to_owned())]);
        match mode {
            PutMode::Overwrite if bytes.len() > self.multipart_above => self.upload(path, bytes, attributes).await,
            PutMode::Overwrite | PutMode::Create => {
                let mode = match mode {
                    PutMode::Overwrite => object_store::PutMode::Overwrite,
                    PutMode::Create => object_store::PutMode::Create,
                };
                let options = PutOptions { mode, attributes, ..PutOptions::default() };
                self.inner.put_opts(path, bytes.clone().into(), options).await.map(drop)
            }
        }
    }

    async fn owner(
        &self,
        key: &Key,
        path: &Path,
        bytes: &Bytes,
        name: &str,
        doubt: bool,
    ) -> Result<Owner, StorageError> {
        let request = || self.inner.get_opts(path, GetOptions { head: true, ..GetOptions::default() });
        let found = match self.retrying(Some(key), request).await {
            Ok(found) => found,
            Err(StorageError::NotFound { .. }) => return Ok(Owner::Nobody),
            Err(error) => return Err(error),
        };
        if let Some(writer) = found.attributes.get(&Attribute::Metadata(PUT_NAME.into())) {
            return Ok(if writer.as_ref() == name { Owner::Us } else { Owner::Other });
        }
        // A store that keeps no metadata: the same content is as good as ours.
        let same = doubt && found.meta.size == bytes.len() as u64 && self.get(key).await? == *bytes;
        Ok(if same { Owner::Us } else { Owner::Other })
    }

    /// A name that no other put has, in this process or any other.
    fn put_name(&self) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut seed = Vec::with_capacity(64);
        for part in [random(), random(), u64::from(std::process::id()), self.puts.fetch_add(1, Ordering::Relaxed)] {
            seed.extend_from_slice(&part.to_le_bytes());
        }
        seed.extend_from_slice(&now.as_nanos().to_le_bytes());
        let digest = blake2b_simd::Params::new().hash_length(16).hash(&seed);
        const_hex::encode(digest.as_bytes())
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.base.is_empty() {
            write!(f, "/{}", self.base)?;
        }
        Ok(())
    }
}

/// Drops what a stream would give in order to know how it ends.
pub(super) async fn drain<T>(
    parts: impl Iterator<Item = impl Future<Output = object_store::Result<T>>>,
    at_once: usize,
) -> object_store::Result<()> {
    futures::stream::iter(parts).buffer_unordered(at_once).try_for_each(|_| async { Ok(()) }).await
}
