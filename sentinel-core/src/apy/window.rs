//! The return of one validator over a window: segments by share price and by epochs, each a check on the other.

use serde::Serialize;

use super::ApyError;
use super::epoch::EpochReturn;
use super::growth::{Compound, Growth, Sum};
use super::observation::{Observation, PoolPrice, Split};
use super::reason::NoReturn;
use super::result::{Collected, Window, WindowReturn};
use super::share::SharePrice;
use super::spot::Spot;

/// How far the two ways to the same growth may be apart, beside what the chain's rounding explains.
pub const TOLERANCE: f64 = 1e-9;

/// The growth of share prices beside the product of epochs, over the stretches in which both are known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CrossCheck {
    /// What share prices gained.
    pub by_price: Option<f64>,
    /// What the product of the epochs gained.
    pub by_epochs: Option<f64>,
    /// How far apart the two factors are, relative to them; `None` where that is beyond a float.
    pub difference: Option<f64>,
    /// What the chain's rounding to 10^-9 alpha explains of that: two such units for each epoch's base.
    pub rounding: f64,
    /// Whether the difference is within [`TOLERANCE`] and the rounding. If not, an epoch is missing, or the pool was reset.
    pub agrees: bool,
}

/// A place where a window is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SplitAt {
    /// The first block after it that was observed.
    pub block: u64,
    /// What happened.
    pub kind: Split,
}

/// An epoch, or a stretch between two blocks, that has no return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NullAt {
    /// The block of the observation.
    pub block: u64,
    /// Why.
    pub reason: NoReturn,
}

/// All that can be said of one validator over a window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowReport {
    /// The return in alpha.
    #[serde(flatten)]
    pub alpha: WindowReturn,
    /// The return in TAO: growth in alpha times the change of the spot price over the same time. Its APR is the growth by
    /// the time, since a price has no epochs.
    pub tao: WindowReturn,
    /// Share prices beside epochs; `None` where no stretch has both.
    pub check: Option<CrossCheck>,
    /// Where the window is split.
    pub splits: Vec<SplitAt>,
    /// What has no return, and why.
    pub nulls: Vec<NullAt>,
}

/// The return of one validator over a window, from observations in the order of their blocks.
///
/// The first observation opens: it says what is staked, its own epoch has paid earlier stake. One before the window opens at
/// the window's start; those after its end are left out. Prices of the same pool decide between any two observations that
/// have one; elsewhere it is the product of the epochs, less the time of those that are missing. Time without stake is not
/// covered.
///
/// # Errors
/// [`ApyError::Unordered`] and [`ApyError::ClockBackwards`] for observations that are not in order.
pub fn window_report(window: &Window, observations: &[Observation]) -> Result<WindowReport, ApyError> {
    in_order(observations)?;
    let mut walk = Walk { start_ms: window.start_ms(), ..Walk::default() };
    let inside = observations.partition_point(|observation| observation.timestamp_ms <= window.end_ms());
    let mut before: Option<&Observation> = None;
    for now in &observations[..inside] {
        match before {
            Some(before) if now.timestamp_ms > window.start_ms() => walk.step(before, now),
            _ => walk.restart(now),
        }
        before = Some(now);
    }
    Ok(walk.report(window))
}

fn in_order(observations: &[Observation]) -> Result<(), ApyError> {
    for (row, pair) in observations.windows(2).enumerate() {
        let (before, now) = (&pair[0], &pair[1]);
        if now.block <= before.block {
            return Err(ApyError::Unordered { row: row + 1, block: now.block, before: before.block });
        }
        if now.timestamp_ms < before.timestamp_ms {
            let (timestamp_ms, before_ms) = (now.timestamp_ms, before.timestamp_ms);
            return Err(ApyError::ClockBackwards { row: row + 1, timestamp_ms, before_ms });
        }
    }
    Ok(())
}

/// What the epochs say since the last price.
#[derive(Debug, Default)]
struct Since {
    product: Compound,
    simple: Sum,
    covered_ms: u64,
    epochs: u64,
    rounding: f64,
    /// Something is missing in it.
    holed: bool,
}

/// A stretch with stake in it all the time.
#[derive(Debug, Default)]
struct Run {
    price: Option<(SharePrice, u64)>,
    since: Since,
    /// Of this run alone.
    product: Compound,
    covered_ms: u64,
    first_spot: Option<Spot>,
    last_spot: Option<Spot>,
}

/// Both ways to the same growth.
#[derive(Debug, Default)]
struct Both {
    prices: Compound,
    epochs: Compound,
    rounding: f64,
    any: bool,
}

#[derive(Debug, Default)]
struct Walk {
    start_ms: u64,
    total: Collected,
    simple: Sum,
    tao: Compound,
    tao_unknown: bool,
    run: Option<Run>,
    both: Both,
    splits: Vec<SplitAt>,
    nulls: Vec<NullAt>,
}

/// What an observation says of the epoch in its block.
fn outcome(now: &Observation) -> Option<Result<EpochReturn, NoReturn>> {
    now.epoch.map(|epoch| epoch.outcome())
}

/// Whether nothing is staked there.
fn is_empty(now: &Observation) -> bool {
    match now.price {
        PoolPrice::Empty => true,
        PoolPrice::Known(_) => false,
        PoolPrice::Unread => outcome(now) == Some(Err(NoReturn::NoStake)),
    }
}

impl Walk {
    fn clipped(&self, timestamp_ms: u64) -> u64 {
        timestamp_ms.max(self.start_ms)
    }

    /// Begins with this observation, whatever was before.
    fn restart(&mut self, now: &Observation) {
        self.run = None;
        if is_empty(now) {
            self.null(now, NoReturn::NoStake);
        } else {
            self.open(now);
        }
    }

    fn open(&mut self, now: &Observation) {
        let price = match now.price {
            PoolPrice::Known(price) => Some((price, self.clipped(now.timestamp_ms))),
            PoolPrice::Unread | PoolPrice::Empty => None,
        };
        self.run = Some(Run { price, first_spot: now.spot, last_spot: now.spot, ..Run::default() });
    }

    fn null(&mut self, now: &Observation, reason: NoReturn) {
        self.nulls.push(NullAt { block: now.block, reason });
        self.total.reason = Some(reason);
    }

    fn step(&mut self, before: &Observation, now: &Observation) {
        let split = now.pool.split_from(&before.pool);
        if let Some(kind) = split {
            self.splits.push(SplitAt { block: now.block, kind });
        }
        if split == Some(Split::SubnetReplaced) {
            return self.replaced(now);
        }
        self.total.missing += u64::from(now.missing_before);
        if is_empty(now) {
            self.close();
            return self.null(now, NoReturn::NoStake);
        }
        // What is staked after a reset, or is a dividend on nothing, earns from now on.
        let fresh = match outcome(now) {
            _ if split == Some(Split::PoolReset) => true,
            Some(Err(NoReturn::ZeroBase)) => {
                self.null(now, NoReturn::ZeroBase);
                true
            }
            _ => false,
        };
        if fresh || self.run.is_none() {
            self.close();
            return self.open(now);
        }
        self.epoch(before, now);
        if split.is_some() {
            self.settle_by_epochs();
        }
        self.price(now, split.is_some());
        if let Some(run) = &mut self.run {
            run.last_spot = now.spot;
        }
    }

    /// Another subnet under the same number: nothing of the old one is kept but that it was there.
    fn replaced(&mut self, now: &Observation) {
        let (splits, nulls) = (std::mem::take(&mut self.splits), std::mem::take(&mut self.nulls));
        *self = Self { start_ms: self.start_ms, splits, nulls, ..Self::default() };
        self.total.reason = Some(NoReturn::SubnetReplaced);
        self.restart(now);
    }

    /// The epoch of this observation, if there is one, and the time until it.
    fn epoch(&mut self, before: &Observation, now: &Observation) {
        let elapsed = now.timestamp_ms - self.clipped(before.timestamp_ms);
        let missing = u64::from(now.missing_before);
        let outcome = outcome(now);
        if let Some(Err(reason)) = outcome {
            self.null(now, reason);
        }
        let Some(run) = &mut self.run else { return };
        let since = &mut run.since;
        match outcome {
            Some(Ok(epoch)) => {
                since.product.push(epoch.ratio());
                since.simple.push(epoch.ratio());
                since.rounding += 2.0 / epoch.base() as f64;
                since.epochs += 1;
                since.covered_ms += elapsed / (missing + 1);
            }
            None if missing == 0 => since.covered_ms += elapsed,
            None | Some(Err(_)) => since.holed = true,
        }
        since.holed |= missing > 0;
    }

    /// The price of this observation, if it has one: with the one before it, it decides.
    fn price(&mut self, now: &Observation, new_pool: bool) {
        let PoolPrice::Known(price) = now.price else {
            if new_pool && let Some(run) = &mut self.run {
                run.price = None;
            }
            return;
        };
        let at = self.clipped(now.timestamp_ms);
        let Some(run) = &mut self.run else { return };
        let before = run.price.replace((price, at));
        match before.filter(|_| !new_pool) {
            None => self.settle_by_epochs(),
            Some((before, since_ms)) => self.settle_by_price(before.growth_to(price), at - since_ms),
        }
    }

    fn settle_by_price(&mut self, growth: Growth, elapsed: u64) {
        let Some(run) = &mut self.run else { return };
        let since = std::mem::take(&mut run.since);
        run.product.then(growth);
        run.covered_ms += elapsed;
        self.total.epochs += since.epochs;
        if since.epochs == 0 || since.holed {
            self.simple.push(growth.excess().unwrap_or(f64::INFINITY));
            return;
        }
        self.simple.push(since.simple.total());
        self.both.any = true;
        self.both.prices.then(growth);
        self.both.epochs.append(&since.product);
        self.both.rounding += since.rounding;
    }

    fn settle_by_epochs(&mut self) {
        let Some(run) = &mut self.run else { return };
        let since = std::mem::take(&mut run.since);
        run.product.append(&since.product);
        run.covered_ms += since.covered_ms;
        self.total.epochs += since.epochs;
        self.simple.push(since.simple.total());
    }

    /// Ends the run, if there is one.
    fn close(&mut self) {
        self.settle_by_epochs();
        let Some(run) = self.run.take() else { return };
        self.total.product.append(&run.product);
        self.total.covered_ms += run.covered_ms;
        if run.covered_ms == 0 && run.product.growth() == Growth::NONE {
            return;
        }
        let spots = run.first_spot.zip(run.last_spot);
        match spots.and_then(|(first, last)| first.growth_to(&last)) {
            Some(change) => self.tao.then(run.product.growth().then(change)),
            None => self.tao_unknown = true,
        }
    }

    fn report(mut self, window: &Window) -> WindowReport {
        self.close();
        let growth = self.tao.growth();
        let in_tao = Collected { product: self.tao, simple: growth.excess().unwrap_or(f64::INFINITY), ..self.total };
        let alpha = Collected { simple: self.simple.total(), ..self.total }.result(window);
        let tao = if self.tao_unknown && alpha.covered_ms > 0 {
            WindowReturn::without(window, NoReturn::PriceUnknown)
        } else {
            in_tao.result(window)
        };
        let check = self.both.any.then(|| self.both.check());
        WindowReport { alpha, tao, check, splits: self.splits, nulls: self.nulls }
    }
}

impl Both {
    fn check(&self) -> CrossCheck {
        let (prices, epochs) = (self.prices.growth(), self.epochs.growth());
        let difference = epochs.then(prices.inverse()).excess().map(f64::abs);
        let agrees = difference.is_some_and(|difference| difference <= TOLERANCE + self.rounding);
        CrossCheck {
            by_price: prices.excess(),
            by_epochs: epochs.excess(),
            difference,
            rounding: self.rounding,
            agrees,
        }
    }
}
