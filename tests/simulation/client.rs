//! One client: what it has asked for, what it has been promised, and whether what comes keeps the promises.

use std::collections::{BTreeMap, BTreeSet};
use wharf::wamp::message::Event;
use wharf::wamp::{Message, MessageKind, Payload, RegistrationId, SubscriptionId, Value};

/// A session as its client sees it. A connection that drops makes a new one.
#[derive(Default)]
pub(crate) struct Client {
    /// The name of this session in payloads; never used again.
    pub(crate) name: u64,
    last_request: u64,
    /// Requests without their answer.
    pub(crate) waiting: BTreeMap<u64, MessageKind>,
    /// Calls without their final answer: whether partial ones are welcome.
    pub(crate) calls: BTreeMap<u64, bool>,
    pub(crate) subscriptions: BTreeSet<SubscriptionId>,
    pub(crate) registrations: BTreeSet<RegistrationId>,
    /// What is asked to be given back, by request.
    pub(crate) unsubscribing: BTreeMap<u64, SubscriptionId>,
    pub(crate) unregistering: BTreeMap<u64, RegistrationId>,
    last_invocation: u64,
    /// Invocations without our final answer: whether partial ones are welcome, and what to answer.
    pub(crate) serving: BTreeMap<u64, (bool, Payload)>,
    /// The last publication of each publisher, on each subscription.
    last_event: BTreeMap<(SubscriptionId, u64), u64>,
    /// The last call of each caller.
    last_call: BTreeMap<u64, u64>,
    pub(crate) closed: bool,
}

/// Who sent it, and its number among all that this one sent.
pub(crate) fn tag(name: u64, number: u64) -> Payload {
    Payload::args(vec![Value::Unsigned(name), Value::Unsigned(number)])
}

fn untag(payload: &Payload) -> (u64, u64) {
    match payload {
        Payload::Values(values) => match values.args[..] {
            [Value::Unsigned(name), Value::Unsigned(number)] => (name, number),
            _ => panic!("a tag, not {values:?}"),
        },
        other => panic!("a tag, not {other:?}"),
    }
}

impl Client {
    pub(crate) fn new(name: u64) -> Self {
        Self { name, ..Self::default() }
    }

    pub(crate) fn next_request(&mut self) -> u64 {
        self.last_request += 1;
        self.last_request
    }

    /// The last request so far: numbers what is published and called.
    pub(crate) fn last_request(&self) -> u64 {
        self.last_request
    }

    /// Takes a message and checks it against all that was promised.
    pub(crate) fn receive(&mut self, message: &Message) {
        assert!(!self.closed, "nothing comes after the end");
        match message {
            Message::Subscribed(message) => {
                self.answered(message.request.get(), MessageKind::Subscribe);
                self.subscriptions.insert(message.subscription);
            }
            Message::Unsubscribed(message) => {
                let request = message.request.unwrap().get();
                self.answered(request, MessageKind::Unsubscribe);
                let id = self.unsubscribing.remove(&request).unwrap();
                self.subscriptions.remove(&id);
            }
            Message::Registered(message) => {
                self.answered(message.request.get(), MessageKind::Register);
                self.registrations.insert(message.registration);
            }
            Message::Unregistered(message) => {
                let request = message.request.unwrap().get();
                self.answered(request, MessageKind::Unregister);
                let id = self.unregistering.remove(&request).unwrap();
                self.registrations.remove(&id);
            }
            Message::Published(message) => self.answered(message.request.get(), MessageKind::Publish),
            Message::Event(event) => self.event(event),
            Message::Invocation(message) => {
                assert!(self.registrations.contains(&message.registration), "REGISTERED precedes INVOCATION");
                self.last_invocation += 1;
                assert_eq!(message.request.get(), self.last_invocation, "invocation ids are 1, 2, 3, ...");
                let (caller, number) = untag(&message.payload);
                let before = self.last_call.insert(caller, number);
                assert!(before < Some(number), "invocations come in the order of calls");
                self.serving.insert(self.last_invocation, (message.details.receive_progress, message.payload.clone()));
            }
            Message::Interrupt(message) => {
                let id = message.request.get();
                assert!(id <= self.last_invocation, "only what was invoked is interrupted");
            }
            Message::Result(message) => self.result(message.request.get(), message.details.progress, &message.payload),
            Message::Error(message) if message.request_kind == MessageKind::Call => {
                self.calls.remove(&message.request.get()).expect("one final answer per call");
            }
            Message::Error(message) => self.answered(message.request.get(), message.request_kind),
            other => panic!("a realm does not send {other:?}"),
        }
    }

    fn answered(&mut self, request: u64, kind: MessageKind) {
        assert_eq!(self.waiting.remove(&request), Some(kind), "one answer per request");
    }

    fn event(&mut self, event: &Event) {
        assert!(self.subscriptions.contains(&event.subscription), "SUBSCRIBED before EVENT, none after UNSUBSCRIBED");
        let is_meta = event.details.topic.as_deref().is_some_and(|topic| topic.starts_with("wamp."));
        if is_meta {
            return;
        }
        let (publisher, number) = untag(&event.payload);
        let before = self.last_event.insert((event.subscription, publisher), number);
        assert!(before < Some(number), "events come in the order of publishing, each once per subscription");
    }

    fn result(&mut self, request: u64, progress: bool, payload: &Payload) {
        let asked = *self.calls.get(&request).expect("a call that waits");
        assert!(asked || !progress, "partial results only where they were asked for");
        if matches!(payload, Payload::Values(values) if values.args.len() == 2) {
            assert_eq!(untag(payload), (self.name, request), "the answer to this call and no other");
        }
        if !progress {
            self.calls.remove(&request);
        }
    }
}
