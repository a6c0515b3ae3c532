//! Which keys of Options and Details are written: those that say something else than their absence does.

use crate::codec::error::Fidelity;
use crate::codec::transcode::write_dict_exact;
use crate::codec::writer::Writer;
use crate::wamp::options::{
    CallOptions, CancelOptions, CloseDetails, Disclosed, ErrorDetails, EventDetails, HelloDetails, InterruptOptions,
    InvocationDetails, Listing, Ppt, PublishOptions, RegisterOptions, ResultOptions, SubscribeOptions,
    UnregisteredDetails, UnsubscribedDetails, WelcomeDetails,
};
use crate::wamp::role::Roles;
use crate::wamp::trace::{TraceContext, TRACEPARENT, TRACESTATE};
use crate::wamp::{CancelMode, Dict, InvocationPolicy, MatchPolicy};

/// As many keys as one octet can count in every serialization.
const KEYS_MAX: u8 = 15;

/// A typed dict that can be written.
pub(super) trait Options {
    /// Writes its keys, at most [`KEYS_MAX`].
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>);
}

/// Writes a typed dict.
#[inline]
pub(super) fn write_options<W: Writer, O: Options>(writer: &mut W, options: &O) -> Fidelity {
    let mark = writer.options();
    let mut keys = Keys { writer, written: 0, fidelity: Fidelity::Exact };
    options.write(&mut keys);
    let Keys { written, fidelity, .. } = keys;
    writer.end_options(mark, written);
    fidelity
}

/// A dict under way.
pub(super) struct Keys<'w, W> {
    writer: &'w mut W,
    written: u8,
    fidelity: Fidelity,
}

impl<W: Writer> Keys<'_, W> {
    #[inline]
    fn key(&mut self, key: &str) -> &mut W {
        self.written += 1;
        self.writer.key(key);
        self.writer
    }

    /// Written if true.
    #[inline]
    fn flag(&mut self, key: &str, flag: bool) {
        if flag {
            self.key(key).bool(true);
        }
    }

    #[inline]
    fn number(&mut self, key: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.key(key).unsigned(number);
        }
    }

    #[inline]
    fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.key(key).text(text);
        }
    }

    fn texts(&mut self, key: &str, texts: Option<&[String]>) {
        if let Some(texts) = texts {
            let writer = self.key(key);
            writer.list(texts.len());
            texts.iter().for_each(|text| writer.text(text));
            writer.end_list();
        }
    }

    fn numbers(&mut self, key: &str, numbers: Option<&[u64]>) {
        if let Some(numbers) = numbers {
            let writer = self.key(key);
            writer.list(numbers.len());
            numbers.iter().for_each(|number| writer.unsigned(*number));
            writer.end_list();
        }
    }

    fn extra(&mut self, key: &str, dict: &Dict) {
        if !dict.is_empty() {
            let fidelity = write_dict_exact(dict, self.key(key));
            self.fidelity = self.fidelity.and(fidelity);
        }
    }

    fn roles(&mut self, roles: &Roles) {
        let writer = self.key("roles");
        writer.dict(roles.0.len());
        for role in &roles.0 {
            writer.key(&role.name);
            writer.dict(usize::from(!role.features.is_empty()));
            if !role.features.is_empty() {
                writer.key("features");
                writer.dict(role.features.len());
                for (feature, on) in &role.features {
                    writer.key(feature);
                    writer.bool(*on);
                }
                writer.end_dict();
            }
            writer.end_dict();
        }
        writer.end_dict();
    }

    fn match_policy(&mut self, policy: MatchPolicy) {
        self.text("match", (policy != MatchPolicy::default()).then_some(policy.as_str()));
    }

    #[inline]
    fn ppt(&mut self, ppt: Option<&Ppt>) {
        if let Some(ppt) = ppt {
            self.text("ppt_scheme", Some(&ppt.scheme));
            self.text("ppt_serializer", ppt.serializer.as_deref());
            self.text("ppt_cipher", ppt.cipher.as_deref());
            self.text("ppt_keyid", ppt.keyid.as_deref());
        }
    }

    /// The state goes last, and only where a dict has room for it: without it the parent says all that must be said.
    #[inline]
    fn trace(&mut self, trace: Option<&TraceContext>) {
        if let Some(trace) = trace {
            self.text(TRACEPARENT, Some(trace.parent()));
            self.text(TRACESTATE, trace.state().filter(|_| self.written < KEYS_MAX));
        }
    }
}

impl Options for HelloDetails {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.roles(&self.roles);
        keys.text("agent", self.agent.as_deref());
        keys.texts("authmethods", (!self.authmethods.is_empty()).then_some(&self.authmethods));
        keys.text("authid", self.authid.as_deref());
        keys.text("authrole", self.authrole.as_deref());
        keys.extra("authextra", &self.authextra);
    }
}

impl Options for WelcomeDetails {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.text("agent", self.agent.as_deref());
        keys.text("realm", self.realm.as_deref());
        keys.text("authid", self.authid.as_deref());
        keys.text("authrole", self.authrole.as_deref());
        keys.text("authmethod", self.authmethod.as_deref());
        keys.text("authprovider", self.authprovider.as_deref());
        keys.extra("authextra", &self.authextra);
        keys.roles(&self.roles);
    }
}

impl Options for CloseDetails {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.text("message", self.message.as_deref());
    }
}

impl Options for SubscribeOptions {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.match_policy(self.match_policy);
        keys.flag("get_retained", self.get_retained);
    }
}

impl Options for PublishOptions {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.flag("acknowledge", self.acknowledge);
        if !self.exclude_me {
            keys.key("exclude_me").bool(false);
        }
        keys.flag("disclose_me", self.disclose_me);
        keys.flag("retain", self.retain);
        if let Some(listing) = &self.listing {
            // The mark of a list that was too long has no form on the wire: such a PUBLISH is refused, not passed on.
            let Listing {
                exclude, exclude_authid, exclude_authrole, eligible, eligible_authid, eligible_authrole, ..
            } = &**listing;
            keys.numbers("exclude", exclude.as_deref());
            keys.texts("exclude_authid", exclude_authid.as_deref());
            keys.texts("exclude_authrole", exclude_authrole.as_deref());
            keys.numbers("eligible", eligible.as_deref());
            keys.texts("eligible_authid", eligible_authid.as_deref());
            keys.texts("eligible_authrole", eligible_authrole.as_deref());
        }
        keys.ppt(self.ppt.as_deref());
        keys.trace(self.trace.as_deref());
    }
}

impl Options for EventDetails {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.text("topic", self.topic.as_deref());
        if let Some(Disclosed { session, authid, authrole }) = self.publisher.as_deref() {
            keys.number("publisher", Some(session.get()));
            keys.text("publisher_authid", authid.as_deref());
            keys.text("publisher_authrole", authrole.as_deref());
        }
        keys.number("trustlevel", self.trustlevel);
        keys.flag("retained", self.retained);
        keys.number("_wharf_missed", self.missed);
        keys.ppt(self.ppt.as_deref());
        keys.trace(self.trace.as_deref());
    }
}

impl Options for UnsubscribedDetails {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.number("subscription", self.subscription.map(|subscription| subscription.get()));
        keys.text("reason", self.reason.as_deref());
    }
}

impl Options for UnregisteredDetails {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.number("registration", self.registration.map(|registration| registration.get()));
        keys.text("reason", self.reason.as_deref());
    }
}

impl Options for RegisterOptions {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.match_policy(self.match_policy);
        keys.text("invoke", (self.invoke != InvocationPolicy::default()).then_some(self.invoke.as_str()));
        keys.flag("disclose_caller", self.disclose_caller);
        keys.flag("forward_timeout", self.forward_timeout);
        keys.number("concurrency", self.concurrency);
        keys.flag("force_reregister", self.force_reregister);
    }
}

impl Options for CallOptions {
    #[inline]
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.flag("receive_progress", self.receive_progress);
        keys.flag("progress", self.progress);
        keys.number("timeout", self.timeout_ms);
        keys.flag("disclose_me", self.disclose_me);
        keys.ppt(self.ppt.as_deref());
        keys.trace(self.trace.as_deref());
    }
}

impl Options for CancelOptions {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.text("mode", (self.mode != CancelMode::default()).then_some(self.mode.as_str()));
    }
}

impl Options for InvocationDetails {
    #[inline]
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.text("procedure", self.procedure.as_deref());
        if let Some(Disclosed { session, authid, authrole }) = self.caller.as_deref() {
            keys.number("caller", Some(session.get()));
            keys.text("caller_authid", authid.as_deref());
            keys.text("caller_authrole", authrole.as_deref());
        }
        keys.number("trustlevel", self.trustlevel);
        keys.flag("receive_progress", self.receive_progress);
        keys.flag("progress", self.progress);
        keys.number("timeout", self.timeout_ms);
        keys.ppt(self.ppt.as_deref());
        keys.trace(self.trace.as_deref());
    }
}

impl Options for InterruptOptions {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.text("mode", self.mode.map(|mode| mode.as_str()));
    }
}

impl Options for ResultOptions {
    #[inline]
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.flag("progress", self.progress);
        keys.ppt(self.ppt.as_deref());
    }
}

impl Options for ErrorDetails {
    fn write<W: Writer>(&self, keys: &mut Keys<'_, W>) {
        keys.ppt(self.ppt.as_deref());
    }
}
