//! What is posted: events and invocations as JSON, with the headers of Standard Webhooks. Payloads are spliced in as they came.

use super::settings::{Format, Target};
use crate::http::problem::{parts, quoted};
use crate::http::trace;
use crate::outward::{More, Posted, Request};
use crate::wamp::message::{Event, Invocation};
use crate::wamp::options::Disclosed;
use crate::wamp::{TraceContext, WallTime};
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{json, Map, Value as Json};
use std::sync::Arc;
use tokio::sync::Notify;
use zeroize::Zeroizing;

/// How a request differs from one to another of the same target.
pub(super) struct Posting<'a> {
    /// `webhook-id`.
    pub(super) id: &'a str,
    /// Seconds since 1970.
    pub(super) timestamp: u64,
    pub(super) body: &'a [u8],
    /// What it belongs to.
    pub(super) trace: Option<&'a TraceContext>,
    /// The longest answer that is read.
    pub(super) octets_max: usize,
    /// Whether of a longer one the beginning is enough.
    pub(super) is_cut: bool,
    pub(super) given_up: Option<Arc<Notify>>,
}

/// The request.
pub(super) fn request(target: &Target, posting: Posting<'_>) -> Request {
    let signatures: Vec<String> =
        target.keys.iter().map(|key| key.sign(posting.id, posting.timestamp, posting.body)).collect();
    // Those of our own making are visible ASCII, and those of a trace were read as such.
    let mut lines = vec![
        ("webhook-id", posting.id.to_owned()),
        ("webhook-timestamp", posting.timestamp.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ];
    if let Some(trace) = posting.trace {
        lines.push((trace::TRACEPARENT, trace.parent().to_owned()));
        lines.extend(trace.state().map(|state| (trace::TRACESTATE, state.to_owned())));
    }
    let line = |(name, value): (&'static str, String)| {
        let value = HeaderValue::try_from(value).ok().filter(|value| !value.is_empty())?;
        Some((HeaderName::from_static(name), value))
    };
    let more = More {
        headers: lines.into_iter().filter_map(line).collect(),
        guard: target.guard.clone(),
        is_cut: posting.is_cut,
        given_up: posting.given_up,
    };
    Request {
        address: Arc::clone(&target.address),
        post: Some(Posted(Zeroizing::new(posting.body.to_vec()))),
        token: None,
        octets_max: posting.octets_max,
        timeout: target.timeout,
        more: Some(Box::new(more)),
    }
}

/// An id that is never used again.
pub(super) fn new_id() -> String {
    format!("msg_{}", uuid::Uuid::now_v7().simple())
}

/// An event's body. `topic` is the concrete one.
pub(super) fn event(format: Format, realm: &str, topic: &str, now: WallTime, event: &Event) -> Vec<u8> {
    let (args, kwargs) = parts(&event.payload);
    match format {
        Format::Crossbar => [b"{\"args\":", &args[..], b",\"kwargs\":", &kwargs, b"}"].concat(),
        Format::Standard => {
            let mut details = disclosed("publisher", event.details.publisher.as_deref());
            details.extend(event.details.trustlevel.map(|level| ("trustlevel".to_owned(), json!(level))));
            if event.details.retained {
                details.insert("retained".to_owned(), json!(true));
            }
            let head = format!(
                "{{\"type\":\"wamp.event\",\"timestamp\":\"{now}\",\"data\":{{\"realm\":{},\"topic\":{},\"publication\":{},\"args\":",
                quoted(realm),
                quoted(topic),
                event.publication
            );
            let details = Json::Object(details).to_string();
            let details = details.as_bytes();
            [head.as_bytes(), &args, b",\"kwargs\":", &kwargs, b",\"details\":", details, b"}}"].concat()
        }
    }
}

/// An event that nobody published, to see whether it arrives.
pub(super) fn test_event(format: Format, realm: &str, now: WallTime) -> Vec<u8> {
    match format {
        Format::Crossbar => b"{\"args\":[],\"kwargs\":{\"test\":true}}".to_vec(),
        Format::Standard => {
            json!({ "type": "wharf.test", "timestamp": now.to_string(), "data": { "realm": realm } }).to_string().into()
        }
    }
}

/// What is asked of a procedure on HTTP.
pub(super) fn invocation(procedure: &str, invocation: &Invocation) -> Vec<u8> {
    let (args, kwargs) = parts(&invocation.payload);
    let mut details = disclosed("caller", invocation.details.caller.as_deref());
    details.extend(invocation.details.trustlevel.map(|level| ("trustlevel".to_owned(), json!(level))));
    let (head, details) =
        (format!("{{\"procedure\":{},\"args\":", quoted(procedure)), Json::Object(details).to_string());
    let details = details.as_bytes();
    [head.as_bytes(), &args, b",\"kwargs\":", &kwargs, b",\"details\":", details, b"}"].concat()
}

/// Who is disclosed, by the keys of the specification.
fn disclosed(who: &str, disclosed: Option<&Disclosed>) -> Map<String, Json> {
    let mut details = Map::new();
    if let Some(disclosed) = disclosed {
        details.insert(who.to_owned(), json!(disclosed.session.get()));
        details.extend(disclosed.authid.as_ref().map(|authid| (format!("{who}_authid"), json!(&**authid))));
        details.extend(disclosed.authrole.as_ref().map(|authrole| (format!("{who}_authrole"), json!(&**authrole))));
    }
    details
}
