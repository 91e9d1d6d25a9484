//! Reading one datum's bytes from front to back, never behind its end.

use crate::fault::{Result, cut_off, fault};

/// The bytes of one datum that are not read yet.
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(datum: &'a [u8]) -> Self {
        Self { rest: datum }
    }

    /// How many bytes are not read yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// A zig-zag number of at most 64 bits.
    #[inline]
    pub fn long(&mut self, path: &str) -> Result<i64> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(signed(u64::from(*byte)))
            }
            _ => self.long_of_many(path),
        }
    }

    fn long_of_many(&mut self, path: &str) -> Result<i64> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            if index == 9 && *byte > 1 {
                return Err(fault(path, "is a number of more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(signed(value));
            }
        }
        Err(cut_off(path))
    }

    /// So many bytes.
    #[inline]
    pub fn take(&mut self, count: usize, path: &str) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(cut_off(path)),
        }
    }

    #[inline]
    pub fn array<const N: usize>(&mut self, path: &str) -> Result<[u8; N]> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(cut_off(path)),
        }
    }

    /// A length that the rest of the datum has room for.
    #[inline]
    pub fn length(&mut self, path: &str) -> Result<usize> {
        let length = self.long(path)?;
        match usize::try_from(length) {
            Ok(fits) if fits <= self.left() => Ok(fits),
            _ => Err(self.bad_length(length, path)),
        }
    }

    #[cold]
    fn bad_length(&self, length: i64, path: &str) -> Box<crate::fault::Fault> {
        if length < 0 {
            return fault(path, format!("has the negative length {length}"));
        }
        fault(path, format!("is cut off: it has {length} bytes, of which the message holds {}", self.left()))
    }

    /// Bytes with their length before them.
    #[inline]
    pub fn sized(&mut self, path: &str) -> Result<&'a [u8]> {
        let length = self.length(path)?;
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(taken)
    }
}

#[inline]
fn signed(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(bytes: &[u8]) -> String {
        Cursor::new(bytes).long("a").unwrap_err().sentence().unwrap()
    }

    #[test]
    fn numbers_that_end_too_early_or_never() {
        assert_eq!(problem(&[0x80]), "Field a is cut off: the message ends within it.");
        assert_eq!(problem(&[0x80; 12]), "Field a is a number of more than 64 bits.");
        let mut bytes = [0xff; 10];
        bytes[9] = 2;
        assert_eq!(problem(&bytes), "Field a is a number of more than 64 bits.");
    }

    #[test]
    fn lengths_stay_within_the_datum() {
        assert!(Cursor::new(&[0x01]).length("").unwrap_err().sentence().unwrap().contains("negative length -1"));
        assert!(Cursor::new(&[0x04, 0]).sized("").unwrap_err().sentence().unwrap().contains("holds 1"));
    }
}
