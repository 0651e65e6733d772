//! Applying changes: one transaction, all of them or none. Reading is in `read`, the shapes of rows in `rows`.

use batchsync::{JournalEntry, QueueChange, QueuePosition, QueuedMeta};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Params, Row, ToSql, Transaction, TransactionBehavior, params,
};
use verses_core::{Card, CardEvent, CardEventKind, Profile, Slot, UnixMillis, Verse, VerseId};
use verses_store::{
    Committed, JOURNAL_LIMIT, NewQueuedOperation, PAYLOAD_VERSION, QueuedOperation, Revision, StoreChange, StoreError,
};

use crate::fault::Fault;
use crate::migrate;
use crate::rows::{self, Checked, json};

const PUT_VERSE: &str = "INSERT INTO verses
    (user_id, verse_id, reference, osis, text, translation, is_verified, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (user_id, verse_id) DO UPDATE SET reference = excluded.reference, osis = excluded.osis,
        text = excluded.text, translation = excluded.translation, is_verified = excluded.is_verified,
        created_at = excluded.created_at, updated_at = excluded.updated_at";
const PUT_CARD: &str = "INSERT INTO verse_cards
    (user_id, verse_id, current_phase, phase_progress_count, current_streak, best_streak, last_reviewed_at,
     next_due_date, assigned_day_of_week, assigned_week_parity, assigned_day_of_month, archived, created_at,
     updated_at, fold)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
    ON CONFLICT (user_id, verse_id) DO UPDATE SET current_phase = excluded.current_phase,
        phase_progress_count = excluded.phase_progress_count, current_streak = excluded.current_streak,
        best_streak = excluded.best_streak, last_reviewed_at = excluded.last_reviewed_at,
        next_due_date = excluded.next_due_date, assigned_day_of_week = excluded.assigned_day_of_week,
        assigned_week_parity = excluded.assigned_week_parity, assigned_day_of_month = excluded.assigned_day_of_month,
        archived = excluded.archived, created_at = excluded.created_at, updated_at = excluded.updated_at,
        fold = excluded.fold";
/// A review seldom changes phase or archives: leaving both alone leaves one index alone.
const UPDATE_CARD: &str = "UPDATE verse_cards SET phase_progress_count = ?4, current_streak = ?5, best_streak = ?6,
        last_reviewed_at = ?7, next_due_date = ?8, assigned_day_of_week = ?9, assigned_week_parity = ?10,
        assigned_day_of_month = ?11, created_at = ?13, updated_at = ?14, fold = ?15
    WHERE user_id = ?1 AND verse_id = ?2 AND current_phase = ?3 AND archived = ?12";
/// Without a conflict target: one row is found by the primary key and by the operation's id alike.
const PUT_EVENT: &str = "INSERT INTO card_events
    (user_id, verse_id, occurred_at, operation_id, local_date, kind, was_successful, review_time_seconds, phase, slot,
     seq)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT DO UPDATE SET verse_id = excluded.verse_id, occurred_at = excluded.occurred_at,
        local_date = excluded.local_date, kind = excluded.kind, was_successful = excluded.was_successful,
        review_time_seconds = excluded.review_time_seconds, phase = excluded.phase, slot = excluded.slot,
        seq = coalesce(excluded.seq, seq)";
const PUT_PROFILE: &str = "INSERT INTO user_profiles (user_id, profile, updated_at) VALUES (?1, ?2, ?3)
    ON CONFLICT (user_id) DO UPDATE SET profile = excluded.profile, updated_at = excluded.updated_at";
const ENQUEUE: &str = "INSERT INTO sync_queue
    (position, id, kind, user_id, entity, depends_on, payload_bytes, queued_at, retry_count, ever_sent, status,
     local_ref, payload_version, data, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
const SET_STATUS: &str =
    "UPDATE sync_queue SET status = ?2, status_detail = ?3, retry_count = ?4, ever_sent = ?5 WHERE id = ?1";
const REPLACE_PAYLOAD: &str =
    "UPDATE sync_queue SET data = ?2, payload_bytes = ?3, payload_version = ?4, checksum = ?5 WHERE id = ?1";
const JOURNAL: &str = "INSERT INTO sync_journal (operation_id, user_id, kind, batch_id, outcome, payload_bytes, at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
/// Only the oldest are ever dropped, so that `seq` has no gaps and the newest one never is.
const TRIM_JOURNAL: &str = "DELETE FROM sync_journal WHERE seq <= (SELECT max(seq) FROM sync_journal) - ?1";
const PUT_META: &str = "INSERT INTO meta (key, value) VALUES (?1, ?2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const MARK_VERIFIED: &str = "UPDATE verses SET is_verified = 1, updated_at = ?3
    WHERE user_id = ?1 AND verse_id = ?2 AND is_verified = 0";
/// What the other owner has already stays; what could not move goes.
const MOVE_OWNER: [&str; 10] = [
    "UPDATE OR IGNORE verses SET user_id = ?2 WHERE user_id = ?1",
    "DELETE FROM verses WHERE user_id = ?1 AND user_id <> ?2",
    "UPDATE OR IGNORE verse_cards SET user_id = ?2 WHERE user_id = ?1",
    "DELETE FROM verse_cards WHERE user_id = ?1 AND user_id <> ?2",
    "UPDATE OR IGNORE card_events SET user_id = ?2 WHERE user_id = ?1",
    "DELETE FROM card_events WHERE user_id = ?1 AND user_id <> ?2",
    "UPDATE OR IGNORE user_profiles SET user_id = ?2 WHERE user_id = ?1",
    "DELETE FROM user_profiles WHERE user_id = ?1 AND user_id <> ?2",
    "UPDATE sync_queue SET user_id = ?2 WHERE user_id = ?1",
    "UPDATE sync_journal SET user_id = ?2 WHERE user_id = ?1",
];
/// Journal rows stay, for their numbers have no gaps; they say no longer whose they were.
const FORGET_OWNER: [&str; 6] = [
    "DELETE FROM verses WHERE user_id = ?1",
    "DELETE FROM verse_cards WHERE user_id = ?1",
    "DELETE FROM card_events WHERE user_id = ?1",
    "DELETE FROM user_profiles WHERE user_id = ?1",
    "DELETE FROM sync_queue WHERE user_id = ?1",
    "UPDATE sync_journal SET user_id = '' WHERE user_id = ?1",
];

/// A transaction on its way, with the counters it will leave.
struct Write<'c> {
    transaction: Transaction<'c>,
    revision: Revision,
    last_position: QueuePosition,
    positions: Vec<QueuePosition>,
    journal_grew: bool,
}

/// The counters. A damaged one that stands before rows of the queue goes on behind them: a position is given out once.
const STATE: &str = "SELECT revision, max(last_position, \
    coalesce((SELECT max(position) FROM sync_queue WHERE position < 4611686018427387903), 0)) FROM store_state";

impl<'c> Write<'c> {
    /// Begins as the one writer of the file, so that nothing read here can change before the commit.
    fn begin(connection: &'c mut Connection) -> Result<Self, Fault> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        migrate::refuse_newer(migrate::version(&transaction)?)?;
        let (revision, last_position): (i64, i64) =
            transaction.prepare_cached(STATE)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        // Both only count up from 0, so whatever else stands there is damage; counting on from it could start anew.
        if [revision, last_position].iter().any(|count| !(0..i64::MAX / 2).contains(count)) {
            return Err(Fault::row("store_state", format!("no store counts to {revision} or {last_position}")));
        }
        let revision = Revision(revision.cast_unsigned());
        Ok(Self { transaction, revision, last_position, positions: Vec::new(), journal_grew: false })
    }

    fn run(&self, statement: &str, params: impl Params) -> Result<usize, Fault> {
        Ok(self.transaction.prepare_cached(statement)?.execute(params)?)
    }

    fn finish(mut self) -> Result<Committed, Fault> {
        if self.journal_grew {
            self.run(TRIM_JOURNAL, [JOURNAL_LIMIT])?;
        }
        self.revision.0 += 1;
        let state = params![self.revision.0.cast_signed(), self.last_position];
        self.run("UPDATE store_state SET revision = ?1, last_position = ?2", state)?;
        self.transaction.commit()?;
        Ok(Committed { revision: self.revision, positions: self.positions })
    }

    fn apply(&mut self, change: StoreChange) -> Result<(), Fault> {
        match change {
            StoreChange::PutVerse { owner, verse } => self.put_verse(&owner, &verse),
            StoreChange::DeleteVerse { owner, verse_id } => {
                self.delete("DELETE FROM verses WHERE user_id = ?1 AND verse_id = ?2", &owner, &verse_id.to_string())
            }
            StoreChange::PutCard { owner, card } => self.put_card(&owner, &card),
            StoreChange::DeleteCard { owner, verse_id } => {
                let statement = "DELETE FROM verse_cards WHERE user_id = ?1 AND verse_id = ?2";
                self.delete(statement, &owner, &verse_id.to_string())
            }
            StoreChange::PutEvent { owner, event, seq } => self.put_event(&owner, &event, seq),
            StoreChange::DeleteEvent { owner, operation_id } => {
                let statement = "DELETE FROM card_events WHERE user_id = ?1 AND operation_id = ?2";
                self.delete(statement, &owner, operation_id.as_str())
            }
            StoreChange::ForgetSeqs { owner } => self
                .run("UPDATE card_events SET seq = NULL WHERE user_id = ?1 AND seq IS NOT NULL", [owner])
                .map(|_| ()),
            StoreChange::PutProfile { owner, profile } => self.put_profile(&owner, &profile),
            StoreChange::Enqueue(new) => self.enqueue(&new),
            StoreChange::ReplacePayload { id, data, payload_bytes } => {
                self.replace_payload(&id, &json(&data)?, payload_bytes)
            }
            StoreChange::MoveToEnd { id } => self.move_to_end(&id),
            StoreChange::Queue(change) => self.apply_to_queue(change),
            StoreChange::MoveOwner { from, to } => {
                MOVE_OWNER.iter().try_for_each(|statement| self.run(statement, [&from, &to]).map(|_| ()))
            }
            StoreChange::ForgetOwner { owner } => {
                FORGET_OWNER.iter().try_for_each(|statement| self.run(statement, [&owner]).map(|_| ()))
            }
            StoreChange::PutMeta { key, value } => self.run(PUT_META, [key, value]).map(|_| ()),
            StoreChange::DeleteMeta { key } => self.run("DELETE FROM meta WHERE key = ?1", [key]).map(|_| ()),
        }
    }

    fn delete(&self, statement: &str, owner: &str, id: &str) -> Result<(), Fault> {
        self.run(statement, [owner, id]).map(|_| ())
    }

    fn put_verse(&self, owner: &str, verse: &Verse) -> Result<(), Fault> {
        let params = params![
            owner,
            verse.id.to_string(),
            verse.reference,
            verse.osis,
            verse.text,
            verse.translation,
            verse.is_verified,
            verse.created_at.0,
            verse.updated_at.0,
        ];
        self.run(PUT_VERSE, params).map(|_| ())
    }

    fn put_card(&self, owner: &str, card: &Card) -> Result<(), Fault> {
        let fold = json(&card.fold)?;
        let (id, due) = (card.verse_id.to_string(), card.next_due_date.to_string());
        let params: &[&dyn ToSql] = params![
            owner,
            id,
            rows::phase_code(card.current_phase),
            card.phase_progress_count,
            card.current_streak,
            card.best_streak,
            card.last_reviewed_at.map(|at| at.0),
            due,
            card.assigned_day_of_week,
            card.assigned_week_parity,
            card.assigned_day_of_month,
            card.archived,
            card.created_at.0,
            card.updated_at.0,
            fold,
        ];
        if self.run(UPDATE_CARD, params)? == 0 {
            self.run(PUT_CARD, params)?;
        }
        Ok(())
    }

    fn put_event(&self, owner: &str, event: &CardEvent, seq: Option<u64>) -> Result<(), Fault> {
        let kind = EventColumns::of(&event.kind);
        let slot = kind.slot.map(json).transpose()?;
        let params = params![
            owner,
            event.verse_id.to_string(),
            event.occurred_at.0,
            event.operation_id.as_str(),
            event.local_date.to_string(),
            kind.code,
            kind.was_successful,
            kind.review_time_seconds,
            kind.phase,
            slot,
            seq.map(u64::cast_signed),
        ];
        self.run(PUT_EVENT, params).map(|_| ())
    }

    fn put_profile(&self, owner: &str, profile: &Profile) -> Result<(), Fault> {
        let params = params![owner, json(profile)?, profile.updated_at.map(|at| at.0)];
        self.run(PUT_PROFILE, params).map(|_| ())
    }

    fn enqueue(&mut self, new: &NewQueuedOperation) -> Result<(), Fault> {
        new.check()?;
        let QueuedOperation { meta, local_ref, payload_version, data } = &new.operation;
        let position = self.last_position + 1;
        let data = json(data)?;
        let QueuedMeta { id, kind, entity, depends_on, .. } = meta;
        let checked = Checked { id, kind, entity, depends_on: depends_on.as_deref(), local_ref, data: &data };
        let params = params![
            position,
            meta.id,
            meta.kind,
            meta.user_id,
            meta.entity,
            meta.depends_on,
            meta.payload_bytes,
            meta.queued_at,
            meta.retry_count,
            meta.ever_sent,
            rows::PENDING,
            local_ref,
            payload_version,
            data,
            checked.sum(),
        ];
        match self.run(ENQUEUE, params) {
            Err(Fault::Sql(error)) if is_duplicate_id(&error) => {
                return Err(StoreError::DuplicateOperation(meta.id.clone()).into());
            }
            other => other?,
        };
        self.last_position = position;
        self.positions.push(position);
        Ok(())
    }

    fn replace_payload(&self, id: &str, data: &str, payload_bytes: u32) -> Result<(), Fault> {
        let rest = "SELECT kind, entity, depends_on, local_ref FROM sync_queue WHERE id = ?1";
        let column = |row: &Row<'_>, n| row.get::<_, String>(n);
        let found = self
            .transaction
            .prepare_cached(rest)?
            .query_row([id], |row| {
                Ok((column(row, 0)?, column(row, 1)?, row.get::<_, Option<String>>(2)?, column(row, 3)?))
            })
            .optional()?;
        let Some((kind, entity, depends_on, local_ref)) = found else {
            return Ok(());
        };
        let depends_on = depends_on.as_deref();
        let checked = Checked { id, kind: &kind, entity: &entity, depends_on, local_ref: &local_ref, data };
        self.run(REPLACE_PAYLOAD, params![id, data, payload_bytes, PAYLOAD_VERSION, checked.sum()]).map(|_| ())
    }

    fn move_to_end(&mut self, id: &str) -> Result<(), Fault> {
        let position = self.last_position + 1;
        if self.run("UPDATE sync_queue SET position = ?2 WHERE id = ?1", params![id, position])? > 0 {
            self.last_position = position;
        }
        Ok(())
    }

    fn apply_to_queue(&mut self, change: QueueChange) -> Result<(), Fault> {
        match change {
            QueueChange::SetStatus { id, status, retry_count, ever_sent } => {
                let params =
                    params![id, rows::status_code(&status), rows::status_detail(&status)?, retry_count, ever_sent];
                self.run(SET_STATUS, params).map(|_| ())
            }
            QueueChange::Renew { id, queued_at } => {
                self.run("UPDATE sync_queue SET queued_at = ?2 WHERE id = ?1", params![id, queued_at]).map(|_| ())
            }
            QueueChange::Complete { id, entry } | QueueChange::Discard { id, entry } => self.settle(&id, &entry),
        }
    }

    /// Moves a row to the journal; a row that has left already leaves no second entry.
    fn settle(&mut self, id: &str, entry: &JournalEntry) -> Result<(), Fault> {
        if self.run("DELETE FROM sync_queue WHERE id = ?1", [id])? == 0 {
            return Ok(());
        }
        self.journal_grew = true;
        let params = params![
            entry.operation_id,
            entry.user_id,
            entry.kind,
            entry.batch_id,
            rows::outcome_code(&entry.outcome),
            entry.payload_bytes,
            entry.at,
        ];
        self.run(JOURNAL, params).map(|_| ())
    }
}

/// The id is the queue's only uniqueness beside the position, which is new by construction.
fn is_duplicate_id(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
        && extended == Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}

/// The columns of an event that depend on its kind.
#[derive(Default)]
struct EventColumns<'e> {
    code: i64,
    was_successful: Option<bool>,
    review_time_seconds: Option<u32>,
    phase: Option<i64>,
    slot: Option<&'e Slot>,
}

impl<'e> EventColumns<'e> {
    fn of(kind: &'e CardEventKind) -> Self {
        let plain = |code| Self { code, ..Self::default() };
        match kind {
            CardEventKind::Created => plain(rows::CREATED),
            CardEventKind::Archived => plain(rows::ARCHIVED),
            CardEventKind::Restored => plain(rows::RESTORED),
            CardEventKind::Reviewed { was_successful, review_time_seconds, slot } => Self {
                was_successful: Some(*was_successful),
                review_time_seconds: *review_time_seconds,
                slot: slot.as_ref(),
                ..plain(rows::REVIEWED)
            },
            CardEventKind::PhaseSet { phase, slot } => {
                Self { phase: Some(rows::phase_code(*phase)), slot: slot.as_ref(), ..plain(rows::PHASE_SET) }
            }
        }
    }
}

/// What a commit gave, and whether it wrote anything.
pub(crate) struct Written<T> {
    pub(crate) value: T,
    /// The new revision; `None` if nothing was written.
    pub(crate) revision: Option<Revision>,
}

/// `LocalStore::commit`.
pub(crate) fn commit(
    connection: &mut Connection,
    base: Option<Revision>,
    changes: Vec<StoreChange>,
) -> Result<Written<Committed>, Fault> {
    let mut write = Write::begin(connection)?;
    if base.is_some_and(|base| base != write.revision) {
        return Err(StoreError::Conflict.into());
    }
    if changes.is_empty() {
        let unchanged = Committed { revision: write.revision, positions: Vec::new() };
        return Ok(Written { value: unchanged, revision: None });
    }
    for change in changes {
        write.apply(change)?;
    }
    let committed = write.finish()?;
    Ok(Written { revision: Some(committed.revision), value: committed })
}

/// `LocalStore::mark_verses_verified`.
pub(crate) fn mark_verses_verified(
    connection: &mut Connection,
    owner: &str,
    ids: &[VerseId],
    now: UnixMillis,
) -> Result<Written<u64>, Fault> {
    let write = Write::begin(connection)?;
    let mut changed = 0;
    for id in ids {
        changed += write.run(MARK_VERIFIED, params![owner, id.to_string(), now.0])?;
    }
    let revision = if changed == 0 { None } else { Some(write.finish()?.revision) };
    Ok(Written { value: changed as u64, revision })
}
