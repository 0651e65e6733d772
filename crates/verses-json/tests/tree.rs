//! The reader of documents beside serde_json: the same is refused, and the rest is the same tree.

use proptest::prelude::*;
use verses_json::{Value, parse, to_text};

/// The tree as serde_json has it: of two fields of the same name the last one counts.
fn as_serde(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(is_so) => (*is_so).into(),
        Value::Unsigned(number) => (*number).into(),
        Value::Negative(number) => (*number).into(),
        Value::Float(text) => text.parse::<f64>().expect("a number").into(),
        Value::Text(text) => text.as_ref().into(),
        Value::List(values) => values.iter().map(as_serde).collect(),
        Value::Object(entries) => entries.iter().map(|(name, value)| (name.to_string(), as_serde(value))).collect(),
    }
}

/// serde_json reads the last digit of a float in a faster way than the standard library.
fn are_same(ours: &serde_json::Value, theirs: &serde_json::Value) -> bool {
    use serde_json::Value as Json;
    match (ours, theirs) {
        (Json::Number(a), Json::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().expect("a float"), b.as_f64().expect("a float"));
            (a - b).abs() <= a.abs() * 1e-14 || (a.abs() < 1e-300 && b.abs() < 1e-300)
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| are_same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn compare(bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes);
    match (parse(bytes), serde_json::from_slice::<serde_json::Value>(bytes)) {
        (Ok(ours), Ok(theirs)) => assert!(are_same(&as_serde(&ours), &theirs), "{shown}\n{ours:?}\n{theirs:?}"),
        (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{shown}\n{ours:?}\n{theirs:?}"),
    }
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value as Json;
    let number = prop_oneof![
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-1000_i64..1000).prop_map(Json::from),
        any::<f64>().prop_filter("JSON has no others", |f| f.is_finite()).prop_map(Json::from),
    ];
    let leaf =
        prop_oneof![Just(Json::Null), any::<bool>().prop_map(Json::from), number, any::<String>().prop_map(Json::from)];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

/// Pieces out of which documents are made that are nearly right.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&[u8]; 44] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\"a\"",
        b"\"a\":",
        b"1",
        b"0",
        b"-",
        b"-0",
        b".",
        b"e",
        b"E",
        b"+",
        b"1.5",
        b"1e3",
        b"18446744073709551615",
        b"18446744073709551616",
        b"-9223372036854775808",
        b"-9223372036854775809",
        b"true",
        b"false",
        b"null",
        b"nul",
        b" ",
        b"\n",
        b"\t",
        b"\\",
        b"\\n",
        b"\\u",
        b"\\u0041",
        b"\\ud83d",
        b"\\ude00",
        b"\\uD83D\\uDE00",
        b"\xff",
        b"\xc3",
        b"\xc3\xa9",
        b"\x00",
        b"\x1f",
        b"\x7f",
        b"/*",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_document_is_read_as_serde_json_reads_it(document in document(), is_pretty: bool) {
        let text = if is_pretty { serde_json::to_vec_pretty(&document) } else { serde_json::to_vec(&document) };
        let text = text.expect("a document");
        prop_assert!(parse(&text).is_ok());
        compare(&text);
    }

    #[test]
    fn what_is_damaged_is_read_or_refused_as_serde_json_does(
        document in document(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), pieces(), 0_usize..3), 1..4),
    ) {
        let mut text = serde_json::to_vec(&document).expect("a document");
        for (at, piece, removed) in damage {
            let at = at.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, piece);
        }
        compare(&text);
    }

    #[test]
    fn nearly_documents_are_read_or_refused_as_serde_json_does(text in pieces()) {
        compare(&text);
        compare(&[b"\"", &text[..], b"\""].concat());
        compare(&[b"[", &text[..], b"]"].concat());
        compare(&[b"{", &text[..], b"}"].concat());
    }

    #[test]
    fn texts_and_numbers_are_written_as_serde_json_writes_them(text: String, low in "[\0-\x20\"\\\\a]*", signed: i64, number: u64) {
        for text in [text, low] {
            prop_assert_eq!(to_text(&text), serde_json::to_string(&text).expect("a text"));
        }
        prop_assert_eq!(to_text(&signed), signed.to_string());
        prop_assert_eq!(to_text(&number), number.to_string());
    }
}

#[test]
fn the_ends_of_the_ranges_are_written() {
    for number in [0, 1, 9, 10, 99, u64::MAX - 1, u64::MAX] {
        assert_eq!(to_text(&number), number.to_string());
    }
    for number in [i64::MIN, -1, 0, i64::MAX] {
        assert_eq!(to_text(&number), number.to_string());
    }
}

#[test]
fn a_number_is_refused_where_no_float_reaches() {
    let zeros = |count: usize| "0".repeat(count);
    let mut numbers: Vec<String> = [
        "1e308",
        "1e309",
        "-1e309",
        "1.7976931348623157e308",
        "1.8e308",
        "-1.8e+308",
        "0.1e309",
        "0.1e310",
        "0e999",
        "-0.0e9999999999",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "0.00017e312",
        "0.00018e312",
        "12345e304",
        "12345e305",
        "1773E3144000000",
    ]
    .map(str::to_owned)
    .to_vec();
    for count in [290, 307, 308, 309, 400] {
        numbers.extend([
            format!("1{}", zeros(count)),
            format!("2{}", zeros(count)),
            format!("1{}e-200", zeros(count)),
            format!("0.{}1e{count}", zeros(count)),
            format!("0.{}1e{}", zeros(count), count + 309),
            format!("0.{}1e{}", zeros(count), count + 310),
        ]);
    }
    for number in numbers {
        compare(number.as_bytes());
        compare(format!("{{\"a\":[{number}]}}").as_bytes());
    }
}

#[test]
fn nesting_is_refused_at_the_depth_where_serde_json_refuses_it() {
    for depth in [1, 126, 127, 128, 129, 100_000] {
        let nested = [vec![b'['; depth], vec![b']'; depth]].concat();
        compare(&nested);
        compare(&[br#"{"a":"#.repeat(depth), b"1".to_vec(), vec![b'}'; depth]].concat());
        compare(&[b"[],".repeat(depth), b"1".to_vec()].concat());
    }
    let wide = format!("[{}[]]", "[[]],".repeat(500));
    compare(wide.as_bytes());
    assert!(parse(wide.as_bytes()).is_ok());
}

#[test]
fn every_unit_of_utf_16_is_read_as_serde_json_reads_it() {
    for unit in 0..=0xFFFF_u32 {
        compare(format!("\"\\u{unit:04x}\"").as_bytes());
        compare(format!("\"\\ud83d\\u{unit:04X}\"").as_bytes());
    }
}

#[test]
fn an_error_says_where_the_document_ends_to_be_one() {
    for (text, message) in [
        ("", "expected a value at byte 0"),
        ("[1 2]", "expected a comma or the end of it at byte 3"),
        ("{\"a\" 1}", "expected a colon at byte 5"),
        ("[1] x", "expected the end at byte 4"),
        ("\"abc", "expected more of the text at byte 4"),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), message, "{text}");
    }
}
