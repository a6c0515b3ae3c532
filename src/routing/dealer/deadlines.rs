//! The times of calls under way: one ordered set for the whole realm, no timer per call.

use super::calls::CallPlace;
use std::collections::BTreeSet;
use std::time::Instant;

/// When which call's time is up. Equal times go by the order in which the calls came.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<Deadline>);

/// One call's time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    /// The number of the call among all calls of the realm.
    pub(super) serial: u64,
    pub(super) call: CallPlace,
}

impl Deadlines {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn insert(&mut self, deadline: Deadline) {
        self.0.insert(deadline);
    }

    pub(super) fn remove(&mut self, deadline: Deadline) {
        self.0.remove(&deadline);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|deadline| deadline.at)
    }

    /// The first call whose time is up at `now`.
    pub(super) fn due(&self, now: Instant) -> Option<CallPlace> {
        self.0.first().filter(|deadline| deadline.at <= now).map(|deadline| deadline.call)
    }

    /// The number of the first call whose time is up at `now`.
    pub(super) fn due_serial(&self, now: Instant) -> Option<u64> {
        self.0.first().filter(|deadline| deadline.at <= now).map(|deadline| deadline.serial)
    }
}
