//! Invariant 6: a card equals the fold of the union of its events. The fold is the oracle's, not the product's.

use std::collections::BTreeMap;

use uuid::Uuid;
use verses_protocol::UserCard;

use super::{Checker, Finding, Seen, wrong_in_general};
use crate::facts::Facts;
use crate::oracle::{self, Expected, Fact};
use crate::world::World;

pub(super) struct Fold;

impl Checker for Fold {
    fn invariant(&self) -> u8 {
        6
    }

    fn see(&mut self, world: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        match seen {
            Seen::Accepted { user, writes } if !writes.cards.is_empty() => {
                let touched = writes.cards.iter().map(UserCard::from).collect::<Vec<_>>();
                let mut relevant = of_verses(facts.ledgers.get(user), &touched);
                relevant.extend(writes.ledger.iter().map(|entry| Fact {
                    id: entry.operation_id.as_str().to_owned(),
                    verse: entry.verse_id.map(|verse| verse.to_string()),
                    operation: serde_json::from_str(&entry.operation).unwrap_or_default(),
                }));
                compare(*user, &touched, &oracle::cards(&relevant))
            }
            Seen::Ended => facts.ledgers.iter().try_for_each(|(user, ledger)| {
                let expected = oracle::cards(ledger);
                let cards = world.cards_of(*user);
                compare(*user, &cards, &expected)?;
                if cards.len() == expected.len() {
                    return Ok(());
                }
                let text = format!("user {user} has {} cards, and events of {}", cards.len(), expected.len());
                Err(wrong_in_general(text))
            }),
            _ => Ok(()),
        }
    }
}

fn of_verses(ledger: Option<&Vec<Fact>>, cards: &[UserCard]) -> Vec<Fact> {
    let verses: Vec<String> = cards.iter().map(|card| card.verse_id.to_string()).collect();
    let about = |fact: &&Fact| fact.verse.as_ref().is_some_and(|verse| verses.contains(verse));
    ledger.into_iter().flatten().filter(about).cloned().collect()
}

fn compare(user: Uuid, cards: &[UserCard], expected: &BTreeMap<String, Expected>) -> Result<(), Finding> {
    for card in cards {
        let is = Expected {
            phase: match card.current_phase {
                verses_core::Phase::Daily => "daily",
                verses_core::Phase::Weekly => "weekly",
                verses_core::Phase::Biweekly => "biweekly",
                verses_core::Phase::Monthly => "monthly",
            },
            progress: i64::from(card.phase_progress_count),
            streak: i64::from(card.current_streak),
            best: i64::from(card.best_streak),
            last_reviewed: card.last_reviewed_at.map(|at| at.0),
            due: oracle::day_number(&card.next_due_date),
            slot: [card.assigned_day_of_week, card.assigned_week_parity, card.assigned_day_of_month]
                .map(|part| part.map(i64::from)),
            archived: card.archived,
        };
        match expected.get(&card.verse_id.to_string()) {
            Some(must_be) if *must_be == is => {}
            must_be => {
                let verse = card.verse_id;
                let text = format!("card {verse} of user {user} is {is:?}; its events say {must_be:?}");
                return Err(wrong_in_general(text));
            }
        }
    }
    Ok(())
}
