//! `verses queue`: what waits, and the inbox of what failed.

use std::io::Write;
use std::path::Path;

use batchsync::OperationStatus;
use serde::Serialize;
use serde_json::Value;
use verses_core::Operation;
use verses_store::{LocalStore, QueuedOperation};

use crate::app::App;
use crate::args::QueueCommand;
use crate::exit::{CliError, ExitStatus};
use crate::output::{Printer, count, table};

/// One row of the queue, as printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    about: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    queued_at: i64,
    retry_count: u32,
    local_ref: String,
    user_id: String,
    data: Value,
}

/// `verses queue ...`
///
/// # Errors
/// A usage error for an id that is not in the queue; errors of the store.
pub async fn run(app: &App, command: &QueueCommand) -> Result<ExitStatus, CliError> {
    match command {
        QueueCommand::List { failed } => list(app, *failed).await,
        QueueCommand::Retry { ids, all, text } => retry(app, ids, *all, text.as_deref()).await,
        QueueCommand::Discard { ids } => discard(app, ids).await,
        QueueCommand::Export { file } => export(app, file.as_deref()).await,
    }
}

async fn rows(app: &App, failed_only: bool) -> Result<Vec<QueuedOperation>, CliError> {
    let owner = app.service.owner().await?;
    Ok(app.service.store().queue_of(&owner, failed_only, u32::MAX).await?)
}

async fn list(app: &App, failed_only: bool) -> Result<ExitStatus, CliError> {
    let operations = rows(app, failed_only).await?;
    let mut shown = Vec::with_capacity(operations.len());
    for operation in &operations {
        shown.push(row(app, operation).await?);
    }
    app.printer.result(&shown, || {
        if shown.is_empty() {
            return if failed_only { "Nothing failed." } else { "Nothing waits." }.to_owned();
        }
        let lines: Vec<Vec<String>> = shown
            .iter()
            .map(|r| {
                vec![
                    r.id.clone(),
                    r.kind.clone(),
                    r.about.clone(),
                    r.status.to_owned(),
                    r.message.clone().unwrap_or_default(),
                ]
            })
            .collect();
        table(&lines)
    })?;
    Ok(ExitStatus::Done)
}

async fn row(app: &App, operation: &QueuedOperation) -> Result<Row, CliError> {
    let (status, failure) = match &operation.meta.status {
        OperationStatus::Pending => ("pending", None),
        OperationStatus::Processing { .. } => ("processing", None),
        OperationStatus::Failed(failure) => ("failed", Some(failure)),
    };
    Ok(Row {
        id: operation.meta.id.clone(),
        kind: operation.meta.kind.clone(),
        about: about(app, operation).await?,
        status,
        reason: failure.map(|f| f.reason.name()),
        code: failure.map(|f| f.code.clone()),
        message: failure.map(|f| f.message.clone()),
        queued_at: operation.meta.queued_at,
        retry_count: operation.meta.retry_count,
        local_ref: operation.local_ref.clone(),
        user_id: operation.meta.user_id.clone(),
        data: serde_json::to_value(&operation.data).map_err(anyhow::Error::from)?,
    })
}

/// The passage an operation is about, in words.
pub(crate) async fn about(app: &App, operation: &QueuedOperation) -> Result<String, CliError> {
    let verse_id = match &operation.data {
        Operation::CreateVerse(create) => return Ok(create.reference.clone()),
        Operation::UpdateProfile(_) => return Ok("profile".to_owned()),
        Operation::RecordReview(o) => o.verse_id,
        Operation::ArchiveVerse(o) | Operation::RestoreVerse(o) => o.verse_id,
        Operation::SetPhase(o) => o.verse_id,
    };
    let verse = app.service.store().verse(&operation.meta.user_id, verse_id).await?;
    Ok(verse.map_or_else(|| verse_id.to_string(), |v| v.reference))
}

/// The full ids that begin with what was typed.
fn resolve(operations: &[QueuedOperation], typed: &[String]) -> Result<Vec<String>, CliError> {
    let mut ids = Vec::new();
    for prefix in typed {
        let matching: Vec<&str> =
            operations.iter().map(|o| o.meta.id.as_str()).filter(|id| id.starts_with(prefix.as_str())).collect();
        match matching.as_slice() {
            [id] => ids.push((*id).to_owned()),
            [] => return Err(CliError::Usage(format!("no operation {prefix:?} here: see `verses queue list`"))),
            several => {
                let n = several.len();
                return Err(CliError::Usage(format!("{n} operations begin with {prefix:?}: type more of the id")));
            }
        }
    }
    Ok(ids)
}

async fn retry(app: &App, typed: &[String], all: bool, text: Option<&str>) -> Result<ExitStatus, CliError> {
    let failed = rows(app, true).await?;
    let ids = if all { failed.iter().map(|o| o.meta.id.clone()).collect() } else { resolve(&failed, typed)? };
    if let (Some(text), [id]) = (text, ids.as_slice()) {
        app.service.supply_text(id, text).await?;
    }
    let retried = app.service.retry_failed(&ids).await?;
    let view = serde_json::json!({ "retried": retried });
    app.printer.result(&view, || {
        format!(
            "{} for the next `verses sync`",
            count(retried as u64, "operation waits again", "operations wait again")
        )
    })?;
    Ok(ExitStatus::Done)
}

async fn discard(app: &App, typed: &[String]) -> Result<ExitStatus, CliError> {
    let ids = resolve(&rows(app, false).await?, typed)?;
    let discarded = app.service.discard(&ids).await?;
    let view = serde_json::json!({ "discarded": discarded });
    app.printer.result(&view, || {
        format!(
            "{} given up; their effect on this device is undone",
            count(discarded as u64, "operation", "operations")
        )
    })?;
    Ok(ExitStatus::Done)
}

async fn export(app: &App, file: Option<&Path>) -> Result<ExitStatus, CliError> {
    let owners = app.service.store().queue_owners().await?;
    let mut operations = Vec::new();
    for (owner, _) in owners {
        operations.extend(app.service.store().queue_of(&owner, false, u32::MAX).await?);
    }
    write_out(app.printer, &operations, file)?;
    Ok(ExitStatus::Done)
}

/// `verses queue export` for a store that is damaged: what can still be read of it. The store stays as it is.
///
/// # Errors
/// If the store or the file to write cannot be accessed, or if not all of the queue could be read; what could be is
/// written all the same.
pub fn export_damaged(printer: Printer, store: &Path, file: Option<&Path>) -> Result<ExitStatus, CliError> {
    let salvaged = verses_store_sqlite::salvage_queue(store)?;
    write_out(printer, &salvaged.operations, file)?;
    if salvaged.is_whole && salvaged.unreadable.is_empty() {
        return Ok(ExitStatus::Done);
    }
    let found = count(salvaged.operations.len() as u64, "operation", "operations");
    let lost = if salvaged.unreadable.is_empty() {
        "there may have been more, and some may have been sent already, which does no harm".to_owned()
    } else {
        format!("not readable: {}", salvaged.unreadable.join("; "))
    };
    let shown = store.display();
    Err(CliError::Damaged(format!("{shown} is damaged: {found} of the queue could be read and written out; {lost}")))
}

/// One line of JSON for each operation.
fn write_out(printer: Printer, operations: &[QueuedOperation], file: Option<&Path>) -> Result<(), CliError> {
    let lines =
        operations.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>().map_err(anyhow::Error::from)?;
    let Some(path) = file else {
        return lines.iter().try_for_each(|line| printer.line(line));
    };
    let shown = path.display();
    let write = || -> std::io::Result<()> {
        let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
        for line in &lines {
            writeln!(out, "{line}")?;
        }
        out.into_inner()?.sync_all()
    };
    write().map_err(|e| CliError::Usage(format!("cannot write {shown}: {e}")))?;
    let view = serde_json::json!({ "exported": lines.len(), "file": path });
    printer.result(&view, || format!("{} written to {shown}", count(lines.len() as u64, "operation", "operations")))?;
    Ok(())
}
