//! A column as JSON texts.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Decimal256Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BinaryArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer, i256};
use arrow_schema::{DataType, TimeUnit};

use super::escape::{put_base64, put_string};
use crate::columns::binaries::Binaries;
use crate::columns::decimal::{Unscaled, shortest};
use crate::columns::integers::Integers;
use crate::growing::{Validity, offset, offsets};

/// What forms values have.
#[derive(Clone, Copy, PartialEq)]
pub enum Style {
    /// Those of Kafka Connect's JsonConverter: numbers for dates and times, base64 for decimals.
    Connect,
    /// Those of a line for people: dates and times as text.
    Line,
}

/// A column bound to its form.
struct Texts {
    nulls: Option<NullBuffer>,
    values: Values,
}

enum Values {
    Null,
    Boolean(BooleanBuffer),
    Integer(Integers),
    /// Seconds, written as milliseconds.
    Seconds(Integers),
    Single(ScalarBuffer<f32>),
    Double(ScalarBuffer<f64>),
    Text(Binaries),
    Base64(Binaries),
    Decimal128(ScalarBuffer<i128>),
    Decimal256(ScalarBuffer<i256>),
    Date(Integers),
    /// Numbers and how many of them are a second.
    Timestamp(Integers, i64),
    /// Names, quoted and followed by a colon.
    Record(Vec<(Vec<u8>, Texts)>),
    Items(OffsetBuffer<i32>, Box<Texts>),
}

/// A text a row between two others, null for null; None if the column has a type or a value whose form is the caller's.
pub fn texts(column: &dyn Array, style: Style, before: &[u8], after: &[u8]) -> Option<BinaryArray> {
    let source = Texts::new(column, style)?;
    let mut bytes = Vec::with_capacity(column.len() * 64);
    let mut ends = offsets(column.len());
    let mut validity = Validity::default();
    for row in 0..column.len() {
        if source.is_null(row) {
            validity.null();
        } else {
            bytes.extend_from_slice(before);
            source.write(row, &mut bytes)?;
            bytes.extend_from_slice(after);
            validity.valid();
        }
        ends.push(offset(bytes.len()).ok()?);
    }
    Some(BinaryArray::new(OffsetBuffer::new(ScalarBuffer::from(ends)), bytes.into(), validity.finish()))
}

impl Texts {
    fn new(column: &dyn Array, style: Style) -> Option<Self> {
        Some(Self { nulls: column.logical_nulls(), values: Values::new(column, style)? })
    }

    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Option<()> {
        if self.is_null(row) {
            out.extend_from_slice(b"null");
            return Some(());
        }
        match &self.values {
            Values::Null => out.extend_from_slice(b"null"),
            Values::Boolean(bits) => out.extend_from_slice(if bits.value(row) { b"true" } else { b"false" }),
            Values::Integer(numbers) => out.extend_from_slice(numbers.get(row).to_string().as_bytes()),
            Values::Seconds(numbers) => {
                let millis = i64::try_from(numbers.get(row) * 1000).ok()?;
                out.extend_from_slice(millis.to_string().as_bytes());
            }
            Values::Single(numbers) => put_float(numbers[row].into(), out),
            Values::Double(numbers) => put_float(numbers[row], out),
            Values::Text(texts) => put_string(std::str::from_utf8(texts.get(row)).ok()?, out),
            Values::Base64(values) => put_base64(values.get(row), out),
            Values::Decimal128(numbers) => put_base64(shortest(&numbers[row].big_endian()), out),
            Values::Decimal256(numbers) => put_base64(shortest(&numbers[row].big_endian()), out),
            Values::Date(days) => {
                out.push(b'"');
                put_date(i64::try_from(days.get(row)).ok()?, out)?;
                out.push(b'"');
            }
            Values::Timestamp(numbers, per_second) => {
                put_timestamp(i64::try_from(numbers.get(row)).ok()?, *per_second, out)?;
            }
            Values::Record(members) => {
                out.push(b'{');
                for (index, (name, member)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(name);
                    member.write(row, out)?;
                }
                out.push(b'}');
            }
            Values::Items(ends, items) => {
                out.push(b'[');
                for item in ends[row] as usize..ends[row + 1] as usize {
                    if item > ends[row] as usize {
                        out.push(b',');
                    }
                    items.write(item, out)?;
                }
                out.push(b']');
            }
        }
        Some(())
    }
}

impl Values {
    fn new(column: &dyn Array, style: Style) -> Option<Self> {
        let connect = style == Style::Connect;
        Some(match column.data_type() {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Boolean(column.as_boolean().values().clone()),
            DataType::Float32 => Values::Single(primitive::<Float32Type>(column)),
            DataType::Float64 => Values::Double(primitive::<Float64Type>(column)),
            DataType::Utf8 | DataType::LargeUtf8 => Values::Text(Binaries::new(column)?),
            DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
                Values::Base64(Binaries::new(column)?)
            }
            DataType::Decimal128(..) if connect => Values::Decimal128(primitive::<Decimal128Type>(column)),
            DataType::Decimal256(..) if connect => Values::Decimal256(primitive::<Decimal256Type>(column)),
            DataType::Date32 if connect => Values::Integer(Integers::new(column)?),
            DataType::Date32 => Values::Date(Integers::new(column)?),
            DataType::Timestamp(TimeUnit::Second, _) | DataType::Time32(TimeUnit::Second) if connect => {
                Values::Seconds(Integers::new(column)?)
            }
            DataType::Timestamp(..) | DataType::Time32(_) if connect => Values::Integer(Integers::new(column)?),
            DataType::Time64(_) | DataType::Duration(_) if connect => Values::Integer(Integers::new(column)?),
            DataType::Timestamp(unit, zone) if zone.as_deref().is_none_or(|zone| zone == "UTC") => {
                let per_second = match unit {
                    TimeUnit::Second => 1,
                    TimeUnit::Millisecond => 1_000,
                    TimeUnit::Microsecond => 1_000_000,
                    TimeUnit::Nanosecond => return None,
                };
                Values::Timestamp(Integers::new(column)?, per_second)
            }
            data_type if data_type.is_integer() => Values::Integer(Integers::new(column)?),
            DataType::Struct(fields) => {
                let names: std::collections::HashSet<_> = fields.iter().map(|field| field.name()).collect();
                if names.len() < fields.len() {
                    return None;
                }
                let member = |(field, child): (&std::sync::Arc<arrow_schema::Field>, &ArrayRef)| {
                    let mut name = Vec::new();
                    put_string(field.name(), &mut name);
                    name.push(b':');
                    Some((name, Texts::new(child, style)?))
                };
                Values::Record(fields.iter().zip(column.as_struct().columns()).map(member).collect::<Option<_>>()?)
            }
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                Values::Items(list.offsets().clone(), Box::new(Texts::new(list.values(), style)?))
            }
            _ => return None,
        })
    }
}

fn primitive<T: ArrowPrimitiveType>(column: &dyn Array) -> ScalarBuffer<T::Native> {
    column.as_primitive::<T>().values().clone()
}

/// The shortest text that reads back as the number; JSON has none for what is not finite.
fn put_float(number: f64, out: &mut Vec<u8>) {
    if !number.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    let mut room = ryu::Buffer::new();
    let text = room.format_finite(number);
    match text.split_once('e') {
        // With the sign that orjson writes, which does the same in Python.
        Some((digits, exponent)) if !exponent.starts_with('-') => {
            out.extend_from_slice(digits.as_bytes());
            out.extend_from_slice(b"e+");
            out.extend_from_slice(exponent.as_bytes());
        }
        _ => out.extend_from_slice(text.as_bytes()),
    }
}

/// A day since 1970, in the years that Python's dates have.
fn put_date(days: i64, out: &mut Vec<u8>) -> Option<()> {
    // Howard Hinnant's days-to-civil, with years that begin in March.
    let shifted = days.checked_add(719_468)?;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(1..=9999).contains(&year) {
        return None;
    }
    out.extend_from_slice(format!("{year:04}-{month:02}-{day:02}").as_bytes());
    Some(())
}

fn put_timestamp(number: i64, per_second: i64, out: &mut Vec<u8>) -> Option<()> {
    let (seconds, rest) = (number.div_euclid(per_second), number.rem_euclid(per_second));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    out.push(b'"');
    put_date(days, out)?;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    out.extend_from_slice(format!("T{hour:02}:{minute:02}:{second:02}").as_bytes());
    let micros = rest * (1_000_000 / per_second);
    if micros > 0 {
        out.extend_from_slice(format!(".{micros:06}").as_bytes());
    }
    out.extend_from_slice(b"Z\"");
    Some(())
}
