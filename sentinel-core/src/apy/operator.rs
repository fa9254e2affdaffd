//! What an epoch gave the operator of a validator.

use super::epoch::EpochReturn;

/// A take of 18 %, in parts of 65535: what the chain uses where a hotkey has no row in `Delegates`.
pub const DEFAULT_TAKE: u16 = 11_796;

/// What the operator was given beside the nominators' dividend: `D × take / (65535 − take)`, rounded down. `None` where the
/// take is all, so that the dividend says nothing about it.
///
/// The chain rounds both parts; the result can be off by one unit of 10^-9 alpha for each.
pub fn operator_take(dividend: u64, take: u16) -> Option<u64> {
    let rest = u128::from(u16::MAX - take);
    // A take is at most 65535 times the dividend, so that it can exceed a u64 only beside a dividend beyond the supply.
    u64::try_from((u128::from(dividend) * u128::from(take)).checked_div(rest)?).ok()
}

/// The operator's return on stake of its own: the nominators' and the take over that stake. `None` where it has none, or
/// where the dividend does not tell the take.
pub fn operator_return(epoch: &EpochReturn, take: u16, own_stake: u64) -> Option<f64> {
    let given = operator_take(epoch.dividend(), take)?;
    (own_stake > 0).then(|| epoch.ratio() + given as f64 / own_stake as f64)
}
