//! The parser: what people type to passages. A comma goes on with the same card; a semicolon, a new line or a new book
//! begins another passage. Careful rather than clever: what could be meant in two ways is refused with a suggestion.

use super::books::Book;
use super::error::PassageError;
use super::names;
use super::passage::{Passage, Place, Range};
use super::tokens::{Kind, Token, tokens};

/// Longest text read at once, in bytes.
pub const MAX_INPUT_BYTES: usize = 10_000;

/// Reads exactly one passage.
///
/// # Errors
/// [`PassageError`], which names the part at fault; [`PassageError::Several`] for a list.
pub fn parse_passage(text: &str) -> Result<Passage, PassageError> {
    let mut passages = parse_passages(text)?;
    let count = passages.len();
    match (passages.pop(), count) {
        (Some(passage), 1) => Ok(passage),
        (Some(_), _) => {
            Err(PassageError::Several { count, first: passages.first().map(ToString::to_string).unwrap_or_default() })
        }
        (None, _) => Err(PassageError::Empty),
    }
}

/// Reads a list of passages.
///
/// # Errors
/// [`PassageError`], which names the part at fault.
pub fn parse_passages(text: &str) -> Result<Vec<Passage>, PassageError> {
    if text.len() > MAX_INPUT_BYTES {
        return Err(PassageError::TooLong { bytes: text.len(), max: MAX_INPUT_BYTES });
    }
    let tokens = tokens(text);
    let parser = Parser { text, tokens: &tokens, at: 0, context: None, ranges: Vec::new(), passages: Vec::new() };
    parser.run()
}

/// Where a bare number stands.
#[derive(Debug, Clone, Copy)]
struct Context {
    book: Book,
    /// The last chapter named; 0 before any.
    chapter: u8,
    /// Whether a bare number is a verse of that chapter.
    in_verses: bool,
    /// Whether nothing has been read since the book.
    fresh: bool,
}

/// A chapter, or a verse of it.
#[derive(Debug, Clone, Copy)]
struct Point {
    book: Book,
    chapter: u8,
    verse: Option<u8>,
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    context: Option<Context>,
    ranges: Vec<Range>,
    passages: Vec<Passage>,
}

impl Parser<'_> {
    fn run(mut self) -> Result<Vec<Passage>, PassageError> {
        loop {
            while self.accept(|k| matches!(k, Kind::Separator | Kind::Mark('•' | '*' | '·'))) {
                self.end_passage();
            }
            if self.at >= self.tokens.len() {
                break;
            }
            self.item()?;
            self.after_item()?;
        }
        self.end_passage();
        if self.passages.is_empty() { Err(PassageError::Empty) } else { Ok(self.passages) }
    }

    fn end_passage(&mut self) {
        self.passages.extend(Passage::new(std::mem::take(&mut self.ranges)));
    }

    /// One range, perhaps with a book before it.
    fn item(&mut self) -> Result<(), PassageError> {
        let begins_at = self.at;
        if let Some(book) = self.book()? {
            self.end_passage();
            self.context = Some(Context { book, chapter: 0, in_verses: false, fresh: true });
        }
        let Some(context) = self.context else { return Err(self.unknown_book(begins_at)) };
        let start = self.point(context)?;
        let end = if self.accept_range_mark() { self.end_point(start)? } else { start };
        let range = range_of(start, end).ok_or_else(|| PassageError::Backwards { part: self.part(begins_at) })?;
        if range.start.book != range.end.book {
            // A range across books stands alone.
            self.end_passage();
            self.ranges.push(range);
            self.end_passage();
        } else {
            self.ranges.push(range);
        }
        let in_verses = start.verse.is_some() || end.verse.is_some();
        self.context = Some(Context { book: end.book, chapter: end.chapter, in_verses, fresh: false });
        Ok(())
    }

    /// What may stand between items.
    fn after_item(&mut self) -> Result<(), PassageError> {
        self.skip_translation();
        if self.accept(|k| matches!(k, Kind::Dot)) && !self.at_boundary() {
            return Err(self.unexpected(self.at - 1));
        }
        if self.at_boundary() || self.accept(|k| matches!(k, Kind::Comma)) {
            return Ok(());
        }
        if self.accept_word(&["and"]) {
            return Ok(());
        }
        if names::find(self.tokens, self.at).is_some() {
            return Ok(());
        }
        Err(self.unexpected(self.at))
    }

    fn at_boundary(&self) -> bool {
        matches!(self.kind(0), None | Some(Kind::Separator))
    }

    /// "(NIV)" or "KJV" at the end says nothing about the place.
    fn skip_translation(&mut self) {
        let bracket = usize::from(matches!(self.kind(0), Some(Kind::Mark('(' | '['))));
        let named = matches!(self.kind(bracket), Some(Kind::Word(w)) if names::is_translation(w));
        let closed = bracket == 0 || matches!(self.kind(2), Some(Kind::Mark(')' | ']')));
        if named && closed {
            self.at += 1 + 2 * bracket;
        }
    }

    /// A book at this place, with words like "the gospel of" before it.
    fn book(&mut self) -> Result<Option<Book>, PassageError> {
        let mut at = self.at;
        loop {
            if let Some((book, end)) = names::find(self.tokens, at) {
                self.at = end;
                while self.accept(|k| matches!(k, Kind::Dot)) {}
                return Ok(Some(book));
            }
            match self.tokens.get(at).map(|t| &t.kind) {
                Some(Kind::Word(w)) if names::is_filler(w) => at += 1,
                Some(Kind::Word(w)) if names::example_of(w).is_some() => {
                    let example = names::example_of(w).unwrap_or_default();
                    return Err(PassageError::AmbiguousBook { part: self.part(self.at), example });
                }
                _ => return Ok(None),
            }
        }
    }

    fn unknown_book(&self, at: usize) -> PassageError {
        let word =
            self.tokens[at..].iter().find_map(|t| if let Kind::Word(w) = &t.kind { Some(w.as_str()) } else { None });
        let ordinal = match self.tokens.get(at).map(|t| &t.kind) {
            Some(Kind::Number(n @ 1..=3)) => n.to_string(),
            _ => String::new(),
        };
        let suggestion = word.and_then(|w| names::nearest(&format!("{ordinal}{w}")).or_else(|| names::nearest(w)));
        let part = if word.is_some() { self.words_from(at) } else { self.part_of(at, at + 1) };
        PassageError::UnknownBook { part, suggestion }
    }

    /// A chapter, or a verse.
    fn point(&mut self, context: Context) -> Result<Point, PassageError> {
        let Context { book, .. } = context;
        if context.fresh && matches!(self.kind(0), None | Some(Kind::Separator | Kind::Comma)) {
            return if book.chapters() == 1 {
                chapter(book, 1)
            } else {
                Err(PassageError::WholeBook { book: book.name() })
            };
        }
        if self.accept_verse_word() {
            let chapter = if context.chapter > 0 { context.chapter } else { 1 };
            if context.chapter == 0 && book.chapters() > 1 {
                return Err(self.unexpected(self.at - 1));
            }
            let verse = self.number()?;
            return self.verse(book, u32::from(chapter), verse);
        }
        let named_chapter = self.accept_word(&["chapter", "chapters", "chap", "chaps", "ch"]);
        if named_chapter {
            self.accept(|k| matches!(k, Kind::Dot));
        }
        let begins_at = self.at;
        let number = self.number()?;
        if let Some(verse) = self.verse_after(context)? {
            return self.verse(book, number, verse);
        }
        if named_chapter {
            return chapter(book, number);
        }
        self.bare(context, number, begins_at)
    }

    /// A number that stands alone: a verse where verses are being listed, else a chapter.
    fn bare(&mut self, context: Context, number: u32, begins_at: usize) -> Result<Point, PassageError> {
        let book = context.book;
        if context.in_verses {
            return self.verse(book, u32::from(context.chapter), number);
        }
        if book.chapters() > 1 {
            return chapter(book, number);
        }
        // In a book of one chapter a number is a verse; only "Jude 1" alone is the chapter.
        let alone =
            context.fresh && !matches!(self.kind(0), Some(Kind::Dash | Kind::Comma)) && !self.range_word_follows();
        debug_assert!(begins_at < self.at, "a number has been read");
        if number == 1 && alone { chapter(book, 1) } else { self.verse(book, 1, number) }
    }

    /// The verse in "3:16", "3.16", "3 v 16", "3, verse 16", "3 16".
    fn verse_after(&mut self, context: Context) -> Result<Option<u32>, PassageError> {
        match self.kind(0) {
            Some(Kind::Colon) => {
                self.at += 1;
                self.accept_verse_word();
                self.number().map(Some)
            }
            Some(Kind::Dot) if matches!(self.kind(1), Some(Kind::Number(_))) => {
                self.at += 1;
                self.number().map(Some)
            }
            Some(Kind::Word(w)) if names::is_verse_word(w) => {
                self.accept_verse_word();
                self.number().map(Some)
            }
            Some(Kind::Comma)
                if !context.in_verses && matches!(self.kind(1), Some(Kind::Word(w)) if names::is_verse_word(w)) =>
            {
                self.at += 1;
                self.accept_verse_word();
                self.number().map(Some)
            }
            Some(Kind::Number(_)) if context.fresh && names::find(self.tokens, self.at).is_none() => {
                self.number().map(Some)
            }
            _ => Ok(None),
        }
    }

    fn end_point(&mut self, start: Point) -> Result<Point, PassageError> {
        if let Some(book) = self.book()? {
            return self.point(Context { book, chapter: 0, in_verses: false, fresh: true });
        }
        let context =
            Context { book: start.book, chapter: start.chapter, in_verses: start.verse.is_some(), fresh: false };
        self.point(context)
    }

    /// Checks a verse, and takes the letter after it ("16a").
    fn verse(&mut self, book: Book, chapter_number: u32, number: u32) -> Result<Point, PassageError> {
        let chapter = chapter(book, chapter_number)?.chapter;
        let verses = book.verses(chapter);
        let missing = || PassageError::NoSuchVerse { book: book.name(), chapter, verses, verse: number };
        let verse = u8::try_from(number).ok().filter(|v| (1..=verses).contains(v)).ok_or_else(missing)?;
        if let Some(Kind::Word(word)) = self.kind(0) {
            match word.as_str() {
                "a" | "b" | "c" => self.at += 1,
                "f" | "ff" => return Err(PassageError::OpenEnd { part: self.part_of(self.at - 1, self.at + 1) }),
                _ => {}
            }
        }
        Ok(Point { book, chapter, verse: Some(verse) })
    }

    fn number(&mut self) -> Result<u32, PassageError> {
        match self.kind(0) {
            Some(Kind::Number(n)) => {
                let n = *n;
                self.at += 1;
                Ok(n)
            }
            _ => Err(self.unexpected(self.at)),
        }
    }

    fn accept(&mut self, wanted: impl Fn(&Kind) -> bool) -> bool {
        let found = self.kind(0).is_some_and(wanted);
        self.at += usize::from(found);
        found
    }

    fn accept_word(&mut self, words: &[&str]) -> bool {
        self.accept(|k| matches!(k, Kind::Word(w) if words.contains(&w.as_str())))
    }

    fn accept_verse_word(&mut self) -> bool {
        let found = self.accept(|k| matches!(k, Kind::Word(w) if names::is_verse_word(w)));
        if found {
            self.accept(|k| matches!(k, Kind::Dot));
        }
        found
    }

    fn range_word_follows(&self) -> bool {
        matches!(self.kind(0), Some(Kind::Word(w)) if names::is_range_word(w))
    }

    fn accept_range_mark(&mut self) -> bool {
        self.accept(|k| matches!(k, Kind::Dash) || matches!(k, Kind::Word(w) if names::is_range_word(w)))
    }

    fn kind(&self, ahead: usize) -> Option<&Kind> {
        self.tokens.get(self.at + ahead).map(|t| &t.kind)
    }

    fn unexpected(&self, at: usize) -> PassageError {
        let part = if at < self.tokens.len() { self.part_of(at, at + 1) } else { self.text.trim().to_owned() };
        PassageError::Unexpected { part }
    }

    /// The words from a token on, up to a mark.
    fn words_from(&self, at: usize) -> String {
        let more = self.tokens[at..].iter().take_while(|t| matches!(t.kind, Kind::Word(_) | Kind::Number(_)));
        let end = at + more.count().clamp(1, 3);
        self.part_of(at, end)
    }

    /// The text from a token to where the parser stands.
    fn part(&self, from: usize) -> String {
        self.part_of(from, self.at.max(from + 1))
    }

    fn part_of(&self, from: usize, to: usize) -> String {
        let start = self.tokens.get(from).map_or(self.text.len(), |t| t.at);
        let end = self.tokens.get(to).map_or(self.text.len(), |t| t.at);
        self.text.get(start..end).unwrap_or_default().trim().chars().take(60).collect()
    }
}

fn chapter(book: Book, number: u32) -> Result<Point, PassageError> {
    let chapters = book.chapters();
    let missing = || PassageError::NoSuchChapter { book: book.name(), chapters, chapter: number };
    let chapter = u8::try_from(number).ok().filter(|c| (1..=chapters).contains(c)).ok_or_else(missing)?;
    Ok(Point { book, chapter, verse: None })
}

/// The range between two points; `None` if it ends before it begins.
fn range_of(start: Point, end: Point) -> Option<Range> {
    let whole = start.verse.is_none() && end.verse.is_none();
    let first = Place { book: start.book, chapter: start.chapter, verse: start.verse.unwrap_or(1) };
    let last_verse = end.verse.unwrap_or_else(|| end.book.verses(end.chapter));
    let last = Place { book: end.book, chapter: end.chapter, verse: last_verse };
    (first <= last).then_some(Range { start: first, end: last, whole })
}
