//! Local dates in IANA time zones. The instant always comes in; no clock is read here.

use std::ops::RangeInclusive;

use jiff::civil::Date;

use crate::calendar::{add_days, date_of_epoch_day, epoch_day};
use crate::{Rejection, RejectionCode, UnixMillis, quoted};

/// Longest piece of input repeated in a message, in characters.
const MAX_SHOWN: usize = 40;
const DAY_MS: i64 = 24 * 3_600_000;

/// The data of time zones that comes with the program.
#[cfg(not(target_arch = "wasm32"))]
mod zones {
    use jiff::Timestamp;
    use jiff::civil::Date;
    use jiff::tz::TimeZone;

    use crate::UnixMillis;

    pub(super) fn local_date(at: UnixMillis, name: &str) -> Option<Date> {
        // The data base also answers to this name, with a zone that means "none".
        let zone = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())?;
        let clamped = at.0.clamp(Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond());
        Some(Timestamp::from_millisecond(clamped).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone).date())
    }
}

/// A browser has the data of time zones; a second copy would be a third of what is downloaded. Who runs this in a browser
/// says once how to ask it.
#[cfg(target_arch = "wasm32")]
mod zones {
    use std::sync::OnceLock;

    use jiff::civil::Date;

    use crate::UnixMillis;

    /// The date in a zone at an instant; `None` for a zone that is not known.
    pub type LocalDates = fn(UnixMillis, &str) -> Option<Date>;

    static LOCAL_DATES: OnceLock<LocalDates> = OnceLock::new();

    /// Says who knows the time zones. Only the first call counts.
    pub fn use_local_dates(known_by: LocalDates) {
        LOCAL_DATES.get_or_init(|| known_by);
    }

    pub(super) fn local_date(at: UnixMillis, name: &str) -> Option<Date> {
        LOCAL_DATES.get()?(at, name)
    }
}

#[cfg(target_arch = "wasm32")]
pub use zones::{LocalDates, use_local_dates};

/// The date in an IANA time zone ("Europe/Berlin") at an instant.
///
/// # Errors
/// A [`Rejection`] naming the zone when it is not known.
pub fn local_date(at: UnixMillis, time_zone: &str) -> Result<Date, Rejection> {
    zones::local_date(at, time_zone).ok_or_else(|| {
        let shown: String = time_zone.chars().take(MAX_SHOWN).collect();
        let message = format!("timezone {} is not known: use an IANA name such as Europe/Berlin", quoted(&shown));
        Rejection { code: RejectionCode::ValidationFailed, message }
    })
}

/// Whether a time zone is known.
///
/// # Errors
/// A [`Rejection`] naming the zone when it is not.
pub fn validate_time_zone(name: &str) -> Result<(), Rejection> {
    local_date(UnixMillis(0), name).map(drop)
}

/// The UTC date at an instant.
#[must_use]
pub fn utc_date(at: UnixMillis) -> Date {
    date_of_utc_ms(at.0)
}

/// The earliest date anywhere on Earth at an instant (UTC-12): for a creation that does not say its local date, so that
/// the card is due at once wherever the user is.
#[must_use]
pub fn earliest_local_date(at: UnixMillis) -> Date {
    date_of_utc_ms(at.0.saturating_sub(DAY_MS / 2))
}

/// Instants beyond the calendar get its first or last date.
fn date_of_utc_ms(ms: i64) -> Date {
    let days = ms.div_euclid(DAY_MS).clamp(epoch_day(Date::MIN), epoch_day(Date::MAX));
    date_of_epoch_day(days).unwrap_or(Date::MAX)
}

/// The dates it can be anywhere on Earth at an instant: at most one day off the UTC date.
fn possible(at: UnixMillis) -> RangeInclusive<Date> {
    let utc = utc_date(at);
    add_days(utc, -1).unwrap_or(utc)..=add_days(utc, 1).unwrap_or(utc)
}

/// Whether a local date can be right somewhere on Earth at an instant: at most one day off the UTC date.
#[must_use]
pub fn is_plausible(date: Date, at: UnixMillis) -> bool {
    possible(at).contains(&date)
}

/// The date nearest to `date` that can be right somewhere on Earth at an instant.
pub(crate) fn nearest_plausible(date: Date, at: UnixMillis) -> Date {
    let possible = possible(at);
    date.clamp(*possible.start(), *possible.end())
}

/// Reads a date as it stands in JSON, `YYYY-MM-DD`; `None` for anything else.
#[must_use]
pub fn date_from_text(text: &str) -> Option<Date> {
    text::read(text)
}

/// Dates as text in JSON: `YYYY-MM-DD`. Years beyond four digits have a sign and six, as in ISO 8601. Written and read by hand:
/// the whole reader of times that the library has would be a part of what every browser downloads.
pub(crate) mod text {
    use std::fmt;

    use jiff::civil::Date;
    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    struct Text(Date);

    impl fmt::Display for Text {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (year, month, day) = (self.0.year(), self.0.month(), self.0.day());
            match year {
                0..=9_999 => write!(f, "{year:04}-{month:02}-{day:02}"),
                _ => write!(f, "{year:+07}-{month:02}-{day:02}"),
            }
        }
    }

    pub(super) fn read(text: &str) -> Option<Date> {
        let year_digits = if text.starts_with(['+', '-']) { 7 } else { 4 };
        let (year, rest) = text.split_at_checked(year_digits)?;
        let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
        let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(year.trim_start_matches(['+', '-']), year_digits & 6) || !digits(month, 2) || !digits(day, 2) {
            return None;
        }
        Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
    }

    struct Reading;

    impl Visitor<'_> for Reading {
        type Value = Date;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a date such as 2026-03-31")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Date, E> {
            read(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }
    }

    pub(crate) fn serialize<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Text(*date))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        deserializer.deserialize_str(Reading)
    }

    /// The same for a date that may be absent.
    pub(crate) mod optional {
        use jiff::civil::Date;
        use serde::{Deserialize, Deserializer, Serializer};

        use super::Wrapped;

        pub(crate) fn serialize<S: Serializer>(date: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
            match date {
                Some(date) => super::serialize(date, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
            Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
        }
    }

    /// The same for a list of dates.
    pub(crate) mod list {
        use jiff::civil::Date;
        use serde::{Deserialize, Deserializer, Serializer};

        use super::Wrapped;

        pub(crate) fn serialize<S: Serializer>(dates: &[Date], serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(dates.iter().map(|date| Wrapped(*date)))
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Date>, D::Error> {
            Ok(Vec::<Wrapped>::deserialize(deserializer)?.into_iter().map(|wrapped| wrapped.0).collect())
        }
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Wrapped(#[serde(with = "super::text")] Date);

    #[cfg(test)]
    mod tests {
        use jiff::civil::date;

        use super::*;

        #[test]
        fn dates_are_written_as_the_library_writes_them_and_read_back() {
            for date in [date(2026, 3, 31), date(1, 1, 1), date(0, 12, 31), Date::MIN, Date::MAX, date(-44, 3, 15)] {
                let text = Text(date).to_string();
                assert_eq!(text, date.to_string());
                assert_eq!(read(&text), Some(date), "{text}");
            }
        }

        #[test]
        fn what_is_no_date_is_not_read() {
            for text in [
                "",
                "2026",
                "2026-3-31",
                "2026-02-30",
                "2026-13-01",
                "26-03-31",
                "2026-03-31T00:00",
                "2026-03-3é",
                "+2026-03-31",
                "2026-03-31 ",
                "２０２６-03-31",
            ] {
                assert_eq!(read(text), None, "{text}");
            }
        }
    }
}
