//! From a request to the arguments of its route. Everything that is put together is checked JSON, so that nothing of a request can
//! become more than the one value that it is. Pure. Source: section 13 of the HTTP design.

use crate::auth::Identity;
use crate::codec::{self, Limits};
use crate::http::body::{bad, splice};
use crate::http::problem::{quoted, Problem};
use crate::http::sessions::Request;
use crate::http::settings::routes::{Does, MappedRoute, MappedValue, Piece, Placeholder};
use crate::observe::shown;
use crate::wamp::{Message, MessageKind, Serialization};
use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use url::form_urlencoded;

/// What arguments are taken from.
pub(super) struct Given<'a> {
    /// The open segments of the path.
    pub(super) path: &'a [(&'a str, &'a str)],
    /// The query, as forms encode it: a plus is a space.
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    /// Empty where there is none, or the route uses nothing of it.
    pub(super) body: &'a Bytes,
    pub(super) identity: &'a Identity,
}

/// The message of a route.
///
/// # Errors
/// 400: the body is no JSON, something is there twice, or a positional argument is missing.
pub(super) fn request(route: &MappedRoute, given: &Given<'_>) -> Result<Request, Problem> {
    if route.uses_body() && !given.body.is_empty() {
        // The whole of it, once: what is taken from it are slices.
        codec::read_value(Serialization::Json, given.body).map_err(|error| bad(error.to_string()))?;
    }
    let mut args = Vec::new();
    for (number, value) in route.args.iter().enumerate() {
        match json_of(value, given)? {
            Some(json) => args.push(json),
            None => return Err(bad(missing(value, number))),
        }
    }
    let mut kwargs = Vec::new();
    for (name, value) in &route.kwargs {
        if let Some(json) = json_of(value, given)? {
            kwargs.push(format!("{}:{json}", quoted(name)));
        }
    }
    let (kind, uri) = match &route.does {
        Does::Call(procedure) => (MessageKind::Call, procedure),
        Does::Publish(topic) => (MessageKind::Publish, topic),
    };
    let args = format!("[{}]", args.join(","));
    let kwargs = (!route.kwargs.is_empty()).then(|| format!("{{{}}}", kwargs.join(",")));
    let kwargs = kwargs.as_ref().map(String::as_bytes);
    let text = splice(kind, b"{}", quoted(uri).as_bytes(), Some(args.as_bytes()), kwargs);
    let message = codec::decode(Serialization::Json, &text, &Limits::default());
    let message = message.map_err(|error| bad(error.to_string()))?;
    if let Message::Publish(mut publish) = message {
        publish.options.acknowledge = true;
        Ok(Request::Publish(publish))
    } else if let Message::Call(call) = message {
        Ok(Request::Call(call))
    } else {
        // The code that was written is one of the two.
        Err(bad("the request is no request of WAMP"))
    }
}

fn missing(value: &MappedValue, number: usize) -> String {
    let wanted: Vec<String> = value.placeholders().map(|placeholder| placeholder.to_string()).collect();
    format!("positional argument {} is missing: it is {}", number + 1, wanted.join(" and "))
}

/// A value as JSON; `None`: something that it needs is not there.
fn json_of(value: &MappedValue, given: &Given<'_>) -> Result<Option<String>, Problem> {
    match value {
        MappedValue::Constant(constant) => Ok(Some(constant.to_string())),
        MappedValue::One(placeholder) => Ok(found(placeholder, given)?.map(Found::json)),
        MappedValue::Text(pieces) => {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(piece) => text.push_str(piece),
                    Piece::Placeholder(placeholder) => match found(placeholder, given)? {
                        Some(found) => text.push_str(&found.text()),
                        None => return Ok(None),
                    },
                }
            }
            Ok(Some(quoted(&text)))
        }
    }
}

/// What a placeholder stands for.
enum Found {
    Text(String),
    /// A checked slice of the body.
    Json(Bytes),
}

impl Found {
    fn json(self) -> String {
        match self {
            Self::Text(text) => quoted(&text),
            Self::Json(json) => String::from_utf8_lossy(&json).into_owned(),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Json(json) => {
                serde_json::from_slice::<String>(&json).unwrap_or_else(|_| String::from_utf8_lossy(&json).into_owned())
            }
        }
    }
}

fn found(placeholder: &Placeholder, given: &Given<'_>) -> Result<Option<Found>, Problem> {
    let text = |text: &str| Some(Found::Text(text.to_owned()));
    Ok(match placeholder {
        Placeholder::Path(name) => {
            given.path.iter().find(|(known, _)| known == name).and_then(|(_, value)| text(value))
        }
        Placeholder::Query(name) => parameter(given.query.unwrap_or_default(), name)?.map(Found::Text),
        Placeholder::Header(name) => header(given.headers, name)?.map(Found::Text),
        Placeholder::Body(_) if given.body.is_empty() => None,
        Placeholder::Body(path) => within(given.body.clone(), path)?.map(Found::Json),
        Placeholder::Authid => text(&given.identity.authid),
        Placeholder::Authrole => text(&given.identity.authrole),
    })
}

fn parameter(query: &str, name: &str) -> Result<Option<String>, Problem> {
    let is_it = |part: &&str| {
        let written = part.split('=').next().unwrap_or_default();
        form_urlencoded::parse(written.as_bytes()).next().map_or(name.is_empty(), |(written, _)| written == name)
    };
    let mut parts = query.split('&').filter(is_it);
    let (Some(part), more) = (parts.next(), parts.next()) else { return Ok(None) };
    if more.is_some() {
        return Err(bad(format!("the parameter \"{}\" stands twice in the query", shown(name))));
    }
    let value = part.split_once('=').map_or("", |(_, value)| value).replace('+', " ");
    match crate::http::settings::routes::decoded(&value) {
        Some(value) => Ok(Some(value)),
        None => Err(bad(format!("the parameter \"{}\" is not UTF-8 once it is percent-decoded", shown(name)))),
    }
}

/// Lines of one name are one value (RFC 9110, section 5.3).
fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut lines = Vec::new();
    for line in headers.get_all(name) {
        let Ok(line) = std::str::from_utf8(line.as_bytes()) else {
            return Err(bad(format!("the header {} is not UTF-8", shown(name))));
        };
        lines.push(line);
    }
    Ok((!lines.is_empty()).then(|| lines.join(", ")))
}

/// What is in a checked JSON value by these names, one within the other.
fn within(json: Bytes, path: &[String]) -> Result<Option<Bytes>, Problem> {
    let mut json = json;
    for name in path {
        let members = codec::members(Serialization::Json, &json, &Limits::default());
        let Ok(members) = members.map_err(|error| bad(error.to_string()))? else { return Ok(None) };
        let Some(member) = members.into_iter().find(|member| member.name == *name) else { return Ok(None) };
        json = member.value;
    }
    Ok(Some(json))
}

/// The first item of a checked JSON list, as it was written; null of an empty one.
pub(super) fn first(list: &Bytes) -> Bytes {
    let inner = list.trim_ascii();
    let inner = inner.get(1..inner.len().saturating_sub(1)).unwrap_or_default();
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let end = inner.iter().position(|octet| {
        if in_text {
            in_text = is_escaped || *octet != b'"';
            is_escaped = !is_escaped && *octet == b'\\';
            return false;
        }
        match octet {
            b'"' => in_text = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *octet == b',' && depth == 0
    });
    let item = inner.get(..end.unwrap_or(inner.len())).unwrap_or_default().trim_ascii();
    if item.is_empty() {
        return Bytes::from_static(b"null");
    }
    list.slice_ref(item)
}

#[cfg(test)]
mod tests;
