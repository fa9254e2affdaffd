//! What happened on the simulated chain, as a test may want to know it: the truth to compare readings with.

use serde::Serialize;

use crate::chain::{AccountId, NetUid};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Happened {
    /// An epoch ran and distributed what waited.
    EpochRan {
        /// The subnet.
        netuid: NetUid,
        /// How many epochs it has had with this one, skipped ones included (`SubnetEpochIndex`).
        index: u64,
    },
    /// An epoch was due but the block was full.
    EpochDeferred {
        /// The subnet.
        netuid: NetUid,
        /// The block that it waits for.
        to: u64,
    },
    /// An epoch was due and nothing was distributed.
    EpochSkipped {
        /// The subnet.
        netuid: NetUid,
        /// How many epochs it has had with this one.
        index: u64,
    },
    /// The owner asked for an epoch.
    EpochTriggered {
        /// The subnet.
        netuid: NetUid,
        /// The block it will run in.
        fires_at: u64,
    },
    /// The tempo changed, and with it the present cycle began anew.
    TempoSet {
        /// The subnet.
        netuid: NetUid,
        /// Blocks.
        tempo: u16,
    },
    /// A hotkey was replaced by another on a subnet, with all its stake.
    HotkeySwapped {
        /// The subnet.
        netuid: NetUid,
        /// The hotkey before.
        old: AccountId,
        /// The hotkey after.
        new: AccountId,
    },
    /// All stake of a hotkey was taken; what comes later is another pool.
    PoolEmptied {
        /// The subnet.
        netuid: NetUid,
        /// The hotkey.
        hotkey: AccountId,
    },
    /// A hotkey got a uid, and the one that had it before lost it.
    Registered {
        /// The subnet.
        netuid: NetUid,
        /// The uid.
        uid: u16,
        /// Its hotkey.
        hotkey: AccountId,
        /// The hotkey that was deregistered for it.
        replaced: Option<AccountId>,
    },
    /// The take of a hotkey changed.
    TakeSet {
        /// The hotkey.
        hotkey: AccountId,
        /// In parts of 65,535.
        take: u16,
    },
    /// A subnet was dissolved.
    NetworkRemoved {
        /// The netuid that is free now.
        netuid: NetUid,
    },
    /// A subnet was registered.
    NetworkAdded {
        /// Its netuid.
        netuid: NetUid,
        /// How often this netuid was registered, with this time (`RegisteredSubnetCounter`).
        generation: u64,
    },
    /// A hyperparameter changed.
    HyperparameterSet {
        /// The subnet.
        netuid: NetUid,
        /// Its storage item in `SubtensorModule`.
        item: &'static str,
        /// Its raw value.
        raw: u128,
    },
    /// A coldkey was replaced by another everywhere.
    ColdkeySwapped {
        /// The coldkey before.
        old: AccountId,
        /// The coldkey after.
        new: AccountId,
    },
}

/// One entry of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// The block that did it.
    pub block: u64,
    /// What it did.
    pub what: Happened,
}

/// What one coldkey really has behind one hotkey on one subnet.
///
/// This ledger is kept for each nominator by itself: every dividend is divided among them in proportion to what they
/// have, to 2^-32 rao. Neither shares nor prices are involved, so it is a check on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// The subnet; 0 is the root, where stake is TAO.
    pub netuid: NetUid,
    /// The hotkey that is staked to.
    pub hotkey: AccountId,
    /// Whose stake it is.
    pub coldkey: AccountId,
    /// The stake in parts of 2^32 of a rao.
    pub stake: u128,
    /// What of it are dividends that were credited since the coldkey joined, in the same parts.
    pub earned: u128,
    /// The last block in which the stake changed by anything but a dividend.
    pub touched: u64,
}

impl LedgerEntry {
    /// So many parts are one rao.
    pub const PARTS_PER_RAO: u128 = 1 << 32;

    /// The stake in whole rao.
    pub fn rao(&self) -> u64 {
        u64::try_from(self.stake / Self::PARTS_PER_RAO).unwrap_or(u64::MAX)
    }
}
