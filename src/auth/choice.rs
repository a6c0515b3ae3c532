//! Which method a client gets: what is offered, to whom, and what a name that nobody has is taken for.

use super::{anonymous, cookie, decoy::Decoy, extra, scram, tls, AuthSettings, Claim, Method};

impl AuthSettings {
    /// Whether the realm offers `method`, and HELLO says what it needs.
    pub(super) fn is_possible(&self, method: Method, claim: &Claim<'_>) -> bool {
        let says = |key| extra::has(claim.authextra, key);
        let begins = |method| self.may_begin_with(method, claim);
        match method {
            Method::Anonymous => anonymous::open(self, claim).is_some(),
            Method::Tls => begins(method) && tls::open(self, claim).is_some(),
            Method::Cookie => cookie::open(self, claim).is_some(),
            Method::Ticket => {
                (self.jwt.is_some() && begins(Method::Jwt))
                    || (self.ticket.is_some() && claim.authid.is_some() && begins(method))
            }
            Method::Jwt => self.jwt.is_some() && begins(method),
            Method::WampCra => self.wampcra.is_some() && claim.authid.is_some() && begins(method),
            Method::WampScram | Method::Scram => {
                scram::users(self, method).is_some() && claim.authid.is_some() && says("nonce") && begins(method)
            }
            // The key tells who it is.
            Method::Cryptosign => self.cryptosign.is_some() && says("pubkey") && begins(method),
        }
    }

    /// Whether some table knows the name.
    pub(super) fn knows(&self, authid: &str) -> bool {
        Method::ALL.iter().any(|method| self.has(*method, authid))
    }

    /// Whether this client would be the one to use `method`: a name that nobody has does as its stand-in.
    pub(super) fn suits(&self, method: Method, authid: Option<&str>, stand_in: Option<&str>) -> bool {
        let Some(authid) = authid else { return true };
        let known = self.knows(authid);
        // None of these goes by the name that the client says.
        matches!(method, Method::Anonymous | Method::Tls | Method::Jwt | Method::Cookie)
            || self.has(method, if known { authid } else { stand_in.unwrap_or(authid) })
    }

    /// Some user, always the same for a name.
    pub(super) fn stand_in(&self, claim: &Claim<'_>) -> Option<String> {
        let authid = claim.authid?;
        let counts = Method::ALL.iter().map(|method| (*method, self.count(*method)));
        let all = counts.clone().map(|(_, count)| count).sum();
        let mut number = Decoy::new(claim.node_secret, claim.realm, "stand-in", authid).below(all);
        for (method, count) in counts {
            if number < count {
                return self.nth(method, number).map(str::to_owned);
            }
            number -= count;
        }
        None
    }

    /// Whether somebody is asked for users of `method`.
    pub(super) fn asks_for(&self, method: Method) -> bool {
        self.dynamic.iter().any(|entry| entry.methods.contains(&method))
    }

    pub(super) fn has(&self, method: Method, authid: &str) -> bool {
        match method {
            Method::Anonymous | Method::Tls | Method::Jwt | Method::Cookie => false,
            Method::Ticket => self.ticket.as_ref().is_some_and(|users| users.get(authid).is_some()),
            Method::WampCra => self.wampcra.as_ref().is_some_and(|users| users.get(authid).is_some()),
            Method::WampScram | Method::Scram => {
                scram::users(self, method).is_some_and(|users| users.get(authid).is_some())
            }
            Method::Cryptosign => {
                self.cryptosign.as_ref().is_some_and(|settings| settings.users().get(authid).is_some())
            }
        }
    }

    /// The role of a user whom the configuration lists for `method`.
    pub(super) fn role_of(&self, method: Method, authid: &str) -> Option<&str> {
        match method {
            Method::Anonymous | Method::Tls | Method::Jwt | Method::Cookie => None,
            Method::Ticket => self.ticket.as_ref()?.get(authid).map(|user| &*user.role),
            Method::WampCra => self.wampcra.as_ref()?.get(authid).map(|user| &*user.role),
            Method::WampScram | Method::Scram => scram::users(self, method)?.get(authid).map(|user| &*user.role),
            Method::Cryptosign => self.cryptosign.as_ref()?.users().get(authid).map(|user| &*user.role),
        }
    }

    /// The role of a user, or of whom `method` challenges a name like that nobody has.
    pub(super) fn role_like(&self, method: Method, name: &str, claim: &Claim<'_>) -> Option<String> {
        let role = self.role_of(method, name).or_else(|| {
            let decoy = Decoy::new(claim.node_secret, claim.realm, method.name(), name);
            self.role_of(method, self.nth(method, decoy.below(self.count(method)))?)
        });
        role.map(str::to_owned)
    }

    /// Whether users of `method` are known here, or somebody is asked for them.
    pub(super) fn has_table_of(&self, method: Method) -> bool {
        self.asks_for(method) || self.count(method) > 0
    }

    fn count(&self, method: Method) -> usize {
        match method {
            Method::Anonymous | Method::Tls | Method::Jwt | Method::Cookie => 0,
            Method::Ticket => self.ticket.as_ref().map_or(0, super::Users::len),
            Method::WampCra => self.wampcra.as_ref().map_or(0, super::Users::len),
            Method::WampScram | Method::Scram => scram::users(self, method).map_or(0, super::Users::len),
            Method::Cryptosign => self.cryptosign.as_ref().map_or(0, |settings| settings.users().len()),
        }
    }

    fn nth(&self, method: Method, number: usize) -> Option<&str> {
        match method {
            Method::Anonymous | Method::Tls | Method::Jwt | Method::Cookie => None,
            Method::Ticket => self.ticket.as_ref()?.nth(number).map(|(name, _)| name),
            Method::WampCra => self.wampcra.as_ref()?.nth(number).map(|(name, _)| name),
            Method::WampScram | Method::Scram => scram::users(self, method)?.nth(number).map(|(name, _)| name),
            Method::Cryptosign => self.cryptosign.as_ref()?.users().nth(number).map(|(name, _)| name),
        }
    }

    /// The names of the methods that this realm offers, for people.
    pub(super) fn offered(&self) -> String {
        let offers = |method: &&Method| match method {
            method if self.asks_for(**method) => true,
            Method::Anonymous => self.anonymous.is_some(),
            Method::Ticket => self.ticket.is_some(),
            Method::WampCra => self.wampcra.is_some(),
            Method::WampScram | Method::Scram => scram::users(self, **method).is_some(),
            Method::Cryptosign => self.cryptosign.is_some(),
            Method::Jwt => self.jwt.is_some(),
            Method::Tls => self.tls.is_some(),
            Method::Cookie => self.cookie.is_some(),
        };
        let names: Vec<&str> = Method::ALL.iter().filter(offers).map(|method| method.name()).collect();
        if names.is_empty() {
            "no method".to_owned()
        } else {
            names.join(", ") + &self.offered_after()
        }
    }
}
