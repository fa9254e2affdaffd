//! `sentinel.Runtime`: metadata that decodes.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple, PyType};
use sentinel_core::decode::{self, JsonOptions, StorageItem, write_events, write_extrinsic};

use crate::block::Block;
use crate::build::Build;
use crate::collect::list;
use crate::error::{Failure, MetadataError, decode_error, guarded};
use crate::input::{hex, input};
use crate::json::written;
use crate::names::Names;
use crate::record;

/// One runtime of the chain: its metadata, compiled for decoding.
///
/// Made of metadata of version 14, 15 or 16, as bytes or `0x…` hex. Immutable, safe to share between threads; makes a few
/// thousand strings once and is worth keeping.
///
/// >>> runtime.spec_name, runtime.spec_version
/// ('node-subtensor', 461)
///
/// Bytes are taken as `bytes`, `bytearray`, `memoryview` or hex, here and everywhere.
///
/// Raises `MetadataError` for anything else than metadata.
#[pyclass(frozen, module = "sentinel")]
pub(crate) struct Runtime {
    pub(crate) core: Arc<decode::Runtime>,
    pub(crate) names: Names,
}

impl Runtime {
    fn of(py: Python<'_>, metadata: &[u8]) -> PyResult<Self> {
        guarded(|| {
            let core = py.detach(|| decode::Runtime::from_metadata(metadata));
            let core = core.map_err(|error| MetadataError::new_err(error.to_string()))?;
            let names = Names::new(py, &core);
            Ok(Self { core: Arc::new(core), names })
        })
    }

    fn storage_item(&self, pallet: &str, item: &str) -> PyResult<&StorageItem> {
        self.core.storage_item(pallet, item).ok_or_else(|| {
            let version = self.core.version();
            let (name, number) = (&version.spec_name, version.spec_version);
            MetadataError::new_err(format!("{name} {number} has no storage item {pallet}.{item}"))
        })
    }

    /// Builds something out of the caller's bytes.
    pub(crate) fn build<'py, T>(
        &self,
        py: Python<'py>,
        lean: bool,
        work: impl FnOnce(&Build<'_, 'py>) -> Result<T, Failure>,
    ) -> PyResult<T> {
        guarded(|| work(&Build::new(py, &self.names, lean)).map_err(|failure| failure.raise(py)))
    }
}

#[pymethods]
impl Runtime {
    #[new]
    fn new(py: Python<'_>, metadata: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::of(py, &input(metadata)?)
    }

    /// The runtime whose metadata is in this file.
    ///
    /// Raises `OSError` where the file cannot be read, and `MetadataError`.
    #[classmethod]
    fn from_file(_: &Bound<'_, PyType>, py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Self::of(py, &std::fs::read(path)?)
    }

    /// Name of the runtime: `node-subtensor`.
    #[getter]
    fn spec_name(&self) -> &str {
        &self.core.version().spec_name
    }

    /// Grows with every change of behaviour.
    #[getter]
    fn spec_version(&self) -> u32 {
        self.core.version().spec_version
    }

    /// Grows with changes that keep the behaviour.
    #[getter]
    fn impl_version(&self) -> u32 {
        self.core.version().impl_version
    }

    /// Grows when the format of extrinsics changes.
    #[getter]
    fn transaction_version(&self) -> u32 {
        self.core.version().transaction_version
    }

    /// Version of the metadata format: 14, 15 or 16.
    #[getter]
    fn metadata_version(&self) -> u32 {
        self.core.metadata_version()
    }

    /// blake2b-256 of the metadata, as hex.
    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        hex(py, "0x", &self.core.digest())
    }

    fn __repr__(&self) -> String {
        let version = self.core.version();
        format!("<Runtime {} {}, metadata V{}>", version.spec_name, version.spec_version, self.core.metadata_version())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        let metadata = PyBytes::new(py, slf.get().core.metadata());
        Ok((py.get_type::<Self>(), PyTuple::new(py, [metadata])?))
    }

    /// The value of these bytes, by the id of its type in the metadata.
    ///
    /// Account ids are SS58 addresses, hashes and byte arrays `0x…`, byte vectors text where they are UTF-8 and `0x…` otherwise;
    /// structs are dictionaries, tuples tuples, a variant is its name or `{name: fields}`. The value must fill the bytes.
    ///
    /// >>> runtime.decode(2, "0xff")
    /// 255
    /// >>> runtime.decode(2, b"")
    /// Traceback (most recent call last):
    /// ...
    /// sentinel.DecodeError: 1 more bytes expected, 0 left at byte 0
    ///
    /// With `lean`, calls inside the value are as `decode_call` makes them with it.
    #[pyo3(signature = (type_id, data, *, lean = false))]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        type_id: u32,
        data: &Bound<'py, PyAny>,
        lean: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let data = input(data)?;
        self.build(py, lean, |build| build.value(self.core.decode(type_id, &data)?))
    }

    /// The value of these bytes as JSON text, by the id of its type.
    ///
    /// >>> runtime.decode_json(2, b"\xff")
    /// b'255'
    ///
    /// `call_hashes` adds the blake2b hash of every call, `strict_bytes` writes byte vectors as hex even where they are text,
    /// `safe_integers` writes integers beyond 2^53 as strings.
    #[pyo3(signature = (type_id, data, *, call_hashes = false, strict_bytes = false, safe_integers = false))]
    fn decode_json<'py>(
        &self,
        py: Python<'py>,
        type_id: u32,
        data: &Bound<'py, PyAny>,
        call_hashes: bool,
        strict_bytes: bool,
        safe_integers: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let data = input(data)?;
        let options = JsonOptions { call_hashes, strict_bytes, safe_integers, ..JsonOptions::default() };
        written(py, options, |writer| self.core.decode(type_id, &data)?.write_to(writer))
    }

    /// A call, without the envelope of an extrinsic: `{call_index, call_function, call_module, call_args, call_hash}`.
    ///
    /// With `lean` it is `{call_module, call_function, call_args}`, and the arguments are a dictionary by name.
    ///
    /// >>> runtime.decode_call(b"\0\0\x08hi", lean=True)
    /// {'call_module': 'System', 'call_function': 'remark', 'call_args': {'remark': 'hi'}}
    #[pyo3(signature = (data, *, lean = false))]
    fn decode_call<'py>(&self, py: Python<'py>, data: &Bound<'py, PyAny>, lean: bool) -> PyResult<Bound<'py, PyAny>> {
        let data = input(data)?;
        self.build(py, lean, |build| build.value(self.core.call(&data)))
    }

    /// A call as JSON text.
    ///
    /// `call_hashes` adds the blake2b hash of every call, `strict_bytes` writes byte vectors as hex even where they are text,
    /// `safe_integers` writes integers beyond 2^53 as strings.
    #[pyo3(signature = (data, *, call_hashes = false, strict_bytes = false, safe_integers = false))]
    fn decode_call_json<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        call_hashes: bool,
        strict_bytes: bool,
        safe_integers: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let data = input(data)?;
        let options = JsonOptions { call_hashes, strict_bytes, safe_integers, ..JsonOptions::default() };
        written(py, options, |writer| self.core.call(&data).write_to(writer))
    }

    /// The value of a storage item.
    ///
    /// >>> runtime.decode_storage("SubtensorModule", "Tempo", "0x6801")
    /// 360
    ///
    /// Raises `MetadataError` if this runtime has no such item.
    #[pyo3(signature = (pallet, item, data, *, lean = false))]
    fn decode_storage<'py>(
        &self,
        py: Python<'py>,
        pallet: &str,
        item: &str,
        data: &Bound<'py, PyAny>,
        lean: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (item, data) = (self.storage_item(pallet, item)?, input(data)?);
        self.build(py, lean, |build| build.value(item.value(&self.core, &data)))
    }

    /// The value of a storage item as JSON text.
    ///
    /// `call_hashes` adds the blake2b hash of every call, `strict_bytes` writes byte vectors as hex even where they are text,
    /// `safe_integers` writes integers beyond 2^53 as strings.
    #[pyo3(signature = (pallet, item, data, *, call_hashes = false, strict_bytes = false, safe_integers = false))]
    #[expect(clippy::too_many_arguments, reason = "keywords, in Python")]
    fn decode_storage_json<'py>(
        &self,
        py: Python<'py>,
        pallet: &str,
        item: &str,
        data: &Bound<'py, PyAny>,
        call_hashes: bool,
        strict_bytes: bool,
        safe_integers: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (item, data) = (self.storage_item(pallet, item)?, input(data)?);
        let options = JsonOptions { call_hashes, strict_bytes, safe_integers, ..JsonOptions::default() };
        written(py, options, |writer| item.value(&self.core, &data).write_to(writer))
    }

    /// An extrinsic, as blocks hold it: with its length before it.
    ///
    /// It has `extrinsic_hash`, `extrinsic_length` and `call`; if signed also `address`, `signature`, `era`, `nonce`, `tip` and
    /// `mode`. With `lean` it has `address`, `nonce`, `tip`, `era` and `call`, signed or not, and nothing is hashed.
    #[pyo3(signature = (data, *, lean = false))]
    fn decode_extrinsic<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        lean: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let data = input(data)?;
        self.build(py, lean, |build| record::extrinsic(build, &self.core.extrinsic(&data)?))
    }

    /// An extrinsic as JSON text, the document that the command line prints.
    ///
    /// `extrinsic_hashes` and `call_hashes` add the blake2b hash of every extrinsic and call, `strict_bytes` writes byte vectors as hex even where they are text,
    /// `safe_integers` writes integers beyond 2^53 as strings.
    #[pyo3(signature = (data, *, extrinsic_hashes = false, call_hashes = false, strict_bytes = false, safe_integers = false))]
    fn decode_extrinsic_json<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        extrinsic_hashes: bool,
        call_hashes: bool,
        strict_bytes: bool,
        safe_integers: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let data = input(data)?;
        let options = JsonOptions { extrinsic_hashes, call_hashes, strict_bytes, safe_integers };
        written(py, options, |writer| write_extrinsic(&self.core.extrinsic(&data)?, writer))
    }

    /// All events of a block: the value of `System.Events`.
    ///
    /// Each is `{phase, extrinsic_idx, event, event_index, module_id, event_id, attributes, topics}`, where `event` says most of it
    /// once more; its `attributes` are the very same object. With `lean` there is neither `event` nor `event_index`, and `topics` is
    /// a tuple.
    ///
    /// >>> runtime.decode_events("0x040000000000", lean=True)
    /// Traceback (most recent call last):
    /// ...
    /// sentinel.DecodeError: 1 more bytes expected, 0 left at byte 6, in [0]
    #[pyo3(signature = (data, *, lean = false))]
    fn decode_events<'py>(&self, py: Python<'py>, data: &Bound<'py, PyAny>, lean: bool) -> PyResult<Bound<'py, PyAny>> {
        let data = input(data)?;
        let events = guarded(|| py.detach(|| self.core.events(&data)).map_err(|error| decode_error(py, &error)))?;
        self.build(py, lean, |build| {
            let mut events = events.iter();
            list(py, events.len(), || match events.next() {
                Some(event) => record::event(build, event),
                None => Ok(py.None().into_bound(py)),
            })
        })
    }

    /// All events of a block as JSON text, as the command line prints them.
    ///
    /// `call_hashes` adds the blake2b hash of every call, `strict_bytes` writes byte vectors as hex even where they are text,
    /// `safe_integers` writes integers beyond 2^53 as strings.
    #[pyo3(signature = (data, *, call_hashes = false, strict_bytes = false, safe_integers = false))]
    fn decode_events_json<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        call_hashes: bool,
        strict_bytes: bool,
        safe_integers: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let data = input(data)?;
        let options = JsonOptions { call_hashes, strict_bytes, safe_integers, ..JsonOptions::default() };
        written(py, options, |writer| write_events(None, self.core.events(&data)?.iter(), writer))
    }

    /// Finds every extrinsic and event of a block, by name, and decodes none of their fields.
    ///
    /// `extrinsics` each with its length before it, as a node gives them; `events` the value of `System.Events`. Other threads run
    /// meanwhile.
    ///
    /// >>> block = runtime.index(["0x280402000b63ce64c69101"], "0x00")
    /// >>> block.calls()
    /// [('Timestamp', 'set')]
    ///
    /// Raises `DecodeError` for events that do not decode. An extrinsic that does not decode hides nothing else: it raises when it
    /// is asked for.
    fn index(slf: &Bound<'_, Self>, extrinsics: &Bound<'_, PyAny>, events: &Bound<'_, PyAny>) -> PyResult<Block> {
        if extrinsics.is_instance_of::<PyString>() || extrinsics.is_instance_of::<PyBytes>() {
            return Err(PyTypeError::new_err("a sequence of extrinsics expected, not one alone"));
        }
        let extrinsics = extrinsics.try_iter()?.map(|bytes| input(&bytes?)).collect::<PyResult<Vec<_>>>()?;
        let events = input(events)?;
        Block::index(slf, extrinsics, events)
    }
}
