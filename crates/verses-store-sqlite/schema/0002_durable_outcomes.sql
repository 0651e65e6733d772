-- Operations know what they depend on, whether they may have reached the server and how their payload is shaped; outcomes
-- get a journal; events know their place in the server's history; counts of the queue are kept beside it.

-- The payload moves to the end of the row, so that reading the rest of many rows steps over it.
CREATE TABLE sync_queue_2 (
    position        INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    kind            TEXT    NOT NULL,
    user_id         TEXT    NOT NULL,
    entity          TEXT    NOT NULL,
    depends_on      TEXT,
    payload_bytes   INTEGER NOT NULL,
    queued_at       INTEGER NOT NULL,
    retry_count     INTEGER NOT NULL,
    ever_sent       INTEGER NOT NULL,
    status          INTEGER NOT NULL,      -- 0 pending, 1 processing, 2 failed
    status_detail   TEXT,                  -- JSON, the whole status of a row that is not pending
    local_ref       TEXT    NOT NULL,
    payload_version INTEGER NOT NULL,
    data            TEXT    NOT NULL       -- JSON, what is sent
);
-- Nobody noted what was sent before: it may all have reached the server, so none of it is edited in place.
INSERT INTO sync_queue_2
    SELECT position, id, kind, user_id, entity, NULL, payload_bytes, queued_at, retry_count, 1, status, status_detail,
           local_ref, 1, data
    FROM sync_queue ORDER BY position;
DROP TABLE sync_queue;
ALTER TABLE sync_queue_2 RENAME TO sync_queue;

CREATE TABLE sync_journal (
    seq           INTEGER PRIMARY KEY,     -- rises by one; the lowest are dropped
    operation_id  TEXT    NOT NULL,
    user_id       TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    batch_id      TEXT    NOT NULL,
    outcome       INTEGER NOT NULL,        -- 0 applied, 1 duplicate, 2 discarded
    payload_bytes INTEGER NOT NULL,
    at            INTEGER NOT NULL
);

ALTER TABLE card_events ADD COLUMN seq INTEGER;

CREATE TABLE sync_queue_counts (
    user_id TEXT PRIMARY KEY,
    waiting INTEGER NOT NULL,              -- pending or processing
    failed  INTEGER NOT NULL,
    bytes   INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO sync_queue_counts
    SELECT user_id, sum(status <> 2), sum(status = 2), sum(payload_bytes) FROM sync_queue GROUP BY user_id;

CREATE TRIGGER sync_queue_counts_insert AFTER INSERT ON sync_queue BEGIN
    INSERT INTO sync_queue_counts VALUES (new.user_id, new.status <> 2, new.status = 2, new.payload_bytes)
    ON CONFLICT (user_id) DO UPDATE SET waiting = waiting + excluded.waiting, failed = failed + excluded.failed,
                                        bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER sync_queue_counts_delete AFTER DELETE ON sync_queue BEGIN
    UPDATE sync_queue_counts SET waiting = waiting - (old.status <> 2), failed = failed - (old.status = 2),
                                 bytes = bytes - old.payload_bytes
    WHERE user_id = old.user_id;
END;
CREATE TRIGGER sync_queue_counts_update AFTER UPDATE OF user_id, status, payload_bytes ON sync_queue
WHEN old.user_id <> new.user_id OR (old.status = 2) <> (new.status = 2) OR old.payload_bytes <> new.payload_bytes BEGIN
    UPDATE sync_queue_counts SET waiting = waiting - (old.status <> 2), failed = failed - (old.status = 2),
                                 bytes = bytes - old.payload_bytes
    WHERE user_id = old.user_id;
    INSERT INTO sync_queue_counts VALUES (new.user_id, new.status <> 2, new.status = 2, new.payload_bytes)
    ON CONFLICT (user_id) DO UPDATE SET waiting = waiting + excluded.waiting, failed = failed + excluded.failed,
                                        bytes = bytes + excluded.bytes;
END;
