//! A plan with the columns of one batch: writes a row's datum.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Decimal256Type, IntervalMonthDayNanoType};
use arrow_array::{Array, IntervalMonthDayNanoArray, StructArray};
use arrow_buffer::{BooleanBuffer, IntervalMonthDayNano, NullBuffer, ScalarBuffer, i256};
use arrow_schema::DataType;

use super::encoding_plan::{Decimal, Integer, Optional, Plan, Union};
use super::varint::{put_long, put_sized};
use crate::columns::binaries::Binaries;
use crate::columns::decimal::{Unscaled, shortest};
use crate::columns::floats::Floats;
use crate::columns::integers::Integers;
use crate::columns::places::Places;
use crate::columns::uuid::uuid_text;
use crate::fault::{Result, fault, shown};

/// Writes rows of one column.
pub enum Writer<'p> {
    Constant(&'p [u8]),
    Optional {
        plan: &'p Optional,
        nulls: Option<NullBuffer>,
        inner: Box<Writer<'p>>,
    },
    /// A dictionary's keys, and the writer of its values.
    Indexed(Vec<usize>, Box<Writer<'p>>),
    Record(Vec<Writer<'p>>),
    Items(Places, Box<Writer<'p>>),
    Union {
        plan: &'p Union,
        branches: Vec<(&'p [u8], Option<NullBuffer>, Writer<'p>)>,
    },
    Boolean(BooleanBuffer),
    Int(ScalarBuffer<i32>),
    Long(ScalarBuffer<i64>),
    Integer(&'p Integer, Integers),
    Float(Floats),
    Double(Floats),
    Sized(Binaries),
    Plain(Binaries),
    Uuid(&'p str, Binaries),
    UuidText(Binaries),
    Enum {
        path: &'p str,
        name: &'p str,
        symbols: HashMap<&'p [u8], i64>,
        values: Binaries,
    },
    Decimal128(&'p Decimal, ScalarBuffer<i128>),
    Decimal256(&'p Decimal, ScalarBuffer<i256>),
    Duration(&'p str, ScalarBuffer<IntervalMonthDayNano>),
}

impl<'p> Writer<'p> {
    /// Binds a plan to a column; None if the plan is not for columns of this type.
    pub fn new(plan: &'p Plan, column: &dyn Array) -> Option<Self> {
        if let Plan::Constant(bytes) = plan {
            return Some(Writer::Constant(bytes));
        }
        if let Plan::Optional(optional) = plan {
            let inner = Box::new(Writer::new(&optional.inner, column)?);
            return Some(Writer::Optional { plan: optional, nulls: column.logical_nulls(), inner });
        }
        if let DataType::Dictionary(..) = column.data_type() {
            let dictionary = column.as_any_dictionary();
            let values = dictionary.values();
            let keys = if values.is_empty() { vec![0; column.len()] } else { dictionary.normalized_keys() };
            return Some(Writer::Indexed(keys, Box::new(Writer::new(plan, values)?)));
        }
        Writer::bound(plan, column)
    }

    fn bound(plan: &'p Plan, column: &dyn Array) -> Option<Self> {
        Some(match plan {
            Plan::Constant(_) | Plan::Optional(_) => return None,
            Plan::Record(fields) => Writer::Record(record(fields, column.as_struct_opt()?)?),
            Plan::Items(items) => {
                let (places, children) = Places::new(column)?;
                Writer::Items(places, Box::new(Writer::new(items, children.as_ref())?))
            }
            Plan::Union(union) => {
                let column = column.as_struct_opt()?;
                let branches = union.branches.iter().map(|(index, before, inner)| {
                    let child = column.columns().get(*index)?;
                    Some((before.as_slice(), child.logical_nulls(), Writer::new(inner, child)?))
                });
                Writer::Union { plan: union, branches: branches.collect::<Option<_>>()? }
            }
            Plan::Boolean => Writer::Boolean(column.as_boolean_opt()?.values().clone()),
            Plan::Integer(integer) => Writer::integer(integer, Integers::new(column)?),
            Plan::Float => Writer::Float(Floats::new(column)?),
            Plan::Double => Writer::Double(Floats::new(column)?),
            Plan::Sized => Writer::Sized(Binaries::new(column)?),
            Plan::Plain => Writer::Plain(Binaries::new(column)?),
            Plan::Uuid { path } => Writer::Uuid(path, Binaries::new(column)?),
            Plan::UuidText => Writer::UuidText(Binaries::new(column)?),
            Plan::Enum { path, name, symbols } => {
                let symbols = symbols.iter().enumerate().map(|(index, symbol)| (symbol.as_bytes(), index as i64));
                Writer::Enum { path, name, symbols: symbols.collect(), values: Binaries::new(column)? }
            }
            Plan::Decimal(decimal) => match column.data_type() {
                DataType::Decimal128(..) => {
                    Writer::Decimal128(decimal, column.as_primitive::<Decimal128Type>().values().clone())
                }
                DataType::Decimal256(..) => {
                    Writer::Decimal256(decimal, column.as_primitive::<Decimal256Type>().values().clone())
                }
                _ => return None,
            },
            Plan::Duration { path } => {
                let column: &IntervalMonthDayNanoArray = column.as_primitive_opt::<IntervalMonthDayNanoType>()?;
                Writer::Duration(path, column.values().clone())
            }
        })
    }

    fn integer(plan: &'p Integer, values: Integers) -> Self {
        let as_they_are = plan.multiply == 1 && plan.divide == 1 && plan.day.is_none();
        match values {
            Integers::I32(values) if as_they_are => Writer::Int(values),
            Integers::I64(values) if as_they_are && plan.low == i64::MIN && plan.high == i64::MAX => {
                Writer::Long(values)
            }
            values => Writer::Integer(plan, values),
        }
    }

    /// Appends a row's datum. After a fault what was appended is to be cut off.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Writer::Constant(bytes) => out.extend_from_slice(bytes),
            Writer::Optional { plan, nulls, inner } => {
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    let null = plan.null.as_ref();
                    out.extend_from_slice(null.ok_or_else(|| missing(&plan.path))?);
                    return Ok(());
                }
                out.extend_from_slice(&plan.before);
                inner.write(row, out)?;
            }
            Writer::Indexed(keys, values) => values.write(keys[row], out)?,
            Writer::Record(fields) => {
                for field in fields {
                    field.write(row, out)?;
                }
            }
            Writer::Items(places, items) => {
                let (start, count) = places.get(row);
                if count > 0 {
                    put_long(count as i64, out);
                    for item in start..start + count {
                        items.write(item, out)?;
                    }
                }
                out.push(0);
            }
            Writer::Union { plan, branches } => write_union(plan, branches, row, out)?,
            Writer::Boolean(bits) => out.push(u8::from(bits.value(row))),
            Writer::Int(numbers) => put_long(numbers[row].into(), out),
            Writer::Long(numbers) => put_long(numbers[row], out),
            Writer::Integer(plan, numbers) => put_long(plan.converted(numbers.get(row))?, out),
            Writer::Float(numbers) => out.extend_from_slice(&(numbers.get(row) as f32).to_le_bytes()),
            Writer::Double(numbers) => out.extend_from_slice(&numbers.get(row).to_le_bytes()),
            Writer::Sized(values) => put_sized(values.get(row), out),
            Writer::Plain(values) => out.extend_from_slice(values.get(row)),
            Writer::Uuid(path, values) => {
                let text = values.get(row);
                if !is_uuid(text) {
                    let rule = format!("is {}, which is not a UUID", shown(&String::from_utf8_lossy(text)));
                    return Err(fault(path, rule));
                }
                put_sized(text, out);
            }
            Writer::UuidText(values) => put_sized(uuid_text(values.get(row)).as_bytes(), out),
            Writer::Enum { path, name, symbols, values } => {
                let symbol = values.get(row);
                let index = symbols.get(symbol).ok_or_else(|| {
                    let symbol = String::from_utf8_lossy(symbol);
                    fault(path, format!("is '{symbol}', which is not a symbol of enum {name}"))
                })?;
                put_long(*index, out);
            }
            Writer::Decimal128(plan, numbers) => plan.write(numbers[row], out)?,
            Writer::Decimal256(plan, numbers) => plan.write(numbers[row], out)?,
            Writer::Duration(path, intervals) => write_duration(path, intervals[row], out)?,
        }
        Ok(())
    }
}

fn record<'p>(fields: &'p [(Option<usize>, Plan)], column: &StructArray) -> Option<Vec<Writer<'p>>> {
    let writer = |(index, plan): &'p (Option<usize>, Plan)| match index {
        Some(index) => Writer::new(plan, column.columns().get(*index)?),
        None => Writer::new(plan, column),
    };
    fields.iter().map(writer).collect()
}

fn write_union(
    plan: &Union,
    branches: &[(&[u8], Option<NullBuffer>, Writer<'_>)],
    row: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut chosen = branches.iter().filter(|(_, nulls, _)| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)));
    let Some((before, _, writer)) = chosen.next() else {
        let null = plan.null.as_ref();
        out.extend_from_slice(null.ok_or_else(|| fault(&plan.path, "has a value for none of its union's branches"))?);
        return Ok(());
    };
    if chosen.next().is_some() {
        return Err(fault(&plan.path, "has values for more than one of its union's branches"));
    }
    out.extend_from_slice(before);
    writer.write(row, out)
}

#[cold]
fn missing(path: &str) -> Box<crate::fault::Fault> {
    fault(path, "is null, but the schema requires a value")
}

impl Integer {
    fn converted(&self, number: i128) -> Result<i64> {
        let scaled = number * i128::from(self.multiply);
        let divide = i128::from(self.divide);
        let fits = i64::try_from(scaled / divide).ok().filter(|fits| (self.low..=self.high).contains(fits));
        let Some(converted) = fits.filter(|_| scaled % divide == 0) else {
            return Err(fault(&self.path, format!("is {number}, which does not fit {}", self.words)));
        };
        match &self.day {
            Some((name, units)) if !(0..*units).contains(&converted) => {
                Err(fault(&self.path, format!("is {converted}, which is no {name} within a day")))
            }
            _ => Ok(converted),
        }
    }
}

impl Decimal {
    fn write<T: Unscaled + std::fmt::Display>(&self, number: T, out: &mut Vec<u8>) -> Result<()> {
        if !number.has_digits(self.precision) {
            return Err(self.too_long(&number.to_string()));
        }
        let bytes = number.big_endian();
        match self.fixed {
            Some(size) if size <= bytes.len() => out.extend_from_slice(&bytes[bytes.len() - size..]),
            Some(size) => {
                let sign = if bytes[0] >= 0x80 { 0xff } else { 0 };
                out.resize(out.len() + size - bytes.len(), sign);
                out.extend_from_slice(&bytes);
            }
            None => put_sized(shortest(&bytes), out),
        }
        Ok(())
    }

    #[cold]
    fn too_long(&self, number: &str) -> Box<crate::fault::Fault> {
        if self.same {
            return fault(&self.path, format!("has more than the {} digits of its decimal type", self.precision));
        }
        let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
        let digits = format!("{digits:0>width$}", width = self.scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.scale);
        let point = if fraction.is_empty() { "" } else { "." };
        fault(&self.path, format!("is {sign}{whole}{point}{fraction}, which does not fit {}", self.words))
    }
}

fn write_duration(path: &str, interval: IntervalMonthDayNano, out: &mut Vec<u8>) -> Result<()> {
    let IntervalMonthDayNano { months, days, nanoseconds } = interval;
    let millis = (nanoseconds % 1_000_000 == 0).then(|| u32::try_from(nanoseconds / 1_000_000).ok()).flatten();
    let (Ok(months), Ok(days), Some(millis)) = (u32::try_from(months), u32::try_from(days), millis) else {
        let rule = format!(
            "is an interval of {months} months, {days} days, {nanoseconds} nanoseconds; \
             an Avro duration has whole milliseconds and no part below 0 or above {}",
            u32::MAX
        );
        return Err(fault(path, rule));
    };
    for part in [months, days, millis] {
        out.extend_from_slice(&part.to_le_bytes());
    }
    Ok(())
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
