//! The schedule: a card is the pure fold of its events in the order (occurred_at, operation id). Rules here; the types in
//! `card`, dates in `dates`, validation in `apply`.

use jiff::civil::Date;
use litemap::LiteMap;

use crate::{
    Card, CardEvent, CardEventKind, FoldState, OperationId, Phase, REMEMBERED_REVIEW_DATES, Slot, VerseId, add_days,
    slots,
};

/// Counted reviews a phase needs before the next one begins; `None` for monthly, which never ends.
#[must_use]
pub fn reviews_needed(phase: Phase) -> Option<u32> {
    match phase {
        Phase::Daily => Some(14),
        Phase::Weekly | Phase::Biweekly => Some(4),
        Phase::Monthly => None,
    }
}

/// The phase after this one.
#[must_use]
pub fn next_phase(phase: Phase) -> Option<Phase> {
    match phase {
        Phase::Daily => Some(Phase::Weekly),
        Phase::Weekly => Some(Phase::Biweekly),
        Phase::Biweekly => Some(Phase::Monthly),
        Phase::Monthly => None,
    }
}

/// Folds the events of one card, given in any order. An event given twice counts once. `None` without events.
#[must_use]
pub fn fold(verse_id: VerseId, events: impl IntoIterator<Item = CardEvent>) -> Option<Card> {
    fold_all(events.into_iter().filter(|e| e.verse_id == verse_id).collect())
}

fn fold_all(mut events: Vec<CardEvent>) -> Option<Card> {
    events.sort_by(|a, b| (a.occurred_at, &a.operation_id).cmp(&(b.occurred_at, &b.operation_id)));
    let mut seen: LiteMap<OperationId, ()> = LiteMap::new();
    events.retain(|e| seen.insert(e.operation_id.clone(), ()).is_none());
    events.iter().fold(None, |card, event| Some(fold_step(card, event)))
}

/// Whether an event belongs before the last one folded, so that the card must be folded again from its events.
#[must_use]
pub fn sorts_before_last(card: &Card, event: &CardEvent) -> bool {
    event.key() < card.fold.last_event
}

/// Folds one more event, which must not sort before the last one.
#[must_use]
pub fn fold_step(card: Option<Card>, event: &CardEvent) -> Card {
    let mut card = card.unwrap_or_else(|| new_card(event));
    match &event.kind {
        CardEventKind::Reviewed { was_successful, slot, .. } => review(&mut card, event, *was_successful, *slot),
        CardEventKind::Archived => card.archived = true,
        CardEventKind::Created | CardEventKind::Restored => {
            if card.archived {
                card.archived = false;
                restart(&mut card, event.local_date);
            }
        }
        CardEventKind::PhaseSet { phase, slot } => {
            card.current_phase = *phase;
            set_slot(&mut card, *phase, *slot);
            restart(&mut card, event.local_date);
        }
    }
    card.updated_at = card.updated_at.max(event.occurred_at);
    card.fold.last_event = event.key();
    card
}

fn new_card(event: &CardEvent) -> Card {
    Card {
        verse_id: event.verse_id,
        current_phase: Phase::Daily,
        phase_progress_count: 0,
        current_streak: 0,
        best_streak: 0,
        last_reviewed_at: None,
        next_due_date: event.local_date,
        assigned_day_of_week: None,
        assigned_week_parity: None,
        assigned_day_of_month: None,
        archived: false,
        created_at: event.occurred_at,
        updated_at: event.occurred_at,
        fold: FoldState { last_event: event.key(), review_dates: Vec::new() },
    }
}

/// A review counts if it was successful and is the first of its local date. Any review moves the due date on.
fn review(card: &mut Card, event: &CardEvent, was_successful: bool, proposed: Option<Slot>) {
    let first_of_its_date = remember(&mut card.fold.review_dates, event.local_date);
    if !was_successful {
        card.current_streak = 0;
    } else if first_of_its_date {
        card.current_streak = card.current_streak.saturating_add(1);
        card.best_streak = card.best_streak.max(card.current_streak);
        card.phase_progress_count = card.phase_progress_count.saturating_add(1);
        advance(card, proposed);
    }
    card.last_reviewed_at = Some(event.occurred_at);
    card.next_due_date = slots::first_match(card.current_phase, slot_of(card), day_after(event.local_date));
}

/// Notes a date with a review; gives whether it is the first review of that date.
fn remember(dates: &mut Vec<Date>, date: Date) -> bool {
    if dates.contains(&date) {
        return false;
    }
    dates.push(date);
    dates.sort_unstable();
    if dates.len() > REMEMBERED_REVIEW_DATES {
        dates.remove(0);
    }
    true
}

fn advance(card: &mut Card, proposed: Option<Slot>) {
    let done = reviews_needed(card.current_phase).is_some_and(|needed| card.phase_progress_count >= needed);
    let Some(next) = next_phase(card.current_phase).filter(|_| done) else { return };
    card.current_phase = next;
    card.phase_progress_count = 0;
    set_slot(card, next, proposed);
}

/// Progress and streak begin anew; the best streak stays. Due on the first matching date from `today` on.
fn restart(card: &mut Card, today: Date) {
    card.phase_progress_count = 0;
    card.current_streak = 0;
    card.next_due_date = slots::first_match(card.current_phase, slot_of(card), today);
}

/// Takes the proposed slot if it fits the phase, else the one that follows from the verse.
fn set_slot(card: &mut Card, phase: Phase, proposed: Option<Slot>) {
    let slot = slots::fitting(phase, proposed).unwrap_or_else(|| slots::hashed(card.verse_id, phase));
    card.assigned_day_of_week = slot.day_of_week;
    card.assigned_week_parity = slot.week_parity;
    card.assigned_day_of_month = slot.day_of_month;
}

fn slot_of(card: &Card) -> Option<Slot> {
    let slot = Slot {
        day_of_week: card.assigned_day_of_week,
        week_parity: card.assigned_week_parity,
        day_of_month: card.assigned_day_of_month,
    };
    (slot != Slot::default()).then_some(slot)
}

fn day_after(date: Date) -> Date {
    add_days(date, 1).unwrap_or(date)
}

/// Cards due on `today`: not archived and with a due date that has come. By (due date, verse id).
#[must_use]
pub fn due_cards<'a>(cards: impl IntoIterator<Item = &'a Card>, today: Date) -> Vec<&'a Card> {
    let mut due: Vec<&Card> = cards.into_iter().filter(|c| !c.archived && c.next_due_date <= today).collect();
    due.sort_by_key(|c| (c.next_due_date, c.verse_id));
    due
}
