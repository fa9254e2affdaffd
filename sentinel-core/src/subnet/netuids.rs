//! Which subnets exist.

use futures::TryStreamExt;

use super::SubnetError;
use crate::chain::{BlockRef, NetUid};
use crate::decode::storage_prefix;
use crate::source::BlockSource;

/// The netuids that exist in the state of a block, ascending.
pub async fn netuids(source: &dyn BlockSource, at: &BlockRef) -> Result<Vec<NetUid>, SubnetError> {
    let prefix = storage_prefix("SubtensorModule", "NetworksAdded");
    let mut found = Vec::new();
    let mut entries = source.storage_prefix(*at, prefix.to_vec().into());
    while let Some((key, value)) = entries.try_next().await? {
        // Hashed by identity: the netuid stands in clear behind the prefix.
        if let ([1], [low, high]) = (&*value, &key[prefix.len().min(key.len())..]) {
            found.push(NetUid(u16::from_le_bytes([*low, *high])));
        }
    }
    found.sort_unstable();
    Ok(found)
}
