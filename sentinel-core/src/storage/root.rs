//! The folder of a local store, which no key may leave through a symbolic link.

use std::io;
use std::path::{Path, PathBuf};

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
