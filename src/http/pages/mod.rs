//! Static files of a listener: GET and HEAD below one path, after every other service. What a name leads to is decided here; the
//! answers to conditions and ranges are those of actix-files. Source: section 14 of the HTTP design.

mod folder;
mod wanted;

use super::body::Unread;
use super::paths::is_upgrade;
use super::problem::in_path;
use super::request_id::RequestName;
use super::settings::pages::Pages;
use super::{dress, Listener};
use actix_web::body::MessageBody;
use actix_web::guard::{fn_guard, GuardContext};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{web, HttpRequest, HttpResponse};
use folder::{Codings, Found};
use std::sync::Arc;
use wanted::{accepts, below, is_hashed, wanted, Unnamed};

const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// A name with a content hash never means other content.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The index names what else is loaded.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The services of a listener.
pub(super) fn configure(services: &mut web::ServiceConfig, listener: &Listener) {
    let Some(pages) = listener.pages.clone() else { return };
    let guarded = Arc::clone(&pages);
    let guard = fn_guard(move |context: &GuardContext<'_>| {
        let head = context.head();
        !is_upgrade(head) && covers(&guarded, head.uri.path())
    });
    let handler = move |request: HttpRequest, payload: web::Payload| serve(request, payload, Arc::clone(&pages));
    services.service(web::resource("/{tail:.*}").guard(guard).default_service(web::to(handler)));
}

/// Whether a path is the folder's. Paths of WebSocket say what they are for, but for the one that both have, and those of long-poll
/// are its own.
fn covers(pages: &Pages, path: &str) -> bool {
    let is_root = path == pages.path || path.strip_suffix('/') == Some(&pages.path);
    let is_longpoll = |base: &String| base != "/" && below(base, path).is_some_and(|rest| !rest.is_empty());
    let is_taken = || pages.websocket.iter().any(|taken| taken == path) || pages.longpoll.iter().any(is_longpoll);
    below(&pages.path, path).is_some() && (is_root || !is_taken())
}

async fn serve(request: HttpRequest, payload: web::Payload, pages: Arc<Pages>) -> HttpResponse {
    let name = RequestName::of(request.headers());
    let mut response = match *request.method() {
        Method::GET | Method::HEAD => answer(&request, &pages).await,
        Method::OPTIONS => HttpResponse::NoContent().insert_header((header::ALLOW, ALLOW)).finish(),
        _ => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "this path takes GET\n");
            response.headers_mut().insert(header::ALLOW, ALLOW);
            response.map_body(|_, answer| Unread { answer, request: payload }.boxed())
        }
    };
    dress(&mut response, &name);
    response
}

async fn answer(request: &HttpRequest, pages: &Arc<Pages>) -> HttpResponse {
    let path = request.uri().path();
    let wanted = match below(&pages.path, path).map(wanted) {
        Some(Ok(wanted)) => wanted,
        Some(Err(Unnamed::Unlawful)) => {
            return plain(StatusCode::BAD_REQUEST, "this is no path: it is not UTF-8, or would leave the folder\n");
        }
        Some(Err(Unnamed::Nothing)) | None => return nothing(),
    };
    let lines = || request.headers().get_all(header::ACCEPT_ENCODING).filter_map(|line| line.to_str().ok());
    let codings = Codings { br: accepts(lines(), "br"), gzip: accepts(lines(), "gzip") };
    let looked = Arc::clone(pages);
    // Files are opened on a thread that may wait.
    let found = web::block(move || folder::find(&looked, &wanted, codings)).await;
    match found {
        Ok(Found::File { file, name, is_index }) => {
            let mut response = file.disable_content_disposition().into_response(request);
            let caching = if is_index {
                NO_CACHE
            } else if is_hashed(&name) {
                IMMUTABLE
            } else {
                let text = format!("public, max-age={}", pages.max_age.as_secs());
                HeaderValue::from_str(&text).unwrap_or(NO_CACHE)
            };
            response.headers_mut().insert(header::CACHE_CONTROL, caching);
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
            response
        }
        Ok(Found::Folder) => to_folder(path),
        Ok(Found::List(names)) => list(path, &names),
        Ok(Found::Nothing) | Err(_) => nothing(),
    }
}

/// Its path begins with one slash, so that no browser takes it for another host.
fn to_folder(path: &str) -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, format!("{path}/"))).finish()
}

fn list(path: &str, names: &[String]) -> HttpResponse {
    let mut page =
        format!("<!doctype html>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n<h1>{0}</h1>\n<ul>\n", escaped(path));
    for name in names {
        let (plain, slash) = name.strip_suffix('/').map_or((name.as_str(), ""), |plain| (plain, "/"));
        page.push_str(&format!("<li><a href=\"./{}{slash}\">{}{slash}</a>\n", in_path(plain), escaped(plain)));
    }
    page.push_str("</ul>\n");
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, NO_CACHE))
        .content_type("text/html; charset=utf-8")
        .body(page)
}

/// A text within HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn nothing() -> HttpResponse {
    plain(StatusCode::NOT_FOUND, "nothing is served on this path\n")
}

fn plain(status: StatusCode, text: &'static str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(text)
}
