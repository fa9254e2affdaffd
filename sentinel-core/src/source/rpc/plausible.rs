//! Whether what was read of a block in several answers fits together.

use crate::source::RawBlock;

/// Inherents come first, and there are few.
const INHERENTS: usize = 8;

/// What is wrong with a block, where something is.
///
/// Its time is in its state and in the inherent that set it. A node that gives the one of another block, or makes it up, is
/// found out by that in whatever order blocks are read; the parent's time tells only where it is known.
pub(super) fn contradiction(block: &RawBlock) -> Option<String> {
    let set = set_time(block)?;
    match block.timestamp_ms {
        Some(now) if now != set => Some(format!("the timestamp {now} in its state, but it set {set}")),
        _ => None,
    }
}

/// The time that the block's own inherent set; blocks of made-up chains may have none.
fn set_time(block: &RawBlock) -> Option<u64> {
    for bytes in block.extrinsics.iter().take(INHERENTS) {
        let extrinsic = block.runtime.extrinsic(bytes).ok()?;
        if extrinsic.is_signed() {
            return None;
        }
        if (extrinsic.pallet(), extrinsic.name()) == ("Timestamp", "set") {
            return extrinsic.argument("now").ok()??.as_u64();
        }
    }
    None
}
