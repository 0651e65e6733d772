//! Client-side pacing: so many requests in a window, whatever goes wrong above. Pure: the time comes in.

use std::collections::VecDeque;

/// Allows a number of requests in a sliding window.
#[derive(Debug, Clone)]
pub(crate) struct Pacer {
    max_requests: usize,
    window_ms: u64,
    sent_at: VecDeque<u64>,
}

impl Pacer {
    pub(crate) fn new(max_requests: u32, window_ms: u64) -> Self {
        Self { max_requests: max_requests.max(1) as usize, window_ms, sent_at: VecDeque::new() }
    }

    /// Takes a place for one request; gives how long to wait for it, milliseconds.
    pub(crate) fn take(&mut self, now_ms: u64) -> u64 {
        while self.sent_at.front().is_some_and(|at| at.saturating_add(self.window_ms) <= now_ms) {
            self.sent_at.pop_front();
        }
        let wait = if self.sent_at.len() < self.max_requests {
            0
        } else {
            let first = self.sent_at[self.sent_at.len() - self.max_requests];
            first.saturating_add(self.window_ms).saturating_sub(now_ms)
        };
        self.sent_at.push_back(now_ms + wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_makes_the_next_request_wait_until_the_first_leaves_it() {
        let mut pacer = Pacer::new(2, 1_000);
        let waits: Vec<u64> = [0, 100, 200, 300, 2_500].into_iter().map(|now| pacer.take(now)).collect();
        assert_eq!(waits, [0, 0, 800, 800, 0]);
    }

    #[test]
    fn no_window_ever_holds_more_than_allowed() {
        let mut pacer = Pacer::new(5, 100);
        let mut times: Vec<u64> = (0..200u64).map(|i| i * 3 + pacer.take(i * 3)).collect();
        times.sort_unstable();
        for window in times.windows(6) {
            assert!(window[5] - window[0] >= 100, "{window:?}");
        }
    }
}
