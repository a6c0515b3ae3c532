//! Which pages of other origins may read what is answered under `/api`: the headers of CORS. Pure.
//! Source: section 16 of the HTTP design.

use super::settings::CorsSettings;
use crate::actors::connection::covers_origin;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::HttpResponse;

/// What pages may read of an answer's head.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Wharf-Request-Id, Retry-After, RateLimit, RateLimit-Policy, traceparent, Idempotency-Replayed, Server-Timing, Preference-Applied, WWW-Authenticate",
);

/// What pages may say in a request's head.
const TAKEN: HeaderValue = HeaderValue::from_static(
    "Authorization, X-API-Key, Content-Type, Accept, Idempotency-Key, Prefer, Last-Event-ID, X-Request-Id, traceparent, tracestate",
);

/// A page's origin that is let in.
#[derive(Clone, Debug)]
pub(super) struct Admitted {
    origin: HeaderValue,
    credentials: bool,
}

/// The page's origin, if there is one and it is listed.
pub(super) fn admitted(headers: &HeaderMap, settings: &CorsSettings) -> Option<Admitted> {
    let mut lines = headers.get_all(header::ORIGIN);
    let (Some(origin), None) = (lines.next(), lines.next()) else { return None };
    let text = origin.to_str().ok()?;
    if settings.origins.iter().any(|listed| listed == "*") {
        return Some(Admitted { origin: HeaderValue::from_static("*"), credentials: false });
    }
    let listed = settings.origins.iter().any(|listed| covers_origin(listed, text));
    listed.then(|| Admitted { origin: origin.clone(), credentials: settings.credentials })
}

impl Admitted {
    /// Lets the page read the answer.
    pub(super) fn dress(&self, headers: &mut header::HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }

    /// Lets the page send a request with one of these methods.
    pub(super) fn preflight(&self, allow: HeaderValue, settings: &CorsSettings) -> HttpResponse {
        let mut response = HttpResponse::NoContent();
        response.insert_header((header::ALLOW, allow.clone()));
        response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, allow));
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, TAKEN));
        response.insert_header((header::ACCESS_CONTROL_MAX_AGE, settings.max_age.as_secs().to_string()));
        response.finish()
    }
}

/// Whether by OPTIONS a browser asks what a page may send.
pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origins: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        origins.iter().for_each(|origin| headers.append(header::ORIGIN, HeaderValue::from_str(origin).unwrap()));
        headers
    }

    fn allowed(listed: &[&str], origins: &[&str]) -> Option<String> {
        let settings = CorsSettings {
            origins: listed.iter().map(|origin| (*origin).to_owned()).collect(),
            credentials: true,
            ..CorsSettings::default()
        };
        admitted(&headers(origins), &settings).map(|admitted| admitted.origin.to_str().unwrap().to_owned())
    }

    /// Section 16.
    #[test]
    fn only_origins_that_are_listed_are_admitted() {
        let shop = ["https://shop.example", "http://localhost:*"];
        for good in ["https://shop.example", "HTTPS://SHOP.example", "http://localhost", "http://localhost:3000"] {
            assert_eq!(allowed(&shop, &[good]).as_deref(), Some(good));
        }
        for bad in [
            "http://shop.example",
            "https://shop.example.evil",
            "https://shop.example:444",
            "http://localhost.evil",
            "http://localhost:",
            "http://localhost:3x",
            "null",
            "",
        ] {
            assert_eq!(allowed(&shop, &[bad]), None, "{bad}");
        }
        assert_eq!(allowed(&shop, &[shop[0], shop[0]]), None);
        assert_eq!(allowed(&["*"], &["https://anywhere"]).as_deref(), Some("*"));
        assert_eq!(allowed(&[], &["https://anywhere"]), None);
        assert_eq!(allowed(&["*"], &[]), None);
    }
}
