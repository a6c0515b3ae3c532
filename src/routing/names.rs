//! The texts of registrations or subscriptions in their order: for lists that are told in slices, and to find what is nearly
//! the same. Reserved ones are not here.
//!
//! A slice looks at so many names and no more, however many there are, so that no list holds its realm up.

mod near;

use super::pattern::Place;
use crate::wamp::{MatchPolicy, Uri};
use std::collections::BTreeMap;
use std::ops::Bound;

/// A text with how it is compared.
pub type Name = (Uri, MatchPolicy);

/// Names in order, each with the place of its record.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<Name, Place>);

/// What texts may begin with to be of interest: in order, and none begins with another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Beginnings(Vec<String>);

impl Beginnings {
    /// All texts.
    pub fn of_all() -> Self {
        Self(vec![String::new()])
    }

    /// Texts that begin with one of these.
    pub fn new(mut texts: Vec<String>) -> Self {
        texts.sort_unstable();
        // The one before is the shorter one, and all that begin with it follow it.
        texts.dedup_by(|text, before| text.starts_with(before.as_str()));
        Self(texts)
    }

    /// Those of the texts that begin with `prefix`, too.
    #[must_use]
    pub fn within(self, prefix: &str) -> Self {
        let narrowed = self.0.into_iter().filter_map(|text| {
            if text.starts_with(prefix) {
                return Some(text);
            }
            prefix.starts_with(&text).then(|| prefix.to_owned())
        });
        Self::new(narrowed.collect())
    }

    /// Whether a text begins so.
    pub fn admit(&self, text: &str) -> bool {
        self.0.iter().any(|beginning| text.starts_with(beginning.as_str()))
    }
}

/// A part of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slice<T> {
    /// In order of their names.
    pub items: Vec<T>,
    /// Where the next slice begins; `None`: this was the last.
    pub go_on: Option<Bound<Name>>,
}

impl Names {
    pub(super) fn insert(&mut self, uri: &Uri, policy: MatchPolicy, place: Place) {
        self.0.insert((uri.clone(), policy), place);
    }

    pub(super) fn remove(&mut self, uri: &Uri, policy: MatchPolicy) {
        self.0.remove(&(uri.clone(), policy));
    }

    /// The places of names that begin so, from one on; looks at `looks` of them at most, where a beginning that none has
    /// counts as one.
    pub(super) fn slice(&self, beginnings: &Beginnings, from: Bound<Name>, looks: usize) -> Slice<Place> {
        let (mut items, mut left) = (Vec::new(), looks.max(1));
        let first = match &from {
            Bound::Unbounded => 0,
            Bound::Included((text, _)) | Bound::Excluded((text, _)) => {
                beginnings.0.partition_point(|one| one.as_str() < text.as_str() && !text.starts_with(one.as_str()))
            }
        };
        for beginning in beginnings.0.iter().skip(first) {
            let mut at = later(&from, beginning);
            if left == 0 {
                return Slice { items, go_on: Some(at) };
            }
            left -= 1;
            for (name, place) in self.0.range((at.clone(), Bound::Unbounded)) {
                if !name.0.starts_with(beginning.as_str()) {
                    break;
                }
                if left == 0 && !items.is_empty() {
                    return Slice { items, go_on: Some(at) };
                }
                left = left.saturating_sub(1);
                items.push(*place);
                at = Bound::Excluded(name.clone());
            }
        }
        Slice { items, go_on: None }
    }

    /// The place of this very name.
    pub(super) fn get(&self, uri: &Uri, policy: MatchPolicy) -> Option<Place> {
        self.0.get(&(uri.clone(), policy)).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The later of the two places: `from`, and where texts begin with `beginning`.
fn later(from: &Bound<Name>, beginning: &str) -> Bound<Name> {
    match from {
        Bound::Included((text, _)) | Bound::Excluded((text, _)) if text.as_str() >= beginning => from.clone(),
        Bound::Unbounded | Bound::Included(_) | Bound::Excluded(_) => {
            Bound::Included((Uri::from(beginning), MatchPolicy::Exact))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[ab.]{0,4}", 0..12)
    }

    #[test]
    fn beginnings_are_in_order_and_none_begins_with_another() {
        let of = |texts: &[&str]| Beginnings::new(texts.iter().map(ToString::to_string).collect());
        assert_eq!(of(&["com.b", "com.", "org", "com.b.c"]), of(&["com.", "org"]));
        assert_eq!(of(&["com.", "org.a", "org.b"]).within("org."), of(&["org.a", "org.b"]));
        assert_eq!(of(&["com.", "org"]).within("com.shop."), of(&["com.shop."]));
        assert_eq!(of(&["com."]).within("org"), Beginnings(Vec::new()));
        assert_eq!(Beginnings::of_all().within(""), Beginnings::of_all());
    }

    proptest! {
        /// However small the slices are, together they are what begins so, each once and in order.
        #[test]
        fn the_slices_of_a_list_are_the_list(
            all in prop::collection::btree_map(("[ab.]{0,4}".prop_map(Uri::from), prop::sample::select(MatchPolicy::ALL.to_vec())), any::<u32>(), 0..40),
            beginnings in texts(),
            prefix in "[ab.]{0,2}",
            looks in 1..5_usize,
        ) {
            let names = Names(all.clone());
            let wanted = |text: &str| beginnings.iter().any(|one| text.starts_with(one.as_str())) && text.starts_with(&prefix);
            let expected: Vec<Place> = all.iter().filter(|((uri, _), _)| wanted(uri)).map(|(_, place)| *place).collect();
            let beginnings = Beginnings::new(beginnings.clone()).within(&prefix);
            let (mut told, mut from) = (Vec::new(), Bound::Unbounded);
            loop {
                let Slice { items, go_on } = names.slice(&beginnings, from, looks);
                prop_assert!(items.len() <= looks);
                told.extend(items);
                match go_on {
                    Some(next) => from = next,
                    None => break,
                }
            }
            prop_assert_eq!(told, expected);
        }
    }
}
