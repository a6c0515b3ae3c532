//! Calls whose input comes in several CALLs: which CALL goes on with which call, and what comes after the end (section 9.6 of
//! the reference, D47, D74).
//!
//! The options of the first CALL hold for all, so what follows from them is kept. Holds no payload.

use super::calls::{CallPlace, Input, State};
use super::Dealer;
use crate::routing::command::Command;
use crate::routing::key::{NumberMap, PerSession, SessionKey};
use crate::routing::Turn;
use crate::wamp::message::{Call, Invocation};
use crate::wamp::options::InvocationDetails;
use crate::wamp::{ErrorUri, RequestId, Uri};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many ended calls of a session are remembered whose last CALL is owed. Beyond it the oldest is forgotten: what still
/// comes of it is a new call.
const OWED_MAX: usize = 100;

/// How long after the last CALL of an ended call the next one is waited for.
const OWED_AGE: Duration = Duration::from_secs(300);

/// A call under way whose input comes in several CALLs.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) procedure: Uri,
    /// Of all its INVOCATIONs, `progress` apart.
    pub(super) details: InvocationDetails,
}

/// A call that has ended while its caller owes the last CALL.
#[derive(Debug)]
struct Owed {
    request: RequestId,
    procedure: Uri,
    seen: Instant,
}

/// The calls with input in several CALLs, under way and ended.
#[derive(Debug, Default)]
pub(super) struct Streams {
    by_call: NumberMap<CallPlace, Stream>,
    /// Per caller, the one seen longest ago first.
    owed: PerSession<VecDeque<Owed>>,
}

impl Streams {
    /// Whether no call under way came in parts.
    pub(super) fn is_empty(&self) -> bool {
        self.by_call.is_empty()
    }

    /// The first CALL has come, and was passed on.
    pub(super) fn begin(&mut self, call: CallPlace, stream: Stream) {
        self.by_call.insert(call, stream);
    }

    pub(super) fn get(&self, call: CallPlace) -> Option<&Stream> {
        self.by_call.get(&call)
    }

    /// The call is over, or goes to another callee.
    pub(super) fn end(&mut self, call: CallPlace) -> Option<Stream> {
        self.by_call.remove(&call)
    }

    /// Whether no caller owes the last CALL of a call that is over.
    pub(super) fn owed_by_nobody(&self) -> bool {
        self.owed.len() == 0
    }

    /// The call is over, and what the caller still says of it is for nobody.
    pub(super) fn owe(&mut self, now: Instant, caller: SessionKey, request: RequestId, procedure: Uri) {
        let owed = self.owed.entry(caller);
        owed.retain(|owed| now.saturating_duration_since(owed.seen) < OWED_AGE);
        if owed.len() >= OWED_MAX {
            owed.pop_front();
        }
        owed.push_back(Owed { request, procedure, seen: now });
    }

    /// Whether this CALL is what the caller still says of a call that is over.
    pub(super) fn discards(
        &mut self,
        now: Instant,
        caller: SessionKey,
        request: RequestId,
        procedure: &Uri,
        progress: bool,
    ) -> bool {
        let Some(owed) = self.owed.get_mut(caller) else { return false };
        owed.retain(|owed| now.saturating_duration_since(owed.seen) < OWED_AGE);
        let of_this = owed.iter().position(|owed| owed.request == request && owed.procedure == *procedure);
        let found = of_this.and_then(|at| owed.remove(at));
        let discards = found.is_some();
        owed.extend(found.filter(|_| progress).map(|found| Owed { seen: now, ..found }));
        if owed.is_empty() {
            self.owed.remove(caller);
        }
        discards
    }

    /// The session is gone.
    pub(super) fn forget(&mut self, session: SessionKey) {
        self.owed.remove(session);
    }

    /// The first rule that does not hold, if any. `parts`: the calls under way that came in parts.
    pub(super) fn broken_invariant(
        &self,
        alive: impl Fn(SessionKey) -> bool,
        parts: impl Iterator<Item = CallPlace>,
    ) -> Option<&'static str> {
        let mut known = 0;
        for call in parts {
            known += 1;
            if !self.by_call.contains_key(&call) {
                return Some("a call that came in parts knows its options");
            }
        }
        if known != self.by_call.len() {
            return Some("the options of a call that came in parts go with it");
        }
        let is_bounded = |owed: &VecDeque<Owed>| !owed.is_empty() && owed.len() <= OWED_MAX;
        if !self.owed.keys().all(|session| self.owed.get(session).is_some_and(is_bounded)) {
            return Some("so many ended calls are remembered and no more");
        }
        self.owed.keys().any(|session| !alive(session)).then_some("a session that is gone owes no CALL")
    }
}

impl Dealer {
    /// Whether this request, which has the id of a call under way, goes on with that call.
    pub(crate) fn goes_on(&self, from: SessionKey, command: &Command) -> bool {
        let Command::Call(call) = command else { return false };
        if let Some(place) = self.calls.by_request(from, call.request) {
            let owed = self.calls.record(place).is_some_and(|record| record.terms.input.is_owed());
            return owed && self.streams.get(place).is_some_and(|stream| stream.procedure == call.procedure);
        }
        self.queues.goes_on(from, call.request, &call.procedure) == Some(true)
    }

    /// Whether the CALL belongs to a call that has ended: it is discarded (D23). Asked before anybody looks for a callee.
    #[inline]
    pub(crate) fn discards(&mut self, turn: &Turn<'_>, from: SessionKey, call: &Call) -> bool {
        let progress = call.options.progress;
        !self.streams.owed_by_nobody()
            && !self.is_active(from, call.request)
            && self.streams.discards(turn.now, from, call.request, &call.procedure, progress)
    }

    /// More input of a call under way: to the same callee, under the same invocation id, with the options of the first CALL.
    ///
    /// It starts the call's time again, as a part of the result does: section 9.7 of the reference makes the time of a call
    /// with partial results one of silence, and a caller that still speaks is not silent.
    pub(super) fn go_on(&mut self, turn: &mut Turn<'_>, place: CallPlace, call: Call) {
        let progress = call.options.progress;
        self.settle_callee(place);
        let Some(record) = self.calls.record_mut(place) else { return };
        record.terms.input = if progress { Input::More } else { Input::Complete };
        if record.state == State::Killing {
            // The callee was told to stop.
            return;
        }
        let (callee, request, registration) = (record.terms.callee, record.invocation, record.terms.registration);
        let Some(stream) = self.streams.get(place) else { return };
        let details = InvocationDetails { progress, ..stream.details.clone() };
        self.calls.restart_timer(turn.now, place);
        turn.effects.send(callee, Invocation { request, registration, details, payload: call.payload });
    }

    /// More input of a call that waits for a callee.
    pub(super) fn go_on_waiting(&mut self, turn: &mut Turn<'_>, from: SessionKey, call: &Call) {
        let progress = call.options.progress;
        if self.queues.append(from, call.request, progress, &call.payload) {
            return;
        }
        let Some(queued) = self.queues.take_request(from, call.request) else { return };
        let caller_owes = progress.then(|| queued.wish.procedure.clone());
        self.answer_queued(turn, &queued, ErrorUri::NO_AVAILABLE_CALLEE, "the queue of the registration is full");
        if let Some(procedure) = caller_owes {
            self.streams.owe(turn.now, from, call.request, procedure);
        }
    }
}
