//! `sentinel.decode_hyperparameters` and `sentinel.decode_metagraph`: answers of runtime APIs as dictionaries.

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use sentinel_core::chain::{AccountId, BlockHash, BlockRef, NetUid, Rao};
use sentinel_core::subnet::hyperparameters::{self, Hyperparameter, Raw, Unit};
use sentinel_core::subnet::metagraph::{self, Axon, Metagraph, Neurons};
use sentinel_core::subnet::{ChainIdentity, SparseRows, SubnetError, SubnetIdentity, SubnetInfo};

use crate::accounts::{Accounts, address};
use crate::error::{decode_error, guarded, input_error};
use crate::input::input;
use crate::runtime::Runtime;

/// The hyperparameters in an answer of a runtime API: `{name: {raw, value, unit}}` in the order of the answer.
///
/// `runtime` is the one that gave the answer: the one in the state of the block that was asked. `function` is the one that was
/// asked: `get_subnet_hyperparams`, `get_subnet_hyperparams_v2` or `get_subnet_hyperparams_v3`, with
/// `SubnetInfoRuntimeApi_` before it or without. `raw` is the number that the chain has, `value` that number in its `unit`: a share of
/// one for `u16`, `u64` and `per_million`, a factor for `per_mille` and `fixed128`, TAO for `rao`, otherwise the same. `None`
/// where the answer says that there is no such subnet.
///
/// >>> answer = bytes.fromhex("01" + "04" + "14" + "6b61707061" + "01" + "feff0100")
/// >>> sentinel.decode_hyperparameters(runtime, answer)
/// {'kappa': {'raw': 32767, 'value': 0.4999923705, 'unit': 'u16'}}
/// >>> sentinel.decode_hyperparameters(runtime, b"\0") is None
/// True
///
/// Raises `DecodeError` for bytes that are no such answer, and `ValueError` for another function.
#[pyfunction]
#[pyo3(signature = (runtime, answer, *, function = "get_subnet_hyperparams_v3"))]
pub(crate) fn decode_hyperparameters<'py>(
    py: Python<'py>,
    runtime: &Bound<'py, Runtime>,
    answer: &Bound<'py, PyAny>,
    function: &str,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let api = hyperparameters::Api::of_function(function).ok_or_else(|| unknown(function, "hyperparameters"))?;
    let (core, answer) = (&runtime.get().core, input(answer)?);
    guarded(|| {
        let decoded = py.detach(|| hyperparameters::decode_answer(core, api, &answer, &at(None)));
        let decoded = decoded.map_err(|error| raised(py, &error))?;
        decoded.map(|parameters| by_name(py, &parameters)).transpose()
    })
}

/// The metagraph in an answer of a runtime API, column by column.
///
/// `runtime` is the one that gave the answer: the one in the state of the block that was asked. `function` is the one that was
/// asked: `get_metagraph`, `get_mechagraph`, `get_selective_metagraph`, `get_selective_mechagraph`, `get_neurons` or
/// `get_neurons_lite`, with its trait before it or without; `netuid` and `mechanism` are what it was asked for, as answers do not always
/// say. `block` is the height, where the answer does not name it. `None` where the answer says that there is no such subnet.
///
/// The result has the keys
///
/// - `netuid`, `mechanism`, `block`,
/// - `info`: the subnet by name, `name`, `owner_coldkey`, `tempo`, `tao_in` and so on,
/// - `hyperparameters`: as `decode_hyperparameters` gives them,
/// - `neurons`: a list by uid for each of `hotkeys`, `coldkeys`, `identities`, `axons`, `active`, `validator_permit`, `pruning_score`,
///   `last_update`, `emission`, `dividends`, `incentive`, `consensus`, `validator_trust`, `trust`, `rank`, `registered_at`,
///   `is_immune`, `alpha_stake`, `tao_stake`, `total_stake`, `own_stake`, `collateral_locked`, `collateral_min`,
///   `collateral_earned`,
/// - `weights` and `bonds`: `(uid, value)` of each uid, of `get_neurons` only,
/// - `alpha_dividends` and `tao_dividends`: `(hotkey, amount)`, `commitments`: `(hotkey, bytes)`, `validators`: uids.
///
/// What the answer does not have is `None`, never 0. Amounts are integers in rao or alpha-rao, shares integers of 65,535,
/// `last_update` is a block and no age.
///
/// >>> sentinel.decode_metagraph(runtime, b"\0", netuid=1) is None
/// True
/// >>> sentinel.decode_metagraph(runtime, b"\0", netuid=1, function="get_neurons")["neurons"]["hotkeys"]
/// []
///
/// Raises `DecodeError` for bytes that are no such answer, and `ValueError` for another function.
#[pyfunction]
#[pyo3(signature = (runtime, answer, *, netuid, mechanism = 0, block = None, function = "get_metagraph"))]
pub(crate) fn decode_metagraph<'py>(
    py: Python<'py>,
    runtime: &Bound<'py, Runtime>,
    answer: &Bound<'py, PyAny>,
    netuid: u16,
    mechanism: u8,
    block: Option<u64>,
    function: &str,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let api = metagraph::Api::of_function(function).ok_or_else(|| unknown(function, "neurons"))?;
    let (core, answer) = (&runtime.get().core, input(answer)?);
    guarded(|| {
        let of = (NetUid(netuid), mechanism);
        let decoded = py.detach(|| metagraph::decode_answer(core, api, &answer, of, &at(block)));
        let decoded = decoded.map_err(|error| raised(py, &error))?;
        decoded.map(|metagraph| whole(&Make::new(py), &metagraph, mechanism, block)).transpose()
    })
}

fn unknown(function: &str, what: &str) -> PyErr {
    PyValueError::new_err(format!("`{function}` is no runtime function that answers with {what}"))
}

/// The hash is not known here, and nothing asks for it.
fn at(block: Option<u64>) -> BlockRef {
    BlockRef { number: block.unwrap_or(0), hash: BlockHash::default(), parent_hash: BlockHash::default() }
}

#[cold]
fn raised(py: Python<'_>, error: &SubnetError) -> PyErr {
    match error {
        SubnetError::Decode { source, .. } => decode_error(py, source),
        SubnetError::Layout { what, message, .. } => input_error(py, format!("{what}: {message}")),
        other => input_error(py, other.to_string()),
    }
}

/// `{name: {raw, value, unit}}`.
fn by_name<'py>(py: Python<'py>, parameters: &[Hyperparameter]) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    for parameter in parameters {
        let one = PyDict::new(py);
        let raw = match parameter.raw {
            Raw::Bool(raw) => raw.into_bound_py_any(py)?,
            Raw::Unsigned(raw) => raw.into_bound_py_any(py)?,
            Raw::Signed(raw) => raw.into_bound_py_any(py)?,
        };
        one.set_item("raw", &raw)?;
        one.set_item("value", fraction(parameter).map_or(Ok(raw), |value| value.into_bound_py_any(py))?)?;
        one.set_item("unit", unit(parameter.unit))?;
        all.set_item(&parameter.name, one)?;
    }
    Ok(all)
}

/// The value of a parameter whose unit makes it a fraction.
fn fraction(parameter: &Hyperparameter) -> Option<f64> {
    let units = [Unit::U16, Unit::U64, Unit::PerMillion, Unit::PerMille, Unit::Fixed128, Unit::Rao];
    let is_fraction = units.contains(&parameter.unit) && matches!(parameter.raw, Raw::Unsigned(_));
    is_fraction.then(|| parameter.value().parse().ok()).flatten()
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Int => "int",
        Unit::Bool => "bool",
        Unit::U16 => "u16",
        Unit::U64 => "u64",
        Unit::PerMillion => "per_million",
        Unit::PerMille => "per_mille",
        Unit::Rao => "rao",
        Unit::Blocks => "blocks",
        Unit::Epochs => "epochs",
        Unit::Difficulty => "difficulty",
        Unit::Fixed128 => "fixed128",
        Unit::Choice => "choice",
        _ => "other",
    }
}

/// Makes Python objects; remembers addresses.
struct Make<'py> {
    py: Python<'py>,
    accounts: std::cell::RefCell<Option<std::sync::MutexGuard<'static, Accounts>>>,
}

type Made<'py> = PyResult<Bound<'py, PyAny>>;

impl<'py> Make<'py> {
    fn new(py: Python<'py>) -> Self {
        Self { py, accounts: std::cell::RefCell::new(Accounts::take()) }
    }

    fn account(&self, account: &AccountId) -> Bound<'py, PyString> {
        match &mut *self.accounts.borrow_mut() {
            Some(known) => known.address(self.py, &account.0),
            None => address(self.py, &account.0),
        }
    }

    fn optional<T>(&self, value: Option<T>, make: impl FnOnce(T) -> Made<'py>) -> Made<'py> {
        value.map_or_else(|| Ok(self.py.None().into_bound(self.py)), make)
    }

    fn plain<T: IntoPyObjectExt<'py>>(&self, value: Option<T>) -> Made<'py> {
        self.optional(value, |value| value.into_bound_py_any(self.py))
    }

    fn list<T>(&self, column: Option<&[T]>, make: impl Fn(&T) -> Made<'py>) -> Made<'py> {
        self.optional(column, |column| {
            let list = PyList::empty(self.py);
            for value in column {
                list.append(make(value)?)?;
            }
            Ok(list.into_any())
        })
    }

    fn column<T: Copy + IntoPyObjectExt<'py>>(&self, column: &Option<Vec<T>>) -> Made<'py> {
        self.list(column.as_deref(), |value| value.into_bound_py_any(self.py))
    }

    fn addresses(&self, column: &Option<Vec<AccountId>>) -> Made<'py> {
        self.list(column.as_deref(), |account| Ok(self.account(account).into_any()))
    }

    fn texts<'t>(&self, texts: impl Iterator<Item = (&'static str, Option<&'t str>)>) -> Made<'py> {
        let all = PyDict::new(self.py);
        for (name, text) in texts {
            all.set_item(name, text)?;
        }
        Ok(all.into_any())
    }

    fn identity(&self, identity: &ChainIdentity) -> Made<'py> {
        self.texts(ChainIdentity::FIELDS.iter().map(|name| (*name, identity.get(name))))
    }

    fn subnet_identity(&self, identity: &SubnetIdentity) -> Made<'py> {
        self.texts(SubnetIdentity::FIELDS.iter().map(|name| (*name, identity.get(name))))
    }

    fn axon(&self, axon: &Axon) -> Made<'py> {
        let all = PyDict::new(self.py);
        all.set_item("ip", axon.ip().map(|ip| ip.to_string()))?;
        all.set_item("port", axon.port)?;
        all.set_item("ip_type", axon.ip_type)?;
        all.set_item("protocol", axon.protocol)?;
        all.set_item("version", axon.version)?;
        all.set_item("block", axon.block)?;
        Ok(all.into_any())
    }

    fn rows(&self, rows: Option<&SparseRows>) -> Made<'py> {
        self.optional(rows, |rows| {
            let list = PyList::empty(self.py);
            for uid in 0..u16::try_from(rows.len()).unwrap_or(u16::MAX) {
                list.append(PyList::new(self.py, rows.row(uid))?)?;
            }
            Ok(list.into_any())
        })
    }

    fn amounts(&self, amounts: Option<&[(AccountId, u64)]>) -> Made<'py> {
        self.list(amounts, |(account, amount)| (self.account(account), *amount).into_bound_py_any(self.py))
    }
}

fn whole<'py>(
    make: &Make<'py>,
    metagraph: &Metagraph,
    mechanism: u8,
    block: Option<u64>,
) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(make.py);
    all.set_item("netuid", metagraph.netuid.0)?;
    all.set_item("mechanism", mechanism)?;
    all.set_item("block", metagraph.answered_at.or(block))?;
    all.set_item("info", info(make, &metagraph.info)?)?;
    all.set_item("hyperparameters", by_name(make.py, &metagraph.hyperparameters)?)?;
    all.set_item("neurons", neurons(make, &metagraph.neurons)?)?;
    let own = metagraph.mechanism(mechanism);
    all.set_item("weights", make.rows(own.and_then(|own| own.weights.as_ref()))?)?;
    all.set_item("bonds", make.rows(own.and_then(|own| own.bonds.as_ref()))?)?;
    all.set_item("alpha_dividends", make.amounts(metagraph.alpha_dividends.as_deref())?)?;
    all.set_item("tao_dividends", make.amounts(metagraph.tao_dividends.as_deref())?)?;
    all.set_item("validators", make.column(&metagraph.validators)?)?;
    let commitment = |(account, bytes): &(AccountId, Vec<u8>)| {
        (make.account(account), PyBytes::new(make.py, bytes)).into_bound_py_any(make.py)
    };
    all.set_item("commitments", make.list(metagraph.commitments.as_deref(), commitment)?)?;
    Ok(all)
}

fn neurons<'py>(make: &Make<'py>, of: &Neurons) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(make.py);
    all.set_item("hotkeys", make.addresses(&of.hotkeys)?)?;
    all.set_item("coldkeys", make.addresses(&of.coldkeys)?)?;
    let identity = |identity: &Option<ChainIdentity>| make.optional(identity.as_ref(), |known| make.identity(known));
    all.set_item("identities", make.list(of.identities.as_deref(), identity)?)?;
    all.set_item("axons", make.list(of.axons.as_deref(), |axon| make.axon(axon))?)?;
    for (name, column) in
        [("active", &of.active), ("validator_permit", &of.validator_permit), ("is_immune", &of.is_immune)]
    {
        all.set_item(name, make.column(column)?)?;
    }
    for (name, column) in [
        ("pruning_score", &of.pruning_score),
        ("dividends", &of.dividends),
        ("incentive", &of.incentive),
        ("consensus", &of.consensus),
        ("validator_trust", &of.validator_trust),
        ("trust", &of.trust),
        ("rank", &of.rank),
    ] {
        all.set_item(name, make.column(column)?)?;
    }
    for (name, column) in [
        ("last_update", &of.last_update),
        ("emission", &of.emission),
        ("registered_at", &of.registered_at),
        ("alpha_stake", &of.alpha_stake),
        ("tao_stake", &of.tao_stake),
        ("total_stake", &of.total_stake),
        ("own_stake", &of.own_stake),
        ("collateral_locked", &of.collateral_locked),
        ("collateral_min", &of.collateral_min),
        ("collateral_earned", &of.collateral_earned),
    ] {
        all.set_item(name, make.column(column)?)?;
    }
    Ok(all)
}

/// What answers say of a subnet; what only storage knows is left out.
fn info<'py>(make: &Make<'py>, of: &SubnetInfo) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(make.py);
    let rao = |amount: Option<Rao>| amount.map(|Rao(rao)| rao);
    all.set_item("name", &of.name)?;
    all.set_item("symbol", &of.symbol)?;
    all.set_item("identity", make.optional(of.identity.as_ref(), |identity| make.subnet_identity(identity))?)?;
    for (name, account) in [("owner_hotkey", &of.owner_hotkey), ("owner_coldkey", &of.owner_coldkey)] {
        all.set_item(name, make.optional(account.as_ref(), |account| Ok(make.account(account).into_any()))?)?;
    }
    for (name, number) in [
        ("tempo", of.tempo),
        ("num_uids", of.num_uids),
        ("max_uids", of.max_uids),
        ("immunity_period", of.immunity_period),
    ] {
        all.set_item(name, make.plain(number)?)?;
    }
    for (name, number) in [
        ("registered_at", of.registered_at),
        ("last_step", of.last_step),
        ("blocks_since_last_step", of.blocks_since_last_step),
        ("burn", rao(of.burn)),
        ("tao_in", rao(of.tao_in)),
        ("alpha_in", of.alpha_in),
        ("alpha_out", of.alpha_out),
        ("tao_in_emission", rao(of.tao_in_emission)),
        ("alpha_in_emission", of.alpha_in_emission),
        ("alpha_out_emission", of.alpha_out_emission),
        ("subnet_emission", of.subnet_emission),
        ("pending_emission", of.pending_emission),
        ("pending_root_emission", rao(of.pending_root_emission)),
    ] {
        all.set_item(name, make.plain(number)?)?;
    }
    all.set_item("subnet_volume", make.plain(of.subnet_volume)?)?;
    all.set_item("moving_price", make.plain(of.moving_price())?)?;
    Ok(all)
}
