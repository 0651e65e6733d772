-- The keys that sign the tokens of the embedded sign-in, and how each session was signed in. Servers of the version before
-- go on beside it: they know neither, and leave the defaults.

CREATE TABLE verses.account_keys (
    kid          text COLLATE "C" NOT NULL PRIMARY KEY,
    private      bytea  NOT NULL,
    created_at   bigint NOT NULL,
    life_seconds bigint NOT NULL
);

ALTER TABLE verses.account_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE verses.account_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY accounts ON verses.account_keys FOR ALL TO verses_accounts USING (true) WITH CHECK (true);
REVOKE ALL ON verses.account_keys FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON verses.account_keys TO verses_accounts;
ALTER TABLE verses.account_keys OWNER TO verses_owner;

ALTER TABLE verses.account_sessions
    ADD COLUMN method text COLLATE "C" NOT NULL DEFAULT 'password',
    ADD COLUMN signed_in_at bigint NOT NULL DEFAULT 0;
