//! The encoder as Python sees it.

use arrow_array::{Array, BinaryArray};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;

use super::encoding_plan::Plan;
use super::writer::Writer;
use crate::exchange::{self, Column};
use crate::growing::{Validity, offset, offsets};

/// Writes columns of one type with one schema.
#[pyclass(frozen, module = "tidegate._native")]
pub struct AvroEncoder {
    plan: Plan,
}

#[pymethods]
impl AvroEncoder {
    #[new]
    fn new(plan: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { plan: Plan::from_python(plan)? })
    }

    /// The data, null for null rows and faults, and row and reason of the faults.
    fn encode(
        &self,
        py: Python<'_>,
        column: &Bound<'_, PyAny>,
        prefix: &[u8],
    ) -> PyResult<(Column, Vec<(usize, String)>)> {
        let column = exchange::array(column)?;
        let (data, faults) = py.detach(|| {
            let writer = Writer::new(&self.plan, column.as_ref())
                .ok_or_else(|| PyTypeError::new_err(format!("the plan is not for {}", column.data_type())))?;
            encoded(&writer, column.as_ref(), prefix)
                .ok_or_else(|| PyOverflowError::new_err("the data are more than one column holds"))
        })?;
        Ok((Column::new(data), faults))
    }
}

fn encoded(writer: &Writer<'_>, column: &dyn Array, prefix: &[u8]) -> Option<(BinaryArray, Vec<(usize, String)>)> {
    let nulls = column.logical_nulls();
    let mut ends = offsets(column.len());
    let mut bytes = Vec::with_capacity(column.len() * (prefix.len() + 32));
    let mut validity = Validity::default();
    let mut faults = Vec::new();
    for row in 0..column.len() {
        let start = bytes.len();
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            validity.null();
        } else {
            bytes.extend_from_slice(prefix);
            match writer.write(row, &mut bytes) {
                Ok(()) => validity.valid(),
                Err(problem) => {
                    bytes.truncate(start);
                    validity.null();
                    faults.push((row, problem.sentence()?));
                }
            }
        }
        ends.push(offset(bytes.len()).ok()?);
    }
    let validity: Option<NullBuffer> = validity.finish();
    let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
    Some((BinaryArray::new(ends, bytes.into(), validity), faults))
}
