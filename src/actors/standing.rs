//! What the sessions of a realm live by: the rules of their role, united with what their user is granted beyond it.
//!
//! Found once for a login and for a change of settings, never for a message. Sessions of one role share its rules; those of one
//! role and the same grants share the united ones.

use super::rights;
use super::settings::RealmSettings;
use crate::auth::Identity;
use crate::authz::GrantSet;
use crate::routing::Permit;
use crate::session::Rules;
use std::collections::BTreeMap;
#[expect(clippy::disallowed_types, reason = "for united rules, below")]
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};

/// United rules that are kept for others; beyond that each session has its own.
const UNITED_MAX: usize = 4096;

/// What sessions of one role and with the same grants live by.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) rules: Arc<Rules>,
    /// The same, as routing asks for it.
    pub(super) permit: Permit,
}

impl Standing {
    fn new(rules: Rules) -> Self {
        let rules = Arc::new(rules);
        Self { permit: rights::permit(Arc::clone(&rules)), rules }
    }
}

/// Those of a realm.
pub(super) struct Standings {
    roles: BTreeMap<String, Standing>,
    /// By role and grants. Locked for a look-up, in a login of somebody who has grants.
    #[expect(clippy::disallowed_types, reason = "sessions of all threads share them, as they do those of a role")]
    united: Mutex<BTreeMap<(String, GrantSet), Standing>>,
}

impl Standings {
    pub(super) fn new(settings: &RealmSettings) -> Self {
        let of_role = |role: &String| Some((role.clone(), Standing::new(settings.rules_of(role)?)));
        Self { roles: settings.roles.keys().filter_map(of_role).collect(), united: Default::default() }
    }

    pub(super) fn has_role(&self, role: &str) -> bool {
        self.roles.contains_key(role)
    }

    /// `None`: there is no such role.
    pub(super) fn of(&self, settings: &RealmSettings, identity: &Identity) -> Option<Standing> {
        let of_role = self.roles.get(&*identity.authrole)?;
        let granted = if identity.has_name() { settings.granted(&identity.authid) } else { GrantSet::default() };
        if granted.is_empty() {
            return Some(of_role.clone());
        }
        let key = (identity.authrole.to_string(), granted);
        let united = || self.united.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = united().get(&key) {
            return Some(known.clone());
        }
        // Not while others wait: it may take milliseconds.
        let (rules, _) = settings.rules_with(&key.0, &key.1)?;
        let made = Standing::new(rules);
        let mut united = united();
        if united.len() >= UNITED_MAX {
            return Some(made);
        }
        Some(united.entry(key).or_insert(made).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::peer::open_realm;
    use super::*;
    use crate::auth::{Group, Groups};
    use crate::authz::{Action, Actions, Authorizer, Grant, Grants, OnFailure, Pattern, PolicyRules, Rule, Scope};
    use crate::wamp::{MatchPolicy, Uri};

    fn settings() -> RealmSettings {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let staff = Group { users: texts(&["joe", "ann"]), groups: Vec::new() };
        let grant = Grant {
            name: "a".to_owned(),
            groups: texts(&["staff"]),
            rules: PolicyRules::default(),
            ..Grant::default()
        };
        RealmSettings {
            groups: Arc::new(Groups::new([("staff".to_owned(), staff)].into_iter().collect())),
            grants: Arc::new(Grants::new(vec![grant])),
            ..open_realm(crate::actors::settings::OutboxSettings::default())
        }
    }

    fn identity(authid: &str, authmethod: &str) -> Identity {
        let authrole = "anonymous".into();
        Identity { authid: authid.into(), authrole, authmethod: authmethod.into(), authprovider: "static".into() }
    }

    /// The hot path of who has no grant is that of a realm without any: the same rules, not a copy.
    #[test]
    fn sessions_share_the_rules_of_their_role_and_those_with_the_same_grants_share_the_united_ones() {
        let settings = settings();
        let standings = Standings::new(&settings);
        let rules = |authid: &str, method: &str| standings.of(&settings, &identity(authid, method)).unwrap().rules;
        assert!(Arc::ptr_eq(&rules("zoe", "ticket"), &rules("bob", "ticket")));
        assert!(Arc::ptr_eq(&rules("zoe", "ticket"), &standings.roles["anonymous"].rules));
        assert!(Arc::ptr_eq(&rules("joe", "ticket"), &rules("ann", "cryptosign")));
        assert!(!Arc::ptr_eq(&rules("joe", "ticket"), &rules("zoe", "ticket")));
        // A name that was drawn is nobody's, whatever it reads.
        assert!(Arc::ptr_eq(&rules("joe", "anonymous"), &rules("zoe", "ticket")));
        let nobody = Identity { authrole: "none".into(), ..identity("joe", "ticket") };
        assert!(standings.of(&settings, &nobody).is_none());
    }

    /// Decision 18: the authorizer of the role decides as before.
    #[test]
    fn who_has_grants_and_a_role_that_asks_is_still_asked_about() {
        let mut settings = settings();
        let everything = Rule {
            pattern: Pattern::parse("*").unwrap(),
            actions: Actions::ALL,
            disclose: Actions::default(),
            source: "".into(),
        };
        let secret = Rule { pattern: Pattern::parse("com.secret").unwrap(), ..everything.clone() };
        let rules = PolicyRules { allow: vec![everything], deny: vec![secret], ..PolicyRules::default() };
        let grant = Grant { name: "a".to_owned(), users: vec!["joe".to_owned()], rules, ..Grant::default() };
        settings.grants = Arc::new(Grants::new(vec![grant]));
        let authorizer = Authorizer {
            procedure: "com.authorize".into(),
            cache: None,
            cache_scope: Scope::Session,
            timeout: std::time::Duration::from_secs(1),
            on_failure: OnFailure::Deny,
            source: "".into(),
        };
        let role = settings.roles.get_mut("anonymous").unwrap();
        (role.policy, role.authorizer) = (Arc::default(), Some(Arc::new(authorizer)));
        let rules = Standings::new(&settings).of(&settings, &identity("joe", "ticket")).unwrap().rules;
        let call = |uri: &str| (Action::Call, uri.into(), MatchPolicy::Exact);
        let asked = |(action, uri, policy): (Action, Uri, MatchPolicy)| {
            (rules.allows(action, &uri, policy), rules.forbids(action, &uri, policy))
        };
        assert_eq!((asked(call("com.a")), asked(call("com.secret"))), ((false, false), (false, true)));
    }

    #[test]
    fn united_rules_that_are_kept_are_bounded() {
        let names: Vec<String> = (0..UNITED_MAX + 10).map(|number| format!("u{number}")).collect();
        let grant = |name: &String| Grant { name: name.clone(), users: vec![name.clone()], ..Grant::default() };
        let settings = RealmSettings { grants: Arc::new(Grants::new(names.iter().map(grant).collect())), ..settings() };
        let standings = Standings::new(&settings);
        assert!(names.iter().all(|name| standings.of(&settings, &identity(name, "ticket")).is_some()));
        assert_eq!(standings.united.lock().unwrap().len(), UNITED_MAX);
    }
}
