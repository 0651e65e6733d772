-- The sync tables. Every key of a user's table begins with user_id: users never share a row, and user_id is the
-- distribution key where the database is spread over machines. Instants are milliseconds since the epoch.
-- No foreign keys between them: a check per row would cost more than the row. What belongs to a user is written by one
-- transaction under the lock of the user's row in sync_users, and deleted by another.
-- Texts that are compared are in the "C" collation: their order must be the one of their bytes, everywhere.

-- The id of this database's history, part of every cursor.
CREATE TABLE verses.meta (
    key   text NOT NULL PRIMARY KEY,
    value uuid NOT NULL
);
INSERT INTO verses.meta (key, value) VALUES ('epoch', gen_random_uuid());

-- One row per user who has sent anything: the last sequence number, and the digest of the history up to it.
CREATE TABLE verses.sync_users (
    user_id    uuid   NOT NULL PRIMARY KEY,
    last_seq   bigint NOT NULL,
    last_chain bytea  NOT NULL
) WITH (fillfactor = 50);

-- The ledger: each accepted operation with its answer. Also the feed of changes, in the order of seq.
CREATE TABLE verses.sync_operations (
    user_id      uuid   NOT NULL,
    seq          bigint NOT NULL,
    operation_id text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    content_hash bytea  NOT NULL,
    chain        bytea  NOT NULL,
    operation    json   NOT NULL,
    verse_id     uuid,
    outcome      json   NOT NULL,
    accepted_at  bigint NOT NULL,
    PRIMARY KEY (user_id, seq),
    UNIQUE (user_id, operation_id)
);

-- The facts a card is folded from.
CREATE TABLE verses.card_events (
    user_id             uuid   NOT NULL,
    verse_id            uuid   NOT NULL,
    occurred_at         bigint NOT NULL,
    operation_id        text COLLATE "C" NOT NULL,
    local_date          date   NOT NULL,
    event               text COLLATE "C" NOT NULL,
    was_successful      boolean,
    review_time_seconds bigint,
    phase               text COLLATE "C",
    slot                json,
    PRIMARY KEY (user_id, verse_id, occurred_at, operation_id)
);

-- The fold of those facts.
CREATE TABLE verses.verse_cards (
    user_id               uuid    NOT NULL,
    verse_id              uuid    NOT NULL,
    current_phase         text COLLATE "C" NOT NULL,
    phase_progress_count  bigint  NOT NULL,
    current_streak        bigint  NOT NULL,
    best_streak           bigint  NOT NULL,
    last_reviewed_at      bigint,
    next_due_date         date    NOT NULL,
    assigned_day_of_week  smallint,
    assigned_week_parity  smallint,
    assigned_day_of_month smallint,
    archived              boolean NOT NULL,
    created_at            bigint  NOT NULL,
    updated_at            bigint  NOT NULL,
    fold                  json    NOT NULL,
    PRIMARY KEY (user_id, verse_id)
) WITH (fillfactor = 80);

-- Texts of the user's own. Never shared.
CREATE TABLE verses.user_verses (
    user_id     uuid    NOT NULL,
    verse_id    uuid    NOT NULL,
    reference   text    NOT NULL,
    osis        text    NOT NULL,
    text        text    NOT NULL,
    translation text    NOT NULL,
    is_verified boolean NOT NULL,
    created_at  bigint  NOT NULL,
    updated_at  bigint  NOT NULL,
    PRIMARY KEY (user_id, verse_id)
);

-- The profile with the update that set each field; the columns read from it are for people with a SQL prompt.
CREATE TABLE verses.user_profiles (
    user_id                uuid NOT NULL PRIMARY KEY,
    profile                json NOT NULL,
    full_name              text GENERATED ALWAYS AS (profile -> 'fullName' ->> 'value') STORED,
    preferred_translation  text GENERATED ALWAYS AS (profile -> 'preferredTranslation' ->> 'value') STORED,
    reference_display_mode text GENERATED ALWAYS AS (profile -> 'referenceDisplayMode' ->> 'value') STORED,
    timezone               text GENERATED ALWAYS AS (profile -> 'timezone' ->> 'value') STORED
);

-- The shared catalogue: what providers supplied. The text is empty where a provider's terms forbid to store it.
CREATE TABLE verses.verses (
    verse_id    uuid    NOT NULL PRIMARY KEY,
    reference   text    NOT NULL,
    osis        text    NOT NULL,
    text        text    NOT NULL,
    translation text    NOT NULL,
    is_verified boolean NOT NULL,
    created_at  bigint  NOT NULL,
    updated_at  bigint  NOT NULL
);

-- A user reaches rows of the user's own and no others, whoever owns the table. The id is read once per statement.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sync_users', 'sync_operations', 'card_events', 'verse_cards', 'user_verses', 'user_profiles'] LOOP
        EXECUTE format('ALTER TABLE verses.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE verses.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_rows ON verses.%I FOR ALL TO authenticated
             USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()))', name);
        EXECUTE format('REVOKE ALL ON verses.%I FROM PUBLIC, anon, authenticated, service_role', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON verses.%I TO authenticated', name);
    END LOOP;
    -- Nobody but the server's own hand writes what all users see.
    FOREACH name IN ARRAY ARRAY['meta', 'verses'] LOOP
        EXECUTE format('ALTER TABLE verses.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE verses.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY readable ON verses.%I FOR SELECT TO authenticated, service_role USING (true)', name);
        EXECUTE format('REVOKE ALL ON verses.%I FROM PUBLIC, anon, authenticated, service_role', name);
        EXECUTE format('GRANT SELECT ON verses.%I TO authenticated, service_role', name);
    END LOOP;
    CREATE POLICY added ON verses.verses FOR INSERT TO service_role WITH CHECK (true);
    CREATE POLICY completed ON verses.verses FOR UPDATE TO service_role USING (true) WITH CHECK (true);
    GRANT INSERT, UPDATE ON verses.verses TO service_role;
    -- Last, because the owner may not look into the schema of auth.uid(). Nobody logs in as the owner.
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'verses' AND tablename <> 'schema_version' LOOP
        EXECUTE format('ALTER TABLE verses.%I OWNER TO verses_owner', name);
    END LOOP;
END
$$;
