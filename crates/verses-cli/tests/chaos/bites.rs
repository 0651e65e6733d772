//! The comparison finds what is wrong: databases of a quiet run are doctored one by one, and each time the finding must
//! come. Undoctored they give none.

use std::path::{Path, PathBuf};

use crate::actor::Actor;
use crate::compare::compare;
use crate::finding::{Finding, Wrong};
use crate::look::look;
use crate::record::Record;
use crate::rows::{ClientRows, ServerRows};
use crate::world::{Settings, World};
use crate::{client_rows, facts};

/// A change to a database, and what must be found then.
type Case = (&'static str, &'static str, &'static [Wrong]);

/// Changes of the server's database. `one` holds a review from its ledger, and `other` the user who did not do it.
const SERVER: [Case; 12] = [
    (
        "a lost operation",
        "DELETE FROM sync_operations WHERE operation_id = (SELECT operation_id FROM one);
         DELETE FROM card_events WHERE operation_id = (SELECT operation_id FROM one);",
        &[Wrong::Lost],
    ),
    (
        "a lost end of the history, with a counter that agrees",
        "CREATE TEMP TABLE last AS SELECT user_id, operation_id, max(seq) FROM sync_operations
             WHERE user_id = (SELECT user_id FROM one);
         DELETE FROM sync_operations WHERE operation_id = (SELECT operation_id FROM last);
         DELETE FROM card_events WHERE operation_id = (SELECT operation_id FROM last);
         UPDATE sync_users SET last_seq = last_seq - 1 WHERE user_id = (SELECT user_id FROM one);",
        &[Wrong::Lost],
    ),
    (
        "a review that counts twice, under another id",
        "UPDATE sync_users SET last_seq = last_seq + 1 WHERE user_id = (SELECT user_id FROM one);
         INSERT INTO sync_operations SELECT user_id, (SELECT last_seq FROM sync_users s WHERE s.user_id = o.user_id),
             'copy', kind, content_hash, chain, operation, verse_id, outcome, accepted_at FROM one o;
         INSERT INTO card_events SELECT user_id, verse_id, occurred_at, 'copy', local_date, event, was_successful,
             review_time_seconds, phase, slot FROM card_events WHERE operation_id = (SELECT operation_id FROM one);",
        &[Wrong::Doubled, Wrong::Foreign],
    ),
    (
        "an operation that is twice in the ledger",
        "DROP INDEX sync_operations_by_id;
         UPDATE sync_users SET last_seq = last_seq + 1 WHERE user_id = (SELECT user_id FROM one);
         INSERT INTO sync_operations SELECT user_id, (SELECT last_seq FROM sync_users s WHERE s.user_id = o.user_id),
             operation_id, kind, content_hash, chain, operation, verse_id, outcome, accepted_at FROM one o;",
        &[Wrong::Doubled],
    ),
    (
        "an event that is there twice",
        "INSERT INTO card_events SELECT user_id, verse_id, occurred_at + 1, operation_id, local_date, event,
             was_successful, review_time_seconds, phase, slot
             FROM card_events WHERE operation_id = (SELECT operation_id FROM one);",
        &[Wrong::Doubled],
    ),
    (
        "an operation under another user",
        "UPDATE sync_operations SET user_id = (SELECT user_id FROM other),
             seq = 1 + (SELECT last_seq FROM sync_users WHERE user_id = (SELECT user_id FROM other))
             WHERE operation_id = (SELECT operation_id FROM one);
         UPDATE card_events SET user_id = (SELECT user_id FROM other)
             WHERE operation_id = (SELECT operation_id FROM one);
         UPDATE sync_users SET last_seq = last_seq + 1 WHERE user_id = (SELECT user_id FROM other);",
        &[Wrong::Lost, Wrong::Foreign],
    ),
    (
        "an event under another user",
        "UPDATE card_events SET user_id = (SELECT user_id FROM other)
             WHERE operation_id = (SELECT operation_id FROM one);",
        &[Wrong::Half, Wrong::Foreign],
    ),
    (
        "an operation without its event",
        "DELETE FROM card_events WHERE operation_id = (SELECT operation_id FROM one);",
        &[Wrong::Half],
    ),
    (
        "an operation that was changed",
        "UPDATE sync_operations SET operation = json_set(operation, '$.data.wasSuccessful', json('null'))
             WHERE operation_id = (SELECT operation_id FROM one);",
        &[Wrong::Differs],
    ),
    (
        "a card that counts one too many",
        "UPDATE verse_cards SET best_streak = best_streak + 1 WHERE verse_id = (SELECT verse_id FROM one);",
        &[Wrong::Differs],
    ),
    (
        "a name that nobody gave",
        "UPDATE user_profiles SET profile = json_set(profile, '$.fullName.value', 'Nobody');",
        &[Wrong::Lost, Wrong::Differs],
    ),
    (
        "a damaged index",
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, '(user_id, operation_id)', '(user_id, kind)')
             WHERE name = 'sync_operations_by_id';",
        &[Wrong::Damaged],
    ),
];

/// Changes of a device's store when nothing waits.
const DEVICE: [Case; 4] = [
    (
        "a card that differs",
        "UPDATE verse_cards SET next_due_date = '2001-01-01' WHERE verse_id = (SELECT max(verse_id) FROM verse_cards);",
        &[Wrong::Differs],
    ),
    (
        "a missing card",
        "DELETE FROM verse_cards WHERE verse_id = (SELECT max(verse_id) FROM verse_cards);",
        &[Wrong::Differs],
    ),
    (
        "a text that differs",
        "UPDATE verses SET text = 'In the end' WHERE verse_id = (SELECT max(verse_id) FROM verses);",
        &[Wrong::Differs],
    ),
    (
        "an event of somebody else",
        "UPDATE card_events SET user_id = '00000000-0000-4000-8000-000000000000'
             WHERE operation_id = (SELECT max(operation_id) FROM card_events);",
        &[Wrong::Foreign, Wrong::Differs],
    ),
];

/// Changes of a device's store while operations wait.
const WAITING: [Case; 8] = [
    (
        "an operation that left the queue for nowhere",
        "DELETE FROM sync_queue WHERE id = (SELECT max(id) FROM sync_queue WHERE kind = 'record_review');",
        &[Wrong::Lost, Wrong::Half],
    ),
    (
        "an operation that waits without an effect",
        "DELETE FROM card_events
             WHERE operation_id = (SELECT max(id) FROM sync_queue WHERE kind = 'record_review');",
        &[Wrong::Half],
    ),
    (
        "an operation that is applied and waits",
        "INSERT INTO sync_journal (operation_id, user_id, kind, batch_id, outcome, payload_bytes, at)
             SELECT id, user_id, kind, '', 0, 0, 0 FROM sync_queue ORDER BY position LIMIT 1;",
        &[Wrong::Doubled],
    ),
    (
        "an operation that is applied twice",
        "INSERT INTO sync_journal (operation_id, user_id, kind, batch_id, outcome, payload_bytes, at)
             SELECT operation_id, user_id, kind, '', 0, 0, 0 FROM sync_journal ORDER BY seq LIMIT 1;",
        &[Wrong::Doubled],
    ),
    (
        "a journal with a gap",
        "INSERT INTO sync_journal (seq, operation_id, user_id, kind, batch_id, outcome, payload_bytes, at)
             SELECT (SELECT max(seq) + 2 FROM sync_journal), 'x', user_id, kind, '', 0, 0, 0 FROM sync_queue LIMIT 1;",
        &[Wrong::Lost],
    ),
    (
        "an operation that changed hands",
        "UPDATE sync_queue SET user_id = 'guest' WHERE id = (SELECT max(id) FROM sync_queue);",
        &[Wrong::Foreign],
    ),
    ("a queue that is counted wrongly", "UPDATE sync_queue_counts SET waiting = waiting + 1;", &[Wrong::Half]),
    (
        "a creation without its card",
        "DELETE FROM verse_cards WHERE 'verse/' || verse_id =
             (SELECT entity FROM sync_queue WHERE kind = 'create_verse' LIMIT 1);",
        &[Wrong::Half],
    ),
];

#[test]
fn a_planted_fault_is_found_and_a_quiet_run_gives_no_finding() {
    let settings = Settings { seed: 5, kills: 0, users: 2 };
    let world = World::new(settings);
    let folder = tempfile::tempdir().unwrap();
    let mut actors: Vec<Actor> =
        [(0, 0), (1, 0), (0, 1)].map(|(number, user)| Actor::new(&world, number, &[user])).into();
    for actor in &mut actors {
        actor.sign_in(0);
        actor.do_everything_once();
    }
    for _ in 0..2 {
        actors.iter_mut().for_each(Actor::settle);
    }
    let quiet = copy(&actors[1].store(), &folder.path().join("quiet"));
    let clients = client_rows(&actors);
    let records: Vec<Record> = actors.iter().map(|a| a.record.clone()).collect();
    actors[1].do_everything_once();
    let waiting = copy(&actors[1].store(), &folder.path().join("waiting"));
    let server = copy(&world.stop(), &folder.path().join("server"));

    let judged = |server: &Path, clients: &[ClientRows]| {
        let mut devices = facts(&actors, clients);
        devices.iter_mut().zip(&records).for_each(|(device, record)| device.record = record);
        compare(&ServerRows::read(server), &devices)
    };
    let with_device = |file: &Path| {
        let mut clients = clients.clone();
        clients[1] = ClientRows::read(file, 0).unwrap();
        judged(&server, &clients)
    };
    let user = actors[1].accounts[0].user.clone().unwrap();
    let looked = |file: &Path| {
        let rows = ClientRows::read(file, actors[1].record.journal_seq).unwrap();
        look("device", &[&user], &rows, &actors[1].record)
    };
    let found: Vec<&Finding> = actors.iter().flat_map(|a| &a.findings).collect();
    assert!(found.is_empty(), "{found:?}");
    expect("the server as it is", &judged(&server, &clients), &[]);
    expect("the device as it is", &looked(&waiting), &[]);
    expect("a device that has not sent all", &with_device(&waiting), &[Wrong::Stuck]);
    let one = "CREATE TEMP TABLE one AS SELECT * FROM sync_operations WHERE kind = 'record_review' LIMIT 1;
        CREATE TEMP TABLE other AS SELECT user_id FROM sync_users WHERE user_id <> (SELECT user_id FROM one);";
    for (name, sql, wrong) in SERVER {
        expect(name, &judged(&doctored(&server, &format!("{one}{sql}")), &clients), wrong);
    }
    for (name, sql, wrong) in DEVICE {
        expect(name, &with_device(&doctored(&quiet, sql)), wrong);
    }
    for (name, sql, wrong) in WAITING {
        expect(name, &looked(&doctored(&waiting, sql)), wrong);
    }
}

#[track_caller]
fn expect(name: &str, findings: &[Finding], wrong: &[Wrong]) {
    let text: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert_eq!(findings.is_empty(), wrong.is_empty(), "{name}: {text:?}");
    for wrong in wrong {
        assert!(findings.iter().any(|f| f.wrong == *wrong), "{name}: no {wrong:?} in {text:?}");
    }
}

fn copy(from: &Path, to: &Path) -> PathBuf {
    let database = rusqlite::Connection::open(from).unwrap();
    database.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
    to.to_owned()
}

/// A copy with a change that the product would not make.
fn doctored(file: &Path, sql: &str) -> PathBuf {
    let to = file.with_extension("doctored");
    std::fs::copy(file, &to).unwrap();
    let database = rusqlite::Connection::open(&to).unwrap();
    database.execute_batch(&format!("PRAGMA foreign_keys = OFF;{sql}")).unwrap_or_else(|e| panic!("{sql}: {e}"));
    to
}
