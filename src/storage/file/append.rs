//! One write transaction: entries put in, and what has become too much taken out.
//!
//! Counts of topics and realms are read once per transaction, changed in memory and written at its end. Nothing is remembered
//! between transactions, so a failed one leaves nothing to be undone.

use super::record;
use super::{StorageError, SweepFrom, BY_PUBLICATION, BY_TOPIC, LOG, META, META_REALMS, META_SEQ, META_SUBJECTS};
use super::{NO_AGE, REALMS, RETAINED, SUBJECTS};
use crate::routing::{HistoryRule, KeptEvent};
use crate::storage::select::not_before;
use crate::storage::{octets, Change, Entry, Seq, LISTED_RETAINED_MAX};
use crate::wamp::{Uri, WallTime};
use redb::{ReadableTable, Table, WriteTransaction};
use std::collections::BTreeMap;
use std::time::Duration;

/// Topics that one transaction of a sweep looks at.
const SWEPT_AT_ONCE: usize = 1000;

struct Tables<'t> {
    realms: Table<'t, &'static str, (u32, u64)>,
    log: Table<'t, (u32, u64), &'static [u8]>,
    by_topic: Table<'t, (u32, u64, u64), ()>,
    by_publication: Table<'t, (u32, u64), u64>,
    subjects: Table<'t, (u32, &'static str), (u64, u64, u64)>,
    retained: Table<'t, (u32, &'static str, u64), &'static [u8]>,
    meta: Table<'t, &'static str, u64>,
}

/// A realm while the transaction lasts.
struct Realm {
    number: u32,
    octets: u64,
    topics: BTreeMap<Uri, Topic>,
}

struct Topic {
    number: u64,
    count: u64,
    max_age: u64,
    /// What the transaction puts in under: how many stay, and the newest time seen.
    rule: Option<(usize, WallTime)>,
}

impl Topic {
    fn max_age(&self) -> Option<Duration> {
        age(self.max_age)
    }
}

/// A rule's age as it lies in the file.
pub(super) fn age(micros: u64) -> Option<Duration> {
    (micros != NO_AGE).then(|| Duration::from_micros(micros))
}

/// Puts entries in, in order.
pub(super) fn append(
    transaction: &WriteTransaction,
    group: &[Entry],
    buffer: &mut Vec<u8>,
) -> Result<(), StorageError> {
    let mut tables = Tables::open(transaction)?;
    let mut realms: BTreeMap<&str, (Realm, u64)> = BTreeMap::new();
    let mut last = Seq(0);
    for entry in group {
        let name = entry.realm.name.as_str();
        if !realms.contains_key(name) {
            realms.insert(name, (tables.realm(name)?, entry.realm.history_octets_max));
        }
        let Some((realm, _)) = realms.get_mut(name) else { continue };
        last = last.max(entry.seq);
        match &entry.change {
            Change::Keep { event, history, retain } => {
                if let Some(rule) = history {
                    tables.keep(realm, entry.seq, event, rule, buffer)?;
                }
                if *retain {
                    tables.retain(realm.number, entry.seq, event, buffer)?;
                }
            }
            Change::Forget(topic) => tables.forget(realm.number, topic)?,
        }
    }
    for (name, (mut realm, octets_max)) in realms {
        tables.trim_topics(&mut realm)?;
        tables.trim_octets(&mut realm, octets_max)?;
        tables.finish(name, realm)?;
    }
    let before = tables.meta.get(META_SEQ)?.map_or(0, |seq| seq.value());
    tables.meta.insert(META_SEQ, last.0.max(before))?;
    Ok(())
}

/// Drops what is too old of some topics. Gives back where to go on, if there are more, and whether anything was dropped.
pub(super) fn sweep(
    transaction: &WriteTransaction,
    now: WallTime,
    from: SweepFrom,
) -> Result<(SweepFrom, bool), StorageError> {
    let mut tables = Tables::open(transaction)?;
    let (first_realm, first_topic) = from.unwrap_or_default();
    let mut some: Vec<(u32, String)> = Vec::with_capacity(SWEPT_AT_ONCE + 1);
    for row in tables.subjects.range((first_realm, first_topic.as_str())..)?.take(SWEPT_AT_ONCE + 1) {
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
        let mut realm = tables.realm(&name)?;
        for (_, topic) in some.iter().filter(|(realm, _)| *realm == number) {
            let topic = Uri::from(topic.as_str());
            let mut found = tables.topic(number, &topic)?;
            if found.max_age().is_some() {
                found.rule = Some((usize::MAX, now));
                realm.topics.insert(topic, found);
            }
        }
        if !realm.topics.is_empty() {
            let octets = realm.octets;
            tables.trim_topics(&mut realm)?;
            if realm.octets != octets {
                dropped = true;
                tables.finish(&name, realm)?;
            }
        }
    }
    Ok((next, dropped))
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, StorageError> {
        Ok(Self {
            realms: transaction.open_table(REALMS)?,
            log: transaction.open_table(LOG)?,
            by_topic: transaction.open_table(BY_TOPIC)?,
            by_publication: transaction.open_table(BY_PUBLICATION)?,
            subjects: transaction.open_table(SUBJECTS)?,
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

    fn realm(&mut self, name: &str) -> Result<Realm, StorageError> {
        let found = self.realms.get(name)?.map(|realm| realm.value());
        let (number, octets) = match found {
            Some(found) => found,
            None => {
                let number = self.next(META_REALMS)?;
                (u32::try_from(number).map_err(|_| StorageError::Failed("too many realms".to_owned()))?, 0)
            }
        };
        Ok(Realm { number, octets, topics: BTreeMap::new() })
    }

    fn topic(&mut self, realm: u32, uri: &Uri) -> Result<Topic, StorageError> {
        let found = self.subjects.get((realm, uri.as_str()))?.map(|topic| topic.value());
        let (number, count, max_age) = match found {
            Some(found) => found,
            None => (self.next(META_SUBJECTS)?, 0, NO_AGE),
        };
        Ok(Topic { number, count, max_age, rule: None })
    }

    fn keep(
        &mut self,
        realm: &mut Realm,
        Seq(seq): Seq,
        event: &KeptEvent,
        rule: &HistoryRule,
        buffer: &mut Vec<u8>,
    ) -> Result<(), StorageError> {
        if !realm.topics.contains_key(&event.topic) {
            realm.topics.insert(event.topic.clone(), self.topic(realm.number, &event.topic)?);
        }
        let Some(topic) = realm.topics.get_mut(&event.topic) else { return Ok(()) };
        let age = rule.max_age.map(|age| u64::try_from(age.as_micros()).unwrap_or(NO_AGE));
        topic.max_age = age.unwrap_or(NO_AGE);
        let newest = topic.rule.map_or(event.time, |(_, newest)| newest.max(event.time));
        topic.rule = Some((rule.limit, newest));
        topic.count += 1;
        let octets = octets(event);
        realm.octets += octets;
        record::write(event, topic.number, octets, seq, buffer);
        self.log.insert((realm.number, seq), buffer.as_slice())?;
        self.by_topic.insert((realm.number, topic.number, seq), ())?;
        self.by_publication.insert((realm.number, event.publication.get()), seq)?;
        Ok(())
    }

    fn retain(
        &mut self,
        realm: u32,
        Seq(seq): Seq,
        event: &KeptEvent,
        buffer: &mut Vec<u8>,
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
                if record::read(value.value(), seq)?.listing.is_some() {
                    listed += 1;
                    oldest = oldest.or(Some(seq));
                }
            }
            if let Some(oldest) = oldest.filter(|_| listed >= LISTED_RETAINED_MAX) {
                self.retained.remove((realm, event.topic.as_str(), oldest))?;
            }
        }
        record::write(event, 0, octets(event), seq, buffer);
        self.retained.insert((realm, event.topic.as_str(), seq), buffer.as_slice())?;
        Ok(())
    }

    fn forget(&mut self, realm: u32, topic: &Uri) -> Result<(), StorageError> {
        let all = (realm, topic.as_str(), 0)..=(realm, topic.as_str(), u64::MAX);
        self.retained.retain_in(all, |_, _| false)?;
        Ok(())
    }

    /// Drops what the touched topics have too many of, and what is too old at their old ends.
    fn trim_topics(&mut self, realm: &mut Realm) -> Result<(), StorageError> {
        let mut going = Vec::new();
        let Realm { number, octets, topics } = realm;
        for topic in topics.values_mut() {
            let Some((limit, newest)) = topic.rule else { continue };
            let too_many = topic.count.saturating_sub(limit as u64);
            let too_old = not_before(newest, topic.max_age());
            going.clear();
            if too_many > 0 || topic.max_age != NO_AGE {
                for row in self.by_topic.range((*number, topic.number, 0)..=(*number, topic.number, u64::MAX))? {
                    let (_, _, seq) = row?.0.value();
                    if (going.len() as u64) < too_many
                        || (topic.max_age != NO_AGE && self.time(*number, seq)? < too_old)
                    {
                        going.push(seq);
                    } else {
                        break;
                    }
                }
            }
            for seq in &going {
                let gone = self.remove(*number, *seq)?;
                *octets = octets.saturating_sub(gone.octets);
            }
            topic.count -= (going.len() as u64).min(topic.count);
        }
        Ok(())
    }

    /// Drops the realm's oldest events until it has no more octets than it may.
    fn trim_octets(&mut self, realm: &mut Realm, octets_max: u64) -> Result<(), StorageError> {
        while realm.octets > octets_max {
            let oldest = match self.log.range((realm.number, 0)..=(realm.number, u64::MAX))?.next() {
                Some(row) => row?.0.value().1,
                None => return Ok(()),
            };
            let gone = self.remove(realm.number, oldest)?;
            realm.octets = realm.octets.saturating_sub(gone.octets);
            if !realm.topics.contains_key(&gone.topic) {
                let topic = self.topic(realm.number, &gone.topic)?;
                realm.topics.insert(gone.topic.clone(), topic);
            }
            if let Some(topic) = realm.topics.get_mut(&gone.topic) {
                topic.count = topic.count.saturating_sub(1);
            }
        }
        Ok(())
    }

    fn time(&self, realm: u32, seq: u64) -> Result<WallTime, StorageError> {
        let record = self.log.get((realm, seq))?.ok_or(record::Damaged)?;
        Ok(WallTime(record::head(record.value(), seq)?.0.time))
    }

    fn remove(&mut self, realm: u32, seq: u64) -> Result<Gone, StorageError> {
        let (publication, topic_number, gone) = {
            let record = self.log.remove((realm, seq))?.ok_or(record::Damaged)?;
            let (head, _) = record::head(record.value(), seq)?;
            (head.publication, head.topic_number, Gone { topic: Uri::from(head.topic), octets: head.octets })
        };
        self.by_topic.remove((realm, topic_number, seq))?;
        let found = self.by_publication.get((realm, publication))?.map(|found| found.value());
        if found == Some(seq) {
            self.by_publication.remove((realm, publication))?;
        }
        Ok(gone)
    }

    /// Writes what the transaction has counted.
    fn finish(&mut self, name: &str, realm: Realm) -> Result<(), StorageError> {
        for (uri, topic) in &realm.topics {
            let key = (realm.number, uri.as_str());
            if topic.count == 0 {
                self.subjects.remove(key)?;
            } else {
                self.subjects.insert(key, (topic.number, topic.count, topic.max_age))?;
            }
        }
        self.realms.insert(name, (realm.number, realm.octets))?;
        Ok(())
    }
}

/// What is to be known of a removed event.
struct Gone {
    topic: Uri,
    octets: u64,
}
