//! `[realms]` and `[realm_templates]`.

use super::Resolver;
use crate::actors::settings::{OutboxSettings, RealmSettings, RealmTemplate, RoleSettings};
use crate::config::error::Code;
use crate::config::shape::{Queue, Realm, RealmCommon, StorageKind};
use crate::config::tree::Place;
use crate::config::values::{Items, NamedEntry};
use crate::routing::{RealmLimits, RealmRules};
use crate::wamp::role::{Feature, Features};
use crate::wamp::uri::{check, UriRules};
use crate::wamp::{MatchPolicy, Uri};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A realm, open or not.
pub(super) struct ResolvedRealm {
    pub(super) enabled: bool,
    pub(super) settings: RealmSettings,
}

impl Resolver<'_> {
    /// All realms, by name, those that are not open too.
    pub(super) fn realms(&mut self) -> Vec<ResolvedRealm> {
        let file = self.file;
        let mut realms = Vec::new();
        let mut by_uri: BTreeMap<Uri, (&str, Place)> = BTreeMap::new();
        for (name, entry) in file.realms.iter() {
            let realm = self.realm(name, entry);
            if let Some((other, place)) = by_uri.insert(realm.settings.uri.clone(), (name, entry.key)) {
                let message = format!("the realms `{other}` and `{name}` have one URI, {}", realm.settings.uri);
                let hint = format!("the other is {}", self.sources.short(place));
                self.error_at(Code::Collision, entry.key, &entry.value.path, message, hint);
            }
            realms.push(realm);
        }
        realms
    }

    fn realm(&mut self, name: &str, entry: &NamedEntry<Realm>) -> ResolvedRealm {
        let (shape, common) = (&entry.value, &entry.value.common);
        let uri = shape.uri.value.as_ref().map_or(name, |uri| &uri.0);
        if shape.uri.value.is_none() {
            if let Err(fault) = check(uri, UriRules::Loose, MatchPolicy::Exact) {
                let message = format!("the name `{name}` is no URI");
                self.error_at(Code::Malformed, entry.key, &shape.path, message, format!("{fault}; or set `uri`"));
            }
        }
        let groups = self.groups(shape);
        let settings = RealmSettings {
            name: name.to_owned(),
            uri: Uri::from(uri),
            description: common.description.value.clone(),
            uri_rules: if common.strict_uri.value { UriRules::Strict } else { UriRules::Loose },
            strict_request_ids: common.strict_request_ids.value,
            disclose: common.disclose.value,
            rules: RealmRules {
                limits: self.realm_limits(common),
                features: features(&common.features_off),
                topics: self.topics(shape),
                procedures: self.procedures(shape),
                takeover: common.takeover.value,
                forward_timeout: common.forward_timeout.value,
                retained_durable: self.file.storage.kind.value == StorageKind::Redb,
                hands_on_trace: self.file.observability.trace_context.value,
                administers: *uri == *self.file.admin.realm.value.0,
            },
            revoke_on_reload: common.revoke_on_reload.value,
            outbox: outbox(&common.queue),
            auth: self.auth(shape, &groups),
            roles: self.roles(shape),
            grants: Arc::new(self.grants(shape, &groups)),
            groups,
            told: self.told(shape),
        };
        ResolvedRealm { enabled: common.enabled.value, settings }
    }

    fn realm_limits(&mut self, common: &RealmCommon) -> RealmLimits {
        let (call_timeout, call_timeout_max) = (common.call_timeout.0, common.call_timeout_max.0);
        if let (Some(timeout), Some(longest)) = (call_timeout, call_timeout_max) {
            if timeout.0 > longest.0 {
                let message = "`call_timeout` is longer than `call_timeout_max`";
                self.error(Code::OutOfRange, &common.call_timeout, message, "expected at most `call_timeout_max`");
            }
        }
        let bounds = &common.limits;
        RealmLimits {
            sessions_max: bounds.max_sessions.size(),
            subscriptions_max: bounds.max_subscriptions.size(),
            registrations_max: bounds.max_registrations.size(),
            subscriptions_per_session_max: bounds.max_subscriptions_per_session.size(),
            registrations_per_session_max: bounds.max_registrations_per_session.size(),
            pending_calls_per_session_max: bounds.max_pending_calls_per_session.size(),
            open_invocations_per_session_max: bounds.max_open_invocations_per_session.size(),
            call_timeout: call_timeout.map(|time| time.0),
            call_timeout_max: call_timeout_max.map(|time| time.0),
            meta_list_max: bounds.meta_list_max.size(),
            meta_calls: crate::routing::MetaCalls { per_second: bounds.meta_calls.0, burst: bounds.meta_burst.0 },
            queued_calls_per_registration_max: bounds.max_queued_calls_per_registration.size(),
            testaments_per_session_max: bounds.max_testaments_per_session.size(),
            testament_octets_max: bounds.max_testament_bytes.octets(),
            retained_octets_max: bounds.max_retained_bytes.octets(),
            retained_full: bounds.retained_full.value,
            history_octets_max: bounds.max_history_bytes.octets(),
        }
    }

    fn roles(&mut self, realm: &Realm) -> BTreeMap<String, RoleSettings> {
        let names: Vec<&str> = realm.roles.names().collect();
        let mut roles = BTreeMap::new();
        for (name, entry) in realm.roles.iter() {
            for parent in &entry.value.inherit.0 {
                self.check_name("role", parent, &names);
            }
            let (rules, rate, on_overflow) = self.role_rules(realm, name);
            let authorizer = self.authorizer(realm, &entry.value, &rules);
            let policy = Arc::new(crate::authz::Policy::new(rules));
            roles.insert(name.to_owned(), RoleSettings { policy, authorizer, rate, on_overflow });
        }
        roles
    }

    /// The templates, each with the settings of the realm that it is made from.
    pub(super) fn templates(&mut self, realms: &[ResolvedRealm]) -> Vec<RealmTemplate> {
        let file = self.file;
        let names: Vec<&str> = file.realms.names().collect();
        let mut templates = Vec::new();
        for (name, entry) in file.realm_templates.iter() {
            let shape = &entry.value;
            if shape.covers.pattern.policy() == MatchPolicy::Exact && shape.covers.is_given() {
                let message = format!("\"{}\" covers one realm only", shape.covers.text);
                let hint = "expected a prefix or wildcard such as \"com.example.tenant.*\"";
                self.error(Code::Malformed, &shape.covers, message, hint);
            }
            if shape.from.is_given() {
                self.check_name("realm", &shape.from, &names);
            }
            if let Some(from) = realms.iter().find(|realm| realm.settings.name == shape.from.value) {
                templates.push(RealmTemplate {
                    name: name.to_owned(),
                    pattern: shape.covers.pattern.clone(),
                    settings: RealmSettings {
                        rules: RealmRules { administers: false, ..from.settings.rules.clone() },
                        ..from.settings.clone()
                    },
                    idle_close: shape.idle_close.0,
                    realms_max: shape.max_realms.size(),
                });
            }
        }
        templates
    }
}

fn features(off: &Items<Feature>) -> Features {
    off.0.iter().fold(Features::default(), |features, off| features.without(off.value))
}

fn outbox(queue: &Queue) -> OutboxSettings {
    OutboxSettings {
        bytes_max: queue.max_bytes.octets(),
        messages_max: queue.max_messages.size(),
        stall: queue.stall.0,
        on_overflow: queue.on_overflow.value,
        notify: queue.notify.value,
    }
}
