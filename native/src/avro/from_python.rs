//! Schemas and plans as Python hands them over.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::encoding_plan::{Decimal, Integer, Optional, Plan, Union};
use super::schema::{AvroType, Kind};
use crate::exchange;

impl AvroType {
    /// Reads `tidegate.records.native_codec.NativeType`.
    pub fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let arrow = exchange::data_type(&object.getattr("arrow")?)?;
        let kind: String = object.getattr("kind")?.extract()?;
        let logical: String = object.getattr("logical")?.extract()?;
        let size: usize = object.getattr("size")?.extract()?;
        let children = || -> PyResult<Vec<(String, AvroType)>> {
            object
                .getattr("children")?
                .try_iter()?
                .map(|child| {
                    let (name, inner): (String, Bound<'_, PyAny>) = child?.extract()?;
                    Ok((name, AvroType::from_python(&inner)?))
                })
                .collect()
        };
        let element = || -> PyResult<Box<AvroType>> { Ok(Box::new(children()?.remove(0).1)) };
        let kind = match (kind.as_str(), logical.as_str()) {
            ("bytes", "decimal") => Kind::Decimal { precision: object.getattr("precision")?.extract()?, fixed: None },
            ("fixed", "decimal") => {
                Kind::Decimal { precision: object.getattr("precision")?.extract()?, fixed: Some(size) }
            }
            ("fixed", "duration") => Kind::Duration,
            ("null", _) => Kind::Null,
            ("boolean", _) => Kind::Boolean,
            ("int" | "long", _) => {
                let day: Option<i64> = object.getattr("day")?.extract()?;
                Kind::Integer { int: kind == "int", day: day.map(|units| (logical, units)) }
            }
            ("float", _) => Kind::Float,
            ("double", _) => Kind::Double,
            ("string", _) => Kind::String,
            ("bytes", _) => Kind::Bytes,
            ("fixed", _) => Kind::Fixed(size),
            ("enum", _) => {
                Kind::Enum { name: object.getattr("name")?.extract()?, symbols: object.getattr("symbols")?.extract()? }
            }
            ("union", _) => Kind::Union(children()?),
            ("record", _) => Kind::Record(children()?),
            ("array", _) => Kind::Array(element()?),
            _ => Kind::Map(element()?),
        };
        Ok(Self { kind, arrow })
    }
}

impl Plan {
    /// Reads a plan of `tidegate.records.native_plan`.
    pub fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let tuple = object.cast::<PyTuple>()?;
        let step: String = tuple.get_item(0)?.extract()?;
        let item = |index: usize| tuple.get_item(index);
        let text = |index: usize| -> PyResult<String> { item(index)?.extract() };
        Ok(match step.as_str() {
            "constant" => Plan::Constant(item(1)?.extract()?),
            "optional" => Plan::Optional(Optional {
                path: text(1)?,
                null: item(2)?.extract()?,
                before: item(3)?.extract()?,
                inner: Box::new(Plan::from_python(&item(4)?)?),
            }),
            "record" => Plan::Record(
                item(1)?
                    .try_iter()?
                    .map(|field| {
                        let (index, inner): (Option<usize>, Bound<'_, PyAny>) = field?.extract()?;
                        Ok((index, Plan::from_python(&inner)?))
                    })
                    .collect::<PyResult<_>>()?,
            ),
            "items" => Plan::Items(Box::new(Plan::from_python(&item(1)?)?)),
            "union" => Plan::Union(Union {
                path: text(1)?,
                null: item(2)?.extract()?,
                branches: item(3)?
                    .try_iter()?
                    .map(|branch| {
                        let (index, before, inner): (usize, Vec<u8>, Bound<'_, PyAny>) = branch?.extract()?;
                        Ok((index, before, Plan::from_python(&inner)?))
                    })
                    .collect::<PyResult<_>>()?,
            }),
            "boolean" => Plan::Boolean,
            "integer" => Plan::Integer(Integer {
                path: text(1)?,
                words: text(2)?,
                multiply: item(3)?.extract()?,
                divide: item(4)?.extract()?,
                low: item(5)?.extract()?,
                high: item(6)?.extract()?,
                day: item(7)?.extract()?,
            }),
            "float" => Plan::Float,
            "double" => Plan::Double,
            "sized" => Plan::Sized,
            "plain" => Plan::Plain,
            "uuid" => Plan::Uuid { path: text(1)? },
            "uuid-text" => Plan::UuidText,
            "enum" => Plan::Enum { path: text(1)?, name: text(2)?, symbols: item(3)?.extract()? },
            "decimal" => Plan::Decimal(Decimal {
                path: text(1)?,
                words: text(2)?,
                precision: item(3)?.extract()?,
                scale: item(4)?.extract()?,
                fixed: item(5)?.extract()?,
                same: item(6)?.extract()?,
            }),
            "duration" => Plan::Duration { path: text(1)? },
            _ => {
                return Err(PyValueError::new_err(format!("{step} is not a step of an encoding plan")));
            }
        })
    }
}
