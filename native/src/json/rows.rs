//! JSON objects, one a row, as a struct column.

use arrow_array::{Array, BinaryArray};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Fields};

use super::cell::Cell;
use super::scanner::Scanner;
use crate::growing::Validity;

/// Objects as columns, and the rows that are left to the caller.
pub struct Rows {
    pub values: ArrayData,
    pub left: Vec<usize>,
}

/// How many rows may be left to the caller before all are.
fn most_left(rows: usize) -> usize {
    8 + rows / 16
}

/// Reads objects of declared members; None leaves all to the caller.
pub fn declared(texts: &BinaryArray, fields: &Fields) -> Option<Rows> {
    let mut root = Cell::declared(&Field::new("row", DataType::Struct(fields.clone()), false))?;
    let mut left = Vec::new();
    for row in 0..texts.len() {
        let rows = root.rows();
        if read(texts, row, |scanner| root.read(scanner, &mut false)).is_none() {
            root.truncate(rows);
            left.push(row);
            if left.len() > most_left(texts.len()) {
                return None;
            }
        }
    }
    Some(Rows { values: root.finish(), left })
}

/// Reads objects that all have the same members of plain types, in the same order, null among them.
pub fn inferred(texts: &BinaryArray) -> Option<Rows> {
    let mut names: Option<Vec<String>> = None;
    let mut cells: Vec<Cell> = Vec::new();
    let mut validity = Validity::default();
    let mut left = Vec::new();
    for row in 0..texts.len() {
        let rows = validity.rows();
        if texts.is_null(row) {
            cells.iter_mut().for_each(Cell::push_null);
            validity.null();
            continue;
        }
        let mut changed = false;
        let known = names.is_some();
        let valid = read(texts, row, |scanner| {
            if scanner.peek()? == b'n' {
                scanner.null()?;
                cells.iter_mut().for_each(Cell::push_null);
                return Some(false);
            }
            read_members(&mut names, &mut cells, rows, scanner, &mut changed)?;
            Some(true)
        });
        match valid {
            Some(true) => validity.valid(),
            Some(false) => validity.null(),
            // What a row has done to the types can not be taken back.
            None if changed || known != names.is_some() => return None,
            None => {
                cells.iter_mut().for_each(|cell| cell.truncate(rows));
                left.push(row);
                if left.len() > most_left(texts.len()) {
                    return None;
                }
            }
        }
    }
    let (names, rows) = (names?, validity.rows());
    // Arrow's C interface, by which the columns go to Python, ends a name at a zero.
    if names.is_empty() || names.iter().any(|name| name.contains('\0')) {
        return None;
    }
    let children: Vec<ArrayData> = cells.into_iter().map(Cell::finish).collect();
    let fields = names.iter().zip(&children).map(|(name, child)| Field::new(name, child.data_type().clone(), true));
    let values = ArrayData::builder(DataType::Struct(fields.collect()))
        .len(rows)
        .nulls(validity.finish())
        .child_data(children)
        .build()
        .ok()?;
    Some(Rows { values, left })
}

/// Reads a row's text to its end.
fn read<T>(texts: &BinaryArray, row: usize, value: impl FnOnce(&mut Scanner<'_>) -> Option<T>) -> Option<T> {
    if texts.is_null(row) {
        return None;
    }
    let mut scanner = Scanner::new(texts.value(row))?;
    let value = value(&mut scanner)?;
    scanner.at_end().then_some(value)
}

/// Members in their known order, or in the one they come in first.
fn read_members(
    names: &mut Option<Vec<String>>,
    cells: &mut Vec<Cell>,
    rows: usize,
    scanner: &mut Scanner<'_>,
    changed: &mut bool,
) -> Option<()> {
    scanner.expect(b'{')?;
    let first = names.is_none();
    let known = names.get_or_insert_default();
    let mut at = 0;
    if !scanner.take(b'}') {
        loop {
            let name = scanner.string()?;
            if first && !known.contains(&name.as_ref().to_owned()) {
                known.push(name.into_owned());
                cells.push(Cell::growing(rows));
            } else if known.get(at).is_none_or(|expected| *expected != name) || first {
                return None;
            }
            scanner.expect(b':')?;
            cells[at].read(scanner, changed)?;
            at += 1;
            if !scanner.take(b',') {
                break;
            }
        }
        scanner.expect(b'}')?;
    }
    (at == known.len()).then_some(())
}
