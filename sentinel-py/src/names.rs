//! The names of one runtime as Python strings, each made once.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use sentinel_core::decode::{NameId, Runtime};

use crate::kind::Kinds;

/// The names of one runtime as Python strings, and the kinds of its calls and events.
pub(crate) struct Names {
    names: Box<[Py<PyString>]>,
    pub(crate) calls: Kinds,
    pub(crate) events: Kinds,
}

impl Names {
    pub(crate) fn new(py: Python<'_>, runtime: &Runtime) -> Self {
        Self {
            names: runtime.names().map(|name| PyString::intern(py, name).unbind()).collect(),
            calls: Kinds::of_calls(),
            events: Kinds::of_events(),
        }
    }

    /// A name; the empty one where there is none.
    #[inline]
    pub(crate) fn get<'a, 'py>(&'a self, py: Python<'py>, id: Option<NameId>) -> &'a Bound<'py, PyString> {
        match id.and_then(|id| self.names.get(id.index())) {
            Some(name) => name.bind(py),
            None => intern!(py, ""),
        }
    }
}
