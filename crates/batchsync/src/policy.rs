//! How large a batch should be: the `BatchPolicy` trait, `Fixed` and `Adaptive`.
//!
//! A policy proposes; limits of the server, of the configuration and of bisecting are the engine's.

use core::fmt::Debug;

use crate::config::BatchConfig;
use crate::fault::{FaultAction, FaultClass};
use crate::operation::Millis;
use crate::quality::{NetworkQuality, smooth};

/// What waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Operations.
    pub operations: u64,
    /// Their uncompressed bytes in a request, envelope included.
    pub bytes: u64,
}

/// How much the next batch may hold. One operation may always travel, however large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchWindow {
    /// Operations, at least 1.
    pub operations: u32,
    /// Uncompressed bytes.
    pub bytes: u64,
}

/// A request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Operations in it.
    pub operations: u32,
    /// Uncompressed bytes.
    pub bytes: u64,
    /// Bytes on the wire; 0 when unknown.
    pub wire_bytes: u64,
    /// From the first byte out to the last byte in; 0 when unknown.
    pub elapsed_ms: u64,
    /// A round trip without payload, if measured.
    pub rtt_ms: Option<u64>,
    /// What the server says it took, if it does.
    pub server_ms: Option<u64>,
}

/// A request that failed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undelivered {
    /// Why.
    pub class: FaultClass,
    /// Operations in it.
    pub operations: u32,
    /// Uncompressed bytes.
    pub bytes: u64,
}

/// Chooses batch sizes. Equal calls give equal answers: no clock, no randomness.
pub trait BatchPolicy: Debug + Send + Sync {
    /// How much the next batch may hold.
    fn window(&mut self, now: Millis, quality: NetworkQuality, backlog: Backlog) -> BatchWindow;

    /// A request was answered.
    fn on_delivered(&mut self, now: Millis, quality: NetworkQuality, delivered: &Delivered);

    /// A request failed.
    fn on_undelivered(&mut self, now: Millis, undelivered: &Undelivered);
}

/// Always the same number of operations.
#[derive(Debug, Clone)]
pub struct Fixed {
    operations: u32,
}

impl Fixed {
    /// Batches of `operations`, at least 1.
    #[must_use]
    pub fn new(operations: u32) -> Self {
        Self { operations: operations.max(1) }
    }
}

impl BatchPolicy for Fixed {
    fn window(&mut self, _: Millis, _: NetworkQuality, _: Backlog) -> BatchWindow {
        BatchWindow { operations: self.operations, bytes: u64::MAX }
    }

    fn on_delivered(&mut self, _: Millis, _: NetworkQuality, _: &Delivered) {}

    fn on_undelivered(&mut self, _: Millis, _: &Undelivered) {}
}

/// Sizes that aim at a time per request.
///
/// It begins with what one first flight of TCP carries, jumps by what a request was seen to cost beyond the round
/// trip while requests take less than half of the target, then adds a little each time, and halves on trouble.
/// The window is counted in bytes on the wire, so it holds for small and large operations alike; the compression
/// ratio is learned.
#[derive(Debug, Clone)]
pub struct Adaptive {
    start_operations: u32,
    start_wire: f64,
    target_min_ms: f64,
    target_max_ms: f64,
    idle_decay_ms: f64,
    wire: f64,
    halved: bool,
    ratio: Option<f64>,
    cost_per_byte_ms: Option<f64>,
    cost_per_operation_ms: Option<f64>,
    least_elapsed_ms: Option<f64>,
    last_used: Option<Millis>,
}

/// Share of its size that compressed JSON of many like operations keeps, before it is measured.
const FIRST_RATIO: f64 = 0.25;
/// The most a window grows in one step.
const MAX_JUMP: f64 = 4.0;
const MAX_WIRE: f64 = 64.0 * 1024.0 * 1024.0;

impl Adaptive {
    /// Takes its start and targets from the configuration.
    #[must_use]
    pub fn new(config: &BatchConfig) -> Self {
        let start_wire = config.first_flight_bytes as f64;
        Self {
            start_operations: config.max_batch_size,
            start_wire,
            target_min_ms: config.target_min_ms as f64,
            target_max_ms: config.target_max_ms as f64,
            idle_decay_ms: config.idle_decay_ms as f64,
            wire: start_wire,
            halved: false,
            ratio: None,
            cost_per_byte_ms: None,
            cost_per_operation_ms: None,
            least_elapsed_ms: None,
            last_used: None,
        }
    }

    fn target_ms(&self, quality: NetworkQuality) -> f64 {
        match quality {
            NetworkQuality::Good => self.target_max_ms,
            NetworkQuality::Fair => (self.target_min_ms + self.target_max_ms) / 2.0,
            NetworkQuality::Poor => self.target_min_ms,
        }
    }

    fn ratio(&self) -> f64 {
        self.ratio.unwrap_or(FIRST_RATIO)
    }

    /// Moves the window half of the way back to the start for every idle period: the network may have changed.
    fn decay(&mut self, now: Millis) {
        let idle = self.last_used.map_or(0.0, |last| now.saturating_sub(last).max(0) as f64);
        if idle > self.idle_decay_ms {
            let keep = 0.5_f64.powf(idle / self.idle_decay_ms);
            self.wire = self.start_wire + (self.wire - self.start_wire) * keep;
            self.halved &= self.wire < self.start_wire * 0.9;
            self.last_used = Some(now);
            self.least_elapsed_ms = None;
        }
    }

    /// Bytes on the wire that should take `target` milliseconds, by what the last requests cost.
    fn modelled_wire(&self, target: f64, rtt: f64, wire_per_operation: f64) -> f64 {
        let per_byte = self.cost_per_byte_ms.unwrap_or(0.0);
        let per_operation = self.cost_per_operation_ms.unwrap_or(0.0);
        let cost = (per_byte * wire_per_operation + per_operation).max(1e-6);
        ((target - rtt).max(target / 4.0) / cost * wire_per_operation).min(MAX_WIRE)
    }

    fn learn_cost(&mut self, delivered: &Delivered, wire: f64) -> f64 {
        let elapsed = delivered.elapsed_ms as f64;
        let least = self.least_elapsed_ms.map_or(elapsed, |least| least.min(elapsed));
        let first = self.least_elapsed_ms.is_none();
        self.least_elapsed_ms = Some(least);
        // Without a measured round trip the fastest request so far stands for one; the first alone for half of one.
        let rtt = delivered.rtt_ms.map_or(if first { elapsed / 2.0 } else { least }, |ms| ms as f64).min(elapsed);
        let server = delivered.server_ms.map_or(0.0, |ms| ms as f64).min(elapsed - rtt);
        smooth(&mut self.cost_per_byte_ms, (elapsed - rtt - server) / wire.max(1.0), 0.5);
        smooth(&mut self.cost_per_operation_ms, server / f64::from(delivered.operations.max(1)), 0.5);
        rtt
    }
}

impl BatchPolicy for Adaptive {
    fn window(&mut self, now: Millis, _: NetworkQuality, backlog: Backlog) -> BatchWindow {
        self.decay(now);
        let mean = backlog.bytes as f64 / backlog.operations.max(1) as f64;
        let fitting = (self.wire / (mean * self.ratio()).max(1.0)).min(f64::from(u32::MAX)) as u32;
        let least = if self.halved { 1 } else { self.start_operations.max(1) };
        let operations = fitting.max(least);
        // Sizes may differ much: large operations must not ride in a window that was counted in small ones.
        let bytes = (f64::from(operations) * mean * 2.0) as u64;
        BatchWindow { operations, bytes: bytes.max(1) }
    }

    fn on_delivered(&mut self, now: Millis, quality: NetworkQuality, delivered: &Delivered) {
        self.last_used = Some(now);
        if delivered.wire_bytes > 0 && delivered.bytes > 0 {
            let ratio = (delivered.wire_bytes as f64 / delivered.bytes as f64).clamp(0.005, 2.0);
            smooth(&mut self.ratio, ratio, 0.3);
        }
        if delivered.elapsed_ms == 0 {
            return;
        }
        let wire = (delivered.bytes as f64 * self.ratio()).max(1.0);
        let rtt = self.learn_cost(delivered, wire);
        // A request that did not fill half of the window says nothing of what a full one would have done.
        if wire < self.wire / 2.0 {
            return;
        }
        let target = self.target_ms(quality);
        let elapsed = delivered.elapsed_ms as f64;
        let wire_per_operation = wire / f64::from(delivered.operations.max(1));
        let modelled = self.modelled_wire(target, rtt, wire_per_operation);
        let base = self.wire.max(wire);
        self.wire = if elapsed < target / 2.0 {
            modelled.clamp(base, base * MAX_JUMP)
        } else if elapsed <= target {
            base + f64::from(self.start_operations) * wire_per_operation
        } else {
            modelled.clamp(base / 2.0, base)
        };
        self.wire = self.wire.min(MAX_WIRE);
        self.halved &= self.wire < self.start_wire;
    }

    fn on_undelivered(&mut self, now: Millis, undelivered: &Undelivered) {
        self.last_used = Some(now);
        if matches!(
            undelivered.class.action(),
            FaultAction::ShrinkAndBackOff | FaultAction::Split | FaultAction::Bisect
        ) {
            let sent = undelivered.bytes as f64 * self.ratio();
            self.wire = (self.wire.min(sent) / 2.0).max(1.0);
            self.halved = true;
        }
    }
}
