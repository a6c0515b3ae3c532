//! The method `ticket`: a shared secret, sent as it is, compared in constant time.
//! Source: section 11.2 of the reference.

use super::{AuthSettings, Challenge, Claim, Denied, Identity, Method};
use crate::wamp::ErrorUri;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A text that is never printed and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps it.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Whether `other` is the same text. Both are hashed first, so that the time tells nothing, not even the length.
    pub fn matches(&self, other: &str) -> bool {
        let (mine, theirs) = (Sha256::digest(self.0.as_bytes()), Sha256::digest(other.as_bytes()));
        mine.as_slice().ct_eq(theirs.as_slice()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A challenge for any authid, known or not; none where the method is not offered or the client gave no name.
pub(super) fn open(settings: &AuthSettings, claim: &Claim<'_>) -> Option<Challenge> {
    settings.ticket.as_ref()?;
    Some(Challenge { method: Method::Ticket, authid: claim.authid?.to_owned() })
}

/// Compares the ticket with the user's; with one that nothing fits where there is no such user.
pub(super) fn verify(settings: &AuthSettings, authid: &str, ticket: &str) -> Result<Identity, Denied> {
    let user = settings.ticket.as_ref().and_then(|users| users.get(authid));
    let Some(user) = user else {
        // The same work as for a known authid; the answer is no whatever it says.
        let _unused: bool = Secret::new(String::new()).matches(ticket);
        return Err(denied());
    };
    if !user.ticket.matches(ticket) {
        return Err(denied());
    }
    Ok(Identity {
        authid: authid.into(),
        authrole: user.role.as_str().into(),
        authmethod: Method::Ticket.name().into(),
        authprovider: "static".into(),
    })
}

/// The one answer to every failed proof.
pub(super) fn denied() -> Denied {
    Denied { error: ErrorUri::AUTHENTICATION_DENIED, text: "authentication failed".to_owned() }
}
