//! A growth over some time, as a yearly one.

use super::ApyError;
use super::growth::Growth;

/// Seconds of a year of 365.25 days.
pub const SECONDS_PER_YEAR: u64 = 31_557_600;
pub(super) const MS_PER_YEAR: f64 = SECONDS_PER_YEAR as f64 * 1000.0;
const MS_PER_DAY: u64 = 86_400_000;

/// Time that has passed on the chain's clock, in milliseconds; never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Elapsed(u64);

impl Elapsed {
    /// From one timestamp of the chain to a later one.
    ///
    /// # Errors
    /// [`ApyError::NoTime`] where the second is not later.
    pub fn between(start_ms: u64, end_ms: u64) -> Result<Self, ApyError> {
        match end_ms.checked_sub(start_ms) {
            None | Some(0) => Err(ApyError::NoTime { start_ms, end_ms }),
            Some(elapsed) => Ok(Self(elapsed)),
        }
    }

    /// Milliseconds, at least 1.
    pub fn milliseconds(self) -> u64 {
        self.0
    }

    /// Whether this is less than a day. A year made of that says little: epochs come in lumps, an hour has one or none.
    pub fn is_short(self) -> bool {
        self.0 < MS_PER_DAY
    }

    /// How many of these a year has.
    fn per_year(self) -> f64 {
        MS_PER_YEAR / self.0 as f64
    }
}

/// The yearly yield of a growth that took this long, compounded: `growth^(year / elapsed) − 1`; `None` where that is too
/// large to be a number.
///
/// ```
/// use sentinel_core::apy::{Elapsed, Growth, annual_yield};
///
/// // One per cent in 30 days.
/// let month = Elapsed::between(0, 30 * 86_400_000)?;
/// let apy = annual_yield(Growth::by(0.01).ok_or("no growth")?, month).ok_or("too large")?;
/// assert_eq!(format!("{:.4} %", 100.0 * apy), "12.8789 %");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn annual_yield(growth: Growth, elapsed: Elapsed) -> Option<f64> {
    let apy = (growth.ln() * elapsed.per_year()).exp_m1();
    apy.is_finite().then_some(apy)
}

/// The yearly rate of returns that sum up to this, without compounding: `sum × year / elapsed`; `None` where that is no
/// number.
pub fn annual_rate(sum: f64, elapsed: Elapsed) -> Option<f64> {
    let apr = sum * elapsed.per_year();
    apr.is_finite().then_some(apr)
}
