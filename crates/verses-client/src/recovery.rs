//! Recovery: when the server has lost what it had accepted (it was restored from a backup, or replaced), it is offered
//! again under the same ids.
//!
//! Usually the cursor shows it, and the feed begins anew: what it does not list is lost. Operations sent one by one, or
//! with a batch whose answer did not reach the end of the feed, are accepted ahead of the cursor, so a history may fit the
//! cursor and still lack them: they are expected in the feed by id.

use batchsync::{EntityKey, FailureReason, OperationStatus, QueueChange, QueuedMeta};
use litemap::LiteMap;
use verses_core::{Operation, is_among, sorted};
use verses_protocol::{Change, ErrorCode};
use verses_store::{
    LocalStore, NewQueuedOperation, PAYLOAD_VERSION, QueuedOperation, StoreChange, StoreError, meta_key,
};

use crate::error::ClientError;
use crate::merge;
use crate::platform::Platform;
use crate::reply::OperationReply;
use crate::service::DataService;
use crate::transport::Transport;
use crate::write::{PROFILE_ENTITY, verse_entity};

/// How often a decision is made anew when another process writes meanwhile.
const MAX_TRIES: u32 = 200;

/// Key of the note that a recovery is under way for an owner: ids that the server is known to have, as
/// far as events do not show it: profile updates it has listed, and what was sent meanwhile.
fn recovery_key(owner: &str) -> String {
    format!("recovery/{owner}")
}

/// Key of the ids that were accepted and that the feed has not listed yet.
fn expected_key(owner: &str) -> String {
    format!("expected/{owner}")
}

/// What the end of the feed has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovered {
    /// So many operations were lost and wait again.
    Offered(u64),
    /// Something was accepted, and the feed does not go on with it: only from its beginning does the feed show whether
    /// the server lost it or has it from before. Offering it at once would be answered "duplicate" for ever in the
    /// second case.
    ReadAgain,
}

/// Whether an operation failed because the server did not know its verse.
fn wants_its_verse(status: &OperationStatus) -> bool {
    let OperationStatus::Failed(failure) = status else { return false };
    failure.reason == FailureReason::RetriesExhausted && failure.code == ErrorCode::UnknownVerse.as_str()
}

/// Whether these writes change rows of the queue beside the engine: it must then read them anew.
pub(crate) fn free_some(writes: &[StoreChange]) -> bool {
    writes.iter().any(|change| matches!(change, StoreChange::Queue(QueueChange::Renew { .. })))
}

fn put_ids(key: String, ids: Vec<String>) -> StoreChange {
    let value = verses_json::to_text(&sorted(ids));
    StoreChange::PutMeta { key, value }
}

impl<S: LocalStore, T: Transport, P: Platform> DataService<S, T, P> {
    async fn ids(&self, key: &str) -> Result<Option<Vec<String>>, ClientError> {
        // A damaged note is as good as an empty one: everything in it is listed or offered again.
        Ok(self.store.meta(key).await?.map(|text| verses_json::read(text.as_bytes()).unwrap_or_default()))
    }

    /// Notes operations that were accepted and that the feed is still to list: those sent one by one, and those of a
    /// batch whose answer did not reach the end of the feed. `writes` are what [`Self::note_page`] gave for the answer.
    pub(crate) async fn note_accepted(
        &self,
        owner: &str,
        results: &[OperationReply],
        listed: &[Change],
        writes: &mut Vec<StoreChange>,
    ) -> Result<(), ClientError> {
        let listed = sorted(listed.iter().map(|c| c.id.as_str()));
        let accepted = results.iter().filter(|r| r.success && listed.binary_search(&r.id.as_str()).is_err());
        let accepted: Vec<String> = accepted.map(|r| r.id.clone()).collect();
        if accepted.is_empty() {
            return Ok(());
        }
        let key = expected_key(owner);
        let about_it = |change: &StoreChange| matches!(change, StoreChange::PutMeta { key: k, .. } | StoreChange::DeleteMeta { key: k } if *k == key);
        let mut expected = match writes.iter().position(about_it).map(|at| writes.remove(at)) {
            Some(StoreChange::PutMeta { value, .. }) => verses_json::read(value.as_bytes()).unwrap_or_default(),
            Some(_) => Vec::new(),
            None => self.ids(&key).await?.unwrap_or_default(),
        };
        expected.extend(accepted);
        writes.push(put_ids(key, expected));
        Ok(())
    }

    /// Notes, beside a page of changes, what it listed, and that a recovery begins or goes on. The last page
    /// that comes with the answer to a batch leaves out what that batch brought: `behind`.
    pub(crate) async fn note_page(
        &self,
        owner: &str,
        reset: bool,
        changes: &[Change],
        behind: &[OperationReply],
    ) -> Result<Vec<StoreChange>, ClientError> {
        let mut writes = Vec::new();
        if let Some(mut expected) = self.ids(&expected_key(owner)).await? {
            expected.retain(|id| changes.iter().all(|c| c.id != *id));
            // After a reset everything not listed is offered again, these among them.
            let key = expected_key(owner);
            let done = reset || expected.is_empty();
            writes.push(if done { StoreChange::DeleteMeta { key } } else { put_ids(key, expected) });
        }
        let noted = self.ids(&recovery_key(owner)).await?;
        if reset || noted.is_some() {
            let mut listed = noted.filter(|_| !reset).unwrap_or_default();
            let updates = changes.iter().filter(|c| matches!(c.operation, Operation::UpdateProfile(_)));
            listed.extend(updates.map(|c| c.id.clone()));
            listed.extend(behind.iter().filter(|r| r.success).map(|r| r.id.clone()));
            writes.push(put_ids(recovery_key(owner), listed));
        }
        let created = changes.iter().filter(|c| matches!(c.operation, Operation::CreateVerse(_)));
        let created = sorted(created.filter_map(|c| c.verse.as_ref().map(|verse| verse_entity(verse.id))));
        writes.extend(self.freed_by(owner, &created).await?);
        Ok(writes)
    }

    /// What failed for want of a verse is tried again once the server has the verse, or is offered it.
    async fn freed_by(&self, owner: &str, created: &[EntityKey]) -> Result<Vec<StoreChange>, ClientError> {
        if created.is_empty() {
            return Ok(Vec::new());
        }
        let mut freed = Vec::new();
        for QueuedOperation { meta, .. } in self.store.queue_of(owner, true, u32::MAX).await? {
            if is_among(created, &meta.entity) && wants_its_verse(&meta.status) {
                let (id, status, ever_sent) = (meta.id.clone(), OperationStatus::Pending, meta.ever_sent);
                freed.push(StoreChange::Queue(QueueChange::SetStatus { id, status, retry_count: 0, ever_sent }));
                let queued_at = self.platform.now_ms();
                freed.push(StoreChange::Queue(QueueChange::Renew { id: meta.id, queued_at }));
            }
        }
        Ok(freed)
    }

    /// After the last page of the feed: queues again what the server has lost.
    pub(crate) async fn finish_recovery(&self, owner: &str) -> Result<Recovered, ClientError> {
        for _ in 0..MAX_TRIES {
            let base = self.store.revision().await?;
            let listed = self.ids(&recovery_key(owner)).await?;
            let expected = self.ids(&expected_key(owner)).await?;
            if listed.is_none() && expected.is_none() {
                return Ok(Recovered::Offered(0));
            }
            let from_start = listed.is_some();
            let lost = self.lost(owner, listed, expected).await?;
            let (mut changes, done) = if from_start || lost.is_empty() {
                let count = lost.len() as u64;
                let mut changes = self.requeue(owner, lost);
                let behind = self.behind_their_creations(owner, &changes).await?;
                changes.extend(behind);
                (changes, Recovered::Offered(count))
            } else {
                (vec![StoreChange::DeleteMeta { key: meta_key::cursor(owner) }], Recovered::ReadAgain)
            };
            changes.push(StoreChange::DeleteMeta { key: recovery_key(owner) });
            changes.push(StoreChange::DeleteMeta { key: expected_key(owner) });
            match self.store.commit(Some(base), changes).await {
                Ok(_) => return Ok(done),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// What waits or has failed about a verse whose creation is offered again goes behind it: it could not be applied
    /// before. What failed for want of it waits again.
    async fn behind_their_creations(
        &self,
        owner: &str,
        offered: &[StoreChange],
    ) -> Result<Vec<StoreChange>, ClientError> {
        let (mut moved, mut created) = (Vec::new(), Vec::new());
        for change in offered {
            let StoreChange::Enqueue(new) = change else { continue };
            let QueuedOperation { meta, data, .. } = &new.operation;
            if matches!(data, Operation::CreateVerse(_)) {
                let waiting = self.store.queued_for_entity(owner, &meta.entity).await?;
                let waiting =
                    waiting.into_iter().filter(|row| !matches!(row.status, OperationStatus::Processing { .. }));
                moved.extend(waiting.map(|row| StoreChange::MoveToEnd { id: row.id }));
                created.push(meta.entity.clone());
            }
        }
        moved.extend(self.freed_by(owner, &sorted(created)).await?);
        Ok(moved)
    }

    /// What the server has lost: after a reset everything it did not list, else what it should have listed.
    async fn lost(
        &self,
        owner: &str,
        listed: Option<Vec<String>>,
        expected: Option<Vec<String>>,
    ) -> Result<Vec<merge::Lost>, ClientError> {
        let waiting = self.store.queue_of(owner, false, u32::MAX).await?;
        let from_start = listed.is_some();
        let known = sorted(waiting.into_iter().map(|o| o.meta.id).chain(listed.unwrap_or_default()));
        let verses: LiteMap<_, _> = self.store.verses(owner).await?.into_iter().map(|v| (v.id, v)).collect();
        let mut lost = merge::lost_events(&self.store.events_without_seq(owner).await?, &verses, &known);
        lost.extend(merge::lost_profile_updates(&self.store.profile(owner).await?, &known));
        if !from_start {
            let expected = sorted(expected.unwrap_or_default());
            lost.retain(|(id, _, _)| is_among(&expected, id));
        }
        Ok(lost)
    }

    fn requeue(&self, owner: &str, lost: Vec<merge::Lost>) -> Vec<StoreChange> {
        let mut creations: LiteMap<String, String> = LiteMap::new();
        let mut changes = Vec::with_capacity(lost.len() + 1);
        for (id, verse_id, operation) in lost {
            let entity = verse_id.map_or_else(|| PROFILE_ENTITY.to_owned(), verse_entity);
            let is_creation = matches!(operation, Operation::CreateVerse(_));
            let depends_on = if is_creation { None } else { creations.get(&entity).cloned() };
            if is_creation {
                creations.entry(entity.clone()).or_insert_with(|| id.clone());
            }
            let bytes = verses_json::to_text(&operation).len();
            let meta = QueuedMeta {
                position: 0,
                id,
                kind: operation.kind().as_str().to_owned(),
                user_id: owner.to_owned(),
                entity,
                depends_on,
                payload_bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
                queued_at: self.platform.now_ms(),
                retry_count: 0,
                // It reached the server once; the server has forgotten.
                ever_sent: true,
                status: OperationStatus::Pending,
            };
            let local_ref = verse_id.map_or_else(|| PROFILE_ENTITY.to_owned(), |v| format!("card/{v}"));
            let row = QueuedOperation { meta, local_ref, payload_version: PAYLOAD_VERSION, data: operation };
            changes.push(StoreChange::Enqueue(Box::new(NewQueuedOperation { operation: row })));
        }
        changes
    }
}
