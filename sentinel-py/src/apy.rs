//! `sentinel.apy`: what stakers earn, by the functions of `sentinel_core::apy`.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use sentinel_core::apy::{
    self, EpochColumns, EpochState, Growth, NoReturn, SharePrice, Shares, Spot, SpotState, Window,
};

use crate::column::{Column, column};
use crate::error::{ApyError, guarded};

/// A number, or why there is none.
type Outcome = (Option<f64>, Option<&'static str>);

fn outcome(result: Result<f64, NoReturn>) -> Outcome {
    match result {
        Ok(number) => (Some(number), None),
        Err(reason) => (None, Some(reason.word())),
    }
}

fn refused(error: apy::ApyError) -> PyErr {
    ApyError::new_err(error.to_string())
}

/// The denominator of a pool as Python has it.
#[derive(FromPyObject)]
pub(crate) enum PoolShares {
    /// The bits of a number with 64 fractional bits.
    Fixed(u128),
    /// Mantissa and power of ten.
    Float((u128, i64)),
}

impl From<PoolShares> for Shares {
    fn from(shares: PoolShares) -> Self {
        match shares {
            PoolShares::Fixed(bits) => Self::Fixed(bits),
            PoolShares::Float((mantissa, exponent)) => Self::Float { mantissa, exponent },
        }
    }
}

/// The nominators' return of one epoch, and the reason where there is none: `D / (L - D)`.
///
/// `dividend` is `AlphaDividendsPerSubnet`, `stake_after` `TotalHotkeyAlphaLastEpoch`, which contains the dividend, and
/// `stake` `TotalHotkeyAlpha`, which decides where there is no dividend; None where there is no row.
///
/// >>> sentinel.apy.epoch_return(8_200_000_000, 1_010_000_000_000)
/// (0.008185266520263525, None)
/// >>> sentinel.apy.epoch_return(5, 5), sentinel.apy.epoch_return(None, None, 7)
/// ((None, 'zero_base'), (0.0, None))
#[pyfunction]
#[pyo3(signature = (dividend, stake_after, stake = None))]
pub(crate) fn epoch_return(dividend: Option<u64>, stake_after: Option<u64>, stake: Option<u64>) -> Outcome {
    outcome(EpochState { dividend, stake_after, stake }.outcome().map(|epoch| epoch.ratio()))
}

/// The returns of many epochs, None where there is none; 0 stands for no dividend and for no stake.
///
/// >>> sentinel.apy.epoch_returns([10, 0, 5], [1010, 7, 5])
/// [0.01, 0.0, None]
#[pyfunction]
pub(crate) fn epoch_returns(
    py: Python<'_>,
    dividend: &Bound<'_, PyAny>,
    stake_after: &Bound<'_, PyAny>,
) -> PyResult<Vec<Option<f64>>> {
    let (dividend, stake_after) = (column("dividend", dividend)?, column("stake_after", stake_after)?);
    if dividend.len() != stake_after.len() {
        let (column, length, rows) = ("stake_after", stake_after.len(), dividend.len());
        return Err(refused(apy::ApyError::Length { column, length, rows }));
    }
    guarded(|| {
        Ok(py.detach(|| {
            let rows = dividend.iter().zip(stake_after.iter());
            rows.map(|(&paid, &stake)| apy::epoch_return(paid, stake).ok().map(|epoch| epoch.ratio())).collect()
        }))
    })
}

/// What a holding gained between two blocks, by the price of a share: `(stake1 / shares1) / (stake0 / shares0) - 1`.
///
/// Shares are the bits of `TotalHotkeyShares`, or `(mantissa, exponent)` of `TotalHotkeySharesV2`. All digits count. None for
/// a pool that is empty at either end. Both ends have to be of the same pool: not before and after a hotkey swap.
///
/// >>> sentinel.apy.share_growth(10**15, 10**15 << 64, 10**15 + 1, (10**15, 0))
/// 1e-15
#[pyfunction]
pub(crate) fn share_growth(stake0: u64, shares0: PoolShares, stake1: u64, shares1: PoolShares) -> Option<f64> {
    let before = SharePrice::new(stake0, shares0.into())?;
    before.growth_to(SharePrice::new(stake1, shares1.into())?).excess()
}

/// The yearly yield of a growth between two timestamps of the chain, compounded; None where that is too large, or the growth
/// is no number above -1.
///
/// >>> round(sentinel.apy.annual_yield(0.01, 0, 30 * 86_400_000), 6)
/// 0.128789
#[pyfunction]
pub(crate) fn annual_yield(growth: f64, start_ms: u64, end_ms: u64) -> PyResult<Option<f64>> {
    let elapsed = apy::Elapsed::between(start_ms, end_ms).map_err(refused)?;
    Ok(Growth::by(growth).and_then(|growth| apy::annual_yield(growth, elapsed)))
}

/// The yearly rate of returns that sum up to `total` between two timestamps, without compounding; None where that is no number.
///
/// >>> sentinel.apy.annual_rate(0.01, 0, 31_557_600_000 // 12)
/// 0.12
#[pyfunction]
pub(crate) fn annual_rate(total: f64, start_ms: u64, end_ms: u64) -> PyResult<Option<f64>> {
    Ok(apy::annual_rate(total, apy::Elapsed::between(start_ms, end_ms).map_err(refused)?))
}

/// Where groups of equal rows begin and end: the first offset is 0, the last the number of rows.
fn offsets(rows: usize, group: Option<&Column>, offsets: Option<&Column>) -> PyResult<Vec<usize>> {
    match (group, offsets) {
        (Some(_), Some(_)) => Err(ApyError::new_err("give `group` or `offsets`, not both")),
        (None, None) => Ok(vec![0, rows]),
        (Some(group), None) if group.len() != rows => {
            Err(refused(apy::ApyError::Length { column: "group", length: group.len(), rows }))
        }
        (Some(group), None) => Ok(apy::group_offsets(rows, |one, two| group[one] == group[two])),
        (None, Some(offsets)) => {
            Ok(offsets.iter().map(|&offset| usize::try_from(offset).unwrap_or(usize::MAX)).collect())
        }
    }
}

/// The returns of many validators over one window, from columns of epochs; a dictionary of lists, a row for each validator.
///
/// Columns are sequences of integers, NumPy arrays, or anything with the Arrow PyCapsule interface, sorted by validator and
/// then by block. `group` is a number for each row that is the same for all rows of a validator; or `offsets` says where
/// they begin and end. A row without dividend has 0, one without stake 0 and 0. `missing_before` counts the epochs between a
/// row and the one above it that are not in the table. The first row of each says what is staked, its own dividend was earned
/// before: give the last epoch up to `start_ms`, too. Other threads run meanwhile.
///
/// >>> table = sentinel.apy.window_returns(
/// ...     dividend=[0, 1000, 0, 5], stake_after=[10**6, 1001000, 1, 6], timestamp_ms=[0, 4320000, 0, 4320000],
/// ...     group=[1, 1, 2, 2], start_ms=0, end_ms=4320000)
/// >>> table["growth"], table["epochs"], table["coverage"], table["reason"]
/// ([0.001, 5.0], [1, 1], [1.0, 1.0], [None, 'overflow'])
#[pyfunction]
#[pyo3(signature = (dividend, stake_after, timestamp_ms, *, start_ms, end_ms, group = None, offsets = None, missing_before = None))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn window_returns<'py>(
    py: Python<'py>,
    dividend: &Bound<'py, PyAny>,
    stake_after: &Bound<'py, PyAny>,
    timestamp_ms: &Bound<'py, PyAny>,
    start_ms: u64,
    end_ms: u64,
    group: Option<&Bound<'py, PyAny>>,
    offsets: Option<&Bound<'py, PyAny>>,
    missing_before: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let window = Window::between(start_ms, end_ms).map_err(refused)?;
    let (dividend, stake_after) = (column("dividend", dividend)?, column("stake_after", stake_after)?);
    let timestamp_ms = column("timestamp_ms", timestamp_ms)?;
    let optional = |name, value: Option<&Bound<'py, PyAny>>| value.map(|value| column(name, value)).transpose();
    let (group, bounds) = (optional("group", group)?, optional("offsets", offsets)?);
    let missing = optional("missing_before", missing_before)?;
    let rows = guarded(|| {
        py.detach(|| {
            let saturated = |&count: &u64| u32::try_from(count).unwrap_or(u32::MAX);
            let missing: Option<Vec<u32>> = missing.map(|missing| missing.iter().map(saturated).collect());
            let columns = EpochColumns {
                dividend: &dividend,
                stake_after: &stake_after,
                timestamp_ms: &timestamp_ms,
                missing_before: missing.as_deref(),
            };
            let bounds = self::offsets(dividend.len(), group.as_ref(), bounds.as_ref())?;
            apy::window_returns(&columns, &bounds, &window).map_err(refused)
        })
    })?;
    let table = PyDict::new(py);
    macro_rules! set {
        ($($name:ident),*) => {$(
            table.set_item(stringify!($name), rows.iter().map(|row| row.$name).collect::<Vec<_>>())?;
        )*};
    }
    set!(apy, apr, growth, coverage, epochs, missing_epochs);
    table.set_item("reason", rows.iter().map(|row| row.reason.map(NoReturn::word)).collect::<Vec<_>>())?;
    set!(overflow, short, covered_ms, window_ms);
    Ok(table)
}

/// What one alpha was worth in TAO, by the rule of the runtime that this state is of; None for an empty pool.
///
/// Amounts are integers; `sqrt_price` is the bits of `Swap.AlphaSqrtPrice`, `balancer_quote` the parts of 10^18 of
/// `Swap.SwapBalancer.quote`. What the runtime does not have is None.
///
/// >>> sentinel.apy.spot_price(1, 1, 25_000, 10_000), sentinel.apy.spot_price(0, 1, 25_000, 10_000)
/// (2.5, 1.0)
/// >>> sentinel.apy.spot_price(1, 1, 25_000, 10_000, balancer_quote=250_000_000_000_000_000)
/// 7.5
#[pyfunction]
#[pyo3(signature = (netuid, mechanism, tao, alpha, *, swap_v3_initialized = None, sqrt_price = None, balancer_quote = None))]
pub(crate) fn spot_price(
    netuid: u16,
    mechanism: u16,
    tao: u64,
    alpha: u64,
    swap_v3_initialized: Option<bool>,
    sqrt_price: Option<u128>,
    balancer_quote: Option<u64>,
) -> Option<f64> {
    Spot::of(&SpotState { netuid, mechanism, tao, alpha, swap_v3_initialized, sqrt_price, balancer_quote }).price()
}

/// What a holding gained in TAO: its growth in alpha, and the change of the spot price. None where that is no number.
///
/// >>> round(sentinel.apy.tao_growth(0.1, 2.0, 1.0), 12)
/// -0.45
#[pyfunction]
pub(crate) fn tao_growth(alpha_growth: f64, price0: f64, price1: f64) -> Option<f64> {
    let change = Growth::by((price1 - price0) / price0).filter(|_| price0 > 0.0)?;
    Growth::by(alpha_growth)?.then(change).excess()
}

/// What the operator got beside a dividend, rounded down: `D * take / (65535 - take)`; None where the take is all.
///
/// >>> sentinel.apy.operator_take(8_200_000_000)
/// 1799944174
#[pyfunction]
#[pyo3(signature = (dividend, take = apy::DEFAULT_TAKE))]
pub(crate) fn operator_take(dividend: u64, take: u16) -> Option<u64> {
    apy::operator_take(dividend, take)
}

/// The operator's return of an epoch on stake of its own, and the reason where there is none.
///
/// >>> sentinel.apy.operator_return(10, 1010, 1000, take=0)
/// (0.01, None)
#[pyfunction]
#[pyo3(signature = (dividend, stake_after, own_stake, *, take = apy::DEFAULT_TAKE))]
pub(crate) fn operator_return(dividend: u64, stake_after: u64, own_stake: u64, take: u16) -> Outcome {
    outcome(apy::epoch_return(dividend, stake_after).and_then(|epoch| {
        let reason = if own_stake == 0 { NoReturn::NoStake } else { NoReturn::NotANumber };
        apy::operator_return(&epoch, take, own_stake).ok_or(reason)
    }))
}

/// The simple return of root stake by claims, and the reason where there is none.
///
/// Each change is `(before, after, price)`: the bits of `RootClaimable` at both ends, and the price of that subnet's alpha in
/// TAO, None where nobody knows.
///
/// >>> sentinel.apy.root_by_claims([(0, 1 << 31, 0.25)])
/// (0.125, None)
#[pyfunction]
pub(crate) fn root_by_claims(changes: Vec<(i128, i128, Option<f64>)>) -> Outcome {
    let change = |(before, after, price)| apy::ClaimableChange { before, after, price };
    outcome(apy::root_by_claims(&changes.into_iter().map(change).collect::<Vec<_>>()))
}

/// The growth of root stake by its validator's basket, and the reason where there is none.
///
/// Each reading is `(timestamp_ms, bits of BasketTwr)`. Counting that began anew at 1.0 is a split, not a loss.
///
/// >>> sentinel.apy.root_by_basket([(0, 1 << 64), (10, 3 << 63), (20, 1 << 64)])
/// (0.5, None)
#[pyfunction]
pub(crate) fn root_by_basket(readings: Vec<(u64, u128)>) -> Outcome {
    let reading = |(timestamp_ms, twr)| apy::BasketReading { timestamp_ms, twr, drained: false };
    let readings: Vec<_> = readings.into_iter().map(reading).collect();
    outcome(apy::root_by_basket(&readings).and_then(|found| found.growth.excess().ok_or(NoReturn::Overflow)))
}

/// An estimate of the yearly yield from one epoch repeated for a year, and the reason where there is none.
///
/// An epoch is `tempo` blocks of 12 seconds, or `tempo + 1` with `legacy=True`, as until runtime 422 and in tools that still
/// count so. The two amounts may be in any unit, the same for both.
///
/// >>> estimate, _ = sentinel.apy.single_epoch_estimate(0.01, 10, 360, legacy=True)
/// >>> round(estimate, 3)
/// 1451.621
/// >>> sentinel.apy.single_epoch_estimate(5, 1, 360)
/// (None, 'overflow')
#[pyfunction]
#[pyo3(signature = (earned, staked, tempo, *, legacy = false))]
pub(crate) fn single_epoch_estimate(earned: f64, staked: f64, tempo: u16, legacy: bool) -> Outcome {
    let length = if legacy { apy::EpochLength::modulo(tempo) } else { apy::EpochLength::stateful(tempo) };
    outcome(apy::single_epoch_estimate(earned, staked, length))
}
