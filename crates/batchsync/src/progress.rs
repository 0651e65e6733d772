//! Progress of a queue: counted from its rows, never kept beside them.

use crate::operation::FailureReason;
use crate::operation::{JournalEntry, JournalOutcome, Millis, OperationStatus, QueuedMeta};
use crate::request::WaitReason;

/// How far a queue is. `successful + failed + pending == total` always.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Operations of this run: queued, failed and done since the queue was last empty.
    pub total: u64,
    /// Done.
    pub successful: u64,
    /// In the inbox. Never counted as synced.
    pub failed: u64,
    /// Of the failed, those that only wait for another failed one.
    pub blocked: u64,
    /// Not done and not failed.
    pub pending: u64,
    /// Of the pending, those in a request.
    pub in_flight: u64,
    /// Payload bytes done.
    pub bytes_done: u64,
    /// Payload bytes done and pending.
    pub bytes_total: u64,
    /// Bytes that moved for requests under way, as the transport told.
    pub bytes_moving: u64,
    /// Operations a second while sending, smoothed; `None` before the first answer.
    pub operations_per_second: Option<f64>,
    /// When the pending should be done, in milliseconds from now; `None` while that cannot be said.
    pub eta_ms: Option<u64>,
    /// What is going on.
    pub phase: Phase,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is pending.
    Idle,
    /// Something is pending and waits.
    Waiting {
        /// Until when, if that is known.
        until: Option<Millis>,
        /// What for.
        reason: WaitReason,
    },
    /// Requests are under way, or go out at the next poll.
    Sending,
    /// There is no network.
    Offline {
        /// When it is tried all the same.
        until: Option<Millis>,
    },
    /// Nobody is signed in, or the session was refused.
    WaitingForSession,
    /// The server no longer speaks to this version.
    UpgradeRequired {
        /// When it is asked again.
        until: Option<Millis>,
    },
}

impl Progress {
    /// Rebuilds the counts after a restart: from the journal since a run began and the rows that are in the queue.
    /// Rate and time left are not known then. The phase is `Idle` without pending rows, else `Waiting` for nothing
    /// in particular: only an engine knows more.
    #[must_use]
    pub fn from_journal<'a>(
        journal: impl IntoIterator<Item = &'a JournalEntry>,
        queue: impl IntoIterator<Item = &'a QueuedMeta>,
        since: Millis,
    ) -> Self {
        let mut progress = Self::empty();
        for entry in journal {
            if entry.at >= since && entry.outcome != JournalOutcome::Discarded {
                progress.successful += 1;
                progress.bytes_done += u64::from(entry.payload_bytes);
            }
        }
        progress.bytes_total = progress.bytes_done;
        for meta in queue {
            match &meta.status {
                OperationStatus::Failed(failure) => {
                    progress.failed += 1;
                    progress.blocked += u64::from(matches!(failure.reason, FailureReason::Blocked { .. }));
                }
                status => {
                    progress.pending += 1;
                    progress.in_flight += u64::from(matches!(status, OperationStatus::Processing { .. }));
                    progress.bytes_total += u64::from(meta.payload_bytes);
                }
            }
        }
        progress.total = progress.successful + progress.failed + progress.pending;
        if progress.pending > 0 {
            progress.phase = Phase::Waiting { until: None, reason: WaitReason::Idle };
        }
        progress
    }

    pub(crate) fn empty() -> Self {
        Self {
            total: 0,
            successful: 0,
            failed: 0,
            blocked: 0,
            pending: 0,
            in_flight: 0,
            bytes_done: 0,
            bytes_total: 0,
            bytes_moving: 0,
            operations_per_second: None,
            eta_ms: None,
            phase: Phase::Idle,
        }
    }
}
