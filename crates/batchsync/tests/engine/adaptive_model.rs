//! `Adaptive` in figures: each expected size is worked out by hand from what the requests before it cost.
//!
//! The link carries a quarter of the bytes, as is assumed before it is measured, so an operation of 200 bytes takes 50 on
//! the wire and the first window of 10,000 bytes on the wire holds 200 of them.

use batchsync::{
    Adaptive, Backlog, BatchConfig, BatchPolicy, BatchWindow, Delivered, FaultClass, NetworkQuality, Undelivered,
};

const FAIR: NetworkQuality = NetworkQuality::Fair;

/// Targets: 2,000 ms on a poor network, 3,500 on a fair one, 5,000 on a good one.
fn policy() -> Adaptive {
    Adaptive::new(&BatchConfig {
        max_batch_size: 10,
        first_flight_bytes: 10_000,
        target_min_ms: 2_000,
        target_max_ms: 5_000,
        idle_decay_ms: 60_000,
        ..BatchConfig::default()
    })
}

fn window_of(policy: &mut Adaptive, now: i64, each: u64) -> BatchWindow {
    policy.window(now, FAIR, Backlog { operations: 1_000_000, bytes: 1_000_000 * each })
}

/// How many operations of 200 bytes go into the next batch.
fn size(policy: &mut Adaptive, now: i64) -> u32 {
    window_of(policy, now, 200).operations
}

/// `operations` of `each` bytes, a quarter of that on the wire.
fn delivered(operations: u32, each: u64, elapsed_ms: u64) -> Delivered {
    let bytes = u64::from(operations) * each;
    Delivered { operations, bytes, wire_bytes: bytes / 4, elapsed_ms, rtt_ms: None, server_ms: None }
}

fn undelivered(bytes: u64) -> Undelivered {
    Undelivered { class: FaultClass::Server, operations: 1, bytes }
}

#[test]
fn a_window_holds_twice_the_bytes_of_its_operations_so_that_one_large_one_does_not_end_it() {
    let window = window_of(&mut policy(), 0, 200);
    assert_eq!(window, BatchWindow { operations: 200, bytes: 200 * 200 * 2 });
}

#[test]
fn the_first_request_without_a_measured_round_trip_counts_half_of_its_time_as_one() {
    let mut policy = policy();
    policy.on_delivered(0, FAIR, &delivered(200, 200, 1_600));
    // 800 ms for 10,000 bytes are 4 ms an operation; 3,500 - 800 ms hold 675 of them.
    assert_eq!(size(&mut policy, 0), 675);
}

#[test]
fn later_the_fastest_request_so_far_stands_for_a_round_trip() {
    let mut policy = policy();
    policy.on_delivered(0, FAIR, &delivered(200, 200, 1_600));
    policy.on_delivered(0, FAIR, &delivered(675, 200, 3_000));
    // Between half of the target and the target it grows by ten operations: 33,750 + 10 * 50 bytes.
    assert_eq!(size(&mut policy, 0), 685);
    policy.on_delivered(0, FAIR, &delivered(685, 200, 5_000));
    // 0.08, then (3,000 - 1,600) / 33,750, then (5,000 - 1,600) / 34,250 ms a byte, each new one for half: 0.0800... ms
    // a byte. Of 3,500 - 1,600 ms that is 23,749 bytes, which is more than half of the window.
    assert_eq!(size(&mut policy, 0), 474);
}

#[test]
fn a_request_that_took_about_the_target_adds_ten_operations() {
    for elapsed in [1_750, 1_751, 3_499, 3_500] {
        let mut policy = policy();
        policy.on_delivered(0, FAIR, &delivered(200, 200, elapsed));
        assert_eq!(size(&mut policy, 0), 210, "{elapsed} ms");
    }
}

#[test]
fn a_request_that_took_too_long_shrinks_the_window_to_what_the_target_holds_and_by_half_at_most() {
    let mut slow = policy();
    slow.on_delivered(0, FAIR, &delivered(200, 200, 40_000));
    assert_eq!(size(&mut slow, 0), 100);

    let mut far = policy();
    let request = Delivered { rtt_ms: Some(3_000), ..delivered(200, 200, 3_700) };
    far.on_delivered(0, NetworkQuality::Poor, &request);
    // The round trip alone is beyond the target of 2,000 ms: a quarter of it is given to sending. 700 ms for 200
    // operations are 3.5 ms each, of which 500 ms hold 142.
    assert_eq!(size(&mut far, 0), 142);
}

#[test]
fn what_the_server_needs_is_counted_by_operation_and_the_way_by_byte() {
    let mut policy = policy();
    let first = Delivered { rtt_ms: Some(800), server_ms: Some(400), ..delivered(200, 200, 1_600) };
    policy.on_delivered(0, FAIR, &first);
    // 0.04 ms a byte and 2 ms an operation: 4 ms for each of 50 bytes.
    assert_eq!(size(&mut policy, 0), 675);
    let large = Delivered { rtt_ms: Some(800), server_ms: Some(340), ..delivered(170, 800, 1_600) };
    policy.on_delivered(0, FAIR, &large);
    // Then (1,600 - 800 - 340) / 34,000 ms a byte and 340 / 170 = 2 ms an operation, each for half. An operation of 200
    // bytes on the wire costs (0.04 + 0.01353) / 2 * 200 + 2 = 7.353 ms, and 2,700 ms hold 367 of them.
    assert_eq!(window_of(&mut policy, 0, 800).operations, 367);
}

#[test]
fn a_server_cannot_have_needed_longer_than_the_request_took() {
    let mut policy = policy();
    let first = Delivered { rtt_ms: Some(800), server_ms: Some(1_000), ..delivered(200, 200, 1_600) };
    policy.on_delivered(0, FAIR, &first);
    let large = Delivered { rtt_ms: Some(800), server_ms: Some(800), ..delivered(170, 800, 1_600) };
    policy.on_delivered(0, FAIR, &large);
    // All of the 800 ms were the server's, both times: 4 and 4.706 ms an operation, 4.353 on the mean.
    assert_eq!(window_of(&mut policy, 0, 800).operations, 620);
}

#[test]
fn a_request_that_filled_less_than_half_of_the_window_says_nothing_of_its_size() {
    let (mut less, mut half) = (policy(), policy());
    less.on_delivered(0, FAIR, &delivered(99, 200, 3_000));
    assert_eq!(size(&mut less, 0), 200);
    half.on_delivered(0, FAIR, &delivered(100, 200, 3_000));
    assert_eq!(size(&mut half, 0), 210);
}

#[test]
fn a_request_larger_than_the_window_is_what_growth_starts_from() {
    let mut policy = policy();
    policy.on_delivered(0, FAIR, &delivered(400, 200, 3_000));
    assert_eq!(size(&mut policy, 0), 410);
}

#[test]
fn a_window_grows_at_most_fourfold_at_once_and_never_beyond_64_mebibytes_on_the_wire() {
    let mut policy = policy();
    for expected in [800, 3_200, 12_800, 51_200, 204_800, 819_200, 1_342_177, 1_342_177] {
        let now = size(&mut policy, 0);
        policy.on_delivered(0, FAIR, &Delivered { rtt_ms: Some(9), ..delivered(now, 200, 10) });
        assert_eq!(size(&mut policy, 0), expected);
    }
}

#[test]
fn how_well_operations_compress_is_learned_only_when_both_sizes_are_known() {
    let mut policy = policy();
    for (bytes, wire_bytes) in [(40_000, 0), (0, 10_000), (0, 0)] {
        policy.on_delivered(0, FAIR, &Delivered { operations: 200, bytes, wire_bytes, ..Delivered::default() });
        assert_eq!(size(&mut policy, 0), 200, "{bytes} bytes, {wire_bytes} on the wire");
    }
    policy.on_delivered(
        0,
        FAIR,
        &Delivered { operations: 200, bytes: 40_000, wire_bytes: 20_000, ..Delivered::default() },
    );
    assert_eq!(size(&mut policy, 0), 100, "half of the bytes, so 100 on the wire for each");
}

#[test]
fn trouble_halves_what_was_sent_if_that_was_less_than_the_window() {
    let mut policy = policy();
    policy.on_undelivered(0, &undelivered(8_000));
    assert_eq!(size(&mut policy, 0), 20, "half of the 2,000 bytes on the wire");
    policy.on_undelivered(0, &undelivered(8_000));
    assert_eq!(size(&mut policy, 0), 10, "half of the window, which was smaller");
}

#[test]
fn idleness_moves_the_window_half_of_the_way_back_for_each_period() {
    let grown = || {
        let mut policy = policy();
        policy.on_delivered(0, FAIR, &Delivered { rtt_ms: Some(9), ..delivered(200, 200, 10) });
        policy
    };
    assert_eq!(size(&mut grown(), 60_000), 800, "not before a whole period is over");
    assert_eq!(size(&mut grown(), 120_000), 350, "10,000 + 30,000 / 4 bytes on the wire");
    let mut policy = grown();
    size(&mut policy, 120_000);
    assert_eq!(size(&mut policy, 180_000), 350, "what was forgotten is not forgotten again");
    assert_eq!(size(&mut policy, 240_000), 237, "10,000 + 7,500 / 4");
}

/// Operations so large that not one fits the window: what counts is the least number that is always sent.
fn least(policy: &mut Adaptive, now: i64) -> u32 {
    window_of(policy, now, 1_000_000).operations
}

#[test]
fn after_trouble_large_operations_go_singly_until_the_trouble_is_over() {
    let mut policy = policy();
    assert_eq!(least(&mut policy, 0), 10, "a batch of the usual size to begin with");
    policy.on_undelivered(0, &undelivered(40_000));
    assert_eq!(least(&mut policy, 0), 1);
    // A success that does not bring the window back to where it began.
    policy.on_delivered(0, FAIR, &delivered(100, 200, 3_000));
    assert_eq!((size(&mut policy, 0), least(&mut policy, 0)), (110, 1));
    policy.on_delivered(0, FAIR, &Delivered { rtt_ms: Some(9), ..delivered(110, 200, 10) });
    assert_eq!(least(&mut policy, 0), 10);
}

#[test]
fn a_window_that_is_just_back_where_it_began_is_over_its_trouble() {
    let mut policy = policy();
    policy.on_undelivered(0, &undelivered(40_000));
    // 5,000 bytes on the wire for 10 operations, plus 10 operations more.
    policy.on_delivered(0, FAIR, &delivered(10, 2_000, 3_000));
    assert_eq!((size(&mut policy, 0), least(&mut policy, 0)), (200, 10));
}

#[test]
fn a_long_idleness_ends_trouble_and_a_short_one_does_not() {
    let mut policy = policy();
    policy.on_undelivered(0, &undelivered(4_000));
    assert_eq!(size(&mut policy, 0), 10);
    assert_eq!(least(&mut policy, 61_000), 1, "about half of the way back");
    assert_eq!(least(&mut policy, 61_000 + 10 * 60_000), 10);
}
