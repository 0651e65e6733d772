//! The calls of the page, over the store in memory and a server that cannot be reached: what a page gets to see offline, and
//! that `ui/src/engine/api.ts` names exactly the calls there are.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use verses_client::{Platform, Request, Response, SendProgress, Transport, TransportError};
use verses_core::Book;
use verses_corpus::{Corpus, book_of_number};
use verses_store::conformance::block_on;
use verses_store::{LocalStore, MemoryStore, StoreChange, meta_key};
use verses_web::{App, Coming, Event, Parts, PieceSource};

/// 2026-03-10, noon in UTC.
const NOON: i64 = 1_773_144_000_000;
const DAY_MS: i64 = 24 * 3_600_000;

#[derive(Clone)]
struct Nowhere;

impl Transport for Nowhere {
    async fn send(&self, _: Request, _: Option<SendProgress>) -> Result<Response, TransportError> {
        Err(TransportError::Connect { server: "test".into(), reason: "no network".into() })
    }
}

/// A clock that is set by hand.
#[derive(Clone)]
struct Clock(Arc<AtomicI64>);

impl Platform for Clock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> u64 {
        self.now_ms().unsigned_abs()
    }

    fn random(&self) -> u64 {
        // Ids need only be different.
        static LAST: AtomicI64 = AtomicI64::new(0);
        LAST.fetch_add(1, Ordering::Relaxed).unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    async fn sleep(&self, _: u64) {}
}

/// Pieces from the corpus; with `have_none`, as on a device without a network that kept nothing.
struct Shelf {
    have_none: bool,
}

impl PieceSource for Shelf {
    fn piece(&self, translation: &str, book: u8) -> Coming<Option<String>> {
        let found = (!self.have_none).then(|| {
            let book: Book = book_of_number(book).expect("a book");
            Corpus::load(translation).expect("a translation").book_text(book).to_owned()
        });
        Box::pin(async move { found })
    }

    fn keep(&self, _: &str, _: u8) -> Coming<bool> {
        let kept = !self.have_none;
        Box::pin(async move { kept })
    }

    fn kept(&self, _: &str) -> Coming<(u8, u64)> {
        let pieces = if self.have_none { 0 } else { 66 };
        Box::pin(async move { (pieces, 4_000_000) })
    }
}

struct Page {
    app: App<MemoryStore, Nowhere, Clock>,
    store: MemoryStore,
    clock: Clock,
    told: Arc<Mutex<Vec<Event>>>,
}

impl Page {
    fn new() -> Self {
        Self::with(Shelf { have_none: false })
    }

    fn with(shelf: Shelf) -> Self {
        let clock = Clock(Arc::new(AtomicI64::new(NOON)));
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let store = MemoryStore::default();
        let parts = Parts {
            store: store.clone(),
            transport: Nowhere,
            platform: clock.clone(),
            time_zone: "Europe/Berlin".to_owned(),
            pieces: Box::new(shelf),
            tell: Arc::new(move |event: &Event| heard.lock().expect("no panic").push(event.clone())),
        };
        Self { app: block_on(App::open(parts)).expect("an application"), store, clock, told }
    }

    fn call(&self, name: &str, arguments: &Value) -> Value {
        match self.try_call(name, arguments) {
            Ok(answer) => answer,
            Err(error) => panic!("{name}: {error}"),
        }
    }

    fn try_call(&self, name: &str, arguments: &Value) -> Result<Value, Value> {
        match block_on(self.app.call(name, &arguments.to_string())) {
            Ok(answer) => Ok(serde_json::from_str(&answer).expect("JSON")),
            Err(error) => Err(serde_json::from_str(&verses_json::to_text(&error)).expect("JSON")),
        }
    }

    fn add(&self, references: &[&str]) -> Value {
        let verses: Vec<Value> = references.iter().map(|reference| json!({ "reference": reference })).collect();
        self.call("add", &json!({ "verses": verses }))
    }

    fn a_day_later(&self) {
        self.clock.0.fetch_add(DAY_MS, Ordering::Relaxed);
    }
}

/// Names in the `Calls` of the contract.
fn names_of_the_contract() -> Vec<String> {
    let text = include_str!("../ui/src/engine/api.ts");
    let calls = text.split("export interface Calls {").nth(1).and_then(|rest| rest.split("\n}").next());
    let lines = calls.expect("the calls").lines().map(str::trim);
    let names =
        lines.filter(|line| !line.starts_with(['/', '*'])).filter_map(|line| line.split_once(": [")).map(|c| c.0);
    names.map(str::to_owned).collect()
}

#[test]
fn every_call_of_the_contract_is_answered() {
    // These two are the browser's own affair: the worker answers them.
    let of_the_worker = ["storage", "persist"];
    let names = names_of_the_contract();
    assert!(names.len() > 30, "{names:?}");
    let page = Page::new();
    for name in names.iter().filter(|name| !of_the_worker.contains(&name.as_str())) {
        if let Err(error) = page.try_call(name, &json!({})) {
            assert_ne!(error["code"], "unknown_call", "{name}");
        }
    }
    assert_eq!(page.try_call("noSuchCall", &json!({})).unwrap_err()["code"], "unknown_call");
}

#[test]
fn what_a_guest_adds_and_reviews_offline_is_there_and_waits() {
    let page = Page::new();
    let added = page.add(&["jn 3:16", "Ps 23"]);
    assert_eq!((&added[0]["outcome"], &added[0]["reference"]), (&json!("added"), &json!("John 3:16")));
    assert!(added[0]["card"]["text"].as_str().unwrap().starts_with("For God so loved the world"));
    let due = page.call("due", &json!({}));
    assert_eq!(due.as_array().unwrap().len(), 2);
    let reviewed = page.call("review", &json!({ "verseId": due[0]["verseId"], "wasSuccessful": true, "seconds": 7 }));
    assert_eq!((&reviewed["streak"], &reviewed["nextDue"]), (&json!(1), &json!("2026-03-11")));
    let overview = page.call("overview", &json!({}));
    assert_eq!(overview["account"], json!({ "kind": "guest", "email": "", "signedIn": false }));
    for (field, value) in
        [("due", 1), ("cards", 2), ("reviewedToday", 1), ("dayStreak", 1), ("waiting", 3), ("failed", 0)]
    {
        assert_eq!(overview[field], json!(value), "{field}");
    }
    assert_eq!(
        (&overview["today"], &overview["next"]),
        (&json!("2026-03-10"), &json!({"date": "2026-03-11", "count": 1}))
    );
    page.a_day_later();
    assert_eq!(page.call("overview", &json!({}))["due"], 2);
}

#[test]
fn a_pasted_list_is_read_entry_by_entry_with_what_each_is() {
    let page = Page::new();
    page.add(&["jn 3:16", "Rom 8:28"]);
    let archived = page.call("due", &json!({}))[1]["verseId"].clone();
    page.call("archive", &json!({ "verseId": archived, "archived": true }));
    let text = "John 3:16\nRom 8:28; Jonh 3:17; Ps 1\nps 1:1-6";
    let entries = page.call("parse", &json!({ "text": text, "translation": null }));
    let states: Vec<&Value> = entries.as_array().unwrap().iter().map(|entry| &entry["passage"]["state"]).collect();
    let mut both = [states[0].as_str().unwrap(), states[1].as_str().unwrap()];
    both.sort_unstable();
    assert_eq!(both, ["archived", "known"]);
    assert_eq!((states[2], states[3], states[4]), (&Value::Null, &json!("new"), &json!("repeated")));
    let slip = &entries[2];
    assert_eq!(
        text.get(slip["start"].as_u64().unwrap() as usize..slip["end"].as_u64().unwrap() as usize),
        Some("Jonh 3:17")
    );
    assert!(
        slip["error"]["suggestion"].is_string() && !slip["error"]["message"].as_str().unwrap().contains("did you mean")
    );
}

#[test]
fn a_passage_whose_words_are_not_on_the_device_is_added_without_them() {
    let page = Page::with(Shelf { have_none: true });
    assert_eq!(page.call("parse", &json!({ "text": "jn 3:16", "translation": null }))[0]["passage"]["preview"], "");
    let added = page.add(&["jn 3:16"]);
    assert_eq!((&added[0]["outcome"], &added[0]["card"]["text"]), (&json!("added"), &json!("")));
    let refused = page.try_call("loadTexts", &json!({ "translation": "KJV" })).unwrap_err();
    assert_eq!((&refused["code"], &refused["retryable"]), (&json!("network"), &json!(true)));
}

#[test]
fn what_cannot_be_added_says_why_and_keeps_nothing_else_from_being_added() {
    let page = Page::new();
    let added = page.add(&["jn 3:16", "John 99:1", "jn 3:16"]);
    let outcomes: Vec<&str> = added.as_array().unwrap().iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["added", "failed", "duplicate"]);
    assert!(added[1]["error"]["message"].as_str().unwrap().contains("John"));
}

#[test]
fn the_library_is_searched_filtered_and_sorted() {
    let page = Page::new();
    page.add(&["Rev 22:21", "Gen 1:1", "jn 11:35"]);
    let listing = |search: &str, show: &str, sort: &str| {
        let filter = json!({ "search": search, "phase": "all", "show": show, "sort": sort });
        let answer = page.call("library", &json!({ "filter": filter, "offset": 0, "limit": 10 }));
        let rows = answer["rows"].as_array().unwrap().iter().map(|row| row["reference"].as_str().unwrap().to_owned());
        (answer["total"].as_u64().unwrap(), rows.collect::<Vec<_>>())
    };
    let order = ["Genesis 1:1", "John 11:35", "Revelation 22:21"].map(str::to_owned).to_vec();
    assert_eq!(listing("", "active", "reference"), (3, order));
    assert_eq!(listing("jesus WEPT", "due", "due"), (1, vec!["John 11:35".to_owned()]));
    assert_eq!(listing("", "archived", "due"), (0, vec![]));
}

#[test]
fn progress_counts_days_phases_and_what_is_to_come() {
    let page = Page::new();
    page.add(&["jn 3:16", "Gen 1:1"]);
    for _ in 0..3 {
        let due = page.call("due", &json!({}));
        for card in due.as_array().unwrap() {
            page.call("review", &json!({ "verseId": card["verseId"], "wasSuccessful": true, "seconds": null }));
        }
        page.a_day_later();
    }
    let statistics = page.call("statistics", &json!({ "from": "2026-03-11" }));
    assert_eq!((&statistics["reviews"], &statistics["bestDayStreak"]), (&json!(6), &json!(3)));
    assert_eq!(
        statistics["calendar"],
        json!([
            { "date": "2026-03-11", "reviews": 2, "successful": 2 }, { "date": "2026-03-12", "reviews": 2, "successful": 2 },
        ])
    );
    assert_eq!(statistics["phases"]["daily"], 2);
    assert_eq!(statistics["forecast"][0], json!({ "date": "2026-03-13", "due": 2 }));
    assert_eq!(statistics["history"].as_array().unwrap().last().unwrap()["phases"]["daily"], 2);
    let detail = page.call("card", &json!({ "verseId": page.call("due", &json!({}))[0]["verseId"] }));
    assert_eq!(detail["history"].as_array().unwrap().len(), 4);
    assert_eq!(detail["history"][0]["synced"], false);
    assert_eq!(detail["upcoming"].as_array().unwrap().len(), 6);
}

#[test]
fn settings_are_checked_kept_and_go_back_to_their_defaults() {
    let page = Page::new();
    let settings = page.call("settings", &json!({}));
    assert_eq!(settings["defaults"]["batch"]["maxBatchSize"], 10);
    assert_eq!(settings["chosen"]["batch"]["maxBatchSize"], Value::Null);
    let wrong = page.try_call("updateSettings", &json!({ "batch": { "maxBatchSize": 0 } })).unwrap_err();
    assert!(wrong["message"].as_str().unwrap().contains("max_batch_size"), "{wrong}");
    let set = page.call("updateSettings", &json!({ "batch": { "maxBatchSize": 25 }, "fetchIntervalMs": 30_000 }));
    assert_eq!(set["chosen"]["batch"]["maxBatchSize"], 25);
    assert_eq!(page.call("settings", &json!({}))["chosen"]["fetchIntervalMs"], 30_000);
    page.call("updateSettings", &json!({ "batch": {} }));
    assert_eq!(page.call("settings", &json!({}))["chosen"]["batch"]["maxBatchSize"], Value::Null);
}

#[test]
fn what_is_exported_can_be_taken_in_elsewhere() {
    let page = Page::new();
    page.add(&["jn 3:16", "Gen 1:1"]);
    page.call("add", &json!({ "verses": [{ "reference": "Grandmother's grace", "text": "Come, Lord Jesus." }] }));
    let first = page.call("due", &json!({}))[0].clone();
    page.call("setPhase", &json!({ "verseId": first["verseId"], "phase": "weekly" }));
    let data = page.call("exportData", &json!({}));
    let other = Page::new();
    let taken = other.call("importData", &json!({ "data": data }));
    assert_eq!((&taken["added"], &taken["phases"], &taken["failed"]), (&json!(3), &json!(1), &json!([])));
    let card = other.call("card", &json!({ "verseId": first["verseId"] }));
    assert_eq!(card["card"]["phase"], "weekly");
    assert_eq!(other.call("importData", &json!({ "data": data }))["duplicates"], 3);
    let refused = other.try_call("importData", &json!({ "data": "{\"a\":1}" })).unwrap_err();
    assert_eq!(refused["code"], "not_an_export");
}

#[test]
fn ones_own_words_under_a_reference_are_taken_in_as_they_are() {
    let page = Page::new();
    let own = [
        json!({ "reference": "John 3:16", "text": "So greatly did God love." }),
        json!({ "reference": "Romans 8:28", "translation": "NIV", "text": "Words of that translation." }),
        json!({ "reference": "Psalm 119", "text": "All of it, in my words." }),
    ];
    page.call("add", &json!({ "verses": own }));
    page.add(&["Gen 1:1"]);
    let data = page.call("exportData", &json!({}));
    for shelf in [Shelf { have_none: false }, Shelf { have_none: true }] {
        let other = Page::with(shelf);
        let taken = other.call("importData", &json!({ "data": data }));
        assert_eq!((&taken["added"], &taken["failed"]), (&json!(4), &json!([])));
        let due = other.call("due", &json!({}));
        let words = |reference: &str| {
            let card = due.as_array().unwrap().iter().find(|card| card["reference"] == reference).expect("a card");
            (card["translation"].as_str().unwrap().to_owned(), card["text"].as_str().unwrap().to_owned())
        };
        assert_eq!(words("John 3:16"), ("KJV".to_owned(), "So greatly did God love.".to_owned()));
        assert_eq!(words("Romans 8:28"), ("NIV".to_owned(), "Words of that translation.".to_owned()));
        assert_eq!(words("Psalm 119"), ("KJV".to_owned(), "All of it, in my words.".to_owned()));
        assert!(words("Genesis 1:1").1.starts_with("In the beginning God"));
    }
    let other = Page::new();
    other.call("importData", &json!({ "data": data }));
    let sent = other.call("exportQueue", &json!({}));
    let with_words = sent.as_str().unwrap().lines().filter(|line| line.contains("\"text\""));
    assert_eq!(with_words.count(), 3, "words that the server has are left to it");
}

#[test]
fn a_file_read_again_goes_on_with_phases_but_leaves_what_was_reviewed_since() {
    let page = Page::new();
    let added = page.add(&["jn 3:16", "Gen 1:1"]);
    for card in added.as_array().unwrap() {
        page.call("setPhase", &json!({ "verseId": card["card"]["verseId"], "phase": "monthly" }));
    }
    let data = page.call("exportData", &json!({}));
    let other = Page::new();
    other.add(&["jn 3:16", "Gen 1:1"]);
    let reviewed = added[1]["card"]["verseId"].clone();
    other.call("review", &json!({ "verseId": reviewed, "wasSuccessful": true, "seconds": 7 }));
    let taken = other.call("importData", &json!({ "data": data }));
    assert_eq!((&taken["added"], &taken["duplicates"], &taken["phases"]), (&json!(0), &json!(2), &json!(1)));
    let phase = |id: &Value| other.call("card", &json!({ "verseId": id }))["card"]["phase"].clone();
    assert_eq!((phase(&added[0]["card"]["verseId"]), phase(&reviewed)), (json!("monthly"), json!("daily")));
}

#[test]
fn what_waits_for_another_account_of_this_browser_is_not_saved_as_a_file() {
    let page = Page::new();
    page.add(&["jn 3:16"]);
    let session = verses_client::Session {
        user_id: "b".to_owned(),
        email: "b@example.org".to_owned(),
        is_anonymous: false,
        access_token: "t".to_owned(),
        refresh_token: "r".to_owned(),
        expires_at_ms: i64::MAX,
    };
    let value = verses_json::to_text(&session);
    let change = StoreChange::PutMeta { key: meta_key::SESSION.to_owned(), value };
    block_on(page.store.commit(None, vec![change])).expect("the store works");
    assert_eq!(page.call("exportQueue", &json!({})), "");
}

#[test]
fn what_waits_is_told_in_plain_words_and_can_be_given_up() {
    let page = Page::new();
    page.add(&["jn 3:16"]);
    let queue = page.call("queue", &json!({ "failedOnly": false, "limit": 10 }));
    assert_eq!((&queue[0]["about"], &queue[0]["state"]), (&json!("jn 3:16"), &json!("waiting")));
    assert_eq!(queue[0]["why"], "Waits until you sign in.");
    let exported = page.call("exportQueue", &json!({}));
    assert_eq!(exported.as_str().unwrap().lines().count(), 1);
    assert_eq!(page.call("discard", &json!({ "ids": [queue[0]["id"]] })), 1);
    assert_eq!(page.call("overview", &json!({}))["cards"], 0);
    assert_eq!(page.try_call("discard", &json!({ "ids": [queue[0]["id"]] })).unwrap_err()["code"], "unknown_operation");
}

#[test]
fn a_sign_up_without_a_network_says_so_and_changes_nothing() {
    let page = Page::new();
    page.add(&["jn 3:16"]);
    let refused = page.try_call("signUp", &json!({ "email": "a@example.org", "password": "long enough" })).unwrap_err();
    assert_eq!((&refused["code"], &refused["retryable"]), (&json!("network"), &json!(true)));
    assert_eq!(page.call("overview", &json!({}))["account"]["kind"], "guest");
    assert_eq!(page.call("syncState", &json!({}))["pending"], 1);
}

#[test]
fn loading_a_translation_tells_how_far_it_is() {
    let page = Page::new();
    let state = page.call("loadTexts", &json!({ "translation": "KJV" }));
    assert_eq!((&state["have"], &state["pieces"], &state["loading"]), (&json!(66), &json!(66), &json!(false)));
    let told = page.told.lock().expect("no panic");
    assert_eq!(told.iter().filter(|event| matches!(event, Event::Texts { .. })).count(), 66);
}
