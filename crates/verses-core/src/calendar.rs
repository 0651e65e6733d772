//! Counting days of the calendar. The library that has the type counts as well, but with all its units and their errors, which
//! would be a part of what every browser downloads.

use jiff::civil::Date;

/// Days of 400 years, after which the calendar repeats.
const DAYS_OF_ERA: i64 = 146_097;
/// From 0000-03-01, with which an era begins, to 1970-01-01.
const EPOCH: i64 = 719_468;

/// Days from 1970-01-01 to the date. Years are counted from March, so that a leap day is the last of its year.
#[must_use]
pub fn epoch_day(date: Date) -> i64 {
    let (month, day) = (i64::from(date.month()), i64::from(date.day()));
    let year = i64::from(date.year()) - i64::from(month <= 2);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * DAYS_OF_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}

/// The date so many days after 1970-01-01; `None` outside the years -9999 to 9999.
#[must_use]
pub fn date_of_epoch_day(days: i64) -> Option<Date> {
    let days = days.checked_add(EPOCH)?;
    let of_era = days.rem_euclid(DAYS_OF_ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = days.div_euclid(DAYS_OF_ERA) * 400 + year_of_era + i64::from(month <= 2);
    Date::new(i16::try_from(year).ok()?, month as i8, day as i8).ok()
}

/// The date so many days later, or earlier; `None` outside the calendar.
#[must_use]
pub fn add_days(date: Date, days: i64) -> Option<Date> {
    date_of_epoch_day(epoch_day(date).checked_add(days)?)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use proptest::prelude::*;

    use super::*;

    const FIRST: Date = jiff::civil::date(1970, 1, 1);

    proptest! {
        #[test]
        fn days_are_counted_as_the_library_counts_them(days in -4_371_587_i64..=2_932_896) {
            let date = FIRST.checked_add(days.days()).unwrap();
            prop_assert_eq!(epoch_day(date), days);
            prop_assert_eq!(date_of_epoch_day(days), Some(date));
            prop_assert_eq!(add_days(date, 1), date.tomorrow().ok());
            prop_assert_eq!(add_days(date, -1), date.yesterday().ok());
        }
    }

    #[test]
    fn the_calendar_ends() {
        for (last, beyond) in [(Date::MIN, -1), (Date::MAX, 1)] {
            assert_eq!(date_of_epoch_day(epoch_day(last)), Some(last));
            assert_eq!(add_days(last, beyond), None);
        }
        assert_eq!(date_of_epoch_day(i64::MAX), None);
        assert_eq!(date_of_epoch_day(i64::MIN), None);
        assert_eq!(add_days(FIRST, i64::MAX), None);
    }
}
