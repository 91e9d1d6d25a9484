//! The three ways in which whole numbers are written.

use super::cursor::{Cursor, FIXED32, FIXED64, VARINT};
use super::stop::Result;

#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    Varint,
    Zigzag,
    Fixed,
}

impl Form {
    pub fn wire(self, bits: u8) -> u8 {
        match self {
            Form::Fixed if bits == 32 => FIXED32,
            Form::Fixed => FIXED64,
            _ => VARINT,
        }
    }

    /// The low 32 bits of a number, which is all that is looked at.
    #[inline]
    pub fn read32(self, cursor: &mut Cursor<'_>) -> Result<u32> {
        Ok(match self {
            Form::Varint => cursor.varint()? as u32,
            Form::Zigzag => {
                let number = cursor.varint()? as u32;
                (number >> 1) ^ (number & 1).wrapping_neg()
            }
            Form::Fixed => u32::from_le_bytes(cursor.array()?),
        })
    }

    #[inline]
    pub fn read64(self, cursor: &mut Cursor<'_>) -> Result<u64> {
        Ok(match self {
            Form::Varint => cursor.varint()?,
            Form::Zigzag => {
                let number = cursor.varint()?;
                (number >> 1) ^ (number & 1).wrapping_neg()
            }
            Form::Fixed => u64::from_le_bytes(cursor.array()?),
        })
    }
}

/// Appends a varint.
#[inline]
pub fn put_varint(mut rest: u64, out: &mut Vec<u8>) {
    while rest > 0x7f {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zigzag_numbers() {
        assert_eq!(Form::Zigzag.read32(&mut Cursor::new(&[1])).unwrap() as i32, -1);
        assert_eq!(Form::Zigzag.read64(&mut Cursor::new(&[4])).unwrap() as i64, 2);
    }

    #[test]
    fn varints_come_back() {
        for number in [0, 1, 127, 128, 1 << 35, u64::MAX] {
            let mut out = Vec::new();
            put_varint(number, &mut out);
            assert_eq!(Cursor::new(&out).varint(), Ok(number));
        }
    }
}
