//! United policies against a naive union, and the rules that stand beside that.

use super::*;
use crate::authz::{Action, Actions, Pattern, Reason, Verdict};
use crate::wamp::MatchPolicy;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const TEXTS: [&str; 12] =
    ["", ".", "a", "a.", "a.b", "a..b", ".b", "a.b.c", "wamp.", "wamp.session.kill", "wharf.retained.clear", "w"];

const NAMES: [&str; 4] = ["ann", "joe", "staff", "interns"];

fn one<T: Copy>(rng: &mut StdRng, of: &[T]) -> T {
    of[rng.random_range(0..of.len())]
}

fn some<T: Copy>(rng: &mut StdRng, of: &[T]) -> Vec<T> {
    of.iter().copied().filter(|_| rng.random()).collect()
}

fn rules(rng: &mut StdRng, source: &str) -> PolicyRules {
    let list = |rng: &mut StdRng, most: usize| -> Vec<Rule> {
        let count = rng.random_range(0..=most);
        let rule = |rng: &mut StdRng| {
            let pattern = Pattern::literal(one(rng, MatchPolicy::ALL), one(rng, &TEXTS)).ok()?;
            let (actions, disclose) = (some(rng, &Action::ALL), some(rng, &Action::ALL));
            let disclose = disclose.into_iter().filter(|action| actions.contains(action)).collect();
            Some(Rule { pattern, actions: actions.into_iter().collect(), disclose, source: source.into() })
        };
        (0..count).filter_map(|_| rule(rng)).collect()
    };
    PolicyRules {
        allow: list(rng, 4),
        deny: list(rng, 1),
        flags: PolicyFlags {
            allow_match_all: rng.random_bool(0.3),
            allow_pattern_register: rng.random_bool(0.3),
            ..PolicyFlags::default()
        },
    }
}

/// Said of each grant by itself, and of the role: any deny wins, one rule must cover what is asked, flags are of any.
fn naive(parts: &[PolicyRules], action: Action, text: &str, policy: MatchPolicy) -> (bool, bool) {
    let flags = PolicyFlags {
        allow_match_all: parts.iter().any(|part| part.flags.allow_match_all),
        allow_pattern_register: parts.iter().any(|part| part.flags.allow_pattern_register),
        ..PolicyFlags::default()
    };
    let single = |allow: Vec<Rule>, deny: Vec<Rule>| {
        let policy_of_one = Policy::new(PolicyRules { allow, deny, flags });
        let Verdict { allowed, disclose, .. } = policy_of_one.check(action, text, policy);
        (allowed, disclose)
    };
    let star = || Rule { disclose: Actions::default(), ..rule("wamp.session.kill", "star") };
    let everything = || {
        let all = [star(), rule("wharf.retained.clear", "star"), rule("*", "star")];
        let wide = TEXTS.iter().flat_map(|text| MatchPolicy::ALL.iter().map(move |policy| (policy, text)));
        let wide = wide.filter_map(|(policy, text)| Pattern::literal(*policy, text).ok());
        let wide = wide.map(|pattern| Rule { pattern, ..star() });
        all.into_iter().chain(wide).collect::<Vec<_>>()
    };
    let allowed_but_for_denies = single(everything(), Vec::new()).0;
    let denied = parts
        .iter()
        .flat_map(|part| &part.deny)
        .any(|deny| allowed_but_for_denies && !single(everything(), vec![deny.clone()]).0);
    let verdicts = parts.iter().flat_map(|part| &part.allow).map(|allow| single(vec![allow.clone()], Vec::new()));
    let allowing: Vec<bool> = verdicts.filter(|(allowed, _)| *allowed).map(|(_, disclose)| disclose).collect();
    (!denied && !allowing.is_empty(), !denied && allowing.contains(&true))
}

fn rule(text: &str, source: &str) -> Rule {
    Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: Actions::ALL,
        disclose: Actions::default(),
        source: source.into(),
    }
}

/// Random roles, grants, users and groups: the verdict is that of the naive union, and so is the explanation, which tells by
/// which grant the rule came that decided.
#[test]
fn a_united_policy_says_what_the_naive_union_of_role_and_grants_says_and_tells_whose_rule_decided() {
    let mut rng = StdRng::seed_from_u64(18);
    let mut seen = [0; 4];
    for _ in 0..6_000 {
        let role = rules(&mut rng, "role");
        let count = rng.random_range(0..4_usize);
        let grants: Vec<Grant> = (0..count)
            .map(|number| Grant {
                name: format!("grant{number}"),
                users: some(&mut rng, &NAMES[..2]).into_iter().map(str::to_owned).collect(),
                groups: some(&mut rng, &NAMES[2..]).into_iter().map(str::to_owned).collect(),
                rules: rules(&mut rng, &format!("grant{number}")),
            })
            .collect();
        let (user, groups) = (one(&mut rng, &NAMES[..2]), some(&mut rng, &NAMES[2..]));
        let has = |grant: &&Grant| {
            grant.users.iter().any(|name| name == user)
                || grant.groups.iter().any(|name| groups.contains(&name.as_str()))
        };
        let parts: Vec<PolicyRules> =
            std::iter::once(role.clone()).chain(grants.iter().filter(has).map(|grant| grant.rules.clone())).collect();
        let all = Grants::new(grants.clone());
        let set = all.of(user, groups.iter().copied());
        assert_eq!(set.is_empty(), parts.len() == 1);
        let united = all.unite(&Policy::new(role), Decider::Rules, &set);
        let (action, text) = (one(&mut rng, &Action::ALL), one(&mut rng, &TEXTS));
        let policy = one(&mut rng, MatchPolicy::ALL);
        let verdict = united.policy.check(action, text, policy);
        let asked = format!("{action:?} {text:?} {policy:?} under {parts:?}");
        assert_eq!((verdict.allowed, verdict.disclose), naive(&parts, action, text, policy), "{asked}");
        let explained = united.policy.explain(action, text, policy);
        assert_eq!((explained.allowed, explained.disclose), (verdict.allowed, verdict.disclose), "{asked}");
        for considered in &explained.considered {
            let source = &*considered.rule.source;
            assert_eq!(united.grant_of(considered.rule).unwrap_or("role"), source, "{asked}");
        }
        match explained.reason {
            Reason::Allowed(rule) => seen[usize::from(united.grant_of(rule).is_some())] += 1,
            Reason::Denied(rule) => seen[2 + usize::from(united.grant_of(rule).is_some())] += 1,
            Reason::NothingAllows | Reason::MatchesAll | Reason::PatternRegister => {}
        }
    }
    assert!(seen.iter().all(|times| *times > 100), "{seen:?}");
}

fn grant(name: &str, users: &[&str], groups: &[&str], rules: PolicyRules) -> Grant {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    Grant { name: name.to_owned(), users: texts(users), groups: texts(groups), rules }
}

fn allowing(text: &str) -> PolicyRules {
    PolicyRules { allow: vec![rule(text, text)], ..PolicyRules::default() }
}

#[test]
fn users_with_the_same_grants_have_the_same_set_however_they_came_to_it() {
    let grants = Grants::new(vec![
        grant("a", &["ann"], &["staff"], allowing("a.*")),
        grant("b", &[], &["staff", "interns"], allowing("b.*")),
    ]);
    let of = |authid: &str, groups: &[&'static str]| grants.of(authid, groups.iter().copied());
    assert_eq!(of("joe", &["staff"]), of("ann", &["interns"]));
    assert!(of("joe", &[]).is_empty() && of("ann", &[]) != of("joe", &["staff"]));
}

/// What was asked for must lie inside one rule, whoever brings it.
#[test]
fn a_pattern_must_lie_inside_one_rule_of_role_or_grant() {
    let grants = Grants::new(vec![grant("a", &["ann"], &[], allowing("com.b.*"))]);
    let set = grants.of("ann", std::iter::empty());
    let united = grants.unite(&Policy::new(allowing("com.a.*")), Decider::Rules, &set);
    let subscribe = |text| united.policy.check(Action::Subscribe, text, MatchPolicy::Prefix).allowed;
    assert!(subscribe("com.a.") && subscribe("com.b.x.") && !subscribe("com."));
}

/// Nothing passes unasked: decision 18.
#[test]
fn a_role_that_asks_an_authorizer_is_granted_flags_and_denies_only() {
    let flags = PolicyFlags { allow_pattern_register: true, ..PolicyFlags::default() };
    let rules = PolicyRules { deny: vec![rule("a.x", "deny")], flags, ..allowing("a.*") };
    let grants = Grants::new(vec![grant("a", &["ann"], &[], rules)]);
    let united = grants.unite(&Policy::default(), Decider::Authorizer, &grants.of("ann", std::iter::empty())).policy;
    assert!(!united.check(Action::Call, "a.b", MatchPolicy::Exact).allowed, "the authorizer is asked");
    assert!(united.refuses_unasked(Action::Call, "a.x", MatchPolicy::Exact));
    assert!(!united.refuses_unasked(Action::Register, "a.y", MatchPolicy::Prefix));
    assert!(united.refuses_unasked(Action::Register, "a.", MatchPolicy::Prefix), "it touches what is denied");
}

/// Everybody may retain and cancel unless it is taken, and a grant gives it back.
#[test]
fn what_a_role_may_not_retain_or_cancel_a_grant_lets_it() {
    let taken = PolicyFlags { no_retain: true, no_cancel: true, ..PolicyFlags::default() };
    let role = Policy::new(PolicyRules { flags: taken, ..allowing("a.*") });
    let gives = PolicyFlags { no_cancel: true, ..PolicyFlags::default() };
    let grants = Grants::new(vec![grant("a", &["ann"], &[], PolicyRules { flags: gives, ..PolicyRules::default() })]);
    let united = grants.unite(&role, Decider::Rules, &grants.of("ann", std::iter::empty())).policy;
    assert_eq!((united.flags().no_retain, united.flags().no_cancel), (false, true));
    let none = grants.unite(&role, Decider::Rules, &GrantSet::default()).policy;
    assert!(none.flags().no_retain && none.flags().no_cancel);
}
