//! `nexusd`'s configuration: a WebSocket and a RawSocket listener, realms, and a template for more of them.

use super::advice;
use super::draft::Draft;
use super::names::Names;
use super::notes::{quote, Notes};
use super::parts;
use super::permissions::{self, Precedence, Rule};
use super::source::{At, Keys, Origin};
use crate::authz::{Action, Pattern};
use crate::wamp::MatchPolicy;
use serde_json::json;

/// The role of all sessions; `nexusd` has no others.
const ROLE: &str = "anonymous";

struct Import<'n> {
    draft: Draft,
    notes: &'n mut Notes,
    names: Names,
    /// The larger one of the lengths of the two queues, if there is one.
    queue: Option<(i64, Origin)>,
}

/// Translates the whole file. `None`: it is something else.
pub(super) fn translate(root: &At<'_>, notes: &mut Notes) -> Option<Draft> {
    let mut keys = root.as_keys().filter(|keys| keys.peek("router").is_some())?;
    let mut import = Import { draft: Draft::new(), notes, names: Names::default(), queue: None };
    if let Some(websocket) = keys.take("websocket").and_then(|at| at.keys(import.notes)) {
        import.websocket(websocket);
    }
    if let Some(rawsocket) = keys.take("rawsocket").and_then(|at| at.keys(import.notes)) {
        import.rawsocket(rawsocket);
    }
    if let Some(mut router) = keys.take("router").and_then(|at| at.keys(import.notes)) {
        let realms = router.take("realms").map(|at| at.list(import.notes)).unwrap_or_default();
        for at in realms {
            if let Some(keys) = at.keys(import.notes) {
                import.realm(&at, keys, None);
            }
        }
        if let Some(at) = router.take("realm_template") {
            import.template(&at);
        }
        router.pass_if(&[("debug", false)]);
        pass_zero(&mut router, "mem_stats_log_sec");
        router.finish(import.notes, advice::nexus);
    }
    pass_empty(&mut keys, "log_path");
    keys.finish(import.notes, advice::nexus);
    if let Some((length, origin)) = &import.queue {
        for realm in import.draft.names(&["realms"]) {
            import.draft.set(&["realms", &realm, "queue", "max_messages"], *length, origin);
        }
    }
    Some(import.draft)
}

impl Import<'_> {
    fn websocket(&mut self, mut keys: Keys<'_>) {
        let address = keys.take("address");
        if let Some(bind) =
            address.as_ref().filter(|at| at.as_text() != Some("")).and_then(|at| parts::host_and_port(at, self.notes))
        {
            let origin = keys.at.origin.clone();
            self.listener("websocket", &bind, &origin);
            self.tls("websocket", &mut keys);
            if let Some(at) = keys.take("keep_alive") {
                self.ping("websocket", &at);
            }
            if let Some(at) = keys.take("enable_compression") {
                if at.boolean(self.notes) == Some(true) {
                    self.draft.set(&["listeners", "websocket", "websocket", "compression"], "deflate", &at.origin);
                }
            }
            for at in keys.take("allow_origins").map(|at| at.list(self.notes)).unwrap_or_default() {
                self.origin(&at);
            }
            keys.pass_if(&[("enable_tracking_cookie", false), ("enable_request_capture", false)]);
        } else {
            // Without an address nothing listens, and the other keys mean nothing.
            keys.pass(&["keep_alive", "enable_compression", "allow_origins", "cert_file", "key_file"]);
            keys.pass(&["enable_tracking_cookie", "enable_request_capture"]);
        }
        self.queue(&mut keys);
        keys.finish(self.notes, advice::nexus);
    }

    fn rawsocket(&mut self, mut keys: Keys<'_>) {
        let mut names = Vec::new();
        if let Some(at) = keys.take("tcp_address").filter(|at| at.as_text() != Some("")) {
            if let Some(bind) = parts::host_and_port(&at, self.notes) {
                self.listener("rawsocket", &bind, &at.origin);
                names.push("rawsocket");
            }
        }
        if let Some(at) = keys.take("unix_address").filter(|at| at.as_text() != Some("")) {
            if let Some(path) = at.text(self.notes) {
                let bind = parts::unix(path, &at.origin, self.notes);
                self.listener("local", &bind, &at.origin);
                names.push("local");
            }
        }
        if names.first() == Some(&"rawsocket") {
            self.tls("rawsocket", &mut keys);
        } else {
            keys.pass(&["cert_file", "key_file"]);
        }
        if names.is_empty() {
            // Nothing listens, and the other keys mean nothing.
            keys.pass(&["tcp_keepalive_interval", "max_msg_len"]);
        }
        if let Some(at) = keys.take("tcp_keepalive_interval").filter(|_| !names.is_empty()) {
            match at.integer(self.notes) {
                Some(0) | None => {}
                Some(_) => {
                    let advice = "peers that answer are sent PING every 20s, and `tcp_user_timeout` (30s) cuts those that are gone";
                    self.notes.add(&at.origin, "the kernel's keep-alive", advice);
                }
            }
        }
        if let Some(at) = keys.take("max_msg_len").filter(|_| !names.is_empty()) {
            if let Some(octets) = at.integer(self.notes) {
                let size = parts::message_size(octets, &at.origin, self.notes);
                for name in &names {
                    self.draft.set(&["listeners", name, "max_message"], size.as_str(), &at.origin);
                }
            }
        }
        self.queue(&mut keys);
        keys.finish(self.notes, advice::nexus);
    }

    fn listener(&mut self, name: &str, bind: &str, origin: &Origin) {
        let service = if name == "websocket" { "websocket" } else { "rawsocket" };
        self.draft.set(&["listeners", name, "bind"], bind, origin);
        self.draft.push(&["listeners", name, "serve"], service, origin);
    }

    fn tls(&mut self, listener: &str, keys: &mut Keys<'_>) {
        let mut file = |key: &str, notes: &mut Notes| {
            let at = keys.take(key)?;
            Some((at.text(notes)?.to_owned(), at.origin)).filter(|(path, _)| !path.is_empty())
        };
        match (file("cert_file", self.notes), file("key_file", self.notes)) {
            (Some((cert, origin)), Some((key, key_origin))) => {
                let files = [(&*cert, &origin), (&*key, &key_origin)];
                parts::certificate(&mut self.draft, listener, files, "the folder that nexusd ran in", self.notes);
            }
            (Some((_, origin)), None) | (None, Some((_, origin))) => {
                self.notes.add(
                    &origin,
                    "TLS without a certificate and its key",
                    "the listener has no TLS: give `tls.cert` and `tls.key`",
                );
            }
            (None, None) => {}
        }
    }

    fn ping(&mut self, listener: &str, at: &At<'_>) {
        match at.integer(self.notes) {
            Some(0) => self.notes.add(
                &at.origin,
                "no pings",
                "each WebSocket connection is pinged here, every 20s unless you say otherwise",
            ),
            Some(seconds) => {
                self.draft.set(&["listeners", listener, "ping_interval"], format!("{seconds}s"), &at.origin)
            }
            None => {}
        }
    }

    /// Globs of hosts; here an origin has a scheme.
    fn origin(&mut self, at: &At<'_>) {
        let Some(text) = at.text(self.notes) else { return };
        let path = ["listeners", "websocket", "websocket", "allowed_origins"];
        let host = text.split_once("://").map_or(text, |(_, host)| host);
        let plain = !host.is_empty() && !host.trim_end_matches(":*").contains(['*', '?', '[', '\\']);
        match (text, text.contains("://")) {
            ("*", _) => self.draft.push(&path, "*", &at.origin),
            (_, true) if plain => self.draft.push(&path, text, &at.origin),
            (_, false) if plain => {
                for scheme in ["http", "https"] {
                    self.draft.push(&path, format!("{scheme}://{text}"), &at.origin);
                }
            }
            (_, _) => {
                let message = format!("the origin {} cannot be written here", quote(text));
                self.notes.add(&at.origin, message, parts::ORIGIN);
            }
        }
    }

    fn queue(&mut self, keys: &mut Keys<'_>) {
        let Some(at) = keys.take("out_queue_size") else { return };
        match at.integer(self.notes) {
            Some(length) if length > 0 && self.queue.as_ref().is_none_or(|(most, _)| length > *most) => {
                self.queue = Some((length, at.origin));
            }
            Some(_) | None => {}
        }
    }

    /// A realm; `template` is the name of its table if it is not one by itself.
    fn realm(&mut self, at: &At<'_>, mut keys: Keys<'_>, template: Option<&str>) {
        let uri = keys
            .take("uri")
            .filter(|at| at.as_text() != Some(""))
            .and_then(|at| Some((at.text(self.notes)?, at.origin)));
        let name = match (template, uri) {
            (Some(name), _) => name.to_owned(),
            (None, Some((uri, _))) if self.names.take(uri) => uri.to_owned(),
            (None, Some((uri, origin))) => {
                let name = self.names.make(uri.rsplit('.').next().unwrap_or_default(), "realm");
                self.draft.set(&["realms", &name, "uri"], uri, &origin);
                name
            }
            (None, None) => return self.notes.add(&at.origin, "a realm without a URI", "it was left out"),
        };
        self.draft.table(&["realms", &name], &at.origin);
        if let Some(strict) = keys.take("strict_uri").filter(|at| at.boolean(self.notes) == Some(true)) {
            self.draft.set(&["realms", &name, "strict_uri"], true, &strict.origin);
        }
        if keys.take("allow_disclose").and_then(|at| at.boolean(self.notes)) != Some(true) {
            self.draft.set(&["realms", &name, "disclose"], "never", &at.origin);
        }
        self.role(&name, at, &mut keys);
        for rule in keys.take("event_history").map(|at| at.list(self.notes)).unwrap_or_default() {
            self.history(&name, &rule);
        }
        if keys.peek("meta_include_session_details").is_some_and(|at| at.list(self.notes).is_empty()) {
            keys.pass(&["meta_include_session_details"]);
        }
        keys.pass_if(&[
            ("enable_meta_modify", false),
            ("meta_strict", false),
            ("require_local_auth", true),
            ("require_local_authz", true),
            ("require_local_auth", false),
            ("require_local_authz", false),
        ]);
        keys.finish(self.notes, advice::nexus);
    }

    fn role(&mut self, realm: &str, at: &At<'_>, keys: &mut Keys<'_>) {
        let path = ["realms", realm, "roles", ROLE];
        let rules = [permissions::everything(&at.origin)];
        permissions::write(&mut self.draft, &path, &rules, Precedence::Any, true, self.notes);
        // What ends other sessions is allowed by name only.
        self.draft.set(&[&path[..], &["call"]].concat(), json!(["*"]), &at.origin);
        if let Some(kill) = keys.take("enable_meta_kill").filter(|at| at.boolean(self.notes) == Some(true)) {
            self.draft.push(&[&path[..], &["call"]].concat(), "wamp.session.kill*", &kill.origin);
        }
        let anonymous = keys.take("anonymous_auth");
        let advice = "list users below realms.NAME.auth, with their roles; `wharf config init tickets` shows how";
        match anonymous.as_ref().map(|at| (at.boolean(self.notes), at)) {
            Some((Some(true), at)) => {
                self.draft.set(&["realms", realm, "auth", "anonymous", "role"], ROLE, &at.origin);
                self.notes.add(&at.origin, format!("anybody may do everything in the realm {}", quote(realm)), advice);
            }
            Some((Some(false) | None, _)) | None => {
                self.notes.add(&at.origin, format!("nobody can enter the realm {}", quote(realm)), advice);
            }
        }
    }

    fn history(&mut self, realm: &str, at: &At<'_>) {
        let Some(mut keys) = at.keys(self.notes) else { return };
        let policy = keys.take("match").and_then(|at| at.text(self.notes)).unwrap_or("exact");
        let limit = keys.take("limit").and_then(|at| at.integer(self.notes));
        let topic = keys.take("topic").and_then(|at| at.text(self.notes)).unwrap_or_default();
        keys.finish(self.notes, advice::nexus);
        let policy = if policy.is_empty() { Some(MatchPolicy::Exact) } else { MatchPolicy::from_wire(policy) };
        let pattern = policy.and_then(|policy| Pattern::literal(policy, topic).ok());
        let Some(listed) = pattern.as_ref().and_then(parts::listed) else {
            let message = format!("{} is no topic for this match", quote(topic));
            return self.notes.add(&at.origin, message, "its events are not kept");
        };
        let mut history = json!({ "durability": "memory" });
        if let (Some(limit), Some(keys)) = (limit, history.as_object_mut()) {
            keys.insert("limit".to_owned(), limit.into());
        }
        self.draft.set(&["realms", realm, "topics", &listed, "history"], history, &at.origin);
    }

    /// Realms that nobody has named: a realm that is closed gives them what they are.
    fn template(&mut self, at: &At<'_>) {
        let Some(keys) = at.keys(self.notes) else { return };
        let name = self.names.make("template", "template");
        self.realm(at, keys, Some(&name));
        self.draft.set(&["realms", &name, "enabled"], false, &at.origin);
        self.draft.set(&["realm_templates", &name, "match"], "*", &at.origin);
        self.draft.set(&["realm_templates", &name, "from"], name.as_str(), &at.origin);
    }
}

/// A rule of one pattern that allows what is given.
pub(super) fn rule(pattern: Pattern, allow: Vec<Action>, origin: &Origin) -> Rule {
    Rule { pattern, allow, disclose: Vec::new(), origin: origin.clone() }
}

fn pass_zero(keys: &mut Keys<'_>, key: &str) {
    if keys.peek(key).is_some_and(|at| at.as_integer() == Some(0)) {
        keys.take(key);
    }
}

fn pass_empty(keys: &mut Keys<'_>, key: &str) {
    if keys.peek(key).is_some_and(|at| at.as_text() == Some("")) {
        keys.take(key);
    }
}
