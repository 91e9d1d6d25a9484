//! Avro schemas: what a decoder has to know of `tidegate.records.avro_schema.AvroType`.

use arrow_schema::DataType;

/// What a type is, beside its Arrow type.
pub enum Kind {
    Null,
    Boolean,
    /// `int` or `long`; a logical type within a day has its name and its units in a day.
    Integer {
        int: bool,
        day: Option<(String, i64)>,
    },
    Float,
    Double,
    String,
    Bytes,
    Fixed(usize),
    /// Precision; bytes of the fixed type, if it is one.
    Decimal {
        precision: u8,
        fixed: Option<usize>,
    },
    Duration,
    Enum {
        name: String,
        symbols: Vec<String>,
    },
    /// Branches in order, null among them, each with its name as a field.
    Union(Vec<(String, AvroType)>),
    Record(Vec<(String, AvroType)>),
    /// An array of records of key and value that is an Arrow map has the Arrow type of a map.
    Array(Box<AvroType>),
    Map(Box<AvroType>),
}

pub struct AvroType {
    pub kind: Kind,
    /// The Arrow type of its values, nulls aside.
    pub arrow: DataType,
}
