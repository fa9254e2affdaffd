//! Stake that people bring and take back, by what alpha costs beside what it is worth to them.

use super::super::desk::Desk;
use super::super::world::escrow_account;
use super::{COIN, anybody};

pub(super) fn stake(desk: &mut Desk<'_, '_>) -> Option<()> {
    let netuid = if desk.rng.chance(1, 8) { 0 } else { desk.any_subnet()? };
    let uid = if netuid == 0 { desk.any_uid(0)? } else { desk.any_validator(netuid)? };
    let hotkey = desk.hotkey(netuid, uid)?;
    let (tao, alpha) = trade(desk, netuid)?;
    if buys(desk, netuid)? {
        // Most of those who stake more have some already.
        let known = desk.rng.chance(4, 5).then(|| desk.any_staker(netuid, &hotkey)).flatten();
        let coldkey = match known {
            Some((coldkey, _)) => coldkey,
            None => anybody(desk)?,
        };
        let tao = Some(tao).filter(|tao| desk.world.free(&coldkey) > 2 * tao)?;
        let deed = desk.add_stake(coldkey, hotkey, netuid, tao);
        desk.submit(coldkey, deed);
        return Some(());
    }
    let (coldkey, there) = desk.any_staker(netuid, &hotkey)?;
    // Operators keep theirs, and nobody leaves a validator without any stake.
    if desk.world.owner_of(&hotkey) == Some(coldkey) || coldkey == escrow_account() {
        return None;
    }
    let sold = alpha.min(there / 2) | 2;
    let carried = there / desk.rng.between(8, 40);
    let deed = match desk.rng.below(5) {
        0 | 1 => desk.remove_stake(coldkey, hotkey, netuid, sold),
        2 => {
            let other = desk.any_validator(netuid).filter(|other| *other != uid)?;
            let other = desk.hotkey(netuid, other)?;
            desk.move_stake(coldkey, (hotkey, netuid), (other, netuid), carried)
        }
        3 => {
            let other = desk.any_subnet().filter(|other| *other != netuid)?;
            desk.move_stake(coldkey, (hotkey, netuid), (hotkey, other), sold)
        }
        _ if desk.rng.chance(1, 4) => {
            let other = anybody(desk).filter(|other| *other != coldkey)?;
            desk.transfer_stake(coldkey, other, hotkey, netuid, carried)
        }
        // Whoever leaves takes everything; who has much goes step by step.
        _ => desk.remove_stake(coldkey, hotkey, netuid, if there < 5 * alpha { there / 4 * 4 + 1 } else { sold }),
    };
    desk.submit(coldkey, deed);
    Some(())
}

/// How much is traded at once, in TAO and in alpha: a small part of the pool, so that no one trade moves the price much.
fn trade(desk: &mut Desk<'_, '_>, netuid: u16) -> Option<(u64, u64)> {
    let part = desk.rng.between(1, 20);
    let subnet = desk.world.subnet(netuid)?;
    let tao = (subnet.reserves.tao / 100_000 * part).max(COIN / 100);
    Some((tao, subnet.alpha_for(tao)))
}

/// Whether somebody stakes rather than taking stake back: the more likely, the less alpha costs beside what it is worth to
/// people, and certain when it is a third of a percent below.
fn buys(desk: &mut Desk<'_, '_>, netuid: u16) -> Option<bool> {
    let subnet = desk.world.subnet(netuid)?;
    let (fair, price) = (i128::from(subnet.reserves.fair), i128::from(subnet.price()));
    let chance = match netuid {
        0 => 500,
        _ => 500 + (fair - price) * 150_000 / fair.max(1),
    };
    Some(desk.rng.chance(chance.clamp(0, 1_000) as u64, 1_000))
}
