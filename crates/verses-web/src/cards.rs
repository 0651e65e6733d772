//! Calls about cards: how things stand, what is due, one card, and what is done to it.

use jiff::civil::Date;
use verses_client::{CardWithVerse, DualWriteResult, Platform, Transport};
use verses_core::display::typed_answer;
use verses_core::{
    CardEvent, CardEventKind, DEFAULT_TRANSLATION, OperationId, Phase, ReferenceDisplayMode, UnixMillis, VerseId,
    fold_step,
};
use verses_json::{json_read, json_write};
use verses_store::{CardCounts, GUEST, LocalStore, ReviewDays, StoredEvent};

use crate::account::AccountView;
use crate::app::App;
use crate::wire::{CardView, EngineError, OfCard};

/// Dates foretold for a card.
const UPCOMING: usize = 6;

/// How things stand.
#[derive(Debug)]
pub(crate) struct Overview {
    today: Date,
    due: u64,
    cards: u64,
    reviewed_today: u64,
    day_streak: u32,
    next: Option<Next>,
    account: AccountView,
    display_mode: ReferenceDisplayMode,
    translation: String,
    waiting: u64,
    failed: u64,
}

json_write! { Overview {
    today: "today",
    due: "due",
    cards: "cards",
    reviewed_today: "reviewedToday",
    day_streak: "dayStreak",
    next: "next",
    account: "account",
    display_mode: "displayMode",
    translation: "translation",
    waiting: "waiting",
    failed: "failed",
} }

#[derive(Debug)]
struct Next {
    date: Date,
    count: u64,
}

json_write! { Next { date: "date", count: "count" } }

/// A card with all that happened to it.
#[derive(Debug)]
pub(crate) struct CardDetail {
    card: CardView,
    history: Vec<HistoryEntry>,
    upcoming: Vec<Upcoming>,
}

json_write! { CardDetail { card: "card", history: "history", upcoming: "upcoming" } }

#[derive(Debug)]
struct HistoryEntry {
    operation_id: String,
    at: UnixMillis,
    date: Date,
    kind: &'static str,
    was_successful: Option<bool>,
    seconds: Option<u32>,
    phase: Option<Phase>,
    synced: bool,
}

json_write! { HistoryEntry {
    operation_id: "operationId",
    at: "at",
    date: "date",
    kind: "kind",
    was_successful: "wasSuccessful",
    seconds: "seconds",
    phase: "phase",
    synced: "synced",
} }

#[derive(Debug)]
struct Upcoming {
    date: Date,
    phase: Phase,
}

json_write! { Upcoming { date: "date", phase: "phase" } }

/// Arguments of `review`.
#[derive(Debug)]
pub(crate) struct Review {
    verse_id: VerseId,
    was_successful: bool,
    seconds: Option<u32>,
}

json_read! { Review { verse_id: "verseId", was_successful: "wasSuccessful", seconds: "seconds" } }

/// Arguments of `archive`.
#[derive(Debug)]
pub(crate) struct Archive {
    verse_id: VerseId,
    archived: bool,
}

json_read! { Archive { verse_id: "verseId", archived: "archived" } }

/// Arguments of `setPhase`.
#[derive(Debug)]
pub(crate) struct SetPhase {
    verse_id: VerseId,
    phase: Phase,
}

json_read! { SetPhase { verse_id: "verseId", phase: "phase" } }

/// Arguments of `score`.
#[derive(Debug)]
pub(crate) struct Typed {
    text: String,
    typed: String,
}

json_read! { Typed { text: "text", typed: "typed" } }

/// How close a typed answer comes.
#[derive(Debug)]
pub(crate) struct Score {
    right: usize,
    of: usize,
    percent: usize,
}

json_write! { Score { right: "right", of: "of", percent: "percent" } }

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    pub(crate) async fn overview(&self) -> Result<Overview, EngineError> {
        let service = self.service();
        let store = service.store();
        let session = service.session().await?;
        let owner = session.as_ref().map_or_else(|| GUEST.to_owned(), |session| session.user_id.clone());
        // Both are asked for at once.
        let (profile, totals) = (store.profile(&owner), store.queue_totals(&owner));
        let (profile, totals) = (profile.await?, totals.await?);
        let today = service.today_of(&profile, Some(&service.config().time_zone)).await?;
        let CardCounts { all, due, next } = store.card_counts(&owner, today).await?;
        let ReviewDays { of_today, in_a_row } = store.review_days(&owner, today).await?;
        Ok(Overview {
            today,
            due,
            cards: all,
            reviewed_today: of_today,
            day_streak: in_a_row,
            next: next.map(|(date, count)| Next { date, count }),
            account: session.into(),
            display_mode: profile.reference_display_mode.value.unwrap_or_default(),
            translation: profile.preferred_translation.value.unwrap_or_else(|| DEFAULT_TRANSLATION.to_owned()),
            waiting: totals.waiting,
            failed: totals.failed,
        })
    }

    pub(crate) async fn due(&self) -> Result<Vec<CardView>, EngineError> {
        let service = self.service();
        let (owner, today) = service.owner_and_today(Some(&service.config().time_zone)).await?;
        Ok(service.due_of(&owner, today).await?.into_iter().map(|entry| CardView::new(entry, today)).collect())
    }

    pub(crate) async fn card(&self, of: OfCard) -> Result<Option<CardDetail>, EngineError> {
        let service = self.service();
        let Some(entry) = service.find(of.verse_id).await? else { return Ok(None) };
        let today = service.today(Some(&service.config().time_zone)).await?;
        let events = service.store().events(&service.owner().await?, of.verse_id).await?;
        let upcoming = if entry.card.archived { Vec::new() } else { foretell(&entry, today) };
        let history = events.into_iter().rev().map(HistoryEntry::from).collect();
        Ok(Some(CardDetail { card: CardView::new(entry, today), history, upcoming }))
    }

    pub(crate) async fn review(&self, review: Review) -> Result<CardView, EngineError> {
        let done = self.service().record_review(review.verse_id, review.was_successful, review.seconds).await?;
        self.view_of(done).await
    }

    pub(crate) async fn archive(&self, archive: Archive) -> Result<CardView, EngineError> {
        let done = self.service().archive(archive.verse_id, archive.archived).await?;
        self.view_of(done).await
    }

    pub(crate) async fn set_phase(&self, set: SetPhase) -> Result<CardView, EngineError> {
        let done = self.service().set_phase(set.verse_id, set.phase).await?;
        self.view_of(done).await
    }

    pub(crate) fn score(typed: &Typed) -> Score {
        let score = typed_answer(&typed.text, &typed.typed);
        Score { right: score.right, of: score.of, percent: score.percent() }
    }

    async fn view_of(&self, done: DualWriteResult<CardWithVerse>) -> Result<CardView, EngineError> {
        let service = self.service();
        let today = service.today(Some(&service.config().time_zone)).await?;
        let entry = done.local.or(done.existing);
        let entry = entry.ok_or_else(|| EngineError::new("store", "the card just written is not there"))?;
        Ok(CardView::new(entry, today))
    }
}

/// The next dates of a card if every review succeeds: the fold itself, fed with reviews on the dates it names.
fn foretell(entry: &CardWithVerse, today: Date) -> Vec<Upcoming> {
    let mut card = entry.card.clone();
    let mut upcoming = Vec::with_capacity(UPCOMING);
    while upcoming.len() < UPCOMING {
        let date = card.next_due_date.max(today);
        upcoming.push(Upcoming { date, phase: card.current_phase });
        let last = card.fold.last_event.clone();
        let Ok(operation_id) = OperationId::new(format!("~{}", upcoming.len())) else { break };
        let event = CardEvent {
            operation_id,
            verse_id: card.verse_id,
            occurred_at: UnixMillis(last.occurred_at.0.saturating_add(1)),
            local_date: date,
            kind: CardEventKind::Reviewed { was_successful: true, review_time_seconds: None, slot: None },
        };
        card = fold_step(Some(card), &event);
    }
    upcoming
}

impl From<StoredEvent> for HistoryEntry {
    fn from(stored: StoredEvent) -> Self {
        let StoredEvent { event, seq } = stored;
        let (kind, was_successful, seconds, phase) = match event.kind {
            CardEventKind::Created => ("created", None, None, None),
            CardEventKind::Reviewed { was_successful, review_time_seconds, .. } => {
                ("reviewed", Some(was_successful), review_time_seconds, None)
            }
            CardEventKind::Archived => ("archived", None, None, None),
            CardEventKind::Restored => ("restored", None, None, None),
            CardEventKind::PhaseSet { phase, .. } => ("phaseSet", None, None, Some(phase)),
        };
        Self {
            operation_id: event.operation_id.into_string(),
            at: event.occurred_at,
            date: event.local_date,
            kind,
            was_successful,
            seconds,
            phase,
            synced: seq.is_some(),
        }
    }
}
