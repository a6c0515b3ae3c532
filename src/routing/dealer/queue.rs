//! Calls that wait for a callee: every one that could serve them is at the `concurrency` that it registered with.
//!
//! A queue belongs to a registration and is left in order. A call in it is under way for its caller, and known to no callee.
//! Bounded in number and octets per registration, and in octets per realm.

use super::calls::CallPlace;
use super::deadlines::{Deadline, Deadlines};
use super::invoke::Wish;
use crate::routing::key::SessionKey;
use crate::wamp::{Payload, RegistrationId, RequestId, Uri};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// The most octets of the calls that wait for one registration.
const OCTETS_MAX: usize = 4 << 20;

/// The most octets of all calls of a realm that wait.
const REALM_OCTETS_MAX: usize = 64 << 20;

/// What a call that waits takes beside its payload, about.
const OVERHEAD: usize = 512;

/// A call that waits.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) registration: RegistrationId,
    pub(super) wish: Wish,
    /// What came after the first CALL of a progressive call: whether more follows, and the input.
    pub(super) more: Vec<(bool, Payload)>,
    octets: usize,
    deadline: Option<Deadline>,
}

impl Queued {
    /// Whether the caller owes the last CALL.
    pub(super) fn owes(&self) -> bool {
        self.more.last().map_or(self.wish.options.progress, |(progress, _)| *progress)
    }
}

/// The calls that wait for one registration, in order.
#[derive(Debug, Default)]
struct Queue {
    serials: BTreeSet<u64>,
    octets: usize,
}

/// All calls of a realm that wait.
#[derive(Debug, Default)]
pub(super) struct Queues {
    /// By the order in which they came.
    calls: BTreeMap<u64, Queued>,
    by_caller: BTreeMap<SessionKey, BTreeMap<RequestId, u64>>,
    by_registration: BTreeMap<RegistrationId, Queue>,
    deadlines: Deadlines,
    octets: usize,
    serial: u64,
}

impl Queues {
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// How many calls of the session wait.
    pub(super) fn pending(&self, caller: SessionKey) -> usize {
        self.by_caller.get(&caller).map_or(0, BTreeMap::len)
    }

    /// Whether a call of the session with this id waits.
    pub(super) fn has(&self, caller: SessionKey, request: RequestId) -> bool {
        self.serial_of(caller, request).is_some()
    }

    /// Whether calls wait for this registration.
    pub(super) fn holds(&self, registration: RegistrationId) -> bool {
        self.by_registration.contains_key(&registration)
    }

    /// The registrations that calls wait for.
    pub(super) fn registrations(&self) -> impl Iterator<Item = RegistrationId> + '_ {
        self.by_registration.keys().copied()
    }

    /// Lets a call wait until `until`, if that is given. `false`: the queue has `calls_max` calls, or too many octets.
    pub(super) fn push(
        &mut self,
        registration: RegistrationId,
        wish: &Wish,
        until: Option<Instant>,
        calls_max: usize,
    ) -> bool {
        let octets = wish.octets() + OVERHEAD;
        let (calls, queued) =
            self.by_registration.get(&registration).map_or((0, 0), |queue| (queue.serials.len(), queue.octets));
        if calls >= calls_max || queued + octets > OCTETS_MAX || self.octets + octets > REALM_OCTETS_MAX {
            return false;
        }
        self.serial += 1;
        let serial = self.serial;
        // The deadlines name calls by number; these have none but the order in which they came.
        let deadline = until.map(|at| Deadline { at, serial, call: CallPlace::MAX });
        deadline.into_iter().for_each(|deadline| self.deadlines.insert(deadline));
        self.by_caller.entry(wish.caller).or_default().insert(wish.request, serial);
        let queue = self.by_registration.entry(registration).or_default();
        queue.serials.insert(serial);
        queue.octets += octets;
        self.octets += octets;
        // It may wait for long, and must keep no frame.
        let wish = wish.detached();
        self.calls.insert(serial, Queued { registration, wish, more: Vec::new(), octets, deadline });
        true
    }

    /// More input of a call that waits. `false`: there is no room for it.
    pub(super) fn append(&mut self, caller: SessionKey, request: RequestId, progress: bool, payload: &Payload) -> bool {
        let Some(queued) = self.serial_of(caller, request).and_then(|serial| self.calls.get_mut(&serial)) else {
            return false;
        };
        let octets = payload.len() + OVERHEAD;
        let Some(queue) = self.by_registration.get_mut(&queued.registration) else { return false };
        if queue.octets + octets > OCTETS_MAX || self.octets + octets > REALM_OCTETS_MAX {
            return false;
        }
        queue.octets += octets;
        self.octets += octets;
        queued.octets += octets;
        queued.more.push((progress, payload.detached()));
        true
    }

    /// Whether this procedure is called by the session's call of this id, and more of it is owed; `None`: no such call waits.
    pub(super) fn goes_on(&self, caller: SessionKey, request: RequestId, procedure: &Uri) -> Option<bool> {
        let queued = self.calls.get(&self.serial_of(caller, request)?)?;
        Some(queued.owes() && queued.wish.procedure == *procedure)
    }

    /// Takes out the first call that waits for the registration.
    pub(super) fn pop(&mut self, registration: RegistrationId) -> Option<Queued> {
        let serial = self.by_registration.get(&registration)?.serials.first().copied()?;
        self.take(serial)
    }

    /// Takes out the session's call with this id.
    pub(super) fn take_request(&mut self, caller: SessionKey, request: RequestId) -> Option<Queued> {
        let serial = self.serial_of(caller, request)?;
        self.take(serial)
    }

    /// Takes out a call whose time is up.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Queued> {
        let serial = self.deadlines.due_serial(now)?;
        self.take(serial)
    }

    /// Takes out all calls of a session that is gone.
    pub(super) fn forget(&mut self, caller: SessionKey) {
        let own = self.by_caller.get(&caller).cloned().unwrap_or_default();
        for serial in own.into_values() {
            self.take(serial);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    fn serial_of(&self, caller: SessionKey, request: RequestId) -> Option<u64> {
        self.by_caller.get(&caller)?.get(&request).copied()
    }

    fn take(&mut self, serial: u64) -> Option<Queued> {
        let queued = self.calls.remove(&serial)?;
        self.octets -= queued.octets;
        queued.deadline.into_iter().for_each(|deadline| self.deadlines.remove(deadline));
        if let Some(own) = self.by_caller.get_mut(&queued.wish.caller) {
            own.remove(&queued.wish.request);
            if own.is_empty() {
                self.by_caller.remove(&queued.wish.caller);
            }
        }
        if let Some(queue) = self.by_registration.get_mut(&queued.registration) {
            queue.serials.remove(&serial);
            queue.octets -= queued.octets;
            if queue.serials.is_empty() {
                self.by_registration.remove(&queued.registration);
            }
        }
        Some(queued)
    }

    /// The first rule that does not hold, if any. `registered`: whether there is a registration with this id.
    pub(super) fn broken_invariant(
        &self,
        alive: impl Fn(SessionKey) -> bool,
        registered: impl Fn(RegistrationId) -> bool,
    ) -> Option<&'static str> {
        let by_caller: usize = self.by_caller.values().map(BTreeMap::len).sum();
        let by_registration: usize = self.by_registration.values().map(|queue| queue.serials.len()).sum();
        if by_caller != self.calls.len() || by_registration != self.calls.len() {
            return Some("a call that waits is found by its caller and its registration");
        }
        let octets: usize = self.calls.values().map(|queued| queued.octets).sum();
        if octets != self.octets || octets != self.by_registration.values().map(|queue| queue.octets).sum::<usize>() {
            return Some("the octets of calls that wait are counted");
        }
        if self.calls.values().filter(|queued| queued.deadline.is_some()).count() != self.deadlines.len() {
            return Some("each time belongs to a call that waits");
        }
        if !self.by_registration.keys().all(|id| registered(*id)) {
            return Some("calls wait for registrations that are there");
        }
        (!self.by_caller.keys().all(|session| alive(*session))).then_some("a session that is gone has no calls waiting")
    }
}

/// How many calls each callee with a `concurrency` serves. An entry is never 0.
#[derive(Debug, Default)]
pub(super) struct Loads(BTreeMap<u64, u64>);

impl Loads {
    /// Of the callee with this number in the order of registration.
    pub(super) fn of(&self, number: u64) -> u64 {
        self.0.get(&number).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, number: u64) {
        *self.0.entry(number).or_insert(0) += 1;
    }

    pub(super) fn take(&mut self, number: u64) {
        if let Some(load) = self.0.get_mut(&number) {
            *load -= 1;
            if *load == 0 {
                self.0.remove(&number);
            }
        }
    }

    /// The calls counted, in all; `None` if a callee without any is remembered.
    pub(super) fn sum(&self) -> Option<u64> {
        self.0.values().all(|load| *load > 0).then(|| self.0.values().sum())
    }
}
