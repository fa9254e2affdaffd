//! What every [`Storage`] promises.

use bytes::Bytes;
use futures::TryStreamExt;

use super::{NotConforming, Report};
use crate::storage::{Key, PutMode, Storage, StorageError, StorageExt};

/// Checks a store against the promises of [`Storage`], inside its folder `conformance`, which it leaves empty.
///
/// # Errors
/// Lists every promise that was not kept, with what was seen.
///
/// ```
/// # #[cfg(feature = "storage")]
/// # async fn check() -> Result<(), sentinel_core::conformance::NotConforming> {
/// use sentinel_core::{conformance, storage::ObjectStorage};
///
/// conformance::storage(&ObjectStorage::memory()).await?;
/// # Ok(())
/// # }
/// ```
pub async fn storage(storage: &dyn Storage) -> Result<(), NotConforming> {
    let mut suite = Suite { storage, report: Report::default() };
    // A suite without its keys is a mistake of the suite, and says so.
    if let Err(error) = suite.run().await {
        suite.report.check(false, "the store takes every valid key", || error.to_string());
    }
    suite.report.finish()
}

struct Suite<'a> {
    storage: &'a dyn Storage,
    report: Report,
}

impl Suite<'_> {
    async fn run(&mut self) -> Result<(), StorageError> {
        self.clean().await?;
        self.objects().await?;
        self.missing().await?;
        self.create().await?;
        self.lists().await?;
        self.race().await?;
        self.clean().await?;
        let left = self.list("conformance").await?;
        self.report.check(left.is_empty(), "deleted objects are not listed", || format!("{left:?}"));
        Ok(())
    }

    async fn put(&mut self, key: &Key, content: impl Into<Bytes>, mode: PutMode) {
        let put = self.storage.put(key, content.into(), mode).await;
        self.report.ok(put, "an object can be written");
    }

    async fn list(&mut self, folder: &str) -> Result<Vec<(String, u64)>, StorageError> {
        let listing: Result<Vec<_>, _> = self.storage.list(Some(&Key::new(folder)?)).try_collect().await;
        let listing = self.report.ok(listing, "a folder can be listed").unwrap_or_default();
        Ok(listing.into_iter().map(|object| (object.key.to_string(), object.size)).collect())
    }

    async fn clean(&mut self) -> Result<(), StorageError> {
        for (name, _) in self.list("conformance").await? {
            let deleted = self.storage.delete(&Key::new(name)?).await;
            self.report.ok(deleted, "an object can be deleted");
        }
        Ok(())
    }

    async fn objects(&mut self) -> Result<(), StorageError> {
        let key = Key::new("conformance/objects/A-z_0.9.bin")?;
        let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        for content in [b"first".to_vec(), Vec::new(), large, vec![0, 255]] {
            self.put(&key, content.clone(), PutMode::Overwrite).await;
            let read = self.report.ok(self.storage.get(&key).await, "an object can be read");
            self.report.check(read.is_none_or(|read| read == content), "an object is read as it was written", || {
                format!("{} bytes were written", content.len())
            });
            let head = self.report.ok(self.storage.head(&key).await, "an object has a head");
            self.report.check(
                head.as_ref().is_none_or(|head| head.key == key && head.size == content.len() as u64),
                "a head tells key and size",
                || format!("{head:?} of {} bytes", content.len()),
            );
        }
        let before = self.report.ok(self.storage.exists(&key).await, "existence can be asked");
        self.report.ok(self.storage.delete(&key).await, "an object can be deleted");
        let after = self.report.ok(self.storage.exists(&key).await, "existence can be asked");
        self.report.check((before, after) == (Some(true), Some(false)), "an object exists until it is deleted", || {
            format!("{before:?}, then {after:?}")
        });
        Ok(())
    }

    async fn missing(&mut self) -> Result<(), StorageError> {
        let place = Key::new("conformance/missing/object")?;
        for answer in [self.storage.get(&place).await.map(drop), self.storage.head(&place).await.map(drop)] {
            let named = matches!(&answer, Err(StorageError::NotFound { key }) if *key == place);
            self.report.check(named, "a missing object is NotFound, with its key", || format!("{answer:?}"));
        }
        self.report.ok(self.storage.delete(&place).await, "deleting what is not there is no error");
        let listing = self.list("conformance/missing").await?;
        self.report.check(listing.is_empty(), "a missing folder is empty", || format!("{listing:?}"));
        Ok(())
    }

    async fn create(&mut self) -> Result<(), StorageError> {
        let place = Key::new("conformance/create/object")?;
        self.put(&place, "old", PutMode::Create).await;
        let again = self.storage.put(&place, Bytes::from_static(b"new"), PutMode::Create).await;
        let named = matches!(&again, Err(StorageError::AlreadyExists { key }) if *key == place);
        self.report.check(named, "creating what exists is AlreadyExists, with its key", || format!("{again:?}"));
        let kept = self.report.ok(self.storage.get(&place).await, "an object can be read");
        self.report.check(kept.is_none_or(|kept| kept == "old"), "creating never replaces", || "it did".to_owned());
        self.put(&place, "new", PutMode::Overwrite).await;
        let new = self.report.ok(self.storage.get(&place).await, "an object can be read");
        self.report.check(new.is_none_or(|new| new == "new"), "overwriting replaces", || "it did not".to_owned());
        Ok(())
    }

    async fn lists(&mut self) -> Result<(), StorageError> {
        // `-` and `.` sort before `/`, so the order of keys is not the order of folders.
        let names = ["list/a", "list/a-b/x", "list/a.b", "list/b/1", "list/b/2", "list/b/c/3", "listing/x"];
        for name in names.iter().rev() {
            self.put(&Key::new(format!("conformance/{name}"))?, *name, PutMode::Overwrite).await;
        }
        for (folder, within) in [("list", &names[..6]), ("list/b", &names[3..6]), ("list/a", &[])] {
            let listing = self.list(&format!("conformance/{folder}")).await?;
            let expected: Vec<_> =
                within.iter().map(|name| (format!("conformance/{name}"), name.len() as u64)).collect();
            self.report.check(listing == expected, "a folder lists what is below it, ascending by key", || {
                format!("{folder}: {listing:?}")
            });
        }
        let all: Result<Vec<_>, _> = self.storage.list(None).try_collect().await;
        let all = self.report.ok(all, "the whole store can be listed").unwrap_or_default();
        let complete = names.iter().all(|name| all.iter().any(|object| object.key.as_str().ends_with(name)));
        self.report.check(
            complete && all.is_sorted_by(|a, b| a.key < b.key),
            "the store lists everything, ascending by key",
            || format!("{all:?}"),
        );
        Ok(())
    }

    async fn race(&mut self) -> Result<(), StorageError> {
        let place = Key::new("conformance/race/object")?;
        let storage = self.storage;
        let writers = (0..16_u8).map(|writer| {
            let place = &place;
            async move { storage.put(place, Bytes::from(vec![writer; 1000]), PutMode::Create).await }
        });
        let results = futures::future::join_all(writers).await;
        let winners: Vec<_> = (0..16_u8).zip(&results).filter(|(_, result)| result.is_ok()).collect();
        let content = self.report.ok(self.storage.get(&place).await, "an object can be read");
        let won = match (&winners[..], content) {
            ([(winner, _)], Some(content)) => content == vec![*winner; 1000],
            _ => false,
        };
        self.report.check(won, "of several creators one wins", || format!("{results:?}"));
        Ok(())
    }
}
