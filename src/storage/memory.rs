//! The log in memory: history that ends with the process.
//!
//! Built for a cheap append: each topic has its events in a queue and their payloads in a ring of octets, so that keeping one and
//! dropping another asks the allocator for nothing; an event is put together when somebody asks for it. Never gives more than
//! the file would: what is shown is decided by `select`.

mod topic;

use super::select::{self, Positions, Stream, Topics, TOPICS_MAX, TOPICS_WALKED_MAX};
use super::{Change, Entry, EventLog, RealmLog, Seq, StorageError};
use crate::routing::{HistoryRule, KeptEvent, Page, Query, Recorded, Records, StoreFault};
use crate::routing::{LISTED_RETAINED_MAX, SCAN_EMPTY_MAX, SCAN_RECORDS_MAX};
use crate::wamp::{MatchPolicy, Uri, WallTime};
use slab::Slab;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use topic::{Topic, Walk};

#[derive(Debug, Default)]
struct Realm {
    index: BTreeMap<Uri, usize>,
    topics: Slab<Topic>,
    /// All events in order, with those that are gone from their topic already.
    order: VecDeque<(Seq, usize)>,
    kept: usize,
    octets: u64,
    /// Per topic the newest without lists, and newer than it some with lists.
    retained: BTreeMap<Uri, Vec<(Seq, Arc<KeptEvent>)>>,
    /// Topics that the append under way has put something into, with the newest time seen there.
    touched: Vec<(usize, WallTime)>,
}

/// Events in memory.
#[derive(Debug, Default)]
pub struct MemoryLog {
    realms: BTreeMap<String, Realm>,
}

/// What a question finds here, to be merged with what it finds elsewhere.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// Where publications stand, those found elsewhere included.
    pub(super) positions: Positions,
    /// How many topics fit.
    pub(super) topics: usize,
    /// What lies between the positions, in the order of the walk, more than a question reads at most.
    pub(super) events: VecDeque<(Seq, Arc<KeptEvent>)>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts in events that a realm recorded; `first` is the position of the first one.
    pub(super) fn append_records(&mut self, log: &RealmLog, Seq(first): Seq, records: &mut Records) {
        let realm = self.realm(&log.name);
        for (seq, (event, rule)) in (first..).map(Seq).zip(records.drain()) {
            realm.keep(seq, event, &rule);
        }
        realm.trim_touched();
        realm.trim_octets(log.history_octets_max);
    }

    fn realm(&mut self, name: &str) -> &mut Realm {
        self.realms.entry(name.to_owned()).or_default()
    }

    /// Whether the topic has history here.
    pub(super) fn has_topic(&self, realm: &str, topic: &str) -> bool {
        self.realms.get(realm).is_some_and(|realm| realm.index.contains_key(topic))
    }

    /// Forgets a realm.
    pub(super) fn drop_realm(&mut self, realm: &str) {
        self.realms.remove(realm);
    }

    /// What a question finds here, if `positions` were found elsewhere already.
    pub(super) fn collect(
        &self,
        realm: &str,
        now: WallTime,
        query: &Query,
        mut positions: Positions,
    ) -> Result<Collected, StoreFault> {
        let Some(realm) = self.realms.get(realm) else { return Ok(Collected { positions, ..Collected::default() }) };
        realm.find_positions(now, query, &mut positions)?;
        let topics = realm.topics(query)?;
        let mut collected = Collected { positions, topics: topics.len(), events: VecDeque::new() };
        let Some(bounds) = positions.bounds(query) else { return Ok(collected) };
        let mut heads: std::collections::BinaryHeap<_> = std::collections::BinaryHeap::new();
        let mut streams: Vec<_> = topics.iter().map(|topic| Walk::new(topic, now, bounds, query.reverse)).collect();
        let key = |Seq(seq): Seq| if query.reverse { seq } else { u64::MAX - seq };
        heads.extend(streams.iter().enumerate().filter_map(|(at, walk)| Some((key(walk.head()?), at))));
        let mut wanted = 0;
        while let Some((_, at)) = heads.pop() {
            let Some(walk) = streams.get_mut(at) else { continue };
            let Some(seq) = walk.head() else { continue };
            let event = walk.take()?;
            if let Some(head) = walk.head() {
                heads.push((key(head), at));
            }
            if event.time >= walk.not_before() {
                wanted += usize::from(select::is_wanted(query, &event));
                collected.events.push_back((seq, event));
            }
            if wanted > SCAN_RECORDS_MAX || collected.events.len() > SCAN_EMPTY_MAX {
                break;
            }
        }
        Ok(collected)
    }
}

impl EventLog for MemoryLog {
    fn append(&mut self, group: &[Entry]) -> Result<(), StorageError> {
        for run in group.chunk_by(|one, next| Arc::ptr_eq(&one.realm, &next.realm)) {
            let Some(RealmLog { name, .. }) = run.first().map(|entry| &*entry.realm) else { continue };
            let realm = self.realm(name);
            for entry in run {
                realm.apply(entry);
            }
        }
        // Once for the whole group, and topics first, as in the file: what its own topic drops makes room in the realm.
        for run in group.chunk_by(|one, next| Arc::ptr_eq(&one.realm, &next.realm)) {
            let Some(RealmLog { name, history_octets_max }) = run.first().map(|entry| &*entry.realm) else { continue };
            let Some(realm) = self.realms.get_mut(name) else { continue };
            realm.trim_touched();
            realm.trim_octets(*history_octets_max);
        }
        Ok(())
    }

    fn read(&self, realm: &str, now: WallTime, query: &Query) -> Result<Page, StoreFault> {
        let Some(realm) = self.realms.get(realm) else { return Ok(Page::default()) };
        let topics = realm.topics(query)?;
        let mut positions = Positions::default();
        realm.find_positions(now, query, &mut positions)?;
        let Some(bounds) = positions.bounds(query) else { return Ok(Page::default()) };
        let streams = topics
            .into_iter()
            .map(|topic| -> Box<dyn Stream + '_> { Box::new(Walk::new(topic, now, bounds, query.reverse)) });
        select::page(query, streams.collect()).map(|found| found.page)
    }

    fn retained(&self, realm: &str) -> Result<Vec<Arc<KeptEvent>>, StoreFault> {
        let retained = self.realms.get(realm).map(|realm| realm.retained.values().flatten());
        Ok(retained.into_iter().flatten().map(|(_, event)| Arc::clone(event)).collect())
    }

    fn sweep(&mut self, now: WallTime) -> Result<(), StorageError> {
        for realm in self.realms.values_mut() {
            let all: Vec<usize> = realm.topics.iter().map(|(slot, _)| slot).collect();
            for slot in all {
                realm.trim(slot, now);
            }
        }
        Ok(())
    }
}

impl Realm {
    fn apply(&mut self, entry: &Entry) {
        match &entry.change {
            Change::Keep { event, history, retain } => {
                if let Some(rule) = history {
                    self.keep(entry.seq, Recorded::of(event), rule);
                }
                if *retain {
                    retain_in(self.retained.entry(event.topic.clone()).or_default(), entry.seq, event);
                }
            }
            Change::Forget(topic) => {
                self.retained.remove(topic);
            }
        }
    }

    fn keep(&mut self, seq: Seq, event: Recorded<'_>, rule: &HistoryRule) {
        let last = self.touched.last().and_then(|(slot, _)| Some((*slot, self.topics.get(*slot)?)));
        let known = match last {
            Some((slot, topic)) if *topic.uri == *event.topic => Some(slot),
            Some(_) | None => self.index.get(event.topic).copied(),
        };
        let slot = match known {
            Some(slot) => slot,
            None => {
                // Its own copy of the text.
                let uri = Uri::from(event.topic);
                let slot = self.topics.insert(Topic::new(uri.clone()));
                self.index.insert(uri, slot);
                slot
            }
        };
        let Some(topic) = self.topics.get_mut(slot) else { return };
        (topic.limit, topic.max_age) = (rule.limit, rule.max_age);
        let time = event.time;
        self.octets += topic.push(seq, event);
        self.order.push_back((seq, slot));
        self.kept += 1;
        match self.touched.last_mut() {
            Some((last, newest)) if *last == slot => *newest = time.max(*newest),
            Some(_) | None => self.touched.push((slot, time)),
        }
    }

    fn trim_touched(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        for (slot, time) in touched.drain(..) {
            self.trim(slot, time);
        }
        self.touched = touched;
        // Events that are gone are left in the order until they are as many as those that are there.
        if self.order.len() > 2 * self.kept + 1024 {
            let topics = &self.topics;
            let is_kept = |seq: Seq, slot: usize| topics.get(slot)?.first().filter(|first| *first <= seq).map(|_| ());
            self.order.retain(|(seq, slot)| is_kept(*seq, *slot).is_some());
        }
    }

    /// Drops what a topic has too many of, and what is too old at its old end.
    fn trim(&mut self, slot: usize, now: WallTime) {
        while self.topics.get(slot).is_some_and(|topic| topic.has_too_much(now)) {
            self.drop_oldest(slot);
        }
        if let Some(topic) = self.topics.get_mut(slot) {
            topic.give_back_room();
        }
    }

    fn trim_octets(&mut self, octets_max: u64) {
        while self.octets > octets_max {
            let Some((seq, slot)) = self.order.pop_front() else { return };
            if self.topics.get(slot).is_some_and(|topic| topic.first() == Some(seq)) {
                self.drop_oldest(slot);
            }
        }
    }

    fn drop_oldest(&mut self, slot: usize) {
        let Some(topic) = self.topics.get_mut(slot) else { return };
        if let Some(octets) = topic.drop_oldest() {
            self.kept -= 1;
            self.octets -= octets;
        }
        if topic.is_empty() {
            let topic = self.topics.remove(slot);
            self.index.remove(&topic.uri);
        }
    }

    fn topic(&self, uri: &str) -> Option<&Topic> {
        self.topics.get(*self.index.get(uri)?)
    }

    /// The topics that a question reads from.
    fn topics(&self, query: &Query) -> Result<Vec<&Topic>, StoreFault> {
        match select::topics(query) {
            Topics::One(uri) => Ok(self.topic(uri).into_iter().collect()),
            Topics::None => Ok(Vec::new()),
            Topics::All => self.matching(query),
        }
    }

    /// The topics that fit the question's pattern.
    fn matching(&self, query: &Query) -> Result<Vec<&Topic>, StoreFault> {
        if query.policy == MatchPolicy::Exact {
            return Ok(self.topic(&query.topic).into_iter().collect());
        }
        let start = select::literal_start(query.policy, &query.topic);
        let mut found = Vec::new();
        let from = (Bound::Included(start), Bound::Unbounded);
        for (walked, (uri, slot)) in self.index.range::<str, _>(from).enumerate() {
            if !uri.starts_with(start) {
                break;
            }
            if walked == TOPICS_WALKED_MAX {
                return Err(StoreFault::TooManyTopics);
            }
            if select::fits(query.policy, &query.topic, uri) {
                if found.len() == TOPICS_MAX {
                    return Err(StoreFault::TooManyTopics);
                }
                found.extend(self.topics.get(*slot));
            }
        }
        Ok(found)
    }

    /// Looks for the publications that the question names among the topics of its subscription.
    fn find_positions(&self, now: WallTime, query: &Query, positions: &mut Positions) -> Result<(), StoreFault> {
        if !positions.is_incomplete(query) {
            return Ok(());
        }
        let topics = self.matching(query)?;
        positions.find(query, |publication| {
            Ok(topics.iter().find_map(|topic| {
                let (seq, time) = topic.find(publication)?;
                (time >= select::not_before(now, topic.max_age)).then_some(seq)
            }))
        })
    }
}

/// Puts a retained event behind those of its topic; what it replaces goes.
fn retain_in(retained: &mut Vec<(Seq, Arc<KeptEvent>)>, seq: Seq, event: &Arc<KeptEvent>) {
    if event.listing.is_none() {
        retained.clear();
    } else if retained.iter().filter(|(_, earlier)| earlier.listing.is_some()).count() >= LISTED_RETAINED_MAX {
        if let Some(at) = retained.iter().position(|(_, earlier)| earlier.listing.is_some()) {
            retained.remove(at);
        }
    }
    retained.push((seq, Arc::clone(event)));
}
