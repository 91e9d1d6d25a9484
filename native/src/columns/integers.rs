//! Columns of whole numbers, of whatever width.

use arrow_array::Array;
use arrow_buffer::{ArrowNativeType, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType;

/// A column's numbers; days, times and timestamps are numbers too.
pub enum Integers {
    I8(ScalarBuffer<i8>),
    I16(ScalarBuffer<i16>),
    I32(ScalarBuffer<i32>),
    I64(ScalarBuffer<i64>),
    U8(ScalarBuffer<u8>),
    U16(ScalarBuffer<u16>),
    U32(ScalarBuffer<u32>),
    U64(ScalarBuffer<u64>),
}

impl Integers {
    /// The numbers of a column; None if it has none.
    pub fn new(column: &dyn Array) -> Option<Self> {
        let data = column.to_data();
        Some(match column.data_type() {
            DataType::Int8 => Self::I8(values(&data)),
            DataType::Int16 => Self::I16(values(&data)),
            DataType::Int32 | DataType::Date32 | DataType::Time32(_) => Self::I32(values(&data)),
            DataType::Int64
            | DataType::Date64
            | DataType::Time64(_)
            | DataType::Timestamp(..)
            | DataType::Duration(_) => Self::I64(values(&data)),
            DataType::UInt8 => Self::U8(values(&data)),
            DataType::UInt16 => Self::U16(values(&data)),
            DataType::UInt32 => Self::U32(values(&data)),
            DataType::UInt64 => Self::U64(values(&data)),
            _ => return None,
        })
    }

    #[inline]
    pub fn get(&self, row: usize) -> i128 {
        match self {
            Self::I8(values) => values[row].into(),
            Self::I16(values) => values[row].into(),
            Self::I32(values) => values[row].into(),
            Self::I64(values) => values[row].into(),
            Self::U8(values) => values[row].into(),
            Self::U16(values) => values[row].into(),
            Self::U32(values) => values[row].into(),
            Self::U64(values) => values[row].into(),
        }
    }
}

fn values<T: ArrowNativeType>(data: &ArrayData) -> ScalarBuffer<T> {
    ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len())
}
