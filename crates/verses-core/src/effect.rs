//! `apply` itself: one operation on the state it touches, all or nothing. Types are in `apply`.

use std::collections::{BTreeMap, BTreeSet};

use crate::profile::translation_name;
use crate::{
    ApplyContext, CardEvent, CreateVerse, DEFAULT_TRANSLATION, Effect, EventKey, Operation, OperationId, Passage,
    Profile, Rejection, RejectionCode, Slot, TextLookup, UnixMillis, UserState, Verse, VerseId, dates, fold, fold_step,
    parse_passage, profile, slots, sorts_before_last,
};

/// How far in the future a stamp may lie before it is corrected, milliseconds.
pub const MAX_FUTURE_MS: i64 = 5 * 60 * 1_000;
/// The earliest plausible stamp: 2020-01-01 UTC. A device that claims less has lost its clock.
pub const EARLIEST_STAMP: UnixMillis = UnixMillis(1_577_836_800_000);
/// Longest text of the user's own, in bytes.
pub const MAX_TEXT_BYTES: usize = 32 * 1024;
/// Longest reference, in bytes.
pub const MAX_REFERENCE_BYTES: usize = 500;
/// Longest review, in seconds.
pub const MAX_REVIEW_SECONDS: u32 = 86_400;
/// Name in place of a translation for a text that is no Bible passage.
pub const PRIVATE_TRANSLATION: &str = "PRIVATE";

/// Validates one operation and computes its effect on `state`. On a refusal the state is as before.
///
/// A stamp later than [`MAX_FUTURE_MS`] after `now`, or before [`EARLIEST_STAMP`], counts as `now`: a wrong clock must
/// neither lose work nor push a due date years away. A local date that is wrong everywhere on Earth is corrected too.
/// Recognising a repetition is the caller's: it keeps the ledger.
///
/// # Errors
/// A [`Rejection`] that names the field at fault and what to do.
pub fn apply(state: &mut UserState, context: &ApplyContext<'_>, operation: &Operation) -> Result<Effect, Rejection> {
    match operation {
        Operation::CreateVerse(create) => create_verse(state, context, create),
        Operation::UpdateProfile(update) => {
            let update = profile::validate(update)?;
            let (occurred_at, clock_corrected) = plausible(update.occurred_at, context.now);
            let key = EventKey { occurred_at, operation_id: context.operation_id.clone() };
            state.profile.merge(&key, &update);
            Ok(Effect { event: None, verse_id: None, duplicate: false, clock_corrected, occurred_at })
        }
        other => {
            validate(other)?;
            let event = CardEvent::from_operation(context.operation_id, other, None)
                .ok_or_else(|| refuse(RejectionCode::UnknownOperation, "this operation is about no card".into()))?;
            if !state.cards.contains_key(&event.verse_id) {
                let id = event.verse_id;
                let text = format!("verse {id} is not in your collection: create it first");
                return Err(refuse(RejectionCode::UnknownVerse, text));
            }
            Ok(add_event(state, context, event, false))
        }
    }
}

fn refuse(code: RejectionCode, message: String) -> Rejection {
    Rejection { code, message }
}

fn validate(operation: &Operation) -> Result<(), Rejection> {
    let (slot, seconds) = match operation {
        Operation::RecordReview(o) => (o.slot, o.review_time_seconds),
        Operation::SetPhase(o) => (o.slot, None),
        _ => (None, None),
    };
    if let Some(field) = slot.as_ref().and_then(|s: &Slot| slots::field_out_of_range(s)) {
        return Err(refuse(RejectionCode::ValidationFailed, format!("{field} is out of range")));
    }
    if let Some(seconds) = seconds.filter(|s| *s > MAX_REVIEW_SECONDS) {
        let text = format!("reviewTimeSeconds is {seconds}: at most {MAX_REVIEW_SECONDS}");
        return Err(refuse(RejectionCode::ValidationFailed, text));
    }
    Ok(())
}

/// The stamp as it counts, and whether it was corrected.
fn plausible(claimed: UnixMillis, now: UnixMillis) -> (UnixMillis, bool) {
    let too_late = claimed.0 > now.0.saturating_add(MAX_FUTURE_MS);
    if too_late || claimed < EARLIEST_STAMP { (now, true) } else { (claimed, false) }
}

/// Corrects the stamps of an event. The date follows the profile's time zone where one is known.
fn correct(event: CardEvent, profile: &Profile, now: UnixMillis) -> (CardEvent, bool) {
    let (occurred_at, stamp_corrected) = plausible(event.occurred_at, now);
    let date_corrected = stamp_corrected || !dates::is_plausible(event.local_date, occurred_at);
    if !date_corrected {
        return (event, false);
    }
    let zone = profile.timezone.value.as_deref().unwrap_or("UTC");
    let local_date = dates::local_date(occurred_at, zone).unwrap_or_else(|_| dates::utc_date(occurred_at));
    (CardEvent { occurred_at, local_date, ..event }, true)
}

/// Folds one event into its card, which is folded again from all its events if the new one does not come last.
fn add_event(state: &mut UserState, context: &ApplyContext<'_>, event: CardEvent, duplicate: bool) -> Effect {
    let (event, clock_corrected) = correct(event, &state.profile, context.now);
    let verse_id = event.verse_id;
    let events = state.events.entry(verse_id).or_default();
    events.push(event.clone());
    let card = match state.cards.remove(&verse_id) {
        Some(card) if sorts_before_last(&card, &event) => fold(verse_id, events.clone()).unwrap_or(card),
        card => fold_step(card, &event),
    };
    state.cards.insert(verse_id, card);
    Effect { occurred_at: event.occurred_at, event: Some(event), verse_id: Some(verse_id), duplicate, clock_corrected }
}

fn create_verse(state: &mut UserState, context: &ApplyContext<'_>, create: &CreateVerse) -> Result<Effect, Rejection> {
    let at = create.occurred_at.unwrap_or(context.now);
    let (occurred_at, _) = plausible(at, context.now);
    let verse = verse_of(state, context, create, occurred_at)?;
    let verse_id = verse.id;
    let existed = state.cards.get(&verse_id).is_some_and(|card| !card.archived);
    let known = state.verses.get(&verse_id);
    // A verified text is never replaced by one that is not, nor a text by none.
    let keep =
        known.is_some_and(|k| (k.is_verified && !verse.is_verified) || (verse.text.is_empty() && !k.text.is_empty()));
    if !keep {
        let created_at = known.map_or(verse.created_at, |k| k.created_at);
        state.verses.insert(verse_id, Verse { created_at, ..verse });
    }
    let stamped = CreateVerse { occurred_at: Some(at), ..create.clone() };
    let event = CardEvent::from_operation(context.operation_id, &Operation::CreateVerse(stamped), Some(verse_id))
        .ok_or_else(|| refuse(RejectionCode::ValidationFailed, "the creation has no time".into()))?;
    Ok(add_event(state, context, event, existed))
}

/// The verse a creation makes, with its text.
fn verse_of(
    state: &UserState,
    context: &ApplyContext<'_>,
    create: &CreateVerse,
    at: UnixMillis,
) -> Result<Verse, Rejection> {
    if create.reference.len() > MAX_REFERENCE_BYTES {
        let text = format!("reference has {} bytes: shorten it to {MAX_REFERENCE_BYTES}", create.reference.len());
        return Err(refuse(RejectionCode::InvalidReference, text));
    }
    let own_text = own_text(create)?;
    let passage = match parse_passage(&create.reference) {
        Ok(passage) => passage,
        Err(error) => {
            let text = own_text.ok_or_else(|| refuse(RejectionCode::InvalidReference, error.to_string()))?;
            return private_verse(create, text, at);
        }
    };
    let translation = create.translation.as_deref().map(translation_name).transpose()?;
    let translation = translation.unwrap_or_else(|| default_translation(&state.profile));
    if let Some(text) = own_text {
        return Ok(verse(&passage, translation, text, at));
    }
    match context.text {
        TextLookup::Found(found) => Ok(found.clone()),
        TextLookup::NotAsked => Ok(verse(&passage, translation, String::new(), at)),
        TextLookup::Unavailable { message } => Err(refuse(RejectionCode::TextRequired, message.clone())),
        TextLookup::Failed { message } => Err(refuse(RejectionCode::ProviderUnavailable, message.clone())),
    }
}

fn own_text(create: &CreateVerse) -> Result<Option<String>, Rejection> {
    let Some(text) = create.text.as_deref().map(str::trim).filter(|t| !t.is_empty()) else { return Ok(None) };
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("text has {} bytes: shorten it to {MAX_TEXT_BYTES}", text.len());
        return Err(refuse(RejectionCode::ValidationFailed, message));
    }
    Ok(Some(text.to_owned()))
}

fn private_verse(create: &CreateVerse, text: String, at: UnixMillis) -> Result<Verse, Rejection> {
    let reference = create.reference.split_whitespace().collect::<Vec<_>>().join(" ");
    if reference.is_empty() {
        return Err(refuse(RejectionCode::InvalidReference, "reference is empty: name the passage or the text".into()));
    }
    Ok(Verse {
        id: VerseId::of_private_text(&normalised(&reference)),
        reference,
        osis: String::new(),
        text,
        translation: PRIVATE_TRANSLATION.to_owned(),
        is_verified: false,
        created_at: at,
        updated_at: at,
    })
}

fn verse(passage: &Passage, translation: String, text: String, at: UnixMillis) -> Verse {
    Verse {
        id: passage.verse_id(&translation),
        reference: passage.to_string(),
        osis: passage.osis(),
        text,
        translation,
        is_verified: false,
        created_at: at,
        updated_at: at,
    }
}

/// A private reference as it is compared: lower case, single spaces.
fn normalised(reference: &str) -> String {
    reference.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn default_translation(profile: &Profile) -> String {
    profile.preferred_translation.value.clone().unwrap_or_else(|| DEFAULT_TRANSLATION.to_owned())
}

/// The translation a creation means: its own, else the profile's, else the default. An invalid name is kept as typed:
/// `apply` refuses it.
#[must_use]
pub fn translation_of_create(create: &CreateVerse, profile: &Profile) -> String {
    match &create.translation {
        Some(typed) => translation_name(typed).unwrap_or_else(|_| typed.clone()),
        None => default_translation(profile),
    }
}

/// The verse a creation means, whether or not it will be accepted.
#[must_use]
pub fn verse_id_of_create(create: &CreateVerse, profile: &Profile) -> VerseId {
    match parse_passage(&create.reference) {
        Ok(passage) => passage.verse_id(&translation_of_create(create, profile)),
        Err(_) => VerseId::of_private_text(&normalised(&create.reference)),
    }
}

/// Which cards must have their events loaded before a run of operations is applied: those for which an operation may
/// sort before the last event folded. `now` is the time `apply` will be given.
#[must_use]
pub fn needs_events<'a>(
    state: &UserState,
    operations: impl IntoIterator<Item = (&'a OperationId, &'a Operation)>,
    now: UnixMillis,
) -> BTreeSet<VerseId> {
    let mut last: BTreeMap<VerseId, EventKey> = BTreeMap::new();
    let mut needed = BTreeSet::new();
    for (id, operation) in operations {
        let (verse_id, claimed) = match operation {
            Operation::CreateVerse(o) => (verse_id_of_create(o, &state.profile), o.occurred_at.unwrap_or(now)),
            Operation::RecordReview(o) => (o.verse_id, o.occurred_at),
            Operation::ArchiveVerse(o) | Operation::RestoreVerse(o) => (o.verse_id, o.occurred_at),
            Operation::SetPhase(o) => (o.verse_id, o.occurred_at),
            Operation::UpdateProfile(_) => continue,
        };
        let key = EventKey { occurred_at: plausible(claimed, now).0, operation_id: id.clone() };
        let folded = state.cards.get(&verse_id).map(|c| c.fold.last_event.clone());
        let before = last.get(&verse_id).cloned().max(folded);
        if before.as_ref().is_some_and(|b| key < *b) {
            needed.insert(verse_id);
        }
        last.insert(verse_id, before.map_or_else(|| key.clone(), |b| b.max(key.clone())));
    }
    needed
}
