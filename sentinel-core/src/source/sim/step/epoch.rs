//! When epochs run, and what they give to whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Key;
use super::super::desk::Desk;
use super::super::history::Happened;
use super::super::wide::mul_div;
use super::super::world::subnet::{Pots, Subnet};
use super::super::world::{Basket, World, escrow_account};
use super::consensus::{self, Verdict};
use crate::chain::NetUid;

/// Runs the epochs that are due, as many as a block may have: one that is skipped takes nobody's place.
pub(super) fn run(desk: &mut Desk<'_, '_>) {
    let block = desk.world.number;
    let mut room = desk.world.globals.max_epochs;
    let mut running = Vec::new();
    for netuid in desk.world.storage_order() {
        let Some(subnet) = desk.world.subnet_mut(netuid).filter(|subnet| subnet.netuid != 0) else { continue };
        subnet.schedule.since += 1;
        if !subnet.is_due(block) {
            continue;
        }
        if room == 0 {
            subnet.schedule.pending_at = block + 1;
            desk.event("SubtensorModule", "EpochDeferred", &(netuid, block, block + 1));
            desk.told(Happened::EpochDeferred { netuid: NetUid(netuid), to: block + 1 });
            continue;
        }
        let doubled = subnet.doubled;
        let schedule = &mut subnet.schedule;
        (schedule.last_epoch, schedule.pending_at) = (block, 0);
        schedule.index += 1;
        let index = schedule.index;
        if doubled {
            desk.event("SubtensorModule", "EpochSkipped", &(netuid, block));
            desk.told(Happened::EpochSkipped { netuid: NetUid(netuid), index });
            continue;
        }
        room -= 1;
        (schedule.since, schedule.last_step) = (0, block);
        running.push((netuid, index, std::mem::take(&mut subnet.pots)));
    }
    for (netuid, index, pots) in running {
        distribute(desk, netuid, pots);
        desk.told(Happened::EpochRan { netuid: NetUid(netuid), index });
    }
}

/// Alpha that an epoch gives to the stakers behind one hotkey.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    alpha: u128,
    root: u128,
}

fn distribute(desk: &mut Desk<'_, '_>, netuid: u16, pots: Pots) {
    let Some(mut arc) = desk.world.subnets.remove(&netuid) else { return };
    let subnet = Arc::make_mut(&mut arc);
    let block = desk.world.number;
    let stakes = consensus::stakes(subnet, desk.world);
    let verdict = consensus::verdict(subnet, &stakes, block);
    consensus::publish(subnet, &verdict);

    let hotkey = subnet.owner_hotkey;
    let owner = subnet.owner;
    subnet.pool(hotkey).add(owner, pots.owner, block);
    let (server, incentives) = pay_miners(desk, subnet, &verdict, pots.server);
    let validator = pots.validator + server;
    let parts = parts(subnet, desk.world, &verdict, &stakes);
    let shown = emissions(&verdict, &incentives, validator + pots.root);
    for (neuron, emission) in subnet.neurons.iter_mut().zip(shown) {
        neuron.emission = emission;
    }
    pay_stakers(subnet, desk.world, &parts, validator);
    let deposits = pay_root(subnet, desk.world, &parts, pots.root);
    desk.world.subnets.insert(netuid, arc);
    fill_baskets(desk, netuid, deposits);
}

/// Pays the miners and returns what nobody earned, and what each uid got.
fn pay_miners(desk: &mut Desk<'_, '_>, subnet: &mut Subnet, verdict: &Verdict, pot: u64) -> (u64, Vec<u64>) {
    let block = desk.world.number;
    let earned = |found: &consensus::MechanismVerdict| found.incentive.iter().any(|part| *part > 0);
    let earning = verdict.mechanisms.iter().filter(|found| earned(found)).count() as u64;
    let mut total = vec![0u64; subnet.neurons.len()];
    for (mechanism, found) in verdict.mechanisms.iter().enumerate() {
        let share = if earned(found) { u128::from(pot / earning.max(1)) } else { 0 };
        let amounts: Vec<u64> = found.incentive.iter().map(|part| ((share * part) >> 48) as u64).collect();
        desk.event("SubtensorModule", "IncentiveAlphaEmittedToMiners", &(subnet.index_of(mechanism), &amounts));
        for (sum, amount) in total.iter_mut().zip(&amounts) {
            *sum += amount;
        }
    }
    if earning == 0 {
        return (pot, total);
    }
    for (uid, amount) in total.iter().copied().enumerate().filter(|(_, amount)| *amount > 0) {
        let hotkey = subnet.neurons[uid].hotkey;
        let coldkey = desk.world.owner_of(&hotkey).unwrap_or(subnet.owner);
        if coldkey == subnet.owner {
            // What the owner would pay to itself is burned.
            subnet.reserves.alpha_out -= amount.min(subnet.reserves.alpha_out);
            continue;
        }
        let target = subnet.auto_stake.get(&coldkey).copied().unwrap_or(hotkey);
        subnet.pool(target).add(coldkey, amount, block);
        if target != hotkey {
            desk.event("SubtensorModule", "AutoStakeAdded", &(subnet.netuid, target, hotkey, coldkey, amount));
        }
    }
    // What rounding leaves is nobody's.
    (0, total)
}

/// What each uid shows as its emission: what it mined, and its part of all dividends.
fn emissions(verdict: &Verdict, incentives: &[u64], dividends: u64) -> Vec<u64> {
    let sum: u128 = verdict.dividends.iter().sum();
    let of = |(uid, part): (usize, &u128)| incentives[uid] + mul_div(*part, dividends.into(), sum.max(1)) as u64;
    verdict.dividends.iter().enumerate().map(of).collect()
}

/// How much each hotkey counts: a dividend is divided between a validator and the parents whose stake it works with,
/// and then by its alpha and its TAO on the root.
fn parts(subnet: &Subnet, world: &World, verdict: &Verdict, stakes: &[u64]) -> BTreeMap<Key, Part> {
    let mut weights: BTreeMap<Key, u128> = BTreeMap::new();
    for (uid, part) in verdict.dividends.iter().copied().enumerate().filter(|(_, part)| *part > 0) {
        let hotkey = subnet.neurons[uid].hotkey;
        let take = u128::from(subnet.childkey_takes.get(&hotkey).copied().unwrap_or(0));
        let mut own = part;
        for (share, parent) in subnet.parents(&hotkey) {
            let lent = mul_div(share.into(), subnet.stake(&parent).into(), u64::MAX.into());
            let theirs = mul_div(part, lent, stakes[uid].max(1).into()).min(own);
            let theirs = theirs - theirs * take / 65_535;
            own -= theirs;
            *weights.entry(parent).or_default() += theirs;
        }
        *weights.entry(hotkey).or_default() += own;
    }
    let split = |(hotkey, weight): (Key, u128)| {
        let alpha = u128::from(subnet.stake(&hotkey));
        let root = u128::from(world.weighted_tao(world.root_stake(&hotkey)));
        let of_alpha = mul_div(weight, alpha, (alpha + root).max(1));
        (hotkey, Part { alpha: of_alpha, root: weight - of_alpha })
    };
    weights.into_iter().map(split).collect()
}

/// Dividends in alpha: the operator's take first, then the rest for everybody in the pool.
fn pay_stakers(subnet: &mut Subnet, world: &World, parts: &BTreeMap<Key, Part>, pot: u64) {
    subnet.dividends.clear();
    let block = world.number;
    let sum: u128 = parts.values().map(|part| part.alpha).sum();
    for (hotkey, part) in parts.iter().filter(|(_, part)| part.alpha > 0) {
        let amount = mul_div(part.alpha, pot.into(), sum.max(1)) as u64;
        let take = u128::from(amount) * u128::from(world.take_of(hotkey)) / 65_535;
        let owner = world.owner_of(hotkey);
        let pool = subnet.pool(*hotkey);
        let take = match owner {
            Some(owner) => {
                pool.add(owner, take as u64, block);
                take as u64
            }
            None => 0,
        };
        let rest = amount - take;
        if rest > 0 {
            pool.reward(rest);
        }
        let total = pool.total;
        if rest > 0 {
            subnet.dividends.insert(*hotkey, rest);
        }
        subnet.last_epoch_stake.insert(*hotkey, total);
    }
}

/// The root's part in alpha: the operator's take, the rest for the baskets of those who hold a uid on the root.
fn pay_root(subnet: &mut Subnet, world: &World, parts: &BTreeMap<Key, Part>, pot: u64) -> Vec<(Key, u64)> {
    subnet.root_dividends.clear();
    let block = world.number;
    let sum: u128 = parts.values().map(|part| part.root).sum();
    let mut deposits = Vec::new();
    for (hotkey, part) in parts.iter().filter(|(_, part)| part.root > 0) {
        let amount = mul_div(part.root, pot.into(), sum.max(1)) as u64;
        let on_root = world.subnet(0).is_some_and(|root| root.uids.contains_key(hotkey));
        let Some(owner) = world.owner_of(hotkey).filter(|_| on_root && amount > 0) else {
            subnet.reserves.alpha_out -= amount.min(subnet.reserves.alpha_out);
            continue;
        };
        let take = (u128::from(amount) * u128::from(world.take_of(hotkey)) / 65_535) as u64;
        subnet.pool(*hotkey).add(owner, take, block);
        subnet.root_dividends.insert(*hotkey, amount - take);
        deposits.push((*hotkey, amount - take));
    }
    deposits
}

/// Stakes what root stakers earned into the basket of their hotkey.
fn fill_baskets(desk: &mut Desk<'_, '_>, netuid: u16, deposits: Vec<(Key, u64)>) {
    let block = desk.world.number;
    for (hotkey, alpha) in deposits {
        let Some(subnet) = desk.world.subnet_mut(netuid) else { return };
        subnet.pool(hotkey).add(escrow_account(), alpha, block);
        let tao = (u128::from(alpha) * u128::from(subnet.price()) / 1_000_000_000) as u64;
        let staked = u128::from(desk.world.root_stake(&hotkey)).max(1);
        let new = Basket { twr: 1 << 64, rate: 0, shares: 0, deposited: 0 };
        let basket = desk.world.people_mut().baskets.entry(hotkey).or_insert(new);
        let growth = mul_div(tao.into(), 1 << 64, staked + u128::from(basket.deposited));
        basket.twr += mul_div(basket.twr, growth, 1 << 64);
        basket.rate += ((u128::from(tao) << 32) / staked) as i128;
        basket.shares += tao;
        basket.deposited += tao;
        desk.event("SubtensorModule", "BasketDeposited", &(hotkey, tao, tao));
    }
}
