//! `[rest.keys.NAME]`: each key goes to the realm that it is good for, and to no realm that is made from it.

use super::realms::ResolvedRealm;
use super::Resolver;
use crate::auth::{ApiKey, KeyHash};
use crate::config::error::Code;
use std::collections::BTreeMap;

impl Resolver<'_> {
    /// Hands the keys out.
    pub(super) fn api_keys(&mut self, realms: &mut [ResolvedRealm]) {
        let file = self.file;
        let known: Vec<&str> = file.realms.names().collect();
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        for (name, entry) in file.rest.keys.iter() {
            let shape = &entry.value;
            if shape.realm.is_given() {
                self.check_name("realm", &shape.realm, &known);
            }
            if let Some(realm) = file.realms.get(&shape.realm.value) {
                let roles: Vec<&str> = realm.roles.names().collect();
                self.check_role(&shape.role, &roles);
            }
            for (key, text) in [("authid", &shape.authid), ("role", &shape.role)] {
                if text.is_given() && text.value.is_empty() {
                    self.error(Code::Malformed, text, format!("`{key}` is empty"), "expected a name");
                }
            }
            let Some(text) = self.secret_text(&shape.sha256, &shape.sha256.value) else { continue };
            let Some(hash) = KeyHash::parse(text.expose().trim()) else {
                let hint = "expected 64 hexadecimal digits, as `wharf apikey new` prints them; never the key itself";
                self.error(Code::Malformed, &shape.sha256, "this is no SHA-256 of a key", hint);
                continue;
            };
            if let Some(other) = owners.insert(hash.to_string(), name) {
                let message = format!("this key is also `{other}`");
                self.error(Code::Collision, &shape.sha256, message, "nobody could tell whose it is");
            }
            let key = ApiKey {
                name: name.to_owned(),
                hash,
                authid: shape.authid.value.clone(),
                role: shape.role.value.clone(),
                expires: shape.expires.value.map(|expires| expires.0),
                allow_from: shape.allow_from.values(),
            };
            let realm = realms.iter_mut().find(|realm| realm.settings.name == shape.realm.value);
            if let Some(realm) = realm {
                realm.settings.auth.keys.0.push(key);
            }
        }
    }
}
