//! `[rest.crossbar]`: names that must exist, keys that go together, secrets.

use super::Resolver;
use crate::auth::webhook::CrossbarKey;
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{CrossbarKind as Shape, CrossbarSection as Section};
use crate::config::values::{NamedEntry, SecretPlace};
use crate::http::settings::crossbar::{CrossbarKind, CrossbarSection, Hook};

impl Resolver<'_> {
    /// All sections, by name.
    pub(super) fn crossbar(&mut self) -> Vec<CrossbarSection> {
        let file = self.file;
        file.rest.crossbar.iter().filter_map(|(name, entry)| self.crossbar_section(name, entry)).collect()
    }

    /// `None` after a mistake that leaves nothing of it.
    fn crossbar_section(&mut self, name: &str, entry: &NamedEntry<Section>) -> Option<CrossbarSection> {
        let shape = &entry.value.value;
        self.check_actor(&shape.realm, &shape.role);
        let authid = shape.authid.value.as_deref().unwrap_or(name);
        if authid.is_empty() {
            self.error(Code::Malformed, &shape.authid, "`authid` is empty", "expected a name");
        }
        let is_hook = shape.kind.value == Shape::Webhook;
        self.check_hook_keys(shape, is_hook);
        let signing = self.signing(shape, is_hook);
        let kind = match shape.kind.value {
            Shape::Caller => CrossbarKind::Caller,
            Shape::Publisher => CrossbarKind::Publisher,
            Shape::Webhook => CrossbarKind::Webhook(self.hook(entry)?),
        };
        Some(CrossbarSection {
            name: name.into(),
            path: shape.path.0.clone(),
            kind,
            realm: shape.realm.value.clone(),
            role: shape.role.as_str().into(),
            authid: authid.into(),
            signing,
            require_tls: shape.require_tls.value,
            require_ip: shape.require_ip.values(),
            body_max: shape.max_body.value.map_or(self.file.rest.max_body.octets(), |size| size.octets()),
            timestamp_window: shape.timestamp_window.0.map(|window| window.0),
            exact: shape.exact.values(),
        })
    }

    /// Checks the name of a realm, and that of one of its roles.
    pub(super) fn check_actor(&mut self, realm: &Placed<String>, role: &Placed<String>) {
        let file = self.file;
        let known: Vec<&str> = file.realms.names().collect();
        if realm.is_given() {
            self.check_name("realm", realm, &known);
        }
        if let Some(realm) = file.realms.get(&realm.value) {
            let roles: Vec<&str> = realm.roles.names().collect();
            self.check_role(role, &roles);
        }
    }

    fn signing(&mut self, shape: &Section, is_hook: bool) -> Option<CrossbarKey> {
        match (&shape.key.value, &shape.secret.value) {
            (None, None) => None,
            (Some(_), None) if !shape.secret.broken => {
                self.error(Code::MissingKey, &shape.key, "`key` without `secret`: nothing is signed", "add `secret`");
                None
            }
            (None, Some(_)) if !shape.key.broken => {
                self.error(Code::MissingKey, &shape.secret, "`secret` without `key`", "add `key`, which clients name");
                None
            }
            (key, secret) => {
                if is_hook {
                    let message = "`secret` signs no webhook: nobody but clients of the bridge knows how";
                    self.error(Code::Exclusive, &shape.secret, message, "expected `github_secret`, or none");
                }
                let secret = self.secret(&shape.secret, secret.as_ref()?)?;
                Some(CrossbarKey { key: key.clone()?, secret })
            }
        }
    }

    fn hook(&mut self, entry: &NamedEntry<Section>) -> Option<Hook> {
        let shape = &entry.value.value;
        let github_secret = match &shape.github_secret.value {
            Some(place) => Some(self.secret::<Option<SecretPlace>>(&shape.github_secret, place)?),
            None => None,
        };
        let Some(topic) = &shape.topic.value else {
            if !shape.topic.broken {
                let message = "a webhook without `topic`";
                self.error_at(Code::MissingKey, entry.key, &entry.value.path, message, "name where it publishes");
            }
            return None;
        };
        let text = |text: &Option<String>, default: &str| text.clone().unwrap_or_else(|| default.to_owned());
        Some(Hook {
            topic: topic.0.as_str().into(),
            success_response: text(&shape.success_response.value, "OK"),
            error_response: text(&shape.error_response.value, "NOT OK"),
            github_secret,
        })
    }

    /// Notes keys of webhooks where there is none.
    fn check_hook_keys(&mut self, shape: &Section, is_hook: bool) {
        if is_hook {
            return;
        }
        for (name, place, path) in [
            ("topic", shape.topic.place, &shape.topic.path),
            ("success_response", shape.success_response.place, &shape.success_response.path),
            ("error_response", shape.error_response.place, &shape.error_response.path),
            ("github_secret", shape.github_secret.place, &shape.github_secret.path),
        ] {
            if place.is_known() {
                let message = format!("`{name}` is for kind = \"webhook\"");
                self.error_at(Code::Exclusive, place, path, message, "remove it");
            }
        }
    }
}
