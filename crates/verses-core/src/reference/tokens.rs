//! From typed text to tokens: numbers, words and marks, with what typography adds folded away. No grammar.

/// A piece of input, with the byte position where it begins in the text as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Digits; too large a number is `u32::MAX`.
    Number(u32),
    /// Letters, lower case.
    Word(String),
    Colon,
    Dot,
    Comma,
    Dash,
    /// `;` or the end of a line.
    Separator,
    /// Brackets, quotes and bullets: they only matter where they are not expected.
    Mark(char),
}

/// Splits a text into tokens. A change from digits to letters ends a token, so "1jn" and "3v16" need no spaces.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut fresh = true;
    for (at, typed) in text.char_indices() {
        let Some(c) = plain(typed) else { continue };
        if c.is_whitespace() && c != '\n' {
            fresh = true;
            continue;
        }
        let grown = !fresh && grow(tokens.last_mut(), c);
        if !grown {
            tokens.push(Token { kind: kind_of(c), at });
        }
        fresh = false;
    }
    tokens
}

fn grow(last: Option<&mut Token>, c: char) -> bool {
    match (last.map(|t| &mut t.kind), c.to_digit(10)) {
        (Some(Kind::Number(n)), Some(digit)) => {
            *n = n.saturating_mul(10).saturating_add(digit);
            true
        }
        (Some(Kind::Word(word)), None) if c.is_alphabetic() => {
            word.extend(c.to_lowercase());
            true
        }
        _ => false,
    }
}

fn kind_of(c: char) -> Kind {
    match c {
        ':' => Kind::Colon,
        '.' => Kind::Dot,
        ',' => Kind::Comma,
        '-' => Kind::Dash,
        ';' | '\n' => Kind::Separator,
        '&' => Kind::Word("and".to_owned()),
        c if c.is_alphabetic() => Kind::Word(c.to_lowercase().collect()),
        c => c.to_digit(10).map_or(Kind::Mark(c), Kind::Number),
    }
}

/// The plain form of a character: full-width forms become ASCII, dashes a hyphen, spaces a space; marks without width
/// are dropped.
fn plain(c: char) -> Option<char> {
    match c {
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{00ad}' => None,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Some('-'),
        '\u{3000}' | '\r' | '\t' => Some(' '),
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_digits_part_and_typography_folds() {
        let kinds = |text: &str| tokens(text).into_iter().map(|t| t.kind).collect::<Vec<_>>();
        let word = |w: &str| Kind::Word(w.into());
        assert_eq!(kinds("1Jn"), [Kind::Number(1), word("jn")]);
        assert_eq!(kinds("3v16"), [Kind::Number(3), word("v"), Kind::Number(16)]);
        assert_eq!(kinds("3 16"), [Kind::Number(3), Kind::Number(16)]);
        assert_eq!(kinds("１\u{200b}６—"), [Kind::Number(16), Kind::Dash]);
        assert_eq!(kinds("999999999999"), [Kind::Number(u32::MAX)]);
    }
}
