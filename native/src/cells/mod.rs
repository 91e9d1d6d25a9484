//! Values that lie anywhere in a buffer, as columns.

#[cfg(feature = "python")]
mod functions;
mod gathering;

#[cfg(feature = "python")]
pub use functions::gather_cells;
