//! Plans of the statements: each question is answered by its own index, without a walk over the table and without sorting.

use rusqlite::Connection;

use super::*;
use crate::migrate;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate::to_present(&mut connection).unwrap();
    connection
}

/// The lines of `EXPLAIN QUERY PLAN`.
fn plan(statement: &str) -> Vec<String> {
    let connection = database();
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
    let unbound = explain.parameter_count();
    let params = vec!["x"; unbound];
    let lines = explain.query_map(rusqlite::params_from_iter(params), |row| row.get(3)).unwrap();
    lines.map(Result::unwrap).collect()
}

#[test]
fn each_question_has_its_index_and_needs_no_sorting() {
    let expected: [(&str, &str); 15] = [
        (&UNVERIFIED, "SEARCH verses USING INDEX verses_unverified (user_id=?)"),
        (&DUE, "SEARCH verse_cards USING INDEX verse_cards_due (user_id=? AND next_due_date<?)"),
        (&BY_PHASE, "SEARCH verse_cards USING INDEX verse_cards_phase (user_id=? AND current_phase=?)"),
        (&EVENTS, "SEARCH card_events USING PRIMARY KEY (user_id=? AND verse_id=?)"),
        (&UNSENT_EVENTS, "SEARCH card_events USING INDEX card_events_unsent (user_id=?)"),
        (&REVIEWS, "SEARCH card_events USING INDEX card_events_reviews (user_id=?)"),
        (&FAILED_OF, "SEARCH sync_queue USING INDEX sync_queue_status (user_id=? AND status=?)"),
        (&OF_ENTITY, "SEARCH sync_queue USING INDEX sync_queue_entity (user_id=? AND entity=?)"),
        (&METAS, "SEARCH sync_queue USING INTEGER PRIMARY KEY (rowid>?)"),
        (&QUEUED, "SEARCH sync_queue USING INDEX sqlite_autoindex_sync_queue_1 (id=?)"),
        (&CARD, "SEARCH verse_cards USING PRIMARY KEY (user_id=? AND verse_id=?)"),
        (&CARDS, "SEARCH verse_cards USING PRIMARY KEY (user_id=?)"),
        (&VERSE, "SEARCH verses USING INDEX sqlite_autoindex_verses_1 (user_id=? AND verse_id=?)"),
        (COUNTS, "SEARCH sync_queue_counts USING PRIMARY KEY (user_id=?)"),
        (&JOURNAL, "SCAN sync_journal"),
    ];
    for (statement, line) in expected {
        assert_eq!(plan(statement), [line], "{statement}");
    }
}

#[test]
fn the_oldest_waiting_row_is_found_by_the_index_of_each_status() {
    let plan = plan(&OLDEST);
    let search = "SEARCH sync_queue USING INDEX sync_queue_status (user_id=? AND status=?)";
    assert_eq!(plan.iter().filter(|line| *line == search).count(), 2, "{plan:#?}");
    assert!(!plan.iter().any(|line| line.starts_with("SCAN sync_queue")), "{plan:#?}");
}

#[test]
fn the_queue_of_an_owner_is_read_in_order_and_not_sorted() {
    assert_eq!(plan(&QUEUE_OF), ["SCAN sync_queue"]);
}

#[test]
fn reviews_can_be_read_as_a_table_of_their_own() {
    let statement = "SELECT id, verse_id, was_successful, reviewed_at FROM review_logs WHERE user_id = ?1
        ORDER BY reviewed_at DESC, id DESC LIMIT 50";
    assert_eq!(plan(statement), ["SEARCH card_events USING INDEX card_events_reviews (user_id=?)"]);
}

#[test]
fn codes_in_the_schema_are_those_of_the_rows() {
    assert_eq!((rows::REVIEWED, FAILED, PENDING, PROCESSING), (1, 2, 0, 1));
}
