//! `sentinel.apy.window_report`: all that can be said of one validator over a window.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use sentinel_core::AccountId;
use sentinel_core::apy::{
    self, EpochState, Generation, NoReturn, Observation, Pool, PoolPrice, SharePrice, Shares, Split, Spot, Window,
    WindowReport, WindowReturn,
};

use crate::error::{ApyError, guarded};

/// What one validator's stakers earned over a window, with what is missing of it and why.
///
/// `observations` are dictionaries in the order of their blocks, one for each epoch in the window and one for the last epoch
/// up to `start_ms`, which says what is staked. They have the columns of the dataset `epochs`, so that its rows can be given
/// as they are: `block` and `timestamp_ms`; `dividend`, `stake_after` and `stake` as in `epoch_return`; `shares`, an integer or
/// its digits, with `shares_exponent` for `TotalHotkeySharesV2`; `hotkey`, an address or 32 bytes, `registered_at`,
/// `registration_counter` and `pool_epoch`, which tell where a window has to be split; `spot_price`, for the return in TAO;
/// `missing_before`. All but the first two may be missing or None; other keys are passed over. An observation of a block in
/// which no epoch ran has `"epoch": False`, and a price only.
///
/// The result has `apy`, `apr`, `growth`, `coverage`, `epochs`, `missing_epochs`, `reason`, `overflow`, `short`, `covered_ms`
/// and `window_ms` in alpha, the same in `tao`; in `check` the growth by share prices beside the product of epochs, where there
/// are both; in `splits` each block with its kind, `hotkey_swap`, `pool_reset` or `subnet_replaced`; in `nulls` each block
/// that has no return, with the reason. Shares that are not there are not looked at; a pool that is empty has 0.
///
/// >>> rows = [
/// ...     {"block": 0, "timestamp_ms": 0, "stake": 10**6, "shares": 10**6, "shares_exponent": 0},
/// ...     {"block": 360, "timestamp_ms": 4320000, "dividend": 1000, "stake_after": 1001000, "stake": 1001000,
/// ...      "shares": 10**6, "shares_exponent": 0}]
/// >>> report = sentinel.apy.window_report(rows, start_ms=0, end_ms=4320000)
/// >>> report["growth"], report["coverage"], report["check"]["agrees"], report["splits"]
/// (0.001, 1.0, True, [])
///
/// Raises `ApyError` for observations that are out of order, and says which.
#[pyfunction]
#[pyo3(signature = (observations, *, start_ms, end_ms))]
pub(crate) fn window_report<'py>(
    py: Python<'py>,
    observations: &Bound<'py, PyAny>,
    start_ms: u64,
    end_ms: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let refused = |error: apy::ApyError| ApyError::new_err(error.to_string());
    let window = Window::between(start_ms, end_ms).map_err(refused)?;
    let rows = observations.try_iter()?.enumerate();
    let observations = rows.map(|(row, item)| observation(row, &item?)).collect::<PyResult<Vec<_>>>()?;
    let report = guarded(|| py.detach(|| apy::window_report(&window, &observations)).map_err(refused))?;
    document(py, &report)
}

/// One dictionary and its place, for errors.
struct Row<'r, 'py> {
    row: usize,
    fields: &'r Bound<'py, PyDict>,
}

impl<'py> Row<'_, 'py> {
    /// A field; nothing for one that is missing or None.
    fn get<T: for<'a> FromPyObject<'a, 'py>>(&self, name: &str, what: &str) -> PyResult<Option<T>> {
        let Some(value) = self.fields.get_item(name)?.filter(|value| !value.is_none()) else { return Ok(None) };
        match value.extract() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(ApyError::new_err(format!("`{name}` of observation {} is not {what}", self.row))),
        }
    }

    fn amount(&self, name: &str) -> PyResult<Option<u64>> {
        self.get(name, "an integer from 0 to 2^64")
    }

    fn needed(&self, name: &str) -> PyResult<u64> {
        self.amount(name)?.ok_or_else(|| ApyError::new_err(format!("observation {} has no `{name}`", self.row)))
    }

    /// Digits of up to 128 bits, as text or as an integer.
    fn digits(&self, name: &str) -> PyResult<Option<u128>> {
        let text = self.fields.get_item(name)?.and_then(|value| value.extract::<String>().ok());
        let what = "an integer of up to 128 bits, or its digits";
        match text {
            None => self.get(name, what),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| ApyError::new_err(format!("`{name}` of observation {} is not {what}", self.row))),
        }
    }

    fn hotkey(&self) -> PyResult<[u8; 32]> {
        let what = "an address, or 32 bytes";
        let Some(value) = self.fields.get_item("hotkey")?.filter(|value| !value.is_none()) else { return Ok([0; 32]) };
        if let Ok(text) = value.extract::<String>() {
            let account = AccountId::from_ss58(&text);
            return account.map(|account| account.0).map_err(|error| {
                ApyError::new_err(format!("`hotkey` of observation {} is not {what}: {error}", self.row))
            });
        }
        Ok(self.get("hotkey", what)?.unwrap_or_default())
    }
}

fn observation(row: usize, item: &Bound<'_, PyAny>) -> PyResult<Observation> {
    let fields = item
        .cast::<PyDict>()
        .map_err(|_| PyTypeError::new_err(format!("observation {row} is no dictionary, but a {}", item.get_type())))?;
    let row = Row { row, fields };
    let stake = row.amount("stake")?;
    let shares = match (row.digits("shares")?, row.get("shares_exponent", "an integer of 64 bits")?) {
        (Some(mantissa), Some(exponent)) => Some(Shares::Float { mantissa, exponent }),
        (Some(bits), None) => Some(Shares::Fixed(bits)),
        (None, _) => None,
    };
    let price = match (stake, shares) {
        (Some(stake), Some(shares)) => SharePrice::new(stake, shares).into(),
        _ => PoolPrice::Unread,
    };
    let ran: bool = row.get("epoch", "true or false")?.unwrap_or(true);
    let epoch = EpochState { dividend: row.amount("dividend")?, stake_after: row.amount("stake_after")?, stake };
    let generation = Generation {
        registered_at: row.amount("registered_at")?.unwrap_or_default(),
        counter: row.amount("registration_counter")?,
    };
    Ok(Observation {
        block: row.needed("block")?,
        timestamp_ms: row.needed("timestamp_ms")?,
        pool: Pool { hotkey: row.hotkey()?, generation, epoch: row.amount("pool_epoch")? },
        price,
        epoch: ran.then_some(epoch),
        missing_before: row.get("missing_before", "an integer from 0 to 2^32")?.unwrap_or_default(),
        spot: row.get("spot_price", "a number")?.and_then(Spot::of_price),
    })
}

fn document<'py>(py: Python<'py>, report: &WindowReport) -> PyResult<Bound<'py, PyDict>> {
    let all = figures(py, &report.alpha)?;
    all.set_item("tao", figures(py, &report.tao)?)?;
    let check = report.check.map(|check| {
        let found = PyDict::new(py);
        found.set_item("by_price", check.by_price)?;
        found.set_item("by_epochs", check.by_epochs)?;
        found.set_item("difference", check.difference)?;
        found.set_item("rounding", check.rounding)?;
        found.set_item("agrees", check.agrees)?;
        PyResult::Ok(found)
    });
    all.set_item("check", check.transpose()?)?;
    let places = |key: &str, places: Vec<(u64, &'static str)>| {
        let list = PyList::empty(py);
        for (block, word) in places {
            let place = PyDict::new(py);
            place.set_item("block", block)?;
            place.set_item(key, word)?;
            list.append(place)?;
        }
        PyResult::Ok(list)
    };
    let splits = report.splits.iter().map(|split| (split.block, split_word(split.kind))).collect();
    all.set_item("splits", places("kind", splits)?)?;
    let nulls = report.nulls.iter().map(|null| (null.block, null.reason.word())).collect();
    all.set_item("nulls", places("reason", nulls)?)?;
    Ok(all)
}

fn figures<'py>(py: Python<'py>, window: &WindowReturn) -> PyResult<Bound<'py, PyDict>> {
    let figures = PyDict::new(py);
    macro_rules! set {
        ($($name:ident),*) => {$(figures.set_item(stringify!($name), window.$name)?;)*};
    }
    set!(apy, apr, growth, coverage, epochs, missing_epochs);
    figures.set_item("reason", window.reason.map(NoReturn::word))?;
    set!(overflow, short, covered_ms, window_ms);
    Ok(figures)
}

fn split_word(split: Split) -> &'static str {
    match split {
        Split::HotkeySwap => "hotkey_swap",
        Split::PoolReset => "pool_reset",
        Split::SubnetReplaced => "subnet_replaced",
    }
}
