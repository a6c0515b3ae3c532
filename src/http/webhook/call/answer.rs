//! What a service on HTTP has answered, in the words of WAMP: the way back from a status to an error URI.
//!
//! A service that speaks for itself is believed: an `error` member names the URI, `args` and `kwargs` go along. Source: section
//! 8.1 of the HTTP design, read backwards.

use crate::codec::{self, Limits, Member, ValueKind};
use crate::http::problem::quoted;
use crate::outward::{RequestFault, Response};
use crate::wamp::message::{Message, Yield};
use crate::wamp::options::ResultOptions;
use crate::wamp::uri::{check, UriRules};
use crate::wamp::{ErrorUri, InvocationId, MatchPolicy, MessageKind, Payload, Serialization};
use bytes::Bytes;

/// YIELD or ERROR.
pub(super) fn message(request: InvocationId, answer: Result<Response, RequestFault>) -> Message {
    let text = match answer {
        Ok(answer) => of_answer(request, &answer),
        Err(fault) => {
            let (uri, text) = of_fault(fault);
            refusal(request, uri.as_str(), &own_args(&text), b"{}")
        }
    };
    // What was spliced was checked before; what cannot be read all the same is an answer without sense.
    let read = codec::decode(Serialization::Json, &text, &Limits::default());
    read.unwrap_or_else(|_| {
        let text = refusal(
            request,
            ErrorUri::NETWORK_FAILURE.as_str(),
            &own_args("the service's answer cannot be read"),
            b"{}",
        );
        codec::decode(Serialization::Json, &text, &Limits::default()).unwrap_or_else(|_| {
            Message::Yield(Yield { request, options: ResultOptions::default(), payload: Payload::Empty })
        })
    })
}

fn own_args(text: &str) -> Vec<u8> {
    format!("[{}]", quoted(text)).into_bytes()
}

fn refusal(request: InvocationId, uri: &str, args: &[u8], kwargs: &[u8]) -> Bytes {
    let head =
        format!("[{},{},{request},{{}},{},", MessageKind::Error.code(), MessageKind::Invocation.code(), quoted(uri));
    [head.as_bytes(), args, b",", kwargs, b"]"].concat().into()
}

fn result(request: InvocationId, args: &[u8], kwargs: &[u8]) -> Bytes {
    let head = format!("[{},{request},{{}},", MessageKind::Yield.code());
    [head.as_bytes(), args, b",", kwargs, b"]"].concat().into()
}

fn of_fault(fault: RequestFault) -> (ErrorUri, String) {
    let uri = match fault {
        RequestFault::Late => ErrorUri::TIMEOUT,
        RequestFault::GivenUp => ErrorUri::CANCELED,
        RequestFault::Guarded(_) => ErrorUri::NOT_AUTHORIZED,
        RequestFault::TooLarge(_) => ErrorUri::PAYLOAD_SIZE_EXCEEDED,
        RequestFault::Busy => ErrorUri::BUSY,
        RequestFault::Name | RequestFault::Unreachable | RequestFault::Untrusted(_) | RequestFault::Broken => {
            ErrorUri::NETWORK_FAILURE
        }
    };
    (uri, format!("the service that answers this procedure: {fault}"))
}

fn of_answer(request: InvocationId, answer: &Response) -> Bytes {
    let is_done = (200..300).contains(&answer.status);
    if is_done && answer.body.is_empty() {
        return result(request, b"[]", b"{}");
    }
    let body = Bytes::copy_from_slice(&answer.body);
    let members = answer.is_json.then(|| codec::members(Serialization::Json, &body, &Limits::default()).ok()).flatten();
    match (is_done, members) {
        (true, Some(Ok(members))) => match arguments(&members, true) {
            Some((args, kwargs)) => result(request, &args, &kwargs),
            None => result(request, &[b"[", &body[..], b"]"].concat(), b"{}"),
        },
        // JSON that is no object: the only positional result. Looked at whole, so that it is one.
        (true, Some(Err(_))) if codec::read_value(Serialization::Json, &body).is_ok() => {
            result(request, &[b"[", &body[..], b"]"].concat(), b"{}")
        }
        (true, Some(Err(_)) | None) => {
            let text = "the service that answers this procedure has answered something else than application/json";
            refusal(request, ErrorUri::NETWORK_FAILURE.as_str(), &own_args(text), b"{}")
        }
        (false, members) => of_failure(request, answer.status, &members.and_then(Result::ok).unwrap_or_default()),
    }
}

fn of_failure(request: InvocationId, status: u16, members: &[Member]) -> Bytes {
    let text_of = |name: &str| {
        let member = members.iter().find(|member| member.name == name && member.kind == ValueKind::Text)?;
        serde_json::from_slice::<String>(&member.value).ok()
    };
    let named = text_of("error").filter(|uri| check(uri, UriRules::Loose, MatchPolicy::Exact).is_ok());
    let uri = named.unwrap_or_else(|| of_status(status).to_owned());
    if let Some((args, kwargs)) = arguments(members, false) {
        return refusal(request, &uri, &args, &kwargs);
    }
    let text = text_of("detail").or_else(|| text_of("title"));
    let text = text.unwrap_or_else(|| format!("the service that answers this procedure has answered {status}"));
    refusal(request, &uri, &own_args(&text), format!("{{\"status\":{status}}}").as_bytes())
}

/// `args` and `kwargs`, if one of them is there and they are what they should be; of a result, if nothing else is.
fn arguments(members: &[Member], is_alone: bool) -> Option<(Bytes, Bytes)> {
    let find = |name: &str, kind| members.iter().find(|member| member.name == name && member.kind == kind);
    let (args, kwargs) = (find("args", ValueKind::List), find("kwargs", ValueKind::Dict));
    let found = usize::from(args.is_some()) + usize::from(kwargs.is_some());
    if found == 0 || (is_alone && found != members.len()) {
        return None;
    }
    let or = |member: Option<&Member>, default: &'static [u8]| {
        member.map_or(Bytes::from_static(default), |member| member.value.clone())
    };
    Some((or(args, b"[]"), or(kwargs, b"{}")))
}

/// Section 8.1, backwards.
fn of_status(status: u16) -> &'static str {
    let uri = match status {
        400 => ErrorUri::INVALID_ARGUMENT,
        401 => ErrorUri::AUTHENTICATION_DENIED,
        403 => ErrorUri::NOT_AUTHORIZED,
        404 => ErrorUri::NOT_FOUND,
        409 => ErrorUri::ALREADY_EXISTS,
        413 => ErrorUri::PAYLOAD_SIZE_EXCEEDED,
        429 => ErrorUri::RATE_LIMITED,
        501 => ErrorUri::FEATURE_NOT_SUPPORTED,
        502 => ErrorUri::NETWORK_FAILURE,
        503 => ErrorUri::UNAVAILABLE,
        504 => ErrorUri::TIMEOUT,
        // A redirect is not followed, and so it is no answer.
        300..=399 => ErrorUri::NETWORK_FAILURE,
        // What failed has no error of its own.
        500..=599 => return "wamp.error.runtime_error",
        // 422 among them: the service's own.
        _ => ErrorUri::HTTP,
    };
    uri.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::webhook::Guarded;

    fn said(status: u16, is_json: bool, body: &str) -> String {
        let body = zeroize::Zeroizing::new(body.as_bytes().to_vec());
        text(Ok(Response { status, is_json, max_age: None, retry_after: None, body }))
    }

    fn text(answer: Result<Response, RequestFault>) -> String {
        let mut text = Vec::new();
        codec::encode(&message(InvocationId::FIRST, answer), Serialization::Json, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn what_a_service_answers_is_the_result() {
        for (body, expected) in [
            (r#"{"args":[1, 2],"kwargs":{"a":1.50}}"#, r#"[70,1,{},[1, 2],{"a":1.50}]"#),
            (r#"{"args":[1]}"#, "[70,1,{},[1],{}]"),
            (r#"{"kwargs":{"a":1}}"#, r#"[70,1,{},[],{"a":1}]"#),
            // Not a result in our form, but one of the service's own.
            (r#"{"args":[1],"more":2}"#, r#"[70,1,{},[{"args":[1],"more":2}],{}]"#),
            (r#"{"args":"x"}"#, r#"[70,1,{},[{"args":"x"}],{}]"#),
            ("{}", "[70,1,{},[{}],{}]"),
            ("[1,2]", "[70,1,{},[[1,2]],{}]"),
            ("7", "[70,1,{},[7],{}]"),
        ] {
            assert_eq!(said(200, true, body), expected, "{body}");
        }
        assert_eq!(said(204, false, ""), "[70,1,{},[],{}]");
        assert!(said(200, false, "<html>").contains("wamp.error.network_failure"));
        for broken in ["{", "[1] [2]", "7,8", "", "]"] {
            let said = said(200, true, broken);
            assert!(broken.is_empty() || said.contains("wamp.error.network_failure"), "{broken}: {said}");
        }
    }

    #[test]
    fn a_service_names_its_error_or_its_status_does() {
        let named = r#"{"error":"com.shop.error.sold_out","args":["none left"],"kwargs":{"item":7},"status":409}"#;
        assert_eq!(said(409, true, named), r#"[8,68,1,{},"com.shop.error.sold_out",["none left"],{"item":7}]"#);
        let detail = r#"{"title":"Gone","detail":"no \"item\"","status":404}"#;
        assert_eq!(said(404, true, detail), r#"[8,68,1,{},"wharf.error.not_found",["no \"item\""],{"status":404}]"#);
        for (status, uri) in [
            (301, "wamp.error.network_failure"),
            (400, "wamp.error.invalid_argument"),
            (401, "wamp.error.authentication_denied"),
            (403, "wamp.error.not_authorized"),
            (409, "wharf.error.already_exists"),
            (413, "wamp.error.payload_size_exceeded"),
            (418, "wharf.error.http"),
            (422, "wharf.error.http"),
            (429, "wharf.error.rate_limited"),
            (500, "wamp.error.runtime_error"),
            (501, "wamp.error.feature_not_supported"),
            (502, "wamp.error.network_failure"),
            (503, "wamp.error.unavailable"),
            (504, "wamp.error.timeout"),
            (599, "wamp.error.runtime_error"),
        ] {
            assert!(said(status, false, "<html>").starts_with(&format!("[8,68,1,{{}},\"{uri}\"")), "{status}");
        }
        assert!(said(500, true, r#"{"error":"no uri at all"}"#).contains("wamp.error.runtime_error"));
    }

    #[test]
    fn no_answer_is_an_error_that_says_why() {
        for (fault, uri) in [
            (RequestFault::Late, "wamp.error.timeout"),
            (RequestFault::GivenUp, "wamp.error.canceled"),
            (RequestFault::Guarded(Guarded::NotPublic), "wamp.error.not_authorized"),
            (RequestFault::TooLarge(7), "wamp.error.payload_size_exceeded"),
            (RequestFault::Busy, "wharf.error.busy"),
            (RequestFault::Unreachable, "wamp.error.network_failure"),
            (RequestFault::Broken, "wamp.error.network_failure"),
        ] {
            assert!(text(Err(fault)).starts_with(&format!("[8,68,1,{{}},\"{uri}\"")), "{fault}");
        }
    }
}
