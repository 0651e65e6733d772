//! Work for the storage: numbered transactions of some users and of one session, and what must be there after each. The
//! model is the storage in memory, which shares no code with SQLite.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uuid::Uuid;
use verses_core::{CardEvent, CardEventKind, Profile, Verse, VerseId};
use verses_server::auth::{AuthBackend, AuthSession, AuthUserRow, SignInMethod};
use verses_server::storage::memory::MemoryStorage;
use verses_server::storage::sqlite::SqliteStorage;
use verses_server::storage::{
    Decision, LedgerPage, Loaded, Storage, StorageError, UserId, Wanted, Writes, conformance,
};

/// Users that write, each a lane of numbered transactions.
pub(crate) const USERS: [u8; 2] = [1, 2];

/// The lane of the session that is renewed.
pub(crate) const SESSION: u8 = 3;

const SESSION_ID: Uuid = Uuid::from_u128(77);

/// Operations of transaction `number`: mostly one, now and then a batch.
fn operations(number: u64) -> u64 {
    [1, 1, 14, 2, 1, 6][(number % 6) as usize]
}

/// The last sequence number after transaction `number`.
fn last_seq(number: u64) -> u64 {
    (1..=number).map(operations).sum()
}

/// The transaction that left this sequence number; none if no transaction ends with it.
fn number_of(seq: u64) -> Option<u64> {
    (0..)
        .map(|number| (number, last_seq(number)))
        .find(|(_, last)| *last >= seq)
        .filter(|(_, last)| *last == seq)
        .map(|(n, _)| n)
}

fn user(lane: u8) -> UserId {
    conformance::user(lane.into())
}

/// The verse an operation is about; one in three is about an earlier one. Users never share a verse, so that each can be
/// compared on its own.
fn verse_of(lane: u8, seq: u64) -> u128 {
    let seq = if seq.is_multiple_of(3) { seq / 3 } else { seq };
    u128::from(lane) * 10_000 + u128::from(seq)
}

/// What transaction `number` writes: ledger, event and card of each operation, and now and then the rest.
fn writes(lane: u8, number: u64) -> Writes {
    let mut all = Writes::default();
    let mut cards = BTreeMap::new();
    for seq in last_seq(number - 1) + 1..=last_seq(number) {
        let id = format!("{lane}-{seq}");
        let verse = verse_of(lane, seq);
        let mut entry = conformance::entry(&id, seq);
        entry.verse_id = Some(conformance::verse_id(verse));
        all.ledger.push(entry);
        all.events.push(conformance::event(&id, verse, seq.cast_signed(), CardEventKind::Created));
        cards.insert(verse, conformance::card(verse, u32::try_from(seq).unwrap()));
        all.catalogue.push(conformance::verse(verse, &format!("catalogue text {verse}, as long as a verse is, or so")));
        if seq.is_multiple_of(5) {
            all.own_verses.push(conformance::verse(verse, &format!("own text {seq}")));
        }
    }
    all.cards = cards.into_values().collect();
    if number.is_multiple_of(4) {
        all.dropped_own_verses = vec![conformance::verse_id(verse_of(lane, 5))];
        let mut profile = Profile::default();
        profile.full_name.value = Some(format!("Person {number}"));
        all.profile = Some(profile);
    }
    all
}

/// Runs transaction `number` of a lane: `number - 1` were there before.
pub(crate) async fn transact(server: &Server, lane: u8, number: u64) -> Result<(), StorageError> {
    if lane == SESSION {
        return renew(&server.accounts, number).await;
    }
    conformance::write(&server.storage, user(lane), writes(lane, number)).await
}

/// A user, a session, and then one renewal after the other.
async fn renew(accounts: &AuthBackend, number: u64) -> Result<(), StorageError> {
    let owner = Uuid::from_u128(7);
    match number {
        1 => {
            let ann = AuthUserRow {
                id: owner,
                email: Some("ann@example.org".into()),
                password_hash: Some("a hash".into()),
                is_anonymous: false,
                metadata: json!({ "full_name": "Ann" }),
                created_at: 1,
                updated_at: 2,
                last_sign_in_at: None,
                revision: 0,
            };
            accounts.put_user(ann).await?.map_err(|_| StorageError::Failed("the address is taken".into()))
        }
        2 => {
            let session = AuthSession {
                id: SESSION_ID,
                user_id: owner,
                key: vec![0, 255, 7],
                counter: 0,
                refreshed_at: 5,
                method: SignInMethod::Password,
                signed_in_at: 4,
            };
            accounts.put_session(session).await
        }
        _ => {
            if accounts.advance(SESSION_ID, number - 3, number.cast_signed()).await? {
                return Ok(());
            }
            Err(StorageError::Failed(format!("the session was not at {}", number - 3)))
        }
    }
}

/// The storage and the accounts in one file.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) storage: SqliteStorage,
    pub(crate) accounts: AuthBackend,
}

impl Server {
    pub(crate) fn open(path: &std::path::Path) -> Result<Self, StorageError> {
        let storage = SqliteStorage::open(path)?;
        let accounts = AuthBackend::sqlite(storage.database().clone())?;
        Ok(Self { storage, accounts })
    }

    /// How many transactions of a lane are there; all of what they wrote must be there, and nothing else.
    pub(crate) async fn found(&self, lane: u8, model: &mut Model) -> Result<u64, String> {
        let text = |error: StorageError| error.to_string();
        if lane == SESSION {
            return match self.accounts.session(SESSION_ID).await.map_err(text)? {
                Some(session) => Ok(session.counter + 2),
                None => Ok(self.accounts.user_by_email("ann@example.org").await.map_err(text)?.map_or(0, |_| 1)),
            };
        }
        let contents = Contents::of(&self.storage, user(lane)).await.map_err(text)?;
        let seq = contents.feed.last_seq;
        let number = number_of(seq).ok_or_else(|| format!("user {lane} ends at {seq} in the middle of a batch"))?;
        if contents != *model.after(lane, number).await {
            return Err(format!("user {lane} has other rows than transaction {number} left"));
        }
        Ok(number)
    }
}

/// All that can be read of a user.
#[derive(Debug, Clone, PartialEq)]
struct Contents {
    feed: LedgerPage,
    loaded: Loaded,
    events: BTreeMap<VerseId, Vec<CardEvent>>,
    catalogue: BTreeMap<VerseId, Verse>,
}

/// Reads the events and writes nothing.
struct Look(BTreeSet<VerseId>);

impl Decision for Look {
    type Answer = BTreeMap<VerseId, Vec<CardEvent>>;

    fn wants_events(&self, _: &Loaded) -> BTreeSet<VerseId> {
        self.0.clone()
    }

    fn decide(&self, _: Loaded, events: BTreeMap<VerseId, Vec<CardEvent>>) -> (Writes, Self::Answer) {
        (Writes::default(), events)
    }
}

impl Contents {
    async fn of(storage: &impl Storage, user: UserId) -> Result<Self, StorageError> {
        let feed = storage.ledger_after(user, 0, 10_000).await?;
        let mut loaded = storage.everything(user).await?;
        let verses: BTreeSet<VerseId> = loaded.cards.keys().copied().collect();
        // Everything there is of the ledger, too: the feed leaves parts of it out.
        let operations = feed.entries.iter().map(|entry| entry.operation_id.clone()).collect();
        loaded.ledger = storage.read(user, Wanted { operations, ..Wanted::default() }).await?.ledger;
        let events = storage.transact(user, Wanted::default(), Look(verses.clone())).await?;
        let catalogue = storage.catalogue(verses).await?;
        Ok(Self { feed, loaded, events, catalogue })
    }
}

/// What must be there after each transaction of each user.
#[derive(Debug, Default)]
pub(crate) struct Model {
    lanes: BTreeMap<u8, (MemoryStorage, Vec<Contents>)>,
}

impl Model {
    async fn after(&mut self, lane: u8, number: u64) -> &Contents {
        let (storage, after) = self.lanes.entry(lane).or_default();
        while after.len() as u64 <= number {
            if !after.is_empty() {
                conformance::write(storage, user(lane), writes(lane, after.len() as u64)).await.unwrap();
            }
            after.push(Contents::of(storage, user(lane)).await.unwrap());
        }
        &after[usize::try_from(number).unwrap()]
    }
}
