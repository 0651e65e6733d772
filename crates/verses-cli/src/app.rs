//! What every command starts from: the home folder, the store in it, the server's address, the service over them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use verses_client::{ClientConfig, DataService, HttpTimeouts, HttpTransport, Native};
use verses_core::VerseId;
use verses_store::{LocalStore, StoreChange, StoreError, meta_key};
use verses_store_sqlite::SqliteStore;

use crate::args::GlobalArgs;
use crate::exit::CliError;
use crate::output::Printer;
use crate::texts::CorpusTexts;

/// The server asked when none was ever named.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:54321";
/// Name of the store in the home folder.
pub const STORE_FILE: &str = "verses.sqlite";

/// The service as the command line builds it.
pub type Service = DataService<SqliteStore, HttpTransport, Native>;

/// What every command starts from.
#[derive(Debug)]
pub struct App {
    /// The home folder.
    pub home: PathBuf,
    /// The server's address.
    pub server: String,
    /// The service.
    pub service: Service,
    /// Output.
    pub printer: Printer,
}

impl App {
    /// Opens the home folder, makes it if it is not there, and builds the service.
    ///
    /// # Errors
    /// A usage error for settings that make no sense; errors of the store, with what to do about them.
    pub async fn open(global: &GlobalArgs) -> Result<Self, CliError> {
        let home = home_folder(global)?;
        let store = open_store(&home)?;
        let server = match &global.server {
            Some(url) => url.clone(),
            None => store.meta(meta_key::SERVER).await?.unwrap_or_else(|| DEFAULT_SERVER.to_owned()),
        };
        let transport = HttpTransport::new(&server, timeouts(global)).map_err(|e| CliError::Usage(e.to_string()))?;
        let service = DataService::new(store, transport, Native, Arc::new(CorpusTexts), config(global)?);
        Ok(Self { home, server, service, printer: Printer::new(global.json) })
    }

    /// Remembers the server's address for later commands.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn remember_server(&self) -> Result<(), CliError> {
        let change = StoreChange::PutMeta { key: meta_key::SERVER.into(), value: self.server.clone() };
        self.service.store().commit(None, vec![change]).await?;
        Ok(())
    }

    /// The verse a reference of the user means, among the verses in the collection.
    ///
    /// # Errors
    /// A usage error that says what is there.
    pub async fn verse_in_collection(&self, reference: &str, translation: Option<&str>) -> Result<VerseId, CliError> {
        let wanted = verses_core::parse_passage(reference);
        let translation = translation.map(str::to_ascii_uppercase);
        let owner = self.service.owner().await?;
        let verses = self.service.store().verses(&owner).await?;
        let matching = verses.iter().filter(|v| {
            let same = match &wanted {
                Ok(passage) => v.osis == passage.osis(),
                Err(_) => v.osis.is_empty() && v.reference.trim().eq_ignore_ascii_case(reference.trim()),
            };
            same && translation.as_ref().is_none_or(|t| *t == v.translation)
        });
        let matching: Vec<_> = matching.collect();
        match matching.as_slice() {
            [verse] => Ok(verse.id),
            [] => match wanted {
                Err(error) => Err(error.into()),
                Ok(passage) => {
                    let text = format!("{passage} is not in your collection: add it with `verses add \"{passage}\"`");
                    Err(CliError::Usage(text))
                }
            },
            several => {
                let names: Vec<&str> = several.iter().map(|v| v.translation.as_str()).collect();
                let text = format!("you have {reference:?} in {}: name one with --translation", names.join(", "));
                Err(CliError::Usage(text))
            }
        }
    }
}

pub(crate) fn home_folder(global: &GlobalArgs) -> Result<PathBuf, CliError> {
    if let Some(home) = &global.home {
        return Ok(home.clone());
    }
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy()
        .map_err(|e| CliError::Usage(format!("no home folder is known ({e}): name one with --home DIR")))?;
    Ok(strategy.data_dir().join("verses"))
}

/// The store of a home folder.
#[must_use]
pub fn store_file(home: &Path) -> PathBuf {
    home.join(STORE_FILE)
}

fn open_store(home: &Path) -> Result<SqliteStore, CliError> {
    let file = store_file(home);
    match SqliteStore::open(&file) {
        Ok(store) => Ok(store),
        Err(error @ StoreError::NewerSchema { .. }) => {
            let shown = file.display();
            Err(CliError::Other(anyhow::anyhow!(
                "{shown} was written by a later release ({error}). It was left as it is"
            )))
        }
        Err(error) => Err(error.into()),
    }
}

/// Sets a copy of a damaged store aside and says what to do.
pub(crate) fn damaged(file: &Path, reason: &str) -> CliError {
    let copy = match verses_store_sqlite::set_aside(file) {
        Ok(copy) => format!("A copy is in {}", copy.display()),
        Err(error) => format!("No copy of it could be made ({error}), so make one yourself"),
    };
    let shown = file.display();
    CliError::Damaged(format!(
        "{reason}. It was left as it is. {copy}. `verses queue export --file FILE` writes out what waits to be sent, as far as it can be \
         read; after that, and with {shown} and its -wal neighbour moved away, `verses login` and `verses sync` bring back what the \
         server has"
    ))
}

fn timeouts(global: &GlobalArgs) -> HttpTimeouts {
    let default = HttpTimeouts::default();
    HttpTimeouts {
        connect: global.batch.connect_timeout_ms.map_or(default.connect, Duration::from_millis),
        stall: global.batch.stall_timeout_ms.map_or(default.stall, Duration::from_millis),
    }
}

/// The client's settings from flags and environment.
///
/// # Errors
/// A usage error that names the setting that makes no sense.
pub fn config(global: &GlobalArgs) -> Result<ClientConfig, CliError> {
    let mut config = ClientConfig::default();
    let flags = &global.batch;
    let batch = &mut config.batch;
    batch.coalescing_kinds = vec![verses_core::OperationKind::UpdateProfile.as_str().to_owned()];
    batch.max_batch_size = flags.max_batch_size.unwrap_or(batch.max_batch_size);
    batch.batch_timeout_ms =
        flags.batch_timeout_ms.map_or(batch.batch_timeout_ms, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
    batch.probe_interval_ms =
        flags.probe_interval_ms.map_or(batch.probe_interval_ms, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
    batch.max_retries = flags.max_retries.unwrap_or(batch.max_retries);
    batch.network_aware_throttling = flags.network_aware_throttling.unwrap_or(batch.network_aware_throttling);
    batch.max_queue_len = flags.max_queue_len.unwrap_or(batch.max_queue_len);
    if flags.individual_only {
        batch.delivery = batchsync::Delivery::IndividualOnly;
    }
    batch.validate().map_err(|e| CliError::Usage(e.to_string()))?;
    config.time_zone = zone(global)?;
    Ok(config)
}

fn zone(global: &GlobalArgs) -> Result<String, CliError> {
    if let Some(zone) = &global.timezone {
        return match verses_core::validate_time_zone(zone) {
            Ok(()) => Ok(zone.clone()),
            Err(error) => Err(CliError::Usage(error.to_string())),
        };
    }
    Ok(system_zone().unwrap_or_else(|| "UTC".to_owned()))
}

/// The system's IANA time zone: `TZ`, else where `/etc/localtime` points, else what `/etc/timezone` says.
fn system_zone() -> Option<String> {
    let known = |name: &str| verses_core::validate_time_zone(name).is_ok().then(|| name.to_owned());
    if let Ok(name) = std::env::var("TZ") {
        return known(name.trim_start_matches(':'));
    }
    let link = std::fs::read_link("/etc/localtime").ok();
    let from_link = link.as_ref().and_then(|p| p.to_str()).and_then(|p| p.split("zoneinfo/").nth(1)).and_then(known);
    from_link.or_else(|| known(std::fs::read_to_string("/etc/timezone").ok()?.trim()))
}
