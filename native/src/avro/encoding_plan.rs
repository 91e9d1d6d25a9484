//! How columns of one type are written with one schema: what `tidegate/records/native_plan.py` has worked out.

/// One step of the plan; the column it takes is that of its parent's step, or a child of it.
pub enum Plan {
    /// The same bytes for every row.
    Constant(Vec<u8>),
    /// Nulls apart.
    Optional(Optional),
    /// Fields in the schema's order, each with the column's child that holds it; none for constants.
    Record(Vec<(Option<usize>, Plan)>),
    /// Items of a list, or entries of a map as records.
    Items(Box<Plan>),
    /// A struct with one child a branch.
    Union(Union),
    Boolean,
    Integer(Integer),
    Float,
    Double,
    /// Text or bytes, their length first.
    Sized,
    /// Bytes of a fixed size.
    Plain,
    /// Text that has to be a UUID.
    Uuid {
        path: String,
    },
    /// Sixteen bytes as a UUID's text.
    UuidText,
    Enum {
        path: String,
        name: String,
        symbols: Vec<String>,
    },
    Decimal(Decimal),
    Duration {
        path: String,
    },
}

pub struct Optional {
    pub path: String,
    /// What stands for null; none where the schema requires a value.
    pub null: Option<Vec<u8>>,
    /// What stands before other values.
    pub before: Vec<u8>,
    pub inner: Box<Plan>,
}

pub struct Union {
    pub path: String,
    pub null: Option<Vec<u8>>,
    /// The column's child, what stands before its values, how they are written.
    pub branches: Vec<(usize, Vec<u8>, Plan)>,
}

/// Numbers are multiplied, or divided without a rest, and then have to be in range.
pub struct Integer {
    pub path: String,
    /// The schema in words.
    pub words: String,
    pub multiply: i64,
    pub divide: i64,
    pub low: i64,
    pub high: i64,
    /// A logical type within a day, and its units in a day.
    pub day: Option<(String, i64)>,
}

pub struct Decimal {
    pub path: String,
    pub words: String,
    pub precision: u8,
    pub scale: usize,
    pub fixed: Option<usize>,
    /// Whether the column's own type has just as many digits.
    pub same: bool,
}
