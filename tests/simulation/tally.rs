//! What has happened in all runs together: a world in which nothing happens keeps every promise.

use crate::client::{read_tag, AFTER_DEATH};
use std::collections::BTreeMap;
use wharf::routing::{CloseReason, Effect, Order};
use wharf::wamp::{Message, Payload};

/// What must have happened.
const NOTEWORTHY: [&str; 29] = [
    "an event",
    "a testament",
    "a retained event",
    "a result",
    "a part of a result",
    "a part of the input",
    "a call with an error",
    "an interrupt",
    "events of history",
    "a subscription revoked",
    "a registration revoked",
    "a sign of life asked for",
    "a session replaced",
    "a session killed",
    "a violation",
    "an event kept that somebody waits for",
    "a publication that was not kept",
    "an opaque event",
    "an opaque testament",
    "an opaque invocation",
    "an opaque result",
    "an opaque error",
    "an opaque event kept",
    "a call that cannot do what it needs",
    "a description given",
    "a description told of",
    "a call refused for want of memory",
    "a call that is not permitted",
    "a retained event of before the start",
];

/// Counts in the effects of one run.
pub(crate) fn count(log: &[(u64, Effect)], into: &mut BTreeMap<&'static str, u64>) {
    for (_, effect) in log {
        let what = match effect {
            Effect::Deliver { event, .. } => match read_tag(&event.message.payload) {
                _ if event.message.details.retained => "a retained event",
                Some((name, ..)) if name > AFTER_DEATH => "a testament",
                Some(_) => "an event",
                None => "a meta event",
            },
            Effect::Send { message, .. } => sent(message),
            Effect::Close { reason: CloseReason::Violation { .. }, .. } => "a violation",
            Effect::Close { reason: CloseReason::Killed { message: Some(_), .. }, .. } => "a session replaced",
            Effect::Close { .. } => "a session killed",
            Effect::Store(Order::Keep { waiting: Some(_), .. }) => "an event kept that somebody waits for",
            Effect::Store(_) => "another order",
            Effect::Probe(_) => "a sign of life asked for",
        };
        for what in [Some(what), opaque(effect), told(effect)].into_iter().flatten() {
            *into.entry(what).or_insert(0) += 1;
        }
    }
}

/// What is passed through.
fn opaque(effect: &Effect) -> Option<&'static str> {
    let of = |there: bool, what| there.then_some(what);
    match effect {
        Effect::Deliver { event, .. } => {
            let is_testament = read_tag(&event.message.payload).is_some_and(|(name, ..)| name > AFTER_DEATH);
            let what = if is_testament { "an opaque testament" } else { "an opaque event" };
            of(event.message.details.ppt.is_some(), what)
        }
        Effect::Send { message: Message::Invocation(message), .. } => {
            of(message.details.ppt.is_some(), "an opaque invocation")
        }
        Effect::Send { message: Message::Result(message), .. } => of(message.details.ppt.is_some(), "an opaque result"),
        Effect::Send { message: Message::Error(message), .. } => match message.error.as_str() {
            "wamp.error.feature_not_supported" => Some("a call that cannot do what it needs"),
            _ => of(message.details.ppt.is_some(), "an opaque error"),
        },
        Effect::Store(Order::Keep { event, .. }) => of(event.ppt.is_some(), "an opaque event kept"),
        _ => None,
    }
}

/// Descriptions, and what circumstances have to do with.
fn told(effect: &Effect) -> Option<&'static str> {
    match effect {
        Effect::Deliver { event, .. } if event.message.details.retained => {
            let name = read_tag(&event.message.payload)?.0;
            (name == 0).then_some("a retained event of before the start")
        }
        Effect::Deliver { event, .. } => {
            let topic = event.message.details.topic.as_ref()?;
            topic.starts_with("wamp.reflect.").then_some("a description told of")
        }
        Effect::Send { message: Message::Result(message), .. } => {
            let Payload::Values(values) = &message.payload else { return None };
            values.args.first()?.get("summary").map(|_| "a description given")
        }
        Effect::Send { message: Message::Error(message), .. } => match message.error.as_str() {
            "wharf.error.overloaded" => Some("a call refused for want of memory"),
            "wamp.error.not_authorized" => Some("a call that is not permitted"),
            _ => None,
        },
        _ => None,
    }
}

fn sent(message: &Message) -> &'static str {
    match message {
        Message::Result(result) if result.details.progress => "a part of a result",
        Message::Result(result) => match &result.payload {
            Payload::Values(values) if values.args.iter().any(|arg| arg.get("publication").is_some()) => {
                "events of history"
            }
            _ => "a result",
        },
        Message::Invocation(invocation) if invocation.details.progress => "a part of the input",
        Message::Invocation(_) => "an invocation",
        Message::Interrupt(_) => "an interrupt",
        Message::Error(error) if error.error.as_str() == "wharf.error.storage" => "a publication that was not kept",
        Message::Error(_) => "a call with an error",
        Message::Unsubscribed(message) if message.request.is_none() => "a subscription revoked",
        Message::Unregistered(message) if message.request.is_none() => "a registration revoked",
        _ => "another message",
    }
}

/// What is noteworthy and has not happened.
pub(crate) fn missing(counts: &BTreeMap<&'static str, u64>) -> Vec<&'static str> {
    NOTEWORTHY.iter().copied().filter(|what| !counts.contains_key(what)).collect()
}
