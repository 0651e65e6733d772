//! What the tests with real processes share: a server process, devices, a relay that injects faults, and waiting for
//! conditions.
#![allow(dead_code, unused_imports, reason = "every test binary uses a part of it")]

mod device;
mod http;
mod proxy;
mod server;

use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) use device::{Device, Output, Running, signal, store_file};
pub(crate) use http::{get, post, request};
pub(crate) use proxy::{Action, Proxy, Seen};
pub(crate) use server::Server;

/// The binary under test.
pub(crate) const VERSES: &str = env!("CARGO_BIN_EXE_verses");
/// The password of every account.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// How long anything may take before the test counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until the answer is `Some`. A bound on waiting, not a guess of how long something takes.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ten references that the corpus holds.
pub(crate) const TEN: [&str; 10] = [
    "John 3:16",
    "Romans 8:28",
    "Psalm 23:1-3",
    "Philippians 4:6-7",
    "Proverbs 3:5-6",
    "Isaiah 40:31",
    "Matthew 6:33",
    "Ephesians 2:8-9",
    "Galatians 5:22-23",
    "Hebrews 11:1",
];

/// References `Psalm 119:1` and on.
pub(crate) fn psalm_119(verses: std::ops::RangeInclusive<usize>) -> Vec<String> {
    verses.map(|v| format!("Psalm 119:{v}")).collect()
}

/// The values of one field of a JSON list, sorted.
pub(crate) fn sorted_field(list: &Value, field: &str) -> Vec<String> {
    let mut values: Vec<String> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| match &entry[field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect();
    values.sort();
    values
}

/// Number of entries of a JSON list.
pub(crate) fn len(list: &Value) -> usize {
    list.as_array().unwrap_or_else(|| panic!("no list: {list}")).len()
}
