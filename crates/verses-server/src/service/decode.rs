//! Reads one operation of a batch on its own, so that a malformed one fails alone. Whether it may take effect is
//! decided by the domain.

use serde::Deserialize;
use serde_json::Value;
use verses_core::{Operation, OperationId, OperationKind, Rejection, RejectionCode};
use verses_protocol::{BatchOperation, LookupPayload};

use super::digest::content_hash;

/// An operation of a batch as read.
#[derive(Debug)]
pub(crate) enum Decoded {
    /// A question; never in the ledger.
    Lookup(LookupPayload),
    /// Something to apply.
    Apply(ToApply),
    /// Malformed.
    Refused(Rejection),
}

/// An operation that was read.
#[derive(Debug)]
pub(crate) struct ToApply {
    pub(crate) id: OperationId,
    pub(crate) operation: Operation,
    pub(crate) content_hash: [u8; 32],
}

/// Reads one operation. `buffer` is scratch space.
pub(crate) fn decode(sent: &BatchOperation, buffer: &mut Vec<u8>) -> Decoded {
    read(sent, buffer).unwrap_or_else(Decoded::Refused)
}

fn read(sent: &BatchOperation, buffer: &mut Vec<u8>) -> Result<Decoded, Rejection> {
    let id = OperationId::new(sent.id.as_str()).map_err(|error| invalid(format!("id: {error}")))?;
    if sent.kind == "lookup" {
        return Ok(Decoded::Lookup(payload(&sent.data)?));
    }
    let kind = OperationKind::from_name(&sent.kind).ok_or_else(|| unknown(&sent.kind))?;
    let data = &sent.data;
    let operation = match kind {
        OperationKind::CreateVerse => Operation::CreateVerse(payload(data)?),
        OperationKind::RecordReview => Operation::RecordReview(payload(data)?),
        OperationKind::UpdateProfile => Operation::UpdateProfile(payload(data)?),
        OperationKind::ArchiveVerse => Operation::ArchiveVerse(payload(data)?),
        OperationKind::RestoreVerse => Operation::RestoreVerse(payload(data)?),
        OperationKind::SetPhase => Operation::SetPhase(payload(data)?),
    };
    Ok(Decoded::Apply(ToApply { id, operation, content_hash: content_hash(kind, data, buffer) }))
}

/// Fields this version does not know are ignored, a user id among them: the user is the token's.
fn payload<'a, T: Deserialize<'a>>(data: &'a Value) -> Result<T, Rejection> {
    if !data.is_object() {
        return Err(invalid("data: it must be an object with the fields of its type".to_owned()));
    }
    // Once more with a tracker, which is slower, only to name the field at fault.
    T::deserialize(data).or_else(|_| {
        serde_path_to_error::deserialize(data).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "data".to_owned() } else { format!("data.{path}") };
            invalid(format!("{field}: {}; correct it and send the operation again", error.into_inner()))
        })
    })
}

fn invalid(message: String) -> Rejection {
    Rejection { code: RejectionCode::ValidationFailed, message }
}

fn unknown(kind: &str) -> Rejection {
    // A type is echoed only in part: it may be of any length.
    let shown: String = kind.chars().take(40).collect();
    let known: Vec<_> = OperationKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let message = format!("type: {shown:?} is not known here; this server knows lookup, {}", known.join(", "));
    Rejection { code: RejectionCode::UnknownOperation, message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(kind: &str, data: Value) -> Rejection {
        let sent = BatchOperation { id: "op".into(), kind: kind.into(), data };
        match decode(&sent, &mut Vec::new()) {
            Decoded::Refused(rejection) => rejection,
            other => panic!("accepted: {other:?}"),
        }
    }

    #[test]
    fn a_wrong_type_is_refused_with_the_name_of_the_field() {
        let verse = "8b2cbd3c-1f5c-5f7a-9d5d-0e4e6b1c0001";
        let review = |member: Value| {
            let mut data = json!({"verseId": verse, "wasSuccessful": true, "occurredAt": 1, "localDate": "2026-01-01"});
            data.as_object_mut().expect("an object").extend(member.as_object().expect("an object").clone());
            data
        };
        let cases = [
            ("record_review", review(json!({"wasSuccessful": "yes"})), "data.wasSuccessful"),
            ("review", review(json!({"occurredAt": "now"})), "data.occurredAt"),
            ("record_review", review(json!({"localDate": "2026-02-30"})), "data.localDate"),
            ("record_review", review(json!({"verseId": 7})), "data.verseId"),
            ("record_review", review(json!({"slot": {"dayOfWeek": "x"}})), "data.slot.dayOfWeek"),
            ("record_review", json!({"verseId": verse}), "wasSuccessful"),
            ("create", json!({"reference": ["a"]}), "data.reference"),
            ("create", json!({}), "reference"),
            ("set_phase", review(json!({"phase": "hourly"})), "data.phase"),
            ("update_profile", json!({"occurredAt": 1, "timezone": 3}), "data.timezone"),
            ("lookup", json!({"reference": null}), "data.reference"),
            ("create", Value::Null, "data"),
            ("create", json!("John 3:16"), "data"),
        ];
        for (kind, data, field) in cases {
            let rejection = refusal(kind, data.clone());
            assert_eq!(rejection.code, RejectionCode::ValidationFailed, "{data}");
            assert!(rejection.message.contains(field), "{data}: {}", rejection.message);
        }
    }

    #[test]
    fn an_unknown_type_is_refused_and_the_known_ones_are_told() {
        let rejection = refusal("delete_everything", json!({}));
        assert_eq!(rejection.code, RejectionCode::UnknownOperation);
        assert!(rejection.message.contains("delete_everything") && rejection.message.contains("record_review"));
        assert!(refusal(&"x".repeat(10_000), json!({})).message.len() < 400);
    }

    #[test]
    fn an_id_of_no_bytes_or_too_many_is_refused() {
        for id in [String::new(), "x".repeat(129)] {
            let sent = BatchOperation { id, kind: "create".into(), data: json!({"reference": "John 3:16"}) };
            assert!(matches!(decode(&sent, &mut Vec::new()), Decoded::Refused(r) if r.message.contains("id:")));
        }
    }

    #[test]
    fn fields_that_are_not_known_are_ignored() {
        let data = json!({"reference": "John 3:16", "userId": "someone else", "colour": "red"});
        let sent = BatchOperation { id: "op".into(), kind: "create".into(), data };
        assert!(matches!(decode(&sent, &mut Vec::new()), Decoded::Apply(_)));
    }
}
