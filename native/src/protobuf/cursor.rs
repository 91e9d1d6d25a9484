//! Reading a message's bytes from front to back, never behind its end.

use super::stop::{Result, Stop};

pub const VARINT: u8 = 0;
pub const FIXED64: u8 = 1;
pub const SIZED: u8 = 2;
pub const FIXED32: u8 = 5;

/// The bytes of a message, or of one within it, that are not read yet.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, end: bytes.len() }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.at == self.end
    }

    /// A field's number and the wire type of what follows.
    #[inline]
    pub fn tag(&mut self) -> Result<(u32, u8)> {
        let start = self.at;
        let tag = self.varint()?;
        match u32::try_from(tag) {
            Ok(tag) if tag >= 8 && self.at - start <= 5 => Ok((tag >> 3, (tag & 7) as u8)),
            _ => Err(Stop::Left),
        }
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64> {
        match self.rest().first() {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.varint_of_many(),
        }
    }

    fn varint_of_many(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for (index, byte) in self.rest().iter().take(10).enumerate() {
            if index == 9 && *byte > 1 {
                return Err(Stop::Left);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(Stop::Left)
    }

    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.rest().first_chunk().ok_or(Stop::Left)?;
        self.at += N;
        Ok(*taken)
    }

    /// What has its length before it.
    #[inline]
    pub fn sized(&mut self) -> Result<Cursor<'a>> {
        let length = usize::try_from(self.varint()?).map_err(|_| Stop::Left)?;
        if length > self.end - self.at {
            return Err(Stop::Left);
        }
        let within = Cursor { bytes: self.bytes, at: self.at, end: self.at + length };
        self.at += length;
        Ok(within)
    }

    /// Passes over a value.
    pub fn skip(&mut self, wire: u8) -> Result<()> {
        match wire {
            VARINT => self.varint().map(drop),
            FIXED64 => self.array::<8>().map(drop),
            SIZED => self.sized().map(drop),
            FIXED32 => self.array::<4>().map(drop),
            _ => Err(Stop::Left),
        }
    }

    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..self.end]
    }

    /// Where the rest lies within the whole.
    pub fn span(&self) -> (usize, usize) {
        (self.at, self.end)
    }

    /// A part of the whole, as [`Cursor::span`] told it.
    pub fn part(&self, (at, end): (usize, usize)) -> Cursor<'a> {
        Cursor { bytes: self.bytes, at, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_too_early_or_never_is_left() {
        for bytes in [&[0x80][..], &[0x80; 12], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]] {
            assert_eq!(Cursor::new(bytes).varint(), Err(Stop::Left));
        }
        assert!(Cursor::new(&[2, 0]).sized().is_err());
        assert!(Cursor::new(&[1]).array::<4>().is_err());
    }

    #[test]
    fn tags() {
        assert_eq!(Cursor::new(&[0x0a]).tag(), Ok((1, SIZED)));
        assert_eq!(Cursor::new(&[0x02]).tag(), Err(Stop::Left));
        assert_eq!(Cursor::new(&[0x88, 0x80, 0x80, 0x80, 0x80, 0]).tag(), Err(Stop::Left));
    }

    #[test]
    fn a_length_stays_within_what_holds_it() {
        let mut whole = Cursor::new(&[3, 4, 1, 1, 9]);
        let mut within = whole.sized().unwrap();
        assert!(within.sized().is_err());
        assert_eq!(whole.rest(), [9]);
    }
}
