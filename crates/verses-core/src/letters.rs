//! Letters in lower case. A browser knows them all; the table of the standard library would be a part of what every browser
//! downloads.

#[cfg(target_arch = "wasm32")]
mod known {
    use std::sync::OnceLock;

    /// A text in lower case, by the rules of Unicode that hold for every language.
    pub type Lowercase = fn(&str) -> String;

    static LOWERCASE: OnceLock<Lowercase> = OnceLock::new();

    /// Says who knows the letters beyond ASCII. Only the first call counts.
    pub fn use_lowercase(known_by: Lowercase) {
        LOWERCASE.get_or_init(|| known_by);
    }

    pub(super) fn lowercase(text: &str) -> String {
        LOWERCASE.get().map_or_else(|| text.to_ascii_lowercase(), |known| known(text))
    }
}

#[cfg(target_arch = "wasm32")]
pub use known::{Lowercase, use_lowercase};

/// The text in lower case.
#[must_use]
pub fn lowercase(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    #[cfg(target_arch = "wasm32")]
    return known::lowercase(text);
    #[cfg(not(target_arch = "wasm32"))]
    text.to_lowercase()
}

/// Puts a character in lower case at the end of a word.
pub(crate) fn push_lowercase(word: &mut String, c: char) {
    if c.is_ascii() {
        word.push(c.to_ascii_lowercase());
    } else {
        word.push_str(&lowercase(c.encode_utf8(&mut [0; 4])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_becomes_what_the_standard_library_makes_of_it() {
        for c in char::MIN..=char::MAX {
            let mut word = String::new();
            push_lowercase(&mut word, c);
            assert_eq!(word, c.to_lowercase().collect::<String>(), "{c}");
        }
        assert_eq!(lowercase("ΛΌΓΟΣ, Ágape"), "λόγος, ágape");
    }
}
