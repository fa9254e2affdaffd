//! What makes one simulated network differ from another.

use std::collections::BTreeMap;

use parity_scale_codec::Encode;

use super::action::Action;
use super::rng::Rng;
use crate::chain::blake2_256;

/// All that decides every byte of the chain.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// Subnets besides the root.
    pub(super) subnets: u16,
    /// Neurons in each.
    pub(super) uids: u16,
    pub(super) tempo: u16,
    pub(super) max_epochs: u8,
    pub(super) block_time_ms: u64,
    pub(super) genesis_time_ms: u64,
    /// Extrinsics in a block that nobody asked for, on average, in tenths.
    pub(super) traffic: u64,
    /// Slots without an author, in a thousand.
    pub(super) missed_slots: u64,
    pub(super) script: BTreeMap<u64, Vec<Action>>,
}

impl Plan {
    /// Told apart by this: two networks with the same are the same.
    pub(super) fn digest(&self) -> [u8; 32] {
        let sizes = (self.seed, self.subnets, self.uids, self.tempo, self.max_epochs);
        let times = (self.block_time_ms, self.genesis_time_ms, self.traffic, self.missed_slots);
        // The script counts by its text, which says everything about it.
        blake2_256(&(sizes, times, format!("{:?}", self.script)).encode())
    }

    /// The time of a block, from that of its parent.
    pub(super) fn time_after(&self, number: u64, parent_ms: u64) -> u64 {
        let missed = if self.missed_slots == 0 {
            0
        } else {
            u64::from(Rng::of(self.seed, number, 1).chance(self.missed_slots, 1_000))
        };
        parent_ms + self.block_time_ms * (1 + missed)
    }
}
