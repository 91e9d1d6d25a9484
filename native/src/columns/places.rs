//! Columns of lists and maps, in whatever layout.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;

/// Where the items of a row's list are.
pub enum Places {
    Small(OffsetBuffer<i32>),
    Large(OffsetBuffer<i64>),
    View(ScalarBuffer<i32>, ScalarBuffer<i32>),
    LargeView(ScalarBuffer<i64>, ScalarBuffer<i64>),
    Fixed(usize),
}

impl Places {
    /// The places and the items; None if the column has none.
    pub fn new(column: &dyn Array) -> Option<(Self, arrow_array::ArrayRef)> {
        Some(match column.data_type() {
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                (Places::Small(list.offsets().clone()), list.values().clone())
            }
            DataType::LargeList(_) => {
                let list = column.as_list::<i64>();
                (Places::Large(list.offsets().clone()), list.values().clone())
            }
            DataType::ListView(_) => {
                let list = column.as_list_view::<i32>();
                (Places::View(list.offsets().clone(), list.sizes().clone()), list.values().clone())
            }
            DataType::LargeListView(_) => {
                let list = column.as_list_view::<i64>();
                (Places::LargeView(list.offsets().clone(), list.sizes().clone()), list.values().clone())
            }
            DataType::FixedSizeList(_, size) => {
                let list = column.as_fixed_size_list();
                (Places::Fixed(*size as usize), list.values().clone())
            }
            DataType::Map(..) => {
                let map = column.as_map();
                (Places::Small(map.offsets().clone()), std::sync::Arc::new(map.entries().clone()))
            }
            _ => return None,
        })
    }

    /// The first item and how many there are.
    pub fn get(&self, row: usize) -> (usize, usize) {
        match self {
            Places::Small(offsets) => (offsets[row] as usize, (offsets[row + 1] - offsets[row]) as usize),
            Places::Large(offsets) => (offsets[row] as usize, (offsets[row + 1] - offsets[row]) as usize),
            Places::View(offsets, sizes) => (offsets[row] as usize, sizes[row] as usize),
            Places::LargeView(offsets, sizes) => (offsets[row] as usize, sizes[row] as usize),
            Places::Fixed(size) => (row * size, *size),
        }
    }
}
