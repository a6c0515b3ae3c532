//! What the headers of a request ask for: media types, and how long its caller waits. JSON is the only serialization here.
//! Source: section 7 of the HTTP design.

use super::problem::Problem;
use crate::observe::shown;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::StatusCode;
use std::time::Duration;

/// The one media type.
pub(super) const JSON: &str = "application/json";

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Whether the body is one that can be read.
///
/// # Errors
/// 415.
pub(super) fn check_body(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |text: String| {
        Err(Problem::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).with(ACCEPT_POST, HeaderValue::from_static(JSON)))
    };
    for coding in list(headers, &header::CONTENT_ENCODING) {
        if !coding.eq_ignore_ascii_case("identity") {
            return refuse(format!("a body may not be encoded, got Content-Encoding {}", shown(coding)));
        }
    }
    let mut types = headers.get_all(header::CONTENT_TYPE);
    let (Some(kind), more) = (types.next(), types.next()) else { return Ok(()) };
    if more.is_some() {
        return refuse("there is more than one Content-Type".to_owned());
    }
    let kind = kind.to_str().unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    if !parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(JSON)) {
        return refuse(format!("the Content-Type must be {JSON}, got {}", shown(kind)));
    }
    for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return refuse(format!("the charset must be utf-8, got {}", shown(value)));
        }
    }
    Ok(())
}

/// Whether an answer in JSON is acceptable.
///
/// # Errors
/// 406.
pub(super) fn check_accept(headers: &HeaderMap) -> Result<(), Problem> {
    // The most specific range counts; none at all means anything.
    let mut best: Option<(u8, bool)> = None;
    let mut any = false;
    for range in list(headers, &header::ACCEPT) {
        any = true;
        let mut parts = range.split(';').map(str::trim);
        let specific = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            JSON => 3,
            "application/*" => 2,
            "*/*" => 1,
            _ => continue,
        };
        let refused = parts
            .filter_map(|parameter| parameter.split_once('='))
            .any(|(name, q)| name.trim().eq_ignore_ascii_case("q") && q.trim().parse().is_ok_and(|q: f32| q <= 0.0));
        if best.is_none_or(|(than, _)| specific > than) {
            best = Some((specific, !refused));
        }
    }
    if any && !best.is_some_and(|(_, accepted)| accepted) {
        return Err(Problem::http(StatusCode::NOT_ACCEPTABLE, format!("answers are {JSON}, which Accept excludes")));
    }
    Ok(())
}

/// `Prefer: wait=N`, in seconds. What cannot be read is no preference (RFC 7240).
pub(super) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let wishes = list(headers, &PREFER).flat_map(|wish| wish.split(';')).filter_map(|wish| wish.split_once('='));
    let mut waits = wishes.filter(|(name, _)| name.trim().eq_ignore_ascii_case("wait"));
    let seconds: u32 = waits.next()?.1.trim().trim_matches('"').parse().ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// The comma-separated values of all lines with this name.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    /// Section 7.
    #[test]
    fn only_json_in_utf_8_that_is_not_encoded_is_read() {
        let status = |headers: &HeaderMap| check_body(headers).map_err(|problem| problem.status().as_u16());
        for good in ["application/json", "Application/JSON; charset=\"UTF-8\""] {
            assert_eq!(status(&one(header::CONTENT_TYPE, good)), Ok(()), "{good}");
        }
        for bad in ["text/plain", "application/json; charset=latin1", "application/jsonp", ""] {
            assert_eq!(status(&one(header::CONTENT_TYPE, bad)), Err(415), "{bad}");
        }
        assert_eq!(status(&one(header::CONTENT_ENCODING, "identity, gzip")), Err(415));
    }

    /// Section 7.
    #[test]
    fn the_most_specific_range_of_accept_counts() {
        for good in ["*/*", "text/html, application/*;q=0.1", "application/json", "*/*;q=0, application/json", ","] {
            assert!(check_accept(&one(header::ACCEPT, good)).is_ok(), "{good}");
        }
        for bad in ["text/event-stream", "application/json;q=0, */*", "application/msgpack"] {
            assert!(check_accept(&one(header::ACCEPT, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wait_that_cannot_be_read_is_no_preference() {
        for (wish, seconds) in
            [("wait=10", Some(10)), ("respond-async, wait = 3", Some(3)), ("wait=x", None), ("wait=0", None)]
        {
            assert_eq!(wait(&one(PREFER, wish)), seconds.map(Duration::from_secs), "{wish}");
        }
    }
}
