//! The functions as Python sees them.

use arrow_array::{BinaryArray, StringArray};
use pyo3::buffer::{Element, PyBuffer};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::gathering::gather;
use crate::exchange::Column;

/// Values as a string or a binary column; None leaves them to the caller, as where text is not UTF-8.
#[pyfunction]
pub fn gather_cells(
    py: Python<'_>,
    data: PyBuffer<u8>,
    start: PyBuffer<i64>,
    length: PyBuffer<i32>,
    skip: usize,
    text: bool,
) -> PyResult<Option<Column>> {
    let (data, start, length) = (slice(&data)?, slice(&start)?, slice(&length)?);
    Ok(py.detach(|| {
        let found = gather(data, start, length, skip)?;
        if text {
            StringArray::try_new(found.offsets, found.bytes, found.nulls).ok().map(Column::new)
        } else {
            BinaryArray::try_new(found.offsets, found.bytes, found.nulls).ok().map(Column::new)
        }
    }))
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
