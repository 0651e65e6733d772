//! `verses keys`: the keys that sign the tokens of a server, in its database.

use anyhow::Context;
use verses_server::ServerConfig;
use verses_server::auth::ListedKey;

use crate::args::{KeysArgs, KeysCommand};
use crate::commands::secrets::database_url;
use crate::exit::{CliError, ExitStatus};
use crate::output::Printer;

/// `verses keys`
///
/// # Errors
/// When the database cannot be had.
pub async fn run(printer: Printer, command: &KeysCommand) -> Result<ExitStatus, CliError> {
    match command {
        KeysCommand::Rotate(args) => rotate(printer, args).await,
        KeysCommand::List(args) => list(printer, args).await,
    }
}

async fn rotate(printer: Printer, args: &KeysArgs) -> Result<ExitStatus, CliError> {
    let key = verses_server::rotate_keys(&config(args)?).await.context("making a new key")?;
    printer.result(&key, || {
        format!("{} signs from now on: running servers notice within a minute. The others still check.", key.kid)
    })?;
    Ok(ExitStatus::Done)
}

async fn list(printer: Printer, args: &KeysArgs) -> Result<ExitStatus, CliError> {
    let keys = verses_server::list_keys(&config(args)?).await.context("reading the keys")?;
    printer.result(&keys, || {
        if keys.is_empty() {
            return "There is no key yet: `verses serve` makes the first, unless it signs with a secret.".to_owned();
        }
        keys.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    Ok(ExitStatus::Done)
}

fn line(key: &ListedKey) -> String {
    let made = time(key.created_at);
    match key.ends_at {
        None => format!("{}  made {made}  signs", key.kid),
        Some(end) => format!("{}  made {made}  checks until {}", key.kid, time(end)),
    }
}

fn time(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| "the end of time".to_owned(), |time| format!("{time:.0}"))
}

fn config(args: &KeysArgs) -> Result<ServerConfig, CliError> {
    let mut config = ServerConfig { database_url: database_url(&args.database)?, ..ServerConfig::default() };
    config.postgres.prepare = !args.database_no_prepare;
    config.postgres.allow_privileged_login = args.database_privileged_login;
    Ok(config)
}
