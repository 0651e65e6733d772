//! What must hold between the server's rows, the devices' rows and what the devices were told once everything is quiet.
//! Pure: it gets rows and gives findings. What holds in one store at any moment is in `look`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::finding::{Finding, Findings, Wrong};
use crate::look::owners_are;
use crate::record::{self, Record};
use crate::rows::{ClientRows, EventRow, Key, LedgerRow, ServerRows, Shown};

/// A device in the final comparison.
pub(crate) struct DeviceFacts<'a> {
    pub(crate) name: &'a str,
    /// The users of its accounts, in the order by which the record counts them.
    pub(crate) users: Vec<&'a str>,
    pub(crate) record: &'a Record,
    pub(crate) rows: &'a ClientRows,
}

/// One account of a device.
struct Of<'a> {
    facts: &'a DeviceFacts<'a>,
    account: usize,
}

/// Everything, once it is quiet and every device has synced.
pub(crate) fn compare(server: &ServerRows, devices: &[DeviceFacts<'_>]) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.unless(server.integrity == "ok", Wrong::Damaged, || format!("server: {}", server.integrity));
    ledger_is_sound(server, &mut findings);
    let by_id: BTreeMap<Key, &LedgerRow> = server.ledger.iter().map(|r| ((r.user.clone(), r.id.clone()), r)).collect();
    let users: BTreeSet<&str> = devices.iter().flat_map(|d| d.users.iter().copied()).collect();
    for row in server.ledger.iter().filter(|r| !users.contains(r.user.as_str())) {
        findings.add(Wrong::Foreign, format!("an operation of nobody: {row:?}"));
    }
    for device in devices {
        claims_by_id(device, &by_id, &mut findings);
        quiet_device(device, &mut findings);
        owners_are(device.name, &device.users, device.rows, &mut findings);
        for user in &device.users {
            shows_the_same(device, user, server, &by_id, &mut findings);
        }
    }
    for user in users {
        let devices: Vec<Of<'_>> = devices
            .iter()
            .filter_map(|d| Some(Of { facts: d, account: d.users.iter().position(|u| *u == user)? }))
            .collect();
        origins(user, server, &devices, &mut findings);
        deeds(user, server, &devices, &mut findings);
        last_name(user, server, &devices, &mut findings);
    }
    findings.0
}

/// Sequence numbers without gaps; ids once; an event for each operation on a card, and none besides.
fn ledger_is_sound(server: &ServerRows, findings: &mut Findings) {
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    let mut events: BTreeMap<(&str, &str), Vec<&EventRow>> = BTreeMap::new();
    for event in &server.events {
        events.entry((&event.user, &event.id)).or_default().push(event);
    }
    let mut ids: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut everywhere: BTreeMap<&str, &str> = BTreeMap::new();
    for row in &server.ledger {
        let last = last.entry(&row.user).or_default();
        findings.unless(row.seq == *last + 1, Wrong::Lost, || format!("a gap before {row:?}"));
        *last = row.seq;
        findings.unless(ids.insert((&row.user, &row.id)), Wrong::Doubled, || format!("twice in the ledger: {row:?}"));
        if let Some(other) = everywhere.insert(&row.id, &row.user) {
            findings.unless(other == row.user, Wrong::Foreign, || format!("{} is of {other} and {}", row.id, row.user));
        }
        let effects = events.remove(&(&*row.user, &*row.id)).unwrap_or_default();
        let expected = usize::from(row.kind != "update_profile");
        findings.unless(effects.len() >= expected, Wrong::Half, || format!("no event for {row:?}"));
        findings.unless(effects.len() <= expected, Wrong::Doubled, || format!("{effects:?} for {row:?}"));
        for event in effects {
            findings.unless(event.verse == row.verse, Wrong::Differs, || format!("{event:?} for {row:?}"));
        }
    }
    for event in events.into_values().flatten() {
        findings.add(Wrong::Foreign, format!("an event of no accepted operation: {event:?}"));
    }
    for (user, seq) in &server.last_seqs {
        findings.unless(last.get(user.as_str()).copied().unwrap_or(0) == *seq, Wrong::Lost, || {
            format!("the history of {user} ends before {seq}")
        });
    }
}

/// Whatever a device ever had in its queue, or was told is applied, is in the ledger of its user as it was.
fn claims_by_id(device: &DeviceFacts<'_>, ledger: &BTreeMap<Key, &LedgerRow>, findings: &mut Findings) {
    let (name, record) = (device.name, device.record);
    let claimed: BTreeSet<&String> =
        record.queued.keys().chain(record.applied.keys()).chain(&record.reported).collect();
    for id in claimed {
        let user = record.queued.get(id).map(|q| &q.user).or_else(|| record.applied.get(id));
        let Some(row) = user.and_then(|user| ledger.get(&(user.clone(), id.clone()))) else {
            let what = record.queued.get(id).map(|q| &q.data);
            findings.add(Wrong::Lost, format!("{name}: {id} is not in the ledger of its user: {what:?}"));
            continue;
        };
        // One on the profile may have been changed after it was seen last.
        let Some(queued) = record.queued.get(id).filter(|q| q.kind != "update_profile") else { continue };
        let same = ["occurredAt", "verseId", "wasSuccessful", "reviewTimeSeconds", "phase"]
            .iter()
            .all(|field| queued.data["data"][field] == row.operation["data"][field]);
        findings.unless(same && queued.kind == row.kind, Wrong::Differs, || {
            format!("{name}: {id} was queued as {} and accepted as {}", queued.data, row.operation)
        });
    }
}

/// Every accepted operation was made by exactly one device of its user.
fn origins(user: &str, server: &ServerRows, devices: &[Of<'_>], findings: &mut Findings) {
    for row in server.ledger.iter().filter(|r| r.user == user) {
        let knows = |record: &Record| record.queued.contains_key(&row.id) || record.applied.contains_key(&row.id);
        let made_by: Vec<&str> = devices.iter().filter(|d| knows(d.facts.record)).map(|d| d.facts.name).collect();
        findings.unless(!made_by.is_empty(), Wrong::Foreign, || format!("no device made {row:?}"));
        findings.unless(made_by.len() <= 1, Wrong::Doubled, || format!("{made_by:?} all made {row:?}"));
    }
}

/// Each deed that was told is there; none is there more often than it was attempted. A change of the profile may have
/// been folded into a later one that found it unsent: what must be left of it is in [`last_name`].
fn deeds(user: &str, server: &ServerRows, devices: &[Of<'_>], findings: &mut Findings) {
    let mut done: BTreeMap<String, u64> = BTreeMap::new();
    for row in server.ledger.iter().filter(|r| r.user == user) {
        *done.entry(deed_of(row, &server.shown)).or_default() += 1;
    }
    let sum = |of: fn(&Record) -> &BTreeMap<(usize, String), u64>| {
        let mut all: BTreeMap<&str, u64> = BTreeMap::new();
        for device in devices {
            for ((_, deed), n) in of(device.facts.record).iter().filter(|((account, _), _)| *account == device.account)
            {
                *all.entry(deed).or_default() += n;
            }
        }
        all
    };
    let (attempted, told) = (sum(|r| &r.attempted), sum(|r| &r.told));
    for (deed, n) in &done {
        let at_most = attempted.get(deed.as_str()).copied().unwrap_or(0);
        let wrong = if at_most == 0 { Wrong::Foreign } else { Wrong::Doubled };
        findings.unless(*n <= at_most, wrong, || format!("{user}: {deed}: done {n} times, attempted {at_most} times"));
    }
    for (deed, n) in told.into_iter().filter(|(deed, _)| !deed.starts_with(record::PROFILE)) {
        let there = done.get(deed).copied().unwrap_or(0);
        findings.unless(there >= n, Wrong::Lost, || format!("{user}: {deed}: told {n} times, there {there} times"));
    }
}

/// An accepted operation in the words of a record.
fn deed_of(row: &LedgerRow, shown: &Shown) -> String {
    let data = &row.operation["data"];
    let key = (row.user.clone(), row.verse.clone());
    let name = shown.names.get(&key).map_or("?", String::as_str);
    match row.kind.as_str() {
        "create_verse" => record::create(name),
        "record_review" => {
            record::review(name, data["wasSuccessful"] == true, data["reviewTimeSeconds"].as_u64().unwrap_or(0))
        }
        "archive_verse" => record::archive(name, false),
        "restore_verse" => record::archive(name, true),
        "set_phase" => record::phase(name, data["phase"].as_str().unwrap_or("?")),
        "update_profile" => record::profile(data["fullName"].as_str().unwrap_or("?")),
        other => format!("{other} {name}"),
    }
}

/// The name that shows is one that some device may have set last.
fn last_name(user: &str, server: &ServerRows, devices: &[Of<'_>], findings: &mut Findings) {
    let shown = server.shown.profiles.get(user).and_then(|p| p["fullName"]["value"].as_str());
    let of = |d: &Of<'_>| d.facts.record.last_names.get(&d.account).cloned().unwrap_or_default();
    let possible: Vec<String> = devices.iter().flat_map(of).collect();
    let fits = match shown {
        Some(name) => possible.iter().any(|p| *p == name),
        None => devices.iter().all(|d| {
            let told = d.facts.record.told.keys().filter(|(account, _)| *account == d.account);
            told.into_iter().all(|(_, deed)| !deed.starts_with(record::PROFILE))
        }),
    };
    findings.unless(fits, Wrong::Lost, || format!("{user} is called {shown:?}, and not one of {possible:?}"));
}

/// Nothing waits.
fn quiet_device(device: &DeviceFacts<'_>, findings: &mut Findings) {
    for row in &device.rows.queue {
        findings.add(Wrong::Stuck, format!("{}: {row:?}", device.name));
    }
}

/// The device shows a user's cards, verses, profile and events as the server has them.
fn shows_the_same(
    device: &DeviceFacts<'_>,
    user: &str,
    server: &ServerRows,
    ledger: &BTreeMap<Key, &LedgerRow>,
    findings: &mut Findings,
) {
    let name = device.name;
    let (mine, theirs) = (&device.rows.shown, &server.shown);
    same_lines(name, user, "card", &mine.cards, &theirs.cards, findings);
    same_lines(name, user, "verse", &mine.verses, &theirs.verses, findings);
    let lines = |events: &[EventRow]| -> BTreeMap<Key, String> {
        events.iter().map(|e| ((e.user.clone(), e.id.clone()), format!("{} {}", e.verse, e.line))).collect()
    };
    same_lines(name, user, "event", &lines(&device.rows.events), &lines(&server.events), findings);
    // What came back with the answer to a batch has no place on the device: the feed leaves it out.
    for event in device.rows.events.iter().filter(|e| e.user == user && e.seq.is_some()) {
        let place = ledger.get(&(event.user.clone(), event.id.clone())).map(|r| r.seq);
        findings.unless(place == event.seq, Wrong::Differs, || format!("{name}: {event:?} has the place {place:?}"));
    }
    // A profile in which nothing was ever set is as good as none.
    let is_set = |profile: &&Value| profile.as_object().is_some_and(|p| p.values().any(|f| !f["value"].is_null()));
    let profile = |shown: &Shown| shown.profiles.get(user).filter(is_set).cloned().unwrap_or(Value::Null);
    let (mine, theirs) = (profile(mine), profile(theirs));
    findings.unless(mine == theirs, Wrong::Differs, || format!("{name}: profile {mine} is {theirs} on the server"));
}

fn same_lines(
    name: &str,
    user: &str,
    what: &str,
    mine: &BTreeMap<Key, String>,
    theirs: &BTreeMap<Key, String>,
    findings: &mut Findings,
) {
    for (key, line) in mine.iter().filter(|(key, _)| key.0 == user) {
        let there = theirs.get(key);
        findings.unless(there == Some(line), Wrong::Differs, || {
            format!("{name}: {what} {key:?} is {line} here and {there:?} on the server")
        });
    }
    for (key, line) in theirs.iter().filter(|(key, _)| key.0 == user && !mine.contains_key(key)) {
        findings.add(Wrong::Differs, format!("{name}: {what} {key:?} is missing; on the server it is {line}"));
    }
}
