//! Applying changes: one transaction, all of them or none. The queue is in `queue`, events in `events`, whole owners in
//! `owners`.

use std::collections::BTreeSet;
use std::rc::Rc;

use verses_core::{UnixMillis, Verse, VerseId};
use verses_store::{Committed, JOURNAL_LIMIT, Revision, StoreChange, StoreError};
use wasm_bindgen::JsValue;

use crate::connect::Connection;
use crate::events::Events;
use crate::layout::{CARDS, JOURNAL, META, PROFILES, STATE, STATE_KEY, VERSES};
use crate::queue::Queue;
use crate::rows::{self, State};
use crate::writer::Writer;
use crate::{keys, owners};

/// A commit on its way, with the counters it will leave.
pub(crate) struct Commit {
    pub(crate) writer: Writer,
    pub(crate) state: State,
    pub(crate) queue: Queue,
    pub(crate) events: Events,
}

/// `LocalStore::commit`, of some changes.
pub(crate) async fn commit(
    connection: &Rc<Connection>,
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
    let mut changes = changes.into_iter().peekable();
    while changes.peek().is_some() {
        let mut together = Vec::new();
        while let Some(change) = changes.next_if(|change| !is_of_whole_owner(change)) {
            together.push(change);
        }
        commit.apply_together(together).await?;
        if let Some(change) = changes.next() {
            commit.apply_to_owner(change).await?;
        }
    }
    commit.finish().await
}

/// `LocalStore::mark_verses_verified`: how many changed, and the revision if any did.
pub(crate) async fn mark_verses_verified(
    connection: &Rc<Connection>,
    owner: &str,
    ids: &[VerseId],
    now: UnixMillis,
) -> Result<(u64, Option<Revision>), StoreError> {
    let commit = Commit::begin(connection).await?;
    let verses = commit.writer.store(VERSES)?;
    let ids: BTreeSet<VerseId> = ids.iter().copied().collect();
    let mut asked = Vec::with_capacity(ids.len());
    for id in ids {
        asked.push(verses.get(&keys::key([owner.into(), id.to_string().into()])));
    }
    let asked = asked.into_iter().collect::<Result<_, _>>().map_err(|thrown| crate::fault::from_js(&thrown))?;
    let mut changed = 0;
    for row in commit.writer.ask_all(asked).await?.into_iter().filter_map(rows::as_row) {
        let verse = rows::verse(&row)?;
        if !verse.is_verified {
            let verified = Verse { is_verified: true, updated_at: now, ..verse };
            commit.writer.put(VERSES, &rows::verse_row(owner, &verified)?).await?;
            changed += 1;
        }
    }
    if changed == 0 {
        return Ok((0, None));
    }
    Ok((changed, Some(commit.finish().await?.revision)))
}

/// Changes of many rows that are not named one by one: what is to be written is written before, what is read, after.
fn is_of_whole_owner(change: &StoreChange) -> bool {
    matches!(change, StoreChange::MoveOwner { .. } | StoreChange::ForgetOwner { .. } | StoreChange::ForgetSeqs { .. })
}

impl Commit {
    async fn begin(connection: &Rc<Connection>) -> Result<Self, StoreError> {
        let writer = Writer::begin(connection).await?;
        let found = writer.ask(writer.store(STATE)?.get(&STATE_KEY.into())).await?;
        let state: State = if found.is_undefined() { State::default() } else { rows::from_text(&found, "state")? };
        Ok(Self { writer, state, queue: Queue::default(), events: Events::default() })
    }

    async fn apply_together(&mut self, changes: Vec<StoreChange>) -> Result<(), StoreError> {
        self.queue.load(&self.writer, &changes).await?;
        for change in changes {
            self.apply(change).await?;
        }
        self.queue.write(&self.writer, &mut self.state).await?;
        self.events.settle(&self.writer).await
    }

    async fn apply(&mut self, change: StoreChange) -> Result<(), StoreError> {
        let Self { writer, state, queue, events } = self;
        match change {
            StoreChange::PutVerse { owner, verse } => writer.put(VERSES, &rows::verse_row(&owner, &verse)?).await,
            StoreChange::DeleteVerse { owner, verse_id } => writer.delete(VERSES, &of(&owner, verse_id)).await,
            StoreChange::PutCard { owner, card } => writer.put(CARDS, &rows::card_row(&owner, &card)?).await,
            StoreChange::DeleteCard { owner, verse_id } => writer.delete(CARDS, &of(&owner, verse_id)).await,
            StoreChange::PutEvent { owner, event, seq } => events.put(writer, &owner, &event, seq).await,
            StoreChange::DeleteEvent { owner, operation_id } => {
                events.delete(writer, &owner, operation_id.as_str()).await
            }
            StoreChange::PutProfile { owner, profile } => writer.put_at(PROFILES, &owner, &rows::json(&profile)?).await,
            StoreChange::Enqueue(new) => queue.enqueue(*new, state),
            StoreChange::ReplacePayload { id, data, payload_bytes } => {
                queue.replace_payload(&id, rows::json(&data)?, payload_bytes);
                Ok(())
            }
            StoreChange::MoveToEnd { id } => {
                queue.move_to_end(&id, state);
                Ok(())
            }
            StoreChange::Queue(change) => {
                queue.apply(change);
                Ok(())
            }
            StoreChange::PutMeta { key, value } => writer.put_at(META, &key, &value).await,
            StoreChange::DeleteMeta { key } => writer.delete(META, &key.into()).await,
            StoreChange::MoveOwner { .. } | StoreChange::ForgetOwner { .. } | StoreChange::ForgetSeqs { .. } => {
                self.apply_to_owner(change).await
            }
        }
    }

    async fn apply_to_owner(&mut self, change: StoreChange) -> Result<(), StoreError> {
        match change {
            StoreChange::MoveOwner { from, to } if from != to => owners::move_rows(self, &from, &to).await,
            StoreChange::ForgetOwner { owner } => owners::forget(self, &owner).await,
            StoreChange::ForgetSeqs { owner } => owners::forget_seqs(&self.writer, &owner).await,
            _ => Ok(()),
        }
    }

    async fn finish(mut self) -> Result<Committed, StoreError> {
        self.queue.write_counts(&self.writer).await?;
        if self.queue.settled_any() {
            // Older entries have the greater keys.
            let newest = f64::from(self.state.last_entry);
            let dropped = keys::from(f64::from(JOURNAL_LIMIT) - newest)?;
            self.writer.delete(JOURNAL, &dropped).await?;
        }
        self.state.revision += 1;
        self.writer.put_at(STATE, STATE_KEY, &rows::json(&self.state)?).await?;
        let committed = Committed { revision: Revision(self.state.revision), positions: self.queue.positions() };
        self.writer.finish().await?;
        Ok(committed)
    }
}

fn of(owner: &str, id: VerseId) -> JsValue {
    keys::key([owner.into(), id.to_string().into()])
}
