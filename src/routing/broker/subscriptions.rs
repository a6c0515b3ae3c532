//! The subscription records and their indexes, changed together.
//!
//! A topic may be subscribed to once per match policy: the pair is the identity, and all its subscribers share one id. A
//! session knows the place that it has in each of its subscriptions, so it leaves one of 100,000 subscribers as fast as one
//! of ten. That moves the last subscriber into the gap: there is no order among the receivers of one event.

use crate::routing::change::{Change, Named};
use crate::routing::key::{PerSession, SessionKey};
use crate::routing::names::Names;
use crate::routing::pattern::{PatternMap, Place};
use crate::routing::Turn;
use crate::wamp::uri::is_reserved;
use crate::wamp::{MatchPolicy, SessionId, SubscriptionId, Uri, WallTime};
use rand::Rng;
use slab::Slab;
use std::collections::BTreeMap;
use std::ops::Bound;
use uuid::Uuid;

/// One topic or pattern with its subscribers.
#[derive(Debug)]
pub(super) struct Subscription {
    id: SubscriptionId,
    policy: MatchPolicy,
    topic: Uri,
    created: WallTime,
    reserved: bool,
    /// Whether it stays when nobody is subscribed: its topic keeps history.
    lasting: bool,
    subscribers: Vec<SessionKey>,
}

impl Subscription {
    pub(super) fn id(&self) -> SubscriptionId {
        self.id
    }

    pub(super) fn policy(&self) -> MatchPolicy {
        self.policy
    }

    /// The topic or pattern, which keeps no frame alive.
    pub(super) fn topic(&self) -> &Uri {
        &self.topic
    }

    /// Whether the topic or pattern itself lies under `wamp.` or `wharf.`.
    pub(super) fn is_reserved(&self) -> bool {
        self.reserved
    }

    /// What the meta API tells of it.
    pub(super) fn named(&self) -> Named<SubscriptionId> {
        let Self { id, created, ref topic, policy, .. } = *self;
        Named { id, created, uri: topic.clone(), policy, invoke: None }
    }

    /// Empty only where it keeps history.
    pub(super) fn subscribers(&self) -> &[SessionKey] {
        &self.subscribers
    }
}

/// Where a session stands in one of its subscriptions.
#[derive(Clone, Copy, Debug)]
struct Entry {
    record: Place,
    position: u32,
}

/// The name space of the ids of subscriptions that the router makes itself.
const NAMES: Uuid = Uuid::from_u128(0x5d0a_7c1e_93b4_4f26_8e5d_c2a7_1b60_f934);

/// The id of a subscription that the router makes itself: by its name, so that it is the same after a restart.
fn lasting_id(policy: MatchPolicy, topic: &str) -> SubscriptionId {
    let name = format!("{}:{topic}", policy.as_str());
    // Its first 53 bits; four of them are the version, the others as good as random.
    let first = Uuid::new_v5(&NAMES, name.as_bytes()).as_u128() >> (128 - 53);
    SubscriptionId::wrapping(first as u64)
}

/// All subscriptions of one realm.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    records: Slab<Subscription>,
    index: PatternMap,
    /// In order, for listings that can be paged.
    place_by_id: BTreeMap<SubscriptionId, Place>,
    names: Names,
    by_session: PerSession<BTreeMap<SubscriptionId, Entry>>,
    entries: usize,
    /// Those that stay when nobody is subscribed.
    lasting: Vec<Place>,
    /// Those that did, while that changes.
    released: Vec<Place>,
}

impl Subscriptions {
    /// How many topics and patterns there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many entries of sessions there are in all of them.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// How many subscriptions the session has.
    pub(super) fn count_of(&self, session: SessionKey) -> usize {
        self.by_session.get(session).map_or(0, BTreeMap::len)
    }

    pub(super) fn record(&self, place: Place) -> Option<&Subscription> {
        self.records.get(place as usize)
    }

    /// The subscription with this id.
    pub(super) fn by_id(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.record(*self.place_by_id.get(&id)?)
    }

    /// The subscription to this very topic or pattern.
    pub(super) fn by_topic(&self, policy: MatchPolicy, topic: &str) -> Option<&Subscription> {
        self.record(self.index.get(policy, topic)?)
    }

    /// The subscriptions with an id beyond `after`, by id.
    pub(super) fn after(&self, after: Option<SubscriptionId>) -> impl Iterator<Item = &Subscription> + '_ {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.place_by_id.range((from, Bound::Unbounded)).filter_map(|(_, place)| self.record(*place))
    }

    /// Those that are not reserved, by name.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// All that match, in a fixed order.
    #[inline]
    pub(super) fn matching(&self, topic: &Uri, into: &mut Vec<Place>) {
        self.index.matching(topic, into);
    }

    /// The session's place among the subscribers, if it is one.
    #[inline]
    pub(super) fn position(&self, session: SessionKey, subscription: &Subscription) -> Option<usize> {
        let entry = self.by_session.get(session)?.get(&subscription.id)?;
        Some(entry.position as usize)
    }

    /// Whether the session is on this subscription.
    pub(super) fn is_on(&self, session: SessionKey, id: SubscriptionId) -> bool {
        self.by_session.get(session).is_some_and(|own| own.contains_key(&id))
    }

    /// The session's subscription with this very topic and policy.
    pub(super) fn of_session_by_topic(
        &self,
        session: SessionKey,
        policy: MatchPolicy,
        topic: &Uri,
    ) -> Option<SubscriptionId> {
        let record = self.record(self.index.get(policy, topic)?)?;
        self.position(session, record).map(|_| record.id)
    }

    /// Adds the session, which is not on it yet; makes the subscription if there is none.
    pub(super) fn insert(
        &mut self,
        turn: &mut Turn<'_>,
        session: SessionKey,
        policy: MatchPolicy,
        topic: &Uri,
    ) -> SubscriptionId {
        let place = self.index.get(policy, topic).unwrap_or_else(|| self.create(turn, session, policy, topic));
        let Some(record) = self.records.get_mut(place as usize) else {
            unreachable!("the index holds only places of records");
        };
        let position = record.subscribers.len() as u32;
        record.subscribers.push(session);
        self.by_session.entry(session).insert(record.id, Entry { record: place, position });
        self.entries += 1;
        if let Some(member) = turn.directory.member(session).filter(|_| !record.reserved) {
            turn.changes.push(Change::Subscribed(member.session, record.id));
        }
        record.id
    }

    /// Takes the session off one of its own subscriptions; `false` if it has none with this id.
    pub(super) fn remove(&mut self, turn: &mut Turn<'_>, session: SessionKey, id: SubscriptionId) -> bool {
        let Some(entry) = self.by_session.get_mut(session).and_then(|own| own.remove(&id)) else { return false };
        let wamp_id = turn.directory.member(session).map(|member| member.session);
        self.take_subscriber(turn.changes, wamp_id, id, entry);
        true
    }

    /// Takes the session off all its subscriptions.
    pub(super) fn forget(&mut self, turn: &mut Turn<'_>, session: SessionKey, wamp_id: SessionId) {
        for (id, entry) in self.by_session.remove(session).unwrap_or_default() {
            self.take_subscriber(turn.changes, Some(wamp_id), id, entry);
        }
    }

    fn create(&mut self, turn: &mut Turn<'_>, session: SessionKey, policy: MatchPolicy, topic: &Uri) -> Place {
        let mut id = SubscriptionId::wrapping(turn.rng.next_u64());
        while self.place_by_id.contains_key(&id) {
            id = id.next();
        }
        // The topic is kept for as long as there are subscribers, so it must not keep a frame.
        let topic = topic.detached();
        let (created, reserved) = (turn.time(), is_reserved(&topic));
        let record = Subscription { id, policy, topic, created, reserved, lasting: false, subscribers: Vec::new() };
        if let Some(member) = turn.directory.member(session).filter(|_| !reserved) {
            turn.changes.push(Change::SubscriptionCreated(member.session, Box::new(record.named())));
        }
        self.put(record)
    }

    /// Whether some subscription stays when nobody is subscribed.
    pub(super) fn has_lasting(&self) -> bool {
        !self.lasting.is_empty()
    }

    /// None of them stays from now on, but for those that are made so again before [`Self::drop_released`].
    pub(super) fn release_lasting(&mut self) {
        for place in std::mem::take(&mut self.lasting) {
            if let Some(record) = self.records.get_mut(place as usize) {
                record.lasting = false;
                self.released.push(place);
            }
        }
    }

    /// Ends those that stay no longer and that nobody is subscribed to. No member had them, so nobody is told.
    pub(super) fn drop_released(&mut self) {
        for place in std::mem::take(&mut self.released) {
            let is_over = |record: &&Subscription| !record.lasting && record.subscribers.is_empty();
            if self.records.get(place as usize).filter(is_over).is_some() {
                let record = self.records.remove(place as usize);
                self.take_out(&record);
            }
        }
    }

    /// The session's subscriptions.
    pub(super) fn of_session(&self, session: SessionKey) -> Vec<SubscriptionId> {
        self.by_session.get(session).into_iter().flat_map(BTreeMap::keys).copied().collect()
    }

    /// Makes a subscription that has no subscriber and stays. Its id is the same after a restart; one that is there already
    /// stays under the id that it has.
    pub(super) fn create_lasting(&mut self, policy: MatchPolicy, topic: &Uri, created: WallTime) {
        if let Some(place) = self.index.get(policy, topic) {
            if let Some(record) = self.records.get_mut(place as usize) {
                record.lasting = true;
                self.lasting.push(place);
            }
            return;
        }
        let mut id = lasting_id(policy, topic);
        while self.place_by_id.contains_key(&id) {
            id = id.next();
        }
        let (topic, subscribers) = (topic.detached(), Vec::new());
        let place = self.put(Subscription { id, policy, topic, created, reserved: false, lasting: true, subscribers });
        self.lasting.push(place);
    }

    /// What is there was made now: the time of day was not known before.
    pub(super) fn begin(&mut self, time: WallTime) {
        for (_, record) in &mut self.records {
            record.created = time;
        }
    }

    fn put(&mut self, record: Subscription) -> Place {
        // At most one record per entry of a session or of the configuration, and those are limited far below 2^32.
        let place = self.records.vacant_key() as Place;
        self.index.insert(record.policy, &record.topic, place);
        self.place_by_id.insert(record.id, place);
        if !record.reserved {
            self.names.insert(&record.topic, record.policy, place);
        }
        self.records.insert(record);
        place
    }

    /// Takes a record that is gone out of the indexes.
    fn take_out(&mut self, record: &Subscription) {
        self.index.remove(record.policy, &record.topic);
        self.place_by_id.remove(&record.id);
        self.names.remove(&record.topic, record.policy);
    }

    /// `wamp_id` is the session's, for those who are told.
    fn take_subscriber(
        &mut self,
        changes: &mut Vec<Change>,
        wamp_id: Option<SessionId>,
        id: SubscriptionId,
        entry: Entry,
    ) {
        self.entries -= 1;
        let Some(record) = self.records.get_mut(entry.record as usize) else {
            unreachable!("a session's entry names a record");
        };
        let told = wamp_id.filter(|_| !record.reserved);
        changes.extend(told.map(|session| Change::Unsubscribed(session, id)));
        record.subscribers.swap_remove(entry.position as usize);
        if let Some(moved) = record.subscribers.get(entry.position as usize) {
            if let Some(theirs) = self.by_session.get_mut(*moved).and_then(|own| own.get_mut(&id)) {
                theirs.position = entry.position;
            }
        } else if record.subscribers.is_empty() && !record.lasting {
            let record = self.records.remove(entry.record as usize);
            self.take_out(&record);
            changes.extend(told.map(|session| Change::SubscriptionDeleted(session, id)));
        }
    }

    /// The first thing that does not hold between the tables, if any.
    pub(super) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        if self.index.len() != self.records.len() || self.place_by_id.len() != self.records.len() {
            return Some("each subscription is in each index once");
        }
        let mut entries = 0;
        for (place, record) in &self.records {
            entries += record.subscribers.len();
            if record.subscribers.is_empty() && !record.lasting {
                return Some("a subscription has a subscriber, or keeps history");
            }
            if self.index.get(record.policy, &record.topic) != Some(place as Place)
                || self.place_by_id.get(&record.id) != Some(&(place as Place))
            {
                return Some("a subscription is found by its topic and by its id");
            }
            let listed = (!record.reserved).then_some(place as Place);
            if self.names.get(&record.topic, record.policy) != listed {
                return Some("a subscription is listed by its name, unless it is reserved");
            }
            for (position, session) in record.subscribers.iter().enumerate() {
                if !alive(*session) {
                    return Some("a subscriber is a session that is there");
                }
                if self.position(*session, record) != Some(position) {
                    return Some("a subscriber knows its place");
                }
            }
        }
        if self.names.len() > self.records.len() {
            return Some("what is listed is a subscription");
        }
        let of_sessions: usize = self.by_session.keys().map(|session| self.count_of(session)).sum();
        if entries != self.entries || of_sessions != entries {
            return Some("the entries of sessions and of subscriptions are the same");
        }
        self.by_session.keys().any(|session| !alive(session)).then_some("a session that is gone has no subscriptions")
    }
}
