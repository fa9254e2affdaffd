//! The sequences of a block: extrinsics and events that are made when an index asks for them.

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyIndexError, PyOverflowError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyRange, PySlice};

use crate::block::Block;
use crate::error::{decode_error, guarded};
use crate::event::Event;
use crate::extrinsic::Extrinsic;

/// The extrinsics of a block, in order.
#[pyclass(frozen, sequence, module = "sentinel")]
pub(crate) struct Extrinsics {
    pub(crate) block: Py<Block>,
}

/// The events of a block, in order.
#[pyclass(frozen, sequence, module = "sentinel")]
pub(crate) struct Events {
    pub(crate) block: Py<Block>,
}

/// What an index stands for: an item, or a slice.
enum Index<'py> {
    Item(isize),
    Slice(Bound<'py, PySlice>),
}

impl<'py> Index<'py> {
    fn of(index: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(slice) = index.cast::<PySlice>() {
            return Ok(Self::Slice(slice.clone()));
        }
        // What a list says of an index that no list can have.
        let too_large = |error: PyErr| match error.is_instance_of::<PyOverflowError>(index.py()) {
            true => PyIndexError::new_err("index out of range"),
            false => error,
        };
        index.extract().map(Self::Item).map_err(too_large)
    }
}

/// The item at an index, or the list of those in a slice.
fn pick<'py, T: IntoPyObject<'py>>(
    py: Python<'py>,
    len: usize,
    index: &Index<'py>,
    item: impl Fn(usize) -> PyResult<T>,
) -> PyResult<Bound<'py, PyAny>> {
    match index {
        Index::Item(at) => {
            let from_end = if *at < 0 { len } else { 0 };
            match from_end.checked_add_signed(*at) {
                Some(at) if at < len => item(at)?.into_bound_py_any(py),
                _ => Err(PyIndexError::new_err("index out of range")),
            }
        }
        Index::Slice(slice) => {
            let range = slice.indices(isize::try_from(len)?)?;
            let at = (0..range.slicelength).map(|n| range.start + n as isize * range.step);
            let items = at.map(|at| item(usize::try_from(at)?)?.into_bound_py_any(py));
            items.collect::<PyResult<Vec<_>>>()?.into_bound_py_any(py)
        }
    }
}

/// `map(sequence.__getitem__, range(len(sequence)))`: one item after the other, each made when it is its turn.
fn each<'py>(sequence: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = sequence.py();
    let item = sequence.getattr(intern!(py, "__getitem__"))?;
    let range = PyRange::new(py, 0, isize::try_from(sequence.len()?)?)?;
    py.import(intern!(py, "builtins"))?.call_method1(intern!(py, "map"), (item, range))
}

#[pymethods]
impl Extrinsics {
    fn __len__(&self) -> usize {
        self.block.get().len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let block = self.block.get();
        guarded(|| {
            pick(py, block.len(), &Index::of(index)?, |at| {
                block.extrinsic(at).map_err(|error| decode_error(py, &error))?;
                Ok(Extrinsic { block: self.block.clone_ref(py), at })
            })
        })
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        each(slf.as_any())
    }

    fn __repr__(&self) -> String {
        format!("<{} extrinsics>", self.block.get().len())
    }
}

#[pymethods]
impl Events {
    fn __len__(&self) -> usize {
        self.block.get().places.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let places = &self.block.get().places;
        pick(py, places.len(), &Index::of(index)?, |at| {
            let place = *places.get(at).ok_or_else(|| PyIndexError::new_err("index out of range"))?;
            Ok(Event { block: self.block.clone_ref(py), place, at })
        })
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        each(slf.as_any())
    }

    fn __repr__(&self) -> String {
        format!("<{} events>", self.block.get().places.len())
    }
}
