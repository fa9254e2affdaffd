//! JSON text from the core's writers, which are kept because they remember addresses.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sentinel_core::decode::{DecodeError, JsonOptions, JsonWriter};

use crate::error::{decode_error, guarded};

/// Writers that nobody uses now; there are as many as ever wrote at once, up to a few.
static IDLE: Mutex<Vec<JsonWriter>> = Mutex::new(Vec::new());
const MOST_IDLE: usize = 4;
/// A writer does not keep more memory than this for the next text.
const LARGEST_BUFFER: usize = 4 << 20;

/// What the core writes, while other threads run.
pub(crate) fn written<'py>(
    py: Python<'py>,
    options: JsonOptions,
    write: impl FnOnce(&mut JsonWriter) -> Result<(), DecodeError> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    guarded(|| {
        let idle = IDLE.try_lock().ok().and_then(|mut idle| idle.pop());
        let mut writer = idle.unwrap_or_else(|| JsonWriter::new(options));
        writer.set_options(options);
        let done = py.detach(|| write(&mut writer));
        let text = done.map(|()| PyBytes::new(py, writer.as_bytes()));
        writer.clear();
        if writer.buffer().capacity() > LARGEST_BUFFER {
            *writer.buffer() = Vec::new();
        }
        if let Ok(mut idle) = IDLE.try_lock()
            && idle.len() < MOST_IDLE
        {
            idle.push(writer);
        }
        text.map_err(|error| decode_error(py, &error))
    })
}
