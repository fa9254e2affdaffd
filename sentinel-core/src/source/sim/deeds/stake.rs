//! Stake that comes, goes and moves; and TAO that is sent.

use parity_scale_codec::Compact;

use super::super::Key;
use super::super::desk::{Deed, Desk, Failure, Outcome, subtensor};
use super::super::history::Happened;
use super::super::world::subnet_account;
use crate::chain::{AccountId, NetUid};

/// The least amount that may be staked, in rao.
const LEAST: u64 = 2_000_000;

impl<'p> Desk<'_, 'p> {
    /// TAO of a coldkey becomes alpha behind a hotkey.
    pub(in super::super) fn add_stake(&self, coldkey: Key, hotkey: Key, netuid: u16, tao: u64) -> Deed<'p> {
        let call = match tao % 5 {
            0 => self.call("add_stake_limit", &(hotkey, netuid, tao, u64::MAX, true)),
            _ => self.call("add_stake", &(hotkey, netuid, tao)),
        };
        Deed::new(call, move |desk| desk.stake(coldkey, hotkey, netuid, tao))
    }

    fn stake(&mut self, coldkey: Key, hotkey: Key, netuid: u16, tao: u64) -> Outcome {
        self.subnet(netuid)?;
        if tao < LEAST {
            return Err(subtensor("AmountTooLow"));
        }
        if self.world.free(&coldkey) < tao {
            return Err(subtensor("NotEnoughBalanceToStake"));
        }
        if self.world.owner_of(&hotkey).is_none() {
            return Err(subtensor("HotKeyAccountNotExists"));
        }
        let block = self.world.number;
        let fee = fee(netuid, tao);
        let subnet = self.subnet_mut(netuid)?;
        let alpha = subnet.buy(tao - fee);
        subnet.reserves.tao += fee;
        subnet.pool(hotkey).add(coldkey, alpha, block);
        self.world.withdraw(coldkey, tao);
        self.event("Balances", "Transfer", &(coldkey, subnet_account(netuid), tao));
        self.event("SubtensorModule", "StakeAdded", &(coldkey, hotkey, tao, alpha, netuid, fee));
        Ok(())
    }

    /// Alpha behind a hotkey becomes TAO of its coldkey.
    pub(in super::super) fn remove_stake(&self, coldkey: Key, hotkey: Key, netuid: u16, alpha: u64) -> Deed<'p> {
        let call = match alpha % 4 {
            0 => self.call("remove_stake_limit", &(hotkey, netuid, alpha, 1u64, true)),
            1 => self.call("remove_stake_full_limit", &(hotkey, netuid, None::<u64>)),
            _ => self.call("remove_stake", &(hotkey, netuid, alpha)),
        };
        let all = alpha % 4 == 1;
        Deed::new(call, move |desk| desk.unstake(coldkey, hotkey, netuid, if all { u64::MAX } else { alpha }))
    }

    fn unstake(&mut self, coldkey: Key, hotkey: Key, netuid: u16, alpha: u64) -> Outcome {
        let there = self.subnet(netuid)?.pools.get(&hotkey).map_or(0, |pool| pool.stake_of(&coldkey));
        if there == 0 || (alpha != u64::MAX && alpha > there) {
            return Err(subtensor("NotEnoughStakeToWithdraw"));
        }
        let (alpha, tao, fee) = self.take_out(coldkey, hotkey, netuid, alpha)?;
        self.world.deposit(coldkey, tao);
        self.event("Balances", "Transfer", &(subnet_account(netuid), coldkey, tao));
        self.event("SubtensorModule", "StakeRemoved", &(coldkey, hotkey, tao, alpha, netuid, fee));
        Ok(())
    }

    /// Takes alpha out of a pool and sells it.
    fn take_out(&mut self, coldkey: Key, hotkey: Key, netuid: u16, alpha: u64) -> Result<(u64, u64, u64), Failure> {
        let block = self.world.number;
        let subnet = self.subnet_mut(netuid)?;
        let taken = subnet.pool(hotkey).remove(&coldkey, alpha, block);
        let emptied = subnet.stake(&hotkey) == 0;
        let gross = subnet.sell(taken);
        let fee = fee(netuid, gross);
        subnet.reserves.tao += fee;
        if emptied {
            self.told(Happened::PoolEmptied { netuid: NetUid(netuid), hotkey: AccountId(hotkey) });
        }
        Ok((taken, gross - fee, fee))
    }

    /// Everything that anybody has behind a hotkey is taken.
    pub(in super::super) fn empty_pool(&mut self, netuid: u16, hotkey: Key) {
        let members = self.world.subnet(netuid).and_then(|subnet| subnet.pools.get(&hotkey));
        let coldkeys: Vec<Key> = members.map(|pool| pool.members.keys().copied().collect()).unwrap_or_default();
        for coldkey in coldkeys {
            let call = self.call("remove_stake_full_limit", &(hotkey, netuid, None::<u64>));
            let deed = Deed::new(call, move |desk: &mut Desk<'_, 'p>| desk.unstake(coldkey, hotkey, netuid, u64::MAX));
            self.submit(coldkey, deed);
        }
    }

    /// Stake moves to another hotkey or subnet.
    pub(in super::super) fn move_stake(&self, coldkey: Key, from: (Key, u16), to: (Key, u16), alpha: u64) -> Deed<'p> {
        let call = if from.0 == to.0 {
            self.call("swap_stake", &(from.0, from.1, to.1, alpha))
        } else {
            self.call("move_stake", &(from.0, to.0, from.1, to.1, alpha))
        };
        Deed::new(call, move |desk| {
            let tao = desk.carry((coldkey, from.0, from.1), (coldkey, to.0, to.1), alpha)?;
            if from.0 == to.0 {
                desk.event("SubtensorModule", "StakeSwapped", &(coldkey, from.0, from.1, to.1, tao));
            } else {
                desk.event("SubtensorModule", "StakeMoved", &(coldkey, from.0, from.1, to.0, to.1, tao));
            }
            Ok(())
        })
    }

    /// Stake is given to another coldkey.
    pub(in super::super) fn transfer_stake(
        &self,
        from: Key,
        to: Key,
        hotkey: Key,
        netuid: u16,
        alpha: u64,
    ) -> Deed<'p> {
        let call = self.call("transfer_stake", &(to, hotkey, netuid, netuid, alpha));
        Deed::new(call, move |desk| {
            let tao = desk.carry((from, hotkey, netuid), (to, hotkey, netuid), alpha)?;
            desk.event("SubtensorModule", "StakeTransferred", &(from, to, hotkey, netuid, netuid, tao));
            Ok(())
        })
    }

    /// Moves stake from one place to another, through TAO where the subnets differ. Returns its worth.
    fn carry(&mut self, from: (Key, Key, u16), to: (Key, Key, u16), alpha: u64) -> Result<u64, Failure> {
        self.subnet(to.2)?;
        let there = self.subnet(from.2)?.pools.get(&from.1).map_or(0, |pool| pool.stake_of(&from.0));
        if alpha == 0 || alpha > there {
            return Err(subtensor("NotEnoughStakeToWithdraw"));
        }
        if self.world.owner_of(&to.1).is_none() {
            return Err(subtensor("HotKeyAccountNotExists"));
        }
        let block = self.world.number;
        if from.2 == to.2 {
            let subnet = self.subnet_mut(from.2)?;
            let taken = subnet.pool(from.1).remove(&from.0, alpha, block);
            subnet.pool(to.1).add(to.0, taken, block);
            let worth = (u128::from(taken) * u128::from(subnet.price()) / 1_000_000_000) as u64;
            if subnet.stake(&from.1) == 0 {
                self.told(Happened::PoolEmptied { netuid: NetUid(from.2), hotkey: AccountId(from.1) });
            }
            self.event("SubtensorModule", "StakeRemoved", &(from.0, from.1, worth, taken, from.2, 0u64));
            self.event("SubtensorModule", "StakeAdded", &(to.0, to.1, worth, taken, to.2, 0u64));
            return Ok(worth);
        }
        let (taken, tao, fee) = self.take_out(from.0, from.1, from.2, alpha)?;
        self.event("SubtensorModule", "StakeRemoved", &(from.0, from.1, tao, taken, from.2, fee));
        let subnet = self.subnet_mut(to.2)?;
        let bought = subnet.buy(tao);
        subnet.pool(to.1).add(to.0, bought, block);
        self.event("SubtensorModule", "StakeAdded", &(to.0, to.1, tao, bought, to.2, 0u64));
        Ok(tao)
    }

    /// TAO is sent.
    pub(in super::super) fn transfer(&self, from: Key, to: Key, tao: u64) -> Deed<'p> {
        let name = if tao.is_multiple_of(2) { "transfer_keep_alive" } else { "transfer_allow_death" };
        let call = self.tape.call("Balances", name, &(0u8, to, Compact(tao)));
        Deed::new(call, move |desk| {
            if desk.world.free(&from) < tao {
                return Err(Failure::Token(0));
            }
            let new = !desk.world.people.accounts.contains_key(&to);
            desk.world.withdraw(from, tao);
            desk.world.deposit(to, tao);
            if new {
                desk.event("System", "NewAccount", &to);
                desk.event("Balances", "Endowed", &(to, tao));
            }
            desk.event("Balances", "Transfer", &(from, to, tao));
            Ok(())
        })
    }
}

/// What a swap costs; the root has no pool and costs nothing.
fn fee(netuid: u16, tao: u64) -> u64 {
    if netuid == 0 { 0 } else { (u128::from(tao) * 33 / 65_535) as u64 }
}
