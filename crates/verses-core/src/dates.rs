//! Local dates in IANA time zones. The instant always comes in; no clock is read here.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

use crate::{Rejection, RejectionCode, UnixMillis};

/// Longest piece of input repeated in a message, in characters.
const MAX_SHOWN: usize = 40;

fn timestamp(at: UnixMillis) -> Timestamp {
    let clamped = at.0.clamp(Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond());
    Timestamp::from_millisecond(clamped).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn zone(name: &str) -> Result<TimeZone, Rejection> {
    // The data base also answers to this name, with a zone that means "none".
    let found = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown());
    found.ok_or_else(|| {
        let shown: String = name.chars().take(MAX_SHOWN).collect();
        let message = format!("timezone {shown:?} is not known: use an IANA name such as Europe/Berlin");
        Rejection { code: RejectionCode::ValidationFailed, message }
    })
}

/// The date in an IANA time zone ("Europe/Berlin") at an instant.
///
/// # Errors
/// A [`Rejection`] naming the zone when it is not known.
pub fn local_date(at: UnixMillis, time_zone: &str) -> Result<Date, Rejection> {
    Ok(timestamp(at).to_zoned(zone(time_zone)?).date())
}

/// Whether a time zone is known.
///
/// # Errors
/// A [`Rejection`] naming the zone when it is not.
pub fn validate_time_zone(name: &str) -> Result<(), Rejection> {
    zone(name).map(drop)
}

/// The UTC date at an instant.
#[must_use]
pub fn utc_date(at: UnixMillis) -> Date {
    timestamp(at).to_zoned(TimeZone::UTC).date()
}

/// The earliest date anywhere on Earth at an instant (UTC-12): for a creation that does not say its local date, so that
/// the card is due at once wherever the user is.
#[must_use]
pub fn earliest_local_date(at: UnixMillis) -> Date {
    timestamp(at).to_zoned(Offset::constant(-12).to_time_zone()).date()
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
