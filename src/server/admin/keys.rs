//! API keys that are made at run time. Of a key only its hash is kept; it is told once, to whoever had it made.

use super::operation::{refusal, NewKey};
use super::values::from_json;
use super::{not_found, Change};
use crate::actors::admin::AdminRefusal;
use crate::auth::{new_key, KeyHash, Secret};
use crate::config::{self, Settings};
use crate::wamp::{ErrorUri, Value};
use serde_json::{json, Value as Json};

const TABLE: [&str; 2] = ["rest", "keys"];

/// A new key, and what is to be changed.
pub(super) fn make(settings: &Settings, name: &str, new: NewKey) -> Result<(Secret, Vec<Change>), AdminRefusal> {
    let path = [TABLE[0], TABLE[1], name];
    if config::effective(settings, &path).is_some() {
        return Err(refusal(ErrorUri::ALREADY_EXISTS, format!("there is a key `{name}` already")));
    }
    let key = new_key(&zeroize::Zeroizing::new(rand::random()));
    let sha256 = KeyHash::of(key.expose()).to_string();
    let mut said = json!({ "sha256": sha256, "realm": new.realm, "authid": new.authid, "role": new.role });
    let more = [("expires", new.expires.map(Json::String)), ("allow_from", new.allow_from)];
    if let Json::Object(said) = &mut said {
        said.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    }
    Ok((key, vec![(path.map(str::to_owned).to_vec(), Some(said))]))
}

pub(super) fn list(settings: &Settings) -> Result<Value, AdminRefusal> {
    let keys = config::effective(settings, &TABLE);
    let entries = keys.as_ref().and_then(Json::as_object).into_iter().flatten();
    Ok(from_json(entries.map(|(name, said)| entry(settings, name, said)).collect()))
}

pub(super) fn get(settings: &Settings, name: &str) -> Result<Value, AdminRefusal> {
    let path = [TABLE[0], TABLE[1], name];
    let said = config::effective(settings, &path).ok_or_else(|| not_found(&path))?;
    Ok(from_json(entry(settings, name, &said)))
}

/// What it is good for; nothing that is made from the key.
fn entry(settings: &Settings, name: &str, said: &Json) -> Json {
    let managed = settings.managed.at(&[TABLE[0], TABLE[1], name]).is_some();
    json!({
        "name": name,
        "realm": said.get("realm"),
        "authid": said.get("authid"),
        "role": said.get("role"),
        "expires": said.get("expires"),
        "allow_from": said.get("allow_from"),
        "managed": managed,
    })
}
