//! The shortcut that many tools show: one epoch, repeated for a year.

use super::annual::{Elapsed, annual_yield};
use super::growth::Growth;
use super::reason::NoReturn;

/// How long an epoch is taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochLength {
    /// In blocks; 0 is never.
    pub blocks: u64,
    /// Milliseconds from block to block.
    pub block_ms: u64,
}

impl EpochLength {
    /// What the chain means to take from one block to the next.
    pub const BLOCK_MS: u64 = 12_000;

    /// Runtimes to 422: the tempo and one, in blocks of 12 seconds. Tools that still count so are off by one block an epoch.
    pub fn modulo(tempo: u16) -> Self {
        Self { blocks: if tempo == 0 { 0 } else { u64::from(tempo) + 1 }, block_ms: Self::BLOCK_MS }
    }

    /// Runtimes from 423: the tempo, in blocks of 12 seconds.
    pub fn stateful(tempo: u16) -> Self {
        Self { blocks: tempo.into(), block_ms: Self::BLOCK_MS }
    }
}

/// An *estimate* of the yearly yield: `(1 + earned / staked)^(year / epoch) − 1`. The two may be in any unit, the same for
/// both.
///
/// It takes one epoch for all of a year's and blocks for a clock. It is what other tools show if `staked` is what they
/// divide by; the exact return of the epoch has `staked` without the dividend ([`epoch_return`](super::epoch_return)).
///
/// # Errors
/// Why there is none: [`NoReturn::NoStake`], [`NoReturn::NoEpochs`], [`NoReturn::Overflow`], [`NoReturn::NotANumber`].
///
/// ```
/// use sentinel_core::apy::{EpochLength, NoReturn, single_epoch_estimate};
///
/// let apy = single_epoch_estimate(0.01, 10.0, EpochLength::modulo(360))?;
/// assert_eq!(format!("{:.1} %", 100.0 * apy), "145162.1 %");
/// assert_eq!(single_epoch_estimate(5.0, 1.0, EpochLength::modulo(360)), Err(NoReturn::Overflow));
/// # Ok::<(), NoReturn>(())
/// ```
pub fn single_epoch_estimate(earned: f64, staked: f64, epoch: EpochLength) -> Result<f64, NoReturn> {
    if !earned.is_finite() || !staked.is_finite() {
        return Err(NoReturn::NotANumber);
    }
    if staked <= 0.0 {
        return Err(NoReturn::NoStake);
    }
    let length = epoch.blocks.checked_mul(epoch.block_ms).ok_or(NoReturn::NoEpochs)?;
    let length = Elapsed::between(0, length).map_err(|_| NoReturn::NoEpochs)?;
    let ratio = earned / staked;
    if ratio == f64::INFINITY {
        return Err(NoReturn::Overflow);
    }
    let growth = Growth::by(ratio).ok_or(NoReturn::NotANumber)?;
    annual_yield(growth, length).ok_or(NoReturn::Overflow)
}
