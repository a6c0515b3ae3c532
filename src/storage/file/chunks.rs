//! A topic's chunks for readers, in one order wherever they lie: its own ones, then those among the recent.

use super::bundle::parts;
use super::chunk::Damaged;
use super::recent::{slice_of, SLICES};
use super::StorageError;
use crate::storage::Seq;
use redb::{AccessGuard, Range, ReadOnlyTable};
use std::cell::OnceCell;
use std::collections::HashMap;

type Guard = AccessGuard<'static, &'static [u8]>;

/// All chunks of a realm, in one state of the file.
pub(super) struct Shelves {
    realm: u32,
    log: ReadOnlyTable<(u32, u64, u64), &'static [u8]>,
    recent: ReadOnlyTable<(u32, u32, u64), &'static [u8]>,
    /// Read when a topic of theirs is asked for.
    slices: Vec<OnceCell<Slice>>,
}

/// The recent chunks of a slice of the topics.
struct Slice {
    bundles: Vec<Guard>,
    /// By topic, in order: the key, the bundle, and where in it.
    parts: HashMap<u64, Vec<Place>, foldhash::fast::RandomState>,
}

type Place = (u64, usize, std::ops::Range<usize>);

/// A chunk that stays in memory as long as this.
pub(super) enum Held<'a> {
    Own(Guard),
    Recent(&'a [u8]),
}

impl Held<'_> {
    pub(super) fn octets(&self) -> &[u8] {
        match self {
            Self::Own(guard) => guard.value(),
            Self::Recent(octets) => octets,
        }
    }
}

/// A topic's chunks between two keys, from both ends.
pub(super) struct Chunks<'a> {
    own: Range<'static, (u32, u64, u64), &'static [u8]>,
    recent: &'a [Place],
    bundles: &'a [Guard],
}

impl Shelves {
    pub(super) fn new(
        realm: u32,
        log: ReadOnlyTable<(u32, u64, u64), &'static [u8]>,
        recent: ReadOnlyTable<(u32, u32, u64), &'static [u8]>,
    ) -> Self {
        Self { realm, log, recent, slices: (0..SLICES).map(|_| OnceCell::new()).collect() }
    }

    /// The chunks with these keys, both included.
    pub(super) fn range(&self, topic: u64, low: u64, high: u64) -> Result<Chunks<'_>, StorageError> {
        let own = self.log.range((self.realm, topic, low)..=(self.realm, topic, high))?;
        let slice = self.slice(topic)?;
        let recent = slice.parts.get(&topic).map_or(&[][..], Vec::as_slice);
        let from = recent.partition_point(|(key, ..)| *key < low);
        let until = recent.partition_point(|(key, ..)| *key <= high);
        Ok(Chunks { own, recent: recent.get(from..until).unwrap_or_default(), bundles: &slice.bundles })
    }

    /// The key of the chunk that a position lies in, if it lies in one; else of the one before.
    pub(super) fn key_of(&self, topic: u64, Seq(seq): Seq) -> Result<Option<u64>, StorageError> {
        Ok(self.range(topic, 0, seq)?.next_back()?.map(|(key, _)| key))
    }

    fn slice(&self, topic: u64) -> Result<&Slice, StorageError> {
        let number = slice_of(topic);
        let cell = self.slices.get(number as usize).ok_or(Damaged)?;
        if let Some(slice) = cell.get() {
            return Ok(slice);
        }
        let mut slice = Slice { bundles: Vec::new(), parts: HashMap::default() };
        for row in self.recent.range((self.realm, number, 0)..=(self.realm, number, u64::MAX))? {
            let (key, value) = row?;
            for part in parts(value.value(), (number, key.value().2))? {
                let place = (part.seq.0, slice.bundles.len(), part.at);
                slice.parts.entry(part.topic).or_default().push(place);
            }
            slice.bundles.push(value);
        }
        Ok(cell.get_or_init(|| slice))
    }
}

impl<'a> Chunks<'a> {
    /// The next one and its key.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Held<'a>)>, StorageError> {
        if let Some(row) = self.own.next() {
            let (key, value) = row?;
            return Ok(Some((key.value().2, Held::Own(value))));
        }
        let Some((first, rest)) = self.recent.split_first() else { return Ok(None) };
        self.recent = rest;
        self.held(first).map(Some)
    }

    /// The last one and its key.
    pub(super) fn next_back(&mut self) -> Result<Option<(u64, Held<'a>)>, StorageError> {
        if let Some((last, rest)) = self.recent.split_last() {
            self.recent = rest;
            return self.held(last).map(Some);
        }
        let Some(row) = self.own.next_back() else { return Ok(None) };
        let (key, value) = row?;
        Ok(Some((key.value().2, Held::Own(value))))
    }

    fn held(&self, (key, bundle, at): &'a Place) -> Result<(u64, Held<'a>), StorageError> {
        let octets = self.bundles.get(*bundle).and_then(|bundle| bundle.value().get(at.clone())).ok_or(Damaged)?;
        Ok((*key, Held::Recent(octets)))
    }
}
