//! Names that no table knows: a procedure of the application is asked, with Crossbar's arguments and results, or an address
//! with the same.
//!
//! An [`Inquiry`] is a question as data; whoever owns a connection has it asked and brings back what came of it, which is
//! judged here. Nobody is let in by anything but an answer of the right shape (A5). What the answer says of secrets is used
//! for one login and forgotten, unless it is to be remembered.
//! Source: section 6.1 of the page on Crossbar; section 11.6 of the reference; `docs/decisions/0016`.

mod answer;
mod fault;
mod remembered;

pub use answer::Answer;
pub use fault::Fault;
pub use remembered::{Answers, Mark, Memo};

use super::{cryptosign, extra, open_with, scram, wampcra, Admission, AuthSettings, Certificate, Challenge, Claim};
use super::{CryptosignSettings, Decide, Denied, Drawn, Given, Method, NodeSecret, Opening, Salting, Secret, Waiting};
use super::{Record, WampCraUser, WebAddress};
use crate::wamp::{Dict, ErrorUri, Outcome, Uri, Value};
use answer::Known;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Where such an identity comes from.
pub(super) const PROVIDER: &str = "dynamic";

/// Methods that are looked at in a HELLO.
const WISHES_MAX: usize = 16;

/// `auth.dynamic.NAME`.
#[derive(Clone, Debug)]
pub struct DynamicSettings {
    /// The name in the configuration.
    pub name: String,
    /// For which methods it is asked.
    pub methods: Vec<Method>,
    /// Who is asked.
    pub asked: Asked,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Names, in lower case, of the HTTP headers with credentials that are handed on.
    pub forward_headers: Vec<String>,
    /// How long an answer that asks for it is remembered.
    pub cache: Option<Duration>,
    /// What the first users looked like that it knew.
    pub shapes: Arc<Shapes>,
}

/// Who is asked about names.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A procedure.
    Procedure {
        /// Its URI.
        uri: Uri,
        /// The realm where it is registered; `None`: that of the login.
        realm: Option<Uri>,
    },
    /// An address of HTTP.
    Address {
        /// Where it is.
        address: Arc<WebAddress>,
        /// What tells it that it is the router who asks.
        token: Option<Secret>,
    },
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Procedure { uri, .. } => f.write_str(uri),
            Self::Address { address, .. } => address.fmt(f),
        }
    }
}

/// What users of an authenticator look like to others: whom it does not know is challenged alike (A1).
#[derive(Debug, Default)]
pub struct Shapes {
    wampcra: OnceLock<(Option<Salting>, String)>,
    scram: OnceLock<Record>,
    wamp_scram: OnceLock<Record>,
    /// How long the last asking has taken, in microseconds.
    took_us: AtomicU64,
    role: OnceLock<String>,
}

impl Shapes {
    fn scram(&self, method: Method) -> &OnceLock<Record> {
        if method == Method::Scram {
            &self.scram
        } else {
            &self.wamp_scram
        }
    }
}

/// Headers that carry credentials: handed on only by name.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Somebody is to be asked about a login.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// Who is asked, and who next.
    entries: VecDeque<Arc<DynamicSettings>>,
    method: Method,
    realm: String,
    authid: Option<String>,
    authextra: Dict,
    listener: String,
    binding: Option<[u8; 32]>,
    certificate: Option<Certificate>,
    drawn: Drawn,
    ticket: Option<Secret>,
}

/// What an answer comes to.
#[derive(Debug)]
pub struct Judged {
    /// What follows.
    pub judgement: Judgement,
    /// What was wrong with whoever was asked, for the operator.
    pub fault: Option<Fault>,
    /// What may be remembered of the answer.
    pub memo: Option<Memo>,
}

/// What follows from an answer.
#[derive(Debug)]
pub enum Judgement {
    /// The next one is asked.
    Ask(Box<Inquiry>),
    /// A proof is wanted.
    Challenge(Challenge),
    /// In or not.
    Decided(Result<Admission, Denied>),
}

/// What judging needs to know of the realm.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// Its methods.
    pub settings: &'a AuthSettings,
    /// What decoys are made from.
    pub node_secret: &'a NodeSecret,
    /// Whether it has a role.
    pub has_role: &'a dyn Fn(&str) -> bool,
}

/// What a client gets whose name no table knows, if somebody is asked for one of its methods; the first of them that is
/// possible, as it orders them (R100).
///
/// # Errors
/// An authextra that no user could send.
pub(super) fn open(
    settings: &AuthSettings,
    claim: &Claim<'_>,
    wished: impl Iterator<Item = Method>,
) -> Result<Option<Opening>, Denied> {
    let known = || match (claim.authid, &settings.cryptosign) {
        (Some(authid), _) => settings.knows(authid),
        (None, Some(cryptosign)) => cryptosign.knows_key_of(claim),
        (None, None) => false,
    };
    if settings.dynamic.is_empty() || known() || settings.disabled.is_meant(claim) {
        return Ok(None);
    }
    for method in wished.take(WISHES_MAX) {
        let needs_no_name = matches!(method, Method::Anonymous | Method::Tls);
        if needs_no_name && settings.is_possible(method, claim) {
            return open_with(settings, claim, method);
        }
        // What role it will be is not known yet.
        let begins = settings.may_begin_as(method, None, claim);
        if begins && settings.asks_for(method) && says_enough(method, claim) {
            return ask(settings, claim, method).map(Some);
        }
    }
    Ok(None)
}

/// Whether HELLO says what the method needs.
fn says_enough(method: Method, claim: &Claim<'_>) -> bool {
    match method {
        Method::Ticket | Method::WampCra => claim.authid.is_some(),
        Method::WampScram | Method::Scram => claim.authid.is_some() && extra::has(claim.authextra, "nonce"),
        Method::Cryptosign => extra::has(claim.authextra, "pubkey"),
        Method::Anonymous | Method::Jwt | Method::Tls | Method::Cookie => false,
    }
}

pub(super) fn ask(settings: &AuthSettings, claim: &Claim<'_>, method: Method) -> Result<Opening, Denied> {
    match method {
        Method::WampScram | Method::Scram => scram::check(claim, method)?,
        Method::Cryptosign => {
            cryptosign::wish(&cryptosign_of(settings), claim)?;
        }
        Method::Ticket | Method::WampCra | Method::Anonymous | Method::Jwt | Method::Tls | Method::Cookie => {}
    }
    let offers = |entry: &&Arc<DynamicSettings>| entry.methods.contains(&method);
    let inquiry = Box::new(Inquiry {
        entries: settings.dynamic.iter().filter(offers).cloned().collect(),
        method,
        realm: claim.realm.to_owned(),
        authid: claim.authid.map(str::to_owned),
        authextra: claim.authextra.to_vec(),
        listener: claim.listener.to_owned(),
        binding: claim.binding,
        certificate: claim.certificate.cloned(),
        drawn: claim.drawn.clone(),
        ticket: None,
    });
    if method != Method::Ticket {
        return Ok(Opening::Ask(inquiry));
    }
    Ok(Opening::Challenge(Challenge {
        method,
        authid: inquiry.authid.clone().unwrap_or_default(),
        role: None,
        given: Given::default(),
        waiting: Waiting::Dynamic(inquiry),
        seeming: None,
    }))
}

fn cryptosign_of(settings: &AuthSettings) -> std::borrow::Cow<'_, CryptosignSettings> {
    match &settings.cryptosign {
        Some(settings) => std::borrow::Cow::Borrowed(settings),
        None => std::borrow::Cow::Owned(CryptosignSettings::default()),
    }
}

impl Inquiry {
    /// The method that it is about.
    pub fn method(&self) -> Method {
        self.method
    }

    /// As whom the client wants to come in; nothing if its key says it.
    pub fn authid(&self) -> &str {
        self.authid.as_deref().unwrap_or_default()
    }

    /// The name of whoever is asked, in the configuration.
    pub fn name(&self) -> &str {
        self.entries.front().map_or("", |entry| &entry.name)
    }

    /// Who is asked.
    pub fn asked(&self) -> Option<&Asked> {
        self.entries.front().map(|entry| &entry.asked)
    }

    /// How long the answer may take.
    pub fn timeout(&self) -> Duration {
        self.entries.front().map_or(Duration::ZERO, |entry| entry.timeout)
    }

    /// The arguments of the call: realm, authid, details. `transport` is what is known of the connection, `headers` those of
    /// its HTTP request, with names in lower case.
    pub fn args(&self, transport: Dict, headers: &[(String, String)]) -> Vec<Value> {
        let forwarded = self.entries.front().map_or(&[][..], |entry| &entry.forward_headers);
        let may = |name: &str| !CREDENTIALS.contains(&name) || forwarded.iter().any(|forwarded| forwarded == name);
        let mut received = Dict::new();
        for (name, value) in headers.iter().filter(|(name, _)| may(name)) {
            match received.iter_mut().find(|(known, _)| known == name) {
                Some((_, Value::Text(values))) => *values = format!("{values}, {value}"),
                Some(_) | None => received.push((name.clone(), value.as_str().into())),
            }
        }
        let mut transport = transport;
        transport.push(("http_headers_received".to_owned(), Value::Dict(received)));
        transport.push(("cbtid".to_owned(), Value::Null));
        transport.push(("client_cert".to_owned(), self.certificate.as_ref().map_or(Value::Null, certificate)));
        let mut details = vec![
            ("session".to_owned(), self.drawn.session.get().into()),
            ("authmethod".to_owned(), self.method.name().into()),
            ("authextra".to_owned(), Value::Dict(self.authextra.clone())),
            ("transport".to_owned(), Value::Dict(transport)),
        ];
        if let Some(ticket) = &self.ticket {
            details.push(("ticket".to_owned(), ticket.expose().into()));
        }
        let authid = self.authid.as_deref().map_or(Value::Null, Value::from);
        vec![self.realm.as_str().into(), authid, Value::Dict(details)]
    }

    /// The same with the client's ticket.
    pub(super) fn with_ticket(mut self: Box<Self>, ticket: &str) -> Box<Self> {
        self.ticket = Some(Secret::new(ticket.to_owned()));
        self
    }

    /// Judges what came of the question.
    pub fn judge(mut self: Box<Self>, outcome: Outcome, bench: Bench<'_>) -> Judged {
        let Some(entry) = self.entries.pop_front() else {
            return Judged { judgement: Judgement::Decided(Err(failed())), fault: None, memo: None };
        };
        let answer = match outcome {
            Outcome::Result(values) => answer::read(self.method, &self.realm, *values, bench.has_role),
            Outcome::Error(uri) if *uri == *ErrorUri::NO_SUCH_PRINCIPAL.as_str() && !self.entries.is_empty() => {
                return Judged { judgement: Judgement::Ask(self), fault: None, memo: None };
            }
            Outcome::Error(uri) if fault::is_refusal(&uri) => {
                return Judged { judgement: self.refuse(&entry.shapes, bench), fault: None, memo: None };
            }
            Outcome::Error(uri) => Err(Fault::error_uri(&uri)),
            Outcome::Late => Err(Fault::late(entry.timeout)),
            Outcome::TooLarge(octets) => Err(Fault::too_large(octets)),
            Outcome::Status(status) => Err(Fault::status(status)),
            Outcome::Away(why) => Err(Fault::away(why)),
        };
        match answer {
            Ok(answer) => {
                let time = entry.cache.filter(|_| answer.cache);
                let memo = time.map(|time| Memo { answer: answer.clone(), time });
                let judged = self.accept(&entry.shapes, answer, bench);
                Judged { memo: memo.filter(|_| judged.fault.is_none()), ..judged }
            }
            Err(fault) => {
                let error = fault.error();
                let denied = if error == ErrorUri::NO_SUCH_ROLE { no_role() } else { failed() };
                Judged { judgement: Judgement::Decided(Err(denied)), fault: Some(fault), memo: None }
            }
        }
    }

    /// Nobody has that name: not told before a proof has come.
    fn refuse(&self, shapes: &Shapes, bench: Bench<'_>) -> Judgement {
        if self.ticket.is_some() {
            return Judgement::Decided(Err(Denied::wrong()));
        }
        self.challenge(shapes, bench, None)
    }

    fn accept(&self, shapes: &Shapes, answer: Answer, bench: Bench<'_>) -> Judged {
        let judgement = match &answer.known {
            Known::Already => {
                let authid = answer.authid.clone().or_else(|| self.authid.clone()).unwrap_or_default();
                let given = Given { provider: PROVIDER, extra: answer.extra };
                let decide = Decide { method: self.method, authid, role: Some(answer.role), given };
                Judgement::Decided(decide.with(Some(Dict::new())))
            }
            Known::Secret { .. } | Known::Record(_) | Known::Key(_) => {
                if answer.authid.is_none() && self.authid.is_none() {
                    let fault = Fault::shape("`authid`, as the client names none", "none");
                    return Judged { judgement: Judgement::Decided(Err(failed())), fault: Some(fault), memo: None };
                }
                self.remember(shapes, &answer);
                self.challenge(shapes, bench, Some(answer))
            }
        };
        Judged { judgement, fault: None, memo: None }
    }

    /// What the first user looks like that an authenticator knows, strangers look like.
    fn remember(&self, shapes: &Shapes, answer: &Answer) {
        shapes.role.get_or_init(|| answer.role.clone());
        match &answer.known {
            Known::Secret { salted, .. } => {
                shapes.wampcra.get_or_init(|| (salted.clone(), answer.role.clone()));
            }
            Known::Record(record) => {
                shapes.scram(self.method).get_or_init(|| record.clone());
            }
            Known::Already | Known::Key(_) => {}
        }
    }

    fn challenge(&self, shapes: &Shapes, bench: Bench<'_>, answer: Option<Answer>) -> Judgement {
        let claim = self.claim(bench.node_secret);
        let said = self.authid();
        let (role, waiting) = match self.method {
            Method::WampCra => {
                let like = shapes.wampcra.get().map(|(salted, role)| WampCraUser {
                    key: Secret::new(String::new()),
                    salted: salted.clone(),
                    role: role.clone(),
                });
                let found = answer.as_ref().and_then(Answer::wampcra);
                let (role, waiting) = wampcra::challenge_for(&claim, said, found.as_ref(), like.as_ref(), PROVIDER);
                (role, Waiting::WampCra(waiting))
            }
            Method::WampScram | Method::Scram => {
                let found = answer.as_ref().and_then(Answer::scram);
                let like = shapes.scram(self.method).get();
                match scram::challenge_for(&claim, self.method, said, found.as_ref(), like) {
                    Ok((role, waiting)) => (role, Waiting::Scram(Box::new(waiting))),
                    Err(denied) => return Judgement::Decided(Err(denied)),
                }
            }
            Method::Cryptosign => {
                let settings = cryptosign_of(bench.settings);
                let wish = match cryptosign::wish(&settings, &claim) {
                    Ok(Some(wish)) => wish,
                    Ok(None) => return Judgement::Decided(Err(failed())),
                    Err(denied) => return Judgement::Decided(Err(denied)),
                };
                let key = answer.as_ref().and_then(Answer::key).filter(|(key, _)| wish.is_of(key));
                let key = key.map(|(key, role)| (key.verifying(), role));
                let (role, waiting) = cryptosign::challenge_for(&settings, &claim, &wish, key);
                (role, Waiting::Cryptosign(Box::new(waiting)))
            }
            // It was judged by whoever was asked.
            Method::Ticket | Method::Anonymous | Method::Jwt | Method::Tls | Method::Cookie => {
                return Judgement::Decided(Err(failed()))
            }
        };
        // That of the challenge, where it says one.
        let told = shapes.wampcra.get().filter(|_| self.method == Method::WampCra);
        let like = told.map_or_else(|| shapes.role.get(), |(_, role)| Some(role));
        let seeming = role.clone().or_else(|| like.cloned());
        let (authid, extra) = answer.map_or((None, Dict::new()), |answer| (answer.authid, answer.extra));
        Judgement::Challenge(Challenge {
            method: self.method,
            authid: authid.unwrap_or_else(|| said.to_owned()),
            role,
            given: Given { provider: PROVIDER, extra },
            waiting,
            seeming,
        })
    }

    fn claim<'a>(&'a self, node_secret: &'a NodeSecret) -> Claim<'a> {
        Claim {
            realm: &self.realm,
            authmethods: &[],
            authid: self.authid.as_deref(),
            authextra: &self.authextra,
            listener: &self.listener,
            binding: self.binding,
            node_secret,
            drawn: &self.drawn,
            certificate: self.certificate.as_ref(),
            remembered: None,
        }
    }
}

/// A5: what the client is told of an authenticator that is in trouble.
fn failed() -> Denied {
    Denied::new(ErrorUri::AUTHENTICATION_FAILED, "whoever knows this name could not be asked")
}

fn no_role() -> Denied {
    Denied::new(ErrorUri::NO_SUCH_ROLE, "the role of this principal does not exist in the realm")
}

/// What is told of a certificate: the names that TLS has verified.
fn certificate(certificate: &Certificate) -> Value {
    let Certificate { subject_cn, dns, uris, emails, sha256 } = certificate;
    let texts = |texts: &[String]| Value::List(texts.iter().map(|text| text.as_str().into()).collect());
    let cn = subject_cn.as_deref().map_or(Value::Null, Value::from);
    Value::Dict(vec![
        ("subject".to_owned(), Value::Dict(vec![("cn".to_owned(), cn)])),
        ("dns".to_owned(), texts(dns)),
        ("uris".to_owned(), texts(uris)),
        ("emails".to_owned(), texts(emails)),
        ("sha256".to_owned(), sha256.as_str().into()),
    ])
}

#[cfg(test)]
mod tests;
