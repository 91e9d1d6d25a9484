//! A plan with the columns of one batch: writes a row's message.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Decimal256Type};
use arrow_array::{Array, StructArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer, i256};
use arrow_schema::DataType;

use super::number::put_varint;
use super::special;
use super::stop::{Result, Stop};
use super::writing_plan::{How, Plan, Put};
use crate::columns::binaries::Binaries;
use crate::columns::decimal::{Unscaled, shortest};
use crate::columns::floats::Floats;
use crate::columns::integers::Integers;
use crate::columns::places::Places;
use crate::columns::uuid::uuid_text;

const SECOND: i128 = 1_000_000_000;

/// Writes rows of one column, without tags.
pub enum Writer<'p> {
    /// A dictionary's keys, and the writer of its values.
    Indexed(Vec<usize>, Box<Writer<'p>>),
    Boolean(BooleanBuffer),
    Varint((i128, i128), Integers),
    Zigzag((i128, i128), Integers),
    Fixed32((i128, i128), Integers),
    Fixed64((i128, i128), Integers),
    Float(Floats),
    Double(Floats),
    Sized(Binaries),
    Uuid(Binaries),
    Enum(HashMap<&'p [u8], i32>, Binaries),
    Message(Message<'p>),
    Wrapper(Box<Field<'p>>),
    Timestamp(i128, Integers),
    Date(ScalarBuffer<i32>),
    Time(i128, Integers),
    Decimal128(u32, i32, ScalarBuffer<i128>),
    Decimal256(u32, i32, ScalarBuffer<i256>),
}

pub struct Message<'p> {
    fields: Vec<Field<'p>>,
    /// Fields that exclude each other.
    oneofs: Vec<Vec<usize>>,
}

pub struct Field<'p> {
    put: &'p Put,
    nulls: Option<NullBuffer>,
    /// Of a list or map: where its items are and which of them are null.
    places: Option<(Places, Option<NullBuffer>)>,
    writer: Writer<'p>,
}

impl<'p> Writer<'p> {
    /// Binds a plan to a column; None if the plan is not for columns of this type.
    pub fn new(plan: &'p Plan, column: &dyn Array) -> Option<Self> {
        if let DataType::Dictionary(..) = column.data_type() {
            let dictionary = column.as_any_dictionary();
            let values = dictionary.values();
            let keys = if values.is_empty() { vec![0; column.len()] } else { dictionary.normalized_keys() };
            return Some(Writer::Indexed(keys, Box::new(Writer::new(plan, values)?)));
        }
        Some(match plan {
            Plan::Boolean => Writer::Boolean(column.as_boolean_opt()?.values().clone()),
            Plan::Varint(range) => Writer::Varint(*range, Integers::new(column)?),
            Plan::Zigzag(range) => Writer::Zigzag(*range, Integers::new(column)?),
            Plan::Fixed32(range) => Writer::Fixed32(*range, Integers::new(column)?),
            Plan::Fixed64(range) => Writer::Fixed64(*range, Integers::new(column)?),
            Plan::Float => Writer::Float(Floats::new(column)?),
            Plan::Double => Writer::Double(Floats::new(column)?),
            Plan::Sized => Writer::Sized(Binaries::new(column)?),
            Plan::Uuid => Writer::Uuid(Binaries::new(column)?),
            Plan::Enum(numbers) => {
                let numbers = numbers.iter().map(|(name, number)| (name.as_bytes(), *number));
                Writer::Enum(numbers.collect(), Binaries::new(column)?)
            }
            Plan::Message(puts) => Writer::Message(Message::new(puts, column.as_struct_opt()?)?),
            Plan::Wrapper(put) => Writer::Wrapper(Box::new(Field::new(put, column)?)),
            Plan::Timestamp(unit) => Writer::Timestamp((*unit).into(), Integers::new(column)?),
            Plan::Date => Writer::Date(column.as_primitive_opt::<Date32Type>()?.values().clone()),
            Plan::Time(unit) => Writer::Time((*unit).into(), Integers::new(column)?),
            Plan::Decimal(precision, scale) => match column.data_type() {
                DataType::Decimal128(..) => {
                    Writer::Decimal128(*precision, *scale, column.as_primitive::<Decimal128Type>().values().clone())
                }
                DataType::Decimal256(..) => {
                    Writer::Decimal256(*precision, *scale, column.as_primitive::<Decimal256Type>().values().clone())
                }
                _ => return None,
            },
        })
    }

    /// Appends the fields of a row's message. After a stop what was appended is to be cut off.
    pub fn write_message(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Writer::Indexed(keys, values) => values.write_message(keys[row], out)?,
            Writer::Message(message) => message.write(row, out)?,
            Writer::Wrapper(field) => field.write(row, out)?,
            Writer::Timestamp(unit, numbers) => {
                let nanos = numbers.get(row) * unit;
                put_number(0x08, nanos.div_euclid(SECOND) as i64, out);
                put_number(0x10, nanos.rem_euclid(SECOND) as i64, out);
            }
            Writer::Date(days) => {
                let date = special::date(days[row]).ok_or(Stop::Left)?;
                [0x08, 0x10, 0x18].into_iter().zip(date).for_each(|(tag, part)| put_number(tag, part, out));
            }
            Writer::Time(unit, numbers) => {
                let nanos = numbers.get(row) * unit;
                let seconds = (nanos.div_euclid(SECOND)) as i64;
                if !(0..86_400).contains(&seconds) {
                    return Err(Stop::Left);
                }
                let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60, nanos.rem_euclid(SECOND) as i64];
                [0x08, 0x10, 0x18, 0x20].into_iter().zip(parts).for_each(|(tag, part)| put_number(tag, part, out));
            }
            Writer::Decimal128(precision, scale, numbers) => put_decimal(numbers[row], *precision, *scale, out),
            Writer::Decimal256(precision, scale, numbers) => put_decimal(numbers[row], *precision, *scale, out),
            _ => return Err(Stop::Left),
        }
        Ok(())
    }

    /// Appends a row's value.
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Writer::Indexed(keys, values) => values.write(keys[row], out)?,
            Writer::Boolean(bits) => out.push(u8::from(bits.value(row))),
            Writer::Varint(range, numbers) => put_varint(within(range, numbers.get(row))? as u64, out),
            Writer::Zigzag(range, numbers) => {
                let number = within(range, numbers.get(row))? as i64;
                put_varint(((number << 1) ^ (number >> 63)) as u64, out);
            }
            Writer::Fixed32(range, numbers) => {
                out.extend_from_slice(&(within(range, numbers.get(row))? as u32).to_le_bytes());
            }
            Writer::Fixed64(range, numbers) => {
                out.extend_from_slice(&(within(range, numbers.get(row))? as u64).to_le_bytes());
            }
            Writer::Float(numbers) => out.extend_from_slice(&(numbers.get(row) as f32).to_le_bytes()),
            Writer::Double(numbers) => out.extend_from_slice(&numbers.get(row).to_le_bytes()),
            Writer::Sized(values) => put_sized(values.get(row), out),
            Writer::Uuid(values) => put_sized(uuid_text(values.get(row)).as_bytes(), out),
            Writer::Enum(numbers, values) => {
                let number = numbers.get(values.get(row)).ok_or(Stop::Left)?;
                put_varint(i64::from(*number) as u64, out);
            }
            _ => {
                let start = out.len();
                out.push(0);
                self.write_message(row, out)?;
                put_length_before(start, out);
            }
        }
        Ok(())
    }

    /// Whether a value is the one that needs not be written.
    fn is_default(&self, row: usize) -> Result<bool> {
        Ok(match self {
            Writer::Indexed(keys, values) => values.is_default(keys[row])?,
            Writer::Boolean(bits) => !bits.value(row),
            Writer::Varint(_, numbers)
            | Writer::Zigzag(_, numbers)
            | Writer::Fixed32(_, numbers)
            | Writer::Fixed64(_, numbers) => numbers.get(row) == 0,
            Writer::Float(numbers) => (numbers.get(row) as f32).to_bits() == 0,
            Writer::Double(numbers) => numbers.get(row).to_bits() == 0,
            Writer::Sized(values) => values.get(row).is_empty(),
            Writer::Enum(numbers, values) => *numbers.get(values.get(row)).ok_or(Stop::Left)? == 0,
            _ => false,
        })
    }

    /// Whether one key of a map comes before another.
    fn compare(&self, one: usize, other: usize) -> std::cmp::Ordering {
        match self {
            Writer::Indexed(keys, values) => values.compare(keys[one], keys[other]),
            Writer::Boolean(bits) => bits.value(one).cmp(&bits.value(other)),
            Writer::Varint(_, numbers)
            | Writer::Zigzag(_, numbers)
            | Writer::Fixed32(_, numbers)
            | Writer::Fixed64(_, numbers) => numbers.get(one).cmp(&numbers.get(other)),
            Writer::Sized(values) => values.get(one).cmp(values.get(other)),
            _ => std::cmp::Ordering::Equal,
        }
    }
}

impl<'p> Message<'p> {
    fn new(puts: &'p [Put], column: &StructArray) -> Option<Self> {
        let fields: Vec<_> =
            puts.iter().map(|put| Field::new(put, column.columns().get(put.column)?)).collect::<Option<_>>()?;
        let groups = puts.iter().filter_map(|put| put.oneof).max().map_or(0, |last| last + 1);
        let of_group = |group| {
            let members = puts.iter().enumerate().filter(|(_, put)| put.oneof == Some(group));
            members.map(|(index, _)| index).collect()
        };
        Some(Self { fields, oneofs: (0..groups).map(of_group).collect() })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        for members in &self.oneofs {
            if members.iter().filter(|at| !self.fields[**at].is_null(row)).count() > 1 {
                return Err(Stop::Left);
            }
        }
        self.fields.iter().try_for_each(|field| field.write(row, out))
    }
}

impl<'p> Field<'p> {
    fn new(put: &'p Put, column: &dyn Array) -> Option<Self> {
        let nulls = column.logical_nulls();
        if !matches!(put.how, How::Repeated | How::Packed | How::Map) {
            return Some(Self { put, nulls, places: None, writer: Writer::new(&put.plan, column)? });
        }
        let (places, items) = Places::new(column)?;
        let writer = Writer::new(&put.plan, items.as_ref())?;
        Some(Self { put, nulls, places: Some((places, items.logical_nulls())), writer })
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        if self.is_null(row) {
            return if matches!(self.put.how, How::Required) { Err(Stop::Left) } else { Ok(()) };
        }
        if let Some((places, nulls)) = &self.places {
            return self.write_items(places.get(row), nulls.as_ref(), out);
        }
        if matches!(self.put.how, How::Implicit) && self.writer.is_default(row)? {
            return Ok(());
        }
        out.extend_from_slice(&self.put.tag);
        self.writer.write(row, out)
    }

    fn write_items(&self, (start, count): (usize, usize), nulls: Option<&NullBuffer>, out: &mut Vec<u8>) -> Result<()> {
        let mut items = start..start + count;
        if nulls.is_some_and(|nulls| items.clone().any(|item| nulls.is_null(item))) {
            return Err(Stop::Left);
        }
        match self.put.how {
            _ if count == 0 => Ok(()),
            How::Packed => {
                out.extend_from_slice(&self.put.tag);
                let start = out.len();
                out.push(0);
                items.try_for_each(|item| self.writer.write(item, out))?;
                put_length_before(start, out);
                Ok(())
            }
            How::Map => self.write_entries(items.collect(), out),
            _ => items.try_for_each(|item| {
                out.extend_from_slice(&self.put.tag);
                self.writer.write(item, out)
            }),
        }
    }

    /// Entries in the order of their keys.
    fn write_entries(&self, mut items: Vec<usize>, out: &mut Vec<u8>) -> Result<()> {
        let Writer::Message(Message { fields, .. }) = &self.writer else { return Err(Stop::Left) };
        let [keys, _] = fields.as_slice() else { return Err(Stop::Left) };
        items.sort_by(|one, other| keys.writer.compare(*one, *other));
        if items.windows(2).any(|pair| keys.writer.compare(pair[0], pair[1]).is_eq()) {
            return Err(Stop::Left);
        }
        items.into_iter().try_for_each(|item| {
            out.extend_from_slice(&self.put.tag);
            self.writer.write(item, out)
        })
    }
}

fn within((low, high): &(i128, i128), number: i128) -> Result<i128> {
    if (*low..=*high).contains(&number) { Ok(number) } else { Err(Stop::Left) }
}

fn put_number(tag: u8, number: i64, out: &mut Vec<u8>) {
    if number != 0 {
        out.push(tag);
        put_varint(number as u64, out);
    }
}

fn put_decimal<T: Unscaled>(number: T, precision: u32, scale: i32, out: &mut Vec<u8>) {
    out.push(0x0a);
    put_sized(shortest(&number.big_endian()), out);
    put_number(0x10, precision.into(), out);
    put_number(0x18, scale.into(), out);
}

fn put_sized(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Puts the length of what follows a place into that place, where one byte was left for it.
fn put_length_before(start: usize, out: &mut Vec<u8>) {
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
        return;
    }
    let mut prefix = Vec::with_capacity(5);
    put_varint(length as u64, &mut prefix);
    out.splice(start..=start, prefix);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_more_than_one_byte() {
        let mut out = vec![9, 0];
        out.extend([7; 200]);
        put_length_before(1, &mut out);
        assert_eq!(out[..4], [9, 0xc8, 0x01, 7]);
        assert_eq!(out.len(), 203);
    }
}
