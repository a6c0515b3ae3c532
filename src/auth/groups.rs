//! Groups of users, which may lie within groups. A name in them need not be one that the configuration lists: tokens and
//! authenticators know others.
//!
//! Membership is found when it is asked for, once for a login, so that what is kept is no more than what was written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who is directly in a group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// Users, by authid.
    pub users: Vec<String>,
    /// Groups, whose members are members of this one too.
    pub groups: Vec<String>,
}

/// The groups of a realm.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Groups {
    groups: BTreeMap<String, Group>,
    /// The groups that a user is directly in.
    groups_by_user: BTreeMap<String, Vec<String>>,
    /// The groups that a group is directly in.
    groups_by_group: BTreeMap<String, Vec<String>>,
}

/// The groups that a user is in; each with the group through which, if it is not directly.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memberships<'a>(BTreeMap<&'a str, Option<&'a str>>);

impl Groups {
    /// The groups with these names.
    pub fn new(groups: BTreeMap<String, Group>) -> Self {
        let (mut groups_by_user, mut groups_by_group) = (BTreeMap::new(), BTreeMap::new());
        for (name, group) in &groups {
            for (members, found) in [(&group.users, &mut groups_by_user), (&group.groups, &mut groups_by_group)] {
                for member in members {
                    found.entry(member.clone()).or_insert_with(Vec::new).push(name.clone());
                }
            }
        }
        Self { groups, groups_by_user, groups_by_group }
    }

    /// The group of this name.
    pub fn get(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The groups that a user is in, directly or through others.
    ///
    /// # Cost
    /// What is above the user, once.
    pub fn of(&self, authid: &str) -> Memberships<'_> {
        let mut found = BTreeMap::new();
        let mut due: VecDeque<&str> = VecDeque::new();
        for name in self.groups_by_user.get(authid).into_iter().flatten() {
            if found.insert(name.as_str(), None).is_none() {
                due.push_back(name);
            }
        }
        // The nearest first, so that the way that is told is a short one.
        while let Some(inner) = due.pop_front() {
            for outer in self.groups_by_group.get(inner).into_iter().flatten() {
                if !found.contains_key(outer.as_str()) {
                    found.insert(outer.as_str(), Some(inner));
                    due.push_back(outer);
                }
            }
        }
        Memberships(found)
    }

    /// The ways from a group back to itself, each once: the names in the order in which one contains the next, the first of
    /// them last again. At most `most` of them.
    pub fn cycles(&self, most: usize) -> Vec<Vec<&str>> {
        let mut cycles = Vec::new();
        let mut done: BTreeSet<&str> = BTreeSet::new();
        for start in self.groups.keys() {
            // The way to where the search is, each group with its own groups that are still to be looked at.
            let mut way: Vec<(&str, std::slice::Iter<'_, String>)> = Vec::new();
            let mut on_way: BTreeSet<&str> = BTreeSet::new();
            let mut next = (!done.contains(start.as_str())).then_some(start.as_str());
            loop {
                if let Some(name) = next.take() {
                    on_way.insert(name);
                    way.push((name, self.groups.get(name).map_or([].iter(), |group| group.groups.iter())));
                }
                let Some((name, rest)) = way.last_mut() else { break };
                match rest.next() {
                    Some(inner) if on_way.contains(inner.as_str()) => {
                        let from = way.iter().position(|(name, _)| name == inner).unwrap_or_default();
                        let names = way.iter().skip(from).map(|(name, _)| *name);
                        cycles.push(names.chain([inner.as_str()]).collect());
                        if cycles.len() >= most {
                            return cycles;
                        }
                    }
                    Some(inner) if done.contains(inner.as_str()) => {}
                    Some(inner) => next = Some(inner),
                    None => {
                        done.insert(name);
                        on_way.remove(name);
                        way.pop();
                    }
                }
            }
        }
        cycles
    }
}

impl<'a> Memberships<'a> {
    /// Whether the user is in this group.
    pub fn contains(&self, group: &str) -> bool {
        self.0.contains_key(group)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.0.keys().copied()
    }

    /// Through which groups the user is in `group`: first the one that it is directly in. Empty: directly, or not at all.
    pub fn way_to(&self, group: &str) -> Vec<&'a str> {
        let mut way: Vec<&str> =
            std::iter::successors(self.0.get(group).copied().flatten(), |inner| self.0.get(inner).copied().flatten())
                .collect();
        way.reverse();
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn groups(rows: &[(&str, &[&str], &[&str])]) -> Groups {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let group = |(name, users, inner): &(&str, &[&str], &[&str])| {
            (name.to_string(), Group { users: texts(users), groups: texts(inner) })
        };
        Groups::new(rows.iter().map(group).collect())
    }

    /// Bondy's model: groups nest.
    #[test]
    fn a_user_is_in_groups_in_groups_in_groups_and_the_way_is_told() {
        let groups = groups(&[
            ("staff", &["joe"], &["interns"]),
            ("interns", &["ann"], &["summer"]),
            ("summer", &["bob"], &[]),
            ("others", &["zoe"], &[]),
        ]);
        let of = |authid: &str| groups.of(authid).iter().collect::<Vec<_>>();
        assert_eq!((of("joe"), of("ann")), (vec!["staff"], vec!["interns", "staff"]));
        assert_eq!((of("bob"), of("zoe")), (vec!["interns", "staff", "summer"], vec!["others"]));
        assert_eq!((of("nobody"), of("staff")), (vec![], vec![]));
        let bob = groups.of("bob");
        assert_eq!((bob.way_to("staff"), bob.way_to("summer")), (vec!["summer", "interns"], vec![]));
        assert!(bob.contains("staff") && !bob.contains("others"));
    }

    #[test]
    fn a_group_in_itself_is_told_with_the_way_and_hangs_nobody() {
        let round = groups(&[("a", &["joe"], &["b"]), ("b", &[], &["c"]), ("c", &[], &["a", "x"]), ("x", &[], &["x"])]);
        assert_eq!(round.cycles(9), [vec!["a", "b", "c", "a"], vec!["x", "x"]]);
        assert_eq!(round.cycles(1).len(), 1);
        assert_eq!(round.of("joe").iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(groups(&[("a", &[], &["c"]), ("b", &[], &["c"]), ("c", &[], &["nobody"])]).cycles(9).is_empty());
    }

    /// No recursion: as deep as a file may be long.
    #[test]
    fn a_hundred_thousand_groups_within_each_other_are_no_trouble() {
        let chain = |number: usize| {
            let inner = (number > 0).then(|| format!("g{}", number - 1));
            let users = (number == 0).then(|| "joe".to_owned());
            (format!("g{number}"), Group { users: users.into_iter().collect(), groups: inner.into_iter().collect() })
        };
        let deep = Groups::new((0..100_000).map(chain).collect());
        assert!(deep.cycles(9).is_empty());
        assert_eq!((deep.of("joe").iter().count(), deep.of("joe").way_to("g99999").len()), (100_000, 99_999));
    }

    proptest! {
        /// Against the closure of "is in", round by round.
        #[test]
        fn memberships_are_those_of_the_closure(edges in prop::collection::vec((0..8_usize, 0..8_usize), 0..20),
                                                users in prop::collection::vec(0..8_usize, 0..4)) {
            let mut all: BTreeMap<String, Group> = (0..8).map(|n| (format!("g{n}"), Group::default())).collect();
            for (outer, inner) in &edges {
                all.get_mut(&format!("g{outer}")).unwrap().groups.push(format!("g{inner}"));
            }
            for group in &users {
                all.get_mut(&format!("g{group}")).unwrap().users.push("joe".to_owned());
            }
            let mut naive: BTreeSet<usize> = users.iter().copied().collect();
            for _ in 0..8 {
                naive.extend(edges.iter().filter(|(_, inner)| naive.contains(inner)).map(|(outer, _)| *outer).collect::<Vec<_>>());
            }
            let reaches = |from: usize, to: usize| {
                let mut seen: BTreeSet<usize> = edges.iter().filter(|(outer, _)| *outer == from).map(|(_, inner)| *inner).collect();
                for _ in 0..8 {
                    seen.extend(edges.iter().filter(|(outer, _)| seen.contains(outer)).map(|(_, inner)| *inner).collect::<Vec<_>>());
                }
                seen.contains(&to)
            };
            let groups = Groups::new(all.clone());
            let found = groups.of("joe");
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), naive.iter().map(|n| format!("g{n}")).collect::<Vec<_>>());
            prop_assert_eq!(groups.cycles(99).is_empty(), !(0..8).any(|n| reaches(n, n)));
            // The way is one: joe is in the first, each is in the next, the last is in the group.
            for name in found.iter() {
                let way: Vec<&str> = found.way_to(name).into_iter().chain([name]).collect();
                prop_assert!(all[way[0]].users.contains(&"joe".to_owned()));
                prop_assert!(way.windows(2).all(|pair| all[pair[1]].groups.contains(&pair[0].to_owned())));
            }
        }
    }
}
