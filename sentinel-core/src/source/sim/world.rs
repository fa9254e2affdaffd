//! Everything that the simulated chain knows after a block.
//!
//! What does not change in every block stands behind [`Shared`]: a copy of the world costs little, and what a later block
//! changes is copied then.

pub(super) mod pool;
pub(super) mod settings;
pub(super) mod subnet;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use parity_scale_codec::Encode;

use self::subnet::Subnet;
use super::Key;
use crate::chain::blake2_256;

/// A part of the world that copies of the world share until one of them changes it.
#[derive(Debug, Default)]
pub(super) struct Shared<T>(Arc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(part: T) -> Self {
        Self(Arc::new(part))
    }
}

impl<T> Shared<T> {
    /// The part itself, copied where others still have it.
    pub(super) fn into_inner(self) -> T
    where
        T: Clone,
    {
        Arc::unwrap_or_clone(self.0)
    }
}

/// TAO and nonce of an account.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) nonce: u32,
    pub(super) free: u64,
}

/// What root stakers behind one hotkey hold together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Basket {
    /// Time-weighted return, with 64 fractional bits; 1 at its start.
    pub(super) twr: u128,
    /// TAO for each rao of root stake, with 32 fractional bits.
    pub(super) rate: i128,
    pub(super) shares: u64,
    pub(super) deposited: u64,
}

/// A call that waits for more signatures.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) height: u32,
    pub(super) index: u32,
    pub(super) depositor: Key,
    pub(super) approvals: Vec<Key>,
}

/// A proxy: who may act, in which matters, after how many blocks.
pub(super) type ProxyOf = (Key, u8, u32);

/// Accounts and what they said of themselves.
#[derive(Debug, Clone, Default)]
pub(super) struct People {
    /// Those who do things without being asked, in the order in which they came.
    pub(super) crowd: Shared<Vec<Key>>,
    pub(super) accounts: Shared<BTreeMap<Key, Account>>,
    /// Coldkeys by hotkey.
    pub(super) owners: Shared<BTreeMap<Key, Key>>,
    /// Delegate takes; a hotkey without one has the default.
    pub(super) takes: Shared<BTreeMap<Key, u16>>,
    pub(super) identities: Shared<BTreeMap<Key, u64>>,
    pub(super) announced: Shared<BTreeMap<Key, (u32, [u8; 32])>>,
    pub(super) disputed: Shared<BTreeMap<Key, u32>>,
    pub(super) proxies: Shared<BTreeMap<Key, Vec<ProxyOf>>>,
    pub(super) multisigs: Shared<BTreeMap<(Key, [u8; 32]), Waiting>>,
    pub(super) baskets: Shared<BTreeMap<Key, Basket>>,
    pub(super) successors: Shared<BTreeMap<Key, Key>>,
}

/// What is not by subnet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Globals {
    pub(super) max_epochs: u8,
    pub(super) admin_freeze_window: u16,
    pub(super) tao_weight: u64,
    pub(super) subnet_owner_cut: u16,
    pub(super) stake_threshold: u64,
    pub(super) tx_rate_limit: u64,
    pub(super) subnet_limit: u16,
    pub(super) network_min_lock_cost: u64,
    pub(super) issuance: u64,
    pub(super) sudo: Key,
}

/// The state of the chain.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) number: u64,
    pub(super) now_ms: u64,
    pub(super) seed: u64,
    /// How many accounts were made up.
    pub(super) made: u64,
    pub(super) globals: Globals,
    pub(super) subnets: BTreeMap<u16, Arc<Subnet>>,
    /// How often each netuid was registered (`RegisteredSubnetCounter`).
    pub(super) generations: BTreeMap<u16, u64>,
    /// Netuids whose remains are swept in the next block.
    pub(super) sweeping: Vec<u16>,
    pub(super) people: Arc<People>,
}

/// The take of a hotkey that has set none: 18 %.
pub(super) const DEFAULT_TAKE: u16 = 11_796;

impl World {
    pub(super) fn subnet(&self, netuid: u16) -> Option<&Subnet> {
        self.subnets.get(&netuid).map(|subnet| &**subnet)
    }

    pub(super) fn subnet_mut(&mut self, netuid: u16) -> Option<&mut Subnet> {
        self.subnets.get_mut(&netuid).map(Arc::make_mut)
    }

    pub(super) fn people_mut(&mut self) -> &mut People {
        Arc::make_mut(&mut self.people)
    }

    /// An account that nobody had before.
    pub(super) fn new_key(&mut self) -> Key {
        self.made += 1;
        blake2_256(&(b"sentinel simulated account", self.seed, self.made).encode())
    }

    pub(super) fn owner_of(&self, hotkey: &Key) -> Option<Key> {
        self.people.owners.get(hotkey).copied()
    }

    pub(super) fn take_of(&self, hotkey: &Key) -> u16 {
        self.people.takes.get(hotkey).copied().unwrap_or(DEFAULT_TAKE)
    }

    /// TAO that is staked on the root behind a hotkey.
    pub(super) fn root_stake(&self, hotkey: &Key) -> u64 {
        self.subnet(0).map_or(0, |root| root.stake(hotkey))
    }

    /// TAO in terms of alpha: what a rao on the root counts beside a rao of alpha.
    pub(super) fn weighted_tao(&self, tao: u64) -> u64 {
        (u128::from(tao) * u128::from(self.globals.tao_weight) / u128::from(u64::MAX)) as u64
    }

    /// The newest round of the beacon that opens what is encrypted: one every three seconds.
    pub(super) fn drand_round(&self) -> u64 {
        drand_round(self.now_ms)
    }

    /// The netuids in the order in which storage lists them: by their bytes, the lower one first.
    pub(super) fn storage_order(&self) -> Vec<u16> {
        let mut netuids: Vec<u16> = self.subnets.keys().copied().collect();
        netuids.sort_unstable_by_key(|netuid| netuid.to_le_bytes());
        netuids
    }

    pub(super) fn free(&self, account: &Key) -> u64 {
        self.people.accounts.get(account).map_or(0, |account| account.free)
    }

    /// Gives TAO to an account.
    pub(super) fn deposit(&mut self, account: Key, amount: u64) {
        let account = self.people_mut().accounts.entry(account).or_default();
        account.free = account.free.saturating_add(amount);
    }

    /// Takes TAO from an account, as far as it has some.
    pub(super) fn withdraw(&mut self, account: Key, amount: u64) {
        let account = self.people_mut().accounts.entry(account).or_default();
        account.free = account.free.saturating_sub(amount);
    }
}

/// The round of the beacon at a time.
pub(super) fn drand_round(ms: u64) -> u64 {
    /// When its first round was, in milliseconds.
    const FIRST_MS: u64 = 1_692_803_367_000;
    ms.checked_sub(FIRST_MS).map_or(0, |since| since / 3_000 + 1)
}

/// The account that holds the TAO of a subnet.
pub(super) fn subnet_account(netuid: u16) -> Key {
    pallet_account(&(b"modlsubtensr", netuid).encode())
}

/// The account under which baskets hold alpha.
pub(super) fn escrow_account() -> Key {
    pallet_account(b"modlsubtensrbeta/esc")
}

fn pallet_account(name: &[u8]) -> Key {
    let mut account = [0; 32];
    account[..name.len()].copy_from_slice(name);
    account
}
