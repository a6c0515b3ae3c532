//! Failures as HTTP says them: the status of each error URI, and the body of RFC 9457.
//!
//! The one table of statuses. `detail` never holds a secret; peer-made text in it is escaped and cut. The WAMP error's own
//! arguments go into the body as they came. Source: sections 8.1 and 8.2 of the HTTP design.

use super::idempotency::Said;
use super::request_id::RequestName;
use crate::codec::{self, Piece};
use crate::observe::{shown, Refusal};
use crate::wamp::message::Error;
use crate::wamp::{ErrorUri, Payload, Serialization, Uri, Value};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::StatusCode;
use actix_web::HttpResponse;
use bytes::Bytes;
use std::collections::BTreeMap;

/// The media type of every failure.
const MEDIA_TYPE: &str = "application/problem+json";

/// What `Retry-After` says, in seconds.
pub(super) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// How a failed login may be tried again.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"wharf\"");

/// And where tokens are taken.
const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"wharf\"");

/// And for whoever has shown a one-time ticket: a browser that asked for a name and a password then would ask in vain.
const TICKET: HeaderValue = HeaderValue::from_static("Ticket realm=\"wharf\"");

/// The status by error URI: the operator's wishes before our own table.
pub(super) struct Statuses<'a>(pub(super) &'a BTreeMap<String, u16>);

impl Statuses<'_> {
    /// The status of a WAMP error: exact wishes, then the longest prefix, then section 8.1.
    pub(super) fn of(&self, error: &str) -> StatusCode {
        let prefixes = self.0.iter().filter(|(key, _)| key.ends_with('.') && error.starts_with(key.as_str()));
        let wish = self.0.get(error).or_else(|| prefixes.max_by_key(|(key, _)| key.len()).map(|(_, status)| status));
        wish.and_then(|status| StatusCode::from_u16(*status).ok()).unwrap_or_else(|| status_of(error))
    }
}

/// Section 8.1.
fn status_of(error: &str) -> StatusCode {
    if let Some(name) = error.strip_prefix("wamp.error.") {
        return match name {
            "invalid_uri" | "invalid_argument" | "protocol_violation" | "option_not_allowed" => StatusCode::BAD_REQUEST,
            "authentication_required"
            | "authentication_denied"
            | "no_matching_auth_method"
            | "no_such_principal"
            | "no_such_role" => StatusCode::UNAUTHORIZED,
            "not_authorized" | "authorization_denied" | "authorization_required" => StatusCode::FORBIDDEN,
            "no_such_procedure"
            | "no_such_realm"
            | "no_such_session"
            | "no_such_registration"
            | "no_such_subscription" => StatusCode::NOT_FOUND,
            "procedure_already_exists" => StatusCode::CONFLICT,
            "payload_size_exceeded" => StatusCode::PAYLOAD_TOO_LARGE,
            "runtime_error" => StatusCode::INTERNAL_SERVER_ERROR,
            "feature_not_supported" => StatusCode::NOT_IMPLEMENTED,
            "canceled" | "cancelled" | "network_failure" => StatusCode::BAD_GATEWAY,
            "no_available_callee" | "unavailable" | "authentication_failed" | "authorization_failed" => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            "timeout" => StatusCode::GATEWAY_TIMEOUT,
            _ if name.starts_with("option_disallowed.") => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
    }
    match error {
        "wharf.error.rate_limited" | "wharf.error.limit_exceeded" | "wharf.error.too_many_attempts" => {
            StatusCode::TOO_MANY_REQUESTS
        }
        "wharf.error.not_found" => StatusCode::NOT_FOUND,
        "wharf.error.already_exists" | "wharf.error.set_by_file" => StatusCode::CONFLICT,
        "wharf.error.internal" => StatusCode::INTERNAL_SERVER_ERROR,
        "wharf.error.busy"
        | "wharf.error.overloaded"
        | "wharf.error.storage"
        | "wharf.error.realm_restarted"
        | "wharf.error.slow_consumer" => StatusCode::SERVICE_UNAVAILABLE,
        _ if error.starts_with("wamp.close.") => StatusCode::SERVICE_UNAVAILABLE,
        // The callee's own. Not 5xx, which generic clients try again and which wakes operators.
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// One failure.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    error: String,
    detail: String,
    /// The WAMP error's own arguments: a JSON list and a JSON object. Without them the detail is the only one.
    payload: Option<Box<(Bytes, Bytes)>>,
    /// URIs that may have been meant, as a JSON list.
    meant: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    closes: bool,
    /// Which counter moves.
    refusal: Option<Refusal>,
}

impl Problem {
    /// A failure before anything became WAMP.
    pub(super) fn http(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::new(status, ErrorUri::HTTP.as_str(), detail.into()).counted(Refusal::Http)
    }

    /// An error of the router's own.
    pub(super) fn router(statuses: &Statuses<'_>, error: ErrorUri, detail: impl Into<String>) -> Self {
        Self::new(statuses.of(error.as_str()), error.as_str(), detail.into())
    }

    /// The session that the request went by has ended, or could not begin: 503, or 429 where its role has too many logins.
    pub(super) fn ended(reason: &str, detail: &str) -> Self {
        let too_many = reason == ErrorUri::RATE_LIMITED.as_str();
        let status = if too_many { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::SERVICE_UNAVAILABLE };
        Self::new(status, reason, shown(detail))
    }

    /// An ERROR of the realm or of the callee.
    pub(super) fn wamp(statuses: &Statuses<'_>, error: &Error) -> Self {
        let (args, kwargs) = parts(&error.payload);
        let first = codec::read_value(Serialization::Json, &args).ok();
        let text = match &first {
            Some(Value::List(args)) => args.first().and_then(Value::as_text),
            Some(_) | None => None,
        };
        let detail = text.map_or_else(|| format!("the call ended with {}", shown(&error.error)), shown);
        let wait = retry_after(&kwargs).filter(|_| error.error.as_str() == ErrorUri::RATE_LIMITED.as_str());
        let problem = Self::new(statuses.of(&error.error), &error.error, detail);
        let problem = Self { payload: Some(Box::new((args, kwargs))), ..problem };
        wait.into_iter().fold(problem, |problem, seconds| problem.with(header::RETRY_AFTER, seconds.into()))
    }

    fn new(status: StatusCode, error: &str, detail: String) -> Self {
        let (payload, headers) = (None, Vec::new());
        Self { status, error: error.to_owned(), detail, payload, meant: None, headers, closes: false, refusal: None }
    }

    /// Of what it is said, before what is said.
    pub(super) fn about(mut self, what: &str) -> Self {
        self.detail = format!("{what}: {}", self.detail);
        self
    }

    /// With one more header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With URIs that may have been meant, if there are any.
    pub(super) fn meaning(mut self, uris: &[Uri]) -> Self {
        let texts: Vec<String> = uris.iter().map(|uri| quoted(uri)).collect();
        self.meant = (!texts.is_empty()).then(|| format!("[{}]", texts.join(",")));
        self
    }

    /// With other words.
    pub(super) fn saying(self, detail: String) -> Self {
        Self { detail, ..self }
    }

    /// A token would do, too.
    pub(super) fn or_bearer(self) -> Self {
        if self.status == StatusCode::UNAUTHORIZED {
            self.with(header::WWW_AUTHENTICATE, BEARER)
        } else {
            self
        }
    }

    /// Nothing but another one-time ticket would do.
    pub(super) fn or_ticket(self) -> Self {
        self.with(header::WWW_AUTHENTICATE, TICKET)
    }

    /// The connection ends with the answer.
    pub(super) fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Counted as this.
    pub(super) fn counted(mut self, refusal: Refusal) -> Self {
        self.refusal = Some(refusal);
        self
    }

    /// A wrong address is nobody's attack, and not counted.
    pub(super) fn uncounted(mut self) -> Self {
        self.refusal = None;
        self
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    pub(super) fn error(&self) -> &str {
        &self.error
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer; the headers that all answers have are not its affair.
    pub(super) fn respond(self, request: &RequestName) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.closes {
            response.force_close();
        }
        if let Some(header) = self.of_status() {
            response.insert_header(header);
        }
        let body = self.body(request);
        for header in self.headers {
            if header.0 == header::WWW_AUTHENTICATE {
                response.append_header(header);
            } else {
                response.insert_header(header);
            }
        }
        response.content_type(MEDIA_TYPE).body(body)
    }

    /// What a retry of the same request is answered with.
    pub(super) fn said(&self, request: &RequestName) -> Said {
        let mut headers = self.headers.clone();
        headers.extend(self.of_status());
        Said { status: self.status, media_type: MEDIA_TYPE, headers, body: self.body(request).into() }
    }

    /// The header that goes with its status.
    fn of_status(&self) -> Option<(HeaderName, HeaderValue)> {
        match self.status {
            StatusCode::UNAUTHORIZED if self.headers.iter().any(|(_, value)| *value == TICKET) => None,
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, CHALLENGE)),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, RETRY_AFTER)),
            _ => None,
        }
    }

    /// The body of RFC 9457, in JSON.
    pub(super) fn body(&self, request: &RequestName) -> Vec<u8> {
        self.typed(&format!("/docs/errors/{}", in_path(&self.error)), request)
    }

    /// The same with another `type`, for those who use this member for something else.
    pub(super) fn typed(&self, kind: &str, request: &RequestName) -> Vec<u8> {
        let detail = quoted(&self.detail);
        let (args, kwargs) = match self.payload.as_deref() {
            Some(payload) => payload.clone(),
            None => (Bytes::from(format!("[{detail}]")), Bytes::from_static(b"{}")),
        };
        let mut body = Vec::with_capacity(512 + args.len() + kwargs.len());
        let title = if self.error == ErrorUri::HTTP.as_str() {
            self.status.canonical_reason().unwrap_or("Failure").to_owned()
        } else {
            title(&self.error)
        };
        for (name, json) in [
            (&b"{\"type\":"[..], quoted(kind).as_bytes()),
            (b",\"title\":", quoted(&title).as_bytes()),
            (b",\"status\":", self.status.as_str().as_bytes()),
            (b",\"detail\":", detail.as_bytes()),
            (b",\"instance\":", quoted(&request.instance()).as_bytes()),
            (b",\"error\":", quoted(&self.error).as_bytes()),
            (b",\"args\":", &args),
            (b",\"kwargs\":", &kwargs),
            (b",\"request_id\":", quoted(request.as_str()).as_bytes()),
        ] {
            body.extend_from_slice(name);
            body.extend_from_slice(json);
        }
        if let Some(meant) = &self.meant {
            body.extend_from_slice(b",\"did_you_mean\":");
            body.extend_from_slice(meant.as_bytes());
        }
        body.push(b'}');
        body
    }
}

/// The whole seconds of `retry_after_ms`, if there is one.
fn retry_after(kwargs: &Bytes) -> Option<u64> {
    let Ok(Value::Dict(kwargs)) = codec::read_value(Serialization::Json, kwargs) else { return None };
    let value = kwargs.iter().find(|(key, _)| key == "retry_after_ms").map(|(_, value)| value);
    let Some(Value::Unsigned(milliseconds)) = value else { return None };
    Some(milliseconds.div_ceil(1000))
}

/// Arguments and ArgumentsKw of a payload in JSON; empty ones where there are none, or where JSON has no form for them.
pub(super) fn parts(payload: &Payload) -> (Bytes, Bytes) {
    let part = |piece: Piece<'_>, none: &'static [u8]| {
        let mut part = Vec::new();
        match codec::compose(&piece, Serialization::Json, &mut part) {
            Ok(_) => Bytes::from(part),
            Err(_) => Bytes::from_static(none),
        }
    };
    (part(Piece::Args(payload), b"[]"), part(Piece::Kwargs(payload), b"{}"))
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    // A text always has a form in JSON.
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

/// The same for all errors of one type: the last part of the URI, as people read it.
fn title(error: &str) -> String {
    let name = error.rsplit('.').next().unwrap_or(error).replace('_', " ");
    let name = shown(&name);
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => "Error".to_owned(),
    }
}

/// A text as one segment of a path.
pub(super) fn in_path(text: &str) -> String {
    let mut path = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'-' | b'~') {
            path.push(char::from(octet));
        } else {
            path.push_str(&format!("%{octet:02X}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(wishes: &[(&str, u16)], error: &str) -> u16 {
        let wishes = wishes.iter().map(|(error, status)| ((*error).to_owned(), *status)).collect();
        Statuses(&wishes).of(error).as_u16()
    }

    /// Section 8.1.
    #[test]
    fn each_error_has_the_status_of_the_table() {
        for (error, expected) in [
            ("wamp.error.invalid_uri", 400),
            ("wamp.error.option_disallowed.disclose_me", 400),
            ("wamp.error.no_such_role", 401),
            ("wamp.error.not_authorized", 403),
            ("wamp.error.no_such_procedure", 404),
            ("wamp.error.procedure_already_exists", 409),
            ("wamp.error.payload_size_exceeded", 413),
            ("com.shop.error.sold_out", 422),
            ("wamp.error.something_else", 422),
            ("wharf.error.not_found", 404),
            ("wharf.error.already_exists", 409),
            ("wharf.error.set_by_file", 409),
            ("wharf.error.invalid_configuration", 422),
            ("wharf.error.busy", 503),
            ("wharf.error.limit_exceeded", 429),
            ("wamp.error.runtime_error", 500),
            ("wamp.error.feature_not_supported", 501),
            ("wamp.error.canceled", 502),
            ("wamp.error.cancelled", 502),
            ("wamp.error.no_available_callee", 503),
            ("wamp.close.system_shutdown", 503),
            ("wharf.error.overloaded", 503),
            ("wamp.error.timeout", 504),
        ] {
            assert_eq!(status(&[], error), expected, "{error}");
        }
    }

    #[test]
    fn exact_wishes_come_before_prefixes_and_the_longest_prefix_wins() {
        let wishes = [("com.", 409), ("com.shop.", 410), ("com.shop.gone", 404), ("com.shop", 400)];
        assert_eq!(status(&wishes, "com.shop.gone"), 404);
        assert_eq!(status(&wishes, "com.shop.sold"), 410);
        assert_eq!(status(&wishes, "com.other"), 409);
        assert_eq!(status(&wishes, "org.other"), 422);
    }

    #[test]
    fn a_title_is_the_last_part_of_the_uri_in_words() {
        assert_eq!(title("wamp.error.no_such_procedure"), "No such procedure");
        assert_eq!(in_path("com.über/x"), "com.%C3%BCber%2Fx");
    }
}
