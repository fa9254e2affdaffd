//! Lists and tuples made of values that can fail to be made, without a second copy of them.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::error::Failure;

/// A list of so many values.
pub(crate) fn list<'py>(
    py: Python<'py>,
    len: usize,
    next: impl FnMut() -> Result<Bound<'py, PyAny>, Failure>,
) -> Result<Bound<'py, PyAny>, Failure> {
    let mut failure = None;
    let made = PyList::new(py, Each { left: len, next, failure: &mut failure });
    match failure {
        None => Ok(made?.into_any()),
        Some(failure) => Err(failure),
    }
}

/// A tuple of so many values.
pub(crate) fn tuple<'py>(
    py: Python<'py>,
    len: usize,
    next: impl FnMut() -> Result<Bound<'py, PyAny>, Failure>,
) -> Result<Bound<'py, PyAny>, Failure> {
    let mut failure = None;
    let made = PyTuple::new(py, Each { left: len, next, failure: &mut failure });
    match failure {
        None => Ok(made?.into_any()),
        Some(failure) => Err(failure),
    }
}

/// The values; the first failure ends them and is kept.
struct Each<'f, F> {
    left: usize,
    next: F,
    failure: &'f mut Option<Failure>,
}

/// A value, or nothing after a failure.
struct Item<'py>(Option<Bound<'py, PyAny>>);

impl<'py, F: FnMut() -> Result<Bound<'py, PyAny>, Failure>> Iterator for Each<'_, F> {
    type Item = Item<'py>;

    #[inline]
    fn next(&mut self) -> Option<Item<'py>> {
        self.left = self.left.checked_sub(1)?;
        match (self.next)() {
            Ok(value) => Some(Item(Some(value))),
            Err(failure) => {
                *self.failure = Some(failure);
                Some(Item(None))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'py, F: FnMut() -> Result<Bound<'py, PyAny>, Failure>> ExactSizeIterator for Each<'_, F> {}

impl<'py> IntoPyObject<'py> for Item<'py> {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    #[inline]
    fn into_pyobject(self, _: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.ok_or_else(|| PyRuntimeError::new_err("the value before has failed"))
    }
}
