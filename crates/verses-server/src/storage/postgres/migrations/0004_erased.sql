-- A user whose account was deleted leaves this row behind: what a device still sends is then refused, and not the beginning
-- of a new history.
ALTER TABLE verses.sync_users ADD COLUMN erased_at bigint;
