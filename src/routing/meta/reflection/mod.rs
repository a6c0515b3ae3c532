//! Reflection: what procedures, topics and errors are for, told by those who provide them.
//!
//! The names are those of the specification's sketch, which leaves the payloads open; these are ours:
//!
//! | procedure | arguments → result |
//! |---|---|
//! | `wamp.reflect.define` | `[uri, description]`, kwargs `kind`, `match` → nothing |
//! | `wamp.reflect.undefine` | `[uri]`, kwargs `kind`, `match` → `[bool]`, whether there was one |
//! | `wamp.reflect.describe` | `[uri]` → `[{kind: description, ...}]`, or `[null]` |
//! | `wamp.reflection.<kind>.list` | kwargs `match`, `limit`, `after` → `[list of URIs]`, kwargs `next` |
//! | `wamp.reflection.<kind>.describe` | `[uri, {"match": ...}?]` → `[description]`, or `[null]` |
//!
//! A kind is `procedure` (the default), `topic` or `error`; only procedures have patterns. The events `wamp.reflect.on_define`
//! and `wamp.reflect.on_undefine` carry `[session, {"kind", "uri", "match"}]`.
//!
//! A callee describes what it serves, and the description goes with the registration. Who may publish to a topic describes
//! it; so does any session an error; these go with the session. What a session may not call or subscribe to is not there for
//! it: the answers are the same as for what nobody has described.

mod check;
mod table;

pub(super) use table::Descriptions;

use super::arguments::Arguments;
use crate::routing::effect::Effects;
use crate::routing::key::SessionKey;
use crate::routing::refusal::Refusal;
use crate::routing::{Permit, Realm};
use crate::wamp::options::PublishOptions;
use crate::wamp::uri::{self, is_reserved, UriRules};
use crate::wamp::{ErrorUri, MatchPolicy, Payload, RegistrationId, SessionId, Uri, Value};
use std::time::Instant;
use table::{Entry, Key, Owner};

/// What a description is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Described {
    /// A procedure, or a pattern of procedures.
    #[default]
    Procedure,
    /// A topic.
    Topic,
    /// An error URI.
    Error,
}

impl Described {
    const ALL: [Self; 3] = [Self::Procedure, Self::Topic, Self::Error];

    /// Its name in procedures and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Procedure => "procedure",
            Self::Topic => "topic",
            Self::Error => "error",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One description, as it is read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Description<'a> {
    /// How the URI is compared; exact but for some procedures.
    pub policy: MatchPolicy,
    /// What it describes.
    pub uri: &'a Uri,
    /// A dict. Keys that have a meaning: `summary`, `description` (strings), `arguments`, `keyword_arguments`, `result`,
    /// `event`, `schema` (dicts: JSON Schema), `errors` (a list of URIs), `deprecated` (a bool).
    pub description: &'a Value,
}

/// `wamp.reflect.*` and `wamp.reflection.*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReflectionProcedure {
    Define,
    Undefine,
    DescribeAll,
    List(Described),
    Describe(Described),
}

impl ReflectionProcedure {
    /// By what follows `wamp.`.
    pub(super) fn named(name: &str) -> Option<Self> {
        if let Some(name) = name.strip_prefix("reflect.") {
            return match name {
                "define" => Some(Self::Define),
                "undefine" => Some(Self::Undefine),
                "describe" => Some(Self::DescribeAll),
                _ => None,
            };
        }
        let (kind, verb) = name.strip_prefix("reflection.")?.split_once('.')?;
        let kind = Described::named(kind)?;
        match verb {
            "list" => Some(Self::List(kind)),
            "describe" => Some(Self::Describe(kind)),
            _ => None,
        }
    }
}

const URI: &str = "a URI, a string";
const ON_DEFINE: &str = "wamp.reflect.on_define";
const ON_UNDEFINE: &str = "wamp.reflect.on_undefine";

impl Realm {
    /// What is described of this kind and lies within these permissions, by policy and URI.
    ///
    /// # Cost
    /// Asks the permissions for each description that the iterator passes.
    pub fn descriptions<'a>(
        &'a self,
        kind: Described,
        permit: &'a Permit,
    ) -> impl Iterator<Item = Description<'a>> + 'a {
        let all = MatchPolicy::ALL.iter().flat_map(move |policy| self.meta.descriptions.of(kind, *policy, None));
        all.filter(move |(key, _)| key.is_visible(permit)).map(|(key, entry)| Description {
            policy: key.policy,
            uri: &key.uri,
            description: &entry.description,
        })
    }

    /// What is said of this very procedure, topic or error, if anything is.
    pub(in crate::routing) fn description(&self, kind: Described, policy: MatchPolicy, uri: &Uri) -> Option<&Value> {
        let key = Key { kind, policy, uri: uri.clone() };
        self.meta.descriptions.get(&key).map(|entry| &entry.description)
    }

    pub(super) fn answer_reflection(
        &mut self,
        now: Instant,
        from: SessionKey,
        procedure: ReflectionProcedure,
        arguments: &Arguments,
        effects: &mut Effects,
    ) -> Result<Payload, Refusal> {
        let permit = self.directory.member(from).map(|member| &member.permit).ok_or(Refusal::NoSuchSession)?;
        match procedure {
            ReflectionProcedure::Define => self.define(now, from, arguments, effects),
            ReflectionProcedure::Undefine => self.undefine(now, from, arguments, effects),
            ReflectionProcedure::DescribeAll => {
                let uri = Uri::from(arguments.text(0, URI)?);
                let found: Vec<_> = Described::ALL
                    .into_iter()
                    .filter_map(|kind| {
                        let key = Key { kind, policy: MatchPolicy::Exact, uri: uri.clone() };
                        self.described(&key, permit).map(|found| (kind.name().to_owned(), found))
                    })
                    .collect();
                Ok(Payload::args(vec![if found.is_empty() { Value::Null } else { Value::Dict(found) }]))
            }
            ReflectionProcedure::List(kind) => {
                let policy = policy_of(kind, arguments.kwarg_policy()?)?;
                let page = arguments.page_of_uris(self.rules.limits.meta_list_max)?;
                let all = self.meta.descriptions.of(kind, policy, page.after);
                let mut uris = all.filter(|(key, _)| key.is_visible(permit)).map(|(key, _)| key.uri.as_str());
                let listed: Vec<Value> = uris.by_ref().take(page.limit).map(Value::from).collect();
                let next = page.next(listed.last().cloned(), uris.next().is_some())?;
                Ok(Payload::values(vec![Value::List(listed)], next))
            }
            ReflectionProcedure::Describe(kind) => {
                let policy = policy_of(kind, arguments.lookup_policy()?)?;
                let key = Key { kind, policy, uri: Uri::from(arguments.text(0, URI)?) };
                Ok(Payload::args(vec![self.described(&key, permit).unwrap_or_default()]))
            }
        }
    }

    /// The description, if there is one that may be seen.
    fn described(&self, key: &Key, permit: &Permit) -> Option<Value> {
        let entry = self.meta.descriptions.get(key).filter(|_| key.is_visible(permit))?;
        Some(entry.description.clone())
    }

    /// `[uri, description]`, kwargs `kind` and `match`. A later description takes the place of an earlier one.
    fn define(
        &mut self,
        now: Instant,
        from: SessionKey,
        arguments: &Arguments,
        effects: &mut Effects,
    ) -> Result<Payload, Refusal> {
        let key = key_of(arguments)?;
        let Some(description @ Value::Dict(_)) = arguments.at(1) else {
            return Err(Refusal::InvalidArgument("a description, a dict"));
        };
        check::check(description)?;
        let registration = self.may_define(from, &key)?;
        let Some(member) = self.directory.member(from) else { return Err(Refusal::NoSuchSession) };
        let session = member.session;
        let owner = Owner::of(from, member);
        self.meta.descriptions.insert(key.clone(), Entry::new(description.clone(), owner, registration))?;
        self.publish_event(now, None, ON_DEFINE, || key.told(session), effects);
        Ok(Payload::Empty)
    }

    fn undefine(
        &mut self,
        now: Instant,
        from: SessionKey,
        arguments: &Arguments,
        effects: &mut Effects,
    ) -> Result<Payload, Refusal> {
        let key = key_of(arguments)?;
        self.may_define(from, &key)?;
        let Some(session) = self.directory.member(from).map(|member| member.session) else {
            return Err(Refusal::NoSuchSession);
        };
        let there = self.meta.descriptions.remove(&key);
        if there {
            self.publish_event(now, None, ON_UNDEFINE, || key.told(session), effects);
        }
        Ok(Payload::args(vec![Value::Bool(there)]))
    }

    /// Whether the session provides this, and so may say what it is; for a procedure, by which registration.
    fn may_define(&self, from: SessionKey, key: &Key) -> Result<Option<RegistrationId>, Refusal> {
        let refused = |error, text: &str| Err(Refusal::NotPermitted { error, text: text.to_owned() });
        if uri::check(&key.uri, UriRules::Loose, key.policy).is_err() || is_reserved(&key.uri) {
            return refused(ErrorUri::INVALID_URI, "what is described has a lawful URI that is not the router's own");
        }
        let Some(member) = self.directory.member(from) else { return Err(Refusal::NoSuchSession) };
        match key.kind {
            Described::Procedure => {
                let registration = self.dealer.registration_of(key.policy, &key.uri);
                let serves = registration.and_then(|id| self.dealer.callees(id));
                if !serves.is_some_and(|mut callees| callees.any(|callee| callee == from)) {
                    return refused(ErrorUri::NOT_AUTHORIZED, "only a callee of the procedure may describe it");
                }
                return Ok(registration);
            }
            Described::Topic => member.permit.judge_publish(&key.uri, &mut PublishOptions::default())?,
            Described::Error => {}
        }
        match self.meta.descriptions.get(key) {
            Some(entry) if !entry.owner.admits(from, member) => {
                refused(ErrorUri::NOT_AUTHORIZED, "another session has described it")
            }
            Some(_) | None => Ok(None),
        }
    }

    /// The registration is gone, and its description with it.
    pub(super) fn forget_description(
        &mut self,
        now: Instant,
        session: SessionId,
        registration: RegistrationId,
        effects: &mut Effects,
    ) {
        if let Some(key) = self.meta.descriptions.forget_registration(registration) {
            self.publish_event(now, None, ON_UNDEFINE, || key.told(session), effects);
        }
    }

    /// The session, whose WAMP id was `id`, is gone, and what it said of topics and errors with it.
    pub(super) fn forget_descriptions(
        &mut self,
        now: Instant,
        session: SessionKey,
        id: SessionId,
        effects: &mut Effects,
    ) {
        for key in self.meta.descriptions.forget(session) {
            self.publish_event(now, None, ON_UNDEFINE, || key.told(id), effects);
        }
    }
}

/// What kwargs `kind` and `match` and the first argument name.
fn key_of(arguments: &Arguments) -> Result<Key, Refusal> {
    let kind = match arguments.kwarg_text("kind", KIND)? {
        None => Described::default(),
        Some(name) => Described::named(name).ok_or(Refusal::InvalidArgument(KIND))?,
    };
    let policy = policy_of(kind, arguments.kwarg_policy()?)?;
    Ok(Key { kind, policy, uri: Uri::from(arguments.text(0, URI)?) })
}

const KIND: &str = "kind: procedure, topic or error";

fn policy_of(kind: Described, policy: MatchPolicy) -> Result<MatchPolicy, Refusal> {
    if kind == Described::Procedure || policy == MatchPolicy::Exact {
        Ok(policy)
    } else {
        Err(Refusal::InvalidArgument("match: exact, as only procedures are described by pattern"))
    }
}
