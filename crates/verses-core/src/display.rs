//! What review shows: references in the user's mode, and how close a typed answer comes. Comparing folds what people
//! cannot be asked to type: typographic quotes, dashes, ligatures, case and punctuation.

use crate::ReferenceDisplayMode;
use crate::letters::push_lowercase;

/// A reference as the user wants to see it in review: whole, its first letters, or a blank.
#[must_use]
pub fn reference_display(reference: &str, mode: ReferenceDisplayMode) -> String {
    match mode {
        ReferenceDisplayMode::Full => reference.to_owned(),
        ReferenceDisplayMode::First => first_letters(reference),
        ReferenceDisplayMode::Blank => "____".to_owned(),
    }
}

/// The first letter of every word, with the marks around it: a hint.
#[must_use]
pub fn first_letters(text: &str) -> String {
    let mut hint = String::with_capacity(text.len());
    let mut in_word = false;
    for c in text.chars() {
        let of_word = c.is_alphanumeric() || c == '\'' || c == '’';
        if !of_word || !in_word {
            hint.push(c);
        }
        in_word = of_word;
    }
    hint
}

/// How close a typed answer comes to the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerScore {
    /// Words of the text that were typed, in order.
    pub right: usize,
    /// Words of the text, or of the answer if that has more.
    pub of: usize,
}

impl AnswerScore {
    /// 0 to 100, rounded down, so that only a full answer gets 100.
    #[must_use]
    pub fn percent(self) -> usize {
        (self.right * 100).checked_div(self.of).unwrap_or(0)
    }
}

/// Most words of either side that are compared; the rest counts as not typed.
const MAX_WORDS: usize = 2_000;

/// Compares a typed answer with the text, word by word in order; a word left out or added costs one word.
#[must_use]
pub fn typed_answer(text: &str, typed: &str) -> AnswerScore {
    let (expected, answer) = (words(text), words(typed));
    let of = expected.len().max(answer.len());
    let (expected, answer) = (&expected[..expected.len().min(MAX_WORDS)], &answer[..answer.len().min(MAX_WORDS)]);
    // Longest common subsequence, one row at a time.
    let mut row = vec![0usize; answer.len() + 1];
    for word in expected {
        let mut diagonal = 0;
        for (i, other) in answer.iter().enumerate() {
            let above = row[i + 1];
            row[i + 1] = if word == other { diagonal + 1 } else { above.max(row[i]) };
            diagonal = above;
        }
    }
    AnswerScore { right: row.last().copied().unwrap_or(0), of }
}

/// The words of a text, folded for comparison.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        match c {
            'æ' | 'Æ' => word.push_str("ae"),
            'œ' | 'Œ' => word.push_str("oe"),
            // Within a word: "LORD'S", "LORD’S" and "lords" are the same, and so are "Beth-el" and "Bethel".
            '\'' | '’' | '‘' | '-' | '‐' | '‑' => {}
            c if c.is_alphanumeric() => push_lowercase(&mut word, c),
            _ if word.is_empty() => {}
            _ => words.push(std::mem::take(&mut word)),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_answer_is_right_whatever_its_quotes_case_and_marks() {
        for (text, typed) in [
            ("The LORD’s mercy—it is new.", "the lord's mercy it is new"),
            ("Cæsar's", "caesars"),
            ("Beth-el", "bethel"),
            ("“Yes,” he said", "yes he said"),
        ] {
            assert_eq!(typed_answer(text, typed).percent(), 100, "{text} / {typed}");
        }
    }

    #[test]
    fn words_left_out_changed_or_added_cost_their_share() {
        for (typed, right, of) in [("jesus", 1, 2), ("", 0, 2), ("jesus slept", 1, 2), ("and then jesus wept", 2, 4)] {
            assert_eq!(typed_answer("Jesus wept.", typed), AnswerScore { right, of }, "{typed}");
        }
        assert_eq!(typed_answer("", "").percent(), 0);
    }

    #[test]
    fn references_show_in_each_mode() {
        use ReferenceDisplayMode::{Blank, First, Full};
        for (mode, shown) in [(Full, "1 John 3:16"), (First, "1 J 3:1"), (Blank, "____")] {
            assert_eq!(reference_display("1 John 3:16", mode), shown);
        }
    }
}
