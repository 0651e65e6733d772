//! Whether an operation that comes under a known id is the one that was accepted. It is when the content is the same, and
//! also when it says the same in the words of the ledger: a device that offers again what a restored server had lost
//! takes it from what the feed had told it. Answering it is in `decide`.

use verses_core::{CreateVerse, Operation, Profile, UpdateProfile, VerseId, verse_id_of_create};

use crate::storage::LedgerEntry;

/// Whether `operation`, with this hash of its content as sent, is the one of the ledger entry.
pub(super) fn is_same(entry: &LedgerEntry, content_hash: &[u8; 32], operation: &Operation) -> bool {
    if entry.content_hash == *content_hash {
        return true;
    }
    let Ok(accepted) = serde_json::from_str::<Operation>(&entry.operation) else { return false };
    match (&accepted, operation) {
        (Operation::CreateVerse(accepted), Operation::CreateVerse(sent)) => {
            entry.verse_id == Some(verse_of(sent, accepted)) && is_same_creation(accepted, sent)
        }
        (Operation::UpdateProfile(accepted), Operation::UpdateProfile(sent)) => is_part_of(sent, accepted),
        (accepted, sent) => accepted == sent,
    }
}

/// The verse that is asked for; without a translation, in the one it was added in.
fn verse_of(sent: &CreateVerse, accepted: &CreateVerse) -> VerseId {
    let translation = sent.translation.clone().or_else(|| accepted.translation.clone());
    verse_id_of_create(&CreateVerse { translation, ..sent.clone() }, &Profile::default())
}

/// The verse is the same; the words in which it was asked for make no difference. An own text does, unless a provider's
/// has taken its place.
fn is_same_creation(accepted: &CreateVerse, sent: &CreateVerse) -> bool {
    let same_text = match (&accepted.text, &sent.text) {
        (Some(accepted), Some(sent)) => accepted.trim() == sent.trim(),
        _ => true,
    };
    let same_date = sent.local_date.is_none() || sent.local_date == accepted.local_date;
    same_text && same_date && accepted.occurred_at == sent.occurred_at
}

/// A device that offers an update again leaves out what later updates have set.
fn is_part_of(sent: &UpdateProfile, accepted: &UpdateProfile) -> bool {
    fn agrees<T: PartialEq>(sent: Option<&T>, accepted: Option<&T>) -> bool {
        sent.is_none() || sent == accepted
    }
    let name = |update: &UpdateProfile| update.full_name.as_deref().map(|name| name.trim().to_owned());
    let translation = |update: &UpdateProfile| update.preferred_translation.as_deref().map(str::to_ascii_uppercase);
    sent.occurred_at == accepted.occurred_at
        && agrees(name(sent).as_ref(), name(accepted).as_ref())
        && agrees(translation(sent).as_ref(), translation(accepted).as_ref())
        && agrees(sent.reference_display_mode.as_ref(), accepted.reference_display_mode.as_ref())
        && agrees(sent.timezone.as_ref(), accepted.timezone.as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use verses_core::{OperationId, UnixMillis};

    use super::*;

    fn john_3_16() -> VerseId {
        VerseId::of_passage("KJV", "John.3.16")
    }

    fn entry(operation: &Value) -> LedgerEntry {
        let read: Operation = serde_json::from_value(operation.clone()).expect("an operation");
        LedgerEntry {
            operation_id: OperationId::new("a".to_owned()).expect("an id"),
            kind: read.kind(),
            content_hash: [1; 32],
            seq: 1,
            chain: [0; 16],
            operation: operation.to_string(),
            verse_id: Some(john_3_16()),
            outcome: "{}".to_owned(),
            accepted_at: UnixMillis(0),
        }
    }

    fn comes_again(accepted: &Value, sent: &Value) -> bool {
        let operation: Operation = serde_json::from_value(sent.clone()).expect("an operation");
        is_same(&entry(accepted), &[2; 32], &operation)
    }

    #[test]
    fn a_creation_in_other_words_is_the_same() {
        let create = |data: Value| json!({"type": "create_verse", "data": data});
        let accepted = create(
            json!({"reference": "John 3:16", "translation": "KJV", "text": "So", "occurredAt": 5, "localDate": "2026-01-01"}),
        );
        let same = create(json!({"reference": "jn 3:16", "text": " So ", "occurredAt": 5, "localDate": "2026-01-01"}));
        assert!(comes_again(&accepted, &same));
        for other in [
            json!({"reference": "jn 3:17", "text": "So", "occurredAt": 5}),
            json!({"reference": "jn 3:16", "translation": "WEB", "text": "So", "occurredAt": 5}),
            json!({"reference": "jn 3:16", "text": "Thus", "occurredAt": 5}),
            json!({"reference": "jn 3:16", "text": "So", "occurredAt": 6}),
            json!({"reference": "jn 3:16", "text": "So", "occurredAt": 5, "localDate": "2026-01-02"}),
        ] {
            assert!(!comes_again(&accepted, &create(other.clone())), "{other}");
        }
    }

    #[test]
    fn a_profile_update_without_the_fields_set_later_is_the_same() {
        let update = |data: Value| json!({"type": "update_profile", "data": data});
        let accepted =
            update(json!({"occurredAt": 5, "fullName": "Ruth", "preferredTranslation": "WEB", "timezone": "UTC"}));
        for same in [
            json!({"occurredAt": 5, "fullName": " Ruth "}),
            json!({"occurredAt": 5, "preferredTranslation": "web"}),
            json!({"occurredAt": 5}),
        ] {
            assert!(comes_again(&accepted, &update(same.clone())), "{same}");
        }
        for other in [
            json!({"occurredAt": 6, "fullName": "Ruth"}),
            json!({"occurredAt": 5, "fullName": "Naomi"}),
            json!({"occurredAt": 5, "referenceDisplayMode": "first"}),
            json!({"occurredAt": 5, "preferredTranslation": "KJV"}),
            json!({"occurredAt": 5, "timezone": "Europe/Berlin"}),
        ] {
            assert!(!comes_again(&accepted, &update(other.clone())), "{other}");
        }
    }

    #[test]
    fn another_kind_or_another_review_is_not_the_same() {
        let verse = john_3_16();
        let review = |successful: bool| {
            let data =
                json!({"verseId": verse, "wasSuccessful": successful, "occurredAt": 5, "localDate": "2026-01-01"});
            json!({"type": "record_review", "data": data})
        };
        assert!(comes_again(&review(true), &review(true)));
        assert!(!comes_again(&review(true), &review(false)));
        let archive =
            json!({"type": "archive_verse", "data": {"verseId": verse, "occurredAt": 5, "localDate": "2026-01-01"}});
        assert!(!comes_again(&review(true), &archive));
    }
}
