//! Which block something was read at, and when that was made.

use sentinel_core::chain::BlockRef;
use sentinel_core::source::{BlockSource, BlockSourceExt, SourceError};

use crate::exit::CliError;
use crate::output;

/// `Timestamp.Now` in milliseconds; `None` before the clock was first set, and where a recording does not have it.
pub(crate) async fn timestamp(source: &dyn BlockSource, at: &BlockRef) -> Result<Option<u64>, CliError> {
    let key = sentinel_core::decode::storage_prefix("Timestamp", "Now");
    match source.value(at, key.to_vec().into()).await {
        Ok(value) => {
            let ms = value.and_then(|bytes| Some(u64::from_le_bytes(bytes.as_ref().try_into().ok()?)));
            Ok(ms.filter(|ms| *ms > 0))
        }
        Err(SourceError::NotRecorded { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The line above a table.
pub(crate) fn title(number: u64, hash: &str, timestamp: Option<u64>, simulated: bool) -> String {
    let mut words = vec![format!("Block {number}"), hash.to_owned()];
    words.extend(timestamp.map(output::utc));
    words.extend(simulated.then(|| "SIMULATED".to_owned()));
    words.join("  ")
}
