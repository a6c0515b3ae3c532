//! Who may enter by a transport. A principal that names no realm may enter every realm of the worker that has its role.

use super::dynamic::{self, Authenticator};
use super::realms::by_uri;
use super::Import;
use crate::auth::Record;
use crate::config::import::advice;
use crate::config::import::notes::{quote, Notes};
use crate::config::import::parts;
use crate::config::import::source::{At, Keys, Origin};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::{json, Value};

/// Who is let in by a listener without a proof.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Anonymous {
    listener: String,
    role: String,
    origin: Origin,
}

/// A transport whose `auth` is read.
pub(super) struct Door<'a> {
    pub(super) listener: String,
    /// Places of the realms that it reaches.
    pub(super) reach: Vec<usize>,
    pub(super) auth: Option<At<'a>>,
    pub(super) cookie: Option<At<'a>>,
    pub(super) origin: Origin,
}

/// The role of sessions of a transport that says nothing of authentication.
const DEFAULT_ROLE: &str = "anonymous";

impl<'a> Import<'a, '_> {
    /// Reads the `auth` of a transport.
    pub(super) fn door(&mut self, door: &Door<'a>) {
        let cookie = door.cookie.as_ref().and_then(|at| at.keys(self.notes));
        let Some(auth) = &door.auth else {
            self.anonymous(door, &door.origin, DEFAULT_ROLE, None);
            return self.lone_cookie(door, cookie.as_ref());
        };
        let Some(mut methods) = auth.keys(self.notes) else { return };
        let mut has_cookie = false;
        for (method, at) in methods.rest() {
            if method == "cookie" {
                has_cookie = true;
                if let Some(keys) = at.keys(self.notes) {
                    keys.finish(self.notes, advice::crossbar);
                }
                for realm in self.names_of(&door.reach) {
                    dynamic::cookie(&mut self.draft, &realm, (&at.origin, cookie.as_ref()), self.notes);
                }
                continue;
            }
            let Some(keys) = at.keys(self.notes) else { continue };
            self.method(door, method, &at, keys);
        }
        if !has_cookie {
            self.lone_cookie(door, cookie.as_ref());
        }
        self.remember_users(door, auth);
    }

    /// A cookie that nobody can enter by.
    fn lone_cookie(&mut self, door: &Door<'a>, cookie: Option<&Keys<'a>>) {
        if let (Some(at), Some(_)) = (&door.cookie, cookie) {
            self.notes.add(&at.origin, "clients are given a cookie, which nobody asks for", "it was left out");
        }
    }

    fn method(&mut self, door: &Door<'a>, method: &str, at: &At<'a>, mut keys: Keys<'a>) {
        let kind = keys.take("type").and_then(|at| at.text(self.notes)).unwrap_or("static");
        match (kind, method) {
            ("dynamic", _) => self.dynamic(door, method, at, &mut keys),
            ("static", "anonymous") => {
                let role = keys.take("role").and_then(|at| at.text(self.notes)).unwrap_or(DEFAULT_ROLE);
                let realm = keys.take("realm").and_then(|at| at.text(self.notes));
                self.anonymous(door, &at.origin, role, realm);
                if let Some(authid) = keys.take("authid") {
                    let message = "anonymous sessions have one authid for all";
                    self.notes.add(&authid.origin, message, "each has a random one here");
                }
            }
            ("static", "ticket" | "wampcra" | "scram" | "cryptosign") => {
                let table = if method == "wampcra" { "users" } else { "principals" };
                for (authid, user) in
                    keys.take(table).and_then(|at| at.keys(self.notes)).map(|mut keys| keys.rest()).unwrap_or_default()
                {
                    if let Some(keys) = user.keys(self.notes) {
                        self.principal(door, method, authid, keys);
                    }
                }
            }
            ("static", "tls") => {
                let advice = "certificates are not told apart by fingerprint: `auth.tls` gives one role to all that `tls.client_ca` has signed";
                self.notes.add(&at.origin, "clients are known by the fingerprint of their certificate", advice);
                keys.pass(&["principals"]);
            }
            (_, "anonymous-proxy" | "cryptosign-proxy") => {
                self.notes.add(
                    &at.origin,
                    "this is for the proxies of Crossbar",
                    "nothing need be set for it: one router takes all connections",
                );
                keys.pass(&["principals", "authenticator"]);
            }
            (_, _) => {
                let message = format!("clients enter by {} ({})", quote(method), quote(kind));
                self.notes.add(
                    &at.origin,
                    message,
                    "there is no such login here; list the users below realms.NAME.auth",
                );
                keys.rest();
            }
        }
        keys.finish(self.notes, advice::crossbar);
    }

    fn dynamic(&mut self, door: &Door<'a>, method: &str, at: &At<'a>, keys: &mut Keys<'a>) {
        let procedure = keys.take("authenticator").and_then(|at| at.text(self.notes)).unwrap_or_default().to_owned();
        let home = keys.take("authenticator-realm").and_then(|at| Some((at.text(self.notes)?, at)));
        let home = home.and_then(|(uri, at)| {
            let name = by_uri(&self.realms, uri).map(str::to_owned);
            if name.is_none() {
                self.notes.add(
                    &at.origin,
                    format!("there is no realm {}", quote(uri)),
                    "the realm that is entered was taken",
                );
            }
            name
        });
        if let Some(roles) = keys.take("authenticator-role") {
            let advice = advice::crossbar("authenticator-role");
            self.notes.add(&roles.origin, "the role that asks the procedure", advice);
        }
        for realm in self.names_of(&door.reach) {
            let realm_of_procedure = home.clone().filter(|home| *home != realm);
            let authenticator = Authenticator {
                method: method.to_owned(),
                procedure: procedure.clone(),
                realm: realm_of_procedure,
                origin: at.origin.clone(),
            };
            dynamic::authenticator(&mut self.draft, &realm, &authenticator, self.notes);
        }
    }

    fn principal(&mut self, door: &Door<'a>, method: &str, authid: &str, mut keys: Keys<'a>) {
        let origin = keys.at.origin.clone();
        let role = keys.take("role").and_then(|at| at.text(self.notes));
        let realm = keys.take("realm").and_then(|at| at.text(self.notes));
        let secret = match method {
            "ticket" => self.ticket(authid, &mut keys),
            "wampcra" => self.wampcra(authid, &mut keys),
            "scram" => self.scram(authid, &mut keys),
            _ => cryptosign(&mut keys, self.notes),
        };
        keys.finish(self.notes, advice::crossbar);
        let Some(role) = role else {
            let message = format!("{} has no role", quote(authid));
            return self.notes.add(&origin, message, "the user was left out");
        };
        let Some(mut user) = secret else {
            let message = format!("{} has nothing to log in with", quote(authid));
            return self.notes.add(&origin, message, "the user was left out");
        };
        if let Some(keys) = user.as_object_mut() {
            keys.insert("role".to_owned(), role.into());
        }
        for realm in self.realms_with(door, role, realm, &origin) {
            if method == "scram" {
                self.draft.set(&["realms", &realm, "auth", "scram", "autobahn_dialect"], true, &origin);
            }
            parts::user(&mut self.draft, (&realm, method, authid), user.clone(), &origin, self.notes);
        }
    }

    fn ticket(&mut self, authid: &str, keys: &mut Keys<'a>) -> Option<Value> {
        let at = keys.take("ticket")?;
        let place = parts::secret(&mut self.variables, authid, "TICKET", &at, self.notes)?;
        Some(json!({ "ticket": place }))
    }

    /// With salt, rounds and length the client signs with a key that it derives, and only that is kept.
    fn wampcra(&mut self, authid: &str, keys: &mut Keys<'a>) -> Option<Value> {
        let salt = keys.take("salt");
        let number = |at: Option<At<'a>>| at.and_then(|at| at.as_integer());
        let (iterations, keylen) = (keys.take("iterations"), keys.take("keylen"));
        let (rounds, octets) = (number(iterations.clone()), number(keylen.clone()));
        let at = keys.take("secret")?;
        match (salt.as_ref().and_then(At::as_text), rounds, octets) {
            (Some(salt), Some(rounds @ 1..=10_000_000), Some(octets @ 16..=64)) if !salt.is_empty() => {
                let place = parts::derived_key(&mut self.variables, authid, (salt, rounds, octets), &at, self.notes)?;
                Some(json!({ "key": place, "salt": salt, "iterations": rounds, "keylen": octets }))
            }
            (_, _, _) => {
                for given in [salt, iterations, keylen].into_iter().flatten() {
                    let advice = "expected a salt, 1 to 10000000 iterations and a keylen of 16 to 64; the secret itself is asked for instead";
                    self.notes.add(&given.origin, "this salts no secret", advice);
                }
                let place = parts::secret(&mut self.variables, authid, "SECRET", &at, self.notes)?;
                Some(json!({ "secret": place }))
            }
        }
    }

    /// Crossbar's records are those of Autobahn's own dialect, in other words.
    fn scram(&mut self, authid: &str, keys: &mut Keys<'a>) -> Option<Value> {
        let at = keys.at.clone();
        let mut text = |key: &str| keys.take(key).and_then(|at| at.as_text()).unwrap_or_default().to_owned();
        let (kdf, salt, stored, server) = (text("kdf"), text("salt"), text("stored-key"), text("server-key"));
        let mut number = |key: &str| keys.take(key).and_then(|at| at.as_integer());
        let (iterations, memory) = (number("iterations"), number("memory"));
        let name = self.variables.make(authid, "VERIFIER", &format!("{kdf}{salt}{stored}{server}"));
        let (rounds, memory) = (iterations.unwrap_or(0), memory.unwrap_or(0));
        let form = format!("scram$argon2id-13$i={rounds},m={memory}$");
        let base64 = |hex: &str| octets(hex).map(|octets| STANDARD.encode(octets));
        let record = [salt, stored, server].iter().map(|hex| base64(hex)).collect::<Option<Vec<_>>>();
        let record = record.map(|parts| format!("{form}{}", parts.join("$")));
        let usable = kdf.starts_with("argon2id") && record.is_some_and(|record| Record::parse(&record).is_ok());
        let advice = if usable {
            format!("set {name} to {form}SALT$STORED$SERVER, with `salt`, `stored-key` and `server-key` turned from hex into Base64")
        } else {
            format!("it cannot be used here: set {name} to what `wharf hash-secret scram` prints for the password")
        };
        let message = format!("the record of the password of {} is kept outside the file", quote(authid));
        self.notes.add(&at.origin, message, advice);
        Some(json!({ "verifier": { "env": name } }))
    }

    /// The realms that a principal may enter: the one that it names, or all with its role.
    fn realms_with(&mut self, door: &Door<'a>, role: &str, realm: Option<&str>, origin: &Origin) -> Vec<String> {
        let reached = door.reach.iter().filter_map(|place| self.realms.get(*place));
        let fits = reached.filter(|known| realm.is_none_or(|realm| known.uri == realm) && known.has_role(role));
        let names: Vec<String> = fits.map(|known| known.name.clone()).collect();
        if names.is_empty() && !self.realms.is_empty() {
            let place = realm.map_or_else(
                || "no realm that can be reached".to_owned(),
                |realm| format!("no realm {}", quote(realm)),
            );
            let message = format!("{place} has the role {}", quote(role));
            self.notes.add(origin, message, "nobody could enter with it there either; it was left out");
        }
        names
    }

    fn names_of(&self, reach: &[usize]) -> Vec<String> {
        reach.iter().filter_map(|place| self.realms.get(*place)).map(|realm| realm.name.clone()).collect()
    }

    fn anonymous(&mut self, door: &Door<'a>, origin: &Origin, role: &str, realm: Option<&str>) {
        let implied = origin == &door.origin;
        let reached = door.reach.iter().filter_map(|place| self.realms.get(*place));
        let fits = reached.filter(|known| realm.is_none_or(|realm| known.uri == realm) && known.has_role(role));
        let names: Vec<String> = fits.map(|known| known.name.clone()).collect();
        if names.is_empty() && !implied {
            self.realms_with(door, role, realm, origin);
        }
        for name in names {
            let anonymous =
                Anonymous { listener: door.listener.clone(), role: role.to_owned(), origin: origin.clone() };
            self.anonymous.entry(name).or_default().push(anonymous);
        }
    }

    /// Whether the role is that of clients without a proof.
    pub(super) fn is_anonymous(&self, realm: &str, role: &str) -> bool {
        self.anonymous.get(realm).and_then(|list| list.first()).is_some_and(|first| first.role == role)
    }

    /// Writes who may enter without a proof: one role for a realm, on the listeners that gave it.
    pub(super) fn write_anonymous(&mut self) {
        for (realm, list) in self.anonymous.clone() {
            let Some(first) = list.first() else { continue };
            let path = ["realms", &realm, "auth", "anonymous"];
            self.draft.set(&[&path[..], &["role"]].concat(), first.role.as_str(), &first.origin);
            for other in list.iter().filter(|other| other.role != first.role) {
                let message =
                    format!("anonymous has the role {} here and {} elsewhere", quote(&other.role), quote(&first.role));
                let advice = format!(
                    "a realm has one; nobody enters as {} any more: give those clients a ticket",
                    quote(&other.role)
                );
                self.notes.add(&other.origin, message, advice);
            }
            let all = self.draft.names(&["listeners"]);
            let here: Vec<&str> =
                list.iter().filter(|one| one.role == first.role).map(|one| one.listener.as_str()).collect();
            if all.iter().any(|listener| !here.contains(&listener.as_str())) {
                for listener in here {
                    self.draft.push(&[&path[..], &["listeners"]].concat(), listener, &first.origin);
                }
            }
        }
        self.note_users();
    }

    /// What users come in by this door, to compare with other doors of the same realm.
    fn remember_users(&mut self, door: &Door<'a>, auth: &At<'a>) {
        let Some(mut keys) = auth.as_keys() else { return };
        keys.pass(&["anonymous"]);
        let text = keys.rest().iter().map(|(method, at)| format!("{method}{:?}\n", plain(at))).collect::<String>();
        for realm in self.names_of(&door.reach) {
            let entry = (text.clone(), auth.origin.clone());
            self.users.entry(realm).or_default().entry(door.listener.clone()).or_insert(entry);
        }
    }

    fn note_users(&mut self) {
        for (realm, doors) in std::mem::take(&mut self.users) {
            let mut texts = doors.values();
            let Some((first, _)) = texts.next() else { continue };
            if let Some((_, origin)) = texts.find(|(text, _)| text != first) {
                let message = format!("users of the realm {} differ by transport", quote(&realm));
                let advice = "here they may enter by every listener of the realm; two realms keep them apart";
                self.notes.add(origin, message, advice);
            }
        }
    }
}

/// The names of a table's keys and what kinds of values they hold, without places.
fn plain(at: &At<'_>) -> Vec<String> {
    if at.node.table().is_none() {
        return vec![at.node.value.kind().to_owned()];
    }
    let keys = at.as_keys().map(|mut keys| keys.rest()).into_iter().flatten();
    keys.flat_map(|(key, at)| plain(&at).into_iter().map(move |inner| format!("{key}.{inner}"))).collect()
}

/// The octets that hexadecimal digits stand for.
fn octets(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let pairs = digits?;
    pairs.chunks(2).map(|pair| if let [high, low] = pair { Some(high << 4 | low) } else { None }).collect()
}

fn cryptosign(keys: &mut Keys<'_>, notes: &mut Notes) -> Option<Value> {
    let at = keys.take("authorized_keys")?;
    let texts: Vec<&str> = at.list(notes).iter().filter_map(At::as_text).collect();
    (!texts.is_empty()).then(|| json!({ "keys": texts }))
}
