//! Settings of the client, with their defaults. Where they come from (flags, environment) is the face's matter.

use batchsync::BatchConfig;

/// Settings of the client.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Settings of the engine: batch size, timeouts, retries, limits.
    pub batch: BatchConfig,
    /// An access token with less life than this is refreshed before use, milliseconds.
    pub token_refresh_margin_ms: i64,
    /// Changes asked for in one page.
    pub changes_per_page: u32,
    /// Most requests in [`Self::pacing_window_ms`]; a client gone wild must not flood its server.
    pub max_requests_per_window: u32,
    /// IANA time zone of this device, used until the profile names one.
    pub time_zone: String,
    /// Length of the pacing window, milliseconds.
    pub pacing_window_ms: u64,
    /// How often [`watch`](crate::SyncEngine::watch) asks the store whether somebody else wrote, milliseconds. A platform whose
    /// [`idle`](crate::Platform::idle) ends by itself when that happens needs no short one.
    pub look_ms: u64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            batch: BatchConfig::default(),
            token_refresh_margin_ms: 60_000,
            changes_per_page: 1_000,
            max_requests_per_window: 1_200,
            time_zone: "UTC".to_owned(),
            pacing_window_ms: 60_000,
            look_ms: 250,
        }
    }
}
