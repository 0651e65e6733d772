//! What must hold in one store at any moment, however the last process ended: no half of what belongs together, nothing
//! gone, nobody else's rows. Pure: it gets rows and gives findings.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Finding, Findings, Wrong};
use crate::record::{GUEST, Record};
use crate::rows::{ClientRows, EventRow, QueueRow};

/// A look at one store between two commands, however the last one ended. `users` may own rows of it, and the guest as
/// long as nobody has signed in; `before` is what was known until now.
pub(crate) fn look(name: &str, users: &[&str], rows: &ClientRows, before: &Record) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.unless(rows.integrity == "ok", Wrong::Damaged, || format!("{name}: {}", rows.integrity));
    findings.unless(rows.counts == rows.counted, Wrong::Half, || {
        format!("{name}: the queue is counted as {:?} and is {:?}", rows.counts, rows.counted)
    });
    owners_are(name, users, rows, &mut findings);
    let queued: BTreeMap<&str, &QueueRow> = rows.queue.iter().map(|q| (q.id.as_str(), q)).collect();
    let mut applied: BTreeSet<&str> = before.applied.keys().map(String::as_str).collect();
    let mut seq = before.journal_seq;
    for entry in &rows.journal {
        seq += 1;
        findings.unless(entry.seq == seq, Wrong::Lost, || format!("{name}: journal entry {seq} is missing"));
        if entry.accepted {
            findings.unless(applied.insert(&entry.id), Wrong::Doubled, || format!("{name}: applied twice: {entry:?}"));
        }
    }
    let events: BTreeMap<&str, &EventRow> = rows.events.iter().map(|e| (e.id.as_str(), e)).collect();
    for row in &rows.queue {
        findings.unless(!applied.contains(row.id.as_str()), Wrong::Doubled, || {
            format!("{name}: {} is applied and waits as well", row.id)
        });
        let event = events.get(row.id.as_str()).filter(|e| e.user == row.user);
        findings.unless(row.kind == "update_profile" || event.is_some(), Wrong::Half, || {
            format!("{name}: {} {} waits without an effect", row.kind, row.id)
        });
    }
    for event in &rows.events {
        let waits = queued.get(event.id.as_str()).is_some_and(|q| q.user == event.user);
        let known = event.seq.is_some() || waits || applied.contains(event.id.as_str());
        findings.unless(known, Wrong::Half, || format!("{name}: an effect that nobody will send: {event:?}"));
        let key = (event.user.clone(), event.verse.clone());
        let shown = rows.shown.cards.contains_key(&key) && rows.shown.verses.contains_key(&key);
        findings.unless(shown, Wrong::Half, || format!("{name}: no card or no verse for {event:?}"));
    }
    for (id, row) in &before.queued {
        let there = queued.contains_key(id.as_str()) || applied.contains(id.as_str());
        findings.unless(there, Wrong::Lost, || format!("{name}: {} {id} has left the queue for nowhere", row.kind));
    }
    findings.0
}

/// No row of anybody else; none of the guest once somebody is signed in.
pub(crate) fn owners_are(name: &str, users: &[&str], rows: &ClientRows, findings: &mut Findings) {
    let mut may_own: BTreeSet<&str> = users.iter().copied().collect();
    if rows.signed_in.is_none() {
        may_own.insert(GUEST);
    }
    let shown = &rows.shown;
    let keyed = shown.cards.keys().chain(shown.verses.keys()).map(|(user, verse)| (user, format!("verse {verse}")));
    let events = rows.events.iter().map(|e| (&e.user, format!("{e:?}")));
    let queue = rows.queue.iter().map(|q| (&q.user, format!("{q:?}")));
    let journal = rows.journal.iter().map(|j| (&j.user, format!("{j:?}")));
    let profiles = shown.profiles.keys().map(|user| (user, "profile".to_owned()));
    for (user, row) in keyed.chain(events).chain(queue).chain(journal).chain(profiles) {
        findings.unless(may_own.contains(user.as_str()), Wrong::Foreign, || format!("{name}: {user} owns {row}"));
    }
}
