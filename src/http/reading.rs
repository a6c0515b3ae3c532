//! What endpoints that are read have in common: GET, HEAD and OPTIONS, pages of other origins, the head of every answer and the
//! counters.

use super::api::{self, not_found};
use super::cors;
use super::problem::Problem;
use super::request_id::RequestName;
use super::Place;
use crate::actors::clock;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use std::future::Future;

/// What is answered, or why not.
pub(super) type Asked = Result<HttpResponse, Problem>;

const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Answers a request to read: by `answer`, where the method is one that reads. `endpoint` is its name in the counters.
pub(super) async fn reading(
    request: &HttpRequest,
    place: &Place,
    endpoint: &'static str,
    answer: impl Future<Output = Asked>,
) -> HttpResponse {
    let since = clock::now();
    let name = RequestName::of(request.headers());
    let rest = place.state.rest.load_full();
    let admitted = cors::admitted(request.headers(), &rest.cors);
    let is_preflight = *request.method() == Method::OPTIONS && cors::is_preflight(request.headers());
    let mut response = match admitted.as_ref().filter(|_| is_preflight) {
        Some(admitted) => api::dress(admitted.preflight(ALLOW, &rest.cors), &name),
        None => answered(request, place, answer).await,
    };
    if let Some(admitted) = admitted {
        admitted.dress(response.headers_mut());
    }
    place.note(endpoint, &response, since);
    response
}

/// The same for those who see to pages of other origins and to the counters themselves.
pub(super) async fn answered(
    request: &HttpRequest,
    place: &Place,
    answer: impl Future<Output = Asked>,
) -> HttpResponse {
    let name = RequestName::of(request.headers());
    let answer = match *request.method() {
        _ if api::is_upgrade(request) => Err(not_found("no WebSocket is served on this path")),
        Method::GET | Method::HEAD => answer.await,
        Method::OPTIONS => Ok(HttpResponse::NoContent().insert_header((header::ALLOW, ALLOW)).finish()),
        _ => {
            let problem = Problem::http(StatusCode::METHOD_NOT_ALLOWED, "this path takes GET");
            Err(problem.with(header::ALLOW, ALLOW).uncounted())
        }
    };
    api::dress(answer.unwrap_or_else(|problem| place.respond(problem, &name)), &name)
}
