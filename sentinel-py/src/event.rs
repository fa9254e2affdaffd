//! `sentinel.Event`: one event of a block, decoded as far as it is asked.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use sentinel_core::decode::{self, EventPlace, JsonOptions, Phase, write_event};

use crate::block::Block;
use crate::error::{decode_error, guarded};
use crate::json::written;
use crate::record;

/// One event of a block, decoded as far as it is asked.
#[pyclass(frozen, module = "sentinel")]
pub(crate) struct Event {
    pub(crate) block: Py<Block>,
    pub(crate) place: EventPlace,
    pub(crate) at: usize,
}

impl Event {
    fn read<'a, T>(
        &'a self,
        py: Python<'_>,
        ask: impl FnOnce(decode::EventRecord<'a, 'a>) -> PyResult<T>,
    ) -> PyResult<T> {
        guarded(|| ask(self.block.get().event(self.place).map_err(|error| decode_error(py, &error))?))
    }
}

#[pymethods]
impl Event {
    /// Position in the block.
    #[getter]
    fn index(&self) -> usize {
        self.at
    }

    /// Name of the pallet.
    #[getter]
    fn pallet<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.read(py, |event| Ok(self.block.get().runtime.get().names.get(py, Some(event.pallet_id())).clone()))
    }

    /// Name of the event.
    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.read(py, |event| Ok(self.block.get().runtime.get().names.get(py, Some(event.name_id())).clone()))
    }

    /// `"ApplyExtrinsic"`, `"Finalization"` or `"Initialization"`.
    #[getter]
    fn phase<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        record::phase(py, self.place.phase())
    }

    /// Position of the extrinsic that it belongs to, if any.
    #[getter]
    fn extrinsic_idx(&self) -> Option<u32> {
        match self.place.phase() {
            Phase::ApplyExtrinsic(at) => Some(at),
            _ => None,
        }
    }

    /// Its topics, as hex.
    #[getter]
    fn topics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.read(py, |event| record::topics(py, &event))
    }

    /// Its fields: a dictionary if they have names, a tuple if not, the only one itself, or `None`.
    ///
    /// >>> block.events_of("SubtensorModule", "StakeAdded")[0].fields()[:2]
    /// ('5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY', '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty')
    #[pyo3(signature = (*, lean = false))]
    fn fields<'py>(&self, py: Python<'py>, lean: bool) -> PyResult<Bound<'py, PyAny>> {
        let block = self.block.get();
        block.runtime.get().build(py, lean, |build| build.fields_of(block.event(self.place)?.event()))
    }

    /// All of it, as `Runtime.decode_events` makes it.
    #[pyo3(signature = (*, lean = false))]
    fn to_dict<'py>(&self, py: Python<'py>, lean: bool) -> PyResult<Bound<'py, PyAny>> {
        let block = self.block.get();
        block.runtime.get().build(py, lean, |build| record::event(build, &block.event(self.place)?))
    }

    /// All of it as JSON text, as `Runtime.decode_events_json` writes it.
    ///
    /// `call_hashes` adds the blake2b hash of every call, `strict_bytes` writes byte vectors as hex even where they are text,
    /// `safe_integers` writes integers beyond 2^53 as strings.
    #[pyo3(signature = (*, call_hashes = false, strict_bytes = false, safe_integers = false))]
    fn to_json<'py>(
        &self,
        py: Python<'py>,
        call_hashes: bool,
        strict_bytes: bool,
        safe_integers: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let options = JsonOptions { call_hashes, strict_bytes, safe_integers, ..JsonOptions::default() };
        let block = self.block.get();
        written(py, options, |writer| write_event(None, &block.event(self.place)?, writer))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.read(py, |event| Ok(format!("<Event {} {}.{}>", self.at, event.pallet(), event.name())))
    }
}
