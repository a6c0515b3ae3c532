//! A request's body: read within its bounds, taken apart, and made into one checked WAMP message.
//!
//! A body is validated completely before a message is made from it, so a fault in it is a 400 and never ends a session.
//! `args` and `kwargs` stay slices of the body.

use super::negotiate;
use super::problem::{quoted, Problem};
use super::sessions::Request;
use crate::codec::{self, Limits, Member, ValueKind};
use crate::observe::shown;
use crate::wamp::{Message, MessageKind, Serialization};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::StatusCode;
use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Reads a body that was checked to be JSON and not encoded.
///
/// # Errors
/// 413 over `body_max`, 408 after `timeout`, 400 if it breaks off.
pub(super) async fn read(
    headers: &HeaderMap,
    payload: &mut web::Payload,
    body_max: usize,
    timeout: Duration,
) -> Result<Bytes, Problem> {
    negotiate::check_body(headers)?;
    read_any(headers, payload, body_max, timeout).await
}

/// The same of a body of any kind.
///
/// # Errors
/// 413 over `body_max`, 408 after `timeout`, 400 if it breaks off.
pub(super) async fn read_any(
    headers: &HeaderMap,
    payload: &mut web::Payload,
    body_max: usize,
    timeout: Duration,
) -> Result<Bytes, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > body_max as u64) {
        return Err(too_large(body_max));
    }
    match tokio::time::timeout(timeout, collect(payload, body_max)).await {
        Ok(body) => body,
        Err(_) => {
            let text = format!("the body did not come within {} s", timeout.as_secs_f32());
            Err(Problem::http(StatusCode::REQUEST_TIMEOUT, text))
        }
    }
}

async fn collect(payload: &mut web::Payload, body_max: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            let text = format!("the body cannot be read: {}", shown(&error.to_string()));
            Problem::http(StatusCode::BAD_REQUEST, text)
        })?;
        if body.len() + chunk.len() > body_max {
            return Err(too_large(body_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn too_large(body_max: usize) -> Problem {
    Problem::http(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has at most {body_max} octets"))
}

/// The body of an answer that may come before its request was read. As long as somebody holds the request's body, the
/// library closes the connection after the answer; otherwise it would read and throw away whatever a client cares to send.
pub(super) struct Unread {
    pub(super) answer: BoxBody,
    #[expect(dead_code, reason = "held until the answer is written")]
    pub(super) request: web::Payload,
}

impl MessageBody for Unread {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().answer).poll_next(cx)
    }
}

/// What a request asks for: the code of its message, and what its URI is called in the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Endpoint {
    Call,
    Publish,
}

impl Endpoint {
    fn kind(self) -> MessageKind {
        match self {
            Self::Call => MessageKind::Call,
            Self::Publish => MessageKind::Publish,
        }
    }

    fn uri_member(self) -> &'static str {
        match self {
            Self::Call => "procedure",
            Self::Publish => "topic",
        }
    }
}

/// What a request asks for, as one message. `in_path` is the procedure or topic of the path, if it has one.
///
/// # Errors
/// 400 with what is wrong.
pub(super) fn request(endpoint: Endpoint, in_path: Option<&str>, body: &Bytes) -> Result<Request, Problem> {
    let limits = Limits::default();
    let mut members = Vec::new();
    if !body.is_empty() {
        let object = codec::members(Serialization::Json, body, &limits).map_err(|error| bad(error.to_string()))?;
        members = object.map_err(|got| bad(format!("the body must be an object, got {got}")))?;
    }
    // As in WAMP, null counts as absent.
    members.retain(|member| member.kind != ValueKind::Null);
    let uri_member = endpoint.uri_member();
    let known = [uri_member, "args", "kwargs", "options"];
    if let Some(unknown) = members.iter().find(|member| !known.contains(&&*member.name)) {
        return Err(unexpected(&unknown.name, &known));
    }
    let in_body = member(&members, uri_member, ValueKind::Text)?;
    let uri = match (in_path, in_body) {
        (Some(uri), None) => Bytes::from(quoted(uri)),
        (None, Some(uri)) => uri,
        (Some(_), Some(_)) => {
            return Err(bad(format!("\"{uri_member}\" stands in the path and in the body: leave one out")));
        }
        (None, None) => {
            return Err(bad(format!("no {uri_member}: name it in the path, or in the body as \"{uri_member}\"")));
        }
    };
    let options = member(&members, "options", ValueKind::Dict)?;
    let args = member(&members, "args", ValueKind::List)?;
    let kwargs = member(&members, "kwargs", ValueKind::Dict)?;
    let options = options.unwrap_or(Bytes::from_static(b"{}"));
    let text = splice(endpoint.kind(), &options, &uri, args.as_deref(), kwargs.as_deref());
    let message = codec::decode(Serialization::Json, &text, &limits).map_err(|error| bad(error.to_string()))?;
    if let Message::Publish(mut publish) = message {
        // Over HTTP it is on by default.
        publish.options.acknowledge |= !says_acknowledge(&options, &limits);
        Ok(Request::Publish(publish))
    } else if let Message::Call(call) = message {
        Ok(Request::Call(call))
    } else {
        // The code that was written is one of the two.
        Err(bad("the body is no request"))
    }
}

fn member(members: &[Member], name: &str, kind: ValueKind) -> Result<Option<Bytes>, Problem> {
    let Some(found) = members.iter().find(|member| member.name == name) else { return Ok(None) };
    if found.kind == kind {
        return Ok(Some(found.value.clone()));
    }
    Err(bad(format!("member \"{name}\" must be {kind}, got {}", found.kind)))
}

/// Whether a PUBLISH says itself whether it is acknowledged.
fn says_acknowledge(options: &Bytes, limits: &Limits) -> bool {
    // What cannot be read is found when the message is decoded.
    let options = codec::members(Serialization::Json, options, limits).ok().and_then(Result::ok).unwrap_or_default();
    options.iter().any(|option| option.name == "acknowledge" && option.kind != ValueKind::Null)
}

/// The message's text, from slices that were checked.
pub(super) fn splice(
    kind: MessageKind,
    options: &[u8],
    uri: &[u8],
    args: Option<&[u8]>,
    kwargs: Option<&[u8]>,
) -> Bytes {
    let mut text = format!("[{},1,", kind.code()).into_bytes();
    text.extend_from_slice(options);
    text.push(b',');
    text.extend_from_slice(uri);
    let args = args.or(kwargs.map(|_| &b"[]"[..]));
    for part in [args, kwargs].into_iter().flatten() {
        text.push(b',');
        text.extend_from_slice(part);
    }
    text.push(b']');
    text.into()
}

pub(super) fn unexpected(name: &str, known: &[&str]) -> Problem {
    let near = known.iter().min_by_key(|known| strsim::damerau_levenshtein(name, known));
    let near = near.filter(|known| strsim::damerau_levenshtein(name, known) <= 2);
    let mut text = format!("unexpected member \"{}\"", shown(name));
    match near {
        Some(near) => text.push_str(&format!(", did you mean \"{near}\"?")),
        None => text.push_str(&format!(", expected one of {}", known.join(", "))),
    }
    bad(text)
}

pub(super) fn bad(text: impl Into<String>) -> Problem {
    Problem::http(StatusCode::BAD_REQUEST, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(endpoint: Endpoint, in_path: Option<&str>, body: &str) -> Result<String, Problem> {
        let message = match request(endpoint, in_path, &Bytes::copy_from_slice(body.as_bytes()))? {
            Request::Call(call) => Message::Call(call),
            Request::Publish(publish) => Message::Publish(publish),
        };
        let mut text = Vec::new();
        codec::encode(&message, Serialization::Json, &mut text).unwrap();
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_body_becomes_a_message_with_its_payload_as_it_was_written() {
        let call = text(Endpoint::Call, Some("com.a"), r#"{"kwargs": {"x" : 1e2}, "options":{"timeout":5}}"#);
        assert_eq!(call.unwrap(), r#"[48,1,{"timeout":5},"com.a",[],{"x" : 1e2}]"#);
        assert_eq!(text(Endpoint::Call, None, r#"{"procedure":"com.a"}"#).unwrap(), r#"[48,1,{},"com.a"]"#);
    }

    #[test]
    fn a_publish_is_acknowledged_unless_the_body_says_otherwise() {
        let publish =
            |options: &str| text(Endpoint::Publish, Some("com.a"), &format!("{{\"options\":{options}}}")).unwrap();
        assert_eq!(publish("{}"), r#"[16,1,{"acknowledge":true},"com.a"]"#);
        assert_eq!(publish(r#"{"acknowledge":null}"#), r#"[16,1,{"acknowledge":true},"com.a"]"#);
        assert_eq!(publish(r#"{"acknowledge":false}"#), r#"[16,1,{},"com.a"]"#);
        assert!(publish(r#"{"exclude_me":false}"#).contains(r#""exclude_me":false"#));
    }
}
