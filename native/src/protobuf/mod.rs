//! Protobuf messages to columns and back, by plans that Python makes of a schema's descriptors.
//!
//! The common way of writing every message is done here. Whatever is unusual (a field that comes twice, groups, a
//! value that breaks a rule) leaves its row to Python, which has Google's own library: so both always give the same.

mod cursor;
mod number;
mod reader;
mod reading_plan;
mod special;
mod stop;
mod writer;
mod writing_plan;

#[cfg(feature = "python")]
mod decoder;
#[cfg(feature = "python")]
mod encoder;
#[cfg(feature = "python")]
mod from_python;
#[cfg(feature = "python")]
mod runs;

#[cfg(feature = "python")]
pub use decoder::ProtobufDecoder;
#[cfg(feature = "python")]
pub use encoder::ProtobufEncoder;
#[cfg(feature = "python")]
pub use runs::protobuf_runs;
