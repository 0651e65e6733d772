//! Questions answered without an engine, at their bounds: settings, room, folding, limits, classes of faults, and
//! counts rebuilt from rows.

use batchsync::{
    BatchConfig, CommandError, ConfigError, Event, Failure, FailureReason, FaultClass, JournalEntry, JournalOutcome,
    NewOperation, OperationStatus, Phase, Progress, QueueChange, QueueTotals, QueuedMeta, ServerLimits,
    SettledOperation, SettledOutcome, Settlement, WaitReason, check_room, may_coalesce,
};

const DAY: i64 = 86_400_000;

#[test]
fn every_duration_may_last_a_year_and_no_longer() {
    type Field = fn(&mut BatchConfig) -> &mut i64;
    let fields: [(&str, Field); 3] = [
        ("max_age_ms", |config| &mut config.max_age_ms),
        ("lease_ms", |config| &mut config.lease_ms),
        ("batch_timeout_ms", |config| &mut config.batch_timeout_ms),
    ];
    for (name, field) in fields {
        let mut config = BatchConfig::default();
        *field(&mut config) = 365 * DAY;
        assert_eq!(config.validate(), Ok(()), "{name}");
        *field(&mut config) += 1;
        let error = config.validate().unwrap_err();
        assert!(error.to_string().contains(name) && !error.is_retryable(), "{error}");
    }
}

#[test]
fn an_envelope_has_at_most_a_mebibyte() {
    for (envelope_bytes, valid) in [(0, true), (1 << 20, true), ((1 << 20) + 1, false)] {
        let config = BatchConfig { envelope_bytes, ..BatchConfig::default() };
        assert_eq!(config.validate().is_ok(), valid, "{envelope_bytes}");
    }
}

#[test]
fn a_lower_and_an_upper_bound_may_be_equal() {
    let second = 1_000;
    let config = BatchConfig {
        backoff_base_ms: second,
        backoff_cap_ms: second,
        target_min_ms: second,
        target_max_ms: second,
        ..BatchConfig::default()
    };
    assert_eq!(config.validate(), Ok(()));
    let backoff = BatchConfig { backoff_base_ms: second + 1, ..config.clone() };
    let contradiction = ConfigError::Contradiction { smaller: "backoff_base_ms", greater: "backoff_cap_ms" };
    assert_eq!(backoff.validate(), Err(contradiction));
    let target = BatchConfig { target_min_ms: second + 1, ..config };
    let contradiction = ConfigError::Contradiction { smaller: "target_min_ms", greater: "target_max_ms" };
    assert_eq!(target.validate(), Err(contradiction));
}

#[test]
fn a_queue_can_be_filled_to_the_last_byte() {
    let config = BatchConfig { max_queue_len: 3, max_queue_bytes: 1_000, ..BatchConfig::default() };
    let totals = QueueTotals { len: 2, bytes: 900 };
    assert_eq!(check_room(&config, totals, 100), Ok(()));
    assert!(check_room(&config, totals, 101).is_err());
    assert!(check_room(&config, QueueTotals { len: 3, bytes: 0 }, 0).is_err());
}

fn waiting() -> QueuedMeta {
    QueuedMeta {
        position: 1,
        id: "waiting".into(),
        kind: "profile".into(),
        user_id: "ann".into(),
        entity: "me".into(),
        depends_on: None,
        payload_bytes: 10,
        queued_at: 0,
        retry_count: 0,
        ever_sent: false,
        status: OperationStatus::Pending,
    }
}

fn failed(reason: FailureReason) -> OperationStatus {
    OperationStatus::Failed(Failure { reason, code: "c".into(), message: "m".into(), failed_at: 0 })
}

#[test]
fn only_an_operation_of_the_same_kind_owner_entity_and_dependency_is_folded_while_unsent() {
    let config = BatchConfig { coalescing_kinds: vec!["profile".into()], ..BatchConfig::default() };
    assert!(config.coalesces("profile") && !config.coalesces("note"));
    let new = NewOperation {
        kind: "profile".into(),
        user_id: "ann".into(),
        entity: "me".into(),
        depends_on: None,
        payload_bytes: 10,
    };
    let after = |id: &str| Some(id.to_owned());
    let depending = NewOperation { depends_on: after("p"), ..new.clone() };
    let cases = [
        (waiting(), new.clone(), true),
        (QueuedMeta { depends_on: after("p"), ..waiting() }, new.clone(), true),
        (QueuedMeta { depends_on: after("p"), ..waiting() }, depending.clone(), true),
        (QueuedMeta { depends_on: after("q"), ..waiting() }, depending.clone(), false),
        (waiting(), depending, false),
        (QueuedMeta { kind: "note".into(), ..waiting() }, new.clone(), false),
        (QueuedMeta { kind: "note".into(), ..waiting() }, NewOperation { kind: "note".into(), ..new.clone() }, false),
        (QueuedMeta { user_id: "bob".into(), ..waiting() }, new.clone(), false),
        (QueuedMeta { entity: "other".into(), ..waiting() }, new.clone(), false),
        (QueuedMeta { ever_sent: true, ..waiting() }, new.clone(), false),
        (QueuedMeta { status: failed(FailureReason::Rejected), ..waiting() }, new, false),
    ];
    for (waiting, new, expected) in cases {
        assert_eq!(may_coalesce(&config, &waiting, &new), expected, "{new:?} into {waiting:?}");
    }
}

#[test]
fn a_newer_limit_replaces_the_older_unless_it_is_zero_or_missing() {
    let limits = |value: Option<u32>| ServerLimits {
        max_operations: value,
        max_bytes: value.map(|value| u64::from(value) * 10),
        max_operation_bytes: value.map(|value| u64::from(value) * 5),
    };
    for (older, newer, expected) in [
        (Some(7), Some(3), Some(3)),
        (Some(7), Some(1), Some(1)),
        (Some(7), Some(0), Some(7)),
        (Some(7), None, Some(7)),
        (None, Some(3), Some(3)),
        (None, Some(0), None),
    ] {
        assert_eq!(limits(older).updated(limits(newer)), limits(expected), "{older:?}, then {newer:?}");
    }
}

#[test]
fn each_class_of_fault_is_the_networks_or_the_operations_or_neither() {
    use FaultClass::*;
    for class in [Offline, Network, Server, Throttled] {
        assert_eq!((class.is_network_error(), class.is_validation_error()), (true, false), "{class:?}");
    }
    for class in [ForbiddenOperation, InvalidOperation, BatchShape] {
        assert_eq!((class.is_network_error(), class.is_validation_error()), (false, true), "{class:?}");
    }
    for class in [TooLarge, Auth, Session, BatchUnsupported, Upgrade, Storage, Cancelled] {
        assert_eq!((class.is_network_error(), class.is_validation_error()), (false, false), "{class:?}");
    }
}

#[test]
fn a_command_may_work_later_when_only_the_moment_was_wrong() {
    let id = || "a".to_owned();
    for (error, retryable) in [
        (CommandError::Unknown { id: id() }, false),
        (CommandError::InFlight { id: id() }, true),
        (CommandError::Blocked { id: id(), parent: id() }, true),
        (CommandError::MayHaveBeenSent { id: id() }, false),
    ] {
        assert_eq!(error.is_retryable(), retryable, "{error}");
    }
}

#[test]
fn a_settlement_is_empty_only_if_nothing_at_all_follows() {
    let nothing = Settlement::default;
    let status = OperationStatus::Pending;
    let change = QueueChange::SetStatus { id: "a".into(), status, retry_count: 0, ever_sent: false };
    let result = SettledOperation { id: "a".into(), outcome: SettledOutcome::Applied };
    assert!(nothing().is_empty());
    for settlement in [
        Settlement { changes: vec![change], ..nothing() },
        Settlement { results: vec![result], ..nothing() },
        Settlement { events: vec![Event::WentOffline], ..nothing() },
        Settlement { summary: Some(batchsync::BatchSyncSummary::default()), ..nothing() },
    ] {
        assert!(!settlement.is_empty(), "{settlement:?}");
    }
}

fn journal(outcome: JournalOutcome, payload_bytes: u32, at: i64) -> JournalEntry {
    let batch_id = String::new();
    JournalEntry {
        operation_id: format!("j-{at}"),
        user_id: "ann".into(),
        kind: "k".into(),
        batch_id,
        outcome,
        payload_bytes,
        at,
    }
}

#[test]
fn counts_rebuilt_from_rows_tell_each_state_apart() {
    let since = 100;
    let journal = [
        journal(JournalOutcome::Applied, 1, 99),
        journal(JournalOutcome::Applied, 10, 100),
        journal(JournalOutcome::Duplicate, 100, 101),
        journal(JournalOutcome::Discarded, 1_000, 102),
    ];
    let row = |status, payload_bytes| QueuedMeta { status, payload_bytes, ..waiting() };
    let in_request = OperationStatus::Processing { batch_id: "b".into(), lease_until: 1 };
    let queue = [
        row(OperationStatus::Pending, 2),
        row(OperationStatus::Pending, 20),
        row(in_request, 200),
        row(failed(FailureReason::Rejected), 2_000),
        row(failed(FailureReason::Blocked { parent: "p".into() }), 2_000),
        row(failed(FailureReason::Blocked { parent: "p".into() }), 2_000),
    ];
    let progress = Progress::from_journal(&journal, &queue, since);
    let counts = (progress.total, progress.successful, progress.failed, progress.blocked, progress.pending);
    assert_eq!(counts, (2 + 3 + 3, 2, 3, 2, 3));
    assert_eq!((progress.in_flight, progress.bytes_done, progress.bytes_total), (1, 110, 110 + 222));
    assert_eq!(progress.phase, Phase::Waiting { until: None, reason: WaitReason::Idle });

    let only_failed = Progress::from_journal(&journal, &queue[3..], since);
    assert_eq!((only_failed.pending, only_failed.phase), (0, Phase::Idle));
    assert_eq!((only_failed.in_flight, only_failed.bytes_total), (0, 110));
}

#[test]
fn a_reason_has_the_same_name_in_words_and_in_json() {
    for reason in [
        FailureReason::Rejected,
        FailureReason::Blocked { parent: "p".into() },
        FailureReason::TooLarge,
        FailureReason::Expired,
        FailureReason::RetriesExhausted,
        FailureReason::Forbidden,
    ] {
        assert_eq!(serde_json::to_value(&reason).expect("JSON")["reason"], reason.name());
    }
}
