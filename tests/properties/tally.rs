//! What has happened in all runs together: a model that is never exercised proves nothing.

use crate::out::Out;
use std::collections::BTreeMap;
use wharf::routing::Counters;

/// How often which thing has happened.
#[derive(Default)]
pub(crate) struct Tally(BTreeMap<String, u64>);

/// What must have happened, or the commands are drawn badly.
const NOTEWORTHY: [&str; 54] = [
    "SUBSCRIBED",
    "UNSUBSCRIBED",
    "REGISTERED",
    "UNREGISTERED",
    "PUBLISHED",
    "EVENT",
    "EVENT retained",
    "EVENT of a pattern, retained",
    "EVENT with a trust level",
    "EVENT with ppt",
    "INVOCATION",
    "INVOCATION with more to come",
    "INVOCATION with a trust level",
    "INVOCATION with ppt",
    "INVOCATION with timeout",
    "RESULT",
    "RESULT with more to come",
    "RESULT with ppt",
    "INTERRUPT",
    "ERROR CALL wamp.error.canceled",
    "ERROR CALL wamp.error.feature_not_supported",
    "ERROR CALL wamp.error.network_failure",
    "ERROR CALL wamp.error.no_available_callee",
    "ERROR CALL wamp.error.timeout",
    "ERROR CALL wamp.error.unavailable",
    "ERROR CALL wharf.error.limit_exceeded",
    "ERROR CALL wharf.error.storage",
    "ERROR PUBLISH wharf.error.storage",
    "ERROR REGISTER wamp.error.procedure_already_exists",
    "subscription revoked",
    "registration revoked",
    "violation",
    "killed",
    "replaced",
    "probed",
    "kept and waited for",
    "forgotten",
    "queued",
    "rerouted",
    "ERROR CALL wharf.error.overloaded",
    "ERROR CALL wamp.error.not_authorized",
    "ERROR CALL wamp.error.invalid_uri",
    "ERROR CALL wamp.error.invalid_argument",
    "a description given",
    "a description hidden",
    "a description refused",
    "a description gone with its registration",
    "a description gone with its session",
    "EVENT of a description",
    "EVENT of before the start",
    "EVENT of before the start that has ended",
    "not retained for want of memory",
    "not in history for want of memory",
    "a testament denied when published",
];

impl Tally {
    pub(crate) fn note(&mut self, out: &Out) {
        let text = match out {
            Out::Subscribed { .. } => "SUBSCRIBED",
            Out::Unsubscribed { .. } => "UNSUBSCRIBED",
            Out::Registered { .. } => "REGISTERED",
            Out::Unregistered { .. } => "UNREGISTERED",
            Out::SubscriptionRevoked { .. } => "subscription revoked",
            Out::RegistrationRevoked { .. } => "registration revoked",
            Out::Published { .. } => "PUBLISHED",
            Out::Event(event) if event.retained && event.topic.is_some() => "EVENT of a pattern, retained",
            Out::Event(event) if event.retained => "EVENT retained",
            Out::Event(event) if event.trust.is_some() => "EVENT with a trust level",
            Out::Event(event) if event.ppt => "EVENT with ppt",
            Out::Event(_) => "EVENT",
            Out::Invocation(invocation) if invocation.progress => "INVOCATION with more to come",
            Out::Invocation(invocation) if invocation.trust.is_some() => "INVOCATION with a trust level",
            Out::Invocation(invocation) if invocation.ppt => "INVOCATION with ppt",
            Out::Invocation(invocation) if invocation.timeout_ms.is_some() => "INVOCATION with timeout",
            Out::Invocation(_) => "INVOCATION",
            Out::Result { progress: true, .. } => "RESULT with more to come",
            Out::Result { ppt: true, .. } => "RESULT with ppt",
            Out::Result { .. } => "RESULT",
            Out::Error { kind, error, .. } => return self.add(&format!("ERROR {} {error}", kind.name()), 1),
            Out::Interrupt { .. } => "INTERRUPT",
            Out::Violated { .. } => "violation",
            Out::Killed { message: Some(_), .. } => "replaced",
            Out::Killed { .. } => "killed",
            Out::Probed { .. } => "probed",
            Out::Keep(keep) if keep.waiting.is_some() => "kept and waited for",
            Out::Keep(_) => "kept",
            Out::Forget { .. } => "forgotten",
            Out::Read { .. } => "read",
        };
        self.add(text, 1);
    }

    pub(crate) fn note_counters(&mut self, counters: &Counters) {
        self.add("queued", counters.calls_queued as u64);
        self.add("rerouted", counters.calls_rerouted);
    }

    pub(crate) fn add(&mut self, text: &str, count: u64) {
        if count > 0 {
            *self.0.entry(text.to_owned()).or_insert(0) += count;
        }
    }

    /// What is noteworthy and has not happened.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        NOTEWORTHY.iter().copied().filter(|text| !self.0.contains_key(*text)).collect()
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
