//! Why a policy says yes or no: every rule it looked at, and the one that decided.
//!
//! Walks the rules one after the other, without the indexes that answer on the hot path; tests compare the two.

use super::policy::{begins_reserved, changes_others, matches_all};
use super::{Action, Policy, Rule};
use crate::wamp::MatchPolicy;

/// The answer to one question, with its reasons.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation<'a> {
    /// Whether it may be done.
    pub allowed: bool,
    /// What decided.
    pub reason: Reason<'a>,
    /// Whether a rule names the caller or publisher whatever the peers ask for.
    pub disclose: bool,
    /// All rules of the policy, first those that deny, each list in its own order.
    pub considered: Vec<Considered<'a>>,
}

/// What decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason<'a> {
    /// This rule allows it, and none denies it.
    Allowed(&'a Rule),
    /// This rule denies it, whatever is allowed.
    Denied(&'a Rule),
    /// No rule allows it.
    NothingAllows,
    /// It is a match on everything, and the role lacks `allow_match_all`.
    MatchesAll,
    /// It is a REGISTER of a pattern, and the role lacks `allow_pattern_register`.
    PatternRegister,
}

/// One rule, and why it did or did not apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Considered<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Whether it denies.
    pub denies: bool,
    /// How it relates to what was asked.
    pub relation: Relation,
}

/// How a rule relates to what was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// It covers what was asked; a rule that denies touches it at least.
    Covers,
    /// It is about other actions.
    OtherAction,
    /// It is about other URIs.
    OtherUri,
    /// It covers a part of what the pattern that was asked for may match, but not all of it.
    PartOnly,
    /// It would cover the procedure, which takes away what is others': that needs a rule that begins with `wamp.` or `wharf.`.
    TooWide,
}

impl Relation {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Covers => "covers it",
            Self::OtherAction => "is about other actions",
            Self::OtherUri => "is about other URIs",
            Self::PartOnly => "covers only a part of what the pattern matches",
            Self::TooWide => {
                "does not cover what takes away what is others': only a rule that begins with wamp. or wharf. does"
            }
        }
    }
}

impl Policy {
    /// The same verdict as [`Policy::check`], with everything that led to it.
    ///
    /// # Cost
    /// One pass over all rules, and a list of them.
    pub fn explain(&self, action: Action, text: &str, match_policy: MatchPolicy) -> Explanation<'_> {
        let (allow, deny) = self.rules();
        let denying = deny.iter().map(|rule| Considered {
            rule,
            denies: true,
            relation: if !rule.actions.contains(action) {
                Relation::OtherAction
            } else if rule.pattern.overlaps(text, match_policy) {
                Relation::Covers
            } else {
                Relation::OtherUri
            },
        });
        let allowing = allow.iter().map(|rule| Considered {
            rule,
            denies: false,
            relation: relation_of_allowing(rule, action, text, match_policy),
        });
        let considered: Vec<Considered<'_>> = denying.chain(allowing).collect();
        let covering = |denies: bool| {
            let covers = move |one: &&Considered<'_>| one.denies == denies && one.relation == Relation::Covers;
            considered.iter().filter(covers).map(|one| one.rule)
        };
        let flags = self.flags();
        let reason = if let Some(rule) = covering(true).next() {
            Reason::Denied(rule)
        } else if matches_all(text, match_policy) && !flags.allow_match_all {
            Reason::MatchesAll
        } else if action == Action::Register && match_policy != MatchPolicy::Exact && !flags.allow_pattern_register {
            Reason::PatternRegister
        } else {
            covering(false).next().map_or(Reason::NothingAllows, Reason::Allowed)
        };
        let allowed = matches!(reason, Reason::Allowed(_));
        let disclose = allowed && covering(false).any(|rule| rule.disclose.contains(action));
        Explanation { allowed, reason, disclose, considered }
    }
}

fn relation_of_allowing(rule: &Rule, action: Action, text: &str, match_policy: MatchPolicy) -> Relation {
    if !rule.actions.contains(action) {
        Relation::OtherAction
    } else if !rule.pattern.contains(text, match_policy) {
        let touches = match_policy != MatchPolicy::Exact && rule.pattern.overlaps(text, match_policy);
        if touches {
            Relation::PartOnly
        } else {
            Relation::OtherUri
        }
    } else if action == Action::Call
        && match_policy == MatchPolicy::Exact
        && changes_others(text)
        && !begins_reserved(rule.pattern.text())
    {
        Relation::TooWide
    } else {
        Relation::Covers
    }
}

#[cfg(test)]
mod tests;
