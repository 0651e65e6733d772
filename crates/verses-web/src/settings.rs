//! Settings of this device: how operations are batched, how often the server is asked. They are kept in the store, so that
//! every tab has the same.

use batchsync::{BatchConfig, Delivery, Engine};
use std::sync::Arc;
use verses_client::{ClientConfig, DataService, OfflineTexts, Platform, Transport};
use verses_json::{json_object, json_write};
use verses_store::{LocalStore, StoreChange};

use crate::app::App;
use crate::texts::PieceTexts;
use crate::wire::EngineError;

/// Name in `meta`.
const SETTINGS: &str = "web_settings";
/// Milliseconds between two fetches.
const FETCH_INTERVAL_MS: u64 = 60_000;
/// The shortest and the longest of them.
const FETCH_INTERVALS: std::ops::RangeInclusive<u64> = 5_000..=24 * 3_600_000;

/// What was chosen; what is absent has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeviceSettings {
    batch: BatchSettings,
    fetch_interval_ms: Option<u64>,
}

json_object! { DeviceSettings { batch: "batch" or(BatchSettings::default()), fetch_interval_ms: "fetchIntervalMs" } }

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct BatchSettings {
    max_batch_size: Option<u32>,
    batch_timeout_ms: Option<i64>,
    max_retries: Option<u32>,
    network_aware_throttling: Option<bool>,
    individual_only: Option<bool>,
}

json_object! { BatchSettings {
    max_batch_size: "maxBatchSize",
    batch_timeout_ms: "batchTimeoutMs",
    max_retries: "maxRetries",
    network_aware_throttling: "networkAwareThrottling",
    individual_only: "individualOnly",
} }

/// What was chosen, and what holds else.
#[derive(Debug)]
pub(crate) struct SettingsView {
    chosen: DeviceSettings,
    defaults: DeviceSettings,
}

json_write! { SettingsView { chosen: "chosen", defaults: "defaults" } }

impl DeviceSettings {
    fn defaults() -> Self {
        let config = BatchConfig::default();
        Self {
            batch: BatchSettings {
                max_batch_size: Some(config.max_batch_size),
                batch_timeout_ms: Some(config.batch_timeout_ms),
                max_retries: Some(config.max_retries),
                network_aware_throttling: Some(config.network_aware_throttling),
                individual_only: Some(config.delivery == Delivery::IndividualOnly),
            },
            fetch_interval_ms: Some(FETCH_INTERVAL_MS),
        }
    }

    fn batch_config(&self) -> BatchConfig {
        let usual = BatchConfig::default();
        let batch = &self.batch;
        BatchConfig {
            max_batch_size: batch.max_batch_size.unwrap_or(usual.max_batch_size),
            batch_timeout_ms: batch.batch_timeout_ms.unwrap_or(usual.batch_timeout_ms),
            max_retries: batch.max_retries.unwrap_or(usual.max_retries),
            network_aware_throttling: batch.network_aware_throttling.unwrap_or(usual.network_aware_throttling),
            delivery: match batch.individual_only {
                Some(true) => Delivery::IndividualOnly,
                Some(false) => Delivery::Auto,
                None => usual.delivery,
            },
            ..usual
        }
    }

    fn check(&self) -> Result<(), EngineError> {
        let invalid = |message: String| EngineError::new("invalid_setting", message);
        Engine::new(self.batch_config(), 0).map_err(|e| invalid(e.to_string()))?;
        match self.fetch_interval_ms {
            Some(ms) if !FETCH_INTERVALS.contains(&ms) => {
                let (least, most) = (FETCH_INTERVALS.start(), FETCH_INTERVALS.end());
                Err(invalid(format!("`fetch_interval_ms` is {ms}, but must be at least {least} and at most {most}")))
            }
            _ => Ok(()),
        }
    }
}

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    fn chosen(&self) -> DeviceSettings {
        // What cannot be read was written by another release: the defaults hold until somebody chooses again.
        verses_json::read(self.settings.borrow().as_bytes()).unwrap_or_default()
    }

    async fn stored_settings(&self) -> Result<String, EngineError> {
        Ok(self.service().store().meta(SETTINGS).await?.unwrap_or_default())
    }

    /// Makes the service anew with the settings in the store, if they are others. Gives whether they were.
    pub(crate) async fn take_settings(&self) -> Result<bool, EngineError> {
        let stored = self.stored_settings().await?;
        if stored == *self.settings.borrow() {
            return Ok(false);
        }
        *self.settings.borrow_mut() = stored;
        let (service, chosen) = (self.service(), self.chosen());
        let batch = if chosen.check().is_ok() { chosen.batch_config() } else { BatchConfig::default() };
        let config = ClientConfig { batch, ..service.config().clone() };
        let texts = Arc::<PieceTexts>::clone(&self.texts) as Arc<dyn OfflineTexts>;
        let (store, transport) = (service.store().clone(), service.transport().clone());
        let platform = service.platform().clone();
        *self.service.borrow_mut() = DataService::new(store, transport, platform, texts, config);
        Ok(true)
    }

    pub(crate) fn fetch_interval_ms(&self) -> u64 {
        self.chosen().fetch_interval_ms.filter(|ms| FETCH_INTERVALS.contains(ms)).unwrap_or(FETCH_INTERVAL_MS)
    }

    pub(crate) fn settings_view(&self) -> Result<SettingsView, EngineError> {
        Ok(SettingsView { chosen: self.chosen(), defaults: DeviceSettings::defaults() })
    }

    pub(crate) async fn update_settings(&self, chosen: DeviceSettings) -> Result<SettingsView, EngineError> {
        chosen.check()?;
        let value = verses_json::to_text(&chosen);
        let change = StoreChange::PutMeta { key: SETTINGS.to_owned(), value };
        self.service().store().commit(None, vec![change]).await?;
        self.take_settings().await?;
        self.hints.borrow().stop();
        self.settings_view()
    }
}
