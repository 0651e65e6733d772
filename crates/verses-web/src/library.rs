//! The library: all cards of the owner, searched, filtered and sorted. They are read once for each state of the store and kept,
//! so that scrolling and typing do not read ten thousand rows again.

use std::rc::Rc;

use jiff::civil::Date;
use verses_client::{CardWithVerse, Platform, Transport};
use verses_core::{Card, Phase, VerseId, epoch_day, lowercase, reviews_needed};
use verses_json::{json_names_read, json_read, json_write};
use verses_store::{LocalStore, Revision};

use crate::app::App;
use crate::wire::EngineError;

/// Characters of the words that a row shows.
const EXCERPT_CHARS: usize = 140;
/// Rows given at once, at most.
const MAX_ROWS: usize = 500;

/// All cards at one state of the store.
#[derive(Debug)]
pub(crate) struct Shelf {
    revision: Revision,
    owner: String,
    pub(crate) cards: Vec<CardWithVerse>,
    /// What is searched in, by card: reference, translation and words in lower case.
    haystacks: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    Active,
    Due,
    Archived,
}

json_names_read! { Show { Active "active", Due "due", Archived "archived" } }

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Due,
    Reference,
    Added,
    Streak,
}

json_names_read! { Sort { Due "due", Reference "reference", Added "added", Streak "streak" } }

#[derive(Debug, Clone, Copy)]
enum PhaseFilter {
    All,
    Daily,
    Weekly,
    Biweekly,
    Monthly,
}

json_names_read! { PhaseFilter { All "all", Daily "daily", Weekly "weekly", Biweekly "biweekly", Monthly "monthly" } }

impl PhaseFilter {
    fn takes(self, phase: Phase) -> bool {
        match self {
            Self::All => true,
            Self::Daily => phase == Phase::Daily,
            Self::Weekly => phase == Phase::Weekly,
            Self::Biweekly => phase == Phase::Biweekly,
            Self::Monthly => phase == Phase::Monthly,
        }
    }
}

#[derive(Debug)]
struct Filter {
    search: String,
    phase: PhaseFilter,
    show: Show,
    sort: Sort,
}

json_read! { Filter { search: "search", phase: "phase", show: "show", sort: "sort" } }

/// Arguments of `library`.
#[derive(Debug)]
pub(crate) struct Wanted {
    filter: Filter,
    offset: usize,
    limit: usize,
}

json_read! { Wanted { filter: "filter", offset: "offset", limit: "limit" } }

/// A window of the listing.
#[derive(Debug)]
pub(crate) struct LibraryPage {
    total: usize,
    offset: usize,
    rows: Vec<Row>,
}

json_write! { LibraryPage { total: "total", offset: "offset", rows: "rows" } }

#[derive(Debug)]
struct Row {
    verse_id: VerseId,
    reference: String,
    translation: String,
    excerpt: String,
    phase: Phase,
    progress: u32,
    needed: Option<u32>,
    streak: u32,
    next_due: Date,
    is_due: bool,
    archived: bool,
}

json_write! { Row {
    verse_id: "verseId",
    reference: "reference",
    translation: "translation",
    excerpt: "excerpt",
    phase: "phase",
    progress: "progress",
    needed: "needed",
    streak: "streak",
    next_due: "nextDue",
    is_due: "isDue",
    archived: "archived",
} }

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    pub(crate) async fn library(&self, wanted: Wanted) -> Result<LibraryPage, EngineError> {
        let service = self.service();
        let today = service.today(Some(&service.config().time_zone)).await?;
        let shelf = self.shelf().await?;
        let found = shelf.find(&wanted.filter, today);
        let total = found.len();
        let window = found.into_iter().skip(wanted.offset).take(wanted.limit.min(MAX_ROWS));
        let rows = window.filter_map(|at| shelf.cards.get(at)).map(|entry| Row::new(entry, today)).collect();
        Ok(LibraryPage { total, offset: wanted.offset, rows })
    }

    /// All cards as they are now.
    pub(crate) async fn shelf(&self) -> Result<Rc<Shelf>, EngineError> {
        let service = self.service();
        let revision = service.store().revision().await?;
        let owner = service.owner().await?;
        let kept = self.shelf.borrow().clone();
        if let Some(shelf) = kept.filter(|shelf| shelf.revision == revision && shelf.owner == owner) {
            return Ok(shelf);
        }
        let cards = service.library().await?;
        let haystacks = cards.iter().map(haystack).collect();
        let shelf = Rc::new(Shelf { revision, owner, cards, haystacks });
        *self.shelf.borrow_mut() = Some(Rc::clone(&shelf));
        Ok(shelf)
    }
}

fn haystack(entry: &CardWithVerse) -> String {
    let Some(verse) = &entry.verse else { return String::new() };
    lowercase(&[&*verse.reference, &*verse.translation, &*verse.text].join(" "))
}

impl Shelf {
    /// Places of the cards that the filter takes, in order.
    fn find(&self, filter: &Filter, today: Date) -> Vec<usize> {
        let search = lowercase(&filter.search);
        let words: Vec<&str> = search.split_whitespace().collect();
        let takes = |entry: &CardWithVerse, haystack: &str| {
            let card = &entry.card;
            let shown = match filter.show {
                Show::Active => !card.archived,
                Show::Due => !card.archived && card.next_due_date <= today,
                Show::Archived => card.archived,
            };
            shown && filter.phase.takes(card.current_phase) && words.iter().all(|word| haystack.contains(word))
        };
        let both = self.cards.iter().zip(&self.haystacks).enumerate();
        let mut found: Vec<usize> =
            both.filter(|(_, (entry, haystack))| takes(entry, haystack)).map(|(at, _)| at).collect();
        let rank = |card: &Card| match filter.sort {
            Sort::Due => epoch_day(card.next_due_date),
            Sort::Added => -card.created_at.0,
            Sort::Streak => -i64::from(card.current_streak),
            Sort::Reference => 0,
        };
        if matches!(filter.sort, Sort::Reference) {
            found.sort_by_cached_key(|at| place_in_bible(&self.cards[*at]));
        } else {
            found.sort_by_key(|at| (rank(&self.cards[*at].card), *at));
        }
        found
    }
}

/// Order of the Bible; texts of the user's own come after it, by their titles.
fn place_in_bible(entry: &CardWithVerse) -> (bool, u32, String) {
    let reference = entry.verse.as_ref().map_or("", |verse| verse.reference.as_str());
    match verses_core::parse_passage(reference).ok().and_then(|passage| passage.verses().next()) {
        Some(place) => {
            let book = u32::try_from(verses_core::Book::all().take_while(|b| *b != place.book).count()).unwrap_or(0);
            (false, (book << 16) | (u32::from(place.chapter) << 8) | u32::from(place.verse), String::new())
        }
        None => (true, 0, lowercase(reference)),
    }
}

impl Row {
    fn new(entry: &CardWithVerse, today: Date) -> Self {
        let card = &entry.card;
        let (reference, translation, excerpt) = match &entry.verse {
            Some(verse) => (verse.reference.clone(), verse.translation.clone(), excerpt(&verse.text)),
            None => (card.verse_id.to_string(), String::new(), String::new()),
        };
        Self {
            verse_id: card.verse_id,
            reference,
            translation,
            excerpt,
            phase: card.current_phase,
            progress: card.phase_progress_count,
            needed: reviews_needed(card.current_phase),
            streak: card.current_streak,
            next_due: card.next_due_date,
            is_due: !card.archived && card.next_due_date <= today,
            archived: card.archived,
        }
    }
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
