//! The values of Arrow columns, by row, whatever a column's layout.

pub mod binaries;
pub mod decimal;
pub mod floats;
pub mod integers;
pub mod places;
pub mod uuid;
