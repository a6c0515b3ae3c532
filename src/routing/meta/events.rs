//! The meta events: who joined and left, what was subscribed and registered, what was described.
//!
//! Each is an ordinary EVENT without publisher. Its payload is built only where somebody listens.

use super::topic;
use crate::routing::change::{Change, Named};
use crate::routing::effect::Effects;
use crate::routing::key::SessionKey;
use crate::routing::{Member, Realm};
use crate::wamp::role::Feature;
use crate::wamp::{Payload, RegistrationId, SessionId, SubscriptionId, Value};
use std::time::Instant;

const ON_JOIN: &str = "wamp.session.on_join";
const ON_LEAVE: &str = "wamp.session.on_leave";
const ON_OVERFLOW: &str = "wharf.session.on_overflow";

impl Realm {
    /// Publishes one event of the router's, unless the realm has `feature` switched off.
    pub(super) fn publish_event(
        &mut self,
        now: Instant,
        feature: Option<Feature>,
        uri: &'static str,
        payload: impl FnOnce() -> Payload,
        effects: &mut Effects,
    ) {
        if feature.is_none_or(|feature| self.rules.features.has(feature)) {
            let (broker, _, mut turn) = self.turn(now, effects);
            broker.publish_meta(&mut turn, &topic(uri), payload);
        }
    }

    /// R82.
    pub(in crate::routing) fn publish_on_join(&mut self, now: Instant, joined: SessionKey, effects: &mut Effects) {
        if !self.rules.features.has(Feature::SessionMetaApi) {
            return;
        }
        let (broker, _, mut turn) = self.turn(now, effects);
        let Some(member) = turn.directory.member(joined) else { return };
        broker.publish_meta(&mut turn, &topic(ON_JOIN), || Payload::args(vec![member.details()]));
    }

    /// R83: three values, whatever ended the session (D19).
    pub(in crate::routing) fn publish_on_leave(&mut self, now: Instant, left: &Member, effects: &mut Effects) {
        let payload = || {
            let session = Value::Unsigned(left.session.get());
            Payload::args(vec![session, Value::from(&*left.authid), Value::from(&*left.authrole)])
        };
        self.publish_event(now, Some(Feature::SessionMetaApi), ON_LEAVE, payload, effects);
    }

    /// Keeps how many EVENTs a session has lost, for its details. Nothing for a session that is gone.
    pub fn note_dropped(&mut self, session: SessionKey, overflow: &Overflow) {
        self.directory.note_dropped(session, overflow.dropped);
    }

    /// Tells the realm that a session does not read what is sent to it: `wharf.session.on_overflow`, with one dict. Nothing
    /// for a session that is gone.
    pub fn announce_overflow(&mut self, now: Instant, session: SessionKey, overflow: Overflow, effects: &mut Effects) {
        let (broker, _, mut turn) = self.turn(now, effects);
        let Some(member) = turn.directory.member(session) else { return };
        broker.publish_meta(&mut turn, &topic(ON_OVERFLOW), || Payload::args(vec![overflow.details(member)]));
    }

    /// Publishes what the step has changed about subscriptions and registrations, in the order in which it happened (R94,
    /// R96). A description goes with its registration.
    #[inline]
    pub(in crate::routing) fn publish_changes(&mut self, now: Instant, effects: &mut Effects) {
        if !self.changes.is_empty() {
            self.publish_each_change(now, effects);
        }
    }

    // Kept apart, or the question before it is no longer asked in place.
    #[inline(never)]
    fn publish_each_change(&mut self, now: Instant, effects: &mut Effects) {
        let mut changes = std::mem::take(&mut self.changes);
        for change in changes.drain(..) {
            let news = News::of(&change);
            self.publish_event(now, Some(news.feature), news.topic, || news.told.payload(news.session), effects);
            if let Change::RegistrationDeleted(session, registration) = change {
                self.forget_description(now, session, registration, effects);
            }
        }
        self.changes = changes;
    }
}

/// One change, as it is told.
struct News<'a> {
    feature: Feature,
    topic: &'static str,
    session: SessionId,
    told: Told<'a>,
}

/// The second argument of a meta event.
enum Told<'a> {
    Subscription(&'a Named<SubscriptionId>),
    Registration(&'a Named<RegistrationId>),
    Id(u64),
}

impl<'a> News<'a> {
    fn of(change: &'a Change) -> Self {
        let subscription = |topic, session: &SessionId, told| {
            let (feature, session) = (Feature::SubscriptionMetaApi, *session);
            Self { feature, topic, session, told }
        };
        let registration = |topic, session: &SessionId, told| {
            let (feature, session) = (Feature::RegistrationMetaApi, *session);
            Self { feature, topic, session, told }
        };
        match change {
            Change::SubscriptionCreated(session, named) => {
                subscription("wamp.subscription.on_create", session, Told::Subscription(named))
            }
            Change::Subscribed(session, id) => {
                subscription("wamp.subscription.on_subscribe", session, Told::Id(id.get()))
            }
            Change::Unsubscribed(session, id) => {
                subscription("wamp.subscription.on_unsubscribe", session, Told::Id(id.get()))
            }
            Change::SubscriptionDeleted(session, id) => {
                subscription("wamp.subscription.on_delete", session, Told::Id(id.get()))
            }
            Change::RegistrationCreated(session, named) => {
                registration("wamp.registration.on_create", session, Told::Registration(named))
            }
            Change::Registered(session, id) => {
                registration("wamp.registration.on_register", session, Told::Id(id.get()))
            }
            Change::Unregistered(session, id) => {
                registration("wamp.registration.on_unregister", session, Told::Id(id.get()))
            }
            Change::RegistrationDeleted(session, id) => {
                registration("wamp.registration.on_delete", session, Told::Id(id.get()))
            }
        }
    }
}

impl Told<'_> {
    fn payload(&self, session: SessionId) -> Payload {
        let told = match self {
            Self::Subscription(named) => named.details(named.id.get()),
            Self::Registration(named) => named.details(named.id.get()),
            Self::Id(id) => Value::Unsigned(*id),
        };
        Payload::args(vec![Value::Unsigned(session.get()), told])
    }
}

impl<Id> Named<Id> {
    /// RegistrationDetails or SubscriptionDetails (R98). `id` is this one's.
    pub(super) fn details(&self, id: u64) -> Value {
        let entry = |key: &str, value| (key.to_owned(), value);
        let mut details = vec![
            entry("id", Value::Unsigned(id)),
            entry("created", Value::Text(self.created.to_string())),
            entry("uri", Value::from(self.uri.as_str())),
            entry("match", Value::from(self.policy.as_str())),
        ];
        details.extend(self.invoke.map(|invoke| entry("invoke", Value::from(invoke.as_str()))));
        Value::Dict(details)
    }
}

/// A session whose outbox is full. Source: chapter "Slow consumers, in full" of the limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overflow {
    /// What is done about it: the policy's name.
    pub policy: &'static str,
    /// EVENTs dropped since the session began.
    pub dropped: u64,
    /// Messages that wait.
    pub queued_messages: u64,
    /// Octets that wait.
    pub queued_bytes: u64,
    /// Whether the session is cut.
    pub closed: bool,
}

impl Overflow {
    fn details(self, member: &Member) -> Value {
        let entry = |key: &str, value| (key.to_owned(), value);
        Value::Dict(vec![
            entry("session", Value::Unsigned(member.session.get())),
            entry("authid", Value::from(&*member.authid)),
            entry("authrole", Value::from(&*member.authrole)),
            entry("policy", Value::from(self.policy)),
            entry("dropped", Value::Unsigned(self.dropped)),
            entry("queued_messages", Value::Unsigned(self.queued_messages)),
            entry("queued_bytes", Value::Unsigned(self.queued_bytes)),
            entry("closed", Value::Bool(self.closed)),
        ])
    }
}
