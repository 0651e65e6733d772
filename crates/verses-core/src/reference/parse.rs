//! Reads a list of references. The syntax is described in `docs/passages.md`; tables of books are in `books`, the
//! reading of one book's name in `names`.

use crate::quoted;
use std::ops::Range;

use super::books::Book;
use super::error::{PassageError, PassageErrorKind as E};
use super::names::{self, Named};
use super::passage::{Passage, Place, Range as VerseRange};
use super::tokens::{Kind, Token, tokenize};

/// Longest input read, in bytes.
pub const MAX_INPUT_BYTES: usize = 64 * 1024;

/// Reads a list of passages. A comma goes on with the same passage as long as the book stays the same; a semicolon, a
/// line break or another book begins the next one.
///
/// # Errors
/// [`PassageError`] for the first part that is not understood; also for a text without any reference.
pub fn parse_passages(input: &str) -> Result<Vec<Passage>, PassageError> {
    if input.len() > MAX_INPUT_BYTES {
        let message = format!("a list of {} bytes is too long: split it into parts of {MAX_INPUT_BYTES}", input.len());
        return Err(PassageError::new(E::TooLong, message));
    }
    let tokens = tokenize(input);
    Parser { input, tokens: &tokens, at: 0, last: None }.list()
}

/// Reads exactly one passage: a range, or several of one book ("1 Cor 13:4-7,13").
///
/// # Errors
/// As [`parse_passages`], and [`PassageErrorKind::Several`](E::Several) for more than one.
pub fn parse_passage(input: &str) -> Result<Passage, PassageError> {
    let mut passages = parse_passages(input)?;
    let count = passages.len();
    match (passages.pop(), count) {
        (Some(passage), 1) => Ok(passage),
        _ => Err(PassageError::new(E::Several, format!("these are {count} passages: give one at a time"))),
    }
}

/// Abbreviations of translations that may stand after a reference and are skipped.
const TRANSLATIONS: [&str; 34] = [
    "amp", "asv", "bsb", "ceb", "cev", "csb", "erv", "esv", "gnb", "gnt", "gnv", "gw", "hcsb", "kjv", "leb", "lsb",
    "mev", "msg", "nab", "nabre", "nasb", "ncv", "net", "nirv", "niv", "njb", "nkjv", "nlt", "nlv", "nrsv", "nrsvue",
    "rsv", "web", "ylt",
];
const CHAPTER_WORDS: [&str; 4] = ["chapter", "chapters", "chap", "ch"];
const VERSE_WORDS: [&str; 7] = ["verse", "verses", "vers", "vv", "vss", "vs", "v"];
const RANGE_WORDS: [&str; 4] = ["to", "through", "thru", "until"];

/// A chapter, or a verse of one.
#[derive(Debug, Clone, Copy)]
struct Point {
    book: Book,
    chapter: u8,
    /// `None`: the whole chapter was named.
    verse: Option<u8>,
}

impl Point {
    fn first(self) -> Place {
        Place { book: self.book, chapter: self.chapter, verse: self.verse.unwrap_or(1) }
    }

    fn last(self) -> Place {
        let end = self.book.verses(self.chapter);
        Place { book: self.book, chapter: self.chapter, verse: self.verse.unwrap_or(end) }
    }

    /// Whether there is such a verse.
    fn exists(self) -> bool {
        self.verse.is_none_or(|verse| (1..=self.book.verses(self.chapter)).contains(&verse))
    }

    fn name(self) -> String {
        match self.verse {
            Some(verse) if has_one_chapter(self.book) => format!("{} {verse}", self.book.name()),
            Some(verse) => format!("{} {}:{verse}", self.book.name(), self.chapter),
            None => format!("{} {}", self.book.name(), self.chapter),
        }
    }
}

/// What stood before a reference, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Separator {
    Nothing,
    Comma,
    Break,
}

struct Parser<'a> {
    input: &'a str,
    tokens: &'a [Token],
    at: usize,
    /// Where the last reference ended; numbers without a book go on from there.
    last: Option<Point>,
}

impl Parser<'_> {
    fn list(mut self) -> Result<Vec<Passage>, PassageError> {
        let mut passages: Vec<Vec<VerseRange>> = Vec::new();
        loop {
            let separator = self.separators();
            if self.at == self.tokens.len() {
                break;
            }
            let range = self.item(separator)?;
            self.trailers();
            match passages.last_mut() {
                Some(open) if separator == Separator::Comma && joins(open, range) => open.push(range),
                _ => passages.push(vec![range]),
            }
        }
        if passages.is_empty() {
            return Err(PassageError::new(E::Empty, "no reference is given: write one, for example John 3:16"));
        }
        Ok(passages.into_iter().filter_map(Passage::new).collect())
    }

    fn kind(&self, ahead: usize) -> Option<&Kind> {
        self.tokens.get(self.at + ahead).map(|t| &t.kind)
    }

    fn number(&self, ahead: usize) -> Option<u32> {
        match self.kind(ahead) {
            Some(Kind::Number(number)) => Some(*number),
            _ => None,
        }
    }

    fn is_word(&self, ahead: usize, words: &[&str]) -> bool {
        matches!(self.kind(ahead), Some(Kind::Word(word)) if words.contains(&word.as_str()))
    }

    fn is_spaced(&self, ahead: usize) -> bool {
        self.tokens.get(self.at + ahead).is_none_or(|t| t.spaced)
    }

    /// Span of `count` tokens from here, or the end of the input.
    fn span(&self, count: usize) -> Range<usize> {
        let last = self.tokens.get((self.at + count.max(1) - 1).min(self.tokens.len().saturating_sub(1)));
        match (self.tokens.get(self.at), last) {
            (Some(first), Some(last)) => first.span.start..last.span.end,
            _ => self.input.len()..self.input.len(),
        }
    }

    /// The text from here on, shortened, for messages.
    fn rest(&self) -> String {
        let rest = self.input.get(self.span(1).start..).unwrap_or_default();
        let line: Vec<&str> = rest.lines().next().unwrap_or_default().split_whitespace().take(4).collect();
        names::shortened(&line.join(" "))
    }

    fn separators(&mut self) -> Separator {
        let mut separator = Separator::Nothing;
        let mut new_line = self.at == 0;
        loop {
            match self.kind(0) {
                Some(Kind::Comma) => separator = separator.max(Separator::Comma),
                Some(Kind::Semicolon) => separator = Separator::Break,
                Some(Kind::Newline) => {
                    new_line = true;
                    separator = Separator::Break;
                }
                Some(Kind::Other('&')) => separator = separator.max(Separator::Comma),
                Some(Kind::Word(word)) if word == "and" && self.at > 0 => separator = separator.max(Separator::Comma),
                Some(Kind::Bracket('(' | '[' | '"' | '\'' | '“' | '‘' | '«')) => {}
                Some(Kind::Other('•' | '*' | '·' | '◦' | '▪')) if new_line => {}
                Some(Kind::Dash) if new_line && self.is_spaced(1) => {}
                // "2) Romans 8:28": the number of a line, not of the book.
                Some(Kind::Number(_)) if new_line && self.kind(1) == Some(&Kind::Bracket(')')) => self.at += 1,
                _ => return separator,
            }
            self.at += 1;
        }
    }

    /// Skips what may stand after a reference: a full stop, the name of a translation, closing brackets.
    fn trailers(&mut self) {
        loop {
            let bracketed = usize::from(matches!(self.kind(0), Some(Kind::Bracket('(' | '['))));
            if self.is_word(bracketed, &TRANSLATIONS) {
                self.at += bracketed + 1;
                if self.number(0).is_some() && !self.is_spaced(0) {
                    self.at += 1;
                }
                continue;
            }
            match self.kind(0) {
                Some(Kind::Dot | Kind::Bracket(')' | ']' | '"' | '\'' | '”' | '’' | '»')) => self.at += 1,
                _ => return,
            }
        }
    }

    /// One reference: a point, or a range of two.
    fn item(&mut self, separator: Separator) -> Result<VerseRange, PassageError> {
        let began = self.at;
        let start = self.start(separator)?;
        self.last = Some(start);
        let end = if self.range_mark() { self.end_of(start)? } else { start };
        self.last = Some(end);
        let range =
            VerseRange { start: start.first(), end: end.last(), whole: start.verse.is_none() && end.verse.is_none() };
        if range.start <= range.end {
            return Ok(range);
        }
        let message = format!("{} comes before {}: a range goes forward", end.name(), start.name());
        let span = self.tokens[began].span.start..self.tokens[self.at - 1].span.end;
        Err(PassageError::new(E::Backwards, message).at(span))
    }

    fn start(&mut self, separator: Separator) -> Result<Point, PassageError> {
        if let Some(named) = self.book_here() {
            return self.after_book(named);
        }
        match (self.last, self.kind(0)) {
            (Some(last), _) if separator > Separator::Nothing && self.begins_number() => self.going_on(last, separator),
            (None, Some(Kind::Number(_))) if !matches!(self.kind(1), Some(Kind::Word(_))) => {
                let message = format!(
                    "{} names no book: write it before the numbers, for example John 3:16",
                    quoted(&self.rest())
                );
                Err(PassageError::new(E::NoBook, message).at(self.span(1)))
            }
            (None, Some(Kind::Word(_))) if self.is_word(0, &VERSE_WORDS) || self.is_word(0, &CHAPTER_WORDS) => {
                let message = format!("{} names no book: write it first, for example John 3:16", quoted(&self.rest()));
                Err(PassageError::new(E::NoBook, message).at(self.span(1)))
            }
            (_, Some(Kind::Word(_) | Kind::Number(_))) if separator > Separator::Nothing || self.last.is_none() => {
                Err(names::failure(self.input, self.tokens, self.at))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn begins_number(&self) -> bool {
        let keyword = self.is_word(0, &VERSE_WORDS) || self.is_word(0, &CHAPTER_WORDS);
        self.number(0).is_some() || (keyword && (self.number(1).is_some() || self.kind(1) == Some(&Kind::Dot)))
    }

    fn book_here(&self) -> Option<Named> {
        names::book_at(self.tokens, self.at)
    }

    /// What follows the name of a book: "3:16", "3", "chapter 3 verse 16"; "3" alone in a book of one chapter is a verse.
    fn after_book(&mut self, named: Named) -> Result<Point, PassageError> {
        let (book, began) = (named.book, self.at);
        self.at += named.tokens;
        self.skip_dot();
        if matches!(self.kind(0), Some(Kind::Colon | Kind::Dash)) && !self.is_spaced(0) {
            // "Jn: 3:16" and "John-3:16": harmless, as chapter and verse follow.
            if self.number(1).is_some() && self.kind(2) == Some(&Kind::Colon) {
                self.at += 1;
            }
        }
        let span = self.tokens[began].span.start..self.tokens[self.at - 1].span.end;
        if self.skip_keyword(&VERSE_WORDS) {
            return match self.number(0) {
                Some(verse) if has_one_chapter(book) => {
                    self.at += 1;
                    self.verse_read(book, 1, verse)
                }
                _ => Err(no_chapter(book).at(span)),
            };
        }
        let said_chapter = self.skip_keyword(&CHAPTER_WORDS);
        let Some(number) = self.number(0) else {
            // "Philemon" is the whole of a book that fits on a card.
            let whole = Point { book, chapter: 1, verse: None };
            return match self.kind(0) {
                _ if has_one_chapter(book) && self.ends_item() => Ok(whole),
                Some(Kind::Dash | Kind::Colon) => {
                    let message = format!(
                        "{} is no chapter of {1}: write for example {1} 1:1",
                        quoted(&self.rest()),
                        book.name()
                    );
                    Err(PassageError::new(E::Unexpected, message).at(self.span(1)))
                }
                _ => Err(no_chapter(book).at(span)),
            };
        };
        self.at += 1;
        if self.begins_verse(true)? {
            let chapter = self.chapter_before(book, number)?;
            return self.verse_here(book, chapter);
        }
        // "Jude 1" alone is the chapter, which is the book; any other bare number is a verse.
        if has_one_chapter(book) && !said_chapter && !(number == 1 && self.ends_item()) {
            return self.verse_read(book, 1, number);
        }
        let chapter = self.chapter_before(book, number)?;
        Ok(Point { book, chapter, verse: None })
    }

    /// Whether no range and no list goes on here.
    fn ends_item(&self) -> bool {
        !matches!(self.kind(0), Some(Kind::Dash | Kind::Comma | Kind::Colon)) && !self.is_word(0, &RANGE_WORDS)
    }

    /// A number without a book: "13" in "1 Cor 13:4-7,13", "4:2" in "John 3:16; 4:2".
    fn going_on(&mut self, last: Point, separator: Separator) -> Result<Point, PassageError> {
        let book = last.book;
        let span = self.span(1);
        let said_verse = self.skip_keyword(&VERSE_WORDS);
        let said_chapter = !said_verse && self.skip_keyword(&CHAPTER_WORDS);
        let Some(number) = self.number(0) else { return Err(self.missing_number()) };
        self.at += 1;
        if !said_verse && self.begins_verse(false)? {
            let chapter = self.chapter_before(book, number)?;
            return self.verse_here(book, chapter);
        }
        if said_verse || (has_one_chapter(book) && !said_chapter) {
            return self.verse_read(book, last.chapter, number);
        }
        if said_chapter || last.verse.is_none() {
            let chapter = self.chapter_before(book, number)?;
            return self.next_chapter(last, chapter, separator, said_chapter, span);
        }
        if separator == Separator::Comma {
            return self.verse_read(book, last.chapter, number);
        }
        let name = book.name();
        let message =
            format!("{number} after a break may be a chapter or a verse: write {name} {number} for the chapter");
        let verse = u8::try_from(number).ok().map(|verse| Point { verse: Some(verse), ..last });
        let suggestion = verse.filter(|v| v.exists()).map(Point::name);
        Err(PassageError::new(E::AmbiguousNumber, message).at(span).suggest(suggestion))
    }

    /// "Mt 5,3" may be the European way to write 5:3, as chapter 3 does not follow chapter 5.
    fn next_chapter(
        &self,
        last: Point,
        chapter: u8,
        separator: Separator,
        said_chapter: bool,
        span: Range<usize>,
    ) -> Result<Point, PassageError> {
        if separator == Separator::Comma && !said_chapter && chapter <= last.chapter {
            let name = last.book.name();
            let message = format!(
                "chapter {chapter} after chapter {}: write a colon between chapter and verse, or {name} {chapter} for the chapter",
                last.chapter
            );
            let verse = Point { verse: Some(chapter), ..last };
            let suggestion = Some(verse).filter(|v| v.exists()).map(Point::name);
            return Err(PassageError::new(E::AmbiguousNumber, message).at(span).suggest(suggestion));
        }
        Ok(Point { chapter, verse: None, ..last })
    }

    /// The end of a range whose dash has been read.
    fn end_of(&mut self, start: Point) -> Result<Point, PassageError> {
        if let Some(named) = self.book_here() {
            return self.after_book(named);
        }
        let book = start.book;
        let said_verse = self.skip_keyword(&VERSE_WORDS);
        let said_chapter = !said_verse && self.skip_keyword(&CHAPTER_WORDS);
        let Some(number) = self.number(0) else { return Err(self.missing_number()) };
        self.at += 1;
        if !said_verse && self.begins_verse(false)? {
            let chapter = self.chapter_before(book, number)?;
            return self.verse_here(book, chapter);
        }
        match start.verse {
            Some(_) if !said_chapter => self.verse_read(book, start.chapter, number),
            None if said_verse => self.verse_read(book, start.chapter, number),
            _ => Ok(Point { book, chapter: self.chapter_before(book, number)?, verse: None }),
        }
    }

    fn range_mark(&mut self) -> bool {
        let marked = self.kind(0) == Some(&Kind::Dash) || self.is_word(0, &RANGE_WORDS);
        self.at += usize::from(marked);
        marked
    }

    /// After the number of a chapter: moves to the number of a verse, if one follows. `loose` allows for "John 3 16" and
    /// "John 3, verse 16".
    fn begins_verse(&mut self, loose: bool) -> Result<bool, PassageError> {
        let before = self.at;
        match self.kind(0) {
            Some(Kind::Colon) => {
                self.at += 1;
                self.skip_keyword(&VERSE_WORDS);
                return if self.number(0).is_some() { Ok(true) } else { Err(self.missing_number()) };
            }
            Some(Kind::Dot) if self.number(1).is_some() => {
                self.at += 1;
                return Ok(true);
            }
            Some(Kind::Comma) if loose && self.is_word(1, &VERSE_WORDS) => self.at += 1,
            Some(Kind::Number(_)) if loose && self.book_here().is_none() => return Ok(true),
            _ => {}
        }
        if self.skip_keyword(&VERSE_WORDS) && self.number(0).is_some() {
            return Ok(true);
        }
        self.at = before;
        Ok(false)
    }

    fn verse_here(&mut self, book: Book, chapter: u8) -> Result<Point, PassageError> {
        let Some(number) = self.number(0) else { return Err(self.missing_number()) };
        self.at += 1;
        self.verse_read(book, chapter, number)
    }

    /// Checks the number of a verse that was just read and what hangs on it: "16a" is the whole verse, "16ff" has no end.
    fn verse_read(&mut self, book: Book, chapter: u8, number: u32) -> Result<Point, PassageError> {
        let count = book.verses(chapter);
        let found = u8::try_from(number).ok().filter(|v| (1..=count).contains(v));
        let chapter_name = Point { book, chapter, verse: None };
        let Some(verse) = found else {
            let place = if has_one_chapter(book) { book.name().to_owned() } else { chapter_name.name() };
            let wrong = if number == u32::MAX { "not that many".to_owned() } else { format!("no verse {number}") };
            let message = format!("{place} has {count} verses, {wrong}");
            return Err(PassageError::new(E::NoSuchVerse, message).at(self.span_of_number()));
        };
        let point = Point { book, chapter, verse: Some(verse) };
        if !self.is_spaced(0) && self.is_word(0, &["a", "b", "c", "d"]) {
            self.at += 1;
        }
        if self.is_word(0, &["f", "ff", "et"]) {
            let end = if self.is_word(0, &["f"]) { verse.saturating_add(1).min(count) } else { count };
            let message = format!("{} does not say where the passage ends: write its last verse", quoted(&self.rest()));
            let suggestion = if end == verse { point.name() } else { format!("{}-{end}", point.name()) };
            return Err(PassageError::new(E::OpenEnded, message).at(self.span(1)).suggest(Some(suggestion)));
        }
        Ok(point)
    }

    /// Checks the number of a chapter that was read before what stands here now.
    fn chapter_before(&self, book: Book, number: u32) -> Result<u8, PassageError> {
        let count = book.chapters();
        u8::try_from(number).ok().filter(|c| (1..=count).contains(c)).ok_or_else(|| {
            let (name, noun) = (book.name(), if count == 1 { "chapter" } else { "chapters" });
            let wrong = if number == u32::MAX { "not that many".to_owned() } else { format!("no chapter {number}") };
            PassageError::new(E::NoSuchChapter, format!("{name} has {count} {noun}, {wrong}")).at(self.span_of_number())
        })
    }

    /// Span of the last number before here.
    fn span_of_number(&self) -> Range<usize> {
        let number = self.tokens[..self.at].iter().rfind(|t| matches!(t.kind, Kind::Number(_)));
        number.map_or_else(|| self.span_before(), |t| t.span.clone())
    }

    fn span_before(&self) -> Range<usize> {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.map_or(0..self.input.len(), |t| t.span.clone())
    }

    fn skip_keyword(&mut self, words: &[&str]) -> bool {
        let found = self.is_word(0, words);
        if found {
            self.at += 1;
            self.skip_dot();
        }
        found
    }

    fn skip_dot(&mut self) {
        self.at += usize::from(self.kind(0) == Some(&Kind::Dot));
    }

    fn missing_number(&self) -> PassageError {
        let before = self.input.get(..self.span_before().end).unwrap_or_default();
        let message = format!("a number is missing after {}", quoted(&names::shortened_left(before.trim())));
        PassageError::new(E::MissingNumber, message).at(self.span(1))
    }

    fn unexpected(&self) -> PassageError {
        let message = match self.kind(0) {
            Some(Kind::Colon) => {
                "a second colon: write a dash for a range (3:16-18) or a comma for a list (3:16,18)".to_owned()
            }
            Some(Kind::Dash) => format!("{} is no reference: write for example John 3:16-18", quoted(&self.rest())),
            _ => format!(
                "{} does not belong to a reference: write references only, separated by semicolons",
                quoted(&self.rest())
            ),
        };
        PassageError::new(E::Unexpected, message).at(self.span(1))
    }
}

fn has_one_chapter(book: Book) -> bool {
    book.chapters() == 1
}

/// Whether a range can join others on one card: all of one book.
fn joins(open: &[VerseRange], range: VerseRange) -> bool {
    let book = range.start.book;
    range.end.book == book && open.iter().all(|r| r.start.book == book && r.end.book == book)
}

fn no_chapter(book: Book) -> PassageError {
    let name = book.name();
    let message =
        format!("{name} alone is no passage: name a chapter and, if you like, verses, for example {name} 1:1");
    PassageError::new(E::NoChapter, message)
}
