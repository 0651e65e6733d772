//! Local dates in IANA time zones. The instant always comes in; no clock is read here.

use std::ops::RangeInclusive;

use jiff::Span;
use jiff::civil::Date;

use crate::{Rejection, RejectionCode, UnixMillis};

/// Longest piece of input repeated in a message, in characters.
const MAX_SHOWN: usize = 40;
const DAY_MS: i64 = 24 * 3_600_000;
const EPOCH: Date = jiff::civil::date(1970, 1, 1);

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
        let message = format!("timezone {shown:?} is not known: use an IANA name such as Europe/Berlin");
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
    let days = |date: Date| i64::from((date - EPOCH).get_days());
    let days = ms.div_euclid(DAY_MS).clamp(days(Date::MIN), days(Date::MAX));
    EPOCH.saturating_add(Span::new().days(days))
}

/// The dates it can be anywhere on Earth at an instant: at most one day off the UTC date.
fn possible(at: UnixMillis) -> RangeInclusive<Date> {
    let utc = utc_date(at);
    let day = Span::new().days(1);
    utc.checked_sub(day).unwrap_or(utc)..=utc.checked_add(day).unwrap_or(utc)
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
