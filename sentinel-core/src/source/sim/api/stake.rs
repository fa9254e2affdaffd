//! Who has staked what, and what root stakers hold in baskets.

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
        _ => None,
    }
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

/// Prices of a basket: what one share is worth, and how much it has grown.
pub(super) fn basket(world: &World, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    match name {
        "get_beta_pricing" => {
            let hotkey: Key = args(bytes)?;
            Some(option(pricing(world, &hotkey)))
        }
        "get_all_beta_pricing" => {
            let (after, limit): (Option<Key>, u32) = args(bytes)?;
            let later = world.people.baskets.keys().filter(|hotkey| after.is_none_or(|after| **hotkey > after));
            let page: Vec<&Key> = later.take(limit as usize).collect();
            let last = page.last().copied().copied();
            let more = last.filter(|last| world.people.baskets.keys().next_back() != Some(last));
            let prices: Vec<Vec<u8>> = page.iter().filter_map(|hotkey| pricing(world, hotkey)).collect();
            let mut answer = list(prices.into_iter());
            more.encode_to(&mut answer);
            Some(answer)
        }
        "get_validator_basket_nav" => {
            let hotkey: Key = args(bytes)?;
            Some(world.people.baskets.get(&hotkey).map_or(0, |basket| basket.deposited).encode())
        }
        _ => None,
    }
}

fn pricing(world: &World, hotkey: &Key) -> Option<Vec<u8>> {
    const ONE: u128 = 1 << 64;
    let basket = world.people.baskets.get(hotkey)?;
    let prices = (ONE, ONE, ONE);
    let (growth, first_block) = ((basket.twr - ONE, basket.twr, ONE, ONE), 1u64);
    let worth = (basket.deposited, basket.shares, u128::from(basket.shares) << 64);
    Some((hotkey, prices, growth, first_block, false, worth).encode())
}
