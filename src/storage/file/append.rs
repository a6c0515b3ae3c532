//! One write transaction: entries put in, and what has become too much taken out.
//!
//! What is known of topics is remembered from one transaction to the next; whoever commits forgets it all when a transaction
//! fails.

use super::chunk::{Chunk, ChunkWriter, Damaged, CHUNK_OCTETS};
use super::topic::Topic;
use super::{StorageError, SweepFrom, LOG, META, META_REALMS, META_SEQ, META_TOPICS, OLDEST, REALMS, RETAINED, TOPICS};
use crate::routing::{HistoryRule, KeptEvent, LISTED_RETAINED_MAX};
use crate::storage::select::not_before;
use crate::storage::{octets, Change, Entry, Seq};
use crate::wamp::{Uri, WallTime};
use redb::{ReadableTable, Table, WriteTransaction};
use std::collections::{BTreeMap, HashMap};

/// Topics that one transaction of a sweep looks at.
const SWEPT_AT_ONCE: usize = 1000;

/// Topics that are remembered; above it all are forgotten.
const TOPICS_KNOWN_MAX: usize = 1 << 14;

struct Tables<'t> {
    realms: Table<'t, &'static str, (u32, u64)>,
    log: Table<'t, (u32, u64, u64), &'static [u8]>,
    topics: Table<'t, (u32, &'static str), super::topic::Row>,
    oldest: Table<'t, (u32, u64), &'static str>,
    retained: Table<'t, (u32, &'static str, u64), &'static [u8]>,
    meta: Table<'t, &'static str, u64>,
}

/// A place in the order of the oldest, its topic, and where the next place is.
type Listed = ((u32, u64), Uri, Seq);

/// What the last transactions have seen, and room to be used again.
#[derive(Debug, Default)]
pub(super) struct Known {
    realms: BTreeMap<String, Realm>,
    writer: ChunkWriter,
}

#[derive(Debug)]
struct Realm {
    number: u32,
    octets: u64,
    octets_max: u64,
    topics: HashMap<Uri, Topic>,
    /// Topics that the transaction under way puts something into, in the order of the first.
    touched: Vec<Uri>,
    is_changed: bool,
}

impl Known {
    /// The transaction is over.
    pub(super) fn limit(&mut self) {
        let topics: usize = self.realms.values().map(|realm| realm.topics.len()).sum();
        if topics > TOPICS_KNOWN_MAX {
            self.realms.clear();
        }
    }
}

/// Puts entries in, in order.
pub(super) fn append(transaction: &WriteTransaction, known: &mut Known, group: &[Entry]) -> Result<(), StorageError> {
    let Known { realms, writer } = known;
    let mut tables = Tables::open(transaction)?;
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
                    let topic = tables.topic(realm.number, &mut realm.topics, &event.topic)?;
                    if topic.pending.is_empty() {
                        realm.touched.push(event.topic.clone());
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
        for uri in std::mem::take(&mut realm.touched) {
            tables.keep(realm, &uri, group, writer)?;
        }
        tables.trim_octets(realm)?;
        tables.realms.insert(name.as_str(), (realm.number, realm.octets))?;
    }
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
    for (number, name) in names {
        let Some(realm) = tables.realm(&mut known.realms, &name)? else { continue };
        let octets = realm.octets;
        for (_, uri) in some.iter().filter(|(realm, _)| *realm == number) {
            tables.sweep(realm, &Uri::from(uri.as_str()), now)?;
        }
        if realm.octets != octets {
            dropped = true;
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
            topics: transaction.open_table(TOPICS)?,
            oldest: transaction.open_table(OLDEST)?,
            retained: transaction.open_table(RETAINED)?,
            meta: transaction.open_table(META)?,
        })
    }

    /// The next number of a counter.
    fn next(&mut self, counter: &'static str) -> Result<u64, StorageError> {
        let number = self.meta.get(counter)?.map_or(0, |last| last.value()) + 1;
        self.meta.insert(counter, number)?;
        Ok(number)
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
            let (topics, touched) = (HashMap::new(), Vec::new());
            let realm = Realm { number, octets, octets_max: u64::MAX, topics, touched, is_changed: false };
            known.insert(name.to_owned(), realm);
        }
        Ok(known.get_mut(name))
    }

    /// A topic, remembered from now on.
    fn topic<'k>(
        &mut self,
        realm: u32,
        known: &'k mut HashMap<Uri, Topic>,
        uri: &Uri,
    ) -> Result<&'k mut Topic, StorageError> {
        if !known.contains_key(uri) {
            let row = self.topics.get((realm, uri.as_str()))?.map(|row| row.value());
            let topic = match row {
                Some(row) => {
                    let newest = self.log.range((realm, row.0, 0)..=(realm, row.0, u64::MAX))?.next_back();
                    let (key, value) = newest.ok_or(Damaged)??;
                    Topic::from_file(row, &Chunk::read(value.value(), (row.0, Seq(key.value().2)))?)
                }
                None => Topic::new(self.next(META_TOPICS)?),
            };
            // Never a slice of a receive buffer: what is kept has its own copy.
            known.insert(uri.clone(), topic);
        }
        known.get_mut(uri).ok_or_else(|| StorageError::from(Damaged))
    }

    /// Puts a topic's part of the group in, and drops what it has too many of and what is too old at its old end.
    fn keep(
        &mut self,
        realm: &mut Realm,
        uri: &Uri,
        group: &[Entry],
        writer: &mut ChunkWriter,
    ) -> Result<(), StorageError> {
        let Some(topic) = realm.topics.get_mut(uri) else { return Ok(()) };
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
            let Some(oldest) = topic.oldest(&self.log, realm.number)? else { break };
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
        let mut chunk = None;
        let mut count = 0;
        for (seq, event, _) in staying {
            if chunk.is_some() && writer.len() + event.payload.len() + ChunkWriter::EVENT_OCTETS > CHUNK_OCTETS {
                self.close(realm.number, topic, writer, chunk.take(), &mut count)?;
            }
            let octets = octets(event);
            realm.octets += octets;
            writer.push(seq, octets, event);
            count += 1;
            chunk.get_or_insert(seq);
        }
        self.close(realm.number, topic, writer, chunk, &mut count)?;
        pending.clear();
        topic.pending = pending;
        self.finish(realm, uri, false)
    }

    /// Writes the chunk that begins at this position.
    fn close(
        &mut self,
        realm: u32,
        topic: &mut Topic,
        writer: &mut ChunkWriter,
        chunk: Option<Seq>,
        count: &mut u64,
    ) -> Result<(), StorageError> {
        let Some(seq) = chunk else { return Ok(()) };
        let (first, next) = topic.ordinals();
        self.log.insert((realm, topic.number, seq.0), writer.finish((topic.number, seq), next, first))?;
        topic.add(std::mem::take(count));
        Ok(())
    }

    /// Writes what has changed of a topic, and takes out what is gone, if it is much or `is_urgent`.
    fn finish(&mut self, realm: &mut Realm, uri: &Uri, is_urgent: bool) -> Result<(), StorageError> {
        let Some(topic) = realm.topics.get_mut(uri) else { return Ok(()) };
        let (number, key) = (realm.number, (realm.number, uri.as_str()));
        let Some(oldest) = topic.oldest(&self.log, number)? else {
            if let Some(Seq(listed)) = topic.listed {
                self.oldest.remove((number, listed))?;
                self.topics.remove(key)?;
                self.log.retain_in((number, topic.number, 0)..=(number, topic.number, u64::MAX), |_, _| false)?;
            }
            realm.topics.remove(uri);
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
        if let Some(Seq(chunk)) = topic.clear(&self.log, number, is_urgent)? {
            self.log.retain_in((number, topic.number, 0)..(number, topic.number, chunk), |_, _| false)?;
        }
        Ok(())
    }

    /// Drops what a topic has that is too old.
    fn sweep(&mut self, realm: &mut Realm, uri: &Uri, now: WallTime) -> Result<(), StorageError> {
        let topic = self.topic(realm.number, &mut realm.topics, uri)?;
        let too_old = not_before(now, topic.age());
        if topic.age().is_none() {
            return Ok(());
        }
        while let Some(oldest) = topic.oldest(&self.log, realm.number)?.filter(|oldest| oldest.time < too_old) {
            topic.drop_oldest();
            topic.is_changed = true;
            realm.octets = realm.octets.saturating_sub(oldest.octets);
        }
        if topic.is_changed {
            self.finish(realm, uri, true)?;
        }
        Ok(())
    }

    /// Drops the realm's oldest events until it has no more octets than it may.
    fn trim_octets(&mut self, realm: &mut Realm) -> Result<(), StorageError> {
        while realm.octets > realm.octets_max {
            let Some((listed_at, uri, until)) = self.first_listed(realm.number)? else { return Ok(()) };
            let topic = self.topic(realm.number, &mut realm.topics, &uri)?;
            let mut oldest = topic.oldest(&self.log, realm.number)?;
            while let Some(event) = oldest.filter(|event| realm.octets > realm.octets_max && event.seq < until) {
                topic.drop_oldest();
                realm.octets = realm.octets.saturating_sub(event.octets);
                oldest = topic.oldest(&self.log, realm.number)?;
            }
            if let Some(event) = oldest {
                self.oldest.remove(listed_at)?;
                self.oldest.insert((realm.number, event.seq.0), uri.as_str())?;
                topic.listed = Some(event.seq);
                topic.is_changed = true;
            }
            self.finish(realm, &uri, false)?;
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
