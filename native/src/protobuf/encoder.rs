//! The encoder as Python sees it.

use arrow_array::{Array, BinaryArray, Int32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;

use super::stop::{Result, Stop};
use super::writer::Writer;
use super::writing_plan::Plan;
use crate::exchange::{self, Column};
use crate::growing::{Validity, offset, offsets};

/// Writes columns of one type as messages of one type.
#[pyclass(frozen, module = "tidegate._native")]
pub struct ProtobufEncoder {
    plan: Plan,
}

#[pymethods]
impl ProtobufEncoder {
    #[new]
    fn new(plan: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { plan: Plan::from_python(plan)? })
    }

    /// The messages, null for null rows and those left to the caller, and these.
    fn encode(&self, py: Python<'_>, column: &Bound<'_, PyAny>, prefix: &[u8]) -> PyResult<(Column, Column)> {
        let column = exchange::array(column)?;
        let (data, left) = py.detach(|| {
            let writer = Writer::new(&self.plan, column.as_ref())
                .ok_or_else(|| PyTypeError::new_err(format!("the plan is not for {}", column.data_type())))?;
            encoded(&writer, column.as_ref(), prefix)
                .map_err(|_| PyOverflowError::new_err("the data are more than one column holds"))
        })?;
        Ok((Column::new(data), Column::new(Int32Array::from(left))))
    }
}

fn encoded(writer: &Writer<'_>, column: &dyn Array, prefix: &[u8]) -> Result<(BinaryArray, Vec<i32>)> {
    let nulls = column.logical_nulls();
    let mut ends = offsets(column.len());
    let mut bytes = Vec::with_capacity(column.len() * (prefix.len() + 32));
    let mut validity = Validity::default();
    let mut left = Vec::new();
    for row in 0..column.len() {
        let start = bytes.len();
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            validity.null();
        } else {
            bytes.extend_from_slice(prefix);
            match writer.write_message(row, &mut bytes) {
                Ok(()) => validity.valid(),
                Err(Stop::Left) => {
                    bytes.truncate(start);
                    validity.null();
                    left.push(row as i32);
                }
                Err(full) => return Err(full),
            }
        }
        ends.push(offset(bytes.len())?);
    }
    let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
    Ok((BinaryArray::new(ends, bytes.into(), validity.finish()), left))
}
