//! Limits: of the queue, of requests, of age, and ceilings learned from refusals.

use batchsync::{
    BatchConfig, ConfigError, Event, FailureReason, HttpFault, NewOperation, OperationOutcome, QueueFull, QueueTotals,
    QueuedMeta, Response, ServerLimits, Signal, check_room,
};

use crate::common::{Answer, Sim, applied, fixed, respond};

const DAY: i64 = 86_400_000;

fn new_operation(kind: &str, entity: &str) -> NewOperation {
    NewOperation {
        kind: kind.into(),
        user_id: "ann".into(),
        entity: entity.into(),
        depends_on: None,
        payload_bytes: 100,
    }
}

#[test]
fn a_full_queue_refuses_by_count_and_by_bytes_with_or_without_an_engine() {
    let config = BatchConfig { max_queue_len: 2, max_queue_bytes: 1_000, ..BatchConfig::default() };
    let mut sim = Sim::signed_out(config.clone());
    sim.add("a");
    assert!(sim.engine.admit(&new_operation("note", "n")).is_ok());
    let large = NewOperation { payload_bytes: 900, ..new_operation("note", "n") };
    let full = QueueFull::Bytes { bytes: 156, more: 900, max: 1_000 };
    assert_eq!(sim.engine.admit(&large), Err(full));
    assert_eq!(check_room(&config, sim.engine.totals(), 900), Err(full));
    sim.add("b");
    let full = QueueFull::Operations { len: 2, max: 2 };
    assert_eq!(sim.engine.admit(&new_operation("note", "n")), Err(full));
    assert_eq!(check_room(&config, QueueTotals { len: 2, bytes: 0 }, 1), Err(full));
    assert!(full.is_retryable() && full.to_string().contains("at most 2"));
}

#[test]
fn only_never_sent_operations_of_the_configured_kinds_are_folded() {
    let config = BatchConfig { coalescing_kinds: vec!["profile".into()], max_queue_len: 1, ..BatchConfig::default() };
    let mut sim = Sim::new(config);
    let meta = QueuedMeta { kind: "profile".into(), ..sim.meta("p-1", "me") };
    sim.put(meta);
    let into = |sim: &Sim, kind, entity| sim.engine.admit(&new_operation(kind, entity)).map(|a| a.coalesce_into);
    assert_eq!(into(&sim, "profile", "me"), Ok(Some("p-1".into())), "folding needs no room in a full queue");
    assert!(into(&sim, "note", "me").is_err());
    assert!(into(&sim, "profile", "other").is_err());
    let settlement = sim.engine.edited(sim.now, "p-1", 300).unwrap();
    sim.persist(settlement);
    assert_eq!(sim.engine.totals(), QueueTotals { len: 1, bytes: 300 });
    let request = sim.wait_for_request().unwrap();
    assert!(into(&sim, "profile", "me").is_err(), "it is being sent");
    sim.fault(&request, Signal::ConnectionLost);
    assert!(into(&sim, "profile", "me").is_err(), "it may have reached the server");
}

#[test]
fn an_expired_operation_goes_to_the_inbox_and_can_be_tried_again() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add("old");
    let _ = sim.engine.network_changed(sim.now, batchsync::Connectivity::Offline, None);
    sim.advance(30 * DAY - 1);
    let request = sim.request();
    sim.fault(&request, Signal::ConnectFailed);
    sim.advance(1);
    sim.poll();
    assert_eq!(sim.failure("old"), FailureReason::Expired);
    let settlement = sim.engine.retry(sim.now, "old").unwrap();
    sim.persist(settlement);
    sim.drive_accepting();
    assert!(sim.is_done("old"));
}

#[test]
fn an_expired_operation_that_is_retried_does_not_expire_again_with_the_next_process() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add("old");
    sim.add_child("child", "old");
    let _ = sim.engine.network_changed(sim.now, batchsync::Connectivity::Offline, None);
    sim.advance(30 * DAY);
    sim.poll();
    assert_eq!(sim.failure("old"), FailureReason::Expired);
    let settlement = sim.engine.retry(sim.now, "old").unwrap();
    sim.persist(settlement);
    for seed in 1..4 {
        sim.restart(seed);
        sim.advance(DAY);
    }
    sim.drive_accepting();
    assert!(sim.is_done("old") && sim.is_done("child"));
}

#[test]
fn an_operation_in_a_request_does_not_expire() {
    let mut sim = Sim::new(BatchConfig { lease_ms: 90 * DAY, ..BatchConfig::default() });
    sim.add("old");
    let request = sim.wait_for_request().unwrap();
    sim.advance(60 * DAY);
    sim.wait();
    sim.accept(&request);
    assert!(sim.is_done("old"));
}

#[test]
fn the_servers_advertised_limits_bound_a_batch_by_count_and_bytes() {
    let mut sim = Sim::new(fixed(10));
    sim.add_many(30);
    let request = sim.request();
    let limits = ServerLimits { max_operations: Some(4), ..ServerLimits::default() };
    sim.answer(&request, Answer::Response(Response { limits: Some(limits), ..applied(&request) }));
    let request = sim.request();
    assert_eq!(request.operations.len(), 4);
    sim.accept(&request);
    sim.engine.update_limits(ServerLimits { max_bytes: Some(700), ..ServerLimits::default() });
    let request = sim.request();
    // Three operations of 156 bytes and 64 of envelope fit in 700 bytes.
    assert_eq!((request.operations.len(), request.max_request_bytes), (3, 700));
}

#[test]
fn a_server_that_advertises_zero_is_not_believed() {
    let mut sim = Sim::new(fixed(10));
    let zero = ServerLimits { max_operations: Some(0), max_bytes: Some(0), max_operation_bytes: Some(0) };
    sim.engine.update_limits(zero);
    sim.add_many(10);
    assert_eq!(sim.request().operations.len(), 10);
}

#[test]
fn a_413_splits_in_half_learns_the_ceiling_and_forgets_it_after_a_while() {
    let mut sim = Sim::new(fixed(16));
    sim.add_many(16);
    let request = sim.request();
    sim.fault(&request, Signal::status(413));
    assert_eq!(sim.count_events(|event| matches!(event, Event::CeilingLearned { operations: 8, .. })), 1);
    let request = sim.request();
    assert_eq!(request.operations.len(), 8);
    sim.accept(&request);
    let request = sim.request();
    assert_eq!(request.operations.len(), 8, "the ceiling holds after a success");
    sim.accept(&request);
    sim.advance(3_600_000);
    for n in 0..16 {
        sim.add(&format!("b-{n}"));
    }
    assert_eq!(sim.request().operations.len(), 16);
}

#[test]
fn the_one_operation_too_large_is_found_set_aside_and_the_others_go_on() {
    for signal in [Signal::status(413), Signal::status(546)] {
        let mut sim = Sim::new(fixed(16));
        sim.add_many(16);
        let requests = sim.drive(|request| {
            if request.operations.iter().any(|id| id == "op-0010") {
                Answer::Fault(signal.clone())
            } else {
                Answer::Response(applied(request))
            }
        });
        assert_eq!(sim.failure("op-0010"), FailureReason::TooLarge);
        assert_eq!(sim.journal.len(), 15);
        assert!(requests <= 16, "{requests} requests");
        assert!(sim.store["op-0010"].retry_count == 0, "size counts against nothing");
        for n in 0..16 {
            sim.add(&format!("b-{n}"));
        }
        assert_eq!(sim.request().operations.len(), 16, "what one operation weighed is no ceiling for others");
    }
}

#[test]
fn an_operation_over_the_limit_is_set_aside_without_being_sent() {
    let mut sim = Sim::new(BatchConfig { max_request_bytes: 10_000, ..BatchConfig::default() });
    let meta = QueuedMeta { payload_bytes: 20_000, ..sim.meta("huge", "h") };
    sim.put(meta);
    sim.add_many(3);
    sim.drive_accepting();
    assert_eq!(sim.failure("huge"), FailureReason::TooLarge);
    assert_eq!(sim.journal.len(), 3);
    assert!(sim.sent.iter().all(|request| !request.operations.contains(&"huge".to_owned())));
}

#[test]
fn an_operation_the_server_calls_too_large_is_set_aside_from_the_batch() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    sim.drive(|request| {
        Answer::Response(respond(request, |id| {
            Some(match id {
                "op-0000" => OperationOutcome::TooLarge { code: "large".into(), message: "no".into() },
                _ => OperationOutcome::Applied,
            })
        }))
    });
    assert_eq!(sim.failure("op-0000"), FailureReason::TooLarge);
}

#[test]
fn limits_told_with_a_refusal_are_kept() {
    let mut sim = Sim::new(fixed(16));
    sim.add_many(16);
    let request = sim.request();
    let limits = ServerLimits { max_operations: Some(5), ..ServerLimits::default() };
    let fault = HttpFault {
        status: 400,
        code: Some("too_many_operations".into()),
        limits: Some(limits),
        ..HttpFault::default()
    };
    sim.fault(&request, Signal::from(fault));
    assert_eq!(sim.request().operations.len(), 5);
}

#[test]
fn a_bad_setting_is_refused_by_name() {
    type Change = fn(&mut BatchConfig);
    let changes: [(&str, Change); 8] = [
        ("max_batch_size", |config| config.max_batch_size = 0),
        ("batch_timeout_ms", |config| config.batch_timeout_ms = -1),
        ("max_retries", |config| config.max_retries = 0),
        ("max_queue_len", |config| config.max_queue_len = 0),
        ("lease_ms", |config| config.lease_ms = 0),
        ("backoff_base_ms", |config| config.backoff_base_ms = 400_000),
        ("target_min_ms", |config| config.target_min_ms = 6_000),
        ("coalescing_kinds", |config| config.coalescing_kinds = vec![String::new()]),
    ];
    for (field, change) in changes {
        let mut config = BatchConfig::default();
        change(&mut config);
        let error: ConfigError = config.validate().unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
        assert!(batchsync::Engine::new(config, 0).is_err());
    }
    assert_eq!(BatchConfig::default().validate(), Ok(()));
}

#[test]
fn settings_can_be_given_in_part_and_unknown_ones_are_refused() {
    let config: BatchConfig = serde_json::from_str(r#"{"max_batch_size": 25}"#).unwrap();
    assert_eq!(config, BatchConfig { max_batch_size: 25, ..BatchConfig::default() });
    assert!(serde_json::from_str::<BatchConfig>(r#"{"max_batchsize": 25}"#).is_err());
}
