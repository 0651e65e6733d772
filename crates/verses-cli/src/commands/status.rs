//! `verses status`: how things stand, and why anything is stuck.

use batchsync::{Explanation, FailureReason, OperationStatus};
use serde::Serialize;
use verses_store::{GUEST, LocalStore, QueuedOperation};
use verses_store_sqlite::HomeLock;

use crate::app::App;
use crate::commands::queue::about;
use crate::exit::{CliError, ExitStatus};
use crate::output::{count, table};

/// How many stuck operations are explained.
const EXPLAINED: u32 = 20;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    home: String,
    server: String,
    user: String,
    signed_in: bool,
    syncing_now: bool,
    passages: usize,
    due_today: usize,
    unverified: usize,
    waiting: u64,
    failed: u64,
    queue_bytes: u64,
    oldest_queued_at: Option<i64>,
    clock_offset_ms: i64,
    parked: Vec<Parked>,
    stuck: Vec<Stuck>,
}

/// Operations of another account, waiting for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Parked {
    user_id: String,
    operations: u64,
}

/// An operation that is not done, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stuck {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    about: String,
    why: String,
    next: String,
}

/// `verses status`
///
/// # Errors
/// Errors of the store.
pub async fn run(app: &App) -> Result<ExitStatus, CliError> {
    let status = gather(app).await?;
    app.printer.result(&status, || text_of(&status))?;
    Ok(ExitStatus::Done)
}

async fn gather(app: &App) -> Result<Status, CliError> {
    let service = &app.service;
    let session = service.session().await?;
    let owner = service.owner().await?;
    let today = service.today(Some(&service.config().time_zone)).await?;
    let totals = service.queue_totals().await?;
    let parked = service.store().queue_owners().await?.into_iter().filter(|(o, _)| *o != owner);
    let offset = service.store().meta(verses_store::meta_key::CLOCK_OFFSET_MS).await?;
    Ok(Status {
        home: app.home.display().to_string(),
        server: app.server.clone(),
        user: session
            .as_ref()
            .map_or_else(|| GUEST.to_owned(), |s| if s.email.is_empty() { s.user_id.clone() } else { s.email.clone() }),
        signed_in: session.as_ref().is_some_and(verses_client::Session::is_usable),
        syncing_now: HomeLock::is_held(&app.home)?,
        passages: service.library().await?.iter().filter(|e| !e.card.archived).count(),
        due_today: service.due(today).await?.len(),
        unverified: service.unverified_verses(u32::MAX).await?.len(),
        waiting: totals.waiting,
        failed: totals.failed,
        queue_bytes: totals.bytes,
        oldest_queued_at: totals.oldest_queued_at,
        clock_offset_ms: offset.and_then(|t| t.parse().ok()).unwrap_or(0),
        parked: parked.map(|(user_id, t)| Parked { user_id, operations: t.waiting + t.failed }).collect(),
        stuck: stuck(app, &owner, session.is_some()).await?,
    })
}

async fn stuck(app: &App, owner: &str, signed_in: bool) -> Result<Vec<Stuck>, CliError> {
    let failed = app.service.store().queue_of(owner, true, EXPLAINED).await?;
    let waiting = app.service.store().queue_of(owner, false, EXPLAINED).await?;
    let waiting = waiting.into_iter().filter(|o| !matches!(o.meta.status, OperationStatus::Failed(_)));
    let operations: Vec<QueuedOperation> = failed.into_iter().chain(waiting).take(EXPLAINED as usize).collect();
    let ids: Vec<String> = operations.iter().map(|o| o.meta.id.clone()).collect();
    let explained = app.service.explain_queue(&ids).await?;
    let mut stuck = Vec::new();
    for (operation, explanation) in operations.into_iter().zip(explained) {
        let (why, next) = explain(&operation, explanation.as_ref(), signed_in);
        let about = about(app, &operation).await?;
        stuck.push(Stuck { id: operation.meta.id, kind: operation.meta.kind, about, why, next });
    }
    Ok(stuck)
}

fn explain(operation: &QueuedOperation, explanation: Option<&Explanation>, signed_in: bool) -> (String, String) {
    if let OperationStatus::Failed(failure) = &operation.meta.status {
        let next = match &failure.reason {
            FailureReason::Blocked { parent } => format!("settle {parent} first: this one follows"),
            _ => format!("verses queue retry {0}, or verses queue discard {0}", operation.meta.id),
        };
        let why = match &failure.reason {
            FailureReason::Blocked { parent } => format!("blocked: it needs {parent}, which failed"),
            _ => failure.message.clone(),
        };
        return (why, next);
    }
    if !signed_in {
        return ("nobody is signed in".to_owned(), "verses signup, or verses login".to_owned());
    }
    let why = match explanation {
        Some(Explanation::WaitsFor { parent }) => format!("waits for {parent}, which it needs"),
        Some(Explanation::Behind { earlier }) => format!("waits for {earlier}, made earlier about the same passage"),
        Some(Explanation::InFlight { .. }) => "is on its way".to_owned(),
        Some(Explanation::OwnBackoff { .. }) => "failed before and waits a little".to_owned(),
        Some(Explanation::NoSession | Explanation::SessionRefused) => "the session has ended".to_owned(),
        Some(Explanation::OtherOwner { owner }) => format!("belongs to the account {owner}"),
        _ => "waits for the next sync".to_owned(),
    };
    let next = match explanation {
        Some(Explanation::NoSession | Explanation::SessionRefused) => "verses login",
        _ => "verses sync",
    };
    (why, next.to_owned())
}

fn text_of(status: &Status) -> String {
    let user = match (status.signed_in, status.user.as_str()) {
        (true, user) => user.to_owned(),
        (false, GUEST) => "guest (no account yet: verses signup)".to_owned(),
        (false, user) => format!("{user} (session ended: verses login)"),
    };
    let mut rows = vec![
        vec!["home".to_owned(), status.home.clone()],
        vec!["server".to_owned(), status.server.clone()],
        vec!["user".to_owned(), user],
        vec!["passages".to_owned(), format!("{}, {} due today", status.passages, status.due_today)],
        vec!["queue".to_owned(), format!("{} waiting, {} failed", status.waiting, status.failed)],
    ];
    if status.syncing_now {
        rows.push(vec!["sync".to_owned(), "a process is syncing now".to_owned()]);
    }
    if status.clock_offset_ms.abs() > 5 * 60 * 1_000 {
        let minutes = status.clock_offset_ms / 60_000;
        let text = format!(
            "this device is off by {minutes} min against the server; reviews are stamped with the server's time"
        );
        rows.push(vec!["clock".to_owned(), text]);
    }
    for parked in &status.parked {
        let text = format!(
            "{} of {} wait until that account signs in",
            count(parked.operations, "operation", "operations"),
            parked.user_id
        );
        rows.push(vec!["parked".to_owned(), text]);
    }
    let mut text = table(&rows);
    // Operations that wait for the same reason are told together: one line says why, the queue lists them.
    let mut reasons: Vec<(&str, &str, Vec<&Stuck>)> = Vec::new();
    for stuck in &status.stuck {
        match reasons.iter_mut().find(|(why, next, _)| *why == stuck.why && *next == stuck.next) {
            Some((_, _, all)) => all.push(stuck),
            None => reasons.push((&stuck.why, &stuck.next, vec![stuck])),
        }
    }
    for (why, next, all) in reasons {
        let what = match all.as_slice() {
            [one] => format!("{} {} ({})", one.kind, one.about, one.id),
            several => format!("{} operations", several.len()),
        };
        text.push_str(&format!("\n  {what}: {why}\n    next: {next}"));
    }
    text
}
