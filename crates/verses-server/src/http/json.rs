//! A request's JSON before it is read: names that stand twice are refused, for readers would differ about which one
//! counts. Nothing is kept but the operation's name.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use verses_protocol::ErrorCode;

use super::problem::Refusal;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outline {
    /// Its `operation`, if that is a text.
    pub(super) operation: Option<String>,
}

/// Looks through the JSON, which must be one object.
pub(super) fn outline(bytes: &[u8]) -> Result<Outline, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = reader.deserialize_map(Top).and_then(|outline| reader.end().map(|()| outline));
    read.map_err(|e| Refusal::new(ErrorCode::MalformedRequest, format!("the body is no JSON object: {e}")))
}

struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let mut names = Names::default();
        let mut operation = None;
        while let Some(Name(name)) = map.next_key()? {
            if name == "operation" {
                operation = map.next_value::<Value>()?.as_str().map(str::to_owned);
            } else {
                map.next_value_seed(Anything)?;
            }
            names.add(name)?;
        }
        Ok(Outline { operation })
    }
}

/// A name of a member.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The names of an object so far.
#[derive(Default)]
struct Names<'a>(HashSet<Cow<'a, str>>);

impl<'a> Names<'a> {
    fn add<E: Error>(&mut self, name: Cow<'a, str>) -> Result<(), E> {
        match self.0.replace(name) {
            None => Ok(()),
            Some(twice) => {
                let shown: String = twice.chars().take(40).collect();
                Err(E::custom(format_args!("the name {shown:?} stands twice in one object")))
            }
        }
    }
}

/// Any value, looked through and not kept.
struct Anything;

impl<'de> DeserializeSeed<'de> for Anything {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while sequence.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::default();
        while let Some(Name(name)) = map.next_key()? {
            map.next_value_seed(Self)?;
            names.add(name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<String>, String> {
        outline(text.as_bytes()).map(|outline| outline.operation).map_err(|refusal| refusal.message)
    }

    #[test]
    fn the_operation_is_found_wherever_it_stands() {
        assert_eq!(read(r#"{"operation":"batch"}"#), Ok(Some("batch".into())));
        assert_eq!(read(r#" {"a":[1,{"operation":"x"}],"\u006fperation":"lookup"} "#), Ok(Some("lookup".into())));
        assert_eq!(read(r#"{"operation":7}"#), Ok(None));
        assert_eq!(read("{}"), Ok(None));
    }

    #[test]
    fn names_that_stand_twice_are_refused_at_any_depth_and_however_they_are_written() {
        for text in [
            r#"{"operation":"a","operation":"b"}"#,
            r#"{"data":{"userId":1,"userId":2}}"#,
            r#"{"a":[[{"b":1,"b":1}]]}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"":1,"":1}"#,
        ] {
            assert!(read(text).unwrap_err().contains("stands twice"), "{text}");
        }
        assert_eq!(read(r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#), Ok(None));
    }

    #[test]
    fn what_is_no_json_object_is_told() {
        for text in [
            "",
            " ",
            "null",
            "[]",
            "7",
            "\"operation\"",
            "{",
            "{}{}",
            "{} x",
            "\u{feff}{}",
            "{\"a\":NaN}",
            "{\"a\":1e999}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\u{1}\"}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":1,}",
        ] {
            assert!(read(text).unwrap_err().starts_with("the body is no JSON object"), "{text}");
        }
        assert!(outline(b"{\"a\":\"\xff\"}").is_err());
    }
}
