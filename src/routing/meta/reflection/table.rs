//! The descriptions of one realm, and whose they are.
//!
//! One description per kind, match policy and URI. That of a procedure is found by its registration too, and ends with it; the
//! others end with the session that gave them. Who may give one is decided elsewhere.

use super::Described;
use crate::routing::key::{PerSession, SessionKey};
use crate::routing::refusal::Refusal;
use crate::routing::{Member, Permit};
use crate::wamp::{MatchPolicy, Payload, RegistrationId, SessionId, Uri, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Descriptions given by one session.
const DESCRIPTIONS_PER_SESSION_MAX: usize = 1_000;

/// Octets of all descriptions of the realm, as they lie in memory, their URIs and their places in the indexes included.
const OCTETS_MAX: usize = 16 << 20;

/// What an entry takes in the indexes beside its description and the text of its URI, about.
const ENTRY_OCTETS: usize = 2 * (3 * size_of::<Key>() + size_of::<Entry>());

/// What is described.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) kind: Described,
    pub(super) policy: MatchPolicy,
    pub(super) uri: Uri,
}

impl Key {
    /// Whether it is there for somebody with these permissions.
    pub(super) fn is_visible(&self, permit: &Permit) -> bool {
        match (self.kind, self.policy) {
            (Described::Procedure, MatchPolicy::Exact) => permit.may_call(&self.uri),
            // Nobody calls a pattern: it is told to those who may serve it or call something of its text.
            (Described::Procedure, MatchPolicy::Prefix | MatchPolicy::Wildcard) => {
                permit.may_call(&self.uri) || permit.may_register(&self.uri, self.policy)
            }
            (Described::Topic, _) => permit.may_subscribe(&self.uri, MatchPolicy::Exact),
            (Described::Error, _) => true,
        }
    }

    /// The payload of the events about it. `session` is who caused them.
    pub(super) fn told(&self, session: SessionId) -> Payload {
        let entry = |key: &str, text: &str| (key.to_owned(), Value::from(text));
        let what = vec![entry("kind", self.kind.name()), entry("uri", &self.uri), entry("match", self.policy.as_str())];
        Payload::args(vec![Value::Unsigned(session.get()), Value::Dict(what)])
    }
}

/// Who gave a description.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    session: SessionKey,
    authid: Arc<str>,
    authrole: Arc<str>,
}

impl Owner {
    pub(super) fn of(session: SessionKey, member: &Member) -> Self {
        Self { session, authid: Arc::clone(&member.authid), authrole: Arc::clone(&member.authrole) }
    }

    /// Whether this session may change what the owner gave: itself, or another one of the same identity, which may have
    /// come back while its former session is not found dead yet.
    pub(super) fn admits(&self, session: SessionKey, member: &Member) -> bool {
        self.session == session || (self.authid == member.authid && self.authrole == member.authrole)
    }
}

/// One description.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) description: Value,
    pub(super) owner: Owner,
    /// Of a procedure.
    registration: Option<RegistrationId>,
    /// What it counts for, once it is in.
    octets: usize,
}

impl Entry {
    pub(super) fn new(description: Value, owner: Owner, registration: Option<RegistrationId>) -> Self {
        Self { description, owner, registration, octets: 0 }
    }
}

/// All descriptions of one realm.
#[derive(Debug, Default)]
pub(in crate::routing::meta) struct Descriptions {
    entries: BTreeMap<Key, Entry>,
    by_registration: BTreeMap<RegistrationId, Key>,
    /// Those that count for a session. A procedure's goes on without its giver while others serve it.
    by_session: PerSession<BTreeSet<Key>>,
    octets: usize,
    /// Descriptions that have come and gone.
    changes: u64,
}

impl Descriptions {
    /// Another number whenever a description has come or gone.
    pub(in crate::routing::meta) fn version(&self) -> u64 {
        self.changes
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Those of one kind and policy, by URI, beyond `after`.
    pub(super) fn of(
        &self,
        kind: Described,
        policy: MatchPolicy,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&Key, &Entry)> {
        let key = |uri: &str| Key { kind, policy, uri: Uri::from(uri) };
        let from = after.map_or_else(|| Bound::Included(key("")), |after| Bound::Excluded(key(after)));
        let range = self.entries.range((from, Bound::Unbounded));
        range.take_while(move |(key, _)| key.kind == kind && key.policy == policy)
    }

    /// Puts a description in, in the place of an earlier one.
    ///
    /// # Errors
    /// [`Refusal::LimitExceeded`] if the session has too many, or the realm has no room. The earlier one then stays.
    pub(super) fn insert(&mut self, key: Key, mut entry: Entry) -> Result<(), Refusal> {
        let session = entry.owner.session;
        let own = self.by_session.get(session);
        if own.is_some_and(|own| own.len() >= DESCRIPTIONS_PER_SESSION_MAX && !own.contains(&key)) {
            let max = DESCRIPTIONS_PER_SESSION_MAX;
            return Err(Refusal::LimitExceeded { limit: "descriptions_per_session", max });
        }
        entry.octets = ENTRY_OCTETS + key.uri.len() + entry.description.octets();
        let replaced = self.entries.get(&key).map_or(0, |former| former.octets);
        if self.octets - replaced + entry.octets > OCTETS_MAX {
            return Err(Refusal::LimitExceeded { limit: "description_bytes", max: OCTETS_MAX });
        }
        self.remove(&key);
        self.octets += entry.octets;
        self.by_session.entry(session).insert(key.clone());
        if let Some(registration) = entry.registration {
            self.by_registration.insert(registration, key.clone());
        }
        self.entries.insert(key, entry);
        self.changes += 1;
        Ok(())
    }

    /// Takes a description out; `false` if there is none.
    pub(super) fn remove(&mut self, key: &Key) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        self.changes += 1;
        self.octets -= entry.octets;
        if let Some(registration) = entry.registration {
            self.by_registration.remove(&registration);
        }
        if let Some(own) = self.by_session.get_mut(entry.owner.session) {
            own.remove(key);
            if own.is_empty() {
                self.by_session.remove(entry.owner.session);
            }
        }
        true
    }

    /// The registration is gone: what described it, if something did.
    pub(super) fn forget_registration(&mut self, registration: RegistrationId) -> Option<Key> {
        let key = self.by_registration.get(&registration)?.clone();
        self.remove(&key);
        Some(key)
    }

    /// The session is gone: its topics and errors, in order. What it said of procedures that others serve stays.
    pub(super) fn forget(&mut self, session: SessionKey) -> Vec<Key> {
        let own = self.by_session.remove(session).unwrap_or_default();
        own.into_iter().filter(|key| key.kind != Described::Procedure && self.remove(key)).collect()
    }

    /// The first thing that does not hold, if any. For tests.
    pub(in crate::routing::meta) fn broken_invariant(
        &self,
        alive: impl Fn(SessionKey) -> bool,
        registered: impl Fn(RegistrationId) -> bool,
    ) -> Option<&'static str> {
        let mut registrations = 0;
        for (key, entry) in &self.entries {
            if key.kind != Described::Procedure && !alive(entry.owner.session) {
                return Some("a description of a topic or error has a session that is there");
            }
            let counts = self.by_session.get(entry.owner.session).is_some_and(|own| own.contains(key));
            if counts != alive(entry.owner.session) {
                return Some("a description counts for its session while that is there");
            }
            if (key.kind == Described::Procedure) != entry.registration.is_some() {
                return Some("procedures are described, and nothing else is, by registration");
            }
            if let Some(id) = entry.registration {
                registrations += 1;
                if !registered(id) || self.by_registration.get(&id) != Some(key) {
                    return Some("a description of a procedure has a registration that is there, and is found by it");
                }
            }
        }
        let own: usize =
            self.by_session.keys().filter_map(|session| self.by_session.get(session)).map(BTreeSet::len).sum();
        let counted = self.entries.values().filter(|entry| alive(entry.owner.session)).count();
        if registrations != self.by_registration.len() || own != counted {
            return Some("the indexes hold no description that is gone");
        }
        let octets: usize = self.entries.values().map(|entry| entry.octets).sum();
        (octets != self.octets).then_some("the octets of descriptions are counted")
    }
}
