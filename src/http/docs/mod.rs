//! `/docs`: a page that shows what may be called and lets one try it, and one page for each error. All of it is in the binary;
//! nothing is fetched from elsewhere, and no script or style stands inside of a page.
//! Source: sections 4 and 8 of the HTTP design.

use super::health::{page, reading};
use super::request_id::RequestName;
use super::route::decoded;
use super::Place;
use crate::observe::errors::{of_uri, Row, URIS};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::StatusCode;
use actix_web::{web, HttpRequest, HttpResponse};
use std::future::Ready;

const HTML: &str = "text/html; charset=utf-8";

/// Ours alone: no other page may be in it, none may hold it, and what it runs came from here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

/// The longest error URI that a page is made for.
const URI_MAX: usize = 200;

pub(super) fn configure(services: &mut web::ServiceConfig) {
    let script = "text/javascript; charset=utf-8";
    services
        .service(page("/docs").route(reading().to(index)))
        .service(page("/docs/docs.js").route(reading().to(move || asset(script, include_str!("docs.js")))))
        .service(
            page("/docs/docs.css").route(reading().to(|| asset("text/css; charset=utf-8", include_str!("docs.css")))),
        )
        .service(page("/docs/errors").route(reading().to(errors)))
        .service(page("/docs/errors/{uri}").route(reading().to(error)));
}

async fn index(request: HttpRequest, place: web::Data<Place>) -> HttpResponse {
    let served = place.listener.served;
    let main = if served.rest {
        let realm = escaped(place.listener.realm.as_deref().unwrap_or_default());
        format!(
            "<h2>Procedures of a realm</h2>\n<form id=\"realm-form\">\n\
             <label>Realm <input id=\"realm\" value=\"{realm}\" required></label>\n\
             <label>Name, if there is a ticket <input id=\"authid\" autocomplete=\"off\"></label>\n\
             <label>Ticket, token or API key <input id=\"ticket\" type=\"password\" autocomplete=\"off\"></label>\n\
             <button>Show</button>\n</form>\n<div id=\"procedures\"></div>\n\
             <h2>Endpoints</h2>\n<div id=\"endpoints\"></div>\n\
             <p>For tools: <a href=\"/api/v1/openapi.json\">openapi.json</a> of this listener, and \
             <code>/api/v1/realms/REALM/openapi.json</code> of a realm.</p>\n\
             <script src=\"/docs/docs.js\" defer></script>\n"
        )
    } else {
        "<p>The administration is served here, and no calls.</p>\n".to_owned()
    };
    let main = format!("{main}<p><a href=\"/docs/errors\">All errors</a></p>\n");
    html(&request, StatusCode::OK, "Wharf", &main)
}

async fn errors(request: HttpRequest) -> HttpResponse {
    let row = |row: &Row| {
        let (error, cause) = (escaped(row.error), escaped(row.cause));
        format!("<tr><td><a href=\"/docs/errors/{error}\"><code>{error}</code></a></td><td>{cause}</td></tr>\n")
    };
    let rows: String = URIS.iter().map(row).collect();
    html(&request, StatusCode::OK, "Errors", &format!("<table>\n{rows}</table>\n"))
}

/// A page for an error of the router, or what is to be said of one that is an application's own.
async fn error(request: HttpRequest) -> HttpResponse {
    let segment = request.uri().path().rsplit('/').next().unwrap_or_default();
    let uri = decoded(segment).ok().filter(|uri| uri.len() <= URI_MAX).unwrap_or_default();
    let is_reserved = uri.starts_with("wamp.") || uri.starts_with("wharf.");
    let back = "<p><a href=\"/docs/errors\">All errors</a></p>\n";
    match of_uri(&uri) {
        Some(row) => {
            let (cause, cure) = (marked(row.cause), marked(row.cure));
            let main = format!("<h2>Cause</h2>\n<p>{cause}</p>\n<h2>Cure</h2>\n<p>{cure}</p>\n{back}");
            html(&request, StatusCode::OK, row.error, &main)
        }
        None if uri.is_empty() || is_reserved => {
            let main = format!("<p>The router has no error of this name.</p>\n{back}");
            html(&request, StatusCode::NOT_FOUND, "No such error", &main)
        }
        None => {
            let text = "This error is not the router's: the procedure that was called has answered with it. Ask those who provide it.";
            html(&request, StatusCode::OK, &uri, &format!("<p>{text}</p>\n{back}"))
        }
    }
}

fn asset(media: &'static str, text: &'static str) -> Ready<HttpResponse> {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    let mut response = response.content_type(media).body(text);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    std::future::ready(response)
}

fn html(request: &HttpRequest, status: StatusCode, title: &str, main: &str) -> HttpResponse {
    let title = escaped(title);
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"/docs/docs.css\">\n</head>\n<body>\n<h1>{title}</h1>\n{main}</body>\n</html>\n"
    );
    let mut response = HttpResponse::build(status).content_type(HTML).body(text);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    super::dress(&mut response, &RequestName::of(request.headers()));
    response
}

/// As text inside of an element or of an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The same, with what stands in backticks as code.
fn marked(text: &str) -> String {
    let mut marked = String::new();
    for (number, part) in escaped(text).split('`').enumerate() {
        if number % 2 == 1 {
            marked.push_str(&format!("<code>{part}</code>"));
        } else {
            marked.push_str(part);
        }
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_comes_from_elsewhere_is_markup() {
        assert_eq!(escaped("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
        assert_eq!(marked("see `a<b`, then"), "see <code>a&lt;b</code>, then");
    }
}
