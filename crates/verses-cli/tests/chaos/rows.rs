//! Reading the databases of servers and devices as they lie on the disk, without the product's code. Both give the same
//! text for the same fact, so that rows can be compared. What must hold among them is in `compare`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Row};
use serde_json::Value;

use crate::common::PATIENCE;

/// A user and a verse, or a user and an id, in hexadecimal digits without dashes.
pub(crate) type Key = (String, String);

/// An accepted operation in the server's ledger.
#[derive(Debug, Clone)]
pub(crate) struct LedgerRow {
    pub(crate) user: String,
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) operation: Value,
    /// Empty for an operation on the profile.
    pub(crate) verse: String,
}

/// An event of a card.
#[derive(Debug, Clone)]
pub(crate) struct EventRow {
    pub(crate) user: String,
    pub(crate) id: String,
    pub(crate) verse: String,
    /// Everything else that both sides keep.
    pub(crate) line: String,
    /// The place in the server's history, as far as a device knows it.
    pub(crate) seq: Option<i64>,
}

/// An operation in a device's queue, or in its inbox.
#[derive(Debug, Clone)]
pub(crate) struct QueueRow {
    pub(crate) user: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
    /// The code of its failure, if it failed.
    pub(crate) failure: Option<String>,
}

/// An outcome in a device's journal.
#[derive(Debug, Clone)]
pub(crate) struct JournalRow {
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) user: String,
    /// Applied, or applied before: not given up by the user.
    pub(crate) accepted: bool,
}

/// What server and device both show of their users.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    pub(crate) cards: BTreeMap<Key, String>,
    pub(crate) verses: BTreeMap<Key, String>,
    /// "Psalm 119:1 KJV"
    pub(crate) names: BTreeMap<Key, String>,
    pub(crate) profiles: BTreeMap<String, Value>,
}

/// The server's rows.
#[derive(Debug, Clone)]
pub(crate) struct ServerRows {
    pub(crate) ledger: Vec<LedgerRow>,
    pub(crate) events: Vec<EventRow>,
    pub(crate) shown: Shown,
    /// Last sequence number of every user.
    pub(crate) last_seqs: BTreeMap<String, i64>,
    /// What SQLite says of the file: "ok".
    pub(crate) integrity: String,
}

/// A device's rows at one moment.
#[derive(Debug, Clone)]
pub(crate) struct ClientRows {
    /// The user whose session the device has.
    pub(crate) signed_in: Option<String>,
    pub(crate) queue: Vec<QueueRow>,
    /// Newer than what the reader had.
    pub(crate) journal: Vec<JournalRow>,
    pub(crate) events: Vec<EventRow>,
    pub(crate) shown: Shown,
    /// Waiting, failed and bytes by user, as the store keeps them.
    pub(crate) counts: Vec<String>,
    /// The same, counted.
    pub(crate) counted: Vec<String>,
    pub(crate) integrity: String,
}

const SERVER_EVENTS: &str = "SELECT lower(hex(user_id)), operation_id, lower(hex(verse_id)),
    json_array(occurred_at, local_date, event, was_successful, review_time_seconds, phase, json(slot)), NULL
    FROM card_events ORDER BY 1, 2";
const CLIENT_EVENTS: &str = "SELECT replace(user_id, '-', ''), operation_id, replace(verse_id, '-', ''),
    json_array(occurred_at, local_date,
        CASE kind WHEN 0 THEN 'created' WHEN 1 THEN 'reviewed' WHEN 2 THEN 'archived' WHEN 3 THEN 'restored'
                  ELSE 'phase_set' END,
        was_successful, review_time_seconds,
        CASE phase WHEN 0 THEN 'daily' WHEN 1 THEN 'weekly' WHEN 2 THEN 'biweekly' WHEN 3 THEN 'monthly' END,
        json(slot)), seq
    FROM card_events ORDER BY 1, 2";
const SERVER_CARDS: &str = "SELECT lower(hex(user_id)), lower(hex(verse_id)), json_array(current_phase,
    phase_progress_count, current_streak, best_streak, last_reviewed_at, next_due_date, assigned_day_of_week,
    assigned_week_parity, assigned_day_of_month, archived, created_at, updated_at, json(fold)) FROM verse_cards";
const CLIENT_CARDS: &str = "SELECT replace(user_id, '-', ''), replace(verse_id, '-', ''), json_array(
    CASE current_phase WHEN 0 THEN 'daily' WHEN 1 THEN 'weekly' WHEN 2 THEN 'biweekly' ELSE 'monthly' END,
    phase_progress_count, current_streak, best_streak, last_reviewed_at, next_due_date, assigned_day_of_week,
    assigned_week_parity, assigned_day_of_month, archived, created_at, updated_at, json(fold)) FROM verse_cards";
/// A text of the user's own goes before the catalogue's.
const SERVER_VERSES: &str = "SELECT lower(hex(c.user_id)), lower(hex(c.verse_id)),
    json_array(coalesce(o.reference, v.reference), coalesce(o.osis, v.osis), coalesce(o.text, v.text),
               coalesce(o.translation, v.translation), coalesce(o.is_verified, v.is_verified)),
    coalesce(o.reference, v.reference, '?') || ' ' || coalesce(o.translation, v.translation, '?')
    FROM verse_cards c LEFT JOIN user_verses o USING (user_id, verse_id) LEFT JOIN verses v USING (verse_id)";
const CLIENT_VERSES: &str = "SELECT replace(user_id, '-', ''), replace(verse_id, '-', ''),
    json_array(reference, osis, text, translation, is_verified), reference || ' ' || translation FROM verses";

impl ServerRows {
    /// Reads a server's database.
    pub(crate) fn read(file: &Path) -> Self {
        let database = Database::open(file);
        let ledger = database.rows(
            "SELECT lower(hex(user_id)), seq, operation_id, kind, operation, lower(hex(verse_id)) FROM sync_operations
             ORDER BY user_id, seq",
            |row| {
                let operation: String = row.get(4)?;
                Ok(LedgerRow {
                    user: row.get(0)?,
                    seq: row.get(1)?,
                    id: row.get(2)?,
                    kind: row.get(3)?,
                    operation: serde_json::from_str(&operation).unwrap(),
                    verse: row.get(5)?,
                })
            },
        );
        let profiles = "SELECT lower(hex(user_id)), profile FROM user_profiles";
        Self {
            ledger,
            events: database.rows(SERVER_EVENTS, event),
            shown: database.shown(SERVER_CARDS, SERVER_VERSES, profiles),
            last_seqs: database
                .rows("SELECT lower(hex(user_id)), last_seq FROM sync_users", |row| Ok((row.get(0)?, row.get(1)?)))
                .into_iter()
                .collect(),
            integrity: database.integrity(),
        }
    }
}

impl ClientRows {
    /// Reads a device's store, of the journal what comes after `journal_seq`. All of it at one moment. `None` while there
    /// is no store yet, because whatever was to make it was killed.
    pub(crate) fn read(file: &Path, journal_seq: i64) -> Option<Self> {
        // The next process undoes what the journal of a file in the making says; here nothing is written.
        let in_the_making = PathBuf::from(format!("{}-journal", file.display()));
        if !file.exists() || in_the_making.exists() {
            return None;
        }
        let database = Database::open(file);
        let tables: Vec<i64> = database.rows("SELECT count(*) FROM sqlite_schema", |row| row.get(0));
        if tables == [0] {
            return None;
        }
        let sessions: Vec<String> = database.rows("SELECT value FROM meta WHERE key = 'session'", |row| row.get(0));
        let user = |session: &String| {
            let session: Value = serde_json::from_str(session).unwrap();
            session["user_id"].as_str().unwrap().replace('-', "")
        };
        let queue = "SELECT replace(user_id, '-', ''), id, kind, data,
            CASE status WHEN 2 THEN coalesce(status_detail ->> '$.code', 'none') END FROM sync_queue ORDER BY position";
        let journal = format!(
            "SELECT seq, operation_id, replace(user_id, '-', ''), outcome < 2 FROM sync_journal WHERE seq > {journal_seq}
             ORDER BY seq"
        );
        let counts = "SELECT json_array(user_id, waiting, failed, bytes) FROM sync_queue_counts
            WHERE waiting + failed + bytes <> 0 ORDER BY 1";
        let counted =
            "SELECT json_array(user_id, sum(status <> 2), sum(status = 2), sum(payload_bytes)) FROM sync_queue
            GROUP BY user_id ORDER BY 1";
        Some(Self {
            signed_in: sessions.first().map(user),
            queue: database.rows(queue, |row| {
                let data: String = row.get(3)?;
                Ok(QueueRow {
                    user: row.get(0)?,
                    id: row.get(1)?,
                    kind: row.get(2)?,
                    data: serde_json::from_str(&data).unwrap(),
                    failure: row.get(4)?,
                })
            }),
            journal: database.rows(&journal, |row| {
                Ok(JournalRow { seq: row.get(0)?, id: row.get(1)?, user: row.get(2)?, accepted: row.get(3)? })
            }),
            events: database.rows(CLIENT_EVENTS, event),
            shown: database.shown(
                CLIENT_CARDS,
                CLIENT_VERSES,
                "SELECT replace(user_id, '-', ''), profile FROM user_profiles",
            ),
            counts: database.rows(counts, |row| row.get(0)),
            counted: database.rows(counted, |row| row.get(0)),
            integrity: database.integrity(),
        })
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow { user: row.get(0)?, id: row.get(1)?, verse: row.get(2)?, line: row.get(3)?, seq: row.get(4)? })
}

/// A database in one read transaction.
struct Database(Connection);

impl Database {
    fn open(file: &Path) -> Self {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        connection.busy_timeout(PATIENCE).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        Self(connection)
    }

    fn rows<T>(&self, sql: &str, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let mut statement = self.0.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let rows = statement.query_map([], read).unwrap();
        rows.collect::<Result<_, _>>().unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    fn shown(&self, cards: &str, verses: &str, profiles: &str) -> Shown {
        let mut shown = Shown::default();
        for (user, verse, line) in self.rows(cards, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))) {
            shown.cards.insert((user, verse), line);
        }
        for (key, line, name) in self.rows(verses, |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?, row.get(3)?))) {
            let key: Key = key;
            shown.verses.insert(key.clone(), line);
            shown.names.insert(key, name);
        }
        for (user, profile) in self.rows(profiles, |row| Ok((row.get(0)?, row.get::<_, String>(1)?))) {
            shown.profiles.insert(user, serde_json::from_str(&profile).unwrap());
        }
        shown
    }

    fn integrity(&self) -> String {
        let lines: Vec<String> = self.rows("PRAGMA integrity_check", |row| row.get(0));
        lines.join("; ")
    }
}
