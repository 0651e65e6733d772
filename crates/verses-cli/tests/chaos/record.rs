//! What a device was told, and what was seen in its store between commands: the claims that the server's rows are held
//! against. Nothing is decided here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::rows::{ClientRows, QueueRow};

/// What a user does, in words that name its parts: "review Psalm 119:1 KJV pass in 7 s".
pub(crate) type Deed = String;

pub(crate) fn create(name: &str) -> Deed {
    format!("create {name}")
}

pub(crate) fn review(name: &str, passed: bool, seconds: u64) -> Deed {
    format!("review {name} {} in {seconds} s", if passed { "pass" } else { "fail" })
}

pub(crate) fn archive(name: &str, restore: bool) -> Deed {
    format!("{} {name}", if restore { "restore" } else { "archive" })
}

pub(crate) fn phase(name: &str, phase: &str) -> Deed {
    format!("phase {name} {phase}")
}

/// How a deed on the profile begins.
pub(crate) const PROFILE: &str = "profile ";

pub(crate) fn profile(full_name: &str) -> Deed {
    format!("{PROFILE}{full_name}")
}

/// Owner of what is done on a device before anybody signs in.
pub(crate) const GUEST: &str = "guest";

/// Claims of one device. What a guest does is counted for the account that takes it over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// How often each deed was begun, by account, whether or not the process lived to tell.
    pub(crate) attempted: BTreeMap<(usize, Deed), u64>,
    /// How often the device was told that it is saved and queued.
    pub(crate) told: BTreeMap<(usize, Deed), u64>,
    /// Full names that the device may have set last, by account.
    pub(crate) last_names: BTreeMap<usize, Vec<String>>,
    /// Every operation ever seen in the queue or the inbox, as it was seen last.
    pub(crate) queued: BTreeMap<String, QueueRow>,
    /// Every operation that the journal ever called applied, with its user.
    pub(crate) applied: BTreeMap<String, String>,
    /// Every operation that the output of a sync called successful.
    pub(crate) reported: BTreeSet<String>,
    /// Why operations went to the inbox, with the operations.
    pub(crate) failures: BTreeMap<String, BTreeSet<String>>,
    /// The newest entry of the journal that was read.
    pub(crate) journal_seq: i64,
}

impl Record {
    /// A deed of an account begins.
    pub(crate) fn attempt(&mut self, account: usize, deed: &Deed) {
        *self.attempted.entry((account, deed.clone())).or_default() += 1;
    }

    /// The device was told that a deed is done.
    pub(crate) fn tell(&mut self, account: usize, deed: &Deed) {
        *self.told.entry((account, deed.clone())).or_default() += 1;
    }

    /// A name was given; if the device was told so, no earlier one can show any more.
    pub(crate) fn called(&mut self, account: usize, name: String, told: bool) {
        let names = self.last_names.entry(account).or_default();
        if told {
            names.clear();
        }
        names.push(name);
    }

    /// The output of a sync.
    pub(crate) fn synced(&mut self, output: &Value) {
        for operation in output["toRemote"]["operations"].as_array().into_iter().flatten() {
            if operation["success"] == true {
                self.reported.insert(operation["operationId"].as_str().unwrap().to_owned());
            }
        }
    }

    /// Takes over what a look at the store shows.
    pub(crate) fn saw(&mut self, rows: &ClientRows) {
        for row in &rows.queue {
            if let Some(why) = &row.failure {
                self.failures.entry(why.clone()).or_default().insert(row.id.clone());
            }
            self.queued.insert(row.id.clone(), row.clone());
        }
        for entry in &rows.journal {
            self.journal_seq = self.journal_seq.max(entry.seq);
            if entry.accepted {
                self.applied.insert(entry.id.clone(), entry.user.clone());
            }
        }
    }
}
