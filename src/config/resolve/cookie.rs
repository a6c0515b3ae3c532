//! `[realms.NAME.auth.cookie]`, and what the listeners give to browsers because of it.

use super::realms::ResolvedRealm;
use super::Resolver;
use crate::auth::{AuthOrder, CookieSettings, Method};
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{Cookie, OrderedMethod};
use crate::config::values::Items;
use crate::transport::settings::ListenerSettings;

impl Resolver<'_> {
    /// How browsers are remembered.
    pub(super) fn cookie(&mut self, cookie: &Cookie) -> CookieSettings {
        // RFC 6265, section 4.1.1: a token.
        let lawful = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
        if cookie.name.is_empty() || !cookie.name.bytes().all(lawful) {
            let message = format!("\"{}\" is no name of a cookie", cookie.name.escape_debug());
            self.error(Code::Malformed, &cookie.name, message, "expected letters, digits and -_.");
        }
        CookieSettings { name: cookie.name.value.clone(), max_age: cookie.max_age.0, same_site: cookie.same_site.value }
    }

    /// In which order methods are tried for clients that name none.
    pub(super) fn order(&mut self, order: &Placed<Items<OrderedMethod>>) -> AuthOrder {
        let mut methods = Vec::new();
        for item in &order.0 {
            let of_item = methods_of(item.value);
            if of_item.iter().any(|method| methods.contains(method)) {
                self.error(Code::Collision, item, "this method stands twice in `order`", "remove one of them");
            }
            methods.extend(of_item);
        }
        AuthOrder(methods)
    }

    /// Gives each listener the cookies of the realms that can be reached there. Where two realms have one name for theirs, the
    /// longer life and the stricter rule count.
    pub(super) fn cookies(&mut self, listeners: &mut [ListenerSettings], realms: &[ResolvedRealm]) {
        let file = self.file;
        for (listener, (_, entry)) in listeners.iter_mut().zip(file.listeners.iter()) {
            let is_reachable = |realm: &&ResolvedRealm| {
                realm.enabled && (listener.realms.is_empty() || listener.realms.contains(&realm.settings.name))
            };
            let mut all: Vec<CookieSettings> = Vec::new();
            for cookie in realms.iter().filter(is_reachable).filter_map(|realm| realm.settings.auth.cookie.as_ref()) {
                match all.iter_mut().find(|other| other.name == cookie.name) {
                    Some(other) => {
                        other.max_age = other.max_age.max(cookie.max_age);
                        other.same_site = other.same_site.min(cookie.same_site);
                    }
                    None => all.push(cookie.clone()),
                }
            }
            if !all.is_empty() && listener.websocket.allowed_origins.iter().any(|origin| origin == "*") {
                let message = "any page could log in with the cookie of its reader";
                let hint = "name the origins: a realm that is reachable here has `auth.cookie`";
                self.error(Code::Exclusive, &entry.value.websocket.allowed_origins, message, hint);
            }
            listener.websocket.cookies = all;
        }
    }
}

/// What a method is on the wire.
pub(super) fn methods_of(method: OrderedMethod) -> &'static [Method] {
    match method {
        OrderedMethod::Cryptosign => &[Method::Cryptosign],
        OrderedMethod::Scram => &[Method::WampScram, Method::Scram],
        OrderedMethod::WampCra => &[Method::WampCra],
        OrderedMethod::Ticket => &[Method::Ticket],
        OrderedMethod::Jwt => &[Method::Jwt],
        OrderedMethod::Tls => &[Method::Tls],
        OrderedMethod::Cookie => &[Method::Cookie],
        OrderedMethod::Anonymous => &[Method::Anonymous],
    }
}
