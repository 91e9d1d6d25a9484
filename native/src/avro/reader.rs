//! A column being read: Avro data in, one value at a time, an Arrow column out.

use arrow_array::types::IntervalMonthDayNanoType;
use arrow_buffer::{BooleanBufferBuilder, Buffer, IntervalMonthDayNano, i256};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::cursor::Cursor;
use super::least_size::{MAX_WEIGHTLESS, least_size};
use super::schema::{AvroType, Kind};
use crate::columns::decimal::Unscaled;
use crate::fault::{Result, cut_off, fault};
use crate::growing::{Bytes, Validity, offset, offsets};

/// The values read so far, all of one type, and how the next is read.
pub struct Reader {
    path: String,
    arrow: DataType,
    choice: Option<Choice>,
    validity: Validity,
    values: Values,
}

/// A union of one type and, perhaps, null.
struct Choice {
    value: i64,
    null: Option<i64>,
    branches: usize,
}

enum Values {
    Null,
    Boolean(BooleanBufferBuilder),
    Int(Vec<i32>, Option<Day>),
    Long(Vec<i64>, Option<Day>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    String(Bytes),
    Bytes(Bytes),
    Fixed(Vec<u8>, usize),
    Decimal128(Vec<i128>, Digits),
    Decimal256(Vec<i256>, Digits),
    Duration(Vec<IntervalMonthDayNano>),
    Enum(Bytes, String, Vec<String>),
    /// Readers of the branches; null has none.
    Union(Vec<Option<Reader>>),
    Record(Vec<Reader>),
    /// Offsets, the items, the fewest bytes an item takes.
    Items(Vec<i32>, Box<Reader>, usize),
}

/// A logical type within a day.
struct Day {
    name: String,
    units: i64,
}

struct Digits {
    precision: u8,
    fixed: Option<usize>,
}

impl Reader {
    /// A reader of values of a schema, with room for some rows.
    pub fn new(schema: &AvroType, path: &str, rows: usize) -> Self {
        if let Kind::Union(branches) = &schema.kind {
            let mut others = branches.iter().enumerate().filter(|(_, (_, branch))| !matches!(branch.kind, Kind::Null));
            if let (Some((value, (_, only))), None) = (others.next(), others.next()) {
                let null = branches.iter().position(|(_, branch)| matches!(branch.kind, Kind::Null));
                let choice =
                    Choice { value: value as i64, null: null.map(|index| index as i64), branches: branches.len() };
                return Self { choice: Some(choice), ..Self::new(only, path, rows) };
            }
        }
        let values = Values::new(schema, &schema.arrow, path, rows);
        Self { path: path.to_owned(), arrow: schema.arrow.clone(), choice: None, validity: Validity::default(), values }
    }

    /// Entries of a map, whose Arrow type is the map's and not the schema's own.
    fn entries(values: Values, arrow: &DataType, path: String) -> Box<Self> {
        let DataType::Map(entries, _) = arrow else { unreachable!("the Arrow type of a map is a map") };
        let arrow = entries.data_type().clone();
        Box::new(Self { path, arrow, choice: None, validity: Validity::default(), values })
    }

    pub fn rows(&self) -> usize {
        self.validity.rows()
    }

    /// Reads one value.
    ///
    /// After a fault the column is to be cut back with [`Reader::truncate`].
    #[inline]
    pub fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        if let Some(choice) = &self.choice {
            let index = cursor.long(&self.path)?;
            if Some(index) == choice.null {
                self.push_null();
                return Ok(());
            }
            if index != choice.value {
                return Err(no_branch(&self.path, index, choice.branches));
            }
        }
        self.read_value(cursor)
    }

    fn read_value(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let path = self.path.as_str();
        match &mut self.values {
            Values::Null => {}
            Values::Boolean(bits) => {
                let [byte] = cursor.array(path)?;
                if byte > 1 {
                    let rule = format!("is a boolean with byte 0x{byte:02x}, and only 0 and 1 are valid");
                    return Err(fault(path, rule));
                }
                bits.append(byte == 1);
            }
            Values::Int(numbers, day) => {
                let number = cursor.long(path)?;
                let fits = i32::try_from(number);
                numbers.push(fits.map_err(|_| fault(path, format!("is {number}, which does not fit Avro int")))?);
                within(number, day.as_ref(), path)?;
            }
            Values::Long(numbers, day) => {
                let number = cursor.long(path)?;
                numbers.push(number);
                within(number, day.as_ref(), path)?;
            }
            Values::Float(numbers) => numbers.push(f32::from_le_bytes(cursor.array(path)?)),
            Values::Double(numbers) => numbers.push(f64::from_le_bytes(cursor.array(path)?)),
            Values::String(texts) => {
                let text = cursor.sized(path)?;
                if std::str::from_utf8(text).is_err() {
                    return Err(fault(path, "is a string that is not valid UTF-8"));
                }
                texts.push(text)?;
            }
            Values::Bytes(values) => values.push(cursor.sized(path)?)?,
            Values::Fixed(bytes, size) => bytes.extend_from_slice(cursor.take(*size, path)?),
            Values::Decimal128(numbers, digits) => numbers.push(digits.read(cursor, path)?),
            Values::Decimal256(numbers, digits) => numbers.push(digits.read(cursor, path)?),
            Values::Duration(intervals) => intervals.push(duration(cursor, path)?),
            Values::Enum(texts, name, symbols) => {
                let index = cursor.long(path)?;
                let symbol = usize::try_from(index).ok().and_then(|index| symbols.get(index)).ok_or_else(|| {
                    fault(path, format!("is symbol {index} of enum {name}, which has {} symbols", symbols.len()))
                })?;
                texts.push(symbol.as_bytes())?;
            }
            Values::Union(branches) => {
                let index = cursor.long(path)?;
                let chosen = usize::try_from(index).ok().filter(|chosen| *chosen < branches.len());
                let chosen = chosen.ok_or_else(|| no_branch(path, index, branches.len()))?;
                if branches[chosen].is_none() {
                    self.push_null();
                    return Ok(());
                }
                for (index, branch) in branches.iter_mut().enumerate() {
                    match branch {
                        Some(branch) if index == chosen => branch.read(cursor)?,
                        Some(branch) => branch.push_null(),
                        None => {}
                    }
                }
            }
            Values::Record(fields) => {
                for field in fields {
                    field.read(cursor)?;
                }
            }
            Values::Items(offsets, items, least) => {
                read_blocks(items, *least, cursor, path)?;
                offsets.push(offset(items.rows())?);
            }
        }
        self.validity.valid();
        Ok(())
    }

    /// Adds a null.
    pub fn push_null(&mut self) {
        match &mut self.values {
            Values::Null => {}
            Values::Boolean(bits) => bits.append(false),
            Values::Int(numbers, _) => numbers.push(0),
            Values::Long(numbers, _) => numbers.push(0),
            Values::Float(numbers) => numbers.push(0.0),
            Values::Double(numbers) => numbers.push(0.0),
            Values::String(values) | Values::Bytes(values) | Values::Enum(values, _, _) => values.push_empty(),
            Values::Fixed(bytes, size) => bytes.resize(bytes.len() + *size, 0),
            Values::Decimal128(numbers, _) => numbers.push(0),
            Values::Decimal256(numbers, _) => numbers.push(i256::ZERO),
            Values::Duration(intervals) => intervals.push(IntervalMonthDayNano::ZERO),
            Values::Union(branches) => branches.iter_mut().flatten().for_each(Reader::push_null),
            Values::Record(fields) => fields.iter_mut().for_each(Reader::push_null),
            Values::Items(offsets, _, _) => offsets.push(offsets[offsets.len() - 1]),
        }
        self.validity.null();
    }

    /// Cuts back to so many rows, whatever a failed read has left behind.
    pub fn truncate(&mut self, rows: usize) {
        match &mut self.values {
            Values::Null => {}
            Values::Boolean(bits) => bits.truncate(rows),
            Values::Int(numbers, _) => numbers.truncate(rows),
            Values::Long(numbers, _) => numbers.truncate(rows),
            Values::Float(numbers) => numbers.truncate(rows),
            Values::Double(numbers) => numbers.truncate(rows),
            Values::String(values) | Values::Bytes(values) | Values::Enum(values, _, _) => values.truncate(rows),
            Values::Fixed(bytes, size) => bytes.truncate(rows * *size),
            Values::Decimal128(numbers, _) => numbers.truncate(rows),
            Values::Decimal256(numbers, _) => numbers.truncate(rows),
            Values::Duration(intervals) => intervals.truncate(rows),
            Values::Union(branches) => branches.iter_mut().flatten().for_each(|branch| branch.truncate(rows)),
            Values::Record(fields) => fields.iter_mut().for_each(|field| field.truncate(rows)),
            Values::Items(offsets, items, _) => {
                items.truncate(offsets[rows] as usize);
                offsets.truncate(rows + 1);
            }
        }
        self.validity.truncate(rows);
    }

    /// The column.
    pub fn finish(mut self) -> ArrayData {
        let rows = self.rows();
        if self.arrow == DataType::Null {
            // The null type has neither buffers nor a validity.
            return ArrayData::new_null(&DataType::Null, rows);
        }
        let column = ArrayData::builder(self.arrow).len(rows);
        let nulls = self.validity.finish();
        let column = match self.values {
            Values::Null => column,
            Values::Boolean(mut bits) => column.add_buffer(bits.finish().into_inner()),
            Values::Int(numbers, _) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Long(numbers, _) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Float(numbers) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Double(numbers) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::String(values) | Values::Bytes(values) | Values::Enum(values, _, _) => {
                let (offsets, values) = values.finish();
                column.add_buffer(offsets).add_buffer(values)
            }
            Values::Fixed(bytes, _) => column.add_buffer(Buffer::from_vec(bytes)),
            Values::Decimal128(numbers, _) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Decimal256(numbers, _) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Duration(intervals) => column.add_buffer(Buffer::from_vec(intervals)),
            Values::Union(branches) => column.child_data(branches.into_iter().flatten().map(Reader::finish).collect()),
            Values::Record(fields) => column.child_data(fields.into_iter().map(Reader::finish).collect()),
            Values::Items(offsets, items, _) => {
                column.add_buffer(Buffer::from_vec(offsets)).add_child_data(items.finish())
            }
        };
        // SAFETY: the buffers are of the type that `Values::new` chose them for, each with as many values as rows;
        // offsets only ascend and end where their values do; strings were checked one by one.
        unsafe { column.nulls(nulls).build_unchecked() }
    }
}

impl Values {
    fn new(schema: &AvroType, arrow: &DataType, path: &str, rows: usize) -> Self {
        match &schema.kind {
            Kind::Null => Values::Null,
            Kind::Boolean => Values::Boolean(BooleanBufferBuilder::new(rows)),
            Kind::Integer { int, day } => {
                let day = day.as_ref().map(|(name, units)| Day { name: name.clone(), units: *units });
                if *int {
                    Values::Int(Vec::with_capacity(rows), day)
                } else {
                    Values::Long(Vec::with_capacity(rows), day)
                }
            }
            Kind::Float => Values::Float(Vec::with_capacity(rows)),
            Kind::Double => Values::Double(Vec::with_capacity(rows)),
            Kind::String => Values::String(Bytes::new(rows)),
            Kind::Bytes => Values::Bytes(Bytes::new(rows)),
            Kind::Fixed(size) => Values::Fixed(Vec::with_capacity(rows * size), *size),
            Kind::Decimal { precision, fixed } => {
                let digits = Digits { precision: *precision, fixed: *fixed };
                match arrow {
                    DataType::Decimal128(..) => Values::Decimal128(Vec::with_capacity(rows), digits),
                    _ => Values::Decimal256(Vec::with_capacity(rows), digits),
                }
            }
            Kind::Duration => Values::Duration(Vec::with_capacity(rows)),
            Kind::Enum { name, symbols } => Values::Enum(Bytes::new(rows), name.clone(), symbols.clone()),
            Kind::Union(branches) if matches!(arrow, DataType::Null) => {
                // Only null is left: the index has to be read all the same.
                Values::Union(branches.iter().map(|_| None).collect())
            }
            Kind::Union(branches) => Values::Union(
                branches
                    .iter()
                    .map(|(name, branch)| match branch.kind {
                        Kind::Null => None,
                        _ => Some(Reader::new(branch, &format!("{path}.{name}"), rows)),
                    })
                    .collect(),
            ),
            Kind::Record(fields) => Values::record(fields, path, rows),
            Kind::Array(element) => {
                let inner = format!("{path}[]");
                let items = match (arrow, &element.kind) {
                    (DataType::Map(..), Kind::Record(fields)) => {
                        Reader::entries(Values::record(fields, &inner, 0), arrow, inner)
                    }
                    _ => Box::new(Reader::new(element, &inner, 0)),
                };
                Values::Items(offsets(rows), items, least_size(element))
            }
            Kind::Map(element) => {
                let inner = format!("{path}{{}}");
                let key = AvroType { kind: Kind::String, arrow: DataType::Utf8 };
                let fields = vec![Reader::new(&key, &inner, 0), Reader::new(element, &inner, 0)];
                Values::Items(
                    offsets(rows),
                    Reader::entries(Values::Record(fields), arrow, inner),
                    1 + least_size(element),
                )
            }
        }
    }

    fn record(fields: &[(String, AvroType)], path: &str, rows: usize) -> Self {
        let inner = |name: &str| {
            if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
        };
        Values::Record(fields.iter().map(|(name, field)| Reader::new(field, &inner(name), rows)).collect())
    }
}

impl Digits {
    fn read<T: Unscaled>(&self, cursor: &mut Cursor<'_>, path: &str) -> Result<T> {
        let bytes = match self.fixed {
            Some(size) => cursor.take(size, path)?,
            None => cursor.sized(path)?,
        };
        T::from_big_endian(bytes, self.precision)
            .ok_or_else(|| fault(path, format!("has more than the {} digits of its decimal type", self.precision)))
    }
}

fn within(number: i64, day: Option<&Day>, path: &str) -> Result<()> {
    match day {
        Some(day) if !(0..day.units).contains(&number) => {
            Err(fault(path, format!("is {number}, which is no {} within a day", day.name)))
        }
        _ => Ok(()),
    }
}

fn duration(cursor: &mut Cursor<'_>, path: &str) -> Result<IntervalMonthDayNano> {
    if cursor.left() < 12 {
        return Err(cut_off(path));
    }
    let [months, days, millis] =
        [cursor.array(path)?, cursor.array(path)?, cursor.array(path)?].map(u32::from_le_bytes);
    match (i32::try_from(months), i32::try_from(days)) {
        (Ok(months), Ok(days)) => Ok(IntervalMonthDayNanoType::make_value(months, days, i64::from(millis) * 1_000_000)),
        _ => {
            let rule = format!("is a duration of {months} months and {days} days, and at most {} fit", i32::MAX);
            Err(fault(path, rule))
        }
    }
}

fn read_blocks(items: &mut Reader, least: usize, cursor: &mut Cursor<'_>, path: &str) -> Result<()> {
    let start = items.rows();
    loop {
        let count = cursor.long(path)?;
        if count == 0 {
            return Ok(());
        }
        if count < 0 {
            cursor.length(path)?;
        }
        let count = count.unsigned_abs();
        let room = match least {
            0 => MAX_WEIGHTLESS - (items.rows() - start),
            _ => cursor.left() / least,
        };
        if count > room as u64 {
            let rule = format!("has a block of {count} items, and the message has room for {room}");
            return Err(fault(path, rule));
        }
        for _ in 0..count {
            items.read(cursor)?;
        }
    }
}

#[cold]
fn no_branch(path: &str, index: i64, branches: usize) -> Box<crate::fault::Fault> {
    fault(path, format!("is branch {index} of a union that has {branches} branches"))
}
