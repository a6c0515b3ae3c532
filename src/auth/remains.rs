//! Whether somebody who came in could still come in so, under settings that have changed since.

use super::{dynamic, jwt, AuthSettings, Identity, Method, PROVIDER};

impl AuthSettings {
    /// Whether the user, or the way in without a name, is there with the same role. What proves it does not count: a changed
    /// secret is for the next login. Users whom others know (tokens, authenticators) remain while those are believed at all.
    pub fn still_lists(&self, identity: &Identity) -> bool {
        if let Some(remains) = self.keys.still_lists(identity) {
            return remains;
        }
        match &*identity.authprovider {
            jwt::PROVIDER => self.jwt.is_some(),
            dynamic::PROVIDER => !self.dynamic.is_empty(),
            PROVIDER => Method::from_wire(&identity.authmethod).is_none_or(|method| self.lists(method, identity)),
            _ => true,
        }
    }

    fn lists(&self, method: Method, identity: &Identity) -> bool {
        let role = Some(&*identity.authrole);
        match method {
            Method::Anonymous => self.anonymous.as_ref().map(|anonymous| &*anonymous.role) == role,
            Method::Tls => self.tls.as_ref().map(|tls| &*tls.role) == role,
            // By which method the browser's user was known is not kept with the session.
            Method::Cookie => {
                self.cookie.is_some() && Method::ALL.iter().any(|known| self.role_of(*known, &identity.authid) == role)
            }
            Method::Ticket | Method::WampCra | Method::WampScram | Method::Scram | Method::Cryptosign | Method::Jwt => {
                self.role_of(method, &identity.authid) == role
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{AnonymousSettings, CookieSettings, SameSite, Secret, Ticket, TicketUser};
    use core::time::Duration;

    fn identity(method: Method, authid: &str, role: &str) -> Identity {
        Identity::proven(authid, role, method)
    }

    fn with_joe(role: &str) -> AuthSettings {
        let ticket = Ticket::Plain(Secret::new("s".to_owned()));
        let joe = TicketUser { ticket, role: role.to_owned() };
        AuthSettings { ticket: Some([("joe".to_owned(), joe)].into_iter().collect()), ..AuthSettings::default() }
    }

    /// Configuration, section 11, step 5.
    #[test]
    fn a_user_remains_while_its_method_lists_it_with_its_role() {
        let joe = identity(Method::Ticket, "joe", "user");
        assert!(with_joe("user").still_lists(&joe));
        assert!(!with_joe("boss").still_lists(&joe), "another role");
        assert!(!with_joe("user").still_lists(&identity(Method::Ticket, "ann", "user")));
        assert!(!with_joe("user").still_lists(&identity(Method::WampCra, "joe", "user")), "another method");
        assert!(!AuthSettings::default().still_lists(&joe));
    }

    #[test]
    fn who_came_in_without_a_name_remains_while_that_gives_the_same_role() {
        let anonymous = |role: &str| AuthSettings {
            anonymous: Some(AnonymousSettings { role: role.to_owned(), listeners: Vec::new(), http: false }),
            ..AuthSettings::default()
        };
        let guest = identity(Method::Anonymous, "A-B-C", "guest");
        assert!(anonymous("guest").still_lists(&guest));
        assert!(!anonymous("other").still_lists(&guest) && !with_joe("guest").still_lists(&guest));
    }

    #[test]
    fn whom_others_know_remains_while_those_are_believed() {
        let of = |provider: &str| Identity { authprovider: provider.into(), ..identity(Method::Ticket, "ann", "user") };
        assert!(
            !AuthSettings::default().still_lists(&of("jwt")) && !AuthSettings::default().still_lists(&of("dynamic"))
        );
        assert!(AuthSettings::default().still_lists(&of("another")), "not this list's to judge");
        let cookie = identity(Method::Cookie, "joe", "user");
        assert!(!with_joe("user").still_lists(&cookie), "no cookies any more");
        let cookies = CookieSettings { name: "wharf".to_owned(), max_age: Duration::MAX, same_site: SameSite::Strict };
        let settings = AuthSettings { cookie: Some(cookies), ..with_joe("user") };
        assert!(settings.still_lists(&cookie) && !settings.still_lists(&identity(Method::Cookie, "ann", "user")));
    }
}
