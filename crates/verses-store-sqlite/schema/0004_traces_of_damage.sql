-- What a failing disk changes can be told: in the queue by a checksum, and a log that belongs to another file by a name.
-- Rows queued before have no checksum.

ALTER TABLE sync_queue ADD COLUMN checksum INTEGER;  -- CRC-32 of what never changes, and of the payload

-- The name twice: on a page that is written once and therefore whole, and on the page that every commit writes to the log.
CREATE TABLE home (
    name TEXT NOT NULL                               -- of no meaning, another one for each file
);
INSERT INTO home VALUES (hex(randomblob(16)));
ALTER TABLE store_state ADD COLUMN home TEXT;
UPDATE store_state SET home = (SELECT name FROM home);
