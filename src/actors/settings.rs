//! The settings of realms, of their outboxes and of the node's worker threads. `config` fills them; nothing here knows
//! about files.

use super::told::ProcedureTold;
use crate::auth::{AuthSettings, Groups};
use crate::authz::{Authorizer, Decider, GrantSet, Grants, Policy, United};
use crate::routing::{RealmRules, UriTable};
pub use crate::session::Disclose;
pub use crate::session::Rate;
use crate::session::Rules;
use crate::wamp::uri::UriRules;
use crate::wamp::Uri;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// One realm, complete.
#[derive(Clone, Debug)]
pub struct RealmSettings {
    /// The name in the configuration, used in metrics and in REST paths.
    pub name: String,
    /// The name on the wire.
    pub uri: Uri,
    /// Text for people.
    pub description: String,
    /// Which URIs are lawful.
    pub uri_rules: UriRules,
    /// Whether each request id must be the one before plus 1 (D3).
    pub strict_request_ids: bool,
    /// Whether callers and publishers are named.
    pub disclose: Disclose,
    /// Bounds, features, and the settings of topics and procedures, for the routing core.
    pub rules: RealmRules,
    /// Whether new rules take back the subscriptions and registrations that they forbid.
    pub revoke_on_reload: bool,
    /// What may wait for one session.
    pub outbox: OutboxSettings,
    /// Who may enter.
    pub auth: AuthSettings,
    /// What they may do, by role.
    pub roles: BTreeMap<String, RoleSettings>,
    /// Which users belong together.
    pub groups: Arc<Groups>,
    /// What users and groups may do beyond their role.
    pub grants: Arc<Grants>,
    /// What is told of procedures; of several that fit the most specific one decides.
    pub told: Arc<UriTable<ProcedureTold>>,
}

impl RealmSettings {
    /// What sessions of a role live by; `None` if there is no such role.
    pub fn rules_of(&self, role: &str) -> Option<Rules> {
        let role = self.roles.get(role)?;
        Some(Rules {
            uri_rules: self.uri_rules,
            strict_request_ids: self.strict_request_ids,
            disclose: self.disclose,
            policy: Arc::clone(&role.policy),
            authorizer: role.authorizer.clone(),
            features: self.rules.features,
            rate: role.rate,
        })
    }

    /// What a user is granted beyond its role.
    pub fn granted(&self, authid: &str) -> GrantSet {
        if self.grants.is_empty() {
            return GrantSet::default();
        }
        self.grants.of(authid, self.groups.of(authid).iter())
    }

    /// What sessions of a role live by whose user has these grants; `None` if there is no such role.
    ///
    /// # Cost
    /// As [`Grants::unite`].
    pub fn rules_with(&self, role: &str, granted: &GrantSet) -> Option<(Rules, United)> {
        let rules = self.rules_of(role)?;
        let decider = if rules.authorizer.is_some() { Decider::Authorizer } else { Decider::Rules };
        let united = self.grants.unite(&rules.policy, decider, granted);
        Some((Rules { policy: Arc::clone(&united.policy), ..rules }, united))
    }
}

/// One role of a realm, inherited rules included.
#[derive(Clone, Debug)]
pub struct RoleSettings {
    /// What it may do.
    pub policy: Arc<Policy>,
    /// Who is asked in place of rules.
    pub authorizer: Option<Arc<Authorizer>>,
    /// How often its sessions may call and publish, if that is bounded.
    pub rate: Option<Rate>,
    /// What happens when the outbox of one of its sessions is full, if that differs from the realm's.
    pub on_overflow: Option<OnOverflow>,
}

/// The bounds of one session's outbox, and what happens at them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutboxSettings {
    /// Octets that may wait. 4 MiB.
    pub bytes_max: usize,
    /// Messages that may wait. 10,000.
    pub messages_max: usize,
    /// Not empty and not an octet taken for this long: the session is cut. 10 s.
    pub stall: Duration,
    /// What happens to what does not fit.
    pub on_overflow: OnOverflow,
    /// Whether `wharf.session.on_overflow` is published.
    pub notify: bool,
}

/// What happens to a message that does not fit into the outbox. Only EVENTs are ever dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnOverflow {
    /// The session is cut.
    #[default]
    Disconnect,
    /// The oldest waiting EVENTs are dropped until it fits.
    DropOldest,
    /// The new EVENT is dropped.
    DropNewest,
}

impl OnOverflow {
    /// The name in settings, metrics and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::DropOldest => "drop_oldest",
            Self::DropNewest => "drop_newest",
        }
    }
}

impl Default for OutboxSettings {
    fn default() -> Self {
        Self {
            bytes_max: 4 << 20,
            messages_max: 10_000,
            stall: Duration::from_secs(10),
            on_overflow: OnOverflow::Disconnect,
            notify: true,
        }
    }
}

/// Realms that a HELLO opens.
#[derive(Clone, Debug)]
pub struct RealmTemplate {
    /// The name in the configuration.
    pub name: String,
    /// Which realm URIs it covers, as a prefix or wildcard pattern.
    pub pattern: crate::authz::Pattern,
    /// Everything but name and URI.
    pub settings: RealmSettings,
    /// Closed after this long without sessions.
    pub idle_close: Duration,
    /// At most so many at a time.
    pub realms_max: usize,
}

impl RealmTemplate {
    /// The settings of the realm that it is made to.
    pub(super) fn settings_for(&self, uri: &Uri) -> RealmSettings {
        RealmSettings { uri: uri.detached(), name: uri.to_string(), ..self.settings.clone() }
    }
}
