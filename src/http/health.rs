//! `/livez`, `/readyz`, `/healthz`: whether the process lives, and whether it takes new work. No credentials, no sessions.

use super::request_id::RequestName;
use super::Place;
use actix_web::http::header;
use actix_web::{guard, web, HttpRequest, HttpResponse, Resource};

/// What the read-only pages take.
const ALLOW: &str = "GET, HEAD, OPTIONS";

pub(super) fn configure(services: &mut web::ServiceConfig) {
    services
        .service(page("/livez").route(reading().to(livez)))
        .service(page("/readyz").route(reading().to(readyz)))
        .service(page("/healthz").route(reading().to(healthz)));
}

/// A page that is only read.
pub(super) fn page(path: &str) -> Resource {
    let options = web::method(actix_web::http::Method::OPTIONS);
    web::resource(path)
        .route(options.to(|request| std::future::ready(finish(&request, &mut HttpResponse::NoContent(), ""))))
        .default_service(web::to(|request| {
            let text = "this page is read with GET\n";
            std::future::ready(finish(&request, &mut HttpResponse::MethodNotAllowed(), text))
        }))
}

/// GET and HEAD.
pub(super) fn reading() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn livez(request: HttpRequest) -> HttpResponse {
    text(&request, HttpResponse::Ok(), "live\n")
}

async fn readyz(request: HttpRequest, place: web::Data<Place>) -> HttpResponse {
    if place.state.readiness.is_ready() {
        text(&request, HttpResponse::Ok(), "ready\n")
    } else {
        text(&request, HttpResponse::ServiceUnavailable(), "not ready\n")
    }
}

/// The status of `/readyz`, for programs. More than the status is told only to this machine.
async fn healthz(request: HttpRequest, place: web::Data<Place>) -> HttpResponse {
    let ready = place.state.readiness.is_ready();
    let (mut response, status) =
        if ready { (HttpResponse::Ok(), "ready") } else { (HttpResponse::ServiceUnavailable(), "draining") };
    let local = request.peer_addr().is_none_or(|peer| peer.ip().is_loopback());
    let version = if local { concat!(",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"") } else { "" };
    response.content_type("application/json");
    finish(&request, &mut response, format!("{{\"status\":\"{status}\"{version}}}\n"))
}

fn text(request: &HttpRequest, mut response: actix_web::HttpResponseBuilder, body: &'static str) -> HttpResponse {
    response.content_type("text/plain; charset=utf-8");
    finish(request, &mut response, body)
}

/// The answer with the headers that all have.
pub(super) fn finish(
    request: &HttpRequest,
    response: &mut actix_web::HttpResponseBuilder,
    body: impl Into<String>,
) -> HttpResponse {
    let mut response = response.insert_header((header::CACHE_CONTROL, "no-store")).body(body.into());
    if response.status() == 405 || response.status() == 204 {
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(ALLOW));
    }
    super::dress(&mut response, &RequestName::of(request.headers()));
    response
}
