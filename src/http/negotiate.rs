//! What the headers of a request ask for: media types, and how long its caller waits. Request and answer are independent.
//! Source: section 7 of the HTTP design.

use super::problem::Problem;
use crate::observe::shown;
use crate::wamp::Serialization;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::StatusCode;
use std::time::Duration;

/// The default, and all that the administration takes.
pub(super) const JSON: &str = "application/json";

const MSGPACK: &str = "application/msgpack";
const CBOR: &str = "application/cbor";

/// The media types of the bridge, the first of each serialization before its other names.
const MEDIA_TYPES: [(&str, Serialization); 5] = [
    (JSON, Serialization::Json),
    (MSGPACK, Serialization::MessagePack),
    (CBOR, Serialization::Cbor),
    ("application/x-msgpack", Serialization::MessagePack),
    ("application/vnd.msgpack", Serialization::MessagePack),
];

/// What Accept-Post says of the bridge.
const ALL_TYPES: HeaderValue = HeaderValue::from_static(
    "application/json, application/msgpack, application/x-msgpack, application/vnd.msgpack, application/cbor",
);

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// How a body is written: its media type, as the peer calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Form {
    pub(super) media_type: &'static str,
    pub(super) serialization: Serialization,
}

impl Default for Form {
    fn default() -> Self {
        Self { media_type: JSON, serialization: Serialization::Json }
    }
}

/// How the body is written; JSON if that is not said.
///
/// # Errors
/// 415.
pub(super) fn body_form(headers: &HeaderMap) -> Result<Form, Problem> {
    form_of(headers, &MEDIA_TYPES, ALL_TYPES)
}

/// Whether the body is JSON.
///
/// # Errors
/// 415.
pub(super) fn check_body(headers: &HeaderMap) -> Result<(), Problem> {
    form_of(headers, &MEDIA_TYPES[..1], HeaderValue::from_static(JSON)).map(|_| ())
}

fn form_of(headers: &HeaderMap, known: &[(&'static str, Serialization)], all: HeaderValue) -> Result<Form, Problem> {
    let names = all.to_str().unwrap_or_default().to_owned();
    let refuse =
        move |text: String| Err(Problem::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).with(ACCEPT_POST, all));
    for coding in list(headers, &header::CONTENT_ENCODING) {
        if !coding.eq_ignore_ascii_case("identity") {
            return refuse(format!("a body may not be encoded, got Content-Encoding {}", shown(coding)));
        }
    }
    let mut types = headers.get_all(header::CONTENT_TYPE);
    let (Some(kind), more) = (types.next(), types.next()) else { return Ok(Form::default()) };
    if more.is_some() {
        return refuse("there is more than one Content-Type".to_owned());
    }
    let kind = kind.to_str().unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let Some((media_type, serialization)) = known.iter().find(|(name, _)| essence.eq_ignore_ascii_case(name)) else {
        // Nothing is of any type: curl names one for an empty body too. The library takes a length of 0 out of the head.
        if ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING].iter().any(|name| headers.contains_key(name)) {
            return Ok(Form::default());
        }
        return refuse(format!("the Content-Type must be one of {names}, got {}", shown(kind)));
    };
    for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return refuse(format!("the charset must be utf-8, got {}", shown(value)));
        }
    }
    Ok(Form { media_type, serialization: *serialization })
}

/// Whether an answer in JSON is acceptable.
///
/// # Errors
/// 406.
pub(super) fn check_accept(headers: &HeaderMap) -> Result<(), Problem> {
    answer_form(headers, Form::default(), &MEDIA_TYPES[..1]).map(|_| ())
}

/// How the answer is to be written: what Accept likes best; of what it likes equally, as the request.
///
/// # Errors
/// 406.
pub(super) fn accepted_form(headers: &HeaderMap, request: Form) -> Result<Form, Problem> {
    answer_form(headers, request, &MEDIA_TYPES)
}

fn answer_form(headers: &HeaderMap, request: Form, known: &[(&'static str, Serialization)]) -> Result<Form, Problem> {
    let ranges = ranges(headers);
    if ranges.is_empty() {
        return Ok(request);
    }
    let known = known.iter().map(|(media_type, serialization)| Form { media_type, serialization: *serialization });
    let mut best: Option<(f32, Form)> = None;
    for form in std::iter::once(request).chain(known) {
        let liked = liking(&ranges, form.media_type);
        if liked > best.map_or(0.0, |(liked, _)| liked) {
            best = Some((liked, form));
        }
    }
    best.map(|(_, form)| form).ok_or_else(|| {
        let text = "answers are in JSON, MessagePack or CBOR where a procedure or topic is named, else in JSON; Accept excludes them";
        Problem::http(StatusCode::NOT_ACCEPTABLE, text)
    })
}

/// How the results of one call are written that come one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StreamForm {
    /// Server-sent events.
    Events,
    /// One object in JSON on each line.
    Lines,
}

impl StreamForm {
    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }
}

/// The stream that is wanted: one that Accept names, and likes better than each other type that it names. A range such as
/// `*/*` asks for none.
pub(super) fn stream_form(headers: &HeaderMap) -> Option<StreamForm> {
    let ranges = ranges(headers);
    let named = |media_type: &str| {
        let found = ranges.iter().find(|(name, _)| name.eq_ignore_ascii_case(media_type));
        found.map_or(0.0, |(_, q)| *q)
    };
    let mut best = (MEDIA_TYPES.iter().map(|(name, _)| named(name)).fold(0.0, f32::max), None);
    for form in [StreamForm::Events, StreamForm::Lines] {
        let liked = named(form.media_type());
        if liked > best.0 {
            best = (liked, Some(form));
        }
    }
    best.1
}

/// Whether a stream of this form is acceptable: named, within a range, or nothing is said at all.
pub(super) fn takes_stream(headers: &HeaderMap, form: StreamForm) -> bool {
    let ranges = ranges(headers);
    ranges.is_empty() || liking(&ranges, form.media_type()) > 0.0
}

/// The ranges of Accept.
fn ranges(headers: &HeaderMap) -> Vec<(&str, f32)> {
    list(headers, &header::ACCEPT).map(range).collect()
}

/// A range of Accept and how it is liked: 1 if that is not said or cannot be read.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let q =
        parts.filter_map(|parameter| parameter.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let q = q.and_then(|(_, q)| q.trim().parse().ok()).filter(|q: &f32| q.is_finite()).unwrap_or(1.0);
    (name, q.clamp(0.0, 1.0))
}

/// How a media type is liked: as its most specific range says, the first of equals; 0 without one.
fn liking(ranges: &[(&str, f32)], media_type: &str) -> f32 {
    let mut best = (0, 0.0);
    for (name, q) in ranges {
        let specific = if name.eq_ignore_ascii_case(media_type) {
            3
        } else if name.strip_suffix('*').is_some_and(|kind| kind.eq_ignore_ascii_case(kind_of(media_type))) {
            2
        } else if *name == "*/*" {
            1
        } else {
            0
        };
        if specific > best.0 {
            best = (specific, *q);
        }
    }
    best.1
}

/// What a media type begins with, up to its slash.
fn kind_of(media_type: &str) -> &str {
    media_type.find('/').map_or(media_type, |slash| media_type.get(..=slash).unwrap_or(media_type))
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
            let mut headers = one(header::CONTENT_TYPE, bad);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("2"));
            assert_eq!(status(&headers), Err(415), "{bad}");
        }
        assert_eq!(status(&one(header::CONTENT_TYPE, "text/plain")), Ok(()), "there is no body");
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

    /// Section 7.
    #[test]
    fn the_answer_is_written_as_accept_likes_best_and_else_as_the_request() {
        let cbor = Form { media_type: CBOR, serialization: Serialization::Cbor };
        for (accept, request, expected) in [
            ("application/msgpack;q=0.5, application/cbor", Form::default(), CBOR),
            ("application/msgpack, application/cbor;q=0.9", cbor, MSGPACK),
            ("*/*", cbor, CBOR),
            (",", cbor, CBOR),
            ("application/*, application/cbor;q=0.1", cbor, JSON),
            ("application/json;q=0, */*", Form::default(), MSGPACK),
            ("Application/X-MsgPack", cbor, "application/x-msgpack"),
            ("application/cbor;q=nonsense, application/json;q=0.9", Form::default(), CBOR),
        ] {
            let form = accepted_form(&one(header::ACCEPT, accept), request).unwrap();
            assert_eq!(form.media_type, expected, "{accept}");
        }
        for none in ["text/html", "application/cbor;q=0", "text/event-stream, application/xml"] {
            assert!(accepted_form(&one(header::ACCEPT, none), cbor).is_err(), "{none}");
        }
    }

    /// Section 4.1.
    #[test]
    fn a_stream_is_wanted_where_accept_names_one_and_likes_no_other_named_type_as_much() {
        for (accept, expected) in [
            ("text/event-stream", Some(StreamForm::Events)),
            ("Application/X-NDJSON, */*", Some(StreamForm::Lines)),
            ("application/x-ndjson;q=0.8, text/event-stream;q=0.7, application/json;q=0.5", Some(StreamForm::Lines)),
            ("application/json, text/event-stream", None),
            ("text/event-stream;q=0", None),
            ("text/*, */*", None),
            (",", None),
        ] {
            assert_eq!(stream_form(&one(header::ACCEPT, accept)), expected, "{accept}");
        }
    }

    /// Section 10.1.
    #[test]
    fn events_are_given_to_those_who_take_them() {
        let takes = |headers: &HeaderMap| takes_stream(headers, StreamForm::Events);
        assert!(takes(&HeaderMap::new()));
        for good in ["text/event-stream", "Text/*", "*/*", "application/json;q=0.5, Text/Event-Stream", ""] {
            assert!(takes(&one(header::ACCEPT, good)), "{good}");
        }
        for bad in ["application/json", "text/event-stream;q=0, */*", "application/*", "text*", "*"] {
            assert!(!takes(&one(header::ACCEPT, bad)), "{bad}");
        }
    }

    /// Section 7.
    #[test]
    fn every_name_of_a_serialization_is_read() {
        for (name, serialization) in MEDIA_TYPES {
            assert_eq!(body_form(&one(header::CONTENT_TYPE, name)).unwrap().serialization, serialization);
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
