//! Lawful requests that are declined, and how each reads as an ERROR.
//!
//! A refusal never ends a session. Its text is for people: it names what was expected, and quotes the peer escaped and cut.

use super::record::StoreFault;
use crate::wamp::message::Error;
use crate::wamp::options::{CloseDetails, ErrorDetails};
use crate::wamp::{ErrorUri, MessageKind, Payload, RequestId, Uri, Value};

/// Why a request is declined.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// A quota is used up (X1 to X4).
    #[error("the limit {limit} of {max} is reached")]
    LimitExceeded {
        /// The name of the limit in the configuration.
        limit: &'static str,
        /// Its value.
        max: usize,
    },
    /// A list of the meta API is longer than an answer may be (X4).
    #[error("the list has more than {max} entries: ask for it in pages, with kwargs limit and after")]
    MetaListTooLong {
        /// The most entries of an answer.
        max: usize,
    },
    /// JOIN with an id that a session of the realm has already.
    #[error("the session id is in use")]
    SessionIdInUse,
    /// UNSUBSCRIBE of an id that is unknown or not one's own (D42); the meta API was asked about one that is unknown.
    #[error("no such subscription")]
    NoSuchSubscription,
    /// UNREGISTER of an id that is unknown or not one's own; the meta API was asked about one that is unknown.
    #[error("no such registration")]
    NoSuchRegistration,
    /// REGISTER of a procedure that has its callee.
    #[error("procedure {} is already registered", quoted(.0))]
    ProcedureAlreadyExists(Uri),
    /// REGISTER joins a shared registration with another policy (D14).
    #[error("procedure {} is registered with another invocation policy", quoted(.0))]
    OtherInvocationPolicy(Uri),
    /// CALL without a match.
    #[error("no callee has registered procedure {}", quoted(.0))]
    NoSuchProcedure(Uri),
    /// Every callee is at its limit of open invocations (X2).
    #[error("every callee of procedure {} is at its limit of open invocations", quoted(.0))]
    NoAvailableCallee(Uri),
    /// A call needs a feature that its callee has not announced.
    #[error("the callee of procedure {} has not announced {feature}", quoted(.procedure))]
    CalleeLacks {
        /// What is called.
        procedure: Uri,
        /// What is lacking.
        feature: &'static str,
    },
    /// The meta API was asked about a session that is not there, or told to kill the caller's own.
    #[error("no such session")]
    NoSuchSession,
    /// A list option has too many entries (C3).
    #[error("option {0} has more than {max} entries", max = crate::wamp::options::LIST_ENTRIES_MAX)]
    ListTooLong(&'static str),
    /// Arguments of a meta procedure are missing or of the wrong type (D69).
    #[error("expected {0}")]
    InvalidArgument(&'static str),
    /// What is asked for is not permitted to this session, or not lawful.
    #[error("{text}")]
    NotPermitted {
        /// What it is sent as.
        error: ErrorUri,
        /// Why.
        text: String,
    },
    /// The store did not do as told.
    #[error("{0}")]
    Storage(StoreFault),
    /// The node is short of memory, and this would take some for long.
    #[error("the node is short of memory: try again later")]
    Overloaded,
    /// The reason of a kill is no URI.
    #[error("reason {} is not a valid URI", quoted(.0))]
    InvalidReason(String),
}

impl Refusal {
    /// The error URI that it is sent as.
    pub const fn error(&self) -> ErrorUri {
        match self {
            Self::LimitExceeded { .. } | Self::MetaListTooLong { .. } => ErrorUri::LIMIT_EXCEEDED,
            Self::SessionIdInUse => ErrorUri::INTERNAL,
            Self::NoSuchSubscription => ErrorUri::NO_SUCH_SUBSCRIPTION,
            Self::NoSuchRegistration => ErrorUri::NO_SUCH_REGISTRATION,
            Self::ProcedureAlreadyExists(_) | Self::OtherInvocationPolicy(_) => ErrorUri::PROCEDURE_ALREADY_EXISTS,
            Self::NoSuchProcedure(_) => ErrorUri::NO_SUCH_PROCEDURE,
            Self::NoAvailableCallee(_) => ErrorUri::NO_AVAILABLE_CALLEE,
            Self::CalleeLacks { .. } => ErrorUri::FEATURE_NOT_SUPPORTED,
            Self::NoSuchSession => ErrorUri::NO_SUCH_SESSION,
            Self::ListTooLong(_) | Self::InvalidArgument(_) => ErrorUri::INVALID_ARGUMENT,
            Self::InvalidReason(_) => ErrorUri::INVALID_URI,
            Self::NotPermitted { error, .. } => *error,
            Self::Overloaded => ErrorUri::OVERLOADED,
            Self::Storage(StoreFault::TooManyTopics) => ErrorUri::LIMIT_EXCEEDED,
            Self::Storage(StoreFault::Busy | StoreFault::Failed) => ErrorUri::STORAGE,
        }
    }

    /// The ERROR that answers the request.
    pub fn to_error(&self, request_kind: MessageKind, request: RequestId) -> Error {
        let exceeded = |limit: &str, max: usize| {
            vec![("limit".to_owned(), Value::from(limit)), ("max".to_owned(), Value::Unsigned(max as u64))]
        };
        let kwargs = match self {
            Self::LimitExceeded { limit, max } => exceeded(limit, *max),
            Self::MetaListTooLong { max } => exceeded("meta_list", *max),
            Self::SessionIdInUse
            | Self::NoSuchSubscription
            | Self::NoSuchRegistration
            | Self::ProcedureAlreadyExists(_)
            | Self::OtherInvocationPolicy(_)
            | Self::NoSuchProcedure(_)
            | Self::NoAvailableCallee(_)
            | Self::CalleeLacks { .. }
            | Self::NoSuchSession
            | Self::ListTooLong(_)
            | Self::InvalidArgument(_)
            | Self::NotPermitted { .. }
            | Self::Storage(_)
            | Self::Overloaded
            | Self::InvalidReason(_) => Vec::new(),
        };
        let payload = Payload::values(vec![Value::Text(self.to_string())], kwargs);
        Error { request_kind, request, details: ErrorDetails::default(), error: self.error().to_uri(), payload }
    }

    /// The ABORT that refuses a session.
    pub fn to_abort(&self) -> crate::wamp::message::Abort {
        let details = CloseDetails { message: Some(self.to_string()) };
        let payload = self.to_error(MessageKind::Hello, RequestId::FIRST).payload;
        crate::wamp::message::Abort { details, reason: self.error().to_uri(), payload }
    }
}

/// The most characters of a peer's text in one of ours.
const QUOTED_CHARACTERS_MAX: usize = 120;

/// A peer's text made fit for a message to people: control characters escaped, cut at 120 characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().flat_map(char::escape_debug).take(QUOTED_CHARACTERS_MAX).collect();
    if text.chars().flat_map(char::escape_debug).nth(QUOTED_CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits, section 1, rule 7.
    #[test]
    fn peer_text_in_errors_is_escaped_and_cut_at_120_characters() {
        assert_eq!(quoted("com.app\n\u{1b}[31m"), "com.app\\n\\u{1b}[31m");
        assert_eq!(quoted(&"a".repeat(120)), "a".repeat(120));
        assert_eq!(quoted(&"a".repeat(121)), format!("{}…", "a".repeat(120)));
    }

    /// X1: kwargs `limit` and `max`.
    #[test]
    fn a_limit_names_itself_and_its_value() {
        let error =
            Refusal::LimitExceeded { limit: "max_sessions", max: 3 }.to_error(MessageKind::Call, RequestId::FIRST);
        let Payload::Values(values) = error.payload else { panic!("made by the router") };
        let expected = vec![("limit".to_owned(), Value::from("max_sessions")), ("max".to_owned(), Value::Unsigned(3))];
        assert_eq!(values.kwargs, expected);
    }
}
