//! Batch sizes that follow the network, on a modelled link.

use batchsync::{
    Adaptive, Backlog, BatchConfig, BatchPolicy, Connectivity, Delivered, Event, FaultClass, Fixed, NetworkHint,
    NetworkQuality, NetworkSample, QueuedMeta, Response, SendRequest, Signal, Undelivered, estimate_network_quality,
};

use crate::common::{Sim, applied, fixed};

/// A link with a round trip and a rate up; operations have a size on the wire.
#[derive(Clone, Copy)]
struct Link {
    rtt_ms: f64,
    bytes_per_ms: f64,
    wire_per_operation: u64,
    server_ms_per_operation: f64,
}

const SLOW: Link = Link { rtt_ms: 300.0, bytes_per_ms: 97.5, wire_per_operation: 50, server_ms_per_operation: 0.05 };

impl Link {
    fn time(&self, operations: usize) -> f64 {
        let bytes = (operations as u64 * self.wire_per_operation) as f64;
        self.rtt_ms + bytes / self.bytes_per_ms + operations as f64 * self.server_ms_per_operation
    }

    fn carry(&self, sim: &mut Sim, request: &SendRequest) {
        let elapsed = self.time(request.operations.len()).round();
        sim.advance(elapsed as i64);
        let response = Response {
            bytes_sent: request.operations.len() as u64 * self.wire_per_operation,
            elapsed_ms: elapsed as u64,
            ..applied(request)
        };
        sim.answer(request, crate::common::Answer::Response(response));
    }
}

/// Sizes of the requests that send everything, and the time it took.
fn drain(sim: &mut Sim, link: Link) -> (Vec<usize>, i64) {
    let start = sim.now;
    let mut sizes = Vec::new();
    while let batchsync::Step::Send(request) = sim.poll() {
        sizes.push(request.operations.len());
        link.carry(sim, &request);
    }
    (sizes, sim.now - start)
}

fn reviews(sim: &mut Sim, count: usize, payload: u32) {
    for n in 0..count {
        let id = format!("review-{n:05}");
        let meta = QueuedMeta { payload_bytes: payload, ..sim.meta(&id, &format!("card-{}", n % 40)) };
        sim.put(meta);
    }
}

#[test]
fn a_thousand_reviews_over_a_slow_link_take_at_most_four_requests_and_one_and_a_half_times_one_request() {
    // The JSON of a review has 220 bytes in all, or 220 besides its envelope; it compresses well, or less well.
    for payload in [156, 220] {
        for wire in [40, 50, 60] {
            let link = Link { wire_per_operation: wire, ..SLOW };
            let mut sim = Sim::new(BatchConfig::default());
            reviews(&mut sim, 1_000, payload);
            let (sizes, time) = drain(&mut sim, link);
            assert!(sim.store.is_empty());
            assert!(sizes.len() <= 4, "payload {payload}, wire {wire}: {sizes:?}");
            let ratio = time as f64 / link.time(1_000);
            assert!(ratio <= 1.5, "payload {payload}, wire {wire}: {ratio:.2} times one request, {sizes:?}");
        }
    }
}

#[test]
fn a_thousand_reviews_in_batches_are_fifty_times_faster_than_individually() {
    let mut sim = Sim::new(BatchConfig::default());
    reviews(&mut sim, 1_000, 156);
    let (_, time) = drain(&mut sim, SLOW);
    assert!(SLOW.time(1) * 1_000.0 / time as f64 >= 50.0);
}

#[test]
fn without_throttling_every_batch_has_the_same_size() {
    let mut sim = Sim::new(fixed(10));
    reviews(&mut sim, 100, 156);
    let (sizes, _) = drain(&mut sim, SLOW);
    assert_eq!(sizes, [10; 10]);
}

#[test]
fn a_very_slow_link_gets_smaller_batches_than_a_fast_one() {
    let gprs = Link { rtt_ms: 900.0, bytes_per_ms: 2.5, ..SLOW };
    let wifi = Link { rtt_ms: 20.0, bytes_per_ms: 2_000.0, ..SLOW };
    let largest = |link| {
        let mut sim = Sim::new(BatchConfig::default());
        reviews(&mut sim, 5_000, 156);
        let (sizes, _) = drain(&mut sim, link);
        // The last request takes what is left.
        sizes[1..sizes.len() - 1].iter().max().copied().unwrap_or(0)
    };
    let (slow, fast) = (largest(gprs), largest(wifi));
    assert!(slow * 4 < fast, "{slow} on the slow link, {fast} on the fast one");
    assert!(gprs.time(slow) < 10_000.0, "{slow} operations take {} ms", gprs.time(slow));
}

#[test]
fn trouble_halves_and_success_grows_again() {
    let config = BatchConfig::default();
    let mut policy = Adaptive::new(&config);
    let backlog = Backlog { operations: 100_000, bytes: 22_000_000 };
    let window = |policy: &mut Adaptive| policy.window(0, NetworkQuality::Fair, backlog).operations;
    let start = window(&mut policy);
    assert_eq!(start, 254, "14,000 bytes at 55 bytes an operation");
    let mut last = start;
    for _ in 0..12 {
        let sent = Undelivered { class: FaultClass::Server, operations: last, bytes: u64::from(last) * 220 };
        policy.on_undelivered(0, &sent);
        let now = window(&mut policy);
        assert!(now == (last / 2).max(1) || now == last.div_ceil(2), "{last} -> {now}");
        last = now;
    }
    assert_eq!(last, 1);
    for _ in 0..12 {
        let delivered = Delivered {
            operations: last,
            bytes: u64::from(last) * 220,
            wire_bytes: u64::from(last) * 55,
            elapsed_ms: 310,
            rtt_ms: Some(300),
            server_ms: None,
        };
        policy.on_delivered(0, NetworkQuality::Fair, &delivered);
        let now = window(&mut policy);
        assert!(now >= last && now <= last * 4 + 10, "{last} -> {now}");
        last = now;
    }
    assert!(last > start);
}

#[test]
fn faults_that_say_nothing_of_size_leave_it_alone() {
    let mut policy = Adaptive::new(&BatchConfig::default());
    let backlog = Backlog { operations: 1_000, bytes: 220_000 };
    let before = policy.window(0, NetworkQuality::Fair, backlog);
    for class in [FaultClass::Offline, FaultClass::Throttled, FaultClass::Auth, FaultClass::BatchUnsupported] {
        policy.on_undelivered(0, &Undelivered { class, operations: 254, bytes: 55_880 });
        assert_eq!(policy.window(0, NetworkQuality::Fair, backlog), before, "{class:?}");
    }
}

#[test]
fn a_grown_window_falls_back_towards_the_start_after_idle() {
    let mut policy = Adaptive::new(&BatchConfig::default());
    let backlog = Backlog { operations: 100_000, bytes: 22_000_000 };
    let start = policy.window(0, NetworkQuality::Good, backlog).operations;
    let quick = Delivered {
        operations: start,
        bytes: 55_880,
        wire_bytes: 14_000,
        elapsed_ms: 40,
        rtt_ms: Some(20),
        server_ms: None,
    };
    policy.on_delivered(0, NetworkQuality::Good, &quick);
    let grown = policy.window(30_000, NetworkQuality::Good, backlog).operations;
    assert!(grown >= start * 3);
    let later = policy.window(120_000, NetworkQuality::Good, backlog).operations;
    assert!(later < grown && later > start, "{start} < {later} < {grown}");
    let much_later = policy.window(120_000 + 3_600_000, NetworkQuality::Good, backlog).operations;
    assert!(much_later.abs_diff(start) <= 2, "{much_later}");
}

#[test]
fn a_fixed_policy_never_proposes_nothing() {
    assert_eq!(Fixed::new(0).window(0, NetworkQuality::Good, Backlog::default()).operations, 1);
}

#[test]
fn quality_comes_from_round_trips_goodput_failures_and_the_hint() {
    use NetworkQuality::{Fair, Good, Poor};
    let sample = |rtt_ms, goodput_bps, failure_ratio| NetworkSample { rtt_ms, goodput_bps, failure_ratio };
    let hint = |quality| Some(NetworkHint { quality, ..NetworkHint::default() });
    let cases = [
        (sample(None, None, 0.0), None, Fair),
        (sample(None, None, 0.0), hint(Some(Good)), Good),
        (sample(None, None, 0.0), hint(Some(Poor)), Poor),
        (sample(Some(30.0), None, 0.0), None, Good),
        (sample(Some(300.0), None, 0.0), None, Fair),
        (sample(Some(2_000.0), None, 0.0), None, Poor),
        (sample(Some(30.0), Some(500_000.0), 0.0), None, Fair),
        (sample(Some(30.0), Some(30_000.0), 0.0), None, Poor),
        (sample(Some(30.0), Some(5e6), 0.2), None, Fair),
        (sample(Some(30.0), Some(5e6), 0.6), None, Poor),
        (sample(Some(30.0), Some(5e6), 0.0), hint(Some(Poor)), Fair),
        (sample(Some(2_000.0), None, 0.0), hint(Some(Good)), Poor),
    ];
    for (sample, hint, quality) in cases {
        assert_eq!(estimate_network_quality(&sample, hint.as_ref()), quality, "{sample:?} {hint:?}");
    }
    let save = NetworkHint { save_data: true, ..NetworkHint::default() };
    assert_eq!(estimate_network_quality(&NetworkSample::default(), Some(&save)), Poor);
}

#[test]
fn one_odd_measurement_does_not_change_the_class_two_do() {
    let mut sim = Sim::new(fixed(1));
    let good = NetworkHint { quality: Some(NetworkQuality::Good), ..NetworkHint::default() };
    let settlement = sim.engine.network_changed(sim.now, Connectivity::Online, Some(good));
    assert_eq!(settlement.events, [Event::QualityChanged(NetworkQuality::Good)]);
    sim.add_many(3);
    for expected in [NetworkQuality::Good, NetworkQuality::Poor] {
        let request = sim.request();
        let response = Response { rtt_ms: Some(9_000), elapsed_ms: 9_000, ..applied(&request) };
        sim.answer(&request, crate::common::Answer::Response(response));
        assert_eq!(sim.engine.quality(), expected);
    }
}

#[test]
fn stalls_make_a_network_poor() {
    let mut sim = Sim::new(fixed(10));
    sim.add_many(10);
    for _ in 0..6 {
        let request = sim.wait_for_request().unwrap();
        sim.fault(&request, Signal::Stalled);
    }
    assert_eq!(sim.engine.quality(), NetworkQuality::Poor);
}
