//! Realms, their roles and permissions, and what they keep.

use super::workers::Worker;
use super::{dynamic, Import};
use crate::authz::{Action, Pattern};
use crate::config::import::notes::quote;
use crate::config::import::permissions::{self, Precedence, Rule, Seen};
use crate::config::import::source::{At, Keys, Origin};
use crate::config::import::{advice, parts};
use crate::config::tree::Node;
use crate::wamp::uri::{check, UriRules};
use crate::wamp::MatchPolicy;
use serde_json::json;

/// A realm, while it is gathered.
pub(super) struct Realm<'a> {
    /// The name on the wire.
    pub(super) uri: String,
    /// The name of its table.
    pub(super) name: String,
    /// The routers that have it.
    pub(super) workers: Vec<usize>,
    pub(super) roles: Vec<Role<'a>>,
    keys: Keys<'a>,
}

/// A role, while it is gathered.
pub(super) struct Role<'a> {
    pub(super) name: String,
    keys: Keys<'a>,
}

impl<'a> Import<'a, '_> {
    /// Gathers the realms of all routers.
    pub(super) fn realms(&mut self, workers: &[Worker<'a>]) {
        for worker in workers {
            let list = worker.keys.peek("realms").map(|at| at.list(self.notes)).unwrap_or_default();
            for at in list {
                let Some(keys) = at.keys(self.notes) else { continue };
                self.realm(worker.number, keys);
            }
        }
    }

    fn realm(&mut self, worker: usize, mut keys: Keys<'a>) {
        keys.pass(&["id"]);
        let Some(name) = keys.take("name") else {
            self.notes.add(&keys.at.origin, "a realm without a name", "it was left out");
            return;
        };
        let Some(uri) = name.text(self.notes) else { return };
        if let Err(fault) = check(uri, UriRules::Loose, MatchPolicy::Exact) {
            let message = format!("{} is no name of a realm", quote(uri));
            return self.notes.add(&name.origin, message, format!("{fault}; the realm was left out"));
        }
        let roles = self.roles(&mut keys);
        if let Some(there) = self.realms.iter_mut().find(|realm| realm.uri == uri) {
            there.workers.push(worker);
            for role in roles {
                if !there.has_role(&role.name) {
                    there.roles.push(role);
                }
            }
            if !same(&there.keys, &keys) {
                let message = format!("the realm {} stands here a second time, and differs", quote(uri));
                self.notes.add(&name.origin, message, "the first one was taken, with the roles that only this one has");
            }
            return;
        }
        let table = if self.realm_names.take(uri) {
            uri.to_owned()
        } else {
            let last = uri.rsplit('.').next().unwrap_or_default();
            let table = self.realm_names.make(last, "realm");
            self.draft.set(&["realms", &table, "uri"], uri, &name.origin);
            table
        };
        self.draft.table(&["realms", &table], &name.origin);
        self.realms.push(Realm { uri: uri.to_owned(), name: table, workers: vec![worker], roles, keys });
    }

    fn roles(&mut self, keys: &mut Keys<'a>) -> Vec<Role<'a>> {
        let mut roles: Vec<Role<'a>> = Vec::new();
        for at in keys.take("roles").map(|at| at.list(self.notes)).unwrap_or_default() {
            let Some(mut keys) = at.keys(self.notes) else { continue };
            keys.pass(&["id"]);
            let name = keys.take("name").and_then(|at| at.text(self.notes)).filter(|name| !name.is_empty());
            match name {
                None => self.notes.add(&at.origin, "a role without a name", "it was left out"),
                Some(name) if roles.iter().any(|role| role.name == name) => {
                    let message = format!("the role {} stands here a second time", quote(name));
                    self.notes.add(&at.origin, message, "the first one was taken");
                }
                Some(name) => roles.push(Role { name: name.to_owned(), keys }),
            }
        }
        roles
    }

    /// Writes what was gathered, when it is known who comes in without a proof.
    pub(super) fn write_realms(&mut self) {
        for realm in std::mem::take(&mut self.realms) {
            let Realm { uri: _, name, workers: _, roles, mut keys } = realm;
            for role in roles {
                self.write_role(&name, role);
            }
            self.realm_options(&name, &mut keys);
            self.store(&name, &mut keys);
            let origin = keys.at.origin.clone();
            keys.finish(self.notes, advice::crossbar);
            if self.draft.names(&["realms", &name, "auth"]).is_empty() {
                let message = format!("nobody can enter the realm {}", quote(&name));
                self.notes.add(
                    &origin,
                    message,
                    "say who may: realms.NAME.auth; `wharf config init tickets` shows how",
                );
            }
        }
    }

    fn realm_options(&mut self, realm: &str, keys: &mut Keys<'a>) {
        let Some(mut options) = keys.take("options").and_then(|at| at.keys(self.notes)) else { return };
        if let Some(check) = options.take("uri_check") {
            match check.text(self.notes) {
                Some("strict") => self.draft.set(&["realms", realm, "strict_uri"], true, &check.origin),
                Some("loose") | None => {}
                Some(other) => {
                    let message = format!("unknown value {}", quote(other));
                    self.notes.add(&check.origin, message, "expected strict or loose; loose is what holds");
                }
            }
        }
        if let Some(meta) = options.take("enable_meta_api") {
            if meta.boolean(self.notes) == Some(false) {
                for feature in ["registration_meta_api", "session_meta_api", "subscription_meta_api"] {
                    self.draft.push(&["realms", realm, "features_off"], feature, &meta.origin);
                }
            }
        }
        options.pass_if(&[("bridge_meta_api", false)]);
        options.finish(self.notes, advice::crossbar);
    }

    fn store(&mut self, realm: &str, keys: &mut Keys<'a>) {
        let Some(mut store) = keys.take("store").and_then(|at| at.keys(self.notes)) else { return };
        if let Some(kind) = store.take("type").filter(|kind| kind.as_text() != Some("memory")) {
            let advice =
                "history is kept in memory; for the disk set `storage.kind = \"redb\"` and durability \"fsync\"";
            self.notes.add(&kind.origin, "a store on disk", advice);
        }
        let limit = store.take("limit").and_then(|at| at.integer(self.notes));
        for at in store.take("event-history").map(|at| at.list(self.notes)).unwrap_or_default() {
            let Some(mut rule) = at.keys(self.notes) else { continue };
            let own = rule.take("limit").and_then(|at| at.integer(self.notes));
            if let Some(pattern) = self.pattern(&mut rule) {
                let mut history = json!({ "durability": "memory" });
                if let (Some(limit), Some(keys)) = (own.or(limit), history.as_object_mut()) {
                    keys.insert("limit".to_owned(), limit.into());
                }
                match parts::listed(&pattern) {
                    Some(listed) => {
                        self.draft.set(&["realms", realm, "topics", &listed, "history"], history, &at.origin);
                    }
                    None => {
                        self.notes.add(&at.origin, "this pattern cannot be written here", "its topics have no history")
                    }
                }
            }
            rule.finish(self.notes, advice::crossbar);
        }
        store.finish(self.notes, advice::crossbar);
    }

    fn write_role(&mut self, realm: &str, role: Role<'a>) {
        let Role { name, mut keys } = role;
        let path = ["realms", realm, "roles", &name];
        self.draft.table(&path, &keys.at.origin);
        keys.pass_if(&[("allow-by-default", false)]);
        if let Some(authorizer) = keys.take("authorizer") {
            dynamic::authorizer(&mut self.draft, &path, &authorizer, self.notes);
        }
        let mut rules: Vec<Rule> = Vec::new();
        let mut seen = Seen::default();
        // The last of two rules for the same URIs is the one that holds.
        for at in keys.take("permissions").map(|at| at.list(self.notes)).unwrap_or_default().iter().rev() {
            let Some(rule) = self.rule(at) else { continue };
            if seen.first(&rule.pattern) {
                rules.push(rule);
            } else {
                let message = format!("another rule for {} stands below", quote(&rule.pattern.to_string()));
                self.notes.add(&at.origin, message, "the lower one holds; this one was left out");
            }
        }
        rules.reverse();
        let trusted = !self.is_anonymous(realm, &name);
        permissions::write(&mut self.draft, &path, &rules, Precedence::MostSpecific, trusted, self.notes);
        keys.finish(self.notes, advice::crossbar);
    }

    fn rule(&mut self, at: &At<'a>) -> Option<Rule> {
        let mut keys = at.keys(self.notes)?;
        let pattern = self.pattern(&mut keys);
        // What a static rule answers is not worth caching.
        keys.pass(&["cache"]);
        let mut allow = Vec::new();
        let mut disclose = Vec::new();
        if let Some(at) = keys.take("allow") {
            if let Some(mut flags) = at.keys(self.notes) {
                allow = self.actions(&mut flags);
                flags.finish(self.notes, advice::crossbar);
            }
        } else {
            allow = self.actions(&mut keys);
        }
        if let Some(mut flags) = keys.take("disclose").and_then(|at| at.keys(self.notes)) {
            for (party, action) in [("caller", Action::Call), ("publisher", Action::Publish)] {
                let Some(flag) = flags.take(party) else { continue };
                // Nobody is disclosed who may not do it.
                if flag.boolean(self.notes) == Some(true) && allow.contains(&action) {
                    disclose.push(party);
                }
            }
            flags.finish(self.notes, advice::crossbar);
        }
        keys.finish(self.notes, advice::crossbar);
        pattern.map(|pattern| Rule { pattern, allow, disclose, origin: at.origin.clone() })
    }

    fn actions(&mut self, flags: &mut Keys<'a>) -> Vec<Action> {
        let mut given = |action: &Action| {
            let at = flags.take(action.name());
            at.and_then(|at| at.boolean(self.notes)) == Some(true)
        };
        Action::ALL.into_iter().filter(|action| given(action)).collect()
    }

    /// `uri` and `match`; without `match` the URI has stars.
    fn pattern(&mut self, keys: &mut Keys<'a>) -> Option<Pattern> {
        let policy = keys.take("match");
        let Some(at) = keys.take("uri") else {
            self.notes.add(&keys.at.origin, "there is no `uri`", "the rule was left out");
            return None;
        };
        let uri = at.text(self.notes)?;
        let (policy, text) = match policy {
            None => starred(uri),
            Some(policy) => match policy.text(self.notes).and_then(MatchPolicy::from_wire) {
                Some(policy) => (policy, uri.to_owned()),
                None => {
                    let advice = "expected exact, prefix or wildcard; the rule was left out";
                    self.notes.add(&policy.origin, "unknown value of `match`", advice);
                    return None;
                }
            },
        };
        match Pattern::literal(policy, &text) {
            Ok(pattern) => Some(pattern),
            Err(fault) => {
                let message = format!("{} is no URI for match {}", quote(&text), policy.as_str());
                self.notes.add(&at.origin, message, format!("{fault}; the rule was left out"));
                None
            }
        }
    }
}

/// A URI with stars: one at the end makes a prefix, others stand for components.
fn starred(uri: &str) -> (MatchPolicy, String) {
    match (uri.matches('*').count(), uri.strip_suffix('*')) {
        (0, _) => (MatchPolicy::Exact, uri.to_owned()),
        (1, Some(prefix)) => (MatchPolicy::Prefix, prefix.to_owned()),
        (_, _) => (MatchPolicy::Wildcard, uri.replace('*', "")),
    }
}

/// Whether two tables say the same but for their `id`.
fn same(a: &Keys<'_>, b: &Keys<'_>) -> bool {
    let without_id = |keys: &Keys<'_>| -> Vec<(String, Node)> {
        let table = keys.at.node.table().into_iter().flatten();
        table.filter(|(key, _)| *key != "id").map(|(key, entry)| (key.clone(), entry.node.clone())).collect()
    };
    let (a, b) = (without_id(a), without_id(b));
    a.len() == b.len() && a.iter().zip(&b).all(|((a, one), (b, other))| a == b && one.same(other))
}

/// Where a realm is known by its URI.
pub(super) fn by_uri<'r>(realms: &'r [Realm<'_>], uri: &str) -> Option<&'r str> {
    realms.iter().find(|realm| realm.uri == uri).map(|realm| realm.name.as_str())
}

impl Realm<'_> {
    pub(super) fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|known| known.name == role)
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.keys.at.origin
    }
}
