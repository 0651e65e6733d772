-- One index for each question the application asks, and the reviews as a table of their own to read.

CREATE INDEX verses_unverified ON verses (user_id, created_at, verse_id) WHERE is_verified = 0;
CREATE INDEX verse_cards_due ON verse_cards (user_id, next_due_date, verse_id) WHERE archived = 0;
CREATE INDEX verse_cards_phase ON verse_cards (user_id, current_phase, verse_id) WHERE archived = 0;
CREATE INDEX card_events_unsent ON card_events (user_id, occurred_at, operation_id) WHERE seq IS NULL;
CREATE INDEX card_events_reviews ON card_events (user_id, occurred_at, operation_id) WHERE kind = 1;
-- Every index ends with the row's position, the key of the table: (user, status, position) and (user, entity, position).
CREATE INDEX sync_queue_status ON sync_queue (user_id, status);
CREATE INDEX sync_queue_entity ON sync_queue (user_id, entity);

CREATE VIEW review_logs AS
    SELECT operation_id AS id, user_id, verse_id, was_successful, review_time_seconds, local_date,
           occurred_at AS reviewed_at, seq
    FROM card_events WHERE kind = 1;
