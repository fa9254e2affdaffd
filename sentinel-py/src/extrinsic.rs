//! `sentinel.Extrinsic`: one extrinsic of a block, decoded as far as it is asked.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use sentinel_core::decode::{self, DispatchError, JsonOptions, Outcome, Phase, write_extrinsic};

use crate::block::Block;
use crate::error::{decode_error, guarded};
use crate::event::Event;
use crate::input::hex;
use crate::json::written;
use crate::record;

/// One extrinsic of a block, decoded as far as it is asked.
#[pyclass(frozen, module = "sentinel")]
pub(crate) struct Extrinsic {
    pub(crate) block: Py<Block>,
    pub(crate) at: usize,
}

impl Extrinsic {
    /// Reads the envelope, which decoded when the object was made, and asks it something.
    fn read<'a, T>(
        &'a self,
        py: Python<'_>,
        ask: impl FnOnce(decode::Extrinsic<'a, 'a>) -> PyResult<T>,
    ) -> PyResult<T> {
        guarded(|| ask(self.block.get().extrinsic(self.at).map_err(|error| decode_error(py, &error))?))
    }

    fn outcome(&self, py: Python<'_>) -> PyResult<Option<&Outcome>> {
        self.block.get().outcome(self.at).map_err(|error| decode_error(py, &error))
    }

    fn failure(&self, py: Python<'_>) -> PyResult<Option<&DispatchError>> {
        Ok(match self.outcome(py)? {
            Some(Outcome::Failed(error)) => Some(error),
            _ => None,
        })
    }
}

#[pymethods]
impl Extrinsic {
    /// Position in the block.
    #[getter]
    fn index(&self) -> usize {
        self.at
    }

    /// Name of the pallet called.
    #[getter]
    fn pallet<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.read(py, |extrinsic| Ok(self.block.get().runtime.get().names.get(py, Some(extrinsic.pallet_id())).clone()))
    }

    /// Name of the function called.
    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.read(py, |extrinsic| Ok(self.block.get().runtime.get().names.get(py, Some(extrinsic.name_id())).clone()))
    }

    /// Address of the signer; `None` where nobody signed, or with something else than an account.
    #[getter]
    fn signer<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyString>>> {
        let signer = self.read(py, |extrinsic| Ok(extrinsic.signer()))?;
        self.block.get().runtime.get().build(py, true, |build| Ok(signer.map(|signer| build.address_text(&signer.0))))
    }

    /// The signer's count of extrinsics before this one.
    #[getter]
    fn nonce(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        self.read(py, |extrinsic| Ok(extrinsic.nonce()))
    }

    /// What was paid on top of the fee, in rao.
    #[getter]
    fn tip(&self, py: Python<'_>) -> PyResult<Option<u128>> {
        self.read(py, |extrinsic| Ok(extrinsic.tip()))
    }

    /// How long it was valid: `(period, phase)` in blocks, or `"00"` for ever.
    #[getter]
    fn era<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.read(py, |extrinsic| record::era(py, &extrinsic))
    }

    /// blake2b-256 of its bytes: what explorers call its hash.
    #[getter]
    fn hash<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.read(py, |extrinsic| Ok(hex(py, "0x", &extrinsic.hash())))
    }

    /// Its bytes, with the length before them.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.block.get().bytes(self.at))
    }

    /// Whether it was applied; `None` where the events of the block do not say.
    #[getter]
    fn success(&self, py: Python<'_>) -> PyResult<Option<bool>> {
        Ok(self.outcome(py)?.map(|outcome| *outcome == Outcome::Success))
    }

    /// `"success"`, `"failed"`, or `None` where the events of the block do not say.
    #[getter]
    fn status(&self, py: Python<'_>) -> PyResult<Option<&'static str>> {
        Ok(self.success(py)?.map(|success| if success { "success" } else { "failed" }))
    }

    /// Why it failed, by name.
    ///
    /// >>> block.extrinsics[2].error
    /// 'SubtensorModule.NotEnoughStake'
    #[getter]
    fn error(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.failure(py)?.map(DispatchError::full_name))
    }

    /// The first line of what the metadata says of its error.
    #[getter]
    fn error_description(&self, py: Python<'_>) -> PyResult<Option<&str>> {
        Ok(self.failure(py)?.and_then(|error| error.description.as_deref()))
    }

    /// Its events, in order.
    #[getter]
    fn events(&self, py: Python<'_>) -> Vec<Event> {
        let places = self.block.get().places.iter().enumerate();
        let own = places.filter(|(_, place)| match place.phase() {
            Phase::ApplyExtrinsic(of) => of as usize == self.at,
            _ => false,
        });
        own.map(|(at, place)| Event { block: self.block.clone_ref(py), place: *place, at }).collect()
    }

    /// The arguments of its call by name.
    ///
    /// >>> block.extrinsics[1].args()["netuid"]
    /// 5
    ///
    /// With `lean`, calls inside them are as `Runtime.decode_call` makes them with it.
    #[pyo3(signature = (*, lean = false))]
    fn args<'py>(&self, py: Python<'py>, lean: bool) -> PyResult<Bound<'py, PyAny>> {
        let block = self.block.get();
        block.runtime.get().build(py, lean, |build| build.fields_of(block.extrinsic(self.at)?.call()))
    }

    /// Its call, as `Runtime.decode_call` makes it.
    #[pyo3(signature = (*, lean = false))]
    fn call<'py>(&self, py: Python<'py>, lean: bool) -> PyResult<Bound<'py, PyAny>> {
        let block = self.block.get();
        block.runtime.get().build(py, lean, |build| build.value(block.extrinsic(self.at)?.call()))
    }

    /// All of it, as `Runtime.decode_extrinsic` makes it.
    #[pyo3(signature = (*, lean = false))]
    fn to_dict<'py>(&self, py: Python<'py>, lean: bool) -> PyResult<Bound<'py, PyAny>> {
        let block = self.block.get();
        block.runtime.get().build(py, lean, |build| record::extrinsic(build, &block.extrinsic(self.at)?))
    }

    /// All of it as JSON text, as `Runtime.decode_extrinsic_json` writes it.
    ///
    /// `extrinsic_hashes` and `call_hashes` add the blake2b hash of every extrinsic and call, `strict_bytes` writes byte vectors as hex even where they are text,
    /// `safe_integers` writes integers beyond 2^53 as strings.
    #[pyo3(signature = (*, extrinsic_hashes = false, call_hashes = false, strict_bytes = false, safe_integers = false))]
    fn to_json<'py>(
        &self,
        py: Python<'py>,
        extrinsic_hashes: bool,
        call_hashes: bool,
        strict_bytes: bool,
        safe_integers: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let options = JsonOptions { extrinsic_hashes, call_hashes, strict_bytes, safe_integers };
        let block = self.block.get();
        written(py, options, |writer| write_extrinsic(&block.extrinsic(self.at)?, writer))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.read(py, |extrinsic| Ok(format!("<Extrinsic {} {}.{}>", self.at, extrinsic.pallet(), extrinsic.name())))
    }
}
