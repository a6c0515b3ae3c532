//! `nxt`'s configuration: realms with roles, transports, and users by method. Any rule that allows is enough there.

use super::advice;
use super::draft::Draft;
use super::names::{Names, Variables};
use super::nexus::rule;
use super::notes::{quote, Notes};
use super::parts;
use super::permissions::{self, Precedence};
use super::source::{At, Keys, Origin};
use crate::authz::{Action, Pattern};
use crate::wamp::MatchPolicy;
use serde_json::{json, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The realm of procedures that manage the router.
const MANAGEMENT: &str = "io.xconn.mgmt";

struct Import<'n> {
    draft: Draft,
    notes: &'n mut Notes,
    names: Names,
    variables: Variables,
    /// Names of tables by URI.
    realms: BTreeMap<String, (String, Origin)>,
    /// Realms by URI, with the roles of those who come in without a proof.
    anonymous: BTreeSet<(String, String)>,
}

/// Translates the whole file. `None`: it is something else.
pub(super) fn translate(root: &At<'_>, notes: &mut Notes) -> Option<Draft> {
    let mut keys = root.as_keys()?;
    if keys.peek("realms").is_none() && keys.peek("transports").is_none() {
        return None;
    }
    let mut import = Import {
        draft: Draft::new(),
        notes,
        names: Names::default(),
        variables: Variables::default(),
        realms: BTreeMap::new(),
        anonymous: anonymous(&keys),
    };
    keys.pass(&["version"]);
    if let Some(config) = keys.take("config").and_then(|at| at.keys(import.notes)) {
        import.config(config);
    }
    for at in keys.take("realms").map(|at| at.list(import.notes)).unwrap_or_default() {
        import.realm(&at);
    }
    let mut listeners = Names::default();
    for at in keys.take("transports").map(|at| at.list(import.notes)).unwrap_or_default() {
        import.transport(&at, &mut listeners);
    }
    if let Some(authenticators) = keys.take("authenticators").and_then(|at| at.keys(import.notes)) {
        import.authenticators(authenticators);
    }
    keys.finish(import.notes, advice::xconn);
    import.note_closed_realms();
    Some(import.draft)
}

impl Import<'_> {
    fn config(&mut self, mut keys: Keys<'_>) {
        if let Some(at) = keys.take("loglevel") {
            let text = at.text(self.notes).unwrap_or_default().to_lowercase();
            let level = match text.as_str() {
                "warning" => "warn",
                "fatal" | "panic" | "disabled" => "error",
                other => other,
            };
            self.draft.set(&["observability", "log", "level"], level, &at.origin);
        }
        keys.pass_if(&[("management", false)]);
        keys.finish(self.notes, advice::xconn);
    }

    fn realm(&mut self, at: &At<'_>) {
        let Some(mut keys) = at.keys(self.notes) else { return };
        let uri = keys.take("name").and_then(|at| Some((at.text(self.notes)?, at.origin)));
        let Some((uri, origin)) = uri else {
            return self.notes.add(&at.origin, "a realm without a name", "it was left out");
        };
        if self.realms.contains_key(uri) {
            let message = format!("the realm {} stands here a second time", quote(uri));
            return self.notes.add(&at.origin, message, "the first one was taken");
        }
        let name = if self.names.take(uri) {
            uri.to_owned()
        } else {
            let name = self.names.make(uri.rsplit('.').next().unwrap_or_default(), "realm");
            self.draft.set(&["realms", &name, "uri"], uri, &origin);
            name
        };
        self.draft.table(&["realms", &name], &at.origin);
        self.realms.insert(uri.to_owned(), (name.clone(), origin));
        for role in keys.take("roles").map(|at| at.list(self.notes)).unwrap_or_default() {
            self.role(uri, &name, &role);
        }
        keys.finish(self.notes, advice::xconn);
    }

    fn role(&mut self, uri: &str, realm: &str, at: &At<'_>) {
        let Some(mut keys) = at.keys(self.notes) else { return };
        let name = keys.take("name").and_then(|at| at.text(self.notes)).filter(|name| !name.is_empty());
        let Some(name) = name else {
            return self.notes.add(&at.origin, "a role without a name", "it was left out");
        };
        let path = ["realms", realm, "roles", name];
        if self.draft.find(&path).is_some() {
            let message = format!("the role {} stands here a second time", quote(name));
            return self.notes.add(&at.origin, message, "the first one was taken");
        }
        self.draft.table(&path, &at.origin);
        let mut rules = Vec::new();
        for at in keys.take("permissions").map(|at| at.list(self.notes)).unwrap_or_default() {
            let Some(mut keys) = at.keys(self.notes) else { continue };
            let pattern = self.pattern(&at, &mut keys);
            let mut given = |action: &Action| {
                let at = keys.take(&format!("allow_{}", action.name()));
                at.and_then(|at| at.boolean(self.notes)) == Some(true)
            };
            let allow: Vec<Action> = Action::ALL.into_iter().filter(|action| given(action)).collect();
            keys.finish(self.notes, advice::xconn);
            rules.extend(pattern.map(|pattern| rule(pattern, allow, &at.origin)));
        }
        keys.finish(self.notes, advice::xconn);
        let trusted = !self.anonymous.contains(&(uri.to_owned(), name.to_owned()));
        permissions::write(&mut self.draft, &path, &rules, Precedence::Any, trusted, self.notes);
    }

    fn pattern(&mut self, at: &At<'_>, keys: &mut Keys<'_>) -> Option<Pattern> {
        let uri = keys.take("uri").and_then(|at| at.text(self.notes)).unwrap_or_default();
        let policy = keys.take("match").and_then(|at| at.text(self.notes)).unwrap_or("exact");
        let policy = if policy.is_empty() { Some(MatchPolicy::Exact) } else { MatchPolicy::from_wire(policy) };
        let pattern = policy.and_then(|policy| Pattern::literal(policy, uri).ok());
        if pattern.is_none() {
            let message = format!("{} is no URI for this match", quote(uri));
            self.notes.add(&at.origin, message, "the rule was left out");
        }
        pattern
    }

    fn transport(&mut self, at: &At<'_>, listeners: &mut Names) {
        let Some(mut keys) = at.keys(self.notes) else { return };
        let kind = keys.take("type").and_then(|at| at.text(self.notes)).unwrap_or_default();
        let services: &[&str] = match kind {
            "websocket" => &["websocket"],
            "rawsocket" => &["rawsocket"],
            "universal" => &["websocket", "rawsocket"],
            other => {
                let message = format!("a transport of type {}", quote(other));
                return self.notes.add(
                    &at.origin,
                    message,
                    "expected websocket, rawsocket or universal; it was left out",
                );
            }
        };
        let listener = keys.take("listener").and_then(|at| at.text(self.notes)).unwrap_or("tcp");
        let address = keys.take("address");
        let bind = match (listener, &address) {
            (_, None) => None,
            ("unix", Some(at)) => at.text(self.notes).map(|path| parts::unix(path, &at.origin, self.notes)),
            (_, Some(at)) => parts::host_and_port(at, self.notes),
        };
        let Some(bind) = bind else {
            return self.notes.add(&at.origin, "there is no address to listen on", "the transport was left out");
        };
        let taken = |name: &String| {
            let bound = self.draft.find(&["listeners", name, "bind"]).map(|node| &node.value);
            bound == Some(&crate::config::tree::Content::Text(bind.clone()))
        };
        if let Some(other) = self.draft.names(&["listeners"]).iter().find(|name| taken(name)) {
            let message = format!("this address is that of the listener {}", quote(other));
            return self.notes.add(&at.origin, message, "the second one was left out");
        }
        let name = listeners.make(if kind == "universal" { "main" } else { kind }, "listener");
        self.draft.set(&["listeners", &name, "bind"], bind, &at.origin);
        let serializers = keys.take("serializers");
        for service in services {
            self.draft.push(&["listeners", &name, "serve"], *service, &at.origin);
            if let Some(at) = &serializers {
                parts::serializers(&mut self.draft, &["listeners", &name, service, "serializers"], at, self.notes);
            }
        }
        keys.finish(self.notes, advice::xconn);
    }

    fn authenticators(&mut self, mut keys: Keys<'_>) {
        for method in ["anonymous", "ticket", "wampcra", "cryptosign"] {
            for at in keys.take(method).map(|at| at.list(self.notes)).unwrap_or_default() {
                if let Some(keys) = at.keys(self.notes) {
                    self.user(method, &at, keys);
                }
            }
        }
        keys.finish(self.notes, advice::xconn);
    }

    fn user(&mut self, method: &str, at: &At<'_>, mut keys: Keys<'_>) {
        let mut word = |key: &str, notes: &mut Notes| keys.take(key).and_then(|at| at.text(notes)).unwrap_or_default();
        let (realm, role) = (word("realm", self.notes), word("role", self.notes));
        let Some(name) = self.realms.get(realm).map(|(name, _)| name.clone()) else {
            let message = format!("there is no realm {}", quote(realm));
            let advice = if realm == MANAGEMENT { advice::xconn("management") } else { "the user was left out" };
            return self.notes.add(&at.origin, message, advice);
        };
        if self.draft.find(&["realms", &name, "roles", role]).is_none() {
            let message = format!("there is no role {} in the realm {}", quote(role), quote(realm));
            return self.notes.add(&at.origin, message, "the user was left out");
        }
        if method == "anonymous" {
            if !self.draft.set_once(&["realms", &name, "auth", "anonymous", "role"], role, &at.origin) {
                let message = "anonymous has another role in this realm already";
                self.notes.add(&at.origin, message, "a realm has one: give those clients a ticket");
            }
            return keys.finish(self.notes, advice::xconn);
        }
        let authid = word("authid", self.notes);
        let made = if authid.is_empty() { None } else { self.secret(method, authid, &mut keys) };
        keys.finish(self.notes, advice::xconn);
        let Some(mut user) = made else {
            return self.notes.add(&at.origin, "a user without a name or a secret", "it was left out");
        };
        if let Some(keys) = user.as_object_mut() {
            keys.insert("role".to_owned(), role.into());
        }
        parts::user(&mut self.draft, (&name, method, authid), user, &at.origin, self.notes);
    }

    fn secret(&mut self, method: &str, authid: &str, keys: &mut Keys<'_>) -> Option<Value> {
        match method {
            "ticket" => {
                let at = keys.take("ticket")?;
                let place = parts::secret(&mut self.variables, authid, "TICKET", &at, self.notes)?;
                Some(json!({ "ticket": place }))
            }
            "wampcra" => {
                let salt = keys.take("salt").and_then(|at| at.text(self.notes)).filter(|salt| !salt.is_empty());
                let rounds = keys.take("iterations").and_then(|at| at.as_integer());
                let octets = keys.take("keylen").and_then(|at| at.as_integer());
                let at = keys.take("secret")?;
                let Some(salt) = salt else {
                    let place = parts::secret(&mut self.variables, authid, "SECRET", &at, self.notes)?;
                    return Some(json!({ "secret": place }));
                };
                let (rounds, octets) =
                    (rounds.filter(|n| *n > 0).unwrap_or(1000), octets.filter(|n| *n > 0).unwrap_or(32));
                let message = format!("it is not said whether the secret of {} is the password", quote(authid));
                self.notes.add(
                    &at.origin,
                    message,
                    "if it is the derived key already, set the variable to that itself",
                );
                let place = parts::derived_key(&mut self.variables, authid, (salt, rounds, octets), &at, self.notes)?;
                Some(json!({ "key": place, "salt": salt, "iterations": rounds, "keylen": octets }))
            }
            _ => {
                let at = keys.take("authorized_keys")?;
                let texts: Vec<&str> = at.list(self.notes).iter().filter_map(At::as_text).collect();
                (!texts.is_empty()).then(|| json!({ "keys": texts }))
            }
        }
    }

    fn note_closed_realms(&mut self) {
        for (uri, (name, origin)) in &self.realms {
            if self.draft.names(&["realms", name, "auth"]).is_empty() {
                let message = format!("nobody can enter the realm {}", quote(uri));
                self.notes.add(origin, message, "say who may: realms.NAME.auth; `wharf config init tickets` shows how");
            }
        }
    }
}

/// Which roles anonymous sessions have.
fn anonymous(keys: &Keys<'_>) -> BTreeSet<(String, String)> {
    let authenticators = keys.peek("authenticators").and_then(|at| at.as_keys());
    let list = authenticators.and_then(|keys| keys.peek("anonymous"));
    // What is no list of tables is noted when it is read.
    let items = list.map(|at| at.list(&mut Notes::default())).unwrap_or_default();
    let word = |keys: &Keys<'_>, key: &str| Some(keys.peek(key)?.as_text()?.to_owned());
    items
        .iter()
        .filter_map(At::as_keys)
        .filter_map(|keys| Some((word(&keys, "realm")?, word(&keys, "role")?)))
        .collect()
}
