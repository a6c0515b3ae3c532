//! The complete matrix against a naive evaluator (G10), and the rules that stand beside the matrix.

use super::*;
use MatchPolicy::{Exact, Prefix, Wildcard};

const ACTIONS: [Action; 4] = [Action::Call, Action::Register, Action::Publish, Action::Subscribe];

/// Written from the table of section 12, without indexes and without [`Pattern`]'s own answers.
mod naive {
    use super::*;

    pub(super) fn allowed(rules: &PolicyRules, action: Action, text: &str, policy: MatchPolicy) -> (bool, bool) {
        let of_action = |rule: &&Rule| rule.actions.contains(action);
        if rules.deny.iter().filter(of_action).any(|rule| overlaps(&rule.pattern, text, policy)) {
            return (false, false);
        }
        let all_empty = text.split('.').all(str::is_empty);
        if policy != Exact && all_empty && !rules.flags.allow_match_all {
            return (false, false);
        }
        if policy != Exact && action == Action::Register && !rules.flags.allow_pattern_register {
            return (false, false);
        }
        let inside: Vec<&Rule> =
            rules.allow.iter().filter(of_action).filter(|rule| contains(&rule.pattern, text, policy)).collect();
        (!inside.is_empty(), inside.iter().any(|rule| rule.disclose.contains(action)))
    }

    fn fits(pattern: &str, text: &str) -> bool {
        let (pattern, text): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), text.split('.').collect());
        pattern.len() == text.len() && pattern.iter().zip(&text).all(|(p, t)| p.is_empty() || p == t)
    }

    fn contains(rule: &Pattern, text: &str, policy: MatchPolicy) -> bool {
        match (rule.policy(), policy) {
            (Exact, Exact) => rule.text() == text,
            (Exact, Prefix | Wildcard) | (Wildcard, Prefix) => false,
            (Prefix, Exact | Prefix) => text.starts_with(rule.text()),
            (Prefix, Wildcard) => {
                let mut sure = String::new();
                for (at, component) in text.split('.').enumerate() {
                    if at > 0 {
                        sure.push('.');
                    }
                    if component.is_empty() {
                        break;
                    }
                    sure.push_str(component);
                }
                sure.starts_with(rule.text())
            }
            (Wildcard, Exact | Wildcard) => fits(rule.text(), text),
        }
    }

    /// Whether one of all the URIs of the small world is in both.
    fn overlaps(rule: &Pattern, text: &str, policy: MatchPolicy) -> bool {
        let matched = |policy, pattern: &str, uri: &str| match policy {
            Exact => pattern == uri,
            Prefix => uri.starts_with(pattern),
            Wildcard => fits(pattern, uri),
        };
        world().iter().any(|uri| matched(rule.policy(), rule.text(), uri) && matched(policy, text, uri))
    }
}

/// All URIs of up to three components over a few words.
fn world() -> &'static [String] {
    static WORLD: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    WORLD.get_or_init(|| {
        let words = ["a", "b", "ab", "z"];
        let one: Vec<String> = words.iter().map(ToString::to_string).collect();
        let longer = |uris: &[String]| -> Vec<String> {
            uris.iter().flat_map(|uri| words.iter().map(move |word| format!("{uri}.{word}"))).collect()
        };
        let (two, three) = (longer(&one), longer(&longer(&one)));
        [one, two, three].concat()
    })
}

fn rule(policy: MatchPolicy, text: &str, actions: Actions, disclose: Actions) -> Option<Rule> {
    let pattern = Pattern::literal(policy, text).ok()?;
    Some(Rule { pattern, actions, disclose, source: "test:1".into() })
}

fn patterns(texts: &[&'static str]) -> Vec<(MatchPolicy, &'static str)> {
    let all = texts.iter().flat_map(|text| MatchPolicy::ALL.iter().map(move |policy| (*policy, *text)));
    all.filter(|(policy, text)| Pattern::literal(*policy, text).is_ok()).collect()
}

fn policy(lines: &[&str]) -> Policy {
    let rule = |text: &&str| Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: Actions::ALL,
        disclose: Actions::default(),
        source: "test:1".into(),
    };
    Policy::new(PolicyRules { allow: lines.iter().map(rule).collect(), ..PolicyRules::default() })
}

/// G10: match of the rule x match of the request x action x allow, deny x disclose x flags.
#[test]
fn every_verdict_equals_that_of_the_naive_evaluator() {
    let rules = patterns(&["", "a", "a.", "a.b", "a..b", ".b", ".", "a.ab"]);
    let asked = patterns(&["", "a", "a.", "a.b", "ab", "a..b", ".b", ".", "..", "b.a.z", "a.a.b"]);
    let mut verdicts = 0;
    for (allow_policy, allow_text) in &rules {
        for (other_policy, other_text) in &rules {
            for (deny_actions, flag) in [(Actions::default(), false), (Actions::default(), true), (Actions::ALL, true)]
            {
                let disclose = Actions::from_iter([Action::Call]);
                let first = Actions::from_iter([Action::Call, Action::Register]);
                let set = PolicyRules {
                    allow: [
                        rule(*allow_policy, allow_text, first, disclose),
                        rule(*other_policy, other_text, Actions::ALL, Actions::default()),
                    ]
                    .into_iter()
                    .flatten()
                    .filter(|rule| deny_actions.is_empty() || rule.disclose == disclose)
                    .collect(),
                    deny: rule(*other_policy, other_text, deny_actions, Actions::default()).into_iter().collect(),
                    flags: PolicyFlags {
                        allow_match_all: flag,
                        allow_pattern_register: flag,
                        ..PolicyFlags::default()
                    },
                };
                let policy = Policy::new(set.clone());
                for (match_policy, text) in &asked {
                    for action in ACTIONS {
                        let verdict = policy.check(action, text, *match_policy);
                        let expected = naive::allowed(&set, action, text, *match_policy);
                        assert_eq!(
                            (verdict.allowed, verdict.disclose),
                            expected,
                            "{action:?} {text:?} {match_policy:?} under {set:?}"
                        );
                        verdicts += 1;
                    }
                }
            }
        }
    }
    assert!(verdicts > 70_000, "{verdicts}");
}

/// Architecture: what no rule allows is denied.
#[test]
fn the_default_policy_denies_everything() {
    for action in ACTIONS {
        assert_eq!(Policy::default().check(action, "a.b", Exact), Verdict::DENIED);
        assert!(!Policy::default().allows_any(action));
    }
}

/// D71.
#[test]
fn a_pattern_must_lie_wholly_inside_one_rule() {
    let policy = policy(&["com.a.*", "com.b.*"]);
    let subscribe = |text, match_policy| policy.check(Action::Subscribe, text, match_policy).allowed;
    assert!(subscribe("com.a.", Prefix) && subscribe("com.a..x", Wildcard) && subscribe("com.a.x", Exact));
    assert!(!subscribe("", Prefix) && !subscribe("com.a", Prefix) && !subscribe("com..x", Wildcard));
    // Two rules that cover it together are not enough.
    assert!(!subscribe("com.", Prefix));
}

/// config.md, section 6.2.
#[test]
fn killing_and_removing_is_covered_only_by_a_rule_that_begins_with_wamp() {
    let procedures = [
        "wamp.session.kill",
        "wamp.session.kill_by_authid",
        "wamp.session.kill_by_authrole",
        "wamp.session.kill_all",
        "wamp.registration.remove_callee",
        "wamp.subscription.remove_subscriber",
    ];
    for procedure in procedures {
        for (lines, allowed) in [
            (&["*"][..], false),
            (&["wamp*"], false),
            (&["*.*.*"], false),
            (&["*", "wamp.*"], true),
            (&["wamp.*.*"], true),
            (&[procedure], true),
        ] {
            assert_eq!(policy(lines).check(Action::Call, procedure, Exact).allowed, allowed, "{lines:?} {procedure}");
        }
    }
    assert!(policy(&["*"]).check(Action::Call, "wamp.session.count", Exact).allowed);
}

/// Nor does a star let anybody administer the node.
#[test]
fn administering_is_covered_only_by_a_rule_that_begins_with_wharf() {
    for procedure in ["wharf.admin.realm.create", "wharf.admin.config.get"] {
        let allowed = |lines: &[&str]| policy(lines).check(Action::Call, procedure, Exact).allowed;
        assert!(!allowed(&["*"]) && !allowed(&["wharf*"]) && !allowed(&["*.*.*.*"]));
        assert!(allowed(&["wharf.*"]) && allowed(&["wharf.admin.*.*"]) && allowed(&[procedure]));
    }
}

/// The same for what the router has beyond the specification.
#[test]
fn clearing_retained_events_is_covered_only_by_a_rule_that_begins_with_wharf() {
    let allowed = |lines: &[&str]| policy(lines).check(Action::Call, "wharf.retained.clear", Exact).allowed;
    assert!(!allowed(&["*"]) && !allowed(&["wharf*"]) && !allowed(&["*.*.*"]) && !allowed(&["*", "wamp.*"]));
    assert!(allowed(&["wharf.*"]) && allowed(&["wharf.retained.clear"]));
    assert!(policy(&["*"]).check(Action::Call, "wharf.retained.count", Exact).allowed);
}

/// config.md, section 6.2: the rule that decided is kept.
#[test]
fn the_verdict_names_the_rule_that_decided() {
    let allow = Rule { source: "a.toml:1".into(), ..rule(Prefix, "com.", Actions::ALL, Actions::default()).unwrap() };
    let deny = Rule { source: "a.toml:2".into(), ..rule(Prefix, "com.x.", Actions::ALL, Actions::default()).unwrap() };
    let policy = Policy::new(PolicyRules { allow: vec![allow], deny: vec![deny], flags: PolicyFlags::default() });
    let source = |uri| policy.check(Action::Publish, uri, Exact).rule.map(|rule| rule.source.to_string());
    assert_eq!(source("com.y").as_deref(), Some("a.toml:1"));
    assert_eq!(source("com.x.y").as_deref(), Some("a.toml:2"));
    assert_eq!(source("org"), None);
}

/// Of two prefixes one inside the other, and their neighbours in order, the right ones match.
#[test]
fn nested_prefixes_and_their_neighbours_are_found() {
    let policy = policy(&["com.a.*", "com.a.b.*", "com.c*", "com.a", "a*"]);
    for (uri, allowed) in [
        ("com.a.z", true),
        ("com.a.b.c", true),
        ("com.a", true),
        ("com.b", false),
        ("com.cc", true),
        ("com.", false),
        ("abc", true),
        ("", false),
        ("z", false),
    ] {
        assert_eq!(policy.check(Action::Call, uri, Exact).allowed, allowed, "{uri}");
    }
}
