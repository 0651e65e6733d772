//! The feed of changes: pages of a user's history after a cursor, and what happens when the cursor is of another
//! history.

use futures_util::stream::{self, StreamExt};
use verses_core::{Operation, UnixMillis, Verse};
use verses_protocol::{Change, ChangesResponse};

use super::cursor::Cursor;
use super::{Service, ServiceError, invalid_cursor, target};
use crate::storage::{Chain, LedgerPage, Storage, StorageError, UserId};

/// Texts that may not be stored and are fetched anew for one page, at most. The others travel without words.
const MAX_REFETCHED: usize = 20;
/// How many of them at the same time.
const REFETCHED_AT_ONCE: usize = 4;
/// A page ends when its texts have so many bytes, however many changes were asked for.
const MAX_PAGE_TEXT_BYTES: usize = 2 * 1024 * 1024;

impl<S: Storage> Service<S> {
    /// What changed after `cursor` (from the beginning without one), oldest first, at most `limit` changes and never
    /// more than the service's own limit.
    ///
    /// A cursor of another history (another database, or one restored from a backup) is answered with `reset` and the
    /// first page.
    ///
    /// # Errors
    /// [`ServiceError::Request`] for a text that is no cursor; those of the storage.
    pub async fn changes(
        &self,
        user: UserId,
        now: UnixMillis,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<ChangesResponse, ServiceError> {
        let after = cursor.map(Cursor::decode).transpose().map_err(|_| invalid_cursor())?;
        self.changes_after(user, now, after, limit).await
    }

    pub(super) async fn changes_after(
        &self,
        user: UserId,
        now: UnixMillis,
        after: Option<Cursor>,
        limit: Option<u32>,
    ) -> Result<ChangesResponse, ServiceError> {
        let limit = limit.unwrap_or(u32::MAX).clamp(1, self.limits.max_changes.max(1));
        let epoch = self.storage.epoch().await?;
        let (mut reset, mut start) = (false, (0, Chain::default()));
        let mut page = None;
        if let Some(cursor) = after {
            let found = self.storage.ledger_after(user, cursor.seq, limit).await?;
            match chain_of(&cursor, &found).filter(|chain| cursor.epoch == epoch && cursor.proves(chain)) {
                Some(chain) => {
                    start = (cursor.seq, chain);
                    page = Some(found);
                }
                None => reset = true,
            }
        }
        let mut page = match page {
            Some(page) => page,
            None => self.storage.ledger_after(user, 0, limit).await?,
        };
        shorten(&mut page);
        let (seq, chain) = page.entries.last().map_or(start, |last| (last.seq, last.chain));
        let has_more = page.has_more;
        let changes = self.to_changes(page).await?;
        let cursor = Cursor::new(epoch, seq, &chain).encode();
        Ok(ChangesResponse { changes, cursor, has_more, reset, server_time: now })
    }

    async fn to_changes(&self, page: LedgerPage) -> Result<Vec<Change>, ServiceError> {
        let mut changes = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            let operation: Operation = serde_json::from_str(&entry.operation).map_err(|error| {
                let seq = entry.seq;
                StorageError::Failed(format!("operation {seq} of a user's ledger cannot be read: {error}"))
            })?;
            let id = entry.operation_id.into_string();
            changes.push(Change { seq: entry.seq, id, operation, verse: entry.verse });
        }
        let without_words = changes.iter_mut().filter_map(|change| change.verse.as_mut()).filter(|v| v.text.is_empty());
        self.refetch(without_words.take(MAX_REFETCHED)).await;
        Ok(changes)
    }

    /// Fills in texts that the database may not keep. Whoever cannot be asked now leaves the text empty; a lookup
    /// brings it later.
    pub(super) async fn refetch<'a>(&self, verses: impl Iterator<Item = &'a mut Verse>) {
        let fetch = |verse: &'a mut Verse| async move {
            let Some(request) = target::request_of(verse) else { return };
            if let Ok(found) = self.texts.fetch(&request).await {
                verse.text = found.text;
            }
        };
        let futures: Vec<_> = verses.map(fetch).collect();
        stream::iter(futures).buffer_unordered(REFETCHED_AT_ONCE).collect::<()>().await;
    }
}

/// Ends a page early when its texts are long. The first change always fits.
fn shorten(page: &mut LedgerPage) {
    let mut bytes = 0;
    let fits = page.entries.iter().take_while(|entry| {
        bytes += entry.operation.len() + entry.verse.as_ref().map_or(0, |verse| verse.text.len());
        bytes <= MAX_PAGE_TEXT_BYTES
    });
    let fitting = fits.count().max(1);
    if fitting < page.entries.len() {
        page.entries.truncate(fitting);
        page.has_more = true;
    }
}

/// The digest of this server's history at the cursor's position, if its history reaches that far.
fn chain_of(cursor: &Cursor, page: &LedgerPage) -> Option<Chain> {
    if cursor.seq == 0 { Some(Chain::default()) } else { page.chain_at }
}
