//! Applying changes: one transaction, all of them or none. The queue is in `queue`, whole owners in `owners`.
//!
//! What is written is gathered and sent a part at a time. A row that is hoped to be new is not looked for before: it fails
//! to be added if it is there, and is put right then, which is seldom.

use verses_core::{CardEvent, UnixMillis, Verse, VerseId};
use verses_store::{Committed, JOURNAL_LIMIT, Revision, StoreChange, StoreError};

use crate::connect::{Boxed, Connection, Transaction};
use crate::keys::{self, Part};
use crate::layout::{BY_OPERATION, CARDS, COUNTS, EVENTS, JOURNAL, META, PROFILES, STATE, STATE_KEY, VERSES};
use crate::queue::Queue;
use crate::rows::{self, State};
use crate::text::{Answers, Requests};
use crate::{events, owners, read};

/// Requests gathered before they are sent: many commits are one part, and none holds up the page.
const REQUESTS_PER_PART: usize = 200;

/// A commit on its way, with the counters it will leave. It is undone when dropped before it has finished.
pub(crate) struct Commit {
    pub(crate) transaction: Transaction,
    /// To be sent with the next part.
    pub(crate) requests: Requests,
    hopes: Vec<(usize, Hope)>,
    pub(crate) state: State,
    pub(crate) queue: Queue,
}

/// What is hoped to be new, with the number of its request.
pub(crate) enum Hope {
    /// If it is not, the whole commit fails: the id is queued.
    Operation(String),
    /// If it is not, the event takes the place of the one that is there.
    Event(Box<WrittenEvent>),
}

/// An event is told by its operation, and stands where its verse and time put it: one that comes again may have to leave
/// another place.
pub(crate) struct WrittenEvent {
    owner: String,
    event: CardEvent,
    seq: Option<u64>,
}

impl Drop for Commit {
    fn drop(&mut self) {
        self.transaction.abort("");
    }
}

/// `LocalStore::commit`.
pub(crate) async fn commit(
    connection: &Connection,
    base: Option<Revision>,
    changes: Vec<StoreChange>,
) -> Result<Committed, StoreError> {
    let mut commit = Commit::begin(connection).await?;
    if base.is_some_and(|base| base.0 != commit.state.revision) {
        return Err(StoreError::Conflict);
    }
    if changes.is_empty() {
        return Ok(Committed { revision: Revision(commit.state.revision), positions: Vec::new() });
    }
    let mut changes = changes.into_iter();
    loop {
        if commit.queue.needs(changes.as_slice()) {
            let found = commit.transaction.ask(commit.queue.rows_asked_for()).await?;
            commit.queue.read(&found)?;
        }
        let mut of_owner = None;
        for change in changes.by_ref() {
            if is_of_whole_owner(&change) {
                of_owner = Some(change);
                break;
            }
            if commit.must_settle_before(&change) {
                commit.settle().await?;
            }
            match change {
                StoreChange::DeleteEvent { owner, operation_id } => {
                    commit.delete_event(&owner, operation_id.as_str()).await?;
                }
                other => commit.apply(other)?,
            }
        }
        while commit.write_some_of_queue()? {
            commit.settle().await?;
        }
        commit.settle().await?;
        match of_owner {
            Some(change) => commit.apply_to_owner(change).await?,
            None => break,
        }
    }
    commit.finish().await
}

/// `LocalStore::mark_verses_verified`: how many changed, and the revision if any did.
pub(crate) async fn mark_verses_verified(
    connection: &Connection,
    owner: &str,
    ids: &[VerseId],
    now: UnixMillis,
) -> Result<(u64, Option<Revision>), StoreError> {
    let mut commit = Commit::begin(connection).await?;
    let asked = read::each_verse(VERSES, owner, &read::distinct(ids));
    let found = commit.transaction.ask(asked).await?;
    let mut changed = 0;
    for row in Answers::of(&found).all_rows() {
        let verse = rows::verse(&row)?;
        if !verse.is_verified {
            let verified = Verse { is_verified: true, updated_at: now, ..verse };
            commit.requests.put(VERSES, &rows::verse_row(owner, &verified));
            changed += 1;
        }
    }
    if changed == 0 {
        return Ok((0, None));
    }
    Ok((changed, Some(commit.finish().await?.revision)))
}

/// Changes of many rows that are not named one by one: what is to be written is written before, what is read, after.
pub(crate) fn is_of_whole_owner(change: &StoreChange) -> bool {
    matches!(change, StoreChange::MoveOwner { .. } | StoreChange::ForgetOwner { .. } | StoreChange::ForgetSeqs { .. })
}

impl Commit {
    fn begin(connection: &Connection) -> Boxed<'_, Self> {
        Box::pin(Self::begun(connection))
    }

    async fn begun(connection: &Connection) -> Result<Self, StoreError> {
        let transaction = connection.writer();
        let mut commit = Self {
            transaction,
            requests: Requests::default(),
            hopes: Vec::new(),
            state: State::default(),
            queue: Queue::default(),
        };
        let mut asked = Requests::one("get", STATE, "", &[&keys::text(STATE_KEY)]);
        asked.add("getAll", COUNTS, "", &[keys::ALL]);
        let found = commit.transaction.ask(asked).await?;
        let mut answers = Answers::of(&found);
        commit.state = rows::state(&mut answers)?;
        commit.queue.counts = rows::each(answers.rows(), rows::counts)?;
        Ok(commit)
    }

    /// Whether what is gathered must be in its place before this change, or is enough.
    fn must_settle_before(&self, change: &StoreChange) -> bool {
        let meets = match change {
            StoreChange::DeleteEvent { .. } => true,
            StoreChange::PutEvent { owner, event, .. } => self.hopes.iter().any(|(_, hope)| {
                matches!(hope, Hope::Event(it) if it.owner == *owner && it.event.operation_id == event.operation_id)
            }),
            _ => false,
        };
        meets || self.requests.len() >= REQUESTS_PER_PART
    }

    fn apply(&mut self, change: StoreChange) -> Result<(), StoreError> {
        let Self { requests, state, queue, .. } = self;
        match change {
            StoreChange::PutVerse { owner, verse } => requests.put(VERSES, &rows::verse_row(&owner, &verse)),
            StoreChange::DeleteVerse { owner, verse_id } => requests.delete(VERSES, &keys::of_verse(&owner, verse_id)),
            StoreChange::PutCard { owner, card } => requests.put(CARDS, &rows::card_row(&owner, &card)),
            StoreChange::DeleteCard { owner, verse_id } => requests.delete(CARDS, &keys::of_verse(&owner, verse_id)),
            StoreChange::PutEvent { owner, event, seq } => self.put_event(WrittenEvent { owner, event, seq })?,
            StoreChange::PutProfile { owner, profile } => requests.put_at(PROFILES, &owner, &rows::json(&profile)),
            StoreChange::Enqueue(new) => queue.enqueue(*new, state)?,
            StoreChange::ReplacePayload { id, data, payload_bytes } => {
                queue.replace_payload(&id, rows::json(&data), payload_bytes);
            }
            StoreChange::MoveToEnd { id } => queue.move_to_end(&id, state),
            StoreChange::Queue(change) => queue.apply(change),
            StoreChange::PutMeta { key, value } => requests.put_at(META, &key, &value),
            StoreChange::DeleteMeta { key } => requests.delete(META, &keys::text(&key)),
            // They have been taken out before.
            StoreChange::DeleteEvent { .. }
            | StoreChange::MoveOwner { .. }
            | StoreChange::ForgetOwner { .. }
            | StoreChange::ForgetSeqs { .. } => {}
        }
        Ok(())
    }

    fn apply_to_owner(&mut self, change: StoreChange) -> Boxed<'_, ()> {
        Box::pin(async move {
            match change {
                StoreChange::MoveOwner { from, to } if from != to => owners::move_rows(self, &from, &to).await,
                StoreChange::ForgetOwner { owner } => owners::forget(self, &owner).await,
                StoreChange::ForgetSeqs { owner } => events::rewrite(&self.transaction, Some(&owner)).await,
                _ => Ok(()),
            }
        })
    }

    fn put_event(&mut self, written: WrittenEvent) -> Result<(), StoreError> {
        let row = rows::event_row(&written.owner, &written.event, written.seq)?;
        // With a place in the server's history it replaces the same event in its place; in another place it collides.
        // Without, the one that is there may have such a place, which must not be lost.
        let method = if written.seq.is_some() { "put?" } else { "add?" };
        self.hopes.push((self.requests.len(), Hope::Event(Box::new(written))));
        self.requests.add(method, EVENTS, "", &[&row]);
        Ok(())
    }

    async fn delete_event(&mut self, owner: &str, id: &str) -> Result<(), StoreError> {
        let key = keys::key(&[Part::Text(owner), Part::Text(id)]);
        let found = self.transaction.ask(Requests::one("getKey", EVENTS, BY_OPERATION, &[&key])).await?;
        let place = Answers::of(&found).next();
        if !place.is_empty() {
            self.requests.delete(EVENTS, place);
        }
        Ok(())
    }

    /// Gathers a part of what became of the queue's rows; whether there is more.
    fn write_some_of_queue(&mut self) -> Result<bool, StoreError> {
        while self.requests.len() < REQUESTS_PER_PART {
            let Some(operation) = self.queue.write_one(&mut self.requests)? else {
                self.queue.write_journal(&mut self.requests, &mut self.state)?;
                return Ok(false);
            };
            if let Some((number, id)) = operation {
                self.hopes.push((number, Hope::Operation(id)));
            }
        }
        Ok(true)
    }

    /// Sends what was gathered, and waits until all of it is in its place.
    pub(crate) fn settle(&mut self) -> Boxed<'_, ()> {
        Box::pin(self.settled())
    }

    async fn settled(&mut self) -> Result<(), StoreError> {
        let hopes = std::mem::take(&mut self.hopes);
        if self.requests.len() == 0 {
            return Ok(());
        }
        let text = self.transaction.ask(std::mem::take(&mut self.requests)).await?;
        let collided = collided(&text, hopes)?;
        if collided.is_empty() {
            return Ok(());
        }
        let mut asked = Requests::default();
        for WrittenEvent { owner, event, .. } in &collided {
            let key = keys::key(&[Part::Text(owner), Part::Text(event.operation_id.as_str())]);
            asked.add("get", EVENTS, BY_OPERATION, &[&key]);
            asked.add("getKey", EVENTS, BY_OPERATION, &[&key]);
        }
        let text = self.transaction.ask(asked).await?;
        let mut answers = Answers::of(&text);
        for WrittenEvent { owner, event, seq } in collided {
            let known = answers.row().and_then(|row| rows::seq(&row));
            let place = answers.next();
            if !place.is_empty() {
                self.requests.delete(EVENTS, place);
            }
            self.requests.put(EVENTS, &rows::event_row(&owner, &event, seq.or(known))?);
        }
        // What comes next in the commit looks at the rows themselves.
        self.transaction.ask(std::mem::take(&mut self.requests)).await?;
        Ok(())
    }

    fn finish(self) -> Boxed<'static, Committed> {
        Box::pin(self.finished())
    }

    async fn finished(mut self) -> Result<Committed, StoreError> {
        let Self { requests, queue, state, .. } = &mut self;
        queue.write_counts(requests)?;
        if queue.settled_any {
            // Older entries have the greater keys.
            let dropped = keys::from(i64::from(JOURNAL_LIMIT) - i64::from(state.last_entry));
            requests.delete(JOURNAL, &dropped);
        }
        state.revision += 1;
        requests.put_at(STATE, STATE_KEY, &rows::json(state));
        let committed =
            Committed { revision: Revision(state.revision), positions: std::mem::take(&mut queue.positions) };
        self.transaction.finish(std::mem::take(&mut self.requests)).await?;
        Ok(committed)
    }
}

/// The events that found another one in their place. Fails for an operation that did.
fn collided(text: &str, hopes: Vec<(usize, Hope)>) -> Result<Vec<WrittenEvent>, StoreError> {
    let mut collided = Vec::new();
    let mut answers = Answers::of(text);
    let mut next = 0;
    for (number, hope) in hopes {
        let mut answer = "";
        while next <= number {
            answer = answers.next();
            next += 1;
        }
        match hope {
            _ if answer.is_empty() => {}
            Hope::Operation(id) => return Err(StoreError::DuplicateOperation(id)),
            Hope::Event(event) => collided.push(*event),
        }
    }
    Ok(collided)
}
