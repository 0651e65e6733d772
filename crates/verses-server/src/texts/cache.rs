//! A bounded cache in memory for texts whose publisher limits what may be kept: so many verses in all, half of any one
//! book, and not for ever. The least recently used go first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Extent;

/// Verses kept at most (the ESV API's condition).
pub(super) const MAX_VERSES: u32 = 500;
/// How long a text is kept.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Default)]
pub(super) struct BoundedCache {
    entries: BTreeMap<String, Entry>,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    text: String,
    book: String,
    verses: u32,
    fetched: Instant,
    last_use: u64,
}

/// The most verses of one book that may be kept, or asked for at once.
pub(super) fn limit(extent: &Extent) -> u32 {
    MAX_VERSES.min(extent.verses_in_book / 2)
}

impl BoundedCache {
    pub(super) fn get(&mut self, osis: &str, now: Instant) -> Option<String> {
        self.entries.retain(|_, entry| now.saturating_duration_since(entry.fetched) < MAX_AGE);
        self.uses += 1;
        let entry = self.entries.get_mut(osis)?;
        entry.last_use = self.uses;
        Some(entry.text.clone())
    }

    /// Keeps a text if it fits at all; others give way. Overlapping passages count each on their own.
    pub(super) fn put(&mut self, osis: &str, extent: &Extent, text: &str, now: Instant) {
        self.entries.remove(osis);
        let (book, verses, of_book) = (&extent.book, extent.verses, limit(extent));
        if verses > of_book {
            return;
        }
        while self.verses(Some(book)) + verses > of_book && self.evict(Some(book)) {}
        while self.verses(None) + verses > MAX_VERSES && self.evict(None) {}
        self.uses += 1;
        let entry = Entry { text: text.to_owned(), book: book.clone(), verses, fetched: now, last_use: self.uses };
        self.entries.insert(osis.to_owned(), entry);
    }

    /// Verses kept, of one book or of all.
    fn verses(&self, book: Option<&str>) -> u32 {
        self.of(book).map(|(_, entry)| entry.verses).sum()
    }

    fn evict(&mut self, book: Option<&str>) -> bool {
        let oldest = self.of(book).min_by_key(|(_, entry)| entry.last_use).map(|(key, _)| key.clone());
        oldest.is_some_and(|key| self.entries.remove(&key).is_some())
    }

    fn of<'a>(&'a self, book: Option<&'a str>) -> impl Iterator<Item = (&'a String, &'a Entry)> {
        self.entries.iter().filter(move |(_, entry)| book.is_none_or(|book| entry.book == book))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(book: &str, verses: u32, verses_in_book: u32) -> Extent {
        Extent { book: book.into(), verses, verses_in_book }
    }

    #[test]
    fn never_more_than_half_a_book_is_kept() {
        let (mut cache, now) = (BoundedCache::default(), Instant::now());
        for chapter in 1..=4 {
            cache.put(&format!("Ruth.{chapter}"), &extent("Ruth", 20, 85), "text", now);
            assert!(cache.verses(Some("Ruth")) <= 42);
        }
        assert_eq!(cache.get("Ruth.1", now), None, "the least recently used went");
        assert_eq!(cache.get("Ruth.4", now).as_deref(), Some("text"));
        cache.put("Jude", &extent("Jude", 25, 25), "whole book", now);
        assert_eq!(cache.get("Jude", now), None);
    }

    #[test]
    fn never_more_than_500_verses_are_kept_and_the_used_ones_stay() {
        let (mut cache, now) = (BoundedCache::default(), Instant::now());
        cache.put("Ps.119", &extent("Ps", 100, 2461), "used", now);
        for chapter in 0..20 {
            cache.put(&format!("Isa.{chapter}"), &extent("Isa", 60, 1292), "other", now);
            assert!(cache.verses(None) <= MAX_VERSES);
            assert_eq!(cache.get("Ps.119", now).as_deref(), Some("used"));
        }
    }

    #[test]
    fn a_text_is_forgotten_after_a_day() {
        let (mut cache, now) = (BoundedCache::default(), Instant::now());
        cache.put("John.3.16", &extent("John", 1, 879), "text", now);
        assert!(cache.get("John.3.16", now + Duration::from_secs(60)).is_some());
        assert!(cache.get("John.3.16", now + MAX_AGE).is_none());
    }
}
