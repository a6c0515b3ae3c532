//! `/livez`, `/readyz`, `/healthz`: whether the process lives, and whether it takes new work.

use super::HttpState;
use actix_web::{web, HttpResponse};

pub(super) fn configure(services: &mut web::ServiceConfig) {
    services
        .route("/livez", web::get().to(livez))
        .route("/readyz", web::get().to(readyz))
        .route("/healthz", web::get().to(readyz));
}

async fn livez() -> HttpResponse {
    text(HttpResponse::Ok(), "live\n")
}

async fn readyz(state: web::Data<HttpState>) -> HttpResponse {
    if state.readiness.is_ready() {
        text(HttpResponse::Ok(), "ready\n")
    } else {
        text(HttpResponse::ServiceUnavailable(), "not ready\n")
    }
}

fn text(mut response: actix_web::HttpResponseBuilder, body: &'static str) -> HttpResponse {
    response.insert_header(("Cache-Control", "no-store")).content_type("text/plain; charset=utf-8").body(body)
}
