//! An explanation and the verdict on the hot path are found in different ways; they must agree.

use super::*;
use crate::authz::{Actions, Pattern, PolicyFlags, PolicyRules};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const TEXTS: [&str; 16] = [
    "",
    ".",
    "..",
    "a",
    "a.",
    "a.b",
    "a..b",
    ".b",
    "ab",
    "a.b.c",
    "wamp.",
    "wamp.session.kill",
    "wamp.session.count",
    "wharf.retained.clear",
    "wamp..kill",
    "w",
];

fn one<T: Copy>(rng: &mut StdRng, of: &[T]) -> T {
    of[rng.random_range(0..of.len())]
}

fn some_actions(rng: &mut StdRng) -> Actions {
    Action::ALL.into_iter().filter(|_| rng.random()).collect()
}

fn some_rules(rng: &mut StdRng, max: usize) -> Vec<Rule> {
    let count = rng.random_range(0..=max);
    let rule = |rng: &mut StdRng| {
        let pattern = Pattern::literal(one(rng, MatchPolicy::ALL), one(rng, &TEXTS)).ok()?;
        let (actions, disclose) = (some_actions(rng), some_actions(rng));
        let disclose = Action::ALL.into_iter().filter(|action| actions.contains(*action) && disclose.contains(*action));
        Some(Rule { pattern, actions, disclose: disclose.collect(), source: "test:1".into() })
    };
    (0..count).filter_map(|_| rule(rng)).collect()
}

fn some_policy(rng: &mut StdRng) -> PolicyRules {
    let flags =
        PolicyFlags { allow_match_all: rng.random(), allow_pattern_register: rng.random(), ..PolicyFlags::default() };
    PolicyRules { allow: some_rules(rng, 6), deny: some_rules(rng, 2), flags }
}

/// U19 of the users' page: the explanation's verdict equals the real one, and its rule alone gives it.
#[test]
fn an_explanation_equals_the_real_verdict_and_its_rule_alone_gives_it() {
    let mut rng = StdRng::seed_from_u64(19);
    let mut seen = [0; 5];
    for _ in 0..10_000 {
        let rules = some_policy(&mut rng);
        let policy = Policy::new(rules.clone());
        let (action, text) = (one(&mut rng, &Action::ALL), one(&mut rng, &TEXTS));
        let match_policy = one(&mut rng, MatchPolicy::ALL);
        let explained = policy.explain(action, text, match_policy);
        let verdict = policy.check(action, text, match_policy);
        let asked = format!("{action:?} {text:?} {match_policy:?} under {rules:?}");
        assert_eq!((explained.allowed, explained.disclose), (verdict.allowed, verdict.disclose), "{asked}");
        assert_eq!(explained.considered.len(), rules.allow.len() + rules.deny.len());
        let alone = |allow: &[&Rule], deny: &[&Rule], flags| {
            let list = |rules: &[&Rule]| rules.iter().map(|rule| (*rule).clone()).collect();
            let policy = Policy::new(PolicyRules { allow: list(allow), deny: list(deny), flags });
            policy.check(action, text, match_policy).allowed
        };
        let all = PolicyFlags { allow_match_all: true, allow_pattern_register: true, ..PolicyFlags::default() };
        let allowing: Vec<&Rule> = rules.allow.iter().collect();
        let place = match explained.reason {
            Reason::Allowed(rule) => {
                assert!(alone(&[rule], &[], rules.flags), "{asked}");
                0
            }
            Reason::Denied(rule) => {
                assert!(!alone(&allowing, &[rule], all), "{asked}");
                1
            }
            Reason::NothingAllows => {
                assert!(!alone(&allowing, &[], all), "{asked}");
                2
            }
            Reason::MatchesAll => {
                assert!(!rules.flags.allow_match_all, "{asked}");
                3
            }
            Reason::PatternRegister => {
                assert!(!rules.flags.allow_pattern_register && action == Action::Register, "{asked}");
                4
            }
        };
        seen[place] += 1;
    }
    assert!(seen.iter().all(|times| *times > 100), "{seen:?}");
}

/// A rule that nearly covers is told apart from one that is about something else.
#[test]
fn what_a_rule_covers_in_part_or_not_at_all_is_told() {
    let rule = |text: &str, actions: &[Action]| Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: actions.iter().copied().collect(),
        disclose: Actions::default(),
        source: "test:1".into(),
    };
    let subscribe = rule("com.shop.*", &[Action::Subscribe]);
    let call = rule("*", &[Action::Call]);
    let policy = Policy::new(PolicyRules { allow: vec![subscribe, call], ..PolicyRules::default() });
    let relations = |action, text, match_policy| -> Vec<Relation> {
        policy.explain(action, text, match_policy).considered.iter().map(|one| one.relation).collect()
    };
    assert_eq!(relations(Action::Subscribe, "com.", MatchPolicy::Prefix), [Relation::PartOnly, Relation::OtherAction]);
    assert_eq!(
        relations(Action::Call, "wamp.session.kill", MatchPolicy::Exact),
        [Relation::OtherAction, Relation::TooWide]
    );
    assert_eq!(
        relations(Action::Subscribe, "org.news", MatchPolicy::Exact),
        [Relation::OtherUri, Relation::OtherAction]
    );
}
