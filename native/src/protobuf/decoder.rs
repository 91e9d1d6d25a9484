//! The decoder as Python sees it.

use arrow_array::{Array, BinaryArray, Int32Array, make_array};
use arrow_data::ArrayData;
use arrow_schema::DataType;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;

use super::cursor::Cursor;
use super::reader::Reader;
use super::reading_plan::Kind;
use super::stop::{Result, Stop};
use crate::exchange::{self, Column};

/// Reads messages of one type into columns.
#[pyclass(frozen, module = "tidegate._native")]
pub struct ProtobufDecoder {
    plan: Kind,
    arrow: DataType,
}

struct Decoded {
    rows: Vec<i32>,
    values: ArrayData,
    left: Vec<i32>,
}

#[pymethods]
impl ProtobufDecoder {
    #[new]
    fn new(plan: &Bound<'_, PyAny>, arrow: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (plan, arrow) = (Kind::from_python(plan)?, exchange::data_type(arrow)?);
        if Reader::new(&plan, &arrow, 0).is_none() {
            return Err(PyTypeError::new_err(format!("the plan is not for {arrow}")));
        }
        Ok(Self { plan, arrow })
    }

    /// Decodes what follows the first `skip` bytes and the indexes of each message.
    fn decode(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        skip: usize,
        indexes: &[u8],
    ) -> PyResult<(Column, Column, Column)> {
        let data = exchange::binary(data)?;
        let decoded = py
            .detach(|| self.decoded(&data, skip, indexes))
            .map_err(|_| PyOverflowError::new_err("the values are more than one column holds"))?;
        let rows = |rows: Vec<i32>| Column::new(Int32Array::from(rows));
        Ok((rows(decoded.rows), make_array(decoded.values).into(), rows(decoded.left)))
    }
}

impl ProtobufDecoder {
    fn decoded(&self, data: &BinaryArray, skip: usize, indexes: &[u8]) -> Result<Decoded> {
        let mut rows = Vec::with_capacity(data.len());
        let mut left = Vec::new();
        let mut values = Reader::new(&self.plan, &self.arrow, data.len()).ok_or(Stop::Left)?;
        for row in 0..data.len() {
            if data.is_null(row) {
                values.push_null();
            } else {
                match read(&mut values, data.value(row), skip, indexes) {
                    Ok(()) => {}
                    Err(Stop::Left) => {
                        values.truncate(rows.len());
                        left.push(row as i32);
                        continue;
                    }
                    Err(full) => return Err(full),
                }
            }
            rows.push(row as i32);
        }
        Ok(Decoded { rows, values: values.finish(), left })
    }
}

fn read(values: &mut Reader<'_>, message: &[u8], skip: usize, indexes: &[u8]) -> Result<()> {
    let message = message.get(skip..).and_then(|body| body.strip_prefix(indexes)).ok_or(Stop::Left)?;
    values.read_message(Cursor::new(message))
}
