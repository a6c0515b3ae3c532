//! One write transaction: entries put in, and what has become too much taken out.
//!
//! What is known of topics is remembered from one transaction to the next; whoever commits forgets it all when a transaction
//! fails.

use super::chunk::{Chunk, ChunkWriter, Damaged, CHUNK_OCTETS};
use super::recent::{Recent, SMALL_OCTETS};
use super::topic::{Oldest, Topic};
use super::{LogTable, RecentTable, StorageError, SweepFrom};
use super::{LOG, META, META_REALMS, META_SEQ, META_TOPICS, OLDEST, REALMS, RECENT, RETAINED, TOPICS};
use crate::routing::{HistoryRule, KeptEvent, LISTED_RETAINED_MAX};
use crate::storage::select::not_before;
use crate::storage::{octets, Change, Entry, Seq};
use crate::wamp::{Uri, WallTime};
use redb::{ReadableTable, Table, WriteTransaction};
use slab::Slab;
use std::collections::{BTreeMap, HashMap};

/// Topics that one transaction of a sweep looks at.
const SWEPT_AT_ONCE: usize = 1000;

/// Topics that are remembered; above it all are forgotten.
const TOPICS_KNOWN_MAX: usize = 1 << 14;

/// Realms that are remembered; above it all are forgotten.
const REALMS_KNOWN_MAX: usize = 64;

struct Tables<'t> {
    realms: Table<'t, &'static str, (u32, u64)>,
    log: LogTable<'t>,
    recent: RecentTable<'t>,
    topics: Table<'t, (u32, &'static str), super::topic::Row>,
    oldest: Table<'t, (u32, u64), &'static str>,
    retained: Table<'t, (u32, &'static str, u64), &'static [u8]>,
    last_topic: Option<u64>,
    meta: Table<'t, &'static str, u64>,
}

/// A place in the order of the oldest, its topic, and where the next place is.
type Listed = ((u32, u64), Uri, Seq);

/// A topic's part of a commit, of which a chunk is under way.
struct Part {
    /// The chunk's events.
    events: Vec<Oldest>,
    /// No other chunk was written before it.
    is_whole: bool,
}

/// What the last transactions have seen, and room to be used again.
#[derive(Debug, Default)]
pub(super) struct Known {
    realms: BTreeMap<String, Realm>,
    writer: ChunkWriter,
    /// The number that the last new topic got, where it is known.
    last_topic: Option<u64>,
}

#[derive(Debug)]
struct Realm {
    number: u32,
    octets: u64,
    octets_max: u64,
    topics: Slab<(Uri, Topic)>,
    /// Where they are.
    index: HashMap<Uri, usize, foldhash::fast::RandomState>,
    recent: Recent,
    /// Topics that the transaction under way puts something into, in the order of the first.
    touched: Vec<usize>,
    is_changed: bool,
}

impl Known {
    /// The transaction is over.
    pub(super) fn limit(&mut self) {
        let topics: usize = self.realms.values().map(|realm| realm.topics.len()).sum();
        if topics > TOPICS_KNOWN_MAX {
            for realm in self.realms.values_mut() {
                realm.topics.clear();
                realm.index.clear();
            }
        }
        if self.realms.len() > REALMS_KNOWN_MAX {
            self.realms.clear();
        }
    }
}

/// Puts entries in, in order.
pub(super) fn append(transaction: &WriteTransaction, known: &mut Known, group: &[Entry]) -> Result<(), StorageError> {
    let Known { realms, writer, last_topic } = known;
    let mut tables = Tables::open(transaction)?;
    tables.last_topic = *last_topic;
    let mut last = Seq(0);
    for (at, entry) in group.iter().enumerate() {
        let name = entry.realm.name.as_str();
        let Some(realm) = tables.realm(realms, name)? else { continue };
        realm.octets_max = entry.realm.history_octets_max;
        realm.is_changed = true;
        last = last.max(entry.seq);
        match &entry.change {
            Change::Keep { event, history, retain } => {
                if history.is_some() {
                    let number = tables.know(realm, &event.topic)?;
                    let Some((_, topic)) = realm.topics.get_mut(number) else { continue };
                    if topic.pending.is_empty() {
                        realm.touched.push(number);
                    }
                    topic.pending.push(at);
                }
                if *retain {
                    tables.retain(realm.number, entry.seq, event, writer)?;
                }
            }
            Change::Forget(topic) => tables.forget(realm.number, topic)?,
        }
    }
    for (name, realm) in realms.iter_mut().filter(|(_, realm)| realm.is_changed) {
        realm.is_changed = false;
        for number in std::mem::take(&mut realm.touched) {
            tables.keep(realm, number, group, writer)?;
        }
        tables.trim_octets(realm)?;
        realm.recent.finish(&mut tables.recent, &mut tables.log, realm.number, writer)?;
        tables.realms.insert(name.as_str(), (realm.number, realm.octets))?;
    }
    if let Some(last) = tables.last_topic {
        tables.meta.insert(META_TOPICS, last)?;
    }
    *last_topic = tables.last_topic;
    let before = tables.meta.get(META_SEQ)?.map_or(0, |seq| seq.value());
    tables.meta.insert(META_SEQ, last.0.max(before))?;
    Ok(())
}

/// Drops what is too old of some topics. Gives back where to go on, if there are more, and whether anything was dropped.
pub(super) fn sweep(
    transaction: &WriteTransaction,
    known: &mut Known,
    now: WallTime,
    from: SweepFrom,
) -> Result<(SweepFrom, bool), StorageError> {
    let mut tables = Tables::open(transaction)?;
    let (first_realm, first_topic) = from.unwrap_or_default();
    let mut some: Vec<(u32, String)> = Vec::with_capacity(SWEPT_AT_ONCE + 1);
    for row in tables.topics.range((first_realm, first_topic.as_str())..)?.take(SWEPT_AT_ONCE + 1) {
        let (key, _) = row?;
        let (realm, topic) = key.value();
        some.push((realm, topic.to_owned()));
    }
    let next = (some.len() > SWEPT_AT_ONCE).then(|| some.pop()).flatten();
    let (mut names, mut dropped) = (BTreeMap::new(), false);
    for row in tables.realms.iter()? {
        let (name, state) = row?;
        names.insert(state.value().0, name.value().to_owned());
    }
    let Known { realms, writer, .. } = known;
    for (number, name) in names {
        let Some(realm) = tables.realm(realms, &name)? else { continue };
        let octets = realm.octets;
        for (_, uri) in some.iter().filter(|(realm, _)| *realm == number) {
            tables.sweep(realm, &Uri::from(uri.as_str()), now)?;
        }
        if realm.octets != octets {
            dropped = true;
            realm.recent.finish(&mut tables.recent, &mut tables.log, number, writer)?;
            tables.realms.insert(name.as_str(), (number, realm.octets))?;
        }
    }
    Ok((next, dropped))
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, StorageError> {
        Ok(Self {
            realms: transaction.open_table(REALMS)?,
            log: transaction.open_table(LOG)?,
            recent: transaction.open_table(RECENT)?,
            topics: transaction.open_table(TOPICS)?,
            oldest: transaction.open_table(OLDEST)?,
            retained: transaction.open_table(RETAINED)?,
            last_topic: None,
            meta: transaction.open_table(META)?,
        })
    }

    /// The next number of a counter.
    fn next(&mut self, counter: &'static str) -> Result<u64, StorageError> {
        let number = self.meta.get(counter)?.map_or(0, |last| last.value()) + 1;
        self.meta.insert(counter, number)?;
        Ok(number)
    }

    /// The number of a new topic. Written down at the end, for all that are new.
    fn next_topic(&mut self) -> Result<u64, StorageError> {
        let last = match self.last_topic {
            Some(last) => last,
            None => self.meta.get(META_TOPICS)?.map_or(0, |last| last.value()),
        };
        self.last_topic = Some(last + 1);
        Ok(last + 1)
    }

    /// A realm, remembered from now on. Always there.
    fn realm<'k>(
        &mut self,
        known: &'k mut BTreeMap<String, Realm>,
        name: &str,
    ) -> Result<Option<&'k mut Realm>, StorageError> {
        if !known.contains_key(name) {
            let found = self.realms.get(name)?.map(|realm| realm.value());
            let (number, octets) = match found {
                Some(found) => found,
                None => {
                    let number = self.next(META_REALMS)?;
                    (u32::try_from(number).map_err(|_| StorageError::Failed("too many realms".to_owned()))?, 0)
                }
            };
            let realm = Realm {
                number,
                octets,
                octets_max: u64::MAX,
                topics: Slab::new(),
                index: HashMap::default(),
                recent: Recent::new(),
                touched: Vec::new(),
                is_changed: false,
            };
            known.insert(name.to_owned(), realm);
        }
        Ok(known.get_mut(name))
    }

    /// Where a topic is, which is remembered from now on.
    fn know(&mut self, realm: &mut Realm, uri: &Uri) -> Result<usize, StorageError> {
        if let Some(at) = realm.index.get(uri) {
            return Ok(*at);
        }
        let row = self.topics.get((realm.number, uri.as_str()))?.map(|row| row.value());
        let number = row.map_or_else(|| self.next_topic(), |row| Ok(row.0))?;
        realm.recent.load(&self.recent, realm.number, number)?;
        let topic = match (row, realm.recent.of(number)) {
            (Some(row), Some(recent)) => Topic::from_file(row, recent.oldest, recent.next()),
            (Some(row), None) => {
                let all = (realm.number, number, 0)..=(realm.number, number, u64::MAX);
                let (key, value) = self.log.range(all)?.next_back().ok_or(Damaged)??;
                let newest = Chunk::read(value.value(), (number, Seq(key.value().2)))?;
                Topic::from_file(row, newest.oldest, newest.ordinal + newest.len())
            }
            (None, _) => Topic::new(number),
        };
        // Never a slice of a receive buffer: what is kept has its own copy.
        let at = realm.topics.insert((uri.clone(), topic));
        realm.index.insert(uri.clone(), at);
        Ok(at)
    }

    /// Puts a topic's part of the group in, and drops what it has too many of and what is too old at its old end.
    fn keep(
        &mut self,
        realm: &mut Realm,
        at: usize,
        group: &[Entry],
        writer: &mut ChunkWriter,
    ) -> Result<(), StorageError> {
        let Some((_, topic)) = realm.topics.get_mut(at) else { return Ok(()) };
        let mut pending = std::mem::take(&mut topic.pending);
        let kept = |at: &usize| match group.get(*at) {
            Some(Entry { seq, change: Change::Keep { event, history: Some(rule), .. }, .. }) => {
                Some((*seq, &**event, rule))
            }
            Some(_) | None => None,
        };
        let Some((_, _, HistoryRule { limit, max_age, .. })) = pending.last().and_then(kept) else { return Ok(()) };
        let newest = pending.iter().filter_map(kept).map(|(_, event, _)| event.time).max().unwrap_or_default();
        topic.set_rule(*limit, *max_age);
        let too_old = not_before(newest, topic.age());
        let mut too_many = (topic.count() + pending.len() as u64).saturating_sub(*limit as u64);
        while too_many > 0 || topic.age().is_some() {
            let Some(oldest) = topic.oldest(&self.log, realm.number, &realm.recent)? else { break };
            if too_many == 0 && oldest.time >= too_old {
                break;
            }
            topic.drop_oldest();
            realm.octets = realm.octets.saturating_sub(oldest.octets);
            too_many = too_many.saturating_sub(1);
        }
        // Events that are gone before they were written, only where nothing older is left.
        let mut at_old_end = topic.count() == 0;
        let staying = pending.iter().filter_map(kept).filter(|(_, event, _)| {
            at_old_end = at_old_end && (too_many > 0 || event.time < too_old);
            too_many = too_many.saturating_sub(u64::from(at_old_end));
            !at_old_end
        });
        let mut part = Part { events: Vec::new(), is_whole: true };
        let mut ordinals = topic.ordinals().1..;
        for (seq, event, _) in staying {
            let length = event.payload.len() + ChunkWriter::EVENT_OCTETS;
            if !part.events.is_empty() && writer.len() + length > CHUNK_OCTETS {
                part.is_whole = false;
                self.close(realm.number, &mut realm.recent, topic, writer, &mut part)?;
            }
            let octets = octets(event);
            realm.octets += octets;
            writer.push(seq, octets, event);
            let ordinal = ordinals.next().unwrap_or_default();
            part.events.push(Oldest { ordinal, seq, time: event.time, octets });
        }
        self.close(realm.number, &mut realm.recent, topic, writer, &mut part)?;
        pending.clear();
        topic.pending = pending;
        self.finish(realm, at, false)
    }

    /// Writes the chunk that is under way: to the recent ones if it is small or the topic has something there.
    fn close(
        &mut self,
        realm: u32,
        recent: &mut Recent,
        topic: &mut Topic,
        writer: &mut ChunkWriter,
        part: &mut Part,
    ) -> Result<(), StorageError> {
        let Some(Oldest { seq, .. }) = part.events.first().copied() else { return Ok(()) };
        let (oldest, next) = topic.ordinals();
        let is_small = part.is_whole && writer.len() < SMALL_OCTETS;
        let chunk = writer.finish((topic.number, seq), next, oldest);
        if is_small || recent.of(topic.number).is_some() {
            recent.put(&mut self.recent, realm, (topic.number, oldest), &part.events, chunk)?;
        } else {
            self.log.insert((realm, topic.number, seq.0), chunk)?;
        }
        topic.add(part.events.len() as u64);
        part.events.clear();
        Ok(())
    }

    /// Writes what has changed of a topic, and takes out what is gone, if it is much or `is_urgent`.
    fn finish(&mut self, realm: &mut Realm, at: usize, is_urgent: bool) -> Result<(), StorageError> {
        let Some((uri, topic)) = realm.topics.get_mut(at) else { return Ok(()) };
        let (number, key) = (realm.number, (realm.number, uri.as_str()));
        let Some(oldest) = topic.oldest(&self.log, number, &realm.recent)? else {
            if let Some(Seq(listed)) = topic.listed {
                self.oldest.remove((number, listed))?;
                self.topics.remove(key)?;
                self.log.retain_in((number, topic.number, 0)..=(number, topic.number, u64::MAX), |_, _| false)?;
                realm.recent.forget(topic.number);
            }
            realm.index.remove(uri);
            realm.topics.remove(at);
            return Ok(());
        };
        if topic.listed.is_none() {
            topic.listed = Some(oldest.seq);
            self.oldest.insert((number, oldest.seq.0), uri.as_str())?;
        }
        if let (true, Some(row)) = (topic.is_changed, topic.row()) {
            topic.is_changed = false;
            self.topics.insert(key, row)?;
        }
        if let Some(chunk) = topic.clear(&self.log, number, &realm.recent, is_urgent)? {
            self.log.retain_in((number, topic.number, 0)..(number, topic.number, chunk), |_, _| false)?;
        }
        Ok(())
    }

    /// Drops what a topic has that is too old.
    fn sweep(&mut self, realm: &mut Realm, uri: &Uri, now: WallTime) -> Result<(), StorageError> {
        let at = self.know(realm, uri)?;
        let Some((_, topic)) = realm.topics.get_mut(at) else { return Ok(()) };
        let too_old = not_before(now, topic.age());
        if topic.age().is_none() {
            return Ok(());
        }
        while let Some(oldest) =
            topic.oldest(&self.log, realm.number, &realm.recent)?.filter(|oldest| oldest.time < too_old)
        {
            topic.drop_oldest();
            topic.is_changed = true;
            realm.octets = realm.octets.saturating_sub(oldest.octets);
        }
        if topic.is_changed {
            self.finish(realm, at, true)?;
        }
        Ok(())
    }

    /// Drops the realm's oldest events until it has no more octets than it may.
    fn trim_octets(&mut self, realm: &mut Realm) -> Result<(), StorageError> {
        while realm.octets > realm.octets_max {
            let Some((listed_at, uri, until)) = self.first_listed(realm.number)? else { return Ok(()) };
            let at = self.know(realm, &uri)?;
            let Some((_, topic)) = realm.topics.get_mut(at) else { return Ok(()) };
            if topic.listed.is_none() {
                return Err(Damaged.into());
            }
            let mut oldest = topic.oldest(&self.log, realm.number, &realm.recent)?;
            while let Some(event) = oldest.filter(|event| realm.octets > realm.octets_max && event.seq < until) {
                topic.drop_oldest();
                realm.octets = realm.octets.saturating_sub(event.octets);
                oldest = topic.oldest(&self.log, realm.number, &realm.recent)?;
            }
            if let Some(event) = oldest {
                self.oldest.remove(listed_at)?;
                self.oldest.insert((realm.number, event.seq.0), uri.as_str())?;
                topic.listed = Some(event.seq);
                topic.is_changed = true;
            }
            self.finish(realm, at, false)?;
        }
        Ok(())
    }

    /// The topic that may have the realm's oldest event: where it is listed, and where the next one is, which has none before.
    fn first_listed(&self, realm: u32) -> Result<Option<Listed>, StorageError> {
        let mut listed = self.oldest.range((realm, 0)..=(realm, u64::MAX))?;
        let Some(first) = listed.next() else { return Ok(None) };
        let (key, uri) = first?;
        let until = match listed.next() {
            Some(next) => Seq(next?.0.value().1),
            None => Seq(u64::MAX),
        };
        Ok(Some((key.value(), Uri::from(uri.value()), until)))
    }

    fn retain(
        &mut self,
        realm: u32,
        seq: Seq,
        event: &KeptEvent,
        writer: &mut ChunkWriter,
    ) -> Result<(), StorageError> {
        if event.listing.is_none() {
            self.forget(realm, &event.topic)?;
        } else {
            // At most one without lists comes before those with lists.
            let all = (realm, event.topic.as_str(), 0)..=(realm, event.topic.as_str(), u64::MAX);
            let (mut listed, mut oldest) = (0, None);
            for row in self.retained.range(all)? {
                let (key, value) = row?;
                let (_, _, seq) = key.value();
                if retained(value.value(), seq, &event.topic)?.listing.is_some() {
                    listed += 1;
                    oldest = oldest.or(Some(seq));
                }
            }
            if let Some(oldest) = oldest.filter(|_| listed >= LISTED_RETAINED_MAX) {
                self.retained.remove((realm, event.topic.as_str(), oldest))?;
            }
        }
        writer.push(seq, octets(event), event);
        self.retained.insert((realm, event.topic.as_str(), seq.0), writer.finish((0, seq), 0, 0))?;
        Ok(())
    }

    fn forget(&mut self, realm: u32, topic: &Uri) -> Result<(), StorageError> {
        let all = (realm, topic.as_str(), 0)..=(realm, topic.as_str(), u64::MAX);
        self.retained.retain_in(all, |_, _| false)?;
        Ok(())
    }
}

/// A retained event: a chunk with one.
pub(super) fn retained(octets: &[u8], seq: u64, topic: &Uri) -> Result<KeptEvent, Damaged> {
    let chunk = Chunk::read(octets, (0, Seq(seq)))?;
    let slot = chunk.slots().next().ok_or(Damaged)??;
    slot.event(octets, topic)
}
