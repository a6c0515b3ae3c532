//! `[realms.NAME.auth]`: users, with what is known of their secrets. No message here quotes a secret or what is made of one.

use super::Resolver;
use crate::auth::{
    AnonymousSettings, ApiKeys, AuthSettings, CertificateSettings, CryptosignSettings, CryptosignUser, Disabled,
    Flavour, Groups, PublicKey, Record, RouterKey, Salting, ScramUser, Secret, ThrottleSettings, Ticket, TicketHash,
    TicketUser, Users, WampCraUser,
};
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{self, Realm};
use crate::config::values::{Named, SecretPlace};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rounds and key lengths of WAMP-CRA.
const ITERATIONS_MAX: u32 = 10_000_000;
const KEYLEN: std::ops::RangeInclusive<u32> = 16..=64;

impl Resolver<'_> {
    /// Who may enter a realm.
    pub(super) fn auth(&mut self, realm: &Realm, groups: &Arc<Groups>) -> AuthSettings {
        let file = self.file;
        let roles: Vec<&str> = realm.roles.names().collect();
        let listeners: Vec<&str> = file.listeners.names().collect();
        let auth = &realm.auth;
        let mut disabled = Disabled::default();
        let anonymous = auth.anonymous.value.as_ref().map(|anonymous| {
            self.check_role(&anonymous.role, &roles);
            for listener in &anonymous.listeners.0 {
                self.check_name("listener", listener, &listeners);
            }
            AnonymousSettings {
                role: anonymous.role.value.clone(),
                listeners: anonymous.listeners.values(),
                http: anonymous.http.value,
            }
        });
        let ticket = auth.ticket.value.as_ref().map(|ticket| {
            let read = |resolver: &mut Self, user: &Placed<shape::TicketUser>| {
                (user.enabled.value, resolver.ticket_user(user, &roles))
            };
            self.users(&ticket.users, &mut disabled, read)
        });
        let wampcra = auth.wampcra.value.as_ref().map(|cra| {
            let read = |resolver: &mut Self, user: &Placed<shape::WampCraUser>| {
                (user.enabled.value, resolver.wampcra_user(user, &roles))
            };
            self.users(&cra.users, &mut disabled, read)
        });
        let cryptosign = auth.cryptosign.value.as_ref();
        let cryptosign = cryptosign.map(|cryptosign| self.cryptosign(cryptosign, &roles, &mut disabled));
        let (scram, scram_dialect) = match auth.scram.value.as_ref() {
            Some(scram) => self.scram(scram, &roles, &mut disabled),
            None => (None, None),
        };
        let throttle = ThrottleSettings {
            per_authid: auth.throttle.per_authid.0,
            per_authid_refill: auth.throttle.per_authid_refill.0,
            per_ip: auth.throttle.per_ip.0,
            per_ip_refill: auth.throttle.per_ip_refill.0,
        };
        let tls = auth.tls.value.as_ref().map(|tls| {
            self.check_role(&tls.role, &roles);
            CertificateSettings { authid: tls.authid.value, role: tls.role.value.clone() }
        });
        let dynamic = self.dynamic(realm);
        let second = auth.second.value.as_ref().map(|second| Arc::new(self.second(realm, second, &roles)));
        let cookie = auth.cookie.value.as_ref().map(|cookie| self.cookie(cookie));
        let order = self.order(&auth.order);
        let jwt = auth.jwt.value.as_ref().and_then(|jwt| self.jwt(&auth.jwt, jwt, &roles)).map(Arc::new);
        AuthSettings {
            anonymous,
            ticket,
            wampcra,
            scram,
            scram_dialect,
            cryptosign,
            jwt,
            tls,
            dynamic,
            cookie,
            second,
            // Handed out by `api_keys`.
            keys: ApiKeys::default(),
            disabled,
            order,
            throttle,
            sources: self.sources(realm, Arc::clone(groups)),
        }
    }

    pub(super) fn check_role(&mut self, role: &Placed<String>, roles: &[&str]) {
        if !role.value.is_empty() {
            self.check_name("role", role, roles);
        }
    }

    /// All of them are looked at; those who are not enabled become nobody. `read` gives whether a user is, and what it is.
    fn users<T, U>(
        &mut self,
        named: &Named<T>,
        disabled: &mut Disabled,
        mut read: impl FnMut(&mut Self, &Placed<T>) -> (bool, Option<U>),
    ) -> Users<U> {
        let mut users = Vec::new();
        for (authid, entry) in named.iter() {
            match read(self, &entry.value) {
                (true, user) => users.extend(user.map(|user| (authid.to_owned(), user))),
                (false, _) => disabled.add(authid, &[]),
            }
        }
        users.into_iter().collect()
    }

    fn ticket_user(&mut self, user: &Placed<shape::TicketUser>, roles: &[&str]) -> Option<TicketUser> {
        self.check_role(&user.role, roles);
        let ticket = match (&user.ticket.value, &user.hash.value) {
            (Some(place), None) => Ticket::Plain(self.secret(&user.ticket, place)?),
            (None, Some(place)) => {
                let text = self.secret_text(&user.hash, place)?;
                match TicketHash::parse(text.expose()) {
                    Ok(hash) => Ticket::Hashed(hash),
                    Err(error) => {
                        self.error(Code::Malformed, &user.hash, "this is no hash of a ticket", error.to_string());
                        return None;
                    }
                }
            }
            (Some(_), Some(_)) => {
                self.error(Code::Exclusive, &user.hash, "`ticket` and `hash` exclude each other", "keep one of them");
                return None;
            }
            (None, None) => return self.missing(user, &[&user.ticket, &user.hash], "`ticket` or `hash` is missing"),
        };
        Some(TicketUser { ticket, role: user.role.value.clone() })
    }

    fn wampcra_user(&mut self, user: &Placed<shape::WampCraUser>, roles: &[&str]) -> Option<WampCraUser> {
        self.check_role(&user.role, roles);
        let role = user.role.value.clone();
        match (&user.secret.value, &user.key.value) {
            (Some(place), None) => {
                if user.salt.is_given() {
                    let hint = "remove it, or give the derived `key` in place of `secret`";
                    self.error(Code::Exclusive, &user.salt, "`salt` means nothing beside `secret`", hint);
                }
                Some(WampCraUser { key: self.secret(&user.secret, place)?, salted: None, role })
            }
            (None, Some(place)) => {
                let key = self.secret(&user.key, place);
                let salted = self.salting(user)?;
                let key = self.derived_key(&user.key, &key?, salted.keylen)?;
                Some(WampCraUser { key, salted: Some(salted), role })
            }
            (Some(_), Some(_)) => {
                self.error(Code::Exclusive, &user.key, "`secret` and `key` exclude each other", "keep one of them");
                None
            }
            (None, None) => self.missing(user, &[&user.secret, &user.key], "`secret` or `key` is missing"),
        }
    }

    fn salting(&mut self, user: &Placed<shape::WampCraUser>) -> Option<Salting> {
        let (iterations, keylen) = (user.iterations.0, user.keylen.0);
        if iterations > ITERATIONS_MAX {
            let hint = format!("expected 1 to {ITERATIONS_MAX}");
            self.error(Code::OutOfRange, &user.iterations, "`iterations` is out of range", hint);
        }
        if !KEYLEN.contains(&keylen) {
            let hint = format!("expected {} to {} octets", KEYLEN.start(), KEYLEN.end());
            self.error(Code::OutOfRange, &user.keylen, "`keylen` is out of range", hint);
        }
        match &user.salt.value {
            Some(salt) if !salt.is_empty() => Some(Salting { salt: salt.clone(), iterations, keylen }),
            Some(_) => {
                self.error(
                    Code::Malformed,
                    &user.salt,
                    "`salt` is empty",
                    "expected that of `wharf hash-secret wampcra`",
                );
                None
            }
            None if user.salt.broken => None,
            None => {
                let hint = "expected that of `wharf hash-secret wampcra`";
                self.error_at(Code::MissingKey, user.place, &user.path, "`salt` is missing beside `key`", hint);
                None
            }
        }
    }

    /// The key as it signs: its Base64 text with padding.
    fn derived_key(&mut self, at: &Placed<Option<SecretPlace>>, key: &Secret, keylen: u32) -> Option<Secret> {
        let octets = STANDARD.decode(key.expose()).ok().map(zeroize::Zeroizing::new);
        if octets.is_some_and(|octets| octets.len() == keylen as usize) {
            return Some(key.clone());
        }
        let hint = format!("expected Base64 of {keylen} octets, as `wharf hash-secret wampcra` makes it");
        self.error(Code::Malformed, at, "this is no derived key", hint);
        None
    }

    /// The users of `wamp-scram`, and those of the dialect where it is offered.
    fn scram(
        &mut self,
        scram: &shape::Scram,
        roles: &[&str],
        disabled: &mut Disabled,
    ) -> (Option<Users<ScramUser>>, Option<Users<ScramUser>>) {
        let (mut standard, mut dialect) = (Vec::new(), Vec::new());
        for (authid, entry) in scram.users.iter() {
            let user = &entry.value;
            self.check_role(&user.role, roles);
            if !user.enabled.value {
                disabled.add(authid, &[]);
            }
            let Some(text) = self.verifier(&user.verifier, &user.verifier.value) else { continue };
            for line in text.expose().lines().map(str::trim).filter(|line| !line.is_empty()) {
                let record = match Record::parse(line) {
                    Ok(record) => record,
                    Err(error) => {
                        self.error(
                            Code::Malformed,
                            &user.verifier,
                            "this is no record of a password",
                            error.to_string(),
                        );
                        continue;
                    }
                };
                let of_dialect = record.flavour() == Flavour::Autobahn;
                if of_dialect && !scram.autobahn_dialect.value {
                    let message = "this record is for the dialect of Autobahn|Python, which is not offered";
                    let hint = "set `autobahn_dialect = true`, or make the record without --autobahn";
                    self.error(Code::Exclusive, &user.verifier, message, hint);
                }
                let users = if of_dialect { &mut dialect } else { &mut standard };
                if user.enabled.value {
                    users.push((authid.to_owned(), ScramUser { record, role: user.role.value.clone() }));
                }
            }
        }
        let dialect = scram.autobahn_dialect.value.then(|| dialect.into_iter().collect());
        (Some(standard.into_iter().collect()), dialect)
    }

    fn cryptosign(
        &mut self,
        cryptosign: &shape::Cryptosign,
        roles: &[&str],
        disabled: &mut Disabled,
    ) -> CryptosignSettings {
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        let mut users = Vec::new();
        for (authid, entry) in cryptosign.users.iter() {
            let user = &entry.value;
            self.check_role(&user.role, roles);
            let mut keys = Vec::new();
            for text in &user.keys.0 {
                let Some(key) = PublicKey::parse(&text.value) else {
                    let hint = "expected 64 hexadecimal digits, as `wharf keygen` prints them";
                    self.error(Code::Malformed, text, "this is no public key of Ed25519", hint);
                    continue;
                };
                if let Some(other) = owners.insert(key.to_string(), authid.to_owned()) {
                    let message = format!("this key is also one of `{other}`");
                    self.error(Code::Collision, text, message, "a client that gives no authid is found by its key");
                }
                keys.push(key);
            }
            if user.keys.0.is_empty() && user.keys.is_given() {
                self.error(Code::Malformed, &user.keys, "there is no key", "expected one public key or more");
            }
            if user.enabled.value {
                users.push((authid.to_owned(), CryptosignUser { keys, role: user.role.value.clone() }));
            } else {
                disabled.add(authid, &keys);
            }
        }
        let key = cryptosign.key.value.as_ref().and_then(|place| {
            let text = self.secret(&cryptosign.key, place)?;
            let key = RouterKey::parse(text.expose().trim());
            if key.is_none() {
                let hint = "expected 64 hexadecimal digits, as `wharf keygen --out FILE` writes them";
                self.error(Code::Malformed, &cryptosign.key, "this is no private key of Ed25519", hint);
            }
            key
        });
        CryptosignSettings::new(users.into_iter().collect(), cryptosign.channel_binding.value, key)
    }

    /// Notes that a user lacks one of two keys, unless one of them could not be read.
    pub(super) fn missing<T, U, V>(&mut self, user: &Placed<T>, keys: &[&Placed<U>], message: &str) -> Option<V> {
        if !keys.iter().any(|key| key.broken) {
            self.error(Code::MissingKey, user, message, "");
        }
        None
    }
}
