//! States that a node has dropped, and in which words it says so.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jsonrpsee::types::ErrorObjectOwned;
use sentinel_core::chain::BlockRef;

/// What nodes of several versions and gateways say of a state that they dropped.
pub const PRUNED: [(i32, &str); 14] = [
    (4003, "Client error: UnknownBlock: State already discarded for 0x12"),
    (4003, "Client error: Api called for an unknown Block: State already discarded for 0x12"),
    (-32603, "Client error: UnknownBlock: State already discarded for 0x12"),
    (-32603, "Internal error: state already discarded for BlockId::Hash(0x12)"),
    (-32000, "Client error: State already discarded for 0x12"),
    (1002, "Verification Error: Runtime error: Api called for an unknown Block: State already discarded"),
    (-32603, "Unknown block: State already discarded for 0x12"),
    (4003, "STATE ALREADY DISCARDED"),
    (-32000, "state has been pruned"),
    (-32000, "historical state 0x12 is not available"),
    (0, "State has been discarded for 0x12"),
    (4003, "Client error: Trie lookup error: Database missing expected key: 0x12"),
    (-32000, "missing trie node 0x12"),
    (-32602, "an archive node is required for this block"),
];

/// The states of all blocks below a height, where there is one.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    below: AtomicU64,
    /// How often each was asked for.
    asked: Mutex<BTreeMap<u64, u64>>,
}

impl Dropped {
    pub(super) fn set(&self, below: u64) {
        self.below.store(below, Ordering::SeqCst);
    }

    pub(super) fn asked(&self) -> BTreeMap<u64, u64> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The block, where its state is kept; each refusal in other words than the one before.
    pub(super) fn check(&self, block: BlockRef) -> Result<BlockRef, ErrorObjectOwned> {
        if block.number >= self.below.load(Ordering::SeqCst) {
            return Ok(block);
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *asked.entry(block.number).or_default() += 1;
        let (code, message) = PRUNED[asked.values().sum::<u64>() as usize % PRUNED.len()];
        Err(ErrorObjectOwned::owned(code, message, None::<()>))
    }
}
