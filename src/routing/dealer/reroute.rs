//! Calls that go on to another callee: what is kept for that, and the step itself (section 9.3 of the reference, D65).
//!
//! A call goes on if its callee answers `wamp.error.unavailable` and has announced `call_reroute`, or if its INVOCATION could
//! not be handed over. Each callee is tried at most once per call, and the caller hears of none but the last. Payloads are
//! kept for the first case only, and only within a bound; in the second the INVOCATION comes back.

use super::calls::{Answered, CallPlace, CallRecord, Reroute, State};
use super::invoke::Wish;
use super::{interrupt, Dealer};
use crate::routing::key::{NumberMap, SessionKey};
use crate::routing::Turn;
use crate::wamp::message::{Error, Invocation};
use crate::wamp::options::CallOptions;
use crate::wamp::{CancelMode, ErrorUri, InvocationId, MessageKind, Uri};
use smallvec::SmallVec;

/// The most octets of calls that a realm keeps for other callees. Beyond it a callee's error goes to the caller as it is.
const KEPT_OCTETS_MAX: usize = 16 << 20;

/// What a kept call takes beside its payload and procedure, about.
const KEPT_OVERHEAD: usize = 256;

/// The callees that had a call and gave it back.
pub(super) type Tried = SmallVec<[SessionKey; 2]>;

/// What is remembered of a call for its next callee.
#[derive(Debug, Default)]
pub(super) struct Kept {
    tried: Tried,
    wish: Option<Box<Wish>>,
}

impl Kept {
    fn octets(&self) -> usize {
        self.wish.as_ref().map_or(0, |wish| wish.octets() + KEPT_OVERHEAD)
    }
}

/// All that is kept for other callees.
#[derive(Debug, Default)]
pub(super) struct Keep {
    by_call: NumberMap<CallPlace, Kept>,
    octets: usize,
}

impl Keep {
    /// Whether a call of so many octets can be kept.
    pub(super) fn has_room(&self, octets: usize) -> bool {
        self.octets + octets + KEPT_OVERHEAD <= KEPT_OCTETS_MAX
    }

    pub(super) fn insert(&mut self, call: CallPlace, tried: Tried, wish: Option<Box<Wish>>) {
        let kept = Kept { tried, wish };
        self.octets += kept.octets();
        self.by_call.insert(call, kept);
    }

    /// The call has ended.
    pub(super) fn remove(&mut self, call: CallPlace) -> Option<Kept> {
        let kept = self.by_call.remove(&call)?;
        self.octets -= kept.octets();
        Some(kept)
    }

    /// The call cannot go on to another callee any more.
    pub(super) fn drop_wish(&mut self, call: CallPlace) {
        if let Some(kept) = self.by_call.get_mut(&call) {
            self.octets -= kept.octets();
            kept.wish = None;
        }
    }

    /// The first rule that does not hold, if any.
    pub(super) fn broken_invariant<'a>(
        &self,
        calls: impl Iterator<Item = (CallPlace, &'a CallRecord)>,
    ) -> Option<&'static str> {
        let mut known = 0;
        for (place, call) in calls.filter(|(_, call)| call.kept) {
            known += 1;
            let Some(kept) = self.by_call.get(&place) else { return Some("what is kept of a call is there") };
            if kept.wish.is_some() != (call.terms.reroute == Reroute::Kept) {
                return Some("a call is kept as long as it can go to another callee");
            }
        }
        let octets: usize = self.by_call.keys().filter_map(|place| self.by_call.get(place)).map(Kept::octets).sum();
        if octets != self.octets || octets > KEPT_OCTETS_MAX {
            return Some("the octets of kept calls are counted, and bounded");
        }
        (known != self.by_call.len()).then_some("what is kept of a call goes with it")
    }
}

impl Dealer {
    /// From now on the call stays with its callee: it has given a part of the result, or has got more of the input.
    pub(super) fn settle_callee(&mut self, place: CallPlace) {
        let Some(call) = self.calls.record_mut(place) else { return };
        if std::mem::replace(&mut call.terms.reroute, Reroute::No) == Reroute::Kept {
            self.keep.drop_wish(place);
        }
    }

    /// The callee says that it is not available, and the call goes on to another one. `false`: that is an error like any other.
    pub(super) fn goes_on_elsewhere(&mut self, turn: &mut Turn<'_>, place: CallPlace) -> bool {
        let Some(call) = self.calls.record(place) else { return false };
        if call.state == State::Killing {
            return false;
        }
        match call.terms.reroute {
            Reroute::No => false,
            Reroute::NoRoom => {
                self.reroutes_without_room += 1;
                false
            }
            Reroute::Alone => {
                let text = "the only callee is not available";
                self.fail(turn, place, ErrorUri::NO_AVAILABLE_CALLEE, text);
                true
            }
            Reroute::Kept => {
                self.go_on_elsewhere(turn, place, None, ErrorUri::NO_AVAILABLE_CALLEE);
                true
            }
        }
    }

    /// An INVOCATION could not be handed to its callee. If it is `given` back, another callee is asked as if this one were not
    /// there; if there is none, the caller gets `error`, and the call ends.
    pub(crate) fn undeliverable(
        &mut self,
        turn: &mut Turn<'_>,
        callee: SessionKey,
        invocation: InvocationId,
        given: Option<Box<Invocation>>,
        error: ErrorUri,
    ) {
        let Answered::Open(place) = self.calls.by_invocation(callee, invocation) else { return };
        let Some(call) = self.calls.record(place).copied() else { return };
        let whole = call.terms.input.is_one_message();
        match given.filter(|_| whole && call.state == State::Active && !call.delivered) {
            Some(given) => self.go_on_elsewhere(turn, place, Some(given), error),
            None => {
                self.fail(turn, place, error, UNDELIVERABLE);
                if !whole {
                    // It has the input so far, and waits for more.
                    interrupt(turn.effects, &call, CancelMode::KillNoWait);
                }
            }
        }
        self.pump(turn);
    }

    /// Takes the call from its callee and gives it to the next. `error`: what the caller gets if there is none.
    fn go_on_elsewhere(
        &mut self,
        turn: &mut Turn<'_>,
        place: CallPlace,
        given: Option<Box<Invocation>>,
        error: ErrorUri,
    ) {
        let kept = self.keep.remove(place).unwrap_or_default();
        let Some(mut call) = self.calls.record(place).copied() else { return };
        let registration = self.registrations.by_id(call.terms.registration);
        let wish = match given {
            Some(given) => registration.map(|record| as_wished(turn, &call, *given, record.procedure())),
            None => kept.wish.map(|wish| *wish),
        };
        let stream = self.streams.end(place);
        self.calls.end(place);
        call.kept = false;
        self.free(turn, &call);
        let Some(wish) = wish else {
            self.answer_failed(turn, &call, error, "no other callee can take the call");
            if let Some(stream) = stream {
                self.owe_if(turn, call.terms.input.is_owed(), &call, stream.procedure);
            }
            return;
        };
        let (procedure, owed) = (wish.procedure.clone(), wish.options.progress);
        let mut tried = kept.tried;
        tried.push(call.terms.callee);
        let next = self.registrations.place_of(call.terms.registration);
        let next = next.and_then(|at| self.pick(turn, at, &tried).map(|callee| (at, callee)));
        let refusal = match next {
            Some((at, callee)) => self.start(turn, at, callee, wish, tried).err(),
            None => {
                self.answer_failed(turn, &call, error, "no other callee can take the call");
                return self.owe_if(turn, owed, &call, procedure);
            }
        };
        let Some(refusal) = refusal else {
            self.rerouted += 1;
            return;
        };
        turn.effects.refuse(call.terms.caller, MessageKind::Call, call.terms.request, &refusal);
        self.owe_if(turn, owed, &call, procedure);
    }

    fn owe_if(&mut self, turn: &Turn<'_>, owed: bool, call: &CallRecord, procedure: Uri) {
        if owed {
            self.streams.owe(turn.now, call.terms.caller, call.terms.request, procedure.detached());
        }
    }

    fn answer_failed(&mut self, turn: &mut Turn<'_>, call: &CallRecord, error: ErrorUri, text: &str) {
        let reply = Error::reply(MessageKind::Call, call.terms.request, error, text);
        turn.effects.send(call.terms.caller, reply);
    }
}

/// What the caller is told where an INVOCATION was not handed over.
const UNDELIVERABLE: &str = "the invocation could not be handed to the callee";

/// The CALL that an INVOCATION came of.
fn as_wished(turn: &Turn<'_>, call: &CallRecord, given: Invocation, procedure: &Uri) -> Wish {
    let Invocation { details, payload, .. } = given;
    let terms = &call.terms;
    let options = CallOptions {
        receive_progress: terms.progressive,
        progress: terms.input.is_owed(),
        timeout_ms: terms.timeout_ms,
        disclose_me: terms.disclose_me,
        ppt: details.ppt,
        trace: details.trace,
    };
    let procedure = details.procedure.unwrap_or_else(|| procedure.clone());
    let since = call.since(turn.now);
    Wish { caller: terms.caller, request: terms.request, options, procedure, payload, since }
}
