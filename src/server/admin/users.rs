//! Users of realms: those with a password, of which only a verifier is kept, and those with key pairs.

use super::operation::{expected, refusal, NewUser, Proof, User, UserChange};
use super::values::from_json;
use super::{not_found, set_by_file, Change};
use crate::actors::admin::AdminRefusal;
use crate::auth::{Flavour, Kdf, Record, Secret, TicketHash};
use crate::config::{self, Settings};
use crate::wamp::{ErrorUri, Value};
use serde_json::{json, Map, Value as Json};

/// The methods whose users have names in the configuration.
const METHODS: &[&str] = &["ticket", "wampcra", "scram", "cryptosign"];

/// As `wharf hash-secret scram` makes it.
const KDF: Kdf = Kdf::Argon2id { iterations: 3, memory: 64 << 10 };

/// The longest password.
const PASSWORD_MAX: usize = 4_096;

impl User {
    fn path(&self, method: &str) -> Vec<String> {
        ["realms", &self.realm, "auth", method, "users", &self.authid].map(str::to_owned).to_vec()
    }

    /// For the audit list.
    pub(super) fn told(&self) -> String {
        config::managed::written_path(&["realms", &self.realm, "users", &self.authid])
    }

    /// The methods that know it, with what they say.
    fn found(&self, settings: &Settings) -> Vec<(&'static str, Json)> {
        let at = |method: &&'static str| {
            let path = self.path(method);
            Some((*method, config::effective(settings, &super::steps(&path))?))
        };
        METHODS.iter().filter_map(at).collect()
    }

    /// The same; an error if there is none.
    fn known(&self, settings: &Settings) -> Result<Vec<(&'static str, Json)>, AdminRefusal> {
        let found = self.found(settings);
        if found.is_empty() {
            realm(settings, &self.realm)?;
            let text = format!("there is no user `{}` in the realm", self.authid);
            return Err(refusal(ErrorUri::NOT_FOUND, text));
        }
        Ok(found)
    }

    fn entry(&self, settings: &Settings, method: &str, said: &Json) -> Json {
        let managed = self.is_made(settings, method);
        json!({ "authid": self.authid, "method": method, "role": said.get("role"), "enabled": is_enabled(said), "managed": managed })
    }

    /// Whether it was made at run time. One of the file of whom only is said whether it may log in was not.
    fn is_made(&self, settings: &Settings, method: &str) -> bool {
        let path = self.path(method);
        let steps: Vec<&str> = path.iter().map(String::as_str).chain(["role"]).collect();
        settings.managed.at(&steps).is_some()
    }
}

fn is_enabled(said: &Json) -> bool {
    said.get("enabled") != Some(&Json::Bool(false))
}

fn realm(settings: &Settings, name: &str) -> Result<(), AdminRefusal> {
    let path = ["realms", name];
    config::effective(settings, &path).map(|_| ()).ok_or_else(|| not_found(&path))
}

pub(super) fn list(settings: &Settings, name: &str) -> Result<Value, AdminRefusal> {
    realm(settings, name)?;
    let mut listed = Vec::new();
    for method in METHODS {
        let users = config::effective(settings, &["realms", name, "auth", method, "users"]);
        for (authid, said) in users.as_ref().and_then(Json::as_object).into_iter().flatten() {
            let user = User { realm: name.to_owned(), authid: authid.clone() };
            listed.push(from_json(user.entry(settings, method, said)));
        }
    }
    Ok(Value::List(listed))
}

pub(super) fn get(settings: &Settings, user: &User) -> Result<Value, AdminRefusal> {
    let entries = user.known(settings)?;
    Ok(Value::List(entries.iter().map(|(method, said)| from_json(user.entry(settings, method, said))).collect()))
}

/// The role that a user has, whatever it logs in with; more than one is an error.
pub(in crate::server) fn role_of(settings: &Settings, realm: &str, authid: &str) -> Result<String, AdminRefusal> {
    let user = User { realm: realm.to_owned(), authid: authid.to_owned() };
    let entries = user.known(settings)?;
    let mut roles: Vec<&str> = entries.iter().filter_map(|(_, said)| said.get("role")?.as_str()).collect();
    roles.sort_unstable();
    roles.dedup();
    match roles.as_slice() {
        [role] => Ok((*role).to_owned()),
        _ => Err(expected(&format!("a role: the user has {}", roles.join(", ")))),
    }
}

/// What is to be changed in what was made at run time.
pub(super) async fn changes(settings: &Settings, user: &User, change: UserChange) -> Result<Vec<Change>, AdminRefusal> {
    match change {
        UserChange::Add(new) => add(settings, user, new).await,
        UserChange::Update(keys) => update(settings, user, &keys),
        UserChange::Delete => delete(settings, user),
        UserChange::Enable => switch(settings, user, Switch::On),
        UserChange::Disable => switch(settings, user, Switch::Off),
        UserChange::Password(password) => change_password(settings, user, password).await,
    }
}

async fn add(settings: &Settings, user: &User, new: NewUser) -> Result<Vec<Change>, AdminRefusal> {
    realm(settings, &user.realm)?;
    let (method, key, verifier) = match new.proof {
        Proof::Scram(password) => ("scram", "verifier", record(password).await?),
        Proof::Ticket(password) => ("ticket", "hash", hash(password).await?),
        Proof::Cryptosign(keys) => ("cryptosign", "keys", keys),
    };
    if user.found(settings).iter().any(|(known, _)| *known == method) {
        let text = format!("the realm has a user `{}` for {method} already", user.authid);
        return Err(refusal(ErrorUri::ALREADY_EXISTS, text));
    }
    Ok(vec![(user.path(method), Some(json!({ "role": new.role, key: verifier })))])
}

/// Role or keys, in every method where the user was made at run time.
fn update(settings: &Settings, user: &User, keys: &Map<String, Json>) -> Result<Vec<Change>, AdminRefusal> {
    let mut changes = Vec::new();
    if let Some(other) = keys.keys().find(|key| !matches!(key.as_str(), "role" | "keys")) {
        return Err(expected(&format!("role or keys in settings, not `{}`", crate::observe::shown(other))));
    }
    for method in managed(settings, user)? {
        for (key, value) in keys.iter().filter(|(key, _)| *key == "role" || method == "cryptosign") {
            changes.push(([user.path(method), vec![key.clone()]].concat(), Some(value.clone())));
        }
    }
    if changes.is_empty() {
        return Err(expected("role: the user has no key pairs"));
    }
    Ok(changes)
}

fn delete(settings: &Settings, user: &User) -> Result<Vec<Change>, AdminRefusal> {
    Ok(managed(settings, user)?.into_iter().map(|method| (user.path(method), None)).collect())
}

/// Whether a user may log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Switch {
    On,
    Off,
}

/// In every method that has it, wherever it was made: what the file says of it beside that stays.
fn switch(settings: &Settings, user: &User, to: Switch) -> Result<Vec<Change>, AdminRefusal> {
    let on = to == Switch::On;
    let other = user.known(settings)?.into_iter().filter(|(_, said)| is_enabled(said) != on);
    Ok(other.map(|(method, _)| ([user.path(method), vec!["enabled".to_owned()]].concat(), Some(on.into()))).collect())
}

async fn change_password(settings: &Settings, user: &User, password: Secret) -> Result<Vec<Change>, AdminRefusal> {
    let methods = managed(settings, user)?;
    let key = |method: &str, key: &str| [user.path(method), vec![key.to_owned()]].concat();
    let mut changes = Vec::new();
    if methods.contains(&"scram") {
        changes.push((key("scram", "verifier"), Some(record(password.clone()).await?)));
    }
    if methods.contains(&"ticket") {
        changes.push((key("ticket", "hash"), Some(hash(password).await?)));
    }
    if changes.is_empty() {
        return Err(expected("a user with a password: this one has none"));
    }
    Ok(changes)
}

/// The methods for which the user was made at run time; an error if there is none.
fn managed(settings: &Settings, user: &User) -> Result<Vec<&'static str>, AdminRefusal> {
    let mut methods: Vec<&'static str> = user.known(settings)?.into_iter().map(|(method, _)| method).collect();
    if let Some(first) = methods.first().copied() {
        methods.retain(|method| user.is_made(settings, method));
        if methods.is_empty() {
            return Err(set_by_file(&super::steps(&user.path(first))));
        }
    }
    Ok(methods)
}

async fn record(password: Secret) -> Result<Json, AdminRefusal> {
    let salt: [u8; 16] = rand::random();
    let made = compute(password, move |password| {
        let record = Record::derive(Flavour::Wamp, password, KDF, &salt).ok()?;
        Some(record.to_text().expose().to_owned())
    });
    made.await.map(Json::String)
}

async fn hash(password: Secret) -> Result<Json, AdminRefusal> {
    let salt: [u8; 16] = rand::random();
    compute(password, move |password| TicketHash::make(password, &salt).ok()).await.map(Json::String)
}

/// On a thread that serves nobody. One at a time, as questions are.
async fn compute(
    password: Secret,
    make: impl FnOnce(&Secret) -> Option<String> + Send + 'static,
) -> Result<String, AdminRefusal> {
    if password.expose().len() > PASSWORD_MAX {
        return Err(expected(&format!("password, of at most {PASSWORD_MAX} octets")));
    }
    let made = tokio::task::spawn_blocking(move || make(&password)).await;
    made.ok().flatten().ok_or_else(|| refusal(ErrorUri::INTERNAL, "the password could not be hashed"))
}
