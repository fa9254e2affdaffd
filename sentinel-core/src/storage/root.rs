//! The folder of a local store, which no key may leave through a symbolic link.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Key, StorageError};

/// A local store's folder, as an absolute path with no links in it.
#[derive(Debug, Clone)]
pub(super) struct Root(PathBuf);

impl Root {
    /// Makes the folder if it is missing.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        folder.canonicalize().map(Self)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Refuses a key that passes through a link out of the folder (or into nowhere).
    pub(super) fn check(&self, key: &Key) -> Result<(), StorageError> {
        let mut path = self.0.clone();
        for segment in key.segments() {
            path.push(segment);
            match path.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => match path.canonicalize() {
                    Ok(target) if target.starts_with(&self.0) => path = target,
                    _ => {
                        return Err(StorageError::InvalidKey {
                            key: key.to_string(),
                            reason: "a symbolic link leads out of the store there",
                        });
                    }
                },
                Ok(_) => {}
                // Nothing there yet, or nothing we may see: the operation itself will tell.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Removes unfinished files that were last written before `limit`, and says how many.
    ///
    /// `object_store` writes an object to a file beside it, called as it is with `#` and a number; no key has a `#`.
    pub(super) fn sweep(&self, limit: SystemTime) -> io::Result<u64> {
        let mut folders = vec![self.0.clone()];
        let mut swept = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file()
                    && is_unfinished(&entry.file_name())
                    // Gone in the meantime: its writer was alive after all.
                    && entry.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|time| time <= limit)
                {
                    match std::fs::remove_file(entry.path()) {
                        Ok(()) => swept += 1,
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(swept)
    }

    /// Makes a removal durable.
    pub(super) fn sync_folder_of(&self, key: &Key) -> io::Result<()> {
        let path = self.0.join(key.as_str());
        match path.parent().map(std::fs::File::open) {
            Some(Ok(folder)) if cfg!(unix) => folder.sync_all(),
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound && cfg!(unix) => Err(error),
            _ => Ok(()),
        }
    }
}

fn is_unfinished(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.rsplit_once('#'));
    parts.is_some_and(|(object, number)| {
        Key::new(object).is_ok() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}
