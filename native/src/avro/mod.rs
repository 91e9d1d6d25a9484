//! Avro data to columns and back, one datum a row; a datum or row that breaks a rule is a fault of its own.

mod cursor;
mod encoding_plan;
mod least_size;
mod reader;
mod schema;
mod varint;
mod writer;

#[cfg(feature = "python")]
mod decoder;
#[cfg(feature = "python")]
mod encoder;
#[cfg(feature = "python")]
mod from_python;

#[cfg(feature = "python")]
pub use decoder::AvroDecoder;
#[cfg(feature = "python")]
pub use encoder::AvroEncoder;
