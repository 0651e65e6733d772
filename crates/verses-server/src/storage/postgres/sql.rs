//! The statements, each with the types of its parameters, so that it can be prepared before a transaction begins, or sent
//! without a name through a pooler that knows no prepared statements. What they mean is said where they are used.

use tokio_postgres::types::Type;

/// A statement.
#[derive(Debug)]
pub(super) struct Sql {
    pub(super) text: &'static str,
    pub(super) types: &'static [Type],
}

macro_rules! statements {
    ($($(#[$about:meta])* $name:ident($($kind:ident),*) = $text:expr;)+) => {
        $($(#[$about])* pub(super) const $name: Sql = Sql { text: $text, types: &[$(Type::$kind),*] };)+
        /// All of them, with their names.
        pub(super) const ALL: &[(&str, &Sql)] = &[$((stringify!($name), &$name)),+];
    };
}

/// The user's position, as the first part of a statement that writes more.
macro_rules! position {
    () => {
        "WITH position AS (UPDATE verses.sync_users SET last_seq = $2, last_chain = $3 WHERE user_id = $1), "
    };
}

macro_rules! into_ledger {
    () => {
        "INSERT INTO verses.sync_operations (user_id, seq, operation_id, kind, content_hash, chain, operation, verse_id, \
         outcome, accepted_at) "
    };
}

macro_rules! into_events {
    () => {
        "INSERT INTO verses.card_events (user_id, verse_id, occurred_at, operation_id, local_date, event, was_successful, \
         review_time_seconds, phase, slot) "
    };
}

macro_rules! into_cards {
    () => {
        "INSERT INTO verses.verse_cards AS c (user_id, verse_id, current_phase, phase_progress_count, current_streak, \
         best_streak, last_reviewed_at, next_due_date, assigned_day_of_week, assigned_week_parity, assigned_day_of_month, \
         archived, created_at, updated_at, fold) "
    };
}

macro_rules! or_the_new_card {
    () => {
        "ON CONFLICT (user_id, verse_id) DO UPDATE SET current_phase = excluded.current_phase, \
         phase_progress_count = excluded.phase_progress_count, current_streak = excluded.current_streak, \
         best_streak = excluded.best_streak, last_reviewed_at = excluded.last_reviewed_at, \
         next_due_date = excluded.next_due_date, assigned_day_of_week = excluded.assigned_day_of_week, \
         assigned_week_parity = excluded.assigned_week_parity, assigned_day_of_month = excluded.assigned_day_of_month, \
         archived = excluded.archived, created_at = excluded.created_at, updated_at = excluded.updated_at, \
         fold = excluded.fold"
    };
}

statements! {
    /// Who acts, until the transaction ends. The subject is also set on its own, as PostgREST once did: functions that look
    /// there first need not read JSON in every statement.
    ACT_AS(TEXT, TEXT, TEXT) = "SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true), \
        set_config('request.jwt.claim.sub', $3, true)";
    /// How long a statement and a wait for a lock may take, until the transaction ends, where the connection is not one's
    /// own for longer. The search path is emptied: every name is written in full.
    WITHIN(TEXT, TEXT) = "SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true), \
        set_config('search_path', '', true)";
    /// Another role for what is left of the transaction.
    BECOME(TEXT) = "SELECT set_config('role', $1, true)";

    ALIVE() = "SELECT 1";
    EPOCH() = "SELECT value FROM verses.meta WHERE key = 'epoch'";
    MAKE_USER(UUID, BYTEA) = "INSERT INTO verses.sync_users (user_id, last_seq, last_chain) VALUES ($1, 0, $2) \
        ON CONFLICT (user_id) DO NOTHING";
    LOCK_USER(UUID) = "SELECT last_seq, last_chain, erased_at FROM verses.sync_users WHERE user_id = $1 FOR UPDATE";
    POSITION(UUID) = "SELECT last_seq, last_chain, erased_at FROM verses.sync_users WHERE user_id = $1";

    ERASE_OPERATIONS(UUID) = "DELETE FROM verses.sync_operations WHERE user_id = $1";
    ERASE_EVENTS(UUID) = "DELETE FROM verses.card_events WHERE user_id = $1";
    ERASE_CARDS(UUID) = "DELETE FROM verses.verse_cards WHERE user_id = $1";
    ERASE_VERSES(UUID) = "DELETE FROM verses.user_verses WHERE user_id = $1";
    ERASE_PROFILE(UUID) = "DELETE FROM verses.user_profiles WHERE user_id = $1";
    MARK_ERASED(UUID, BYTEA, INT8) = "UPDATE verses.sync_users SET last_seq = 0, last_chain = $2, \
        erased_at = coalesce(erased_at, $3) WHERE user_id = $1";

    PROFILE(UUID) = "SELECT profile::text FROM verses.user_profiles WHERE user_id = $1";
    SET_PROFILE(UUID, TEXT) = "INSERT INTO verses.user_profiles (user_id, profile) VALUES ($1, $2::text::json) \
        ON CONFLICT (user_id) DO UPDATE SET profile = excluded.profile";

    LEDGER_BY_ID(UUID, TEXT_ARRAY) = "SELECT o.operation_id, o.kind, o.content_hash, o.seq, o.chain, o.operation::text, \
        o.verse_id, o.outcome::text, o.accepted_at FROM verses.sync_operations o \
        WHERE o.user_id = $1 AND o.operation_id = ANY($2)";
    CHAIN_AT(UUID, INT8) = "SELECT chain FROM verses.sync_operations WHERE user_id = $1 AND seq = $2";
    FEED(UUID, INT8, INT8) = "SELECT o.operation_id, o.seq, o.chain, o.operation::text, coalesce(u.verse_id, v.verse_id), \
        coalesce(u.reference, v.reference), coalesce(u.osis, v.osis), coalesce(u.text, v.text), \
        coalesce(u.translation, v.translation), coalesce(u.is_verified, v.is_verified), \
        coalesce(u.created_at, v.created_at), coalesce(u.updated_at, v.updated_at) \
        FROM verses.sync_operations o \
        LEFT JOIN verses.user_verses u ON o.kind = 'create_verse' AND u.user_id = $1 AND u.verse_id = o.verse_id \
        LEFT JOIN verses.verses v ON o.kind = 'create_verse' AND v.verse_id = o.verse_id \
        WHERE o.user_id = $1 AND o.seq > $2 ORDER BY o.seq LIMIT $3";

    EVENTS(UUID, UUID_ARRAY) = "SELECT e.operation_id, e.verse_id, e.occurred_at, e.local_date, e.event, e.was_successful, \
        e.review_time_seconds, e.phase, e.slot::text FROM verses.card_events e \
        WHERE e.user_id = $1 AND e.verse_id = ANY($2) ORDER BY e.verse_id, e.occurred_at, e.operation_id";
    CARDS(UUID, UUID_ARRAY) = "SELECT c.verse_id, c.current_phase, c.phase_progress_count, c.current_streak, c.best_streak, \
        c.last_reviewed_at, c.next_due_date, c.assigned_day_of_week, c.assigned_week_parity, c.assigned_day_of_month, \
        c.archived, c.created_at, c.updated_at, c.fold::text FROM verses.verse_cards c \
        WHERE c.user_id = $1 AND c.verse_id = ANY($2)";
    ALL_CARDS(UUID) = "SELECT c.verse_id, c.current_phase, c.phase_progress_count, c.current_streak, c.best_streak, \
        c.last_reviewed_at, c.next_due_date, c.assigned_day_of_week, c.assigned_week_parity, c.assigned_day_of_month, \
        c.archived, c.created_at, c.updated_at, c.fold::text FROM verses.verse_cards c WHERE c.user_id = $1";
    /// All that operations write on cards: the position, the ledger, events, cards. One statement, because each costs.
    WRITE(UUID, INT8, BYTEA,
        INT8_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, TEXT_ARRAY, UUID_ARRAY, TEXT_ARRAY, INT8_ARRAY,
        UUID_ARRAY, INT8_ARRAY, TEXT_ARRAY, DATE_ARRAY, TEXT_ARRAY, BOOL_ARRAY, INT8_ARRAY, TEXT_ARRAY, TEXT_ARRAY,
        UUID_ARRAY, TEXT_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, DATE_ARRAY, INT2_ARRAY, INT2_ARRAY,
        INT2_ARRAY, BOOL_ARRAY, INT8_ARRAY, INT8_ARRAY, TEXT_ARRAY) = concat!(
        position!(), "ledger AS (", into_ledger!(), "SELECT $1, n.seq, n.operation_id, n.kind, n.content_hash, n.chain, \
        n.operation::json, n.verse_id, n.outcome::json, n.accepted_at FROM unnest($4, $5, $6, $7, $8, $9, $10, $11, $12) \
        AS n(seq, operation_id, kind, content_hash, chain, operation, verse_id, outcome, accepted_at)), \
        events AS (", into_events!(), "SELECT $1, n.verse_id, n.occurred_at, n.operation_id, n.local_date, \
        n.event, n.was_successful, n.review_time_seconds, n.phase, n.slot::json \
        FROM unnest($13, $14, $15, $16, $17, $18, $19, $20, $21) \
        AS n(verse_id, occurred_at, operation_id, local_date, event, was_successful, review_time_seconds, phase, slot)) ",
        into_cards!(), "SELECT $1, n.verse_id, n.phase, n.progress, n.streak, n.best, n.reviewed, \
        n.due, n.day_of_week, n.week_parity, n.day_of_month, n.archived, n.created, n.updated, n.fold::json \
        FROM unnest($22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35) AS n(verse_id, phase, progress, \
        streak, best, reviewed, due, day_of_week, week_parity, day_of_month, archived, created, updated, fold) ",
        or_the_new_card!());
    /// The same, with the same parameters, for one operation that makes one event of one card: without tables made of lists
    /// it costs the database less.
    WRITE_ONE(UUID, INT8, BYTEA,
        INT8_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, TEXT_ARRAY, UUID_ARRAY, TEXT_ARRAY, INT8_ARRAY,
        UUID_ARRAY, INT8_ARRAY, TEXT_ARRAY, DATE_ARRAY, TEXT_ARRAY, BOOL_ARRAY, INT8_ARRAY, TEXT_ARRAY, TEXT_ARRAY,
        UUID_ARRAY, TEXT_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, DATE_ARRAY, INT2_ARRAY, INT2_ARRAY,
        INT2_ARRAY, BOOL_ARRAY, INT8_ARRAY, INT8_ARRAY, TEXT_ARRAY) = concat!(
        position!(), "ledger AS (", into_ledger!(), "VALUES ($1, ($4)[1], ($5)[1], ($6)[1], ($7)[1], ($8)[1], \
        ($9)[1]::json, ($10)[1], ($11)[1]::json, ($12)[1])), \
        events AS (", into_events!(), "VALUES ($1, ($13)[1], ($14)[1], ($15)[1], ($16)[1], ($17)[1], ($18)[1], \
        ($19)[1], ($20)[1], ($21)[1]::json)) ",
        into_cards!(), "VALUES ($1, ($22)[1], ($23)[1], ($24)[1], ($25)[1], ($26)[1], ($27)[1], ($28)[1], ($29)[1], \
        ($30)[1], ($31)[1], ($32)[1], ($33)[1], ($34)[1], ($35)[1]::json) ",
        or_the_new_card!());

    OWN_VERSES(UUID, UUID_ARRAY) = "SELECT v.verse_id, v.reference, v.osis, v.text, v.translation, v.is_verified, \
        v.created_at, v.updated_at FROM verses.user_verses v WHERE v.user_id = $1 AND v.verse_id = ANY($2)";
    OWN_VERSES_OF_CARDS(UUID) = "SELECT v.verse_id, v.reference, v.osis, v.text, v.translation, v.is_verified, \
        v.created_at, v.updated_at FROM verses.user_verses v JOIN verses.verse_cards c \
        ON c.user_id = $1 AND c.verse_id = v.verse_id WHERE v.user_id = $1";
    CATALOGUE_OF_CARDS(UUID) = "SELECT v.verse_id, v.reference, v.osis, v.text, v.translation, v.is_verified, \
        v.created_at, v.updated_at FROM verses.verse_cards c JOIN verses.verses v ON v.verse_id = c.verse_id \
        WHERE c.user_id = $1";
    DROP_OWN_VERSES(UUID, UUID_ARRAY) = "DELETE FROM verses.user_verses WHERE user_id = $1 AND verse_id = ANY($2)";
    UPSERT_OWN_VERSES(UUID, UUID_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BOOL_ARRAY, INT8_ARRAY, INT8_ARRAY) =
        "INSERT INTO verses.user_verses (user_id, verse_id, reference, osis, text, translation, is_verified, created_at, \
        updated_at) SELECT $1, n.* FROM unnest($2, $3, $4, $5, $6, $7, $8, $9) AS n \
        ON CONFLICT (user_id, verse_id) DO UPDATE SET reference = excluded.reference, osis = excluded.osis, \
        text = excluded.text, translation = excluded.translation, is_verified = excluded.is_verified, \
        created_at = excluded.created_at, updated_at = excluded.updated_at";

    CATALOGUE(UUID_ARRAY) = "SELECT v.verse_id, v.reference, v.osis, v.text, v.translation, v.is_verified, v.created_at, \
        v.updated_at FROM verses.verses v WHERE v.verse_id = ANY($1)";
    /// A verse that everybody adds must not be locked by everybody: what is there already is left out first.
    UPSERT_CATALOGUE(UUID_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BOOL_ARRAY, INT8_ARRAY, INT8_ARRAY) =
        "INSERT INTO verses.verses AS v (verse_id, reference, osis, text, translation, is_verified, created_at, updated_at) \
        SELECT n.* FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) \
        AS n(verse_id, reference, osis, text, translation, is_verified, created_at, updated_at) \
        WHERE NOT EXISTS (SELECT FROM verses.verses k WHERE k.verse_id = n.verse_id AND (k.text <> '' OR n.text = '')) \
        ORDER BY n.verse_id ON CONFLICT (verse_id) DO UPDATE SET text = excluded.text, updated_at = excluded.updated_at \
        WHERE v.text = '' AND excluded.text <> ''";

    SECRET(TEXT) = "SELECT value FROM verses.account_secrets WHERE name = $1";
    DELETE_SECRET(TEXT) = "DELETE FROM verses.account_secrets WHERE name = $1";
    KEYS() = "SELECT kid, private, created_at, life_seconds FROM verses.account_keys ORDER BY kid";
    PUT_KEY(TEXT, BYTEA, INT8, INT8) = "INSERT INTO verses.account_keys AS k (kid, private, created_at, life_seconds) \
        VALUES ($1, $2, $3, $4) ON CONFLICT (kid) DO UPDATE SET life_seconds = greatest(k.life_seconds, excluded.life_seconds)";
    DELETE_KEY(TEXT) = "DELETE FROM verses.account_keys WHERE kid = $1";
    /// A new account, with its first session if there is one ($9 is not null).
    MAKE_ACCOUNT(UUID, TEXT, TEXT, BOOL, TEXT, INT8, INT8, INT8, UUID, BYTEA, INT8, TEXT, INT8) = "WITH made AS (INSERT INTO \
        verses.accounts (id, email, password_hash, is_anonymous, metadata, created_at, updated_at, last_sign_in_at, revision) \
        VALUES ($1, $2, $3, $4, $5::text::json, $6, $7, $8, 1) RETURNING id), \
        begun AS (INSERT INTO verses.account_sessions (id, account_id, key, counter, refreshed_at, method, signed_in_at) \
        SELECT $9, id, $10, 0, $11, $12, $13 FROM made WHERE $9 IS NOT NULL) \
        SELECT id FROM made";
    /// An account that nobody has changed since it had revision $9: ends all its sessions but $16 ($15), and begins one ($10).
    CHANGE_ACCOUNT(UUID, TEXT, TEXT, BOOL, TEXT, INT8, INT8, INT8, INT8, UUID, BYTEA, INT8, TEXT, INT8, BOOL, UUID) = "WITH \
        changed AS (\
        UPDATE verses.accounts SET email = $2, password_hash = $3, is_anonymous = $4, metadata = $5::text::json, \
        created_at = $6, updated_at = $7, last_sign_in_at = $8, revision = revision + 1 \
        WHERE id = $1 AND revision = $9 RETURNING id), \
        ended AS (DELETE FROM verses.account_sessions WHERE $15 AND account_id IN (SELECT id FROM changed) \
        AND id IS DISTINCT FROM $16), \
        begun AS (INSERT INTO verses.account_sessions (id, account_id, key, counter, refreshed_at, method, signed_in_at) \
        SELECT $10, id, $11, 0, $12, $13, $14 FROM changed WHERE $10 IS NOT NULL) \
        SELECT id FROM changed";
    DELETE_ACCOUNT(UUID) = "DELETE FROM verses.accounts WHERE id = $1";
    ACCOUNT(UUID) = "SELECT id, email, password_hash, is_anonymous, metadata::text, created_at, updated_at, last_sign_in_at, \
        revision FROM verses.accounts WHERE id = $1";
    ACCOUNT_BY_EMAIL(TEXT) = "SELECT id, email, password_hash, is_anonymous, metadata::text, created_at, updated_at, \
        last_sign_in_at, revision FROM verses.accounts WHERE email = $1";
    PUT_SESSION(UUID, UUID, BYTEA, INT8, INT8, TEXT, INT8) = "INSERT INTO verses.account_sessions (id, account_id, key, \
        counter, refreshed_at, method, signed_in_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    SESSION(UUID) = "SELECT id, account_id, key, counter, refreshed_at, method, signed_in_at \
        FROM verses.account_sessions WHERE id = $1";
    ADVANCE(UUID, INT8, INT8) = "UPDATE verses.account_sessions SET counter = counter + 1, refreshed_at = $3 \
        WHERE id = $1 AND counter = $2";
    END_SESSION(UUID) = "DELETE FROM verses.account_sessions WHERE id = $1";
    END_SESSIONS(UUID, UUID) = "DELETE FROM verses.account_sessions WHERE account_id = $1 AND id IS DISTINCT FROM $2";
}
