//! Words of a reference: books at a place among the tokens, and the small words around numbers. Tables and look-ups.

use super::books::Book;
use super::tokens::{Kind, Token};

/// Most words in the name of a book ("acts of the apostles").
const MAX_WORDS: usize = 4;

/// The book that begins at a token, and the token after it. The longest name wins.
pub(super) fn find(tokens: &[Token], at: usize) -> Option<(Book, usize)> {
    let (ordinal, words_at) = ordinal(tokens, at).unwrap_or((0, at));
    with_prefix(tokens, words_at, ordinal).or_else(|| if ordinal > 0 { with_prefix(tokens, at, 0) } else { None })
}

fn with_prefix(tokens: &[Token], at: usize, ordinal: u32) -> Option<(Book, usize)> {
    let mut name = if ordinal > 0 { ordinal.to_string() } else { String::new() };
    let mut found = None;
    for (index, token) in tokens.iter().enumerate().skip(at).take(MAX_WORDS) {
        let Kind::Word(word) = &token.kind else { break };
        name.push_str(word);
        if let Some(book) = Book::from_alias(&name) {
            found = Some((book, index + 1));
        }
    }
    found
}

/// "1", "1st", "1.", "I", "First" before a word: the number and where the word begins.
fn ordinal(tokens: &[Token], at: usize) -> Option<(u32, usize)> {
    let word = |i: usize| match tokens.get(i).map(|t| &t.kind) {
        Some(Kind::Word(w)) => Some(w.as_str()),
        _ => None,
    };
    let (number, mut next) = match tokens.get(at).map(|t| &t.kind)? {
        Kind::Number(n @ 1..=3) => (*n, at + 1),
        Kind::Word(w) => (roman(w)?, at + 1),
        _ => return None,
    };
    if matches!(word(next), Some("st" | "nd" | "rd" | "th")) && word(next + 1).is_some() {
        next += 1;
    }
    if matches!(tokens.get(next).map(|t| &t.kind), Some(Kind::Dot)) {
        next += 1;
    }
    word(next).map(|_| (number, next))
}

fn roman(word: &str) -> Option<u32> {
    match word {
        "i" | "first" => Some(1),
        "ii" | "second" => Some(2),
        "iii" | "third" => Some(3),
        _ => None,
    }
}

/// Words that may stand before a book.
pub(super) fn is_filler(word: &str) -> bool {
    matches!(word, "the" | "gospel" | "of" | "according" | "to" | "epistle" | "letter" | "book" | "st" | "saint")
}

pub(super) fn is_verse_word(word: &str) -> bool {
    matches!(word, "v" | "vv" | "vs" | "vss" | "ver" | "vers" | "verse" | "verses")
}

pub(super) fn is_range_word(word: &str) -> bool {
    matches!(word, "to" | "through" | "thru" | "until")
}

/// Names of translations that people write behind a reference.
pub(super) fn is_translation(word: &str) -> bool {
    const NAMES: [&str; 22] = [
        "kjv", "web", "esv", "niv", "nasb", "nas", "nkjv", "nlt", "asv", "csb", "hcsb", "rsv", "nrsv", "net", "nab",
        "msg", "amp", "bsb", "ylt", "niv84", "tniv", "gnt",
    ];
    NAMES.contains(&word)
}

/// Names that several books share: one of them, for the error's advice.
pub(super) fn example_of(word: &str) -> Option<&'static str> {
    match word {
        "sam" | "samuel" => Some("1 Samuel"),
        "kgs" | "kings" => Some("1 Kings"),
        "chr" | "chron" | "chronicles" => Some("1 Chronicles"),
        "cor" | "corinthians" => Some("1 Corinthians"),
        "thess" | "thessalonians" => Some("1 Thessalonians"),
        "tim" | "timothy" => Some("1 Timothy"),
        "pet" | "peter" => Some("1 Peter"),
        "ju" | "jud" => Some("Judges or Jude"),
        _ => None,
    }
}

/// The book whose name is at most two edits away, if one is.
pub(super) fn nearest(word: &str) -> Option<&'static str> {
    let length = word.chars().count();
    if !(4..=20).contains(&length) {
        return None;
    }
    let allowed = if length < 6 { 1 } else { 2 };
    let candidates = Book::all().flat_map(|b| b.aliases().iter().map(move |a| (b, *a))).filter(|(_, a)| a.len() > 3);
    let nearest = candidates.map(|(b, a)| (distance(word, a), b)).min_by_key(|(d, b)| (*d, *b));
    nearest.filter(|(d, _)| *d <= allowed).map(|(_, b)| b.name())
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}
