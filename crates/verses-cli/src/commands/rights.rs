//! `verses account`: all data of the signed-in user, and its deletion.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::path::Path;

use verses_client::ClientError;
use verses_store::LocalStore;

use crate::app::App;
use crate::args::AccountCommand;
use crate::commands::account::ask;
use crate::commands::sync::take_lock;
use crate::exit::{CliError, ExitStatus};
use crate::output::count;

/// What must be typed to delete an account.
const WORD: &str = "delete";

/// `verses account`
///
/// # Errors
/// Sign-in needed; the server's refusal; errors of network, store and files.
pub async fn run(app: &App, command: &AccountCommand) -> Result<ExitStatus, CliError> {
    match command {
        AccountCommand::Export { output } => export(app, output.as_deref()).await,
        AccountCommand::Delete { yes } => delete(app, *yes).await,
    }
}

async fn export(app: &App, output: Option<&Path>) -> Result<ExitStatus, CliError> {
    let everything = app.service.export_account().await?;
    let Some(path) = output else {
        let pretty = || serde_json::to_string_pretty(&everything).unwrap_or_else(|_| everything.to_string());
        app.printer.result(&everything, pretty)?;
        return Ok(ExitStatus::Done);
    };
    let shown = path.display();
    let text = serde_json::to_string_pretty(&everything).map_err(anyhow::Error::from)?;
    write_private(path, &text).map_err(|e| CliError::Usage(format!("cannot write {shown}: {e}")))?;
    let length = |name: &str| everything[name].as_array().map_or(0, Vec::len) as u64;
    let (cards, history) = (length("cards"), length("history"));
    let view = serde_json::json!({ "file": path, "cards": cards, "history": history });
    app.printer.result(&view, || {
        let passages = count(cards, "passage", "passages");
        format!("{passages} and {} written to {shown}", count(history, "change", "changes"))
    })?;
    Ok(ExitStatus::Done)
}

/// A file that only its owner may read, if it was not there before.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

async fn delete(app: &App, yes: bool) -> Result<ExitStatus, CliError> {
    let session = app.service.session().await?.ok_or(ClientError::SignInNeeded)?;
    let Some(_lock) = take_lock(&app.home).await? else {
        let text = "another process is syncing this home: stop it, and delete the account then";
        return Err(CliError::Other(anyhow::anyhow!(text)));
    };
    let totals = app.service.store().queue_totals(&session.user_id).await?;
    let lost = totals.waiting.saturating_add(totals.failed);
    if !yes && !confirmed(app, &session.email, lost)? {
        app.printer.result(&serde_json::json!({ "deleted": false }), || "nothing was deleted".to_owned())?;
        return Ok(ExitStatus::Done);
    }
    let done = app.service.delete_account().await?;
    let view = serde_json::json!({
        "deleted": done.deleted, "accountDeleted": done.account_deleted, "accountLivesAt": done.account_lives_at,
        "lostOperations": lost, "message": done.message,
    });
    app.printer.result(&view, || {
        let lost = match lost {
            0 => String::new(),
            lost => format!("; {} on this device were never sent and are gone", waiting(lost)),
        };
        format!("{}{lost}\nsigned out; nothing of it is left on this device", done.message)
    })?;
    Ok(ExitStatus::Done)
}

fn confirmed(app: &App, email: &str, lost: u64) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() || app.printer.is_json() {
        let text = format!("this deletes the account, and {} on this device: confirm it with --yes", waiting(lost));
        return Err(CliError::Usage(text));
    }
    let who = if email.is_empty() { "your account" } else { email };
    let mut text = format!("This deletes {who} with everything in it at {}, for good.", app.server);
    if lost > 0 {
        text.push_str(&format!(" {} on this device will never be sent.", waiting(lost)));
    }
    app.printer.remark(&format!("{text}\nKeep a copy with `verses account export --output FILE`."));
    Ok(ask(app, &format!("Type {WORD} to go on: "), "--yes")?.trim() == WORD)
}

fn waiting(operations: u64) -> String {
    count(operations, "waiting operation", "waiting operations")
}
