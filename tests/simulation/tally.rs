//! What has happened in all runs together: a world in which nothing happens keeps every promise.

use crate::client::{read_tag, AFTER_DEATH};
use std::collections::BTreeMap;
use wharf::routing::{CloseReason, Effect, Order};
use wharf::wamp::{Message, Payload};

/// What must have happened.
const NOTEWORTHY: [&str; 17] = [
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
        *into.entry(what).or_insert(0) += 1;
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
