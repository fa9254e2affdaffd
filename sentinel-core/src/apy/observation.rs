//! What is known of one validator at one block of a window.

use serde::{Deserialize, Serialize};

use super::epoch::EpochState;
use super::share::SharePrice;
use super::spot::Spot;

/// Which subnet a netuid meant: the same number is given away again after a subnet is dissolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    /// `NetworkRegisteredAt`.
    pub registered_at: u64,
    /// `RegisteredSubnetCounter`; `None` on runtimes before 401.
    pub counter: Option<u64>,
}

/// The pool that a stake lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool {
    /// The validator's hotkey.
    pub hotkey: [u8; 32],
    /// The subnet.
    pub generation: Generation,
    /// `AlphaSharePoolEpoch`, which counts how often the pool was emptied; `None` on runtimes that do not.
    pub epoch: Option<u64>,
}

/// What separates two observations of the same validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The stake went to another hotkey: growth before and after are multiplied.
    HotkeySwap,
    /// The pool was emptied and opened again: growth before and after are multiplied, the time between is not covered.
    PoolReset,
    /// The netuid means another subnet: only the newer one counts.
    SubnetReplaced,
}

/// What the state of a block says of the price of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PoolPrice {
    /// Nobody looked.
    #[default]
    Unread,
    /// There are no shares, or nothing is staked.
    Empty,
    /// The price.
    Known(SharePrice),
}

impl From<Option<SharePrice>> for PoolPrice {
    /// What [`SharePrice::new`] gives for values that were read.
    fn from(price: Option<SharePrice>) -> Self {
        price.map_or(Self::Empty, Self::Known)
    }
}

/// What the state of one block says of one validator: the block of an epoch, of a hotkey swap, or an end of the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The block whose state it is.
    pub block: u64,
    /// `Timestamp.Now` there.
    pub timestamp_ms: u64,
    /// The pool that the stake lies in.
    pub pool: Pool,
    /// The price of a share.
    pub price: PoolPrice,
    /// The epoch that ran in this block; `None` where none did, or what it paid was not read.
    pub epoch: Option<EpochState>,
    /// How many epochs ran since the observation before that none tells of.
    pub missing_before: u32,
    /// What alpha was worth; `None` where nobody looked.
    pub spot: Option<Spot>,
}

impl Generation {
    /// Whether both are the same subnet; a runtime that did not count says nothing against it.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let counted = self.counter.zip(other.counter).is_none_or(|(one, two)| one == two);
        counted && self.registered_at == other.registered_at
    }
}

impl Pool {
    /// What separates this pool from that of an earlier observation; `None` for the same one.
    pub fn split_from(&self, earlier: &Self) -> Option<Split> {
        /// What a runtime that did not count says nothing about.
        fn differ(one: Option<u64>, two: Option<u64>) -> bool {
            one.zip(two).is_some_and(|(one, two)| one != two)
        }
        if !self.generation.is_same_as(&earlier.generation) {
            Some(Split::SubnetReplaced)
        } else if self.hotkey != earlier.hotkey {
            Some(Split::HotkeySwap)
        } else {
            differ(self.epoch, earlier.epoch).then_some(Split::PoolReset)
        }
    }
}
