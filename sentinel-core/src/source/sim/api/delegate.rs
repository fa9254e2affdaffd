//! Delegates: hotkeys that others stake to.

use std::collections::BTreeMap;

use parity_scale_codec::{Compact, Encode};

use super::super::Key;
use super::super::world::World;
use super::{args, list, option};

/// Stakes of one nominator by netuid.
type Stakes = Vec<(Compact<u16>, Compact<u64>)>;

pub(super) fn answer(world: &World, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    match name {
        "get_delegate" => {
            let hotkey: Key = args(bytes)?;
            Some(option(delegates(world).contains(&hotkey).then(|| info(world, &hotkey))))
        }
        "get_delegates" => Some(list(delegates(world).iter().map(|hotkey| info(world, hotkey)))),
        "get_delegated" => Some(delegated(world, &args(bytes)?)),
        _ => None,
    }
}

/// Those who hold a uid on the root.
fn delegates(world: &World) -> Vec<Key> {
    world.subnet(0).map(|root| root.uids.keys().copied().collect()).unwrap_or_default()
}

fn info(world: &World, hotkey: &Key) -> Vec<u8> {
    let mut nominators: BTreeMap<Key, Stakes> = BTreeMap::new();
    for subnet in world.subnets.values() {
        let Some(pool) = subnet.pools.get(hotkey) else { continue };
        for coldkey in pool.members.keys() {
            let stake = (Compact(subnet.netuid), Compact(pool.stake_of(coldkey)));
            nominators.entry(*coldkey).or_default().push(stake);
        }
    }
    let nominators: Vec<(Key, Stakes)> = nominators.into_iter().collect();
    let on = |permitted: bool| {
        let mut netuids = Vec::new();
        for subnet in world.subnets.values() {
            let neuron = subnet.uids.get(hotkey).and_then(|uid| subnet.neurons.get(usize::from(*uid)));
            if neuron.is_some_and(|neuron| !permitted || neuron.permit) {
                netuids.push(Compact(subnet.netuid));
            }
        }
        netuids
    };
    let (per_thousand, daily) = (Compact(0u64), Compact(0u64));
    let owner = world.owner_of(hotkey).unwrap_or_default();
    (hotkey, Compact(world.take_of(hotkey)), nominators, owner, on(false), on(true), per_thousand, daily).encode()
}

/// All that a coldkey has with delegates.
fn delegated(world: &World, coldkey: &Key) -> Vec<u8> {
    let mut found = Vec::new();
    for hotkey in delegates(world) {
        for subnet in world.subnets.values() {
            let Some(pool) = subnet.pools.get(&hotkey).filter(|pool| pool.members.contains_key(coldkey)) else {
                continue;
            };
            let mut bytes = info(world, &hotkey);
            (Compact(subnet.netuid), Compact(pool.stake_of(coldkey))).encode_to(&mut bytes);
            found.push(bytes);
        }
    }
    list(found.into_iter())
}
