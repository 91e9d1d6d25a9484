//! Values that lie anywhere in a buffer, one after the other.

use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use crate::growing::{Bytes, Validity};

/// What the values of a column are made of.
pub struct Gathered {
    pub offsets: OffsetBuffer<i32>,
    pub bytes: Buffer,
    pub nulls: Option<NullBuffer>,
}

/// Gathers values; None where one is not within the buffer, or all are more than one column holds.
///
/// `length` is negative for null; the first `skip` bytes of a value are not part of it.
pub fn gather(data: &[u8], start: &[i64], length: &[i32], skip: usize) -> Option<Gathered> {
    if start.len() != length.len() {
        return None;
    }
    let size: usize = length.iter().map(|&length| (length.max(0) as usize).saturating_sub(skip)).sum();
    // Lengths that are wrong must not take memory before they are found out.
    let mut values = Bytes::with_capacity(start.len(), size.min(data.len()));
    let mut validity = Validity::default();
    for (&start, &length) in start.iter().zip(length) {
        let Ok(length) = usize::try_from(length) else {
            values.push_empty();
            validity.null();
            continue;
        };
        let start = usize::try_from(start).ok()?;
        let value = data.get(start..start.checked_add(length)?)?;
        values.push(value.get(skip..).unwrap_or_default()).ok()?;
        validity.valid();
    }
    let (offsets, bytes) = values.finish();
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Some(Gathered { offsets, bytes, nulls: validity.finish() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(found: &Gathered) -> Vec<Option<&[u8]>> {
        let nulls = found.nulls.as_ref();
        let windows = found.offsets.windows(2).map(|ends| &found.bytes[ends[0] as usize..ends[1] as usize]);
        windows.enumerate().map(|(row, value)| nulls.is_none_or(|nulls| nulls.is_valid(row)).then_some(value)).collect()
    }

    #[test]
    fn values_are_in_the_order_of_their_rows() {
        let found = gather(b"one.two.three", &[8, 0, 4, 3], &[5, 3, -1, 0], 0).unwrap();
        assert_eq!(values(&found), [Some(&b"three"[..]), Some(b"one"), None, Some(b"")]);
    }

    #[test]
    fn what_is_skipped_is_no_part_of_a_value() {
        let found = gather(b"\x01{}\x01", &[0, 3], &[3, 0], 1).unwrap();
        assert_eq!(values(&found), [Some(&b"{}"[..]), Some(b"")]);
    }

    #[test]
    fn a_value_beyond_the_buffer_is_none() {
        assert!(gather(b"abc", &[2], &[2], 0).is_none());
        assert!(gather(b"abc", &[-1], &[2], 0).is_none());
        assert!(gather(b"abc", &[i64::MAX], &[i32::MAX], 0).is_none());
    }
}
