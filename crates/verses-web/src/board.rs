//! The board: how syncing stands, kept from what the driver tells, in the shape of the source's `BatchSyncProgress`.

use std::collections::VecDeque;

use batchsync::{Event, FaultClass, NetworkQuality, Phase, Progress, WaitReason};
use verses_client::{PROFILE_ENTITY, SyncEvent};
use verses_core::{Verse, VerseId, sorted};
use verses_json::{ToJson, Writer, json_write};

/// Requests that are shown.
const MAX_REQUESTS: usize = 20;
/// Outcomes that are shown.
const MAX_RESULTS: usize = 100;

/// How syncing stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SyncState {
    phase: String,
    reason: Option<String>,
    until: Option<i64>,
    total: u64,
    successful: u64,
    failed: u64,
    blocked: u64,
    pending: u64,
    in_flight: u64,
    bytes_done: u64,
    bytes_total: u64,
    per_second: Option<Rate>,
    eta_ms: Option<u64>,
    quality: Option<String>,
    round_trip_ms: Option<u64>,
    batch_size: u32,
    pub(crate) last_sync_at: Option<i64>,
    trouble: Option<String>,
    requests: VecDeque<SyncRequest>,
    results: VecDeque<Outcome>,
    pub(crate) leader: bool,
}

json_write! { SyncState {
    phase: "phase",
    reason: "reason",
    until: "until",
    total: "total",
    successful: "successful",
    failed: "failed",
    blocked: "blocked",
    pending: "pending",
    in_flight: "inFlight",
    bytes_done: "bytesDone",
    bytes_total: "bytesTotal",
    per_second: "perSecond",
    eta_ms: "etaMs",
    quality: "quality",
    round_trip_ms: "roundTripMs",
    batch_size: "batchSize",
    last_sync_at: "lastSyncAt",
    trouble: "trouble",
    requests: "requests",
    results: "results",
    leader: "leader",
} }

#[derive(Debug, Clone, PartialEq)]
struct SyncRequest {
    id: String,
    is_batch: bool,
    operations: usize,
    state: String,
    successful: usize,
    failed: usize,
    elapsed_ms: Option<u64>,
    bytes_sent: u64,
}

json_write! { SyncRequest {
    id: "id",
    is_batch: "isBatch",
    operations: "operations",
    state: "state",
    successful: "successful",
    failed: "failed",
    elapsed_ms: "elapsedMs",
    bytes_sent: "bytesSent",
} }

#[derive(Debug, Clone, PartialEq)]
struct Outcome {
    id: String,
    kind: String,
    about: String,
    outcome: String,
    message: Option<String>,
    at: i64,
}

json_write! { Outcome { id: "id", kind: "kind", about: "about", outcome: "outcome", message: "message", at: "at" } }

/// Operations a second, written to a thousandth: all digits would be a large part of what is downloaded.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate(f64);

impl ToJson for Rate {
    fn to_json(&self, out: &mut Writer) {
        // Out of range is the end of the range, and what is no number is 0.
        let thousandths = (self.0 * 1_000.0) as u64;
        (thousandths / 1_000).to_json(out);
        out.word(".");
        for digit in [thousandths / 100 % 10, thousandths / 10 % 10, thousandths % 10] {
            digit.to_json(out);
        }
    }
}

/// The state as it grows.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) state: SyncState,
    /// Whose it is.
    owner: String,
    /// Since when something was sent or fetched that is not noted in the store.
    pub(crate) synced: Option<i64>,
    /// Whether something was sent among it.
    pub(crate) sent: bool,
}

impl Board {
    /// Shows nothing of another owner any more. Gives whether the owner is another than before.
    pub(crate) fn turn_to(&mut self, owner: &str) -> bool {
        if self.owner == owner {
            return false;
        }
        if !self.owner.is_empty() {
            self.state.requests.clear();
            self.state.results.clear();
            (self.state.trouble, self.state.last_sync_at) = (None, None);
            (self.synced, self.sent) = (None, false);
        }
        owner.clone_into(&mut self.owner);
        true
    }

    /// Nobody is signed in: nothing is sent, and that is no trouble.
    pub(crate) fn nobody(&mut self, waiting: u64, failed: u64, ended: bool) {
        let state = &mut self.state;
        state.phase = if ended { "signin" } else { "idle" }.to_owned();
        state.reason = ended.then(|| "session".to_owned());
        (state.until, state.eta_ms, state.in_flight) = (None, None, 0);
        (state.pending, state.failed) = (waiting, failed);
        state.total = state.successful + waiting + failed;
        state.trouble = None;
    }

    pub(crate) fn trouble(&mut self, message: String) {
        self.state.trouble = Some(message);
    }

    /// Forgets the last trouble.
    pub(crate) fn calm(&mut self) {
        self.state.trouble = None;
    }

    /// Takes in what the driver tells, at `now`.
    pub(crate) fn take(&mut self, event: &SyncEvent, now: i64) {
        match event {
            SyncEvent::Progress(progress) => self.progress(progress),
            SyncEvent::RequestStarted { request_id, operations, is_batch } => {
                self.state.requests.push_front(SyncRequest {
                    id: request_id.clone(),
                    is_batch: *is_batch,
                    operations: *operations,
                    state: "sending".to_owned(),
                    successful: 0,
                    failed: 0,
                    elapsed_ms: None,
                    bytes_sent: 0,
                });
                self.state.requests.truncate(MAX_REQUESTS);
                // The driver tells of progress only between requests, and one may take long.
                self.state.phase = "sending".to_owned();
                (self.state.reason, self.state.until) = (None, None);
                self.state.in_flight = u64::try_from(*operations).unwrap_or(u64::MAX);
            }
            SyncEvent::RequestSent { request_id, sent, .. } => {
                self.with_request(request_id, |request| request.bytes_sent = *sent);
            }
            SyncEvent::RequestEnded { request_id, successful, failed, elapsed_ms, bytes_sent } => {
                self.with_request(request_id, |request| {
                    request.state = "done".to_owned();
                    (request.successful, request.failed) = (*successful, *failed);
                    (request.elapsed_ms, request.bytes_sent) = (Some(*elapsed_ms), *bytes_sent);
                });
                self.state.round_trip_ms = Some(*elapsed_ms);
                self.sent = true;
                self.succeeded(now);
            }
            SyncEvent::OperationApplied { operation_id, local_ref, kind, is_duplicate } => {
                let outcome = if *is_duplicate { "duplicate" } else { "applied" };
                self.result(operation_id, kind, local_ref, outcome, None, now);
            }
            SyncEvent::OperationFailed { operation_id, local_ref, kind, message } => {
                self.result(operation_id, kind, local_ref, "failed", Some(message.clone()), now);
            }
            SyncEvent::Pulled { .. } => self.succeeded(now),
            SyncEvent::FetchFailed { message } => self.trouble(message.clone()),
            SyncEvent::NotTheServer => self.trouble(
                "Something else answered instead of the server. If this is a hotel or train network, open its sign-in page first."
                    .to_owned(),
            ),
            SyncEvent::Engine(event) => self.engine(event),
        }
    }

    fn succeeded(&mut self, now: i64) {
        self.state.trouble = None;
        self.state.last_sync_at = Some(now);
        self.synced = Some(now);
    }

    fn with_request(&mut self, id: &str, change: impl FnOnce(&mut SyncRequest)) {
        if let Some(request) = self.state.requests.iter_mut().find(|request| request.id == id) {
            change(request);
        }
    }

    fn result(&mut self, id: &str, kind: &str, local_ref: &str, outcome: &str, message: Option<String>, at: i64) {
        self.state.results.retain(|known| known.id != id);
        self.state.results.push_front(Outcome {
            id: id.to_owned(),
            kind: kind.to_owned(),
            about: local_ref.to_owned(),
            outcome: outcome.to_owned(),
            message,
            at,
        });
        self.state.results.truncate(MAX_RESULTS);
    }

    fn progress(&mut self, progress: &Progress) {
        let state = &mut self.state;
        (state.total, state.successful, state.failed) = (progress.total, progress.successful, progress.failed);
        (state.blocked, state.pending, state.in_flight) = (progress.blocked, progress.pending, progress.in_flight);
        (state.bytes_done, state.bytes_total) = (progress.bytes_done, progress.bytes_total);
        (state.per_second, state.eta_ms) = (progress.operations_per_second.map(Rate), progress.eta_ms);
        let (phase, reason, until) = match progress.phase {
            Phase::Idle => ("idle", None, None),
            Phase::Waiting { until, reason } => ("waiting", Some(reason_name(reason)), until),
            Phase::Sending => ("sending", None, None),
            Phase::Offline { until } => ("offline", Some("offline"), until),
            Phase::WaitingForSession => ("signin", Some("session"), None),
            Phase::UpgradeRequired { until } => ("upgrade", Some("upgrade"), until),
        };
        state.phase = phase.to_owned();
        state.reason = reason.map(str::to_owned);
        state.until = until;
    }

    fn engine(&mut self, event: &Event) {
        match event {
            Event::RequestFailed { request_id, class, .. } => {
                self.with_request(request_id, |request| request.state = "failed".to_owned());
                self.trouble(fault_text(*class).to_owned());
            }
            Event::QualityChanged(quality) => self.quality(*quality),
            Event::UpgradeRequired => {
                self.trouble(
                    "The server needs a newer version of the app: reload the page. Nothing is lost.".to_owned(),
                );
            }
            Event::Reauthenticate { .. } => self.trouble("The session has ended: sign in again.".to_owned()),
            Event::BatchEndpointLost { .. } => {
                self.trouble("The server takes no batches just now: changes are sent one by one.".to_owned());
            }
            Event::BatchEndpointRestored | Event::CeilingLearned { .. } | Event::WentOffline | Event::CameOnline => {}
        }
    }

    pub(crate) fn quality(&mut self, quality: NetworkQuality) {
        let name = match quality {
            NetworkQuality::Good => "good",
            NetworkQuality::Fair => "fair",
            NetworkQuality::Poor => "poor",
        };
        self.state.quality = Some(name.to_owned());
    }

    pub(crate) fn batch_size(&mut self, operations: u32) {
        self.state.batch_size = operations;
    }

    /// Cards of outcomes that have no name yet.
    pub(crate) fn nameless(&self) -> Vec<VerseId> {
        sorted(self.state.results.iter().filter_map(|result| verse_of(&result.about)))
    }

    /// Gives outcomes the name of what they are about.
    pub(crate) fn name(&mut self, verses: &[Verse]) {
        for result in &mut self.state.results {
            if let Some(id) = verse_of(&result.about) {
                result.about = name_of(verses, id);
            } else if result.about == PROFILE_ENTITY {
                "Profile".clone_into(&mut result.about);
            }
        }
    }
}

/// The reference of a verse. The verses are in the order of their ids.
pub(crate) fn name_of(verses: &[Verse], id: VerseId) -> String {
    let found = verses.binary_search_by_key(&id, |verse| verse.id).ok();
    found.map_or_else(|| "A passage".to_owned(), |at| verses[at].reference.clone())
}

/// The verse of a local record ("card/0190…"); `None` for anything else, a name among it.
fn verse_of(local_ref: &str) -> Option<VerseId> {
    local_ref.strip_prefix("card/").and_then(VerseId::parse)
}

fn reason_name(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Idle => "idle",
        WaitReason::Collecting => "collecting",
        WaitReason::InFlight => "in_flight",
        WaitReason::Backoff => "backoff",
        WaitReason::RetryAfter => "retry_after",
        WaitReason::Offline => "offline",
        WaitReason::Session => "session",
        WaitReason::Upgrade => "upgrade",
    }
}

fn fault_text(class: FaultClass) -> &'static str {
    match class {
        FaultClass::Offline | FaultClass::Network => "The server could not be reached. It is tried again by itself.",
        FaultClass::Auth | FaultClass::Session => "The session must be renewed first.",
        FaultClass::Throttled => "The server asks to wait a little. It is tried again by itself.",
        FaultClass::Storage => "This device could not save the answer. It is tried again by itself.",
        _ => "The server could not do it just now. It is tried again by itself.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_written_as_a_number_to_a_thousandth() {
        for (rate, text) in
            [(0.0, "0.000"), (0.25, "0.250"), (12.3456, "12.345"), (1e9, "1000000000.000"), (-1.0, "0.000")]
        {
            assert_eq!(verses_json::to_text(&Rate(rate)), text);
        }
        for odd in [f64::NAN, f64::INFINITY] {
            assert!(serde_json::from_str::<f64>(&verses_json::to_text(&Rate(odd))).is_ok());
        }
    }

    #[test]
    fn nothing_of_one_owner_shows_to_the_next() {
        let mut board = Board::default();
        assert!(board.turn_to("a"));
        let applied = SyncEvent::OperationApplied {
            operation_id: "o".into(),
            local_ref: "card/x".into(),
            kind: "create_verse".into(),
            is_duplicate: false,
        };
        board.take(&applied, 1);
        board.take(&SyncEvent::Pulled { changes: 1 }, 2);
        assert!(!board.turn_to("a"));
        assert_eq!((board.state.results.len(), board.state.last_sync_at), (1, Some(2)));
        assert!(board.turn_to("b"));
        assert_eq!((board.state.results.len(), board.state.last_sync_at, board.synced), (0, None, None));
    }
}
