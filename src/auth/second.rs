//! A second proof: who logs in by one of some methods must also pass another one (D44).
//!
//! Neither what is said nor when it is said tells which of the two proofs was wrong, or who exists: after a wrong first one the
//! second is asked for just the same, of the same name, and the one answer comes when both are in. A second method proves
//! nothing by itself. Source: section 11.1 of the reference; `docs/decisions/0021`.

use super::{cryptosign, dynamic, extra, jwt, scram, ticket, tls, wampcra, Admission, AuthSettings, Certificate};
use super::{Challenge, Claim, Denied, Drawn, Given, Identity, Inquiry, Method, NodeSecret, Waiting};
use crate::wamp::{Dict, ErrorUri};
use std::sync::Arc;

/// `auth.second`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecondSettings {
    /// The methods that do not suffice.
    pub after: Vec<Method>,
    /// What is asked for then: the first of these that the client can. One, but for the two kinds of SCRAM.
    pub methods: Vec<Method>,
    /// For whom; empty: for all.
    pub roles: Vec<String>,
}

const NOT_OFFERED: &str = "the proof was right, but its role needs a second one, which HELLO does not offer";
const ALONE: &str = "the proof was right, but its method is the second one of this role, and nothing by itself";
const FIRST_WRONG: &str = "of two proofs the first was wrong";
const SECOND_WRONG: &str = "of two proofs the second was wrong";
const BOTH_WRONG: &str = "of two proofs both were wrong";
const ANOTHER_NAME: &str = "the two proofs are of two names";

impl SecondSettings {
    /// Whether a role is meant; `None`: it depends on the role, and that is not known.
    fn concerns(&self, role: Option<&str>) -> Option<bool> {
        if self.roles.is_empty() {
            return Some(true);
        }
        role.map(|role| self.roles.iter().any(|meant| meant == role))
    }

    /// Whether a client that may have this role has to pass another method after `method`.
    fn may_follow(&self, method: Method, role: Option<&str>) -> bool {
        self.after.contains(&method) && self.concerns(role) != Some(false)
    }
}

impl AuthSettings {
    /// Whether a login may begin with `method`, for all that HELLO tells: it suffices, or HELLO has what comes after it. Where
    /// it depends on a role that is known only later, it is judged then.
    pub(super) fn may_begin_with(&self, method: Method, claim: &Claim<'_>) -> bool {
        self.may_begin_as(method, self.seeming_role(method, claim).as_deref(), claim)
    }

    /// The same for a client of whose role so much is known.
    pub(super) fn may_begin_as(&self, method: Method, role: Option<&str>, claim: &Claim<'_>) -> bool {
        let Some(second) = &self.second else { return true };
        let is_half = second.methods.contains(&method);
        if !is_half && !second.after.contains(&method) {
            return true;
        }
        second.concerns(role) != Some(true) || (!is_half && self.second_of(second, claim).is_some())
    }

    /// The role that a name has or, if nobody has the name, seems to have: that of the user whom it is challenged like (A1).
    pub(super) fn seeming_role(&self, method: Method, claim: &Claim<'_>) -> Option<String> {
        self.second.as_ref()?;
        if method == Method::Tls {
            return self.tls.as_ref().map(|tls| tls.role.clone());
        }
        let named = claim.authid.map(str::to_owned);
        let of_key = || cryptosign::name_of_key(self, claim).filter(|_| method == Method::Cryptosign);
        self.role_like(method, &named.or_else(of_key)?, claim)
    }

    /// What the client offers of what comes second.
    fn second_of(&self, second: &SecondSettings, claim: &Claim<'_>) -> Option<Method> {
        let says = |key| extra::has(claim.authextra, key);
        let can = |method: &Method| match method {
            Method::WampScram | Method::Scram => says("nonce"),
            Method::Cryptosign => says("pubkey"),
            Method::Ticket | Method::WampCra => true,
            Method::Anonymous | Method::Jwt | Method::Tls | Method::Cookie => false,
        };
        if second.methods.contains(&Method::Tls) {
            // Nothing is said for it.
            return claim.certificate.is_some().then_some(Method::Tls);
        }
        let offered = claim.authmethods.iter().take(16).filter_map(|name| Method::from_wire(name));
        offered.filter(|method| second.methods.contains(method) && self.has_table_of(*method)).find(can)
    }

    /// Whether somebody who was known by `method` and `role`, and by `also`, would have to prove more.
    pub(super) fn is_half_proven(&self, method: Method, also: Option<Method>, role: &str) -> bool {
        let Some(second) = self.second.as_ref().filter(|second| second.concerns(Some(role)) == Some(true)) else {
            return false;
        };
        second.methods.contains(&method)
            || (second.after.contains(&method) && !also.is_some_and(|also| second.methods.contains(&also)))
    }

    /// For people: what suffices not.
    pub(super) fn offered_after(&self) -> String {
        let Some(second) = &self.second else { return String::new() };
        let names = |methods: &[Method]| methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(" or ");
        let whom = if second.roles.is_empty() { "" } else { " for some roles" };
        format!("; after {}{whom} also {}", names(&second.after), names(&second.methods))
    }
}

/// How far a login is that may take two proofs.
#[derive(Debug, Default)]
pub enum Rounds {
    /// The next proof decides.
    #[default]
    One,
    /// The next proof may be the first of two.
    First(Box<First>),
    /// The next proof is the second.
    Second(Box<Second>),
    /// Both were right.
    Both(Method),
}

/// What the second round needs of HELLO.
#[derive(Debug)]
pub struct First {
    settings: Arc<SecondSettings>,
    /// If the client can pass it.
    sequel: Option<Sequel>,
    /// Who has been challenged, and whether a second proof is asked for though the first was wrong.
    challenged: Option<(String, bool)>,
}

#[derive(Debug)]
struct Sequel {
    method: Method,
    realm: String,
    authextra: Dict,
    listener: String,
    binding: Option<[u8; 32]>,
    certificate: Option<Certificate>,
    drawn: Drawn,
}

/// What came of the first round. Nobody is told before the second one ends.
#[derive(Debug)]
pub struct Second {
    first: Result<Admission, Denied>,
    method: Method,
}

/// What follows from a proof.
#[derive(Debug)]
pub enum Next {
    /// In or not.
    Decided(Result<Admission, Denied>),
    /// Another proof is wanted.
    Challenge(Challenge),
    /// Somebody else knows how the second proof is checked.
    Ask(Box<Inquiry>),
}

impl Rounds {
    /// A HELLO has come.
    pub fn begin(settings: &AuthSettings, claim: &Claim<'_>) -> Self {
        let Some(second) = &settings.second else { return Self::One };
        let sequel = settings.second_of(second, claim).map(|method| Sequel {
            method,
            realm: claim.realm.to_owned(),
            authextra: claim.authextra.to_vec(),
            listener: claim.listener.to_owned(),
            binding: claim.binding,
            certificate: claim.certificate.cloned(),
            drawn: Drawn { challenge: claim.drawn.second, ..claim.drawn.clone() },
        });
        Self::First(Box::new(First { settings: Arc::clone(second), sequel, challenged: None }))
    }

    /// This challenge goes out.
    pub fn challenged(&mut self, challenge: &Challenge) {
        let Self::First(first) = self else { return };
        let may_follow = |method, role| first.settings.may_follow(method, role);
        let seeming = challenge.seeming.as_deref();
        let goes_on = match &challenge.waiting {
            Waiting::Token(_, ticket) => {
                may_follow(Method::Jwt, None) || (ticket.is_some() && may_follow(Method::Ticket, seeming))
            }
            Waiting::Ticket(_)
            | Waiting::WampCra(_)
            | Waiting::Scram(_)
            | Waiting::Cryptosign(_)
            | Waiting::Dynamic(_) => may_follow(challenge.method, seeming),
        };
        first.challenged = Some((challenge.authid.clone(), goes_on));
    }

    /// Whether the first proof has come and the second is awaited.
    pub fn is_second(&self) -> bool {
        matches!(self, Self::Second(_))
    }

    /// By which method a second proof was right.
    pub fn second(&self) -> Option<Method> {
        match self {
            Self::Both(method) => Some(*method),
            Self::One | Self::First(_) | Self::Second(_) => None,
        }
    }

    /// A proof has been judged.
    pub fn step(
        &mut self,
        verdict: Result<Admission, Denied>,
        settings: &AuthSettings,
        node_secret: &NodeSecret,
    ) -> Next {
        match std::mem::take(self) {
            Self::One => Next::Decided(verdict),
            Self::First(first) => self.after_first(*first, verdict, settings, node_secret),
            Self::Second(second) => {
                let both = second.with(verdict);
                if let (Ok(_), method) = (&both, second.method) {
                    *self = Self::Both(method);
                }
                Next::Decided(both)
            }
            Self::Both(method) => {
                *self = Self::Both(method);
                Next::Decided(verdict)
            }
        }
    }

    fn after_first(
        &mut self,
        first: First,
        verdict: Result<Admission, Denied>,
        settings: &AuthSettings,
        node_secret: &NodeSecret,
    ) -> Next {
        let First { settings: second, sequel, challenged } = first;
        let (authid, goes_on) = match &verdict {
            Ok(Admission { identity, .. }) => {
                let method = proven_by(identity);
                if method.is_some_and(|method| second.methods.contains(&method))
                    && second.concerns(Some(&identity.authrole)) == Some(true)
                {
                    return Next::Decided(Err(Denied::because(ALONE)));
                }
                let goes_on = method.is_some_and(|method| second.may_follow(method, Some(&identity.authrole)));
                (identity.authid.to_string(), goes_on)
            }
            Err(denied) if denied.error == ErrorUri::AUTHENTICATION_DENIED => challenged.unwrap_or_default(),
            // Who judges is in trouble, whatever the proof was.
            Err(_) => return Next::Decided(verdict),
        };
        if !goes_on {
            return Next::Decided(verdict);
        }
        let Some(sequel) = sequel else {
            return Next::Decided(verdict.and(Err(Denied::because(NOT_OFFERED))));
        };
        let (method, next) = (sequel.method, sequel.open(&authid, settings, node_secret));
        let second = Second { first: verdict, method };
        if let Next::Decided(also) = next {
            let both = second.with(also);
            if both.is_ok() {
                *self = Self::Both(method);
            }
            return Next::Decided(both);
        }
        *self = Self::Second(Box::new(second));
        next
    }
}

impl Sequel {
    /// Asks `authid` for the second proof, whether or not there is such a user.
    fn open(&self, authid: &str, settings: &AuthSettings, node_secret: &NodeSecret) -> Next {
        let claim = Claim {
            realm: &self.realm,
            authmethods: &[],
            authid: Some(authid),
            authextra: &self.authextra,
            listener: &self.listener,
            binding: self.binding,
            node_secret,
            drawn: &self.drawn,
            certificate: self.certificate.as_ref(),
            remembered: None,
        };
        if self.method != Method::Tls && settings.asks_for(self.method) && !settings.has(self.method, authid) {
            return match dynamic::ask(settings, &claim, self.method) {
                Ok(super::Opening::Ask(inquiry)) => Next::Ask(inquiry),
                Ok(super::Opening::Challenge(challenge)) => Next::Challenge(challenge),
                Ok(super::Opening::Welcome(_)) => Next::Decided(Err(Denied::wrong())),
                Err(denied) => Next::Decided(Err(denied)),
            };
        }
        let opened = match self.method {
            Method::Ticket => {
                Ok(ticket::open(settings, &claim, authid).map(|(role, ticket)| (role, Waiting::Ticket(ticket))))
            }
            Method::WampCra => {
                Ok(wampcra::open(settings, &claim, authid).map(|(role, signed)| (role, Waiting::WampCra(signed))))
            }
            Method::WampScram | Method::Scram => scram::open(settings, &claim, self.method, authid)
                .map(|opened| opened.map(|(role, proof)| (role, Waiting::Scram(Box::new(proof))))),
            Method::Cryptosign => cryptosign::open(settings, &claim)
                .map(|opened| opened.map(|(_, role, signed)| (role, Waiting::Cryptosign(Box::new(signed))))),
            Method::Tls => {
                let identity = tls::open(settings, &claim).ok_or_else(Denied::wrong);
                return Next::Decided(identity.map(|identity| Admission { identity, authextra: Dict::new() }));
            }
            Method::Anonymous | Method::Jwt | Method::Cookie => Ok(None),
        };
        match opened {
            Ok(Some((role, waiting))) => Next::Challenge(Challenge {
                method: self.method,
                authid: authid.to_owned(),
                role,
                given: Given::default(),
                waiting,
                seeming: None,
            }),
            // The realm has lost the method since HELLO.
            Ok(None) => Next::Decided(Err(Denied::wrong())),
            Err(denied) => Next::Decided(Err(denied)),
        }
    }
}

impl Second {
    /// The one answer to both proofs.
    fn with(&self, second: Result<Admission, Denied>) -> Result<Admission, Denied> {
        match (self.first.clone(), second) {
            // What is no judgement of the proof is told as it is, whatever the first one was.
            (_, Err(denied)) if denied != Denied::wrong() && denied.reason.is_none() => Err(denied),
            (Ok(mut first), Ok(second)) if first.identity.authid == second.identity.authid => {
                let others = second.authextra.into_iter().filter(|(key, _)| !extra::has(&first.authextra, key));
                let others: Dict = others.collect();
                first.authextra.extend(others);
                Ok(first)
            }
            (Ok(_), Ok(_)) => Err(Denied::because(ANOTHER_NAME)),
            (Ok(_), Err(_)) => Err(Denied::because(SECOND_WRONG)),
            (Err(_), Ok(_)) => Err(Denied::because(FIRST_WRONG)),
            (Err(_), Err(_)) => Err(Denied::because(BOTH_WRONG)),
        }
    }
}

/// A token that came as a ticket is a token.
fn proven_by(identity: &Identity) -> Option<Method> {
    if &*identity.authprovider == jwt::PROVIDER {
        return Some(Method::Jwt);
    }
    Method::from_wire(&identity.authmethod)
}

#[cfg(test)]
mod tests;
