//! What one epoch returned to the nominators of a validator.

use serde::{Deserialize, Serialize};

use super::reason::NoReturn;

/// What the state of an epoch's block says about one hotkey on one subnet, in units of 10^-9 alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct EpochState {
    /// `AlphaDividendsPerSubnet`: what the nominators were given; `None` where there is no row.
    pub dividend: Option<u64>,
    /// `TotalHotkeyAlphaLastEpoch`: the stake just after the dividend and the operator's take were added to it. Before
    /// runtime 261 there is none; `TotalHotkeyAlpha` stands in, less what the extrinsics of that block added to it.
    pub stake_after: Option<u64>,
    /// `TotalHotkeyAlpha`: decides where no dividend was paid.
    pub stake: Option<u64>,
}

/// The return of one epoch, with the integers it came from: `dividend / base`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EpochReturn {
    dividend: u64,
    base: u64,
}

impl EpochReturn {
    /// What was paid to the nominators.
    pub fn dividend(&self) -> u64 {
        self.dividend
    }

    /// What it was paid on; more than 0.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// The return as a ratio, right to the last bits of a float.
    #[inline]
    pub fn ratio(&self) -> f64 {
        self.dividend as f64 / self.base as f64
    }
}

impl EpochState {
    /// The nominators' return of this epoch: `D / (L − D)`.
    ///
    /// # Errors
    /// Why there is none. A validator with stake that earned nothing has one: it is 0.
    pub fn outcome(&self) -> Result<EpochReturn, NoReturn> {
        match (self.dividend, self.stake_after) {
            (None, _) => match self.stake {
                None | Some(0) => Err(NoReturn::NoStake),
                Some(base) => Ok(EpochReturn { dividend: 0, base }),
            },
            (Some(dividend), Some(stake)) => epoch_return(dividend, stake),
            (Some(0), None) => match self.stake {
                None => Err(NoReturn::StakeUnknown),
                Some(0) => Err(NoReturn::NoStake),
                Some(base) => Ok(EpochReturn { dividend: 0, base }),
            },
            (Some(_), None) => Err(NoReturn::StakeUnknown),
        }
    }
}

/// The nominators' return of an epoch from the dividend `D` and the stake `L` after it: `D / (L − D)`.
///
/// A validator that was paid nothing is `D = 0` and `L` its stake; one without stake is 0 and 0. That makes columns of
/// integers enough for [`window_returns`](super::window_returns).
///
/// # Errors
/// Why there is none.
///
/// ```
/// use sentinel_core::apy::{NoReturn, epoch_return};
///
/// // 1000 alpha staked; of 10 alpha the operator takes 1.8, the nominators get 8.2.
/// let paid = epoch_return(8_200_000_000, 1_010_000_000_000)?;
/// assert_eq!(paid.base(), 1_001_800_000_000);
/// assert_eq!(epoch_return(5, 5), Err(NoReturn::ZeroBase));
/// # Ok::<(), NoReturn>(())
/// ```
#[inline]
pub fn epoch_return(dividend: u64, stake_after: u64) -> Result<EpochReturn, NoReturn> {
    match stake_after.checked_sub(dividend) {
        None => Err(NoReturn::DividendExceedsStake),
        Some(0) if dividend == 0 => Err(NoReturn::NoStake),
        Some(0) => Err(NoReturn::ZeroBase),
        Some(base) => Ok(EpochReturn { dividend, base }),
    }
}

/// The return of several validators together: what they were all paid over what they were all paid on. Those without a
/// return are left out by the caller, those that earned nothing are not.
///
/// # Errors
/// [`NoReturn::NoStake`] without any, [`NoReturn::Overflow`] for sums beyond any supply.
pub fn combined_return(epochs: impl IntoIterator<Item = EpochReturn>) -> Result<EpochReturn, NoReturn> {
    let mut all = EpochReturn { dividend: 0, base: 0 };
    for one in epochs {
        all.dividend = all.dividend.checked_add(one.dividend).ok_or(NoReturn::Overflow)?;
        all.base = all.base.checked_add(one.base).ok_or(NoReturn::Overflow)?;
    }
    if all.base == 0 { Err(NoReturn::NoStake) } else { Ok(all) }
}
