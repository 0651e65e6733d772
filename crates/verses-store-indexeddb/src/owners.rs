//! Changes of all rows of an owner: adopting a guest's, forgetting one. They go through the tables in chunks, so that no
//! number of rows fills the memory or holds up the page.

use verses_store::StoreError;

use crate::keys;
use crate::layout::{BY_STATUS, CARDS, EVENTS, JOURNAL, PAYLOADS, PROFILES, QUEUE, VERSES};
use crate::text::{Answers, Requests, plain};
use crate::write::Commit;

/// Rows changed at a time.
const CHUNK: u32 = 100;

/// Rows that the other owner has already stay as they are there, and the moved duplicates are dropped.
pub(crate) async fn move_rows(commit: &mut Commit, from: &str, to: &str) -> Result<(), StoreError> {
    let range = keys::of_owner(from);
    for (store, index) in [(VERSES, ""), (CARDS, ""), (EVENTS, ""), (QUEUE, BY_STATUS)] {
        // Renamed rows leave the range.
        while rename(commit, (store, index), &range, CHUNK, [from, to]).await? == u64::from(CHUNK) {}
    }
    commit.queue.move_counts(from, to);
    let [old, new] = [keys::text(from), keys::text(to)];
    let mut asked = Requests::one("get", PROFILES, "", &[&old]);
    asked.add("getKey", PROFILES, "", &[&new]);
    let found = commit.transaction.ask(asked).await?;
    let mut answers = Answers::of(&found);
    if let Some(moved) = answers.row() {
        if answers.next().is_empty() {
            commit.requests.put_at(PROFILES, to, &plain(moved.body));
        }
        commit.requests.delete(PROFILES, &old);
    }
    rename_in_journal(commit, from, to).await
}

/// The journal keeps what was sent, without a name.
pub(crate) async fn forget(commit: &mut Commit, owner: &str) -> Result<(), StoreError> {
    let range = keys::of_owner(owner);
    for store in [VERSES, CARDS, EVENTS] {
        commit.requests.delete(store, &range);
    }
    commit.requests.delete(PROFILES, &keys::text(owner));
    loop {
        let text = commit.transaction.ask(Requests::limited("getAll", QUEUE, BY_STATUS, &range, CHUNK)).await?;
        for row in Answers::of(&text).rows() {
            commit.requests.delete(QUEUE, row.position);
            commit.requests.delete(PAYLOADS, &keys::text(&plain(row.id)));
        }
        // Before the next are asked for, these must have left.
        commit.settle().await?;
        if Answers::of(&text).row().is_none() {
            break;
        }
    }
    commit.queue.forget_counts(owner);
    rename_in_journal(commit, owner, "").await
}

async fn rename_in_journal(commit: &Commit, from: &str, to: &str) -> Result<(), StoreError> {
    rename(commit, (JOURNAL, ""), keys::ALL, 0, [from, to]).await.map(|_| ())
}

/// Gives the rows found to another owner; how many were looked at.
async fn rename(
    commit: &Commit,
    (store, index): (&str, &str),
    range: &str,
    limit: u32,
    [from, to]: [&str; 2],
) -> Result<u64, StoreError> {
    let (limit, from, to) = (limit.to_string(), keys::text(from), keys::text(to));
    let parameters = [range, &limit, "\"owner\"", &from, &to];
    let asked = Requests::one("rename", store, index, &parameters);
    let found = commit.transaction.ask(asked).await?;
    Ok(Answers::of(&found).count())
}
