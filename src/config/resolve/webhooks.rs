//! `[webhooks]`: realms and roles that are there, secrets that are keys, addresses that may be asked.

use super::Resolver;
use crate::auth::webhook::{AddressGuard, CrossbarKey, HmacAlgorithm, HmacRule, SigningKey, Verifier, VerifyKey};
use crate::auth::PeerRange;
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{VerifyKind, WebhookCall, WebhookIn, WebhookOut, WebhookVerify};
use crate::config::values::{Count, Items, ListPattern, SecretPlace, TargetUrl};
use crate::http::webhook::settings::{HookAction, HookCall, HookIn, HookOut, Target, WebhookSettings};
use crate::wamp::Uri;
use hyper::header::HeaderName;
use std::sync::Arc;
use std::time::Duration;

/// Requests of one webhook at a time: as many as one address may have.
const CONCURRENCY_MAX: u32 = 64;

/// As many as the schedule has.
const ATTEMPTS_MAX: u32 = 10;

/// The keys of a target, which stand in two tables.
struct TargetKeys<'a> {
    url: &'a Placed<TargetUrl>,
    secret: &'a Placed<SecretPlace>,
    secret_previous: &'a Placed<Option<SecretPlace>>,
    timeout: Duration,
    allow: &'a Placed<Items<PeerRange>>,
    ca: &'a Placed<Option<String>>,
}

impl Resolver<'_> {
    /// All of them.
    pub(super) fn webhooks(&mut self) -> WebhookSettings {
        let file = self.file;
        let mut settings = WebhookSettings::default();
        for (name, entry) in file.webhooks.out.iter() {
            let out = self.webhook_out(&entry.value);
            settings.out.extend(out.map(|out| (name.to_owned(), Arc::new(out))));
        }
        for (name, entry) in file.webhooks.inward.iter() {
            let inward = self.webhook_in(&entry.value);
            settings.inward.extend(inward.map(|inward| (name.to_owned(), Arc::new(inward))));
        }
        for (name, entry) in file.webhooks.call.iter() {
            let call = self.webhook_call(&entry.value);
            settings.call.extend(call.map(|call| (name.to_owned(), Arc::new(call))));
        }
        settings
    }

    fn webhook_out(&mut self, shape: &Placed<WebhookOut>) -> Option<HookOut> {
        self.webhook_role(&shape.realm, &shape.role);
        self.at_most("concurrency", &shape.concurrency, CONCURRENCY_MAX);
        self.at_most("attempts", &shape.attempts, ATTEMPTS_MAX);
        if shape.topics.is_given() && shape.topics.0.is_empty() {
            self.error(Code::OutOfRange, &shape.topics, "`topics` is empty", "expected at least one");
        }
        let target = self.target(&TargetKeys {
            url: &shape.url,
            secret: &shape.secret,
            secret_previous: &shape.secret_previous,
            timeout: shape.timeout.0,
            allow: &shape.allow_addresses,
            ca: &shape.ca,
        })?;
        let topic = |topic: &ListPattern| (topic.pattern.policy(), Uri::from(topic.pattern.text()));
        Some(HookOut {
            realm: shape.realm.value.clone(),
            role: shape.role.value.clone(),
            topics: shape.topics.values().iter().map(topic).collect(),
            target,
            format: shape.format.value,
            concurrency: shape.concurrency.size(),
            queue_max: shape.queue_max.size(),
            attempts: shape.attempts.0,
        })
    }

    fn webhook_in(&mut self, shape: &Placed<WebhookIn>) -> Option<HookIn> {
        self.webhook_role(&shape.realm, &shape.role);
        let verifier = self.verifier_of(&shape.verify);
        let action = match (&shape.publish.value, &shape.call.value) {
            (Some(topic), None) => HookAction::Publish(Uri::from(topic.0.as_str())),
            (None, Some(procedure)) => HookAction::Call(Uri::from(procedure.0.as_str())),
            (Some(_), Some(_)) => {
                let message = "`publish` and `call` exclude each other";
                self.error(Code::Exclusive, &shape.call, message, "keep one of them");
                return None;
            }
            (None, None) => {
                if !(shape.publish.broken || shape.call.broken) {
                    let message = "`publish` or `call` is missing";
                    self.error(Code::MissingKey, shape, message, "what is to be done with it?");
                }
                return None;
            }
        };
        let (realm, role) = (shape.realm.value.clone(), shape.role.value.clone());
        Some(HookIn { realm, role, verifier: verifier?, action, payload: shape.payload.value })
    }

    fn webhook_call(&mut self, shape: &Placed<WebhookCall>) -> Option<HookCall> {
        self.webhook_role(&shape.realm, &shape.role);
        self.at_most("concurrency", &shape.concurrency, CONCURRENCY_MAX);
        let pattern = &shape.procedure.pattern;
        if ["wamp.", "wharf."].iter().any(|reserved| pattern.text().starts_with(reserved)) {
            let hint = "expected a procedure of the application: wamp. and wharf. are the router's own";
            self.error(Code::Malformed, &shape.procedure, "this procedure cannot be registered", hint);
        }
        let target = self.target(&TargetKeys {
            url: &shape.url,
            secret: &shape.secret,
            secret_previous: &shape.secret_previous,
            timeout: shape.timeout.0,
            allow: &shape.allow_addresses,
            ca: &shape.ca,
        })?;
        Some(HookCall {
            realm: shape.realm.value.clone(),
            role: shape.role.value.clone(),
            procedure: Uri::from(pattern.text()),
            match_policy: pattern.policy(),
            target,
            concurrency: shape.concurrency.size(),
        })
    }

    fn webhook_role(&mut self, realm: &Placed<String>, role: &Placed<String>) {
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

    fn at_most(&mut self, key: &str, count: &Placed<Count>, max: u32) {
        if count.0 == 0 || count.0 > max {
            let message = format!("`{key}` is {}", count.0);
            self.error(Code::OutOfRange, count, message, format!("expected 1 to {max}"));
        }
    }

    fn target(&mut self, keys: &TargetKeys<'_>) -> Option<Target> {
        let mut signing = Vec::new();
        signing.extend(self.signing_key(keys.secret, &keys.secret.value));
        if let Some(place) = &keys.secret_previous.value {
            signing.extend(self.signing_key(keys.secret_previous, place));
        }
        for range in keys.allow.0.iter().filter(|range| range.value == PeerRange::Unix) {
            self.error(Code::Malformed, range, "no webhook goes to a Unix socket", "expected an address or a network");
        }
        let address = keys.url.0.as_ref()?.address.clone();
        if !address.is_encrypted() && keys.allow.0.is_empty() {
            let hint = "expected https://, or the address of the target in `allow_addresses`";
            self.error(Code::InsecureListener, keys.url, "what is posted here goes unencrypted", hint);
        }
        // Where it may go is judged when it goes there.
        let address = self.trusting(address, keys.ca)?;
        let guard = AddressGuard { allow: keys.allow.values() };
        Some(Target { address, keys: signing, timeout: keys.timeout, guard })
    }

    fn signing_key<T>(&mut self, at: &Placed<T>, place: &SecretPlace) -> Option<SigningKey> {
        let text = self.secret(at, place)?;
        let key = SigningKey::parse(text.expose());
        key.map_err(|fault| self.error(Code::Malformed, at, "this is no key of a webhook", fault.to_string())).ok()
    }

    fn verifier_of(&mut self, shape: &Placed<WebhookVerify>) -> Option<Verifier> {
        if !shape.kind.is_given() {
            // That it is missing is noted already.
            return None;
        }
        let kind = shape.kind.value;
        let only = |of: VerifyKind| if kind == of { None } else { Some(of) };
        self.only_of(only(VerifyKind::Standard), "secret_previous", "standard-webhooks", &shape.secret_previous);
        self.only_of(only(VerifyKind::Hmac), "header", "hmac", &shape.header);
        self.only_of(only(VerifyKind::Hmac), "algorithm", "hmac", &shape.algorithm);
        self.only_of(only(VerifyKind::Hmac), "prefix", "hmac", &shape.prefix);
        self.only_of(only(VerifyKind::Hmac), "encoding", "hmac", &shape.encoding);
        self.only_of(only(VerifyKind::Basic), "name", "basic", &shape.name);
        self.only_of(only(VerifyKind::Crossbar), "key", "crossbar", &shape.key);
        if kind == VerifyKind::Standard {
            let mut keys = vec![self.verify_key(&shape.secret, &shape.secret.value)?];
            if let Some(place) = &shape.secret_previous.value {
                keys.push(self.verify_key(&shape.secret_previous, place)?);
            }
            return Some(Verifier::Standard(keys));
        }
        let secret = self.secret(&shape.secret, &shape.secret.value)?;
        match kind {
            VerifyKind::Github | VerifyKind::Standard => Some(Verifier::github(secret)),
            VerifyKind::Basic => {
                let Some(name) = shape.name.value.clone().filter(|name| !name.is_empty() && !name.contains(':')) else {
                    let hint = "expected the name before the colon of HTTP Basic";
                    self.error(Code::MissingKey, shape, "`name` is missing, or cannot be one", hint);
                    return None;
                };
                Some(Verifier::Basic { name, secret })
            }
            VerifyKind::Crossbar => {
                let Some(key) = shape.key.value.clone().filter(|key| !key.is_empty()) else {
                    let hint = "expected the key that requests name";
                    self.error(Code::MissingKey, shape, "`key` is missing, or empty", hint);
                    return None;
                };
                Some(Verifier::Crossbar(CrossbarKey { key, secret }))
            }
            VerifyKind::Hmac => {
                let header = shape.header.value.as_deref().and_then(|name| name.parse::<HeaderName>().ok());
                let Some(header) = header else {
                    let hint = "expected the name of the header with the signature";
                    self.error(Code::MissingKey, shape, "`header` is missing, or cannot be one", hint);
                    return None;
                };
                if shape.algorithm.value == Some(HmacAlgorithm::Sha1) {
                    let hint = "use sha256 where the sender can";
                    self.warn(Code::UnknownValue, &shape.algorithm, "sha1 is for senders that have nothing else", hint);
                }
                let prefix = shape.prefix.value.clone().unwrap_or_default();
                let algorithm = shape.algorithm.value.unwrap_or_default();
                let encoding = shape.encoding.value.unwrap_or_default();
                let header = header.as_str().to_owned();
                Some(Verifier::Hmac(HmacRule { secret, header, algorithm, prefix, encoding }))
            }
        }
    }

    fn verify_key<T>(&mut self, at: &Placed<T>, place: &SecretPlace) -> Option<VerifyKey> {
        let text = self.secret(at, place)?;
        let hint = "expected `whsec_` and Base64 of 24 to 64 octets, or `whpk_` and Base64 of an Ed25519 public key";
        VerifyKey::parse(text.expose())
            .map_err(|_| self.error(Code::Malformed, at, "this is no key of a webhook", hint))
            .ok()
    }

    fn only_of<T>(&mut self, of: Option<VerifyKind>, key: &str, kind: &str, at: &Placed<T>) {
        if of.is_some() && at.is_given() {
            let message = format!("`{key}` means nothing here");
            self.error(Code::Exclusive, at, message, format!("it is of `kind = \"{kind}\"`: remove it"));
        }
    }
}
