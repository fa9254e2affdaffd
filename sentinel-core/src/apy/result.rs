//! The return over a window, as it is shown.

use serde::Serialize;

use super::ApyError;
use super::annual::{Elapsed, annual_rate, annual_yield};
use super::growth::{Compound, Growth};
use super::reason::NoReturn;

/// The time that is asked about, by the chain's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    start_ms: u64,
    length: Elapsed,
}

impl Window {
    /// From the timestamp of one block to that of a later one, in milliseconds.
    ///
    /// # Errors
    /// [`ApyError::NoTime`] where the second is not later.
    pub fn between(start_ms: u64, end_ms: u64) -> Result<Self, ApyError> {
        Ok(Self { start_ms, length: Elapsed::between(start_ms, end_ms)? })
    }

    /// Its first moment.
    pub fn start_ms(&self) -> u64 {
        self.start_ms
    }

    /// Its last moment.
    pub fn end_ms(&self) -> u64 {
        self.start_ms + self.length.milliseconds()
    }

    /// How long it is.
    pub fn length(&self) -> Elapsed {
        self.length
    }
}

/// What a window returned to nominators. All ratios are plain: 0.12 is 12 %. Never NaN, never infinite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WindowReturn {
    /// The yearly yield, compounded, from the time that is covered.
    pub apy: Option<f64>,
    /// The yearly rate without compounding.
    pub apr: Option<f64>,
    /// What was gained in the window for each unit staked.
    pub growth: Option<f64>,
    /// The part of the window's time that is known, of which growth, APY and APR are.
    pub coverage: f64,
    /// Epochs with a known return that are in it.
    pub epochs: u64,
    /// Epochs that ran in the window and were not read.
    pub missing_epochs: u64,
    /// Why there is no yield; `None` where there is one.
    pub reason: Option<NoReturn>,
    /// A number of these is too large to be one and therefore `None`: a year of growth on dust.
    pub overflow: bool,
    /// Less than a day is covered: a year made of that says little.
    pub short: bool,
    /// Milliseconds that are covered.
    pub covered_ms: u64,
    /// Milliseconds of the window.
    pub window_ms: u64,
}

/// What has been collected of a window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Collected {
    pub(super) product: Compound,
    pub(super) simple: f64,
    pub(super) covered_ms: u64,
    pub(super) epochs: u64,
    pub(super) missing: u64,
    /// The last reason why something is not in it.
    pub(super) reason: Option<NoReturn>,
}

impl Collected {
    pub(super) fn result(&self, window: &Window) -> WindowReturn {
        let mut result = WindowReturn::without(window, self.reason.unwrap_or(NoReturn::NoEpochs));
        (result.epochs, result.missing_epochs) = (self.epochs, self.missing);
        let Ok(covered) = Elapsed::between(0, self.covered_ms) else { return result };
        let growth = self.product.growth();
        result.covered_ms = self.covered_ms;
        result.coverage = self.covered_ms as f64 / window.length().milliseconds() as f64;
        result.annualised(growth, self.simple, covered)
    }
}

impl WindowReturn {
    /// A window without a return, and why: that of a runtime before dynamic TAO, say.
    pub fn without(window: &Window, reason: NoReturn) -> Self {
        Self {
            apy: None,
            apr: None,
            growth: None,
            coverage: 0.0,
            epochs: 0,
            missing_epochs: 0,
            reason: Some(reason),
            overflow: false,
            short: true,
            covered_ms: 0,
            window_ms: window.length().milliseconds(),
        }
    }

    /// The same growth, as if all of the window had been covered and nothing had been earned in the rest: what somebody had
    /// who waited for the validator from the beginning to the end.
    pub fn over_whole_window(&self) -> Self {
        let growth = self.growth.and_then(Growth::by);
        let (Some(growth), Ok(window), Some(apr)) = (growth, Elapsed::between(0, self.window_ms), self.apr) else {
            return *self;
        };
        let simple = apr * self.covered_ms as f64 / super::MS_PER_YEAR;
        self.annualised(growth, simple, window)
    }

    fn annualised(mut self, growth: Growth, simple: f64, elapsed: Elapsed) -> Self {
        self.apy = annual_yield(growth, elapsed);
        self.apr = annual_rate(simple, elapsed);
        self.growth = growth.excess();
        self.overflow = self.apy.is_none() || self.apr.is_none() || self.growth.is_none();
        self.reason = self.overflow.then_some(NoReturn::Overflow);
        self.short = elapsed.is_short();
        self
    }
}
