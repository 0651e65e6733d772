//! Cuts a reference into tokens and evens out how it was typed: case, kinds of dashes and spaces, fullwidth letters and
//! digits, characters without width. What the tokens mean is in `parse`.

use std::ops::Range;

use crate::letters::push_lowercase;

/// A token and where it stands in the input, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
    /// Whether a space stands before it.
    pub(super) spaced: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, in lower case.
    Word(String),
    /// Digits; too large a number is `u32::MAX`.
    Number(u32),
    Colon,
    Dot,
    Comma,
    Semicolon,
    Newline,
    Dash,
    /// An opening or closing bracket or a quotation mark.
    Bracket(char),
    Other(char),
}

pub(super) fn tokenize(input: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut spaced = false;
    // Whether the next letter or digit continues the last token.
    let mut open = false;
    for (at, raw) in input.char_indices() {
        let end = at + raw.len_utf8();
        let Some(c) = even(raw) else { continue };
        if c != '\n' && c.is_whitespace() {
            (spaced, open) = (true, false);
            continue;
        }
        if open && continues(tokens.last_mut(), c, end) {
            continue;
        }
        let kind = kind_of(c);
        open = matches!(kind, Kind::Word(_) | Kind::Number(_));
        tokens.push(Token { kind, span: at..end, spaced: std::mem::take(&mut spaced) });
    }
    tokens
}

fn continues(last: Option<&mut Token>, c: char, end: usize) -> bool {
    let Some(last) = last else { return false };
    match &mut last.kind {
        Kind::Word(word) if c.is_alphabetic() => push_lowercase(word, c),
        Kind::Number(number) if c.is_ascii_digit() => *number = with_digit(*number, c),
        _ => return false,
    }
    last.span.end = end;
    true
}

fn with_digit(number: u32, digit: char) -> u32 {
    let digit = digit.to_digit(10).unwrap_or(0);
    number.checked_mul(10).and_then(|n| n.checked_add(digit)).unwrap_or(u32::MAX)
}

fn kind_of(c: char) -> Kind {
    match c {
        '0'..='9' => Kind::Number(with_digit(0, c)),
        ':' => Kind::Colon,
        '.' => Kind::Dot,
        ',' => Kind::Comma,
        ';' => Kind::Semicolon,
        '\n' => Kind::Newline,
        '-' => Kind::Dash,
        '(' | ')' | '[' | ']' | '"' | '\'' | '“' | '”' | '‘' | '’' | '«' | '»' => Kind::Bracket(c),
        c if c.is_alphabetic() => {
            let mut word = String::new();
            push_lowercase(&mut word, c);
            Kind::Word(word)
        }
        c => Kind::Other(c),
    }
}

/// The plain form of a character; `None` for one without width.
fn even(c: char) -> Option<char> {
    Some(match c {
        // Soft hyphen, zero-width and direction marks, byte order mark: they come with copied text and mean nothing.
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
            return None;
        }
        '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '\u{2236}' | '\u{a789}' => ':',
        // Fullwidth forms of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(input: &str) -> Vec<Kind> {
        tokenize(input).into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn letters_and_digits_part_without_a_space() {
        assert_eq!(kinds("1Cor13"), [Kind::Number(1), Kind::Word("cor".into()), Kind::Number(13)]);
    }

    #[test]
    fn kinds_of_dashes_widths_and_spaces_are_evened_out() {
        assert_eq!(kinds("Ｊｎ\u{a0}３：１–\u{200b}２"), kinds("jn 3:1-2"));
        assert_eq!(kinds("a\u{200b}b"), [Kind::Word("ab".into())]);
    }

    #[test]
    fn a_number_too_large_stays_too_large() {
        assert_eq!(kinds("99999999999999999999"), [Kind::Number(u32::MAX)]);
    }

    #[test]
    fn spans_are_bytes_of_the_input() {
        let spans: Vec<_> = tokenize("“Jn” 3").into_iter().map(|t| (t.span, t.spaced)).collect();
        assert_eq!(spans, [(0..3, false), (3..5, false), (5..8, false), (9..10, true)]);
    }
}
