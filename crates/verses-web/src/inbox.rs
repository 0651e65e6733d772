//! What waits and what failed: shown with reasons in plain words, tried again, mended, given up, written out.

use batchsync::{Explanation, FailureReason, OperationStatus};
use verses_client::{Platform, Transport};
use verses_core::{Operation, Verse, VerseId, sorted};
use verses_json::{json_read, json_write};
use verses_store::{LocalStore, QueuedOperation};

use crate::app::App;
use crate::board::name_of;
use crate::wire::EngineError;

/// Operations that are explained one by one; those behind them wait for their turn.
const MAX_EXPLAINED: usize = 200;

/// Arguments of `queue`.
#[derive(Debug)]
pub(crate) struct Wanted {
    failed_only: bool,
    limit: u32,
}

json_read! { Wanted { failed_only: "failedOnly", limit: "limit" } }

/// Arguments of `retry` and `discard`.
#[derive(Debug)]
pub(crate) struct Ids {
    ids: Vec<String>,
}

json_read! { Ids { ids: "ids" } }

/// Arguments of `supplyText`.
#[derive(Debug)]
pub(crate) struct OwnText {
    id: String,
    text: String,
}

json_read! { OwnText { id: "id", text: "text" } }

/// How one operation stands.
#[derive(Debug)]
pub(crate) struct QueueItem {
    id: String,
    kind: String,
    about: String,
    queued_at: i64,
    retry_count: u32,
    state: &'static str,
    reason: Option<&'static str>,
    why: String,
    needs_text: bool,
    bytes: u32,
}

json_write! { QueueItem {
    id: "id",
    kind: "kind",
    about: "about",
    queued_at: "queuedAt",
    retry_count: "retryCount",
    state: "state",
    reason: "reason",
    why: "why",
    needs_text: "needsText",
    bytes: "bytes",
} }

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    pub(crate) async fn queue(&self, wanted: Wanted) -> Result<Vec<QueueItem>, EngineError> {
        let service = self.service();
        let owner = service.owner().await?;
        let rows = service.store().queue_of(&owner, wanted.failed_only, wanted.limit).await?;
        let ids = sorted(rows.iter().filter_map(|row| verse_of(&row.data)));
        let verses = service.store().verses_of(&owner, &ids).await?;
        let asked: Vec<String> = rows.iter().take(MAX_EXPLAINED).map(|row| row.meta.id.clone()).collect();
        let explained = service.explain_queue(&asked).await?;
        let about_of = |id: &str| {
            let row = rows.iter().find(|row| row.meta.id == id);
            row.map_or_else(|| "an earlier change".to_owned(), |row| about(&row.data, &verses))
        };
        let explained = explained.into_iter().chain(std::iter::repeat(None));
        Ok(rows.iter().zip(explained).map(|(row, explanation)| item(row, &about_of, explanation.as_ref())).collect())
    }

    pub(crate) async fn retry(&self, wanted: Ids) -> Result<usize, EngineError> {
        let retried = self.service().retry_failed(&wanted.ids).await?;
        self.hints.borrow().flush();
        Ok(retried)
    }

    pub(crate) async fn discard(&self, wanted: Ids) -> Result<usize, EngineError> {
        Ok(self.service().discard(&wanted.ids).await?)
    }

    /// Gives the words, and has the operation sent with them.
    pub(crate) async fn supply_text(&self, own: OwnText) -> Result<(), EngineError> {
        self.service().supply_text(&own.id, &own.text).await?;
        self.retry(Ids { ids: vec![own.id] }).await?;
        Ok(())
    }

    /// One line of JSON for each operation: the form of `verses queue export`. A browser may be shared: what waits for others
    /// is theirs.
    pub(crate) async fn export_queue(&self) -> Result<String, EngineError> {
        let service = self.service();
        let owner = service.owner().await?;
        let mut lines = String::new();
        for row in service.store().queue_of(&owner, false, u32::MAX).await? {
            lines.push_str(&verses_json::to_text(&row));
            lines.push('\n');
        }
        Ok(lines)
    }
}

/// The verse an operation is about, unless it names it in words.
pub(crate) fn verse_of(operation: &Operation) -> Option<VerseId> {
    match operation {
        Operation::CreateVerse(_) | Operation::UpdateProfile(_) => None,
        Operation::RecordReview(o) => Some(o.verse_id),
        Operation::ArchiveVerse(o) | Operation::RestoreVerse(o) => Some(o.verse_id),
        Operation::SetPhase(o) => Some(o.verse_id),
    }
}

fn about(operation: &Operation, verses: &[Verse]) -> String {
    match operation {
        Operation::CreateVerse(create) => create.reference.clone(),
        Operation::UpdateProfile(_) => "Profile".to_owned(),
        other => verse_of(other).map_or_else(|| "A passage".to_owned(), |id| name_of(verses, id)),
    }
}

fn item(row: &QueuedOperation, name: &dyn Fn(&str) -> String, explanation: Option<&Explanation>) -> QueueItem {
    let (state, reason, why) = match &row.meta.status {
        OperationStatus::Failed(failure) => {
            let why = match &failure.reason {
                FailureReason::Blocked { parent } => {
                    format!("Waits for {}, which could not be saved on the server.", name(parent))
                }
                FailureReason::TooLarge => "Too large to be sent.".to_owned(),
                FailureReason::Expired => "Waited too long without reaching the server.".to_owned(),
                _ => failure.message.clone(),
            };
            ("failed", Some(failure.reason.name()), why)
        }
        OperationStatus::Processing { .. } => ("sending", None, "On its way.".to_owned()),
        OperationStatus::Pending => ("waiting", None, why_waiting(explanation, name)),
    };
    let is_creation = matches!(&row.data, Operation::CreateVerse(create) if create.text.is_none());
    QueueItem {
        id: row.meta.id.clone(),
        kind: row.meta.kind.clone(),
        about: name(&row.meta.id),
        queued_at: row.meta.queued_at,
        retry_count: row.meta.retry_count,
        state,
        reason,
        why,
        needs_text: is_creation && reason == Some("rejected"),
        bytes: row.meta.payload_bytes,
    }
}

fn why_waiting(explanation: Option<&Explanation>, name: &dyn Fn(&str) -> String) -> String {
    match explanation {
        Some(Explanation::WaitsFor { parent }) => format!("Waits until {} is saved.", name(parent)),
        Some(Explanation::Behind { .. }) => "Waits for an earlier change of the same passage.".to_owned(),
        Some(Explanation::OwnBackoff { .. }) => "Did not work just now; it is tried again soon.".to_owned(),
        Some(Explanation::NoSession) => "Waits until you sign in.".to_owned(),
        Some(Explanation::SessionRefused) => "Waits until you sign in again.".to_owned(),
        Some(Explanation::OtherOwner { .. }) => "Belongs to another account.".to_owned(),
        Some(Explanation::Collecting { .. }) => "Waits a moment for others to travel with.".to_owned(),
        Some(Explanation::QueueWaits { .. }) => "Waits for the network or the server.".to_owned(),
        _ => "Waits to be sent.".to_owned(),
    }
}
