//! Whether somebody who came in could still come in so, under settings that have changed since.

use super::{scram, AuthSettings, Identity, Method, PROVIDER};

impl AuthSettings {
    /// Whether the user, or the way in without a name, is there with the same role. What proves it does not count: a changed
    /// secret is for the next login. One who came in by something that is not listed here is not this list's to judge.
    pub fn still_lists(&self, identity: &Identity) -> bool {
        let Some(method) = Method::from_wire(&identity.authmethod).filter(|_| &*identity.authprovider == PROVIDER)
        else {
            return true;
        };
        self.role_of(method, &identity.authid) == Some(&*identity.authrole)
    }

    fn role_of(&self, method: Method, authid: &str) -> Option<&str> {
        match method {
            Method::Anonymous => self.anonymous.as_ref().map(|anonymous| anonymous.role.as_str()),
            Method::Tls => self.tls.as_ref().map(|tls| tls.role.as_str()),
            Method::Ticket => self.ticket.as_ref()?.get(authid).map(|user| user.role.as_str()),
            Method::WampCra => self.wampcra.as_ref()?.get(authid).map(|user| user.role.as_str()),
            Method::WampScram | Method::Scram => scram::users(self, method)?.get(authid).map(|user| user.role.as_str()),
            Method::Cryptosign => self.cryptosign.as_ref()?.users().get(authid).map(|user| user.role.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{AnonymousSettings, Secret, Ticket, TicketUser};

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
    fn who_came_in_by_another_provider_is_not_judged() {
        let identity = Identity { authprovider: "dynamic".into(), ..identity(Method::Ticket, "ann", "user") };
        assert!(AuthSettings::default().still_lists(&identity));
    }
}
