//! Extrinsics and events with all that surrounds them, as dictionaries.

use pyo3::IntoPyObjectExt;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use sentinel_core::decode::{DecodeError, EventRecord, Extrinsic, Phase, mortal_era};

use crate::build::Build;
use crate::error::Failure;
use crate::input::hex;
use crate::kind::{Kind, dict};

type Built<'py> = Result<Bound<'py, PyAny>, Failure>;

/// An extrinsic. Full: with hash, length, signature and all extensions under the SDK's keys, and without the keys of what
/// it does not have. Lean: always the same five keys.
pub(crate) fn extrinsic<'py>(build: &Build<'_, 'py>, extrinsic: &Extrinsic<'_, '_>) -> Built<'py> {
    let py = build.py;
    let record = PyDict::new(py);
    if build.is_lean() {
        let address = extrinsic.address().map(|address| build.value(address)).transpose()?;
        record.set_item(intern!(py, "address"), address)?;
        record.set_item(intern!(py, "nonce"), extrinsic.nonce())?;
        record.set_item(intern!(py, "tip"), extrinsic.tip())?;
        record.set_item(intern!(py, "era"), era(py, extrinsic)?)?;
    } else {
        record.set_item(intern!(py, "extrinsic_hash"), hex(py, "0x", &extrinsic.hash()))?;
        record.set_item(intern!(py, "extrinsic_length"), extrinsic.body().len())?;
        if let Some(address) = extrinsic.address() {
            record.set_item(intern!(py, "address"), build.value(address)?)?;
        }
        if let Some(signature) = extrinsic.signature() {
            record.set_item(intern!(py, "signature"), build.value(signature)?)?;
        }
        for extension in extrinsic.extensions()? {
            let (name, value) = extension?;
            if !value.bytes().is_empty() {
                record.set_item(extension_key(py, name), build.value(value)?)?;
            }
        }
    }
    record.set_item(intern!(py, "call"), build.value(extrinsic.call())?)?;
    Ok(record.into_any())
}

/// What stands in the place of an extrinsic that does not decode.
pub(crate) fn unreadable<'py>(build: &Build<'_, 'py>, at: usize, error: &DecodeError) -> Built<'py> {
    Ok(dict!(build.py, { "index": at, "decode_error": error.to_string() }).into_any())
}

/// The key that the SDK shows an extension under.
fn extension_key<'py>(py: Python<'py>, extension: &str) -> Bound<'py, PyString> {
    match extension {
        "CheckMortality" | "CheckEra" => intern!(py, "era").clone(),
        "CheckNonce" => intern!(py, "nonce").clone(),
        "ChargeTransactionPayment" => intern!(py, "tip").clone(),
        "CheckMetadataHash" => intern!(py, "mode").clone(),
        other => PyString::new(py, other),
    }
}

/// `(period, phase)`, or `"00"` for ever.
pub(crate) fn era<'py>(py: Python<'py>, extrinsic: &Extrinsic<'_, '_>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(bytes) = extrinsic.era() else { return Ok(None) };
    Ok(Some(match mortal_era(bytes) {
        Some(era) => era.into_bound_py_any(py)?,
        None => hex(py, "", bytes).into_any(),
    }))
}

/// An event. Full: as the SDK shows a record of `System.Events`, which says everything twice; both `attributes` are one
/// object. Lean: once.
pub(crate) fn event<'py>(build: &Build<'_, 'py>, event: &EventRecord<'_, '_>) -> Built<'py> {
    let py = build.py;
    let kind = kind_of(build, event)?;
    let attributes = build.fields_of(event.event())?;
    let Some((full, lean)) = &kind.records else { return Ok(attributes) };
    let record = if build.is_lean() { lean } else { full }.bind(py).copy()?;
    match event.phase() {
        Phase::ApplyExtrinsic(at) => record.set_item(intern!(py, "extrinsic_idx"), at)?,
        other => record.set_item(intern!(py, "phase"), phase(py, other))?,
    }
    if build.is_lean() {
        if event.topics().len() > 0 {
            record.set_item(intern!(py, "topics"), topics(py, event)?.to_tuple())?;
        }
    } else {
        let inner = kind.full.bind(py).copy()?;
        inner.set_item(intern!(py, "attributes"), &attributes)?;
        record.set_item(intern!(py, "event"), inner)?;
        record.set_item(intern!(py, "topics"), topics(py, event)?)?;
    }
    record.set_item(intern!(py, "attributes"), attributes)?;
    Ok(record.into_any())
}

/// What all events of this one's kind share.
pub(crate) fn kind_of<'a>(build: &Build<'a, '_>, event: &EventRecord<'_, '_>) -> PyResult<&'a Kind> {
    let py = build.py;
    let names = build.names();
    let pair = || Ok((names.get(py, Some(event.pallet_id())).clone(), names.get(py, Some(event.name_id())).clone()));
    names.events.get(py, event.index(), pair)
}

/// The name of a phase.
pub(crate) fn phase<'py>(py: Python<'py>, phase: Phase) -> Bound<'py, PyString> {
    match phase {
        Phase::ApplyExtrinsic(_) => intern!(py, "ApplyExtrinsic"),
        Phase::Finalization => intern!(py, "Finalization"),
        Phase::Initialization => intern!(py, "Initialization"),
    }
    .clone()
}

/// The topics of an event.
pub(crate) fn topics<'py>(py: Python<'py>, event: &EventRecord<'_, '_>) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, event.topics().map(|topic| hex(py, "0x", topic)))
}
