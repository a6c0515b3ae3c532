//! From texts to places: the hash table that the three indexes are made of.
//!
//! What a look-up in a large table costs is the memory that it touches for the first time, not the instructions. So a text of
//! usual length lies in the table itself, in one cache line with its place; only a longer one is looked up elsewhere.

use super::Place;
use foldhash::fast::RandomState;
use hashbrown::hash_table::Entry as Slot;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// The longest text that lies in the table: with its place it fills one cache line of 64 octets.
const SHORT_MAX: usize = 54;

/// A table with room for so many entries is not made smaller, however few there are left.
const KEPT_MIN: usize = 64;

/// One entry for each text. The texts come from peers, so the seed is drawn per process.
#[derive(Debug, Default)]
pub(super) struct Texts {
    table: HashTable<Entry>,
    seed: RandomState,
}

#[derive(Debug)]
#[repr(align(64))]
struct Entry {
    text: Text,
    place: Place,
}

#[derive(Debug)]
enum Text {
    Short { len: u8, octets: [u8; SHORT_MAX] },
    Long(Box<[u8]>),
}

impl Texts {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    #[inline]
    pub(super) fn get(&self, text: &[u8]) -> Option<Place> {
        self.table.find(self.seed.hash_one(text), |entry| entry.text.is(text)).map(|entry| entry.place)
    }

    /// Puts an entry in; gives back the one that it replaces.
    pub(super) fn insert(&mut self, text: &[u8], place: Place) -> Option<Place> {
        let Self { table, seed } = self;
        let hash = |entry: &Entry| seed.hash_one(entry.text.octets());
        match table.entry(seed.hash_one(text), |entry| entry.text.is(text), hash) {
            Slot::Occupied(mut known) => Some(std::mem::replace(&mut known.get_mut().place, place)),
            Slot::Vacant(free) => {
                free.insert(Entry { text: Text::new(text), place });
                None
            }
        }
    }

    pub(super) fn remove(&mut self, text: &[u8]) -> Option<Place> {
        let known = self.table.find_entry(self.seed.hash_one(text), |entry| entry.text.is(text)).ok()?;
        let removed = known.remove().0.place;
        if self.table.capacity() > KEPT_MIN && self.table.len() < self.table.capacity() / 8 {
            let Self { table, seed } = self;
            table.shrink_to(table.len() * 2, |entry| seed.hash_one(entry.text.octets()));
        }
        Some(removed)
    }
}

impl Text {
    fn new(text: &[u8]) -> Self {
        let mut octets = [0; SHORT_MAX];
        match octets.get_mut(..text.len()) {
            Some(start) => {
                start.copy_from_slice(text);
                Self::Short { len: text.len() as u8, octets }
            }
            None => Self::Long(text.into()),
        }
    }

    #[inline]
    fn octets(&self) -> &[u8] {
        match self {
            Self::Short { len, octets } => octets.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(octets) => octets,
        }
    }

    #[inline]
    fn is(&self, text: &[u8]) -> bool {
        self.octets() == text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_fills_one_cache_line() {
        assert_eq!(std::mem::size_of::<Entry>(), 64);
    }

    #[test]
    fn texts_of_all_lengths_are_kept_apart() {
        let long = "x".repeat(2 * SHORT_MAX);
        let mut texts = Texts::default();
        for len in 0..=long.len() {
            assert_eq!(texts.insert(&long.as_bytes()[..len], len as Place), None);
        }
        for len in 0..=long.len() {
            assert_eq!(texts.get(&long.as_bytes()[..len]), Some(len as Place));
            assert_eq!(texts.insert(&long.as_bytes()[..len], 7), Some(len as Place));
            assert_eq!(texts.remove(&long.as_bytes()[..len]), Some(7));
            assert_eq!(texts.get(&long.as_bytes()[..len]), None);
        }
        assert_eq!(texts.len(), 0);
    }

    /// Memory follows what is there, not what was there.
    #[test]
    fn a_table_gives_its_memory_back_when_nearly_all_is_removed() {
        let mut texts = Texts::default();
        for nth in 0..10_000_u32 {
            texts.insert(&nth.to_be_bytes(), nth);
        }
        for nth in 0..9_990_u32 {
            assert_eq!(texts.remove(&nth.to_be_bytes()), Some(nth));
        }
        assert!(texts.table.capacity() <= 2 * KEPT_MIN, "{}", texts.table.capacity());
        assert!((9_990..10_000_u32).all(|nth| texts.get(&nth.to_be_bytes()) == Some(nth)));
    }
}
