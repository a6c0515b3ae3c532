//! What procedures, topics and errors are for, told by those who provide them. The specification has only a sketch of it: the
//! rules are those of the operator's handbook.

use super::meta::Answer;
use super::{is_reserved, Model};
use crate::ask::Thing;
use crate::out::{Out, Said};
use wharf::routing::Described;
use wharf::wamp::{MatchPolicy, Value};

pub(crate) struct Description {
    pub(crate) thing: Thing,
    value: Value,
    /// Who gave it.
    owner: usize,
    /// The registration that it goes with, of a procedure.
    registration: Option<u64>,
}

/// What `wamp.reflect.define` is told: only the summary, which is a text.
pub(crate) fn description(tag: u64) -> Value {
    Value::Dict(vec![("summary".to_owned(), Value::Text(tag.to_string()))])
}

impl Model {
    /// `None`: the description is no lawful one.
    pub(super) fn define(&mut self, who: usize, thing: Thing, tag: Option<u64>) -> Answer {
        check_policy(thing.kind, thing.policy)?;
        let value = description(tag.ok_or("wamp.error.invalid_argument")?);
        let registration = self.may_define(who, &thing)?;
        self.descriptions.retain(|known| known.thing != thing);
        self.descriptions.push(Description { thing: thing.clone(), value, owner: who, registration });
        self.tell_described("wamp.reflect.on_define", self.sessions[who].id, &thing);
        Ok(Some(Vec::new()))
    }

    pub(super) fn undefine(&mut self, who: usize, thing: &Thing) -> Answer {
        check_policy(thing.kind, thing.policy)?;
        self.may_define(who, thing)?;
        let there = self.descriptions.iter().any(|known| known.thing == *thing);
        if there {
            self.descriptions.retain(|known| known.thing != *thing);
            self.tell_described("wamp.reflect.on_undefine", self.sessions[who].id, thing);
        }
        Ok(Some(vec![Value::Bool(there)]))
    }

    /// Who provides it says what it is; of a procedure, by which registration.
    fn may_define(&mut self, who: usize, thing: &Thing) -> Result<Option<u64>, &'static str> {
        let is_lawful = thing.policy != MatchPolicy::Exact || thing.uri.split('.').all(|part| !part.is_empty());
        if !is_lawful || is_reserved(&thing.uri) {
            return Err("wamp.error.invalid_uri");
        }
        let session = &self.sessions[who];
        let same_identity = |other: usize| {
            let other = &self.sessions[other];
            other.authid == session.authid && other.authrole == session.authrole
        };
        let known = self.descriptions.iter().find(|known| known.thing == *thing);
        let own = known.is_none_or(|known| known.owner == who || same_identity(known.owner));
        let (registration, may) = match thing.kind {
            Described::Procedure => {
                let served = self
                    .registrations
                    .iter()
                    .find(|known| known.policy == thing.policy && known.procedure == thing.uri && known.has(who));
                (served.map(|served| served.id), served.is_some())
            }
            Described::Topic => (None, own && self.denied[session.authrole].may_publish(&thing.uri)),
            Described::Error => (None, own),
        };
        if !may {
            self.noted.push("a description refused");
            return Err("wamp.error.not_authorized");
        }
        Ok(registration)
    }

    /// What may not be called or subscribed to is not there.
    pub(crate) fn is_visible(&self, authrole: usize, thing: &Thing) -> bool {
        let denied = self.denied[authrole];
        match (thing.kind, thing.policy) {
            (Described::Procedure, MatchPolicy::Exact) => denied.may_call(&thing.uri),
            (Described::Procedure, _) => denied.may_call(&thing.uri) || denied.may_register(&thing.uri),
            (Described::Topic, _) => denied.may_subscribe(&thing.uri),
            (Described::Error, _) => true,
        }
    }

    /// What of this kind is there for a role, by policy and URI.
    pub(crate) fn described(&self, authrole: usize, kind: Described) -> Vec<(&Thing, &Value)> {
        let fits = |known: &&Description| known.thing.kind == kind && self.is_visible(authrole, &known.thing);
        let mut found: Vec<(&Thing, &Value)> =
            self.descriptions.iter().filter(fits).map(|known| (&known.thing, &known.value)).collect();
        found.sort_by_key(|(thing, _)| *thing);
        found
    }

    fn look(&mut self, who: usize, thing: &Thing) -> Option<Value> {
        let found = self.descriptions.iter().find(|known| known.thing == *thing)?;
        if self.is_visible(self.sessions[who].authrole, thing) {
            self.noted.push("a description given");
            return Some(found.value.clone());
        }
        self.noted.push("a description hidden");
        None
    }

    pub(super) fn describe(&mut self, who: usize, thing: &Thing) -> Answer {
        check_policy(thing.kind, thing.policy)?;
        Ok(Some(vec![self.look(who, thing).unwrap_or(Value::Null)]))
    }

    /// Of one URI, by kind.
    pub(super) fn describe_all(&mut self, who: usize, uri: &str) -> Answer {
        let mut found = Vec::new();
        for kind in [Described::Procedure, Described::Topic, Described::Error] {
            let thing = Thing { kind, policy: MatchPolicy::Exact, uri: uri.to_owned() };
            found.extend(self.look(who, &thing).map(|value| (kind.name().to_owned(), value)));
        }
        Ok(Some(vec![if found.is_empty() { Value::Null } else { Value::Dict(found) }]))
    }

    /// One page of the URIs of one kind and policy.
    pub(super) fn list_described(
        &mut self,
        (who, request): (usize, u64),
        (kind, policy): (Described, MatchPolicy),
        limit: Option<u64>,
        after: Option<&str>,
    ) -> Answer {
        check_policy(kind, policy)?;
        let all = self.described(self.sessions[who].authrole, kind);
        let mut uris: Vec<&str> =
            all.into_iter().filter(|(thing, _)| thing.policy == policy).map(|(thing, _)| thing.uri.as_str()).collect();
        uris.retain(|uri| after.is_none_or(|after| *uri > after));
        let page: Vec<Value> =
            uris.iter().take(limit.map_or(usize::MAX, |limit| limit as usize)).copied().map(Value::from).collect();
        let more = page.len() < uris.len();
        let next = page.last().filter(|_| more).map(|last| ("next".to_owned(), last.clone()));
        let payload = Said::Values(vec![Value::List(page)], next.into_iter().collect());
        self.say(Out::Result { to: who, request, progress: false, ppt: false, payload });
        Ok(None)
    }

    fn tell_described(&mut self, topic: &str, session: u64, thing: &Thing) {
        let entry = |key: &str, text: &str| (key.to_owned(), Value::from(text));
        let what = [("kind", thing.kind.name()), ("uri", &thing.uri), ("match", thing.policy.as_str())];
        let what = Value::Dict(what.iter().map(|(key, text)| entry(key, text)).collect());
        let before = self.outs.len();
        self.meta_event(topic, Said::Values(vec![Value::Unsigned(session), what], Vec::new()));
        if self.outs.len() > before {
            self.noted.push("EVENT of a description");
        }
    }

    /// The registration is gone. `session` is who ended it.
    pub(super) fn forget_described_by(&mut self, session: u64, registration: u64) {
        let place = self.descriptions.iter().position(|known| known.registration == Some(registration));
        if let Some(place) = place {
            let gone = self.descriptions.remove(place);
            self.noted.push("a description gone with its registration");
            self.tell_described("wamp.reflect.on_undefine", session, &gone.thing);
        }
    }

    /// The session is gone, and what it said of topics and errors with it.
    pub(super) fn forget_descriptions(&mut self, who: usize) {
        let is_gone = |known: &Description| known.owner == who && known.thing.kind != Described::Procedure;
        let mut gone: Vec<Thing> =
            self.descriptions.iter().filter(|known| is_gone(known)).map(|known| known.thing.clone()).collect();
        gone.sort();
        self.descriptions.retain(|known| !is_gone(known));
        for thing in gone {
            self.noted.push("a description gone with its session");
            self.tell_described("wamp.reflect.on_undefine", self.sessions[who].id, &thing);
        }
    }
}

/// Only procedures are described by pattern.
fn check_policy(kind: Described, policy: MatchPolicy) -> Result<(), &'static str> {
    if kind == Described::Procedure || policy == MatchPolicy::Exact {
        Ok(())
    } else {
        Err("wamp.error.invalid_argument")
    }
}
