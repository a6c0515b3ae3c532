//! What is wrong with a request, in the words that clients of Crossbar know. Each is a status and a text; the body has the shape
//! of an error without arguments. Source: sections 1.2 and 1.5 of the page about Crossbar.

use super::nonces::NotOnce;
use crate::auth::TOO_MANY_ATTEMPTS;
use crate::http::problem::quoted;
use crate::observe::Refusal;
use actix_web::http::StatusCode;

/// Why a request is refused before anybody is asked. Texts of the peer in it are escaped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Rejection {
    /// Neither POST nor PUT nor OPTIONS.
    Method(String),
    /// A body of this type, where JSON is expected.
    ContentType(String),
    /// A charset other than UTF-8, or parameters that cannot be read.
    Encoding,
    /// So many octets, where so many may be.
    TooLong { length: u64, accepted: usize },
    /// The body did not come in time, or breaks off.
    Unread,
    /// GitHub's signature is missing or wrong.
    Hub,
    /// A field of the signature is missing.
    Missing(&'static str),
    /// A field of the signature cannot be read.
    Unreadable { field: &'static str, value: String, expected: &'static str },
    /// The timestamp is too far off.
    Expired,
    /// Another key.
    Key,
    /// Another secret, or another text.
    Signature,
    /// A nonce that was used before (X2).
    Nonce,
    /// More nonces than are remembered (X2).
    Busy,
    /// Too many were wrong (X11).
    Throttled,
    /// An address that may not ask.
    Address,
    /// No TLS, where it must be.
    NotTls,
    /// A page of another origin, where nothing is signed (X5).
    Origin,
    /// The body is not UTF-8.
    NotText,
    /// The body is not JSON.
    NotJson,
    /// The body is no object.
    NotDict,
    /// The body has no such member.
    NoMember(&'static str),
    /// What is asked for can be asked of no realm: a malformed URI, or a member of the wrong type (X1).
    Malformed(String),
}

impl From<NotOnce> for Rejection {
    fn from(fault: NotOnce) -> Self {
        match fault {
            NotOnce::Used => Self::Nonce,
            NotOnce::Full => Self::Busy,
        }
    }
}

impl Rejection {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Key | Self::Signature | Self::Nonce => StatusCode::UNAUTHORIZED,
            Self::Busy | Self::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::ContentType(_)
            | Self::Encoding
            | Self::Unread
            | Self::Hub
            | Self::Missing(_)
            | Self::Unreadable { .. }
            | Self::Expired
            | Self::Address
            | Self::NotTls
            | Self::NotText
            | Self::NotJson
            | Self::NotDict
            | Self::NoMember(_)
            | Self::Malformed(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether somebody may have guessed at a secret.
    pub(super) fn is_guess(&self) -> bool {
        matches!(self, Self::Key | Self::Signature | Self::Hub)
    }

    /// Which counter moves.
    pub(super) fn refusal(&self) -> Refusal {
        if *self == Self::Throttled {
            Refusal::AuthThrottled
        } else if self.is_guess() {
            Refusal::AuthFailed
        } else {
            Refusal::Http
        }
    }

    /// What the operator is told of somebody who may be guessing, or may not ask.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Key => Some("there is no such key"),
            Self::Signature => Some("the signature is wrong"),
            Self::Hub => Some("the signature of the hook is wrong"),
            Self::Nonce => Some("the nonce was used before"),
            Self::Throttled => Some(TOO_MANY_ATTEMPTS),
            Self::Address => Some("it may not be asked from there"),
            Self::Method(_)
            | Self::ContentType(_)
            | Self::Encoding
            | Self::TooLong { .. }
            | Self::Unread
            | Self::Missing(_)
            | Self::Unreadable { .. }
            | Self::Expired
            | Self::Busy
            | Self::NotTls
            | Self::Origin
            | Self::NotText
            | Self::NotJson
            | Self::NotDict
            | Self::NoMember(_)
            | Self::Malformed(_) => None,
        }
    }

    /// Whether the body was not read, or not to its end.
    pub(super) fn is_early(&self) -> bool {
        matches!(self, Self::Method(_) | Self::ContentType(_) | Self::Encoding | Self::TooLong { .. } | Self::Unread)
    }

    fn text(&self) -> String {
        let dict = "Request body was valid JSON, but not well formed";
        match self {
            Self::Method(method) => {
                format!("Method not accepted by the REST bridge. (b'{method}' not allowed, only POST, PUT)")
            }
            Self::ContentType(kind) => {
                format!("Non-accepted content type. (must be one of '[b'application/json']', not 'b'{kind}'')")
            }
            Self::Encoding => "Non-accepted request encoding, must be UTF-8.".to_owned(),
            Self::TooLong { length, accepted } => {
                format!("Request too long. ({length} is longer than accepted {accepted})")
            }
            Self::Hub | Self::NotTls => "Malformed request to the REST bridge.".to_owned(),
            Self::Missing("timestamp") => missing("signed request required, but mandatory 'timestamp' field missing"),
            Self::Missing(field) => missing(&format!("'{field}' field missing")),
            Self::Unreadable { field, value, expected } => {
                format!("REST bridge signature was invalid (invalid {field} '{value}' (must be {expected})).")
            }
            Self::Expired => "Request expired, too old timestamp.".to_owned(),
            Self::Key => "REST bridge signature key not valid.".to_owned(),
            Self::Signature => "REST bridge signature secret not valid.".to_owned(),
            Self::Address => "Request denied based on IP address.".to_owned(),
            Self::NotText => "Non-decodable request body, was not UTF-8.".to_owned(),
            Self::NotJson => "Request body was invalid JSON.".to_owned(),
            Self::NotDict => format!("{dict} (must be a dict)."),
            Self::NoMember(member) => format!("{dict} (missing key '{member}')."),
            // What follows is said by this router only.
            Self::Unread => "The body did not come to its end.".to_owned(),
            Self::Nonce => "REST bridge signature nonce was used before.".to_owned(),
            Self::Busy => "There are too many signed requests at once: come back later.".to_owned(),
            Self::Throttled => "Too many signatures were wrong: come back later.".to_owned(),
            Self::Origin => "A page of another origin may not act here.".to_owned(),
            Self::Malformed(what) => format!("Request body was valid JSON, but cannot be asked for: {what}."),
        }
    }

    /// The body: an error in words, and no arguments.
    pub(super) fn body(&self) -> Vec<u8> {
        format!("{{\"error\":{},\"args\":[],\"kwargs\":{{}}}}", quoted(&self.text())).into_bytes()
    }
}

fn missing(reason: &str) -> String {
    format!("REST bridge signature was invalid (missing mandatory field - {reason}).")
}
