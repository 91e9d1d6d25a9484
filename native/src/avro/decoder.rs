//! The decoder as Python sees it.

use arrow_array::{Array, BinaryArray, Int32Array, make_array};
use arrow_data::ArrayData;
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use super::cursor::Cursor;
use super::reader::Reader;
use super::schema::AvroType;
use crate::exchange::{self, Column};
use crate::fault::{Fault, Result, cut_off, fault};

/// Reads data of one schema into columns.
#[pyclass(frozen, module = "tidegate._native")]
pub struct AvroDecoder {
    schema: AvroType,
}

/// Rows that could be read, their values, and row and reason of those that could not.
type Answer = (Column, Column, Vec<(usize, String)>);

struct Decoded {
    rows: Vec<i32>,
    values: ArrayData,
    faults: Vec<(usize, String)>,
}

#[pymethods]
impl AvroDecoder {
    #[new]
    fn new(schema: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { schema: AvroType::from_python(schema)? })
    }

    /// Decodes what follows the first `skip` bytes of each datum.
    fn decode(&self, py: Python<'_>, data: &Bound<'_, PyAny>, skip: usize) -> PyResult<Answer> {
        let data = exchange::binary(data)?;
        let decoded = py
            .detach(|| self.decoded(&data, skip))
            .ok_or_else(|| PyOverflowError::new_err("the values are more than one column holds"))?;
        Ok((Column::new(Int32Array::from(decoded.rows)), Column::new(make_array(decoded.values)), decoded.faults))
    }
}

impl AvroDecoder {
    fn decoded(&self, data: &BinaryArray, skip: usize) -> Option<Decoded> {
        let mut rows = Vec::with_capacity(data.len());
        let mut faults = Vec::new();
        let mut values = Reader::new(&self.schema, "", data.len());
        for row in 0..data.len() {
            if data.is_null(row) {
                values.push_null();
            } else if let Err(problem) = read(&mut values, data.value(row), skip) {
                values.truncate(rows.len());
                faults.push((row, problem.sentence()?));
                continue;
            }
            rows.push(row as i32);
        }
        Some(Decoded { rows, values: values.finish(), faults })
    }
}

fn read(values: &mut Reader, datum: &[u8], skip: usize) -> Result<()> {
    let mut cursor = Cursor::new(datum.get(skip..).ok_or_else(|| cut_off(""))?);
    values.read(&mut cursor)?;
    match cursor.left() {
        0 => Ok(()),
        left => Err(followed(left)),
    }
}

#[cold]
fn followed(left: usize) -> Box<Fault> {
    fault("", format!("is followed by {left} bytes that its schema does not explain"))
}
