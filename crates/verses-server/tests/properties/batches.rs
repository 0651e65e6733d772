//! Batches made of choices: few ids, few passages, times and texts at and beyond their edges, so that operations meet
//! each other. A choice is a byte; where there are no more, it is 0. No property is stated here.

use serde_json::{Map, Value, json};
use verses_core::VerseId;

use crate::requests::NOW;

const DAY: i64 = 86_400_000;

const REFERENCES: [&str; 12] = [
    "John 3:16",
    "john 3 : 16",
    "Psalm 23",
    "Jude 3",
    "Psalm 117",
    "Genesis 1 - Revelation 22",
    "John 99:1",
    "My prayer",
    " My prayer ",
    "",
    "1 Corinthians 13:4-7,13",
    "\u{202e}John 3:16\n",
];

const TRANSLATIONS: [&str; 7] =
    ["KJV", "WEB", "web", "ASV", "NIV", "", "a name that is far longer than any translation"];

const TEXTS: [&str; 5] = ["my own words", "other words", "", " \n ", "\u{0}\u{fffd}"];

const PHASES: [&str; 5] = ["daily", "weekly", "biweekly", "monthly", "hourly"];

const ZONES: [&str; 6] = ["UTC", "America/New_York", "Pacific/Kiritimati", "Mars/Olympus", "", "Europe/Berlin"];

const KINDS: [&str; 10] = [
    "create",
    "create_verse",
    "review",
    "record_review",
    "archive_verse",
    "restore_verse",
    "set_phase",
    "update_profile",
    "lookup",
    "delete_everything",
];

struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    fn of<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }

    /// True once in `n`.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    fn at(&mut self) -> i64 {
        match self.below(8) {
            0 => NOW.0,
            1 => NOW.0 + DAY,
            2 => NOW.0 - DAY,
            3 => NOW.0 + 2 * DAY,
            4 => i64::MIN,
            5 => i64::MAX,
            _ => NOW.0 - i64::from(self.byte()) * DAY / 4,
        }
    }

    fn date(&mut self) -> String {
        match self.below(8) {
            0 => "2026-03-02".to_owned(),
            1 => "9999-12-31".to_owned(),
            2 => "-009999-01-01".to_owned(),
            3 => "2026-02-30".to_owned(),
            _ => format!("2026-0{}-{:02}", 1 + self.below(3), 1 + self.below(28)),
        }
    }

    fn verse(&mut self) -> Value {
        let (reference, translation) = (self.of(&["John.3.16", "Ps.23", "Jude.1.3"]), self.of(&["KJV", "WEB"]));
        if self.once_in(16) { json!("no uuid") } else { json!(VerseId::of_passage(translation, reference)) }
    }

    fn slot(&mut self) -> Value {
        let mut number = || self.byte().cast_signed() % 30;
        json!({"dayOfWeek": number(), "weekParity": number(), "dayOfMonth": number()})
    }

    fn maybe(&mut self, data: &mut Map<String, Value>, name: &str, value: impl FnOnce(&mut Self) -> Value) {
        if self.once_in(2) {
            data.insert(name.to_owned(), value(self));
        }
    }

    fn data(&mut self, kind: &str) -> Value {
        let mut data = Map::new();
        match kind {
            "create" | "create_verse" | "lookup" => {
                data.insert("reference".into(), json!(self.of(&REFERENCES)));
                self.maybe(&mut data, "translation", |it| json!(it.of(&TRANSLATIONS)));
                self.maybe(&mut data, "text", |it| json!(it.of(&TEXTS)));
                self.maybe(&mut data, "occurredAt", |it| json!(it.at()));
                self.maybe(&mut data, "localDate", |it| json!(it.date()));
            }
            "update_profile" => {
                data.insert("occurredAt".into(), json!(self.at()));
                self.maybe(&mut data, "fullName", |it| json!(it.of(&TEXTS)));
                self.maybe(&mut data, "preferredTranslation", |it| json!(it.of(&TRANSLATIONS)));
                self.maybe(&mut data, "timezone", |it| json!(it.of(&ZONES)));
                self.maybe(&mut data, "referenceDisplayMode", |it| json!(it.of(&["full", "short", "blank", "none"])));
            }
            _ => {
                data.insert("verseId".into(), self.verse());
                data.insert("occurredAt".into(), json!(self.at()));
                data.insert("localDate".into(), json!(self.date()));
                data.insert("wasSuccessful".into(), json!(!self.once_in(3)));
                data.insert("phase".into(), json!(self.of(&PHASES)));
                self.maybe(&mut data, "slot", Self::slot);
                self.maybe(&mut data, "reviewTimeSeconds", |it| json!(u32::from(it.byte()) * 1_000));
            }
        }
        // A field of the wrong type, or a payload that is none.
        match self.below(24) {
            22 => data.values_mut().next().map_or(Value::Null, |value| value.take()),
            23 => json!([data]),
            _ => Value::Object(data),
        }
    }

    fn batch(&mut self) -> Value {
        let mut operations = Vec::new();
        for position in 0..self.below(7) {
            // Ids of other positions and of earlier batches come again, with the same content or another.
            let id = if self.once_in(4) { self.below(4) } else { position + 10 * self.below(3) };
            let kind = self.of(&KINDS);
            operations.push(json!({"id": format!("op-{id}"), "type": kind, "data": self.data(kind)}));
        }
        let mut batch = json!({"operation": "batch", "batchId": "batch", "operations": operations});
        match self.below(8) {
            6 => batch["pull"] = json!(true),
            7 => batch["cursor"] = json!("AQ"),
            _ => {}
        }
        batch
    }
}

/// Up to three batches, as bytes.
pub(crate) fn from_choices(choices: &[u8]) -> Vec<Vec<u8>> {
    let mut choices = Choices(choices.iter());
    let mut bodies = Vec::new();
    while bodies.len() < 3 && choices.0.len() > 0 {
        bodies.push(choices.batch().to_string().into_bytes());
    }
    bodies
}
