//! Adding: what was typed or pasted is read entry by entry, shown with its words, and added with a result for each.

use litemap::LiteMap;
use verses_client::{NewVerse, Platform, Transport};
use verses_core::{
    Card, DEFAULT_TRANSLATION, MAX_CARD_VERSES, Passage, PassageError, VerseId, parse_passages, sorted,
    translation_name,
};
use verses_corpus::starter_packs as corpus_packs;
use verses_json::{json_read, json_write};
use verses_store::LocalStore;

use crate::app::App;
use crate::wire::{CardView, EngineError};

/// Passages of one list whose words are shown; the rest is added all the same.
const MAX_PREVIEWS: usize = 200;

/// Arguments of `parse`.
#[derive(Debug)]
pub(crate) struct Typed {
    text: String,
    translation: Option<String>,
}

json_read! { Typed { text: "text", translation: "translation" } }

/// One entry of what was typed.
#[derive(Debug)]
pub(crate) struct Entry {
    input: String,
    start: usize,
    end: usize,
    passage: Option<PassageView>,
    error: Option<ParseError>,
}

json_write! { Entry { input: "input", start: "start", end: "end", passage: "passage", error: "error" } }

#[derive(Debug)]
struct PassageView {
    verse_id: VerseId,
    reference: String,
    preview: String,
    verses: u32,
    state: &'static str,
    too_long: bool,
}

json_write! { PassageView {
    verse_id: "verseId",
    reference: "reference",
    preview: "preview",
    verses: "verses",
    state: "state",
    too_long: "tooLong",
} }

#[derive(Debug)]
struct ParseError {
    message: String,
    suggestion: Option<String>,
}

json_write! { ParseError { message: "message", suggestion: "suggestion" } }

/// Arguments of `add`.
#[derive(Debug)]
pub(crate) struct Wanted {
    verses: Vec<WantedVerse>,
}

json_read! { Wanted { verses: "verses" } }

#[derive(Debug)]
pub(crate) struct WantedVerse {
    pub(crate) reference: String,
    pub(crate) translation: Option<String>,
    pub(crate) text: Option<String>,
}

json_read! { WantedVerse { reference: "reference", translation: "translation", text: "text" } }

/// What became of one.
#[derive(Debug)]
pub(crate) struct Added {
    pub(crate) reference: String,
    pub(crate) outcome: &'static str,
    pub(crate) card: Option<CardView>,
    error: Option<EngineError>,
}

json_write! { Added { reference: "reference", outcome: "outcome", card: "card", error: "error" } }

impl Added {
    /// It is there, but not all that was wanted of it.
    pub(crate) fn fail(&mut self, error: EngineError) {
        self.outcome = "failed";
        self.error = Some(error);
    }
}

/// A list to begin with.
#[derive(Debug)]
pub(crate) struct Pack {
    id: String,
    title: String,
    items: Vec<PackItem>,
}

json_write! { Pack { id: "id", title: "title", items: "items" } }

#[derive(Debug)]
struct PackItem {
    reference: String,
    osis: String,
    known: bool,
}

json_write! { PackItem { reference: "reference", osis: "osis", known: "known" } }

/// Whether the card of a verse is archived; `None` without a card. The cards are in the order of their ids.
fn is_archived(cards: &[Card], verse_id: VerseId) -> Option<bool> {
    let found = cards.binary_search_by_key(&verse_id, |card| card.verse_id).ok()?;
    Some(cards[found].archived)
}

/// A part of what was typed, and what it is.
struct Part<'a> {
    input: &'a str,
    start: usize,
    read: Result<Passage, PassageError>,
}

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    pub(crate) async fn parse(&self, typed: Typed) -> Result<Vec<Entry>, EngineError> {
        let translation = self.translation(typed.translation.as_deref()).await?;
        let parts = parts_of(&typed.text);
        let passages: Vec<&Passage> = parts.iter().filter_map(|part| part.read.as_ref().ok()).collect();
        self.fetch_books(&translation, &passages[..passages.len().min(MAX_PREVIEWS)]).await;
        let known = self.known(passages.iter().map(|passage| passage.verse_id(&translation))).await?;
        let mut seen: LiteMap<_, ()> = LiteMap::new();
        let mut offsets = Utf16::new(&typed.text);
        let mut entries = Vec::with_capacity(parts.len());
        for part in &parts {
            let (start, end) = (offsets.at(part.start), offsets.at(part.start + part.input.len()));
            let (passage, error) = match &part.read {
                Ok(passage) => {
                    let verse_id = passage.verse_id(&translation);
                    let state = match (seen.insert(verse_id, ()).is_none(), is_archived(&known, verse_id)) {
                        (false, _) => "repeated",
                        (true, Some(true)) => "archived",
                        (true, Some(false)) => "known",
                        (true, None) => "new",
                    };
                    (Some(self.passage_view(passage, &translation, state)), None)
                }
                Err(error) => {
                    let suggestion = error.suggestion().map(str::to_owned);
                    (None, Some(ParseError { message: message_of(error), suggestion }))
                }
            };
            entries.push(Entry { input: part.input.to_owned(), start, end, passage, error });
        }
        Ok(entries)
    }

    fn passage_view(&self, passage: &Passage, translation: &str, state: &'static str) -> PassageView {
        let verses = passage.verse_count();
        let too_long = verses > MAX_CARD_VERSES;
        PassageView {
            verse_id: passage.verse_id(translation),
            reference: passage.to_string(),
            preview: if too_long { String::new() } else { self.texts.words(translation, passage).unwrap_or_default() },
            verses,
            state,
            too_long,
        }
    }

    /// The translation named, else the profile's, else the usual one.
    async fn translation(&self, named: Option<&str>) -> Result<String, EngineError> {
        if let Some(named) = named.filter(|name| !name.trim().is_empty()) {
            return translation_name(named).map_err(|rejection| verses_client::ClientError::from(rejection).into());
        }
        let profile = self.service().profile().await?;
        Ok(profile.preferred_translation.value.unwrap_or_else(|| DEFAULT_TRANSLATION.to_owned()))
    }

    /// The cards that there are of these, in the order of their ids.
    async fn known(&self, ids: impl Iterator<Item = VerseId>) -> Result<Vec<Card>, EngineError> {
        let service = self.service();
        let owner = service.owner().await?;
        let ids = sorted(ids);
        Ok(service.store().cards_of(&owner, &ids).await?)
    }

    pub(crate) async fn add(&self, wanted: Wanted) -> Result<Vec<Added>, EngineError> {
        self.add_all(wanted.verses).await
    }

    pub(crate) async fn add_all(&self, wanted: Vec<WantedVerse>) -> Result<Vec<Added>, EngineError> {
        let service = self.service();
        let usual = self.translation(None).await?;
        let mut by_translation: LiteMap<String, Vec<Passage>> = LiteMap::new();
        for verse in wanted.iter().filter(|verse| verse.text.is_none()) {
            let translation = verse.translation.as_deref().and_then(|named| translation_name(named).ok());
            let passages = parse_passages(&verse.reference).unwrap_or_default();
            by_translation.entry(translation.unwrap_or_else(|| usual.clone())).or_default().extend(passages);
        }
        for (translation, passages) in &by_translation {
            self.fetch_books(translation, &passages.iter().collect::<Vec<_>>()).await;
        }
        let verses: Vec<NewVerse> = wanted
            .into_iter()
            .map(|verse| NewVerse { reference: verse.reference, translation: verse.translation, text: verse.text })
            .collect();
        let results = service.add_verses(&verses, |_| {}).await?;
        let today = service.today(Some(&service.config().time_zone)).await?;
        let rows = verses.into_iter().zip(results).map(|(verse, result)| {
            let outcome = match (result.success, result.is_duplicate) {
                (false, _) => "failed",
                (true, true) => "duplicate",
                (true, false) => "added",
            };
            let card = result.local.or(result.existing).map(|entry| CardView::new(entry, today));
            let error = result.errors.into_iter().next().map(|error| EngineError {
                code: error.code,
                message: error.message,
                retryable: error.retryable,
            });
            Added { reference: card.as_ref().map_or(verse.reference, |c| c.reference.clone()), outcome, card, error }
        });
        Ok(rows.collect())
    }

    pub(crate) async fn starter_packs(&self) -> Result<Vec<Pack>, EngineError> {
        let translation = self.translation(None).await?;
        let mut packs = Vec::new();
        for pack in corpus_packs() {
            let passages: Vec<(&str, Passage)> = pack
                .items
                .iter()
                .filter_map(|item| Some((item.osis.as_str(), verses_core::parse_passage(&item.osis).ok()?)))
                .collect();
            let known = self.known(passages.iter().map(|(_, passage)| passage.verse_id(&translation))).await?;
            let items = passages.iter().map(|(osis, passage)| PackItem {
                reference: passage.to_string(),
                osis: (*osis).to_owned(),
                known: is_archived(&known, passage.verse_id(&translation)) == Some(false),
            });
            packs.push(Pack { id: pack.id.clone(), title: pack.title.clone(), items: items.collect() });
        }
        Ok(packs)
    }
}

/// The message without the suggestion, which is told apart.
fn message_of(error: &PassageError) -> String {
    let text = error.to_string();
    match error.suggestion() {
        Some(suggestion) => text.trim_end_matches(&format!("; did you mean {suggestion}?")).to_owned(),
        None => text,
    }
}

/// Entries of a list: a line is read whole, so that "Rom 8:28; 9:1" is understood. One that is not is read part by part, so
/// that a slip spoils its own part only. Empty lines and those that begin with `#` are passed over.
fn parts_of(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let at = start + (line.len() - line.trim_start().len());
        start += line.len();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        match parse_passages(trimmed) {
            Ok(passages) => parts.extend(passages.into_iter().map(|p| Part { input: trimmed, start: at, read: Ok(p) })),
            Err(error) if !trimmed.contains(';') => parts.push(Part { input: trimmed, start: at, read: Err(error) }),
            Err(_) => parts.extend(pieces_of(trimmed, at)),
        }
    }
    parts
}

fn pieces_of(line: &str, at: usize) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut start = at;
    for piece in line.split(';') {
        let trimmed = piece.trim();
        let from = start + (piece.len() - piece.trim_start().len());
        start += piece.len() + 1;
        match parse_passages(trimmed) {
            _ if trimmed.is_empty() => {}
            Ok(passages) => {
                parts.extend(passages.into_iter().map(|p| Part { input: trimmed, start: from, read: Ok(p) }));
            }
            Err(error) => parts.push(Part { input: trimmed, start: from, read: Err(error) }),
        }
    }
    parts
}

/// Offsets in UTF-16 units, which pages count in, for rising offsets in bytes.
struct Utf16<'a> {
    text: &'a str,
    bytes: usize,
    units: usize,
}

impl<'a> Utf16<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, bytes: 0, units: 0 }
    }

    fn at(&mut self, bytes: usize) -> usize {
        if bytes < self.bytes {
            (self.bytes, self.units) = (0, 0);
        }
        let between = self.text.get(self.bytes..bytes).unwrap_or_default();
        self.units += between.encode_utf16().count();
        self.bytes = bytes;
        self.units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let shown = |part: Part<'_>| match part.read {
            Ok(passage) => passage.to_string(),
            Err(error) => format!("!{}", error.suggestion().unwrap_or("?")),
        };
        parts_of(text).into_iter().map(shown).collect()
    }

    #[test]
    fn a_list_is_read_line_by_line_and_a_slip_spoils_its_own_part_only() {
        assert_eq!(read("jn 3:16\n\n# mine\nRom 8:28; 9:1"), ["John 3:16", "Romans 8:28", "Romans 9:1"]);
        assert_eq!(read("jn 3:16; Jonh 3:17; ps 23")[0], "John 3:16");
        assert!(read("jn 3:16; Jonh 3:17; ps 23")[1].starts_with('!'));
        assert_eq!(read("jn 3:16; Jonh 3:17; ps 23")[2], "Psalm 23");
    }

    #[test]
    fn offsets_count_as_pages_do() {
        let text = "«é» 😀 jn 3:16; nonsense 99";
        let mut offsets = Utf16::new(text);
        for part in parts_of(text) {
            let (start, end) = (offsets.at(part.start), offsets.at(part.start + part.input.len()));
            let units: Vec<u16> = text.encode_utf16().collect();
            assert_eq!(String::from_utf16(&units[start..end]).unwrap(), part.input);
        }
    }
}
