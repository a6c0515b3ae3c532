//! The dealer of one realm: register, unregister, call, cancel, yield, error, forget.
//!
//! Finds the callee of a call, passes invocation and answer on, and ends each call exactly once. Never looks into a payload;
//! keeps one only for a call that waits for its callee or may need another one. Whether a session may register or call was
//! decided before. The table of cancel and timeout transitions is in section 9.8 of the reference; each row is one arm here.

mod calls;
mod deadlines;
mod invoke;
mod listing;
mod pick;
mod progressive;
mod queue;
mod register;
mod registrations;
mod reroute;
mod takeover;

use super::effect::Effects;
use super::key::SessionKey;
use super::{Turn, Violation};
use crate::wamp::message::{Cancel, Error, Interrupt, Result as ResultMessage, Yield};
use crate::wamp::options::{ErrorDetails, InterruptOptions, ResultOptions};
use crate::wamp::{CancelMode, ErrorUri, InvocationId, MessageKind, Payload, RegistrationId, RequestId};
use calls::{Answered, CallPlace, CallRecord, Calls, Input, State};
use progressive::Streams;
use queue::{Loads, Queued, Queues};
use registrations::Registrations;
use reroute::Keep;
use std::collections::BTreeSet;
use std::time::Instant;
use takeover::Takeovers;

/// The registrations of one realm and its calls under way.
#[derive(Debug, Default)]
pub(crate) struct Dealer {
    registrations: Registrations,
    calls: Calls,
    streams: Streams,
    keep: Keep,
    queues: Queues,
    loads: Loads,
    takeovers: Takeovers,
    /// Registrations whose queues are to be looked at: a callee has room, or came, or went. Empty between steps.
    freed: Vec<RegistrationId>,
    late_answers: u64,
    progress_dropped: u64,
    rerouted: u64,
    reroutes_without_room: u64,
    /// Callees that are passed over while another one of the same registration is not: they do not read, or do not answer
    /// a question for a sign of life.
    avoided: BTreeSet<SessionKey>,
}

impl Dealer {
    /// Whether this callee is passed over from now on, where there is another one.
    pub(crate) fn set_avoided(&mut self, callee: SessionKey, avoided: bool) {
        if avoided {
            self.avoided.insert(callee);
        } else {
            self.avoided.remove(&callee);
        }
    }

    /// Procedures and patterns that are registered.
    pub(crate) fn len(&self) -> usize {
        self.registrations.len()
    }

    /// Whether the session has calls to answer.
    pub(crate) fn serves_calls(&self, session: SessionKey) -> bool {
        self.calls.open(session) > 0
    }

    /// Calls under way, those that wait for a callee among them.
    pub(crate) fn calls(&self) -> usize {
        self.calls.len() + self.queues.len()
    }

    /// Calls that wait for a callee.
    pub(crate) fn queued(&self) -> usize {
        self.queues.len()
    }

    /// Calls that went on to another callee.
    pub(crate) fn rerouted(&self) -> u64 {
        self.rerouted
    }

    /// Calls that could not go on to another callee for want of room.
    pub(crate) fn reroutes_without_room(&self) -> u64 {
        self.reroutes_without_room
    }

    /// Answers to calls that had ended.
    pub(crate) fn late_answers(&self) -> u64 {
        self.late_answers
    }

    /// Progressive results that nobody had asked for.
    pub(crate) fn progress_dropped(&self) -> u64 {
        self.progress_dropped
    }

    /// Whether the session has a call under way with this request id.
    #[inline]
    pub(crate) fn is_active(&self, caller: SessionKey, request: RequestId) -> bool {
        self.calls.by_request(caller, request).is_some() || !self.queues.is_empty() && self.queues.has(caller, request)
    }

    /// The caller wants its call ended (R72). An unknown call is no mistake: it may have ended on the way.
    pub(crate) fn cancel(&mut self, turn: &mut Turn<'_>, from: SessionKey, cancel: &Cancel) {
        if let Some(place) = self.calls.by_request(from, cancel.request) {
            self.cancel_under_way(turn, place, cancel.options.mode);
            self.pump(turn);
        } else if let Some(queued) = self.queues.take_request(from, cancel.request) {
            self.fail_queued(turn, queued, ErrorUri::CANCELED, CANCELED);
        }
    }

    fn cancel_under_way(&mut self, turn: &mut Turn<'_>, place: CallPlace, mode: CancelMode) {
        let Some(call) = self.calls.record(place).copied() else { return };
        match (call.state, mode) {
            (State::Active, CancelMode::Kill) if call.terms.interruptible => {
                self.calls.record_mut(place).into_iter().for_each(|call| call.state = State::Killing);
                interrupt(turn.effects, &call, CancelMode::Kill);
            }
            (State::Active, CancelMode::KillNoWait) if call.terms.interruptible => {
                self.fail(turn, place, ErrorUri::CANCELED, CANCELED);
                interrupt(turn.effects, &call, CancelMode::KillNoWait);
            }
            (State::Killing, CancelMode::Kill) => {}
            (State::Active, CancelMode::Kill | CancelMode::KillNoWait | CancelMode::Skip)
            | (State::Killing, CancelMode::KillNoWait | CancelMode::Skip) => {
                self.fail(turn, place, ErrorUri::CANCELED, CANCELED);
            }
        }
    }

    /// The callee answers, wholly or in part.
    ///
    /// # Errors
    /// [`Violation`] if the invocation was never issued to it (R24).
    pub(crate) fn yields(&mut self, turn: &mut Turn<'_>, from: SessionKey, message: Yield) -> Result<(), Violation> {
        let Some(place) = self.answered(from, MessageKind::Yield, message.request)? else { return Ok(()) };
        let Yield { options: ResultOptions { progress, ppt }, payload, .. } = message;
        if !progress && ppt.is_none() {
            let Some(call) = self.finish(turn, place) else { return Ok(()) };
            let details = ResultOptions::default();
            turn.effects.send(call.terms.caller, ResultMessage { request: call.terms.request, details, payload });
            self.pump(turn);
            return Ok(());
        }
        self.yields_part_or_opaque(turn, place, ResultOptions { progress, ppt }, payload);
        Ok(())
    }

    /// An answer that is a part of the result, or opaque, or both.
    fn yields_part_or_opaque(
        &mut self,
        turn: &mut Turn<'_>,
        place: CallPlace,
        details: ResultOptions,
        payload: Payload,
    ) {
        let Some(call) = self.calls.record(place).copied() else { return };
        let progress = details.progress;
        if progress && !call.terms.progressive {
            // The call goes on and waits for its final answer (D38).
            self.progress_dropped += 1;
            return;
        }
        if details.ppt.is_some() && !takes_passthru(turn, call.terms.caller) {
            self.fail(turn, place, ErrorUri::FEATURE_NOT_SUPPORTED, OPAQUE);
            if progress {
                interrupt(turn.effects, &call, CancelMode::KillNoWait);
            }
            return self.pump(turn);
        }
        if progress {
            if !call.delivered {
                self.settle_callee(place);
                self.calls.record_mut(place).into_iter().for_each(|call| call.delivered = true);
            }
            self.calls.restart_timer(turn.now, place);
        } else {
            self.finish(turn, place);
        }
        turn.effects.send(call.terms.caller, ResultMessage { request: call.terms.request, details, payload });
        self.pump(turn);
    }

    /// The callee failed: its error goes to the caller as it is (R64), unless another callee can do better (R79).
    ///
    /// # Errors
    /// [`Violation`] if the invocation was never issued to it (R24).
    pub(crate) fn error(&mut self, turn: &mut Turn<'_>, from: SessionKey, message: Error) -> Result<(), Violation> {
        let Some(place) = self.answered(from, MessageKind::Error, message.request.into())? else { return Ok(()) };
        let Error { error, payload, details: ErrorDetails { ppt }, .. } = message;
        if error.as_str() != ErrorUri::UNAVAILABLE.as_str() || !self.goes_on_elsewhere(turn, place) {
            let Some(call) = self.finish(turn, place) else { return Ok(()) };
            // A caller that knows nothing of opaque payloads is told what went wrong, and no more.
            let is_readable = ppt.is_none() || takes_passthru(turn, call.terms.caller);
            let (ppt, payload) = if is_readable { (ppt, payload) } else { (None, Payload::Empty) };
            let (request_kind, request) = (MessageKind::Call, call.terms.request);
            let details = ErrorDetails { ppt };
            turn.effects.send(call.terms.caller, Error { request_kind, request, details, error, payload });
        }
        self.pump(turn);
        Ok(())
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        [self.calls.next_deadline(), self.queues.next_deadline(), self.next_takeover()].into_iter().flatten().min()
    }

    /// Ends every call whose time is up: ERROR to the caller, INTERRUPT to a callee that takes it and has none yet.
    pub(crate) fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        while let Some(place) = self.calls.due(turn.now) {
            let Some(call) = self.fail(turn, place, ErrorUri::TIMEOUT, TIMED_OUT) else { return };
            if call.state == State::Active {
                interrupt(turn.effects, &call, CancelMode::KillNoWait);
            }
        }
        while let Some(queued) = self.queues.take_due(turn.now) {
            self.fail_queued(turn, queued, ErrorUri::TIMEOUT, TIMED_OUT);
        }
        self.pump(turn);
    }

    /// Ends the calls that a session served, then those that it waited for. Nothing is sent to the session itself.
    pub(crate) fn forget_calls(&mut self, turn: &mut Turn<'_>, session: SessionKey) {
        let (served, issued) = self.calls.of(session);
        for place in served {
            let Some(call) = self.finish(turn, place) else { continue };
            if call.terms.caller != session {
                fail_caller(turn.effects, &call, ErrorUri::CANCELED, "the callee left");
            }
        }
        for place in issued {
            let Some(call) = self.finish(turn, place) else { continue };
            interrupt(turn.effects, &call, CancelMode::KillNoWait);
        }
        self.calls.forget(session);
        self.queues.forget(session);
        self.streams.forget(session);
        self.pump(turn);
    }

    /// The first thing that does not hold, if any. For tests.
    pub(crate) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool + Copy) -> Option<&'static str> {
        if !self.avoided.iter().all(|session| alive(*session)) {
            return Some("an avoided callee is gone");
        }
        if !self.freed.is_empty() {
            return Some("every queue that could go on has gone on");
        }
        let limited = self.calls.iter().filter(|(_, call)| call.terms.limited).count();
        if self.loads.sum() != Some(limited as u64) {
            return Some("each call of a callee with a concurrency is counted");
        }
        let parts = self.calls.iter().filter(|(_, call)| call.terms.input != Input::Whole).map(|(place, _)| place);
        let registered = |id| self.registrations.place_of(id).is_some();
        let broken = self.registrations.broken_invariant(alive).or_else(|| self.calls.broken_invariant(alive));
        broken
            .or_else(|| self.streams.broken_invariant(alive, parts))
            .or_else(|| self.keep.broken_invariant(self.calls.iter()))
            .or_else(|| self.queues.broken_invariant(alive, registered))
            .or_else(|| self.takeovers.broken_invariant(alive))
    }

    /// The call that `from` answers; `None` if it has ended.
    fn answered(
        &mut self,
        from: SessionKey,
        kind: MessageKind,
        invocation: InvocationId,
    ) -> Result<Option<CallPlace>, Violation> {
        match self.calls.by_invocation(from, invocation) {
            Answered::Open(place) => Ok(Some(place)),
            Answered::Late => {
                self.late_answers += 1;
                Ok(None)
            }
            Answered::NeverIssued => Err(Violation::NeverInvoked { kind, invocation }),
        }
    }

    /// Takes a call that is over out of every table. Who does this pumps.
    #[inline]
    fn finish(&mut self, turn: &Turn<'_>, place: CallPlace) -> Option<CallRecord> {
        let call = self.calls.end(place)?;
        if call.terms.input != Input::Whole {
            let stream = self.streams.end(place).filter(|_| call.terms.input.is_owed());
            if let Some(stream) = stream {
                self.streams.owe(turn.now, call.terms.caller, call.terms.request, stream.procedure);
            }
        }
        if call.kept {
            self.keep.remove(place);
        }
        self.free(turn, &call);
        Some(call)
    }

    /// The callee of a call has room for another one.
    #[inline]
    fn free(&mut self, turn: &Turn<'_>, call: &CallRecord) {
        if call.terms.limited {
            self.loads.take(call.terms.number);
        }
        if !self.queues.is_empty() {
            if self.calls.open(call.terms.callee) + 1 >= turn.limits.open_invocations_per_session_max {
                // It could take no call at all, whatever the registration.
                self.freed.extend(self.queues.registrations());
            } else {
                self.freed.push(call.terms.registration);
            }
        }
    }

    /// Ends a call with an error of the router.
    fn fail(&mut self, turn: &mut Turn<'_>, place: CallPlace, error: ErrorUri, text: &str) -> Option<CallRecord> {
        let call = self.finish(turn, place)?;
        fail_caller(turn.effects, &call, error, text);
        Some(call)
    }

    /// Ends a call that waited for a callee.
    fn fail_queued(&mut self, turn: &mut Turn<'_>, queued: Queued, error: ErrorUri, text: &str) {
        self.answer_queued(turn, &queued, error, text);
        if queued.owes() {
            self.streams.owe(turn.now, queued.wish.caller, queued.wish.request, queued.wish.procedure);
        }
    }

    fn answer_queued(&mut self, turn: &mut Turn<'_>, queued: &Queued, error: ErrorUri, text: &str) {
        let reply = Error::reply(MessageKind::Call, queued.wish.request, error, text);
        turn.effects.send(queued.wish.caller, reply);
    }
}

const CANCELED: &str = "the caller canceled the call";
const TIMED_OUT: &str = "the call's time is up";
const OPAQUE: &str =
    "the callee answered with an opaque payload, and the caller has not announced payload_passthru_mode";

/// Whether a caller takes opaque payloads (D72).
fn takes_passthru(turn: &Turn<'_>, caller: SessionKey) -> bool {
    let member = turn.directory.member(caller);
    member.is_some_and(|member| member.announced.caller_features.payload_passthru_mode)
}

fn fail_caller(effects: &mut Effects, call: &CallRecord, error: ErrorUri, text: &str) {
    effects.send(call.terms.caller, Error::reply(MessageKind::Call, call.terms.request, error, text));
}

/// Tells the callee to stop, if it takes that. The mode is always named (D70).
fn interrupt(effects: &mut Effects, call: &CallRecord, mode: CancelMode) {
    if call.terms.interruptible {
        let options = InterruptOptions { mode: Some(mode) };
        effects.send(call.terms.callee, Interrupt { request: call.invocation, options });
    }
}
