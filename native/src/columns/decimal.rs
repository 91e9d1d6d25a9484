//! Decimals: big-endian two's complement in Avro, fixed-width numbers in Arrow.

use arrow_buffer::i256;

/// A decimal's unscaled number, of the width of its Arrow type.
pub trait Unscaled: Copy {
    /// The number of big-endian bytes; None if it has more digits than allowed.
    fn from_big_endian(bytes: &[u8], precision: u8) -> Option<Self>;

    fn has_digits(self, precision: u8) -> bool;

    /// Its big-endian bytes in a width of 32.
    fn big_endian(self) -> [u8; 32];
}

impl Unscaled for i128 {
    #[inline]
    fn from_big_endian(bytes: &[u8], precision: u8) -> Option<Self> {
        let number = i128::from_be_bytes(extended(bytes)?);
        number.has_digits(precision).then_some(number)
    }

    fn has_digits(self, precision: u8) -> bool {
        self.unsigned_abs() < 10u128.pow(u32::from(precision))
    }

    fn big_endian(self) -> [u8; 32] {
        extended(&self.to_be_bytes()).expect("16 bytes fit in 32")
    }
}

impl Unscaled for i256 {
    fn from_big_endian(bytes: &[u8], precision: u8) -> Option<Self> {
        let number = i256::from_be_bytes(extended(bytes)?);
        number.has_digits(precision).then_some(number)
    }

    fn has_digits(self, precision: u8) -> bool {
        let bound = i256::from_i128(10).wrapping_pow(u32::from(precision));
        self < bound && self > bound.wrapping_neg()
    }

    fn big_endian(self) -> [u8; 32] {
        self.to_be_bytes()
    }
}

/// The bytes with their sign carried on to a width of N; None if they do not fit.
#[inline]
fn extended<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { 0xff } else { 0 };
    let mut bytes = bytes;
    if bytes.len() > N {
        let (above, rest) = bytes.split_at(bytes.len() - N);
        if above.iter().any(|byte| *byte != sign) || (rest[0] >= 0x80) != (sign == 0xff) {
            return None;
        }
        bytes = rest;
    }
    let mut out = [sign; N];
    out[N - bytes.len()..].copy_from_slice(bytes);
    Some(out)
}

/// The shortest two's complement of a number of 32 bytes: one byte at least.
pub fn shortest(bytes: &[u8; 32]) -> &[u8] {
    let sign = if bytes[0] >= 0x80 { 0xff } else { 0 };
    let mut start = 0;
    while start < 31 && bytes[start] == sign && (bytes[start + 1] >= 0x80) == (sign == 0xff) {
        start += 1;
    }
    &bytes[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_javas() {
        for (number, bytes) in
            [(0i128, vec![0u8]), (127, vec![0x7f]), (128, vec![0, 0x80]), (-128, vec![0x80]), (-129, vec![0xff, 0x7f])]
        {
            assert_eq!(shortest(&number.big_endian()), bytes);
            assert_eq!(i128::from_big_endian(&bytes, 38), Some(number));
            assert_eq!(i256::from_big_endian(&bytes, 76), Some(i256::from_i128(number)));
        }
    }

    #[test]
    fn padding_of_any_length_is_read_and_digits_are_counted() {
        assert_eq!(i128::from_big_endian(&[0xff; 40], 1), Some(-1));
        assert_eq!(i128::from_big_endian(&[], 1), Some(0));
        assert_eq!(i128::from_big_endian(&[10], 1), None);
        assert_eq!(i128::from_big_endian(&[0x7f; 17], 38), None);
        assert_eq!(i256::from_big_endian(&[0x7f; 32], 76), None);
    }
}
