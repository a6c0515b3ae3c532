//! The realm's effects in the words of the model.

use crate::ask::passed;
use crate::out::{EventOut, InvocationOut, KeepOut, Out, Said};
use std::collections::{BTreeMap, VecDeque};
use wharf::routing::{CloseReason, Effect, Order, SessionKey, Waiting};
use wharf::wamp::message::Event;
use wharf::wamp::options::Ppt;
use wharf::wamp::{Message, Payload};

pub(crate) const FEATURE_NOT_SUPPORTED: &str = "wamp.error.feature_not_supported";

/// What the model cannot know, since the realm drew it; each in the order of the messages.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// Who got the INVOCATIONs; nobody, where a call was refused because its callee cannot do what it needs.
    pub(crate) callees: VecDeque<Option<usize>>,
    /// The ids in SUBSCRIBED and REGISTERED.
    pub(crate) subscriptions: VecDeque<u64>,
    pub(crate) registrations: VecDeque<u64>,
    /// What questions about history are to be answered with.
    pub(crate) tickets: VecDeque<u64>,
}

/// What one step caused.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) outs: Vec<Out>,
    pub(crate) drawn: Drawn,
    /// Those who wait for the store.
    pub(crate) waiting: Vec<Waiting>,
}

pub(crate) fn read(effects: &[Effect], number: &BTreeMap<SessionKey, usize>) -> Seen {
    let mut seen = Seen::default();
    for effect in effects {
        let out = match effect {
            Effect::Deliver { to, event } => {
                Out::Event(event_out(to.iter().map(|key| number[key]).collect(), &event.message))
            }
            Effect::Close { session, reason: CloseReason::Violation { .. } } => Out::Violated { who: number[session] },
            Effect::Close { session, reason: CloseReason::Killed { message, .. } } => {
                Out::Killed { who: number[session], message: message.clone() }
            }
            Effect::Send { to, message } => sent(number[to], message, &mut seen),
            Effect::Store(order) => ordered(order, number, &mut seen),
            Effect::Probe(session) => Out::Probed { who: number[session] },
        };
        seen.outs.push(out);
    }
    seen
}

/// Whether there are the keys of an opaque payload, which are all four or none.
fn is_opaque(ppt: &Option<Box<Ppt>>) -> bool {
    assert!(ppt.is_none() || *ppt == passed(true), "the keys go on as they came: {ppt:?}");
    ppt.is_some()
}

fn event_out(mut to: Vec<usize>, message: &Event) -> EventOut {
    to.sort_unstable();
    EventOut {
        to,
        subscription: message.subscription.get(),
        publication: message.publication.get(),
        topic: message.details.topic.as_ref().map(ToString::to_string),
        publisher: message.details.publisher.as_ref().map(|publisher| publisher.session.get()),
        trust: message.details.trustlevel,
        retained: message.details.retained,
        ppt: is_opaque(&message.details.ppt),
        payload: said(&message.payload),
    }
}

fn said(payload: &Payload) -> Said {
    match payload {
        Payload::Empty => Said::Empty,
        Payload::Values(values) => Said::Values(values.args.clone(), values.kwargs.clone()),
        Payload::Raw(raw) => {
            let text = std::str::from_utf8(raw.tail()).unwrap();
            Said::Tag(text[1..text.len() - 1].parse().unwrap())
        }
    }
}

fn ordered(order: &Order, number: &BTreeMap<SessionKey, usize>, seen: &mut Seen) -> Out {
    match order {
        Order::Keep { event, history, retain, waiting } => {
            seen.waiting.extend(*waiting);
            Out::Keep(KeepOut {
                publication: event.publication.get(),
                topic: event.topic.to_string(),
                publisher: event.publisher.as_ref().map(|publisher| publisher.session.get()),
                excluded: event.excluded.map(wharf::wamp::SessionId::get),
                trust: event.trustlevel,
                ppt: is_opaque(&event.ppt),
                listed: event.listing.is_some(),
                history: history.map(|history| (history.limit, history.durable)),
                retain: *retain,
                waiting: waiting.map(|waiting| {
                    assert_eq!(waiting.publication, event.publication);
                    (number[&waiting.session], waiting.request.get())
                }),
                time: event.time.0,
                payload: said(&event.payload),
            })
        }
        // Effects are looked at one by one.
        Order::Records(_) => unreachable!("an order for each event"),
        Order::Forget(topic) => Out::Forget { topic: topic.to_string() },
        Order::Read(query) => {
            seen.drawn.tickets.push_back(query.ticket);
            Out::Read {
                topic: query.topic.to_string(),
                limit: query.limit.map(|limit| limit as u64),
                authrole: query.authrole.to_string(),
            }
        }
    }
}

fn sent(to: usize, message: &Message, seen: &mut Seen) -> Out {
    match message {
        Message::Subscribed(message) => {
            seen.drawn.subscriptions.push_back(message.subscription.get());
            Out::Subscribed { to, request: message.request.get(), subscription: message.subscription.get() }
        }
        Message::Registered(message) => {
            seen.drawn.registrations.push_back(message.registration.get());
            Out::Registered { to, request: message.request.get(), registration: message.registration.get() }
        }
        Message::Published(message) => {
            Out::Published { to, request: message.request.get(), publication: message.publication.get() }
        }
        Message::Unsubscribed(message) => match message.request {
            Some(request) => Out::Unsubscribed { to, request: request.get() },
            None => {
                let subscription = message.details.subscription.unwrap().get();
                Out::SubscriptionRevoked { to, subscription, reason: message.details.reason.clone() }
            }
        },
        Message::Unregistered(message) => match message.request {
            Some(request) => Out::Unregistered { to, request: request.get() },
            None => Out::RegistrationRevoked { to, registration: message.details.registration.unwrap().get() },
        },
        Message::Event(message) => Out::Event(event_out(vec![to], message)),
        Message::Invocation(message) => {
            seen.drawn.callees.push_back(Some(to));
            Out::Invocation(InvocationOut {
                to,
                invocation: message.request.get(),
                registration: message.registration.get(),
                procedure: message.details.procedure.as_ref().map(ToString::to_string),
                caller: message.details.caller.as_ref().map(|caller| caller.session.get()),
                receive_progress: message.details.receive_progress,
                progress: message.details.progress,
                timeout_ms: message.details.timeout_ms,
                trust: message.details.trustlevel,
                ppt: is_opaque(&message.details.ppt),
                payload: said(&message.payload),
            })
        }
        Message::Result(message) => Out::Result {
            to,
            request: message.request.get(),
            progress: message.details.progress,
            ppt: is_opaque(&message.details.ppt),
            payload: said(&message.payload),
        },
        Message::Error(message) => {
            let error = message.error.to_string();
            if error == FEATURE_NOT_SUPPORTED {
                seen.drawn.callees.push_back(None);
            }
            let (kind, request) = (message.request_kind, message.request.get());
            let (ppt, payload) = (is_opaque(&message.details.ppt), said(&message.payload));
            Out::Error { to, kind, request, error, ppt, payload }
        }
        Message::Interrupt(message) => {
            Out::Interrupt { to, invocation: message.request.get(), mode: message.options.mode.unwrap() }
        }
        other => panic!("a realm does not send {other:?}"),
    }
}
