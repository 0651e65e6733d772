//! Progress over time: reviews by day, cards by phase now and at the end of past weeks, what is to come.

use jiff::civil::Date;
use litemap::LiteMap;
use verses_client::{Platform, Transport};
use verses_core::{Card, CardEventKind, Phase, VerseId, add_days, date_from_text, fold_step, quoted};
use verses_json::{json_read, json_write};
use verses_store::{LocalStore, StoredEvent};

use crate::app::App;
use crate::wire::EngineError;

/// Days foretold.
const FORECAST_DAYS: i64 = 14;
/// Weeks looked back on.
const WEEKS: i64 = 12;

/// Arguments of `statistics`: the first date of the calendar.
#[derive(Debug)]
pub(crate) struct Since {
    from: String,
}

json_read! { Since { from: "from" } }

/// Progress over time.
#[derive(Debug)]
pub(crate) struct Statistics {
    calendar: Vec<Day>,
    phases: Phases,
    archived: u64,
    forecast: Vec<Forecast>,
    history: Vec<Week>,
    reviews: u64,
    successful: u64,
    best_day_streak: u32,
}

json_write! { Statistics {
    calendar: "calendar",
    phases: "phases",
    archived: "archived",
    forecast: "forecast",
    history: "history",
    reviews: "reviews",
    successful: "successful",
    best_day_streak: "bestDayStreak",
} }

#[derive(Debug, Clone, Copy)]
struct Day {
    date: Date,
    reviews: u64,
    successful: u64,
}

json_write! { Day { date: "date", reviews: "reviews", successful: "successful" } }

/// Cards by phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Phases {
    daily: u64,
    weekly: u64,
    biweekly: u64,
    monthly: u64,
}

json_write! { Phases { daily: "daily", weekly: "weekly", biweekly: "biweekly", monthly: "monthly" } }

#[derive(Debug)]
struct Forecast {
    date: Date,
    due: u64,
}

json_write! { Forecast { date: "date", due: "due" } }

#[derive(Debug)]
struct Week {
    date: Date,
    phases: Phases,
}

json_write! { Week { date: "date", phases: "phases" } }

impl Phases {
    fn count(&mut self, phase: Phase) {
        match phase {
            Phase::Daily => self.daily += 1,
            Phase::Weekly => self.weekly += 1,
            Phase::Biweekly => self.biweekly += 1,
            Phase::Monthly => self.monthly += 1,
        }
    }
}

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    pub(crate) async fn statistics(&self, since: Since) -> Result<Statistics, EngineError> {
        let from = date_from_text(&since.from)
            .ok_or_else(|| EngineError::new("bad_arguments", format!("{} is no date", quoted(&since.from))))?;
        let service = self.service();
        let owner = service.owner().await?;
        let today = service.today(Some(&service.config().time_zone)).await?;
        let cards = service.store().cards(&owner).await?;
        let ids: Vec<VerseId> = cards.iter().map(|card| card.verse_id).collect();
        let events = service.store().events_of(&owner, &ids).await?;
        let days = days_of(&events);
        let mut phases = Phases::default();
        for card in cards.iter().filter(|card| !card.archived) {
            phases.count(card.current_phase);
        }
        let dates: Vec<Date> = days.keys().copied().collect();
        Ok(Statistics {
            reviews: days.values().map(|day| day.reviews).sum(),
            successful: days.values().map(|day| day.successful).sum(),
            best_day_streak: longest_run(&dates),
            calendar: days.iter().filter(|(date, _)| **date >= from).map(|(_, day)| *day).collect(),
            phases,
            archived: cards.iter().filter(|card| card.archived).count() as u64,
            forecast: forecast(&cards, today),
            history: history(&events, today),
        })
    }
}

fn days_of(events: &[StoredEvent]) -> LiteMap<Date, Day> {
    let mut days = LiteMap::new();
    for stored in events {
        if let CardEventKind::Reviewed { was_successful, .. } = stored.event.kind {
            let date = stored.event.local_date;
            let day = days.entry(date).or_insert(Day { date, reviews: 0, successful: 0 });
            day.reviews += 1;
            day.successful += u64::from(was_successful);
        }
    }
    days
}

/// The most days in a row. `dates` rise, each once.
fn longest_run(dates: &[Date]) -> u32 {
    let (mut longest, mut run, mut last) = (0, 0, None::<Date>);
    for date in dates {
        let follows = last.and_then(|last| last.tomorrow().ok()) == Some(*date);
        run = if follows { run + 1 } else { 1 };
        longest = longest.max(run);
        last = Some(*date);
    }
    longest
}

/// What is due on each of the next dates, today first; what is overdue counts today.
fn forecast(cards: &[Card], today: Date) -> Vec<Forecast> {
    let dates = (0..FORECAST_DAYS).filter_map(|days| add_days(today, days));
    let due_on =
        |date: Date| cards.iter().filter(|card| !card.archived && card.next_due_date.max(today) == date).count() as u64;
    dates.map(|date| Forecast { date, due: due_on(date) }).collect()
}

/// Cards by phase at the end of each of the last weeks, oldest first. Events come by card, in the order of the fold.
fn history(events: &[StoredEvent], today: Date) -> Vec<Week> {
    let ends: Vec<Date> = (0..WEEKS).rev().filter_map(|weeks| add_days(today, -7 * weeks)).collect();
    let mut weeks = vec![Phases::default(); ends.len()];
    for events in events.chunk_by(|a, b| a.event.verse_id == b.event.verse_id) {
        let mut events = events.iter().peekable();
        let mut card: Option<Card> = None;
        for (end, phases) in ends.iter().zip(&mut weeks) {
            while let Some(stored) = events.next_if(|stored| stored.event.local_date <= *end) {
                card = Some(fold_step(card, &stored.event));
            }
            if let Some(card) = card.as_ref().filter(|card| !card.archived) {
                phases.count(card.current_phase);
            }
        }
    }
    ends.into_iter().zip(weeks).map(|(end, phases)| Week { date: end, phases }).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_longest_run_of_days_is_found() {
        let days = |days: &[i8]| -> Vec<Date> { days.iter().map(|d| date(2026, 5, *d)).collect() };
        for (dates, longest) in [(&[][..], 0), (&[3], 1), (&[1, 2, 4, 5, 6, 9], 3), (&[1, 3, 5], 1)] {
            assert_eq!(longest_run(&days(dates)), longest, "{dates:?}");
        }
    }
}
