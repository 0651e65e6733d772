-- The sync tables. Every key of a user's table begins with user_id, so that users never share a row.
-- Ids of users and verses are UUIDs in 16 bytes; instants are milliseconds since the epoch; dates are YYYY-MM-DD.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per user who has sent anything: the last sequence number, and the digest of the history up to it.
CREATE TABLE sync_users (
    user_id    BLOB NOT NULL PRIMARY KEY,
    last_seq   INTEGER NOT NULL,
    last_chain BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The ledger: each accepted operation with its answer. Also the feed of changes, in the order of seq.
CREATE TABLE sync_operations (
    user_id      BLOB NOT NULL REFERENCES sync_users (user_id) ON DELETE CASCADE,
    seq          INTEGER NOT NULL,
    operation_id TEXT NOT NULL,
    kind         TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    chain        BLOB NOT NULL,
    operation    TEXT NOT NULL,
    verse_id     BLOB,
    outcome      TEXT NOT NULL,
    accepted_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sync_operations_by_id ON sync_operations (user_id, operation_id);

-- The facts a card is folded from.
CREATE TABLE card_events (
    user_id             BLOB NOT NULL REFERENCES sync_users (user_id) ON DELETE CASCADE,
    verse_id            BLOB NOT NULL,
    occurred_at         INTEGER NOT NULL,
    operation_id        TEXT NOT NULL,
    local_date          TEXT NOT NULL,
    event               TEXT NOT NULL,
    was_successful      INTEGER,
    review_time_seconds INTEGER,
    phase               TEXT,
    slot                TEXT,
    PRIMARY KEY (user_id, verse_id, occurred_at, operation_id)
) STRICT, WITHOUT ROWID;

-- The fold of those facts.
CREATE TABLE verse_cards (
    user_id               BLOB NOT NULL REFERENCES sync_users (user_id) ON DELETE CASCADE,
    verse_id              BLOB NOT NULL,
    current_phase         TEXT NOT NULL,
    phase_progress_count  INTEGER NOT NULL,
    current_streak        INTEGER NOT NULL,
    best_streak           INTEGER NOT NULL,
    last_reviewed_at      INTEGER,
    next_due_date         TEXT NOT NULL,
    assigned_day_of_week  INTEGER,
    assigned_week_parity  INTEGER,
    assigned_day_of_month INTEGER,
    archived              INTEGER NOT NULL,
    created_at            INTEGER NOT NULL,
    updated_at            INTEGER NOT NULL,
    fold                  TEXT NOT NULL,
    PRIMARY KEY (user_id, verse_id)
) STRICT, WITHOUT ROWID;

-- Texts of the user's own. Never shared.
CREATE TABLE user_verses (
    user_id     BLOB NOT NULL REFERENCES sync_users (user_id) ON DELETE CASCADE,
    verse_id    BLOB NOT NULL,
    reference   TEXT NOT NULL,
    osis        TEXT NOT NULL,
    text        TEXT NOT NULL,
    translation TEXT NOT NULL,
    is_verified INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, verse_id)
) STRICT, WITHOUT ROWID;

-- The shared catalogue: what providers supplied. The text is empty where a provider's terms forbid to store it.
CREATE TABLE verses (
    verse_id    BLOB NOT NULL PRIMARY KEY,
    reference   TEXT NOT NULL,
    osis        TEXT NOT NULL,
    text        TEXT NOT NULL,
    translation TEXT NOT NULL,
    is_verified INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The profile with the update that set each field; the columns read from it are for people with a SQL prompt.
CREATE TABLE user_profiles (
    user_id                BLOB NOT NULL PRIMARY KEY REFERENCES sync_users (user_id) ON DELETE CASCADE,
    profile                TEXT NOT NULL,
    full_name              TEXT GENERATED ALWAYS AS (profile ->> '$.fullName.value') VIRTUAL,
    preferred_translation  TEXT GENERATED ALWAYS AS (profile ->> '$.preferredTranslation.value') VIRTUAL,
    reference_display_mode TEXT GENERATED ALWAYS AS (profile ->> '$.referenceDisplayMode.value') VIRTUAL,
    timezone               TEXT GENERATED ALWAYS AS (profile ->> '$.timezone.value') VIRTUAL
) STRICT, WITHOUT ROWID;
