-- Accounts of the embedded sign-in: not used where tokens come from elsewhere. A role of their own reaches them, which the
-- login may become; whoever acts as a user, or as the server itself, reaches none of them.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'verses_accounts') THEN
        BEGIN
            CREATE ROLE verses_accounts NOLOGIN NOINHERIT;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    IF NOT pg_has_role('verses_app', 'verses_accounts', 'MEMBER') THEN
        BEGIN
            GRANT verses_accounts TO verses_app;
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA verses TO verses_accounts;

CREATE TABLE verses.accounts (
    id              uuid    NOT NULL PRIMARY KEY,
    email           text COLLATE "C" UNIQUE,
    password_hash   text,
    is_anonymous    boolean NOT NULL,
    metadata        json    NOT NULL,
    created_at      bigint  NOT NULL,
    updated_at      bigint  NOT NULL,
    last_sign_in_at bigint
);

CREATE TABLE verses.account_sessions (
    id           uuid   NOT NULL PRIMARY KEY,
    account_id   uuid   NOT NULL REFERENCES verses.accounts (id) ON DELETE CASCADE,
    key          bytea  NOT NULL,
    counter      bigint NOT NULL,
    refreshed_at bigint NOT NULL
);
CREATE INDEX account_sessions_by_account ON verses.account_sessions (account_id);

CREATE TABLE verses.account_secrets (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    value bytea NOT NULL
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['accounts', 'account_sessions', 'account_secrets'] LOOP
        EXECUTE format('ALTER TABLE verses.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE verses.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY accounts ON verses.%I FOR ALL TO verses_accounts USING (true) WITH CHECK (true)', name);
        -- The owner checks references, and is bound as well.
        EXECUTE format('CREATE POLICY references_are_checked ON verses.%I FOR ALL TO verses_owner USING (true)', name);
        EXECUTE format('REVOKE ALL ON verses.%I FROM PUBLIC, anon, authenticated, service_role', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON verses.%I TO verses_accounts', name);
        EXECUTE format('ALTER TABLE verses.%I OWNER TO verses_owner', name);
    END LOOP;
END
$$;
