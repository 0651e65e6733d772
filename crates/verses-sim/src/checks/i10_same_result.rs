//! Invariant 10: batch, individual and mixed delivery of the same operations end in the same state. What took effect is
//! what was made; and the accepted operations, delivered again one by one and in batches to empty servers, give the cards
//! that the mixed delivery of the run gave.

use serde_json::Value;
use uuid::Uuid;
use verses_core::Operation;
use verses_protocol::{BatchOperation, BatchRequest, BatchTag, UserCard};
use verses_server::service::Service;
use verses_server::storage::memory::MemoryStorage;

use super::{Checker, Finding, Seen, at_once, wrong, wrong_in_general};
use crate::facts::{Facts, key_of};
use crate::oracle::Fact;
use crate::world::{World, lock};

/// Delivering everything twice more takes time: one run in so many does it.
const ONE_RUN_IN: u64 = 16;

pub(super) struct SameResult;

impl Checker for SameResult {
    fn invariant(&self) -> u8 {
        10
    }

    fn see(&mut self, world: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        match seen {
            Seen::Accepted { user, writes } if !world.is_attacker(*user) => {
                writes.ledger.iter().try_for_each(|entry| {
                    let id = entry.operation_id.as_str();
                    let Some(made) = facts.made.get(&key_of(id)) else { return Ok(()) };
                    if made.disturbed && matches!(made.operation, Operation::UpdateProfile(_)) {
                        // Offered again after a restore: without the fields that later updates have set.
                        return Ok(());
                    }
                    let accepted = serde_json::from_str::<Value>(&entry.operation).unwrap_or_default();
                    same_content(id, &made.operation, accepted)
                })
            }
            Seen::Ended if world.params.seed.is_multiple_of(ONE_RUN_IN) => {
                facts.ledgers.iter().try_for_each(|(user, ledger)| delivered_again(world, *user, ledger))
            }
            _ => Ok(()),
        }
    }
}

/// The server may correct when, and how a passage is written; nothing else.
fn same_content(id: &str, made: &Operation, mut accepted: Value) -> Result<(), Finding> {
    let mut made = serde_json::to_value(made).unwrap_or_default();
    for side in [&mut made, &mut accepted] {
        if let Some(data) = side["data"].as_object_mut() {
            for corrected in ["occurredAt", "localDate", "reference", "translation", "text", "fullName"] {
                data.remove(corrected);
            }
        }
    }
    if made == accepted {
        return Ok(());
    }
    Err(wrong(format!("{id} was made as {made} and took effect as {accepted}"), id))
}

fn delivered_again(world: &World, user: Uuid, ledger: &[Fact]) -> Result<(), Finding> {
    let mixed = world.cards_of(user);
    let one_by_one = delivered(world, user, ledger, 1);
    let in_batches = delivered(world, user, ledger, 7);
    if one_by_one != in_batches {
        return Err(wrong_in_general(format!("one by one: {one_by_one:?}; in batches: {in_batches:?}")));
    }
    if one_by_one != mixed {
        return Err(wrong_in_general(format!("delivered again: {one_by_one:?}; in the run: {mixed:?}")));
    }
    Ok(())
}

fn delivered(world: &World, user: Uuid, ledger: &[Fact], at_once_so_many: usize) -> Vec<UserCard> {
    let storage = MemoryStorage::with_epoch(Uuid::from_u128(2));
    let (texts, limits) = lock(&world.server).texts_and_limits();
    let service = Service::new(storage, texts, limits);
    for (number, facts) in ledger.chunks(at_once_so_many).enumerate() {
        let operation = |fact: &Fact| BatchOperation {
            id: fact.id.clone(),
            kind: fact.operation["type"].as_str().unwrap_or_default().to_owned(),
            data: fact.operation["data"].clone(),
        };
        let request = BatchRequest {
            operation: BatchTag::Batch,
            batch_id: number.to_string(),
            operations: facts.iter().map(operation).collect(),
            cursor: None,
            pull: false,
        };
        // What is refused shows as a difference.
        drop(at_once(service.batch(user, world.now(), request)));
    }
    at_once(service.export(user, world.now())).map(|export| export.cards).unwrap_or_default()
}
