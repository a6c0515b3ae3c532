//! A request's body: read within its bounds, taken apart, and made into one checked WAMP message.
//!
//! A body is validated completely before a message is made from it, so a fault in it is a 400 and never ends a session.
//! `args` and `kwargs` stay slices of the body.

use super::intake::{self, NotRead};
use super::problem::Problem;
use super::sessions::Request;
use crate::codec::{self, Limits, Member, Piece, ValueKind};
use crate::observe::shown;
use crate::wamp::{Message, MessageKind, Payload, RawPayload, Serialization};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::HeaderMap;
use actix_web::http::StatusCode;
use actix_web::web;
use bytes::Bytes;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Reads a body whose media type was looked at.
///
/// # Errors
/// 413 over `body_max`, 408 after `timeout`, 400 if it breaks off.
pub(super) async fn read(
    headers: &HeaderMap,
    payload: &mut web::Payload,
    body_max: usize,
    timeout: Duration,
) -> Result<Bytes, Problem> {
    intake::octets(headers, payload, body_max, timeout).await.map_err(|fault| match fault {
        NotRead::TooLong(_) => too_large(body_max),
        NotRead::TooSlow => {
            let text = format!("the body did not come within {} s", timeout.as_secs_f32());
            Problem::http(StatusCode::REQUEST_TIMEOUT, text)
        }
        NotRead::Broken(error) => bad(format!("the body cannot be read: {error}")),
    })
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

/// What a path names. A batch has no URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Endpoint {
    Call,
    Publish,
    Batch,
}

impl Endpoint {
    /// The pattern of its path, for metrics.
    pub(super) fn pattern(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Publish => "publish",
            Self::Batch => "batch",
        }
    }
}

/// What one request asks for: the code of its message, and what its URI is called in the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Single {
    Call,
    Publish,
}

impl Single {
    fn kind(self) -> MessageKind {
        match self {
            Self::Call => MessageKind::Call,
            Self::Publish => MessageKind::Publish,
        }
    }

    /// What its URI is called.
    pub(super) fn uri_member(self) -> &'static str {
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
pub(super) fn request(
    endpoint: Single,
    in_path: Option<&str>,
    serialization: Serialization,
    body: &Bytes,
) -> Result<Request, Problem> {
    let mut members = Vec::new();
    if !body.is_empty() {
        members = object(serialization, body)?;
    }
    let uri_member = endpoint.uri_member();
    check_members(&members, &[uri_member, "args", "kwargs", "options"])?;
    of_members(endpoint, in_path, serialization, &members)
}

/// The members of a body. As in WAMP, null counts as absent.
///
/// # Errors
/// 400: it is no object, or not well formed.
pub(super) fn object(serialization: Serialization, body: &Bytes) -> Result<Vec<Member>, Problem> {
    let object = codec::members(serialization, body, &Limits::default()).map_err(|error| bad(error.to_string()))?;
    let mut members = object.map_err(|got| bad(format!("the body must be an object, got {got}")))?;
    members.retain(|member| member.kind != ValueKind::Null);
    Ok(members)
}

/// Checks that there are no others.
///
/// # Errors
/// 400 with a suggestion.
pub(super) fn check_members(members: &[Member], known: &[&str]) -> Result<(), Problem> {
    match members.iter().find(|member| !known.contains(&&*member.name)) {
        Some(unknown) => Err(unexpected(&unknown.name, known)),
        None => Ok(()),
    }
}

/// The message that the members are; others than the known ones are not looked at.
///
/// # Errors
/// 400 with what is wrong.
pub(super) fn of_members(
    endpoint: Single,
    in_path: Option<&str>,
    serialization: Serialization,
    members: &[Member],
) -> Result<Request, Problem> {
    let uri_member = endpoint.uri_member();
    let in_body = member(members, uri_member, ValueKind::Text)?;
    let uri = match (in_path, &in_body) {
        (Some(uri), None) => Piece::Text(uri),
        (None, Some(uri)) => Piece::Written(serialization, uri),
        (Some(_), Some(_)) => {
            return Err(bad(format!("\"{uri_member}\" stands in the path and in the body: leave one out")));
        }
        (None, None) => {
            return Err(bad(format!("no {uri_member}: name it in the path, or in the body as \"{uri_member}\"")));
        }
    };
    let options = member(members, "options", ValueKind::Dict)?;
    let args = member(members, "args", ValueKind::List)?;
    let kwargs = member(members, "kwargs", ValueKind::Dict)?;
    let mut pieces = vec![
        Piece::Unsigned(endpoint.kind().code()),
        Piece::Unsigned(1),
        options.as_deref().map_or(Piece::Dict(&[]), |options| Piece::Written(serialization, options)),
        uri,
    ];
    // Arguments alone need not be copied: their slice is a payload as it stands.
    let slice = args.as_ref().filter(|_| kwargs.is_none());
    if let Some(kwargs) = &kwargs {
        pieces.push(args.as_deref().map_or(Piece::List(&[]), |args| Piece::Written(serialization, args)));
        pieces.push(Piece::Written(serialization, kwargs));
    }
    let mut text = Vec::with_capacity(64 + kwargs.as_ref().map_or(0, |_| members.iter().map(|m| m.value.len()).sum()));
    codec::compose(&Piece::List(&pieces), serialization, &mut text).map_err(|error| bad(error.to_string()))?;
    let message = codec::decode(serialization, &text.into(), &Limits::default());
    let message = message.map_err(|error| bad(error.to_string()))?;
    let given = slice.map(|args| Payload::Raw(RawPayload::new(serialization, args.clone(), args.len(), None)));
    if let Message::Publish(mut publish) = message {
        // Over HTTP it is on by default.
        publish.options.acknowledge |= !options.is_some_and(|options| says_acknowledge(serialization, &options));
        publish.payload = given.unwrap_or(publish.payload);
        Ok(Request::Publish(publish))
    } else if let Message::Call(mut call) = message {
        call.payload = given.unwrap_or(call.payload);
        Ok(Request::Call(call))
    } else {
        // The code that was written is one of the two.
        Err(bad("the body is no request"))
    }
}

/// The member of this name, if there is one.
///
/// # Errors
/// 400: it is of another kind.
pub(super) fn member(members: &[Member], name: &str, kind: ValueKind) -> Result<Option<Bytes>, Problem> {
    let Some(found) = members.iter().find(|member| member.name == name) else { return Ok(None) };
    if found.kind == kind {
        return Ok(Some(found.value.clone()));
    }
    Err(bad(format!("member \"{name}\" must be {kind}, got {}", found.kind)))
}

/// Whether a PUBLISH says itself whether it is acknowledged.
fn says_acknowledge(serialization: Serialization, options: &Bytes) -> bool {
    // What cannot be read was found when the message was decoded.
    let options =
        codec::members(serialization, options, &Limits::default()).ok().and_then(Result::ok).unwrap_or_default();
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

    fn text(endpoint: Single, in_path: Option<&str>, body: &str) -> Result<String, Problem> {
        let message = match request(endpoint, in_path, Serialization::Json, &Bytes::copy_from_slice(body.as_bytes()))? {
            Request::Call(call) => Message::Call(call),
            Request::Publish(publish) => Message::Publish(publish),
        };
        let mut text = Vec::new();
        codec::encode(&message, Serialization::Json, &mut text).unwrap();
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_body_becomes_a_message_with_its_payload_as_it_was_written() {
        let call = text(Single::Call, Some("com.a"), r#"{"kwargs": {"x" : 1e2}, "options":{"timeout":5}}"#);
        assert_eq!(call.unwrap(), r#"[48,1,{"timeout":5},"com.a",[],{"x" : 1e2}]"#);
        assert_eq!(text(Single::Call, None, r#"{"procedure":"com.a"}"#).unwrap(), r#"[48,1,{},"com.a"]"#);
    }

    #[test]
    fn a_publish_is_acknowledged_unless_the_body_says_otherwise() {
        let publish =
            |options: &str| text(Single::Publish, Some("com.a"), &format!("{{\"options\":{options}}}")).unwrap();
        assert_eq!(publish("{}"), r#"[16,1,{"acknowledge":true},"com.a"]"#);
        assert_eq!(publish(r#"{"acknowledge":null}"#), r#"[16,1,{"acknowledge":true},"com.a"]"#);
        assert_eq!(publish(r#"{"acknowledge":false}"#), r#"[16,1,{},"com.a"]"#);
        assert!(publish(r#"{"exclude_me":false}"#).contains(r#""exclude_me":false"#));
    }
}
