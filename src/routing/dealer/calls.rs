//! Calls under way: the only memory of a call between CALL and its end.
//!
//! A call is found by (caller, request) and by (callee, invocation), each in that session's own table, so nobody can answer
//! or cancel for somebody else (P2). It goes from all tables at once, in [`Calls::end`]. Holds no payload.
//!
//! ```text
//! Active --CANCEL kill, callee takes INTERRUPT--> Killing
//! Active, Killing --final answer, CANCEL, timer, a session's end--> gone
//! ```

use super::deadlines::{Deadline, Deadlines};
use crate::routing::key::{Map, NumberMap, PerSession, SessionKey};
use crate::wamp::{InvocationId, RequestId};
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

/// One call under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallRecord {
    pub(super) caller: SessionKey,
    pub(super) request: RequestId,
    pub(super) callee: SessionKey,
    pub(super) invocation: InvocationId,
    pub(super) state: State,
    /// Progressive results were asked of the callee.
    pub(super) progressive: bool,
    /// The callee takes INTERRUPT.
    pub(super) interruptible: bool,
    /// The time it may take, or, if progressive, the time between two results.
    period: Option<Duration>,
    deadline: Option<Deadline>,
}

/// What a call under way starts with.
pub(super) struct NewCall {
    pub(super) caller: SessionKey,
    pub(super) request: RequestId,
    pub(super) callee: SessionKey,
    pub(super) progressive: bool,
    pub(super) interruptible: bool,
    pub(super) period: Option<Duration>,
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

    /// Notes a call and gives its invocation the callee's next id.
    #[inline]
    pub(super) fn start(&mut self, now: Instant, new: NewCall) -> InvocationId {
        let NewCall { caller, request, callee, progressive, interruptible, period } = new;
        // Calls under way are limited per session, far below 2^32 in all.
        let place = self.records.vacant_key() as CallPlace;
        let peer = self.peers.entry(callee);
        let invocation = peer.last_issued.map_or(InvocationId::FIRST, InvocationId::next);
        peer.last_issued = Some(invocation);
        peer.place_by_invocation.insert(invocation, place);
        self.peers.entry(caller).place_by_request.insert(request, place);
        self.serial += 1;
        // A time beyond what the clock can tell never comes.
        let at = period.and_then(|period| now.checked_add(period));
        let deadline = at.map(|at| Deadline { at, serial: self.serial, call: place });
        deadline.into_iter().for_each(|deadline| self.deadlines.insert(deadline));
        let state = State::Active;
        let record =
            CallRecord { caller, request, callee, invocation, state, progressive, interruptible, period, deadline };
        self.records.insert(record);
        invocation
    }

    /// The callee is told to stop and its answer waited for.
    pub(super) fn set_killing(&mut self, place: CallPlace) {
        if let Some(record) = self.records.get_mut(place as usize) {
            record.state = State::Killing;
        }
    }

    /// A progressive result came: the time starts again (R76).
    pub(super) fn restart_timer(&mut self, now: Instant, place: CallPlace) {
        let Some(record) = self.records.get_mut(place as usize) else { return };
        let Some(deadline) = &mut record.deadline else { return };
        self.deadlines.remove(*deadline);
        // Where the clock cannot tell the new time, the former one was the last that it could.
        deadline.at = record.period.and_then(|period| now.checked_add(period)).unwrap_or(deadline.at);
        self.deadlines.insert(*deadline);
    }

    /// Takes a call out of every table.
    #[inline]
    pub(super) fn end(&mut self, place: CallPlace) -> Option<CallRecord> {
        let record = self.records.try_remove(place as usize)?;
        if let Some(peer) = self.peers.get_mut(record.caller) {
            peer.place_by_request.remove(&record.request);
        }
        if let Some(peer) = self.peers.get_mut(record.callee) {
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

    /// Ends all calls that the session serves or waits for. Gives back those that it served, by invocation, and those that
    /// only others served for it, by request.
    pub(super) fn forget(&mut self, session: SessionKey) -> (Vec<CallRecord>, Vec<CallRecord>) {
        let Some(peer) = self.peers.get_mut(session) else { return (Vec::new(), Vec::new()) };
        let mut served: Vec<_> = peer.place_by_invocation.drain().collect();
        let mut issued: Vec<_> = peer.place_by_request.drain().collect();
        // The maps give them in any order; what is told to others has one.
        served.sort_unstable();
        issued.sort_unstable();
        let served = served.into_iter().filter_map(|(_, place)| self.end(place)).collect();
        let issued = issued.into_iter().filter_map(|(_, place)| self.end(place)).collect();
        self.peers.remove(session);
        (served, issued)
    }

    /// The first thing that does not hold between the tables, if any.
    pub(super) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        let mut timed = 0;
        for (place, record) in &self.records {
            let place = place as CallPlace;
            timed += usize::from(record.deadline.is_some());
            if !alive(record.caller) || !alive(record.callee) {
                return Some("caller and callee of a call are sessions that are there");
            }
            if self.by_request(record.caller, record.request) != Some(place)
                || self.by_invocation(record.callee, record.invocation) != Answered::Open(place)
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
