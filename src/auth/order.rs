//! In which order methods are tried for clients that name none: what their transport brings along is their credential.
//! Source: section 6.5 of the configuration.

use super::{anonymous, cookie, tls, AuthSettings, Claim, Identity, Method};

/// `auth.order`: the first that is possible lets the client in, and what is not in it is not tried. For clients that name
/// methods their own order counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthOrder(pub Vec<Method>);

impl Default for AuthOrder {
    fn default() -> Self {
        Self(Method::ALL.to_vec())
    }
}

impl AuthSettings {
    /// Who the client is without a message of its own, by the first method of the order that says so.
    pub(super) fn without_a_proof(&self, claim: &Claim<'_>, order: &AuthOrder) -> Option<Identity> {
        order.0.iter().find_map(|method| match method {
            Method::Tls => tls::open(self, claim).filter(|_| self.may_begin_with(*method, claim)),
            Method::Cookie => cookie::open(self, claim),
            Method::Anonymous => anonymous::open(self, claim),
            Method::Cryptosign | Method::WampScram | Method::Scram | Method::WampCra | Method::Ticket | Method::Jwt => {
                None
            }
        })
    }
}
