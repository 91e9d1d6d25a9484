//! How rows of a type are written as messages.

use std::collections::HashMap;

/// How a value is written.
pub enum Plan {
    Boolean,
    /// The least and the greatest number; negative ones take ten bytes.
    Varint((i128, i128)),
    Zigzag((i128, i128)),
    Fixed32((i128, i128)),
    Fixed64((i128, i128)),
    Float,
    Double,
    /// Text or bytes.
    Sized,
    /// The text of a UUID of 16 bytes.
    Uuid,
    /// Numbers by name.
    Enum(HashMap<String, i32>),
    /// Fields in the order of their numbers.
    Message(Vec<Put>),
    /// The one field of a wrapper, whose column is the wrapper's own.
    Wrapper(Box<Put>),
    /// Nanoseconds in a unit of the column.
    Timestamp(i64),
    Date,
    /// Nanoseconds in a unit of the column.
    Time(i64),
    /// Precision and scale.
    Decimal(u32, i32),
}

/// A field to be written.
pub struct Put {
    /// Index among the columns of the record.
    pub column: usize,
    pub how: How,
    /// Number and wire type, as written.
    pub tag: Vec<u8>,
    pub plan: Plan,
    /// Fields with the same number here exclude each other.
    pub oneof: Option<usize>,
}

pub enum How {
    /// Not written where it is zero or empty.
    Implicit,
    Present,
    /// A null is left to the caller.
    Required,
    Repeated,
    Packed,
    /// The plan is a message of key and value.
    Map,
}
