//! Calls under way: the only memory of a call between CALL and its end.
//!
//! A call is found by (caller, request) and by (callee, invocation), each in that session's own table, so nobody can answer
//! or cancel for somebody else (P2). It goes from all tables at once, in [`Calls::end`]. Holds no payload; what few calls need
//! is in tables of its own ([`Stream`](super::progressive::Stream), [`Kept`](super::reroute::Kept)), which the record tells of.
//!
//! ```text
//! Active --CANCEL kill, callee takes INTERRUPT--> Killing
//! Active, Killing --final answer, CANCEL, timer, a session's end--> gone
//! ```

use super::deadlines::{Deadline, Deadlines};
use crate::routing::key::{Map, NumberMap, PerSession, SessionKey};
use crate::wamp::{InvocationId, RegistrationId, RequestId};
use slab::Slab;
use std::time::{Duration, Instant};

/// The place of a call in its table.
pub(super) type CallPlace = u32;

/// Whether the callee was told to stop and its answer is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Nothing was said.
    Active,
    /// INTERRUPT `kill` went to the callee; its answer decides (D9).
    Killing,
}

/// How much of a call's input the callee has (section 9.6 of the reference).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Input {
    /// All: it came in one CALL.
    Whole,
    /// The first part; the caller owes more.
    First,
    /// Several parts; the caller owes more.
    More,
    /// All: it came in several CALLs.
    Complete,
}

impl Input {
    /// Whether the caller has not sent its last CALL.
    pub(super) fn is_owed(self) -> bool {
        match self {
            Self::First | Self::More => true,
            Self::Whole | Self::Complete => false,
        }
    }

    /// Whether the callee has one INVOCATION only: all that was said could be said to another one.
    pub(super) fn is_one_message(self) -> bool {
        match self {
            Self::Whole | Self::First => true,
            Self::More | Self::Complete => false,
        }
    }
}

/// What becomes of the callee's `wamp.error.unavailable` (section 9.3 of the reference).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reroute {
    /// It is an error like any other.
    No,
    /// There was no other callee when the call was made.
    Alone,
    /// The call is kept for another callee.
    Kept,
    /// There was no room to keep the call.
    NoRoom,
}

/// What a call under way starts with.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Terms {
    pub(super) caller: SessionKey,
    pub(super) request: RequestId,
    pub(super) callee: SessionKey,
    pub(super) registration: RegistrationId,
    /// The callee's number in the order of registration.
    pub(super) number: u64,
    /// Progressive results were asked of the callee.
    pub(super) progressive: bool,
    /// The callee takes INTERRUPT.
    pub(super) interruptible: bool,
    /// The caller asked to be named.
    pub(super) disclose_me: bool,
    /// It counts for the callee's `concurrency`.
    pub(super) limited: bool,
    pub(super) input: Input,
    pub(super) reroute: Reroute,
    /// CALL.Options.timeout.
    pub(super) timeout_ms: Option<u64>,
    /// The time it may take, or, if progressive, the time between two parts.
    pub(super) period: Option<Duration>,
}

/// One call under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallRecord {
    pub(super) terms: Terms,
    pub(super) invocation: InvocationId,
    pub(super) state: State,
    /// The caller has a part of the result.
    pub(super) delivered: bool,
    /// There is an entry for it among what is kept for other callees.
    pub(super) kept: bool,
    deadline: Option<Deadline>,
}

impl CallRecord {
    /// When its time began to run; `now` if nobody keeps it.
    pub(super) fn since(&self, now: Instant) -> Instant {
        let began = self.deadline.zip(self.terms.period);
        began.and_then(|(deadline, period)| deadline.at.checked_sub(period)).unwrap_or(now)
    }
}

/// What an invocation id is to the callee that names it (D4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answered {
    /// It is under way.
    Open(CallPlace),
    /// It was this callee's, and has ended.
    Late,
    /// It was never issued to this callee.
    NeverIssued,
}

/// What one session has under way.
#[derive(Debug, Default)]
struct Peer {
    /// As caller. The keys are the peer's choice.
    place_by_request: Map<RequestId, CallPlace>,
    /// As callee. The keys are counted by the router.
    place_by_invocation: NumberMap<InvocationId, CallPlace>,
    last_issued: Option<InvocationId>,
}

/// All calls under way in one realm.
#[derive(Debug, Default)]
pub(super) struct Calls {
    records: Slab<CallRecord>,
    peers: PerSession<Peer>,
    deadlines: Deadlines,
    /// Calls started so far.
    serial: u64,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many calls the session waits for.
    pub(super) fn pending(&self, caller: SessionKey) -> usize {
        self.peers.get(caller).map_or(0, |peer| peer.place_by_request.len())
    }

    /// How many calls the session serves.
    pub(super) fn open(&self, callee: SessionKey) -> usize {
        self.peers.get(callee).map_or(0, |peer| peer.place_by_invocation.len())
    }

    pub(super) fn record(&self, place: CallPlace) -> Option<&CallRecord> {
        self.records.get(place as usize)
    }

    /// The caller's call with this request id.
    #[inline]
    pub(super) fn by_request(&self, caller: SessionKey, request: RequestId) -> Option<CallPlace> {
        let own = &self.peers.get(caller)?.place_by_request;
        if own.is_empty() {
            return None;
        }
        own.get(&request).copied()
    }

    /// What the callee means by this invocation id.
    #[inline]
    pub(super) fn by_invocation(&self, callee: SessionKey, invocation: InvocationId) -> Answered {
        let Some(peer) = self.peers.get(callee) else { return Answered::NeverIssued };
        match peer.place_by_invocation.get(&invocation) {
            Some(place) => Answered::Open(*place),
            None if peer.last_issued.is_some_and(|last| invocation <= last) => Answered::Late,
            None => Answered::NeverIssued,
        }
    }

    /// Notes a call and gives its invocation the callee's next id. Its time runs from `since`.
    #[inline]
    pub(super) fn start(&mut self, since: Instant, terms: Terms) -> (CallPlace, InvocationId) {
        // Calls under way are limited per session, far below 2^32 in all.
        let place = self.records.vacant_key() as CallPlace;
        let peer = self.peers.entry(terms.callee);
        let invocation = peer.last_issued.map_or(InvocationId::FIRST, InvocationId::next);
        peer.last_issued = Some(invocation);
        peer.place_by_invocation.insert(invocation, place);
        self.peers.entry(terms.caller).place_by_request.insert(terms.request, place);
        self.serial += 1;
        // A time beyond what the clock can tell never comes.
        let at = terms.period.and_then(|period| since.checked_add(period));
        let deadline = at.map(|at| Deadline { at, serial: self.serial, call: place });
        deadline.into_iter().for_each(|deadline| self.deadlines.insert(deadline));
        let (state, delivered, kept) = (State::Active, false, false);
        self.records.insert(CallRecord { terms, invocation, state, delivered, kept, deadline });
        (place, invocation)
    }

    /// The call, to be changed. What it is found by must stay.
    pub(super) fn record_mut(&mut self, place: CallPlace) -> Option<&mut CallRecord> {
        self.records.get_mut(place as usize)
    }

    /// A part of the result or of the input came: the time starts again (R76).
    pub(super) fn restart_timer(&mut self, now: Instant, place: CallPlace) {
        let Some(record) = self.records.get_mut(place as usize) else { return };
        let Some(deadline) = &mut record.deadline else { return };
        self.deadlines.remove(*deadline);
        // Where the clock cannot tell the new time, the former one was the last that it could.
        deadline.at = record.terms.period.and_then(|period| now.checked_add(period)).unwrap_or(deadline.at);
        self.deadlines.insert(*deadline);
    }

    /// Takes a call out of every table.
    #[inline]
    pub(super) fn end(&mut self, place: CallPlace) -> Option<CallRecord> {
        let record = self.records.try_remove(place as usize)?;
        if let Some(peer) = self.peers.get_mut(record.terms.caller) {
            peer.place_by_request.remove(&record.terms.request);
        }
        if let Some(peer) = self.peers.get_mut(record.terms.callee) {
            peer.place_by_invocation.remove(&record.invocation);
        }
        record.deadline.into_iter().for_each(|deadline| self.deadlines.remove(deadline));
        Some(record)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// A call whose time is up.
    pub(super) fn due(&self, now: Instant) -> Option<CallPlace> {
        self.deadlines.due(now)
    }

    /// The calls that the session serves, by invocation, and those that it waits for, by request.
    pub(super) fn of(&self, session: SessionKey) -> (Vec<CallPlace>, Vec<CallPlace>) {
        let Some(peer) = self.peers.get(session) else { return (Vec::new(), Vec::new()) };
        let mut served: Vec<_> = peer.place_by_invocation.iter().map(|(id, place)| (*id, *place)).collect();
        let mut issued: Vec<_> = peer.place_by_request.iter().map(|(id, place)| (*id, *place)).collect();
        // The maps give them in any order; what is told to others has one.
        served.sort_unstable();
        issued.sort_unstable();
        (served.into_iter().map(|(_, place)| place).collect(), issued.into_iter().map(|(_, place)| place).collect())
    }

    /// Drops what is left of a session whose calls have been ended.
    pub(super) fn forget(&mut self, session: SessionKey) {
        self.peers.remove(session);
    }

    /// All calls, for those who check what is kept about some of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (CallPlace, &CallRecord)> + '_ {
        self.records.iter().map(|(place, record)| (place as CallPlace, record))
    }

    /// The first thing that does not hold between the tables, if any.
    pub(super) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        let mut timed = 0;
        for (place, record) in &self.records {
            let place = place as CallPlace;
            timed += usize::from(record.deadline.is_some());
            if !alive(record.terms.caller) || !alive(record.terms.callee) {
                return Some("caller and callee of a call are sessions that are there");
            }
            if self.by_request(record.terms.caller, record.terms.request) != Some(place)
                || self.by_invocation(record.terms.callee, record.invocation) != Answered::Open(place)
            {
                return Some("a call is found by its request and by its invocation");
            }
        }
        if timed != self.deadlines.len() {
            return Some("each time belongs to a call");
        }
        let (pending, open) =
            self.peers.keys().fold((0, 0), |(pending, open), key| (pending + self.pending(key), open + self.open(key)));
        if pending != self.records.len() || open != self.records.len() {
            return Some("each entry of a session is a call");
        }
        self.peers.keys().any(|session| !alive(session)).then_some("a session that is gone has no calls")
    }
}
