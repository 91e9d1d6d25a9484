//! A column being read: messages in, one value at a time, an Arrow column out.

use std::collections::HashMap;

use arrow_buffer::{BooleanBufferBuilder, Buffer, i256};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::cursor::{Cursor, FIXED32, FIXED64, SIZED, VARINT};
use super::number::Form;
use super::reading_plan::{Field, Kind, Label};
use super::special;
use super::stop::{Result, Stop};
use crate::columns::decimal::Unscaled;
use crate::growing::{Bytes, Validity, offset, offsets};

/// The values read so far, all of one type, and how the next is read.
pub struct Reader<'p> {
    arrow: DataType,
    /// Of a wrapper: its value where the wrapper has none.
    wrapped: Option<&'p [u8]>,
    validity: Validity,
    values: Values<'p>,
}

enum Values<'p> {
    Boolean(BooleanBufferBuilder),
    Int32(Vec<i32>, Form),
    Int64(Vec<i64>, Form),
    UInt32(Vec<u32>, Form),
    UInt64(Vec<u64>, Form),
    Float(Vec<f32>),
    Double(Vec<f64>),
    String(Bytes),
    Bytes(Bytes),
    Enum(Bytes, &'p HashMap<i32, String>, bool),
    Timestamp(Vec<i64>),
    Date(Vec<i32>),
    Time(Vec<i64>),
    Decimal128(Vec<i128>, u8, i32),
    Decimal256(Vec<i256>, u8, i32),
    DecimalText(Bytes),
    Record(Record<'p>),
    Items(Vec<i32>, Box<Reader<'p>>),
    /// Offsets, the entries, and where in the message those of the row being read are.
    Map(Vec<i32>, Box<Reader<'p>>, Vec<(usize, usize)>),
}

struct Record<'p> {
    slots: Vec<Slot<'p>>,
    /// Numbers in ascending order, each with the index of its slot.
    numbers: Vec<(u32, usize)>,
    /// Slots that exclude each other.
    oneofs: Vec<Vec<usize>>,
}

/// A field of a record.
struct Slot<'p> {
    number: u32,
    wire: u8,
    label: &'p Label,
    reader: Reader<'p>,
}

/// A map's key, in the order in which entries are given.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Number(i128),
    Text(&'a [u8]),
}

impl<'p> Reader<'p> {
    /// A reader of values, with room for some rows; None if the plan is not for columns of this type.
    pub fn new(kind: &'p Kind, arrow: &DataType, rows: usize) -> Option<Self> {
        if let Kind::Wrapper(inner, missing) = kind {
            return Some(Self { wrapped: Some(missing), ..Self::new(inner, arrow, rows)? });
        }
        let values = Values::new(kind, arrow, rows)?;
        Some(Self { arrow: arrow.clone(), wrapped: None, validity: Validity::default(), values })
    }

    fn field(field: &'p Field, arrow: &DataType, rows: usize) -> Option<Self> {
        let values = match (&field.label, arrow) {
            (Label::Optional | Label::Default(_), _) => return Self::new(&field.kind, arrow, rows),
            (Label::Repeated, DataType::List(item)) => {
                Values::Items(offsets(rows), Box::new(Self::new(&field.kind, item.data_type(), 0)?))
            }
            (Label::Map, DataType::Map(entries, _)) => {
                Values::Map(offsets(rows), Box::new(Self::new(&field.kind, entries.data_type(), 0)?), Vec::new())
            }
            _ => return None,
        };
        Some(Self { arrow: arrow.clone(), wrapped: None, validity: Validity::default(), values })
    }

    pub fn rows(&self) -> usize {
        self.validity.rows()
    }

    /// Reads a message that ends where the cursor does.
    ///
    /// After a stop the column is to be cut back with [`Reader::truncate`].
    pub fn read_message(&mut self, message: Cursor<'_>) -> Result<()> {
        if self.wrapped.is_some() {
            return self.read_wrapper(message);
        }
        match &mut self.values {
            Values::Record(record) => record.read(message, self.validity.rows())?,
            values => values.read_content(message)?,
        }
        self.validity.valid();
        Ok(())
    }

    /// Reads one value of the wire type [`Reader::wire`].
    #[inline]
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        match &mut self.values {
            _ if self.wrapped.is_some() => return self.read_wrapper(cursor.sized()?),
            Values::Record(_) => return self.read_message(cursor.sized()?),
            values => values.read(cursor)?,
        }
        self.validity.valid();
        Ok(())
    }

    fn read_wrapper(&mut self, mut content: Cursor<'_>) -> Result<()> {
        let row = self.rows();
        let wire = self.values.wire();
        while !content.is_empty() {
            match content.tag()? {
                (1, found) if found == wire && self.rows() == row => {
                    self.values.read(&mut content)?;
                    self.validity.valid();
                }
                (1, _) => return Err(Stop::Left),
                (_, other) => content.skip(other)?,
            }
        }
        if self.rows() == row {
            self.values.read(&mut Cursor::new(self.wrapped.unwrap_or_default()))?;
            self.validity.valid();
        }
        Ok(())
    }

    /// The wire type of one value.
    fn wire(&self) -> u8 {
        match &self.values {
            _ if self.wrapped.is_some() => SIZED,
            Values::Items(_, items) => items.wire(),
            values => values.wire(),
        }
    }

    /// Adds a null.
    pub fn push_null(&mut self) {
        match &mut self.values {
            Values::Boolean(bits) => bits.append(false),
            Values::Int32(numbers, _) | Values::Date(numbers) => numbers.push(0),
            Values::Int64(numbers, _) | Values::Timestamp(numbers) | Values::Time(numbers) => numbers.push(0),
            Values::UInt32(numbers, _) => numbers.push(0),
            Values::UInt64(numbers, _) => numbers.push(0),
            Values::Float(numbers) => numbers.push(0.0),
            Values::Double(numbers) => numbers.push(0.0),
            Values::String(values) | Values::Bytes(values) | Values::DecimalText(values) => values.push_empty(),
            Values::Enum(values, _, _) => values.push_empty(),
            Values::Decimal128(numbers, _, _) => numbers.push(0),
            Values::Decimal256(numbers, _, _) => numbers.push(i256::ZERO),
            Values::Record(record) => record.slots.iter_mut().for_each(|slot| slot.reader.push_null()),
            Values::Items(offsets, _) | Values::Map(offsets, _, _) => {
                // Python has an empty list where the record that would hold it is null.
                offsets.push(offsets[offsets.len() - 1]);
                return self.validity.valid();
            }
        }
        self.validity.null();
    }

    /// Cuts back to so many rows, whatever a stopped read has left behind.
    pub fn truncate(&mut self, rows: usize) {
        match &mut self.values {
            Values::Boolean(bits) => bits.truncate(rows),
            Values::Int32(numbers, _) | Values::Date(numbers) => numbers.truncate(rows),
            Values::Int64(numbers, _) | Values::Timestamp(numbers) | Values::Time(numbers) => numbers.truncate(rows),
            Values::UInt32(numbers, _) => numbers.truncate(rows),
            Values::UInt64(numbers, _) => numbers.truncate(rows),
            Values::Float(numbers) => numbers.truncate(rows),
            Values::Double(numbers) => numbers.truncate(rows),
            Values::String(values) | Values::Bytes(values) | Values::DecimalText(values) => values.truncate(rows),
            Values::Enum(values, _, _) => values.truncate(rows),
            Values::Decimal128(numbers, _, _) => numbers.truncate(rows),
            Values::Decimal256(numbers, _, _) => numbers.truncate(rows),
            Values::Record(record) => record.slots.iter_mut().for_each(|slot| slot.reader.truncate(rows)),
            Values::Items(offsets, items) => {
                items.truncate(offsets[rows] as usize);
                offsets.truncate(rows + 1);
            }
            Values::Map(offsets, entries, spans) => {
                entries.truncate(offsets[rows] as usize);
                offsets.truncate(rows + 1);
                spans.clear();
            }
        }
        self.validity.truncate(rows);
    }

    /// The column.
    pub fn finish(mut self) -> ArrayData {
        let column = ArrayData::builder(self.arrow).len(self.validity.rows());
        let nulls = self.validity.finish();
        let column = match self.values {
            Values::Boolean(mut bits) => column.add_buffer(bits.finish().into_inner()),
            Values::Int32(numbers, _) | Values::Date(numbers) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Int64(numbers, _) | Values::Timestamp(numbers) | Values::Time(numbers) => {
                column.add_buffer(Buffer::from_vec(numbers))
            }
            Values::UInt32(numbers, _) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::UInt64(numbers, _) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Float(numbers) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Double(numbers) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::String(values)
            | Values::Bytes(values)
            | Values::DecimalText(values)
            | Values::Enum(values, _, _) => {
                let (offsets, values) = values.finish();
                column.add_buffer(offsets).add_buffer(values)
            }
            Values::Decimal128(numbers, _, _) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Decimal256(numbers, _, _) => column.add_buffer(Buffer::from_vec(numbers)),
            Values::Record(record) => {
                column.child_data(record.slots.into_iter().map(|slot| slot.reader.finish()).collect())
            }
            Values::Items(offsets, items) | Values::Map(offsets, items, _) => {
                column.add_buffer(Buffer::from_vec(offsets)).add_child_data(items.finish())
            }
        };
        // SAFETY: the buffers are of the type that `Values::new` chose them for, each with as many values as rows;
        // offsets only ascend and end where their values do; strings were checked one by one.
        unsafe { column.nulls(nulls).build_unchecked() }
    }
}

impl<'p> Values<'p> {
    fn new(kind: &'p Kind, arrow: &DataType, rows: usize) -> Option<Self> {
        Some(match (kind, arrow) {
            (Kind::Boolean, DataType::Boolean) => Values::Boolean(BooleanBufferBuilder::new(rows)),
            (Kind::Int32(form), DataType::Int32) => Values::Int32(Vec::with_capacity(rows), *form),
            (Kind::Int64(form), DataType::Int64) => Values::Int64(Vec::with_capacity(rows), *form),
            (Kind::UInt32(form), DataType::UInt32) => Values::UInt32(Vec::with_capacity(rows), *form),
            (Kind::UInt64(form), DataType::UInt64) => Values::UInt64(Vec::with_capacity(rows), *form),
            (Kind::Float, DataType::Float32) => Values::Float(Vec::with_capacity(rows)),
            (Kind::Double, DataType::Float64) => Values::Double(Vec::with_capacity(rows)),
            (Kind::String, DataType::Utf8) => Values::String(Bytes::new(rows)),
            (Kind::Bytes, DataType::Binary) => Values::Bytes(Bytes::new(rows)),
            (Kind::Enum(names, open), DataType::Utf8) => Values::Enum(Bytes::new(rows), names, *open),
            (Kind::Timestamp, DataType::Timestamp(..)) => Values::Timestamp(Vec::with_capacity(rows)),
            (Kind::Date, DataType::Date32) => Values::Date(Vec::with_capacity(rows)),
            (Kind::Time, DataType::Time64(_)) => Values::Time(Vec::with_capacity(rows)),
            (Kind::Decimal(precision, scale), DataType::Decimal128(..)) => {
                Values::Decimal128(Vec::with_capacity(rows), *precision, *scale)
            }
            (Kind::Decimal(precision, scale), DataType::Decimal256(..)) => {
                Values::Decimal256(Vec::with_capacity(rows), *precision, *scale)
            }
            (Kind::DecimalText, DataType::Utf8) => Values::DecimalText(Bytes::new(rows)),
            (Kind::Record(fields), DataType::Struct(columns)) if fields.len() == columns.len() => {
                let slots = fields.iter().zip(columns).map(|(field, column)| {
                    let reader = Reader::field(field, column.data_type(), rows)?;
                    Some(Slot { number: field.number, wire: reader.wire(), label: &field.label, reader })
                });
                Values::Record(Record::new(fields, slots.collect::<Option<_>>()?))
            }
            _ => return None,
        })
    }

    fn wire(&self) -> u8 {
        match self {
            Values::Boolean(_) | Values::Enum(..) => VARINT,
            Values::Int32(_, form) | Values::UInt32(_, form) => form.wire(32),
            Values::Int64(_, form) | Values::UInt64(_, form) => form.wire(64),
            Values::Float(_) => FIXED32,
            Values::Double(_) => FIXED64,
            _ => SIZED,
        }
    }

    /// Reads one value.
    #[inline]
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        match self {
            Values::Boolean(bits) => bits.append(cursor.varint()? != 0),
            Values::Int32(numbers, form) => numbers.push(form.read32(cursor)? as i32),
            Values::Int64(numbers, form) => numbers.push(form.read64(cursor)? as i64),
            Values::UInt32(numbers, form) => numbers.push(form.read32(cursor)?),
            Values::UInt64(numbers, form) => numbers.push(form.read64(cursor)?),
            Values::Float(numbers) => numbers.push(f32::from_le_bytes(cursor.array()?)),
            Values::Double(numbers) => numbers.push(f64::from_le_bytes(cursor.array()?)),
            Values::String(texts) => {
                let text = cursor.sized()?.rest();
                if std::str::from_utf8(text).is_err() {
                    return Err(Stop::Left);
                }
                texts.push(text)?;
            }
            Values::Bytes(values) => values.push(cursor.sized()?.rest())?,
            Values::Enum(texts, names, open) => {
                let number = cursor.varint()? as i32;
                match names.get(&number) {
                    Some(name) => texts.push(name.as_bytes())?,
                    None if *open => texts.push(number.to_string().as_bytes())?,
                    // A closed enum keeps such a number among the fields that it does not know.
                    None => return Err(Stop::Left),
                }
            }
            other => other.read_content(cursor.sized()?)?,
        }
        Ok(())
    }

    /// Reads a message that stands for a single value.
    fn read_content(&mut self, content: Cursor<'_>) -> Result<()> {
        match self {
            Values::Timestamp(numbers) => numbers.push(special::micros(content)?),
            Values::Date(numbers) => numbers.push(special::days(content)?),
            Values::Time(numbers) => numbers.push(special::time(content)?),
            Values::Decimal128(numbers, precision, scale) => {
                let number = i128::from_big_endian(scaled(content, *scale)?, *precision);
                numbers.push(number.ok_or(Stop::Left)?);
            }
            Values::Decimal256(numbers, precision, scale) => {
                let number = i256::from_big_endian(scaled(content, *scale)?, *precision);
                numbers.push(number.ok_or(Stop::Left)?);
            }
            Values::DecimalText(texts) => {
                let (bytes, scale) = special::decimal(content)?;
                let number = i128::from_big_endian(bytes, 38).ok_or(Stop::Left)?;
                let scale = usize::try_from(scale).ok().filter(|scale| *scale <= 38).ok_or(Stop::Left)?;
                texts.push(special::text(number, scale).as_bytes())?;
            }
            _ => return Err(Stop::Left),
        }
        Ok(())
    }

    /// The next value as a map's key.
    fn key<'a>(&self, cursor: &mut Cursor<'a>) -> Result<Key<'a>> {
        Ok(match self {
            Values::Boolean(_) => Key::Number(i128::from(cursor.varint()? != 0)),
            Values::Int32(_, form) => Key::Number((form.read32(cursor)? as i32).into()),
            Values::Int64(_, form) => Key::Number((form.read64(cursor)? as i64).into()),
            Values::UInt32(_, form) => Key::Number(form.read32(cursor)?.into()),
            Values::UInt64(_, form) => Key::Number(form.read64(cursor)?.into()),
            Values::String(_) => Key::Text(cursor.sized()?.rest()),
            _ => return Err(Stop::Left),
        })
    }
}

/// The unscaled number of a decimal with just this scale.
fn scaled(content: Cursor<'_>, wanted: i32) -> Result<&[u8]> {
    let (bytes, scale) = special::decimal(content)?;
    if scale == wanted { Ok(bytes) } else { Err(Stop::Left) }
}

impl<'p> Record<'p> {
    fn new(fields: &'p [Field], slots: Vec<Slot<'p>>) -> Self {
        let mut numbers: Vec<_> = fields.iter().enumerate().map(|(index, field)| (field.number, index)).collect();
        numbers.sort_unstable();
        let groups = fields.iter().filter_map(|field| field.oneof).max().map_or(0, |last| last + 1);
        let of_group = |group| {
            let members = fields.iter().enumerate().filter(|(_, field)| field.oneof == Some(group));
            members.map(|(index, _)| index).collect()
        };
        Self { slots, numbers, oneofs: (0..groups).map(of_group).collect() }
    }

    fn read(&mut self, mut message: Cursor<'_>, row: usize) -> Result<()> {
        let mut next = 0;
        while !message.is_empty() {
            let (number, wire) = message.tag()?;
            match self.slot(number, next) {
                Some(at) => {
                    self.slots[at].read(wire, &mut message, row)?;
                    next = at + 1;
                }
                None => message.skip(wire)?,
            }
        }
        for members in &self.oneofs {
            if members.iter().filter(|at| self.slots[**at].reader.rows() > row).count() > 1 {
                return Err(Stop::Left);
            }
        }
        self.slots.iter_mut().try_for_each(|slot| slot.end(message, row))
    }

    /// The index of the slot with a number: most messages have their fields in order.
    #[inline]
    fn slot(&self, number: u32, next: usize) -> Option<usize> {
        match self.slots.get(next) {
            Some(slot) if slot.number == number => Some(next),
            _ => {
                let at = self.numbers.binary_search_by_key(&number, |(number, _)| *number).ok()?;
                Some(self.numbers[at].1)
            }
        }
    }
}

impl Slot<'_> {
    #[inline]
    fn read(&mut self, wire: u8, cursor: &mut Cursor<'_>, row: usize) -> Result<()> {
        let fresh = self.reader.rows() == row;
        match &mut self.reader.values {
            Values::Items(_, items) if wire == self.wire => items.read(cursor),
            Values::Items(_, items) if wire == SIZED => {
                let mut packed = cursor.sized()?;
                while !packed.is_empty() {
                    items.read(&mut packed)?;
                }
                Ok(())
            }
            Values::Map(_, _, spans) if wire == SIZED => {
                spans.push(cursor.sized()?.span());
                Ok(())
            }
            // The last of several counts, and messages are merged: no writer does it without need.
            _ if wire == self.wire && fresh => self.reader.read(cursor),
            _ => Err(Stop::Left),
        }
    }

    /// Completes the row, of which the whole message has been read.
    fn end(&mut self, message: Cursor<'_>, row: usize) -> Result<()> {
        if self.reader.rows() > row {
            return Ok(());
        }
        match (&mut self.reader.values, self.label) {
            (Values::Items(offsets, items), _) => offsets.push(offset(items.rows())?),
            (Values::Map(offsets, entries, spans), _) => {
                read_entries(entries, spans, message)?;
                spans.clear();
                offsets.push(offset(entries.rows())?);
            }
            (_, Label::Default(value)) => return self.reader.read(&mut Cursor::new(value)),
            _ => {
                self.reader.push_null();
                return Ok(());
            }
        }
        self.reader.validity.valid();
        Ok(())
    }
}

/// Reads a map's entries in the order of their keys, which is the one thing that all writers can agree on.
fn read_entries(entries: &mut Reader<'_>, spans: &[(usize, usize)], message: Cursor<'_>) -> Result<()> {
    let Values::Record(record) = &entries.values else { return Err(Stop::Left) };
    let [keys, _] = record.slots.as_slice() else { return Err(Stop::Left) };
    let mut keyed = Vec::with_capacity(spans.len());
    for span in spans {
        let mut entry = message.part(*span);
        let mut key = None;
        while !entry.is_empty() {
            match entry.tag()? {
                (1, wire) if wire == keys.wire && key.is_none() => {
                    key = Some(keys.reader.values.key(&mut entry)?);
                }
                (1, _) => return Err(Stop::Left),
                (_, wire) => entry.skip(wire)?,
            }
        }
        let key = match (key, keys.label) {
            (Some(key), _) => key,
            (None, Label::Default(value)) => keys.reader.values.key(&mut Cursor::new(value))?,
            (None, _) => return Err(Stop::Left),
        };
        keyed.push((key, *span));
    }
    keyed.sort_unstable();
    if keyed.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(Stop::Left);
    }
    keyed.iter().try_for_each(|(_, span)| entries.read_message(message.part(*span)))
}
