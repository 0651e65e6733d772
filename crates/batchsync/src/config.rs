//! What can be set: `BatchConfig`, its checks, and the limits a server advertises.
//!
//! The defaults suit small JSON operations from a phone on a slow mobile network. Nothing here decides.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::operation::Millis;
use crate::quality::NetworkQuality;

/// How operations are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// In batches where that pays, individually where it does not or where batches are refused.
    #[default]
    Auto,
    /// Always one operation a request.
    IndividualOnly,
}

/// The settings of an engine. Start from `BatchConfig::default()` and change fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchConfig {
    /// So many pending operations start a send at once. Also the size batches start from, and the fixed size when
    /// `network_aware_throttling` is off. Default 10.
    pub max_batch_size: u32,
    /// The longest an operation waits for others to travel with, in milliseconds. Default 3,000.
    pub batch_timeout_ms: i64,
    /// So many faults of its own set an operation aside. Faults of the network never count. Default 3.
    pub max_retries: u32,
    /// Whether batch sizes follow the network. Default true.
    pub network_aware_throttling: bool,
    /// The most operations the queue may hold, failed ones included. Default 100,000.
    pub max_queue_len: u64,
    /// The most payload bytes the queue may hold. Default 64 MiB.
    pub max_queue_bytes: u64,
    /// An operation that waited longer goes to the inbox as expired. Milliseconds; default 30 days.
    pub max_age_ms: i64,
    /// The most uncompressed bytes in one request. Default 1 MiB.
    pub max_request_bytes: u64,
    /// What one operation adds to its payload on the wire (id, type, punctuation), in bytes. Default 64.
    pub envelope_bytes: u32,
    /// Requests under way at once. An entity is never in two of them. Default 1.
    pub max_in_flight: u32,
    /// How long a claim holds without progress, in milliseconds. Default 120,000.
    pub lease_ms: i64,
    /// The first step of the backoff, in milliseconds. Default 1,000.
    pub backoff_base_ms: i64,
    /// The longest backoff, in milliseconds. Default 300,000.
    pub backoff_cap_ms: i64,
    /// The longest `Retry-After` that is believed, in milliseconds. Default one hour.
    pub retry_after_cap_ms: i64,
    /// How long a refused batch endpoint rests before it is tried again, in milliseconds. Default 300,000.
    pub probe_interval_ms: i64,
    /// How long a size that was refused as too large is remembered, in milliseconds. Default one hour.
    pub ceiling_ttl_ms: i64,
    /// How long a queue that the server paused ("upgrade required") rests before it asks again, in milliseconds.
    /// Default one hour.
    pub upgrade_recheck_ms: i64,
    /// The shortest time a request should take on a poor network, in milliseconds. Default 2,000.
    pub target_min_ms: i64,
    /// The longest time a request should take on a good network, in milliseconds. Default 5,000.
    pub target_max_ms: i64,
    /// Bytes on the wire of a first batch, before anything is measured: TCP's initial window. Default 14,000.
    pub first_flight_bytes: u64,
    /// After so long without a request, a grown batch size starts to fall back. Milliseconds; default 60,000.
    pub idle_decay_ms: i64,
    /// From so many queued operations on, batches are used. Default 3.
    pub batch_threshold: u32,
    /// The same on a poor network. Default 1.
    pub poor_batch_threshold: u32,
    /// Kinds whose never-sent operations may be folded into one ("update_profile"). Default none.
    pub coalescing_kinds: Vec<String>,
    /// Batches or only individual calls. Default automatic.
    pub delivery: Delivery,
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            max_batch_size: 10,
            batch_timeout_ms: 3 * SECOND,
            max_retries: 3,
            network_aware_throttling: true,
            max_queue_len: 100_000,
            max_queue_bytes: 64 * 1024 * 1024,
            max_age_ms: 30 * DAY,
            max_request_bytes: 1024 * 1024,
            envelope_bytes: 64,
            max_in_flight: 1,
            lease_ms: 2 * MINUTE,
            backoff_base_ms: SECOND,
            backoff_cap_ms: 5 * MINUTE,
            retry_after_cap_ms: HOUR,
            probe_interval_ms: 5 * MINUTE,
            ceiling_ttl_ms: HOUR,
            upgrade_recheck_ms: HOUR,
            target_min_ms: 2 * SECOND,
            target_max_ms: 5 * SECOND,
            first_flight_bytes: 14_000,
            idle_decay_ms: MINUTE,
            batch_threshold: 3,
            poor_batch_threshold: 1,
            coalescing_kinds: Vec::new(),
            delivery: Delivery::Auto,
        }
    }
}

/// A setting that makes no sense. The message names the field and the values it takes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The value lies outside of what the field takes.
    #[error("`{field}` is {value}, but must be at least {least} and at most {most}")]
    OutOfRange {
        /// The field's name as in `BatchConfig`.
        field: &'static str,
        /// What was given.
        value: i128,
        /// The least value it takes.
        least: i128,
        /// The greatest value it takes.
        most: i128,
    },
    /// Two fields contradict each other.
    #[error("`{smaller}` must not be greater than `{greater}`")]
    Contradiction {
        /// The field that must not be greater.
        smaller: &'static str,
        /// The field it is compared with.
        greater: &'static str,
    },
    /// A name in `coalescing_kinds` is empty.
    #[error("`coalescing_kinds` holds an empty name; remove it or write the kind's name")]
    EmptyKind,
}

impl ConfigError {
    /// Always false: the same settings fail the same way.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}

impl BatchConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field found at fault, by name.
    pub fn validate(&self) -> Result<(), ConfigError> {
        // No wait may exceed a year: sums of waits and times then stay far from the ends of the number range.
        let year = i128::from(365 * DAY);
        for (field, value) in self.durations() {
            let least = i128::from(field != "batch_timeout_ms");
            check(field, i128::from(value), least, year)?;
        }
        let most = i128::from(u32::MAX);
        for (field, value) in [
            ("max_batch_size", self.max_batch_size),
            ("max_in_flight", self.max_in_flight),
            ("max_retries", self.max_retries),
            ("batch_threshold", self.batch_threshold),
            ("poor_batch_threshold", self.poor_batch_threshold),
        ] {
            check(field, i128::from(value), 1, most)?;
        }
        check("envelope_bytes", i128::from(self.envelope_bytes), 0, 1024 * 1024)?;
        for (field, value) in [
            ("max_queue_len", self.max_queue_len),
            ("max_queue_bytes", self.max_queue_bytes),
            ("max_request_bytes", self.max_request_bytes),
            ("first_flight_bytes", self.first_flight_bytes),
        ] {
            check(field, i128::from(value), 1, i128::from(i64::MAX))?;
        }
        if self.backoff_base_ms > self.backoff_cap_ms {
            return Err(ConfigError::Contradiction { smaller: "backoff_base_ms", greater: "backoff_cap_ms" });
        }
        if self.target_min_ms > self.target_max_ms {
            return Err(ConfigError::Contradiction { smaller: "target_min_ms", greater: "target_max_ms" });
        }
        if self.coalescing_kinds.iter().any(String::is_empty) {
            return Err(ConfigError::EmptyKind);
        }
        Ok(())
    }

    /// Whether a batch pays: at three queued operations or more, or at one on a poor network (both configurable).
    #[must_use]
    pub fn should_use_batch_sync(&self, queue_size: usize, quality: NetworkQuality) -> bool {
        let threshold = if quality == NetworkQuality::Poor { self.poor_batch_threshold } else { self.batch_threshold };
        self.delivery == Delivery::Auto && queue_size as u64 >= u64::from(threshold)
    }

    /// Whether operations of this kind may be folded while never sent.
    #[must_use]
    pub fn coalesces(&self, kind: &str) -> bool {
        self.coalescing_kinds.iter().any(|name| name == kind)
    }

    fn durations(&self) -> [(&'static str, i64); 12] {
        [
            ("batch_timeout_ms", self.batch_timeout_ms),
            ("max_age_ms", self.max_age_ms),
            ("lease_ms", self.lease_ms),
            ("backoff_base_ms", self.backoff_base_ms),
            ("backoff_cap_ms", self.backoff_cap_ms),
            ("retry_after_cap_ms", self.retry_after_cap_ms),
            ("probe_interval_ms", self.probe_interval_ms),
            ("ceiling_ttl_ms", self.ceiling_ttl_ms),
            ("upgrade_recheck_ms", self.upgrade_recheck_ms),
            ("target_min_ms", self.target_min_ms),
            ("target_max_ms", self.target_max_ms),
            ("idle_decay_ms", self.idle_decay_ms),
        ]
    }
}

fn check(field: &'static str, value: i128, least: i128, most: i128) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(ConfigError::OutOfRange { field, value, least, most }) }
}

/// Whether a batch pays, with the default thresholds: at three operations or more, or at one on a poor network.
#[must_use]
pub fn should_use_batch_sync(queue_size: usize, quality: NetworkQuality) -> bool {
    BatchConfig::default().should_use_batch_sync(queue_size, quality)
}

/// What a server says it takes in one request. `None`: it did not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServerLimits {
    /// The most operations in a batch.
    pub max_operations: Option<u32>,
    /// The most uncompressed bytes in a request.
    pub max_bytes: Option<u64>,
    /// The most uncompressed bytes of one operation.
    pub max_operation_bytes: Option<u64>,
}

impl ServerLimits {
    /// `newer` where it says something, else what was known. A limit of zero says nothing: no server means it.
    #[must_use]
    pub fn updated(self, newer: Self) -> Self {
        Self {
            max_operations: newer.max_operations.filter(|&most| most > 0).or(self.max_operations),
            max_bytes: newer.max_bytes.filter(|&most| most > 0).or(self.max_bytes),
            max_operation_bytes: newer.max_operation_bytes.filter(|&most| most > 0).or(self.max_operation_bytes),
        }
    }
}

/// Adds a wait to a time without leaving the number range.
pub(crate) fn after(now: Millis, wait: i64) -> Millis {
    now.saturating_add(wait)
}
