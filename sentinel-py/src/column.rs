//! Columns of integers as callers have them: Arrow, buffers such as NumPy's, or any iterable.

use std::ops::Deref;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Int32Type, Int64Type, TimestampMillisecondType, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyChunkedArray};

use crate::error::ApyError;

/// A column; one of Arrow's `uint64` is not copied.
pub(crate) enum Column {
    Arrow(ArrayRef),
    Owned(Vec<u64>),
}

impl Deref for Column {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        match self {
            Self::Arrow(array) => array.as_primitive_opt::<UInt64Type>().map_or(&[], |array| array.values()),
            Self::Owned(values) => values,
        }
    }
}

/// The integers of a column called `name`.
pub(crate) fn column(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Column> {
    let py = value.py();
    if value.hasattr(intern!(py, "__arrow_c_array__"))? {
        let (array, _) = value.extract::<PyArray>()?.into_inner();
        return chunks(name, vec![array]);
    }
    if value.hasattr(intern!(py, "__arrow_c_stream__"))? {
        let (arrays, _) = value.extract::<PyChunkedArray>()?.into_inner();
        return chunks(name, arrays);
    }
    if let Some(values) = buffer(name, value) {
        return values.map(Column::Owned);
    }
    if value.hasattr(intern!(py, "__array__"))?
        && let Some(values) = buffer(name, &value.call_method0(intern!(py, "__array__"))?)
    {
        return values.map(Column::Owned);
    }
    let values = value.try_iter()?.enumerate().map(|(row, item)| {
        item?.extract::<u64>().map_err(|error| {
            let text = format!("row {row} of `{name}` is no integer from 0 to 2^64: {}", error.value(py));
            ApyError::new_err(text)
        })
    });
    Ok(Column::Owned(values.collect::<PyResult<_>>()?))
}

fn negative(name: &str, row: usize) -> PyErr {
    ApyError::new_err(format!("row {row} of `{name}` is negative; amounts and times are not"))
}

/// Integers of any width, copied: whoever owns the buffer may write to it while other threads run.
fn buffer(name: &str, value: &Bound<'_, PyAny>) -> Option<PyResult<Vec<u64>>> {
    macro_rules! try_widths {
        ($($width:ty),*) => {$(
            if let Ok(buffer) = PyBuffer::<$width>::get(value) {
                if buffer.dimensions() != 1 {
                    return Some(Err(PyTypeError::new_err(format!("`{name}` has {} dimensions, not one", buffer.dimensions()))));
                }
                return Some(buffer.to_vec(value.py()).and_then(|values| widened(name, values)));
            }
        )*};
    }
    if let Ok(buffer) = PyBuffer::<u64>::get(value)
        && buffer.dimensions() == 1
    {
        return Some(buffer.to_vec(value.py()));
    }
    try_widths!(u64, i64, u32, i32, u16);
    None
}

fn widened<T: TryInto<u64> + Copy>(name: &str, values: Vec<T>) -> PyResult<Vec<u64>> {
    let widen = |(row, value): (usize, T)| value.try_into().map_err(|_| negative(name, row));
    values.into_iter().enumerate().map(widen).collect()
}

fn chunks(name: &str, mut arrays: Vec<ArrayRef>) -> PyResult<Column> {
    if let Some(array) = arrays.iter().find(|array| array.null_count() > 0) {
        let row = (0..array.len()).find(|&row| array.is_null(row)).unwrap_or_default();
        let text = format!("row {row} of `{name}` is null; write 0 for a dividend that was not paid and for no stake");
        return Err(ApyError::new_err(text));
    }
    if let [array] = &mut arrays[..]
        && array.as_primitive_opt::<UInt64Type>().is_some()
    {
        return Ok(Column::Arrow(array.clone()));
    }
    let mut values = Vec::with_capacity(arrays.iter().map(|array| array.len()).sum());
    for array in &arrays {
        let known = append::<UInt64Type>(name, array, &mut values)
            .or_else(|| append::<Int64Type>(name, array, &mut values))
            .or_else(|| append::<TimestampMillisecondType>(name, array, &mut values))
            .or_else(|| append::<UInt32Type>(name, array, &mut values))
            .or_else(|| append::<Int32Type>(name, array, &mut values))
            .or_else(|| append::<UInt16Type>(name, array, &mut values));
        known.unwrap_or_else(|| {
            Err(PyTypeError::new_err(format!("`{name}` is a column of {}, not of integers", array.data_type())))
        })?;
    }
    Ok(Column::Owned(values))
}

fn append<T>(name: &str, array: &ArrayRef, values: &mut Vec<u64>) -> Option<PyResult<()>>
where
    T: ArrowPrimitiveType,
    T::Native: TryInto<u64>,
{
    let array = array.as_primitive_opt::<T>()?;
    Some(array.values().iter().try_for_each(|&value| {
        values.push(value.try_into().map_err(|_| negative(name, values.len()))?);
        Ok(())
    }))
}
