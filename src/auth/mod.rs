//! Authentication: challenge out, verdict in. Pure; keys come with the settings.
//!
//! One file per method. An unknown authid goes through the same motion as a wrong secret, so that neither messages nor
//! time tell who exists (A1).

mod anonymous;
mod ticket;
mod tls;

pub use ticket::Secret;
pub use tls::{Certificate, CertificateName, CertificateSettings};

use crate::wamp::{Dict, ErrorUri};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who may enter a realm. A method that is absent is not offered.
#[derive(Clone, Debug, Default)]
pub struct AuthSettings {
    /// Clients without a name.
    pub anonymous: Option<AnonymousSettings>,
    /// Users with a ticket, by authid. `None`: the method is not offered.
    pub ticket: Option<BTreeMap<String, TicketUser>>,
    /// Clients with a certificate.
    pub tls: Option<CertificateSettings>,
}

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

/// One user of `auth.ticket`.
#[derive(Clone, Debug)]
pub struct TicketUser {
    /// What the client must present.
    pub ticket: Secret,
    /// Its role.
    pub role: String,
}

/// The authentication methods that are built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// No proof.
    Anonymous,
    /// A shared secret, sent as it is.
    Ticket,
    /// The client's certificate.
    Tls,
}

impl Method {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Anonymous, Self::Ticket, Self::Tls];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Ticket => "ticket",
            Self::Tls => "tls",
        }
    }

    fn from_wire(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.name() == name)
    }
}

/// Who a session is, once that is proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The name.
    pub authid: Arc<str>,
    /// The role, from the settings and never from the client (A4).
    pub authrole: Arc<str>,
    /// How it was proven.
    pub authmethod: Arc<str>,
    /// Where the identity comes from.
    pub authprovider: Arc<str>,
}

/// A CHALLENGE under way.
#[derive(Clone, Debug)]
pub struct Challenge {
    method: Method,
    authid: String,
}

impl Challenge {
    /// The method to name in CHALLENGE.
    pub fn method(&self) -> Method {
        self.method
    }

    /// CHALLENGE.Extra.
    pub fn extra(&self) -> Dict {
        Dict::new()
    }
}

/// What a client's HELLO leads to.
#[derive(Clone, Debug)]
pub enum Opening {
    /// In, without a proof.
    Welcome(Identity),
    /// A proof is wanted.
    Challenge(Challenge),
}

/// Why somebody is not let in; the text is for the ABORT and the same for all who fail alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Denied {
    /// The reason URI.
    pub error: ErrorUri,
    /// A text for people.
    pub text: String,
}

/// What a HELLO says that matters here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim<'a> {
    /// Methods in the client's order; empty means its certificate, or anonymous (D33).
    pub authmethods: &'a [String],
    /// Who the client says it is.
    pub authid: Option<&'a str>,
    /// The listener it came by.
    pub listener: &'a str,
    /// A random name for an anonymous client.
    pub random_authid: &'a str,
    /// The certificate that it has shown.
    pub certificate: Option<&'a Certificate>,
}

/// Chooses the first method of the client's order that is possible here (R100).
///
/// # Errors
/// [`Denied`] with `no_matching_auth_method`, or `authentication_required` where the client named no method and anonymous
/// is not allowed.
pub fn open(settings: &AuthSettings, claim: &Claim<'_>) -> Result<Opening, Denied> {
    if claim.authmethods.is_empty() {
        let welcome = tls::open(settings, claim).or_else(|| anonymous::open(settings, claim));
        return welcome.map(Opening::Welcome).ok_or_else(|| Denied {
            error: ErrorUri::AUTHENTICATION_REQUIRED,
            text: format!("anonymous is not allowed here; this realm accepts: {}", offered(settings)),
        });
    }
    for method in claim.authmethods.iter().filter_map(|name| Method::from_wire(name)) {
        let opening = match method {
            Method::Anonymous => anonymous::open(settings, claim).map(Opening::Welcome),
            Method::Ticket => ticket::open(settings, claim).map(Opening::Challenge),
            Method::Tls => tls::open(settings, claim).map(Opening::Welcome),
        };
        if let Some(opening) = opening {
            return Ok(opening);
        }
    }
    Err(Denied {
        error: ErrorUri::NO_MATCHING_AUTH_METHOD,
        text: format!("none of the offered methods is possible; this realm accepts: {}", offered(settings)),
    })
}

/// Checks a client's AUTHENTICATE.
///
/// # Errors
/// [`Denied`], the same for an unknown authid and a wrong secret.
pub fn verify(settings: &AuthSettings, challenge: &Challenge, signature: &str) -> Result<Identity, Denied> {
    match challenge.method {
        Method::Ticket => ticket::verify(settings, &challenge.authid, signature),
        // These never challenge, so no Challenge carries them; should one, it proves nothing.
        Method::Anonymous | Method::Tls => Err(ticket::denied()),
    }
}

fn offered(settings: &AuthSettings) -> String {
    let mut names = Vec::new();
    if settings.ticket.is_some() {
        names.push(Method::Ticket.name());
    }
    if settings.tls.is_some() {
        names.push(Method::Tls.name());
    }
    if settings.anonymous.is_some() {
        names.push(Method::Anonymous.name());
    }
    if names.is_empty() {
        "no method".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests;
