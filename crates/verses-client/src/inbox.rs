//! The inbox: failed operations are sent again, edited or given up. What follows is decided by the engine; it is loaded
//! for the purpose, so this works beside a process that is syncing.

use batchsync::{ChildPolicy, CommandError, Engine, Explanation, FailureReason, OperationStatus};
use litemap::LiteMap;
use verses_core::{CardEventKind, Operation, OperationKind, sorted};
use verses_store::{LocalStore, QueuedOperation, StoreChange, StoreError};

use crate::error::ClientError;
use crate::merge;
use crate::platform::Platform;
use crate::service::DataService;
use crate::session::Session;
use crate::sync::load_pages;
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
        load_pages(&self.store, &mut engine, self.platform.now_ms()).await?;
        Ok(engine)
    }

    /// Lets failed operations wait to be sent again, with those they blocked. Gives how many of `ids` it was done for;
    /// one that was freed together with its parent is not counted.
    ///
    /// # Errors
    /// [`ClientError::UnknownOperation`]; [`ClientError::NotNow`] for one that waits for a failed one which is not among
    /// `ids`; errors of the store. Nothing is changed then.
    pub async fn retry_failed(&self, ids: &[String]) -> Result<usize, ClientError> {
        for _ in 0..MAX_TRIES {
            let base = self.store.revision().await?;
            let mut engine = self.engine().await?;
            let now = self.platform.now_ms();
            let mut changes = Vec::new();
            let mut retried = 0;
            for id in in_queue_order(&engine, ids)? {
                let failed = engine.operation(id).is_some_and(|o| matches!(o.status, OperationStatus::Failed(_)));
                if failed {
                    let settlement = engine.retry(now, id).map_err(not_now)?;
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
    /// depend on them. An operation that may have reached the server is not undone there: if it had, it comes back with
    /// the next fetch. A field of the profile shows the server's value again once that is fetched. Gives how many went.
    ///
    /// # Errors
    /// [`ClientError::UnknownOperation`]; [`ClientError::NotNow`] for one that is being sent; errors of the store.
    /// Nothing is changed then.
    pub async fn discard(&self, ids: &[String]) -> Result<usize, ClientError> {
        for _ in 0..MAX_TRIES {
            let base = self.store.revision().await?;
            let mut engine = self.engine().await?;
            let now = self.platform.now_ms();
            let with_homeless = self.with_homeless(&engine, ids).await?;
            let ordered = in_queue_order(&engine, &with_homeless)?;
            let mut all: Vec<String> = Vec::new();
            for id in &ordered {
                all.extend(engine.dependants(id));
                all.push((*id).to_owned());
            }
            let rows = self.store.queued(&sorted(all)).await?;
            self.check_not_in_flight(&rows, now)?;
            let mut changes = Vec::new();
            for id in ordered {
                // One that depends on another of them has gone with it.
                if engine.operation(id).is_some() {
                    let settlement = engine.discard(now, id, ChildPolicy::Cascade).map_err(not_now)?;
                    changes.extend(settlement.changes.into_iter().map(StoreChange::Queue));
                }
            }
            changes.extend(merge::undo(&self.store, &rows).await?);
            match self.store.commit(Some(base), changes).await {
                Ok(_) => return Ok(rows.len()),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The ids, and the operations about cards that would be left without a creation: they could never be applied.
    async fn with_homeless(&self, engine: &Engine, ids: &[String]) -> Result<Vec<String>, ClientError> {
        let mut all = ids.to_vec();
        for id in ids {
            let Some(known) = engine.operation(id).filter(|o| o.kind == OperationKind::CreateVerse.as_str()) else {
                continue;
            };
            let Some(verse_id) = crate::write::verse_of_entity(&known.entity) else { continue };
            let events = self.store.events(&known.user_id, verse_id).await?;
            let created = events.iter().any(|s| {
                let stays = s.seq.is_some() || ids.iter().all(|id| id != s.event.operation_id.as_str());
                stays && s.event.kind == CardEventKind::Created
            });
            if !created {
                let about_it = self.store.queued_for_entity(&known.user_id, &known.entity).await?;
                all.extend(about_it.into_iter().map(|m| m.id).filter(|id| engine.operation(id).is_some()));
            }
        }
        Ok(all)
    }

    /// A request that is under way may bring back what is discarded meanwhile: its answer must come first.
    fn check_not_in_flight(&self, rows: &[QueuedOperation], now: i64) -> Result<(), ClientError> {
        let longest = now.saturating_add(self.config.batch.lease_ms);
        for row in rows {
            if let OperationStatus::Processing { lease_until, .. } = &row.meta.status
                // A lease beyond the longest is from before the clock was set back: it is over.
                && (now..=longest).contains(lease_until)
            {
                let seconds = (lease_until - now) / 1_000 + 1;
                let reason = format!(
                    "operation {} is being sent: try again when that is done. If a sync was interrupted, sync again first, or wait {seconds} s",
                    row.meta.id
                );
                return Err(ClientError::NotNow { reason });
            }
        }
        Ok(())
    }

    /// Supplies the user's own text to a creation that failed for want of one, on this device and in the queue. It
    /// stays failed: [`Self::retry_failed`] sends it.
    ///
    /// # Errors
    /// [`ClientError::UnknownOperation`] when it is no failed creation; [`ClientError::NotNow`] when the server may hold
    /// it without the text; errors of the store.
    pub async fn supply_text(&self, id: &str, text: &str) -> Result<(), ClientError> {
        for _ in 0..MAX_TRIES {
            let base = self.store.revision().await?;
            let changes = self.with_text(id, text).await?;
            match self.store.commit(Some(base), changes).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn with_text(&self, id: &str, text: &str) -> Result<Vec<StoreChange>, ClientError> {
        let unknown = || ClientError::UnknownOperation { id: id.to_owned() };
        let row = self.store.queued(&[id.to_owned()]).await?.pop().ok_or_else(unknown)?;
        let (Operation::CreateVerse(create), OperationStatus::Failed(failure)) = (&row.data, &row.meta.status) else {
            return Err(unknown());
        };
        // Only what the server examined and refused, or never had, may change under the same id.
        let refused =
            matches!(failure.reason, FailureReason::Rejected | FailureReason::Forbidden | FailureReason::TooLarge);
        if row.meta.ever_sent && !refused {
            let reason = format!(
                "operation {id} may have reached the server as it was: retry it as it is, or discard it and add the verse again"
            );
            return Err(ClientError::NotNow { reason });
        }
        let mut create = create.clone();
        create.text = Some(text.to_owned());
        let data = Operation::CreateVerse(create);
        let payload_bytes = u32::try_from(verses_json::to_text(&data).len()).unwrap_or(u32::MAX);
        let mut changes = vec![StoreChange::ReplacePayload { id: id.to_owned(), data: Box::new(data), payload_bytes }];
        if let Some(verse_id) = crate::write::verse_of_entity(&row.meta.entity)
            && let Some(mut verse) = self.store.verse(&row.meta.user_id, verse_id).await?
        {
            verse.text = text.to_owned();
            verse.updated_at = self.corrected_now().await?;
            changes.push(StoreChange::PutVerse { owner: row.meta.user_id.clone(), verse });
        }
        Ok(changes)
    }

    /// Why operations of the queue are not done yet, in the order asked for; `None` for ids that are not queued.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn explain_queue(&self, ids: &[String]) -> Result<Vec<Option<Explanation>>, ClientError> {
        let mut engine = self.engine().await?;
        let now = self.platform.now_ms();
        let session = self.session().await?.filter(Session::is_usable);
        drop(engine.set_session(now, session.map(|s| batchsync::Session { owner: s.user_id })));
        Ok(ids.iter().map(|id| engine.explain(now, id)).collect())
    }
}

/// The ids by position, each once, so that parents come before what depends on them.
fn in_queue_order<'a>(engine: &Engine, ids: &'a [String]) -> Result<Vec<&'a str>, ClientError> {
    let mut positions: LiteMap<_, _> = LiteMap::new();
    for id in ids {
        let known = engine.operation(id).ok_or_else(|| ClientError::UnknownOperation { id: id.clone() })?;
        positions.insert(known.position, id.as_str());
    }
    Ok(positions.into_iter().map(|(_, id)| id).collect())
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn not_now(error: CommandError) -> ClientError {
    ClientError::NotNow { reason: error.to_string() }
}
