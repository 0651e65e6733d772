//! `verses sync`: send what waits and fetch what changed, with progress; `--watch` stays.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use batchsync::{Event, FaultClass, WaitReason};
use indicatif::{MultiProgress, ProgressBar};
use verses_client::{Drained, Hints, HttpTransport, Native, Observer, SyncEngine, SyncEvent, SyncOptions, SyncResult};
use verses_store::LocalStore;
use verses_store_sqlite::{HomeLock, SqliteStore};

use crate::app::App;
use crate::args::SyncArgs;
use crate::commands::queue::about;
use crate::exit::{CliError, ExitStatus};
use crate::output::{Printer, count};
use crate::progress;

/// How often the lock is tried, and the pause between tries: a look at it takes microseconds.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(30);

type Engine = SyncEngine<SqliteStore, HttpTransport, Native>;

/// `verses sync`
///
/// # Errors
/// Sign-in needed; another process is syncing; errors of the store. Without a network: exit code 5.
pub async fn run(app: &App, args: &SyncArgs) -> Result<ExitStatus, CliError> {
    let Some(lock) = take_lock(&app.home).await? else {
        return Err(CliError::Other(anyhow::anyhow!(
            "another process is syncing this home already: it sends what you add; `verses status` shows how far it is"
        )));
    };
    let view = Arc::new(View::new(app.printer));
    let observer: Observer = {
        let view = Arc::clone(&view);
        Arc::new(move |event| view.show(event))
    };
    let engine = SyncEngine::open(app.service.clone()).await?.observed(observer);
    let status = tokio::select! {
        status = work(app, args, engine, &view) => status,
        _ = tokio::signal::ctrl_c() => {
            app.printer.remark("stopped; what was not sent waits for the next sync");
            Ok(ExitStatus::Done)
        }
    };
    view.clear();
    drop(lock);
    status
}

/// Takes the home's sync lock. A `verses status` that looks at it at this moment is waited for; a sync is not.
pub(super) async fn take_lock(home: &Path) -> Result<Option<HomeLock>, CliError> {
    for _ in 0..LOCK_TRIES {
        if let Some(lock) = HomeLock::try_acquire(home)? {
            return Ok(Some(lock));
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    Ok(None)
}

async fn work(app: &App, args: &SyncArgs, mut engine: Engine, view: &View) -> Result<ExitStatus, CliError> {
    if args.watch {
        let hints = Hints::default();
        app.printer.remark("watching: syncs on every change; Ctrl-C stops");
        engine.watch(&hints, args.interval.max(1).saturating_mul(1_000)).await?;
        return Ok(ExitStatus::Done);
    }
    let options = SyncOptions { patience_ms: args.patience.saturating_mul(1_000) };
    let mut result = SyncResult::default();
    let mut drained = Drained::Empty;
    if args.pull_only {
        result.from_remote = engine.sync_from_remote().await?;
    } else if args.push_only {
        (result.to_remote, drained) = engine.process_batch_queue(options).await?;
    } else {
        (result, drained) = engine.sync(options).await?;
    }
    let names = names_of_failed(app, &result).await?;
    let stopped_by = if view.saw_another_server() { NOT_THE_SERVER } else { stopped_by(drained) };
    report(app.printer, &result, drained, stopped_by, &names)
}

/// What the failed operations are about, by their ids.
async fn names_of_failed(app: &App, result: &SyncResult) -> Result<HashMap<String, String>, CliError> {
    let failed = result.to_remote.operations.iter().filter(|o| !o.success);
    let ids: Vec<String> = failed.map(|o| o.operation_id.clone()).collect();
    let mut names = HashMap::new();
    for row in app.service.store().queued(&ids).await? {
        names.insert(row.meta.id.clone(), about(app, &row).await?);
    }
    Ok(names)
}

fn report(
    printer: Printer,
    result: &SyncResult,
    drained: Drained,
    stopped_by: &'static str,
    names: &HashMap<String, String>,
) -> Result<ExitStatus, CliError> {
    let summary = &result.to_remote.summary;
    let waiting = summary.total.saturating_sub(summary.successful + summary.failed);
    printer.result(&Report { result, waiting, stopped_by }, || {
        let mut lines = Vec::new();
        if summary.requests > 0 {
            lines.push(format!(
                "sent {} in {} ({} on the wire, {})",
                count(summary.successful, "operation", "operations"),
                count(summary.requests, "request", "requests"),
                progress::bytes(summary.bytes_sent),
                progress::duration(result.to_remote.processing_time_ms)
            ));
        }
        for operation in result.to_remote.operations.iter().filter(|o| !o.success) {
            let why = operation.errors.first().map_or("", |e| e.message.as_str());
            let id = &operation.operation_id;
            let name = names.get(id).unwrap_or(id);
            lines.push(format!("failed: {name}: {why} ({} {id})", operation.operation));
        }
        if summary.failed > 0 {
            lines.push(format!(
                "{} in the inbox: verses queue list --failed",
                count(summary.failed, "operation is", "operations are")
            ));
        }
        let pulled = &result.from_remote;
        if pulled.was_reset {
            lines.push("the server had started over (restored or replaced); what it lacked was sent again".to_owned());
        }
        if pulled.changes > 0 {
            lines.push(format!("fetched {}", count(pulled.changes, "change", "changes")));
        }
        if waiting > 0 {
            let text = count(waiting, "operation waits", "operations wait");
            lines.push(format!("{text} ({stopped_by}); saved on this device, try `verses sync` again"));
        } else if lines.is_empty() {
            lines.push("everything is in sync".to_owned());
        }
        lines.join("\n")
    })?;
    Ok(match drained {
        Drained::Waiting(WaitReason::Session) => ExitStatus::SignInNeeded,
        Drained::Waiting(_) => ExitStatus::Offline,
        Drained::Empty if summary.failed > 0 => ExitStatus::SomeFailed,
        Drained::Empty => ExitStatus::Done,
    })
}

/// Why nothing was sent although something answered.
const NOT_THE_SERVER: &str = "something else answered instead of the Verses server: on a hotel or train network open its sign-in page in a browser first, else check the server's address";

fn stopped_by(drained: Drained) -> &'static str {
    match drained {
        Drained::Empty => "",
        Drained::Waiting(WaitReason::Offline) => "the server cannot be reached",
        Drained::Waiting(WaitReason::RetryAfter) => "the server asked to wait",
        Drained::Waiting(WaitReason::Upgrade) => "the server needs a newer version of this program",
        Drained::Waiting(WaitReason::Session) => "sign-in needed",
        Drained::Waiting(_) => "the network or the server failed",
    }
}

/// What went wrong with a request, in words.
fn words(class: FaultClass) -> &'static str {
    match class {
        FaultClass::Offline => "the server cannot be reached",
        FaultClass::Network => "the connection broke, or something else answered",
        FaultClass::Server => "the server is in trouble",
        FaultClass::Throttled => "the server asked to wait",
        FaultClass::TooLarge => "the server takes less at once",
        FaultClass::Auth => "the token has expired or is refused",
        FaultClass::Session => "the token is another account's",
        FaultClass::ForbiddenOperation => "the server forbids this operation",
        FaultClass::BatchUnsupported => "the server takes no batches",
        FaultClass::BatchShape => "the server refuses the batch as a whole",
        FaultClass::InvalidOperation => "the server refuses this operation",
        FaultClass::Upgrade => "the server needs a newer version of this program",
        FaultClass::Storage => "this device's store failed",
        FaultClass::Cancelled => "it was called off",
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    #[serde(flatten)]
    result: &'a SyncResult,
    waiting: u64,
    stopped_by: &'static str,
}

/// Draws what happens: bars at a terminal, plain lines elsewhere, nothing with `--json`.
struct View {
    printer: Printer,
    bars: Option<(MultiProgress, ProgressBar)>,
    requests: Mutex<HashMap<String, ProgressBar>>,
    /// Whether the last answer came from something that is no Verses server.
    another_server: AtomicBool,
}

impl View {
    fn new(printer: Printer) -> Self {
        let bars = printer.draws().then(|| {
            let all = MultiProgress::new();
            let total = all.add(progress::sync_bar());
            (all, total)
        });
        Self { printer, bars, requests: Mutex::new(HashMap::new()), another_server: AtomicBool::new(false) }
    }

    fn saw_another_server(&self) -> bool {
        self.another_server.load(Ordering::Relaxed)
    }

    fn clear(&self) {
        if let Some((all, total)) = &self.bars {
            total.finish_and_clear();
            // Leftover bars are cosmetic.
            drop(all.clear());
        }
    }

    fn say(&self, text: &str) {
        match &self.bars {
            Some((all, _)) => drop(all.println(text)),
            None => self.printer.remark(text),
        }
    }

    fn show(&self, event: &SyncEvent) {
        match event {
            SyncEvent::Progress(now) => self.show_progress(now),
            SyncEvent::RequestStarted { request_id, operations, is_batch } => {
                self.show_request(request_id, *operations, *is_batch);
            }
            SyncEvent::RequestSent { request_id, sent, total } => {
                if let Some(bar) = self.requests.lock().unwrap_or_else(PoisonError::into_inner).get(request_id) {
                    bar.set_length(*total);
                    bar.set_position(*sent);
                }
            }
            SyncEvent::NotTheServer => self.another_server.store(true, Ordering::Relaxed),
            SyncEvent::RequestEnded { request_id, successful, failed, elapsed_ms, bytes_sent } => {
                self.another_server.store(false, Ordering::Relaxed);
                if let Some(bar) = self.requests.lock().unwrap_or_else(PoisonError::into_inner).remove(request_id) {
                    bar.finish_and_clear();
                }
                if self.bars.is_none() {
                    let failed = if *failed > 0 { format!(", {failed} refused") } else { String::new() };
                    let (size, time) = (progress::bytes(*bytes_sent), progress::duration(*elapsed_ms));
                    self.say(&format!("request answered: {successful} applied{failed}, {size}, {time}"));
                }
            }
            SyncEvent::OperationApplied { .. } => {}
            SyncEvent::OperationFailed { operation_id, kind, message, .. } => {
                self.say(&format!("failed: {kind} {operation_id}: {message}"));
            }
            SyncEvent::Pulled { changes } => {
                if *changes > 0 && self.bars.is_none() {
                    self.say(&format!("fetched {}", count(*changes as u64, "change", "changes")));
                }
            }
            SyncEvent::FetchFailed { message } => self.say(&format!("fetching failed, tried again later: {message}")),
            SyncEvent::Engine(event) => self.show_engine(event),
        }
    }

    fn show_progress(&self, now: &batchsync::Progress) {
        let Some((_, total)) = &self.bars else { return };
        total.set_length(now.total);
        total.set_position(now.successful);
        let rate = now.operations_per_second.map(|r| format!("{r:.0}/s")).unwrap_or_default();
        let eta = now.eta_ms.map(|ms| format!("{} left", progress::duration(ms))).unwrap_or_default();
        let failed = if now.failed > 0 { format!("{} failed", now.failed) } else { String::new() };
        let parts = [rate, eta, failed];
        total.set_message(parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", "));
    }

    fn show_request(&self, request_id: &str, operations: usize, is_batch: bool) {
        let what = if is_batch { "batch of" } else { "single call," };
        if let Some((all, _)) = &self.bars {
            let bar = all.add(progress::bytes_bar());
            bar.set_message(format!("{what} {}", count(operations as u64, "operation", "operations")));
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).insert(request_id.to_owned(), bar);
        }
    }

    fn show_engine(&self, event: &Event) {
        let text = match event {
            Event::RequestFailed { class, retry_at, .. } => {
                let next = if retry_at.is_some() { "; what it carried is sent again" } else { "" };
                format!("a request failed: {}{next}", words(*class))
            }
            Event::BatchEndpointLost { .. } => "the server takes no batches now: sending one by one".to_owned(),
            Event::BatchEndpointRestored => "the server takes batches again".to_owned(),
            Event::CeilingLearned { operations, .. } => {
                format!(
                    "that was too much at once: {} at a time",
                    count(u64::from(*operations), "operation", "operations")
                )
            }
            Event::WentOffline => "the server cannot be reached: what you do is saved".to_owned(),
            Event::CameOnline => "the server can be reached again".to_owned(),
            Event::UpgradeRequired => {
                "the server needs a newer version of this program; what you do is saved".to_owned()
            }
            Event::Reauthenticate { .. } | Event::QualityChanged(_) => return,
        };
        self.say(&text);
    }
}
