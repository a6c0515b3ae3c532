//! The registration records and their indexes, changed together.
//!
//! A procedure may be registered once per match policy: the pair is the identity. The first REGISTER fixes the invocation
//! policy; a registration lives while it has a callee.

use super::pick::pick;
use crate::routing::change::{Change, Named};
use crate::routing::key::{PerSession, SessionKey};
use crate::routing::names::Names;
use crate::routing::pattern::{PatternMap, Place};
use crate::routing::refusal::Refusal;
use crate::routing::Turn;
use crate::wamp::options::RegisterOptions;
use crate::wamp::uri::is_reserved;
use crate::wamp::{InvocationPolicy, MatchPolicy, RegistrationId, SessionId, Uri, WallTime};
use rand::rngs::StdRng;
use rand::Rng;
use slab::Slab;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::ops::Bound;

/// One session on one registration, with what it asked for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Callee {
    pub(super) session: SessionKey,
    /// Its number in the order of registration; never used again.
    pub(super) number: u64,
    pub(super) disclose_caller: bool,
    pub(super) forward_timeout: bool,
    /// At most so many calls of this registration at once; never 0.
    pub(super) concurrency: Option<u64>,
}

/// One procedure or pattern with its callees.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) id: RegistrationId,
    pub(super) policy: MatchPolicy,
    procedure: Uri,
    created: WallTime,
    reserved: bool,
    invoke: InvocationPolicy,
    /// By number: the oldest first. Never empty.
    callees: SmallVec<[Callee; 1]>,
    /// Where round robin goes on.
    cursor: u64,
}

impl Registration {
    /// What the meta API tells of it.
    pub(super) fn named(&self) -> Named<RegistrationId> {
        let Self { id, created, ref procedure, policy, invoke, .. } = *self;
        Named { id, created, uri: procedure.clone(), policy, invoke: Some(invoke) }
    }

    /// By number: the oldest first.
    pub(super) fn callees(&self) -> &[Callee] {
        &self.callees
    }

    /// The callee for the next call, among those that can take one.
    #[inline]
    pub(super) fn pick(
        &mut self,
        rng: &mut StdRng,
        load: impl Fn(&Callee) -> usize,
        can_take: impl Fn(&Callee) -> bool,
    ) -> Option<Callee> {
        pick(self.invoke, &self.callees, &mut self.cursor, rng, load, can_take).copied()
    }

    /// Whether a call may wait for a callee: one of them wanted no more than so many at once.
    pub(super) fn has_queue(&self) -> bool {
        self.callees.iter().any(|callee| callee.concurrency.is_some())
    }

    /// Whether there could be another callee beside the one that serves a call.
    pub(super) fn has_others(&self) -> bool {
        self.callees.len() > 1
    }

    /// What is registered.
    pub(super) fn procedure(&self) -> &Uri {
        &self.procedure
    }
}

/// Where a session stands in one of its registrations.
#[derive(Clone, Copy, Debug)]
struct Entry {
    record: Place,
    number: u64,
}

/// All registrations of one realm.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    records: Slab<Registration>,
    index: PatternMap,
    /// In order, for listings that can be paged.
    place_by_id: BTreeMap<RegistrationId, Place>,
    names: Names,
    by_session: PerSession<BTreeMap<RegistrationId, Entry>>,
    entries: usize,
    /// The number that the next callee gets.
    next_number: u64,
    /// Procedures and patterns that have come and gone.
    changes: u64,
}

impl Registrations {
    /// Another number whenever a procedure or pattern has come or gone.
    pub(super) fn version(&self) -> u64 {
        self.changes
    }

    /// How many procedures and patterns are registered.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many entries of callees there are in all of them.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// How many registrations the session has.
    pub(super) fn count_of(&self, session: SessionKey) -> usize {
        self.by_session.get(session).map_or(0, BTreeMap::len)
    }

    /// The place of the one registration that serves a call of `procedure`.
    #[inline]
    pub(super) fn best(&self, procedure: &Uri) -> Option<Place> {
        self.index.best(procedure)
    }

    /// The registration at a place that was found just now.
    #[inline]
    pub(super) fn at(&self, place: Place) -> Option<&Registration> {
        self.records.get(place as usize)
    }

    /// The registration at a place that was found just now, to pick of its callees.
    #[inline]
    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut Registration> {
        self.records.get_mut(place as usize)
    }

    /// The id of the registration that serves a call of `procedure`.
    pub(super) fn best_id(&self, procedure: &str) -> Option<RegistrationId> {
        let place = self.index.best(procedure)?;
        self.records.get(place as usize).map(|record| record.id)
    }

    /// The registration of this very procedure or pattern.
    pub(super) fn of(&self, policy: MatchPolicy, procedure: &str) -> Option<&Registration> {
        let place = self.index.get(policy, procedure)?;
        self.records.get(place as usize)
    }

    /// The id of this very procedure or pattern.
    pub(super) fn id_of(&self, policy: MatchPolicy, procedure: &str) -> Option<RegistrationId> {
        self.of(policy, procedure).map(|record| record.id)
    }

    /// The registration with this id.
    pub(super) fn by_id(&self, id: RegistrationId) -> Option<&Registration> {
        let place = self.place_by_id.get(&id)?;
        self.records.get(*place as usize)
    }

    /// The place of the registration with this id.
    pub(super) fn place_of(&self, id: RegistrationId) -> Option<Place> {
        self.place_by_id.get(&id).copied()
    }

    /// Whether the session is a callee of the registration.
    pub(super) fn serves(&self, session: SessionKey, id: RegistrationId) -> bool {
        self.by_session.get(session).is_some_and(|own| own.contains_key(&id))
    }

    /// The session's registrations.
    pub(super) fn of_session(&self, session: SessionKey) -> Vec<RegistrationId> {
        self.by_session.get(session).into_iter().flat_map(BTreeMap::keys).copied().collect()
    }

    /// The registrations with an id beyond `after`, by id.
    pub(super) fn after(&self, after: Option<RegistrationId>) -> impl Iterator<Item = &Registration> + '_ {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let places = self.place_by_id.range((from, Bound::Unbounded));
        places.filter_map(|(_, place)| self.records.get(*place as usize))
    }

    /// Those that are not reserved, by name.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Whether the session may register so, as far as other registrations go: the id if it has that registration already
    /// (D37), `None` if it may.
    ///
    /// # Errors
    /// [`Refusal::ProcedureAlreadyExists`] and [`Refusal::OtherInvocationPolicy`].
    pub(super) fn check(
        &self,
        session: SessionKey,
        options: RegisterOptions,
        procedure: &Uri,
    ) -> Result<Option<RegistrationId>, Refusal> {
        let place = self.index.get(options.match_policy, procedure);
        let Some(record) = place.and_then(|place| self.records.get(place as usize)) else { return Ok(None) };
        if record.invoke != options.invoke {
            return Err(Refusal::OtherInvocationPolicy(procedure.clone()));
        }
        if record.invoke == InvocationPolicy::Single {
            return Err(Refusal::ProcedureAlreadyExists(procedure.clone()));
        }
        let own = self.by_session.get(session).is_some_and(|own| own.contains_key(&record.id));
        Ok(own.then_some(record.id))
    }

    /// Adds the session as a callee, after [`check`](Self::check) allowed it; makes the registration if there is none.
    pub(super) fn insert(
        &mut self,
        turn: &mut Turn<'_>,
        session: SessionKey,
        options: RegisterOptions,
        procedure: &Uri,
    ) -> RegistrationId {
        let place = self.index.get(options.match_policy, procedure);
        let place = place.unwrap_or_else(|| self.create(turn, session, options, procedure));
        let Some(record) = self.records.get_mut(place as usize) else {
            unreachable!("the index holds only places of records");
        };
        let number = self.next_number;
        self.next_number += 1;
        let RegisterOptions { disclose_caller, forward_timeout, concurrency, .. } = options;
        // None at all is no wish that a callee can have.
        let concurrency = concurrency.filter(|max| *max > 0);
        record.callees.push(Callee { session, number, disclose_caller, forward_timeout, concurrency });
        self.by_session.entry(session).insert(record.id, Entry { record: place, number });
        self.entries += 1;
        if let Some(member) = turn.directory.member(session).filter(|_| !record.reserved) {
            turn.changes.push(Change::Registered(member.session, record.id));
        }
        record.id
    }

    /// Takes the session off one of its own registrations; `false` if it has none with this id.
    pub(super) fn remove(&mut self, turn: &mut Turn<'_>, session: SessionKey, id: RegistrationId) -> bool {
        let Some(entry) = self.by_session.get_mut(session).and_then(|own| own.remove(&id)) else { return false };
        let wamp_id = turn.directory.member(session).map(|member| member.session);
        self.take_callee(turn.changes, wamp_id, entry);
        true
    }

    /// Takes the session off all its registrations.
    pub(super) fn forget(&mut self, turn: &mut Turn<'_>, session: SessionKey, wamp_id: SessionId) {
        for entry in self.by_session.remove(session).unwrap_or_default().into_values() {
            self.take_callee(turn.changes, Some(wamp_id), entry);
        }
    }

    fn create(&mut self, turn: &mut Turn<'_>, session: SessionKey, options: RegisterOptions, procedure: &Uri) -> Place {
        let RegisterOptions { match_policy: policy, invoke, .. } = options;
        let mut id = RegistrationId::wrapping(turn.rng.next_u64());
        while self.place_by_id.contains_key(&id) {
            id = id.next();
        }
        // The procedure is kept for as long as there are callees, so it must not keep a frame.
        let procedure = procedure.detached();
        let (created, reserved, callees) = (turn.time(), is_reserved(&procedure), SmallVec::new());
        let record = Registration { id, policy, procedure, created, reserved, invoke, callees, cursor: 0 };
        if let Some(member) = turn.directory.member(session).filter(|_| !reserved) {
            turn.changes.push(Change::RegistrationCreated(member.session, Box::new(record.named())));
        }
        // At most one record per entry of a session, and those are limited far below 2^32.
        let place = self.records.vacant_key() as Place;
        self.index.insert(policy, &record.procedure, place);
        self.place_by_id.insert(id, place);
        if !reserved {
            self.names.insert(&record.procedure, policy, place);
        }
        self.records.insert(record);
        self.changes += 1;
        place
    }

    /// `wamp_id` is the session's, for those who are told.
    fn take_callee(&mut self, changes: &mut Vec<Change>, wamp_id: Option<SessionId>, entry: Entry) {
        self.entries -= 1;
        let Some(record) = self.records.get_mut(entry.record as usize) else {
            unreachable!("a session's entry names a record");
        };
        let (id, told) = (record.id, wamp_id.filter(|_| !record.reserved));
        changes.extend(told.map(|session| Change::Unregistered(session, id)));
        if let Ok(position) = record.callees.binary_search_by_key(&entry.number, |callee| callee.number) {
            record.callees.remove(position);
        }
        if record.callees.is_empty() {
            let record = self.records.remove(entry.record as usize);
            self.index.remove(record.policy, &record.procedure);
            self.place_by_id.remove(&record.id);
            self.names.remove(&record.procedure, record.policy);
            self.changes += 1;
            changes.extend(told.map(|session| Change::RegistrationDeleted(session, id)));
        }
    }

    /// The first thing that does not hold between the tables, if any.
    pub(super) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        if self.index.len() != self.records.len() || self.place_by_id.len() != self.records.len() {
            return Some("each registration is in each index once");
        }
        let mut entries = 0;
        for (place, record) in &self.records {
            entries += record.callees.len();
            if record.callees.is_empty() || !record.callees.is_sorted_by_key(|callee| callee.number) {
                return Some("a registration has callees, in their order");
            }
            if self.index.get(record.policy, &record.procedure) != Some(place as Place)
                || self.place_by_id.get(&record.id) != Some(&(place as Place))
            {
                return Some("a registration is found by its procedure and by its id");
            }
            let listed = (!record.reserved).then_some(place as Place);
            if self.names.get(&record.procedure, record.policy) != listed {
                return Some("a registration is listed by its name, unless it is reserved");
            }
            for callee in &record.callees {
                let own = self.by_session.get(callee.session).and_then(|own| own.get(&record.id));
                if !alive(callee.session) || own.is_none_or(|entry| entry.number != callee.number) {
                    return Some("a callee is a session that is there and knows its place");
                }
            }
        }
        if self.names.len() > self.records.len() {
            return Some("what is listed is a registration");
        }
        let of_sessions: usize = self.by_session.keys().map(|session| self.count_of(session)).sum();
        if entries != self.entries || of_sessions != entries {
            return Some("the entries of sessions and of registrations are the same");
        }
        self.by_session.keys().any(|session| !alive(session)).then_some("a session that is gone has no registrations")
    }
}
