//! Reads the name of a book from tokens: number ("1", "1st", "First", "I"), lead-in ("The Gospel of"), and the name in up
//! to five words. The names themselves are in `books`.

use super::books::Book;
use super::error::{PassageError, PassageErrorKind as E};
use super::tokens::{Kind, Token};
use crate::quoted;

/// Longest name in words: "Acts of the Apostles", "Revelation of John".
const MAX_NAME_WORDS: usize = 4;
/// Most words before a name: "the first epistle of Paul the apostle to the".
const MAX_LEAD_IN: usize = 10;
/// Longest piece of the input repeated in a message, in characters.
const MAX_SHOWN: usize = 40;

const LEAD_IN: [&str; 19] = [
    "the",
    "book",
    "of",
    "gospel",
    "according",
    "to",
    "epistle",
    "letter",
    "general",
    "saint",
    "st",
    "paul",
    "apostle",
    "prophet",
    "cf",
    "see",
    "bible",
    "s",
    "read",
];

/// A book and the number of tokens of its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) book: Book,
    pub(super) tokens: usize,
}

fn word(tokens: &[Token], at: usize) -> Option<&str> {
    match tokens.get(at).map(|t| &t.kind) {
        Some(Kind::Word(word)) => Some(word),
        _ => None,
    }
}

/// The book whose name stands at `at`, if one does.
pub(super) fn book_at(tokens: &[Token], at: usize) -> Option<Named> {
    let mut start = at;
    let mut number = None;
    for _ in 0..MAX_LEAD_IN {
        let ordinal = if number.is_none() { ordinal_at(tokens, start) } else { None };
        // A number may be a name's beginning ("I" in "Isaiah" is not, as it is a word of its own).
        if let Some((value, length)) = ordinal {
            if let Some(named) = name_at(tokens, start + length, value) {
                return Some(Named { tokens: start + length + named.tokens - at, ..named });
            }
            if !is_lead_in(tokens, start + length) {
                return None;
            }
            (number, start) = (Some(value), start + length);
        } else if let Some(named) = name_at(tokens, start, number.unwrap_or(0)) {
            return Some(Named { tokens: start + named.tokens - at, ..named });
        }
        if !is_lead_in(tokens, start) {
            return None;
        }
        start += 1;
        while matches!(tokens.get(start).map(|t| &t.kind), Some(Kind::Dot | Kind::Colon)) {
            start += 1;
        }
    }
    None
}

fn is_lead_in(tokens: &[Token], at: usize) -> bool {
    word(tokens, at).is_some_and(|word| LEAD_IN.contains(&word))
}

/// The number of a numbered book, and its length in tokens: "1", "1.", "1st", "First", "I".
fn ordinal_at(tokens: &[Token], at: usize) -> Option<(u8, usize)> {
    let (value, mut length) = match tokens.get(at).map(|t| &t.kind)? {
        Kind::Number(number) => {
            let value = u8::try_from(*number).ok().filter(|n| (1..=9).contains(n))?;
            let suffix = word(tokens, at + 1).filter(|w| ["st", "nd", "rd", "th"].contains(w));
            let glued = suffix.is_some() && tokens.get(at + 1).is_some_and(|t| !t.spaced);
            (value, 1 + usize::from(glued && word(tokens, at + 2).is_some()))
        }
        Kind::Word(word) => match word.as_str() {
            "i" | "first" => (1, 1),
            "ii" | "second" => (2, 1),
            "iii" | "third" => (3, 1),
            _ => return None,
        },
        _ => return None,
    };
    if matches!(tokens.get(at + length).map(|t| &t.kind), Some(Kind::Dot)) {
        length += 1;
    }
    word(tokens, at + length).map(|_| (value, length))
}

fn name_at(tokens: &[Token], at: usize, number: u8) -> Option<Named> {
    let longest = (0..MAX_NAME_WORDS).take_while(|ahead| word(tokens, at + ahead).is_some()).count();
    for words in (1..=longest).rev() {
        if let Some(book) = with_name(number, &joined(tokens, at, words)) {
            return Some(Named { book, tokens: words });
        }
    }
    // "The" is the beginning of "Thessalonians" too.
    let name = word(tokens, at).filter(|_| !is_lead_in(tokens, at))?;
    let book = match guess(number, name) {
        NameMatch::Is(book) => Some(book),
        // "IICor": the number grown together with the name.
        _ if number == 0 => [("iii", 3), ("ii", 2), ("i", 1)]
            .into_iter()
            .find_map(|(roman, number)| with_name(number, name.strip_prefix(roman)?)),
        NameMatch::Several(_) | NameMatch::Unknown(_) => None,
    };
    Some(Named { book: book?, tokens: 1 })
}

fn joined(tokens: &[Token], at: usize, words: usize) -> String {
    (0..words).filter_map(|ahead| word(tokens, at + ahead)).collect()
}

/// Why no book stands at `at`, where a word or a number does.
pub(super) fn failure(input: &str, tokens: &[Token], at: usize) -> PassageError {
    let (number, length) = ordinal_at(tokens, at).unwrap_or((0, 0));
    let Some(name) = word(tokens, at + length) else {
        let message = "a book was expected: write for example John 3:16";
        return PassageError::new(E::NoBook, message).at(tokens[at].span.clone());
    };
    let span = tokens[at].span.start..tokens[at + length].span.end;
    let shown = quoted(&shortened(input.get(span.clone()).unwrap_or(name)));
    if number > 0
        && let Some(book) = Book::from_alias(name).or_else(|| numbered(name).pop())
    {
        let last = numbered(bare_names(book).next().unwrap_or_default()).pop().unwrap_or(book);
        let message = format!("there is no book {shown}");
        return PassageError::new(E::UnknownBook, message).at(span).suggest(Some(last.name().to_owned()));
    }
    match guess(number, name) {
        NameMatch::Several(books) => {
            let names: Vec<&str> = books.iter().take(5).map(|b| b.name()).collect();
            PassageError::new(
                E::AmbiguousBook,
                format!("{shown} may be {}: write more of the name", names.join(" or ")),
            )
        }
        NameMatch::Unknown(similar) => {
            let message = match similar {
                Some(_) => format!("{shown} is no book"),
                None => format!("{shown} is no book of the Bible: write for example John 3:16"),
            };
            PassageError::new(E::UnknownBook, message).suggest(similar.map(|book| book.name().to_owned()))
        }
        // A name that stands for a book is read by `book_at`, but not within another reference.
        NameMatch::Is(book) => PassageError::new(E::Unexpected, format!("{} cannot stand here", book.name())),
    }
    .at(span)
}

fn numbered(name: &str) -> Vec<Book> {
    (1..=3).filter_map(|number| with_name(number, name)).collect()
}

/// The first characters of a text, for a message.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The last characters of a text, for a message.
pub(super) fn shortened_left(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(MAX_SHOWN);
    let shown: String = text.chars().skip(skipped).collect();
    if skipped == 0 { shown } else { format!("…{shown}") }
}

/// Letters a shortened name needs before it may stand for the only book that begins so.
const MIN_PREFIX_LETTERS: usize = 3;
/// Longest name for which similar ones are looked for, in characters; a limit on the work.
const MAX_MISSPELT_LETTERS: usize = 30;

/// What a name stands for that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NameMatch {
    /// One book.
    Is(Book),
    /// The beginning of several names, or a name that needs a number.
    Several(Vec<Book>),
    /// No book; the book with the most similar name, if one is similar enough.
    Unknown(Option<Book>),
}

/// The book of exactly this name; `number` is 0 when none was given.
fn with_name(number: u8, name: &str) -> Option<Book> {
    if number == 0 { Book::from_alias(name) } else { Book::from_alias(&format!("{number}{name}")) }
}

/// The number of a numbered book, else 0.
fn number_of(book: Book) -> u8 {
    book.osis().bytes().next().filter(u8::is_ascii_digit).map_or(0, |digit| digit - b'0')
}

/// The names of a book without its number.
fn bare_names(book: Book) -> impl Iterator<Item = &'static str> {
    book.aliases().map(|alias| alias.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn guess(number: u8, name: &str) -> NameMatch {
    let fits = |book: &Book| number == 0 || number_of(*book) == number;
    let begins = |book: &Book| bare_names(*book).next().is_some_and(|full| full.starts_with(name));
    let candidates: Vec<Book> = Book::all().filter(|book| fits(book) && begins(book)).collect();
    match candidates.as_slice() {
        [only] if name.len() >= MIN_PREFIX_LETTERS && number_of(*only) == number => NameMatch::Is(*only),
        [] => {
            // An abbreviation that needs a number: "Jn" does not, "Kgs" does.
            let several: Vec<Book> =
                Book::all().filter(|book| fits(book) && bare_names(*book).any(|n| n == name)).collect();
            if several.is_empty() {
                NameMatch::Unknown(most_similar(number, name))
            } else {
                NameMatch::Several(several)
            }
        }
        _ => NameMatch::Several(candidates),
    }
}

fn most_similar(number: u8, name: &str) -> Option<Book> {
    let typed: Vec<char> = name.chars().take(MAX_MISSPELT_LETTERS + 1).collect();
    if typed.len() > MAX_MISSPELT_LETTERS {
        return None;
    }
    let allowed = (typed.len() / 3).clamp(1, 3);
    let books = Book::all().filter(|book| number == 0 || number_of(*book) == number);
    let names =
        books.flat_map(|book| bare_names(book).filter(|n| n.len() > MIN_PREFIX_LETTERS).map(move |n| (n, book)));
    names
        .map(|(name, book)| (edits(&typed, &name.chars().collect::<Vec<_>>()), book))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, book)| book)
}

/// Letters to insert, delete, change or swap with their neighbour (optimal string alignment distance).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(from != to)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(osis: &str) -> Book {
        Book::all().find(|b| b.osis() == osis).unwrap()
    }

    #[test]
    fn no_name_stands_for_two_books() {
        let mut seen = std::collections::BTreeSet::new();
        for alias in Book::all().flat_map(|b| b.aliases()) {
            assert!(alias.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{alias}");
            assert!(seen.insert(alias), "{alias} twice");
        }
    }

    #[test]
    fn every_osis_code_and_full_name_is_known() {
        for book in Book::all() {
            for name in [book.osis(), book.name()] {
                let letters: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
                assert_eq!(Book::from_alias(&letters), Some(book), "{name}");
            }
        }
    }

    #[test]
    fn a_beginning_that_only_one_book_has_stands_for_it() {
        assert_eq!(guess(0, "deutero"), NameMatch::Is(book("Deut")));
        assert_eq!(guess(2, "corinth"), NameMatch::Is(book("2Cor")));
        assert_eq!(guess(0, "ju"), NameMatch::Several(vec![book("Judg"), book("Jude")]));
        assert_eq!(guess(0, "kgs"), NameMatch::Several(vec![book("1Kgs"), book("2Kgs")]));
    }

    #[test]
    fn swapped_letters_count_as_one_edit() {
        let of = |a: &str, b: &str| edits(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(of("psalsm", "psalms"), 1);
        assert_eq!(of("", "job"), 3);
        assert_eq!(of("habakuk", "habakkuk"), 1);
        assert_eq!(of("same", "same"), 0);
    }
}
