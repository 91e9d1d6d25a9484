//! The functions as Python sees them.

use arrow_array::make_array;
use arrow_schema::DataType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::rows::{declared, inferred};
use super::text::{Style, texts};
use crate::exchange::{self, Column};

/// JSON objects as a struct column, and the rows left to the caller; None leaves all.
///
/// Without a type all objects have the same members of plain types, in the same order.
#[pyfunction]
pub fn read_json(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    kind: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<(Column, Vec<usize>)>> {
    let data = exchange::binary(data)?;
    let kind = kind.map(exchange::data_type).transpose()?;
    let rows = match kind {
        None => py.detach(|| inferred(&data)),
        Some(DataType::Struct(fields)) => py.detach(|| declared(&data, &fields)),
        Some(other) => return Err(PyTypeError::new_err(format!("a struct type is wanted, not {other}"))),
    };
    Ok(rows.map(|rows| (Column::from(make_array(rows.values)), rows.left)))
}

/// A JSON text a row between two others, null for null; None leaves all to the caller.
#[pyfunction]
pub fn write_json(
    py: Python<'_>,
    column: &Bound<'_, PyAny>,
    connect: bool,
    before: &[u8],
    after: &[u8],
) -> PyResult<Option<Column>> {
    let column = exchange::array(column)?;
    let style = if connect { Style::Connect } else { Style::Line };
    Ok(py.detach(|| texts(column.as_ref(), style, before, after)).map(Column::new))
}
