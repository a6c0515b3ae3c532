//! What is known of a realm outside its actor. Immutable: whoever has it needs to ask nobody.

use super::logins::Logins;
use super::pressure::Pressure;
use super::settings::{OutboxSettings, RealmSettings};
use crate::auth::{AuthSettings, NodeSecret};
use crate::routing::Permit;
use crate::session::{Doorman, Rules};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of a realm outside its actor: settings, and the rules of each role. Immutable.
pub struct RealmShared {
    /// The settings.
    pub settings: RealmSettings,
    /// How short of memory the node is.
    pub(crate) pressure: Pressure,
    /// Where costly proofs are checked.
    pub(crate) logins: Logins,
    rules: BTreeMap<String, Arc<Rules>>,
}

impl RealmShared {
    pub(crate) fn new(settings: RealmSettings, pressure: Pressure, logins: Logins) -> Arc<Self> {
        let rules = settings.roles.keys().filter_map(|role| Some((role.clone(), Arc::new(settings.rules_of(role)?))));
        let rules = rules.collect();
        Arc::new(Self { settings, pressure, logins, rules })
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
