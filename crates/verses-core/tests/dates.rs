//! Local dates: daylight saving, the date line, zones that do not exist, and which dates are possible at an instant.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use verses_core::{UnixMillis, earliest_local_date, is_plausible, local_date, utc_date, validate_time_zone};

fn at(timestamp: &str) -> UnixMillis {
    UnixMillis(timestamp.parse::<Timestamp>().unwrap().as_millisecond())
}

#[test]
fn the_local_date_follows_the_zone_through_daylight_saving_and_the_date_line() {
    for (instant, zone, expected) in [
        ("2026-03-29T00:59:59Z", "Europe/Berlin", date(2026, 3, 29)),
        // Winter time until 01:00 UTC, then summer time.
        ("2026-03-28T22:59:59Z", "Europe/Berlin", date(2026, 3, 28)),
        ("2026-03-28T23:00:00Z", "Europe/Berlin", date(2026, 3, 29)),
        ("2026-03-29T21:59:59Z", "Europe/Berlin", date(2026, 3, 29)),
        ("2026-03-29T22:00:00Z", "Europe/Berlin", date(2026, 3, 30)),
        // The day of 25 hours.
        ("2026-11-01T03:59:59Z", "America/New_York", date(2026, 10, 31)),
        ("2026-11-01T04:00:00Z", "America/New_York", date(2026, 11, 1)),
        ("2026-11-02T04:59:59Z", "America/New_York", date(2026, 11, 1)),
        ("2026-11-02T05:00:00Z", "America/New_York", date(2026, 11, 2)),
        // Both sides of the date line at one instant.
        ("2026-06-15T10:30:00Z", "Pacific/Kiritimati", date(2026, 6, 16)),
        ("2026-06-15T10:30:00Z", "Pacific/Pago_Pago", date(2026, 6, 14)),
        // Samoa skipped 30 December 2011.
        ("2011-12-30T09:59:59Z", "Pacific/Apia", date(2011, 12, 29)),
        ("2011-12-30T10:00:00Z", "Pacific/Apia", date(2011, 12, 31)),
        ("2026-01-01T00:00:00Z", "UTC", date(2026, 1, 1)),
        ("2026-06-15T18:20:00Z", "Asia/Kathmandu", date(2026, 6, 16)),
    ] {
        assert_eq!(local_date(at(instant), zone), Ok(expected), "{instant} {zone}");
    }
}

#[test]
fn a_zone_that_does_not_exist_is_named_with_an_example() {
    for zone in ["Mars/Olympus", "", "Europe/Berlin\0", "Etc/Unknown", "+02:00", "../../etc/passwd", "🌍"] {
        let error = validate_time_zone(zone).expect_err(zone);
        assert!(error.message.starts_with("timezone") && error.message.contains("Europe/Berlin"), "{error}");
        assert_eq!(local_date(UnixMillis(0), zone), Err(error));
    }
    let long = validate_time_zone(&"x".repeat(100_000)).unwrap_err();
    assert!(long.message.len() < 200, "a message does not repeat whatever was sent");
    assert_eq!(validate_time_zone("Europe/Berlin"), Ok(()));
}

#[test]
fn without_a_date_the_earliest_on_earth_is_taken() {
    assert_eq!(earliest_local_date(at("2026-06-15T11:59:59Z")), date(2026, 6, 14));
    assert_eq!(earliest_local_date(at("2026-06-15T12:00:00Z")), date(2026, 6, 15));
}

#[test]
fn a_date_is_possible_at_most_one_day_off_the_utc_date() {
    let noon = at("2026-03-01T12:00:00Z");
    for (day, possible) in [
        (date(2026, 2, 27), false),
        (date(2026, 2, 28), true),
        (date(2026, 3, 1), true),
        (date(2026, 3, 2), true),
        (date(2026, 3, 3), false),
        (Date::MIN, false),
        (Date::MAX, false),
    ] {
        assert_eq!(is_plausible(day, noon), possible, "{day}");
    }
}

proptest! {
    #[test]
    fn no_instant_is_too_far(millis in any::<i64>()) {
        let at = UnixMillis(millis);
        prop_assert!(is_plausible(utc_date(at), at));
        prop_assert!(is_plausible(earliest_local_date(at), at));
        for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"] {
            prop_assert!(local_date(at, zone).is_ok());
        }
    }

    #[test]
    fn every_real_local_date_is_possible(days in 18_262i64..40_000, minutes in 0i64..1_440, zone in 0usize..4) {
        let at = UnixMillis((days * 1_440 + minutes) * 60_000);
        let zone = ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns", "Asia/Kolkata"][zone];
        prop_assert!(is_plausible(local_date(at, zone).unwrap(), at));
    }
}
