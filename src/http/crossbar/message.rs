//! From the body of a request to the CALL or PUBLISH that it is. Members that nobody knows are passed over, as Crossbar does; of
//! the options those count that are known there. Pure.

use super::rejection::Rejection;
use crate::codec::{self, Limits, Member, ValueKind};
use crate::http::body::splice;
use crate::http::problem::quoted;
use crate::http::sessions::Request;
use crate::http::settings::crossbar::{CrossbarKind, CrossbarSection, Difference, Hook};
use crate::http::told;
use crate::wamp::uri::{check, UriRules};
use crate::wamp::{MatchPolicy, Message, MessageKind, Serialization};
use actix_web::http::header::HeaderMap;
use bytes::Bytes;

/// Options of a publication that are handed on.
const OF_PUBLISH: &[&str] = &[
    "exclude_me",
    "exclude",
    "exclude_authid",
    "exclude_authrole",
    "eligible",
    "eligible_authid",
    "eligible_authrole",
    "retain",
];

/// Options of a call that are handed on (X6).
const OF_CALL: &[&str] = &["timeout", "disclose_me"];

/// What is asked of the realm.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Wanted {
    pub(super) request: Request,
    /// The procedure or topic.
    pub(super) uri: String,
}

/// What a request asks for. `rules` are the realm's.
///
/// # Errors
/// [`Rejection`].
pub(super) fn wanted(
    section: &CrossbarSection,
    headers: &HeaderMap,
    body: &Bytes,
    rules: UriRules,
) -> Result<Wanted, Rejection> {
    let text = std::str::from_utf8(body).map_err(|_| Rejection::NotText)?;
    let (kind, member, options) = match &section.kind {
        CrossbarKind::Publisher => (MessageKind::Publish, "topic", OF_PUBLISH),
        CrossbarKind::Caller => (MessageKind::Call, "procedure", OF_CALL),
        CrossbarKind::Webhook(hook) => return event(hook, headers, text),
    };
    let members = members(body)?;
    let uri = members.iter().find(|found| found.name == member).ok_or(Rejection::NoMember(member))?;
    let uri = text_of(uri).ok_or_else(|| Rejection::Malformed(format!("'{member}' is no string")))?;
    check(&uri, rules, MatchPolicy::Exact)
        .map_err(|fault| Rejection::Malformed(format!("'{member}' is no URI, {fault}")))?;
    let exact = section.is_exact(Difference::Options);
    let args = part(&members, "args", ValueKind::List)?;
    let mut kwargs = part(&members, "kwargs", ValueKind::Dict)?;
    let options = match part(&members, "options", ValueKind::Dict)? {
        Some(given) if !(exact && kind == MessageKind::Call) => only(&given, |name| options.contains(&name))?,
        Some(_) | None => Bytes::from_static(b"{}"),
    };
    if exact {
        kwargs = kwargs.map(|kwargs| only(&kwargs, |name| name != "options")).transpose()?;
    }
    let text = splice(kind, &options, quoted(&uri).as_bytes(), args.as_deref(), kwargs.as_deref());
    Ok(Wanted { request: request(&text)?, uri })
}

/// What a webhook publishes: the headers and the body of the request, as one argument.
fn event(hook: &Hook, headers: &HeaderMap, body: &str) -> Result<Wanted, Rejection> {
    let lines = told::lines(headers, &[]);
    let line = |(name, values): (&String, &Vec<String>)| {
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        format!("{}:[{}]", quoted(name), values.join(","))
    };
    let lines: Vec<String> = lines.iter().map(line).collect();
    let args = format!("[{{\"headers\":{{{}}},\"body\":{}}}]", lines.join(","), quoted(body));
    let topic = hook.topic.as_str();
    let text = splice(MessageKind::Publish, b"{}", quoted(topic).as_bytes(), Some(args.as_bytes()), None);
    Ok(Wanted { request: request(&text)?, uri: topic.to_owned() })
}

fn request(text: &Bytes) -> Result<Request, Rejection> {
    let malformed = |what: String| Rejection::Malformed(what);
    let message = codec::decode(Serialization::Json, text, &Limits::default());
    let message = message.map_err(|fault| malformed(fault.to_string()))?;
    if let Message::Publish(mut publish) = message {
        publish.options.acknowledge = true;
        Ok(Request::Publish(publish))
    } else if let Message::Call(call) = message {
        Ok(Request::Call(call))
    } else {
        // The code that was written is one of the two.
        Err(malformed("the body is no request".to_owned()))
    }
}

fn members(body: &Bytes) -> Result<Vec<Member>, Rejection> {
    match codec::members(Serialization::Json, body, &Limits::default()) {
        Ok(Ok(members)) => Ok(members),
        Ok(Err(_)) if codec::read_value(Serialization::Json, body).is_ok() => Err(Rejection::NotDict),
        Ok(Err(_)) | Err(_) => Err(Rejection::NotJson),
    }
}

/// A member of this kind. What Python takes for nothing counts as absent.
fn part(members: &[Member], name: &str, kind: ValueKind) -> Result<Option<Bytes>, Rejection> {
    let Some(found) = members.iter().find(|member| member.name == name) else { return Ok(None) };
    if found.kind == kind {
        return Ok(Some(found.value.clone()));
    }
    if matches!(&found.value[..], b"null" | b"false" | b"0" | b"\"\"" | b"[]" | b"{}") {
        return Ok(None);
    }
    Err(Rejection::Malformed(format!("'{name}' must be {kind}, got {}", found.kind)))
}

/// An object with those of its members whose names pass.
fn only(object: &Bytes, passes: impl Fn(&str) -> bool) -> Result<Bytes, Rejection> {
    let kept: Vec<String> = members(object)?
        .iter()
        .filter(|member| passes(&member.name))
        .map(|member| format!("{}:{}", quoted(&member.name), String::from_utf8_lossy(&member.value)))
        .collect();
    Ok(format!("{{{}}}", kept.join(",")).into())
}

fn text_of(member: &Member) -> Option<String> {
    if member.kind != ValueKind::Text {
        return None;
    }
    serde_json::from_slice(&member.value).ok()
}

#[cfg(test)]
mod tests;
