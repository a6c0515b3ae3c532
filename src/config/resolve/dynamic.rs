//! Procedures that are asked: `[realms.NAME.auth.dynamic]` about names that no table knows, `[realms.NAME.roles.ROLE.authorizer]`
//! in place of rules.

use super::Resolver;
use crate::auth::{DynamicSettings, Method};
use crate::authz::{Authorizer, PolicyRules};
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{Auth, DynamicAuth, DynamicMethod, Realm, Role};
use crate::wamp::Uri;
use std::sync::Arc;

impl Resolver<'_> {
    /// Who is asked, in the order of the names.
    pub(super) fn dynamic(&mut self, realm: &Realm) -> Vec<Arc<DynamicSettings>> {
        let mut entries = Vec::new();
        for (name, entry) in realm.auth.dynamic.iter() {
            entries.push(Arc::new(self.dynamic_entry(realm, name, &entry.value)));
        }
        entries.sort_by(|one: &Arc<DynamicSettings>, other| one.name.cmp(&other.name));
        entries
    }

    fn dynamic_entry(&mut self, realm: &Realm, name: &str, entry: &Placed<DynamicAuth>) -> DynamicSettings {
        let file = self.file;
        let longest = file.limits.remote_auth_timeout.0.max(file.limits.handshake_timeout.0);
        if entry.timeout.0 >= longest {
            let hint = format!("expected less than `limits.remote_auth_timeout`, {} ms", longest.as_millis());
            self.error(Code::OutOfRange, &entry.timeout, "`timeout` leaves no time for the rest of a login", hint);
        }
        if entry.methods.0.is_empty() && entry.methods.is_given() {
            self.error(Code::Malformed, &entry.methods, "there is no method", "expected one method or more");
        }
        let names: Vec<&str> = file.realms.names().collect();
        if let Some(asked) = &entry.realm.value {
            self.check_text("realm", asked, &entry.realm, &names);
        }
        let asked = match &entry.realm.value {
            Some(asked) => file.realms.get(asked),
            None => Some(realm),
        };
        let lets_in = |auth: &Auth| {
            auth.anonymous.value.is_some()
                || auth.ticket.value.is_some()
                || auth.wampcra.value.is_some()
                || auth.scram.value.is_some()
                || auth.cryptosign.value.is_some()
                || auth.tls.value.is_some()
        };
        // The authenticator itself would be the first to be asked about.
        if asked.is_some_and(|asked| !lets_in(&asked.auth)) {
            let message = "nobody can register this procedure: its realm asks for everybody who comes in";
            let hint = "give the realm of the procedure a method of its own, such as `ticket`, for the authenticator";
            self.error(Code::MissingKey, &entry.procedure, message, hint);
        }
        DynamicSettings {
            name: name.to_owned(),
            methods: entry.methods.0.iter().map(|method| method_of(method.value)).collect(),
            procedure: Uri::from(entry.procedure.0.as_str()),
            realm: entry.realm.value.as_deref().map(|asked| {
                let uri = file.realms.get(asked).and_then(|realm| realm.uri.value.as_ref());
                Uri::from(uri.map_or(asked, |uri| uri.0.as_str()))
            }),
            timeout: entry.timeout.0,
            forward_headers: entry.forward_headers.0.iter().map(|name| name.value.to_ascii_lowercase()).collect(),
            shapes: Arc::default(),
        }
    }
}

impl Resolver<'_> {
    /// Who is asked in place of the rules of `role`, of which it has all but `deny` none.
    pub(super) fn authorizer(
        &mut self,
        realm: &Realm,
        role: &Placed<Role>,
        rules: &PolicyRules,
    ) -> Option<Arc<Authorizer>> {
        for parent in &role.inherit.0 {
            if realm.roles.get(&parent.value).is_some_and(|parent| parent.authorizer.value.is_some()) {
                let message = format!("`{}` has an authorizer, which is not inherited", parent.value);
                self.error(Code::Exclusive, parent, message, "give this role an authorizer of its own");
            }
        }
        let table = role.authorizer.value.as_ref()?;
        if let Some(rule) = rules.allow.first() {
            let message = "`authorizer` asks in place of rules, and this role has some";
            let hint = format!("remove it, or what allows something, here or inherited ({})", rule.source);
            self.error(Code::Exclusive, &role.authorizer, message, hint);
        }
        Some(Arc::new(Authorizer {
            procedure: Uri::from(table.procedure.0.as_str()),
            cache: table.cache.0.map(|time| time.0),
            cache_scope: table.cache_scope.value,
            timeout: table.timeout.0,
            on_failure: table.on_failure.value,
            source: self.sources.short(role.authorizer.place).into(),
        }))
    }
}

pub(super) fn method_of(method: DynamicMethod) -> Method {
    match method {
        DynamicMethod::Ticket => Method::Ticket,
        DynamicMethod::WampCra => Method::WampCra,
        DynamicMethod::WampScram => Method::WampScram,
        DynamicMethod::Scram => Method::Scram,
        DynamicMethod::Cryptosign => Method::Cryptosign,
    }
}
