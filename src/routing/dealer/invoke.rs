//! From CALL to INVOCATION: which callee serves a call, and what that callee is told.
//!
//! The same steps serve a call that has just come, one that leaves a queue and one that its callee gave back.

use super::calls::{Input, Reroute, Terms};
use super::progressive::Stream;
use super::queue::Queued;
use super::registrations::Callee;
use super::reroute::Tried;
use super::Dealer;
use crate::routing::key::SessionKey;
use crate::routing::limits::FORWARDED_TIMEOUT_SLACK;
use crate::routing::pattern::Place;
use crate::routing::refusal::Refusal;
use crate::routing::rules::{ForwardTimeout, ProcedureRule};
use crate::routing::{Member, Turn};
use crate::wamp::message::{Call, Invocation};
use crate::wamp::options::{CallOptions, InvocationDetails};
use crate::wamp::role::{CalleeFeatures, Feature};
use crate::wamp::{ErrorUri, MatchPolicy, MessageKind, Payload, RegistrationId, RequestId, Uri};
use std::time::{Duration, Instant};

/// What a caller wants, as long as no callee has taken it.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) caller: SessionKey,
    pub(super) request: RequestId,
    pub(super) options: CallOptions,
    pub(super) procedure: Uri,
    pub(super) payload: Payload,
    /// When it came: its time runs from there.
    pub(super) since: Instant,
}

impl Wish {
    /// Octets that it keeps in memory, about.
    pub(super) fn octets(&self) -> usize {
        let ppt = self.options.ppt.as_ref().map_or(0, |ppt| {
            let texts = [&ppt.serializer, &ppt.cipher, &ppt.keyid];
            ppt.scheme.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
        });
        let trace = self.options.trace.as_ref().map_or(0, |trace| trace.octets());
        self.payload.len() + self.procedure.len() + ppt + trace
    }

    /// A copy that keeps no frame alive.
    pub(super) fn detached(&self) -> Self {
        let (options, payload) = (self.options.clone(), self.payload.detached());
        Self { options, payload, procedure: self.procedure.detached(), ..*self }
    }
}

impl Dealer {
    /// Takes one CALL of an ordinary procedure: INVOCATION to one callee, or ERROR to the caller; or more input for a call under
    /// way. Whether it may have the id that it has was decided before.
    pub(crate) fn call(&mut self, turn: &mut Turn<'_>, from: SessionKey, call: Call) {
        // Only a call that goes on has the id of one under way.
        if call.options.progress || !self.streams.is_empty() || !self.queues.is_empty() {
            if let Some(place) = self.calls.by_request(from, call.request) {
                return self.go_on(turn, place, call);
            }
            if self.queues.goes_on(from, call.request, &call.procedure).is_some() {
                return self.go_on_waiting(turn, from, &call);
            }
        }
        let (request, owed) = (call.request, call.options.progress.then(|| call.procedure.detached()));
        if let Err(refusal) = self.invoke(turn, from, call) {
            turn.effects.refuse(from, MessageKind::Call, request, &refusal);
            owed.into_iter().for_each(|procedure| self.streams.owe(turn.now, from, request, procedure));
        }
    }

    /// Refuses a CALL that needs what the router itself does not do when it serves a call.
    pub(crate) fn refuse_call(&mut self, turn: &mut Turn<'_>, from: SessionKey, call: &Call, feature: &'static str) {
        let refusal = Refusal::CalleeLacks { procedure: call.procedure.clone(), feature };
        turn.effects.refuse(from, MessageKind::Call, call.request, &refusal);
        if call.options.progress {
            self.streams.owe(turn.now, from, call.request, call.procedure.detached());
        }
    }

    #[inline]
    fn invoke(&mut self, turn: &mut Turn<'_>, from: SessionKey, call: Call) -> Result<(), Refusal> {
        let Call { request, options, procedure, payload } = call;
        let max = turn.limits.pending_calls_per_session_max;
        let waiting = if self.queues.is_empty() { 0 } else { self.queues.pending(from) };
        if self.calls.pending(from) + waiting >= max {
            return Err(Refusal::LimitExceeded { limit: "max_pending_calls_per_session", max });
        }
        let Some(place) = self.registrations.best(&procedure) else {
            return Err(Refusal::NoSuchProcedure(procedure));
        };
        let wish = Wish { caller: from, request, options, procedure, payload, since: turn.now };
        if !self.queues.is_empty() {
            // Nobody overtakes those who wait.
            let id = self.registrations.at(place).map(|record| record.id);
            if let Some(id) = id.filter(|id| self.queues.holds(*id)) {
                return self.enqueue(turn, id, &wish);
            }
        }
        if let Some(callee) = self.pick(turn, place, &[]) {
            return self.start(turn, place, callee, wish, Tried::new());
        }
        match self.registrations.at(place).filter(|record| record.has_queue()).map(|record| record.id) {
            Some(id) => self.enqueue(turn, id, &wish),
            None => Err(Refusal::NoAvailableCallee(wish.procedure)),
        }
    }

    /// The callee for the next call of a registration, among those that can take one and were not `tried`.
    #[inline]
    pub(super) fn pick(&mut self, turn: &mut Turn<'_>, place: Place, tried: &[SessionKey]) -> Option<Callee> {
        let Self { registrations, calls, avoided, loads, .. } = self;
        let registration = registrations.at_mut(place)?;
        let open_max = turn.limits.open_invocations_per_session_max;
        let load = |callee: &Callee| calls.open(callee.session);
        let free = |callee: &Callee| {
            calls.open(callee.session) < open_max
                && callee.concurrency.is_none_or(|max| loads.of(callee.number) < max)
                && !tried.contains(&callee.session)
        };
        if avoided.is_empty() {
            return registration.pick(turn.rng, load, free);
        }
        let well = registration.pick(turn.rng, load, |callee| free(callee) && !avoided.contains(&callee.session));
        // All are in trouble: the policy decides as usual.
        well.or_else(|| registration.pick(turn.rng, load, free))
    }

    /// Gives the call to the callee that was picked.
    ///
    /// # Errors
    /// [`Refusal::CalleeLacks`]: the policy has chosen, and is not bent (D40, D72).
    #[inline]
    pub(super) fn start(
        &mut self,
        turn: &mut Turn<'_>,
        place: Place,
        callee: Callee,
        wish: Wish,
        tried: Tried,
    ) -> Result<(), Refusal> {
        let announced = turn.directory.member(callee.session).map(|member| member.announced.callee_features);
        let features = announced.unwrap_or_default();
        if let Some(feature) = lacking(&wish.options, features) {
            return Err(Refusal::CalleeLacks { procedure: wish.procedure, feature });
        }
        let Some(registration) = self.registrations.at(place) else {
            return Err(Refusal::NoSuchProcedure(wish.procedure));
        };
        let is_pattern = registration.policy != MatchPolicy::Exact;
        let id = registration.id;
        let rule = turn.rules.procedures.find(&wish.procedure);
        let timeout = timeout_of(turn, &wish, rule, callee, features);
        let on = turn.rules.features;
        let reroute = if !features.call_reroute || !on.has(Feature::CallReroute) {
            Reroute::No
        } else if !registration.has_others() {
            Reroute::Alone
        } else if self.keep.has_room(wish.octets()) {
            Reroute::Kept
        } else {
            Reroute::NoRoom
        };
        let progressive = wish.options.receive_progress && on.has(Feature::ProgressiveCallResults);
        let terms = Terms {
            caller: wish.caller,
            request: wish.request,
            callee: callee.session,
            registration: id,
            number: callee.number,
            // A callee that gives partial results without having announced it is tolerated (D16).
            progressive,
            interruptible: features.call_canceling && on.has(Feature::CallCanceling),
            disclose_me: wish.options.disclose_me,
            limited: callee.concurrency.is_some(),
            input: if wish.options.progress { Input::First } else { Input::Whole },
            reroute,
            timeout_ms: wish.options.timeout_ms,
            period: timeout.period(),
        };
        let (call, invocation) = self.calls.start(wish.since, terms);
        if terms.limited {
            self.loads.add(callee.number);
        }
        if reroute == Reroute::Kept || !tried.is_empty() {
            let kept = (reroute == Reroute::Kept).then(|| Box::new(wish.detached()));
            self.keep.insert(call, tried, kept);
            self.calls.record_mut(call).into_iter().for_each(|record| record.kept = true);
        }
        let asked = features.progressive_call_results && features.call_canceling;
        let Wish { options, procedure, payload, since, .. } = wish;
        let is_named = (options.disclose_me || callee.disclose_caller) && on.has(Feature::CallerIdentification);
        let of_first_call = options.progress.then(|| procedure.detached());
        let mut details = InvocationDetails {
            procedure: is_pattern.then_some(procedure),
            caller: is_named.then(|| turn.directory.member(terms.caller)).flatten().map(Member::disclosed),
            trustlevel: rule.and_then(|rule| trust(turn, rule, terms.caller)),
            receive_progress: progressive && asked,
            progress: false,
            timeout_ms: timeout.forwarded_ms(turn.now, since),
            ppt: options.ppt,
            trace: options.trace.filter(|_| turn.rules.hands_on_trace),
        };
        if let Some(procedure) = of_first_call {
            let of_all = InvocationDetails { procedure: is_pattern.then(|| procedure.clone()), ..details.clone() };
            self.streams.begin(call, Stream { procedure, details: of_all });
            details.progress = true;
        }
        turn.effects.send(callee.session, Invocation { request: invocation, registration: id, details, payload });
        Ok(())
    }

    /// Lets a call wait for a callee with room.
    fn enqueue(&mut self, turn: &Turn<'_>, id: RegistrationId, wish: &Wish) -> Result<(), Refusal> {
        let timeout = limit_of(turn, wish, turn.rules.procedures.find(&wish.procedure));
        let until = timeout.and_then(|timeout| wish.since.checked_add(timeout));
        let calls_max = turn.limits.queued_calls_per_registration_max;
        let is_queued = self.queues.push(id, wish, until, calls_max);
        is_queued.then_some(()).ok_or_else(|| Refusal::NoAvailableCallee(wish.procedure.clone()))
    }

    /// Gives calls that wait to callees that have room again, and ends those whose registration is gone.
    #[inline]
    pub(super) fn pump(&mut self, turn: &mut Turn<'_>) {
        if !self.freed.is_empty() {
            self.pump_freed(turn);
        }
    }

    fn pump_freed(&mut self, turn: &mut Turn<'_>) {
        while let Some(id) = self.freed.pop() {
            let Some(place) = self.registrations.place_of(id) else {
                while let Some(queued) = self.queues.pop(id) {
                    self.fail_queued(turn, queued, ErrorUri::CANCELED, "all callees left");
                }
                continue;
            };
            while self.queues.holds(id) {
                let Some(callee) = self.pick(turn, place, &[]) else { break };
                let Some(queued) = self.queues.pop(id) else { break };
                self.leave_queue(turn, place, callee, queued);
            }
        }
    }

    fn leave_queue(&mut self, turn: &mut Turn<'_>, place: Place, callee: Callee, queued: Queued) {
        let owed = queued.owes();
        let Queued { wish, more, .. } = queued;
        let (caller, request, procedure) = (wish.caller, wish.request, wish.procedure.clone());
        if let Err(refusal) = self.start(turn, place, callee, wish, Tried::new()) {
            turn.effects.refuse(caller, MessageKind::Call, request, &refusal);
            if owed {
                self.streams.owe(turn.now, caller, request, procedure);
            }
            return;
        }
        for (progress, payload) in more {
            let Some(call) = self.calls.by_request(caller, request) else { return };
            let options = CallOptions { progress, ..CallOptions::default() };
            self.go_on(turn, call, Call { request, options, procedure: procedure.clone(), payload });
        }
    }
}

/// The feature that the call needs and the callee lacks, if any.
fn lacking(options: &CallOptions, features: CalleeFeatures) -> Option<&'static str> {
    if options.ppt.is_some() && !features.payload_passthru_mode {
        return Some(Feature::PayloadPassthruMode.key());
    }
    let takes_parts = features.progressive_call_invocations && features.call_canceling;
    (options.progress && !takes_parts).then(|| Feature::ProgressiveCallInvocations.key())
}

fn trust(turn: &Turn<'_>, rule: &ProcedureRule, caller: SessionKey) -> Option<u64> {
    if !turn.rules.features.has(Feature::CallTrustlevels) {
        return None;
    }
    turn.directory.member(caller).and_then(|member| rule.trust.of(&member.authrole))
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

/// 0 counts as absent. The procedure's default, else the realm's, stands in for an absent wish; the realm's maximum cuts a longer
/// one.
fn limit_of(turn: &Turn<'_>, wish: &Wish, rule: Option<&ProcedureRule>) -> Option<Duration> {
    let asked = wish.options.timeout_ms.filter(|ms| *ms > 0 && turn.rules.features.has(Feature::CallTimeout));
    let default = rule.and_then(|rule| rule.call_timeout).or(turn.limits.call_timeout);
    let wanted = asked.map(Duration::from_millis).or(default)?;
    Some(turn.limits.call_timeout_max.map_or(wanted, |max| wanted.min(max)))
}

fn timeout_of(
    turn: &Turn<'_>,
    wish: &Wish,
    rule: Option<&ProcedureRule>,
    callee: Callee,
    features: CalleeFeatures,
) -> Timeout {
    let Some(timeout) = limit_of(turn, wish, rule) else { return Timeout::None };
    let asked = match turn.rules.forward_timeout {
        ForwardTimeout::Request => callee.forward_timeout,
        ForwardTimeout::Always => true,
        ForwardTimeout::Never => false,
    };
    if asked && features.call_timeout && turn.rules.features.has(Feature::CallTimeout) {
        Timeout::Forwarded(timeout)
    } else {
        Timeout::Kept(timeout)
    }
}

impl Timeout {
    /// The dealer's own time for the call.
    fn period(self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Kept(timeout) => Some(timeout),
            Self::Forwarded(timeout) => Some(timeout.saturating_add(FORWARDED_TIMEOUT_SLACK)),
        }
    }

    /// INVOCATION.Details.timeout: what is left of it at `now`, if it began at `since`.
    fn forwarded_ms(self, now: Instant, since: Instant) -> Option<u64> {
        match self {
            Self::None | Self::Kept(_) => None,
            Self::Forwarded(timeout) => {
                let waited = now.saturating_duration_since(since);
                u64::try_from(timeout.saturating_sub(waited).as_millis()).ok().map(|ms| ms.max(1))
            }
        }
    }
}
