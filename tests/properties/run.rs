//! Runs commands on a realm and on the model, and compares after each.

use crate::model::{self, CallWish, Model, PublishWish, Session};
use crate::op::{How, Lists, Op, AUTHIDS, AUTHROLES};
use crate::out::{in_order, read, Drawn, Out};
use crate::test_realm::{error_of, member};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use wharf::routing::{Command, Effect, Effects, MetaCalls, Realm, RealmLimits, RealmRules, SessionKey, Takeover};
use wharf::wamp::message::{Call, Cancel, Publish, Register, Subscribe, Unregister, Unsubscribe, Yield};
use wharf::wamp::options::{
    CallOptions, CancelOptions, Listing, PublishOptions, RegisterOptions, ResultOptions, SubscribeOptions,
};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{
    ErrorUri, InvocationId, MessageKind, Payload, RawPayload, RegistrationId, RequestId, Serialization, SubscriptionId,
    Value,
};

struct Run {
    realm: Realm,
    effects: Effects,
    start: Instant,
    model: Model,
    keys: Vec<SessionKey>,
    number: BTreeMap<SessionKey, usize>,
    requests: Vec<u64>,
    /// What the realm drew in the step under way.
    drawn: Drawn,
    observed: Vec<Out>,
    log: Vec<Effect>,
    steps: u64,
}

/// Panics where realm and model part, where a table breaks its rules, or where a second run differs from the first.
pub(crate) fn agree(ops: &[Op]) {
    let first = run(ops);
    let again = run(ops);
    assert_eq!(first, again, "the same commands, times and seed give the same effects");
}

fn run(ops: &[Op]) -> Vec<Effect> {
    let limits = RealmLimits {
        subscriptions_per_session_max: model::SUBSCRIPTIONS_PER_SESSION,
        registrations_per_session_max: model::REGISTRATIONS_PER_SESSION,
        pending_calls_per_session_max: model::PENDING_CALLS,
        open_invocations_per_session_max: model::OPEN_INVOCATIONS,
        call_timeout_max: Some(Duration::from_millis(model::TIMEOUT_MAX_MS)),
        meta_calls: MetaCalls { per_second: 1_000_000, burst: 1_000_000 },
        ..RealmLimits::default()
    };
    let mut run = Run {
        // Who takes over is asked in tests of its own: the model knows no question for a sign of life.
        realm: Realm::with_rules(RealmRules { limits, takeover: Takeover::Off, ..RealmRules::default() }, 3),
        effects: Effects::new(),
        // Instants cannot be made, only taken; the runs compare effects, which hold none.
        start: Instant::now(),
        model: Model::default(),
        keys: Vec::new(),
        number: BTreeMap::new(),
        requests: Vec::new(),
        drawn: Drawn::default(),
        observed: Vec::new(),
        log: Vec::new(),
        steps: 0,
    };
    for op in ops {
        let expected = run.step(op);
        run.compare(op, expected);
    }
    run.end();
    run.log
}

impl Run {
    fn compare(&mut self, op: &Op, expected: Vec<Out>) {
        assert_eq!(std::mem::take(&mut self.observed), in_order(expected), "{op:?}");
        assert!(self.model.heard.is_empty(), "a publication that nobody was to hear: {op:?}");
        assert_eq!(self.realm.broken_invariant(), None, "{op:?}");
        let counters = self.realm.counters();
        assert_eq!(counters.sessions, self.model.sessions.iter().filter(|session| session.there).count());
        assert_eq!(counters.subscriptions, self.model.subscriptions.len());
        assert_eq!(counters.registrations, self.model.registrations.len());
        assert_eq!(counters.calls, self.model.calls.len());
        let deadline = self.realm.next_deadline().map(|at| at.duration_since(self.start).as_millis() as u64);
        assert_eq!(deadline, self.model.next_deadline(), "{op:?}");
    }

    /// When the last session has left, every table is empty.
    fn end(&mut self) {
        for who in 0..self.keys.len() {
            let op = Op::Leave { who };
            let expected = self.leave(who);
            self.compare(&op, expected);
        }
        let counters = self.realm.counters();
        let left = (counters.sessions, counters.subscriptions, counters.registrations, counters.calls);
        assert_eq!((left, self.realm.next_deadline()), ((0, 0, 0, 0), None));
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.model.now)
    }

    /// Reads what the realm did into the words of the model.
    fn observe(&mut self) {
        let effects: Vec<Effect> = self.effects.drain().collect();
        let (observed, drawn, publications) = read(&effects, &self.number);
        self.observed = observed;
        self.drawn = drawn;
        self.model.heard = publications.into();
        self.log.extend(effects);
    }

    fn handle(&mut self, who: usize, command: impl Into<Command>) {
        self.realm.handle(self.now(), self.keys[who], command.into(), &mut self.effects);
        self.observe();
    }

    fn request(&mut self, who: usize) -> RequestId {
        self.requests[who] += 1;
        RequestId::new(self.requests[who]).unwrap()
    }

    /// A payload unlike any other of the run.
    fn payload(&self) -> Payload {
        let text = format!("[{}]", self.steps);
        let length = text.len();
        Payload::Raw(RawPayload::new(Serialization::Json, bytes::Bytes::from(text), length, None))
    }

    /// One of the sessions that are there; for one number in 16 one of the last that joined, which may be gone.
    fn who(&self, number: usize) -> usize {
        let count = self.keys.len();
        let there: Vec<usize> = (0..count).filter(|who| self.there(*who)).collect();
        if there.is_empty() || number == 15 {
            return count - 1 - number % count.min(8);
        }
        there[number % there.len()]
    }

    fn there(&self, who: usize) -> bool {
        self.model.sessions[who].there
    }

    /// Does the command on both sides; gives back what the model expects.
    fn step(&mut self, op: &Op) -> Vec<Out> {
        self.steps += 1;
        match op {
            Op::Join { authid, authrole, features } => self.join(*authid, *authrole, *features),
            Op::Leave { who } => self.leave(self.who(*who)),
            Op::Pass { ms } => {
                let expected = self.model.pass(*ms);
                self.realm.handle_timeout(self.now(), &mut self.effects);
                self.observe();
                expected
            }
            Op::Answer { nth, how } => {
                let Some(call) = nth.checked_rem(self.model.calls.len()).map(|nth| &self.model.calls[nth]) else {
                    return Vec::new();
                };
                self.answer(call.callee, call.invocation, *how)
            }
            Op::Forge { who, invocation, how } => self.answer(self.who(*who), *invocation, *how),
            Op::Undeliverable { nth } => self.undeliverable(*nth),
            Op::Cancel { by_caller, who, nth, mode } => {
                let Some(nth) = nth.checked_rem(self.model.calls.len()) else { return Vec::new() };
                let call = &self.model.calls[nth];
                let request = RequestId::new(call.request).unwrap();
                let who = if *by_caller { call.caller } else { self.who(*who) };
                self.handle(who, Cancel { request, options: CancelOptions { mode: *mode } });
                if self.there(who) {
                    self.model.cancel(who, request.get(), *mode)
                } else {
                    Vec::new()
                }
            }
            Op::Subscribe { who, .. }
            | Op::Unsubscribe { who, .. }
            | Op::Register { who, .. }
            | Op::Unregister { who, .. }
            | Op::Publish { who, .. }
            | Op::Call { who, .. }
            | Op::Kill { who, .. }
            | Op::KillByAuthrole { who, .. }
            | Op::KillAll { who }
            | Op::Count { who } => self.requested(self.who(*who), op),
        }
    }

    /// A new request of a session, which may be gone.
    fn requested(&mut self, who: usize, op: &Op) -> Vec<Out> {
        let in_use = self.model.calls.iter().find(|call| call.caller == who).map(|call| call.request);
        let reuse = matches!(op, Op::Call { reuse: true, .. });
        let request = match in_use.filter(|_| reuse) {
            Some(request) => RequestId::new(request).unwrap(),
            None => self.request(who),
        };
        let subscription = self.pick_subscription(op);
        let registration = self.pick_registration(op);
        let payload = self.payload();
        let command = self.command(op, request, &payload, subscription, registration);
        self.handle(who, command);
        if !self.there(who) {
            return Vec::new();
        }
        if self.model.is_in_use(who, request.get()) {
            return self.model.violate(who);
        }
        let number = request.get();
        match op {
            Op::Subscribe { topic, policy, .. } => self.model.subscribe(who, number, *policy, topic, self.drawn),
            Op::Unsubscribe { .. } => self.model.unsubscribe(who, number, subscription),
            Op::Register { procedure, policy, invoke, disclose, forward, .. } => {
                let options = (*invoke, *disclose, *forward);
                self.model.register(who, number, (*policy, procedure), options, self.drawn)
            }
            Op::Unregister { .. } => self.model.unregister(who, number, registration),
            Op::Publish { topic, ack, exclude_me, disclose, lists, .. } => {
                let lists = &self.resolved(lists);
                let (ack, exclude_me, disclose) = (*ack, *exclude_me, *disclose);
                let wish = PublishWish { topic, ack, exclude_me, disclose, lists, payload };
                self.model.publish(who, number, &wish)
            }
            Op::Call { procedure, receive_progress, timeout_ms, disclose, .. } => {
                let (receive_progress, timeout_ms, disclose) = (*receive_progress, *timeout_ms, *disclose);
                let wish = CallWish { procedure, receive_progress, timeout_ms, disclose, payload };
                self.model.call(who, number, wish, self.drawn)
            }
            other => self.killed(who, number, other),
        }
    }

    fn killed(&mut self, who: usize, request: u64, op: &Op) -> Vec<Out> {
        let result = Out::Result { to: who, request, progress: false, payload: None };
        let (victims, announced) = match op {
            Op::Kill { victim, .. } => {
                let victim = self.who(*victim);
                if victim == who || !self.there(victim) {
                    let error = ErrorUri::NO_SUCH_SESSION.as_str().to_owned();
                    return vec![Out::Error { to: who, kind: MessageKind::Call, request, error }];
                }
                (vec![victim], true)
            }
            Op::KillByAuthrole { authrole, .. } => (self.model.others(who, Some(*authrole)), true),
            Op::KillAll { .. } => (self.model.others(who, None), false),
            _ => return vec![result],
        };
        let mut outs = Vec::new();
        for victim in victims {
            outs.extend(self.model.leave(victim, announced));
            outs.push(Out::Killed { who: victim });
        }
        outs.push(result);
        outs
    }

    fn join(&mut self, authid: usize, authrole: usize, features: usize) -> Vec<Out> {
        // Ids in no order, so that the order of ids is not the order of joining.
        let id = 1 + (self.keys.len() as u64 * 7919) % 10_007;
        let session = Session::new(id, authid, authrole, features);
        let callee_features = CalleeFeatures {
            call_canceling: session.canceling,
            progressive_call_results: session.progressive,
            call_timeout: session.keeps_time,
            ..CalleeFeatures::default()
        };
        let member = member(id, AUTHIDS[authid], AUTHROLES[authrole], callee_features);
        let key = self.realm.join(self.now(), member, &mut self.effects).unwrap();
        assert_eq!(self.number.insert(key, self.keys.len()), None, "a key is never used again");
        self.keys.push(key);
        self.requests.push(0);
        self.observe();
        self.model.join(session)
    }

    fn leave(&mut self, who: usize) -> Vec<Out> {
        self.realm.leave(self.now(), self.keys[who], &mut self.effects);
        self.observe();
        if self.there(who) {
            self.model.leave(who, true)
        } else {
            Vec::new()
        }
    }

    fn answer(&mut self, who: usize, invocation: u64, how: How) -> Vec<Out> {
        let payload = self.payload();
        let request = InvocationId::new(invocation).unwrap();
        let options = ResultOptions { progress: how == How::Partial, ppt: None };
        match how {
            How::Error => self.handle(who, error_of(MessageKind::Invocation, request.into(), "com.app.failed")),
            How::Final | How::Partial => self.handle(who, Yield { request, options, payload: payload.clone() }),
        }
        if !self.there(who) {
            return Vec::new();
        }
        match self.model.answer(who, invocation, how, &payload) {
            Some(outs) => outs,
            None => self.model.violate(who),
        }
    }

    fn undeliverable(&mut self, nth: usize) -> Vec<Out> {
        let Some(nth) = nth.checked_rem(self.model.calls.len()) else { return Vec::new() };
        let call = &self.model.calls[nth];
        let (callee, invocation) = (self.keys[call.callee], InvocationId::new(call.invocation).unwrap());
        let (now, error) = (self.now(), ErrorUri::NETWORK_FAILURE);
        self.realm.invocation_undeliverable(now, callee, invocation, None, error, &mut self.effects);
        self.observe();
        self.model.undeliverable(nth)
    }

    fn pick_subscription(&self, op: &Op) -> SubscriptionId {
        let known = &self.model.subscriptions;
        match op {
            Op::Unsubscribe { nth, .. } if !known.is_empty() => known[nth % known.len()].id,
            _ => SubscriptionId::FIRST,
        }
    }

    fn pick_registration(&self, op: &Op) -> RegistrationId {
        let known = &self.model.registrations;
        match op {
            Op::Unregister { nth, .. } if !known.is_empty() => known[nth % known.len()].id,
            _ => RegistrationId::FIRST,
        }
    }

    /// The lists with their numbers as sessions of the run.
    fn resolved(&self, lists: &Lists) -> Lists {
        let sessions =
            |list: &Option<Vec<usize>>| list.as_ref().map(|list| list.iter().map(|number| self.who(*number)).collect());
        Lists { eligible: sessions(&lists.eligible), exclude: sessions(&lists.exclude), ..lists.clone() }
    }

    fn listing(&self, lists: &Lists) -> Option<Box<Listing>> {
        let lists = self.resolved(lists);
        let ids =
            |list: Option<Vec<usize>>| list.map(|list| list.iter().map(|who| self.model.sessions[*who].id).collect());
        let texts = |list: Option<Vec<usize>>, texts: &[&str]| {
            list.map(|list| list.iter().map(|nth| texts[*nth].to_owned()).collect())
        };
        let listing = Listing {
            eligible: ids(lists.eligible),
            exclude: ids(lists.exclude),
            eligible_authid: texts(lists.eligible_authid, &AUTHIDS),
            exclude_authid: texts(lists.exclude_authid, &AUTHIDS),
            eligible_authrole: texts(lists.eligible_authrole, &AUTHROLES),
            exclude_authrole: texts(lists.exclude_authrole, &AUTHROLES),
            too_long: None,
        };
        (listing != Listing::default()).then(|| Box::new(listing))
    }

    fn command(
        &self,
        op: &Op,
        request: RequestId,
        payload: &Payload,
        subscription: SubscriptionId,
        registration: RegistrationId,
    ) -> Command {
        let payload = payload.clone();
        let meta = |procedure: &str, args: Vec<Value>| {
            let (options, payload) = (CallOptions::default(), Payload::args(args));
            Command::Call(Call { request, options, procedure: procedure.into(), payload })
        };
        match op {
            Op::Subscribe { topic, policy, .. } => {
                let options = SubscribeOptions { match_policy: *policy, ..SubscribeOptions::default() };
                Subscribe { request, options, topic: topic.as_str().into() }.into()
            }
            Op::Unsubscribe { .. } => Unsubscribe { request, subscription }.into(),
            Op::Register { procedure, policy, invoke, disclose, forward, .. } => {
                let options = RegisterOptions {
                    match_policy: *policy,
                    invoke: *invoke,
                    disclose_caller: *disclose,
                    forward_timeout: *forward,
                    ..RegisterOptions::default()
                };
                Register { request, options, procedure: procedure.as_str().into() }.into()
            }
            Op::Unregister { .. } => Unregister { request, registration }.into(),
            Op::Publish { topic, ack, exclude_me, disclose, lists, .. } => {
                let options = PublishOptions {
                    acknowledge: *ack,
                    exclude_me: *exclude_me,
                    disclose_me: *disclose,
                    listing: self.listing(lists),
                    ..PublishOptions::default()
                };
                Publish { request, options, topic: topic.as_str().into(), payload }.into()
            }
            Op::Call { procedure, receive_progress, timeout_ms, disclose, .. } => {
                let options = CallOptions {
                    receive_progress: *receive_progress,
                    timeout_ms: *timeout_ms,
                    disclose_me: *disclose,
                    ..CallOptions::default()
                };
                Call { request, options, procedure: procedure.as_str().into(), payload }.into()
            }
            Op::Kill { victim, .. } => {
                let id = self.model.sessions[self.who(*victim)].id;
                meta("wamp.session.kill", vec![Value::Unsigned(id)])
            }
            Op::KillByAuthrole { authrole, .. } => {
                meta("wamp.session.kill_by_authrole", vec![Value::from(AUTHROLES[*authrole])])
            }
            Op::KillAll { .. } => meta("wamp.session.kill_all", vec![]),
            Op::Count { .. } => meta("wamp.session.count", vec![]),
            other => panic!("{other:?} is no request"),
        }
    }
}
