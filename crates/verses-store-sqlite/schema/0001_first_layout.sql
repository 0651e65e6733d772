-- The first layout: what the application shows, the queue, and a counter of commits.
-- Times are milliseconds since the epoch, dates are 'YYYY-MM-DD', ids are text, user_id is a user's id or 'guest'.

CREATE TABLE store_state (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    revision      INTEGER NOT NULL,  -- committed transactions so far
    last_position INTEGER NOT NULL   -- last position given out in the queue; never used again
);
INSERT INTO store_state VALUES (1, 0, 0);

CREATE TABLE verses (
    user_id     TEXT    NOT NULL,
    verse_id    TEXT    NOT NULL,
    reference   TEXT    NOT NULL,
    osis        TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    translation TEXT    NOT NULL,
    is_verified INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, verse_id)
);

CREATE TABLE verse_cards (
    user_id               TEXT    NOT NULL,
    verse_id              TEXT    NOT NULL,
    current_phase         INTEGER NOT NULL,  -- 0 daily, 1 weekly, 2 biweekly, 3 monthly
    phase_progress_count  INTEGER NOT NULL,
    current_streak        INTEGER NOT NULL,
    best_streak           INTEGER NOT NULL,
    last_reviewed_at      INTEGER,
    next_due_date         TEXT    NOT NULL,
    assigned_day_of_week  INTEGER,
    assigned_week_parity  INTEGER,
    assigned_day_of_month INTEGER,
    archived              INTEGER NOT NULL,
    created_at            INTEGER NOT NULL,
    updated_at            INTEGER NOT NULL,
    fold                  TEXT    NOT NULL,  -- JSON, state of the fold
    PRIMARY KEY (user_id, verse_id)
) WITHOUT ROWID;

CREATE TABLE card_events (
    user_id             TEXT    NOT NULL,
    verse_id            TEXT    NOT NULL,
    occurred_at         INTEGER NOT NULL,
    operation_id        TEXT    NOT NULL,
    local_date          TEXT    NOT NULL,
    kind                INTEGER NOT NULL,  -- 0 created, 1 reviewed, 2 archived, 3 restored, 4 phase set
    was_successful      INTEGER,           -- of a review
    review_time_seconds INTEGER,           -- of a review, if it was measured
    phase               INTEGER,           -- of a phase set, as in verse_cards
    slot                TEXT,              -- JSON, if one was proposed
    PRIMARY KEY (user_id, verse_id, occurred_at, operation_id),
    UNIQUE (user_id, operation_id)
) WITHOUT ROWID;

CREATE TABLE user_profiles (
    user_id    TEXT PRIMARY KEY,
    profile    TEXT NOT NULL,              -- JSON, each field with the update that set it
    updated_at INTEGER
) WITHOUT ROWID;

CREATE TABLE sync_queue (
    position      INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    kind          TEXT    NOT NULL,
    user_id       TEXT    NOT NULL,
    entity        TEXT    NOT NULL,
    local_ref     TEXT    NOT NULL,
    data          TEXT    NOT NULL,        -- JSON, what is sent
    payload_bytes INTEGER NOT NULL,
    queued_at     INTEGER NOT NULL,
    retry_count   INTEGER NOT NULL,
    status        INTEGER NOT NULL,        -- 0 pending, 1 processing, 2 failed
    status_detail TEXT                     -- JSON, the whole status of a row that is not pending
);

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
