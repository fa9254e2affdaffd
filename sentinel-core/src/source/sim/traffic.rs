//! What people do without being asked: validators at work, and a little of everything else.

mod market;

use super::Key;
use super::deeds::joint_account;
use super::desk::{Deed, Desk};
use super::script::successor;
use super::world::settings::Setting;

/// One TAO or alpha.
const COIN: u64 = 1_000_000_000;

pub(super) fn run(desk: &mut Desk<'_, '_>) {
    validate(desk);
    let plan = desk.plan;
    let count = plan.traffic / 10 + u64::from(desk.rng.chance(plan.traffic % 10, 10));
    for _ in 0..count {
        // Where nothing fits, nothing happens.
        let _ = something(desk);
    }
}

/// Every validator has new weights once an epoch, but not more often than it may.
fn validate(desk: &mut Desk<'_, '_>) {
    let netuids: Vec<u16> = desk.world.subnets.keys().copied().filter(|netuid| *netuid != 0).collect();
    for netuid in netuids {
        let Some(subnet) = desk.world.subnet(netuid) else { continue };
        let (every, mechanisms) = (subnet.tempo().max(120), subnet.mechanisms.len());
        let revealing = subnet.mechanisms.iter().any(|mechanism| !mechanism.commits.is_empty());
        let turn = every / u64::from(subnet.settings.u16(Setting::MaxAllowedValidators)).max(1);
        // One after the other, so that nobody is forgotten and nobody comes too soon.
        let block = desk.world.number + u64::from(netuid);
        let due = turn > 0 && block.is_multiple_of(turn);
        if !due && !revealing {
            continue;
        }
        let validators: Vec<u16> = subnet.validators().collect();
        let of_turn = |turn: usize| validators.get(turn % validators.len().max(1)).copied();
        for mechanism in 0..mechanisms {
            let Some(uid) = due.then(|| (block / turn) as usize).and_then(of_turn) else { continue };
            if let Some((hotkey, deed)) = desk.new_weights(netuid, uid, mechanism as u8) {
                desk.submit(hotkey, deed);
            }
        }
        if revealing && desk.rng.chance(validators.len() as u64 * 2, every) {
            let Some(uid) = of_turn(desk.rng.index(validators.len())) else { continue };
            if let Some((hotkey, deed)) = desk.reveal_weights(netuid, uid, 0) {
                desk.submit(hotkey, deed);
            }
        }
    }
}

fn something(desk: &mut Desk<'_, '_>) -> Option<()> {
    match desk.rng.below(1_000) {
        0..=399 => market::stake(desk),
        400..=649 => transfer(desk),
        650..=849 => neurons(desk),
        850..=864 => register(desk),
        865..=884 => keys(desk),
        885..=894 => owner(desk),
        895..=899 => root(desk),
        900..=959 => wrapped(desk),
        _ => failing(desk),
    }
}

/// Somebody with TAO.
fn anybody(desk: &mut Desk<'_, '_>) -> Option<Key> {
    let at = desk.rng.index(desk.world.people.crowd.len());
    let key = *desk.world.people.crowd.get(at)?;
    (desk.world.free(&key) > 10 * COIN).then_some(key)
}

fn transfer(desk: &mut Desk<'_, '_>) -> Option<()> {
    let from = anybody(desk)?;
    let to = if desk.rng.chance(1, 20) { desk.world.new_key() } else { anybody(desk)? };
    let tao = if desk.rng.chance(1, 50) { 20 * COIN } else { desk.rng.between(COIN / 1_000, 8 * COIN) };
    let deed = desk.transfer(from, to, tao);
    desk.submit(from, deed);
    Some(())
}

fn neurons(desk: &mut Desk<'_, '_>) -> Option<()> {
    let netuid = desk.any_subnet()?;
    let uid = desk.any_uid(netuid)?;
    let hotkey = desk.hotkey(netuid, uid)?;
    let coldkey = desk.world.owner_of(&hotkey)?;
    let (signer, deed) = match desk.rng.below(10) {
        0..=3 => (hotkey, desk.serve_axon(hotkey, netuid)),
        4 => (hotkey, desk.serve_prometheus(hotkey, netuid)),
        5..=7 => (hotkey, desk.commit(hotkey, netuid)),
        8 => (hotkey, desk.associate_evm(hotkey, netuid)),
        _ => (coldkey, desk.set_auto_stake(coldkey, netuid, hotkey)),
    };
    desk.submit(signer, deed);
    Some(())
}

fn register(desk: &mut Desk<'_, '_>) -> Option<()> {
    let netuid = desk.any_subnet()?;
    let coldkey = anybody(desk)?;
    let hotkey = desk.world.new_key();
    let deed = desk.register(coldkey, hotkey, netuid, None);
    desk.submit(coldkey, deed);
    Some(())
}

fn keys(desk: &mut Desk<'_, '_>) -> Option<()> {
    let netuid = desk.any_subnet()?;
    let uid = desk.any_validator(netuid)?;
    let hotkey = desk.hotkey(netuid, uid)?;
    let coldkey = desk.world.owner_of(&hotkey)?;
    let (signer, deed) = match desk.rng.below(12) {
        0..=2 => {
            let take = desk.rng.below(11_797) as u16;
            (coldkey, desk.set_take(coldkey, hotkey, take))
        }
        3 => {
            let take = desk.rng.below(6_000) as u16;
            (coldkey, desk.set_childkey_take(hotkey, netuid, take))
        }
        4 | 5 => {
            let child = desk.any_validator(netuid).filter(|child| *child != uid)?;
            let child = desk.hotkey(netuid, child)?;
            let list = if desk.rng.chance(1, 3) { Vec::new() } else { vec![(u64::MAX / 10, child)] };
            (coldkey, desk.set_children(hotkey, netuid, list))
        }
        6 => {
            let miner = desk.any_uid(netuid)?;
            let old = desk.hotkey(netuid, miner)?;
            let owner = desk.world.owner_of(&old)?;
            let new = desk.world.new_key();
            (owner, desk.swap_hotkey(owner, old, new, Some(netuid)))
        }
        7 => {
            let number = desk.rng.below(1_000);
            (coldkey, desk.set_identity(coldkey, number))
        }
        _ => return coldkey_swaps(desk),
    };
    desk.submit(signer, deed);
    Some(())
}

/// The swap of a coldkey from its announcement to its end, by small steps.
fn coldkey_swaps(desk: &mut Desk<'_, '_>) -> Option<()> {
    let announced = desk.world.people.announced.iter().next().map(|(coldkey, (at, _))| (*coldkey, *at));
    let Some((coldkey, at)) = announced else {
        let coldkey = anybody(desk).filter(|coldkey| *coldkey != desk.world.globals.sudo)?;
        let deed = desk.announce_coldkey_swap(coldkey, successor(coldkey));
        desk.submit(coldkey, deed);
        return Some(());
    };
    let disputed = desk.world.people.disputed.contains_key(&coldkey);
    if disputed {
        let deed = desk.reset_coldkey_swap(coldkey);
        desk.submit_sudo(deed);
        return Some(());
    }
    let deed = match (desk.rng.below(4), desk.world.number as u32 >= at) {
        (0, _) => desk.dispute_coldkey_swap(coldkey),
        (1, _) => desk.clear_coldkey_swap(coldkey),
        (_, true) => desk.swap_coldkey_announced(coldkey, successor(coldkey)),
        (_, false) => return None,
    };
    desk.submit(coldkey, deed);
    Some(())
}

/// Hyperparameters that may change without ending the subnet.
const HARMLESS: &[(Setting, u128, u128)] = &[
    (Setting::Kappa, 30_000, 36_000),
    (Setting::Rho, 8, 12),
    (Setting::ImmunityPeriod, 600, 900),
    (Setting::MinAllowedWeights, 4, 16),
    (Setting::WeightsVersionKey, 0, 5),
    (Setting::ServingRateLimit, 40, 60),
    (Setting::MinBurn, 400_000, 700_000),
    (Setting::MaxBurn, 90_000_000_000, 110_000_000_000),
    (Setting::BondsMovingAverage, 850_000, 950_000),
    (Setting::BondsPenalty, 60_000, 65_535),
    (Setting::AlphaSigmoidSteepness, 900, 1_100),
    (Setting::BurnHalfLife, 300, 420),
    (Setting::ActivityCutoffFactorMilli, 13_000, 15_000),
    (Setting::MaxDifficulty, 1 << 60, 1 << 61),
    (Setting::LiquidAlphaConsensusMode, 0, 2),
    (Setting::RecycleOrBurn, 0, 1),
    (Setting::TransferToggle, 0, 1),
    (Setting::BondsResetOn, 0, 1),
    (Setting::Yuma3On, 0, 1),
    (Setting::CollateralLockShare, 0, 1_000),
    (Setting::BurnIncreaseMult, 1 << 64, 3 << 63),
    (Setting::MinChildkeyTakePerSubnet, 0, 500),
];

fn harmless(desk: &mut Desk<'_, '_>) -> (Setting, u128) {
    let (setting, low, high) = HARMLESS[desk.rng.index(HARMLESS.len())];
    (setting, low + u128::from(desk.rng.bits()) % (high - low + 1))
}

fn owner(desk: &mut Desk<'_, '_>) -> Option<()> {
    let netuid = desk.any_subnet()?;
    let owner = desk.world.subnet(netuid)?.owner;
    let deed = match desk.rng.below(12) {
        0 => desk.set_subnet_identity(netuid),
        // Most of these are refused: the next epoch is near, or one is waiting.
        1 => desk.trigger_epoch(owner, netuid),
        // Refused, since the subnet was started when it was registered.
        2 => desk.start_call(netuid),
        _ => {
            let (setting, value) = harmless(desk);
            desk.set_hyperparameter(netuid, setting, value)
        }
    };
    desk.submit(owner, deed);
    Some(())
}

fn root(desk: &mut Desk<'_, '_>) -> Option<()> {
    let deed: Deed<'_> = match desk.rng.below(6) {
        0 => {
            let value = desk.rng.between(900, 1_100);
            desk.set_global("sudo_set_tx_rate_limit", "TxRateLimitSet", value, |all, value| all.tx_rate_limit = value)
        }
        1 => {
            let value = desk.rng.between(900, 1_100) * COIN;
            let keep = |all: &mut super::world::Globals, value| all.stake_threshold = value;
            desk.set_global("sudo_set_stake_threshold", "StakeThresholdSet", value, keep)
        }
        2 => {
            let value = desk.rng.between(900, 1_100) * COIN;
            let keep = |all: &mut super::world::Globals, value| all.network_min_lock_cost = value;
            desk.set_global("sudo_set_network_min_lock_cost", "NetworkMinLockCostSet", value, keep)
        }
        _ => {
            let netuid = desk.any_subnet()?;
            let (setting, value) = harmless(desk);
            desk.set_hyperparameter(netuid, setting, value)
        }
    };
    desk.submit_sudo(deed);
    Some(())
}

fn wrapped(desk: &mut Desk<'_, '_>) -> Option<()> {
    let (from, to) = (anybody(desk)?, anybody(desk)?);
    match desk.rng.below(8) {
        0 | 1 => {
            let deeds = (1..4).map(|part| desk.transfer(from, to, part * COIN / 4)).collect();
            let deed = desk.batch(deeds);
            desk.submit(from, deed);
        }
        2 => {
            let deeds =
                vec![desk.transfer(from, to, COIN), desk.transfer(from, to, u64::MAX), desk.transfer(from, to, 7)];
            let deed = if desk.rng.chance(1, 2) { desk.batch(deeds) } else { desk.force_batch(deeds) };
            desk.submit(from, deed);
        }
        3 => {
            let netuid = desk.any_subnet()?;
            let changes = (0..2).map(|_| harmless(desk)).collect::<Vec<_>>();
            let deeds = changes.into_iter().map(|(setting, value)| desk.set_hyperparameter(netuid, setting, value));
            let deeds = deeds.collect();
            let deed = desk.batch(deeds);
            desk.submit_sudo(deed);
        }
        4 | 5 => return proxies(desk, from, to),
        6 => multisig(desk),
        _ => {
            let hotkey = desk.any_subnet().and_then(|netuid| desk.hotkey(netuid, 0))?;
            let netuids = desk.world.subnets.keys().copied().filter(|netuid| *netuid != 0).take(2).collect();
            let deed = desk.batch_weights(hotkey, netuids);
            desk.submit(hotkey, deed);
        }
    }
    Some(())
}

fn proxies(desk: &mut Desk<'_, '_>, from: Key, to: Key) -> Option<()> {
    let known = desk.world.people.proxies.iter().next().map(|(real, proxies)| (*real, proxies[0]));
    let Some((real, (delegate, kind, _))) = known else {
        let deed = desk.add_proxy(from, to, 8);
        desk.submit(from, deed);
        return Some(());
    };
    if desk.rng.chance(1, 6) {
        let deed = desk.remove_proxy(real, delegate, kind);
        desk.submit(real, deed);
        return Some(());
    }
    let netuid = desk.any_subnet()?;
    let uid = desk.any_validator(netuid)?;
    let hotkey = desk.hotkey(netuid, uid)?;
    let tao = desk.rng.between(COIN / 10, COIN);
    let inner = desk.add_stake(real, hotkey, netuid, tao);
    let deed = desk.proxied(delegate, real, inner);
    desk.submit(delegate, deed);
    Some(())
}

/// The root's account and a second one pay somebody, both of them agreeing.
fn multisig(desk: &mut Desk<'_, '_>) {
    let (one, other) = (desk.world.globals.sudo, successor(desk.world.globals.sudo));
    let joint = joint_account(one, other);
    if desk.world.free(&joint) < 100 * COIN {
        desk.world.deposit(joint, 1_000 * COIN);
        desk.world.deposit(other, 1_000 * COIN);
    }
    let waits = !desk.world.people.multisigs.is_empty();
    let (signer, second) = if waits { (other, one) } else { (one, other) };
    let mut inner = desk.transfer(joint, one, 2 * COIN);
    // Its hash is state, so its bytes are needed even where nobody reads them.
    let args = (0u8, one, parity_scale_codec::Compact(2 * COIN));
    inner.call = desk.tape.codec.call("Balances", "transfer_keep_alive", &args);
    let deed = desk.multisig(signer, second, joint, inner);
    desk.submit(signer, deed);
}

/// Calls that the chain refuses, each with the error that it has for them.
fn failing(desk: &mut Desk<'_, '_>) -> Option<()> {
    let somebody = anybody(desk)?;
    let netuid = desk.any_subnet()?;
    let hotkey = desk.hotkey(netuid, 0)?;
    let stranger = successor(hotkey);
    let deed = match desk.rng.below(8) {
        0 => desk.add_stake(somebody, stranger, netuid, COIN),
        1 => desk.add_stake(somebody, hotkey, 999, COIN),
        2 => desk.add_stake(somebody, hotkey, netuid, u64::MAX / 5),
        3 => desk.remove_stake(stranger, hotkey, netuid, 3 * COIN + 2),
        4 => desk.set_take(somebody, hotkey, 3),
        5 => desk.serve_axon(stranger, netuid),
        6 => desk.transfer(somebody, stranger, u64::MAX / 3),
        _ => desk.register(somebody, hotkey, netuid, None),
    };
    desk.submit(somebody, deed);
    Some(())
}
