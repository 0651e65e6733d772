//! Invariant 7: no operation travels under another account's token; no user reads or changes another's rows, whatever
//! ids they send.

use serde::Deserialize;

use super::{Checker, Finding, Seen, wrong, wrong_in_general};
use crate::facts::{Facts, key_of};
use crate::world::World;

pub(super) struct OwnAccount;

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    id: String,
    #[serde(default)]
    operations: Vec<Named>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    changes: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: String,
}

impl Checker for OwnAccount {
    fn invariant(&self) -> u8 {
        7
    }

    fn see(&mut self, world: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        match seen {
            Seen::Arrived { device, user, body, .. } if *device < world.devices.len() && !body.is_empty() => {
                let Ok(sent) = serde_json::from_slice::<Sent>(body) else { return Ok(()) };
                let named = sent.operations.into_iter().map(|named| named.id).chain([sent.id]);
                for id in named {
                    let made = facts.made.get(&key_of(&id));
                    if let Some(made) = made.filter(|made| made.owner != user.to_string()) {
                        let owner = &made.owner;
                        return Err(wrong(format!("{id} of {owner} travelled under the token of {user}"), &id));
                    }
                }
                Ok(())
            }
            Seen::Attacked { attacker, status, body } if *status < 300 => {
                let Ok(listed) = serde_json::from_slice::<Listed>(body) else { return Ok(()) };
                let foreign = |named: &&Named| !facts.in_ledger.contains(&(*attacker, key_of(&named.id)));
                match listed.changes.iter().find(foreign) {
                    Some(named) => Err(wrong(format!("{attacker} was shown {} of another user", named.id), &named.id)),
                    None => Ok(()),
                }
            }
            Seen::Ended => everybody_has_their_own(world, facts),
            _ => Ok(()),
        }
    }
}

fn everybody_has_their_own(world: &World, facts: &Facts) -> Result<(), Finding> {
    for (user, ledger) in &facts.ledgers {
        if world.is_attacker(*user) {
            continue;
        }
        for fact in ledger {
            let made = facts.made.get(&key_of(&fact.id));
            if let Some(made) = made.filter(|made| made.owner != user.to_string()) {
                let text = format!("{} of {} took effect for {user}", fact.id, made.owner);
                return Err(wrong(text, &fact.id));
            }
        }
        let strange = world.cards_of(*user).into_iter().find(|card| {
            let verse = card.verse_id.to_string();
            ledger.iter().all(|fact| fact.verse.as_deref() != Some(verse.as_str()))
        });
        if let Some(card) = strange {
            return Err(wrong_in_general(format!("{user} has card {}, made by nobody's operation", card.verse_id)));
        }
    }
    Ok(())
}
