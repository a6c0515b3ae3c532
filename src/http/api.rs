//! One REST request from its path to its answer: route, realm, credential, media types, body, and then a CALL or PUBLISH by
//! the session of whoever asks. Parses and waits; holds no WAMP state and decides nothing that `session` decides.

use super::body::{self, Unread};
use super::credential::{self, Arrival};
use super::negotiate;
use super::problem::{parts, Problem, Statuses};
use super::request_id::RequestName;
use super::route::{route, NoRoute};
use super::sessions::{Answer, Ask, Key, Request};
use super::settings::RestSettings;
use super::Place;
use crate::actors::connection::Encryption;
use crate::actors::realms::Lookup;
use crate::actors::{RealmHandle, RealmShared};
use crate::auth::Identity;
use crate::observe::{shown, Refusal};
use crate::wamp::ErrorUri;
use actix_web::body::MessageBody;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{web, HttpRequest, HttpResponse};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What the endpoints take.
const ALLOW: &str = "OPTIONS, POST";

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

pub(super) fn configure(services: &mut web::ServiceConfig) {
    for path in ["/api", "/api/{tail:.*}"] {
        services.service(web::resource(path).default_service(web::to(serve)));
    }
}

async fn serve(request: HttpRequest, mut payload: web::Payload, place: web::Data<Place>) -> HttpResponse {
    let name = RequestName::of(request.headers());
    let response = match answer(&request, &mut payload, &place).await {
        Ok(response) => response,
        Err(problem) => {
            let response = place.respond(problem, &name);
            response.map_body(|_, answer| Unread { answer, request: payload }.boxed())
        }
    };
    dress(response, &name)
}

/// What every answer under `/api` has.
pub(super) fn dress(mut response: HttpResponse, name: &RequestName) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin, Accept"));
    super::dress(&mut response, name);
    response
}

async fn answer(request: &HttpRequest, payload: &mut web::Payload, place: &Place) -> Result<HttpResponse, Problem> {
    let listener = &place.listener;
    let route = route(request.uri().path(), listener.realm.as_deref()).map_err(no_route)?;
    match *request.method() {
        Method::POST if !is_upgrade(request) => {}
        Method::POST => return Err(not_found("no WebSocket is served on this path")),
        Method::OPTIONS => return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, ALLOW)).finish()),
        _ => {
            let problem = Problem::http(StatusCode::METHOD_NOT_ALLOWED, "this path takes POST");
            return Err(problem.with(header::ALLOW, HeaderValue::from_static(ALLOW)).uncounted());
        }
    }
    let rest = &place.state.rest.load_full();
    let statuses = Statuses(&rest.status);
    let handle = find_realm(place, &route.realm).await.ok_or_else(|| {
        let text = format!("no realm '{}' is served here", shown(&route.realm));
        Problem::router(&statuses, ErrorUri::NO_SUCH_REALM, text).counted(Refusal::NoSuchRealm)
    })?;
    let caller = identify(request, place, handle, &statuses).await?;
    negotiate::check_accept(request.headers())?;
    let body = body::read(request.headers(), payload, rest.body_max, rest.body_timeout).await?;
    let mut asked = body::request(route.endpoint, route.uri.as_deref(), &body)?;
    let wish = negotiate::wait(request.headers());
    let deadline = set_deadline(&mut asked, wish, rest, &caller.handle.shared)?;
    let said = exchange(request, place, caller, asked, deadline, &statuses).await;
    let said = said.and_then(|answer| say(answer, &statuses));
    let Some(applied) = wish.and_then(|_| applied(deadline)) else { return said };
    match said {
        Ok(mut response) => {
            response.headers_mut().insert(PREFERENCE_APPLIED, applied);
            Ok(response)
        }
        Err(problem) => Err(problem.with(PREFERENCE_APPLIED, applied)),
    }
}

/// Whoever asks, in the realm that is asked.
pub(super) struct Caller {
    pub(super) handle: RealmHandle,
    pub(super) identity: Identity,
    key: Key,
    tls: bool,
}

/// Proves who asks a realm.
///
/// # Errors
/// As of the credential.
pub(super) async fn identify(
    request: &HttpRequest,
    place: &Place,
    handle: RealmHandle,
    statuses: &Statuses<'_>,
) -> Result<Caller, Problem> {
    let encryption: Encryption = request.conn_data().cloned().unwrap_or_default();
    let arrival = Arrival {
        headers: request.headers(),
        peer: request.peer_addr(),
        listener: &place.listener.name,
        realm: &handle.shared.settings.uri,
        encryption: &encryption,
        realms: &place.state.realms,
        tally: &place.state.tally,
    };
    let (key, identity) = credential::identify(&arrival, &handle.shared, statuses).await?;
    Ok(Caller { key, identity, tls: encryption.tls, handle })
}

/// Asks by the caller's session, and waits for so long.
///
/// # Errors
/// 504 when no answer has come.
pub(super) async fn exchange(
    request: &HttpRequest,
    place: &Place,
    caller: Caller,
    asked: Request,
    deadline: Duration,
    statuses: &Statuses<'_>,
) -> Result<Answer, Problem> {
    let (sender, receiver) = oneshot::channel();
    let sessions = &place.state.sessions;
    let ask = Ask {
        key: caller.key,
        handle: caller.handle,
        identity: caller.identity,
        listener: Arc::clone(&place.listener.name),
        peer: request.peer_addr(),
        tls: caller.tls,
        number: sessions.number(),
        request: asked,
        answer: sender,
    };
    // At the end of the time the request is dropped, and with it the call.
    tokio::time::timeout(deadline, sessions.ask(ask, receiver)).await.map_err(|_| {
        let text = format!("no answer came within {} s", deadline.as_secs_f32());
        Problem::router(statuses, ErrorUri::TIMEOUT, text)
    })
}

/// What a `Prefer: wait` came to, in whole seconds.
fn applied(deadline: Duration) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("wait={}", deadline.as_millis().div_ceil(1000))).ok()
}

fn no_route(fault: NoRoute) -> Problem {
    match fault {
        NoRoute::NotFound => {
            not_found("nothing is served on this path; calls are POST /api/v1/realms/{realm}/call/{procedure}")
        }
        NoRoute::NotText => Problem::http(StatusCode::BAD_REQUEST, "the path is not UTF-8 once it is percent-decoded"),
    }
}

pub(super) fn not_found(text: &str) -> Problem {
    Problem::http(StatusCode::NOT_FOUND, text).uncounted()
}

/// Whether a WebSocket is wanted.
pub(super) fn is_upgrade(request: &HttpRequest) -> bool {
    // Other upgrades, such as h2c, may be ignored; this one would swallow the body.
    request.head().upgrade()
        && request.headers().get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether the realm is there, with these settings.
fn is_current(handle: &RealmHandle) -> bool {
    handle.realm.connected() && !handle.shared.is_outdated()
}

/// The realm with this name or URI, if this listener serves it.
pub(super) async fn find_realm(place: &Place, name: &str) -> Option<RealmHandle> {
    let known = place.realms.borrow().get(name).filter(|handle| is_current(handle)).cloned();
    let handle = match known {
        Some(handle) => handle,
        None => {
            let found = place.state.realms.send(Lookup(name.to_owned())).await.ok().flatten();
            let mut realms = place.realms.borrow_mut();
            // Realms made on demand come and go.
            realms.retain(|_, handle| is_current(handle));
            let handle = found?;
            realms.insert(name.to_owned(), handle.clone());
            handle
        }
    };
    let allowed = &place.listener.realms;
    (allowed.is_empty() || allowed.contains(&handle.shared.settings.name)).then_some(handle)
}

/// How long the caller waits: its preference, its option, the realm's rule, ours; and what the realm is told of it.
pub(super) fn set_deadline(
    asked: &mut Request,
    wish: Option<Duration>,
    rest: &RestSettings,
    realm: &RealmShared,
) -> Result<Duration, Problem> {
    let Request::Call(call) = asked else { return Ok(wish.unwrap_or(rest.call_timeout).min(rest.wait_max)) };
    if call.options.progress || call.options.receive_progress {
        let text = "options progress and receive_progress need a stream, which this endpoint does not give";
        return Err(Problem::http(StatusCode::BAD_REQUEST, text));
    }
    let limits = &realm.settings.rules.limits;
    let option = call.options.timeout_ms.filter(|timeout| *timeout > 0).map(Duration::from_millis);
    let deadline = wish.or(option).or(limits.call_timeout).unwrap_or(rest.call_timeout);
    let deadline = deadline.min(rest.wait_max).min(limits.call_timeout_max.unwrap_or(Duration::MAX));
    // The realm's own rule for calls without a timeout comes after the caller's wish.
    call.options.timeout_ms = u64::try_from(deadline.as_millis()).ok().filter(|timeout| *timeout > 0);
    Ok(deadline)
}

pub(super) fn say(answer: Answer, statuses: &Statuses<'_>) -> Result<HttpResponse, Problem> {
    let body = match answer {
        Answer::Result(payload) => {
            let (args, kwargs) = parts(&payload);
            let mut body = Vec::with_capacity(args.len() + kwargs.len() + 24);
            for part in [b"{\"args\":", &args[..], b",\"kwargs\":", &kwargs, b"}"] {
                body.extend_from_slice(part);
            }
            body
        }
        Answer::Published(publication) => format!("{{\"id\":{publication}}}").into_bytes(),
        Answer::Taken => return Ok(HttpResponse::Accepted().content_type(negotiate::JSON).body("{}")),
        Answer::Error(error) => return Err(Problem::wamp(statuses, &error)),
        Answer::Ended { reason, detail } => return Err(Problem::ended(&reason, &detail)),
    };
    Ok(HttpResponse::Ok().content_type(negotiate::JSON).body(body))
}
