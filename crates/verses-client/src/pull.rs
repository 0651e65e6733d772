//! Fetching: the feed of changes, page by page. What happens when the server has lost some is in `recovery`.

use verses_core::{UnixMillis, sorted};
use verses_protocol::{CHANGES_PATH, ChangesResponse, ErrorCode, LookupData, OPERATIONS_PATH};
use verses_store::{LocalStore, StoreChange, StoreError, meta_key};

use crate::answer;
use crate::clock;
use crate::error::ClientError;
use crate::merge::Merge;
use crate::observe::SyncEvent;
use crate::platform::Platform;
use crate::recovery::{self, Recovered};
use crate::results::PullResult;
use crate::service::DataService;
use crate::sync::SyncEngine;
use crate::transport::{Method, Request, Response, Transport};
use crate::wire;
use crate::write::stamp_of;

/// How often taking over a page is decided anew when another process writes meanwhile.
const MAX_TRIES: u32 = 200;

impl<S: LocalStore, T: Transport, P: Platform> DataService<S, T, P> {
    /// Where the owner's pulling stands.
    pub(crate) async fn cursor(&self, owner: &str) -> Result<Option<String>, ClientError> {
        Ok(self.store.meta(&meta_key::cursor(owner)).await?)
    }

    /// Starts the feed from the beginning: what is there already is taken over again without effect.
    pub(crate) async fn forget_cursor(&self, owner: &str) -> Result<(), ClientError> {
        self.store.commit(None, vec![StoreChange::DeleteMeta { key: meta_key::cursor(owner) }]).await?;
        Ok(())
    }

    /// What follows from an answer for the stamps to come: the latest that a server took as it was is remembered; and when
    /// it corrected some, the stamp that the next one must exceed goes back, but not before that one, nor before those
    /// that still wait, whoever's they are: a guest's become those of the next account.
    pub(crate) async fn last_stamps(
        &self,
        done: &[&str],
        taken: Option<UnixMillis>,
        corrected: Option<UnixMillis>,
    ) -> Result<Vec<StoreChange>, ClientError> {
        let known = self.store.meta(meta_key::LAST_TAKEN_AT).await?.and_then(|text| text.parse().ok()).map(UnixMillis);
        let put = |key: &str, at: UnixMillis| StoreChange::PutMeta { key: key.into(), value: at.0.to_string() };
        let mut writes = Vec::new();
        let latest_taken = taken.max(known);
        if let Some(at) = latest_taken.filter(|_| taken > known) {
            writes.push(put(meta_key::LAST_TAKEN_AT, at));
        }
        if let Some(corrected) = corrected {
            let metas = self.store.queue_metas(None, u32::MAX).await?;
            let owners = sorted(metas.into_iter().map(|meta| meta.user_id));
            let mut waiting = Vec::new();
            for owner in owners {
                waiting.extend(self.store.queue_of(&owner, false, u32::MAX).await?);
            }
            let others = waiting.iter().filter(|row| done.iter().all(|id| *id != row.meta.id));
            let latest = others.filter_map(|row| stamp_of(&row.data)).max().max(latest_taken);
            writes.push(put(meta_key::LAST_OCCURRED_AT, latest.map_or(corrected, |at| at.max(corrected))));
        }
        Ok(writes)
    }

    /// Asks the server for a passage's text.
    ///
    /// # Errors
    /// Errors of the network; [`ClientError::SignInNeeded`].
    pub async fn lookup_remote(&self, reference: &str, translation: Option<&str>) -> Result<LookupData, ClientError> {
        let body = Some(verses_json::to_bytes(&wire::Lookup { reference, translation }));
        let response = self.call(Method::Post, OPERATIONS_PATH.into(), body, None).await?;
        answer::read(&response)
    }

    /// One request with the session's token; a refused token is renewed once. With `only_as`, nothing is asked under
    /// another account: another process may change it at any time.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: String,
        body: Option<Vec<u8>>,
        only_as: Option<&str>,
    ) -> Result<Response, ClientError> {
        let session = self.fresh_session().await?;
        if only_as.is_some_and(|owner| owner != session.user_id) {
            return Err(ClientError::SignInNeeded);
        }
        let request =
            |token: &str| Request { method, path: path.clone(), bearer: Some(token.to_owned()), body: body.clone() };
        let response = self.transport.send(request(&session.access_token), None).await?;
        if response.status != 401 || !answer::is_json(&response) {
            return Ok(response);
        }
        let renewed = self.refresh(session).await?;
        let response = self.transport.send(request(&renewed.access_token), None).await?;
        if response.status == 401 && answer::is_json(&response) { Err(ClientError::SignInNeeded) } else { Ok(response) }
    }
}

impl<S: LocalStore, T: Transport, P: Platform> SyncEngine<S, T, P> {
    /// Fetches everything that changed since the last time. The source's `syncFromRemote`.
    ///
    /// # Errors
    /// Errors of the network and the store; [`ClientError::SignInNeeded`]. Pages taken over before stay taken over.
    pub async fn sync_from_remote(&mut self) -> Result<PullResult, ClientError> {
        let session = self.service.fresh_session().await?;
        let owner = session.user_id;
        let mut result = PullResult::default();
        loop {
            self.pull_to_the_end(&owner, &mut result).await?;
            if let Recovered::Offered(count) = self.service.finish_recovery(&owner).await? {
                result.offered_again = count;
                // Rows may have changed places.
                self.stale |= count > 0;
                return Ok(result);
            }
        }
    }

    async fn pull_to_the_end(&mut self, owner: &str, result: &mut PullResult) -> Result<(), ClientError> {
        let mut began_anew = false;
        loop {
            let cursor = self.service.cursor(owner).await?;
            let limit = self.service.config.changes_per_page;
            let path = match &cursor {
                Some(cursor) => format!("{CHANGES_PATH}?limit={limit}&cursor={cursor}"),
                None => format!("{CHANGES_PATH}?limit={limit}"),
            };
            self.pace().await;
            let sent_at = self.now();
            let response = self.service.call(Method::Get, path, None, Some(owner)).await?;
            let page: ChangesResponse = match answer::read(&response) {
                Err(ClientError::Server { code, .. })
                    if cursor.is_some() && !began_anew && code == ErrorCode::InvalidCursor.as_str() =>
                {
                    // Once: servers that do not take each other's cursors would keep it from sending for ever.
                    began_anew = true;
                    self.service.forget_cursor(owner).await?;
                    continue;
                }
                read => read?,
            };
            if page.has_more && page.changes.is_empty() && cursor.as_ref() == Some(&page.cursor) {
                return Err(ClientError::NotTheServer { what: "a feed that does not go on".into() });
            }
            let clock = self.clock_offset(page.server_time.0, sent_at, self.now());
            if !self.take_page(owner, &page, cursor.as_deref(), clock).await? {
                continue;
            }
            result.pages += 1;
            result.changes += page.changes.len() as u64;
            result.was_reset |= page.reset;
            self.tell(&SyncEvent::Pulled { changes: page.changes.len() });
            // Without a cursor the feed must be read again, once.
            if !page.has_more && self.service.cursor(owner).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Takes over a page that was asked for behind the cursor `asked`. `false`: pulling stands elsewhere by now, and the page
    /// does not go on from there.
    async fn take_page(
        &mut self,
        owner: &str,
        page: &ChangesResponse,
        asked: Option<&str>,
        clock: Option<i64>,
    ) -> Result<bool, ClientError> {
        let before = std::mem::replace(&mut self.stale, true);
        let listed = self.settle_listed(&page.changes);
        for _ in 0..MAX_TRIES {
            let base = self.service.store.revision().await?;
            // Whoever signed out meanwhile may have had everything removed from this device: it must not come back.
            if self.service.owner().await? != owner {
                return Err(ClientError::SignInNeeded);
            }
            if self.service.cursor(owner).await?.as_deref() != asked {
                return Ok(false);
            }
            let mut merge = Merge::new(&self.service.store, owner);
            // From the beginning, for whatever reason: what the feed does not list is lost.
            let starts_over = page.reset || asked.is_none();
            if starts_over {
                merge.reset();
            }
            merge.changes(&page.changes).await?;
            merge.cursor(&page.cursor);
            let mut changes = merge.finish().await?;
            let noted = self.service.note_page(owner, starts_over, &page.changes, &[]).await?;
            let frees = recovery::free_some(&noted);
            changes.extend(noted);
            changes.extend(clock.map(clock::offset_change));
            changes.extend(listed.changes.iter().cloned().map(StoreChange::Queue));
            match self.service.store.commit(Some(base), changes).await {
                Ok(committed) => {
                    self.saw(base, committed.revision);
                    self.stale = before || frees;
                    self.record(&listed, &[]);
                    return Ok(true);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy("another process keeps writing".into()).into())
    }
}
