//! The domain of Verses, pure: passages, cards, schedule, profile, operations, and `apply`.
//!
//! No clock, no randomness, no I/O: all of it comes in as arguments. Used unchanged by client and server.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod apply;
mod calendar;
mod card;
mod dates;
pub mod display;
mod effect;
mod ids;
mod letters;
mod operation;
mod profile;
mod quoted;
mod reference;
mod schedule;
pub mod slots;
mod sorted;
mod verse;

pub use apply::{ApplyContext, Effect, Rejection, RejectionCode, TextLookup, UserState};
pub use calendar::{add_days, date_of_epoch_day, epoch_day};
pub use card::{Card, CardEvent, CardEventKind, EventKey, FoldState, Phase, REMEMBERED_REVIEW_DATES, Slot};
#[cfg(target_arch = "wasm32")]
pub use dates::{LocalDates, use_local_dates};
pub use dates::{date_from_text, earliest_local_date, is_plausible, local_date, utc_date, validate_time_zone};
pub use effect::{
    EARLIEST_STAMP, MAX_CARD_VERSES, MAX_FUTURE_MS, MAX_REFERENCE_BYTES, MAX_REVIEW_SECONDS, MAX_TEXT_BYTES,
    PRIVATE_TRANSLATION, apply, needs_events, needs_profile, translation_of_create, verse_id_of_create,
};
pub use ids::{InvalidOperationId, MAX_OPERATION_ID_BYTES, OperationId, UnixMillis, VERSES_NAMESPACE, VerseId};
pub use letters::lowercase;
#[cfg(target_arch = "wasm32")]
pub use letters::{Lowercase, use_lowercase};
pub use operation::{CardAction, CreateVerse, Operation, OperationKind, RecordReview, SetPhase, UpdateProfile};
pub use profile::{
    MAX_FULL_NAME_BYTES, MAX_TRANSLATION_CHARS, Merged, Profile, ReferenceDisplayMode, translation_name,
};
pub use quoted::quoted;
pub use reference::{
    Book, MAX_INPUT_BYTES, Passage, PassageError, PassageErrorKind, Place, parse_passage, parse_passages,
};
pub use schedule::{due_cards, fold, fold_step, next_phase, reviews_needed, sorts_before_last};
pub use slots::least_loaded_slot;
pub use sorted::{is_among, sorted};
pub use verse::{DEFAULT_TRANSLATION, Verse};
