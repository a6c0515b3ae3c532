//! Settings by URI: topics and procedures.

use super::Resolver;
use crate::authz::Pattern;
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{Durability, History, Procedure, Realm, StorageKind, Topic};
use crate::config::values::{Level, Named, NamedEntry};
use crate::routing::{HistoryRule, ProcedureRule, RetainRule, TopicRule, TrustLevels, UriTable};
use crate::wamp::uri::is_reserved;
use crate::wamp::{MatchPolicy, Uri};
use std::sync::Arc;

impl Resolver<'_> {
    pub(super) fn topics(&mut self, realm: &Realm) -> Arc<UriTable<TopicRule>> {
        let mut entries = Vec::new();
        for (name, entry) in realm.topics.iter() {
            let rule = self.topic(realm, &entry.value);
            if let Some((policy, uri)) = self.uri_pattern(name, entry) {
                if is_reserved(&uri) {
                    let message = format!("\"{name}\" belongs to the router");
                    let hint = "events under wamp. and wharf. are not kept";
                    self.error_at(Code::Malformed, entry.key, &entry.value.path, message, hint);
                }
                entries.push((policy, uri, rule));
            }
        }
        Arc::new(UriTable::new(entries))
    }

    pub(super) fn procedures(&mut self, realm: &Realm) -> Arc<UriTable<ProcedureRule>> {
        let mut entries = Vec::new();
        for (name, entry) in realm.procedures.iter() {
            let Procedure { call_timeout, trustlevel, trustlevel_by_role, .. } = &entry.value.value;
            let trust = self.trust(realm, trustlevel.value, trustlevel_by_role);
            let rule = ProcedureRule { call_timeout: call_timeout.value.map(|time| time.0), trust };
            if let Some((policy, uri)) = self.uri_pattern(name, entry) {
                entries.push((policy, uri, rule));
            }
        }
        Arc::new(UriTable::new(entries))
    }

    fn topic(&mut self, realm: &Realm, topic: &Topic) -> TopicRule {
        let history = topic.history.value.as_ref().map(|history| self.history(history, &topic.history));
        let retain = RetainRule { allow: topic.retain.allow.value, max_age: topic.retain.max_age.0.map(|time| time.0) };
        TopicRule { history, retain, trust: self.trust(realm, topic.trustlevel.value, &topic.trustlevel_by_role) }
    }

    /// What is promised as durable needs a disk.
    fn history(&mut self, history: &History, table: &Placed<Option<History>>) -> HistoryRule {
        let durable = history.durability.value == Durability::Fsync;
        if durable && self.file.storage.kind.value == StorageKind::Memory {
            let message = "history with durability \"fsync\" needs a store on disk";
            let hint = "set `storage.kind = \"redb\"`, or `durability = \"memory\"` here";
            if history.durability.is_given() {
                self.error(Code::NoStore, &history.durability, message, hint);
            } else {
                self.error(Code::NoStore, table, message, hint);
            }
        }
        HistoryRule { limit: history.limit.size(), max_age: history.max_age.0.map(|time| time.0), durable }
    }

    fn trust(&mut self, realm: &Realm, level: Option<Level>, by_role: &Named<Level>) -> TrustLevels {
        let roles: Vec<&str> = realm.roles.names().collect();
        for (role, entry) in by_role.iter() {
            self.check_text("role", role, &entry.value, &roles);
        }
        let by_role = by_role.iter().map(|(role, entry)| (role.to_owned(), entry.value.0)).collect();
        TrustLevels { level: level.map(|level| level.0), by_role }
    }

    /// The pattern that the name of a table is.
    fn uri_pattern<T>(&mut self, name: &str, entry: &NamedEntry<T>) -> Option<(MatchPolicy, Uri)> {
        match Pattern::parse(name) {
            Ok(pattern) => Some((pattern.policy(), Uri::from(pattern.text()))),
            Err(fault) => {
                let message = format!("\"{name}\" is no pattern");
                self.error_at(Code::Malformed, entry.key, &entry.value.path, message, fault.to_string());
                None
            }
        }
    }
}
