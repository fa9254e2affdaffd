//! The built-in network `sample`: a recording of real subtensor runtimes, carried inside the program.

use std::sync::Arc;

use bytes::Bytes;
use include_dir::{Dir, include_dir};
use sentinel_core::storage::{Key, ObjectStorage, Storage, StorageExt};

use crate::exit::CliError;

static SAMPLE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/assets/sample");

/// The recording as a store in memory.
pub(crate) async fn storage() -> Result<Arc<dyn Storage>, CliError> {
    let storage = ObjectStorage::memory();
    let mut folders = vec![&SAMPLE];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            let key = Key::new(file.path().to_string_lossy())?;
            storage.store(&key, Bytes::from_static(file.contents())).await?;
        }
    }
    Ok(Arc::new(storage))
}
