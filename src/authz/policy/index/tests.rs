use super::super::{Actions, Rule};
use super::*;
use crate::authz::Pattern;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

fn rule(policy: MatchPolicy, text: &str) -> Option<Rule> {
    let pattern = Pattern::literal(policy, text).ok()?;
    Some(Rule { pattern, actions: Actions::ALL, disclose: Actions::default(), source: "test:1".into() })
}

fn index(rules: &[Rule]) -> Index {
    Index::new(rules.iter().enumerate())
}

/// The rule for this very text, else the shortest prefix, else some wildcard: by looking at each.
fn naive(rules: &[Rule], uri: &str) -> (Option<usize>, bool) {
    let of = |policy| {
        let matching = rules.iter().enumerate().filter(move |(_, rule)| rule.pattern.policy() == policy);
        matching.filter(|(_, rule)| rule.pattern.matches(uri))
    };
    let open = |rule: &Rule| rule.pattern.text().split('.').any(str::is_empty);
    let literal = of(MatchPolicy::Wildcard).filter(|(_, rule)| !open(rule));
    let exact = of(MatchPolicy::Exact).chain(literal).min_by_key(|(place, _)| *place);
    let prefix = of(MatchPolicy::Prefix).min_by_key(|(place, rule)| (rule.pattern.text().len(), *place));
    let wildcard = of(MatchPolicy::Wildcard).next().is_some();
    (exact.or(prefix).map(|(place, _)| place), wildcard)
}

/// A text of a few words, so that much begins alike, with components left out here and there.
fn text(random: &mut StdRng) -> String {
    const WORDS: [&str; 7] = ["a", "ab", "abc", "b", "ü", "", "a\u{7f}"];
    let components = random.random_range(1..5);
    let words: Vec<&str> = (0..components).map(|_| *WORDS.choose(random).unwrap()).collect();
    words.join(".")
}

/// The index is no more than a faster look at each rule.
#[test]
fn what_is_found_among_many_is_what_a_look_at_each_finds() {
    let mut random = StdRng::seed_from_u64(4);
    let mut found = [0; 3];
    for round in 0..400 {
        let rules: Vec<Rule> = (0..round % 60)
            .filter_map(|_| {
                let policy = *MatchPolicy::ALL.choose(&mut random).unwrap();
                let text = text(&mut random);
                rule(policy, text.trim_end_matches(if random.random() { "." } else { "" }))
            })
            .collect();
        let index = index(&rules);
        assert_eq!(index.is_empty(), rules.is_empty());
        for _ in 0..100 {
            let uri = text(&mut random);
            let (named, wildcard) = naive(&rules, &uri);
            let place = index.find(&uri);
            let what = if let Some(named) = named {
                // Of two rules with one pattern the first one counts.
                let pattern = |place: usize| rules.get(place).map(|rule| &rule.pattern);
                assert_eq!(place.map(pattern), Some(pattern(named)), "{uri:?} among {rules:?}");
                assert_eq!(place, Some(named), "{uri:?} among {rules:?}");
                0
            } else if wildcard {
                let rule =
                    place.and_then(|place| rules.get(place)).unwrap_or_else(|| panic!("{uri:?} among {rules:?}"));
                assert!(rule.pattern.matches(&uri), "{uri:?} is not {rule:?}");
                1
            } else {
                assert_eq!(place, None, "{uri:?} among {rules:?}");
                2
            };
            found[what] += 1;
        }
    }
    assert!(found.iter().all(|times| *times > 1_000), "{found:?}");
}

/// Each way through the index is the longest that there can be, and has an end at every octet.
#[test]
fn patterns_that_all_begin_with_each_other_are_told_apart() {
    let rules: Vec<Rule> = (1..10_000).map_while(|length| rule(MatchPolicy::Exact, &"a".repeat(length))).collect();
    let index = index(&rules);
    assert!(rules.len() > 200, "{}", rules.len());
    for place in 0..rules.len() {
        assert_eq!(index.find(&"a".repeat(place + 1)), Some(place));
    }
    assert_eq!(index.find(&"a".repeat(rules.len() + 1)), None);
}

/// More children than are looked through one by one.
#[test]
fn a_child_is_found_among_many() {
    let letters: Vec<char> = ('!'..='~').filter(|letter| !".#*".contains(*letter)).collect();
    let rules: Vec<Rule> = letters.iter().filter_map(|c| rule(MatchPolicy::Prefix, &format!("com.{c}x"))).collect();
    assert!(rules.len() > 80);
    let index = index(&rules);
    for (place, letter) in letters.iter().enumerate() {
        assert_eq!(index.find(&format!("com.{letter}xy")), Some(place));
        assert_eq!(index.find(&format!("com.{letter}y")), None);
    }
}
