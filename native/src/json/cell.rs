//! A column being read from JSON: of a declared type, or of the one its values have.

use arrow_buffer::{BooleanBufferBuilder, Buffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Fields};

use super::scanner::{Number, Scanner};
use crate::growing::{Bytes, Validity, offset, offsets};

/// The whole numbers that a float holds exactly, as pyarrow takes them.
const EXACT: i64 = 1 << 53;

/// The values read so far.
pub struct Cell {
    /// Whether null is left to the caller.
    required: bool,
    /// Whether the type is still open: see [`Cell::growing`].
    growing: bool,
    validity: Validity,
    values: Values,
}

enum Values {
    /// Null only.
    Nothing,
    Boolean(BooleanBufferBuilder),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Bytes),
    Record(Vec<String>, Vec<Cell>),
    Items(Vec<i32>, Box<Cell>),
}

impl Cell {
    /// A column of a declared type; None if JSON has no such type.
    pub fn declared(field: &Field) -> Option<Self> {
        let values = match field.data_type() {
            DataType::Null => Values::Nothing,
            DataType::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
            DataType::Int64 => Values::Int(Vec::new()),
            DataType::Float64 => Values::Float(Vec::new()),
            DataType::Utf8 => Values::Text(Bytes::new(0)),
            DataType::Struct(fields) => Values::Record(
                fields.iter().map(|child| child.name().clone()).collect(),
                fields.iter().map(|child| Cell::declared(child)).collect::<Option<_>>()?,
            ),
            DataType::List(item) => Values::Items(offsets(0), Box::new(Cell::declared(item)?)),
            _ => return None,
        };
        Some(Self { required: !field.is_nullable(), growing: false, validity: Validity::default(), values })
    }

    /// A column of a plain type that shows with its first value; whole numbers may become floats.
    pub fn growing(rows: usize) -> Self {
        let mut cell = Self { required: false, growing: true, validity: Validity::default(), values: Values::Nothing };
        (0..rows).for_each(|_| cell.push_null());
        cell
    }

    pub fn rows(&self) -> usize {
        self.validity.rows()
    }

    /// Reads one value. None leaves the row to the caller: the column is then to be cut back.
    ///
    /// `changed` is set when the type has changed for the value.
    #[inline]
    pub fn read(&mut self, scanner: &mut Scanner<'_>, changed: &mut bool) -> Option<()> {
        let first = scanner.peek()?;
        if first == b'n' {
            scanner.null()?;
            return self.missing();
        }
        if self.growing {
            self.grow(first, changed)?;
        }
        match &mut self.values {
            Values::Nothing => return None,
            Values::Boolean(bits) => bits.append(scanner.boolean()?),
            Values::Int(numbers) => match scanner.number()? {
                Number::Int(number) => numbers.push(number),
                Number::Float(number) if self.growing => {
                    let mut floats = numbers.iter().map(|number| exact(*number)).collect::<Option<Vec<f64>>>()?;
                    floats.push(number);
                    self.values = Values::Float(floats);
                    *changed = true;
                }
                Number::Float(_) => return None,
            },
            Values::Float(numbers) => numbers.push(match scanner.number()? {
                Number::Int(number) => exact(number)?,
                Number::Float(number) => number,
            }),
            Values::Text(texts) => texts.push(scanner.string()?.as_bytes()).ok()?,
            Values::Record(names, cells) => read_record(names, cells, self.validity.rows(), scanner, changed)?,
            Values::Items(ends, items) => {
                scanner.expect(b'[')?;
                if !scanner.take(b']') {
                    loop {
                        items.read(scanner, changed)?;
                        if !scanner.take(b',') {
                            break;
                        }
                    }
                    scanner.expect(b']')?;
                }
                ends.push(offset(items.rows()).ok()?);
            }
        }
        self.validity.valid();
        Some(())
    }

    /// Takes the type of its first value.
    fn grow(&mut self, first: u8, changed: &mut bool) -> Option<()> {
        if !matches!(self.values, Values::Nothing) {
            return Some(());
        }
        let rows = self.rows();
        self.values = match first {
            b'"' => {
                let mut texts = Bytes::new(rows);
                (0..rows).for_each(|_| texts.push_empty());
                Values::Text(texts)
            }
            b't' | b'f' => {
                let mut bits = BooleanBufferBuilder::new(rows + 1);
                bits.append_n(rows, false);
                Values::Boolean(bits)
            }
            b'-' | b'0'..=b'9' => Values::Int(vec![0; rows]),
            _ => return None,
        };
        *changed = true;
        Some(())
    }

    /// A null, or nothing where a value could be.
    pub fn missing(&mut self) -> Option<()> {
        (!self.required).then(|| self.push_null())
    }

    pub fn push_null(&mut self) {
        match &mut self.values {
            Values::Nothing => {}
            Values::Boolean(bits) => bits.append(false),
            Values::Int(numbers) => numbers.push(0),
            Values::Float(numbers) => numbers.push(0.0),
            Values::Text(texts) => texts.push_empty(),
            Values::Record(_, cells) => cells.iter_mut().for_each(Cell::push_null),
            Values::Items(ends, _) => ends.push(ends[ends.len() - 1]),
        }
        self.validity.null();
    }

    /// Cuts back to so many rows, whatever a failed read has left behind.
    pub fn truncate(&mut self, rows: usize) {
        match &mut self.values {
            Values::Nothing => {}
            Values::Boolean(bits) => bits.truncate(rows),
            Values::Int(numbers) => numbers.truncate(rows),
            Values::Float(numbers) => numbers.truncate(rows),
            Values::Text(texts) => texts.truncate(rows),
            Values::Record(_, cells) => cells.iter_mut().for_each(|cell| cell.truncate(rows)),
            Values::Items(ends, items) => {
                items.truncate(ends[rows] as usize);
                ends.truncate(rows + 1);
            }
        }
        self.validity.truncate(rows);
    }

    /// The type of the values.
    fn data_type(&self) -> DataType {
        match &self.values {
            Values::Nothing => DataType::Null,
            Values::Boolean(_) => DataType::Boolean,
            Values::Int(_) => DataType::Int64,
            Values::Float(_) => DataType::Float64,
            Values::Text(_) => DataType::Utf8,
            Values::Record(names, cells) => {
                let field = |(name, cell): (&String, &Cell)| Field::new(name, cell.data_type(), !cell.required);
                DataType::Struct(names.iter().zip(cells).map(field).collect::<Fields>())
            }
            Values::Items(_, items) => DataType::List(Field::new("item", items.data_type(), !items.required).into()),
        }
    }

    pub fn finish(mut self) -> ArrayData {
        let (rows, data_type) = (self.rows(), self.data_type());
        let column = ArrayData::builder(data_type).len(rows);
        let nulls = self.validity.finish();
        let column = match self.values {
            Values::Nothing => return ArrayData::new_null(&DataType::Null, rows),
            Values::Boolean(mut bits) => column.add_buffer(bits.finish().into_inner()),
            Values::Int(numbers) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Float(numbers) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Text(texts) => {
                let (ends, texts) = texts.finish();
                column.add_buffer(ends).add_buffer(texts)
            }
            Values::Record(_, cells) => column.child_data(cells.into_iter().map(Cell::finish).collect()),
            Values::Items(ends, items) => column.add_buffer(Buffer::from_vec(ends)).add_child_data(items.finish()),
        };
        // SAFETY: the buffers are of the type's kind, each with as many values as rows; offsets only ascend and end
        // where their values do; texts come from valid UTF-8.
        unsafe { column.nulls(nulls).build_unchecked() }
    }
}

/// An object's members in any order; what lacks is null. A name that is unknown or comes twice leaves it to the caller.
fn read_record(
    names: &[String],
    cells: &mut [Cell],
    row: usize,
    scanner: &mut Scanner<'_>,
    changed: &mut bool,
) -> Option<()> {
    scanner.expect(b'{')?;
    let mut next = 0;
    if !scanner.take(b'}') {
        loop {
            let name = scanner.string()?;
            // Members mostly come in the same order.
            let found = match names.get(next) {
                Some(expected) if *expected == name => next,
                _ => names.iter().position(|known| *known == name)?,
            };
            let cell = &mut cells[found];
            if cell.rows() != row {
                return None;
            }
            scanner.expect(b':')?;
            cell.read(scanner, changed)?;
            next = found + 1;
            if !scanner.take(b',') {
                break;
            }
        }
        scanner.expect(b'}')?;
    }
    cells.iter_mut().filter(|cell| cell.rows() == row).try_for_each(Cell::missing)
}

fn exact(number: i64) -> Option<f64> {
    (-EXACT..=EXACT).contains(&number).then_some(number as f64)
}
