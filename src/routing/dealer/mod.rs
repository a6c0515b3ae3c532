//! The dealer of one realm: register, unregister, call, cancel, yield, error, forget.
//!
//! Finds the callee of a call, passes invocation and answer on, and ends each call exactly once. Never looks into a payload
//! and keeps none. Whether a session may register or call was decided before. The table of cancel and timeout transitions is
//! in section 9.8 of the reference; each row is one arm here.

mod calls;
mod deadlines;
mod listing;
mod pick;
mod registrations;

use super::effect::Effects;
use super::key::SessionKey;
use super::limits::{RealmLimits, FORWARDED_TIMEOUT_SLACK};
use super::refusal::Refusal;
use super::{Turn, Violation};
use crate::wamp::message::{
    Call, Cancel, Error, Interrupt, Invocation, Register, Registered, Result as ResultMessage, Unregister,
    Unregistered, Yield,
};
use crate::wamp::options::{ErrorDetails, InterruptOptions, InvocationDetails, ResultOptions, UnregisteredDetails};
use crate::wamp::role::CalleeFeatures;
use crate::wamp::{CancelMode, ErrorUri, InvocationId, MatchPolicy, MessageKind, RegistrationId, RequestId, SessionId};
use calls::{Answered, CallPlace, CallRecord, Calls, NewCall, State};
use registrations::{Callee, Registrations};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The registrations of one realm and its calls under way.
#[derive(Debug, Default)]
pub(crate) struct Dealer {
    registrations: Registrations,
    calls: Calls,
    late_answers: u64,
    progress_dropped: u64,
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

    /// Calls under way.
    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
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
        self.calls.by_request(caller, request).is_some()
    }

    /// Answers REGISTER (R58, R70).
    pub(crate) fn register(&mut self, turn: &mut Turn<'_>, from: SessionKey, register: &Register) {
        match self.enter(turn, from, register) {
            Ok(registration) => turn.effects.send(from, Registered { request: register.request, registration }),
            Err(refusal) => turn.effects.refuse(from, MessageKind::Register, register.request, &refusal),
        }
    }

    fn enter(&mut self, turn: &mut Turn<'_>, from: SessionKey, register: &Register) -> Result<RegistrationId, Refusal> {
        if let Some(existing) = self.registrations.check(from, register.options, &register.procedure)? {
            return Ok(existing);
        }
        let limits = turn.limits;
        if self.registrations.count_of(from) >= limits.registrations_per_session_max {
            let max = limits.registrations_per_session_max;
            return Err(Refusal::LimitExceeded { limit: "max_registrations_per_session", max });
        }
        if self.registrations.entries() >= limits.registrations_max {
            return Err(Refusal::LimitExceeded { limit: "max_registrations", max: limits.registrations_max });
        }
        Ok(self.registrations.insert(turn, from, register.options, &register.procedure))
    }

    /// Answers UNREGISTER. The id is looked up among the session's own (R69); invocations under way go on (D64).
    pub(crate) fn unregister(&mut self, turn: &mut Turn<'_>, from: SessionKey, unregister: &Unregister) {
        let request = unregister.request;
        if self.registrations.remove(turn, from, unregister.registration) {
            let details = UnregisteredDetails::default();
            turn.effects.send(from, Unregistered { request: Some(request), details });
        } else {
            turn.effects.refuse(from, MessageKind::Unregister, request, &Refusal::NoSuchRegistration);
        }
    }

    /// Routes one CALL of an ordinary procedure: INVOCATION to one callee, or ERROR to the caller.
    pub(crate) fn call(&mut self, turn: &mut Turn<'_>, from: SessionKey, call: Call) {
        let request = call.request;
        if let Err(refusal) = self.invoke(turn, from, call) {
            turn.effects.refuse(from, MessageKind::Call, request, &refusal);
        }
    }

    fn invoke(&mut self, turn: &mut Turn<'_>, from: SessionKey, call: Call) -> Result<(), Refusal> {
        let Call { request, options, procedure, payload } = call;
        let limits = turn.limits;
        if self.calls.pending(from) >= limits.pending_calls_per_session_max {
            let max = limits.pending_calls_per_session_max;
            return Err(Refusal::LimitExceeded { limit: "max_pending_calls_per_session", max });
        }
        let Self { registrations, calls, avoided, .. } = self;
        let Some(registration) = registrations.best(&procedure) else {
            return Err(Refusal::NoSuchProcedure(procedure));
        };
        let open_max = limits.open_invocations_per_session_max;
        let free = |callee: &Callee| calls.open(callee.session) < open_max;
        let picked = if avoided.is_empty() {
            registration.pick(turn.rng, free)
        } else {
            let well = registration.pick(turn.rng, |callee| free(callee) && !avoided.contains(&callee.session));
            // All are in trouble: the policy decides as usual.
            well.or_else(|| registration.pick(turn.rng, free))
        };
        let Some(callee) = picked else { return Err(Refusal::NoAvailableCallee(procedure)) };
        let features = turn
            .directory
            .member(callee.session)
            .map_or(CalleeFeatures::default(), |member| member.announced.callee_features);
        let asked = features.progressive_call_results && features.call_canceling;
        let timeout = Timeout::of(options.timeout_ms, limits, callee.forward_timeout && features.call_timeout);
        let new = NewCall {
            caller: from,
            request,
            callee: callee.session,
            // A callee that gives partial results without having announced it is tolerated (D16).
            progressive: options.receive_progress,
            interruptible: features.call_canceling,
            period: timeout.period(),
        };
        let invocation = calls.start(turn.now, new);
        let caller = (options.disclose_me || callee.disclose_caller).then(|| turn.directory.member(from)).flatten();
        let details = InvocationDetails {
            procedure: (registration.policy != MatchPolicy::Exact).then_some(procedure),
            caller: caller.map(super::Member::disclosed),
            receive_progress: options.receive_progress && asked,
            timeout_ms: timeout.forwarded_ms(),
            ..InvocationDetails::default()
        };
        let message = Invocation { request: invocation, registration: registration.id, details, payload };
        turn.effects.send(callee.session, message);
        Ok(())
    }

    /// The caller wants its call ended (R72). An unknown call is no mistake: it may have ended on the way.
    pub(crate) fn cancel(&mut self, turn: &mut Turn<'_>, from: SessionKey, cancel: &Cancel) {
        let Some(place) = self.calls.by_request(from, cancel.request) else { return };
        let Some(call) = self.calls.record(place).copied() else { return };
        match (call.state, cancel.options.mode) {
            (State::Active, CancelMode::Kill) if call.interruptible => {
                self.calls.set_killing(place);
                interrupt(turn.effects, &call, CancelMode::Kill);
            }
            (State::Active, CancelMode::KillNoWait) if call.interruptible => {
                self.fail(turn.effects, place, ErrorUri::CANCELED, "the caller canceled the call");
                interrupt(turn.effects, &call, CancelMode::KillNoWait);
            }
            (State::Killing, CancelMode::Kill) => {}
            (State::Active, CancelMode::Kill | CancelMode::KillNoWait | CancelMode::Skip)
            | (State::Killing, CancelMode::KillNoWait | CancelMode::Skip) => {
                self.fail(turn.effects, place, ErrorUri::CANCELED, "the caller canceled the call");
            }
        }
    }

    /// The callee answers, wholly or in part.
    ///
    /// # Errors
    /// [`Violation`] if the invocation was never issued to it (R24).
    pub(crate) fn yields(&mut self, turn: &mut Turn<'_>, from: SessionKey, message: Yield) -> Result<(), Violation> {
        let Some(place) = self.answered(from, MessageKind::Yield, message.request)? else { return Ok(()) };
        let Yield { options: ResultOptions { progress, .. }, payload, .. } = message;
        let call = if progress {
            let Some(call) = self.calls.record(place).copied() else { return Ok(()) };
            if !call.progressive {
                // The call goes on and waits for its final answer (D38).
                self.progress_dropped += 1;
                return Ok(());
            }
            self.calls.restart_timer(turn.now, place);
            call
        } else {
            let Some(call) = self.calls.end(place) else { return Ok(()) };
            call
        };
        let details = ResultOptions { progress, ppt: None };
        turn.effects.send(call.caller, ResultMessage { request: call.request, details, payload });
        Ok(())
    }

    /// The callee failed: its error goes to the caller as it is (R64).
    ///
    /// # Errors
    /// [`Violation`] if the invocation was never issued to it (R24).
    pub(crate) fn error(&mut self, turn: &mut Turn<'_>, from: SessionKey, message: Error) -> Result<(), Violation> {
        let Some(place) = self.answered(from, MessageKind::Error, message.request.into())? else { return Ok(()) };
        let Some(call) = self.calls.end(place) else { return Ok(()) };
        let Error { error, payload, .. } = message;
        let details = ErrorDetails::default();
        let (request_kind, request) = (MessageKind::Call, call.request);
        turn.effects.send(call.caller, Error { request_kind, request, details, error, payload });
        Ok(())
    }

    /// An INVOCATION could not be handed to its callee: the caller gets `error` and the call ends.
    pub(crate) fn undeliverable(
        &mut self,
        effects: &mut Effects,
        callee: SessionKey,
        invocation: InvocationId,
        error: ErrorUri,
    ) {
        if let Answered::Open(place) = self.calls.by_invocation(callee, invocation) {
            self.fail(effects, place, error, "the invocation could not be handed to the callee");
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.calls.next_deadline()
    }

    /// Ends every call whose time is up: ERROR to the caller, INTERRUPT to a callee that takes it and has none yet.
    pub(crate) fn handle_timeout(&mut self, now: Instant, effects: &mut Effects) {
        while let Some(place) = self.calls.due(now) {
            let Some(call) = self.fail(effects, place, ErrorUri::TIMEOUT, "the call's time is up") else { return };
            if call.state == State::Active {
                interrupt(effects, &call, CancelMode::KillNoWait);
            }
        }
    }

    /// Drops the registrations of a session, whose WAMP id is `id`: the first step of its end (section 4.4).
    pub(crate) fn forget_registrations(&mut self, turn: &mut Turn<'_>, session: SessionKey, id: SessionId) {
        self.registrations.forget(turn, session, id);
        self.avoided.remove(&session);
    }

    /// Ends the calls that a session served, then those that it waited for. Nothing is sent to the session itself.
    pub(crate) fn forget_calls(&mut self, effects: &mut Effects, session: SessionKey) {
        let (served, issued) = self.calls.forget(session);
        for call in served.iter().filter(|call| call.caller != session) {
            fail_caller(effects, call, ErrorUri::CANCELED, "the callee left");
        }
        for call in &issued {
            interrupt(effects, call, CancelMode::KillNoWait);
        }
    }

    /// The first thing that does not hold, if any. For tests.
    pub(crate) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool + Copy) -> Option<&'static str> {
        if !self.avoided.iter().all(|session| alive(*session)) {
            return Some("an avoided callee is gone");
        }
        self.registrations.broken_invariant(alive).or_else(|| self.calls.broken_invariant(alive))
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

    /// Ends a call with an error of the router.
    fn fail(&mut self, effects: &mut Effects, place: CallPlace, error: ErrorUri, text: &str) -> Option<CallRecord> {
        let call = self.calls.end(place)?;
        fail_caller(effects, &call, error, text);
        Some(call)
    }
}

/// How long a call may take, and who keeps the time (section 9.7 of the reference).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Timeout {
    /// Nobody does.
    None,
    /// The dealer.
    Kept(Duration),
    /// The callee; the dealer only guards against a silent one (D67).
    Forwarded(Duration),
}

impl Timeout {
    /// 0 counts as absent. The realm's default stands in for an absent wish, its maximum cuts a longer one.
    fn of(wish_ms: Option<u64>, limits: &RealmLimits, forward: bool) -> Self {
        let wish = wish_ms.filter(|wish| *wish > 0).map(Duration::from_millis);
        let Some(wanted) = wish.or(limits.call_timeout) else { return Self::None };
        let timeout = limits.call_timeout_max.map_or(wanted, |max| wanted.min(max));
        if forward {
            Self::Forwarded(timeout)
        } else {
            Self::Kept(timeout)
        }
    }

    /// The dealer's own time for the call.
    fn period(self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Kept(timeout) => Some(timeout),
            Self::Forwarded(timeout) => Some(timeout.saturating_add(FORWARDED_TIMEOUT_SLACK)),
        }
    }

    /// INVOCATION.Details.timeout.
    fn forwarded_ms(self) -> Option<u64> {
        match self {
            Self::None | Self::Kept(_) => None,
            Self::Forwarded(timeout) => u64::try_from(timeout.as_millis()).ok().map(|ms| ms.max(1)),
        }
    }
}

fn fail_caller(effects: &mut Effects, call: &CallRecord, error: ErrorUri, text: &str) {
    effects.send(call.caller, Error::reply(MessageKind::Call, call.request, error, text));
}

/// Tells the callee to stop, if it takes that. The mode is always named (D70).
fn interrupt(effects: &mut Effects, call: &CallRecord, mode: CancelMode) {
    if call.interruptible {
        let options = InterruptOptions { mode: Some(mode) };
        effects.send(call.callee, Interrupt { request: call.invocation, options });
    }
}
