//! `sentinel.Block`: the index of a block, whose extrinsics and events decode when asked.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList};
use sentinel_core::AccountId;
use sentinel_core::decode::{self, DecodeError, EventPlace, JsonOptions, Outcome};

use crate::build::Build;
use crate::collect::list;
use crate::error::{Failure, decode_error, guarded};
use crate::event::Event;
use crate::json::written;
use crate::kind::dict;
use crate::record;
use crate::runtime::Runtime;
use crate::view::{Events, Extrinsics};

/// The extrinsics and events of one block, found but not decoded. `Runtime.index` makes it.
///
/// Calls that answer for the whole block, such as `calls` and `to_dict`, cost far less than an object for each extrinsic or event.
#[pyclass(frozen, module = "sentinel")]
pub(crate) struct Block {
    pub(crate) runtime: Py<Runtime>,
    extrinsics: Vec<PyBackedBytes>,
    events: PyBackedBytes,
    heads: Vec<Result<Head, DecodeError>>,
    pub(crate) places: Vec<EventPlace>,
}

/// What is known of an extrinsic before its call is decoded.
struct Head {
    index: [u8; 2],
    signer: Option<AccountId>,
    outcome: Result<Option<Outcome>, DecodeError>,
}

impl Block {
    pub(crate) fn index(
        runtime: &Bound<'_, Runtime>,
        extrinsics: Vec<PyBackedBytes>,
        events: PyBackedBytes,
    ) -> PyResult<Self> {
        let py = runtime.py();
        let core = &runtime.get().core;
        let found = guarded(|| {
            let found = py.detach(|| {
                let index = core.index(&extrinsics, &events)?;
                let head = |(at, extrinsic): (usize, &Result<decode::Extrinsic<'_, '_>, DecodeError>)| {
                    let extrinsic = extrinsic.as_ref().map_err(Clone::clone)?;
                    Ok(Head { index: extrinsic.index(), signer: extrinsic.signer(), outcome: index.outcome(at) })
                };
                let heads: Vec<_> = index.extrinsics().iter().enumerate().map(head).collect();
                let places: Vec<_> = index.events().iter().map(decode::EventRecord::place).collect();
                Ok((heads, places))
            });
            found.map_err(|error| decode_error(py, &error))
        });
        let (heads, places) = found?;
        Ok(Self { runtime: runtime.clone().unbind(), extrinsics, events, heads, places })
    }

    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    pub(crate) fn bytes(&self, at: usize) -> &[u8] {
        self.extrinsics.get(at).map_or(&[], |bytes| bytes)
    }

    /// The envelope of an extrinsic, read again.
    pub(crate) fn extrinsic(&self, at: usize) -> Result<decode::Extrinsic<'_, '_>, DecodeError> {
        self.runtime.get().core.extrinsic(self.bytes(at))
    }

    pub(crate) fn outcome(&self, at: usize) -> Result<Option<&Outcome>, DecodeError> {
        match self.heads.get(at) {
            Some(Ok(head)) => head.outcome.as_ref().map(Option::as_ref).map_err(Clone::clone),
            _ => Ok(None),
        }
    }

    pub(crate) fn event(&self, place: EventPlace) -> Result<decode::EventRecord<'_, '_>, DecodeError> {
        self.runtime.get().core.event_at(&self.events, place)
    }

    fn pair<'py>(&self, py: Python<'py>, at: usize, head: &Head) -> PyResult<Bound<'py, PyAny>> {
        let names = || {
            let extrinsic = self.extrinsic(at).map_err(|error| decode_error(py, &error))?;
            let names = &self.runtime.get().names;
            let [pallet, name] = [extrinsic.pallet_id(), extrinsic.name_id()];
            Ok((names.get(py, Some(pallet)).clone(), names.get(py, Some(name)).clone()))
        };
        Ok(self.runtime.get().names.calls.get(py, head.index, names)?.pair.bind(py).clone().into_any())
    }

    /// One item for each extrinsic; `None` for one that does not decode.
    fn each<'py>(
        &self,
        py: Python<'py>,
        mut item: impl FnMut(usize, &Head) -> Result<Option<Bound<'py, PyAny>>, Failure>,
    ) -> Result<Bound<'py, PyAny>, Failure> {
        let mut heads = self.heads.iter().enumerate();
        list(py, self.heads.len(), || {
            let known = match heads.next() {
                Some((at, Ok(head))) => item(at, head)?,
                _ => None,
            };
            Ok(known.unwrap_or_else(|| py.None().into_bound(py)))
        })
    }

    fn extrinsic_dict<'py>(&self, build: &Build<'_, 'py>, at: usize) -> Result<Bound<'py, PyAny>, Failure> {
        let built = self.extrinsic(at).map_err(Failure::from);
        match built.and_then(|extrinsic| record::extrinsic(build, &extrinsic)) {
            // One that does not decode hides nothing else.
            Err(Failure::Decode(error)) => record::unreadable(build, at, &error),
            built => built,
        }
    }
}

#[pymethods]
impl Block {
    /// The runtime that it was indexed with.
    #[getter]
    fn runtime(&self, py: Python<'_>) -> Py<Runtime> {
        self.runtime.clone_ref(py)
    }

    /// The extrinsics in order; each is made when it is asked for.
    ///
    /// Asking for one that does not decode raises `DecodeError`.
    ///
    /// >>> [extrinsic.name for extrinsic in block.extrinsics]
    /// ['set', 'add_stake', 'transfer_keep_alive']
    #[getter]
    fn extrinsics(slf: Py<Self>) -> Extrinsics {
        Extrinsics { block: slf }
    }

    /// The events in order; each is made when it is asked for.
    ///
    /// >>> block.events[-1].name
    /// 'ExtrinsicFailed'
    #[getter]
    fn events(slf: Py<Self>) -> Events {
        Events { block: slf }
    }

    fn __len__(&self) -> usize {
        self.len()
    }

    fn __repr__(&self) -> String {
        format!("<Block of {} extrinsics and {} events>", self.heads.len(), self.places.len())
    }

    /// `(pallet, function)` of every extrinsic, in order; `None` for one that does not decode.
    ///
    /// Equal pairs are one object.
    ///
    /// >>> block.calls()
    /// [('Timestamp', 'set'), ('SubtensorModule', 'add_stake'), ('Balances', 'transfer_keep_alive')]
    fn calls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        guarded(|| self.each(py, |at, head| Ok(Some(self.pair(py, at, head)?))).map_err(|failure| failure.raise(py)))
    }

    /// `(pallet, event)` of every event, in order.
    ///
    /// Equal pairs are one object.
    ///
    /// >>> block.event_names()[0]
    /// ('System', 'ExtrinsicSuccess')
    fn event_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        guarded(|| {
            let names = &self.runtime.get().names;
            let pairs = self.places.iter().map(|place| {
                let pair = || {
                    let event = self.event(*place).map_err(|error| decode_error(py, &error))?;
                    let [pallet, name] = [event.pallet_id(), event.name_id()];
                    Ok((names.get(py, Some(pallet)).clone(), names.get(py, Some(name)).clone()))
                };
                Ok(names.events.get(py, place.index(), pair)?.pair.bind(py).clone())
            });
            PyList::new(py, pairs.collect::<PyResult<Vec<_>>>()?)
        })
    }

    /// The address of every extrinsic's signer, in order; `None` where nobody signed or the extrinsic does not decode.
    ///
    /// >>> block.signers()[:2]
    /// [None, '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY']
    fn signers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.runtime.get().build(py, true, |build| {
            self.each(py, |_, head| Ok(head.signer.map(|signer| build.address_text(&signer.0).into_any())))
        })
    }

    /// The events of one kind, in order.
    ///
    /// >>> [event.extrinsic_idx for event in block.events_of("SubtensorModule", "StakeAdded")]
    /// [1]
    fn events_of(slf: &Bound<'_, Self>, pallet: &str, name: &str) -> PyResult<Vec<Event>> {
        let block = slf.get();
        let chosen = block.places.iter().enumerate();
        let chosen = chosen.filter(|(_, place)| block.event(**place).is_ok_and(|event| event.is(pallet, name)));
        Ok(chosen.map(|(at, place)| Event { block: slf.clone().unbind(), place: *place, at }).collect())
    }

    /// `{"extrinsics": […], "events": […]}`, each as `Runtime.decode_extrinsic` and `Runtime.decode_events` make it.
    ///
    /// An extrinsic that does not decode is `{index, decode_error}` in its place.
    #[pyo3(signature = (*, lean = false))]
    fn to_dict<'py>(&self, py: Python<'py>, lean: bool) -> PyResult<Bound<'py, PyDict>> {
        self.runtime.get().build(py, lean, |build| {
            let mut at = 0;
            let extrinsics = list(py, self.len(), || {
                at += 1;
                self.extrinsic_dict(build, at - 1)
            })?;
            let mut places = self.places.iter();
            let events = list(py, places.len(), || match places.next() {
                Some(place) => record::event(build, &self.event(*place)?),
                None => Ok(py.None().into_bound(py)),
            })?;
            Ok(dict!(py, { "extrinsics": extrinsics, "events": events }))
        })
    }

    /// `{"extrinsics": […], "events": […]}` as JSON text: the fastest way from bytes to text.
    ///
    /// The shape of values is that of `to_dict`. An extrinsic has `index`, `call`, `address`, `signature`, `nonce`, `tip`, `era`,
    /// `status` and `error`; an event `phase`, `extrinsic_idx`, `event_index`, `module_id`, `event_id`, `attributes` and `topics`,
    /// as the command line prints them. Other threads run meanwhile.
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
        let core = &self.runtime.get().core;
        written(py, options, |writer| core.index(&self.extrinsics, &self.events)?.write_json(writer))
    }
}
