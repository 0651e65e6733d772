//! Keys and ranges of keys, as JSON. Arrays sort after all numbers and texts, so `[owner, []]` stands behind every key of an
//! owner.

use verses_core::VerseId;

use crate::text::{push_number, quote};

/// A part of a compound key.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    Number(i64),
    /// A number as it was answered.
    Json(&'a str),
    /// Behind all numbers and texts.
    End,
}

/// No range: every key.
pub(crate) const ALL: &str = "null";

/// A compound key.
pub(crate) fn key(parts: &[Part<'_>]) -> String {
    let mut json = String::new();
    push_key(&mut json, parts);
    json
}

/// A key that is one text.
pub(crate) fn text(key: &str) -> String {
    let mut json = String::new();
    quote(&mut json, key);
    json
}

/// A key that is one number.
pub(crate) fn number(key: i64) -> String {
    let mut json = String::new();
    push_number(&mut json, key);
    json
}

/// The key of a verse or card.
pub(crate) fn of_verse(owner: &str, id: VerseId) -> String {
    key(&[Part::Text(owner), Part::Text(&id.to_string())])
}

/// Every key that begins with these parts and goes on.
pub(crate) fn starting_with(parts: &[Part<'_>]) -> String {
    range(r#"{"from":"#, parts, &[parts, &[Part::End]].concat())
}

/// Every key of an owner.
pub(crate) fn of_owner(owner: &str) -> String {
    starting_with(&[Part::Text(owner)])
}

/// Every key of an owner that goes on with no more than `last`, itself included with all behind it.
pub(crate) fn up_to(owner: &str, last: i64) -> String {
    range(r#"{"from":"#, &[Part::Text(owner)], &[Part::Text(owner), Part::Number(last), Part::End])
}

/// The keys of an owner that come after `last`.
pub(crate) fn of_owner_after(owner: &str, last: &[Part<'_>]) -> String {
    range(r#"{"after":"#, last, &[Part::Text(owner), Part::End])
}

/// Every key after the one that is JSON.
pub(crate) fn after(last: &str) -> String {
    [r#"{"after":"#, last, "}"].concat()
}

/// Every key from `first` on.
pub(crate) fn from(first: i64) -> String {
    [r#"{"from":"#, &number(first), "}"].concat()
}

fn range(beginning: &str, lower: &[Part<'_>], upper: &[Part<'_>]) -> String {
    let mut json = beginning.to_owned();
    push_key(&mut json, lower);
    json.push_str(r#","to":"#);
    push_key(&mut json, upper);
    json.push('}');
    json
}

fn push_key(json: &mut String, parts: &[Part<'_>]) {
    json.push('[');
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        match part {
            Part::Text(text) => quote(json, text),
            Part::Number(number) => push_number(json, *number),
            Part::Json(number) => json.push_str(number),
            Part::End => json.push_str("[]"),
        }
    }
    json.push(']');
}
