//! Plans as Python hands them over.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::number::Form;
use super::reading_plan::{Field, Kind, Label};
use super::writing_plan::{How, Plan, Put};

impl Kind {
    /// Reads a plan of `tidegate.records.protobuf.reading_plan`.
    pub fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let tuple = object.cast::<PyTuple>()?;
        let kind: String = tuple.get_item(0)?.extract()?;
        let item = |index: usize| tuple.get_item(index);
        Ok(match kind.as_str() {
            "bool" => Kind::Boolean,
            "int32" => Kind::Int32(Form::Varint),
            "sint32" => Kind::Int32(Form::Zigzag),
            "sfixed32" => Kind::Int32(Form::Fixed),
            "int64" => Kind::Int64(Form::Varint),
            "sint64" => Kind::Int64(Form::Zigzag),
            "sfixed64" => Kind::Int64(Form::Fixed),
            "uint32" => Kind::UInt32(Form::Varint),
            "fixed32" => Kind::UInt32(Form::Fixed),
            "uint64" => Kind::UInt64(Form::Varint),
            "fixed64" => Kind::UInt64(Form::Fixed),
            "float" => Kind::Float,
            "double" => Kind::Double,
            "string" => Kind::String,
            "bytes" => Kind::Bytes,
            "enum" => Kind::Enum(item(1)?.extract()?, item(2)?.extract()?),
            "record" => {
                Kind::Record(item(1)?.try_iter()?.map(|field| Field::from_python(&field?)).collect::<PyResult<_>>()?)
            }
            "wrapper" => Kind::Wrapper(Box::new(Kind::from_python(&item(1)?)?), item(2)?.extract()?),
            "timestamp" => Kind::Timestamp,
            "date" => Kind::Date,
            "time" => Kind::Time,
            "decimal" => Kind::Decimal(item(1)?.extract()?, item(2)?.extract()?),
            "decimal-text" => Kind::DecimalText,
            _ => return Err(PyValueError::new_err(format!("{kind} is not a kind of a reading plan"))),
        })
    }
}

impl Field {
    fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (number, label, missing, kind, oneof): (u32, String, Vec<u8>, Bound<'_, PyAny>, Option<usize>) =
            object.extract()?;
        let label = match label.as_str() {
            "optional" => Label::Optional,
            "default" => Label::Default(missing),
            "repeated" => Label::Repeated,
            "map" => Label::Map,
            _ => return Err(PyValueError::new_err(format!("{label} is not a label of a reading plan"))),
        };
        Ok(Self { number, label, kind: Kind::from_python(&kind)?, oneof })
    }
}

impl Plan {
    /// Reads a plan of `tidegate.records.protobuf.writing_plan`.
    pub fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let tuple = object.cast::<PyTuple>()?;
        let step: String = tuple.get_item(0)?.extract()?;
        let item = |index: usize| tuple.get_item(index);
        let range = || -> PyResult<(i128, i128)> { Ok((item(1)?.extract()?, item(2)?.extract()?)) };
        Ok(match step.as_str() {
            "bool" => Plan::Boolean,
            "varint" => Plan::Varint(range()?),
            "zigzag" => Plan::Zigzag(range()?),
            "fixed32" => Plan::Fixed32(range()?),
            "fixed64" => Plan::Fixed64(range()?),
            "float" => Plan::Float,
            "double" => Plan::Double,
            "sized" => Plan::Sized,
            "uuid" => Plan::Uuid,
            "enum" => Plan::Enum(item(1)?.extract()?),
            "message" => {
                let puts = item(1)?.try_iter()?.map(|put| Put::from_python(&put?)).collect::<PyResult<_>>()?;
                Plan::Message(puts)
            }
            "wrapper" => Plan::Wrapper(Box::new(Put::from_python(&item(1)?)?)),
            "timestamp" => Plan::Timestamp(item(1)?.extract()?),
            "date" => Plan::Date,
            "time" => Plan::Time(item(1)?.extract()?),
            "decimal" => Plan::Decimal(item(1)?.extract()?, item(2)?.extract()?),
            _ => return Err(PyValueError::new_err(format!("{step} is not a step of a writing plan"))),
        })
    }
}

impl Put {
    fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (column, how, tag, plan, oneof): (usize, String, Vec<u8>, Bound<'_, PyAny>, Option<usize>) =
            object.extract()?;
        let how = match how.as_str() {
            "implicit" => How::Implicit,
            "present" => How::Present,
            "required" => How::Required,
            "repeated" => How::Repeated,
            "packed" => How::Packed,
            "map" => How::Map,
            _ => return Err(PyValueError::new_err(format!("{how} is not a way of a writing plan"))),
        };
        Ok(Self { column, how, tag, plan: Plan::from_python(&plan)?, oneof })
    }
}
