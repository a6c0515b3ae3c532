//! An immutable set of rules, and its verdict on one request.
//!
//! The indexes are built once, so that a check of a concrete URI, made for every CALL and PUBLISH, follows the octets
//! of the URI, and allocates nothing. Checks of patterns are rare and walk the rules.

mod index;

use super::{Action, Pattern};
use crate::wamp::MatchPolicy;
use index::Index;
use std::sync::Arc;

/// One line of permission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// What it covers.
    pub pattern: Pattern,
    /// Which actions.
    pub actions: Actions,
    /// The actions, out of [`Self::actions`], whose caller or publisher is named whatever the peers ask for.
    pub disclose: Actions,
    /// Where it stands, as `file:line`, for those who ask which rule decided.
    pub source: Arc<str>,
}

/// A set of actions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Actions(u8);

impl Actions {
    /// All four.
    pub const ALL: Self = Self(0b1111);

    /// Whether `action` is in it.
    pub const fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<T: IntoIterator<Item = Action>>(actions: T) -> Self {
        Self(actions.into_iter().fold(0, |bits, action| bits | 1 << action as u8))
    }
}

/// What a policy is made from.
#[derive(Clone, Debug, Default)]
pub struct PolicyRules {
    /// What is allowed.
    pub allow: Vec<Rule>,
    /// What is denied, whatever is allowed.
    pub deny: Vec<Rule>,
    /// Flags beside the rules.
    pub flags: PolicyFlags,
}

/// Rights that no rule expresses: off unless given, but for those that everybody has unless they are taken (`no_`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one per key of a role")]
pub struct PolicyFlags {
    /// The empty prefix, and wildcards of empty components only.
    pub allow_match_all: bool,
    /// REGISTER with match `prefix` or `wildcard`.
    pub allow_pattern_register: bool,
    /// REGISTER with `force_reregister`.
    pub allow_force_reregister: bool,
    /// REGISTER with `disclose_caller`.
    pub allow_disclose_caller: bool,
    /// No PUBLISH with `retain`.
    pub no_retain: bool,
    /// No CANCEL: what is called runs on.
    pub no_cancel: bool,
}

/// The rules of one role. `Default` denies everything.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: PolicyRules,
    /// By action.
    indexes: [ActionIndex; 4],
}

/// The answer to one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict<'a> {
    /// Whether it may be done.
    pub allowed: bool,
    /// Whether a rule names the caller or publisher whatever the peers ask for.
    pub disclose: bool,
    /// The rule that decided; none where nothing allows it, or only a flag is missing.
    pub rule: Option<&'a Rule>,
}

impl Policy {
    /// Builds the indexes.
    ///
    /// # Cost
    /// Sorts the rules once per action.
    pub fn new(rules: PolicyRules) -> Self {
        let index = |action| ActionIndex::new(&rules, action);
        let indexes = [Action::Call, Action::Register, Action::Publish, Action::Subscribe].map(index);
        Self { rules, indexes }
    }

    /// Whether `action` may be done to `uri`, compared by `match_policy`. A deny that touches it wins over all; what is
    /// asked must lie wholly inside one allowing rule; procedures that end other sessions or take away what is theirs are
    /// covered only by a rule that begins with `wamp.` or `wharf.`.
    ///
    /// # Cost
    /// For an exact URI one way through an index, or two with rules that deny, no allocation; for a pattern one pass over the rules.
    pub fn check(&self, action: Action, uri: &str, match_policy: MatchPolicy) -> Verdict<'_> {
        match match_policy {
            MatchPolicy::Exact => self.check_exact(action, uri),
            MatchPolicy::Prefix | MatchPolicy::Wildcard => self.check_pattern(action, uri, match_policy),
        }
    }

    /// What a role that asks an authorizer is refused unasked: by a rule that denies, or for want of a right beside the rules.
    pub fn refuses_unasked(&self, action: Action, text: &str, policy: MatchPolicy) -> bool {
        let flags = self.rules.flags;
        let of_action = |rule: &&Rule| rule.actions.contains(action);
        matches_all(text, policy) && !flags.allow_match_all
            || action == Action::Register && policy != MatchPolicy::Exact && !flags.allow_pattern_register
            || self.rules.deny.iter().filter(of_action).any(|rule| rule.pattern.overlaps(text, policy))
    }

    /// The rights beside the rules.
    pub fn flags(&self) -> PolicyFlags {
        self.rules.flags
    }

    /// Whether some rule allows `action` on anything.
    pub fn allows_any(&self, action: Action) -> bool {
        !self.index(action).allow.is_empty()
    }

    /// What all that some rule allows begins with; in no order.
    pub fn beginnings(&self, action: Action) -> Vec<&str> {
        let of_action = self.rules.allow.iter().filter(|rule| rule.actions.contains(action));
        of_action.map(|rule| rule.pattern.beginning()).collect()
    }

    /// The allowing and the denying rules.
    pub fn rules(&self) -> (&[Rule], &[Rule]) {
        (&self.rules.allow, &self.rules.deny)
    }

    fn check_exact(&self, action: Action, uri: &str) -> Verdict<'_> {
        let index = self.index(action);
        // What belongs to the router may be a procedure that needs more than `*`.
        if index.open.is_some() && !begins_reserved(uri) {
            return Verdict {
                allowed: true,
                disclose: false,
                rule: index.open.and_then(|rule| self.rules.allow.get(rule)),
            };
        }
        if let Some(rule) = index.deny.find(uri) {
            return self.denied_by(rule);
        }
        let allow = if action == Action::Call && changes_others(uri) { &index.allow_reserved } else { &index.allow };
        let Some(rule) = allow.find(uri) else { return Verdict::DENIED };
        let disclose = !index.disclose.is_empty() && index.disclose.find(uri).is_some();
        Verdict { allowed: true, disclose, rule: self.rules.allow.get(rule) }
    }

    fn check_pattern(&self, action: Action, text: &str, policy: MatchPolicy) -> Verdict<'_> {
        let of_action = |rule: &&Rule| rule.actions.contains(action);
        if let Some(rule) = self.rules.deny.iter().filter(of_action).find(|rule| rule.pattern.overlaps(text, policy)) {
            return Verdict { allowed: false, disclose: false, rule: Some(rule) };
        }
        let flags = self.rules.flags;
        if matches_all(text, policy) && !flags.allow_match_all
            || action == Action::Register && !flags.allow_pattern_register
        {
            return Verdict::DENIED;
        }
        let mut containing =
            self.rules.allow.iter().filter(of_action).filter(|rule| rule.pattern.contains(text, policy));
        let Some(rule) = containing.next() else { return Verdict::DENIED };
        let disclose = rule.disclose.contains(action) || containing.any(|rule| rule.disclose.contains(action));
        Verdict { allowed: true, disclose, rule: Some(rule) }
    }

    fn denied_by(&self, rule: usize) -> Verdict<'_> {
        Verdict { allowed: false, disclose: false, rule: self.rules.deny.get(rule) }
    }

    fn index(&self, action: Action) -> &ActionIndex {
        let [call, register, publish, subscribe] = &self.indexes;
        match action {
            Action::Call => call,
            Action::Register => register,
            Action::Publish => publish,
            Action::Subscribe => subscribe,
        }
    }
}

impl Verdict<'_> {
    const DENIED: Self = Self { allowed: false, disclose: false, rule: None };
}

/// The rules of one action, by what they do.
#[derive(Clone, Debug, Default)]
struct ActionIndex {
    /// The rule `*`, where nothing is denied and nothing disclosed: it decides alone.
    open: Option<usize>,
    deny: Index,
    allow: Index,
    /// Those of `allow` that begin with `wamp.` or `wharf.`.
    allow_reserved: Index,
    /// Those of `allow` that force disclosure.
    disclose: Index,
}

impl ActionIndex {
    fn new(rules: &PolicyRules, action: Action) -> Self {
        let index = |rules: &[Rule], keep: fn(&Rule, Action) -> bool| {
            Index::new(rules.iter().enumerate().filter(|(_, rule)| rule.actions.contains(action) && keep(rule, action)))
        };
        let deny = index(&rules.deny, |_, _| true);
        let allow = index(&rules.allow, |_, _| true);
        let allow_reserved = index(&rules.allow, |rule, _| begins_reserved(rule.pattern.text()));
        let disclose = index(&rules.allow, |rule, action| rule.disclose.contains(action));
        let open = allow.everything().filter(|_| deny.is_empty() && disclose.is_empty());
        Self { open, deny, allow, allow_reserved, disclose }
    }
}

/// Whether a URI or pattern lies under what belongs to the router.
#[inline]
pub(super) fn begins_reserved(text: &str) -> bool {
    text.starts_with("wamp.") || text.starts_with("wharf.")
}

/// Whether a pattern has no text that would narrow it: the empty prefix, and wildcards of empty components only.
pub(super) fn matches_all(text: &str, policy: MatchPolicy) -> bool {
    match policy {
        MatchPolicy::Exact => false,
        MatchPolicy::Prefix => text.is_empty(),
        MatchPolicy::Wildcard => text.bytes().all(|octet| octet == b'.'),
    }
}

/// Whether a procedure of the router ends other sessions, takes away what is theirs, or administers the node.
pub(super) fn changes_others(procedure: &str) -> bool {
    matches!(
        procedure,
        "wamp.session.kill"
            | "wamp.session.kill_by_authid"
            | "wamp.session.kill_by_authrole"
            | "wamp.session.kill_all"
            | "wamp.registration.remove_callee"
            | "wamp.subscription.remove_subscriber"
            | "wharf.retained.clear"
    ) || procedure.starts_with("wharf.admin.")
}

#[cfg(test)]
mod tests;
