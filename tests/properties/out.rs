//! What a step causes, in the words of the model: sessions by their number, messages reduced to what matters.

use std::collections::BTreeMap;
use wharf::routing::{CloseReason, Effect, SessionKey};
use wharf::wamp::{CancelMode, Message, MessageKind, Payload, PublicationId, RegistrationId, SubscriptionId};

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Out {
    Subscribed { to: usize, request: u64, subscription: SubscriptionId },
    Unsubscribed { to: usize, request: u64 },
    Registered { to: usize, request: u64, registration: RegistrationId },
    Unregistered { to: usize, request: u64 },
    Published { to: usize, request: u64, publication: PublicationId },
    Event(EventOut),
    Invocation(InvocationOut),
    Result { to: usize, request: u64, progress: bool, payload: Option<Payload> },
    Error { to: usize, kind: MessageKind, request: u64, error: String },
    Interrupt { to: usize, invocation: u64, mode: CancelMode },
    Violated { who: usize },
    Killed { who: usize },
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct EventOut {
    /// Sorted: there is no order among the receivers of one event.
    pub(crate) to: Vec<usize>,
    pub(crate) subscription: SubscriptionId,
    pub(crate) publication: PublicationId,
    pub(crate) topic: Option<String>,
    pub(crate) publisher: Option<u64>,
    /// `None`: made by the router, not compared.
    pub(crate) payload: Option<Payload>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct InvocationOut {
    pub(crate) to: usize,
    pub(crate) invocation: u64,
    pub(crate) registration: RegistrationId,
    pub(crate) procedure: Option<String>,
    pub(crate) caller: Option<u64>,
    pub(crate) receive_progress: bool,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) payload: Payload,
}

/// What the model cannot know: what the realm drew.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drawn {
    pub(crate) subscription: Option<SubscriptionId>,
    pub(crate) registration: Option<RegistrationId>,
    /// Who got the INVOCATION.
    pub(crate) callee: Option<usize>,
}

/// The effects in the words of the model, and what was drawn in them.
pub(crate) fn read(effects: &[Effect], number: &BTreeMap<SessionKey, usize>) -> (Vec<Out>, Drawn, Vec<PublicationId>) {
    let mut drawn = Drawn::default();
    let mut publications = Vec::new();
    let mut outs = Vec::new();
    for effect in effects {
        let out = match effect {
            Effect::Deliver { to, event } => {
                let message = &event.message;
                let mut receivers: Vec<usize> = to.iter().map(|key| number[key]).collect();
                receivers.sort_unstable();
                publications.push(message.publication);
                Out::Event(EventOut {
                    to: receivers,
                    subscription: message.subscription,
                    publication: message.publication,
                    topic: message.details.topic.as_ref().map(ToString::to_string),
                    publisher: message.details.publisher.as_ref().map(|publisher| publisher.session.get()),
                    payload: matches!(message.payload, Payload::Raw(_)).then(|| message.payload.clone()),
                })
            }
            Effect::Close { session, reason: CloseReason::Violation { .. } } => Out::Violated { who: number[session] },
            Effect::Close { session, reason: CloseReason::Killed { .. } } => Out::Killed { who: number[session] },
            Effect::Send { to, message } => sent(number[to], message, &mut drawn, &mut publications),
            Effect::Store(order) => panic!("no topic of this realm keeps anything: {order:?}"),
            Effect::Probe(session) => panic!("nobody is asked for a sign of life: {session:?}"),
        };
        outs.push(out);
    }
    publications.dedup();
    (in_order(outs), drawn, publications)
}

/// The events of one publication have no order among them.
pub(crate) fn in_order(mut outs: Vec<Out>) -> Vec<Out> {
    let publication = |out: &Out| if let Out::Event(event) = out { Some(event.publication) } else { None };
    for same in outs.chunk_by_mut(|one, next| publication(one).is_some() && publication(one) == publication(next)) {
        same.sort_by_key(|out| if let Out::Event(event) = out { Some(event.subscription) } else { None });
    }
    outs
}

fn sent(to: usize, message: &Message, drawn: &mut Drawn, publications: &mut Vec<PublicationId>) -> Out {
    match message {
        Message::Subscribed(message) => {
            drawn.subscription = Some(message.subscription);
            Out::Subscribed { to, request: message.request.get(), subscription: message.subscription }
        }
        Message::Registered(message) => {
            drawn.registration = Some(message.registration);
            Out::Registered { to, request: message.request.get(), registration: message.registration }
        }
        Message::Published(message) => {
            publications.push(message.publication);
            Out::Published { to, request: message.request.get(), publication: message.publication }
        }
        Message::Unsubscribed(message) => Out::Unsubscribed { to, request: message.request.unwrap().get() },
        Message::Unregistered(message) => Out::Unregistered { to, request: message.request.unwrap().get() },
        Message::Invocation(message) => {
            drawn.callee = Some(to);
            Out::Invocation(InvocationOut {
                to,
                invocation: message.request.get(),
                registration: message.registration,
                procedure: message.details.procedure.as_ref().map(ToString::to_string),
                caller: message.details.caller.as_ref().map(|caller| caller.session.get()),
                receive_progress: message.details.receive_progress,
                timeout_ms: message.details.timeout_ms,
                payload: message.payload.clone(),
            })
        }
        Message::Result(message) => Out::Result {
            to,
            request: message.request.get(),
            progress: message.details.progress,
            payload: matches!(message.payload, Payload::Raw(_)).then(|| message.payload.clone()),
        },
        Message::Error(message) => {
            let (kind, request) = (message.request_kind, message.request.get());
            Out::Error { to, kind, request, error: message.error.to_string() }
        }
        Message::Interrupt(message) => {
            Out::Interrupt { to, invocation: message.request.get(), mode: message.options.mode.unwrap() }
        }
        other => panic!("a realm does not send {other:?}"),
    }
}
