//! The offset between the server's clock and the device's: how it is measured and kept. Who reads clocks is elsewhere.

use verses_store::{StoreChange, meta_key};

/// The write that keeps a measured offset (server minus device), milliseconds.
pub(crate) fn offset_change(offset_ms: i64) -> StoreChange {
    StoreChange::PutMeta { key: meta_key::CLOCK_OFFSET_MS.into(), value: offset_ms.to_string() }
}

/// Whether a server's clock can show this: no date a browser or the calendar does not have.
pub(crate) fn is_plausible(server_ms: i64) -> bool {
    (0..=LATEST_MS).contains(&server_ms)
}

/// 9999-12-30, a day before the calendar ends anywhere, milliseconds.
pub(crate) const LATEST_MS: i64 = 253_402_128_000_000;

/// The offset from one exchange: the server's clock against the middle of the exchange on the device's.
pub(crate) fn measure(server_ms: i64, sent_at: i64, received_at: i64) -> i64 {
    server_ms.saturating_sub(sent_at.saturating_add(received_at.saturating_sub(sent_at) / 2))
}

/// Whether a measurement (round trip, offset) replaces the best one so far: it is more exact, or the two cannot both be
/// right, because somebody has set the device's clock in between.
pub(crate) fn is_better(new: (u64, i64), best: (u64, i64)) -> bool {
    let apart = new.1.abs_diff(best.1);
    // A clock that went back during the exchange shows as an endless round trip: that says nothing.
    new.0 < best.0 || (new.0 < u64::MAX && apart > new.0.saturating_add(best.0) / 2 + DRIFT_MS)
}

/// Two clocks may drift so far apart between two measurements without one of them having been set, milliseconds.
const DRIFT_MS: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::{is_better, is_plausible, measure};

    #[test]
    fn a_clock_that_shows_no_date_is_not_believed() {
        for (server, plausible) in [(1_772_438_400_000, true), (0, true), (-1, false), (i64::MAX, false)] {
            assert_eq!(is_plausible(server), plausible, "{server}");
        }
        // In nanoseconds.
        assert!(!is_plausible(1_772_438_400_000 * 1_000_000));
    }

    #[test]
    fn a_measurement_counts_if_it_is_more_exact_or_the_clock_was_set() {
        let best = (100, 5_000);
        for (new, counts) in [
            ((99, 5_040), true),
            ((100, 5_000), false),
            ((400, 5_200), false),
            ((400, 5_000 + 1_251), true),
            ((400, -3_600_000), true),
            ((u64::MAX, -3_600_000), false),
        ] {
            assert_eq!(is_better(new, best), counts, "{new:?}");
        }
    }

    #[test]
    fn the_server_is_read_at_the_middle_of_the_exchange() {
        for (server, sent, received, offset) in
            [(1_000, 900, 1_100, 0), (5_000, 900, 1_100, 4_000), (100, 900, 1_100, -900)]
        {
            assert_eq!(measure(server, sent, received), offset);
        }
    }
}
