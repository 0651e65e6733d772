//! The parser against the answers of the best-known one: every strict case must match exactly; every difference
//! otherwise is listed with its reason.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use serde_json::Value;
use verses_core::{Book, parse_passages};

fn cases() -> Vec<(String, Vec<String>, bool)> {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/references.json")).unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let cases = fixture["cases"].as_array().unwrap().iter();
    cases
        .map(|c| {
            (
                text(&c["input"]),
                c["osis"].as_array().unwrap().iter().map(text).collect(),
                c["strict"].as_bool().unwrap(),
            )
        })
        .collect()
}

fn answer(input: &str) -> Vec<String> {
    parse_passages(input).map(|ps| ps.iter().flat_map(|p| p.osis_ranges()).collect()).unwrap_or_default()
}

#[test]
fn strict_cases_match_exactly() {
    let cases = cases();
    assert_eq!(cases.iter().filter(|c| c.2).count() + cases.iter().filter(|c| !c.2).count(), cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(input, osis, strict)| *strict && answer(input) != *osis)
        .map(|(input, osis, _)| {
            format!("{input:?}: want {osis:?}, got {:?} {:?}", answer(input), parse_passages(input).err())
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn the_versification_is_the_fixture() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/versification.json")).unwrap();
    let chapters = |book: &str| {
        let own = &fixture["kjv"]["chapters"][book];
        if own.is_null() { fixture["default"]["chapters"][book].clone() } else { own.clone() }
    };
    let mut total = 0;
    for book in Book::all() {
        let ours: Vec<u64> = (1..=book.chapters()).map(|c| u64::from(book.verses(c))).collect();
        assert_eq!(serde_json::json!(ours), chapters(book.osis()), "{}", book.osis());
        total += ours.iter().sum::<u64>();
    }
    assert_eq!((Book::all().count(), total), (66, 31_102));
}
