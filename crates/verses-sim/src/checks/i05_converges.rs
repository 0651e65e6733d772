//! Invariant 5: after faults stop, every queue drains within a bounded time, and all devices of a user show the same cards
//! as the server.

use batchsync::{Failure, FailureReason, OperationStatus};
use verses_protocol::UserCard;
use verses_store::LocalStore;

use super::{Checker, Finding, Seen, at_once, wrong, wrong_in_general};
use crate::facts::Facts;
use crate::world::accounts::user_id;
use crate::world::{World, lock};

pub(super) struct Converges;

impl Checker for Converges {
    fn invariant(&self) -> u8 {
        5
    }

    fn see(&mut self, world: &World, _: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        match seen {
            Seen::Settled => (0..world.devices.len()).try_for_each(|device| drained(world, device)),
            Seen::Ended => {
                for device in 0..world.devices.len() {
                    nothing_waits(world, device)?;
                    same_as_the_server(world, device)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The app has been open all the time: what its user may send is sent.
fn drained(world: &World, device: usize) -> Result<(), Finding> {
    let store = world.devices[device].rows();
    let Some(owner) = world.sending_as(device) else { return Ok(()) };
    let waiting = at_once(store.queue_of(&owner, false, u32::MAX)).unwrap_or_default();
    match waiting.iter().find(|row| !matches!(row.meta.status, OperationStatus::Failed(_))) {
        Some(row) => {
            let id = &row.meta.id;
            Err(wrong(format!("device {device}, open and online, has not sent {id} in the time it may take"), id))
        }
        None => Ok(()),
    }
}

/// Everybody has been asked to sync: what is left in a queue has failed, and says why.
fn nothing_waits(world: &World, device: usize) -> Result<(), Finding> {
    let store = world.devices[device].rows();
    for meta in at_once(store.queue_metas(None, u32::MAX)).unwrap_or_default() {
        let id = &meta.id;
        match &meta.status {
            OperationStatus::Failed(failure) if failure.code == "operation_id_reused" => {
                return Err(wrong(
                    format!("{id} on device {device} met another operation with its id: {}", failure.message),
                    id,
                ));
            }
            // It was retried after the faults were over.
            OperationStatus::Failed(Failure {
                reason: FailureReason::Expired | FailureReason::RetriesExhausted,
                ..
            }) => {
                return Err(wrong(
                    format!("{id} on device {device} was retried and failed for its age all the same"),
                    id,
                ));
            }
            OperationStatus::Failed(failure) if !failure.message.is_empty() => {}
            OperationStatus::Failed(_) => {
                return Err(wrong(format!("{id} failed on device {device} without a reason"), id));
            }
            other => {
                let text = format!("{id} of {} still waits on device {device}: {other:?}", meta.user_id);
                return Err(wrong(text, id));
            }
        }
    }
    Ok(())
}

fn same_as_the_server(world: &World, device: usize) -> Result<(), Finding> {
    let Some(user) = lock(&world.devices[device].state).belongs_to else {
        return Err(wrong_in_general(format!("device {device} could not sign in although faults are over")));
    };
    let user = user_id(user);
    let there = world.cards_of(user);
    let store = world.devices[device].rows();
    let owner = user.to_string();
    let waiting = at_once(store.queue_metas(None, u32::MAX)).unwrap_or_default();
    let here: Vec<UserCard> = at_once(store.cards(&owner)).unwrap_or_default().iter().map(UserCard::from).collect();
    // Failed operations stay in effect on the device that has them, until their user decides.
    let own = |card: &UserCard| waiting.iter().any(|meta| meta.entity == format!("verse/{}", card.verse_id));
    for card in there.iter().filter(|card| !own(card)) {
        match here.iter().find(|mine| mine.verse_id == card.verse_id) {
            Some(mine) if mine == card => {}
            mine => {
                let text = format!("device {device} and the server differ: {mine:?} here, {card:?} there");
                return Err(wrong_in_general(text));
            }
        }
    }
    match here.iter().find(|card| !own(card) && there.iter().all(|other| other.verse_id != card.verse_id)) {
        Some(card) => Err(wrong_in_general(format!("device {device} shows {card:?}, which the server has not"))),
        None => Ok(()),
    }
}
