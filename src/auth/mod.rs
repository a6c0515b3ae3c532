//! Authentication: challenge out, verdict in. Pure: keys come with the settings, random numbers and the time with the claim.
//!
//! One file per method. An unknown authid goes through the same motion as a wrong secret, so that neither messages nor
//! time tell who exists (A1): what it is told is made up by `decoy`, and checked like anybody's proof.

mod anonymous;
mod apikey;
mod choice;
mod client;
mod connects;
mod cookie;
mod cryptosign;
mod decoy;
mod disabled;
mod dynamic;
mod extra;
mod groups;
mod jwt;
mod kdf;
mod network;
pub mod once;
mod order;
mod remains;
mod scram;
mod second;
mod secret;
mod sources;
mod throttle;
mod ticket;
mod tls;
mod users;
mod wampcra;
mod web;
pub mod webhook;
mod work;

pub use anonymous::AnonymousSettings;
pub use apikey::{new_key, ApiKey, ApiKeys, KeyHash, KEY_METHOD, KEY_PREFIX};
pub use client::{Claimant, Credentials, ProofFault};
pub use connects::{ConnectRate, Connects, Entrant};
pub use cookie::{CookieKey, CookieSettings, Cookies, Remembered, SameSite};
pub use cryptosign::{ChannelBinding, CryptosignSettings, CryptosignUser, PublicKey, RouterKey};
pub use decoy::NodeSecret;
pub use disabled::Disabled;
pub use dynamic::{
    Answer, Answers, Asked, Bench, DynamicSettings, Fault, Inquiry, Judged, Judgement, Mark, Memo, Shapes,
};
pub use groups::{Group, Groups, Memberships};
pub use jwt::{Freshness, Wish};
pub use jwt::{JwtAlgorithm, JwtKeySource, JwtKeyring, JwtKeys, JwtKeysError, JwtRole, JwtSettings};
pub use kdf::BadParameters;
pub use network::PeerRange;
pub use order::AuthOrder;
pub use scram::{Flavour, Kdf, Record, RecordError, ScramUser};
pub use second::{Next, Rounds, SecondSettings};
pub use secret::Secret;
pub use sources::{Source, Sources};
pub use throttle::{Attempt, Guess, Throttle, ThrottleSettings};
pub use ticket::{Ticket, TicketHash, TicketHashError, TicketUser};
pub use tls::{Certificate, CertificateName, CertificateSettings};
pub use users::Users;
pub use wampcra::{Salting, WampCraUser};
pub use web::{Authorities, WebAddress, WebAddressError};
pub use work::Work;

use crate::wamp::{Dict, ErrorUri, SessionId, Value, WallTime};
use jwt::TokenFault;
use std::sync::Arc;

/// Where identities come from that the configuration lists.
pub(crate) const PROVIDER: &str = "static";

/// Longer than any signature; a ticket may be longer.
const SIGNATURE_MAX: usize = 256;

/// Who may enter a realm. A method that is absent is not offered.
#[derive(Clone, Debug, Default)]
pub struct AuthSettings {
    /// Clients without a name.
    pub anonymous: Option<AnonymousSettings>,
    /// Users with a ticket.
    pub ticket: Option<Users<TicketUser>>,
    /// Users with a secret that signs.
    pub wampcra: Option<Users<WampCraUser>>,
    /// Users with a password, for `wamp-scram`.
    pub scram: Option<Users<ScramUser>>,
    /// Users with a password, for the dialect `scram`.
    pub scram_dialect: Option<Users<ScramUser>>,
    /// Users with keys.
    pub cryptosign: Option<CryptosignSettings>,
    /// Clients with a token that somebody trusted has signed.
    pub jwt: Option<Arc<JwtSettings>>,
    /// Clients with a certificate.
    pub tls: Option<CertificateSettings>,
    /// Procedures that are asked for names that none of the above has, in the order in which they are asked.
    pub dynamic: Vec<Arc<DynamicSettings>>,
    /// Browsers whose users have proven before who they are.
    pub cookie: Option<CookieSettings>,
    /// Which logins take two proofs.
    pub second: Option<Arc<SecondSettings>>,
    /// Programs with a key, over HTTP only.
    pub keys: ApiKeys,
    /// Users whom none of the tables has because they are switched off: nobody is asked about them.
    pub disabled: Disabled,
    /// In which order methods are tried that need nothing of HELLO.
    pub order: AuthOrder,
    /// How many wrong proofs are taken.
    pub throttle: ThrottleSettings,
    /// From where and how who may come in.
    pub sources: Sources,
}

/// The authentication methods that are built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// No proof.
    Anonymous,
    /// A shared secret, sent as it is.
    Ticket,
    /// A shared secret that signs a challenge.
    WampCra,
    /// A password that both sides prove to know.
    WampScram,
    /// The same as Autobahn|Python speaks it.
    Scram,
    /// A key pair that signs a challenge.
    Cryptosign,
    /// A token that somebody trusted has signed.
    Jwt,
    /// The client's certificate.
    Tls,
    /// A cookie that the browser was given before.
    Cookie,
}

impl Method {
    /// All of them, those first that prove more.
    pub const ALL: &'static [Self] = &[
        Self::Cryptosign,
        Self::WampScram,
        Self::Scram,
        Self::WampCra,
        Self::Ticket,
        Self::Jwt,
        Self::Tls,
        Self::Cookie,
        Self::Anonymous,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Ticket => "ticket",
            Self::Jwt => "jwt",
            Self::Tls => "tls",
            Self::Cookie => "cookie",
            Self::WampCra => "wampcra",
            Self::WampScram => "wamp-scram",
            Self::Scram => "scram",
            Self::Cryptosign => "cryptosign",
        }
    }

    fn from_wire(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.name() == name)
    }
}

/// Who a session is, once that is proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The name.
    pub authid: Arc<str>,
    /// The role, from the settings and never from the client (A4).
    pub authrole: Arc<str>,
    /// How it was proven.
    pub authmethod: Arc<str>,
    /// Where the identity comes from.
    pub authprovider: Arc<str>,
}

impl Identity {
    fn proven(authid: &str, authrole: &str, method: Method) -> Self {
        Self {
            authid: authid.into(),
            authrole: authrole.into(),
            authmethod: method.name().into(),
            authprovider: PROVIDER.into(),
        }
    }
}

/// An identity, with what WELCOME says beyond it.
#[derive(Clone, PartialEq, Debug)]
pub struct Admission {
    /// Who it is.
    pub identity: Identity,
    /// WELCOME.Details.authextra: the router's own proof, where the method has one.
    pub authextra: Dict,
}

/// A CHALLENGE under way. Nothing but AUTHENTICATE uses it up, and that once.
#[derive(Clone, Debug)]
pub struct Challenge {
    method: Method,
    authid: String,
    /// `None`: whatever the proof, there is no such user.
    role: Option<String>,
    given: Given,
    waiting: Waiting,
    /// The role that it seems to be about, where two proofs may be needed.
    seeming: Option<String>,
}

/// What whoever knows an identity says of it beyond its name and role.
#[derive(Clone, Debug)]
struct Given {
    provider: &'static str,
    /// For WELCOME.Details.authextra, beside the router's own proof.
    extra: Dict,
}

impl Default for Given {
    fn default() -> Self {
        Self { provider: PROVIDER, extra: Dict::new() }
    }
}

/// What the proof is compared with.
#[derive(Clone, Debug)]
enum Waiting {
    Ticket(ticket::Waiting),
    /// A token, or else a ticket.
    Token(Box<jwt::Waiting>, Option<ticket::Waiting>),
    WampCra(wampcra::Waiting),
    Scram(Box<scram::Waiting>),
    Cryptosign(Box<cryptosign::Waiting>),
    /// A ticket, for somebody else to judge.
    Dynamic(Box<Inquiry>),
}

/// What is said where too many proofs were wrong.
pub const TOO_MANY_ATTEMPTS: &str = "too many proofs were wrong: come back later";

impl ticket::Waiting {
    fn decide(self, decide: Decide, given: &str) -> Verdict {
        match self.check(given) {
            ticket::Looked::Now(right) => Verdict::Now(decide.with(right.then(Dict::new))),
            ticket::Looked::Later(check) => Verdict::Later(Work::with_ticket(check, decide)),
        }
    }
}

impl Challenge {
    /// Who is to prove it; empty: whoever the proof is of.
    pub fn authid(&self) -> &str {
        &self.authid
    }

    /// The method to name in CHALLENGE.
    pub fn method(&self) -> Method {
        self.method
    }

    /// CHALLENGE.Extra.
    pub fn extra(&self) -> Dict {
        match &self.waiting {
            Waiting::Ticket(_) | Waiting::Token(..) | Waiting::Dynamic(_) => Dict::new(),
            Waiting::WampCra(waiting) => waiting.extra(),
            Waiting::Scram(waiting) => waiting.extra(),
            Waiting::Cryptosign(waiting) => waiting.extra(),
        }
    }

    /// Checks a client's AUTHENTICATE: its signature and its Extra.
    pub fn verify(self, signature: &str, extra: &[(String, Value)]) -> Verdict {
        let Self { method, authid, role, given, waiting, seeming: _ } = self;
        let decide = Decide { method, authid, role, given };
        let may_be_long = matches!(waiting, Waiting::Ticket(_) | Waiting::Token(..) | Waiting::Dynamic(_));
        // What is too long for a signature is none.
        let signature = if may_be_long || signature.len() <= SIGNATURE_MAX { signature } else { "" };
        let welcome = match waiting {
            Waiting::Ticket(waiting) => return waiting.decide(decide, signature),
            Waiting::Token(waiting, ticket) => {
                return match waiting.look(signature) {
                    Err(TokenFault::Key) if waiting.address().is_some() => {
                        let token = Secret::new(signature.to_owned());
                        Verdict::Later(Work::with_token(token, waiting, ticket, decide))
                    }
                    found => work::or_ticket(found, ticket, decide, signature),
                };
            }
            Waiting::WampCra(waiting) => waiting.check(signature).then(Dict::new),
            Waiting::Scram(waiting) => waiting.check(signature, extra),
            Waiting::Cryptosign(waiting) => waiting.check(signature).then(Dict::new),
            Waiting::Dynamic(inquiry) => return Verdict::Ask(inquiry.with_ticket(signature)),
        };
        Verdict::Now(decide.with(welcome))
    }
}

/// What an AUTHENTICATE comes to.
#[derive(Debug)]
pub enum Verdict {
    /// In or not.
    Now(Result<Admission, Denied>),
    /// It takes a costly computation to know: not for a thread that serves others.
    Later(Work),
    /// Somebody else knows.
    Ask(Box<Inquiry>),
}

impl Verdict {
    /// Who was refused is told no other thing; the operator is, if what was said looked like a token.
    fn or_because(self, reason: Option<&'static str>) -> Self {
        match self {
            Self::Now(Err(denied)) if reason != Some(jwt::NO_TOKEN) => Self::Now(Err(Denied { reason, ..denied })),
            Self::Now(_) | Self::Later(_) | Self::Ask(_) => self,
        }
    }
}

/// Who comes in if the proof is right.
#[derive(Debug)]
struct Decide {
    method: Method,
    authid: String,
    role: Option<String>,
    given: Given,
}

impl Decide {
    fn with(self, welcome: Option<Dict>) -> Result<Admission, Denied> {
        let (Some(mut authextra), Some(role)) = (welcome, self.role) else { return Err(Denied::wrong()) };
        let Given { provider, extra } = self.given;
        // The router's own proof is nobody else's to give.
        let others: Dict = extra.into_iter().filter(|(key, _)| !extra::has(&authextra, key)).collect();
        authextra.extend(others);
        let mut identity = Identity::proven(&self.authid, &role, self.method);
        identity.authprovider = provider.into();
        Ok(Admission { identity, authextra })
    }
}

/// What a client's HELLO leads to.
#[derive(Clone, Debug)]
pub enum Opening {
    /// In, without a proof.
    Welcome(Identity),
    /// A proof is wanted.
    Challenge(Challenge),
    /// Somebody else knows who that is.
    Ask(Box<Inquiry>),
}

/// Why somebody is not let in; the text is for the ABORT and the same for all who fail alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Denied {
    /// The reason URI.
    pub error: ErrorUri,
    /// A text for people.
    pub text: String,
    /// What the operator is told beyond that, and the peer never.
    pub reason: Option<&'static str>,
}

impl Denied {
    /// With a text that the peer may know.
    pub fn new(error: ErrorUri, text: impl Into<String>) -> Self {
        Self { error, text: text.into(), reason: None }
    }

    /// The one answer to every failed proof.
    pub fn wrong() -> Self {
        Self::new(ErrorUri::AUTHENTICATION_DENIED, "authentication failed")
    }

    /// The same, for a reason that only the operator is told.
    fn because(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::wrong() }
    }

    /// HELLO asks for a method and says things that no user of it could.
    fn malformed(text: &'static str) -> Self {
        Self::new(ErrorUri::AUTHENTICATION_DENIED, text)
    }
}

/// What a login uses that must not be foreseen, and the time: drawn for each HELLO, used once.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// A name for an anonymous client.
    pub authid: String,
    /// The id that WELCOME will carry, if it comes to that (R102).
    pub session: SessionId,
    /// What the client is challenged with (A3).
    pub challenge: [u8; 32],
    /// The same for a second proof.
    pub second: [u8; 32],
    /// For people who read challenges.
    pub time: WallTime,
}

/// What a HELLO says that matters here, and where it came in.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The realm's URI.
    pub realm: &'a str,
    /// Methods in the client's order; empty means its certificate, its cookie, or anonymous (D33).
    pub authmethods: &'a [String],
    /// Who the client says it is.
    pub authid: Option<&'a str>,
    /// What its methods say beyond that.
    pub authextra: &'a [(String, Value)],
    /// The listener it came by.
    pub listener: &'a str,
    /// `tls-exporter` of its connection, where there is one (D27).
    pub binding: Option<[u8; 32]>,
    /// What decoys are made from.
    pub node_secret: &'a NodeSecret,
    /// Fresh for this HELLO.
    pub drawn: &'a Drawn,
    /// The certificate that it has shown.
    pub certificate: Option<&'a Certificate>,
    /// Who has proven himself before in its browser.
    pub remembered: Option<&'a Remembered>,
}

/// Chooses the first method of the client's order that is possible here (R100): for its name, and if its name has none of
/// them, at all. A name that nobody has is taken for one that has the methods of some user.
///
/// # Errors
/// [`Denied`] with `no_matching_auth_method`, `authentication_required` where the client named no method and anonymous
/// is not allowed, or `authentication_denied` for an authextra that no user could send.
pub fn open(settings: &AuthSettings, claim: &Claim<'_>) -> Result<Opening, Denied> {
    if claim.authmethods.is_empty() {
        return settings.without_a_proof(claim, &settings.order).map(Opening::Welcome).ok_or_else(|| {
            let text = format!("anonymous is not allowed here; this realm accepts: {}", settings.offered());
            Denied::new(ErrorUri::AUTHENTICATION_REQUIRED, text)
        });
    }
    let wished = claim.authmethods.iter().filter_map(|name| Method::from_wire(name));
    if let Some(opening) = dynamic::open(settings, claim, wished.clone())? {
        return Ok(opening);
    }
    let possible: Vec<Method> = wished.filter(|method| settings.is_possible(*method, claim)).take(16).collect();
    let stand_in = settings.stand_in(claim);
    let suits = |method: &&Method| settings.suits(**method, claim.authid, stand_in.as_deref());
    if let Some(method) = possible.iter().find(suits).or(possible.first()) {
        if let Some(opening) = open_with(settings, claim, *method)? {
            return Ok(opening);
        }
    }
    let text = format!("none of the offered methods is possible; this realm accepts: {}", settings.offered());
    Err(Denied::new(ErrorUri::NO_MATCHING_AUTH_METHOD, text))
}

fn open_with(settings: &AuthSettings, claim: &Claim<'_>, method: Method) -> Result<Option<Opening>, Denied> {
    let named = |opened: Option<(Option<String>, Waiting)>| {
        let (role, waiting) = opened?;
        Some((claim.authid?.to_owned(), role, waiting))
    };
    let authid = claim.authid.unwrap_or_default();
    let opened = match method {
        Method::Anonymous => return Ok(anonymous::open(settings, claim).map(Opening::Welcome)),
        Method::Tls => return Ok(tls::open(settings, claim).map(Opening::Welcome)),
        Method::Cookie => return Ok(cookie::open(settings, claim).map(Opening::Welcome)),
        Method::Ticket | Method::Jwt => with_text(settings, claim, method),
        Method::WampCra => {
            named(wampcra::open(settings, claim, authid).map(|(role, waiting)| (role, Waiting::WampCra(waiting))))
        }
        Method::WampScram | Method::Scram => named(
            scram::open(settings, claim, method, authid)?
                .map(|(role, waiting)| (role, Waiting::Scram(Box::new(waiting)))),
        ),
        Method::Cryptosign => cryptosign::open(settings, claim)?
            .map(|(authid, role, waiting)| (authid, role, Waiting::Cryptosign(Box::new(waiting)))),
    };
    let (given, seeming) = (Given::default(), settings.seeming_role(method, claim));
    Ok(opened
        .map(|(authid, role, waiting)| Opening::Challenge(Challenge { method, authid, role, given, waiting, seeming })))
}

/// Methods whose proof is one text: a ticket, a token, or either.
fn with_text(settings: &AuthSettings, claim: &Claim<'_>, method: Method) -> Option<(String, Option<String>, Waiting)> {
    let ticket = claim.authid.filter(|_| method == Method::Ticket && settings.may_begin_with(method, claim));
    let ticket = ticket.and_then(|authid| ticket::open(settings, claim, authid));
    let (role, ticket) = ticket.map_or((None, None), |(role, ticket)| (role, Some(ticket)));
    let token = jwt::open(settings, claim, method).filter(|_| settings.may_begin_with(Method::Jwt, claim));
    let waiting = match token {
        Some(token) => Waiting::Token(Box::new(token), ticket),
        None => Waiting::Ticket(ticket?),
    };
    Some((claim.authid.unwrap_or_default().to_owned(), role, waiting))
}

#[cfg(test)]
mod tests;
