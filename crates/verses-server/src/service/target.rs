//! What a reference aims at: the verse id it has in a translation, and the passage to ask a provider for.

use verses_core::{
    CreateVerse, MAX_REFERENCE_BYTES, Operation, PassageError, Profile, Rejection, RejectionCode, UnixMillis, Verse,
    VerseId, parse_passage, translation_name, verse_id_of_create,
};

use crate::texts::PassageRequest;

/// What a reference aims at in one translation.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) id: VerseId,
    /// Its normalised name, or as typed if it is no valid one, which `apply` refuses.
    pub(super) translation: String,
    /// What to ask a provider; None for a reference that is no passage of the Bible.
    pub(super) request: Option<PassageRequest>,
    refusal: Option<Rejection>,
}

impl Target {
    /// Why there is nothing to ask for.
    pub(super) fn refusal(self) -> Rejection {
        let message = || "reference: it is no passage of the Bible: correct it".to_owned();
        self.refusal.unwrap_or_else(|| Rejection { code: RejectionCode::InvalidReference, message: message() })
    }
}

/// Reads a reference.
pub(super) fn of(reference: &str, translation: &str) -> Target {
    let create = CreateVerse {
        reference: reference.to_owned(),
        translation: Some(translation.to_owned()),
        ..CreateVerse::default()
    };
    let id = verse_id_of_create(&create, &Profile::default());
    let request = if reference.len() > MAX_REFERENCE_BYTES {
        let message = format!("reference has {} bytes: shorten it to {MAX_REFERENCE_BYTES}", reference.len());
        Err(Rejection { code: RejectionCode::InvalidReference, message })
    } else {
        translation_name(translation).and_then(|name| {
            let refuse =
                |error: PassageError| Rejection { code: RejectionCode::InvalidReference, message: error.to_string() };
            Ok(PassageRequest::new(parse_passage(reference).map_err(refuse)?, name))
        })
    };
    let translation = translation_name(translation).unwrap_or_else(|_| translation.to_owned());
    match request {
        Ok(request) => Target { id, translation, request: Some(request), refusal: None },
        Err(refusal) => Target { id, translation, request: None, refusal: Some(refusal) },
    }
}

/// The verse an operation on a card is about; creations aim, see [`of`].
pub(super) fn verse_of(operation: &Operation) -> Option<VerseId> {
    match operation {
        Operation::RecordReview(review) => Some(review.verse_id),
        Operation::ArchiveVerse(action) | Operation::RestoreVerse(action) => Some(action.verse_id),
        Operation::SetPhase(set) => Some(set.verse_id),
        Operation::CreateVerse(_) | Operation::UpdateProfile(_) => None,
    }
}

/// What to ask a provider for the text of a known verse.
pub(super) fn request_of(verse: &Verse) -> Option<PassageRequest> {
    let passage = parse_passage(&verse.reference).ok()?;
    verse.is_verified.then(|| PassageRequest::new(passage, verse.translation.clone()))
}

/// The verse of a passage with its provider's text.
pub(super) fn verse(id: VerseId, request: &PassageRequest, text: String, now: UnixMillis) -> Verse {
    Verse {
        id,
        reference: request.reference.clone(),
        osis: request.osis.clone(),
        text,
        translation: request.translation.clone(),
        is_verified: true,
        created_at: now,
        updated_at: now,
    }
}
