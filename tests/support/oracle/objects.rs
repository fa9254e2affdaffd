//! All objects of a store, as they are on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

use bytes::Bytes;
use futures::TryStreamExt;
use sentinel_core::storage::{Storage, StorageError};

/// The objects of a store by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects(BTreeMap<String, Bytes>);

impl Objects {
    /// Every file below a folder, whatever its name; empty where there is no such folder.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let mut objects = BTreeMap::new();
        if folder.exists() {
            collect(folder, "", &mut objects)?;
        }
        Ok(Self(objects))
    }

    /// Everything that a store lists.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn of(store: &dyn Storage) -> Result<Self, StorageError> {
        let listed: Vec<_> = store.list(None).try_collect().await?;
        let mut objects = BTreeMap::new();
        for object in listed {
            let bytes = store.get(&object.key).await?;
            objects.insert(object.key.to_string(), bytes);
        }
        Ok(Self(objects))
    }

    /// Without the state of runs (`…/_state/…`) and without leftovers: the rest must be the same however a run went.
    #[must_use]
    pub fn artifacts(&self) -> Self {
        let is_state = |key: &str| key.split('/').any(|part| part == "_state");
        let artifacts = self.0.iter().filter(|(key, _)| !is_state(key) && !is_leftover(key));
        Self(artifacts.map(|(key, bytes)| (key.clone(), bytes.clone())).collect())
    }

    /// Files in a folder that are not objects but what a kill left of writing one (`name#1`).
    pub fn leftovers(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|key| is_leftover(key)).collect()
    }

    /// Key and content of each, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.0.iter().map(|(key, bytes)| (key.as_str(), bytes))
    }

    /// The content of one.
    pub fn get(&self, key: &str) -> Option<&Bytes> {
        self.0.get(key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their digests by key.
    pub fn digests(&self) -> BTreeMap<&str, String> {
        self.iter().map(|(key, bytes)| (key, digest(bytes))).collect()
    }

    /// In which artifacts two stores differ, in words; empty where they are byte-equal.
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let (ours, theirs) = (self.artifacts(), other.artifacts());
        let keys: BTreeSet<_> = ours.0.keys().chain(theirs.0.keys()).collect();
        let differing = keys.into_iter().filter_map(|key| match (ours.0.get(key), theirs.0.get(key)) {
            (Some(one), Some(other)) if one == other => None,
            (Some(one), Some(other)) => {
                let lengths = format!("{} and {} bytes", one.len(), other.len());
                Some(format!("{key}: {lengths}, {} and {}", digest(one), digest(other)))
            }
            (Some(_), None) => Some(format!("{key}: only in the first")),
            (None, _) => Some(format!("{key}: only in the second")),
        });
        differing.collect()
    }
}

fn is_leftover(key: &str) -> bool {
    key.contains('#')
}

/// blake2b-256 in hex.
pub fn digest(bytes: &[u8]) -> String {
    blake2b_simd::Params::new().hash_length(32).hash(bytes).to_hex().to_string()
}

impl<K: Into<String>, B: Into<Bytes>, const N: usize> From<[(K, B); N]> for Objects {
    fn from(objects: [(K, B); N]) -> Self {
        objects.into_iter().collect()
    }
}

impl<K: Into<String>, B: Into<Bytes>> FromIterator<(K, B)> for Objects {
    fn from_iter<I: IntoIterator<Item = (K, B)>>(objects: I) -> Self {
        Self(objects.into_iter().map(|(key, bytes)| (key.into(), bytes.into())).collect())
    }
}

fn collect(folder: &Path, prefix: &str, objects: &mut BTreeMap<String, Bytes>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{key}/"), objects)?;
        } else {
            objects.insert(key, fs::read(entry.path())?.into());
        }
    }
    Ok(())
}
