//! Streams: events as they are published, by server-sent events or by polling, and calls whose results come one by one.
//!
//! Each stream drives a session of its own, so that a reader that stalls meets the slow-consumer rule of its own session.
//! Decides nothing about WAMP: permissions, bounds and what is missed are the session's and the realm's.
//! Source: sections 4.1 and 10 of the HTTP design.

mod cursor;
pub(super) mod events;
mod frame;
pub(super) mod history;
mod live;
mod mark;
mod pages;
mod past;
pub(super) mod poll;
pub(super) mod progressive;
mod subscriber;
mod ticket;
mod topics;

use super::api::{self, not_found};
use super::problem::{Problem, Statuses};
use super::request_id::RequestName;
use super::route::decoded;
use super::sessions::own::{AtStop, Ended, Own, OwnOpening};
use super::sessions::{Caller, Key};
use super::settings::RestSettings;
use super::Place;
use crate::actors::connection::{Encryption, Patience};
use crate::actors::session::LAST_WORDS;
use crate::actors::RealmHandle;
use crate::auth::Identity;
use crate::observe::{shown, Refusal};
use crate::wamp::role::{Announced, SubscriberFeatures};
use crate::wamp::ErrorUri;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
pub(super) use cursor::Cursors;
use frame::Memo;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What the streams of one thread and listener share.
#[derive(Default)]
pub(super) struct Shared {
    memo: Rc<RefCell<Memo>>,
}

/// A path below a realm: the realm's name, if the path has it, and what follows, each decoded.
pub(super) fn below_realm(path: &str) -> Result<(Option<String>, Vec<String>), Problem> {
    let segments: Result<Vec<String>, _> = path.split('/').skip(3).map(decoded).collect();
    let text = "the path is not UTF-8 once it is percent-decoded";
    let mut segments = segments.map_err(|_| Problem::http(StatusCode::BAD_REQUEST, text))?;
    if segments.first().is_some_and(|first| first == "realms") {
        let realm = segments.get(1).cloned();
        segments.drain(..segments.len().min(2));
        return Ok((realm, segments));
    }
    Ok((None, segments))
}

/// Whoever asks, in the realm that is asked.
struct Entered {
    rest: Arc<RestSettings>,
    handle: RealmHandle,
    key: Key,
    identity: Identity,
}

impl Entered {
    fn of(rest: Arc<RestSettings>, caller: &Caller) -> Self {
        let (handle, key, identity) = (caller.handle.clone(), caller.key.clone(), caller.identity.clone());
        Self { rest, handle, key, identity }
    }
}

/// What a method may be on a path.
///
/// # Errors
/// An answer, or 405 with `Allow`.
fn only(request: &HttpRequest, method: &Method, allow: &'static str) -> Result<Option<HttpResponse>, Problem> {
    if api::is_upgrade(request) {
        return Err(not_found("no WebSocket is served on this path"));
    }
    if request.method() == method {
        return Ok(None);
    }
    let allow_header = HeaderValue::from_static(allow);
    if request.method() == Method::OPTIONS {
        return Ok(Some(HttpResponse::NoContent().insert_header((header::ALLOW, allow_header)).finish()));
    }
    let problem = Problem::http(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {method}"));
    Err(problem.with(header::ALLOW, allow_header).uncounted())
}

/// Finds the realm and proves who asks.
///
/// # Errors
/// 404 for a realm that is not served here; those of the credential.
async fn enter(request: &HttpRequest, place: &Place) -> Result<Entered, Problem> {
    let rest = place.state.rest.load_full();
    let (handle, statuses) = (realm(request, place, &rest).await?, Statuses(&rest.status));
    let caller = api::identify(request, place, handle, &statuses).await?;
    Ok(Entered::of(rest, &caller))
}

/// The realm that is asked.
///
/// # Errors
/// 404: it is not served here.
pub(super) async fn realm(request: &HttpRequest, place: &Place, rest: &RestSettings) -> Result<RealmHandle, Problem> {
    let (named, _) = below_realm(request.uri().path())?;
    let Some(realm) = named.or_else(|| place.listener.realm.clone()) else {
        return Err(not_found("this listener has no realm of its own: the path is /api/v1/realms/{realm}/..."));
    };
    api::find_realm(place, &realm).await.ok_or_else(|| {
        let text = format!("no realm '{}' is served here", shown(&realm));
        Problem::router(&Statuses(&rest.status), ErrorUri::NO_SUCH_REALM, text).counted(Refusal::NoSuchRealm)
    })
}

/// Opens a stream's session.
///
/// # Errors
/// There are too many, or the realm lets nobody in.
async fn open(
    request: &HttpRequest,
    place: &Place,
    entered: &Entered,
    protocol: &'static str,
    at_stop: AtStop,
) -> Result<Own, Problem> {
    let subscriber_features = SubscriberFeatures { subscription_revocation: true };
    let announced = Announced { subscriber: true, caller: true, subscriber_features, ..Announced::default() };
    let opening = OwnOpening {
        handle: entered.handle.clone(),
        identity: entered.identity.clone(),
        listener: Arc::clone(&place.listener.name),
        peer: request.peer_addr(),
        tls: request.conn_data::<Encryption>().is_some_and(|encryption| encryption.tls),
        protocol,
        announced,
        at_stop,
        is_stream: true,
    };
    let own = Own::open(&place.state.sessions, opening).await.map_err(|ended| not_opened(&ended))?;
    // A frozen reader's session is cut (S1); its socket has time for the last words.
    if let Some(patience) = request.conn_data::<Patience>() {
        patience.set(entered.handle.shared.outbox(&entered.identity.authrole).stall + LAST_WORDS);
    }
    Ok(own)
}

/// Why there is no session.
fn not_opened(Ended { reason, detail }: &Ended) -> Problem {
    let problem = Problem::ended(reason, detail);
    if *reason == ErrorUri::OVERLOADED.as_str() {
        problem.counted(Refusal::Overload)
    } else {
        problem
    }
}

/// An answer with what all answers under `/api` have.
fn finish(answer: Result<HttpResponse, Problem>, name: &RequestName, place: &Place) -> HttpResponse {
    let response = answer.unwrap_or_else(|problem| place.respond(problem, name));
    api::dress(response, name)
}
