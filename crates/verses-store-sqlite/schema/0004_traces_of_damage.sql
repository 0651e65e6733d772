-- What a failing disk changes can be told: in the queue by a checksum, and a log that belongs to another file by a name.
-- Rows queued before have no checksum.

ALTER TABLE sync_queue ADD COLUMN checksum INTEGER;  -- CRC-32 of what never changes, and of the payload
ALTER TABLE store_state ADD COLUMN home TEXT;        -- a name for this file, of no meaning
UPDATE store_state SET home = hex(randomblob(16));
