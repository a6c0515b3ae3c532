//! Every error with its cause and its cure: one row for each URI of `wamp::error` and one for each code of the configuration. The one
//! table of what is shown to people, on `/docs/errors` and by the command line.

/// One error.
pub struct Row {
    /// The URI, or the code as an error.
    pub error: &'static str,
    /// What has happened.
    pub cause: &'static str,
    /// What helps.
    pub cure: &'static str,
}

const fn row(error: &'static str, cause: &'static str, cure: &'static str) -> Row {
    Row { error, cause, cure }
}

/// The URIs that a client may see.
pub const URIS: &[Row] = &[
    row("wamp.error.invalid_uri", "A URI breaks the grammar (empty components, white space, #), or begins with wamp. or wharf., which are the router's.", "Use components of letters, digits and _ with dots between; with uri = \"strict\" nothing else is taken."),
    row("wamp.error.no_such_procedure", "Nobody has registered the procedure in this realm, by its URI or by a pattern.", "Compare with `wharf procedure ls`; is the callee running, and in the same realm?"),
    row("wamp.error.procedure_already_exists", "Somebody else has registered the procedure, or with another invocation policy.", "Stop the other callee, or register all with the same policy: `--invoke roundrobin`."),
    row("wamp.error.no_such_registration", "The registration to be ended is not there, or is somebody else's.", "It may have ended already, with its session or by an administrator."),
    row("wamp.error.no_such_subscription", "The subscription to be ended is not there, or is somebody else's.", "It may have ended already, with its session or by an administrator."),
    row("wamp.error.no_such_session", "There is no session of this id in the realm, or it is one's own.", "List them: `wharf session ls`."),
    row("wamp.error.invalid_argument", "Arguments are not what the procedure takes, or hold what the receiver's serialization cannot carry.", "Read the text that came with the error: it says what was expected."),
    row("wamp.error.canceled", "The call was canceled: by its caller, or because the callee has left.", "Call again if what the procedure does may be done twice."),
    row("wamp.error.timeout", "The call took longer than its timeout, or than call_timeout of the realm.", "Ask for more time (--timeout), up to the realm's call_timeout_max; look at the callee."),
    row("wamp.error.payload_size_exceeded", "A message is longer than its receiver takes.", "Send less at once, or raise the receiver's limit (message_max of the listener)."),
    row("wamp.error.not_authorized", "The role may not do this.", "`wharf authz explain` says which rule decides; `wharf denials` lists what was refused."),
    row("wamp.error.authorization_failed", "The authorizer of the role failed, or did not answer in time.", "Look at the authorizer and at the router's log: only the answer counts, never the failure."),
    row("wamp.error.no_such_realm", "There is no realm of this URI, or this listener does not lead to it.", "Compare --realm with the uri of the realms in the configuration and with realms of the listener."),
    row("wamp.error.no_such_role", "The role that was found for the user is not in the realm.", "Define it below roles of the realm, or correct the user's role."),
    row("wamp.error.no_matching_auth_method", "None of the methods that were offered is possible here.", "The text names those of the realm: give the fitting secret (--ticket, --secret, --private-key, --jwt, --cert)."),
    row("wamp.error.authentication_denied", "The secret is wrong, or there is no such user: the two are not told apart.", "Check --authid and the secret; the router's log says more."),
    row("wamp.error.authentication_failed", "The authenticator itself failed.", "Look at the authenticator and at the router's log."),
    row("wamp.error.no_such_principal", "An authenticator does not know the name; another one may.", "None is needed: authenticators say it, and clients never see it."),
    row("wamp.error.authentication_required", "Anonymous is not allowed in this realm.", "Give a secret: --ticket, --secret, --private-key, --jwt or --cert, with --authid."),
    row("wamp.error.protocol_violation", "A message was not lawful, or had no place where it came.", "The text says which; it is a fault of the client's library."),
    row("wamp.error.option_not_allowed", "The configuration does not allow this option.", "Leave it out, or allow it in the role."),
    row("wamp.error.option_disallowed.disclose_me", "The caller or publisher wants to be named, and that is not permitted here.", "Leave --disclose out, or set allow_disclose in the role."),
    row("wamp.error.feature_not_supported", "The callee lacks a feature that the call needs.", "Call without it, or use a callee with it."),
    row("wamp.error.network_failure", "The callee could not be handed the call: too much waits for it.", "Call again later; look at the callee."),
    row("wamp.error.unavailable", "The callee does not take the call now.", "Call again later, or add callees."),
    row("wamp.error.no_available_callee", "Every callee is at its concurrency, or has refused.", "Call again later, add callees, or raise their concurrency."),
    row("wamp.close.system_shutdown", "The router is stopping.", "Connect again when it is back."),
    row("wamp.close.close_realm", "The realm was removed.", "Another realm, or ask who has removed it."),
    row("wamp.close.logout", "The client leaves for good, and is not to be remembered.", "None is needed."),
    row("wamp.close.goodbye_and_out", "The answer to a GOODBYE.", "None is needed."),
    row("wamp.close.killed", "An administrator has ended the session.", "Ask the administrator; the text may say why."),
    row("wharf.error.slow_consumer", "The session did not read what was sent to it, and was cut.", "Read faster, subscribe to less, or raise queue.max_bytes of the listener."),
    row("wharf.error.overloaded", "The node is short of memory.", "Come back later; see limits.memory."),
    row("wharf.error.handshake_timeout", "No WELCOME came about in time.", "Log in faster, or raise the listener's handshake timeout."),
    row("wharf.error.busy", "Too much of this kind is under way.", "Come back in a moment."),
    row("wharf.error.too_many_attempts", "Too many proofs were wrong.", "Wait; auth.throttle says how long."),
    row("wharf.error.limit_exceeded", "A quota is used up: limit and max of the error say which.", "Use less, or raise it below limits of the realm or listener."),
    row("wharf.error.rate_limited", "The role may not do so much at a time.", "Wait for retry_after_ms, or raise rate of the role."),
    row("wharf.error.storage", "What was to be kept could not be stored.", "Look at the disk and at the router's log; events were routed all the same."),
    row("wharf.error.not_found", "Administration: there is no such thing.", "List what there is: `wharf realm ls`."),
    row("wharf.error.already_exists", "Administration: it is there already.", "Change it, or choose another name."),
    row("wharf.error.set_by_file", "Administration: a file sets it, and holds.", "Change the file, then `wharf reload`."),
    row("wharf.error.invalid_configuration", "Administration: the configuration would not be right.", "Read the problems in the error: each has its code and place."),
    row("wharf.error.realm_restarted", "The realm failed and was started again.", "Connect again; tell us what is in the router's log."),
    row("wharf.error.internal", "The router failed for this session.", "Tell us what is in the router's log."),
    row("wharf.error.http", "An HTTP request failed before it became a message.", "The problem document says why."),
    row("wharf.error.exec", "The command of `wharf register --exec` failed, wrote no JSON, or took too long.", "The text is its standard error: run it by hand with the same input."),
    row("wharf.error.idempotency_key_reused", "An HTTP request came with an Idempotency-Key that was used for another body.", "A key is for one request and its repetitions: make a new one, such as a UUID, for each request."),
];

/// The codes of the configuration.
pub const CODES: &[Row] = &[
    row("E001", "The file is not TOML, JSON or YAML.", "Correct the place that is named."),
    row(
        "E002",
        "A file cannot be read, or it is not clear which to read.",
        "Check path and permissions; of two main files side by side remove one.",
    ),
    row("E003", "There is no such key.", "The hint names the nearest one; all: `wharf config init full`."),
    row("E004", "A key that must be there is missing.", "Add it."),
    row("E005", "Keys exclude each other, or one means nothing here.", "Remove one of them."),
    row("E006", "Two drop-ins set one key to different values.", "Let one of them set it."),
    row("E007", "Two names are the same in the form of the environment.", "Rename one."),
    row(
        "E008",
        "What was changed at run time is set by a file, which holds.",
        "Change the file, or take what was changed back.",
    ),
    row("E010", "A value is of the wrong type.", "Write what was expected."),
    row("E011", "A value is out of its range.", "Choose one within it."),
    row("E012", "A value is none of the known ones.", "Choose one of those that are named."),
    row("E013", "A text is no time, size, rate, address, pattern or URI.", "Write it as in the example that is named."),
    row("E018", "The sources leave out all who are not named in one.", "Add a source for all, or mean it."),
    row("E020", "A secret stands in the file itself.", "Name its place: { env = \"NAME\" } or { file = \"PATH\" }."),
    row("E021", "Others may read the file of a secret.", "chmod 600."),
    row("E022", "The variable or file of a secret is not there.", "Set or make it."),
    row("E030", "A realm, role or listener is named that does not exist.", "Correct the name, or define it."),
    row("E031", "A role inherits from itself, or a group lies in itself.", "Break the circle."),
    row("E032", "Two services or listeners want one place.", "Move one of them."),
    row(
        "E040",
        "Secrets or rights would be open to anybody on the way: a public address without TLS.",
        "Use TLS, bind to loopback, or set allow_insecure.",
    ),
    row("E041", "Durable history needs a store on disk.", "Set storage.kind = \"redb\" and node.data_dir."),
    row("E042", "Dev mode on a public address.", "Bind to loopback, or set node.dev = false."),
    row("E043", "The files of TLS cannot be used, or not together.", "The text says which and why."),
    row("E050", "The key cannot be changed while the node runs.", "Restart the node."),
];

/// The row of a URI.
pub fn of_uri(uri: &str) -> Option<&'static Row> {
    URIS.iter().find(|row| row.error == uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::ErrorUri;

    #[test]
    fn every_error_uri_of_the_router_has_a_cause_and_a_cure() {
        for uri in ErrorUri::ALL {
            assert!(of_uri(uri.as_str()).is_some_and(|row| !row.cause.is_empty() && !row.cure.is_empty()), "{uri}");
        }
    }
}
