//! The digests of the ledger: of an operation's content as sent, and of a user's history. What is done with them, the
//! decision and the cursor say.

use serde_json::Value;
use sha2::{Digest, Sha256};
use verses_core::{OperationId, OperationKind, UnixMillis};

use crate::storage::Chain;

/// SHA-256 of kind and payload. The order of members, spaces and the alias of the type make no difference.
pub(crate) fn content_hash(kind: OperationKind, data: &Value, buffer: &mut Vec<u8>) -> [u8; 32] {
    buffer.clear();
    buffer.extend_from_slice(kind.as_str().as_bytes());
    buffer.push(b'\n');
    write_canonical(data, buffer);
    Sha256::digest(&buffer).into()
}

/// The digest of a history that goes on with this entry.
pub(crate) fn next_chain(before: &Chain, id: &OperationId, content_hash: &[u8; 32], accepted_at: UnixMillis) -> Chain {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(content_hash);
    hasher.update(accepted_at.0.to_be_bytes());
    hasher.update(id.as_str());
    let mut chain = Chain::default();
    chain.copy_from_slice(&hasher.finalize()[..16]);
    chain
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            if !members.is_sorted_by_key(|(name, _)| *name) {
                members.sort_by_key(|(name, _)| *name);
            }
            for (index, (name, member)) in members.into_iter().enumerate() {
                out.push(if index == 0 { b'{' } else { b',' });
                write_text(name, out);
                out.push(b':');
                write_canonical(member, out);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write_canonical(item, out);
                out.push(b',');
            }
            out.push(b']');
        }
        Value::String(text) => write_text(text, out),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Null => out.extend_from_slice(b"null"),
    }
}

/// The length first, so that no text can pass for another arrangement of members.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.len().to_string().as_bytes());
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn hash(data: &Value) -> [u8; 32] {
        content_hash(OperationKind::RecordReview, data, &mut Vec::new())
    }

    #[test]
    fn the_order_of_members_makes_no_difference_and_every_value_does() {
        let parse = |text: &str| -> Value { serde_json::from_str(text).expect("valid JSON") };
        let base = hash(&parse(r#"{"a":1,"b":{"c":[true,null],"d":"x"}}"#));
        assert_eq!(base, hash(&parse(r#"{ "b": {"d":"x", "c":[true,null]}, "a": 1 }"#)));
        for other in [
            r#"{"a":2,"b":{"c":[true,null],"d":"x"}}"#,
            r#"{"a":1,"b":{"c":[false,null],"d":"x"}}"#,
            r#"{"a":1,"b":{"c":[true],"d":"x"}}"#,
            r#"{"a":1,"b":{"c":[true,null],"d":"y"}}"#,
            r#"{"a":1,"b":{"c":[true,null],"d":"x"},"e":null}"#,
            r#"{"a":"1","b":{"c":[true,null],"d":"x"}}"#,
        ] {
            assert_ne!(base, hash(&parse(other)), "{other}");
        }
    }

    #[test]
    fn the_kind_is_part_of_the_content() {
        let data = json!({"verseId": "x"});
        let archive = content_hash(OperationKind::ArchiveVerse, &data, &mut Vec::new());
        let restore = content_hash(OperationKind::RestoreVerse, &data, &mut Vec::new());
        assert_ne!(archive, restore);
    }

    proptest! {
        #[test]
        fn texts_that_look_like_syntax_do_not_collide(a in ".{0,12}", b in ".{0,12}") {
            prop_assume!(a != b);
            prop_assert_ne!(hash(&json!({"x": a, "y": b})), hash(&json!({"x": b, "y": a})));
            prop_assert_ne!(hash(&json!([a, b])), hash(&json!([format!("{a}{b}")])));
        }
    }
}
