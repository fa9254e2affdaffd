//! Which block something was read at, and when that was made.

use sentinel_core::chain::BlockRef;
use sentinel_core::source::{BlockSource, BlockSourceExt, SourceError};

use crate::exit::CliError;
use crate::output;

/// `Timestamp.Now` in milliseconds; `None` before the clock was first set, and where a recording does not have it.
pub(crate) async fn timestamp(source: &dyn BlockSource, at: &BlockRef) -> Result<Option<u64>, CliError> {
    match source.timestamp(at).await {
        Ok(time) => Ok(time),
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
