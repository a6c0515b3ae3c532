//! Who is in the realm: session keys, ids and identities.
//!
//! Gives out slots, the lowest one that was freed last; a slot that is used again has another generation. Knows nothing of
//! subscriptions and calls.

use super::key::{PerSession, SessionKey};
use super::rights::Permit;
use crate::wamp::options::Disclosed;
use crate::wamp::role::Announced;
use crate::wamp::{Dict, Entrance, SessionId, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A session that joins: its identity, and what it can do.
#[derive(Clone, PartialEq, Debug)]
pub struct Member {
    /// Its WAMP id, drawn by the session room.
    pub session: SessionId,
    /// Who it is.
    pub authid: Arc<str>,
    /// Its role.
    pub authrole: Arc<str>,
    /// How it proved that.
    pub authmethod: Arc<str>,
    /// Where its identity comes from.
    pub authprovider: Arc<str>,
    /// Its roles and features.
    pub announced: Announced,
    /// Where it came in; nothing here looks at it.
    pub entrance: Entrance,
    /// Shown in the details of the session meta API; left out there if empty.
    pub transport: Dict,
    /// What it may do, for what is asked after it has said it.
    pub permit: Permit,
}

impl Member {
    /// The details of the session meta API, as in `wamp.session.on_join` (R82).
    pub(crate) fn details(&self) -> Value {
        let mut details: Dict = vec![("session".to_owned(), Value::Unsigned(self.session.get()))];
        let texts = [
            ("authid", &self.authid),
            ("authrole", &self.authrole),
            ("authmethod", &self.authmethod),
            ("authprovider", &self.authprovider),
        ];
        details.extend(texts.into_iter().map(|(key, text)| (key.to_owned(), Value::from(&**text))));
        if !self.transport.is_empty() {
            details.push(("transport".to_owned(), Value::Dict(self.transport.clone())));
        }
        Value::Dict(details)
    }

    /// Its name for those to whom it is disclosed.
    pub(crate) fn disclosed(&self) -> Box<Disclosed> {
        let (authid, authrole) = (Some(Arc::clone(&self.authid)), Some(Arc::clone(&self.authrole)));
        Box::new(Disclosed { session: self.session, authid, authrole })
    }
}

/// A member with what the directory keeps about it.
#[derive(Debug)]
struct Entry {
    member: Member,
    /// When its allowance of meta calls is full again; `None`: it is full.
    meta_full_at: Option<Instant>,
    /// EVENTs that it has lost because it did not read them, as it was last heard.
    dropped: u64,
    /// Whether what it may do has changed since it came: then its own room may not know yet.
    changed: bool,
}

/// The members of one realm.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    entries: PerSession<Entry>,
    /// In order, for listings that can be paged.
    key_by_session: BTreeMap<SessionId, SessionKey>,
    /// The keys whose slots are free, each with the generation to come.
    free: Vec<SessionKey>,
    slots: u32,
}

impl Directory {
    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.key_by_session.len()
    }

    /// Lets a session in. The caller has checked that its id is free.
    pub(crate) fn insert(&mut self, member: Member) -> SessionKey {
        let session = member.session;
        let key = self.insert_unlisted(member);
        self.key_by_session.insert(session, key);
        key
    }

    /// Lets somebody in who is no session to others: found by key, by nothing else.
    pub(crate) fn insert_unlisted(&mut self, member: Member) -> SessionKey {
        let key = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            SessionKey::new(self.slots - 1, 0)
        });
        self.entries.insert(key, Entry { member, meta_full_at: None, dropped: 0, changed: false });
        key
    }

    /// What the session may do has changed.
    pub(crate) fn set_permit(&mut self, key: SessionKey, permit: Permit) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.member.permit = permit;
            entry.changed = true;
        }
    }

    /// What the session may do, if that has changed since it came.
    pub(crate) fn changed_permit(&self, key: SessionKey) -> Option<&Permit> {
        self.entries.get(key).filter(|entry| entry.changed).map(|entry| &entry.member.permit)
    }

    /// Takes a session out.
    pub(crate) fn remove(&mut self, key: SessionKey) -> Option<Member> {
        let entry = self.entries.remove(key)?;
        if self.key(entry.member.session) == Some(key) {
            self.key_by_session.remove(&entry.member.session);
        }
        self.free.push(SessionKey::new(key.slot(), key.generation().wrapping_add(1)));
        Some(entry.member)
    }

    /// Who has this key.
    #[inline]
    pub(crate) fn member(&self, key: SessionKey) -> Option<&Member> {
        self.entries.get(key).map(|entry| &entry.member)
    }

    /// What `wamp.session.get` tells: the details, and `wharf_dropped` for a session that has lost EVENTs.
    pub(crate) fn details(&self, key: SessionKey) -> Option<Value> {
        let entry = self.entries.get(key)?;
        let mut details = entry.member.details();
        if let (Value::Dict(dict), true) = (&mut details, entry.dropped > 0) {
            dict.push(("wharf_dropped".to_owned(), Value::Unsigned(entry.dropped)));
        }
        Some(details)
    }

    /// The session has lost so many EVENTs in all.
    pub(crate) fn note_dropped(&mut self, key: SessionKey, dropped: u64) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.dropped = dropped;
        }
    }

    /// Whether the session is there.
    #[inline]
    pub(crate) fn contains(&self, key: SessionKey) -> bool {
        self.entries.get(key).is_some()
    }

    /// Who has this WAMP id.
    pub(crate) fn key(&self, session: SessionId) -> Option<SessionKey> {
        self.key_by_session.get(&session).copied()
    }

    /// All sessions, by id.
    pub(crate) fn all(&self) -> impl Iterator<Item = (SessionKey, &Member)> + '_ {
        self.after(None)
    }

    /// The sessions with an id beyond `after`, by id.
    pub(crate) fn after(&self, after: Option<SessionId>) -> impl Iterator<Item = (SessionKey, &Member)> + '_ {
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let keys = self.key_by_session.range((from, std::ops::Bound::Unbounded));
        keys.filter_map(|(_, key)| self.member(*key).map(|member| (*key, member)))
    }

    /// The first thing that does not hold, if any. For tests.
    pub(crate) fn broken_invariant(&self) -> Option<&'static str> {
        let agrees = |(session, key): (&SessionId, &SessionKey)| {
            self.member(*key).is_some_and(|member| member.session == *session)
        };
        let agree = self.key_by_session.len() <= self.entries.len() && self.key_by_session.iter().all(agrees);
        (!agree).then_some("each session is found by its id")
    }

    /// Takes one meta call from the session's allowance; `false` if there is none left (X4).
    pub(crate) fn take_meta_call(&mut self, key: SessionKey, now: Instant, rate: super::limits::MetaCalls) -> bool {
        let (Some(entry), Some(interval)) =
            (self.entries.get_mut(key), std::time::Duration::from_secs(1).checked_div(rate.per_second))
        else {
            return false;
        };
        // A bucket of `burst` tokens, kept as the time at which it is full again: each call moves that time on by what one
        // token takes to come back.
        let full_at = entry.meta_full_at.map_or(now, |at| at.max(now)) + interval;
        let allowed = full_at.duration_since(now) <= interval.saturating_mul(rate.burst);
        if allowed {
            entry.meta_full_at = Some(full_at);
        }
        allowed
    }
}
