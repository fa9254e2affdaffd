//! Stores by name: what they are is said at the start, whether they work is found out when they are used.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

#[cfg(feature = "s3")]
use super::S3Options;
use super::{ObjectStorage, StorageError};
use crate::secret::{Secret, SecretSource};

/// The backend of a folder on this machine, as configurations name it.
pub const LOCAL_BACKEND: &str = "fsspec-local";
/// The backend of an S3 bucket, as configurations name it.
pub const S3_BACKEND: &str = "fsspec-s3";
/// The folder of the store `local` when nothing else is said.
pub const DEFAULT_FOLDER: &str = "./sentinel-data";

/// What a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreSpec {
    /// A folder on this machine.
    Local {
        /// The folder.
        base_path: String,
    },
    /// An S3 bucket.
    S3(S3Spec),
    /// The S3 bucket that the variables `SENTINEL_STORAGE_S3_…` name.
    S3FromEnv,
}

/// An S3 bucket; what is not said comes from where programs on AWS expect it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3Spec {
    /// The bucket.
    pub bucket: String,
    /// The folder in it that all keys are below.
    pub base_path: Option<String>,
    /// The region.
    pub aws_region: Option<String>,
    /// The name of the key.
    pub aws_access_key_id: Option<SecretSource>,
    /// The secret key.
    pub aws_secret_access_key: Option<SecretSource>,
    /// Where the store answers, when it is not Amazon's.
    pub endpoint_url: Option<String>,
    /// Speak `http://` to other machines too.
    pub allow_http: bool,
}

impl StoreSpec {
    /// The store with this backend and these options, such as `fsspec-local` with `base_path`.
    ///
    /// `fsspec-s3` knows `bucket`, `base_path`, `aws_region`, `aws_access_key_id`, `aws_secret_access_key`,
    /// `endpoint_url` and `allow_http`. An empty option is one that is not given.
    ///
    /// # Errors
    /// [`StorageError::InvalidLocation`] for another backend, another option, or one that is missing. Values are not
    /// repeated.
    pub fn from_options<K, V>(backend: &str, options: impl IntoIterator<Item = (K, V)>) -> Result<Self, StorageError>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let invalid = |reason: String| StorageError::InvalidLocation { location: shown(backend), reason };
        let given = options.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value.into()));
        let mut given: BTreeMap<String, String> = given.filter(|(_, value)| !value.is_empty()).collect();
        let mut take = |name: &str| given.remove(name);
        let missing = |name: &str| invalid(format!("its option `{name}` is missing"));
        let spec = match backend {
            LOCAL_BACKEND => Self::Local { base_path: take("base_path").ok_or_else(|| missing("base_path"))? },
            S3_BACKEND => Self::S3(S3Spec {
                bucket: take("bucket").ok_or_else(|| missing("bucket"))?,
                base_path: take("base_path"),
                aws_region: take("aws_region"),
                aws_access_key_id: take("aws_access_key_id").map(Secret::new).map(SecretSource::Given),
                aws_secret_access_key: take("aws_secret_access_key").map(Secret::new).map(SecretSource::Given),
                endpoint_url: take("endpoint_url"),
                allow_http: take("allow_http").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            }),
            _ => return Err(invalid(format!("no such backend; use {LOCAL_BACKEND} or {S3_BACKEND}"))),
        };
        match given.into_keys().next() {
            None => Ok(spec),
            Some(name) => Err(invalid(format!("it has no option `{}`", shown(&name)))),
        }
    }

    /// Opens the store.
    ///
    /// # Errors
    /// It cannot be one: no bucket is named, a secret is not where it should be, the folder cannot be made.
    pub fn open(&self) -> Result<ObjectStorage, StorageError> {
        match self {
            Self::Local { base_path } => ObjectStorage::local(base_path),
            Self::S3(spec) => open_s3(Some(spec)),
            Self::S3FromEnv => open_s3(None),
        }
    }
}

#[cfg(feature = "s3")]
fn open_s3(spec: Option<&S3Spec>) -> Result<ObjectStorage, StorageError> {
    let Some(spec) = spec else { return ObjectStorage::s3(&S3Options::from_env()) };
    let read = |source: &Option<SecretSource>| {
        source.as_ref().map(SecretSource::read).transpose().map_err(|error| StorageError::InvalidLocation {
            location: format!("s3://{}", spec.bucket),
            // The message of an error of a file is in its source.
            reason: std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), |why| format!("{error}: {why}")),
        })
    };
    ObjectStorage::s3(&S3Options {
        bucket: Some(spec.bucket.clone()),
        base_path: spec.base_path.clone(),
        aws_region: spec.aws_region.clone(),
        aws_access_key_id: read(&spec.aws_access_key_id)?.map(|id| id.expose().to_owned()),
        aws_secret_access_key: read(&spec.aws_secret_access_key)?,
        endpoint_url: spec.endpoint_url.clone(),
        allow_http: spec.allow_http,
        ..S3Options::default()
    })
}

#[cfg(not(feature = "s3"))]
fn open_s3(spec: Option<&S3Spec>) -> Result<ObjectStorage, StorageError> {
    Err(StorageError::InvalidLocation {
        location: spec.map_or_else(|| "s3".to_owned(), |spec| format!("s3://{}", spec.bucket)),
        reason: "this program was built without S3 (feature `s3`)".to_owned(),
    })
}

/// The stores that a program knows: `local` (the folder [`DEFAULT_FOLDER`]), `s3` (from the variables
/// `SENTINEL_STORAGE_S3_…`), and those it is told of, which may replace these two.
///
/// ```
/// use sentinel_core::storage::{StoreSpec, Stores};
///
/// let folder = std::env::temp_dir().join("sentinel-doc").display().to_string();
/// let archive = StoreSpec::from_options("fsspec-local", [("base_path", folder.as_str())])?;
/// let stores = Stores::new([("archive".to_owned(), archive)]);
/// let storage = stores.open("archive")?;
/// assert!(stores.open("no-such-store").is_err());
/// # Ok::<(), sentinel_core::storage::StorageError>(())
/// ```
#[derive(Debug)]
pub struct Stores {
    specs: BTreeMap<String, StoreSpec>,
    /// Those in use, so that a name is one store for all.
    opened: Mutex<BTreeMap<String, ObjectStorage>>,
}

impl Default for Stores {
    fn default() -> Self {
        Self::new([])
    }
}

impl Stores {
    /// The name of the store that is meant when none is named. Where nobody defines it, it is `local`.
    pub const DEFAULT: &'static str = "default";

    /// These stores, beside the two that are always there.
    pub fn new(specs: impl IntoIterator<Item = (String, StoreSpec)>) -> Self {
        let local = StoreSpec::Local { base_path: DEFAULT_FOLDER.to_owned() };
        let mut all = BTreeMap::from([("local".to_owned(), local), ("s3".to_owned(), StoreSpec::S3FromEnv)]);
        all.extend(specs);
        Self { specs: all, opened: Mutex::default() }
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.specs.keys().map(String::as_str)
    }

    /// The store of this name, or at this URL ([`ObjectStorage::from_url`]). The same name is the same store.
    ///
    /// # Errors
    /// There is no such name, or the store cannot be opened; the next call tries again.
    pub fn open(&self, name: &str) -> Result<ObjectStorage, StorageError> {
        if name.contains("://") {
            return ObjectStorage::from_url(name);
        }
        let known = match name {
            Self::DEFAULT if !self.specs.contains_key(name) => "local",
            other => other,
        };
        let Some(spec) = self.specs.get(known) else {
            let names: Vec<_> = self.names().collect();
            return Err(StorageError::InvalidLocation {
                location: shown(name),
                reason: format!("no store has this name; there are {}; or give a URL", names.join(", ")),
            });
        };
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(storage) = opened.get(known) {
            return Ok(storage.clone());
        }
        let storage = spec.open().map_err(|error| named(known, error))?;
        opened.insert(known.to_owned(), storage.clone());
        Ok(storage)
    }
}

/// The same error, with the name that the store has for its user.
fn named(name: &str, error: StorageError) -> StorageError {
    match error {
        StorageError::InvalidLocation { location, reason } if location != name => {
            StorageError::InvalidLocation { location: name.to_owned(), reason: format!("{location}: {reason}") }
        }
        other => other,
    }
}

fn shown(text: impl fmt::Display) -> String {
    text.to_string().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(backend: &str, options: &[(&str, &str)]) -> Result<StoreSpec, StorageError> {
        StoreSpec::from_options(backend, options.iter().copied())
    }

    #[test]
    fn options_are_checked_by_name() {
        let folder = StoreSpec::Local { base_path: "/srv".to_owned() };
        assert_eq!(spec("fsspec-local", &[("base_path", "/srv")]).unwrap(), folder);
        let all = [
            ("bucket", "b"),
            ("base_path", "p"),
            ("aws_region", "r"),
            ("aws_access_key_id", "i"),
            ("aws_secret_access_key", "hush"),
        ];
        assert!(matches!(spec("fsspec-s3", &all).unwrap(), StoreSpec::S3(spec) if spec.bucket == "b"));
        for (backend, options, word) in [
            ("fsspec-local", &[][..], "base_path"),
            ("fsspec-local", &[("base_path", "")], "base_path"),
            ("fsspec-s3", &[("base_path", "p")], "bucket"),
            ("fsspec-s3", &[("bucket", "b"), ("aws_secret", "hush")], "aws_secret"),
            ("fsspec-gcs", &[("bucket", "b")], "fsspec-s3"),
        ] {
            let message = spec(backend, options).unwrap_err().to_string();
            assert!(message.contains(word) && !message.contains("hush"), "{message}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_store_shows_when_it_is_used() {
        let missing = SecretSource::Env("SENTINEL_TEST_NEVER_SET".to_owned());
        let bucket = S3Spec { bucket: "b".to_owned(), aws_secret_access_key: Some(missing), ..S3Spec::default() };
        let stores = Stores::new([("mine".to_owned(), StoreSpec::S3(bucket))]);
        assert_eq!(stores.names().collect::<Vec<_>>(), ["local", "mine", "s3"]);
        let unknown = stores.open("other").unwrap_err().to_string();
        assert!(unknown.contains("local, mine, s3"), "{unknown}");
        if cfg!(feature = "s3") {
            let message = stores.open("mine").unwrap_err().to_string();
            assert!(message.contains("`mine`") && message.contains("SENTINEL_TEST_NEVER_SET"), "{message}");
        }
    }

    #[tokio::test]
    async fn a_name_is_one_store() {
        use crate::storage::{Key, StorageExt};

        let folder = tempfile::tempdir().unwrap();
        let base_path = folder.path().join("a").display().to_string();
        let stores = Stores::new([("default".to_owned(), StoreSpec::Local { base_path })]);
        let key = Key::new("x").unwrap();
        assert!(!folder.path().join("a").exists());
        stores.open(Stores::DEFAULT).unwrap().store(&key, "1".into()).await.unwrap();
        assert_eq!(stores.open("default").unwrap().read(&key).await.unwrap(), "1");
        assert!(folder.path().join("a/x").is_file());
    }
}
