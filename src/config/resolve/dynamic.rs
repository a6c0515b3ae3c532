//! Who is asked: `[realms.NAME.auth.dynamic]` about names that no table knows, `[realms.NAME.roles.ROLE.authorizer]`
//! in place of rules.

use super::Resolver;
use crate::auth::{Asked, DynamicSettings, Method, Secret};
use crate::authz::{Authorizer, PolicyRules};
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{Auth, DynamicAuth, DynamicMethod, Realm, Role};
use crate::config::values::SecretPlace;
use crate::wamp::Uri;
use std::sync::Arc;

impl Resolver<'_> {
    /// Who is asked, in the order of the names.
    pub(super) fn dynamic(&mut self, realm: &Realm) -> Vec<Arc<DynamicSettings>> {
        let mut entries = Vec::new();
        for (name, entry) in realm.auth.dynamic.iter() {
            entries.extend(self.dynamic_entry(realm, name, &entry.value).map(Arc::new));
        }
        entries.sort_by(|one: &Arc<DynamicSettings>, other| one.name.cmp(&other.name));
        entries
    }

    fn dynamic_entry(&mut self, realm: &Realm, name: &str, entry: &Placed<DynamicAuth>) -> Option<DynamicSettings> {
        let file = self.file;
        let longest = file.limits.remote_auth_timeout.0.max(file.limits.handshake_timeout.0);
        if entry.timeout.0 >= longest {
            let hint = format!("expected less than `limits.remote_auth_timeout`, {} ms", longest.as_millis());
            self.error(Code::OutOfRange, &entry.timeout, "`timeout` leaves no time for the rest of a login", hint);
        }
        if entry.methods.0.is_empty() && entry.methods.is_given() {
            self.error(Code::Malformed, &entry.methods, "there is no method", "expected one method or more");
        }
        let asked = self.asked(realm, entry)?;
        Some(DynamicSettings {
            name: name.to_owned(),
            methods: entry.methods.0.iter().map(|method| method_of(method.value)).collect(),
            asked,
            timeout: entry.timeout.0,
            forward_headers: entry.forward_headers.0.iter().map(|name| name.value.to_ascii_lowercase()).collect(),
            cache: entry.cache.0.map(|time| time.0),
            shapes: Arc::default(),
        })
    }
}

impl Resolver<'_> {
    /// A procedure or an address; `None` after a mistake, which is noted.
    fn asked(&mut self, realm: &Realm, entry: &Placed<DynamicAuth>) -> Option<Asked> {
        match (&entry.procedure.value, &entry.http.value) {
            (Some(procedure), None) => {
                let hint = "it is of `http`: remove it";
                if entry.ca.is_given() {
                    self.error(Code::Exclusive, &entry.ca, "`ca` means nothing beside `procedure`", hint);
                }
                if entry.token.is_given() {
                    self.error(Code::Exclusive, &entry.token, "`token` means nothing beside `procedure`", hint);
                }
                Some(self.asked_procedure(realm, entry, Uri::from(procedure.0.as_str())))
            }
            (None, Some(url)) => {
                if entry.realm.is_given() {
                    let hint = "it is where a `procedure` is registered: remove it";
                    self.error(Code::Exclusive, &entry.realm, "`realm` means nothing beside `http`", hint);
                }
                let token = entry.token.value.as_ref();
                let token = token.and_then(|place| self.bearer(&entry.token, place));
                Some(Asked::Address { address: self.web_address(&entry.http, url, &entry.ca)?, token })
            }
            (Some(_), Some(_)) => {
                let message = "`procedure` and `http` exclude each other";
                self.error(Code::Exclusive, &entry.http, message, "keep one of them");
                None
            }
            (None, None) => {
                if !(entry.procedure.broken || entry.http.broken) {
                    let message = "`procedure` or `http` is missing";
                    self.error(Code::MissingKey, entry, message, "who is to be asked?");
                }
                None
            }
        }
    }

    /// A token as it can stand in a header.
    fn bearer<T>(&mut self, at: &Placed<T>, place: &SecretPlace) -> Option<Secret> {
        let token = self.secret(at, place)?;
        if token.expose().bytes().all(|octet| octet.is_ascii_graphic()) {
            return Some(token);
        }
        let hint =
            "expected letters, digits and signs of ASCII without spaces; `openssl rand -hex 32` makes a good one";
        self.error(Code::Malformed, at, "this is no token for a header", hint);
        None
    }

    fn asked_procedure(&mut self, realm: &Realm, entry: &Placed<DynamicAuth>, uri: Uri) -> Asked {
        let file = self.file;
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
        let realm = entry.realm.value.as_deref().map(|asked| {
            let uri = file.realms.get(asked).and_then(|realm| realm.uri.value.as_ref());
            Uri::from(uri.map_or(asked, |uri| uri.0.as_str()))
        });
        Asked::Procedure { uri, realm }
    }

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
