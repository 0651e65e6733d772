//! Work for a store: numbered transactions, and what the store must hold after each of them. The model is the store in
//! memory, which shares no code with SQLite.

use batchsync::{FailureReason, JournalEntry, JournalOutcome, OperationStatus, QueueChange, QueuedMeta};
use jiff::civil::date;
use verses_core::{Card, Phase, Profile, UnixMillis, Verse, VerseId};
use verses_store::conformance::{
    ANNA, block_on, card, enqueue, event, failed, journal_entry, operation_id, processing, profile, reviewed, verse,
    verse_id,
};
use verses_store::{
    GUEST, LocalStore, MemoryStore, Owner, QueueTotals, QueuedOperation, Revision, StoreChange, StoreError, StoredEvent,
};

const OWNERS: [&str; 2] = [ANNA, GUEST];

/// Verses a bulk transaction adds; more than fit on a page of each table.
const BULK: u32 = 30;

/// Numbers of rows of one transaction begin here.
fn first_row(number: u64) -> u32 {
    u32::try_from(number).unwrap() * 100
}

fn dual_write(owner: &str, n: u32) -> Vec<StoreChange> {
    let owner = || owner.to_owned();
    vec![
        StoreChange::PutVerse { owner: owner(), verse: verse(n) },
        StoreChange::PutCard { owner: owner(), card: card(n, Phase::Daily, date(2025, 6, 16)) },
        StoreChange::PutEvent { owner: owner(), event: event(n, n, 0, reviewed()), seq: None },
        enqueue(&owner(), n),
    ]
}

/// The rows of the last transaction that added some in this way.
fn earlier(number: u64, kind: u64) -> u32 {
    let back = (number + 10 - kind) % 10;
    first_row(number.saturating_sub(back))
}

fn settle(n: u32) -> StoreChange {
    let entry: JournalEntry = journal_entry(ANNA, n, JournalOutcome::Applied);
    StoreChange::Queue(QueueChange::Complete { id: entry.operation_id.clone(), entry })
}

fn claim(n: u32, status: OperationStatus) -> StoreChange {
    let id = operation_id(n).into_string();
    StoreChange::Queue(QueueChange::SetStatus { id, status, retry_count: n % 3, ever_sent: true })
}

/// What transaction `number` does. Every kind of change of the real application is among the first ten.
fn changes(number: u64) -> Vec<StoreChange> {
    let n = first_row(number);
    match number % 10 {
        1 => dual_write(ANNA, n),
        2 => dual_write(GUEST, n),
        3 => (0..BULK).flat_map(|i| dual_write(ANNA, n + i)).collect(),
        4 => (0..BULK / 2).map(|i| claim(earlier(number, 3) + i, processing())).collect(),
        5 => {
            let first = earlier(number, 3);
            let seq = |i| StoreChange::PutEvent {
                owner: ANNA.to_owned(),
                event: event(first + i, first + i, 0, reviewed()),
                seq: Some(u64::from(first + i)),
            };
            (0..BULK / 3).flat_map(|i| [settle(first + i), seq(i)]).collect()
        }
        6 => vec![
            claim(earlier(number, 3) + 12, failed(FailureReason::Rejected)),
            StoreChange::PutProfile { owner: ANNA.to_owned(), profile: profile(n) },
            StoreChange::PutMeta { key: "limits".to_owned(), value: format!("{{\"of\":{number}}}") },
        ],
        8 => vec![
            StoreChange::MoveOwner { from: GUEST.to_owned(), to: ANNA.to_owned() },
            StoreChange::DeleteMeta { key: "limits".to_owned() },
        ],
        9 => vec![
            StoreChange::DeleteCard { owner: ANNA.to_owned(), verse_id: verse_id(earlier(number, 3)) },
            StoreChange::DeleteVerse { owner: ANNA.to_owned(), verse_id: verse_id(earlier(number, 3)) },
            StoreChange::ForgetSeqs { owner: ANNA.to_owned() },
        ],
        _ => vec![
            StoreChange::PutCard { owner: ANNA.to_owned(), card: card(n + 1, Phase::Weekly, date(2025, 6, 17)) },
            StoreChange::PutEvent { owner: ANNA.to_owned(), event: event(n + 1, n + 1, 9, reviewed()), seq: None },
            enqueue(ANNA, n + 1),
        ],
    }
}

/// Runs transaction `number`: the store had `number - 1` before.
pub(crate) async fn transact(store: &impl LocalStore, number: u64) -> Result<(), StoreError> {
    if number % 10 == 7 {
        let first = earlier(number, 3);
        let ids: Vec<VerseId> = (0..BULK).map(|i| verse_id(first + i)).collect();
        let now = UnixMillis(i64::from(first));
        // Where the bulk is not there yet nothing is marked, and another change stands in for it.
        if store.mark_verses_verified(ANNA, &ids, now).await? > 0 {
            return Ok(());
        }
    }
    store.commit(Some(Revision(number - 1)), changes(number)).await.map(|_| ())
}

/// All that can be read of a store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contents {
    revision: Revision,
    verses: Vec<Vec<Verse>>,
    cards: Vec<Vec<Card>>,
    events: Vec<Vec<StoredEvent>>,
    profiles: Vec<Profile>,
    queues: Vec<Vec<QueuedOperation>>,
    metas: Vec<QueuedMeta>,
    totals: Vec<(Owner, QueueTotals)>,
    journal: Vec<JournalEntry>,
    limits: Option<String>,
}

impl Contents {
    pub(crate) async fn of(store: &impl LocalStore) -> Result<Self, StoreError> {
        let mut all = Self {
            revision: store.revision().await?,
            verses: Vec::new(),
            cards: Vec::new(),
            events: Vec::new(),
            profiles: Vec::new(),
            queues: Vec::new(),
            metas: store.queue_metas(None, u32::MAX).await?,
            totals: store.queue_owners().await?,
            journal: store.journal(u32::MAX).await?,
            limits: store.meta("limits").await?,
        };
        for owner in OWNERS {
            all.verses.push(store.verses(owner).await?);
            all.cards.push(store.cards(owner).await?);
            all.events.push(store.review_logs(owner, u32::MAX).await?);
            all.profiles.push(store.profile(owner).await?);
            all.queues.push(store.queue_of(owner, false, u32::MAX).await?);
        }
        Ok(all)
    }
}

/// What a store holds after each transaction.
#[derive(Debug)]
pub(crate) struct Model {
    store: MemoryStore,
    after: Vec<Contents>,
}

impl Model {
    pub(crate) fn new() -> Self {
        let store = MemoryStore::new();
        let empty = block_on(Contents::of(&store)).unwrap();
        Self { store, after: vec![empty] }
    }

    /// What a store holds after transaction `number`.
    pub(crate) fn after(&mut self, number: u64) -> &Contents {
        while self.after.len() as u64 <= number {
            block_on(transact(&self.store, self.after.len() as u64)).unwrap();
            self.after.push(block_on(Contents::of(&self.store)).unwrap());
        }
        &self.after[usize::try_from(number).unwrap()]
    }
}
