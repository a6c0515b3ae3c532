//! `[realms.NAME.auth.second]`: logins that take two proofs.

use super::Resolver;
use crate::auth::{Method, SecondSettings};
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{Auth, DynamicMethod, FirstMethod, Realm, SecondMethod, SecondProof};

impl Resolver<'_> {
    /// After which methods another one is asked for, and of whom.
    pub(super) fn second(&mut self, realm: &Realm, second: &SecondProof, roles: &[&str]) -> SecondSettings {
        let (auth, method) = (&realm.auth, second.method.value);
        for role in &second.roles.0 {
            self.check_role(role, roles);
        }
        if second.after.is_given() && second.after.0.is_empty() {
            self.error(Code::Malformed, &second.after, "there is no method", "expected one method or more");
        }
        let methods = second_methods(method);
        for item in &second.after.0 {
            if first_methods(item.value).iter().any(|first| methods.contains(first)) {
                let hint = "take it out, or ask for another `method`";
                self.error(Code::Exclusive, item, "a method does not follow itself", hint);
            }
        }
        if !second.method.is_given() || second.method.broken {
            // Told already.
        } else if !is_known(auth, method) {
            let message = format!("nobody could pass `{}`: this realm does not have it", name_of(method));
            let hint = "give the realm a table of this method, or an entry in `auth.dynamic` that knows its users";
            self.error(Code::MissingKey, &second.method, message, hint);
        } else {
            self.warn_of_those_without(realm, second);
        }
        SecondSettings {
            after: second.after.0.iter().flat_map(|item| first_methods(item.value)).copied().collect(),
            methods: methods.to_vec(),
            roles: second.roles.values(),
        }
    }

    /// Users of the file who could not come in: their second secret is nowhere.
    fn warn_of_those_without(&mut self, realm: &Realm, second: &SecondProof) {
        let auth = &realm.auth;
        if second.method.value == SecondMethod::Tls || asks(auth, second_methods(second.method.value)) {
            return;
        }
        let others = names(auth, second.method.value);
        let meant = |role: &str| second.roles.0.is_empty() || second.roles.0.iter().any(|meant| meant.value == role);
        let firsts = second.after.0.iter().flat_map(|first| users(auth, first.value));
        let without: Vec<&str> =
            firsts.filter(|(name, role)| meant(role) && !others.contains(name)).map(|(name, _)| name).collect();
        if let Some(name) = without.first() {
            let message = format!("`{name}` cannot log in: `{}` knows no such user", name_of(second.method.value));
            let hint = match without.len() {
                1 => "give this user both, or limit `roles`".to_owned(),
                count => format!("and {} more; give them both, or limit `roles`", count - 1),
            };
            self.warn(Code::MissingKey, &second.method, message, hint);
        }
    }
}

fn first_methods(method: FirstMethod) -> &'static [Method] {
    match method {
        FirstMethod::Ticket => &[Method::Ticket],
        FirstMethod::WampCra => &[Method::WampCra],
        FirstMethod::Scram => &[Method::WampScram, Method::Scram],
        FirstMethod::Cryptosign => &[Method::Cryptosign],
        FirstMethod::Jwt => &[Method::Jwt],
    }
}

fn second_methods(method: SecondMethod) -> &'static [Method] {
    match method {
        SecondMethod::Ticket => &[Method::Ticket],
        SecondMethod::WampCra => &[Method::WampCra],
        SecondMethod::Scram => &[Method::WampScram, Method::Scram],
        SecondMethod::Cryptosign => &[Method::Cryptosign],
        SecondMethod::Tls => &[Method::Tls],
    }
}

fn name_of(method: SecondMethod) -> &'static str {
    match method {
        SecondMethod::Ticket => "ticket",
        SecondMethod::WampCra => "wampcra",
        SecondMethod::Scram => "scram",
        SecondMethod::Cryptosign => "cryptosign",
        SecondMethod::Tls => "tls",
    }
}

/// Whether somebody is asked for one of the methods.
fn asks(auth: &Auth, methods: &[Method]) -> bool {
    let of = |method: &Placed<DynamicMethod>| methods.contains(&super::dynamic::method_of(method.value));
    auth.dynamic.iter().any(|(_, entry)| entry.value.methods.0.iter().any(of))
}

fn is_known(auth: &Auth, method: SecondMethod) -> bool {
    let has_table = match method {
        SecondMethod::Ticket => auth.ticket.value.is_some(),
        SecondMethod::WampCra => auth.wampcra.value.is_some(),
        SecondMethod::Scram => auth.scram.value.is_some(),
        SecondMethod::Cryptosign => auth.cryptosign.value.is_some(),
        SecondMethod::Tls => auth.tls.value.is_some(),
    };
    has_table || asks(auth, second_methods(method))
}

/// The users of a method, with their roles.
fn users(auth: &Auth, method: FirstMethod) -> Vec<(&str, &str)> {
    fn all<'a, T>(users: impl Iterator<Item = (&'a str, T)>, role: impl Fn(T) -> &'a str) -> Vec<(&'a str, &'a str)> {
        users.map(|(name, user)| (name, role(user))).collect()
    }
    match method {
        FirstMethod::Ticket => auth.ticket.value.as_ref().map(|of| all(of.users.iter(), |user| &user.value.role.value)),
        FirstMethod::WampCra => {
            auth.wampcra.value.as_ref().map(|of| all(of.users.iter(), |user| &user.value.role.value))
        }
        FirstMethod::Scram => auth.scram.value.as_ref().map(|of| all(of.users.iter(), |user| &user.value.role.value)),
        FirstMethod::Cryptosign => {
            auth.cryptosign.value.as_ref().map(|of| all(of.users.iter(), |user| &user.value.role.value))
        }
        FirstMethod::Jwt => None,
    }
    .unwrap_or_default()
}

fn names(auth: &Auth, method: SecondMethod) -> Vec<&str> {
    match method {
        SecondMethod::Ticket => auth.ticket.value.as_ref().map(|of| of.users.names().collect()),
        SecondMethod::WampCra => auth.wampcra.value.as_ref().map(|of| of.users.names().collect()),
        SecondMethod::Scram => auth.scram.value.as_ref().map(|of| of.users.names().collect()),
        SecondMethod::Cryptosign => auth.cryptosign.value.as_ref().map(|of| of.users.names().collect()),
        SecondMethod::Tls => None,
    }
    .unwrap_or_default()
}
