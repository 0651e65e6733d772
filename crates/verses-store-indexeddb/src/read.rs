//! The questions about verses, cards, events, profiles and `meta`: each is a range of an index or a few, in one transaction.
//! Questions about the queue are in `read_queue`.

use jiff::civil::Date;
use verses_core::{Card, Phase, Profile, Verse, VerseId};
use verses_store::{CardCounts, ReviewDays, Revision, StoreError, StoredEvent};

use crate::connect::{Connection, Question};
use crate::events::sort_for_the_fold;
use crate::keys::{self, Part};
use crate::layout::{
    BY_CREATION, BY_PHASE, CARDS, DUE, EVENTS, META, PROFILES, REVIEW_DAYS, REVIEWS, STATE, STATE_KEY, UNSENT,
    UNVERIFIED, VERSES,
};
use crate::rows;
use crate::text::{Answers, Requests, plain};

/// Days that are asked about at once.
const DAYS_PER_QUESTION: usize = 32;

/// Asks for the rows of these verses in one object store, in the order given.
pub(crate) fn each_verse(store: &str, owner: &str, ids: &[VerseId]) -> Requests {
    let mut asked = Requests::default();
    for id in ids {
        asked.add("get", store, "", &[&keys::of_verse(owner, *id)]);
    }
    asked
}

/// Each once, in their order.
pub(crate) fn distinct(ids: &[VerseId]) -> Vec<VerseId> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

pub(crate) fn revision(connection: &Connection) -> Question<Revision> {
    let asked = Requests::one("get", STATE, "", &[&keys::text(STATE_KEY)]);
    connection.ask(STATE, asked, |mut answers| Ok(Revision(rows::state(&mut answers)?.revision)))
}

pub(crate) fn verse(connection: &Connection, owner: &str, id: VerseId) -> Question<Option<Verse>> {
    connection.ask(VERSES, each_verse(VERSES, owner, &[id]), |answers| Ok(rows::verses(answers)?.pop()))
}

pub(crate) fn verses(connection: &Connection, owner: &str) -> Question<Vec<Verse>> {
    let asked = Requests::one("getAll", VERSES, BY_CREATION, &[&keys::of_owner(owner)]);
    connection.ask(VERSES, asked, rows::verses)
}

pub(crate) fn verses_of(connection: &Connection, owner: &str, ids: &[VerseId]) -> Question<Vec<Verse>> {
    connection.ask(VERSES, each_verse(VERSES, owner, ids), rows::verses)
}

pub(crate) fn unverified_verses(connection: &Connection, owner: &str, limit: u32) -> Question<Vec<Verse>> {
    let asked = Requests::limited("getAll", VERSES, UNVERIFIED, &keys::of_owner(owner), limit);
    connection.ask(VERSES, asked, rows::verses)
}

pub(crate) fn card(connection: &Connection, owner: &str, id: VerseId) -> Question<Option<Card>> {
    connection.ask(CARDS, each_verse(CARDS, owner, &[id]), |answers| Ok(rows::cards(answers)?.pop()))
}

pub(crate) fn cards_of(connection: &Connection, owner: &str, ids: &[VerseId]) -> Question<Vec<Card>> {
    connection.ask(CARDS, each_verse(CARDS, owner, ids), rows::cards)
}

pub(crate) fn cards(connection: &Connection, owner: &str) -> Question<Vec<Card>> {
    connection.ask(CARDS, Requests::one("getAll", CARDS, "", &[&keys::of_owner(owner)]), rows::cards)
}

pub(crate) fn due_cards(connection: &Connection, owner: &str, date: Date) -> Question<Vec<Card>> {
    let due = keys::up_to(owner, rows::day(date));
    connection.ask(CARDS, Requests::one("getAll", CARDS, DUE, &[&due]), rows::cards)
}

pub(crate) fn cards_by_phase(connection: &Connection, owner: &str, phase: Phase) -> Question<Vec<Card>> {
    let of_phase = keys::starting_with(&[Part::Text(owner), Part::Number(rows::phase_code(phase))]);
    connection.ask(CARDS, Requests::one("getAll", CARDS, BY_PHASE, &[&of_phase]), rows::cards)
}

/// The days before `today` are asked about a few at a time, until one has no review: what is older is not looked at.
pub(crate) async fn review_days(connection: &Connection, owner: &str, today: Date) -> Result<ReviewDays, StoreError> {
    let reader = connection.reader(EVENTS);
    let on = |date: Date| keys::key(&[Part::Text(owner), Part::Number(rows::day(date))]);
    let mut of_today = None;
    let mut in_a_row = 0;
    let mut oldest = today;
    loop {
        let mut asked = Requests::default();
        if of_today.is_none() {
            asked.add("count", EVENTS, REVIEW_DAYS, &[&on(today)]);
        }
        while let Some(before) = oldest.yesterday().ok().filter(|_| asked.len() < DAYS_PER_QUESTION) {
            asked.add("getKey", EVENTS, REVIEW_DAYS, &[&on(before)]);
            oldest = before;
        }
        let mut left = asked.len();
        let found = reader.ask(asked).await?;
        let mut answers = Answers::of(&found);
        let of_today = *of_today.get_or_insert_with(|| {
            left -= 1;
            let of_today = answers.count();
            in_a_row = u32::from(of_today > 0);
            of_today
        });
        while left > 0 && !answers.next().is_empty() {
            in_a_row += 1;
            left -= 1;
        }
        if left > 0 || oldest.yesterday().is_err() {
            return Ok(ReviewDays { of_today, in_a_row });
        }
    }
}

/// Counted by the browser; one card is read, to learn the next date. Of the index, which takes five times as long to count as
/// the cards themselves, only what is due is counted.
pub(crate) async fn card_counts(connection: &Connection, owner: &str, today: Date) -> Result<CardCounts, StoreError> {
    let reader = connection.reader(CARDS);
    let mut asked = Requests::one("count", CARDS, "", &[&keys::of_owner(owner)]);
    asked.add("count", CARDS, DUE, &[&keys::up_to(owner, rows::day(today))]);
    let end_of_today = [Part::Text(owner), Part::Number(rows::day(today)), Part::End];
    let later = keys::of_owner_after(owner, &end_of_today);
    asked.add("get", CARDS, DUE, &[&later]);
    let found = reader.ask(asked).await?;
    let mut answers = Answers::of(&found);
    let mut counts = CardCounts { all: answers.count(), due: answers.count(), next: None };
    if let Some(row) = answers.row() {
        let date = rows::card(&row)?.next_due_date;
        let on_date = keys::starting_with(&[Part::Text(owner), Part::Number(rows::day(date))]);
        let found = reader.ask(Requests::one("count", CARDS, DUE, &[&on_date])).await?;
        counts.next = Some((date, Answers::of(&found).count()));
    }
    Ok(counts)
}

/// Events of the cards named, by (verse, fold); ids may repeat and come in any order.
pub(crate) fn events_of(connection: &Connection, owner: &str, ids: &[VerseId]) -> Question<Vec<StoredEvent>> {
    let mut asked = Requests::default();
    for id in distinct(ids) {
        let of_verse = keys::starting_with(&[Part::Text(owner), Part::Text(&id.to_string())]);
        asked.add("getAll", EVENTS, "", &[&of_verse]);
    }
    connection.ask(EVENTS, asked, rows::events_by_answer)
}

pub(crate) fn events_without_seq(connection: &Connection, owner: &str) -> Question<Vec<StoredEvent>> {
    let asked = Requests::one("getAll", EVENTS, UNSENT, &[&keys::of_owner(owner)]);
    connection.ask(EVENTS, asked, rows::events_by_answer)
}

/// Newest first. The index gives the newest time first, but within one time the lowest operation: a time at which the
/// limit falls is read whole.
pub(crate) async fn review_logs(
    connection: &Connection,
    owner: &str,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let reader = connection.reader(EVENTS);
    let asked = Requests::limited("getAll", EVENTS, REVIEWS, &keys::of_owner(owner), limit);
    let found = reader.ask(asked).await?;
    let mut logs = rows::events(&mut Answers::of(&found))?;
    if let Some(last) = logs.last().filter(|_| logs.len() == limit as usize) {
        let at = last.event.occurred_at;
        let tied = keys::starting_with(&[Part::Text(owner), Part::Number(at.0.saturating_neg())]);
        let found = reader.ask(Requests::one("getAll", EVENTS, REVIEWS, &[&tied])).await?;
        logs.retain(|stored| stored.event.occurred_at != at);
        logs.append(&mut rows::events(&mut Answers::of(&found))?);
    }
    sort_for_the_fold(&mut logs);
    logs.reverse();
    logs.truncate(limit as usize);
    Ok(logs)
}

pub(crate) fn profile(connection: &Connection, owner: &str) -> Question<Profile> {
    connection.ask(PROFILES, Requests::one("get", PROFILES, "", &[&keys::text(owner)]), |mut answers| {
        answers.row().map_or_else(|| Ok(Profile::default()), |row| rows::body(&row, "profile"))
    })
}

pub(crate) fn meta(connection: &Connection, key: &str) -> Question<Option<String>> {
    let asked = Requests::one("get", META, "", &[&keys::text(key)]);
    connection.ask(META, asked, |mut answers| Ok(answers.row().map(|row| plain(row.body))))
}
