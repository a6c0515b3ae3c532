//! `[realms.NAME.groups]`, `.grants` and `.sources`. Users in them need not be listed: tokens and authenticators know others.

use super::cookie::methods_of;
use super::Resolver;
use crate::auth::{Group, Groups, Source, Sources};
use crate::authz::{Grant, Grants, PolicyFlags, PolicyRules};
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{self, Realm};
use crate::config::values::{Items, NamedEntry};
use std::sync::Arc;

/// Groups in themselves that are told of one realm.
const CYCLES_MAX: usize = 20;

/// Names of a way that are told.
const WAY_MAX: usize = 20;

impl Resolver<'_> {
    /// Who belongs together.
    pub(super) fn groups(&mut self, realm: &Realm) -> Arc<Groups> {
        let group = |(name, entry): (&str, &NamedEntry<shape::Group>)| {
            (name.to_owned(), Group { users: entry.value.users.values(), groups: entry.value.groups.values() })
        };
        let groups = Groups::new(realm.groups.iter().map(group).collect());
        for (_, entry) in realm.groups.iter() {
            self.check_groups(&entry.value.groups, &groups, realm);
            self.check_users(&entry.value.users, realm);
        }
        for cycle in groups.cycles(CYCLES_MAX) {
            let (Some(first), Some(within)) = (cycle.first(), cycle.get(cycle.len().wrapping_sub(2))) else { continue };
            let Some(group) = realm.groups.get(within) else { continue };
            let Some(at) = group.groups.0.iter().find(|inner| inner.value == **first) else { continue };
            let more = if cycle.len() > WAY_MAX { " -> ..." } else { "" };
            let way = cycle.iter().take(WAY_MAX).copied().collect::<Vec<_>>().join(" -> ");
            let message = format!("the group `{first}` lies in itself");
            self.error(Code::InheritanceCycle, at, message, format!("{way}{more}"));
        }
        Arc::new(groups)
    }

    /// What users and groups may do beyond their role.
    pub(super) fn grants(&mut self, realm: &Realm, groups: &Groups) -> Grants {
        let mut grants = Vec::new();
        for (name, entry) in realm.grants.iter() {
            let shape = &entry.value;
            self.check_groups(&shape.groups, groups, realm);
            self.check_users(&shape.users, realm);
            let mut rules = PolicyRules {
                flags: PolicyFlags {
                    allow_match_all: shape.allow_match_all.value,
                    allow_pattern_register: shape.allow_pattern_register.value,
                    allow_force_reregister: shape.allow_force_reregister.value,
                    allow_disclose_caller: shape.allow_disclose_caller.value,
                    no_retain: !shape.allow_retain.value,
                    no_cancel: !shape.allow_cancel.value,
                },
                ..PolicyRules::default()
            };
            self.listed(&shape.lists, &mut rules);
            let (users, groups) = (shape.users.values(), shape.groups.values());
            grants.push(Grant { name: name.to_owned(), users, groups, rules });
        }
        Grants::new(grants)
    }

    /// From where and how who may log in.
    pub(super) fn sources(&mut self, realm: &Realm, groups: Arc<Groups>) -> Sources {
        let listeners: Vec<&str> = self.file.listeners.names().collect();
        let mut sources = Vec::new();
        for (_, entry) in realm.sources.iter() {
            let shape = &entry.value;
            self.check_groups(&shape.groups, &groups, realm);
            self.check_users(&shape.users, realm);
            for listener in &shape.listeners.0 {
                self.check_name("listener", listener, &listeners);
            }
            sources.push(Source {
                users: shape.users.values(),
                groups: shape.groups.values(),
                allow_from: shape.allow_from.values(),
                listeners: shape.listeners.values(),
                methods: shape.methods.0.iter().flat_map(|method| methods_of(method.value)).copied().collect(),
            });
        }
        let leaves_out = !sources.is_empty() && !sources.iter().any(Source::is_for_all);
        if let Some((name, entry)) = realm.sources.iter().next().filter(|_| leaves_out) {
            let message = "no source of this realm is for all: whoever is not named by one cannot log in";
            let hint =
                format!("if that is meant, leave it; else add a source without users and groups beside `{name}`");
            self.warn_at(Code::NoSourceForAll, entry.key, &entry.value.path, message, hint);
        }
        Sources::new(groups, sources)
    }

    fn check_groups(&mut self, named: &Items<String>, groups: &Groups, realm: &Realm) {
        for name in named.0.iter().filter(|name| groups.get(name).is_none()) {
            let known: Vec<&str> = realm.groups.names().collect();
            self.check_name("group", name, &known);
        }
    }

    /// A name that only a slip of the pen can explain: a source or a grant would be for nobody.
    fn check_users(&mut self, named: &Items<String>, realm: &Realm) {
        let auth = &realm.auth;
        let knows_others = auth.jwt.value.is_some() || auth.tls.value.is_some() || !auth.dynamic.0.is_empty();
        for name in named.0.iter().filter(|name| !knows_others && !is_listed(realm, name)) {
            let message = format!("no method of this realm has a user \"{}\"", name.escape_debug());
            self.warn(Code::DanglingReference, name, message, "nobody can log in under that name");
        }
    }
}

fn is_listed(realm: &Realm, authid: &Placed<String>) -> bool {
    let auth = &realm.auth;
    let (ticket, wampcra, scram) = (&auth.ticket.value, &auth.wampcra.value, &auth.scram.value);
    ticket.as_ref().is_some_and(|table| table.users.get(authid).is_some())
        || wampcra.as_ref().is_some_and(|table| table.users.get(authid).is_some())
        || scram.as_ref().is_some_and(|table| table.users.get(authid).is_some())
        || auth.cryptosign.value.as_ref().is_some_and(|table| table.users.get(authid).is_some())
}
