//! How many requests were answered, with which status and how fast: counted at the edge, read at a scrape.
//!
//! Labels are the listener's name, a pattern of the path and the status, all of them ours and few.
//! Source: section 17 of the HTTP design.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
#[expect(
    clippy::disallowed_types,
    reason = "one for each thread that counts; only a scrape locks those of others"
)]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

/// The upper ends of the times that are told apart, in seconds.
pub(super) const BOUNDS_S: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// The requests of one endpoint by time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Times {
    pub(super) count: u64,
    pub(super) sum_s: f64,
    /// Not cumulative; the last one is for all that took longer.
    pub(super) by_bound: [u64; BOUNDS_S.len() + 1],
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// By listener, endpoint and status.
    pub(super) requests: BTreeMap<(Arc<str>, &'static str, u16), u64>,
    pub(super) times: BTreeMap<&'static str, Times>,
}

impl Counts {
    fn add(&mut self, of: &Self) {
        for (key, requests) in &of.requests {
            *self.requests.entry(key.clone()).or_default() += requests;
        }
        for (endpoint, of) in &of.times {
            let times = self.times.entry(endpoint).or_default();
            times.count += of.count;
            times.sum_s += of.sum_s;
            times.by_bound.iter_mut().zip(of.by_bound).for_each(|(sum, of)| *sum += of);
        }
    }
}

/// As many threads count without meeting each other; further ones share.
const SHARES: usize = 64;

/// The requests of a node, in shares of which each thread of each listener has one.
#[derive(Clone, Debug)]
#[expect(clippy::disallowed_types, reason = "as above")]
pub(super) struct ServedRequests {
    shares: Arc<[Mutex<Counts>]>,
    next: Arc<AtomicUsize>,
    mine: usize,
}

impl Default for ServedRequests {
    fn default() -> Self {
        Self { shares: (0..SHARES).map(|_| Default::default()).collect(), next: Arc::default(), mine: 0 }
    }
}

impl ServedRequests {
    /// The same requests, counted by somebody else: on another thread, or behind another listener.
    pub(super) fn another(&self) -> Self {
        Self { mine: self.next.fetch_add(1, Ordering::Relaxed) % SHARES, ..self.clone() }
    }

    /// One more.
    pub(super) fn note(&self, listener: &Arc<str>, endpoint: &'static str, status: u16, time: Duration) {
        let Some(mut counts) = self.shares.get(self.mine).map(lock) else { return };
        *counts.requests.entry((Arc::clone(listener), endpoint, status)).or_default() += 1;
        let times = counts.times.entry(endpoint).or_default();
        let seconds = time.as_secs_f64();
        times.count += 1;
        times.sum_s += seconds;
        let bound = BOUNDS_S.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS_S.len());
        times.by_bound[bound] += 1;
    }

    /// What was counted.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.shares.iter().for_each(|share| counts.add(&lock(share)));
        counts
    }
}

#[expect(clippy::disallowed_types, reason = "as above")]
fn lock(share: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    share.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_endpoint_and_status_and_their_times_by_bounds_whoever_counts() {
        let (served, main) = (ServedRequests::default(), Arc::from("main"));
        served.note(&main, "call", 200, Duration::from_millis(1));
        served.another().note(&main, "call", 200, Duration::from_millis(2));
        served.another().note(&main, "call", 404, Duration::from_secs(11));
        let counts = served.counts();
        let requests: Vec<_> = counts.requests.iter().map(|((_, of, status), count)| (*of, *status, *count)).collect();
        assert_eq!(requests, [("call", 200, 2), ("call", 404, 1)]);
        let times = counts.times["call"];
        assert_eq!((times.count, times.by_bound), (3, [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert!((times.sum_s - 11.003).abs() < 1e-9);
    }
}
