//! Avro's variable-length zig-zag integers, written.

/// Appends a number.
#[inline]
pub fn put_long(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    if rest < 0x80 {
        out.push(rest as u8);
        return;
    }
    let mut bytes = [0u8; 10];
    let mut length = 0;
    while rest > 0x7f {
        bytes[length] = rest as u8 | 0x80;
        rest >>= 7;
        length += 1;
    }
    bytes[length] = rest as u8;
    out.extend_from_slice(&bytes[..=length]);
}

/// Appends bytes with their length before them.
#[inline]
pub fn put_sized(bytes: &[u8], out: &mut Vec<u8>) {
    put_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avro::cursor::Cursor;

    #[test]
    fn numbers_come_back() {
        for number in [0, -1, 1, 63, 64, -64, -65, 8191, 8192, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            put_long(number, &mut out);
            let mut cursor = Cursor::new(&out);
            assert_eq!(cursor.long("").unwrap(), number);
            assert_eq!(cursor.left(), 0);
        }
    }
}
