//! Every error and close URI that the router sends, once.
//!
//! `wamp.*` are the specification's (chapter "Predefined URIs"); `wharf.error.*` are ours.

use super::uri::Uri;
use bytestring::ByteString;

/// A predefined error or reason URI.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ErrorUri(&'static str);

macro_rules! uris {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        impl ErrorUri {
            $($(#[$doc])* pub const $name: Self = Self($text);)+

            /// Every URI of this page.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
        }
    };
}

uris! {
    /// A URI that breaks the grammar or is reserved.
    INVALID_URI = "wamp.error.invalid_uri";
    /// CALL without a matching registration.
    NO_SUCH_PROCEDURE = "wamp.error.no_such_procedure";
    /// REGISTER conflicts with a registration, or with its invocation policy.
    PROCEDURE_ALREADY_EXISTS = "wamp.error.procedure_already_exists";
    /// UNREGISTER of an id that is unknown or not one's own.
    NO_SUCH_REGISTRATION = "wamp.error.no_such_registration";
    /// UNSUBSCRIBE of an id that is unknown or not one's own.
    NO_SUCH_SUBSCRIPTION = "wamp.error.no_such_subscription";
    /// The meta API was asked about a session that is not there.
    NO_SUCH_SESSION = "wamp.error.no_such_session";
    /// Bad arguments of a meta procedure, or a payload that the receiver's serializer cannot carry.
    INVALID_ARGUMENT = "wamp.error.invalid_argument";
    /// The call was canceled, or its callee left.
    CANCELED = "wamp.error.canceled";
    /// The call's time is up.
    TIMEOUT = "wamp.error.timeout";
    /// A message is larger than the receiver takes.
    PAYLOAD_SIZE_EXCEEDED = "wamp.error.payload_size_exceeded";
    /// The action is not permitted.
    NOT_AUTHORIZED = "wamp.error.not_authorized";
    /// The authorizer itself failed.
    AUTHORIZATION_FAILED = "wamp.error.authorization_failed";
    /// HELLO for a realm that is not there.
    NO_SUCH_REALM = "wamp.error.no_such_realm";
    /// The principal's role is missing in the realm.
    NO_SUCH_ROLE = "wamp.error.no_such_role";
    /// None of the offered authentication methods is possible.
    NO_MATCHING_AUTH_METHOD = "wamp.error.no_matching_auth_method";
    /// Wrong credential, or an unknown authid: the two cannot be told apart.
    AUTHENTICATION_DENIED = "wamp.error.authentication_denied";
    /// The authenticator itself failed.
    AUTHENTICATION_FAILED = "wamp.error.authentication_failed";
    /// An authenticator does not know the name: the next one is asked. Never sent.
    NO_SUCH_PRINCIPAL = "wamp.error.no_such_principal";
    /// Anonymous is not allowed here.
    AUTHENTICATION_REQUIRED = "wamp.error.authentication_required";
    /// The peer broke the protocol.
    PROTOCOL_VIOLATION = "wamp.error.protocol_violation";
    /// An option that configuration forbids.
    OPTION_NOT_ALLOWED = "wamp.error.option_not_allowed";
    /// Disclosure was asked for and is not permitted.
    DISCLOSE_ME_DISALLOWED = "wamp.error.option_disallowed.disclose_me";
    /// The callee lacks a feature that this call needs.
    FEATURE_NOT_SUPPORTED = "wamp.error.feature_not_supported";
    /// An INVOCATION could not be handed over.
    NETWORK_FAILURE = "wamp.error.network_failure";
    /// A callee cannot take this call now: another one of the same registration is asked.
    UNAVAILABLE = "wamp.error.unavailable";
    /// Every callee is at its limit, or has refused.
    NO_AVAILABLE_CALLEE = "wamp.error.no_available_callee";
    /// The router is stopping.
    SYSTEM_SHUTDOWN = "wamp.close.system_shutdown";
    /// The realm is being removed.
    CLOSE_REALM = "wamp.close.close_realm";
    /// The peer leaves, and is not to be remembered.
    LOGOUT = "wamp.close.logout";
    /// The answer to a GOODBYE.
    GOODBYE_AND_OUT = "wamp.close.goodbye_and_out";
    /// An administrator ended the session.
    KILLED = "wamp.close.killed";
    /// The session did not read what was sent to it.
    SLOW_CONSUMER = "wharf.error.slow_consumer";
    /// The node is short of memory.
    OVERLOADED = "wharf.error.overloaded";
    /// No WELCOME within the time from accept.
    HANDSHAKE_TIMEOUT = "wharf.error.handshake_timeout";
    /// Too many proofs are being computed; come back later.
    BUSY = "wharf.error.busy";
    /// Too many proofs were wrong; come back later.
    TOO_MANY_ATTEMPTS = "wharf.error.too_many_attempts";
    /// A quota is used up; kwargs `limit` and `max` say which.
    LIMIT_EXCEEDED = "wharf.error.limit_exceeded";
    /// A role may not do so much at a time.
    RATE_LIMITED = "wharf.error.rate_limited";
    /// An Idempotency-Key was used before, for another request.
    IDEMPOTENCY_KEY_REUSED = "wharf.error.idempotency_key_reused";
    /// What was to be kept could not be stored; it was routed all the same.
    STORAGE = "wharf.error.storage";
    /// Administration: there is no such realm, role, user or template.
    NOT_FOUND = "wharf.error.not_found";
    /// Administration: it is there already.
    ALREADY_EXISTS = "wharf.error.already_exists";
    /// Administration: it is set by the file, which holds.
    SET_BY_FILE = "wharf.error.set_by_file";
    /// Administration: the configuration would not be right.
    INVALID_CONFIGURATION = "wharf.error.invalid_configuration";
    /// The realm failed and was started again.
    REALM_RESTARTED = "wharf.error.realm_restarted";
    /// The router itself failed for this session.
    INTERNAL = "wharf.error.internal";
    /// An HTTP request failed before it became a WAMP message.
    HTTP = "wharf.error.http";
}

impl ErrorUri {
    /// The text on the wire.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// As a URI of a message; costs no allocation.
    pub fn to_uri(self) -> Uri {
        Uri::from(ByteString::from_static(self.0))
    }
}

impl From<ErrorUri> for Uri {
    fn from(error: ErrorUri) -> Self {
        error.to_uri()
    }
}

impl std::fmt::Display for ErrorUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}
