//! The oracle: what cards must be, written apart from the product's code and in other terms. It knows operations as they
//! stand in the server's ledger (JSON), counts days since 1970, and folds plainly: sort, then go through. Slow and
//! simple on purpose. Nothing of `verses-core` is used.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One accepted operation, as the ledger has it.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) id: String,
    pub(crate) verse: Option<String>,
    pub(crate) operation: Value,
}

/// A card as it must be. Dates are days since 1970-01-01.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) phase: &'static str,
    pub(crate) progress: i64,
    pub(crate) streak: i64,
    pub(crate) best: i64,
    pub(crate) last_reviewed: Option<i64>,
    pub(crate) due: i64,
    pub(crate) slot: [Option<i64>; 3],
    pub(crate) archived: bool,
}

const PHASES: [&str; 4] = ["daily", "weekly", "biweekly", "monthly"];

struct Event<'a> {
    at: i64,
    id: &'a str,
    day: i64,
    kind: &'a str,
    data: &'a Value,
}

/// The cards of one user after these operations, by verse.
pub(crate) fn cards(facts: &[Fact]) -> BTreeMap<String, Expected> {
    let mut of_verse: BTreeMap<&str, Vec<Event<'_>>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for fact in facts {
        let Some(verse) = fact.verse.as_deref() else { continue };
        if seen.insert(fact.id.as_str()) {
            of_verse.entry(verse).or_default().push(event(fact));
        }
    }
    of_verse.into_iter().map(|(verse, events)| (verse.to_owned(), card(verse, events))).collect()
}

fn event(fact: &Fact) -> Event<'_> {
    let data = &fact.operation["data"];
    let at = data["occurredAt"].as_i64().unwrap_or(i64::MIN);
    // Without a date: the earliest date anywhere on Earth at that moment, twelve hours behind UTC.
    let earliest = (at - 12 * 3_600_000).div_euclid(86_400_000);
    let day = data["localDate"].as_str().map_or(earliest, day_number);
    let kind = fact.operation["type"].as_str().unwrap_or_default();
    Event { at, id: &fact.id, day, kind, data }
}

fn card(verse: &str, mut events: Vec<Event<'_>>) -> Expected {
    events.sort_by(|a, b| (a.at, a.id).cmp(&(b.at, b.id)));
    let mut card = Expected {
        phase: PHASES[0],
        progress: 0,
        streak: 0,
        best: 0,
        last_reviewed: None,
        due: events.first().map_or(0, |e| e.day),
        slot: [None; 3],
        archived: false,
    };
    let mut reviewed_days = BTreeSet::new();
    for event in &events {
        match event.kind {
            "create_verse" | "restore_verse" => {
                if card.archived {
                    card.archived = false;
                    restart(&mut card, event.day);
                }
            }
            "archive_verse" => card.archived = true,
            "set_phase" => {
                let named = event.data["phase"].as_str().unwrap_or_default();
                card.phase = PHASES.into_iter().find(|p| *p == named).unwrap_or(PHASES[0]);
                card.slot = slot(verse, card.phase, &event.data["slot"]);
                restart(&mut card, event.day);
            }
            _ => review(&mut card, verse, event, reviewed_days.insert(event.day)),
        }
    }
    card
}

fn restart(card: &mut Expected, day: i64) {
    card.progress = 0;
    card.streak = 0;
    card.due = due_from(card, day);
}

fn review(card: &mut Expected, verse: &str, event: &Event<'_>, first_of_day: bool) {
    if event.data["wasSuccessful"] != Value::Bool(true) {
        card.streak = 0;
    } else if first_of_day {
        card.streak += 1;
        card.best = card.best.max(card.streak);
        card.progress += 1;
        let next = match (card.phase, card.progress) {
            ("daily", 14..) => Some("weekly"),
            ("weekly", 4..) => Some("biweekly"),
            ("biweekly", 4..) => Some("monthly"),
            _ => None,
        };
        if let Some(next) = next {
            card.phase = next;
            card.progress = 0;
            card.slot = slot(verse, next, &event.data["slot"]);
        }
    }
    card.last_reviewed = Some(event.at);
    card.due = due_from(card, event.day + 1);
}

/// The first day from `day` on that the slot allows.
fn due_from(card: &Expected, day: i64) -> i64 {
    (day..day + 400).find(|candidate| allows(card, *candidate)).unwrap_or(day)
}

fn allows(card: &Expected, day: i64) -> bool {
    let [weekday, parity, month_day] = card.slot;
    weekday.is_none_or(|d| weekday_of(day) == d)
        && parity.is_none_or(|p| week_of(day).rem_euclid(2) == p)
        && month_day.is_none_or(|d| civil(day).2 == d)
}

/// 1 is Sunday. 1970-01-01 was a Thursday, the fifth.
fn weekday_of(day: i64) -> i64 {
    (day + 4).rem_euclid(7) + 1
}

/// Weeks begin on Sunday; the week of 1970-01-01 is week 0.
fn week_of(day: i64) -> i64 {
    (day + 4).div_euclid(7)
}

fn slot(verse: &str, phase: &str, proposed: &Value) -> [Option<i64>; 3] {
    let value = |name: &str, low: i64, high: i64| proposed[name].as_i64().filter(|v| (low..=high).contains(v));
    let (weekday, parity, month_day) =
        (value("dayOfWeek", 1, 7), value("weekParity", 0, 1), value("dayOfMonth", 1, 28));
    match phase {
        "weekly" if weekday.is_some() => [weekday, None, None],
        "biweekly" if weekday.is_some() && parity.is_some() => [weekday, parity, None],
        "monthly" if month_day.is_some() => [None, None, month_day],
        "daily" => [None; 3],
        _ => hashed_slot(verse, phase),
    }
}

/// FNV-1a, 64 bits, over the sixteen bytes of the verse's id and the number of the phase.
fn hashed_slot(verse: &str, phase: &str) -> [Option<i64>; 3] {
    let digits: Vec<u8> = verse.bytes().filter(|b| *b != b'-').collect();
    let mut hash: u64 = 14_695_981_039_346_656_037;
    let number = PHASES.iter().position(|p| *p == phase).unwrap_or(0) as u8;
    let bytes = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|text| u8::from_str_radix(text, 16).ok()).unwrap_or(0));
    for byte in bytes.chain([number]) {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(1_099_511_628_211);
    }
    match phase {
        "weekly" => [Some((hash % 7) as i64 + 1), None, None],
        "biweekly" => [Some((hash % 14 % 7) as i64 + 1), Some((hash % 14 / 7) as i64), None],
        _ => [None, None, Some((hash % 28) as i64 + 1)],
    }
}

/// Days since 1970-01-01 of a date `YYYY-MM-DD`.
pub(crate) fn day_number(text: &str) -> i64 {
    let mut parts = text.rsplitn(3, '-');
    let mut number = || parts.next().and_then(|p| p.parse::<i64>().ok()).unwrap_or(1);
    let (day, month, year) = (number(), number(), number());
    let year_days = |y: i64| y * 365 + (y + 3).div_euclid(4) - (y + 99).div_euclid(100) + (y + 399).div_euclid(400);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before: i64 = lengths.iter().take(usize::try_from(month - 1).unwrap_or(0)).sum();
    year_days(year) - year_days(1970) + before + day - 1
}

/// Year, month and day of a day number.
fn civil(day: i64) -> (i64, i64, i64) {
    let mut year = 1970 + day.div_euclid(366);
    while day >= day_number(&format!("{}-01-01", year + 1)) {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && day >= day_number(&format!("{year}-{:02}-01", month + 1)) {
        month += 1;
    }
    (year, month, day - day_number(&format!("{year}-{month:02}-01")) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_counts_them() {
        for (text, day) in [("1970-01-01", 0), ("1970-03-01", 59), ("2000-02-29", 11_016), ("2026-11-23", 20_780)] {
            assert_eq!(day_number(text), day, "{text}");
            let (y, m, d) = civil(day);
            assert_eq!(format!("{y:04}-{m:02}-{d:02}"), text);
        }
        assert_eq!(weekday_of(20_780), 2, "a Monday");
    }
}
