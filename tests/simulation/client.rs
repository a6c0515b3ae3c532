//! One client: what it has asked for, what it has been promised, and whether what comes keeps the promises.

use crate::passthru;
use std::collections::{BTreeMap, BTreeSet};
use wharf::wamp::message::{Event, Invocation};
use wharf::wamp::role::Announced;
use wharf::wamp::{MatchPolicy, Message, MessageKind, Payload, RegistrationId, SubscriptionId, Uri, Value};

/// A session as its client sees it. A connection that drops makes a new one.
#[derive(Default)]
pub(crate) struct Client {
    /// The name of this session in payloads, and its WAMP id; never used again.
    pub(crate) name: u64,
    pub(crate) announced: Announced,
    /// Answers no question for a sign of life.
    pub(crate) silent: bool,
    last_request: u64,
    /// Requests without their answer.
    pub(crate) waiting: BTreeMap<u64, MessageKind>,
    /// Calls without their final answer.
    pub(crate) calls: BTreeMap<u64, Calling>,
    /// Calls that have ended while the last CALL is owed.
    pub(crate) owed: BTreeMap<u64, Calling>,
    pub(crate) subscriptions: BTreeSet<SubscriptionId>,
    /// What we serve.
    pub(crate) registrations: BTreeMap<RegistrationId, (MatchPolicy, Uri)>,
    /// What is asked to be served, by request.
    pub(crate) registering: BTreeMap<u64, (MatchPolicy, Uri)>,
    /// What is asked to be given back, by request.
    pub(crate) unsubscribing: BTreeMap<u64, SubscriptionId>,
    pub(crate) unregistering: BTreeMap<u64, RegistrationId>,
    last_invocation: u64,
    /// Invocations without our final answer.
    pub(crate) serving: BTreeMap<u64, Serving>,
    /// Invocations of which more is to come, with the last part so far.
    streams: BTreeMap<u64, Tag>,
    /// Invocations that were lost on the way.
    lost: BTreeSet<u64>,
    /// The last publication of each publisher, on each subscription.
    last_event: BTreeMap<(SubscriptionId, u64), u64>,
    /// Testaments that have come.
    testaments: BTreeSet<(SubscriptionId, Tag)>,
    /// The last call of each caller, of those that did not wait for a callee.
    last_call: BTreeMap<u64, Tag>,
    /// Of registrations and subscriptions, by the subscription on which we heard of it.
    deleted: BTreeSet<(SubscriptionId, u64)>,
}

/// A call of ours.
#[derive(Clone)]
pub(crate) struct Calling {
    pub(crate) procedure: Uri,
    pub(crate) receive_progress: bool,
    /// More is to come.
    pub(crate) owed: bool,
    pub(crate) part: u64,
}

/// A call that we serve.
pub(crate) struct Serving {
    pub(crate) receive_progress: bool,
    /// What to answer with: the caller and its CALL.
    pub(crate) call: (u64, u64),
}

/// Who sent it, its number among all that this one sent, and which part of it.
pub(crate) type Tag = (u64, u64, u64);

/// Testaments are tagged with this added to the name.
pub(crate) const AFTER_DEATH: u64 = 1 << 40;

pub(crate) fn tag((name, number, part): Tag) -> Payload {
    Payload::args(vec![Value::Unsigned(name), Value::Unsigned(number), Value::Unsigned(part)])
}

pub(crate) fn read_tag(payload: &Payload) -> Option<Tag> {
    let Payload::Values(values) = payload else { return None };
    match values.args[..] {
        [Value::Unsigned(name), Value::Unsigned(number), Value::Unsigned(part)] => Some((name, number, part)),
        _ => None,
    }
}

fn untag(payload: &Payload) -> Tag {
    read_tag(payload).unwrap_or_else(|| panic!("a tag, not {payload:?}"))
}

impl Client {
    pub(crate) fn new(name: u64, announced: Announced, silent: bool) -> Self {
        Self { name, announced, silent, ..Self::default() }
    }

    pub(crate) fn next_request(&mut self) -> u64 {
        self.last_request += 1;
        self.last_request
    }

    /// The last request so far.
    pub(crate) fn last_request(&self) -> u64 {
        self.last_request
    }

    /// Takes a message and checks it against all that was promised. `waited`: an INVOCATION that came of no CALL just now.
    pub(crate) fn receive(&mut self, message: &Message, waited: bool) {
        match message {
            Message::Subscribed(message) => {
                self.answered(message.request.get(), MessageKind::Subscribe);
                self.subscriptions.insert(message.subscription);
            }
            Message::Unsubscribed(message) => {
                let id = match message.request {
                    Some(request) => {
                        self.answered(request.get(), MessageKind::Unsubscribe);
                        self.unsubscribing.remove(&request.get()).unwrap()
                    }
                    None => {
                        assert!(self.announced.subscriber_features.subscription_revocation, "told who can be told");
                        message.details.subscription.unwrap()
                    }
                };
                self.subscriptions.remove(&id);
            }
            Message::Registered(message) => {
                self.answered(message.request.get(), MessageKind::Register);
                let what = self.registering.remove(&message.request.get()).unwrap();
                self.registrations.insert(message.registration, what);
            }
            Message::Unregistered(message) => {
                let id = match message.request {
                    Some(request) => {
                        self.answered(request.get(), MessageKind::Unregister);
                        self.unregistering.remove(&request.get()).unwrap()
                    }
                    None => {
                        assert!(self.announced.callee_features.registration_revocation, "told who can be told");
                        message.details.registration.unwrap()
                    }
                };
                self.registrations.remove(&id);
            }
            Message::Published(message) => self.answered(message.request.get(), MessageKind::Publish),
            Message::Event(event) => self.event(event),
            Message::Invocation(message) => self.invocation(message, waited),
            Message::Interrupt(message) => {
                let id = message.request.get();
                assert!(id <= self.last_invocation, "only what was invoked is interrupted");
                assert!(self.announced.callee_features.call_canceling, "interrupted who can be interrupted");
            }
            Message::Result(message) => {
                passthru::check(
                    &message.payload,
                    &message.details.ppt,
                    self.announced.caller_features.payload_passthru_mode,
                );
                self.result(message.request.get(), message.details.progress, &message.payload);
            }
            Message::Error(message) if message.request_kind == MessageKind::Call => {
                passthru::check(
                    &message.payload,
                    &message.details.ppt,
                    self.announced.caller_features.payload_passthru_mode,
                );
                self.is_to_us(message.request.get(), &message.payload);
                self.called(message.request.get());
            }
            Message::Error(message) => self.answered(message.request.get(), message.request_kind),
            other => panic!("a realm does not send {other:?}"),
        }
    }

    fn answered(&mut self, request: u64, kind: MessageKind) {
        assert_eq!(self.waiting.remove(&request), Some(kind), "one answer per request");
    }

    /// The final answer of a call.
    fn called(&mut self, request: u64) {
        let call = self.calls.remove(&request).expect("one final answer per call");
        if call.owed {
            self.owed.insert(request, call);
        }
    }

    fn invocation(&mut self, message: &Invocation, waited: bool) {
        let (id, tag) = (message.request.get(), untag(&message.payload));
        passthru::check(&message.payload, &message.details.ppt, self.announced.callee_features.payload_passthru_mode);
        if self.lost.contains(&id) {
            // More of it was on the way already.
            return;
        }
        if let Some(last) = self.streams.remove(&id) {
            assert_eq!((last.0, last.1, last.2 + 1), tag, "the parts of a call come in order, none is left out");
        } else {
            assert!(self.registrations.contains_key(&message.registration), "REGISTERED precedes INVOCATION");
            self.next_invocation(id);
            let receive_progress = message.details.receive_progress;
            self.serving.insert(id, Serving { receive_progress, call: (tag.0, tag.1) });
            if !waited {
                let before = self.last_call.insert(tag.0, tag);
                assert!(before < Some(tag), "invocations come in the order of calls");
            }
        }
        if message.details.progress {
            let features = self.announced.callee_features;
            assert!(features.progressive_call_invocations && features.call_canceling, "parts only to who takes them");
            self.streams.insert(id, tag);
        }
    }

    /// An INVOCATION that was lost on the way counts; of a call in parts it was the last that we hear.
    pub(crate) fn lose(&mut self, message: &Invocation) {
        let id = message.request.get();
        if !self.lost.insert(id) {
            return;
        }
        if self.streams.remove(&id).is_some() {
            self.serving.remove(&id);
        } else {
            self.next_invocation(id);
        }
    }

    fn next_invocation(&mut self, id: u64) {
        self.last_invocation += 1;
        assert_eq!(id, self.last_invocation, "invocation ids are 1, 2, 3, ...");
    }

    fn event(&mut self, event: &Event) {
        assert!(self.subscriptions.contains(&event.subscription), "SUBSCRIBED before EVENT, none after UNSUBSCRIBED");
        if let Some(topic) = event.details.topic.as_deref().filter(|topic| topic.starts_with("wamp.")) {
            return self.meta_event(event, topic);
        }
        let tag = untag(&event.payload);
        // A subscriber need not have announced it (D72).
        passthru::check(&event.payload, &event.details.ppt, true);
        let (publisher, number, _) = tag;
        if publisher > AFTER_DEATH {
            let first = self.testaments.insert((event.subscription, tag));
            assert!(first || event.details.retained, "a testament comes once per subscription");
        } else if !event.details.retained {
            let before = self.last_event.insert((event.subscription, publisher), number);
            assert!(before < Some(number), "events come in the order of publishing, each once per subscription");
        }
        // What is replayed was asked for after it was published, and needs no PUBLISHED before.
        if publisher == self.name && !event.details.retained {
            assert!(!self.waiting.contains_key(&number), "PUBLISHED before one's own EVENT: {event:?}");
        }
    }

    /// on_create comes before all others of the same thing, on_delete after them.
    fn meta_event(&mut self, event: &Event, topic: &str) {
        let Some(what) = topic.strip_prefix("wamp.registration.").or(topic.strip_prefix("wamp.subscription.")) else {
            return;
        };
        let Payload::Values(values) = &event.payload else { panic!("made by the router: {event:?}") };
        let [_, about] = &values.args[..] else { panic!("two arguments: {event:?}") };
        let Value::Unsigned(id) = about.get("id").unwrap_or(about) else { panic!("an id: {event:?}") };
        let thing = (event.subscription, *id);
        match what {
            "on_create" => {
                self.deleted.remove(&thing);
            }
            "on_delete" => assert!(self.deleted.insert(thing), "deleted once"),
            _ => assert!(!self.deleted.contains(&thing), "nothing comes between on_delete and on_create"),
        }
    }

    fn result(&mut self, request: u64, progress: bool, payload: &Payload) {
        let asked = self.calls.get(&request).expect("a call that waits").receive_progress;
        assert!(asked || !progress, "partial results only where they were asked for");
        self.is_to_us(request, payload);
        if !progress {
            self.called(request);
        }
    }

    fn is_to_us(&self, request: u64, payload: &Payload) {
        if let Some((name, number, _)) = read_tag(payload) {
            assert_eq!((name, number), (self.name, request), "the answer to this call and no other");
        }
    }
}
