//! The testament meta API: what is published for a session when it is gone. Source: section 10.2 of the reference.
//!
//! Reads the arguments; what becomes of testaments is the broker's side.

use super::arguments::Arguments;
use crate::routing::key::SessionKey;
use crate::routing::refusal::Refusal;
use crate::routing::{Realm, TestamentScope};
use crate::wamp::options::{Listing, Ppt, PublishOptions, DICT_KEYS_MAX, LIST_ENTRIES_MAX};
use crate::wamp::role::Feature;
use crate::wamp::{Dict, Payload, Uri, Value};

/// `wamp.session.add_testament` and `wamp.session.flush_testaments`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TestamentProcedure {
    Add,
    Flush,
}

impl Realm {
    pub(super) fn answer_testament(
        &mut self,
        from: SessionKey,
        procedure: TestamentProcedure,
        arguments: &Arguments,
    ) -> Result<Payload, Refusal> {
        match procedure {
            TestamentProcedure::Add => {
                let topic = Uri::from(arguments.text(0, "a topic, a string")?);
                let payload = payload(arguments)?;
                let options = publish_options(arguments.kwarg("publish_options"))?;
                let scope = scope(arguments)?;
                if options.ppt.is_some() && !self.may_pass_through(from) {
                    let expected = "publish_options without ppt_scheme: payload_passthru_mode is not announced";
                    return Err(Refusal::InvalidArgument(expected));
                }
                self.add_testament(from, scope, &topic, options, &payload)?;
            }
            TestamentProcedure::Flush => {
                let scope = scope(arguments)?;
                self.flush_testaments(from, scope);
            }
        }
        Ok(Payload::Empty)
    }

    /// Whether both sides announced what an opaque payload needs (D72).
    fn may_pass_through(&self, session: SessionKey) -> bool {
        let announced = self.directory.member(session).map(|member| member.announced.publisher_features);
        self.rules.features.has(Feature::PayloadPassthruMode)
            && announced.is_some_and(|features| features.payload_passthru_mode)
    }
}

fn scope(arguments: &Arguments) -> Result<TestamentScope, Refusal> {
    const SCOPE: &str = "scope: destroyed or detached";
    match arguments.kwarg_text("scope", SCOPE)? {
        None | Some("destroyed") => Ok(TestamentScope::Destroyed),
        Some("detached") => Ok(TestamentScope::Detached),
        Some(_) => Err(Refusal::InvalidArgument(SCOPE)),
    }
}

/// `[topic, args list, kwargs dict]`: the two parts of the payload, each of which may be null (D68).
fn payload(arguments: &Arguments) -> Result<Payload, Refusal> {
    let args = match arguments.at(1) {
        None => Vec::new(),
        Some(Value::List(args)) => args.clone(),
        Some(_) => return Err(Refusal::InvalidArgument("args, a list or null")),
    };
    let kwargs = match arguments.at(2) {
        None => Dict::new(),
        Some(Value::Dict(kwargs)) => kwargs.clone(),
        Some(_) => return Err(Refusal::InvalidArgument("kwargs, a dict or null")),
    };
    Ok(Payload::values(args, kwargs))
}

/// Reads kwargs `publish_options` as PUBLISH.Options are read: null counts as absent, unknown keys are ignored, a wrong type
/// is an error, and so is a list that is too long.
fn publish_options(options: Option<&Value>) -> Result<PublishOptions, Refusal> {
    let mut read = PublishOptions::default();
    let entries = match options {
        None => return Ok(read),
        Some(Value::Dict(entries)) if entries.len() <= DICT_KEYS_MAX => entries,
        Some(_) => return Err(Refusal::InvalidArgument("publish_options, a dict of at most 64 keys")),
    };
    let mut listing = Listing::default();
    let (mut scheme, mut ppt) = (None, Ppt::default());
    for (key, value) in entries.iter().filter(|(_, value)| *value != Value::Null) {
        match key.as_str() {
            "acknowledge" => read.acknowledge = flag(value, "acknowledge, a bool")?,
            "exclude_me" => read.exclude_me = flag(value, "exclude_me, a bool")?,
            "disclose_me" => read.disclose_me = flag(value, "disclose_me, a bool")?,
            "retain" => read.retain = flag(value, "retain, a bool")?,
            "ppt_scheme" => scheme = Some(text(value, "ppt_scheme, a string")?),
            "ppt_serializer" => ppt.serializer = Some(text(value, "ppt_serializer, a string")?),
            "ppt_cipher" => ppt.cipher = Some(text(value, "ppt_cipher, a string")?),
            "ppt_keyid" => ppt.keyid = Some(text(value, "ppt_keyid, a string")?),
            _ => read_list(&mut listing, key, value)?,
        }
    }
    read.listing = (listing != Listing::default()).then(|| Box::new(listing));
    read.ppt = scheme.filter(|scheme: &String| !scheme.is_empty()).map(|scheme| Box::new(Ppt { scheme, ..ppt }));
    Ok(read)
}

/// One of the six lists, if the key is one's.
fn read_list(listing: &mut Listing, key: &str, value: &Value) -> Result<(), Refusal> {
    let numbers = |option| list(option, value, number, "exclude and eligible, lists of session ids").map(Some);
    let names = |option| list(option, value, string, "lists of authids and authroles, strings").map(Some);
    match key {
        "exclude" => listing.exclude = numbers("exclude")?,
        "eligible" => listing.eligible = numbers("eligible")?,
        "exclude_authid" => listing.exclude_authid = names("exclude_authid")?,
        "exclude_authrole" => listing.exclude_authrole = names("exclude_authrole")?,
        "eligible_authid" => listing.eligible_authid = names("eligible_authid")?,
        "eligible_authrole" => listing.eligible_authrole = names("eligible_authrole")?,
        _ => {}
    }
    Ok(())
}

fn flag(value: &Value, expected: &'static str) -> Result<bool, Refusal> {
    if let Value::Bool(flag) = value {
        Ok(*flag)
    } else {
        Err(Refusal::InvalidArgument(expected))
    }
}

fn text(value: &Value, expected: &'static str) -> Result<String, Refusal> {
    string(value).ok_or(Refusal::InvalidArgument(expected))
}

fn string(value: &Value) -> Option<String> {
    value.as_text().map(str::to_owned)
}

fn number(value: &Value) -> Option<u64> {
    if let Value::Unsigned(number) = value {
        Some(*number)
    } else {
        None
    }
}

fn list<T>(
    option: &'static str,
    value: &Value,
    entry: fn(&Value) -> Option<T>,
    expected: &'static str,
) -> Result<Vec<T>, Refusal> {
    let Value::List(entries) = value else { return Err(Refusal::InvalidArgument(expected)) };
    if entries.len() > LIST_ENTRIES_MAX {
        return Err(Refusal::ListTooLong(option));
    }
    entries.iter().map(entry).collect::<Option<Vec<T>>>().ok_or(Refusal::InvalidArgument(expected))
}
