//! Which subscriptions or registrations a concrete URI matches: three indexes behind one [`PatternMap`].
//!
//! Broker and dealer use the same one. An entry is a URI with its match policy; its value is a small number that says where
//! the record is. URIs have been checked before; whether a pattern may see a reserved URI is not decided here.
//!
//! | policy | index | cost of a look-up |
//! |---|---|---|
//! | exact | hash map | one probe |
//! | prefix | hash map, and the lengths in use | one probe for each length |
//! | wildcard | hash map, and the shapes in use | one probe for each shape with the URI's number of components |
//!
//! Wildcards of very many shapes are kept in a trie over components instead: there a look-up visits at most two nodes for each
//! pattern that fits the URI up to where it branches off.

mod children;
mod prefix;
mod radix;
mod shape;
mod texts;
mod trie;
mod wildcard;

use crate::wamp::MatchPolicy;
use prefix::Prefixes;
use texts::Texts;
use wildcard::Wildcards;

/// The place of a record in its table.
pub(crate) type Place = u32;

/// From (match policy, URI) to a place.
#[derive(Debug, Default)]
pub(crate) struct PatternMap {
    exact: Texts,
    prefix: Prefixes,
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
            MatchPolicy::Exact => self.exact.get(text.as_bytes()),
            MatchPolicy::Prefix => self.prefix.get(text),
            MatchPolicy::Wildcard => self.wildcard.get(text),
        }
    }

    /// Puts an entry in; gives back the one that it replaces.
    pub(crate) fn insert(&mut self, policy: MatchPolicy, text: &str, place: Place) -> Option<Place> {
        match policy {
            MatchPolicy::Exact => self.exact.insert(text.as_bytes(), place),
            MatchPolicy::Prefix => self.prefix.insert(text, place),
            MatchPolicy::Wildcard => self.wildcard.insert(text, place),
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, policy: MatchPolicy, text: &str) -> Option<Place> {
        match policy {
            MatchPolicy::Exact => self.exact.remove(text.as_bytes()),
            MatchPolicy::Prefix => self.prefix.remove(text),
            MatchPolicy::Wildcard => self.wildcard.remove(text),
        }
    }

    /// The one entry that serves a call of `uri`: the exact one, else the longest prefix, else the wildcard with a literal
    /// where it first differs from the others (R60).
    #[inline]
    pub(crate) fn best(&self, uri: &str) -> Option<Place> {
        let exact = self.exact.get(uri.as_bytes());
        exact.or_else(|| self.prefix.longest(uri.as_bytes())).or_else(|| self.wildcard.best(uri))
    }

    /// All entries that match `uri`: the exact one, prefixes from the shortest, wildcards in a fixed order.
    #[inline]
    pub(crate) fn matching(&self, uri: &str, into: &mut Vec<Place>) {
        into.extend(self.exact.get(uri.as_bytes()));
        self.prefix.matching(uri.as_bytes(), into);
        self.wildcard.matching(uri, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

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
        assert!(map.prefix.forgot_all_lengths());
        assert!(map.wildcard.forgot_all_shapes_and_components());
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

    /// Every pattern of six components and every URI, over so few components that nearly all overlap. That is twice as many
    /// shapes as are probed one by one, so that both ways of the wildcard index answer together; they come in any order.
    #[test]
    fn the_indexes_answer_as_linear_matching_does_while_patterns_come_and_go() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut map = PatternMap::default();
        let mut known: Vec<(MatchPolicy, String)> = Vec::new();
        let mut past_the_shapes = 0;
        for step in 0..6000 {
            // Grows for a thousand steps, shrinks for a thousand.
            let policy = MatchPolicy::ALL[rng.random_range(0..3)];
            let wish = (policy, random(&mut rng, &["", "a", "b", "aa"], 5..=7));
            let at = known.iter().position(|entry| *entry == wish);
            if step / 1000 % 2 == 0 {
                let fresh = at.is_none().then(|| known.push(wish.clone())).is_some();
                assert_eq!(map.insert(wish.0, &wish.1, number(&wish)).is_none(), fresh);
            } else if !known.is_empty() {
                let gone = known.swap_remove(rng.random_range(0..known.len()));
                assert_eq!(map.remove(gone.0, &gone.1), Some(number(&gone)));
                assert_eq!(map.remove(gone.0, &gone.1), None);
            }
            assert_eq!(map.len(), known.len());
            past_the_shapes += usize::from(map.wildcard.in_trie() > 0);
            let components: &[&str] = if step % 10 == 0 { &["", "a"] } else { &["a", "b", "aa"] };
            let uri = random(&mut rng, components, 5..=7);
            let mut fitting: Vec<_> = known.iter().filter(|(policy, text)| fits(*policy, text, &uri)).collect();
            fitting.sort_by_key(|(policy, text)| rank(*policy, text));
            assert_eq!(map.best(&uri), fitting.first().map(|entry| number(entry)), "{uri} {fitting:?}");
            let mut expected: Vec<_> = fitting.into_iter().map(number).collect();
            let mut found = all(&map, &uri);
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{uri}");
        }
        assert!(past_the_shapes > 1000);
        for (policy, text) in known {
            assert!(map.remove(policy, &text).is_some());
        }
        assert!(map.prefix.forgot_all_lengths() && map.wildcard.forgot_all_shapes_and_components());
    }

    fn random(rng: &mut StdRng, components: &[&str], count: std::ops::RangeInclusive<usize>) -> String {
        let count = rng.random_range(count);
        (0..count).map(|_| components[rng.random_range(0..components.len())]).collect::<Vec<_>>().join(".")
    }

    /// A number that tells the entries of a test apart.
    fn number((policy, text): &(MatchPolicy, String)) -> Place {
        let octets = text.bytes().chain(policy.as_str().bytes());
        octets.fold(17, |number, octet| (number ^ Place::from(octet)).wrapping_mul(0x0100_0193))
    }

    fn fits(policy: MatchPolicy, text: &str, uri: &str) -> bool {
        match policy {
            MatchPolicy::Exact => text == uri,
            MatchPolicy::Prefix => uri.starts_with(text),
            MatchPolicy::Wildcard => {
                text.split('.').count() == uri.split('.').count()
                    && text.split('.').zip(uri.split('.')).all(|(mine, theirs)| mine.is_empty() || mine == theirs)
            }
        }
    }

    /// The least is the best of those that fit one URI (R60, D2).
    fn rank(policy: MatchPolicy, text: &str) -> (u8, usize, Vec<bool>) {
        match policy {
            MatchPolicy::Exact => (0, 0, Vec::new()),
            MatchPolicy::Prefix => (1, usize::MAX - text.len(), Vec::new()),
            MatchPolicy::Wildcard => (2, 0, text.split('.').map(str::is_empty).collect()),
        }
    }
}
