//! Answers of authorizers that are remembered: each for whom its authorizer said, and never for anybody else.
//!
//! A realm has one. Beyond [`ENTRIES_MAX`] the one whose time ends first makes room. Emptied whole by [`Verdicts::purge`], and
//! of a session's own at its end. Is told the time.

use super::{Authorizer, Petition, Petitioner, Ruling, Scope};
use crate::authz::Action;
use crate::wamp::{MatchPolicy, SessionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// Entries of one realm.
const ENTRIES_MAX: usize = 10_000;

/// The longest URI that an answer is remembered for, in octets.
const URI_MAX: usize = 1024;

/// Whose an entry is. First the sessions, so that those of one lie together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Owner {
    Session(SessionId),
    Authid(Arc<str>, Arc<str>),
    Role(Arc<str>),
}

/// All that an authorizer could see and has not waived.
type Key = (Owner, Action, MatchPolicy, Arc<str>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    ruling: Ruling,
    until: Instant,
    serial: u64,
}

/// What is remembered in one realm.
#[derive(Debug, Default)]
pub struct Verdicts {
    entries: BTreeMap<Key, Entry>,
    deadlines: BTreeMap<(Instant, u64), Key>,
    serial: u64,
}

impl Petitioner<'_> {
    fn owner(&self, scope: Scope) -> Owner {
        let Self { session, authid, authrole, .. } = *self;
        match scope {
            Scope::Session => Owner::Session(session),
            Scope::Authid => Owner::Authid(authid.into(), authrole.into()),
            Scope::Role => Owner::Role(authrole.into()),
        }
    }
}

impl Verdicts {
    /// What was said about this before, for this session, its authid or its role, as far as `authorizer` lets it be shared.
    pub fn find(&self, authorizer: &Authorizer, who: Petitioner<'_>, what: &Petition, now: Instant) -> Option<Ruling> {
        authorizer.cache?;
        if self.entries.is_empty() {
            return None;
        }
        let text: Arc<str> = what.uri.as_str().into();
        let scopes = [Scope::Session, Scope::Authid, Scope::Role].into_iter();
        scopes.filter(|scope| *scope <= authorizer.cache_scope).find_map(|scope| {
            let key = (who.owner(scope), what.action, what.match_policy, Arc::clone(&text));
            self.entries.get(&key).filter(|entry| now < entry.until).map(|entry| entry.ruling)
        })
    }

    /// Remembers what was said, if it may be.
    pub fn keep(
        &mut self,
        authorizer: &Authorizer,
        who: Petitioner<'_>,
        what: &Petition,
        ruling: Ruling,
        now: Instant,
    ) {
        let Some((scope, time)) = authorizer.remembers(ruling) else { return };
        let Some(until) = now.checked_add(time) else { return };
        if what.uri.len() > URI_MAX {
            return;
        }
        while let Some(((until, serial), _)) = self.deadlines.first_key_value() {
            if *until > now && self.entries.len() < ENTRIES_MAX {
                break;
            }
            let first = (*until, *serial);
            if let Some(key) = self.deadlines.remove(&first) {
                self.entries.remove(&key);
            }
        }
        let key = (who.owner(scope), what.action, what.match_policy, Arc::from(what.uri.as_str()));
        self.serial += 1;
        let entry = Entry { ruling, until, serial: self.serial };
        if let Some(earlier) = self.entries.insert(key.clone(), entry) {
            self.deadlines.remove(&(earlier.until, earlier.serial));
        }
        self.deadlines.insert((until, self.serial), key);
    }

    /// Forgets what was said for one session alone: it has ended.
    pub fn forget(&mut self, session: SessionId) {
        let first = (Owner::Session(session), Action::Call, MatchPolicy::Exact, Arc::from(""));
        let own = |(key, _): &(&Key, &Entry)| key.0 == Owner::Session(session);
        let gone: BTreeSet<Key> = self.entries.range(first..).take_while(own).map(|(key, _)| key.clone()).collect();
        for key in gone {
            if let Some(entry) = self.entries.remove(&key) {
                self.deadlines.remove(&(entry.until, entry.serial));
            }
        }
    }

    /// Forgets all.
    pub fn purge(&mut self) {
        self.entries.clear();
        self.deadlines.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
