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
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

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
}

/// The rules by their texts, so that those that are about the same URIs are found without asking each about each.
struct Index<'r> {
    prefixes: BTreeMap<&'r str, &'r Rule>,
    exact: BTreeMap<&'r str, &'r Rule>,
    wildcards: Vec<&'r Rule>,
}

impl<'r> Index<'r> {
    fn new(rules: &'r [Rule]) -> Self {
        let of = |policy: MatchPolicy| rules.iter().filter(move |rule| rule.pattern.policy() == policy);
        let by_text = |rule: &'r Rule| (rule.pattern.text(), rule);
        Self {
            prefixes: of(MatchPolicy::Prefix).map(by_text).collect(),
            exact: of(MatchPolicy::Exact).map(by_text).collect(),
            wildcards: of(MatchPolicy::Wildcard).collect(),
        }
    }

    /// The prefix rules that cover `text`.
    fn prefixes_of(&self, text: &str) -> impl Iterator<Item = &'r Rule> + use<'_, 'r> {
        let starts: Vec<String> = (0..=text.len()).filter_map(|end| text.get(..end).map(str::to_owned)).collect();
        starts.into_iter().filter_map(|start| self.prefixes.get(start.as_str()).copied())
    }

    /// The rules in whose place `rule` decides for some URIs.
    fn wider(&self, rule: &Rule) -> Vec<&'r Rule> {
        let text = rule.pattern.text();
        match rule.pattern.policy() {
            MatchPolicy::Exact => {
                let wildcards = self.wildcards.iter().copied().filter(|other| other.pattern.matches(text));
                self.prefixes_of(text).chain(wildcards).collect()
            }
            MatchPolicy::Prefix => self.prefixes_of(text).filter(|other| other.pattern.text() != text).collect(),
            MatchPolicy::Wildcard => {
                let touches = |other: &&Rule| other.pattern.overlaps(text, MatchPolicy::Wildcard);
                self.prefixes.values().copied().filter(touches).collect()
            }
        }
    }

    /// The rules that decide in place of `rule` for some URIs.
    fn narrower(&self, rule: &Rule) -> Vec<&'r Rule> {
        let text = rule.pattern.text();
        match rule.pattern.policy() {
            MatchPolicy::Exact => Vec::new(),
            MatchPolicy::Prefix => {
                let longer = |rules: &BTreeMap<&'r str, &'r Rule>| {
                    let from = rules
                        .range::<str, _>((Bound::Included(text), Bound::Unbounded))
                        .take_while(|(other, _)| other.starts_with(text));
                    from.map(|(_, rule)| *rule).collect::<Vec<_>>()
                };
                let prefixes = longer(&self.prefixes).into_iter().filter(|other| other.pattern.text() != text);
                let wildcards = self.wildcards.iter().copied();
                let wildcards =
                    wildcards.filter(|other| rule.pattern.overlaps(other.pattern.text(), MatchPolicy::Wildcard));
                prefixes.chain(longer(&self.exact)).chain(wildcards).collect()
            }
            MatchPolicy::Wildcard => {
                self.exact.values().copied().filter(|other| rule.pattern.matches(other.pattern.text())).collect()
            }
        }
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
    let mut lists = Lists::new();
    for rule in rules {
        allow(&mut lists, rule);
        meta(&mut lists, rule, trusted, notes);
    }
    if precedence == Precedence::MostSpecific {
        let index = Index::new(rules);
        denials(&mut lists, rules, &index, notes);
        hidden(rules, &index, notes);
    }
    for (key, items) in lists {
        draft.list(&[role, &[key]].concat(), items);
    }
    flags(draft, role, rules);
}

/// What goes into the lists of a role, by their names.
type Lists = BTreeMap<&'static str, Vec<(Value, Origin)>>;

fn allow(lists: &mut Lists, rule: &Rule) {
    let listed = rule.pattern.to_string();
    let plain = Pattern::parse(&listed).is_ok_and(|pattern| pattern == rule.pattern);
    if plain && rule.disclose.is_empty() {
        for action in &rule.allow {
            lists.entry(action.name()).or_default().push((listed.as_str().into(), rule.origin.clone()));
        }
    } else if !rule.allow.is_empty() {
        let mut long = long_form(&rule.pattern, &rule.allow, &[]);
        if let (Value::Object(keys), false) = (&mut long, rule.disclose.is_empty()) {
            keys.insert("disclose".to_owned(), json!(rule.disclose));
        }
        lists.entry("permissions").or_default().push((long, rule.origin.clone()));
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
fn meta(lists: &mut Lists, rule: &Rule, trusted: bool, notes: &mut Notes) {
    let text = rule.pattern.text();
    let covers = rule.pattern.policy() == MatchPolicy::Prefix && "wamp.".starts_with(text) && text != "wamp.";
    if !covers || !rule.allows(Action::Call) {
        return;
    }
    if trusted {
        lists.entry("call").or_default().push(("wamp.*".into(), rule.origin.clone()));
    } else {
        let message = "this also let anybody without a name end other sessions (wamp.session.kill and the like)";
        notes.add(&rule.origin, message, "it no longer does; to keep it so, add \"wamp.*\" to `call` of the role");
    }
}

/// Takes away what a more specific rule took away.
fn denials(lists: &mut Lists, rules: &[Rule], index: &Index<'_>, notes: &mut Notes) {
    for rule in rules {
        let wider = index.wider(rule);
        let lost = |action: &Action| !rule.allows(*action) && wider.iter().any(|wider| wider.allows(*action));
        let lost: Vec<Action> = Action::ALL.into_iter().filter(lost).collect();
        if lost.is_empty() {
            continue;
        }
        let narrower = index.narrower(rule);
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
            lists.entry("deny").or_default().push((listed.into(), rule.origin.clone()));
        } else {
            let long = long_form(&rule.pattern, &[], &lost);
            lists.entry("permissions").or_default().push((long, rule.origin.clone()));
        }
        let names: Vec<&str> = lost.iter().map(|action| action.name()).collect();
        let message = format!("this rule takes away from a wider one: {}", names.join(", "));
        let advice =
            "written as a denial, which also refuses subscriptions and registrations by pattern that reach into it";
        notes.add(&rule.origin, message, advice);
    }
}

/// Notes that continuations of exact URIs are covered by the wider rule here.
fn hidden(rules: &[Rule], index: &Index<'_>, notes: &mut Notes) {
    for rule in rules.iter().filter(|rule| rule.pattern.policy() == MatchPolicy::Exact) {
        let wider = index.prefixes_of(rule.pattern.text()).filter(|other| !other.allow.is_empty());
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
