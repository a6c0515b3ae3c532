//! What is known of a realm outside its actor. Immutable: whoever has it needs to ask nobody.

use super::logins::Logins;
use super::pressure::Pressure;
use super::settings::{OutboxSettings, RealmSettings};
use crate::auth::{AuthSettings, NodeSecret};
use crate::authz::Verdicts;
use crate::routing::Permit;
use crate::session::{Doorman, Rules};
use std::collections::BTreeMap;
#[expect(clippy::disallowed_types, reason = "for what authorizers have said, below")]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};

/// What is known of a realm outside its actor: settings, and the rules of each role. Immutable.
pub struct RealmShared {
    /// The settings.
    pub settings: RealmSettings,
    /// How short of memory the node is.
    pub(crate) pressure: Pressure,
    /// Where costly proofs are checked.
    pub(crate) logins: Logins,
    rules: BTreeMap<String, Arc<Rules>>,
    /// What authorizers have said. Locked for a look-up, by sessions of roles that ask one.
    #[expect(
        clippy::disallowed_types,
        reason = "shared by the sessions of a role on all threads, as its authorizer says"
    )]
    verdicts: Mutex<Verdicts>,
}

impl RealmShared {
    pub(crate) fn new(settings: RealmSettings, pressure: Pressure, logins: Logins) -> Arc<Self> {
        let rules = settings.roles.keys().filter_map(|role| Some((role.clone(), Arc::new(settings.rules_of(role)?))));
        let rules = rules.collect();
        Arc::new(Self { settings, pressure, logins, rules, verdicts: Default::default() })
    }

    /// What authorizers have said and may be remembered.
    pub(crate) fn verdicts(&self) -> MutexGuard<'_, Verdicts> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has all authorizers asked anew.
    pub fn purge_verdicts(&self) {
        self.verdicts().purge();
    }

    /// What routing may ask about the permissions of a session with this role.
    pub(crate) fn permit(&self, role: &str) -> Permit {
        super::rights::permit(self.rules(role))
    }

    /// The outbox bounds of a session with this role.
    pub(crate) fn outbox(&self, role: &str) -> OutboxSettings {
        let mut outbox = self.settings.outbox;
        if let Some(on_overflow) = self.settings.roles.get(role).and_then(|role| role.on_overflow) {
            outbox.on_overflow = on_overflow;
        }
        outbox
    }
}

impl Doorman for RealmShared {
    fn auth(&self) -> &AuthSettings {
        &self.settings.auth
    }

    fn node_secret(&self) -> &NodeSecret {
        self.logins.node_secret()
    }

    fn rules(&self, role: &str) -> Option<Arc<Rules>> {
        self.rules.get(role).cloned()
    }
}
