//! The exceptions of the package, and the guard that turns a panic into one.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use sentinel_core::decode::{self, Step, VisitError};

use crate::panic::caught;

create_exception!(sentinel, Error, PyException, "Anything that sentinel raises.");
create_exception!(sentinel, DecodeError, Error, "Bytes that are not what they should be.");
create_exception!(
    sentinel,
    MetadataError,
    Error,
    "Metadata that cannot be read, or that does not have what is asked of it."
);
create_exception!(sentinel, ApyError, Error, "Columns and windows that cannot be computed with.");
create_exception!(sentinel, InternalError, Error, "A mistake in sentinel itself.");

/// Building a Python value fails with bytes that do not decode, or in Python.
pub(crate) enum Failure {
    Decode(decode::DecodeError),
    Python(Box<PyErr>),
}

impl From<decode::DecodeError> for Failure {
    #[cold]
    fn from(error: decode::DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<PyErr> for Failure {
    #[cold]
    fn from(error: PyErr) -> Self {
        Self::Python(Box::new(error))
    }
}

impl VisitError for Failure {
    #[cold]
    fn inside(self, step: Step<'_>) -> Self {
        match self {
            Self::Decode(error) => Self::Decode(VisitError::inside(error, step)),
            python => python,
        }
    }
}

impl Failure {
    /// The exception to raise.
    #[cold]
    pub(crate) fn raise(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Decode(error) => decode_error(py, &error),
            Self::Python(error) => *error,
        }
    }
}

/// A `DecodeError` with the offset, path and item of the Rust error beside its text.
#[cold]
pub(crate) fn decode_error(py: Python<'_>, error: &decode::DecodeError) -> PyErr {
    located(py, error.to_string(), error.offset(), &error.path(), error.item())
}

/// A `DecodeError` for bytes that never came as far as a type.
#[cold]
pub(crate) fn input_error(py: Python<'_>, text: String) -> PyErr {
    located(py, text, 0, "", None)
}

fn located(py: Python<'_>, text: String, offset: usize, path: &str, item: Option<&str>) -> PyErr {
    let raised = DecodeError::new_err(text);
    let value = raised.value(py);
    let known = value
        .setattr("offset", offset)
        .and_then(|()| value.setattr("path", path))
        .and_then(|()| value.setattr("item", item));
    known.err().unwrap_or(raised)
}

/// Runs what could panic, which would be a mistake of ours: the caller gets an ordinary exception, never a
/// `BaseException` that no handler expects.
pub(crate) fn guarded<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    caught(work).unwrap_or_else(|message| Err(InternalError::new_err(message)))
}
