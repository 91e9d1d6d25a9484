//! Columns of floating-point numbers, of whatever width.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, Float16Array, PrimitiveArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType;

/// A column's numbers.
pub enum Floats {
    Half(Float16Array),
    Single(ScalarBuffer<f32>),
    Double(ScalarBuffer<f64>),
}

impl Floats {
    /// The numbers of a column; None if it has none.
    pub fn new(column: &dyn Array) -> Option<Self> {
        Some(match column.data_type() {
            DataType::Float16 => Floats::Half(column.as_primitive::<Float16Type>().clone()),
            DataType::Float32 => Floats::Single(values::<Float32Type>(column)),
            DataType::Float64 => Floats::Double(values::<Float64Type>(column)),
            _ => return None,
        })
    }

    #[inline]
    pub fn get(&self, row: usize) -> f64 {
        match self {
            Floats::Half(numbers) => numbers.value(row).to_f64(),
            Floats::Single(numbers) => numbers[row].into(),
            Floats::Double(numbers) => numbers[row],
        }
    }
}

fn values<T: arrow_array::ArrowPrimitiveType>(column: &dyn Array) -> ScalarBuffer<T::Native> {
    let column: &PrimitiveArray<T> = column.as_primitive::<T>();
    column.values().clone()
}
