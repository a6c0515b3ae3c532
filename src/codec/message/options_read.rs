//! Where each key of Options and Details goes: the table of section 2 of the reference, as read.

use super::dict::{DisclosedParts, Entries, Field, Parts, Shape, TraceParts};
use crate::codec::error::DecodeError;
use crate::codec::reader::Reader;
use crate::wamp::options::{
    CallOptions, CancelOptions, CloseDetails, Disclosed, ErrorDetails, EventDetails, HelloDetails, InterruptOptions,
    InvocationDetails, Listing, Ppt, PublishOptions, RegisterOptions, ResultOptions, SubscribeOptions,
    UnregisteredDetails, UnsubscribedDetails, WelcomeDetails, DICT_KEYS_MAX, LIST_ENTRIES_MAX,
};
use crate::wamp::role::{Role, Roles};
use crate::wamp::trace::{TraceContext, TRACEPARENT, TRACESTATE};
use crate::wamp::{CancelMode, Dict, InvocationPolicy, MatchPolicy, RegistrationId, SessionId, SubscriptionId, Value};
use std::sync::Arc;

type Known = Result<bool, DecodeError>;

const MATCH: &str = "exact, prefix or wildcard";
const INVOKE: &str = "single, roundrobin, random, first, last or least_loaded";
const MODE: &str = "skip, kill or killnowait";

impl Shape for HelloDetails {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "roles" => self.roles = roles(value)?,
            "agent" => self.agent = value.text("agent")?,
            "authmethods" => {
                // More methods than there can be keys say nothing that fewer do not.
                self.authmethods = match value.texts("authmethods", DICT_KEYS_MAX)? {
                    Some(Entries::All(methods)) => methods,
                    Some(Entries::TooMany) => {
                        return Err(DecodeError::TooManyValues { field: "authmethods", limit: DICT_KEYS_MAX });
                    }
                    None => Vec::new(),
                }
            }
            "authid" => self.authid = value.text("authid")?,
            "authrole" => self.authrole = value.text("authrole")?,
            "authextra" => self.authextra = value.values("authextra")?.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Shape for WelcomeDetails {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "roles" => self.roles = roles(value)?,
            "agent" => self.agent = value.text("agent")?,
            "realm" => self.realm = value.uri("realm")?,
            "authid" => self.authid = value.text("authid")?,
            "authrole" => self.authrole = value.text("authrole")?,
            "authmethod" => self.authmethod = value.text("authmethod")?,
            "authprovider" => self.authprovider = value.text("authprovider")?,
            "authextra" => self.authextra = value.values("authextra")?.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// `roles`: a dict of dicts, each of which may have `features`, a dict of bools.
fn roles<'a, R: Reader<'a>>(value: &mut Field<'_, 'a, R>) -> Result<Roles, DecodeError> {
    let mut roles = Roles::default();
    value.dict("roles", |name, value| {
        let mut role = Role { name: name.to_owned(), features: Vec::new() };
        let found = value.dict("a role", |key, value| {
            if key != "features" {
                return Ok(value.skip()?);
            }
            value.dict("features", |feature, value| {
                if let Some(on) = value.bool("features")? {
                    role.features.push((feature.to_owned(), on));
                }
                Ok(())
            })?;
            Ok(())
        })?;
        value.not_absent("roles", found)?;
        roles.0.push(role);
        Ok(())
    })?;
    Ok(roles)
}

impl Shape for Dict {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        self.push((key.to_owned(), value.value()?));
        Ok(true)
    }
}

impl Shape for CloseDetails {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "message" => self.message = value.text("message")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Shape for SubscribeOptions {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "match" => self.match_policy = value.word("match", MATCH, MatchPolicy::from_wire)?.unwrap_or_default(),
            "get_retained" => self.get_retained = value.flag("get_retained")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Shape for PublishOptions {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "acknowledge" => self.acknowledge = value.flag("acknowledge")?,
            "exclude_me" => self.exclude_me = value.bool("exclude_me")?.unwrap_or(true),
            "disclose_me" => self.disclose_me = value.flag("disclose_me")?,
            "retain" => self.retain = value.flag("retain")?,
            _ => return Ok(listing(&mut self.listing, key, value)? || ppt(key, value)? || trace(key, value)?),
        }
        Ok(true)
    }

    fn finish(&mut self, mut parts: Parts) {
        self.ppt = parts.ppt();
        self.trace = parts.trace();
    }
}

fn listing<'a, R: Reader<'a>>(listing: &mut Option<Box<Listing>>, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
    match key {
        "exclude" => ids(listing, "exclude", value, |listing| &mut listing.exclude)?,
        "eligible" => ids(listing, "eligible", value, |listing| &mut listing.eligible)?,
        "exclude_authid" => names(listing, "exclude_authid", value, |listing| &mut listing.exclude_authid)?,
        "exclude_authrole" => names(listing, "exclude_authrole", value, |listing| &mut listing.exclude_authrole)?,
        "eligible_authid" => names(listing, "eligible_authid", value, |listing| &mut listing.eligible_authid)?,
        "eligible_authrole" => names(listing, "eligible_authrole", value, |listing| &mut listing.eligible_authrole)?,
        _ => return Ok(false),
    }
    Ok(true)
}

type List<T> = fn(&mut Listing) -> &mut Option<Vec<T>>;

fn ids<'a, R: Reader<'a>>(
    listing: &mut Option<Box<Listing>>,
    field: &'static str,
    value: &mut Field<'_, 'a, R>,
    list: List<u64>,
) -> Result<(), DecodeError> {
    let entries = value.numbers(field, LIST_ENTRIES_MAX)?;
    keep(listing, field, entries, list);
    Ok(())
}

fn names<'a, R: Reader<'a>>(
    listing: &mut Option<Box<Listing>>,
    field: &'static str,
    value: &mut Field<'_, 'a, R>,
    list: List<String>,
) -> Result<(), DecodeError> {
    let entries = value.texts(field, LIST_ENTRIES_MAX)?;
    keep(listing, field, entries, list);
    Ok(())
}

fn keep<T>(listing: &mut Option<Box<Listing>>, field: &'static str, entries: Option<Entries<T>>, list: List<T>) {
    let Some(entries) = entries else { return };
    let listing = listing.get_or_insert_default();
    match entries {
        Entries::All(entries) => *list(listing) = Some(entries),
        Entries::TooMany => listing.too_long = Some(field),
    }
}

/// The payload passthru attributes. The other three mean nothing without a scheme, but their types are checked.
fn ppt<'a, R: Reader<'a>>(key: &str, value: &mut Field<'_, 'a, R>) -> Known {
    match key {
        "ppt_scheme" => {
            let scheme = value.text("ppt_scheme")?;
            value.parts.ppt.get_or_insert_default().scheme = scheme.unwrap_or_default();
        }
        "ppt_serializer" => {
            let serializer = value.text("ppt_serializer")?;
            value.parts.ppt.get_or_insert_default().serializer = serializer;
        }
        "ppt_cipher" => {
            let cipher = value.text("ppt_cipher")?;
            value.parts.ppt.get_or_insert_default().cipher = cipher;
        }
        "ppt_keyid" => {
            let keyid = value.text("ppt_keyid")?;
            value.parts.ppt.get_or_insert_default().keyid = keyid;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The two keys of a trace. What is no text is as a text that says nothing: a fault of tracing never fails a request.
fn trace<'a, R: Reader<'a>>(key: &str, value: &mut Field<'_, 'a, R>) -> Known {
    let part: fn(&mut TraceParts) -> &mut Option<Value> = match key {
        TRACEPARENT => |parts| &mut parts.parent,
        TRACESTATE => |parts| &mut parts.state,
        _ => return Ok(false),
    };
    let value_of = value.value()?;
    *part(value.parts.trace.get_or_insert_default()) = Some(value_of);
    Ok(true)
}

impl Parts {
    fn trace(&mut self) -> Option<Arc<TraceContext>> {
        let TraceParts { parent, state } = *self.trace.take()?;
        let text = |value: Option<Value>| if let Some(Value::Text(text)) = value { Some(text) } else { None };
        TraceContext::read(&text(parent)?, text(state).as_deref())
    }

    fn ppt(&mut self) -> Option<Box<Ppt>> {
        self.ppt.take().filter(|ppt| !ppt.scheme.is_empty())
    }

    /// An identity without a session is nobody's.
    fn disclosed(&mut self) -> Option<Box<Disclosed>> {
        let DisclosedParts { session, authid, authrole } = *self.disclosed.take()?;
        session.map(|session| Box::new(Disclosed { session, authid, authrole }))
    }
}

impl Shape for EventDetails {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "topic" => self.topic = value.uri("topic")?,
            "publisher" => {
                let session = value.id("publisher", SessionId::new)?;
                value.parts.disclosed.get_or_insert_default().session = session;
            }
            "publisher_authid" => {
                let authid = value.text("publisher_authid")?.map(Arc::from);
                value.parts.disclosed.get_or_insert_default().authid = authid;
            }
            "publisher_authrole" => {
                let authrole = value.text("publisher_authrole")?.map(Arc::from);
                value.parts.disclosed.get_or_insert_default().authrole = authrole;
            }
            "trustlevel" => self.trustlevel = value.unsigned("trustlevel")?,
            "retained" => self.retained = value.flag("retained")?,
            "_wharf_missed" => self.missed = value.unsigned("_wharf_missed")?,
            _ => return Ok(ppt(key, value)? || trace(key, value)?),
        }
        Ok(true)
    }

    fn finish(&mut self, mut parts: Parts) {
        self.publisher = parts.disclosed();
        self.ppt = parts.ppt();
        self.trace = parts.trace();
    }
}

impl Shape for UnsubscribedDetails {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "subscription" => self.subscription = value.id("subscription", SubscriptionId::new)?,
            "reason" => self.reason = value.text("reason")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Shape for UnregisteredDetails {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "registration" => self.registration = value.id("registration", RegistrationId::new)?,
            "reason" => self.reason = value.text("reason")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Shape for RegisterOptions {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "match" => self.match_policy = value.word("match", MATCH, MatchPolicy::from_wire)?.unwrap_or_default(),
            "invoke" => self.invoke = value.word("invoke", INVOKE, InvocationPolicy::from_wire)?.unwrap_or_default(),
            "disclose_caller" => self.disclose_caller = value.flag("disclose_caller")?,
            "forward_timeout" => self.forward_timeout = value.flag("forward_timeout")?,
            "concurrency" => self.concurrency = value.unsigned("concurrency")?,
            "force_reregister" => self.force_reregister = value.flag("force_reregister")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Shape for CallOptions {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "receive_progress" => self.receive_progress = value.flag("receive_progress")?,
            "progress" => self.progress = value.flag("progress")?,
            "timeout" => self.timeout_ms = value.unsigned("timeout")?,
            "disclose_me" => self.disclose_me = value.flag("disclose_me")?,
            _ => return Ok(ppt(key, value)? || trace(key, value)?),
        }
        Ok(true)
    }

    fn finish(&mut self, mut parts: Parts) {
        self.ppt = parts.ppt();
        self.trace = parts.trace();
    }
}

impl Shape for CancelOptions {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "mode" => self.mode = value.word("mode", MODE, CancelMode::from_wire)?.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Shape for InvocationDetails {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "procedure" => self.procedure = value.uri("procedure")?,
            "caller" => {
                let session = value.id("caller", SessionId::new)?;
                value.parts.disclosed.get_or_insert_default().session = session;
            }
            "caller_authid" => {
                let authid = value.text("caller_authid")?.map(Arc::from);
                value.parts.disclosed.get_or_insert_default().authid = authid;
            }
            "caller_authrole" => {
                let authrole = value.text("caller_authrole")?.map(Arc::from);
                value.parts.disclosed.get_or_insert_default().authrole = authrole;
            }
            "trustlevel" => self.trustlevel = value.unsigned("trustlevel")?,
            "receive_progress" => self.receive_progress = value.flag("receive_progress")?,
            "progress" => self.progress = value.flag("progress")?,
            "timeout" => self.timeout_ms = value.unsigned("timeout")?,
            _ => return Ok(ppt(key, value)? || trace(key, value)?),
        }
        Ok(true)
    }

    fn finish(&mut self, mut parts: Parts) {
        self.caller = parts.disclosed();
        self.ppt = parts.ppt();
        self.trace = parts.trace();
    }
}

impl Shape for InterruptOptions {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "mode" => self.mode = value.word("mode", MODE, CancelMode::from_wire)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Shape for ResultOptions {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        match key {
            "progress" => self.progress = value.flag("progress")?,
            _ => return ppt(key, value),
        }
        Ok(true)
    }

    fn finish(&mut self, mut parts: Parts) {
        self.ppt = parts.ppt();
    }
}

impl Shape for ErrorDetails {
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Known {
        ppt(key, value)
    }

    fn finish(&mut self, mut parts: Parts) {
        self.ppt = parts.ppt();
    }
}
