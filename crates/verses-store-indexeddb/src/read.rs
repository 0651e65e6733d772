//! The questions about verses, cards, events, profiles and `meta`: each is a range of an index or a few, in one transaction.
//! Questions about the queue are in `read_queue`.

use jiff::civil::Date;
use verses_core::{Card, Phase, Profile, Verse, VerseId};
use verses_store::{CardCounts, ReviewDays, Revision, StoreError, StoredEvent};

use crate::connect::Connection;
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

pub(crate) async fn revision(connection: &Connection) -> Result<Revision, StoreError> {
    let found = connection.ask(STATE, Requests::one("get", STATE, "", &[&keys::text(STATE_KEY)])).await?;
    Ok(Revision(rows::state(&mut Answers::of(&found))?.revision))
}

pub(crate) async fn verse(connection: &Connection, owner: &str, id: VerseId) -> Result<Option<Verse>, StoreError> {
    Ok(verses_of(connection, owner, &[id]).await?.pop())
}

pub(crate) async fn verses(connection: &Connection, owner: &str) -> Result<Vec<Verse>, StoreError> {
    let found = connection.ask(VERSES, Requests::one("getAll", VERSES, BY_CREATION, &[&keys::of_owner(owner)])).await?;
    rows::each(Answers::of(&found).all_rows(), rows::verse)
}

pub(crate) async fn verses_of(connection: &Connection, owner: &str, ids: &[VerseId]) -> Result<Vec<Verse>, StoreError> {
    let found = connection.ask(VERSES, each_verse(VERSES, owner, ids)).await?;
    rows::each(Answers::of(&found).all_rows(), rows::verse)
}

pub(crate) async fn unverified_verses(
    connection: &Connection,
    owner: &str,
    limit: u32,
) -> Result<Vec<Verse>, StoreError> {
    // The browser takes a limit of 0 for none.
    if limit == 0 {
        return Ok(Vec::new());
    }
    let asked = Requests::limited("getAll", VERSES, UNVERIFIED, &keys::of_owner(owner), limit);
    rows::each(Answers::of(&connection.ask(VERSES, asked).await?).all_rows(), rows::verse)
}

pub(crate) async fn card(connection: &Connection, owner: &str, id: VerseId) -> Result<Option<Card>, StoreError> {
    Ok(cards_of(connection, owner, &[id]).await?.pop())
}

pub(crate) async fn cards_of(connection: &Connection, owner: &str, ids: &[VerseId]) -> Result<Vec<Card>, StoreError> {
    cards_asked_for(connection, each_verse(CARDS, owner, ids)).await
}

pub(crate) async fn cards(connection: &Connection, owner: &str) -> Result<Vec<Card>, StoreError> {
    cards_asked_for(connection, Requests::one("getAll", CARDS, "", &[&keys::of_owner(owner)])).await
}

pub(crate) async fn due_cards(connection: &Connection, owner: &str, date: Date) -> Result<Vec<Card>, StoreError> {
    let due = keys::up_to(owner, rows::day(date));
    cards_asked_for(connection, Requests::one("getAll", CARDS, DUE, &[&due])).await
}

pub(crate) async fn cards_by_phase(
    connection: &Connection,
    owner: &str,
    phase: Phase,
) -> Result<Vec<Card>, StoreError> {
    let of_phase = keys::starting_with(&[Part::Text(owner), Part::Number(rows::phase_code(phase))]);
    cards_asked_for(connection, Requests::one("getAll", CARDS, BY_PHASE, &[&of_phase])).await
}

async fn cards_asked_for(connection: &Connection, asked: Requests) -> Result<Vec<Card>, StoreError> {
    rows::each(Answers::of(&connection.ask(CARDS, asked).await?).all_rows(), rows::card)
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

/// Counted by the browser in the index of due days; one card is read, to learn the next date.
pub(crate) async fn card_counts(connection: &Connection, owner: &str, today: Date) -> Result<CardCounts, StoreError> {
    let reader = connection.reader(CARDS);
    let of_owner = keys::of_owner(owner);
    let mut asked = Requests::one("count", CARDS, "", &[&of_owner]);
    asked.add("count", CARDS, DUE, &[&of_owner]);
    asked.add("count", CARDS, DUE, &[&keys::up_to(owner, rows::day(today))]);
    let end_of_today = [Part::Text(owner), Part::Number(rows::day(today)), Part::End];
    asked.add("get", CARDS, DUE, &[&keys::of_owner_after(owner, &end_of_today)]);
    let found = reader.ask(asked).await?;
    let mut answers = Answers::of(&found);
    let (all, active, due) = (answers.count(), answers.count(), answers.count());
    let mut counts = CardCounts { active, archived: all.saturating_sub(active), due, next: None };
    if let Some(row) = answers.row() {
        let date = rows::card(&row)?.next_due_date;
        let on_date = keys::starting_with(&[Part::Text(owner), Part::Number(rows::day(date))]);
        let found = reader.ask(Requests::one("count", CARDS, DUE, &[&on_date])).await?;
        counts.next = Some((date, Answers::of(&found).count()));
    }
    Ok(counts)
}

/// Events of the cards named, by (verse, fold); ids may repeat and come in any order.
pub(crate) async fn events_of(
    connection: &Connection,
    owner: &str,
    ids: &[VerseId],
) -> Result<Vec<StoredEvent>, StoreError> {
    let mut asked = Requests::default();
    for id in distinct(ids) {
        let of_verse = keys::starting_with(&[Part::Text(owner), Part::Text(&id.to_string())]);
        asked.add("getAll", EVENTS, "", &[&of_verse]);
    }
    let mut left = asked.len();
    let found = connection.ask(EVENTS, asked).await?;
    let mut answers = Answers::of(&found);
    let mut all = Vec::new();
    while left > 0 {
        let mut of_verse = rows::each(answers.rows(), rows::event)?;
        sort_for_the_fold(&mut of_verse);
        all.append(&mut of_verse);
        left -= 1;
    }
    Ok(all)
}

pub(crate) async fn events_without_seq(connection: &Connection, owner: &str) -> Result<Vec<StoredEvent>, StoreError> {
    let found = connection.ask(EVENTS, Requests::one("getAll", EVENTS, UNSENT, &[&keys::of_owner(owner)])).await?;
    let mut unsent = rows::each(Answers::of(&found).rows(), rows::event)?;
    sort_for_the_fold(&mut unsent);
    Ok(unsent)
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
    let mut logs = rows::each(Answers::of(&found).rows(), rows::event)?;
    if let Some(last) = logs.last().filter(|_| logs.len() == limit as usize) {
        let at = last.event.occurred_at;
        let tied = keys::starting_with(&[Part::Text(owner), Part::Number(at.0.saturating_neg())]);
        let found = reader.ask(Requests::one("getAll", EVENTS, REVIEWS, &[&tied])).await?;
        logs.retain(|stored| stored.event.occurred_at != at);
        logs.append(&mut rows::each(Answers::of(&found).rows(), rows::event)?);
    }
    sort_for_the_fold(&mut logs);
    logs.reverse();
    logs.truncate(limit as usize);
    Ok(logs)
}

pub(crate) async fn profile(connection: &Connection, owner: &str) -> Result<Profile, StoreError> {
    let found = connection.ask(PROFILES, Requests::one("get", PROFILES, "", &[&keys::text(owner)])).await?;
    Answers::of(&found).row().map_or_else(|| Ok(Profile::default()), |row| rows::body(&row, "profile"))
}

pub(crate) async fn meta(connection: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    let found = connection.ask(META, Requests::one("get", META, "", &[&keys::text(key)])).await?;
    Ok(Answers::of(&found).row().map(|row| plain(row.body)))
}
