//! Bytes as callers hand them over: as they are, or as `0x…` text.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};

use crate::error::input_error;

/// Bytes of the caller: `bytes` are kept, not copied.
pub(crate) fn input(value: &Bound<'_, PyAny>) -> PyResult<PyBackedBytes> {
    let py = value.py();
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.clone().into());
    }
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_str()?;
        let Some(digits) = text.strip_prefix("0x") else {
            return Err(input_error(py, "text is taken for hex, and hex starts with 0x".to_owned()));
        };
        let bytes = PyBytes::new_with(py, digits.len() / 2, |out| {
            const_hex::decode_to_slice(digits, out).map_err(|error| input_error(py, format!("not hex: {error}")))
        })?;
        return Ok(bytes.into());
    }
    if let Ok(bytes) = value.extract::<PyBackedBytes>() {
        return Ok(bytes);
    }
    if value.is_instance_of::<pyo3::types::PyMemoryView>() {
        let bytes = value.call_method0(pyo3::intern!(py, "tobytes"))?;
        return Ok(bytes.cast_into::<PyBytes>()?.into());
    }
    let name = value.get_type().name()?;
    Err(PyTypeError::new_err(format!("bytes or 0x-prefixed hex expected, not {}", name.to_str()?)))
}

/// `0x…` of these bytes, as a Python string.
pub(crate) fn hex<'py>(py: Python<'py>, prefix: &str, bytes: &[u8]) -> Bound<'py, PyString> {
    /// A signature with its prefix; what is longer is rare.
    const SHORT: usize = 2 + 2 * 65;
    let start = prefix.len();
    let end = start + 2 * bytes.len();
    let mut short = [0u8; SHORT];
    let mut long = Vec::new();
    let buffer = if end <= SHORT {
        &mut short[..end]
    } else {
        long.resize(end, 0);
        &mut long[..]
    };
    buffer[..start].copy_from_slice(prefix.as_bytes());
    // The length is right by construction, the only thing that can fail.
    let _ = const_hex::encode_to_slice(bytes, &mut buffer[start..]);
    PyString::new(py, std::str::from_utf8(buffer).unwrap_or_default())
}
