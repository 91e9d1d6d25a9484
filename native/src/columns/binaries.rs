//! Columns of text or bytes, in whatever layout.

use arrow_array::cast::AsArray;
use arrow_array::types::{BinaryViewType, ByteViewType, GenericBinaryType};
use arrow_array::{
    Array, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, GenericByteArray, GenericByteViewArray, LargeBinaryArray,
};
use arrow_schema::DataType;

/// A column's values as bytes.
pub enum Binaries {
    Small(BinaryArray),
    Large(LargeBinaryArray),
    View(BinaryViewArray),
    Fixed(FixedSizeBinaryArray),
}

impl Binaries {
    /// The bytes of a column; None if it has none.
    pub fn new(column: &dyn Array) -> Option<Self> {
        Some(match column.data_type() {
            DataType::Utf8 => Self::Small(column.as_string::<i32>().clone().into()),
            DataType::LargeUtf8 => Self::Large(column.as_string::<i64>().clone().into()),
            DataType::Utf8View => Self::View(column.as_string_view().clone().to_binary_view()),
            DataType::Binary => Self::Small(bytes::<i32>(column)),
            DataType::LargeBinary => Self::Large(bytes::<i64>(column)),
            DataType::BinaryView => Self::View(views::<BinaryViewType>(column)),
            DataType::FixedSizeBinary(_) => Self::Fixed(column.as_fixed_size_binary().clone()),
            _ => return None,
        })
    }

    #[inline]
    pub fn get(&self, row: usize) -> &[u8] {
        match self {
            Self::Small(values) => values.value(row),
            Self::Large(values) => values.value(row),
            Self::View(values) => values.value(row),
            Self::Fixed(values) => values.value(row),
        }
    }
}

fn bytes<O: arrow_array::OffsetSizeTrait>(column: &dyn Array) -> GenericByteArray<GenericBinaryType<O>> {
    column.as_bytes::<GenericBinaryType<O>>().clone()
}

fn views<T: ByteViewType>(column: &dyn Array) -> GenericByteViewArray<T> {
    column.as_byte_view::<T>().clone()
}
