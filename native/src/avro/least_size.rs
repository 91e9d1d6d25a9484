//! The fewest bytes a value of a type takes: what bounds the items that a block can claim to have.

use super::schema::{AvroType, Kind};

/// How many items that take no bytes an array may have.
pub const MAX_WEIGHTLESS: usize = 1 << 16;

pub fn least_size(schema: &AvroType) -> usize {
    match &schema.kind {
        Kind::Null => 0,
        Kind::Fixed(size) | Kind::Decimal { fixed: Some(size), .. } => *size,
        Kind::Duration => 12,
        Kind::Float => 4,
        Kind::Double => 8,
        Kind::Record(fields) => fields.iter().map(|(_, inner)| least_size(inner)).sum(),
        Kind::Union(branches) => match branches.as_slice() {
            [(_, only)] if !matches!(only.kind, Kind::Null) => 1 + least_size(only),
            _ => 1,
        },
        _ => 1,
    }
}
