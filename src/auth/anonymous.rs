//! The method `anonymous`: no proof, a name drawn by the router, a role by configuration.
//! Source: section 11.2 of the reference.

use super::{AuthSettings, Claim, Identity, Method};

/// `auth.anonymous`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnonymousSettings {
    /// Their role.
    pub role: String,
    /// Names of the listeners where it is allowed; empty means all.
    pub listeners: Vec<String>,
    /// Also REST callers without credentials.
    pub http: bool,
}

/// Lets the client in, if the realm and the listener allow it.
pub(super) fn open(settings: &AuthSettings, claim: &Claim<'_>) -> Option<Identity> {
    let anonymous = settings.anonymous.as_ref()?;
    let here = anonymous.listeners.is_empty() || anonymous.listeners.iter().any(|name| name == claim.listener);
    // Never the client's own wish (A4).
    here.then(|| Identity::proven(&claim.drawn.authid, &anonymous.role, Method::Anonymous))
}
