//! What somebody may have meant who wrote a URI that nobody has registered: exact names that are a letter or two away.
//!
//! The search goes down the components, first along those that are there as they were written, so that what differs late is
//! found first. What it may look at and compare is bounded, whatever is registered: with many names beside the right one it
//! may find nothing.

use super::{Name, Names};
use crate::wamp::{MatchPolicy, Uri};
use std::collections::BTreeSet;
use std::ops::Bound;
use std::str::Chars;

/// Octets of a URI for which something is looked for.
const WANTED_MAX: usize = 128;

/// Letters that are wrong, missing, too many or in the place of their neighbour, in all components together.
const EDITS_MAX: usize = 2;

/// Ways through the tree of all names in one search.
const SEEKS_MAX: usize = 96;

/// Names that one search looks at.
const LOOKS_MAX: usize = 256;

/// Those of them in the same place and at one go.
const LOOKS_EACH: usize = 64;

/// Letters that one search compares, each a few times.
const LETTERS_MAX: usize = 8_192;

/// Names that are given back.
const TOLD_MAX: usize = 3;

impl Names {
    /// The exact names that are nearest to a text, of those that `may` be told; the nearest first, three at most.
    ///
    /// # Cost
    /// At most 96 ways through the tree, 256 names and 8,192 letters, whatever there is; `may` is asked for what is near enough.
    /// Measured with 100,000 names of several shapes: 2 to 70 microseconds.
    pub(in crate::routing) fn near(&self, text: &str, may: impl Fn(&Uri) -> bool) -> Vec<Uri> {
        if text.len() > WANTED_MAX {
            return Vec::new();
        }
        let mut search = Search::new(self, text, may);
        search.descend("", 0, 0);
        search.found.into_iter().take(TOLD_MAX).map(|(_, uri)| uri).collect()
    }

    /// The names from a text on.
    fn from(&self, text: &str) -> impl Iterator<Item = &Name> + use<'_> {
        let from = Bound::Included((Uri::from(text), MatchPolicy::Exact));
        self.0.range((from, Bound::Unbounded)).map(|(name, _)| name)
    }
}

/// One search, and what it may still do.
struct Search<'a, F> {
    names: &'a Names,
    wanted: Vec<&'a str>,
    may: F,
    seeks: usize,
    looks: usize,
    letters: usize,
    /// By how far away they are.
    found: BTreeSet<(usize, Uri)>,
}

impl<'a, F: Fn(&Uri) -> bool> Search<'a, F> {
    fn new(names: &'a Names, text: &'a str, may: F) -> Self {
        let (wanted, found) = (text.split('.').collect(), BTreeSet::new());
        Self { names, wanted, may, seeks: SEEKS_MAX, looks: LOOKS_MAX, letters: LETTERS_MAX, found }
    }

    /// Looks at the names that begin with `before`, all of whose components were taken with `edits`; `level` of them.
    fn descend(&mut self, before: &str, level: usize, edits: usize) {
        let Some(wanted) = self.wanted.get(level).copied() else { return };
        let as_written = format!("{before}{wanted}");
        if level + 1 < self.wanted.len() {
            let next = format!("{as_written}.");
            if self.seek().is_some() && self.names.from(&next).next().is_some_and(|(uri, _)| uri.starts_with(&next)) {
                self.descend(&next, level + 1, edits);
            }
        } else if edits > 0 && self.seek().is_some() {
            let name = (Uri::from(as_written.as_str()), MatchPolicy::Exact);
            if self.names.0.contains_key(&name) {
                self.find(edits, &name.0);
            }
        }
        if edits >= EDITS_MAX {
            return;
        }
        // Where many begin otherwise, those that begin as it was written come first.
        let half = wanted.char_indices().nth(wanted.chars().count() / 2).map_or(0, |(at, _)| at);
        let half = &wanted[..half];
        self.beside(before, half, |_| true, level, edits);
        if !half.is_empty() {
            self.beside(before, "", |component| !component.starts_with(half), level, edits);
        }
    }

    /// Goes through the components behind `before` that begin with `start`.
    fn beside(&mut self, before: &str, start: &str, is_new: impl Fn(&str) -> bool, level: usize, edits: usize) {
        let Some(wanted) = self.wanted.get(level).copied() else { return };
        let (is_last, all) = (level + 1 == self.wanted.len(), self.names);
        let start = format!("{before}{start}");
        if self.seek().is_none() {
            return;
        }
        let mut names = all.from(&start);
        for _ in 0..LOOKS_EACH {
            let Some(looks) = self.looks.checked_sub(1) else { return };
            self.looks = looks;
            let Some((uri, policy)) = names.next().filter(|(uri, _)| uri.starts_with(&start)) else { return };
            let Some(rest) = uri.strip_prefix(before) else { return };
            let (component, is_leaf) = rest.split_once('.').map_or((rest, true), |(component, _)| (component, false));
            let fits = is_leaf == is_last && (!is_leaf || *policy == MatchPolicy::Exact) && is_new(component);
            if let Some(more) = fits.then(|| self.distance(component, wanted, EDITS_MAX - edits)).flatten() {
                if is_leaf {
                    self.find(edits + more, uri);
                } else {
                    self.descend(&format!("{before}{component}."), level + 1, edits + more);
                }
            }
            if !is_leaf {
                if self.seek().is_none() {
                    return;
                }
                // Behind all that begin with this component and a dot: a slash follows the dot.
                names = all.from(&format!("{before}{component}/"));
            }
        }
    }

    /// One more way through the tree; `None`: there were enough.
    fn seek(&mut self) -> Option<()> {
        self.seeks = self.seeks.checked_sub(1)?;
        Some(())
    }

    fn find(&mut self, edits: usize, uri: &Uri) {
        if (self.may)(uri) {
            self.found.insert((edits, uri.clone()));
        }
    }

    /// How far a component is from the one that was written; `None`: it is the same, or further than that, or nothing more may
    /// be compared.
    fn distance(&mut self, component: &str, wanted: &str, max: usize) -> Option<usize> {
        // Of a short word every other one would be near.
        let max = max.min(match wanted.chars().count() {
            0 | 1 => 0,
            2..=5 => 1,
            _ => EDITS_MAX,
        });
        // A letter has four octets at most.
        if component.len().abs_diff(wanted.len()) > 4 * max || component == wanted {
            return None;
        }
        self.letters = self.letters.checked_sub(component.len() + wanted.len())?;
        distance(component.chars(), wanted.chars(), max)
    }
}

/// How many letters must be changed, added, left out or swapped with their neighbour to make one of the other; `None`: more than
/// `max`.
///
/// # Cost
/// One pass for each of the ways to make `max` changes, sixteen for two; most end at once.
fn distance(mut left: Chars<'_>, mut right: Chars<'_>, max: usize) -> Option<usize> {
    loop {
        let (at_left, at_right) = (left.clone(), right.clone());
        match (left.next(), right.next()) {
            (None, None) => return Some(0),
            (one, other) if one == other => {}
            (one, other) => {
                let max = max.checked_sub(1)?;
                let added = other.and_then(|_| distance(at_left, right.clone(), max));
                let left_out = one.and_then(|_| distance(left.clone(), at_right, max));
                let both = one.and(other);
                let changed = both.and_then(|_| distance(left.clone(), right.clone(), max));
                let is_swapped = both.is_some() && left.next() == other && right.next() == one;
                let swapped = is_swapped.then(|| distance(left, right, max)).flatten();
                let nearest = [added, left_out, changed, swapped].into_iter().flatten().min()?;
                return Some(nearest + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names<'a>(texts: impl IntoIterator<Item = &'a str>) -> Names {
        let mut names = Names::default();
        for (text, place) in texts.into_iter().zip(0..) {
            names.insert(&Uri::from(text), MatchPolicy::Exact, place);
        }
        names
    }

    fn near(names: &Names, text: &str) -> Vec<String> {
        names.near(text, |_| true).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_letter_that_is_wrong_missing_too_many_or_swapped_is_found_in_any_component() {
        let names = names(["com.shop.order.get", "com.shop.order.put", "com.shop", "org.x", "com.shop-a.order.get"]);
        for text in [
            "com.shop.order.gt",
            "com.shop.order.gett",
            "com.shop.order.gte",
            "com.shop.odrer.get",
            "con.shop.order.get",
            "ocm.shop.order.get",
            "com.shpo.order.get",
            "com.sho.ordr.get",
        ] {
            assert_eq!(near(&names, text).first().map(String::as_str), Some("com.shop.order.get"), "{text}");
        }
        assert_eq!(near(&names, "com.shops"), ["com.shop"]);
        assert_eq!(near(&names, "com.shopa.order.get"), ["com.shop-a.order.get", "com.shop.order.get"]);
    }

    #[test]
    fn what_is_further_away_is_not_meant() {
        let names = names(["com.shop.order.get", "com.a", "com.bb"]);
        for text in ["com.shop.order", "com.shop.order.delete", "con.shpo.oredr.get", "com.b", "com.cc", "", ".", "com"]
        {
            assert_eq!(near(&names, text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(near(&names, "com.ba"), ["com.a", "com.bb"]);
    }

    #[test]
    fn patterns_are_not_meant_and_what_may_not_be_told_is_not_told() {
        let mut names = names(["com.shop.get", "com.shop.gat"]);
        names.insert(&Uri::from("com.shop.got"), MatchPolicy::Prefix, 7);
        names.insert(&Uri::from("com.shop."), MatchPolicy::Prefix, 8);
        names.insert(&Uri::from("com..got"), MatchPolicy::Wildcard, 9);
        assert_eq!(near(&names, "com.shop.got"), ["com.shop.gat", "com.shop.get"]);
        assert_eq!(names.near("com.shop.got", |uri| uri.as_str() == "com.shop.get"), [Uri::from("com.shop.get")]);
    }

    #[test]
    fn the_nearest_come_first_and_no_more_than_three() {
        let names = names(["com.orders", "com.order1", "com.order2", "com.order34", "com.order5"]);
        assert_eq!(near(&names, "com.order"), ["com.order1", "com.order2", "com.order5"]);
        assert_eq!(near(&names, "com.order3"), ["com.order1", "com.order2", "com.order34"]);
    }

    /// What is written right leads to what is not, past a hundred thousand others.
    #[test]
    fn what_differs_late_or_early_is_found_among_very_many() {
        let texts: Vec<String> = (0..100_000).map(|number| format!("com.device.d{number:06}.reset")).collect();
        let names = names(texts.iter().map(String::as_str));
        assert_eq!(near(&names, "com.device.d054321.rest"), ["com.device.d054321.reset"]);
        assert_eq!(near(&names, "com.divece.d054321.reset"), ["com.device.d054321.reset"]);
        assert_eq!(near(&names, &"com.".repeat(40)), Vec::<String>::new());
    }

    /// At each of thirty levels two dozen components are near, and below each of them as many again.
    #[test]
    fn a_search_among_very_many_that_are_near_ends_when_it_has_looked_long_enough() {
        let mut texts = Vec::new();
        for level in 0..30 {
            for letter in 'b'..='y' {
                let mut components = vec!["aa".to_owned(); 30];
                components[level] = format!("a{letter}");
                texts.push(components.join("."));
            }
        }
        let names = names(texts.iter().map(String::as_str));
        let text = format!("{}zzz", "aa.".repeat(29));
        let mut search = Search::new(&names, &text, |_: &Uri| true);
        search.descend("", 0, 0);
        assert_eq!((search.seeks, search.found.len()), (0, 0));
        let may = |_: &Uri| true;
        let mut search = Search { seeks: usize::MAX, letters: usize::MAX, ..Search::new(&names, &text, may) };
        search.descend("", 0, 0);
        assert_eq!(search.looks, 0);
        let mut search = Search { letters: 100, ..Search::new(&names, &text, may) };
        search.descend("", 0, 0);
        assert!(search.letters < 4, "{}", search.letters);
    }

    proptest! {
        /// With few names the one that differs by one letter is found, and nothing that is not there.
        #[test]
        fn one_letter_away_is_found_among_few(
            all in prop::collection::btree_set("[a-e]{2,4}(\\.[a-e]{2,4}){0,3}", 1..12),
            which in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
        ) {
            let all: Vec<String> = all.into_iter().collect();
            let right = which.get(&all);
            let mut wrong: Vec<char> = right.chars().collect();
            let at = at.index(wrong.len());
            prop_assume!(wrong[at] != '.');
            wrong[at] = 'x';
            let wrong: String = wrong.into_iter().collect();
            let names = names(all.iter().map(String::as_str));
            let found = names.near(&wrong, |uri| uri.as_str() == right);
            prop_assert_eq!(found, [Uri::from(right.as_str())]);
            prop_assert!(near(&names, &wrong).iter().all(|uri| all.contains(uri)));
        }

        /// The letters are compared as the library does that is used where there is no hurry.
        #[test]
        fn a_distance_is_that_of_optimal_alignment(left in "[abü]{0,6}", right in "[abü]{0,6}", max in 0..3_usize) {
            let expected = Some(strsim::osa_distance(&left, &right)).filter(|distance| *distance <= max);
            prop_assert_eq!(distance(left.chars(), right.chars(), max), expected);
        }

        #[test]
        fn no_text_makes_a_search_panic(text in "[\\PC.]{0,140}", all in prop::collection::vec("[\\PC.]{0,12}", 0..8)) {
            let names = names(all.iter().map(String::as_str));
            prop_assert!(near(&names, &text).len() <= TOLD_MAX);
        }
    }
}
