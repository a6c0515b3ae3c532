//! One REST request from its path to its answer: route, realm, credential, media types, body, and then a CALL or PUBLISH by
//! the session of whoever asks. Parses and waits; holds no WAMP state and decides nothing that `session` decides.

use super::batch;
use super::body::{self, Endpoint, Single};
use super::cors::{self, Admitted};
use super::credential::{self, Arrival};
use super::idempotency::Said;
use super::idempotent;
use super::listing::List;
use super::negotiate;
use super::openapi;
use super::paths;
use super::perform::{Asked, Task};
use super::problem::{Problem, Statuses};
use super::reading::answered;
use super::request_id::RequestName;
use super::route::{route, NoRoute, Route};
use super::sessions::{Caller, Key, Request};
use super::settings::RestSettings;
use super::streams::{self, progressive};
use super::tickets;
use super::trace::Trace;
use super::Place;
use crate::actors::clock;
use crate::actors::connection::Encryption;
use crate::actors::realms::Lookup;
use crate::actors::{RealmHandle, RealmShared};
use crate::auth::Identity;
use crate::observe::{shown, Refusal};
use crate::wamp::{ErrorUri, Serialization};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{web, HttpRequest, HttpResponse};
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// What the endpoints take.
const ALLOW: &str = "OPTIONS, POST";

pub(super) fn configure(services: &mut web::ServiceConfig) {
    // A prefix, which is compared. A pattern with a tail would be run as a regular expression for every request.
    services.service(web::scope("/api").default_service(web::to(serve)));
}

async fn serve(request: HttpRequest, mut payload: web::Payload, place: web::Data<Place>) -> HttpResponse {
    let since = clock::now();
    let name = RequestName::of(request.headers());
    let rest = place.state.rest.load_full();
    let admitted = cors::admitted(request.headers(), &rest.cors);
    if is_history(request.uri().path()) {
        return streams::history::serve(request, place).await;
    }
    if tickets::is_path(request.uri().path()) {
        return tickets::serve(request, payload, place).await;
    }
    if let Some(reading) = Reading::of(request.uri().path()) {
        return reading.serve(request, place, admitted, &rest, since).await;
    }
    let path = route(request.uri().path(), place.listener.realm.as_deref());
    let endpoint = path.as_ref().map_or("other", |route| route.endpoint.pattern());
    let trace = Trace::of(request.headers(), &rest);
    let span = trace.span(&name);
    let seen = Seen { name: &name, admitted: admitted.as_ref(), trace: &trace, since };
    let call = Call { request: &request, place: &place, rest, seen };
    let mut response = match answer(call, path, &mut payload).instrument(span.clone()).await {
        Ok(response) => dress(response, &name),
        Err(problem) => dress(span.in_scope(|| place.respond_unread(problem, &name, payload)), &name),
    };
    trace.dress(response.headers_mut());
    if let Some(admitted) = admitted {
        admitted.dress(response.headers_mut());
    }
    place.note(endpoint, &response, since);
    response
}

/// What of a path is below `/api/v1` or below a realm, and whether the realm is named.
pub(super) fn below(path: &str) -> Option<(bool, &str)> {
    let path = path.strip_prefix("/api/v1/")?;
    Some(match path.strip_prefix("realms/").and_then(|path| path.split_once('/')) {
        Some((_, rest)) => (true, rest),
        None => (false, path),
    })
}

/// Whether a path is that of a topic's history.
fn is_history(path: &str) -> bool {
    let topic = below(path).and_then(|(_, rest)| rest.strip_prefix("history/"));
    topic.is_some_and(|topic| !topic.is_empty() && !topic.contains('/'))
}

/// An endpoint that is read, with GET.
#[derive(Clone, Copy)]
enum Reading {
    Events,
    Poll,
    /// OpenAPI of the listener.
    OfListener,
    /// OpenAPI of a realm.
    OfRealm,
    /// What the caller may use.
    List(List),
}

impl Reading {
    /// Which one a path below `/api/v1`, or below a realm, names.
    fn of(path: &str) -> Option<Self> {
        let (below_realm, rest) = below(path)?;
        match rest {
            "events" => Some(Self::Events),
            "poll" => Some(Self::Poll),
            "openapi.json" if below_realm => Some(Self::OfRealm),
            "openapi.json" => Some(Self::OfListener),
            _ => List::of(rest).map(Self::List),
        }
    }

    async fn serve(
        self,
        request: HttpRequest,
        place: web::Data<Place>,
        admitted: Option<Admitted>,
        rest: &RestSettings,
        since: Instant,
    ) -> HttpResponse {
        let (pattern, allow) = match self {
            Self::Events => ("events", HeaderValue::from_static("GET, OPTIONS")),
            Self::Poll => ("poll", HeaderValue::from_static("GET, OPTIONS")),
            Self::OfListener | Self::OfRealm => ("openapi.json", openapi::ALLOW),
            Self::List(list) => (list.endpoint(), openapi::ALLOW),
        };
        let asks = *request.method() == Method::OPTIONS && cors::is_preflight(request.headers());
        let mut response = match (self, admitted.as_ref().filter(|_| asks)) {
            (_, Some(admitted)) => dress(admitted.preflight(allow, &rest.cors), &RequestName::of(request.headers())),
            (Self::Events, None) => streams::events::serve(request, web::Data::clone(&place)).await,
            (Self::Poll, None) => streams::poll::serve(request, web::Data::clone(&place)).await,
            (Self::OfListener, None) => openapi::of_listener(request, web::Data::clone(&place)),
            (Self::OfRealm, None) => openapi::of_realm(request, web::Data::clone(&place)).await,
            (Self::List(list), None) => answered(&request, &place, list.answer(&request, &place)).await,
        };
        if let Some(admitted) = admitted {
            admitted.dress(response.headers_mut());
        }
        place.note(pattern, &response, since);
        response
    }
}

/// What every answer under `/api` has.
pub(super) fn dress(mut response: HttpResponse, name: &RequestName) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin, Accept"));
    super::dress(&mut response, name);
    response
}

/// One request under `/api`.
struct Call<'a> {
    request: &'a HttpRequest,
    place: &'a web::Data<Place>,
    rest: Arc<RestSettings>,
    seen: Seen<'a>,
}

/// What is known of a request by its head.
struct Seen<'a> {
    name: &'a RequestName,
    admitted: Option<&'a Admitted>,
    trace: &'a Trace,
    since: Instant,
}

async fn answer(
    call: Call<'_>,
    path: Result<Route, NoRoute>,
    payload: &mut web::Payload,
) -> Result<HttpResponse, Problem> {
    let Call { request, place, rest, seen: Seen { name, admitted, trace, since } } = call;
    let route = path.map_err(no_route)?;
    if let Some(response) = other_method(request, admitted, &rest)? {
        return Ok(response);
    }
    let statuses = Statuses(&rest.status);
    let handle = find_realm(place, &route.realm).await.ok_or_else(|| {
        let text = format!("no realm '{}' is served here", shown(&route.realm));
        Problem::router(&statuses, ErrorUri::NO_SUCH_REALM, text).counted(Refusal::NoSuchRealm)
    })?;
    let caller = identify(request, place, handle, &statuses).await?;
    let given = negotiate::body_form(request.headers())?;
    if let Some(form) = negotiate::stream_form(request.headers()).filter(|_| route.endpoint == Endpoint::Call) {
        let body = body::read(request.headers(), payload, rest.body_max, rest.body_timeout).await?;
        let mut asked = body::request(Single::Call, route.uri.as_deref(), given.serialization, &body)?;
        trace.carry(&mut asked);
        return progressive::answer(request, place, Arc::clone(&rest), &caller, asked, form, name).await;
    }
    let wanted = negotiate::accepted_form(request.headers(), given)?;
    let key = idempotent::key(request.headers())?;
    let body = body::read(request.headers(), payload, rest.body_max, rest.body_timeout).await?;
    let mut asked = asked(&route, given.serialization, &body, rest.batch_max)?;
    trace.carry_all(&mut asked);
    let retry = key.map(|key| idempotent::Retry::new(&caller, request, key, &body, [given, wanted]));
    let wish = negotiate::wait(request.headers());
    let (place, name) = (web::Data::clone(place), name.clone());
    let task = Task { place, rest: Arc::clone(&rest), caller, asked, wish, wanted, name, since };
    match retry {
        Some(retry) => retry.answer(task, &statuses).await,
        None => task.run().await.map(respond),
    }
}

/// An answer as it goes out.
pub(super) fn respond(said: Said) -> HttpResponse {
    let mut response = HttpResponse::build(said.status);
    for header in said.headers {
        response.append_header(header);
    }
    response.content_type(said.media_type).body(said.body)
}

fn asked(route: &Route, serialization: Serialization, body: &Bytes, batch_max: usize) -> Result<Asked, Problem> {
    let single = match route.endpoint {
        Endpoint::Call => Single::Call,
        Endpoint::Publish => Single::Publish,
        Endpoint::Batch => return batch::read(serialization, body, batch_max).map(Asked::Batch),
    };
    body::request(single, route.uri.as_deref(), serialization, body).map(Asked::One)
}

/// The answer to what is no POST.
pub(super) fn other_method(
    request: &HttpRequest,
    admitted: Option<&Admitted>,
    rest: &RestSettings,
) -> Result<Option<HttpResponse>, Problem> {
    match *request.method() {
        Method::POST if !is_upgrade(request) => Ok(None),
        Method::POST => Err(not_found("no WebSocket is served on this path")),
        Method::OPTIONS => Ok(Some(match admitted.filter(|_| cors::is_preflight(request.headers())) {
            Some(admitted) => admitted.preflight(HeaderValue::from_static(ALLOW), &rest.cors),
            None => HttpResponse::NoContent().insert_header((header::ALLOW, ALLOW)).finish(),
        })),
        _ => {
            let problem = Problem::http(StatusCode::METHOD_NOT_ALLOWED, "this path takes POST");
            Err(problem.with(header::ALLOW, HeaderValue::from_static(ALLOW)).uncounted())
        }
    }
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
) -> Result<Arc<Caller>, Problem> {
    let encryption: Encryption = request.conn_data().cloned().unwrap_or_default();
    let arrival = arrival(request, place, &handle, &encryption);
    let (key, identity) = credential::identify(&arrival, &handle.shared, statuses).await?;
    Ok(caller(request, place, key, handle, identity))
}

/// Where a request came in.
pub(super) fn arrival<'a>(
    request: &'a HttpRequest,
    place: &'a Place,
    handle: &'a RealmHandle,
    encryption: &'a Encryption,
) -> Arrival<'a> {
    let rest = place.state.rest.load();
    Arrival {
        headers: request.headers(),
        peer: request.peer_addr(),
        listener: &place.listener.name,
        realm: &handle.shared.settings.uri,
        encryption,
        realms: &place.state.realms,
        tally: &place.state.tally,
        origin_listed: !request.path().starts_with("/admin") && cors::admitted(request.headers(), &rest.cors).is_some(),
        in_the_clear: place.listener.in_the_clear,
        verified: &place.verified,
        auth_cache: rest.auth_cache,
    }
}

/// Whoever asks by a request, once that is known.
pub(super) fn caller(
    request: &HttpRequest,
    place: &Place,
    key: Key,
    handle: RealmHandle,
    identity: Identity,
) -> Arc<Caller> {
    let (listener, peer) = (Arc::clone(&place.listener.name), request.peer_addr());
    let tls = request.conn_data::<Encryption>().is_some_and(|encryption| encryption.tls);
    Arc::new(Caller { key, handle, identity, listener, peer, tls })
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
    paths::is_upgrade(request.head())
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
