//! The index of prefix patterns: one table of texts, and the lengths that they have.
//!
//! A URI is asked for once with each of these lengths. The patterns of an application have few lengths, so that is one or two
//! places in memory, where a trie would visit each branching. At most all lengths that a URI can have are in use: a thousand
//! probes with short hashes, some tens of microseconds, whatever the patterns are (X3).

use super::texts::Texts;
use super::Place;

/// From prefix patterns to places.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    entries: Texts,
    /// The lengths in use, each once, the shortest first, and how many entries have it.
    lengths: Vec<(usize, usize)>,
}

impl Prefixes {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, pattern: &str) -> Option<Place> {
        self.entries.get(pattern.as_bytes())
    }

    pub(super) fn insert(&mut self, pattern: &str, place: Place) -> Option<Place> {
        let replaced = self.entries.insert(pattern.as_bytes(), place);
        if replaced.is_none() {
            match self.position(pattern) {
                Ok(known) => self.lengths.get_mut(known).into_iter().for_each(|(_, uses)| *uses += 1),
                Err(gap) => self.lengths.insert(gap, (pattern.len(), 1)),
            }
        }
        replaced
    }

    pub(super) fn remove(&mut self, pattern: &str) -> Option<Place> {
        let removed = self.entries.remove(pattern.as_bytes())?;
        if let Ok(known) = self.position(pattern) {
            self.lengths.get_mut(known).into_iter().for_each(|(_, uses)| *uses -= 1);
            self.lengths.retain(|(_, uses)| *uses > 0);
        }
        Some(removed)
    }

    /// The entry that is the longest beginning of `uri`.
    #[inline]
    pub(super) fn longest(&self, uri: &[u8]) -> Option<Place> {
        self.lengths.iter().rev().find_map(|(len, _)| self.entries.get(uri.get(..*len)?))
    }

    /// Every entry that is a beginning of `uri`, from the shortest.
    #[inline]
    pub(super) fn matching(&self, uri: &[u8], into: &mut Vec<Place>) {
        let beginnings = self.lengths.iter().map_while(|(len, _)| uri.get(..*len));
        into.extend(beginnings.filter_map(|beginning| self.entries.get(beginning)));
    }

    #[cfg(test)]
    pub(super) fn forgot_all_lengths(&self) -> bool {
        self.lengths.is_empty()
    }

    fn position(&self, pattern: &str) -> Result<usize, usize> {
        self.lengths.binary_search_by_key(&pattern.len(), |(len, _)| *len)
    }
}
