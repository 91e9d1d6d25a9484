//! How messages of a type are read: the type's fields with all that a reader has to know of them.

use std::collections::HashMap;

use super::number::Form;

/// What a value is.
pub enum Kind {
    Boolean,
    Int32(Form),
    Int64(Form),
    UInt32(Form),
    UInt64(Form),
    Float,
    Double,
    String,
    Bytes,
    /// Names by number; whether a number without a name is a value as well.
    Enum(HashMap<i32, String>, bool),
    Record(Vec<Field>),
    /// The value of a message with one field, numbered 1, and what it is where the field is not there.
    Wrapper(Box<Kind>, Vec<u8>),
    Timestamp,
    Date,
    Time,
    /// Precision and scale.
    Decimal(u8, i32),
    /// A decimal whose digits no schema tells.
    DecimalText,
}

pub struct Field {
    pub number: u32,
    pub label: Label,
    pub kind: Kind,
    /// Fields with the same number here exclude each other.
    pub oneof: Option<usize>,
}

pub enum Label {
    /// Null where it is not there.
    Optional,
    /// This value, as on the wire, where it is not there.
    Default(Vec<u8>),
    Repeated,
    /// Entries are records of key and value.
    Map,
}
