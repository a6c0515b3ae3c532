//! What is known of a realm outside its actor. Immutable: whoever has it needs to ask nobody. New settings are a new one.

use super::clock;
use super::denials::{Denial, Denials};
use super::forgotten::Forgotten;
use super::logins::Logins;
use super::pressure::Pressure;
use super::settings::{OutboxSettings, RealmSettings};
use super::standing::Standings;
use crate::auth::{Answers, AuthSettings, Identity, NodeSecret};
use crate::authz::{Petition, Petitioner, Verdicts};
use crate::routing::{Member, Permit};
use crate::session::{Doorman, Rules};
use crate::wamp::Entrance;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
#[expect(clippy::disallowed_types, reason = "for what authorizers have said, below")]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};

/// What is known of a realm outside its actor: settings, and what its sessions live by. Immutable, but for whether it still holds.
pub struct RealmShared {
    /// The settings.
    pub settings: RealmSettings,
    /// How short of memory the node is.
    pub(crate) pressure: Pressure,
    /// Where costly proofs are checked.
    pub(crate) logins: Logins,
    standings: Standings,
    outdated: AtomicBool,
    denials: Denials,
    /// What authorizers have said. Locked for a look-up, by sessions of roles that ask one.
    #[expect(
        clippy::disallowed_types,
        reason = "shared by the sessions of a role on all threads, as its authorizer says"
    )]
    verdicts: Mutex<Verdicts>,
    /// What authenticators have said. Locked for a look-up or two, by logins that ask one with a cache.
    #[expect(clippy::disallowed_types, reason = "shared by the logins on all threads")]
    answers: Mutex<Answers>,
    forgotten: Forgotten,
}

impl fmt::Debug for RealmShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealmShared").field("name", &self.settings.name).finish_non_exhaustive()
    }
}

impl RealmShared {
    pub(crate) fn new(settings: RealmSettings, pressure: Pressure, logins: Logins) -> Arc<Self> {
        Self::with_denials(settings, pressure, logins, Denials::default())
    }

    fn with_denials(settings: RealmSettings, pressure: Pressure, logins: Logins, denials: Denials) -> Arc<Self> {
        let standings = Standings::new(&settings);
        Arc::new(Self {
            settings,
            pressure,
            logins,
            standings,
            outdated: AtomicBool::new(false),
            denials,
            verdicts: Default::default(),
            answers: Default::default(),
            forgotten: Forgotten::default(),
        })
    }

    /// The same realm with other settings. This one holds no longer.
    pub(super) fn replaced_by(&self, settings: RealmSettings) -> Arc<Self> {
        self.outdate();
        Self::with_denials(settings, self.pressure.clone(), self.logins.clone(), self.denials.clone())
    }

    /// The realm has other settings, or is no more.
    pub(super) fn outdate(&self) {
        self.outdated.store(true, Ordering::Relaxed);
    }

    /// Whether the realm has other settings by now: whoever keeps this asks for it anew.
    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Relaxed)
    }

    /// Whether somebody who came in so could come in so now: its user and its role are there, and a source lets it in.
    fn admits(&self, identity: &Identity, entrance: &Entrance) -> bool {
        let auth = &self.settings.auth;
        self.standings.has_role(&identity.authrole)
            && auth.still_lists(identity)
            && auth.lets_in(identity, entrance).is_ok()
    }

    /// What it may do, if it may be there.
    pub(super) fn permit_of(&self, member: &Member) -> Option<Permit> {
        let identity = identity_of(member);
        let standing = self.admits(&identity, &member.entrance).then(|| self.standings.of(&self.settings, &identity));
        standing.flatten().map(|standing| standing.permit)
    }

    /// What a member lives by; `None`: there is no such role.
    pub(super) fn rules_of(&self, member: &Member) -> Option<Arc<Rules>> {
        self.rules(&identity_of(member))
    }

    /// What authorizers have said and may be remembered.
    pub(crate) fn verdicts(&self) -> MutexGuard<'_, Verdicts> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request that was not permitted.
    pub(crate) fn note_denial(&self, who: Petitioner<'_>, petition: Petition) {
        self.denials.note(clock::time_of_day(), who, petition);
    }

    /// The last requests that were not permitted, the newest first; at most 100.
    pub fn denials(&self) -> Vec<Denial> {
        self.denials.list()
    }

    /// What authenticators have said and may be remembered.
    pub(crate) fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was remembered of this name's logins holds no longer: somebody has ended a session of it, or it has logged out.
    pub(crate) fn forget(&self, authid: &Arc<str>) {
        self.answers().forget(authid);
        self.logins.forget_tickets(&self.settings.uri, authid);
        self.forgotten.forget(authid);
    }

    /// How often that was said of it, or of another name that shares its count.
    pub(crate) fn forgotten(&self, authid: &str) -> u32 {
        self.forgotten.times(authid)
    }

    /// Has all authorizers and authenticators asked anew.
    pub fn purge_verdicts(&self) {
        self.verdicts().purge();
        self.answers().purge();
    }

    /// What routing may ask about the permissions of a session; nothing is permitted where the realm lacks its role.
    pub(crate) fn permit(&self, identity: &Identity) -> Permit {
        let standing = self.standings.of(&self.settings, identity);
        standing.map_or_else(|| super::rights::permit(Arc::default()), |standing| standing.permit)
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

    fn has_role(&self, role: &str) -> bool {
        self.standings.has_role(role)
    }

    fn rules(&self, identity: &Identity) -> Option<Arc<Rules>> {
        self.standings.of(&self.settings, identity).map(|standing| standing.rules)
    }
}

fn identity_of(member: &Member) -> Identity {
    Identity {
        authid: Arc::clone(&member.authid),
        authrole: Arc::clone(&member.authrole),
        authmethod: Arc::clone(&member.authmethod),
        authprovider: Arc::clone(&member.authprovider),
    }
}
