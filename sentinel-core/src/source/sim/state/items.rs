//! Which storage items there are, and where in the world their values stand.

mod chain;
mod subnets;

use super::super::Key;
use super::super::world::World;
use super::super::world::settings::Setting;
use super::super::world::subnet::{Mechanism, Subnet};
use super::Context;
use super::keys::{Narrow, Part, Shape};

type Value = Option<Vec<u8>>;
/// An account and a hash.
type Hashed = (Key, [u8; 32]);

/// How the keys of an item are made, and its values found.
#[derive(Debug)]
pub(super) enum Kind {
    /// One value.
    Plain(fn(&Context<'_>) -> Value),
    /// By netuid.
    Netuid(fn(&World, &Subnet) -> Value),
    /// By a netuid that may be free.
    AnyNetuid(fn(&World, u16) -> Value),
    /// A hyperparameter, by netuid.
    Setting(Setting),
    /// By index of storage: a mechanism of a subnet.
    Mechanism(fn(&Mechanism) -> Value),
    /// By index of storage and uid.
    MechanismUid(fn(&Mechanism, usize) -> Value),
    /// By index of storage and hotkey.
    MechanismAccount(fn(&Mechanism) -> Vec<Key>, fn(&Mechanism, &Key) -> Value),
    /// By index of storage and epoch.
    MechanismEpoch(fn(&Mechanism) -> Vec<u64>, fn(&Mechanism, u64) -> Value),
    /// By netuid and uid.
    NetuidUid(fn(&Subnet, u16) -> Value),
    /// By netuid and account.
    NetuidAccount(fn(&Subnet) -> Vec<Key>, fn(&Subnet, &Key) -> Value),
    /// By account and netuid.
    AccountNetuid(fn(&Subnet) -> Vec<Key>, fn(&Subnet, &Key) -> Value),
    /// By hotkey, coldkey and netuid: a place in a pool.
    Staker(fn(&Subnet, &Key, &Key) -> Value),
    /// By account.
    Account(fn(&World) -> Vec<Key>, fn(&World, &Key) -> Value),
    /// By account and hash.
    AccountHash(fn(&World) -> Vec<Hashed>, fn(&World, &Hashed) -> Value),
}

/// Every item: pallet, name, kind.
pub(super) static ITEMS: std::sync::LazyLock<Vec<(&'static str, &'static str, Kind)>> =
    std::sync::LazyLock::new(|| {
        let mut items = subnets::items();
        items.extend(chain::items());
        items
    });

impl Kind {
    /// What the parts of its keys are.
    pub(super) fn shape(&self) -> &'static [Shape] {
        match self {
            Self::Plain(_) => &[],
            Self::Netuid(_) | Self::AnyNetuid(_) | Self::Setting(_) | Self::Mechanism(_) => &[Shape::Short],
            Self::MechanismUid(_) | Self::NetuidUid(_) => &[Shape::Short, Shape::Short],
            Self::MechanismAccount(..) | Self::NetuidAccount(..) => &[Shape::Short, Shape::Account],
            Self::MechanismEpoch(..) => &[Shape::Short, Shape::Long],
            Self::AccountNetuid(..) => &[Shape::Account, Shape::Short],
            Self::Staker(_) => &[Shape::Account, Shape::Account, Shape::Short],
            Self::Account(..) => &[Shape::Account],
            Self::AccountHash(..) => &[Shape::Account, Shape::Hash],
        }
    }

    /// The value under a key.
    pub(super) fn get(&self, context: &Context<'_>, parts: &[Part]) -> Value {
        let world = context.world;
        match (self, parts) {
            (Self::Plain(value), []) => value(context),
            (Self::Netuid(value), [Part::Short(netuid)]) => value(world, world.subnet(*netuid)?),
            (Self::AnyNetuid(value), [Part::Short(netuid)]) => value(world, *netuid),
            (Self::Setting(setting), [Part::Short(netuid)]) => Some(world.subnet(*netuid)?.settings.stored(*setting)),
            (Self::Mechanism(value), [Part::Short(index)]) => value(mechanism(world, *index)?),
            (Self::MechanismUid(value), [Part::Short(index), Part::Short(uid)]) => {
                value(mechanism(world, *index)?, usize::from(*uid))
            }
            (Self::MechanismAccount(_, value), [Part::Short(index), Part::Account(account)]) => {
                value(mechanism(world, *index)?, account)
            }
            (Self::MechanismEpoch(_, value), [Part::Short(index), Part::Long(epoch)]) => {
                value(mechanism(world, *index)?, *epoch)
            }
            (Self::NetuidUid(value), [Part::Short(netuid), Part::Short(uid)]) => value(world.subnet(*netuid)?, *uid),
            (Self::NetuidAccount(_, value), [Part::Short(netuid), Part::Account(account)])
            | (Self::AccountNetuid(_, value), [Part::Account(account), Part::Short(netuid)]) => {
                value(world.subnet(*netuid)?, account)
            }
            (Self::Staker(value), [Part::Account(hotkey), Part::Account(coldkey), Part::Short(netuid)]) => {
                value(world.subnet(*netuid)?, hotkey, coldkey)
            }
            (Self::Account(_, value), [Part::Account(account)]) => value(world, account),
            (Self::AccountHash(_, value), [Part::Account(account), Part::Hash(hash)]) => {
                value(world, &(*account, *hash))
            }
            _ => None,
        }
    }

    /// The parts of all keys that may have a value.
    pub(super) fn list(&self, context: &Context<'_>, narrow: &Narrow) -> Vec<Vec<Part>> {
        let world = context.world;
        let subnets = || world.subnets.values().filter(|subnet| narrow.wants(&Part::Short(subnet.netuid)));
        let mechanisms = || {
            let all = world.subnets.values().flat_map(|subnet| {
                subnet.mechanisms.iter().enumerate().map(|(at, mechanism)| (subnet.index_of(at), mechanism))
            });
            all.filter(|(index, _)| narrow.wants(&Part::Short(*index)))
        };
        match self {
            Self::Plain(_) => vec![Vec::new()],
            Self::Netuid(_) | Self::Setting(_) => subnets().map(|subnet| vec![Part::Short(subnet.netuid)]).collect(),
            Self::AnyNetuid(_) => world.generations.keys().map(|netuid| vec![Part::Short(*netuid)]).collect(),
            Self::Mechanism(_) => mechanisms().map(|(index, _)| vec![Part::Short(index)]).collect(),
            Self::MechanismUid(_) => mechanisms()
                .flat_map(|(index, mechanism)| {
                    (0..mechanism.weights.len() as u16).map(move |uid| vec![Part::Short(index), Part::Short(uid)])
                })
                .collect(),
            Self::MechanismAccount(list, _) => mechanisms()
                .flat_map(|(index, mechanism)| {
                    list(mechanism).into_iter().map(move |key| vec![Part::Short(index), Part::Account(key)])
                })
                .collect(),
            Self::MechanismEpoch(list, _) => mechanisms()
                .flat_map(|(index, mechanism)| {
                    list(mechanism).into_iter().map(move |epoch| vec![Part::Short(index), Part::Long(epoch)])
                })
                .collect(),
            Self::NetuidUid(_) => subnets()
                .flat_map(|subnet| {
                    (0..subnet.neurons.len() as u16).map(|uid| vec![Part::Short(subnet.netuid), Part::Short(uid)])
                })
                .collect(),
            Self::NetuidAccount(list, _) => subnets()
                .flat_map(|subnet| {
                    list(subnet).into_iter().map(|key| vec![Part::Short(subnet.netuid), Part::Account(key)])
                })
                .collect(),
            Self::AccountNetuid(list, _) => world
                .subnets
                .values()
                .flat_map(|subnet| {
                    let keys = list(subnet).into_iter().map(Part::Account).filter(|key| narrow.wants(key));
                    keys.map(|key| vec![key, Part::Short(subnet.netuid)])
                })
                .collect(),
            Self::Staker(_) => stakers(world, narrow),
            Self::Account(list, _) => list(world)
                .into_iter()
                .map(Part::Account)
                .filter(|key| narrow.wants(key))
                .map(|key| vec![key])
                .collect(),
            Self::AccountHash(list, _) => {
                list(world).into_iter().map(|(key, hash)| vec![Part::Account(key), Part::Hash(hash)]).collect()
            }
        }
    }
}

fn stakers(world: &World, narrow: &Narrow) -> Vec<Vec<Part>> {
    let mut found = Vec::new();
    for subnet in world.subnets.values() {
        for (hotkey, pool) in subnet.pools.iter().filter(|(hotkey, _)| narrow.wants(&Part::Account(**hotkey))) {
            for coldkey in pool.members.keys() {
                found.push(vec![Part::Account(*hotkey), Part::Account(*coldkey), Part::Short(subnet.netuid)]);
            }
        }
    }
    found
}

/// The mechanism that is stored under an index.
fn mechanism(world: &World, index: u16) -> Option<&Mechanism> {
    world.subnet(index % 4_096)?.mechanisms.get(usize::from(index / 4_096))
}
