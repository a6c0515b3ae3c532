//! Mapped routes: methods and paths of the operator's own, each a CALL or PUBLISH by whoever asks, under the realm's authentication
//! and permissions like everything else. Parses and waits; holds no WAMP state. Source: section 13 of the HTTP design.

mod find;
mod value;

use super::allowance::{self, Counted};
use super::api::{dress, find_realm, identify, not_found, set_deadline};
use super::body;
use super::cors::{self, Admitted};
use super::negotiate;
use super::paths;
use super::perform::ask;
use super::problem::{parts, Problem, Statuses};
use super::request_id::RequestName;
use super::sessions::Answer;
use super::settings::routes::{MappedRoute, ResponseShape};
use super::settings::RestSettings;
use super::trace::Trace;
use super::{HttpState, Listener, Place};
use crate::actors::clock;
use crate::wamp::ErrorUri;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{web, HttpRequest, HttpResponse};
use bytes::Bytes;
use find::{find, Found};
use tracing::Instrument;
use value::Given;

/// The services of a listener.
pub(super) fn configure(services: &mut web::ServiceConfig, listener: &Listener, state: &HttpState) {
    let has = |rest: &RestSettings, listener: &Listener, path: &str| {
        !matches!(find(served(rest, listener), "GET", path), Found::Nothing)
    };
    services.service(paths::resource(state, listener, has).default_service(web::to(serve)));
}

/// The routes whose realm a listener serves.
pub(super) fn served<'a>(rest: &'a RestSettings, listener: &'a Listener) -> impl Iterator<Item = &'a MappedRoute> {
    rest.routes.iter().filter(|route| paths::reaches(listener, &route.realm))
}

async fn serve(request: HttpRequest, mut payload: web::Payload, place: web::Data<Place>) -> HttpResponse {
    let since = clock::now();
    let name = RequestName::of(request.headers());
    let rest = place.state.rest.load_full();
    let admitted = cors::admitted(request.headers(), &rest.cors);
    let trace = Trace::of(request.headers(), &rest);
    let span = trace.span(&name);
    let asking = Asking { request: &request, place: &place, rest: &rest, admitted: admitted.as_ref(), trace: &trace };
    let response = match answer(asking, &mut payload).instrument(span.clone()).await {
        Ok(response) => response,
        Err(problem) => span.in_scope(|| place.respond_unread(problem, &name, payload)),
    };
    let mut response = dress(response, &name);
    trace.dress(response.headers_mut());
    if let Some(admitted) = admitted {
        admitted.dress(response.headers_mut());
    }
    place.note("routes", &response, since);
    response
}

/// One request, and what is known of it by its head.
struct Asking<'a> {
    request: &'a HttpRequest,
    place: &'a Place,
    rest: &'a RestSettings,
    admitted: Option<&'a Admitted>,
    trace: &'a Trace,
}

async fn answer(asking: Asking<'_>, payload: &mut web::Payload) -> Result<HttpResponse, Problem> {
    let Asking { request, place, rest, admitted, trace } = asking;
    let path = request.uri().path();
    let (route, open) = match find(served(rest, &place.listener), request.method().as_str(), path) {
        Found::Route(route, open) => (route, open),
        Found::Methods(methods) => return other_method(request, &methods.join(", "), admitted, rest),
        // Between the guard and here nothing has waited.
        Found::Nothing => return Err(not_found("nothing is served on this path")),
    };
    let statuses = Statuses(&rest.status);
    let handle = find_realm(place, &route.realm).await.ok_or_else(|| {
        Problem::router(&statuses, ErrorUri::NO_SUCH_REALM, format!("the realm of route '{}' is not open", route.name))
    })?;
    let caller = identify(request, place, handle, &statuses).await?;
    negotiate::check_accept(request.headers())?;
    let body = if route.uses_body() {
        negotiate::check_body(request.headers())?;
        body::read(request.headers(), payload, rest.body_max, rest.body_timeout).await?
    } else {
        Bytes::new()
    };
    let open: Vec<(&str, &str)> = open.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let given = Given {
        path: &open,
        query: request.uri().query(),
        headers: request.headers(),
        body: &body,
        identity: &caller.identity,
    };
    let mut asked = value::request(route, &given)?;
    trace.carry(&mut asked);
    let wish = negotiate::wait(request.headers());
    let deadline = set_deadline(&mut asked, wish, rest, &caller.handle.shared)?;
    let counted = Counted::of(&asked);
    let answered = ask(place, &caller, asked, deadline, &statuses).await?;
    let left = allowance::lines(answered.allowances, counted);
    let left = left.into_iter().flatten();
    match say(answered.answer, route, &statuses) {
        Ok(mut response) => {
            left.for_each(|(name, value)| drop(response.headers_mut().insert(name, value)));
            Ok(response)
        }
        Err(problem) => Err(left.fold(problem, |problem, (name, value)| problem.with(name, value))),
    }
}

fn other_method(
    request: &HttpRequest,
    allow: &str,
    admitted: Option<&Admitted>,
    rest: &RestSettings,
) -> Result<HttpResponse, Problem> {
    // Names of methods are lawful in a header.
    let value = HeaderValue::from_str(allow).unwrap_or_else(|_| HeaderValue::from_static("OPTIONS"));
    if *request.method() == Method::OPTIONS {
        return Ok(match admitted.filter(|_| cors::is_preflight(request.headers())) {
            Some(admitted) => admitted.preflight(value, &rest.cors),
            None => HttpResponse::NoContent().insert_header((header::ALLOW, value)).finish(),
        });
    }
    let problem = Problem::http(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allow}"));
    Err(problem.with(header::ALLOW, value).uncounted())
}

fn say(answer: Answer, route: &MappedRoute, statuses: &Statuses<'_>) -> Result<HttpResponse, Problem> {
    let body = match answer {
        Answer::Result(payload) => {
            let (args, kwargs) = parts(&payload);
            match route.response {
                ResponseShape::First => value::first(&args),
                ResponseShape::Args => args,
                ResponseShape::Full => [b"{\"args\":", &args[..], b",\"kwargs\":", &kwargs, b"}"].concat().into(),
            }
        }
        Answer::Published(publication) => format!("{{\"id\":{publication}}}").into(),
        // All publications are acknowledged.
        Answer::Taken => Bytes::from_static(b"{}"),
        Answer::Error(error) => return Err(Problem::wamp(statuses, &error)),
        Answer::Ended { reason, detail } => return Err(Problem::ended(&reason, &detail)),
    };
    let status = StatusCode::from_u16(route.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    if status == StatusCode::NO_CONTENT || status == StatusCode::RESET_CONTENT {
        return Ok(response.finish());
    }
    Ok(response.content_type(negotiate::JSON).body(body))
}
