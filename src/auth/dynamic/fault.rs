//! What is wrong with an authenticator: what was expected and what came, for the operator. Quotes names and types, no values
//! that could be secrets.

use crate::wamp::outcome::{quoted, ANSWER_OCTETS_MAX};
use crate::wamp::ErrorUri;
use std::fmt;
use std::time::Duration;

/// Why an authenticator's answer was of no use. The text is safe to be logged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    expected: String,
    got: String,
    error: ErrorUri,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, got {}", self.expected, self.got)
    }
}

impl Fault {
    fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { expected: expected.into(), got: got.into(), error: ErrorUri::AUTHENTICATION_FAILED }
    }

    /// What the client is told.
    pub(super) fn error(&self) -> ErrorUri {
        self.error
    }

    pub(super) fn error_uri(uri: &str) -> Self {
        Self::new("a result, or an ERROR of the application", format!("ERROR {}", quoted(uri)))
    }

    pub(super) fn late(timeout: Duration) -> Self {
        Self::new(format!("an answer within {} ms", timeout.as_millis()), "none")
    }

    pub(super) fn too_large(octets: usize) -> Self {
        Self::new(format!("an answer of at most {ANSWER_OCTETS_MAX} octets"), format!("{octets} octets"))
    }

    pub(super) fn status(status: u16) -> Self {
        Self::new("status 200, 401 or 403", status.to_string())
    }

    pub(super) fn away(why: &'static str) -> Self {
        Self::new("an answer", why)
    }

    /// Both are our own words.
    pub(super) fn shape(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::new(expected, got)
    }

    pub(super) fn no_role() -> Self {
        Self { error: ErrorUri::NO_SUCH_ROLE, ..Self::new("`role`", "none") }
    }

    pub(super) fn unknown_role(role: &str) -> Self {
        Self { error: ErrorUri::NO_SUCH_ROLE, ..Self::new("a role of this realm", quoted(role)) }
    }

    pub(super) fn other_realm(realm: &str) -> Self {
        Self::new("the realm that was asked for", quoted(realm))
    }
}

/// Whether an ERROR says that the client is not let in, and not that something is broken: a URI of the application, or one of
/// the specification's that means just that.
pub(super) fn is_refusal(uri: &str) -> bool {
    let refuses = [
        ErrorUri::NO_SUCH_PRINCIPAL.as_str(),
        ErrorUri::NOT_AUTHORIZED.as_str(),
        ErrorUri::AUTHENTICATION_DENIED.as_str(),
        "wamp.error.authorization_denied",
        "wamp.error.no_such_role",
    ];
    !(uri.starts_with("wamp.") || uri.starts_with("wharf.")) || refuses.contains(&uri)
}
