//! Slots: on which day a weekly, biweekly or monthly card comes up, and which day is least loaded.

use jiff::civil::Date;

use crate::{Card, Phase, Slot, VerseId, add_days, epoch_day};

/// Last day of the month a monthly card can have, so that every month has it.
pub const MAX_DAY_OF_MONTH: i8 = 28;

/// 1 (Sunday) to 7 (Saturday).
#[must_use]
pub fn day_of_week(date: Date) -> i8 {
    date.weekday().to_sunday_one_offset()
}

/// Parity of the week: weeks run from Sunday to Saturday and are counted from the one that holds 1970-01-01.
#[must_use]
pub fn week_parity(date: Date) -> i8 {
    // 1970-01-01 was a Thursday: its week began four days before.
    let days = epoch_day(date) + 4;
    i8::from(days.div_euclid(7).rem_euclid(2) == 1)
}

/// The slot if it has just what the phase needs, each part in its range.
#[must_use]
pub fn fitting(phase: Phase, slot: Option<Slot>) -> Option<Slot> {
    let slot = slot.unwrap_or_default();
    let day = slot.day_of_week.filter(|d| (1..=7).contains(d));
    let parity = slot.week_parity.filter(|p| (0..=1).contains(p));
    let of_month = slot.day_of_month.filter(|d| (1..=MAX_DAY_OF_MONTH).contains(d));
    match phase {
        Phase::Daily => Some(Slot::default()),
        Phase::Weekly => Some(Slot { day_of_week: Some(day?), ..Slot::default() }),
        Phase::Biweekly => Some(Slot { day_of_week: Some(day?), week_parity: Some(parity?), day_of_month: None }),
        Phase::Monthly => Some(Slot { day_of_month: Some(of_month?), ..Slot::default() }),
    }
}

/// The first part of a slot that is out of range, by its name on the wire.
#[must_use]
pub fn field_out_of_range(slot: &Slot) -> Option<&'static str> {
    let wrong = |value: Option<i8>, low: i8, high: i8| value.is_some_and(|v| !(low..=high).contains(&v));
    if wrong(slot.day_of_week, 1, 7) {
        Some("slot.dayOfWeek (1 to 7, Sunday is 1)")
    } else if wrong(slot.week_parity, 0, 1) {
        Some("slot.weekParity (0 or 1)")
    } else if wrong(slot.day_of_month, 1, MAX_DAY_OF_MONTH) {
        Some("slot.dayOfMonth (1 to 28)")
    } else {
        None
    }
}

/// The slot that follows from the verse when nobody proposed one: the same on every device.
#[must_use]
pub fn hashed(verse_id: VerseId, phase: Phase) -> Slot {
    // FNV-1a over the id and the phase: fixed for ever, unlike the hashes of the standard library.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in verse_id.0.as_bytes().iter().copied().chain([phase as u8]) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let all = candidates(phase);
    let index = usize::try_from(hash % all.len() as u64).unwrap_or(0);
    all.get(index).copied().unwrap_or_default()
}

/// All slots of a phase, in order.
fn candidates(phase: Phase) -> Vec<Slot> {
    match phase {
        Phase::Daily => vec![Slot::default()],
        Phase::Weekly => (1..=7).map(|d| Slot { day_of_week: Some(d), ..Slot::default() }).collect(),
        Phase::Biweekly => (0..=1)
            .flat_map(|p| (1..=7).map(move |d| Slot { day_of_week: Some(d), week_parity: Some(p), day_of_month: None }))
            .collect(),
        Phase::Monthly => (1..=MAX_DAY_OF_MONTH).map(|d| Slot { day_of_month: Some(d), ..Slot::default() }).collect(),
    }
}

/// The slot of a phase with the fewest cards; the first of them when several have as few.
#[must_use]
pub fn least_loaded_slot<'a>(cards: impl IntoIterator<Item = &'a Card>, phase: Phase) -> Slot {
    let all = candidates(phase);
    let mut load = vec![0u32; all.len()];
    for card in cards.into_iter().filter(|c| !c.archived && c.current_phase == phase) {
        let slot = Slot {
            day_of_week: card.assigned_day_of_week,
            week_parity: card.assigned_week_parity,
            day_of_month: card.assigned_day_of_month,
        };
        if let Some(at) = all.iter().position(|s| *s == slot) {
            load[at] += 1;
        }
    }
    let least = all.iter().zip(&load).min_by_key(|(_, load)| **load);
    least.map(|(slot, _)| *slot).unwrap_or_default()
}

/// The first date from `from` on that the slot allows.
#[must_use]
pub fn first_match(phase: Phase, slot: Option<Slot>, from: Date) -> Date {
    let slot = slot.unwrap_or_default();
    let matches = |date: Date| match phase {
        Phase::Daily => true,
        Phase::Weekly => slot.day_of_week.is_none_or(|d| d == day_of_week(date)),
        Phase::Biweekly => {
            slot.day_of_week.is_none_or(|d| d == day_of_week(date))
                && slot.week_parity.is_none_or(|p| p == week_parity(date))
        }
        Phase::Monthly => slot.day_of_month.is_none_or(|d| d == date.day()),
    };
    // Every slot comes up within 31 days; at the end of the calendar there is no later date to give.
    (0..=31).filter_map(|days| add_days(from, days)).find(|date| matches(*date)).unwrap_or(from)
}
