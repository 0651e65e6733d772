//! The questions about verses, cards, events, profiles and `meta`: each is one range of one index, in one transaction.
//! Questions about the queue are in `read_queue`.

use std::collections::BTreeSet;
use std::rc::Rc;

use jiff::civil::Date;
use verses_core::{Card, Phase, Profile, Verse, VerseId};
use verses_store::{CardCounts, ReviewDays, Revision, StoreError, StoredEvent};
use wasm_bindgen::JsValue;
use web_sys::{IdbIndex, IdbObjectStore, IdbRequest, IdbTransaction};

use crate::answer::{answer, answers};
use crate::connect::Connection;
use crate::js::Row;
use crate::layout::{
    BY_CREATION, BY_PHASE, CARDS, DUE, EVENTS, META, PROFILES, REVIEW_DAYS, REVIEWS, STATE, STATE_KEY, UNSENT,
    UNVERIFIED, VERSES,
};
use crate::rows::{self, State};
use crate::{fault, keys};

/// Requests issued before their answers are waited for.
pub(crate) const READS_PER_PAUSE: usize = 200;

/// Days that are asked about at once.
const DAYS_PER_QUESTION: usize = 64;

/// A transaction that reads: all that is read within it is of one moment.
pub(crate) struct Reader(IdbTransaction);

impl Reader {
    pub(crate) async fn begin(connection: &Rc<Connection>, stores: &[&str]) -> Result<Self, StoreError> {
        let stores: js_sys::Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
        connection.transaction(|database| database.transaction_with_str_sequence(&stores)).await.map(Self)
    }

    pub(crate) fn store(&self, name: &str) -> Result<IdbObjectStore, StoreError> {
        self.0.object_store(name).map_err(|thrown| fault::from_js(&thrown))
    }

    pub(crate) fn index(&self, store: &str, index: &str) -> Result<IdbIndex, StoreError> {
        self.store(store)?.index(index).map_err(|thrown| fault::from_js(&thrown))
    }
}

/// One value under its key, of a transaction of its own.
async fn one(connection: &Rc<Connection>, store: &str, key: &JsValue) -> Result<JsValue, StoreError> {
    let reader = Reader::begin(connection, &[store]).await?;
    answer(reader.store(store)?.get(key)).await
}

/// The rows of a range of an index, of a transaction of their own.
async fn range<T>(
    connection: &Rc<Connection>,
    (store, index): (&str, &str),
    range: &JsValue,
    row: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let reader = Reader::begin(connection, &[store]).await?;
    rows::each(answer(reader.index(store, index)?.get_all_with_key(range)).await?, row)
}

/// Answers to one question for each of many, in their order.
pub(crate) async fn each_of<T>(
    asked: &[T],
    ask: impl Fn(&T) -> Result<IdbRequest, JsValue>,
) -> Result<Vec<JsValue>, StoreError> {
    let mut found = Vec::with_capacity(asked.len());
    for some in asked.chunks(READS_PER_PAUSE) {
        let requests = some.iter().map(&ask).collect::<Result<Vec<_>, _>>();
        found.extend(answers(requests.map_err(|thrown| fault::from_js(&thrown))?).await?);
    }
    Ok(found)
}

pub(crate) async fn revision(connection: &Rc<Connection>) -> Result<Revision, StoreError> {
    let found = one(connection, STATE, &STATE_KEY.into()).await?;
    let state: State = if found.is_undefined() { State::default() } else { rows::from_text(&found, "state")? };
    Ok(Revision(state.revision))
}

pub(crate) async fn verse(connection: &Rc<Connection>, owner: &str, id: VerseId) -> Result<Option<Verse>, StoreError> {
    let found = one(connection, VERSES, &of(owner, id)).await?;
    rows::as_row(found).map(|row| rows::verse(&row)).transpose()
}

pub(crate) async fn verses(connection: &Rc<Connection>, owner: &str) -> Result<Vec<Verse>, StoreError> {
    range(connection, (VERSES, BY_CREATION), &keys::starting_with([owner.into()])?, rows::verse).await
}

/// Those found, in the order asked for.
pub(crate) async fn verses_of(
    connection: &Rc<Connection>,
    owner: &str,
    ids: &[VerseId],
) -> Result<Vec<Verse>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let reader = Reader::begin(connection, &[VERSES]).await?;
    let verses = reader.store(VERSES)?;
    let found = each_of(ids, |id| verses.get(&of(owner, *id))).await?;
    found.into_iter().filter_map(rows::as_row).map(|row| rows::verse(&row)).collect()
}

pub(crate) async fn unverified_verses(
    connection: &Rc<Connection>,
    owner: &str,
    limit: u32,
) -> Result<Vec<Verse>, StoreError> {
    // The browser takes a limit of 0 for none.
    if limit == 0 {
        return Ok(Vec::new());
    }
    let reader = Reader::begin(connection, &[VERSES]).await?;
    let range = keys::starting_with([owner.into()])?;
    let index = reader.index(VERSES, UNVERIFIED)?;
    rows::each(answer(index.get_all_with_key_and_limit(&range, limit)).await?, rows::verse)
}

pub(crate) async fn card(connection: &Rc<Connection>, owner: &str, id: VerseId) -> Result<Option<Card>, StoreError> {
    let found = one(connection, CARDS, &of(owner, id)).await?;
    rows::as_row(found).map(|row| rows::card(&row)).transpose()
}

/// Those found, in the order asked for.
pub(crate) async fn cards_of(
    connection: &Rc<Connection>,
    owner: &str,
    ids: &[VerseId],
) -> Result<Vec<Card>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let reader = Reader::begin(connection, &[CARDS]).await?;
    let cards = reader.store(CARDS)?;
    let found = each_of(ids, |id| cards.get(&of(owner, *id))).await?;
    found.into_iter().filter_map(rows::as_row).map(|row| rows::card(&row)).collect()
}

/// The days before `today` are asked about a few at a time, until one has no review: what is older is not looked at.
pub(crate) async fn review_days(
    connection: &Rc<Connection>,
    owner: &str,
    today: Date,
) -> Result<ReviewDays, StoreError> {
    let reader = Reader::begin(connection, &[EVENTS]).await?;
    let index = reader.index(EVENTS, REVIEW_DAYS)?;
    let on = |date: Date| keys::key([owner.into(), rows::day(date).into()]);
    let of_today = count(&answer(index.count_with_key(&on(today))).await?)?;
    let mut in_a_row = u32::from(of_today > 0);
    let mut last = today;
    loop {
        let days: Vec<Date> =
            std::iter::successors(last.yesterday().ok(), |day| day.yesterday().ok()).take(DAYS_PER_QUESTION).collect();
        let found = each_of(&days, |day| index.get_key(&on(*day))).await?;
        let followed = found.iter().take_while(|key| !key.is_undefined()).count();
        in_a_row = in_a_row.saturating_add(u32::try_from(followed).unwrap_or(u32::MAX));
        match days.last() {
            Some(oldest) if followed == days.len() => last = *oldest,
            _ => return Ok(ReviewDays { of_today, in_a_row }),
        }
    }
}

pub(crate) async fn cards(connection: &Rc<Connection>, owner: &str) -> Result<Vec<Card>, StoreError> {
    let reader = Reader::begin(connection, &[CARDS]).await?;
    let range = keys::starting_with([owner.into()])?;
    rows::each(answer(reader.store(CARDS)?.get_all_with_key(&range)).await?, rows::card)
}

pub(crate) async fn due_cards(connection: &Rc<Connection>, owner: &str, date: Date) -> Result<Vec<Card>, StoreError> {
    let due = keys::up_to([owner.into()], &rows::day(date).into())?;
    range(connection, (CARDS, DUE), &due, rows::card).await
}

/// Counted by the browser in the index of due days; one card is read, to learn the next date.
pub(crate) async fn card_counts(
    connection: &Rc<Connection>,
    owner: &str,
    today: Date,
) -> Result<CardCounts, StoreError> {
    let reader = Reader::begin(connection, &[CARDS]).await?;
    let (cards, index) = (reader.store(CARDS)?, reader.index(CARDS, DUE)?);
    let of_owner = keys::starting_with([owner.into()])?;
    let all = count(&answer(cards.count_with_key(&of_owner)).await?)?;
    let active = count(&answer(index.count_with_key(&of_owner)).await?)?;
    let until_today = keys::up_to([owner.into()], &rows::day(today).into())?;
    let due = count(&answer(index.count_with_key(&until_today)).await?)?;
    let end_of_today = keys::key([owner.into(), rows::day(today).into(), js_sys::Array::new().into()]);
    let later = keys::starting_with_after([owner.into()], &end_of_today)?;
    let next = match rows::as_row(answer(index.get(&later)).await?) {
        Some(row) => {
            let date = rows::card(&row)?.next_due_date;
            let on_date = keys::starting_with([owner.into(), rows::day(date).into()])?;
            Some((date, count(&answer(index.count_with_key(&on_date)).await?)?))
        }
        None => None,
    };
    Ok(CardCounts { active, archived: all.saturating_sub(active), due, next })
}

/// What a request for a count gave.
fn count(found: &JsValue) -> Result<u64, StoreError> {
    found.as_f64().map(|count| count as u64).ok_or_else(|| fault::corrupt("a count", "it is no number"))
}

pub(crate) async fn cards_by_phase(
    connection: &Rc<Connection>,
    owner: &str,
    phase: Phase,
) -> Result<Vec<Card>, StoreError> {
    let of_phase = keys::starting_with([owner.into(), rows::phase_code(phase).into()])?;
    range(connection, (CARDS, BY_PHASE), &of_phase, rows::card).await
}

/// Events of the cards named, by (verse, fold); ids may repeat and come in any order.
pub(crate) async fn events_of(
    connection: &Rc<Connection>,
    owner: &str,
    ids: &[VerseId],
) -> Result<Vec<StoredEvent>, StoreError> {
    let ids: Vec<VerseId> = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let reader = Reader::begin(connection, &[EVENTS]).await?;
    let events = reader.store(EVENTS)?;
    let found = each_of(&ids, |id| {
        let range = keys::starting_with([owner.into(), id.to_string().into()]);
        events.get_all_with_key(&range.unwrap_or(JsValue::UNDEFINED))
    });
    let mut all = Vec::new();
    for of_verse in found.await? {
        all.extend(in_order_of_the_fold(rows::each(of_verse, rows::event)?));
    }
    Ok(all)
}

pub(crate) async fn events_without_seq(
    connection: &Rc<Connection>,
    owner: &str,
) -> Result<Vec<StoredEvent>, StoreError> {
    let of_owner = keys::starting_with([owner.into()])?;
    let unsent = range(connection, (EVENTS, UNSENT), &of_owner, rows::event).await?;
    Ok(in_order_of_the_fold(unsent))
}

/// The browser compares texts by UTF-16 units, the fold by code points. Sorting what is sorted costs next to nothing.
fn in_order_of_the_fold(mut events: Vec<StoredEvent>) -> Vec<StoredEvent> {
    events.sort_by(|a, b| place(a).cmp(&place(b)));
    events
}

fn place(stored: &StoredEvent) -> (i64, &str) {
    (stored.event.occurred_at.0, stored.event.operation_id.as_str())
}

/// Newest first. The index gives the newest time first, but within one time the lowest operation: a time at which the
/// limit falls is read whole.
pub(crate) async fn review_logs(
    connection: &Rc<Connection>,
    owner: &str,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let reader = Reader::begin(connection, &[EVENTS]).await?;
    let index = reader.index(EVENTS, REVIEWS)?;
    let range = keys::starting_with([owner.into()])?;
    let mut logs = rows::each(answer(index.get_all_with_key_and_limit(&range, limit)).await?, rows::event)?;
    if let Some(last) = logs.last().filter(|_| logs.len() == limit as usize) {
        let at = last.event.occurred_at;
        let tied = keys::starting_with([owner.into(), (-(at.0 as f64)).into()])?;
        logs.retain(|stored| stored.event.occurred_at != at);
        logs.extend(rows::each(answer(index.get_all_with_key(&tied)).await?, rows::event)?);
    }
    logs.sort_by(|a, b| place(b).cmp(&place(a)));
    logs.truncate(limit as usize);
    Ok(logs)
}

pub(crate) async fn profile(connection: &Rc<Connection>, owner: &str) -> Result<Profile, StoreError> {
    let found = one(connection, PROFILES, &owner.into()).await?;
    if found.is_undefined() { Ok(Profile::default()) } else { rows::from_text(&found, "profile") }
}

pub(crate) async fn meta(connection: &Rc<Connection>, key: &str) -> Result<Option<String>, StoreError> {
    Ok(one(connection, META, &key.into()).await?.as_string())
}

fn of(owner: &str, id: VerseId) -> JsValue {
    keys::key([owner.into(), id.to_string().into()])
}
