//! A realm for tests: sessions join with a line, time is moved by the test, and what a step causes is given back.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wharf::routing::{
    CloseReason, Command, Effect, Effects, Member, Order, Overflow, Page, Permit, Realm, RealmLimits, RealmRules,
    SessionKey, StoreFault, Waiting,
};
use wharf::wamp::message::{
    Call, Cancel, Error, Event, Interrupt, Invocation, Publish, Register, Result as ResultMessage, Subscribe,
    Unregister, Unsubscribe, Yield,
};
use wharf::wamp::options::{
    CallOptions, CancelOptions, ErrorDetails, PublishOptions, RegisterOptions, ResultOptions, SubscribeOptions,
};
use wharf::wamp::role::{Announced, CalleeFeatures, CallerFeatures, PublisherFeatures, SubscriberFeatures};
use wharf::wamp::{
    CancelMode, Dict, InvocationId, InvocationPolicy, MatchPolicy, Message, MessageKind, Payload, PublicationId,
    RegistrationId, RequestId, SessionId, SubscriptionId, Uri, Value, WallTime,
};

pub(crate) const EXACT: MatchPolicy = MatchPolicy::Exact;
pub(crate) const PREFIX: MatchPolicy = MatchPolicy::Prefix;
pub(crate) const WILDCARD: MatchPolicy = MatchPolicy::Wildcard;

/// A realm with its clock.
pub(crate) struct TestRealm {
    pub(crate) realm: Realm,
    pub(crate) now: Instant,
    pub(crate) effects: Effects,
    last_request: BTreeMap<SessionKey, u64>,
    joined: u64,
    /// Whether all tables are compared after each step.
    checked: bool,
}

impl TestRealm {
    pub(crate) fn new() -> Self {
        Self::with(RealmLimits::default())
    }

    pub(crate) fn with(limits: RealmLimits) -> Self {
        Self::with_rules(RealmRules { limits, ..RealmRules::default() })
    }

    pub(crate) fn with_rules(rules: RealmRules) -> Self {
        let mut realm = Realm::with_rules(rules, 42);
        let now = Instant::now();
        // 2026-11-23T00:00:00Z.
        realm.set_time_of_day(now, WallTime(1_795_392_000_000_000));
        Self { realm, now, effects: Effects::new(), last_request: BTreeMap::new(), joined: 0, checked: true }
    }

    /// For many entries, where comparing all tables after each step takes too long.
    pub(crate) fn unchecked() -> Self {
        Self::unchecked_with(RealmLimits::default())
    }

    pub(crate) fn unchecked_with(limits: RealmLimits) -> Self {
        Self { checked: false, ..Self::with(limits) }
    }

    /// A session that announces every feature.
    pub(crate) fn join(&mut self) -> SessionKey {
        self.join_as("alice", "user")
    }

    pub(crate) fn join_as(&mut self, authid: &str, authrole: &str) -> SessionKey {
        self.join_featured(authid, authrole, ALL_FEATURES)
    }

    /// A session that announces no feature.
    pub(crate) fn join_plain(&mut self) -> SessionKey {
        self.join_featured("plain", "user", CalleeFeatures::default())
    }

    pub(crate) fn join_featured(&mut self, authid: &str, authrole: &str, features: CalleeFeatures) -> SessionKey {
        let member = self.member(authid, authrole, features);
        self.joining(member).0
    }

    /// The next member: session ids are 1001, 1002, ...
    pub(crate) fn member(&mut self, authid: &str, authrole: &str, callee_features: CalleeFeatures) -> Member {
        self.joined += 1;
        member(1000 + self.joined, authid, authrole, callee_features)
    }

    pub(crate) fn joining(&mut self, member: Member) -> (SessionKey, Seen) {
        let key = self.realm.join(self.now, member, &mut self.effects).unwrap();
        (key, self.seen())
    }

    pub(crate) fn leave(&mut self, session: SessionKey) -> Seen {
        self.realm.leave(self.now, session, &mut self.effects);
        self.seen()
    }

    pub(crate) fn pass(&mut self, time: Duration) -> Seen {
        self.now += time;
        self.realm.handle_timeout(self.now, &mut self.effects);
        self.seen()
    }

    pub(crate) fn undeliverable(&mut self, callee: SessionKey, invocation: u64, error: wharf::wamp::ErrorUri) -> Seen {
        let invocation = InvocationId::new(invocation).unwrap();
        self.realm.invocation_undeliverable(self.now, callee, invocation, None, error, &mut self.effects);
        self.seen()
    }

    /// An INVOCATION comes back.
    pub(crate) fn gives_back(
        &mut self,
        callee: SessionKey,
        invocation: Invocation,
        error: wharf::wamp::ErrorUri,
    ) -> Seen {
        let (id, given) = (invocation.request, Some(Box::new(invocation)));
        self.realm.invocation_undeliverable(self.now, callee, id, given, error, &mut self.effects);
        self.seen()
    }

    pub(crate) fn will_leave(&mut self, session: SessionKey) -> Seen {
        self.realm.will_leave(self.now, session, &mut self.effects);
        self.seen()
    }

    pub(crate) fn sign_of_life(&mut self, session: SessionKey) -> Seen {
        self.realm.sign_of_life(self.now, session, &mut self.effects);
        self.seen()
    }

    /// As a session actor reports it, where the realm is told of it.
    pub(crate) fn overflows(&mut self, session: SessionKey, overflow: Overflow) -> Seen {
        self.realm.note_dropped(session, &overflow);
        self.realm.announce_overflow(self.now, session, overflow, &mut self.effects);
        self.seen()
    }

    pub(crate) fn handle(&mut self, from: SessionKey, command: impl Into<Command>) -> Seen {
        self.realm.handle(self.now, from, command.into(), &mut self.effects);
        self.seen()
    }

    /// The WAMP id of a session that is there.
    pub(crate) fn id(&self, session: SessionKey) -> u64 {
        self.realm.member(session).unwrap().session.get()
    }

    pub(crate) fn request(&mut self, from: SessionKey) -> RequestId {
        let last = self.last_request.entry(from).or_insert(0);
        *last += 1;
        RequestId::new(*last).unwrap()
    }

    pub(crate) fn subscribing(&mut self, from: SessionKey, topic: &str, match_policy: MatchPolicy) -> Seen {
        let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
        let request = self.request(from);
        self.handle(from, Subscribe { request, options, topic: topic.into() })
    }

    pub(crate) fn subscribe(&mut self, from: SessionKey, topic: &str, match_policy: MatchPolicy) -> SubscriptionId {
        let seen = self.subscribing(from, topic, match_policy);
        match seen.only_message_to(from) {
            Message::Subscribed(subscribed) => subscribed.subscription,
            other => panic!("SUBSCRIBED expected, got {other:?}"),
        }
    }

    pub(crate) fn unsubscribe(&mut self, from: SessionKey, subscription: SubscriptionId) -> Seen {
        let request = self.request(from);
        self.handle(from, Unsubscribe { request, subscription })
    }

    /// PUBLISH without options.
    pub(crate) fn publish(&mut self, from: SessionKey, topic: &str) -> Seen {
        self.publish_with(from, topic, PublishOptions::default())
    }

    pub(crate) fn publish_with(&mut self, from: SessionKey, topic: &str, options: PublishOptions) -> Seen {
        let request = self.request(from);
        self.handle(from, Publish { request, options, topic: topic.into(), payload: Payload::Empty })
    }

    pub(crate) fn registering(&mut self, from: SessionKey, procedure: &str, options: RegisterOptions) -> Seen {
        let request = self.request(from);
        self.handle(from, Register { request, options, procedure: procedure.into() })
    }

    pub(crate) fn register_with(
        &mut self,
        from: SessionKey,
        procedure: &str,
        options: RegisterOptions,
    ) -> RegistrationId {
        let seen = self.registering(from, procedure, options);
        match seen.only_message_to(from) {
            Message::Registered(registered) => registered.registration,
            other => panic!("REGISTERED expected, got {other:?}"),
        }
    }

    pub(crate) fn register(&mut self, from: SessionKey, procedure: &str) -> RegistrationId {
        self.register_with(from, procedure, RegisterOptions::default())
    }

    pub(crate) fn register_shared(
        &mut self,
        from: SessionKey,
        procedure: &str,
        invoke: InvocationPolicy,
    ) -> RegistrationId {
        self.register_with(from, procedure, RegisterOptions { invoke, ..RegisterOptions::default() })
    }

    pub(crate) fn unregister(&mut self, from: SessionKey, registration: RegistrationId) -> Seen {
        let request = self.request(from);
        self.handle(from, Unregister { request, registration })
    }

    /// CALL without options: what it causes.
    pub(crate) fn call(&mut self, from: SessionKey, procedure: &str) -> Seen {
        self.call_with(from, procedure, CallOptions::default())
    }

    pub(crate) fn call_with(&mut self, from: SessionKey, procedure: &str, options: CallOptions) -> Seen {
        self.calling(from, procedure, options, Payload::Empty)
    }

    pub(crate) fn calling(
        &mut self,
        from: SessionKey,
        procedure: &str,
        options: CallOptions,
        payload: Payload,
    ) -> Seen {
        let request = self.request(from);
        self.handle(from, Call { request, options, procedure: procedure.into(), payload })
    }

    /// CALL that must reach a callee: the INVOCATION and who gets it.
    pub(crate) fn invoke_with(
        &mut self,
        from: SessionKey,
        procedure: &str,
        options: CallOptions,
    ) -> (SessionKey, Invocation) {
        let seen = self.call_with(from, procedure, options);
        match &seen.0[..] {
            [Effect::Send { to, message: Message::Invocation(invocation) }] => (*to, invocation.clone()),
            other => panic!("INVOCATION expected, got {other:?}"),
        }
    }

    pub(crate) fn invoke(&mut self, from: SessionKey, procedure: &str) -> (SessionKey, Invocation) {
        self.invoke_with(from, procedure, CallOptions::default())
    }

    pub(crate) fn meta(&mut self, from: SessionKey, procedure: &str, args: Vec<Value>, kwargs: Dict) -> Seen {
        self.calling(from, procedure, CallOptions::default(), Payload::values(args, kwargs))
    }

    /// The store's answer.
    pub(crate) fn history_read(&mut self, ticket: u64, page: Result<Page, StoreFault>) -> Seen {
        self.realm.history_read(self.now, ticket, page, &mut self.effects);
        self.seen()
    }

    /// The store's answer to a publisher that waits.
    pub(crate) fn kept(&mut self, waiting: Waiting, outcome: Result<(), StoreFault>) -> Seen {
        self.realm.kept(self.now, waiting, outcome, &mut self.effects);
        self.seen()
    }

    pub(crate) fn cancel(&mut self, from: SessionKey, request: RequestId, mode: CancelMode) -> Seen {
        self.handle(from, Cancel { request, options: CancelOptions { mode } })
    }

    pub(crate) fn yields(&mut self, from: SessionKey, invocation: u64) -> Seen {
        self.yield_with(from, invocation, false, Payload::Empty)
    }

    pub(crate) fn progress(&mut self, from: SessionKey, invocation: u64) -> Seen {
        self.yield_with(from, invocation, true, Payload::Empty)
    }

    pub(crate) fn yield_with(&mut self, from: SessionKey, invocation: u64, progress: bool, payload: Payload) -> Seen {
        let request = InvocationId::new(invocation).unwrap();
        self.handle(from, Yield { request, options: ResultOptions { progress, ppt: None }, payload })
    }

    pub(crate) fn errs(&mut self, from: SessionKey, invocation: u64, error: &str) -> Seen {
        let request = RequestId::new(invocation).unwrap();
        self.handle(from, error_of(MessageKind::Invocation, request, error))
    }

    /// The last request id that a helper used for this session.
    pub(crate) fn last_request(&self, from: SessionKey) -> RequestId {
        RequestId::new(self.last_request[&from]).unwrap()
    }

    pub(crate) fn seen(&mut self) -> Seen {
        if self.checked {
            assert_eq!(self.realm.broken_invariant(), None);
        }
        Seen(self.effects.drain().flat_map(Effect::one_by_one).collect())
    }
}

/// What one step caused.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Seen(pub(crate) Vec<Effect>);

impl Seen {
    pub(crate) fn is_silent(&self) -> bool {
        self.0.is_empty()
    }

    /// All messages to `session`, in order, its events among them.
    pub(crate) fn messages_to(&self, session: SessionKey) -> Vec<Message> {
        let message = |effect: &Effect| match effect {
            Effect::Send { to, message } if *to == session => Some(message.clone()),
            Effect::Deliver { to, event } if to.contains(&session) => Some(event.message.clone().into()),
            Effect::Send { .. } | Effect::Deliver { .. } | Effect::Close { .. } => None,
            Effect::Store(_) | Effect::Probe(_) => None,
        };
        self.0.iter().filter_map(message).collect()
    }

    pub(crate) fn only_message_to(&self, session: SessionKey) -> Message {
        let mut messages = self.messages_to(session);
        assert_eq!(messages.len(), 1, "one message expected: {self:?}");
        messages.remove(0)
    }

    /// The receivers of each event, in the order of delivery.
    pub(crate) fn receivers(&self) -> Vec<Vec<SessionKey>> {
        self.deliveries().map(|(to, _)| to).collect()
    }

    /// All who get an event, each time that they do, sorted.
    pub(crate) fn all_receivers(&self) -> Vec<SessionKey> {
        let mut all: Vec<_> = self.deliveries().flat_map(|(to, _)| to).collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.deliveries().map(|(_, event)| event).collect()
    }

    /// The publication ids of all events, each once.
    pub(crate) fn publication_ids(&self) -> Vec<PublicationId> {
        let mut ids: Vec<_> = self.deliveries().map(|(_, event)| event.publication).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(crate) fn result_to(&self, session: SessionKey) -> ResultMessage {
        match self.only_message_to(session) {
            Message::Result(result) => result,
            other => panic!("RESULT expected, got {other:?}"),
        }
    }

    pub(crate) fn error_to(&self, session: SessionKey) -> Error {
        match self.only_message_to(session) {
            Message::Error(error) => error,
            other => panic!("ERROR expected, got {other:?}"),
        }
    }

    /// The kind of request and the URI of the one ERROR to `session`.
    pub(crate) fn refused(&self, session: SessionKey) -> (MessageKind, String) {
        let error = self.error_to(session);
        (error.request_kind, error.error.to_string())
    }

    pub(crate) fn interrupt_to(&self, session: SessionKey) -> Option<Interrupt> {
        self.messages_to(session).into_iter().find_map(|message| match message {
            Message::Interrupt(interrupt) => Some(interrupt),
            _ => None,
        })
    }

    /// The sessions that were ended, with the reasons.
    /// What the realm wants of its store.
    pub(crate) fn orders(&self) -> Vec<Order> {
        let order = |effect: &Effect| match effect {
            Effect::Store(order) => Some(order.clone()),
            Effect::Send { .. } | Effect::Deliver { .. } | Effect::Close { .. } | Effect::Probe(_) => None,
        };
        self.0.iter().filter_map(order).collect()
    }

    /// Who is asked for a sign of life.
    pub(crate) fn probed(&self) -> Vec<SessionKey> {
        let probed = |effect: &Effect| match effect {
            Effect::Probe(session) => Some(*session),
            Effect::Send { .. } | Effect::Deliver { .. } | Effect::Close { .. } | Effect::Store(_) => None,
        };
        self.0.iter().filter_map(probed).collect()
    }

    pub(crate) fn closed(&self) -> Vec<(SessionKey, CloseReason)> {
        let closed = |effect: &Effect| match effect {
            Effect::Close { session, reason } => Some((*session, reason.clone())),
            Effect::Send { .. } | Effect::Deliver { .. } | Effect::Store(_) | Effect::Probe(_) => None,
        };
        self.0.iter().filter_map(closed).collect()
    }

    /// The text of the violation that ended `session`.
    pub(crate) fn violation(&self, session: SessionKey) -> String {
        match &self.closed()[..] {
            [(closed, CloseReason::Violation { text })] if *closed == session => text.clone(),
            other => panic!("a violation expected, got {other:?}"),
        }
    }

    pub(crate) fn deliveries(&self) -> impl Iterator<Item = (Vec<SessionKey>, Event)> + '_ {
        self.0.iter().filter_map(|effect| match effect {
            Effect::Deliver { to, event } => Some((to.to_vec(), event.message.clone())),
            Effect::Send { .. } | Effect::Close { .. } | Effect::Store(_) | Effect::Probe(_) => None,
        })
    }
}

pub(crate) const ALL_FEATURES: CalleeFeatures = CalleeFeatures {
    call_canceling: true,
    progressive_call_results: true,
    progressive_call_invocations: true,
    call_timeout: true,
    call_reroute: true,
    registration_revocation: true,
    payload_passthru_mode: true,
};

pub(crate) fn member(session: u64, authid: &str, authrole: &str, callee_features: CalleeFeatures) -> Member {
    // Who can do nothing as a callee can do nothing in its other roles either.
    let all = callee_features == ALL_FEATURES;
    Member {
        session: SessionId::new(session).unwrap(),
        authid: Arc::from(authid),
        authrole: Arc::from(authrole),
        authmethod: Arc::from("ticket"),
        authprovider: Arc::from("static"),
        announced: Announced {
            publisher: true,
            subscriber: true,
            caller: true,
            callee: true,
            publisher_features: PublisherFeatures { payload_passthru_mode: all },
            subscriber_features: SubscriberFeatures { subscription_revocation: all },
            caller_features: CallerFeatures { progressive_call_invocations: all, payload_passthru_mode: all },
            callee_features,
        },
        entrance: wharf::wamp::Entrance::default(),
        transport: Dict::new(),
        permit: Permit::default(),
    }
}

pub(crate) fn error_of(request_kind: MessageKind, request: RequestId, error: &str) -> Error {
    let payload = Payload::args(vec![Value::from("why")]);
    Error { request_kind, request, details: ErrorDetails::default(), error: Uri::from(error), payload }
}

/// A payload as it comes from a client: octets that the realm must pass on untouched.
pub(crate) fn raw(text: &'static str, args_len: usize, kwargs_at: Option<usize>) -> Payload {
    let tail = bytes::Bytes::from_static(text.as_bytes());
    Payload::Raw(wharf::wamp::RawPayload::new(wharf::wamp::Serialization::Json, tail, args_len, kwargs_at))
}

pub(crate) fn ack() -> PublishOptions {
    PublishOptions { acknowledge: true, ..PublishOptions::default() }
}

/// The positional arguments of a payload that the router made.
pub(crate) fn args(payload: &Payload) -> Vec<Value> {
    match payload {
        Payload::Empty => Vec::new(),
        Payload::Values(values) => values.args.clone(),
        Payload::Raw(raw) => panic!("made by the router, not {raw:?}"),
    }
}

pub(crate) fn kwargs(payload: &Payload) -> Dict {
    match payload {
        Payload::Empty => Dict::new(),
        Payload::Values(values) => values.kwargs.clone(),
        Payload::Raw(raw) => panic!("made by the router, not {raw:?}"),
    }
}
