//! The classes at their bounds, and what the meter makes of each kind of request.

use super::NetworkQuality::{Fair, Good, Poor};
use super::{NetworkHint, NetworkQuality, NetworkSample, QualityMeter, estimate_network_quality, smooth};

fn sample(rtt_ms: Option<f64>, goodput_bps: Option<f64>, failure_ratio: f64) -> NetworkSample {
    NetworkSample { rtt_ms, goodput_bps, failure_ratio }
}

#[test]
fn each_bound_belongs_to_the_class_it_begins() {
    let cases = [
        (sample(Some(269.9), None, 0.0), Good),
        (sample(Some(270.0), None, 0.0), Fair),
        (sample(Some(1_399.9), None, 0.0), Fair),
        (sample(Some(1_400.0), None, 0.0), Poor),
        (sample(None, Some(69_999.9), 0.0), Poor),
        (sample(None, Some(70_000.0), 0.0), Fair),
        (sample(None, Some(699_999.9), 0.0), Fair),
        (sample(None, Some(700_000.0), 0.0), Good),
        (sample(Some(1.0), None, 0.149), Good),
        (sample(Some(1.0), None, 0.15), Fair),
        (sample(Some(1.0), None, 0.5), Poor),
    ];
    for (sample, expected) in cases {
        assert_eq!(estimate_network_quality(&sample, None), expected, "{sample:?}");
    }
}

#[test]
fn a_hint_lowers_a_measured_class_by_one_step_and_never_raises_it() {
    let measured = [(30.0, Good), (300.0, Fair), (2_000.0, Poor)];
    let lowered = |measured, hinted| match (measured, hinted) {
        (Good, Fair | Poor) => Fair,
        (Fair, Poor) => Poor,
        _ => measured,
    };
    for (rtt, class) in measured {
        for hinted in [Good, Fair, Poor] {
            let hint = NetworkHint { quality: Some(hinted), ..NetworkHint::default() };
            let seen = estimate_network_quality(&sample(Some(rtt), None, 0.0), Some(&hint));
            assert_eq!(seen, lowered(class, hinted), "{class:?}, hint {hinted:?}");
        }
    }
}

fn measured(requests: &[(Option<u64>, u64, u64)]) -> NetworkSample {
    let mut meter = QualityMeter::default();
    for &(rtt_ms, elapsed_ms, bytes_sent) in requests {
        meter.on_success(rtt_ms, elapsed_ms, bytes_sent);
    }
    meter.sample
}

#[test]
fn a_request_tells_of_round_trips_or_of_bandwidth_according_to_its_size() {
    let cases = [
        // Small: all of its time is about one round trip.
        ((None, 100, 4_095), sample(Some(100.0), None, 0.0)),
        ((None, 0, 100), sample(None, None, 0.0)),
        // Large: all of its time went into sending, unless the round trip is known.
        ((None, 100, 4_096), sample(None, Some(327_680.0), 0.0)),
        ((Some(40), 140, 8_000), sample(Some(40.0), Some(640_000.0), 0.0)),
        ((Some(40), 140, 100), sample(Some(40.0), None, 0.0)),
        // No time was left for sending: that says nothing of bandwidth.
        ((Some(40), 40, 8_000), sample(Some(40.0), None, 0.0)),
        ((Some(40), 10, 8_000), sample(Some(40.0), None, 0.0)),
        ((None, 0, 8_000), sample(None, None, 0.0)),
    ];
    for (request, expected) in cases {
        assert_eq!(measured(&[request]), expected, "{request:?}");
    }
}

#[test]
fn a_new_measurement_counts_for_a_quarter() {
    let requests = [(Some(100), 200, 8_000), (Some(200), 300, 16_000)];
    assert_eq!(measured(&requests), sample(Some(125.0), Some(640_000.0 + 160_000.0), 0.0));
    let mut mean = None;
    for (value, expected) in [(10.0, 10.0), (20.0, 13.0), (0.0, 9.1)] {
        smooth(&mut mean, value, 0.3);
        assert!(mean.is_some_and(|mean| (mean - expected).abs() < 1e-9), "{mean:?}");
    }
}

#[test]
fn failures_pile_up_and_fade() {
    let mut meter = QualityMeter::default();
    let mut ratios = Vec::new();
    for fails in [true, true, false, true] {
        if fails {
            meter.on_network_fault();
        } else {
            meter.on_success(None, 0, 0);
        }
        ratios.push((meter.sample.failure_ratio * 1e4).round());
    }
    assert_eq!(ratios, [3_000.0, 5_100.0, 3_570.0, 5_499.0]);
}

#[test]
fn an_opinion_changes_when_two_measurements_in_a_row_agree() {
    let mut meter = QualityMeter::default();
    let mut seen: Vec<NetworkQuality> = Vec::new();
    // Each measurement is the whole of what is known: the sample is cleared between them.
    for rtt in [2_000, 30, 2_000, 2_000, 30, 30] {
        meter.sample = NetworkSample::default();
        meter.on_success(Some(rtt), rtt, 100);
        seen.push(meter.quality());
    }
    assert_eq!(seen, [Fair, Fair, Fair, Poor, Poor, Good]);
}
