//! The conformance suite on the in-memory store, and what only it can do.

use crate::conformance::{ANNA, block_on, enqueue};
use crate::{LocalStore, MemoryStore, StoreError};

crate::conformance_tests!(|| (MemoryStore::new(), ()));

#[test]
fn a_fork_holds_what_was_committed_and_goes_its_own_way() {
    let store = MemoryStore::new();
    block_on(store.commit(None, vec![enqueue(ANNA, 1)])).unwrap();
    let fork = store.fork();
    block_on(store.commit(None, vec![enqueue(ANNA, 2)])).unwrap();
    assert_eq!(block_on(fork.queue_totals(ANNA)).unwrap().waiting, 1);
    block_on(fork.commit(None, vec![enqueue(ANNA, 3), enqueue(ANNA, 4)])).unwrap();
    assert_eq!(block_on(store.queue_totals(ANNA)).unwrap().waiting, 2);
}

#[test]
fn commits_fail_as_told_write_nothing_and_work_again_afterwards() {
    let store = MemoryStore::new();
    let full = StoreError::Full("disk".to_owned());
    store.fail_commits(Some(full.clone()));
    assert_eq!(block_on(store.commit(None, vec![enqueue(ANNA, 1)])), Err(full));
    assert_eq!(block_on(store.queue_metas(None, 9)), Ok(vec![]));
    store.fail_commits(None);
    block_on(store.commit(None, vec![enqueue(ANNA, 1)])).unwrap();
}

#[test]
fn a_listener_may_read_the_store_and_end_its_own_subscription() {
    use std::sync::{Arc, Mutex};
    let store = MemoryStore::new();
    let own = Arc::new(Mutex::new(None));
    let (handle, slot) = (store.clone(), own.clone());
    let subscription = store.subscribe(Box::new(move |revision| {
        assert_eq!(block_on(handle.revision()), Ok(revision));
        drop(slot.lock().unwrap().take());
    }));
    *own.lock().unwrap() = Some(subscription);
    block_on(store.commit(None, vec![enqueue(ANNA, 1)])).unwrap();
    assert!(own.lock().unwrap().is_none());
    block_on(store.commit(None, vec![enqueue(ANNA, 2)])).unwrap();
}

#[test]
fn every_case_of_the_suite_is_in_the_macro() {
    let listed = include_str!("../conformance.rs");
    let cases = [
        include_str!("../conformance/commits.rs"),
        include_str!("../conformance/local_rows.rs"),
        include_str!("../conformance/queue.rs"),
    ];
    let names: Vec<&str> = cases
        .iter()
        .flat_map(|file| file.split("pub async fn ").skip(1))
        .filter_map(|rest| rest.split('(').next())
        .collect();
    assert!(names.len() > 30);
    for name in names {
        assert!(listed.lines().any(|line| line.trim() == name), "{name} is not in `conformance_tests!`");
    }
}
