//! What clients do: one of the requests, an answer, or something that they should not.

use crate::client::{tag, Calling, Client, AFTER_DEATH};
use crate::ledger::Ledger;
use crate::passthru::{key_dict, keys, OPAQUE};
use crate::test_realm::error_of;
use rand::rngs::StdRng;
use rand::RngExt;
use wharf::routing::Command;
use wharf::wamp::message::{Call, Cancel, Error, Publish, Register, Subscribe, Unregister, Unsubscribe, Yield};
use wharf::wamp::options::{
    CallOptions, CancelOptions, ErrorDetails, Listing, PublishOptions, RegisterOptions, ResultOptions, SubscribeOptions,
};
use wharf::wamp::role::{Feature, Features};
use wharf::wamp::{
    CancelMode, Dict, InvocationId, InvocationPolicy, MatchPolicy, MessageKind, Payload, RequestId, Uri, Value,
};

const TOPICS: [(MatchPolicy, &str); 11] = [
    (MatchPolicy::Exact, "a.b"),
    (MatchPolicy::Exact, "a.c"),
    (MatchPolicy::Prefix, "a."),
    (MatchPolicy::Prefix, ""),
    (MatchPolicy::Wildcard, "a."),
    (MatchPolicy::Wildcard, ".b"),
    (MatchPolicy::Prefix, "wamp.session."),
    (MatchPolicy::Wildcard, "wamp.session."),
    (MatchPolicy::Prefix, "wamp.registration."),
    (MatchPolicy::Prefix, "wamp.subscription."),
    (MatchPolicy::Prefix, "wamp.reflect."),
];
const URIS: [&str; 4] = ["a.b", "a.c", "b.b", "c"];

/// A client that is about to do something.
pub(crate) struct Ask<'a> {
    pub(crate) state: &'a mut Client,
    pub(crate) rng: &'a mut StdRng,
    /// How many sessions there have been; their ids are 1, 2, 3, ...
    pub(crate) sessions: u64,
    pub(crate) features: Features,
    pub(crate) ledger: &'a mut Ledger,
}

pub(crate) fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> Option<T> {
    (!from.is_empty()).then(|| from[rng.random_range(0..from.len())])
}

/// An answer to something that was never asked, mostly; or to something of long ago.
pub(crate) fn forge(rng: &mut StdRng) -> Option<Command> {
    let id = rng.random_range(1..50);
    if rng.random_bool(0.5) {
        return Some(error_of(MessageKind::Invocation, RequestId::new(id).unwrap(), "com.app.forged").into());
    }
    let request = InvocationId::new(id).unwrap();
    Some(Yield { request, options: ResultOptions::default(), payload: Payload::Empty }.into())
}

/// `dice`: 18 to 999.
pub(crate) fn ask(asking: &mut Ask<'_>, dice: u32) -> Option<Command> {
    match dice {
        18..20 => asking.kill(),
        20..50 => asking.meta(),
        50..75 => asking.reflect(),
        75..280 => asking.answer_some(),
        280..400 => asking.go_on(),
        400..490 => asking.subscribe(),
        490..510 => asking.unsubscribe(),
        510..600 => asking.register(),
        600..620 => asking.unregister(),
        620..770 => asking.publish(),
        770..950 => asking.call(),
        _ => asking.cancel(),
    }
}

/// The final answer, or a part of it. `part` says whether it is opaque.
pub(crate) fn answer(state: &mut Client, invocation: u64, progress: bool, part: u64) -> Command {
    let (name, number) = state.serving[&invocation].call;
    let tag_of = (name, number, part);
    if !progress {
        state.serving.remove(&invocation);
    }
    let options = ResultOptions { progress, ppt: keys(tag_of) };
    Yield { request: InvocationId::new(invocation).unwrap(), options, payload: tag(tag_of) }.into()
}

impl Ask<'_> {
    fn next(&mut self) -> RequestId {
        RequestId::new(self.state.next_request()).unwrap()
    }

    fn waiting(&mut self, kind: MessageKind) -> RequestId {
        let request = self.next();
        self.state.waiting.insert(request.get(), kind);
        request
    }

    /// What a payload's part is to be counted from: whether it is opaque. `announced`: the peer may send such.
    fn opacity(&mut self, announced: bool) -> u64 {
        let may = announced && self.features.has(Feature::PayloadPassthruMode);
        if may && self.rng.random_bool(0.3) {
            OPAQUE
        } else {
            0
        }
    }

    pub(crate) fn uri(&mut self) -> Uri {
        Uri::from(URIS[self.rng.random_range(0..URIS.len())])
    }

    fn pattern(&mut self) -> (MatchPolicy, &'static str) {
        TOPICS[self.rng.random_range(0..TOPICS.len())]
    }

    /// A call of one of the router's own procedures.
    pub(crate) fn own(&mut self, procedure: &str, args: Vec<Value>, kwargs: Dict) -> Option<Command> {
        let (request, options) = (self.next(), CallOptions::default());
        let calling = Calling { procedure: procedure.into(), receive_progress: false, owed: false, part: 0 };
        self.state.calls.insert(request.get(), calling);
        Some(Call { request, options, procedure: procedure.into(), payload: Payload::values(args, kwargs) }.into())
    }

    fn kill(&mut self) -> Option<Command> {
        let victim = Value::Unsigned(self.rng.random_range(1..=self.sessions));
        let (procedure, args) = match self.rng.random_range(0..20) {
            0 => ("wamp.session.kill_all", vec![]),
            1 => ("wamp.session.kill_by_authrole", vec![Value::from("guest")]),
            2 => ("wamp.session.kill_by_authid", vec![Value::from("eve")]),
            _ => ("wamp.session.kill", vec![victim]),
        };
        self.own(procedure, args, vec![])
    }

    fn meta(&mut self) -> Option<Command> {
        let victim = Value::Unsigned(self.rng.random_range(1..=self.sessions));
        let registrations: Vec<_> = self.state.registrations.keys().copied().collect();
        let subscriptions: Vec<_> = self.state.subscriptions.iter().copied().collect();
        let registration = pick(self.rng, &registrations).map(|id| Value::Unsigned(id.get()));
        let subscription = pick(self.rng, &subscriptions).map(|id| Value::Unsigned(id.get()));
        match self.rng.random_range(0..12) {
            // One's own mostly: of the others nothing is known here.
            0 => self.own(
                "wamp.registration.remove_callee",
                vec![registration?, Value::Unsigned(self.state.name)],
                vec![],
            ),
            1 => self.own("wamp.registration.remove_callee", vec![registration?, victim], vec![]),
            2 => self.own(
                "wamp.subscription.remove_subscriber",
                vec![subscription?, Value::Unsigned(self.state.name)],
                vec![],
            ),
            3 => self.own("wamp.subscription.remove_subscriber", vec![subscription?, victim], vec![]),
            4..7 => self.own("wamp.subscription.get_events", vec![subscription?], vec![]),
            7..10 => self.testament(),
            10 => self.own("wamp.session.flush_testaments", vec![], vec![]),
            _ => self.own("wharf.retained.clear", vec![Value::from("a.b")], vec![]),
        }
    }

    fn testament(&mut self) -> Option<Command> {
        let topic = self.uri();
        let opacity = self.opacity(self.state.announced.publisher_features.payload_passthru_mode);
        let tag = (AFTER_DEATH + self.state.name, self.state.last_request() + 1, opacity);
        let options = PublishOptions { retain: self.rng.random_bool(0.3), ppt: keys(tag), ..PublishOptions::default() };
        let mut dict = key_dict(tag);
        dict.push(("retain".to_owned(), Value::Bool(options.retain)));
        let dict = Value::Dict(dict);
        self.ledger.publish(tag, &topic, options);
        let args = [tag.0, tag.1, tag.2].map(Value::Unsigned).to_vec();
        let scope = if self.rng.random_bool(0.5) { "detached" } else { "destroyed" };
        let kwargs = vec![("publish_options".to_owned(), dict), ("scope".to_owned(), Value::from(scope))];
        self.own(
            "wamp.session.add_testament",
            vec![Value::from(topic.as_str()), Value::List(args), Value::Null],
            kwargs,
        )
    }

    fn answer_some(&mut self) -> Option<Command> {
        let serving: Vec<u64> = self.state.serving.keys().copied().collect();
        let invocation = pick(self.rng, &serving)?;
        let progressive = self.state.serving[&invocation].receive_progress;
        let partial = self.rng.random_bool(if progressive { 0.5 } else { 0.1 });
        let opacity = self.opacity(self.state.announced.callee_features.payload_passthru_mode);
        if !partial && self.rng.random_bool(0.3) {
            let (name, number) = self.state.serving.remove(&invocation)?.call;
            let error = if self.rng.random_bool(0.5) { "com.app.failed" } else { "wamp.error.unavailable" };
            let request = RequestId::new(invocation).unwrap();
            let tag_of = (name, number, opacity);
            let (details, payload) = (ErrorDetails { ppt: keys(tag_of) }, tag(tag_of));
            return Some(Error { details, payload, ..error_of(MessageKind::Invocation, request, error) }.into());
        }
        Some(answer(self.state, invocation, partial, opacity))
    }

    fn subscribe(&mut self) -> Option<Command> {
        let (match_policy, pattern) = self.pattern();
        let options = SubscribeOptions { match_policy, get_retained: self.rng.random_bool(0.5) };
        let request = self.waiting(MessageKind::Subscribe);
        Some(Subscribe { request, options, topic: pattern.into() }.into())
    }

    fn unsubscribe(&mut self) -> Option<Command> {
        let known: Vec<_> = self.state.subscriptions.iter().copied().collect();
        let subscription = pick(self.rng, &known)?;
        if self.state.unsubscribing.values().any(|other| *other == subscription) {
            return None;
        }
        let request = self.waiting(MessageKind::Unsubscribe);
        self.state.unsubscribing.insert(request.get(), subscription);
        Some(Unsubscribe { request, subscription }.into())
    }

    fn register(&mut self) -> Option<Command> {
        let (match_policy, pattern) = self.pattern();
        let reserved = pattern.starts_with("wamp");
        let options = RegisterOptions {
            match_policy: if reserved { MatchPolicy::Exact } else { match_policy },
            invoke: pick(self.rng, InvocationPolicy::ALL)?,
            disclose_caller: false,
            forward_timeout: self.rng.random_bool(0.5),
            concurrency: self.rng.random_bool(0.3).then(|| self.rng.random_range(1..3)),
            force_reregister: self.rng.random_bool(0.05),
        };
        let procedure = if reserved { self.uri() } else { pattern.into() };
        let request = self.waiting(MessageKind::Register);
        self.state.registering.insert(request.get(), (options.match_policy, procedure.clone()));
        Some(Register { request, options, procedure }.into())
    }

    fn unregister(&mut self) -> Option<Command> {
        let known: Vec<_> = self.state.registrations.keys().copied().collect();
        let registration = pick(self.rng, &known)?;
        if self.state.unregistering.values().any(|other| *other == registration) {
            return None;
        }
        let request = self.waiting(MessageKind::Unregister);
        self.state.unregistering.insert(request.get(), registration);
        Some(Unregister { request, registration }.into())
    }

    fn publish(&mut self) -> Option<Command> {
        let topic = self.uri();
        let opacity = self.opacity(self.state.announced.publisher_features.payload_passthru_mode);
        let tag_of = (self.state.name, self.state.last_request() + 1, opacity);
        let options = PublishOptions {
            acknowledge: self.rng.random_bool(0.5),
            exclude_me: self.rng.random_bool(0.5),
            retain: self.rng.random_bool(0.4),
            disclose_me: self.rng.random_bool(0.3),
            listing: self.listing(),
            ppt: keys(tag_of),
            trace: None,
        };
        let request = if options.acknowledge { self.waiting(MessageKind::Publish) } else { self.next() };
        self.ledger.publish(tag_of, &topic, options.clone());
        Some(Publish { request, options, topic, payload: tag(tag_of) }.into())
    }

    fn listing(&mut self) -> Option<Box<Listing>> {
        let sessions = self.sessions;
        let some = |rng: &mut StdRng| (0..15).map(|_| rng.random_range(1..=sessions)).collect::<Vec<u64>>();
        let listing = match self.rng.random_range(0..12) {
            0 => Listing { eligible: Some(some(self.rng)), ..Listing::default() },
            1 => Listing { exclude: Some(some(self.rng)), ..Listing::default() },
            2 => Listing { eligible_authrole: Some(vec!["staff".to_owned()]), ..Listing::default() },
            3 => Listing { exclude_authid: Some(vec!["ann".to_owned(), "bob".to_owned()]), ..Listing::default() },
            _ => return None,
        };
        Some(Box::new(listing))
    }

    fn call(&mut self) -> Option<Command> {
        let receive_progress = self.rng.random_bool(0.5);
        let timeout_ms = self.rng.random_bool(0.4).then(|| self.rng.random_range(0..400));
        let may_stream = self.state.announced.caller_features.progressive_call_invocations
            && self.features.has(Feature::ProgressiveCallInvocations);
        let progress = may_stream && self.rng.random_bool(0.4);
        let part = self.opacity(self.state.announced.caller_features.payload_passthru_mode);
        let (request, procedure) = (self.next(), self.uri());
        let tag_of = (self.state.name, request.get(), part);
        let calling = Calling { procedure: procedure.clone(), receive_progress, owed: progress, part };
        self.state.calls.insert(request.get(), calling);
        let disclose_me = self.rng.random_bool(0.3);
        self.ledger.call((tag_of.0, tag_of.1), &procedure, disclose_me);
        let options =
            CallOptions { receive_progress, progress, timeout_ms, disclose_me, ppt: keys(tag_of), trace: None };
        Some(Call { request, options, procedure, payload: tag(tag_of) }.into())
    }

    /// More input of a call, which may have ended.
    fn go_on(&mut self) -> Option<Command> {
        let state = &mut *self.state;
        let owed = state.calls.iter().filter(|(_, call)| call.owed).chain(&state.owed);
        let owed: Vec<u64> = owed.map(|(request, _)| *request).collect();
        let request = pick(self.rng, &owed)?;
        let progress = self.rng.random_bool(0.6);
        let call = state.calls.get_mut(&request).or(state.owed.get_mut(&request))?;
        (call.owed, call.part) = (progress, call.part + 1);
        let tag_of = (state.name, request, call.part);
        let (procedure, payload) = (call.procedure.clone(), tag(tag_of));
        if !progress {
            state.owed.remove(&request);
        }
        let options = CallOptions { progress, ppt: keys(tag_of), ..CallOptions::default() };
        Some(Call { request: RequestId::new(request).unwrap(), options, procedure, payload }.into())
    }

    fn cancel(&mut self) -> Option<Command> {
        let calls: Vec<u64> = self.state.calls.keys().copied().collect();
        let request = RequestId::new(pick(self.rng, &calls)?).unwrap();
        Some(Cancel { request, options: CancelOptions { mode: pick(self.rng, CancelMode::ALL)? } }.into())
    }
}
