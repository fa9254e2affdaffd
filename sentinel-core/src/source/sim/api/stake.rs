//! Who has staked what, what of it is free, and what it costs to move it.

use std::collections::{BTreeMap, BTreeSet};

use parity_scale_codec::{Compact, Encode};

use super::super::Key;
use super::super::world::World;
use super::super::world::subnet::Subnet;
use super::{args, list, option};

pub(super) fn answer(world: &World, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    match name {
        "get_stake_info_for_coldkey" => Some(of_coldkey(world, &args(bytes)?)),
        "get_stake_info_for_coldkeys" => {
            let coldkeys: Vec<Key> = args(bytes)?;
            let one = |coldkey: Key| [coldkey.to_vec(), of_coldkey(world, &coldkey)].concat();
            Some(list(coldkeys.into_iter().map(one)))
        }
        "get_stake_info_for_hotkey_coldkey_netuid" => {
            let (hotkey, coldkey, netuid): (Key, Key, u16) = args(bytes)?;
            Some(option(world.subnet(netuid).map(|subnet| info(subnet, &hotkey, &coldkey))))
        }
        "get_stake_availability_for_coldkeys" => {
            let (coldkeys, netuids): (Vec<Key>, Option<Vec<u16>>) = args(bytes)?;
            let rows: BTreeMap<Key, _> = coldkeys
                .into_iter()
                .map(|coldkey| (coldkey, availability(world, &coldkey, netuids.as_deref())))
                .collect();
            Some(rows.encode())
        }
        "get_stake_fee" => {
            let (from, _, to, _, amount): (Place, Key, Place, Key, u64) = args(bytes)?;
            let netuid = to.or(from).map_or(0, |(_, netuid)| netuid);
            Some(if from == to { 0 } else { super::swap::fee(netuid, amount) }.encode())
        }
        // Nobody locks stake here.
        "get_coldkey_lock" => args::<(Key, u16)>(bytes).map(|_| vec![0]),
        "get_hotkey_conviction" => args::<(Key, u16)>(bytes).map(|_| 0u128.encode()),
        "get_most_convicted_hotkey_on_subnet" => args::<u16>(bytes).map(|_| vec![0]),
        _ => None,
    }
}

/// Where stake lies: a hotkey and a netuid.
type Place = Option<(Key, u16)>;

/// All, locked and free stake of one coldkey on a subnet.
type Availability = (Compact<u64>, Compact<u64>, Compact<u64>);

/// What of a coldkey's stake is free, by subnet where it has some: all of it. A list of more netuids than there are says
/// nothing.
fn availability(world: &World, coldkey: &Key, netuids: Option<&[u16]>) -> BTreeMap<u16, Availability> {
    let asked = |netuid: u16| netuids.is_none_or(|netuids| netuids.contains(&netuid));
    if netuids.is_some_and(|netuids| netuids.iter().collect::<BTreeSet<_>>().len() > world.subnets.len()) {
        return BTreeMap::new();
    }
    let of = |subnet: &Subnet| -> u64 { subnet.pools.values().map(|pool| pool.stake_of(coldkey)).sum() };
    let subnets = world.subnets.values().filter(|subnet| asked(subnet.netuid));
    let found = subnets.map(|subnet| (subnet.netuid, of(subnet))).filter(|(_, stake)| *stake > 0);
    found.map(|(netuid, stake)| (netuid, (Compact(stake), Compact(0), Compact(stake)))).collect()
}

fn of_coldkey(world: &World, coldkey: &Key) -> Vec<u8> {
    let mut found = Vec::new();
    for subnet in world.subnets.values() {
        let pools = subnet.pools.iter().filter(|(_, pool)| pool.members.contains_key(coldkey));
        found.extend(pools.map(|(hotkey, _)| info(subnet, hotkey, coldkey)));
    }
    list(found.into_iter())
}

fn info(subnet: &Subnet, hotkey: &Key, coldkey: &Key) -> Vec<u8> {
    let stake = subnet.pools.get(hotkey).map_or(0, |pool| pool.stake_of(coldkey));
    let emission = subnet.dividends.get(hotkey).copied().unwrap_or(0);
    let (locked, tao, drain) = (Compact(0u64), Compact(0u64), Compact(0u64));
    let amounts = (Compact(stake), locked, Compact(emission), tao, drain);
    (hotkey, coldkey, Compact(subnet.netuid), amounts, subnet.uids.contains_key(hotkey)).encode()
}
