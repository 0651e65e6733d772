-- A row of an account is replaced only by whoever has read its newest revision, on whichever server. A server of the version
-- before counts nothing: what it writes during a rolling upgrade may be lost to a change made at the same moment.
ALTER TABLE verses.accounts ADD COLUMN revision bigint NOT NULL DEFAULT 1;
