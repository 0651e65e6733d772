//! The table of faults: signal, class, action, and whether attempts are counted.

use batchsync::{FaultAction, FaultClass, FaultContext, HttpFault, Signal, SyncError, classify};

const BATCH: FaultContext = FaultContext { to_batch_endpoint: true, operations: 10, batch_proven: false };
const PROVEN: FaultContext = FaultContext { batch_proven: true, ..BATCH };
const LONE: FaultContext = FaultContext { to_batch_endpoint: false, operations: 1, batch_proven: true };

fn http(status: u16) -> Signal {
    Signal::status(status)
}

fn coded(status: u16, code: &str) -> Signal {
    Signal::from(HttpFault { status, code: Some(code.into()), ..HttpFault::default() })
}

fn forbidden(session_matches: Option<bool>) -> Signal {
    Signal::from(HttpFault { status: 403, session_matches, ..HttpFault::default() })
}

fn naming(status: u16) -> Signal {
    Signal::from(HttpFault { status, operation: Some("a".into()), ..HttpFault::default() })
}

fn waiting(status: u16) -> Signal {
    Signal::from(HttpFault { status, retry_after_ms: Some(1_000), ..HttpFault::default() })
}

#[test]
fn every_signal_has_its_class_and_action() {
    use FaultAction as A;
    use FaultClass as C;
    let table = [
        (Signal::Offline, BATCH, C::Offline, A::WaitForNetwork),
        (Signal::ConnectFailed, BATCH, C::Offline, A::WaitForNetwork),
        (Signal::ConnectionLost, BATCH, C::Network, A::BackOff),
        (Signal::Stalled, BATCH, C::Server, A::ShrinkAndBackOff),
        (http(408), BATCH, C::Server, A::ShrinkAndBackOff),
        (http(500), BATCH, C::Server, A::ShrinkAndBackOff),
        (http(502), BATCH, C::Server, A::ShrinkAndBackOff),
        (http(503), BATCH, C::Server, A::ShrinkAndBackOff),
        (http(504), BATCH, C::Server, A::ShrinkAndBackOff),
        (http(520), BATCH, C::Server, A::ShrinkAndBackOff),
        (http(599), BATCH, C::Server, A::ShrinkAndBackOff),
        (http(700), BATCH, C::Server, A::ShrinkAndBackOff),
        (http(413), BATCH, C::TooLarge, A::Split),
        (http(546), BATCH, C::TooLarge, A::Split),
        (coded(400, "body_too_large"), BATCH, C::TooLarge, A::Split),
        (coded(400, "too_many_operations"), BATCH, C::TooLarge, A::Split),
        (http(429), BATCH, C::Throttled, A::WaitAsTold),
        (waiting(429), BATCH, C::Throttled, A::WaitAsTold),
        (waiting(503), BATCH, C::Throttled, A::WaitAsTold),
        (http(401), BATCH, C::Auth, A::PauseForSession),
        (http(401), LONE, C::Auth, A::PauseForSession),
        (forbidden(Some(false)), BATCH, C::Session, A::PauseForSession),
        (forbidden(None), LONE, C::Session, A::PauseForSession),
        (forbidden(Some(true)), LONE, C::ForbiddenOperation, A::SetAside),
        (forbidden(Some(true)), BATCH, C::BatchShape, A::Bisect),
        (http(404), BATCH, C::BatchUnsupported, A::SendIndividually),
        (http(405), PROVEN, C::BatchUnsupported, A::SendIndividually),
        (http(501), BATCH, C::BatchUnsupported, A::SendIndividually),
        (http(404), LONE, C::Server, A::ShrinkAndBackOff),
        (coded(404, "not_found"), LONE, C::InvalidOperation, A::SetAside),
        (http(400), BATCH, C::BatchUnsupported, A::SendIndividually),
        (http(400), PROVEN, C::BatchShape, A::Bisect),
        (http(422), PROVEN, C::BatchShape, A::Bisect),
        (naming(400), BATCH, C::InvalidOperation, A::SetAside),
        (http(400), LONE, C::InvalidOperation, A::SetAside),
        (http(418), LONE, C::InvalidOperation, A::SetAside),
        (http(426), BATCH, C::Upgrade, A::PauseForUpgrade),
        (coded(400, "upgrade_required"), LONE, C::Upgrade, A::PauseForUpgrade),
        (Signal::UnexpectedBody, BATCH, C::Network, A::BackOff),
        (http(200), BATCH, C::Network, A::BackOff),
        (http(302), BATCH, C::Network, A::BackOff),
        (http(407), BATCH, C::Network, A::BackOff),
        (http(511), BATCH, C::Network, A::BackOff),
        (Signal::Storage, BATCH, C::Storage, A::BackOff),
        (Signal::Cancelled, BATCH, C::Cancelled, A::Release),
    ];
    for (signal, context, class, action) in table {
        let found = classify(&signal, &context);
        assert_eq!((found, found.action()), (class, action), "{signal:?} {context:?}");
    }
}

#[test]
fn every_class_maps_to_the_error_an_application_tells() {
    use FaultClass as C;
    for (class, retryable, name) in [
        (C::Offline, true, "network error"),
        (C::Network, true, "network error"),
        (C::Server, true, "network error"),
        (C::Throttled, true, "network error"),
        (C::TooLarge, true, "validation error"),
        (C::InvalidOperation, false, "validation error"),
        (C::ForbiddenOperation, false, "validation error"),
        (C::Auth, true, "security error"),
        (C::Session, true, "security error"),
    ] {
        assert_eq!(class.is_retryable(), retryable, "{class:?}");
        let error = class.sync_error("it").unwrap();
        assert!(error.to_string().starts_with(name), "{class:?}: {error}");
    }
    assert!(FaultClass::Upgrade.sync_error("it").is_none());
    assert!(SyncError::NetworkError { message: String::new() }.is_retryable());
    assert!(!SyncError::ValidationError { message: String::new() }.is_retryable());
    assert!(!SyncError::DuplicateError { message: String::new() }.is_retryable());
    assert!(SyncError::SecurityError { message: String::new() }.is_retryable());
}
