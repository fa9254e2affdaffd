//! What is the same for every call, or every event, of one kind: names, and dictionaries that wait for their values.

use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::input::hex;

/// A dictionary with these interned keys.
macro_rules! dict {
    ($py:expr, { $($key:literal: $value:expr),* $(,)? }) => {{
        let dict = PyDict::new($py);
        $(dict.set_item(pyo3::intern!($py, $key), $value)?;)*
        dict
    }};
}

pub(crate) use dict;

/// What calls, or events, of one kind share.
///
/// A dictionary that is a copy of another costs a fraction of one that is filled key by key, so each kind keeps its own
/// with every key in place.
pub(crate) struct Kind {
    /// `(pallet, name)`.
    pub(crate) pair: Py<PyTuple>,
    /// The call or event as a value.
    pub(crate) full: Py<PyDict>,
    /// The same without what only repeats or only identifies.
    pub(crate) lean: Py<PyDict>,
    /// An event's record in its block, full and lean.
    pub(crate) records: Option<(Py<PyDict>, Py<PyDict>)>,
    /// The arguments or fields by name, each `None`; of fields that have names.
    pub(crate) fields: OnceLock<Py<PyDict>>,
    /// `{name, type, value}` of each argument of a call.
    pub(crate) arguments: OnceLock<Vec<Py<PyDict>>>,
}

/// The kinds of one pallet, by index.
type Pallet = Box<[OnceLock<Box<Kind>>]>;

/// The kinds of one runtime's calls or events, each made when it is first met.
pub(crate) struct Kinds {
    events: bool,
    pallets: Box<[OnceLock<Pallet>]>,
}

impl Kinds {
    pub(crate) fn of_calls() -> Self {
        Self { events: false, pallets: (0..256).map(|_| OnceLock::new()).collect() }
    }

    pub(crate) fn of_events() -> Self {
        Self { events: true, pallets: (0..256).map(|_| OnceLock::new()).collect() }
    }

    /// The kind with this index; its names are asked for once.
    #[inline]
    pub(crate) fn get<'py>(
        &self,
        py: Python<'py>,
        index: [u8; 2],
        names: impl FnOnce() -> PyResult<(Bound<'py, PyString>, Bound<'py, PyString>)>,
    ) -> PyResult<&Kind> {
        let pallet = self.pallets[usize::from(index[0])].get_or_init(|| (0..256).map(|_| OnceLock::new()).collect());
        let kind = &pallet[usize::from(index[1])];
        if let Some(known) = kind.get() {
            return Ok(known);
        }
        let (pallet, name) = names()?;
        // Made outside the lock: making Python objects can run other Python code, which may want the same kind.
        let made = Box::new(if self.events {
            Kind::event(py, index, pallet, name)
        } else {
            Kind::call(py, index, pallet, name)
        }?);
        Ok(kind.get_or_init(|| made))
    }
}

impl Kind {
    fn call<'py>(
        py: Python<'py>,
        index: [u8; 2],
        pallet: Bound<'py, PyString>,
        name: Bound<'py, PyString>,
    ) -> PyResult<Self> {
        let none = || py.None();
        let full = dict!(py, {
            "call_index": hex(py, "0x", &index),
            "call_function": &name,
            "call_module": &pallet,
            "call_args": none(),
            "call_hash": none(),
        });
        let lean = dict!(py, { "call_module": &pallet, "call_function": &name, "call_args": none() });
        Self::new(py, pallet, name, full, lean, None)
    }

    fn event<'py>(
        py: Python<'py>,
        index: [u8; 2],
        pallet: Bound<'py, PyString>,
        name: Bound<'py, PyString>,
    ) -> PyResult<Self> {
        let none = || py.None();
        let full = dict!(py, {
            "event_index": hex(py, "", &index),
            "module_id": &pallet,
            "event_id": &name,
            "attributes": none(),
        });
        let lean = dict!(py, { "module_id": &pallet, "event_id": &name, "attributes": none() });
        let record = dict!(py, {
            "phase": pyo3::intern!(py, "ApplyExtrinsic"),
            "extrinsic_idx": none(),
            "event": none(),
            "event_index": index[0],
            "module_id": &pallet,
            "event_id": &name,
            "attributes": none(),
            "topics": none(),
        });
        let lean_record = dict!(py, {
            "phase": pyo3::intern!(py, "ApplyExtrinsic"),
            "extrinsic_idx": none(),
            "module_id": &pallet,
            "event_id": &name,
            "attributes": none(),
            "topics": PyTuple::empty(py),
        });
        Self::new(py, pallet, name, full, lean, Some((record.unbind(), lean_record.unbind())))
    }

    fn new<'py>(
        py: Python<'py>,
        pallet: Bound<'py, PyString>,
        name: Bound<'py, PyString>,
        full: Bound<'py, PyDict>,
        lean: Bound<'py, PyDict>,
        records: Option<(Py<PyDict>, Py<PyDict>)>,
    ) -> PyResult<Self> {
        Ok(Self {
            pair: PyTuple::new(py, [pallet, name])?.unbind(),
            full: full.unbind(),
            lean: lean.unbind(),
            records,
            fields: OnceLock::new(),
            arguments: OnceLock::new(),
        })
    }
}
