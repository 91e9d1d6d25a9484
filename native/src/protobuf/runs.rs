//! Which message types the messages of a column are of.

use arrow_array::{Array, BinaryArray};
use pyo3::prelude::*;

use super::cursor::Cursor;
use crate::exchange;

/// Rows from a first one up to another that have the same message indexes, and these, as written.
type Run = (usize, usize, Option<Vec<u8>>);

/// Splits messages where their message indexes change.
///
/// A null, or a message whose indexes can not be read, belongs to the run around it; a run has no indexes if it holds
/// nothing else.
#[pyfunction]
pub fn protobuf_runs(py: Python<'_>, data: &Bound<'_, PyAny>, skip: usize) -> PyResult<Vec<Run>> {
    let data = exchange::binary(data)?;
    Ok(py.detach(|| runs(&data, skip)))
}

fn runs(data: &BinaryArray, skip: usize) -> Vec<Run> {
    let mut runs = Vec::new();
    let (mut start, mut current): (usize, Option<&[u8]>) = (0, None);
    for row in (0..data.len()).filter(|row| data.is_valid(*row)) {
        let body = data.value(row).get(skip..).unwrap_or_default();
        let Some(length) = length(body) else { continue };
        let indexes = &body[..length];
        match current {
            Some(known) if known != indexes => {
                runs.push((start, row, Some(known.to_vec())));
                (start, current) = (row, Some(indexes));
            }
            Some(_) => {}
            None => current = Some(indexes),
        }
    }
    if start < data.len() {
        runs.push((start, data.len(), current.map(<[u8]>::to_vec)));
    }
    runs
}

/// How many bytes a message's indexes take; None if they can not be read.
fn length(body: &[u8]) -> Option<usize> {
    if body.first() == Some(&0) {
        return Some(1);
    }
    let mut cursor = Cursor::new(body);
    // The count is a zig-zag number that is never negative.
    let count = cursor.varint().ok().filter(|count| count % 2 == 0 && *count <= 2048)? / 2;
    // So are indexes.
    for _ in 0..count {
        cursor.varint().ok().filter(|index| index % 2 == 0)?;
    }
    Some(body.len() - cursor.rest().len())
}
