//! Which subscriptions or registrations a concrete URI matches: three indexes behind one [`PatternMap`].
//!
//! Broker and dealer use the same one. An entry is a URI with its match policy; its value is a small number that says where
//! the record is. URIs have been checked before; whether a pattern may see a reserved URI is not decided here.
//!
//! | policy | index | cost of a look-up |
//! |---|---|---|
//! | exact | hash map | one probe |
//! | prefix | radix trie over octets | one node for each branching of the patterns along the URI |
//! | wildcard | radix trie over components | one node for each pattern that still fits, at most |

mod children;
mod radix;
mod wildcard;

use super::key::Map;
use crate::wamp::MatchPolicy;
use radix::Radix;
use wildcard::Wildcards;

/// The place of a record in its table.
pub(crate) type Place = u32;

/// From (match policy, URI) to a place.
#[derive(Debug, Default)]
pub(crate) struct PatternMap {
    exact: Map<Box<str>, Place>,
    prefix: Radix<u8>,
    wildcard: Wildcards,
}

impl PatternMap {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.exact.len() + self.prefix.len() + self.wildcard.len()
    }

    /// The entry with this very policy and text.
    pub(crate) fn get(&self, policy: MatchPolicy, text: &str) -> Option<Place> {
        match policy {
            MatchPolicy::Exact => self.exact.get(text).copied(),
            MatchPolicy::Prefix => self.prefix.get(text.as_bytes()),
            MatchPolicy::Wildcard => self.wildcard.get(text),
        }
    }

    /// Puts an entry in; gives back the one that it replaces.
    pub(crate) fn insert(&mut self, policy: MatchPolicy, text: &str, place: Place) -> Option<Place> {
        match policy {
            MatchPolicy::Exact => self.exact.insert(text.into(), place),
            MatchPolicy::Prefix => self.prefix.insert(text.as_bytes(), place),
            MatchPolicy::Wildcard => self.wildcard.insert(text, place),
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, policy: MatchPolicy, text: &str) -> Option<Place> {
        match policy {
            MatchPolicy::Exact => self.exact.remove(text),
            MatchPolicy::Prefix => self.prefix.remove(text.as_bytes()),
            MatchPolicy::Wildcard => self.wildcard.remove(text),
        }
    }

    /// The one entry that serves a call of `uri`: the exact one, else the longest prefix, else the wildcard with a literal
    /// where it first differs from the others (R60).
    #[inline]
    pub(crate) fn best(&self, uri: &str) -> Option<Place> {
        if let Some(place) = self.exact.get(uri) {
            return Some(*place);
        }
        self.prefix.longest(uri.as_bytes()).or_else(|| self.wildcard.best(uri))
    }

    /// All entries that match `uri`: the exact one, prefixes from the shortest, wildcards with literals first.
    #[inline]
    pub(crate) fn matching(&self, uri: &str, into: &mut Vec<Place>) {
        into.extend(self.exact.get(uri).copied());
        self.prefix.prefixes(uri.as_bytes(), |place| into.push(place));
        self.wildcard.matching(uri, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: MatchPolicy = MatchPolicy::Exact;
    const PREFIX: MatchPolicy = MatchPolicy::Prefix;
    const WILDCARD: MatchPolicy = MatchPolicy::Wildcard;

    fn all(map: &PatternMap, uri: &str) -> Vec<Place> {
        let mut found = Vec::new();
        map.matching(uri, &mut found);
        found
    }

    /// R35.
    #[test]
    fn the_same_text_under_three_policies_is_three_entries() {
        let mut map = PatternMap::default();
        for (place, policy) in (1..).zip([EXACT, PREFIX, WILDCARD]) {
            assert_eq!(map.insert(policy, "a.b", place), None);
        }
        assert_eq!(map.len(), 3);
        assert_eq!(all(&map, "a.b"), [1, 2, 3]);
        assert_eq!(map.remove(PREFIX, "a.b"), Some(2));
        assert_eq!(map.get(PREFIX, "a.b"), None);
        assert_eq!(all(&map, "a.b"), [1, 3]);
    }

    #[test]
    fn a_removed_entry_leaves_the_others_and_an_emptied_map_is_empty() {
        let texts = ["", "a", "a.", "a.b", "a.b.", "a.bc", "a..c", "..", "a.b.c", ".b"];
        let mut map = PatternMap::default();
        for (place, text) in (0..).zip(texts) {
            for (third, policy) in (0..).zip([PREFIX, WILDCARD]) {
                map.insert(policy, text, place * 2 + third);
            }
        }
        for (place, text) in (0..).zip(texts) {
            assert_eq!(map.remove(PREFIX, text), Some(place * 2), "{text}");
            assert_eq!(map.remove(PREFIX, text), None, "{text}");
            assert_eq!(map.remove(WILDCARD, text), Some(place * 2 + 1), "{text}");
            for (later, other) in (0..).zip(texts).skip(place as usize + 1) {
                assert_eq!(map.get(PREFIX, other), Some(later * 2));
                assert_eq!(map.get(WILDCARD, other), Some(later * 2 + 1));
            }
        }
        assert_eq!(map.len(), 0);
        assert_eq!(all(&map, "a.b.c"), Vec::<u32>::new());
        assert!(map.wildcard.forgot_all_components());
    }

    /// The deepest nest of prefixes that a URI of 1,024 octets allows is walked, emptied and dropped.
    #[test]
    fn a_thousand_nested_prefixes_all_match() {
        let mut map = PatternMap::default();
        let long = "a".repeat(1024);
        for length in 0..=1024 {
            map.insert(PREFIX, &long[..length], length as Place);
        }
        assert_eq!(all(&map, &long).len(), 1025);
        assert_eq!(map.best(&long), Some(1024));
        assert_eq!(map.remove(PREFIX, &long), Some(1024));
        assert_eq!(map.best(&long), Some(1023));
    }
}
