//! Invariant 9: progress never counts a failed operation as synced; successful + failed + pending = total.

use std::collections::BTreeMap;

use verses_client::SyncEvent;

use super::{Checker, Finding, Seen, wrong, wrong_in_general};
use crate::facts::{Facts, key_of};
use crate::world::World;

/// By device: how many had left the queue as done when its engine counted from zero.
#[derive(Default)]
pub(super) struct HonestProgress {
    base: BTreeMap<usize, u64>,
}

impl Checker for HonestProgress {
    fn invariant(&self) -> u8 {
        9
    }

    fn see(&mut self, _: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        match seen {
            Seen::Told { device, event: SyncEvent::Progress(progress) } => {
                if progress.successful + progress.failed + progress.pending != progress.total {
                    return Err(wrong_in_general(format!("device {device} counts wrong: {progress:?}")));
                }
                let done = facts.completed.get(device).copied().unwrap_or(0);
                let base = self.base.entry(*device).or_insert(0);
                if progress.successful == 0 {
                    *base = done;
                } else if progress.successful > done - (*base).min(done) && progress.successful > done {
                    let text = format!("device {device} shows {} as synced, {done} were", progress.successful);
                    return Err(wrong_in_general(text));
                }
                Ok(())
            }
            Seen::Synced { device, result } => {
                let summary = result.to_remote.summary;
                let counted = result.to_remote.operations.iter().filter(|o| o.success).count() as u64;
                if summary.successful != counted || summary.successful + summary.failed > summary.total {
                    return Err(wrong_in_general(format!(
                        "device {device} sums up wrong: {summary:?}, {counted} done"
                    )));
                }
                let lied = |o: &&verses_client::BatchOperationResult| {
                    o.success && !facts.accepted.contains_key(&key_of(&o.operation_id))
                };
                match result.to_remote.operations.iter().find(lied) {
                    Some(operation) => {
                        let id = &operation.operation_id;
                        Err(wrong(format!("device {device} tells that {id} is synced; no server accepted it"), id))
                    }
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}
