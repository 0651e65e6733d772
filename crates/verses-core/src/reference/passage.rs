//! A passage: one card's worth of text, one or several ranges of one book, with its canonical form and its names.
//! Parsing is in `parse`.

use std::fmt;

use super::books::Book;
use crate::VerseId;

/// A place in the Bible: a verse of a chapter of a book, all of which exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The book.
    pub book: Book,
    /// The chapter, from 1.
    pub chapter: u8,
    /// The verse, from 1.
    pub verse: u8,
}

impl Place {
    /// Position among all verses of the Bible, from 0.
    fn index(self) -> u32 {
        let before: u32 = Book::all().take_while(|b| *b < self.book).map(verses_of_book).sum();
        before + verses_before_chapter(self.book, self.chapter) + u32::from(self.verse) - 1
    }

    /// The place at a position; positions past the end give the last verse.
    fn at(index: u32) -> Self {
        let mut left = index;
        let mut last = None;
        for book in Book::all() {
            for chapter in 1..=book.chapters() {
                let verses = u32::from(book.verses(chapter));
                if left < verses {
                    return Self { book, chapter, verse: u8::try_from(left).unwrap_or(0) + 1 };
                }
                left -= verses;
                last = Some(Self { book, chapter, verse: book.verses(chapter) });
            }
        }
        // The table is never empty, so there is a last verse.
        last.unwrap_or(FIRST)
    }
}

/// Genesis 1:1.
const FIRST: Place = Place { book: Book::FIRST, chapter: 1, verse: 1 };

fn verses_of_book(book: Book) -> u32 {
    (1..=book.chapters()).map(|c| u32::from(book.verses(c))).sum()
}

fn verses_before_chapter(book: Book, chapter: u8) -> u32 {
    (1..chapter).map(|c| u32::from(book.verses(c))).sum()
}

/// A range of verses, both ends included. `whole`: both ends were given as chapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Range {
    pub(super) start: Place,
    pub(super) end: Place,
    pub(super) whole: bool,
}

impl Range {
    fn osis(self) -> String {
        let name = |p: Place| {
            let (book, chapter, verse) = (p.book.osis(), p.chapter, p.verse);
            if self.whole { format!("{book}.{chapter}") } else { format!("{book}.{chapter}.{verse}") }
        };
        let (start, end) = (name(self.start), name(self.end));
        if start == end { start } else { format!("{start}-{end}") }
    }

    fn covers_whole_chapters(start: Place, end: Place) -> bool {
        start.verse == 1 && end.verse == end.book.verses(end.chapter)
    }
}

/// One passage: what one card holds. Equal if it means the same verses, however it was written.
#[derive(Debug, Clone)]
pub struct Passage {
    typed: Vec<Range>,
    /// Sorted, without overlap, without neighbours that touch.
    canonical: Vec<Range>,
}

impl PartialEq for Passage {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Passage {}

impl std::hash::Hash for Passage {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl Passage {
    /// A passage of these ranges; `None` without any.
    pub(super) fn new(typed: Vec<Range>) -> Option<Self> {
        if typed.is_empty() {
            return None;
        }
        let mut spans: Vec<(u32, u32)> = typed.iter().map(|r| (r.start.index(), r.end.index())).collect();
        spans.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(spans.len());
        for (start, end) in spans {
            match merged.last_mut() {
                Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        let canonical = merged.into_iter().map(|(start, end)| {
            let (start, end) = (Place::at(start), Place::at(end));
            Range { start, end, whole: Range::covers_whole_chapters(start, end) }
        });
        Some(Self { canonical: canonical.collect(), typed })
    }

    /// The canonical key, the same however the passage was written: "John.3.16", "1Cor.13.4-1Cor.13.7,1Cor.13.13".
    #[must_use]
    pub fn osis(&self) -> String {
        self.canonical.iter().map(|r| r.osis()).collect::<Vec<_>>().join(",")
    }

    /// The ranges as they were written, in OSIS form.
    #[must_use]
    pub fn osis_ranges(&self) -> Vec<String> {
        self.typed.iter().map(|r| r.osis()).collect()
    }

    /// Its book; the first one if it goes from one book into the next.
    #[must_use]
    pub fn book(&self) -> Book {
        // A passage has at least one range.
        self.canonical.first().map_or(Book::FIRST, |range| range.start.book)
    }

    /// Number of verses.
    #[must_use]
    pub fn verse_count(&self) -> u32 {
        self.canonical.iter().map(|r| r.end.index() - r.start.index() + 1).sum()
    }

    /// Every verse, in canonical order.
    pub fn verses(&self) -> impl Iterator<Item = Place> + '_ {
        self.canonical.iter().flat_map(|range| {
            let mut next = Some(range.start);
            let end = range.end;
            std::iter::from_fn(move || {
                let place = next?;
                next = if place == end { None } else { following(place) };
                Some(place)
            })
        })
    }

    fn is_of_several_psalms(&self) -> bool {
        let (Some(first), Some(last)) = (self.canonical.first(), self.canonical.last()) else { return false };
        let (first, last) = (first.start, last.end);
        first.book.osis() == "Ps" && last.book == first.book && last.chapter != first.chapter
    }

    /// The id of this passage in a translation ("KJV").
    #[must_use]
    pub fn verse_id(&self, translation: &str) -> VerseId {
        VerseId::of_passage(translation, &self.osis())
    }
}

/// The verse after this one.
fn following(place: Place) -> Option<Place> {
    let Place { book, chapter, verse } = place;
    if verse < book.verses(chapter) {
        Some(Place { book, chapter, verse: verse + 1 })
    } else if chapter < book.chapters() {
        Some(Place { book, chapter: chapter + 1, verse: 1 })
    } else {
        book.next().map(|book| Place { book, chapter: 1, verse: 1 })
    }
}

impl fmt::Display for Passage {
    /// The canonical name: "John 3:16", "1 Corinthians 13:4-7,13", "Psalm 23", "Psalms 1-2",
    /// "Genesis 1:1-2:3", "Jude 3". It parses back to the same passage.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut at: Option<Place> = None;
        for range in &self.canonical {
            let (start, end) = (range.start, range.end);
            match at {
                None => write!(f, "{}{} ", start.book.name(), if self.is_of_several_psalms() { "s" } else { "" })?,
                Some(previous) if previous.book != start.book => write!(f, "; {} ", start.book.name())?,
                Some(_) => f.write_str(",")?,
            }
            // After verses a bare number is read as a verse, so chapters are then written with their verses.
            let same_book = at.filter(|p| p.book == start.book);
            let as_chapters = range.whole && same_book.is_none_or(|p| p.verse == 0);
            if as_chapters {
                write_chapters(f, start, end)?;
                at = Some(Place { verse: 0, ..end });
            } else {
                write_verses(f, start, end, same_book)?;
                at = Some(end);
            }
        }
        Ok(())
    }
}

fn write_chapters(f: &mut fmt::Formatter<'_>, start: Place, end: Place) -> fmt::Result {
    write!(f, "{}", start.chapter)?;
    if start.book != end.book {
        write!(f, "-{} {}", end.book.name(), end.chapter)
    } else if start.chapter != end.chapter {
        write!(f, "-{}", end.chapter)
    } else {
        Ok(())
    }
}

fn write_verses(f: &mut fmt::Formatter<'_>, start: Place, end: Place, previous: Option<Place>) -> fmt::Result {
    let in_same_chapter = previous.is_some_and(|p| p.verse != 0 && p.chapter == start.chapter);
    // "Jude 1" alone is the chapter: its first verse is written out.
    let bare = in_same_chapter
        || (start.book.chapters() == 1 && previous.is_none() && start.verse > 1 && start.book == end.book);
    if bare {
        write!(f, "{}", start.verse)?;
    } else {
        write!(f, "{}:{}", start.chapter, start.verse)?;
    }
    if start.book != end.book {
        write!(f, "-{} {}:{}", end.book.name(), end.chapter, end.verse)
    } else if start.chapter != end.chapter {
        write!(f, "-{}:{}", end.chapter, end.verse)
    } else if start.verse != end.verse {
        write!(f, "-{}", end.verse)
    } else {
        Ok(())
    }
}
