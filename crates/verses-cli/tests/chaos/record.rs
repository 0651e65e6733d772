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

/// Claims of one device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// How often each deed was begun, whether or not the process lived to tell.
    pub(crate) attempted: BTreeMap<Deed, u64>,
    /// How often the device was told that it is saved and queued.
    pub(crate) told: BTreeMap<Deed, u64>,
    /// Every operation ever seen in the queue or the inbox.
    pub(crate) queued: BTreeMap<String, QueueRow>,
    /// Every operation that the journal ever called applied.
    pub(crate) applied: BTreeSet<String>,
    /// Every operation that the output of a sync called successful.
    pub(crate) reported: BTreeSet<String>,
    /// Why operations went to the inbox, with the operations.
    pub(crate) failures: BTreeMap<String, BTreeSet<String>>,
    /// Full names that the device may have set last.
    pub(crate) last_names: Vec<String>,
    /// The newest entry of the journal that was read.
    pub(crate) journal_seq: i64,
}

impl Record {
    /// A deed begins.
    pub(crate) fn attempt(&mut self, deed: &Deed) {
        *self.attempted.entry(deed.clone()).or_default() += 1;
    }

    /// The device was told that a deed is done.
    pub(crate) fn tell(&mut self, deed: &Deed) {
        *self.told.entry(deed.clone()).or_default() += 1;
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
                self.applied.insert(entry.id.clone());
            }
        }
    }
}
