//! OpenAPI 3.1: `/api/v1/openapi.json` describes what a listener serves, `openapi.json` of a realm what whoever asks may call there.
//! Source: section 16 of the HTTP design.

mod beside;
mod document;
mod longpoll;
mod parameters;
mod routes;
mod schemas;
mod table;
mod told;

use super::api;
use super::mapped;
use super::negotiate;
use super::problem::{Problem, Statuses};
use super::request_id::RequestName;
use super::route::decoded;
use super::settings::routes::Does;
use super::Place;
use crate::actors::catalogue::AskCatalogue;
use crate::observe::{shown, Refusal};
use crate::wamp::options::PublishOptions;
use crate::wamp::ErrorUri;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{web, HttpRequest, HttpResponse};
use document::{Extent, Procedure};

/// Those of a list of the administration.
const PAGE_PARAMETERS: &[&str] = super::admin::PAGE_PARAMETERS;

pub(super) const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The endpoints of this listener.
pub(super) fn of_listener(request: HttpRequest, place: web::Data<Place>) -> HttpResponse {
    if !is_read(&request) {
        return other(&request, &place);
    }
    let document = document::of_listener(&place.listener);
    let response = HttpResponse::Ok().content_type(negotiate::JSON).body(document.to_string());
    api::dress(response, &RequestName::of(request.headers()))
}

/// Whether a document is asked for.
fn is_read(request: &HttpRequest) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

fn other(request: &HttpRequest, place: &Place) -> HttpResponse {
    // Once: without one of the client's it is drawn, and head and body are to have the same.
    let name = RequestName::of(request.headers());
    if request.method() == Method::OPTIONS {
        return api::dress(HttpResponse::NoContent().insert_header((header::ALLOW, ALLOW)).finish(), &name);
    }
    let problem = Problem::http(StatusCode::METHOD_NOT_ALLOWED, "this path takes GET");
    let problem = problem.with(header::ALLOW, ALLOW).uncounted();
    api::dress(place.respond(problem, &name), &name)
}

/// What may be called in a realm, for whoever asks.
pub(super) async fn of_realm(request: HttpRequest, place: web::Data<Place>) -> HttpResponse {
    if !is_read(&request) {
        return other(&request, &place);
    }
    let said = describe(&request, &place).await;
    let name = RequestName::of(request.headers());
    api::dress(said.unwrap_or_else(|problem| place.respond(problem, &name)), &name)
}

async fn describe(request: &HttpRequest, place: &Place) -> Result<HttpResponse, Problem> {
    let segment = request.uri().path().split('/').nth(4).unwrap_or_default();
    let realm = decoded(segment)
        .map_err(|_| Problem::http(StatusCode::BAD_REQUEST, "the path is not UTF-8 once it is percent-decoded"))?;
    let rest = &place.state.rest.load_full();
    let statuses = Statuses(&rest.status);
    let handle = api::find_realm(place, &realm).await.ok_or_else(|| {
        let text = format!("no realm '{}' is served here", shown(&realm));
        Problem::router(&statuses, ErrorUri::NO_SUCH_REALM, text).counted(Refusal::NoSuchRealm)
    })?;
    let caller = api::identify(request, place, handle, &statuses).await?;
    negotiate::check_accept(request.headers())?;
    let gone = |_| Problem::router(&statuses, ErrorUri::REALM_RESTARTED, "the realm is being started again");
    let catalogue = caller.handle.realm.send(AskCatalogue).await.map_err(gone)?;
    let shared = &caller.handle.shared;
    let permit = shared.permit(&caller.identity);
    // Asking an authorizer about thousands of calls that nobody makes would cost it more than any caller gains: who lives by
    // one is told of nothing, and that this is so.
    let extent = match shared.settings.roles.get(&*caller.identity.authrole) {
        Some(role) if role.authorizer.is_some() => Extent::Unknown,
        Some(_) | None if catalogue.is_whole => Extent::Whole,
        Some(_) | None => Extent::More,
    };
    let procedures = catalogue.procedures.iter().filter(|(uri, _)| permit.may_call(uri));
    let told = &shared.settings.told;
    let procedures =
        procedures.map(|(uri, described)| Procedure { uri, described: described.as_ref(), told: told.find(uri) });
    let routes = mapped::served(rest, &place.listener).filter(|route| route.realm == shared.settings.name);
    let routes = routes.filter(|route| match &route.does {
        Does::Call(procedure) => permit.may_call(procedure),
        Does::Publish(topic) => permit.judge_publish(topic, &mut PublishOptions::default()).is_ok(),
    });
    let document = document::of_realm(&realm, extent, procedures, routes);
    Ok(HttpResponse::Ok().content_type(negotiate::JSON).body(document.to_string()))
}
