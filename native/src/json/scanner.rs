//! Strict JSON, token by token. None means: not JSON, or a form that is left to the caller.

use std::borrow::Cow;

/// A JSON number.
#[derive(Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Float(f64),
}

/// A text that is valid UTF-8, and how far it has been read.
pub struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        Some(Self { text, bytes: text.as_bytes(), at: 0 })
    }

    /// The first byte of the next token.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Goes on behind a byte, if it is the next token.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Goes on behind a byte, which must be the next token.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    /// Whether nothing is left.
    pub fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    pub fn null(&mut self) -> Option<()> {
        self.literal("null")
    }

    pub fn boolean(&mut self) -> Option<bool> {
        match self.peek()? {
            b't' => self.literal("true").map(|()| true),
            _ => self.literal("false").map(|()| false),
        }
    }

    fn literal(&mut self, word: &str) -> Option<()> {
        self.peek()?;
        self.bytes[self.at..].starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// A number; whole numbers that need more than 64 bits are left to the caller, and so is minus zero.
    pub fn number(&mut self) -> Option<Number> {
        self.peek()?;
        let start = self.at;
        self.at += usize::from(self.bytes[start] == b'-');
        let first = self.at;
        self.digits()?;
        if self.bytes[first] == b'0' && self.at - first > 1 {
            return None;
        }
        let mut whole = true;
        if self.bytes.get(self.at) == Some(&b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        if whole {
            return if text == "-0" { None } else { text.parse().ok().map(Number::Int) };
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(Number::Float)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// A string, without escapes where it stands.
    #[inline]
    pub fn string(&mut self) -> Option<Cow<'a, str>> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match *self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(Cow::Borrowed(&self.text[start..self.at - 1]));
                }
                b'\\' => return self.escaped(start).map(Cow::Owned),
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    fn escaped(&mut self, start: usize) -> Option<String> {
        let mut out = self.text[start..self.at].to_owned();
        loop {
            let plain = self.at;
            while !matches!(*self.bytes.get(self.at)?, b'"' | b'\\' | 0..0x20) {
                self.at += 1;
            }
            out.push_str(&self.text[plain..self.at]);
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return Some(out);
                }
                b'\\' => out.push(self.escape()?),
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        self.at += 2;
        Some(match *self.bytes.get(self.at - 1)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return None,
        })
    }

    /// The character of one `\u` or of a pair of them; halves of a pair by themselves are left to the caller.
    fn unicode(&mut self) -> Option<char> {
        let high = self.hex()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        if !self.bytes.get(self.at..)?.starts_with(b"\\u") {
            return None;
        }
        self.at += 2;
        let low = self.hex()?;
        (0xdc00..0xe000).contains(&low).then(|| char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)))?
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<Number> {
        let mut scanner = Scanner::new(text.as_bytes())?;
        let number = scanner.number()?;
        scanner.at_end().then_some(number)
    }

    #[test]
    fn numbers_are_strict() {
        assert_eq!(number("-12"), Some(Number::Int(-12)));
        assert_eq!(number(" 0 "), Some(Number::Int(0)));
        assert_eq!(number("1.5e3"), Some(Number::Float(1500.0)));
        assert_eq!(number("9223372036854775807"), Some(Number::Int(i64::MAX)));
        for left in ["01", "-", "1.", ".5", "1e", "+1", "-0", "9223372036854775808", "1e999", "NaN", "0x1"] {
            assert_eq!(number(left), None, "{left}");
        }
    }

    #[test]
    fn strings_lose_their_escapes() {
        let mut scanner = Scanner::new(br#""a\n\u00fc\ud83d\ude00\/""#).unwrap();
        assert_eq!(scanner.string().unwrap(), "a\nü😀/");
        for left in [r#""\ud83d""#, r#""\x""#, "\"a\u{1}\"", r#""a"#, r#""\u12""#] {
            assert!(Scanner::new(left.as_bytes()).unwrap().string().is_none(), "{left}");
        }
    }
}
