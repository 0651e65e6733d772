//! How good the network is: measured round trips, goodput and failures, with the platform's hint.
//!
//! Three classes, because three different decisions hang on them. Nothing here sends or waits.

use serde::{Deserialize, Serialize};

/// The class of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkQuality {
    /// Slow or failing: every request saved counts.
    Poor,
    /// Usable. Also what is assumed before anything is known.
    #[default]
    Fair,
    /// Fast.
    Good,
}

/// What the platform says of its link. Any part may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NetworkHint {
    /// The platform's own class, if it has one.
    pub quality: Option<NetworkQuality>,
    /// Round trip in milliseconds.
    pub rtt_ms: Option<u64>,
    /// Bits a second.
    pub bandwidth_bps: Option<u64>,
    /// The user asks to spare data.
    pub save_data: bool,
}

/// What was measured of a network, smoothed. Any part may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NetworkSample {
    /// Round trip in milliseconds.
    pub rtt_ms: Option<f64>,
    /// Bits a second that got through while sending.
    pub goodput_bps: Option<f64>,
    /// Share of requests the network swallowed, 0 to 1.
    pub failure_ratio: f64,
}

// The bounds of rtt and bandwidth are those of the Network Information API's effective connection types.
const POOR_RTT_MS: f64 = 1_400.0;
const FAIR_RTT_MS: f64 = 270.0;
const POOR_BPS: f64 = 70_000.0;
const FAIR_BPS: f64 = 700_000.0;
const POOR_FAILURES: f64 = 0.5;
const FAIR_FAILURES: f64 = 0.15;

/// Classes a network from what was measured and what the platform says.
///
/// A measurement counts more than a hint: the hint alone decides only while nothing was measured, and lowers a
/// measured class by one step at most.
#[must_use]
pub fn estimate_network_quality(sample: &NetworkSample, hint: Option<&NetworkHint>) -> NetworkQuality {
    let hinted = hint.and_then(hinted_quality);
    let measured = (sample.rtt_ms.is_some() || sample.goodput_bps.is_some()).then(|| {
        let rtt = class(sample.rtt_ms.unwrap_or(0.0), FAIR_RTT_MS, POOR_RTT_MS);
        let goodput = sample.goodput_bps.map_or(NetworkQuality::Good, bandwidth_class);
        rtt.min(goodput)
    });
    let failures = class(sample.failure_ratio, FAIR_FAILURES, POOR_FAILURES);
    let base = match (measured, hinted) {
        (None, None) => NetworkQuality::Fair,
        (None, Some(hinted)) => hinted,
        (Some(measured), Some(hinted)) if hinted < measured => one_lower(measured),
        (Some(measured), _) => measured,
    };
    base.min(failures)
}

fn hinted_quality(hint: &NetworkHint) -> Option<NetworkQuality> {
    let rtt = hint.rtt_ms.map(|ms| class(ms as f64, FAIR_RTT_MS, POOR_RTT_MS));
    let bandwidth = hint.bandwidth_bps.map(|bps| bandwidth_class(bps as f64));
    let save = hint.save_data.then_some(NetworkQuality::Poor);
    [hint.quality, rtt, bandwidth, save].into_iter().flatten().min()
}

fn class(value: f64, fair_from: f64, poor_from: f64) -> NetworkQuality {
    if value >= poor_from {
        NetworkQuality::Poor
    } else if value >= fair_from {
        NetworkQuality::Fair
    } else {
        NetworkQuality::Good
    }
}

fn bandwidth_class(bps: f64) -> NetworkQuality {
    if bps < POOR_BPS {
        NetworkQuality::Poor
    } else if bps < FAIR_BPS {
        NetworkQuality::Fair
    } else {
        NetworkQuality::Good
    }
}

fn one_lower(quality: NetworkQuality) -> NetworkQuality {
    if quality == NetworkQuality::Good { NetworkQuality::Fair } else { NetworkQuality::Poor }
}

/// Smooths measurements and changes its mind only when two in a row agree.
#[derive(Debug, Clone, Default)]
pub(crate) struct QualityMeter {
    sample: NetworkSample,
    hint: Option<NetworkHint>,
    current: NetworkQuality,
    candidate: Option<NetworkQuality>,
}

/// Requests smaller than this say nothing of bandwidth.
const GOODPUT_MIN_BYTES: u64 = 4_096;

impl QualityMeter {
    pub(crate) fn quality(&self) -> NetworkQuality {
        self.current
    }

    /// Another link: what was measured on the old one no longer holds, so the hint decides at once.
    pub(crate) fn on_hint(&mut self, hint: NetworkHint) {
        self.sample = NetworkSample::default();
        self.hint = Some(hint);
        self.candidate = None;
        self.current = estimate_network_quality(&self.sample, self.hint.as_ref());
    }

    pub(crate) fn on_success(&mut self, rtt_ms: Option<u64>, elapsed_ms: u64, bytes_sent: u64) {
        // Of a small request the whole time is about one round trip.
        let rtt = rtt_ms.or_else(|| (elapsed_ms > 0 && bytes_sent < GOODPUT_MIN_BYTES).then_some(elapsed_ms));
        if let Some(rtt) = rtt {
            smooth(&mut self.sample.rtt_ms, rtt as f64, 0.25);
        }
        let sending = elapsed_ms.saturating_sub(rtt.unwrap_or(0));
        if bytes_sent >= GOODPUT_MIN_BYTES && sending > 0 {
            smooth(&mut self.sample.goodput_bps, bytes_sent as f64 * 8_000.0 / sending as f64, 0.25);
        }
        self.sample.failure_ratio *= 0.7;
        self.settle();
    }

    pub(crate) fn on_network_fault(&mut self) {
        self.sample.failure_ratio += (1.0 - self.sample.failure_ratio) * 0.3;
        self.settle();
    }

    fn settle(&mut self) {
        let seen = estimate_network_quality(&self.sample, self.hint.as_ref());
        if seen == self.current {
            self.candidate = None;
        } else if self.candidate == Some(seen) {
            self.current = seen;
            self.candidate = None;
        } else {
            self.candidate = Some(seen);
        }
    }
}

/// Exponentially weighted mean; the first value counts whole.
pub(crate) fn smooth(mean: &mut Option<f64>, value: f64, weight: f64) {
    *mean = Some(mean.map_or(value, |old| old + (value - old) * weight));
}

#[cfg(test)]
mod tests;
