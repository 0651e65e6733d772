//! The server's answer to operations, as far as the client takes it: of the data of a result only what is made of it here.

use verses_core::{UnixMillis, Verse};
use verses_json::{Fields, FromJson, JsonError, Value, json_read};
use verses_protocol::{BatchSummary, Change, CorrectedStamp, ErrorCode};

/// The answer to a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BatchReply {
    /// One for each operation.
    pub(crate) results: Vec<OperationReply>,
    /// What changed since the request's cursor.
    pub(crate) changes: Option<Vec<Change>>,
    /// Where to pull on from.
    pub(crate) cursor: Option<String>,
    /// Whether more changes wait.
    pub(crate) has_more: Option<bool>,
    /// The cursor was of another history.
    pub(crate) reset: bool,
    /// The server's clock.
    pub(crate) server_time: UnixMillis,
}

impl FromJson for BatchReply {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        let mut fields = Fields::of(value);
        let reply = Self {
            results: fields.take("results").unwrap_or_default(),
            changes: fields.take("changes").flatten(),
            cursor: fields.take("cursor").flatten(),
            has_more: fields.take("hasMore").flatten(),
            reset: fields.take_or("reset", false).unwrap_or_default(),
            server_time: fields.take("serverTime").unwrap_or_default(),
        };
        // Nobody asks for these here, but an answer without them is not the server's.
        drop(fields.take::<String>("batchId"));
        fields.take::<BatchSummary>("summary");
        fields.done(reply)
    }
}

/// How one operation fared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OperationReply {
    /// The operation's id.
    pub(crate) id: String,
    /// Whether it took effect, now or before.
    pub(crate) success: bool,
    /// On success, if the server said anything.
    pub(crate) data: Option<ReplyData>,
    /// On failure: text for people.
    pub(crate) error: Option<String>,
    /// On failure: machine-readable.
    pub(crate) code: Option<ErrorCode>,
    /// On failure: whether the same operation may succeed later.
    pub(crate) retryable: Option<bool>,
}

json_read! { OperationReply {
    id: "id",
    success: "success",
    data: "data",
    error: "error",
    code: "code",
    retryable: "retryable",
} }

/// What the client takes of the data of a success. It is of several shapes: what cannot be read is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ReplyData {
    /// Whether the effect was there before.
    pub(crate) is_duplicate: bool,
    /// The verse, for a creation.
    pub(crate) verse: Option<Verse>,
    /// The stamp as corrected.
    pub(crate) corrected: Option<CorrectedStamp>,
    /// Whether the server says that it corrected the stamp, readable or not.
    pub(crate) is_corrected: bool,
}

impl FromJson for ReplyData {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            is_duplicate: value.get("duplicate") == Some(&Value::Bool(true)),
            verse: value.get("verse").and_then(|verse| Verse::from_json(verse).ok()),
            corrected: value.get("corrected").and_then(|stamp| CorrectedStamp::from_json(stamp).ok()),
            is_corrected: value.get("corrected").is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use verses_protocol::{BatchResponse, OperationResult};

    use super::*;

    #[test]
    fn the_answer_to_a_batch_is_read_where_its_own_type_is() {
        let whole = json!({
            "batchId": "b", "summary": {"total": 1, "successful": 1, "failed": 0}, "serverTime": 5, "cursor": "c",
            "hasMore": true, "reset": true, "changes": [],
            "results": [{"id": "a", "success": true, "data": {"duplicate": true}, "code": "of_the_future", "retryable": false}],
        });
        let mut cases = vec![whole.clone()];
        for name in ["batchId", "summary", "serverTime", "cursor", "hasMore", "reset", "changes", "results"] {
            for value in [None, Some(json!(null)), Some(json!("x")), Some(json!(7))] {
                let mut case = whole.clone();
                match value {
                    Some(value) => case[name] = value,
                    None => drop(case.as_object_mut().map(|fields| fields.remove(name))),
                }
                cases.push(case);
            }
        }
        for name in ["id", "success", "data", "code", "retryable", "error"] {
            for value in [json!(null), json!("x"), json!(7), json!(true)] {
                let mut case = whole.clone();
                case["results"][0][name] = value;
                cases.push(case);
            }
        }
        for case in cases {
            let theirs = serde_json::from_value::<BatchResponse>(case.clone());
            let ours = verses_json::read::<BatchReply>(case.to_string().as_bytes());
            assert_eq!(theirs.is_ok(), ours.is_ok(), "{case}: {ours:?}");
            let (Ok(theirs), Ok(ours)) = (theirs, ours) else { continue };
            let rest = (ours.changes, ours.cursor, ours.has_more, ours.reset, ours.server_time);
            assert_eq!(rest, (theirs.changes, theirs.cursor, theirs.has_more, theirs.reset, theirs.server_time));
            for (ours, theirs) in ours.results.iter().zip(&theirs.results) {
                let of = |r: &OperationResult| (r.id.clone(), r.success, r.error.clone(), r.code, r.retryable);
                assert_eq!((ours.id.clone(), ours.success, ours.error.clone(), ours.code, ours.retryable), of(theirs));
                assert_eq!(ours.data.is_some(), theirs.data.is_some(), "{case}");
            }
        }
    }

    #[test]
    fn of_the_data_what_can_be_read_is_taken() {
        let read = |data: serde_json::Value| verses_json::read::<ReplyData>(data.to_string().as_bytes()).expect("data");
        for nothing in [json!(null), json!(5), json!([]), json!({}), json!({"duplicate": "yes", "verse": {"id": 1}})] {
            assert_eq!(read(nothing), ReplyData::default());
        }
        let corrected = read(json!({"duplicate": true, "corrected": {"occurredAt": 4, "localDate": "2026-03-10"}}));
        assert!(corrected.is_duplicate && corrected.is_corrected);
        assert_eq!(corrected.corrected.map(|stamp| stamp.occurred_at), Some(UnixMillis(4)));
        let unreadable = read(json!({"corrected": {"occurredAt": "now"}}));
        assert!(unreadable.is_corrected && unreadable.corrected.is_none());
    }
}
