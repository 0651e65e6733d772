//! Writing JSON: as serde_json writes it, without spaces.

use crate::ToJson;

/// Text that grows.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    /// The next object leaves out its braces: its fields are those of the object around it.
    is_flat: bool,
}

impl Writer {
    /// What was written.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// An object whose fields `fields` writes.
    #[inline(never)]
    pub fn object(&mut self, fields: &dyn Fn(&mut Self)) {
        if std::mem::take(&mut self.is_flat) {
            return fields(self);
        }
        self.text.push('{');
        fields(self);
        self.text.push('}');
    }

    /// A field of an object.
    #[inline(never)]
    pub fn field(&mut self, name: &str, value: &dyn ToJson) {
        self.separate();
        self.text(name);
        self.text.push(':');
        value.to_json(self);
    }

    /// The same, left out if the value [is absent](ToJson::is_absent).
    #[inline(never)]
    pub fn field_if_any(&mut self, name: &str, value: &dyn ToJson) {
        if !value.is_absent() {
            self.field(name, value);
        }
    }

    /// The fields of an object as fields of the one around it.
    #[inline(never)]
    pub fn flat(&mut self, value: &dyn ToJson) {
        self.is_flat = true;
        value.to_json(self);
    }

    /// An array of these values.
    #[inline(never)]
    pub fn list(&mut self, values: &mut dyn Iterator<Item = &dyn ToJson>) {
        self.text.push('[');
        for value in values {
            self.separate();
            value.to_json(self);
        }
        self.text.push(']');
    }

    /// A value never ends with an opening bracket, so the last byte says whether there was one.
    fn separate(&mut self) {
        if !self.text.ends_with(['{', '[']) {
            self.text.push(',');
        }
    }

    /// A word of JSON: `null`, `true`, `false`, or a number somebody else has written.
    #[inline(never)]
    pub fn word(&mut self, word: &str) {
        self.text.push_str(word);
    }

    /// A text.
    #[inline(never)]
    pub fn text(&mut self, text: &str) {
        self.text.push('"');
        let mut start = 0;
        for (at, byte) in text.bytes().enumerate() {
            let short = match byte {
                b'"' | b'\\' => byte,
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                8 => b'b',
                12 => b'f',
                0..=0x1F => b'u',
                _ => continue,
            };
            self.text.push_str(text.get(start..at).unwrap_or_default());
            self.text.push('\\');
            self.text.push(char::from(short));
            if short == b'u' {
                self.text.push_str(if byte < 16 { "000" } else { "001" });
                self.text.push(char::from_digit(u32::from(byte) % 16, 16).unwrap_or('0'));
            }
            start = at + 1;
        }
        self.text.push_str(text.get(start..).unwrap_or_default());
        self.text.push('"');
    }

    /// A whole number from 0, with zeros before it up to `width` digits.
    #[inline(never)]
    pub(crate) fn digits(&mut self, number: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let (mut rest, mut at) = (number, digits.len());
        for digit in digits.iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *digit += (rest % 10) as u8;
            rest /= 10;
            at -= 1;
        }
        let at = at.min(digits.len().saturating_sub(width.max(1)));
        self.text.push_str(std::str::from_utf8(digits.get(at..).unwrap_or_default()).unwrap_or_default());
    }

    /// A whole number.
    #[inline(never)]
    pub(crate) fn signed(&mut self, number: i64) {
        if number < 0 {
            self.text.push('-');
        }
        self.digits(number.unsigned_abs(), 1);
    }
}
