//! Who asks: the credential of a request and the identity that it proves. One credential at most; an unknown name and a wrong
//! secret are told apart by nothing. Source: section 6 of the HTTP design.

use super::problem::{Problem, Statuses};
use super::sessions::{Key, Who};
use super::verified::{Under, Verified};
use crate::actors::asking::{self, About, Ways};
use crate::actors::clock;
use crate::actors::connection::Encryption;
use crate::actors::logins::Failed;
use crate::actors::realms::RealmsActor;
use crate::actors::router::Reply;
use crate::actors::session::drawn;
use crate::actors::RealmShared;
use crate::auth::once::{Purpose, Topics, Vouched};
use crate::auth::{
    self, Admission, Bench, Claim, Denied, Guess, Identity, Inquiry, Judgement, Next, Opening, Rounds, Secret, Verdict,
};
use crate::observe::{Refusal, Tally};
use crate::wamp::{Dict, Entrance, ErrorUri, Outcome, Uri};
use actix::Addr;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::StatusCode;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Where a request came in, and what for.
pub(super) struct Arrival<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) peer: Option<SocketAddr>,
    pub(super) listener: &'a str,
    pub(super) realm: &'a Uri,
    /// What TLS says of the connection.
    pub(super) encryption: &'a Encryption,
    /// Where realms are found whose procedures are asked.
    pub(super) realms: &'a Addr<RealmsActor>,
    /// Its thread's counters.
    pub(super) tally: &'a Tally,
    /// Whether the page that asks is of an origin that `rest.cors` lists.
    pub(super) origin_listed: bool,
    /// Whether others could read what is said on this listener.
    pub(super) in_the_clear: bool,
    /// What was found right before on this thread, and how long that is remembered.
    pub(super) verified: &'a RefCell<Verified>,
    pub(super) auth_cache: Duration,
}

/// Proves who asks.
///
/// # Errors
/// 401 with the reason, 400 for more than one credential, 403 for a page from elsewhere that brings none of its own.
pub(super) async fn identify(
    arrival: &Arrival<'_>,
    shared: &Arc<RealmShared>,
    statuses: &Statuses<'_>,
) -> Result<(Key, Identity), Problem> {
    let mut credentials = in_headers(arrival.headers);
    let (first, second) = (credentials.next(), credentials.next());
    if second.is_some() {
        return Err(too_many());
    }
    if first.is_some() {
        check_road(arrival)?;
    }
    let identity = match first {
        Some(_) => with_credential(arrival, shared).await,
        None => ambient(arrival, shared),
    };
    let identity = identity.and_then(|identity| from_there(arrival, shared, identity));
    let identity = identity.map_err(|denied| {
        let problem = refuse(statuses, &denied);
        let auth = &shared.settings.auth;
        if auth.jwt.is_some() || !auth.keys.is_empty() {
            problem.or_bearer()
        } else {
            problem
        }
    })?;
    // A browser sends simple requests without asking first: a page from elsewhere may not act with our trust in its host.
    if first.is_none() && !arrival.origin_listed && !is_own_origin(arrival) {
        let text = "a page of another origin may not act here without a credential of its own";
        return Err(Problem::http(StatusCode::FORBIDDEN, text).counted(Refusal::Origin));
    }
    Ok((key(arrival, &identity), identity))
}

/// Whose session that is.
fn key(arrival: &Arrival<'_>, identity: &Identity) -> Key {
    let who = if &*identity.authmethod == auth::Method::Anonymous.name() {
        Who::Address(arrival.peer.map(|peer| peer.ip()))
    } else if &*identity.authmethod == auth::KEY_METHOD {
        Who::Key(Arc::clone(&identity.authprovider), Arc::clone(&identity.authid))
    } else {
        Who::Authid(Arc::clone(&identity.authid))
    };
    let (authmethod, authrole) = (Arc::clone(&identity.authmethod), Arc::clone(&identity.authrole));
    Key { realm: arrival.realm.clone(), authmethod, authrole, who }
}

/// The credentials that stand in headers.
fn in_headers(headers: &HeaderMap) -> impl Iterator<Item = &header::HeaderValue> {
    headers.get_all(header::AUTHORIZATION).chain(headers.get_all(API_KEY))
}

/// Whether there is a credential in the headers.
pub(super) fn is_in_headers(headers: &HeaderMap) -> bool {
    in_headers(headers).next().is_some()
}

fn too_many() -> Problem {
    Problem::http(StatusCode::BAD_REQUEST, "there is more than one credential")
}

/// Whether nobody on the way could read what proves who asks.
fn check_road(arrival: &Arrival<'_>) -> Result<(), Problem> {
    if !arrival.in_the_clear || arrival.encryption.tls {
        return Ok(());
    }
    let text = "anybody on the way could read a credential here: use TLS";
    Err(Problem::http(StatusCode::FORBIDDEN, text))
}

/// Who asks by a one-time ticket, which is used up by that, and of which topics it is. A page of any origin may use one: it has
/// been given it.
///
/// # Errors
/// 401, the same whatever is wrong with it; 400 for another credential beside it; 403 where others could read it.
pub(super) fn redeem(
    arrival: &Arrival<'_>,
    shared: &RealmShared,
    statuses: &Statuses<'_>,
    ticket: &Secret,
) -> Result<(Key, Identity, Option<Topics>), Problem> {
    if is_in_headers(arrival.headers) {
        return Err(too_many());
    }
    check_road(arrival)?;
    let denied = |reason: &str, authid: &str| {
        let (realm, peer) = (arrival.realm.as_str(), arrival.peer.map(|peer| peer.ip()));
        shared.logins.tell(&Failed { realm, authid, method: "one-time ticket", peer, reason });
        refuse(statuses, &Denied::wrong()).or_ticket()
    };
    let Some(vouched) = shared.logins.take_ticket(ticket.expose()) else {
        return Err(denied("it is unknown, was used, or has expired", ""));
    };
    let Vouched { realm, identity, purpose: Purpose::Events(topics) } = vouched else {
        return Err(denied("it is for a WebSocket", &vouched.identity.authid));
    };
    if realm != *arrival.realm {
        return Err(denied("it is of another realm", &identity.authid));
    }
    let still = shared.settings.auth.lets_in_again(&identity, &entrance(arrival), clock::time_of_day());
    still.map_err(|why| denied(why.reason.unwrap_or(&why.text), &identity.authid))?;
    Ok((key(arrival, &identity), identity, topics))
}

/// What needs no header: the client's certificate, or nothing at all, in the realm's order. A cookie is none here, so that no
/// page from elsewhere can make use of it.
fn ambient(arrival: &Arrival<'_>, shared: &RealmShared) -> Result<Identity, Denied> {
    let required = || {
        let text = "a credential is required: Authorization: Basic, Bearer with an API key or, where the realm takes tokens, a token";
        Denied::new(ErrorUri::AUTHENTICATION_REQUIRED, text)
    };
    let auth = &shared.settings.auth;
    let anonymous = auth.anonymous.as_ref().is_some_and(|anonymous| anonymous.http);
    let identity = auth.order.0.iter().find_map(|method| {
        if !(*method == auth::Method::Tls || (*method == auth::Method::Anonymous && anonymous)) {
            return None;
        }
        match open(arrival, shared, &[method.name().to_owned()], None) {
            Ok((Opening::Welcome(identity), _)) => Some(identity),
            Ok((Opening::Challenge(_) | Opening::Ask(_), _)) | Err(_) => None,
        }
    });
    identity.ok_or_else(required)
}

/// By the realm's sources, whatever has proven who that is.
fn from_there(arrival: &Arrival<'_>, shared: &RealmShared, identity: Identity) -> Result<Identity, Denied> {
    shared.settings.auth.lets_in(&identity, &entrance(arrival)).inspect_err(|denied| {
        let (realm, authid, method) = (arrival.realm.as_str(), &*identity.authid, &*identity.authmethod);
        let (peer, reason) = (arrival.peer.map(|peer| peer.ip()), denied.reason.unwrap_or(&denied.text));
        shared.logins.tell(&Failed { realm, authid, method, peer, reason });
    })?;
    Ok(identity)
}

/// As that of a session that stays.
fn entrance(arrival: &Arrival<'_>) -> Entrance {
    Entrance { listener: arrival.listener.into(), address: arrival.peer.map(|peer| peer.ip()) }
}

/// What is to be looked at.
#[derive(Clone, Copy)]
enum Proof<'a> {
    /// As of a login; without a name for a token.
    Login(auth::Method, Option<&'a str>, &'a str),
    ApiKey(&'a str),
}

impl Proof<'_> {
    fn authid(&self) -> &str {
        match self {
            Self::Login(_, authid, _) => authid.unwrap_or_default(),
            Self::ApiKey(_) => "",
        }
    }

    fn method(&self) -> &'static str {
        match self {
            Self::Login(method, ..) => method.name(),
            Self::ApiKey(_) => auth::KEY_METHOD,
        }
    }
}

async fn with_credential(arrival: &Arrival<'_>, shared: &Arc<RealmShared>) -> Result<Identity, Denied> {
    let denied = Denied::wrong;
    if let Some(key) = arrival.headers.get(API_KEY) {
        let key = key.to_str().map_err(|_| denied())?;
        return prove(arrival, shared, Proof::ApiKey(key.trim())).await;
    }
    let Some(credential) = arrival.headers.get(header::AUTHORIZATION) else {
        return Err(unknown_scheme());
    };
    let (scheme, value) = credential.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(denied)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        let value = value.trim();
        if value.starts_with(auth::KEY_PREFIX) {
            return prove(arrival, shared, Proof::ApiKey(value)).await;
        }
        if shared.settings.auth.jwt.is_some() {
            return prove(arrival, shared, Proof::Login(auth::Method::Jwt, None, value)).await;
        }
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unknown_scheme());
    }
    let pair = STANDARD.decode(value.trim()).map_err(|_| denied())?;
    let pair = zeroize::Zeroizing::new(pair);
    let pair = std::str::from_utf8(&pair).map_err(|_| denied())?;
    let (authid, ticket) = pair.split_once(':').ok_or_else(denied)?;
    with_ticket(arrival, shared, authid, ticket).await
}

/// By a ticket that was found right a short while ago, or by looking at it. What an authenticator has said is remembered where
/// it asks for that, and not here; what depends on a certificate is looked at each time.
async fn with_ticket(
    arrival: &Arrival<'_>,
    shared: &Arc<RealmShared>,
    authid: &str,
    ticket: &str,
) -> Result<Identity, Denied> {
    let lasting = !arrival.auth_cache.is_zero() && arrival.encryption.certificate.is_none();
    let address = arrival.peer.map(|peer| peer.ip());
    let mark =
        lasting.then(|| arrival.verified.borrow().mark(arrival.realm.as_str(), address, authid, ticket)).flatten();
    let under = Under { settings: shared, forgotten: shared.forgotten(authid) };
    if let Some(mark) = mark {
        if let Some(identity) = arrival.verified.borrow().find(mark, under, clock::now()) {
            return Ok(identity);
        }
    }
    let identity = prove(arrival, shared, Proof::Login(auth::Method::Ticket, Some(authid), ticket)).await?;
    if let Some(mark) = mark.filter(|_| &*identity.authprovider == auth::PROVIDER) {
        arrival.verified.borrow_mut().keep(mark, &identity, under, clock::now(), arrival.auth_cache);
    }
    Ok(identity)
}

/// Looks at a proof, if not too many were wrong (A2).
async fn prove(arrival: &Arrival<'_>, shared: &RealmShared, proof: Proof<'_>) -> Result<Identity, Denied> {
    let address = arrival.peer.map(|peer| peer.ip());
    let guess = Guess { realm: arrival.realm.as_str(), authid: proof.authid(), address };
    let attempt = shared.logins.attempt(shared.settings.auth.throttle, &guess);
    let proven = match (attempt, proof) {
        (None, _) => Err(throttled()),
        (Some(_), Proof::Login(method, authid, text)) => look(arrival, shared, method, authid, text).await,
        (Some(_), Proof::ApiKey(key)) => shared.settings.auth.keys.identify(key, address, clock::time_of_day()),
    };
    let Err(denied) = &proven else { return proven };
    let (authid, method) = (guess.authid, proof.method());
    let reason = denied.reason.unwrap_or(&denied.text);
    shared.logins.tell(&Failed { realm: guess.realm, authid, method, peer: address, reason });
    if let Some(attempt) = attempt.filter(|_| denied.error == ErrorUri::AUTHENTICATION_DENIED) {
        tokio::time::sleep(shared.logins.failed(attempt)).await;
    }
    proven
}

async fn look(
    arrival: &Arrival<'_>,
    shared: &RealmShared,
    method: auth::Method,
    authid: Option<&str>,
    proof: &str,
) -> Result<Identity, Denied> {
    let denied = Denied::wrong;
    let (opening, mut rounds) = open(arrival, shared, &[method.name().to_owned()], authid)?;
    let verdict = match opening {
        Opening::Challenge(challenge) => {
            rounds.challenged(&challenge);
            challenge.verify(proof, &[])
        }
        // Only a text was offered, and a text is always asked for.
        Opening::Welcome(_) | Opening::Ask(_) => return Err(denied()),
    };
    let judged = match verdict {
        Verdict::Now(verdict) => verdict,
        Verdict::Later(work) => {
            let (sender, receiver) = oneshot::channel();
            // A caller that has gone does not wait for it.
            let answer = Box::new(move |verdict| drop(sender.send(verdict)));
            shared.logins.prove(work, answer).map_err(|_| busy())?;
            receiver.await.map_err(|_| denied())?
        }
        Verdict::Ask(inquiry) => ask(arrival, shared, inquiry).await,
    };
    match rounds.step(judged, &shared.settings.auth, shared.logins.node_secret()) {
        Next::Decided(decided) => {
            let identity = decided?.identity;
            // Here, so that it counts as a wrong proof does.
            shared.settings.auth.lets_in(&identity, &entrance(arrival))?;
            Ok(identity)
        }
        // A request has one credential, and only a certificate can be the second proof.
        Next::Challenge(_) | Next::Ask(_) => Err(denied()),
    }
}

/// Has an authenticator judge the ticket.
async fn ask(arrival: &Arrival<'_>, shared: &RealmShared, mut inquiry: Box<Inquiry>) -> Result<Admission, Denied> {
    let bench = Bench {
        settings: &shared.settings.auth,
        node_secret: shared.logins.node_secret(),
        has_role: &|role| shared.settings.roles.contains_key(role),
    };
    let headers = headers(arrival.headers);
    loop {
        let mark = inquiry.mark(shared.logins.node_secret(), &headers);
        let (found, epoch) = {
            let answers = shared.answers();
            (mark.as_ref().and_then(|mark| answers.find(mark, clock::now())), answers.epoch())
        };
        if let Some(answer) = found {
            arrival.tally.add_answers_recalled(1);
            return match inquiry.recall(answer, bench).judgement {
                Judgement::Decided(decided) => decided,
                // As below.
                Judgement::Ask(_) | Judgement::Challenge(_) => Err(Denied::wrong()),
            };
        }
        let (sender, receiver) = oneshot::channel();
        let args = inquiry.args(transport(arrival), &headers);
        // A caller that has gone does not wait for it.
        let reply = Reply::new(move |outcome| drop(sender.send(outcome)));
        let ways = Ways { realms: arrival.realms, logins: &shared.logins };
        asking::ask(ways, &inquiry, arrival.realm, args, reply);
        let outcome = receiver.await.unwrap_or(Outcome::Away("nobody has answered"));
        let (about, authid) = (About::of(&inquiry, arrival.realm), inquiry.authid().to_owned());
        let judged = inquiry.judge(outcome, bench);
        if let Some(fault) = &judged.fault {
            about.report(fault, arrival.tally);
        }
        if let (Some(memo), Some(mark)) = (judged.memo, mark) {
            shared.answers().keep(mark, &authid, memo, epoch, clock::now());
        }
        match judged.judgement {
            Judgement::Decided(decided) => return decided,
            Judgement::Ask(next) => inquiry = next,
            // A ticket has been given already.
            Judgement::Challenge(_) => return Err(Denied::wrong()),
        }
    }
}

/// What an authenticator is told of the connection: as the meta API shows it.
fn transport(arrival: &Arrival<'_>) -> Dict {
    crate::http::sessions::details(arrival.peer, arrival.encryption.tls)
}

/// What is no text is left out.
fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &header::HeaderValue)| {
        value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
    };
    headers.iter().filter_map(text).collect()
}

fn open(
    arrival: &Arrival<'_>,
    shared: &RealmShared,
    authmethods: &[String],
    authid: Option<&str>,
) -> Result<(Opening, Rounds), Denied> {
    let drawn = drawn();
    let claim = Claim {
        realm: arrival.realm.as_str(),
        authmethods,
        authid,
        authextra: &[],
        listener: arrival.listener,
        binding: None,
        certificate: arrival.encryption.certificate.as_deref(),
        node_secret: shared.logins.node_secret(),
        drawn: &drawn,
        remembered: None,
    };
    let rounds = Rounds::begin(&shared.settings.auth, &claim);
    auth::open(&shared.settings.auth, &claim).map(|opening| (opening, rounds))
}

/// A2.
fn busy() -> Denied {
    Denied::new(ErrorUri::BUSY, "too many logins are being checked: come back later")
}

/// A2.
fn throttled() -> Denied {
    Denied::new(ErrorUri::TOO_MANY_ATTEMPTS, auth::TOO_MANY_ATTEMPTS)
}

fn unknown_scheme() -> Denied {
    let text =
        "this credential is not known here; known are Authorization: Basic with authid and ticket, Bearer with an \
                API key (whk_...) or, where the realm takes tokens, a token, and X-API-Key";
    Denied::new(ErrorUri::NO_MATCHING_AUTH_METHOD, text)
}

fn refuse(statuses: &Statuses<'_>, denied: &Denied) -> Problem {
    let refusal = if denied.error == ErrorUri::BUSY {
        Refusal::AuthBusy
    } else if denied.error == ErrorUri::TOO_MANY_ATTEMPTS {
        Refusal::AuthThrottled
    } else {
        Refusal::AuthFailed
    };
    Problem::router(statuses, denied.error, denied.text.clone()).counted(refusal)
}

/// No Origin at all, or that of the host that is asked.
fn is_own_origin(arrival: &Arrival<'_>) -> bool {
    let mut lines = arrival.headers.get_all(header::ORIGIN);
    let Some(origin) = lines.next() else { return !is_fetched_from_elsewhere(arrival.headers) };
    let (Ok(origin), None) = (origin.to_str(), lines.next()) else { return false };
    let host = arrival.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| arrival.encryption.is_own_origin(origin, host))
}

/// Whether a browser says that a page from elsewhere makes it ask, as for a picture or a script: such requests are GETs and have no
/// Origin. Whoever follows a link is let in.
fn is_fetched_from_elsewhere(headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).map(header::HeaderValue::as_bytes);
    let is_elsewhere = matches!(said("sec-fetch-site"), Some(b"cross-site" | b"same-site"));
    let follows_link = said("sec-fetch-mode") == Some(b"navigate") && said("sec-fetch-dest") == Some(b"document");
    is_elsewhere && !follows_link
}
