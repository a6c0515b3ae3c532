//! The rules of a role, from a router where the most specific rule decides alone to one where what any rule allows is
//! allowed unless a rule denies it.
//!
//! What a specific rule takes away from a wider one is written as a denial. A denial reaches further down than the rule that
//! it stands for; where that takes away what a still more specific rule allows, nothing is allowed that was not, and a note
//! says what is lost.

use super::draft::Draft;
use super::notes::{quote, Notes};
use super::source::Origin;
use crate::authz::{Action, Pattern};
use crate::wamp::MatchPolicy;
use serde_json::{json, Value};
use std::collections::BTreeSet;

/// One rule of the source.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    pub(super) allow: Vec<Action>,
    /// `caller` and `publisher`.
    pub(super) disclose: Vec<&'static str>,
    pub(super) origin: Origin,
}

/// Which rule of several decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Precedence {
    /// The most specific one alone: Crossbar.
    MostSpecific,
    /// Any that allows.
    Any,
}

impl Rule {
    fn allows(&self, action: Action) -> bool {
        self.allow.contains(&action)
    }

    /// Whether this rule decides in place of `wider` for some URI.
    fn overrides(&self, wider: &Self) -> bool {
        let (mine, theirs) = (&self.pattern, &wider.pattern);
        match (mine.policy(), theirs.policy()) {
            (MatchPolicy::Exact, MatchPolicy::Exact) | (MatchPolicy::Wildcard, MatchPolicy::Exact) => false,
            (MatchPolicy::Exact, _) => theirs.matches(mine.text()),
            (MatchPolicy::Prefix, MatchPolicy::Prefix) => {
                mine.text() != theirs.text() && mine.text().starts_with(theirs.text())
            }
            (MatchPolicy::Wildcard, MatchPolicy::Prefix) => theirs.overlaps(mine.text(), MatchPolicy::Wildcard),
            (MatchPolicy::Wildcard, MatchPolicy::Wildcard) | (MatchPolicy::Prefix, _) => false,
        }
    }

    /// Whether this is the exact rule of a URI whose continuations Crossbar denies, though `wider` covers them.
    fn hides(&self, wider: &Self) -> bool {
        let policies = (self.pattern.policy(), wider.pattern.policy());
        policies == (MatchPolicy::Exact, MatchPolicy::Prefix) && self.overrides(wider)
    }
}

/// Writes the rules of the role at `role`. `trusted`: whoever may call everything may also end other sessions.
pub(super) fn write(
    draft: &mut Draft,
    role: &[&str],
    rules: &[Rule],
    precedence: Precedence,
    trusted: bool,
    notes: &mut Notes,
) {
    for rule in rules {
        allow(draft, role, rule);
        meta(draft, role, rule, trusted, notes);
    }
    if precedence == Precedence::MostSpecific {
        denials(draft, role, rules, notes);
        hidden(rules, notes);
    }
    flags(draft, role, rules);
}

fn allow(draft: &mut Draft, role: &[&str], rule: &Rule) {
    let listed = rule.pattern.to_string();
    let plain = Pattern::parse(&listed).is_ok_and(|pattern| pattern == rule.pattern);
    if plain && rule.disclose.is_empty() {
        for action in &rule.allow {
            draft.push(&[role, &[action.name()]].concat(), listed.as_str(), &rule.origin);
        }
    } else if !rule.allow.is_empty() {
        let mut long = long_form(&rule.pattern, &rule.allow, &[]);
        if let (Value::Object(keys), false) = (&mut long, rule.disclose.is_empty()) {
            keys.insert("disclose".to_owned(), json!(rule.disclose));
        }
        draft.push(&[role, &["permissions"]].concat(), long, &rule.origin);
    }
}

fn long_form(pattern: &Pattern, allow: &[Action], deny: &[Action]) -> Value {
    let names = |actions: &[Action]| actions.iter().map(|action| action.name()).collect::<Vec<_>>();
    let mut rule = json!({ "uri": pattern.text(), "match": pattern.policy().as_str(), "allow": names(allow) });
    if let (Value::Object(keys), false) = (&mut rule, deny.is_empty()) {
        keys.insert("deny".to_owned(), json!(names(deny)));
    }
    rule
}

/// What ends other sessions needs a rule that begins with `wamp.`.
fn meta(draft: &mut Draft, role: &[&str], rule: &Rule, trusted: bool, notes: &mut Notes) {
    let text = rule.pattern.text();
    let covers = rule.pattern.policy() == MatchPolicy::Prefix && "wamp.".starts_with(text) && text != "wamp.";
    if !covers || !rule.allows(Action::Call) {
        return;
    }
    if trusted {
        draft.push(&[role, &["call"]].concat(), "wamp.*", &rule.origin);
    } else {
        let message = "this also let anybody without a name end other sessions (wamp.session.kill and the like)";
        notes.add(&rule.origin, message, "it no longer does; to keep it so, add \"wamp.*\" to `call` of the role");
    }
}

/// Takes away what a more specific rule took away.
fn denials(draft: &mut Draft, role: &[&str], rules: &[Rule], notes: &mut Notes) {
    for rule in rules {
        let wider: Vec<&Rule> = rules.iter().filter(|other| rule.overrides(other)).collect();
        let lost = |action: &Action| !rule.allows(*action) && wider.iter().any(|wider| wider.allows(*action));
        let lost: Vec<Action> = Action::ALL.into_iter().filter(lost).collect();
        if lost.is_empty() {
            continue;
        }
        let narrower: Vec<&Rule> = rules.iter().filter(|other| other.overrides(rule)).collect();
        for narrow in &narrower {
            let taken: Vec<&str> =
                lost.iter().filter(|action| narrow.allows(**action)).map(|action| action.name()).collect();
            if !taken.is_empty() {
                let message = format!(
                    "the rule for {} denies this too here: {}",
                    quote(&rule.pattern.to_string()),
                    taken.join(", ")
                );
                let advice = "a denial always wins; if this rule must hold, take the denial away and list what is allowed instead";
                notes.add(&narrow.origin, message, advice);
            }
        }
        let listed = rule.pattern.to_string();
        let plain = Pattern::parse(&listed).is_ok_and(|pattern| pattern == rule.pattern);
        if plain && rule.allow.is_empty() && narrower.is_empty() {
            draft.push(&[role, &["deny"]].concat(), listed.as_str(), &rule.origin);
        } else {
            draft.push(&[role, &["permissions"]].concat(), long_form(&rule.pattern, &[], &lost), &rule.origin);
        }
        let names: Vec<&str> = lost.iter().map(|action| action.name()).collect();
        let message = format!("this rule takes away from a wider one: {}", names.join(", "));
        let advice =
            "written as a denial, which also refuses subscriptions and registrations by pattern that reach into it";
        notes.add(&rule.origin, message, advice);
    }
}

/// Notes that continuations of exact URIs are covered by the wider rule here.
fn hidden(rules: &[Rule], notes: &mut Notes) {
    for rule in rules {
        let wider = rules.iter().filter(|other| rule.hides(other) && !other.allow.is_empty());
        if let Some(wider) = wider.max_by_key(|wider| wider.pattern.text().len()) {
            let message = format!("in Crossbar this rule hides {} from longer URIs", quote(&wider.pattern.to_string()));
            let advice = format!(
                "here {} holds for URIs such as {}; deny them if they must stay closed",
                quote(&wider.pattern.to_string()),
                quote(&format!("{}.x", rule.pattern.text()))
            );
            notes.add(&rule.origin, message, advice);
        }
    }
}

/// What rules of the other routers allow without words.
fn flags(draft: &mut Draft, role: &[&str], rules: &[Rule]) {
    let first = |wanted: &dyn Fn(&Rule) -> bool| rules.iter().find(|rule| wanted(rule)).map(|rule| rule.origin.clone());
    if let Some(origin) = first(&|rule| rule.allows(Action::Register)) {
        draft.set(&[role, &["allow_pattern_register"]].concat(), true, &origin);
        draft.set(&[role, &["allow_force_reregister"]].concat(), true, &origin);
    }
    let everything = |rule: &Rule| {
        let all = rule.pattern.policy() == MatchPolicy::Prefix && rule.pattern.text().is_empty();
        all && (rule.allows(Action::Subscribe) || rule.allows(Action::Register))
    };
    if let Some(origin) = first(&everything) {
        draft.set(&[role, &["allow_match_all"]].concat(), true, &origin);
    }
}

/// A rule that allows everything.
pub(super) fn everything(origin: &Origin) -> Rule {
    Rule {
        pattern: pattern(MatchPolicy::Prefix, ""),
        allow: Action::ALL.to_vec(),
        disclose: Vec::new(),
        origin: origin.clone(),
    }
}

fn pattern(policy: MatchPolicy, text: &str) -> Pattern {
    Pattern::literal(policy, text).unwrap_or_default()
}

/// The names of patterns that were seen, to find those that stand twice.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeSet<Pattern>);

impl Seen {
    /// Whether `pattern` is seen for the first time.
    pub(super) fn first(&mut self, pattern: &Pattern) -> bool {
        self.0.insert(pattern.clone())
    }
}
