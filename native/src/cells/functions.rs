//! The functions as Python sees them.

use arrow_array::{BinaryArray, StringArray};
use pyo3::buffer::{Element, PyBuffer};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::gathering::{Gathered, gather};
use crate::exchange::Column;

/// Values as a binary column; None leaves them to the caller.
#[pyfunction]
pub fn gather_binary(
    py: Python<'_>,
    data: PyBuffer<u8>,
    start: PyBuffer<i64>,
    length: PyBuffer<i32>,
    skip: usize,
) -> PyResult<Option<Column>> {
    let (data, start, length) = (slice(&data)?, slice(&start)?, slice(&length)?);
    let column = |found: Gathered| BinaryArray::try_new(found.offsets, found.bytes, found.nulls).ok();
    Ok(py.detach(|| gather(data, start, length, skip).and_then(column)).map(Column::new))
}

/// Values as a string column; None leaves them to the caller, as where one is not UTF-8.
#[pyfunction]
pub fn gather_text(
    py: Python<'_>,
    data: PyBuffer<u8>,
    start: PyBuffer<i64>,
    length: PyBuffer<i32>,
    skip: usize,
) -> PyResult<Option<Column>> {
    let (data, start, length) = (slice(&data)?, slice(&start)?, slice(&length)?);
    let column = |found: Gathered| StringArray::try_new(found.offsets, found.bytes, found.nulls).ok();
    Ok(py.detach(|| gather(data, start, length, skip).and_then(column)).map(Column::new))
}

/// A buffer's items; it has to be kept for as long, and nobody may write to it.
fn slice<T: Element>(buffer: &PyBuffer<T>) -> PyResult<&[T]> {
    if !buffer.is_c_contiguous() {
        return Err(PyValueError::new_err("a contiguous buffer is wanted"));
    }
    if buffer.item_count() == 0 {
        return Ok(&[]);
    }
    // SAFETY: it is contiguous, PyBuffer has checked the type and the alignment of its items, and the reference keeps it.
    // The callers own what they pass and do not change it during the call.
    Ok(unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast::<T>(), buffer.item_count()) })
}
