//! `[realms.NAME.roles]`: from the lists and the long form to the rules of a policy, inherited ones included.

use super::Resolver;
use crate::actors::settings::{OnOverflow, Rate};
use crate::authz::{Action, Actions, Pattern, PolicyFlags, PolicyRules, Rule};
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{Party, Permission, Realm, Role, RuleLists};
use crate::config::values::{Items, ListPattern};
use std::collections::BTreeSet;

impl Resolver<'_> {
    /// The rules of a role with all that it inherits, and its own or the nearest inherited rate and overflow policy.
    pub(super) fn role_rules(&mut self, realm: &Realm, name: &str) -> (PolicyRules, Option<Rate>, Option<OnOverflow>) {
        let mut gathered = Gathered::default();
        self.gather(realm, name, &mut vec![name.to_owned()], &mut gathered);
        let inherited = |own, else_: bool| inherited_flag(realm, name, own, else_, &mut BTreeSet::new());
        let flag = |own: fn(&Role) -> Option<bool>| inherited(own, false);
        let taken = |own: fn(&Role) -> Option<bool>| !inherited(own, true);
        gathered.rules.flags = PolicyFlags {
            allow_match_all: flag(|role| role.allow_match_all.value),
            allow_pattern_register: flag(|role| role.allow_pattern_register.value),
            allow_force_reregister: flag(|role| role.allow_force_reregister.value),
            allow_disclose_caller: flag(|role| role.allow_disclose_caller.value),
            no_retain: taken(|role| role.allow_retain.value),
            no_cancel: taken(|role| role.allow_cancel.value),
        };
        // One that bounds nothing still hides an inherited one.
        let rate = gathered.rate.filter(|rate| rate.calls.or(rate.publishes).or(rate.connects).is_some());
        (gathered.rules, rate, gathered.on_overflow)
    }

    /// Takes in the rules of `name`, then those of its parents; `line` is the way here.
    fn gather(&mut self, realm: &Realm, name: &str, line: &mut Vec<String>, gathered: &mut Gathered) {
        if !gathered.seen.insert(name.to_owned()) {
            return;
        }
        let Some(role) = realm.roles.get(name) else { return };
        let per_second = |rate: &Option<crate::config::values::Rate>| rate.as_ref().map(|rate| rate.0);
        let own = role.rate.value.as_ref().map(|rate| Rate {
            calls: per_second(&rate.calls.value),
            publishes: per_second(&rate.publishes.value),
            connects: per_second(&rate.connects.value),
            burst: rate.burst.0,
        });
        gathered.rate = gathered.rate.or(own);
        gathered.on_overflow = gathered.on_overflow.or(role.on_overflow.value);
        self.listed(&role.lists, &mut gathered.rules);
        for parent in &role.inherit.0 {
            if line.contains(&parent.value) {
                if line.first() == Some(&parent.value) {
                    let way = line.iter().chain([&parent.value]).cloned().collect::<Vec<_>>().join(" -> ");
                    let message = format!("the role `{}` inherits from itself", parent.value);
                    self.error(Code::InheritanceCycle, parent, message, way);
                }
                continue;
            }
            line.push(parent.value.clone());
            self.gather(realm, &parent.value, line, gathered);
            line.pop();
        }
    }

    /// Takes in the rules of the lists and of the long form.
    pub(super) fn listed(&mut self, lists: &RuleLists, rules: &mut PolicyRules) {
        for (patterns, action) in [
            (&lists.call, Action::Call),
            (&lists.register, Action::Register),
            (&lists.publish, Action::Publish),
            (&lists.subscribe, Action::Subscribe),
        ] {
            rules.allow.extend(self.list(patterns, Actions::from_iter([action])));
        }
        rules.deny.extend(self.list(&lists.deny, Actions::ALL));
        for permission in &lists.permissions.0 {
            let Some((allow, deny)) = self.permission(permission) else { continue };
            rules.allow.extend((!allow.actions.is_empty()).then_some(allow));
            rules.deny.extend(deny);
        }
    }

    fn list(&self, patterns: &Items<ListPattern>, actions: Actions) -> Vec<Rule> {
        let rule = |pattern: &Placed<ListPattern>| Rule {
            pattern: pattern.pattern.clone(),
            actions,
            disclose: Actions::default(),
            source: self.sources.short(pattern.place).into(),
        };
        patterns.0.iter().map(rule).collect()
    }

    /// The rule that allows, and the one that denies if anything is denied.
    fn permission(&mut self, permission: &Placed<Permission>) -> Option<(Rule, Option<Rule>)> {
        let actions: Actions = permission.allow.0.iter().map(|action| action.value).collect();
        let denied: Actions = permission.deny.0.iter().map(|action| action.value).collect();
        for action in permission.deny.0.iter().filter(|action| actions.contains(action.value)) {
            let message = format!("this rule allows and denies the same: {}", action.value.name());
            self.error(Code::Exclusive, action, message, "take it out of one of the two");
        }
        for party in &permission.disclose.0 {
            let (word, action) = match party.value {
                Party::Caller => ("call", Action::Call),
                Party::Publisher => ("publish", Action::Publish),
            };
            if !actions.contains(action) {
                let message = format!("this rule discloses who does what it does not allow: {word}");
                self.error(Code::Exclusive, party, message, format!("add \"{word}\" to `allow`"));
            }
        }
        if !permission.uri.is_given() || permission.match_policy.broken {
            return None;
        }
        let disclosed = |party: &Placed<Party>| match party.value {
            Party::Caller => Action::Call,
            Party::Publisher => Action::Publish,
        };
        match Pattern::literal(permission.match_policy.value, &permission.uri) {
            Ok(pattern) => {
                let source = self.sources.short(permission.place).into();
                let disclose = permission.disclose.0.iter().map(disclosed).collect();
                let allow = Rule { pattern, actions, disclose, source };
                let deny = Rule { actions: denied, disclose: Actions::default(), ..allow.clone() };
                Some((allow, (!denied.is_empty()).then_some(deny)))
            }
            Err(fault) => {
                let message =
                    format!("\"{}\" is no URI for match {}", permission.uri.value, permission.match_policy.as_str());
                self.error(Code::Malformed, &permission.uri, message, fault.to_string());
                None
            }
        }
    }
}

/// What is gathered along the lines of inheritance.
#[derive(Default)]
struct Gathered {
    rules: PolicyRules,
    rate: Option<Rate>,
    on_overflow: Option<OnOverflow>,
    seen: BTreeSet<String>,
}

/// A flag as the role sets it; where it does not, whether a parent has it; without parents `else_`.
fn inherited_flag(
    realm: &Realm,
    name: &str,
    flag: fn(&Role) -> Option<bool>,
    else_: bool,
    seen: &mut BTreeSet<String>,
) -> bool {
    let Some(role) = realm.roles.get(name).filter(|_| seen.insert(name.to_owned())) else { return false };
    let parents = &role.inherit.0;
    flag(role).unwrap_or_else(|| match parents.is_empty() {
        true => else_,
        false => parents.iter().any(|parent| inherited_flag(realm, parent, flag, else_, seen)),
    })
}
