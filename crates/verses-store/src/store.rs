//! The `LocalStore` trait: what the client needs of a local database. Deciding what to write is the client's work.

use std::future::Future;

use batchsync::{JournalEntry, OperationId as QueueId, QueuePosition, QueuedMeta};
use jiff::civil::Date;
use verses_core::{Card, CardEvent, Phase, Profile, UnixMillis, Verse, VerseId};

use crate::{MaybeSend, MaybeSendSync, Owner, QueuedOperation, StoreChange, StoreError};

/// Counts every committed transaction of a store, of whatever process. Reads are consistent with the revision they name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Revision(pub u64);

/// How many verses [`LocalStore::unverified_verses`] is asked for when nothing else is wanted.
pub const DEFAULT_UNVERIFIED_LIMIT: u32 = 50;

/// What a committed transaction gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// The store's revision after it.
    pub revision: Revision,
    /// Positions of the operations enqueued, in the order of their changes.
    pub positions: Vec<QueuePosition>,
}

/// Counts of one owner's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueTotals {
    /// Waiting or on the way.
    pub waiting: u64,
    /// In the inbox.
    pub failed: u64,
    /// Payload bytes of all of them.
    pub bytes: u64,
    /// When the first waiting one, by position, was queued, milliseconds since the epoch.
    pub oldest_queued_at: Option<i64>,
}

/// An event with its place in the server's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The event.
    pub event: CardEvent,
    /// `None` until the server has it.
    pub seq: Option<u64>,
}

/// Counts of one owner's cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CardCounts {
    /// All of them, archived ones too.
    pub all: u64,
    /// Not archived, and due on the date asked about or before.
    pub due: u64,
    /// The first date after it on which cards are due, and how many.
    pub next: Option<(Date, u64)>,
}

impl CardCounts {
    /// Counts these cards.
    pub fn of<'a>(cards: impl IntoIterator<Item = &'a Card>, today: Date) -> Self {
        let mut counts = Self::default();
        for card in cards {
            counts.all += 1;
            if card.archived {
                continue;
            }
            let due = card.next_due_date;
            counts.due += u64::from(due <= today);
            counts.next = match counts.next {
                next if due <= today => next,
                Some((date, count)) if date == due => Some((date, count + 1)),
                Some((date, count)) if date < due => Some((date, count)),
                _ => Some((due, 1)),
            };
        }
        counts
    }
}

/// Reviews by day, as far as they lead up to a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReviewDays {
    /// Reviews with that date.
    pub of_today: u64,
    /// Days in a row with a review, the last of them that date or the one before.
    pub in_a_row: u32,
}

impl ReviewDays {
    /// Counts the dates of these reviews, in whatever order.
    #[must_use]
    pub fn of(mut dates: Vec<Date>, today: Date) -> Self {
        let of_today = dates.iter().filter(|date| **date == today).count() as u64;
        dates.retain(|date| *date < today);
        dates.sort_unstable();
        dates.dedup();
        let (mut in_a_row, mut expected) = (u32::from(of_today > 0), today.yesterday().ok());
        for date in dates.iter().rev() {
            if expected != Some(*date) {
                break;
            }
            in_a_row = in_a_row.saturating_add(1);
            expected = date.yesterday().ok();
        }
        Self { of_today, in_a_row }
    }
}

/// Names used in `meta`.
pub mod meta_key {
    /// This device's id, a UUID.
    pub const DEVICE_ID: &str = "device_id";
    /// The signed-in session.
    pub const SESSION: &str = "session";
    /// Server time minus device time, milliseconds.
    pub const CLOCK_OFFSET_MS: &str = "clock_offset_ms";
    /// The last `occurred_at` given out, so that it rises strictly.
    pub const LAST_OCCURRED_AT: &str = "last_occurred_at";
    /// The latest stamp that a server took as it was, in milliseconds since the epoch.
    pub const LAST_TAKEN_AT: &str = "last_taken_at";
    /// The server's limits document.
    pub const LIMITS: &str = "limits";
    /// URL of the server.
    pub const SERVER: &str = "server";

    /// The cursor of one owner.
    #[must_use]
    pub fn cursor(owner: &str) -> String {
        format!("cursor/{owner}")
    }
}

/// A local database. Cloning gives another handle to the same one. Several processes may have one open at once.
///
/// Reads see the last committed state. No transaction is held across a wait for the network: read, decide, then
/// [`commit`](Self::commit) with the revision that was read.
pub trait LocalStore: Clone + MaybeSendSync + 'static {
    /// The present revision.
    fn revision(&self) -> impl Future<Output = Result<Revision, StoreError>> + MaybeSend;

    /// Applies all changes in one durable transaction, or none.
    ///
    /// With `base`, nothing is written if the store has moved on since that revision. Without changes nothing is
    /// written either: `base` is compared, and the revision stays. A commit whose future is dropped half-way may or
    /// may not have happened.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if `base` is not the present revision: read again and decide again.
    fn commit(
        &self,
        base: Option<Revision>,
        changes: Vec<StoreChange>,
    ) -> impl Future<Output = Result<Committed, StoreError>> + MaybeSend;

    /// A verse of an owner.
    fn verse(&self, owner: &str, id: VerseId) -> impl Future<Output = Result<Option<Verse>, StoreError>> + MaybeSend;

    /// All verses of an owner, by creation.
    fn verses(&self, owner: &str) -> impl Future<Output = Result<Vec<Verse>, StoreError>> + MaybeSend;

    /// Verses of an owner by id: those found, in the order asked for. For a few of many; whoever needs most of them asks
    /// for [`verses`](Self::verses).
    fn verses_of(
        &self,
        owner: &str,
        ids: &[VerseId],
    ) -> impl Future<Output = Result<Vec<Verse>, StoreError>> + MaybeSend;

    /// Verses of an owner whose text no server has confirmed, by (creation, id). Known elsewhere as
    /// `get_unverified_verses_by_user`; [`DEFAULT_UNVERIFIED_LIMIT`] is the usual limit.
    fn unverified_verses(
        &self,
        owner: &str,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Verse>, StoreError>> + MaybeSend;

    /// Marks verses of an owner as verified and sets their `updated_at`, in one transaction. Returns how many changed;
    /// verses verified before and unknown ids change nothing. Known elsewhere as `mark_verses_batch_as_verified`.
    fn mark_verses_verified(
        &self,
        owner: &str,
        ids: &[VerseId],
        now: UnixMillis,
    ) -> impl Future<Output = Result<u64, StoreError>> + MaybeSend;

    /// A card of an owner.
    fn card(&self, owner: &str, id: VerseId) -> impl Future<Output = Result<Option<Card>, StoreError>> + MaybeSend;

    /// All cards of an owner, by verse id.
    fn cards(&self, owner: &str) -> impl Future<Output = Result<Vec<Card>, StoreError>> + MaybeSend;

    /// Cards that are not archived and due on or before `date`, by (due date, verse id).
    fn due_cards(&self, owner: &str, date: Date) -> impl Future<Output = Result<Vec<Card>, StoreError>> + MaybeSend;

    /// Cards of an owner by id: those found, in the order asked for.
    fn cards_of(
        &self,
        owner: &str,
        ids: &[VerseId],
    ) -> impl Future<Output = Result<Vec<Card>, StoreError>> + MaybeSend {
        async move {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.extend(self.card(owner, *id).await?);
            }
            Ok(found)
        }
    }

    /// Reviews of an owner by day, as far as they lead up to `today`. Stores that need not read them all do not.
    fn review_days(
        &self,
        owner: &str,
        today: Date,
    ) -> impl Future<Output = Result<ReviewDays, StoreError>> + MaybeSend {
        async move {
            let logs = self.review_logs(owner, u32::MAX).await?;
            Ok(ReviewDays::of(logs.into_iter().map(|log| log.event.local_date).collect(), today))
        }
    }

    /// Counts of an owner's cards on `today`. Stores that can count without reading the cards do.
    fn card_counts(
        &self,
        owner: &str,
        today: Date,
    ) -> impl Future<Output = Result<CardCounts, StoreError>> + MaybeSend {
        async move { Ok(CardCounts::of(&self.cards(owner).await?, today)) }
    }

    /// Cards of one phase that are not archived, by verse id.
    fn cards_by_phase(
        &self,
        owner: &str,
        phase: Phase,
    ) -> impl Future<Output = Result<Vec<Card>, StoreError>> + MaybeSend;

    /// Events of one card, in the order of the fold.
    fn events(
        &self,
        owner: &str,
        id: VerseId,
    ) -> impl Future<Output = Result<Vec<StoredEvent>, StoreError>> + MaybeSend;

    /// Events of many cards, in the order (verse, fold).
    fn events_of(
        &self,
        owner: &str,
        ids: &[VerseId],
    ) -> impl Future<Output = Result<Vec<StoredEvent>, StoreError>> + MaybeSend;

    /// Events the server is not known to have, in the order of the fold.
    fn events_without_seq(&self, owner: &str)
    -> impl Future<Output = Result<Vec<StoredEvent>, StoreError>> + MaybeSend;

    /// Reviews of an owner, newest first: the `review_logs` reading of the events.
    fn review_logs(
        &self,
        owner: &str,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredEvent>, StoreError>> + MaybeSend;

    /// The owner's profile; default if there is none.
    fn profile(&self, owner: &str) -> impl Future<Output = Result<Profile, StoreError>> + MaybeSend;

    /// Queue rows of all owners after a position, without payloads, by position; at most `limit`.
    fn queue_metas(
        &self,
        after: Option<QueuePosition>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<QueuedMeta>, StoreError>> + MaybeSend;

    /// Whole rows by id, in the order asked for; ids that are not queued are left out.
    ///
    /// # Errors
    /// [`StoreError::NewerPayload`] names a row this release cannot read.
    fn queued(&self, ids: &[QueueId]) -> impl Future<Output = Result<Vec<QueuedOperation>, StoreError>> + MaybeSend;

    /// Rows of one owner about one entity, without payloads, by position.
    fn queued_for_entity(
        &self,
        owner: &str,
        entity: &str,
    ) -> impl Future<Output = Result<Vec<QueuedMeta>, StoreError>> + MaybeSend;

    /// Whole rows of one owner, by position; `failed_only` leaves out those that still wait.
    fn queue_of(
        &self,
        owner: &str,
        failed_only: bool,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<QueuedOperation>, StoreError>> + MaybeSend;

    /// Counts of one owner's queue.
    fn queue_totals(&self, owner: &str) -> impl Future<Output = Result<QueueTotals, StoreError>> + MaybeSend;

    /// Owners with rows in the queue, by name, with their counts.
    fn queue_owners(&self) -> impl Future<Output = Result<Vec<(Owner, QueueTotals)>, StoreError>> + MaybeSend;

    /// The newest entries of the journal, newest first.
    fn journal(&self, limit: u32) -> impl Future<Output = Result<Vec<JournalEntry>, StoreError>> + MaybeSend;

    /// A value of `meta`.
    fn meta(&self, key: &str) -> impl Future<Output = Result<Option<String>, StoreError>> + MaybeSend;

    /// Calls `listener` after every commit through this handle or a clone of it, until the returned guard is dropped.
    /// Commits of other processes are seen by comparing [`revision`](Self::revision).
    fn subscribe(&self, listener: Box<dyn Listener>) -> Subscription;
}

/// Called after a commit, with the new revision.
#[cfg(not(target_arch = "wasm32"))]
pub trait Listener: Fn(Revision) + Send + Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<F: Fn(Revision) + Send + Sync> Listener for F {}

/// Called after a commit, with the new revision.
#[cfg(target_arch = "wasm32")]
pub trait Listener: Fn(Revision) {}
#[cfg(target_arch = "wasm32")]
impl<F: Fn(Revision)> Listener for F {}

/// Ends a subscription when dropped.
#[must_use = "dropping it ends the subscription"]
pub struct Subscription {
    #[cfg(not(target_arch = "wasm32"))]
    end: Option<Box<dyn FnOnce() + Send + Sync>>,
    #[cfg(target_arch = "wasm32")]
    end: Option<Box<dyn FnOnce()>>,
}

impl Subscription {
    /// A subscription that runs `end` when dropped.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(end: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self { end: Some(Box::new(end)) }
    }

    /// A subscription that runs `end` when dropped.
    #[cfg(target_arch = "wasm32")]
    pub fn new(end: impl FnOnce() + 'static) -> Self {
        Self { end: Some(Box::new(end)) }
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }
}
