//! Who has how much stake behind one hotkey on one subnet: as the chain keeps it in shares, and as a ledger beside it.

use std::collections::BTreeMap;

use super::super::Key;
use super::super::wide::mul_div;

/// One share of the chain's books is so many of ours: shares are kept to twelve decimals.
pub(in super::super) const SHARE_UNIT: u128 = 1_000_000_000_000;
/// Digits behind the point that [`SHARE_UNIT`] stands for.
pub(in super::super) const SHARE_EXPONENT: i64 = -12;
/// The ledger counts in this part of a rao.
pub(in super::super) const LEDGER_BITS: u32 = 32;

/// What one coldkey has in a pool.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Member {
    /// Its shares, as storage has them.
    pub(in super::super) shares: u128,
    /// Its stake: credited with its part of every dividend, one by one. No share and no price is involved.
    pub(in super::super) stake: u128,
    /// What of its stake are dividends, since it joined.
    pub(in super::super) earned: u128,
    /// The last block that changed its stake by anything but a dividend.
    pub(in super::super) touched: u64,
    /// The generation of the pool in which it joined.
    pub(in super::super) epoch: u64,
}

/// The stake of one hotkey on one subnet.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Pool {
    /// All stake in rao (`TotalHotkeyAlpha`).
    pub(in super::super) total: u64,
    /// All shares (`TotalHotkeySharesV2`).
    pub(in super::super) shares: u128,
    /// How often it was emptied (`AlphaSharePoolEpoch`).
    pub(in super::super) epoch: u64,
    /// The coldkeys.
    pub(in super::super) members: BTreeMap<Key, Member>,
}

impl Pool {
    /// Stake that a coldkey brings: it gets shares at the present price.
    pub(in super::super) fn add(&mut self, coldkey: Key, amount: u64, block: u64) {
        if amount == 0 {
            return;
        }
        let minted = match (self.total, self.shares) {
            (0, _) | (_, 0) => u128::from(amount) * SHARE_UNIT,
            (total, shares) => mul_div(u128::from(amount), shares, u128::from(total)),
        };
        let epoch = self.epoch;
        let member = self.members.entry(coldkey).or_insert_with(|| Member { epoch, ..Member::default() });
        member.shares += minted;
        member.stake += u128::from(amount) << LEDGER_BITS;
        member.touched = block;
        self.shares += minted;
        self.total += amount;
    }

    /// Stake that a coldkey takes, at most `amount`; a rest of no importance goes with it. Returns what
    /// it got.
    pub(in super::super) fn remove(&mut self, coldkey: &Key, amount: u64, block: u64) -> u64 {
        let Some(member) = self.members.get(coldkey).copied() else { return 0 };
        let all = self.stake_of(coldkey);
        let taken = if amount.saturating_add(DUST) >= all { all } else { amount };
        let rest = member.stake.saturating_sub(u128::from(taken) << LEDGER_BITS);
        self.total -= taken;
        if taken == all {
            self.members.remove(coldkey);
            self.shares -= member.shares;
            self.spread(rest);
        } else {
            let burned = mul_div(u128::from(taken), self.shares, u128::from(self.total + taken)).min(member.shares);
            self.shares -= burned;
            let updated = Member { shares: member.shares - burned, stake: rest, touched: block, ..member };
            self.members.insert(*coldkey, updated);
        }
        if self.members.is_empty() {
            *self = Self { epoch: self.epoch + 1, ..Self::default() };
        }
        taken
    }

    /// A dividend: everybody's stake grows in proportion, no shares are minted.
    pub(in super::super) fn reward(&mut self, amount: u64) {
        let added = u128::from(amount) << LEDGER_BITS;
        let mut given = 0;
        for member in self.members.values_mut() {
            let part = mul_div(amount.into(), member.stake, self.total.into());
            member.stake += part;
            member.earned += part;
            given += part;
        }
        self.total += amount;
        self.leave_behind(added - given);
    }

    /// The stake of a coldkey in whole rao, as the chain's shares have it.
    pub(in super::super) fn stake_of(&self, coldkey: &Key) -> u64 {
        let Some(member) = self.members.get(coldkey) else { return 0 };
        let by_shares = mul_div(member.shares, u128::from(self.total), self.shares.max(1));
        // Rounding may leave either a rao ahead; nobody gets what the ledger does not have.
        u64::try_from(by_shares.min(member.stake >> LEDGER_BITS)).unwrap_or(u64::MAX).min(self.total)
    }

    /// Moves everything into the pool of another hotkey, as a hotkey swap does: shares are minted anew.
    pub(in super::super) fn move_to(&mut self, other: &mut Self, block: u64) {
        let moved = std::mem::replace(self, Self { epoch: self.epoch + 1, ..Self::default() });
        // The price at which all join, whoever comes first.
        let (total, shares) = (other.total, other.shares);
        for (coldkey, member) in moved.members {
            // What the shares are worth, to twelve decimals.
            let value = mul_div(member.shares, u128::from(moved.total) * SHARE_UNIT, moved.shares.max(1));
            let minted = match (total, shares) {
                (0, _) | (_, 0) => value,
                (total, shares) => mul_div(value, shares, u128::from(total) * SHARE_UNIT),
            };
            let epoch = other.epoch;
            let joined = other.members.entry(coldkey).or_insert_with(|| Member { epoch, ..Member::default() });
            joined.shares += minted;
            joined.stake += member.stake;
            joined.earned += member.earned;
            joined.touched = block;
            other.shares += minted;
        }
        other.total += moved.total;
    }

    /// What is left of a rao that could not be taken is everybody's, as it is by their shares.
    fn spread(&mut self, rest: u128) {
        let whole = (u128::from(self.total) << LEDGER_BITS).saturating_sub(rest);
        let mut given = 0;
        for member in self.members.values_mut().filter(|_| whole > 0) {
            let part = mul_div(rest, member.stake, whole);
            member.stake += part;
            given += part;
        }
        self.leave_behind(rest - given);
    }

    /// Parts of a rao that rounding left over stay in the pool, with its first member.
    fn leave_behind(&mut self, rest: u128) {
        if let Some(member) = self.members.values_mut().next() {
            member.stake += rest;
        }
    }
}

/// A rest of less than this does not stay alone.
const DUST: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(pool: &Pool) -> u128 {
        pool.members.values().map(|member| member.stake).sum()
    }

    #[test]
    fn the_ledger_and_the_shares_tell_the_same_story() {
        let (anna, bert, carl) = ([1; 32], [2; 32], [3; 32]);
        let mut pool = Pool::default();
        pool.add(anna, 1_000_000_000_000, 1);
        pool.add(bert, 333_333_333_333, 1);
        for epoch in 2..500 {
            pool.reward(1_234_567 + epoch);
            if epoch % 50 == 0 {
                pool.add(carl, 77_777_777_777, epoch);
                pool.remove(&bert, 1_000_000_001, epoch);
            }
            assert_eq!(ledger(&pool), u128::from(pool.total) << LEDGER_BITS);
            for (coldkey, member) in &pool.members {
                let value = mul_div(member.shares, u128::from(pool.total) << LEDGER_BITS, pool.shares);
                assert!(value.abs_diff(member.stake) < 1 << (LEDGER_BITS + 2), "{coldkey:?} {epoch}");
            }
        }
    }

    #[test]
    fn a_pool_that_is_emptied_begins_a_new_generation() {
        let mut pool = Pool::default();
        pool.add([1; 32], 5_000_000_000, 1);
        pool.reward(77);
        assert_eq!(pool.remove(&[1; 32], u64::MAX, 2), 5_000_000_077);
        assert_eq!((pool.total, pool.shares, pool.epoch), (0, 0, 1));
    }

    #[test]
    fn a_swap_keeps_every_rao_and_mints_one_share_for_each() {
        let (mut old, mut new) = (Pool::default(), Pool::default());
        old.add([1; 32], 5_000_000_000, 1);
        old.add([2; 32], 7_000_000_000, 1);
        old.reward(1_000_000_000);
        old.move_to(&mut new, 2);
        assert_eq!((old.total, old.epoch, new.total), (0, 1, 13_000_000_000));
        let price = u128::from(new.total) * SHARE_UNIT;
        assert!(price.abs_diff(new.shares) < SHARE_UNIT, "{price} {}", new.shares);
    }
}
