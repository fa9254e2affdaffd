//! Which block was the newest at a moment.

use crate::chain::{BlockId, BlockRef};
use crate::source::{BlockSource, BlockSourceExt};
use crate::subnet::SubnetError;

/// Most states that are read for it; halving alone needs 40 for any chain.
const MOST_READS: usize = 64;

/// The newest block up to `until` whose timestamp is not after this moment, with its timestamp; `None` where the chain is
/// younger than that.
pub async fn block_at(
    source: &dyn BlockSource,
    until: &BlockRef,
    moment_ms: u64,
) -> Result<Option<(BlockRef, u64)>, SubnetError> {
    let last = timestamp(source, until).await?;
    if last <= moment_ms {
        return Ok(Some((*until, last)));
    }
    // The genesis has no time.
    let first_ref = pin(source, 1.min(until.number)).await?;
    let first = timestamp(source, &first_ref).await?;
    if first > moment_ms {
        return Ok(None);
    }
    let (mut low, mut high) = ((first_ref, first), (until.number, last));
    for turn in 0..MOST_READS {
        let blocks = high.0 - low.0.number;
        if blocks <= 1 {
            break;
        }
        // Blocks come at an even pace, mostly: where a straight line leads first, the middle when that does not help.
        let middle = if turn % 3 == 2 {
            low.0.number + blocks / 2
        } else {
            let part = u128::from(moment_ms - low.1) * u128::from(blocks) / u128::from((high.1 - low.1).max(1));
            // One further, since the block just after the moment closes the search as well as the one before.
            low.0.number + (part as u64 + (turn as u64 & 1)).clamp(1, blocks - 1)
        };
        let at = pin(source, middle).await?;
        let time = timestamp(source, &at).await?;
        if time <= moment_ms {
            low = (at, time);
        } else {
            high = (middle, time);
        }
    }
    Ok(Some(low))
}

async fn pin(source: &dyn BlockSource, block: u64) -> Result<BlockRef, SubnetError> {
    Ok(source.header(BlockId::Number(block)).await?.reference())
}

/// The chain's time in a block; 0 where there is none yet.
pub(super) async fn timestamp(source: &dyn BlockSource, at: &BlockRef) -> Result<u64, SubnetError> {
    Ok(source.timestamp(at).await?.unwrap_or_default())
}
