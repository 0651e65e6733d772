//! From text to a [`Value`]: JSON as RFC 8259 has it, nested 127 deep at most.

use std::borrow::Cow;

use crate::{JsonError, Value};

/// A document nested so deep is refused, before it takes the stack of whoever reads it.
const TOO_DEEP: u32 = 128;

/// Reads a document.
///
/// # Errors
/// [`JsonError`] with the place for what is no JSON.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|e| JsonError::syntax(e.valid_up_to(), "UTF-8"))?;
    let mut parser = Parser { text, at: 0, depth: 0 };
    let value = parser.value()?;
    parser.skip_space();
    if parser.at < text.len() { Err(parser.expected("the end")) } else { Ok(value) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Parser<'a> {
    #[cold]
    fn expected(&self, what: &'static str) -> JsonError {
        JsonError::syntax(self.at, what)
    }

    /// The next byte; 0 at the end, which is as wrong as that byte would be.
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    #[inline(never)]
    fn skip_space(&mut self) -> u8 {
        while matches!(self.peek(), b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
        self.peek()
    }

    fn value(&mut self) -> Result<Value<'a>, JsonError> {
        match self.skip_space() {
            b'"' => Ok(Value::Text(self.string()?)),
            b'{' => self.object(),
            b'[' => self.list(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => Err(self.expected("a value")),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn enter(&mut self) -> Result<(), JsonError> {
        self.depth += 1;
        self.at += 1;
        if self.depth == TOO_DEEP { Err(self.expected("less nesting")) } else { Ok(()) }
    }

    /// Whether one more follows in what ends with `close`.
    fn another(&mut self, is_first: bool, close: u8) -> Result<bool, JsonError> {
        let byte = self.skip_space();
        if byte == close {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        if !is_first {
            if byte != b',' {
                return Err(self.expected("a comma or the end of it"));
            }
            self.at += 1;
        }
        Ok(true)
    }

    fn list(&mut self) -> Result<Value<'a>, JsonError> {
        self.enter()?;
        let mut values = Vec::new();
        while self.another(values.is_empty(), b']')? {
            values.push(self.value()?);
        }
        Ok(Value::List(values))
    }

    fn object(&mut self) -> Result<Value<'a>, JsonError> {
        self.enter()?;
        let mut entries = Vec::new();
        while self.another(entries.is_empty(), b'}')? {
            if self.skip_space() != b'"' {
                return Err(self.expected("a name"));
            }
            let name = self.string()?;
            if self.skip_space() != b':' {
                return Err(self.expected("a colon"));
            }
            self.at += 1;
            entries.push((name, self.value()?));
        }
        Ok(Value::Object(entries))
    }

    fn number(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        let is_negative = self.peek() == b'-';
        self.at += usize::from(is_negative);
        let mut number = Some(0);
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            number = self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
            number = None;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            self.digits()?;
            number = None;
        }
        Ok(match (number, is_negative) {
            (Some(number), false) => Value::Unsigned(number),
            // Below 0, for there is no whole number -0.
            (Some(number @ 1..=0x8000_0000_0000_0000), true) => Value::Negative((number as i64).wrapping_neg()),
            _ if !is_in_range(self.since(start)) => return Err(self.expected("a number in its range")),
            _ => Value::Float(self.since(start)),
        })
    }

    /// At least one digit; the number they are, if it is in range.
    fn digits(&mut self) -> Result<Option<u64>, JsonError> {
        let start = self.at;
        let mut number = Some(0_u64);
        while let digit @ b'0'..=b'9' = self.peek() {
            number = number.and_then(|n| n.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
            self.at += 1;
        }
        if self.at == start { Err(self.expected("a digit")) } else { Ok(number) }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let plain = self.plain();
        if self.peek() == b'"' {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                b'\\' => text.push(self.escaped()?),
                _ => return Err(self.expected("more of the text")),
            }
            text.push_str(self.plain());
        }
    }

    /// What stands for itself, up to a quotation mark, a backslash, a control character or the end.
    fn plain(&mut self) -> &'a str {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1F);
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
        self.since(start)
    }

    fn escaped(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let byte = self.peek();
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.expected("an escape")),
        })
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let mut code = self.hex()?;
        if (0xD800..0xDC00).contains(&code) && self.text.get(self.at..self.at + 2) == Some("\\u") {
            self.at += 2;
            let low = self.hex()?;
            // A second half that is none makes a code that no character has.
            code = if (0xDC00..0xE000).contains(&low) {
                0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            } else {
                code
            };
        }
        // Half a pair alone is no character.
        char::from_u32(code).ok_or_else(|| self.expected("a character"))
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()).to_digit(16).ok_or_else(|| self.expected("a hexadecimal digit"))?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

/// Whether an `f64` reaches as far as this number.
fn is_in_range(number: &str) -> bool {
    /// The least number of as many digits as are looked at.
    const SEVENTEEN_DIGITS: u64 = 10_000_000_000_000_000;
    /// The largest one has so many digits before its point, and begins with these.
    const LARGEST: (i64, u64) = (309, 17_976_931_348_623_158);
    let (mut before_point, mut digits, mut is_behind_point, mut is_zero) = (0_i64, 0_u64, false, true);
    for (at, byte) in number.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                is_zero &= byte == b'0';
                before_point += i64::from(!is_zero) - i64::from(is_behind_point);
                if digits < SEVENTEEN_DIGITS {
                    digits = digits * 10 + u64::from(byte - b'0');
                }
            }
            b'.' => is_behind_point = true,
            b'e' | b'E' => {
                let exponent = number.get(at + 1..).unwrap_or_default();
                let far = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
                before_point = before_point.saturating_add(exponent.parse().unwrap_or(far));
                break;
            }
            _ => {}
        }
    }
    while !is_zero && digits < SEVENTEEN_DIGITS {
        digits *= 10;
    }
    is_zero || (before_point, digits) <= LARGEST
}
