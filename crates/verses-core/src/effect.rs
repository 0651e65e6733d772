//! `apply` itself: one operation on the state it touches, all or nothing. Types are in `apply`.

use litemap::LiteMap;

use crate::profile::translation_name;
use crate::{
    ApplyContext, Card, CardEvent, CreateVerse, DEFAULT_TRANSLATION, Effect, EventKey, Operation, OperationId, Passage,
    Profile, Rejection, RejectionCode, Slot, TextLookup, UnixMillis, UserState, Verse, VerseId, dates, fold, fold_step,
    lowercase, parse_passage, profile, slots, sorted, sorts_before_last,
};

/// How far in the future a stamp may lie before it is corrected, milliseconds.
pub const MAX_FUTURE_MS: i64 = 5 * 60 * 1_000;
/// The earliest plausible stamp: 2020-01-01 UTC. A device that claims less has lost its clock.
pub const EARLIEST_STAMP: UnixMillis = UnixMillis(1_577_836_800_000);
/// Longest text of the user's own, in bytes.
pub const MAX_TEXT_BYTES: usize = 32 * 1024;
/// Longest reference, in bytes.
pub const MAX_REFERENCE_BYTES: usize = 500;
/// Most verses on one card whose text comes from a provider: the longest chapter has 176, the longest letter 437.
pub const MAX_CARD_VERSES: u32 = 500;
/// Longest review, in seconds.
pub const MAX_REVIEW_SECONDS: u32 = 86_400;
/// Name in place of a translation for a text that is no Bible passage.
pub const PRIVATE_TRANSLATION: &str = "PRIVATE";

/// Validates one operation and computes its effect on `state`. On a refusal the state is as before.
///
/// A stamp later than [`MAX_FUTURE_MS`] after `now`, or before [`EARLIEST_STAMP`], counts as `now`, or as the moment after
/// the last change of the same card or profile if that is later: a wrong clock must neither lose work nor push a due date
/// years away, nor change the order in which things were done. A local date that is wrong everywhere on Earth is
/// corrected too.
/// Recognising a repetition is the caller's: it keeps the ledger.
///
/// # Errors
/// A [`Rejection`] that names the field at fault and what to do.
pub fn apply(state: &mut UserState, context: &ApplyContext<'_>, operation: &Operation) -> Result<Effect, Rejection> {
    match operation {
        Operation::CreateVerse(create) => create_verse(state, context, create),
        Operation::UpdateProfile(update) => {
            profile::validate(update)?;
            let last = state.profile.updated_at;
            let (occurred_at, clock_corrected) = plausible_after(last, update.occurred_at, context.now);
            let key = EventKey { occurred_at, operation_id: context.operation_id.clone() };
            state.profile.merge(&key, update);
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
            let placed = place(state, context, event)?;
            Ok(commit(state, placed, false))
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

/// The same for something whose last change was at `last`. A corrected stamp comes after that one, as long as it is
/// plausible itself: operations of one batch whose stamps are all corrected keep the order in which they were made.
fn plausible_after(last: Option<UnixMillis>, claimed: UnixMillis, now: UnixMillis) -> (UnixMillis, bool) {
    let (occurred_at, corrected) = plausible(claimed, now);
    let following = last.map(|last| UnixMillis(last.0.saturating_add(1)));
    match following.filter(|_| corrected) {
        Some(following) if following > now && !plausible(following, now).1 => (following, true),
        _ => (occurred_at, corrected),
    }
}

/// Corrects the stamps of an event. A wrong date becomes the date in the profile's time zone where that is known, else
/// the nearest that is possible.
fn correct(event: CardEvent, state: &UserState, now: UnixMillis) -> (CardEvent, bool) {
    let last = state.cards.get(&event.verse_id).map(|card| card.fold.last_event.occurred_at);
    let (occurred_at, stamp_corrected) = plausible_after(last, event.occurred_at, now);
    if !stamp_corrected && dates::is_plausible(event.local_date, occurred_at) {
        return (event, false);
    }
    let zone = state.profile.timezone.value.as_deref();
    let in_zone = zone.and_then(|zone| dates::local_date(occurred_at, zone).ok());
    let local_date = in_zone.unwrap_or_else(|| dates::nearest_plausible(event.local_date, occurred_at));
    (CardEvent { occurred_at, local_date, ..event }, true)
}

/// An event with the card it makes, not yet in the state.
struct Placed {
    event: CardEvent,
    card: Card,
    clock_corrected: bool,
}

/// Folds one event into its card, which is folded again from all its events if the new one does not come last.
fn place(state: &UserState, context: &ApplyContext<'_>, event: CardEvent) -> Result<Placed, Rejection> {
    let (event, clock_corrected) = correct(event, state, context.now);
    let verse_id = event.verse_id;
    let card = match (state.cards.get(&verse_id), state.events.get(&verse_id)) {
        (Some(card), events) if sorts_before_last(card, &event) => {
            let events = events.ok_or_else(|| {
                // The caller did not ask `needs_events`. Folding without the history would lose the card.
                let message = "the history of this card was not loaded: send the operation again".to_owned();
                refuse(RejectionCode::ProviderUnavailable, message)
            })?;
            let all = events.iter().cloned().chain([event.clone()]);
            fold(verse_id, all).unwrap_or_else(|| card.clone())
        }
        (card, _) => fold_step(card.cloned(), &event),
    };
    Ok(Placed { event, card, clock_corrected })
}

fn commit(state: &mut UserState, placed: Placed, duplicate: bool) -> Effect {
    let Placed { event, card, clock_corrected } = placed;
    let (verse_id, occurred_at) = (event.verse_id, event.occurred_at);
    let is_new = state.cards.insert(verse_id, card).is_none();
    // A list that is there is complete and stays so; without one, an incomplete list must not begin.
    match state.events.get_mut(&verse_id) {
        Some(events) => events.push(event.clone()),
        None if is_new => drop(state.events.insert(verse_id, vec![event.clone()])),
        None => {}
    }
    Effect { occurred_at, event: Some(event), verse_id: Some(verse_id), duplicate, clock_corrected }
}

fn create_verse(state: &mut UserState, context: &ApplyContext<'_>, create: &CreateVerse) -> Result<Effect, Rejection> {
    let at = create.occurred_at.unwrap_or(context.now);
    let (occurred_at, _) = plausible(at, context.now);
    let verse = verse_of(state, context, create, occurred_at)?;
    let verse_id = verse.id;
    let stamped = CreateVerse { occurred_at: Some(at), ..create.clone() };
    let event = CardEvent::from_operation(context.operation_id, &Operation::CreateVerse(stamped), Some(verse_id))
        .ok_or_else(|| refuse(RejectionCode::ValidationFailed, "the creation has no time".into()))?;
    let placed = place(state, context, event)?;
    // It was there before, and this creation did not bring it back.
    let duplicate = state.cards.get(&verse_id).is_some_and(|card| !card.archived || placed.card.archived);
    state.verses.insert(verse_id, verse);
    Ok(commit(state, placed, duplicate))
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
    let translation = create.translation.as_deref().map(translation_name).transpose()?;
    let translation = translation.unwrap_or_else(|| default_translation(&state.profile));
    let computed = match (parse_passage(&create.reference), &own_text) {
        (Ok(passage), own_text) => {
            let verses = passage.verse_count();
            if own_text.is_none() && verses > MAX_CARD_VERSES {
                let text = format!("{passage} has {verses} verses, a card holds {MAX_CARD_VERSES}: split it");
                return Err(refuse(RejectionCode::TextRequired, text));
            }
            passage_verse(&passage, translation, at)?
        }
        (Err(_), Some(_)) => private_verse(&create.reference, at)?,
        (Err(error), None) => return Err(refuse(RejectionCode::InvalidReference, error.to_string())),
    };
    with_words(state, context, computed, own_text)
}

/// Chooses the words. A verified text is never replaced by one that is not, nor a text by none; a creation without a text
/// asks for the provider's words, also for a verse that has the user's own. A text of the user's own for a live card is a
/// repetition and changes nothing.
fn with_words(
    state: &UserState,
    context: &ApplyContext<'_>,
    computed: Verse,
    own_text: Option<String>,
) -> Result<Verse, Rejection> {
    let known = state.verses.get(&computed.id).filter(|known| !known.text.is_empty());
    let is_live = state.cards.get(&computed.id).is_some_and(|card| !card.archived);
    if own_text.is_some()
        && let Some(known) = known.filter(|known| is_live || known.is_verified)
    {
        return Ok(known.clone());
    }
    let since = state.verses.get(&computed.id).map(|known| known.created_at);
    let computed = Verse { created_at: since.unwrap_or(computed.created_at), ..computed };
    if let Some(text) = own_text {
        return Ok(Verse { text, ..computed });
    }
    match (context.text, known) {
        (TextLookup::Found(found), known) => match known.filter(|known| known.is_verified && !found.is_verified) {
            Some(known) => Ok(known.clone()),
            None => Ok(Verse {
                text: found.text.clone(),
                is_verified: found.is_verified,
                created_at: since.unwrap_or(found.created_at),
                updated_at: found.updated_at,
                ..computed
            }),
        },
        (_, Some(known)) => Ok(known.clone()),
        (TextLookup::NotAsked, None) => Ok(computed),
        (TextLookup::Unavailable { message }, None) => Err(refuse(RejectionCode::TextRequired, message.clone())),
        (TextLookup::Failed { message }, None) => Err(refuse(RejectionCode::ProviderUnavailable, message.clone())),
    }
}

fn own_text(create: &CreateVerse) -> Result<Option<String>, Rejection> {
    let Some(text) = create.text.as_deref().map(str::trim).filter(|t| !t.is_empty()) else { return Ok(None) };
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("text has {} bytes: shorten it to {MAX_TEXT_BYTES}", text.len());
        return Err(refuse(RejectionCode::ValidationFailed, message));
    }
    if text.contains('\0') {
        // No database takes it.
        return Err(refuse(RejectionCode::ValidationFailed, "text has a null character: remove it".into()));
    }
    Ok(Some(text.to_owned()))
}

/// A text of the user's own that is no passage, without its words yet.
fn private_verse(typed: &str, at: UnixMillis) -> Result<Verse, Rejection> {
    let reference = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    if reference.is_empty() || reference.chars().any(char::is_control) {
        let message = "reference is empty or has control characters: name the passage or the text";
        return Err(refuse(RejectionCode::InvalidReference, message.into()));
    }
    let (id, translation) = (VerseId::of_private_text(&normalised(&reference)), PRIVATE_TRANSLATION.to_owned());
    Ok(wordless(id, reference, String::new(), translation, at))
}

/// A passage in a translation, without its words yet.
fn passage_verse(passage: &Passage, translation: String, at: UnixMillis) -> Result<Verse, Rejection> {
    let reference = passage.to_string();
    // The canonical name travels in place of what was typed, so that it must be acceptable too.
    if reference.len() > MAX_REFERENCE_BYTES {
        let text = "reference: the passage has too many parts for one card: split it";
        return Err(refuse(RejectionCode::ValidationFailed, text.into()));
    }
    Ok(wordless(passage.verse_id(&translation), reference, passage.osis(), translation, at))
}

fn wordless(id: VerseId, reference: String, osis: String, translation: String, at: UnixMillis) -> Verse {
    let text = String::new();
    Verse { id, reference, osis, text, translation, is_verified: false, created_at: at, updated_at: at }
}

/// A private reference as it is compared: lower case, single spaces.
fn normalised(reference: &str) -> String {
    lowercase(&reference.split_whitespace().collect::<Vec<_>>().join(" "))
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

/// Whether `apply` may look at the profile for one of these operations: it is what a profile is made for, a creation, or
/// its stamp or date is not plausible and the right date depends on the time zone. `now` is the time `apply` will be given.
#[must_use]
pub fn needs_profile<'a>(operations: impl IntoIterator<Item = &'a Operation>, now: UnixMillis) -> bool {
    let looks = |operation: &Operation| {
        let (occurred_at, local_date) = match operation {
            Operation::CreateVerse(_) | Operation::UpdateProfile(_) => return true,
            Operation::RecordReview(o) => (o.occurred_at, o.local_date),
            Operation::ArchiveVerse(o) | Operation::RestoreVerse(o) => (o.occurred_at, o.local_date),
            Operation::SetPhase(o) => (o.occurred_at, o.local_date),
        };
        plausible(occurred_at, now).1 || !dates::is_plausible(local_date, occurred_at)
    };
    operations.into_iter().any(looks)
}

/// Which cards must have their events loaded before a run of operations is applied: those for which an operation may
/// sort before the last event folded: their ids, sorted, each once. `now` is the time `apply` will be given.
#[must_use]
pub fn needs_events<'a>(
    state: &UserState,
    operations: impl IntoIterator<Item = (&'a OperationId, &'a Operation)>,
    now: UnixMillis,
) -> Vec<VerseId> {
    // A preference set earlier in the run decides which verse a later creation means.
    let mut profile = state.profile.clone();
    let mut last: LiteMap<VerseId, EventKey> = LiteMap::new();
    let mut needed = Vec::new();
    for (id, operation) in operations {
        let (verse_id, claimed) = match operation {
            Operation::CreateVerse(o) => (verse_id_of_create(o, &profile), o.occurred_at.unwrap_or(now)),
            Operation::RecordReview(o) => (o.verse_id, o.occurred_at),
            Operation::ArchiveVerse(o) | Operation::RestoreVerse(o) => (o.verse_id, o.occurred_at),
            Operation::SetPhase(o) => (o.verse_id, o.occurred_at),
            Operation::UpdateProfile(update) => {
                if profile::validate(update).is_ok() {
                    let occurred_at = plausible(update.occurred_at, now).0;
                    profile.merge(&EventKey { occurred_at, operation_id: id.clone() }, update);
                }
                continue;
            }
        };
        let folded = state.cards.get(&verse_id).map(|c| c.fold.last_event.clone());
        let before = last.get(&verse_id).cloned().max(folded);
        // If one of them is refused, what follows is taken for later than it is, and too much is asked for, never too little.
        let occurred_at = plausible_after(before.as_ref().map(|b| b.occurred_at), claimed, now).0;
        let key = EventKey { occurred_at, operation_id: id.clone() };
        if before.as_ref().is_some_and(|b| key < *b) {
            needed.push(verse_id);
        }
        last.insert(verse_id, before.map_or_else(|| key.clone(), |b| b.max(key.clone())));
    }
    sorted(needed)
}
