//! What users and groups are granted beside their role: more rules, united with the role's into one policy.
//!
//! Pure. A policy is united when somebody logs in, never for a message; who has no grant has the role's own. Nothing here
//! knows who is in which group: whoever asks says so. Source: section 2 of the page on Bondy; `docs/decisions/0018`.

use super::policy::{Policy, PolicyFlags, PolicyRules, Rule};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// `grants.NAME`.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// Its name.
    pub name: String,
    /// Users that have it, by authid.
    pub users: Vec<String>,
    /// Groups whose members have it.
    pub groups: Vec<String>,
    /// What it allows and denies.
    pub rules: PolicyRules,
}

/// The grants of a realm.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    grants: Vec<Grant>,
    by_user: BTreeMap<String, Vec<usize>>,
    by_group: BTreeMap<String, Vec<usize>>,
}

/// Grants that somebody has. Those of two users are equal if they have the same ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct GrantSet(BTreeSet<usize>);

impl GrantSet {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How much of a role's rules hold for somebody who has grants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decider {
    /// Rules decide: what a grant allows is allowed.
    Rules,
    /// An authorizer decides: grants allow nothing. What they deny is denied, and their flags hold.
    Authorizer,
}

/// The rules of a role and of grants as one policy.
#[derive(Clone, Debug)]
pub struct United {
    /// In force for whoever has just that role and those grants.
    pub policy: Arc<Policy>,
    /// Which of its rules came by which grant; the others are the role's.
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    grant: String,
    allow: Range<usize>,
    deny: Range<usize>,
}

impl Grants {
    /// These.
    pub fn new(grants: Vec<Grant>) -> Self {
        let (mut by_user, mut by_group) = (BTreeMap::new(), BTreeMap::new());
        for (number, grant) in grants.iter().enumerate() {
            for (names, by_name) in [(&grant.users, &mut by_user), (&grant.groups, &mut by_group)] {
                for name in names {
                    by_name.entry(name.clone()).or_insert_with(Vec::new).push(number);
                }
            }
        }
        Self { grants, by_user, by_group }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter()
    }

    /// Those of a user who is in these groups.
    pub fn of<'a>(&self, authid: &str, groups: impl Iterator<Item = &'a str>) -> GrantSet {
        let own = self.by_user.get(authid).into_iter();
        GrantSet(own.chain(groups.filter_map(|group| self.by_group.get(group))).flatten().copied().collect())
    }

    /// The rules of a role and of grants together: a deny of any of them wins, a right beside the rules is had if any of them
    /// gives it.
    ///
    /// # Cost
    /// A copy of all the rules, and their indexes.
    pub fn unite(&self, role: &Policy, decider: Decider, set: &GrantSet) -> United {
        let (allow, deny) = role.rules();
        let mut rules = PolicyRules { allow: allow.to_vec(), deny: deny.to_vec(), flags: role.flags() };
        let mut parts = Vec::new();
        for grant in set.0.iter().filter_map(|number| self.grants.get(*number)) {
            let (allow, deny) = (rules.allow.len(), rules.deny.len());
            if decider == Decider::Rules {
                rules.allow.extend_from_slice(&grant.rules.allow);
            }
            rules.deny.extend_from_slice(&grant.rules.deny);
            rules.flags = rules.flags.or(grant.rules.flags);
            parts.push(Part {
                grant: grant.name.clone(),
                allow: allow..rules.allow.len(),
                deny: deny..rules.deny.len(),
            });
        }
        United { policy: Arc::new(Policy::new(rules)), parts }
    }
}

impl United {
    /// The grant by which a rule of the policy came; `None`: the role has it.
    pub fn grant_of(&self, rule: &Rule) -> Option<&str> {
        let (allow, deny) = self.policy.rules();
        let place = |rules: &[Rule]| rules.iter().position(|other| std::ptr::eq(other, rule));
        let (allow, deny) = (place(allow), place(deny));
        let is_in = |part: &&Part| {
            allow.is_some_and(|place| part.allow.contains(&place))
                || deny.is_some_and(|place| part.deny.contains(&place))
        };
        self.parts.iter().find(is_in).map(|part| part.grant.as_str())
    }
}

impl PolicyFlags {
    fn or(self, other: Self) -> Self {
        Self {
            allow_match_all: self.allow_match_all || other.allow_match_all,
            allow_pattern_register: self.allow_pattern_register || other.allow_pattern_register,
            allow_force_reregister: self.allow_force_reregister || other.allow_force_reregister,
            allow_disclose_caller: self.allow_disclose_caller || other.allow_disclose_caller,
            no_retain: self.no_retain && other.no_retain,
            no_cancel: self.no_cancel && other.no_cancel,
        }
    }
}

#[cfg(test)]
mod tests;
