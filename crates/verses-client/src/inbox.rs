//! The inbox: failed operations are sent again, edited or given up. What follows is decided by the engine; it is loaded
//! for the purpose, so this works beside a process that is syncing.

use std::collections::BTreeMap;

use batchsync::{ChildPolicy, Engine, Explanation, OperationStatus};
use verses_core::Operation;
use verses_store::{LocalStore, StoreChange, StoreError};

use crate::error::ClientError;
use crate::merge;
use crate::platform::Platform;
use crate::service::DataService;
use crate::session::Session;
use crate::transport::Transport;

/// How often a decision is made anew when another process writes meanwhile.
const MAX_TRIES: u32 = 50;

impl<S: LocalStore, T: Transport, P: Platform> DataService<S, T, P> {
    /// An engine with these settings that knows nothing yet.
    pub(crate) fn empty_engine(&self) -> Result<Engine, ClientError> {
        Engine::new(self.config.batch.clone(), self.platform.random())
            .map_err(|e| ClientError::Unreadable { what: "the batch settings".into(), reason: e.to_string() })
    }

    /// An engine that knows the whole queue. What it would do with rows left behind by a process that ended is not
    /// persisted here: that is for the one who syncs.
    pub(crate) async fn engine(&self) -> Result<Engine, ClientError> {
        let mut engine = self.empty_engine()?;
        let rows = self.store.queue_metas(None, u32::MAX).await?;
        drop(engine.load(self.platform.now_ms(), rows));
        Ok(engine)
    }

    /// Lets failed operations wait to be sent again, with those they blocked. Gives how many of `ids` it was done for.
    ///
    /// # Errors
    /// [`ClientError::UnknownOperation`]; errors of the store.
    pub async fn retry_failed(&self, ids: &[String]) -> Result<usize, ClientError> {
        for _ in 0..MAX_TRIES {
            let base = self.store.revision().await?;
            let mut engine = self.engine().await?;
            let now = self.platform.now_ms();
            let mut changes = Vec::new();
            let mut retried = 0;
            for id in ids {
                let known = engine.operation(id).ok_or_else(|| ClientError::UnknownOperation { id: id.clone() })?;
                if matches!(known.status, OperationStatus::Failed(_)) {
                    let settlement =
                        engine.retry(now, id).map_err(|e| ClientError::NotNow { reason: e.to_string() })?;
                    changes.extend(settlement.changes.into_iter().map(StoreChange::Queue));
                    retried += 1;
                }
            }
            match self.store.commit(Some(base), changes).await {
                Ok(_) => return Ok(retried),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Gives operations up: they leave the queue, and their effect on this device is undone. So do the operations that
    /// depend on them. An operation that may have reached the server is not undone there.
    ///
    /// # Errors
    /// As [`Self::retry_failed`].
    pub async fn discard(&self, ids: &[String]) -> Result<usize, ClientError> {
        let mut discarded = 0;
        for id in ids {
            discarded += self.discard_one(id).await?;
        }
        Ok(discarded)
    }

    async fn discard_one(&self, id: &str) -> Result<usize, ClientError> {
        for _ in 0..MAX_TRIES {
            let base = self.store.revision().await?;
            let mut engine = self.engine().await?;
            if engine.operation(id).is_none() {
                return Err(ClientError::UnknownOperation { id: id.to_owned() });
            }
            let mut all = engine.dependants(id);
            all.push(id.to_owned());
            let rows = self.store.queued(&all).await?;
            let settlement = engine
                .discard(self.platform.now_ms(), id, ChildPolicy::Cascade)
                .map_err(|e| ClientError::NotNow { reason: e.to_string() })?;
            let mut changes: Vec<StoreChange> = settlement.changes.into_iter().map(StoreChange::Queue).collect();
            changes.extend(merge::undo(&self.store, &rows).await?);
            match self.store.commit(Some(base), changes).await {
                Ok(_) => return Ok(rows.len()),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Supplies the user's own text to a creation that failed for want of one, on this device and in the queue.
    ///
    /// # Errors
    /// [`ClientError::UnknownOperation`] when it is no failed creation; errors of the store.
    pub async fn supply_text(&self, id: &str, text: &str) -> Result<(), ClientError> {
        let unknown = || ClientError::UnknownOperation { id: id.to_owned() };
        let row = self.store.queued(&[id.to_owned()]).await?.pop().ok_or_else(unknown)?;
        let (Operation::CreateVerse(create), OperationStatus::Failed(_)) = (&row.data, &row.meta.status) else {
            return Err(unknown());
        };
        let mut create = create.clone();
        create.text = Some(text.to_owned());
        let data = Operation::CreateVerse(create);
        let payload_bytes = serde_json::to_vec(&data).map_or(0, |b| u32::try_from(b.len()).unwrap_or(u32::MAX));
        let mut changes = vec![StoreChange::ReplacePayload { id: id.to_owned(), data: Box::new(data), payload_bytes }];
        if let Some(verse_id) = crate::write::verse_of_entity(&row.meta.entity)
            && let Some(mut verse) = self.store.verse(&row.meta.user_id, verse_id).await?
        {
            verse.text = text.to_owned();
            verse.updated_at = self.corrected_now().await?;
            changes.push(StoreChange::PutVerse { owner: row.meta.user_id.clone(), verse });
        }
        self.store.commit(None, changes).await?;
        Ok(())
    }

    /// Why each operation of the queue is not done yet, by id.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn explain_queue(&self) -> Result<BTreeMap<String, Explanation>, ClientError> {
        let mut engine = self.engine().await?;
        let now = self.platform.now_ms();
        let session = self.session().await?.filter(Session::is_usable);
        drop(engine.set_session(now, session.map(|s| batchsync::Session { owner: s.user_id })));
        let rows = self.store.queue_metas(None, u32::MAX).await?;
        let explained = rows.into_iter().filter_map(|row| Some((row.id.clone(), engine.explain(now, &row.id)?)));
        Ok(explained.collect())
    }
}
