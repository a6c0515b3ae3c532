//! Whether an `Accept` takes server-sent events. Pure. Source: sections 7 and 10 of the HTTP design.

use actix_web::http::header::{self, HeaderMap};

/// Server-sent events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// How much the type is wanted, by the most specific range that covers it.
fn quality(headers: &HeaderMap) -> Option<f32> {
    let lines = headers.get_all(header::ACCEPT).filter_map(|line| line.to_str().ok());
    let mut best: Option<(u8, f32)> = None;
    for range in lines.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let specific = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            EVENT_STREAM => 3,
            "text/*" => 2,
            "*/*" => 1,
            _ => continue,
        };
        let mut q = parts.filter_map(|parameter| parameter.split_once('='));
        let q = q.find(|(name, _)| name.trim().eq_ignore_ascii_case("q")).and_then(|(_, q)| q.trim().parse().ok());
        if best.is_none_or(|(than, _)| specific > than) {
            best = Some((specific, q.unwrap_or(1.0)));
        }
    }
    best.map(|(_, q)| q)
}

/// Whether a stream of server-sent events is acceptable: named, within a range, or nothing is said at all.
pub(super) fn takes_events(headers: &HeaderMap) -> bool {
    let says_nothing = headers.get_all(header::ACCEPT).all(|line| line.is_empty());
    says_nothing || quality(headers).is_some_and(|q| q > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn accept(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn events_are_given_to_those_who_take_them() {
        assert!(takes_events(&HeaderMap::new()));
        for good in ["text/event-stream", "text/*", "*/*", "application/json;q=0.5, Text/Event-Stream", ""] {
            assert!(takes_events(&accept(good)), "{good}");
        }
        for bad in ["application/json", "text/event-stream;q=0, */*", "application/*"] {
            assert!(!takes_events(&accept(bad)), "{bad}");
        }
    }
}
