//! Secrets and addresses that may hold one: from a file or the environment, never typed. What they are for is elsewhere.

use std::path::Path;

use anyhow::Context;

use crate::args::DatabaseArgs;
use crate::exit::CliError;

const DATABASE_VARIABLE: &str = "VERSES_DATABASE_URL";

/// A secret, from its file or from the environment. What was typed is refused: lists of processes and histories of shells
/// show it.
pub(super) fn secret(
    flag: &str,
    variable: &str,
    typed: Option<&String>,
    file: Option<&Path>,
) -> Result<Option<String>, CliError> {
    if typed.is_some() {
        let text = format!(
            "--{flag} shows the secret to everybody who can list processes: write it to a file (--{flag}-file FILE) or \
             into the environment ({variable})"
        );
        return Err(CliError::Usage(text));
    }
    let in_environment = std::env::var(variable).ok().filter(|value| !value.is_empty());
    let Some(file) = file else { return Ok(in_environment) };
    if in_environment.is_some() {
        return Err(both(flag, variable));
    }
    from_file(flag, file).map(Some)
}

fn both(flag: &str, variable: &str) -> CliError {
    CliError::Usage(format!("there is both --{flag}-file and {variable}: leave one out"))
}

fn from_file(flag: &str, file: &Path) -> Result<String, CliError> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading --{flag}-file {}", file.display()))?;
    let value = text.trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(CliError::Usage(format!("--{flag}-file {}: the file is empty", file.display())));
    }
    Ok(value.to_owned())
}

/// The address of the server's database.
pub(super) fn database_url(args: &DatabaseArgs) -> Result<String, CliError> {
    // Without an address the argument has its default, which a file may replace.
    let default = std::env::var(DATABASE_VARIABLE).is_err() && args.database_file.is_some();
    let given = Some(args.database.as_str()).filter(|_| !default);
    let address = address("database", DATABASE_VARIABLE, (given, args.database_file.as_deref()))?;
    Ok(address.unwrap_or_else(|| args.database.clone()))
}

/// An address of a database: as given, unless a password was typed, or from its file.
pub(super) fn address(
    flag: &str,
    variable: &str,
    (given, file): (Option<&str>, Option<&Path>),
) -> Result<Option<String>, CliError> {
    if let Some(file) = file {
        return if given.is_some() { Err(both(flag, variable)) } else { from_file(flag, file).map(Some) };
    }
    let Some(given) = given else { return Ok(None) };
    if has_password(given) && std::env::var(variable).as_deref() != Ok(given) {
        let text = format!(
            "--{flag} shows the password to everybody who can list processes: write the address to a file (--{flag}-file FILE) \
             or into the environment ({variable})"
        );
        return Err(CliError::Usage(text));
    }
    Ok(Some(given.to_owned()))
}

/// Whether an address like `postgres://login:password@host/database` says a password, also as a parameter.
fn has_password(address: &str) -> bool {
    let Some((_, rest)) = address.split_once("://") else { return false };
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let login = place.rsplit_once('@').map_or("", |(login, _)| login);
    login.contains(':') || parameters.split('&').any(|p| p.starts_with("password="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_seen_wherever_an_address_may_hold_it() {
        for address in
            ["postgres://ann:secret@db/verses", "postgresql://ann:a@b@db:5432/verses", "postgres://db/v?a=b&password=x"]
        {
            assert!(has_password(address), "{address}");
        }
        for address in
            ["sqlite:a:b@c", "memory:", "postgres://ann@db:5432/verses", "postgres://db:5432/v?sslmode=require"]
        {
            assert!(!has_password(address), "{address}");
        }
    }
}
