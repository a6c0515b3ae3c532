//! Small parts of many topics, as they come: each commit's lie side by side, so that it writes few pages however many topics it
//! touches. When a slice of the topics has many, they are put to the other chunks of their topics, in order, and what is gone
//! by then is never put there.
//!
//! What lies here of a topic is newer than all of its other chunks. What the writer knows of it is read once and remembered.

use super::bundle::{parts, BundleWriter};
use super::chunk::{Chunk, ChunkWriter, Damaged, CHUNK_OCTETS};
use super::topic::Oldest;
use super::{LogTable, RecentTable, StorageError};
use crate::storage::Seq;
use redb::ReadableTable;
use std::collections::{BTreeMap, HashMap};

/// The topics of a realm are in so many slices, each put to the others on its own: so no commit has to do it for all, and no
/// question reads the recent chunks of all topics.
pub(super) const SLICES: u32 = 16;

/// So many octets of a slice are worth to be put to the others.
const SLICE_OCTETS_MAX: usize = 1 << 20;

/// And so many bundles: where every commit is small.
const SLICE_BUNDLES_MAX: usize = 512;

/// A topic's part of a commit is small below this.
pub(super) const SMALL_OCTETS: usize = 2048;

/// The slice of a topic. Topics that lie side by side are in the same one.
pub(super) fn slice_of(topic: u64) -> u32 {
    (topic / 16 % u64::from(SLICES)) as u32
}

/// What is known of a realm's recent chunks.
#[derive(Debug)]
pub(super) struct Recent(Vec<Slice>);

#[derive(Debug, Default)]
struct Slice {
    is_loaded: bool,
    octets: usize,
    bundles: usize,
    /// The number of the last bundle. Not where its events stand: a topic may come before another one whose events are older.
    last: u64,
    topics: HashMap<u64, Events, foldhash::fast::RandomState>,
    /// Chunks of topics that are no more lie in it.
    has_orphans: bool,
    writer: BundleWriter,
}

/// What a topic has there.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The ordinal of the first event that the topic had when the last of them was written.
    pub(super) oldest: u64,
    /// Never empty.
    pub(super) events: Vec<Oldest>,
}

impl Events {
    /// The ordinal of the first of them.
    pub(super) fn first(&self) -> u64 {
        self.events.first().map_or(0, |event| event.ordinal)
    }

    /// The ordinal of the topic's next event.
    pub(super) fn next(&self) -> u64 {
        self.events.last().map_or(0, |event| event.ordinal + 1)
    }

    fn add(&mut self, chunk: &Chunk<'_>) -> Result<(), Damaged> {
        self.oldest = self.oldest.max(chunk.oldest);
        for slot in chunk.slots() {
            let slot = slot?;
            let (ordinal, seq, time, octets) = (slot.ordinal, slot.seq, slot.time, slot.octets);
            self.events.push(Oldest { ordinal, seq, time, octets });
        }
        Ok(())
    }
}

impl Recent {
    pub(super) fn new() -> Self {
        Self((0..SLICES).map(|_| Slice::default()).collect())
    }

    /// What a topic has, if its slice is loaded and it has anything.
    pub(super) fn of(&self, topic: u64) -> Option<&Events> {
        self.0.get(slice_of(topic) as usize)?.topics.get(&topic)
    }

    /// Reads the topic's slice, unless it was read before.
    pub(super) fn load(&mut self, table: &RecentTable<'_>, realm: u32, topic: u64) -> Result<(), StorageError> {
        let number = slice_of(topic);
        let Some(slice) = self.0.get_mut(number as usize).filter(|slice| !slice.is_loaded) else { return Ok(()) };
        for row in table.range((realm, number, 0)..=(realm, number, u64::MAX))? {
            let (key, value) = row?;
            let bundle = value.value();
            slice.octets += bundle.len();
            slice.bundles += 1;
            slice.last = key.value().2;
            for part in parts(bundle, (number, slice.last))? {
                let chunk = bundle.get(part.at).ok_or(Damaged)?;
                slice.topics.entry(part.topic).or_default().add(&Chunk::read(chunk, (part.topic, part.seq))?)?;
            }
        }
        slice.is_loaded = true;
        Ok(())
    }

    /// Puts a topic's chunk with these events there, where the topic's oldest one has this ordinal. Its slice was loaded.
    pub(super) fn put(
        &mut self,
        table: &mut RecentTable<'_>,
        realm: u32,
        (topic, oldest): (u64, u64),
        events: &[Oldest],
        chunk: &[u8],
    ) -> Result<(), StorageError> {
        let Some(Oldest { seq, .. }) = events.first().copied() else { return Ok(()) };
        let number = slice_of(topic);
        let slice = self.0.get_mut(number as usize).ok_or(Damaged)?;
        if slice.writer.len() + chunk.len() > CHUNK_OCTETS {
            slice.write(table, realm, number)?;
        }
        slice.writer.push(topic, seq, chunk);
        let known = slice.topics.entry(topic).or_default();
        known.oldest = known.oldest.max(oldest);
        known.events.extend_from_slice(events);
        Ok(())
    }

    /// The topic is no more.
    pub(super) fn forget(&mut self, topic: u64) {
        if let Some(slice) = self.0.get_mut(slice_of(topic) as usize) {
            slice.has_orphans |= slice.topics.remove(&topic).is_some();
        }
    }

    /// Writes what was put there, and puts the largest slice to the others if it is large; and those that must be.
    pub(super) fn finish(
        &mut self,
        table: &mut RecentTable<'_>,
        log: &mut LogTable<'_>,
        realm: u32,
        writer: &mut ChunkWriter,
    ) -> Result<(), StorageError> {
        for (number, slice) in (0..).zip(&mut self.0) {
            slice.write(table, realm, number)?;
        }
        let large = (0..).zip(&self.0).filter(|(_, slice)| slice.is_large());
        let largest = large.max_by_key(|(_, slice)| slice.octets).map(|(number, _)| number);
        for (number, slice) in (0..).zip(&mut self.0) {
            if slice.has_orphans || largest == Some(number) {
                slice.put_to_others(table, log, (realm, number), writer)?;
            }
        }
        Ok(())
    }
}

impl Slice {
    fn is_large(&self) -> bool {
        self.octets >= SLICE_OCTETS_MAX || self.bundles >= SLICE_BUNDLES_MAX
    }

    fn write(&mut self, table: &mut RecentTable<'_>, realm: u32, number: u32) -> Result<(), StorageError> {
        if let Some(bundle) = self.writer.finish((number, self.last + 1)) {
            self.last += 1;
            self.octets += bundle.len();
            self.bundles += 1;
            table.insert((realm, number, self.last), bundle)?;
        }
        Ok(())
    }

    /// Makes chunks of what the topics still have, and takes what lies here away.
    fn put_to_others(
        &mut self,
        table: &mut RecentTable<'_>,
        log: &mut LogTable<'_>,
        (realm, number): (u32, u32),
        writer: &mut ChunkWriter,
    ) -> Result<(), StorageError> {
        let all = (realm, number, 0)..=(realm, number, u64::MAX);
        let mut topics: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        let mut bundles = Vec::new();
        for row in table.range(all.clone())? {
            let (key, value) = row?;
            let bundle = value.value().to_vec();
            for part in parts(&bundle, (number, key.value().2))? {
                if self.topics.contains_key(&part.topic) {
                    topics.entry(part.topic).or_default().push((bundles.len(), part));
                }
            }
            bundles.push(bundle);
        }
        table.retain_in(all, |_, _| false)?;
        for (topic, parts) in topics {
            let oldest = self.topics.get(&topic).map_or(0, |events| events.oldest);
            clear(log, (realm, topic), oldest)?;
            let mut first = None;
            for (bundle, part) in parts {
                let octets = bundles.get(bundle).and_then(|bundle| bundle.get(part.at)).ok_or(Damaged)?;
                for slot in Chunk::read(octets, (topic, part.seq))?.slots() {
                    let slot = slot?;
                    if slot.ordinal < oldest {
                        continue;
                    }
                    if first.is_some() && writer.len() + slot.len() + ChunkWriter::SLOT_OCTETS > CHUNK_OCTETS {
                        close(log, (realm, topic), first.take(), oldest, writer)?;
                    }
                    first.get_or_insert((slot.ordinal, slot.seq));
                    writer.copy(octets, &slot)?;
                }
            }
            close(log, (realm, topic), first, oldest, writer)?;
        }
        let (last, writer) = (self.last, std::mem::take(&mut self.writer));
        *self = Self { is_loaded: true, last, writer, ..Self::default() };
        Ok(())
    }
}

/// Takes a topic's chunks out where nothing of them is left.
fn clear(log: &mut LogTable<'_>, (realm, topic): (u32, u64), oldest: u64) -> Result<(), StorageError> {
    let all = (realm, topic, 0)..=(realm, topic, u64::MAX);
    let is_gone = match log.range(all.clone())?.next_back() {
        Some(row) => {
            let (key, value) = row?;
            let newest = Chunk::read(value.value(), (topic, Seq(key.value().2)))?;
            newest.ordinal + newest.len() <= oldest
        }
        None => false,
    };
    if is_gone {
        log.retain_in(all, |_, _| false)?;
    }
    Ok(())
}

fn close(
    log: &mut LogTable<'_>,
    (realm, topic): (u32, u64),
    first: Option<(u64, Seq)>,
    oldest: u64,
    writer: &mut ChunkWriter,
) -> Result<(), StorageError> {
    if let Some((ordinal, seq)) = first {
        log.insert((realm, topic, seq.0), writer.finish((topic, seq), ordinal, oldest))?;
    }
    Ok(())
}
